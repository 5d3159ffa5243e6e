/* keyring.h - keys of a home: NAME.key (secret, mode 0600) and NAME.slip (its public half). */
#ifndef CLI_KEYRING_H
#define CLI_KEYRING_H

#include "cli/cli.h"

/* keyring_new - makes both files below HOME/keys. Errors: -EEXIST; as identity_new and
 * identity_save; `why` says which. The caller wipes the identity. */
int keyring_new(struct cli *cli, const char *name, Zb__Role role, const char *label,
                struct identity *ret_identity, struct complaint *why);

/* keyring_enrol - the command that enrols a public half for a unit's subtree (NULL: none). */
struct remote_command *keyring_enrol(struct cli *cli, const struct identity_public *key,
                                     const char *unit);

#endif
