/* source_fixture.h - what a source hands over, as text that a test can hold against a golden one. */
#ifndef TESTS_UNIT_COLLECTOR_SOURCE_FIXTURE_H
#define TESTS_UNIT_COLLECTOR_SOURCE_FIXTURE_H

#include "base/buf.h"
#include "collector/source.h"

/* One reading: a line for each inventory, fact, row and problem.
 *
 *     computer DEVICE unit UNIT source SOURCE complete|incomplete scan MS
 *     fact NAME=VALUE
 *     row FIELD=VALUE; FIELD=VALUE ... @ PATH | INSTALLED | SCOPE
 *     source SOURCE complete|incomplete        each further one of the same computer, then its rows
 *     rejected|ignored PLACE: WHAT
 */
struct reading {
    int result;
    struct complaint why;
    struct arena *arena;
    struct buf text;
    size_t computers, rows, rejected, ignored;
    int sink_result; /* what the sink answers */
};

struct reading *reading_new(void);
void reading_free(struct reading *reading);
CLEANUP_DEFINE(struct reading *, reading_free);

/* The sink that writes into the reading. */
struct source_sink reading_sink(struct reading *reading);

/* read_bytes_as, read_as - reads a document with the format; the file is below the source folder,
 * NULL where it is absent. */
struct reading *read_bytes_as(const struct source_format *format, struct bytes document);
struct reading *read_as(const struct source_format *format, const char *text);
struct reading *read_file_as(const struct source_format *format, const char *file);

/* sample - a file below the source folder into the arena; false where it is absent. */
bool sample(struct arena *arena, const char *file, struct bytes *ret_bytes);

/* reading_text - all of it, NUL-terminated; reading_has - whether a line is among it. */
const char *reading_text(struct reading *reading);
bool reading_has(struct reading *reading, const char *line);

#endif
