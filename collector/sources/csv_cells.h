/* csv_cells.h - the records and cells of RFC 4180, and what to say of files that are no UTF-8.
 * Within collector/sources/ only. */
#ifndef COLLECTOR_SOURCES_CSV_CELLS_H
#define COLLECTOR_SOURCES_CSV_CELLS_H

#include "base/arena.h"
#include "base/text.h"

struct csv_cells {
    struct bytes rest;
    struct arena *arena; /* for cells with doubled quotes */
    uint8_t separator;
    size_t line; /* of what comes next, from 1 */
};

/* csv_encoding - refuses a document in UTF-16 or, by the look of its bytes, GB18030, with the remedy;
 * else drops the byte order mark. Stray bytes in a document that is UTF-8 elsewhere pass: they cost
 * their cell. Errors: -EBADMSG. */
int csv_encoding(struct bytes *document, struct complaint *why);

/* csv_cells_on - a reader; the separator is the one of , ; and tab that the first line has most of. */
struct csv_cells csv_cells_on(struct bytes document, struct arena *arena);

/* csv_next - the next record's first `cap` cells; *ret_count says how many it has, *ret_line where
 * it begins. Quoted cells may hold separators, line ends and doubled quotes; a quote within a cell
 * that does not begin with one stands for itself.
 * Returns 1; 0 at the end; -EBADMSG a quoted cell without end, or with something behind its end;
 *         -ENOMEM.
 * Owns:   cells lie in the document or in the arena. */
int csv_next(struct csv_cells *in, struct bytes *cells, size_t cap, size_t *ret_count,
             size_t *ret_line, struct complaint *why);

#endif
