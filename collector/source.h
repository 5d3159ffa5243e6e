/* source.h - sources: what turns a place where software is listed into inventories.
 *
 * One file per source in sources/. A source reads, validates and hands over one inventory per
 * computer; it never writes to the spool and never decides what a row means.
 *
 * What is wrong with one item (a text over BOUND_FIELD_BYTES, with a NUL or no UTF-8, no name) costs
 * that item: it is told to the sink and the rest goes on. The computer's inventory is then not
 * complete: what could not be read must not look removed. What is wrong with the document itself
 * costs the document: nothing of it is handed over. */
#ifndef COLLECTOR_SOURCE_H
#define COLLECTOR_SOURCE_H

#include "base/arena.h"
#include "base/text.h"
#include "proto/facts.h"
#include "proto/names.h"
#include "proto/row.h"

enum {
    SOURCE_FILE_BYTES = 64 * 1024 * 1024,   /* largest file taken */
    SOURCE_ITEMS = 200 * 1000,              /* items of one file, good and bad */
    SOURCE_HEAD_BYTES = 4096,               /* what a probe is shown of a document */
    SOURCE_ARENA_BYTES = 768 * 1024 * 1024, /* cap of the arena that any document fits into */
};

/* One computer's software as one source saw it. */
struct inventory {
    struct bytes device; /* the tool's id of the computer; never empty */
    const char *unit;    /* a unit that the file names itself (CSV column), or NULL */
    const char *place;   /* where the document speaks of this computer, for complaints */
    struct facts facts;
    int64_t scan_ms;    /* 0: the file does not say */
    const char *source; /* "dpkg", "rpm", "desktop", "opt", "glpi", "csv" */
    bool complete;      /* all of its software is here; never where an item was left out */
    const struct row *rows;
    const Zb__Evidence *const *evidence; /* parallel to rows; an entry may be NULL */
    size_t row_count;
    /* What another source saw on the same computer in the same scan; NULL: no more. Only its source,
     * complete, rows and evidence count; each source is there once. */
    const struct inventory *next;
};

/* Something that was left out; the rest of the file goes on. */
struct source_problem {
    struct complaint why; /* place names record and field, as the format calls them */
    bool rejected; /* an item was lost; false: only a detail (a column, a fact) was ignored */
};

struct source_sink {
    void *ctx;
    /* takes one inventory; it and what it points to live until the call returns. A negative
     * result ends the reading and is returned by the source. */
    int (*inventory)(void *ctx, const struct inventory *inventory);
    /* told of each thing that is left out; may be NULL */
    void (*problem)(void *ctx, const struct source_problem *problem);
};

/* A file format. `probe` tells from the first SOURCE_HEAD_BYTES (at most) and the file's name, which
 * may be "", whether it is one; it is generous, so that a damaged document is refused by the reader
 * that can say what is wrong with it. */
struct source_format {
    const char *name;  /* "glpi-json", "glpi-xml", "csv" */
    const char *title; /* for people */
    bool (*probe)(struct bytes head, const char *file_name);
    /* Errors: -EBADMSG the document is malformed: nothing of it was handed over (why says place,
     * fault, remedy); errors of the sink; -ENOMEM.
     * Owns:   `document` is borrowed; what the sink is shown lies in it, in the arena and in
     *         memory of the reader's own. */
    int (*read)(struct bytes document, const char *file_name, struct arena *arena,
                const struct source_sink *sink, struct complaint *why);
};

extern const struct source_format source_glpi_json;
extern const struct source_format source_glpi_xml;
extern const struct source_format source_csv;

/* source_detect - the format of a document, NULL when none claims it. More than SOURCE_HEAD_BYTES of
 * `head` are not looked at. */
const struct source_format *source_detect(struct bytes head, const char *file_name);
const struct source_format *source_by_name(const char *name);

/* source_at - the i-th format, NULL past the last: for help texts. */
const struct source_format *source_at(size_t i);

/* source_host - the computer below `root` ("" for the one this runs on): its facts from etc and sys,
 * its system, and one part for each source (inventory.next):
 *     "dpkg"     var/lib/dpkg/status: packages whose files are in place
 *     "rpm"      the database of rpm, in any of its forms
 *     "desktop"  menu entries below usr/share, usr/local/share and opt/NAME/share
 *     "opt"      folders of opt
 * dpkg and rpm are there where their database is; one must be. The others always are, since an empty
 * or missing folder says that nothing is installed there. They leave out what a package owns; where a
 * package's list of files cannot be read, they hand over nothing and are not complete.
 * Nothing outside of root is read.
 * Errors: -ENOENT neither dpkg nor rpm here; -EBADMSG the only list of packages is none, or nothing
 *         tells this computer from others; -errno root; errors of the sink; -ENOMEM. */
int source_host(const char *root, int64_t now_ms, struct arena *arena,
                const struct source_sink *sink, struct complaint *why);

#endif
