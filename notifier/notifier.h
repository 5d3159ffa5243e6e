/* notifier.h - the notifier as a daemon: hooks for base/daemon.h. */
#ifndef NOTIFIER_NOTIFIER_H
#define NOTIFIER_NOTIFIER_H

#include "base/daemon.h"

int notifier_start(struct daemon *daemon, void **ret_state, struct complaint *why);
int notifier_run(struct daemon *daemon, void *state);
void notifier_stop(struct daemon *daemon, void *state);

#endif
