/* config.h - the notifier's rows of the home's configuration. */
#ifndef NOTIFIER_CONFIG_H
#define NOTIFIER_CONFIG_H

#include "base/config.h"
#include "ledger/decide.h"

extern const struct config_table notifier_config;         /* "notifier", "notices", "mail" */
extern const struct config_table rules_config;            /* "rules" */
extern const struct config_table notifier_foreign_config; /* sections that others read */

/* rules_of - the ledger's rules with what the configuration sets. */
struct ledger_rules rules_of(const struct config *config);

#endif
