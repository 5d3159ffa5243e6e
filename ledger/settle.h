/* settle.h - what batch.c and report.c share: outcomes that count, and forks. */
#ifndef LEDGER_SETTLE_H
#define LEDGER_SETTLE_H

#include "ledger/rules.h"

#define ALARM_FORKED "forked" /* key id */

/* settle_put - the outcome of an event into `once`, in the entry begun last. */
void settle_put(const struct ruling *at, struct id128 producer, uint64_t epoch, uint64_t sequence,
                struct digest digest, Zb__OutcomeKind kind, Zb__RefusalReason reason);

/* settle_fork - an entry that quarantines the producer and rings. Errors of the view. */
int settle_fork(const struct ruling *at, struct id128 producer);

/* settle_alarm - the alarm alone, in the entry begun last. */
int settle_alarm(const struct ruling *at, struct id128 producer);

#endif
