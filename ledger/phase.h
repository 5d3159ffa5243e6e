/* phase.h - whether a unit is ready for the next phase. */
#ifndef LEDGER_PHASE_H
#define LEDGER_PHASE_H

#include "ledger/rules.h"

/* phase_missing - what the unit lacks for the phase, as a list in words; empty when it is ready.
 * For trial: a handler. For enforced: four roles, the number of computers, the share of them that
 * was scanned completely of late, the baseline. The text is the arena's. */
int phase_missing(const struct ruling *at, const Zb__UnitRecord *unit, Zb__Phase phase,
                  const char **ret_missing);

#endif
