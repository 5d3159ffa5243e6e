/* tally.h - index i_product: how many installs of a product a unit has, by what positions ask about.
 *
 * Kept by apply from the install records alone, so counting a product over all units never walks
 * its installs:
 *
 *     key    product 0 · unit 0 · H(variant) 16
 *     value  [8 count, big-endian] variant
 *     variant = [1 licence class] [1 stale] category 0 · edition 0 · version 0
 *
 * and for each unit with a position of the product one key without variant and value, before them.
 *
 * Invariant: count is the number of install records of (unit, product) with that variant, never 0. */
#ifndef LEDGER_TALLY_H
#define LEDGER_TALLY_H

#include "ledger/apply.h"
#include "ledger/key.h"

struct tally {
    const char *unit;
    uint64_t count; /* 0: the place of a position; texts are empty */
    Zb__LicenceClass licence_class;
    bool stale;
    const char *category;
    const char *edition;
    const char *version;
};

/* tally_change - one install more (by 1) or less (by −1). Errors: the writer's; -EBADMSG when there
 * is none to take away, or the key of the install is damaged. */
int tally_change(const struct ledger_writer *writer, struct bytes install_key,
                 const Zb__InstallRecord *install, int by, struct arena *arena);

/* tally_walk, tally_next - the tallies of a product, by unit; of one unit when `unit` is not NULL.
 * Texts are the arena's. -ENOENT at the end. */
struct ledger_walk tally_walk(const struct ledger_view *view, const char *product,
                              const char *unit);
int tally_next(struct ledger_walk *walk, struct arena *arena, struct tally *ret_tally);

#endif
