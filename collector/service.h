/* service.h - the collector as a daemon: schedule, drop folder, and the sender over its links. */
#ifndef COLLECTOR_SERVICE_H
#define COLLECTOR_SERVICE_H

#include "base/daemon.h"

extern const struct config_table collector_config;         /* "collectors" */
extern const struct config_table collector_foreign_config; /* sections that others read */

/* collector_item - the item of "collectors" with that name; NULL if there is none. */
const struct config *collector_item(const struct config *config, const char *name);

int collector_start(struct daemon *daemon, void **ret_state, struct complaint *why);
int collector_run(struct daemon *daemon, void *state);
void collector_stop(struct daemon *daemon, void *state);

/* ---- ledger_clock.c ---- */

/* What the home says of the ledger's time. */
struct ledger_clock {
    bool simulated;
    int64_t now_ms;
};

/* ledger_clock_read - DIR/run/clock as the notifier publishes it; real time where there is no such
 * file (another host). Errors: -EBADMSG the file is there and makes no sense. */
int ledger_clock_read(const char *home, struct ledger_clock *ret_clock, struct complaint *why);

/* ---- poke.c ---- */

/* spool_poke - tells the daemon that watches this spool that somebody else added to it. */
int spool_poke(const char *spool_dir);

#endif
