/* verdict.h - opinions of matchers on rows: what still wants one, and who may accuse. */
#ifndef LEDGER_VERDICT_H
#define LEDGER_VERDICT_H

#include "ledger/view.h"

#define ALARM_MATCHER_CONFLICT "matcher_conflict" /* row id */

/* verdict_accuses - whether a class can open a case, so that one machine's word is not enough. */
bool verdict_accuses(Zb__LicenceClass licence_class);

/* todo_list - rows from number `from` on that `matcher` can help with: of the `todo` table without
 * those in conflict (a person sees to them) and those that this matcher has judged by the active
 * catalogue.
 * Shape:  out[cap], filled [0, *ret_count), ascending; *ret_next: where to go on, 0 at the end.
 *         At most 16 × cap rows are looked at in one call.
 * Errors: those of the view. */
int todo_list(const struct ledger_view *view, struct id128 matcher, uint64_t from,
              struct arena *arena, uint64_t *out, size_t cap, size_t *ret_count,
              uint64_t *ret_next);

#endif
