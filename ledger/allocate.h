/* allocate.h - rights to installs, over all units of a product: least total shortage.
 *
 * What comes out depends on what goes in alone, never on the order of events: demands are served in
 * unit order, each from its own unit's rights first, then from the pools (subtree rights) above it,
 * nearest first; among rights of one unit those with bounds before those without, safe ones before
 * those at risk, then by id. That leaves the least shortage unless bounds overlap; then what was
 * given is moved along augmenting paths until no shortage can be lessened (Ford, Fulkerson 1956). */
#ifndef LEDGER_ALLOCATE_H
#define LEDGER_ALLOCATE_H

#include "base/arena.h"
#include "proto/names.h"

#define NO_PARENT SIZE_MAX

struct holding {
    const Zb__RightRecord *right;
    size_t unit;
    bool at_risk;
    uint64_t used; /* out */
};

/* Installs of one unit that state the same edition and version. */
struct demand {
    size_t unit;
    const char *edition;
    const char *version;
    uint64_t count;
    uint64_t covered;   /* out: ≤ count */
    uint64_t at_risk;   /* out: part of covered */
    bool any_candidate; /* out: some holding may cover it */
    bool doubtful;      /* out: and each of these asks for what the installs do not state */
};

struct allocation {
    const size_t *parent; /* by unit; NO_PARENT at the top. Acyclic. */
    size_t unit_count;
    struct holding *holdings; /* in force; sorted here by unit and preference */
    size_t holding_count;
    struct demand *demands; /* ascending unit, then in an order that is the same everywhere */
    size_t demand_count;
};

/* allocate_run - fills in what is marked "out". -ENOMEM. */
int allocate_run(struct allocation *allocation, struct arena *arena);

#endif
