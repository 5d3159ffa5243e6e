/* source.h - sources: what turns a place where software is listed into inventories.
 *
 * One file per source in sources/. A source reads, validates and hands over one inventory per
 * computer; it never writes to the spool and never decides what a row means. */
#ifndef COLLECTOR_SOURCE_H
#define COLLECTOR_SOURCE_H

#include "base/arena.h"
#include "base/text.h"
#include "proto/facts.h"
#include "proto/row.h"

enum {
    SOURCE_FILE_BYTES = 64 * 1024 * 1024, /* largest file taken */
    SOURCE_ITEMS = 200 * 1000,            /* rows of one file */
};

/* One computer's software as one source saw it. */
struct inventory {
    struct bytes device;   /* the tool's id of the computer; never empty */
    const char *unit;      /* a unit that the file names itself (CSV column), or NULL */
    struct facts facts;
    int64_t scan_ms;       /* 0: the file does not say */
    const char *source;    /* "dpkg", "glpi", "csv" */
    bool complete;
    const struct row *rows;
    const Zb__Evidence *const *evidence; /* parallel to rows; an entry may be NULL */
    size_t row_count;
};

/* An item that was left out; the rest of the file goes on. */
struct source_problem {
    struct complaint why; /* place names record and field */
};

struct source_sink {
    void *ctx;
    /* takes one inventory; it and what it points to live until the call returns. A negative
     * result ends the reading and is returned by the source. */
    int (*inventory)(void *ctx, const struct inventory *inventory);
    /* told of each item that is left out */
    void (*problem)(void *ctx, const struct source_problem *problem);
};

/* A file format. `probe` tells from the first bytes and the file's name whether it is one. */
struct source_format {
    const char *name;     /* "glpi-json", "glpi-xml", "csv" */
    const char *title;    /* for people */
    bool (*probe)(struct bytes head, const char *file_name);
    /* Errors: -EBADMSG the document is malformed: nothing of it was handed over (why says place,
     * fault, remedy); errors of the sink; -ENOMEM. */
    int (*read)(struct bytes document, const char *file_name, struct arena *arena,
                const struct source_sink *sink, struct complaint *why);
};

extern const struct source_format source_glpi_json;
extern const struct source_format source_glpi_xml;
extern const struct source_format source_csv;

/* source_detect - the format of a document, NULL when none claims it. */
const struct source_format *source_detect(struct bytes head, const char *file_name);
const struct source_format *source_by_name(const char *name);

/* source_dpkg - this host's packages from `root`/var/lib/dpkg/status and its facts from
 * `root`/etc, `root`/sys (root "" for the real one). Errors: -ENOENT no dpkg here. */
int source_dpkg(const char *root, int64_t now_ms, struct arena *arena,
                const struct source_sink *sink, struct complaint *why);

#endif
