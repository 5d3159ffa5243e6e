/* import.h - from a file or this host to durable reports in the spool. */
#ifndef COLLECTOR_IMPORT_H
#define COLLECTOR_IMPORT_H

#include "collector/source.h"
#include "store/spool.h"

struct import_options {
    const char *unit;        /* unit of every computer the file does not place itself */
    const char *format;      /* NULL: detect */
    int64_t now_ms;          /* ledger time: scan time of files that name none, and of this host */
    bool simulated;
    bool dry_run;            /* read and report, spool nothing; spool may be NULL */
    /* told of each item, for --json and summaries; may be NULL */
    void *ctx;
    void (*item)(void *ctx, const struct inventory *inventory);
    void (*problem)(void *ctx, const struct source_problem *problem);
};

struct import_result {
    const char *format;   /* static */
    size_t computers;
    size_t items;         /* rows taken */
    size_t rejected;      /* items left out, each told to `problem` */
};

/* import_file - reads one file whole and spools one report per computer in one synced transaction.
 * Errors: -EBADMSG malformed or unknown format: nothing was spooled; -EFBIG; -ENOENT, -EACCES;
 *         -ENOSPC and others of the spool. */
int import_file(const char *path, const struct import_options *options, struct spool *spool,
                struct import_result *ret_result, struct complaint *why);

/* import_host - the same for the computer this runs on. */
int import_host(const char *root, const struct import_options *options, struct spool *spool,
                struct import_result *ret_result, struct complaint *why);

/* drop_scan - takes every finished file in `dir` (not hidden, not *.part): a good one goes to
 * `dir`/done/, a refused one to `dir`/rejected/ with a file <name>.reason.txt beside it that says
 * place, fault and remedy. Returns files seen, or a negative errno of the folder itself. */
int drop_scan(const char *dir, const struct import_options *options, struct spool *spool);

#endif
