/* intake.h - what `import` and `scan` share: a collector's spool, and a summary of what was taken. */
#ifndef CLI_INTAKE_H
#define CLI_INTAKE_H

#include "cli/cli.h"
#include "collector/import.h"
#include "collector/service.h"

struct intake {
    struct cli *cli;
    const struct config *collector; /* NULL in a dry run without a home */
    const char *dir;                /* the spool's folder */
    struct spool *spool;            /* NULL in a dry run */
    struct import_options options;
    size_t files, refused;  /* files that were taken, and not */
    size_t items, rejected; /* rows that were, and items that were left out */
};

/* intake_open - the spool of the collector named by --collector, else of the first that
 * `suits`, else of the first. Returns enum cli_exit; intake_close in any case. intake_close tells
 * the running daemon that there is something new. */
int intake_open(struct cli *cli, bool dry_run, bool for_host, struct intake *intake);
void intake_close(struct intake *intake);

/* intake_told - the line about one source, and intake_status - the exit code of all of it. */
int intake_told(struct intake *intake, const char *file, const struct import_result *result);
int intake_status(const struct intake *intake);

#endif
