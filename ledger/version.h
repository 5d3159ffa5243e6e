/* version.h - whether an install falls under a right, by what it says of itself. */
#ifndef LEDGER_VERSION_H
#define LEDGER_VERSION_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/names.h"

enum match {
    MATCH_NO,
    MATCH_YES,
    MATCH_DOUBT, /* the install does not state what the right asks for: in its favour */
};

/* version_compare - two versions of dotted numbers: <0, 0, >0; a missing part is 0, leading "v" and
 * what follows the numbers do not count. False when one of them has no number. */
bool version_compare(const char *a, const char *b, int *ret_order);

/* version_within - low ≤ version ≤ high, where an empty bound is none and a high bound covers all that
 * it is the beginning of: "2019" covers "2019.3". */
enum match version_within(const char *version, const char *low, const char *high);

/* right_matches - edition (letters of ASCII folded) and version against those of the right. */
enum match right_matches(const Zb__RightRecord *right, const char *edition, const char *version);

#endif
