/* shelf.h - the catalogues that a command line can look into. */
#ifndef CLI_SHELF_H
#define CLI_SHELF_H

#include "cli/cli.h"
#include "matcher/catalogue.h"

enum { PACKAGE_BYTES = 64 * 1024 * 1024, PACKAGE_LABEL_BYTES = 128 };

/* A catalogue that is open for looking. */
struct shelved {
    struct catalogue *catalogue;
    char dir[FILE_PATH_SIZE]; /* compiled for this command alone, "" if not: removed at the end */
};

/* shelved_open - that of the package file `path`; NULL: the home's active one, else the one that
 * comes with the program. Returns enum cli_exit; shelved_close in any case. */
int shelved_open(struct cli *cli, const char *path, struct shelved *shelved);
void shelved_close(struct shelved *shelved);

/* shelf_activate - copies a package to HOME/catalogue/DIGEST.zbc and gives the command that makes
 * it the active one. Errors: as catalogue_verify; of the file. */
int shelf_activate(struct cli *cli, struct bytes package, uint64_t products,
                   struct remote_command **ret_command, struct complaint *why);

/* shelf_active - the digest of the ledger's active catalogue. Errors: -ENOENT none, or no ledger. */
int shelf_active(struct cli *cli, struct digest *ret_digest);

#endif
