/* rowset.h - sets of row numbers: ascending, unique; stored as LEB128 differences.
 *
 *     rows = (first) (second − first) (third − second) ...   each 7 bits a byte, low ones first
 *
 * Row numbers begin with 1, so no difference is 0 and every set has one encoding. */
#ifndef LEDGER_ROWSET_H
#define LEDGER_ROWSET_H

#include "base/arena.h"

struct rowset {
    uint64_t *row; /* ascending, unique; the arena's */
    size_t count;
};

/* rowset_pack - into the arena; data NULL when memory is out. rowset_unpack - -EBADMSG, -ENOMEM. */
struct bytes rowset_pack(const struct rowset *set, struct arena *arena);
int rowset_unpack(struct bytes packed, struct arena *arena, struct rowset *ret_set);

/* rowset_sort - makes a set of any list of numbers, in place. */
void rowset_sort(struct rowset *set);

bool rowset_has(const struct rowset *set, uint64_t row);

/* rowset_union, rowset_minus - a new set in the arena. -ENOMEM. */
int rowset_union(const struct rowset *a, const struct rowset *b, struct arena *arena,
                 struct rowset *ret_set);
int rowset_minus(const struct rowset *a, const struct rowset *b, struct arena *arena,
                 struct rowset *ret_set);

#endif
