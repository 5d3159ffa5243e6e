/* import.h - from a file or this host to durable reports in the spool. */
#ifndef COLLECTOR_IMPORT_H
#define COLLECTOR_IMPORT_H

#include "collector/source.h"
#include "store/spool.h"

struct import_options {
    const char *unit;   /* unit of every computer the file does not place itself */
    const char *format; /* NULL: detect */
    int64_t now_ms;     /* ledger time: scan time of files that name none, and of this host */
    bool simulated;
    bool dry_run; /* read and report, spool nothing; spool may be NULL */
    /* Both may be NULL, and are called while the file is read, before anything is durable; what
     * they are shown lives until they return. A complaint's place begins with the file's name. */
    void *ctx;
    void (*item)(void *ctx, const struct inventory *inventory); /* each computer that
                                                                      was taken, by source */
    void (*problem)(void *ctx, const struct source_problem *problem);
};

struct import_result {
    const char *format; /* static */
    size_t computers;
    size_t items;    /* rows taken */
    size_t rejected; /* items left out, each told to `problem` */
};

/* import_file - reads one file whole and spools one report per computer, all in one synced
 * transaction: killed at any point, either all of its reports are in the spool or none, and
 * importing it again is harmless (equal reports are UNCHANGED, see spool_add).
 * A computer with more than BOUND_ROWS_PER_EVENT items or SPOOL_REPORT_BYTES is left out and told.
 * Errors: -EBADMSG malformed or unknown format; -EFBIG, -EINVAL, -ENOENT, -EACCES and others of the
 *         file; -ENOSPC and others of the spool. Nothing was spooled then; *ret_result is set as far
 *         as reading came. */
int import_file(const char *path, const struct import_options *options, struct spool *spool,
                struct import_result *ret_result, struct complaint *why);

/* import_host - the same for the computer this runs on, or whose system is mounted at `root`: one
 * report of all its sources (source_host). */
int import_host(const char *root, const struct import_options *options, struct spool *spool,
                struct import_result *ret_result, struct complaint *why);

enum { DROP_SETTLE_MS = 2000, DROP_PROBLEMS_MAX = 1000 };

struct drop_result {
    size_t taken;    /* now in done/ */
    size_t rejected; /* now in rejected/ */
    size_t waiting;  /* still being written: look again in DROP_SETTLE_MS */
};

/* drop_scan - takes every finished file in `dir`, in the order of their names: a good one goes to
 * `dir`/done/, a refused one to `dir`/rejected/ with a file NAME.reason.txt beside it that says
 * place, fault and remedy (it is written first: no rejected file is without its reason). What was
 * left out of a good file, up to DROP_PROBLEMS_MAX things, stands in done/NAME.problems.txt. Where
 * the name is taken already, a number is added.
 *
 * Not taken: what is no regular file, hidden files, and names that end in .part, .tmp or ~; so a
 * sender that writes NAME.part and renames it is always safe. Of the rest, a file is finished when
 * no process has it open for writing (a lease tells). Where the kernel does not say (a foreign
 * owner, a network file system), and for empty files, it is finished when it has not changed for
 * DROP_SETTLE_MS.
 *
 * Killed between spooling and moving, the same file is imported again: the same reports, which are
 * UNCHANGED and supersede one another; nothing is counted twice.
 *
 * Errors: of the folder, the spool or memory; the files that were not decided on stay where they
 *         are, *ret_result counts the others. */
int drop_scan(const char *dir, const struct import_options *options, struct spool *spool,
              struct drop_result *ret_result, struct complaint *why);

#endif
