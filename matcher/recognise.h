/* recognise.h - (row, catalogue) → verdict, a pure function.
 *
 * Order of evidence, strongest first: exact identifier; file hash; normalised name and vendor;
 * normalised name with decorations peeled off; pattern; origin and declared licence of a
 * distribution's package; nothing. A contradicting vendor is evidence against. Ties go to the
 * smaller product id. docs/catalogue.md explains each rule. */
#ifndef MATCHER_RECOGNISE_H
#define MATCHER_RECOGNISE_H

#include "matcher/catalogue.h"
#include "matcher/normalise.h"
#include "proto/row.h"

/* recognise_row - the verdict on one row; `row` and `catalogue` fields of it stay empty.
 * Always succeeds with CLASS_UNKNOWN when nothing is known. Errors: -ENOMEM; -EIO of the store.
 * Owns: arena; texts may point into the catalogue and live until it is closed. */
int recognise_row(const struct catalogue *catalogue, const struct row *row, struct arena *arena,
                  Zb__Verdict *ret_verdict);

/* recognise_bytes - the same from canonical bytes, filling row id and catalogue digest. */
int recognise_bytes(const struct catalogue *catalogue, struct bytes canonical, struct arena *arena,
                    Zb__Verdict *ret_verdict, struct complaint *why);

/* recognise_explain - sentences for a person: what decided, what lost and why. */
int recognise_explain(const struct catalogue *catalogue, const struct row *row, struct arena *arena,
                      struct buf *out);

#endif
