/* founding.h - a new ledger before any notifier runs: the same rules, the same signed commands,
 * decided in this process over a book page. Only `zhengban init` does this, in a home of its own. */
#ifndef CLI_FOUNDING_H
#define CLI_FOUNDING_H

#include "cli/cli.h"

struct founding;

struct founding_options {
    const char *name;     /* of the ledger, on notices */
    const char *language; /* "zh_CN" or "en" */
    bool simulated;
    int64_t start_ms; /* ledger time of the first entry */
};

/* founding_open - makes the store in `path` (which must exist) and its first entry. The identities
 * must outlive it. */
int founding_open(struct cli *cli, const char *path, const struct founding_options *options,
                  const struct identity *ledger, const struct identity *administrator,
                  struct founding **ret_founding, struct complaint *why);

/* founding_command - signs the command as the administrator and decides it. -EPERM when the ledger
 * refused it: `why` has its words. */
int founding_command(struct founding *founding, struct remote_command *command,
                     struct complaint *why);

/* founding_commit - makes everything durable, at once. founding_close - in any case; what was not
 * committed never was. */
int founding_commit(struct founding *founding);
void founding_close(struct founding *founding);

#endif
