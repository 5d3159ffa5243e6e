/* world.h - one simulated run: collectors, matchers, a ledger, and everything that goes wrong.
 *
 * Same seed, same run, but for the senders' nonces, which decide nothing. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "tests/sim/sabotage.h"

/* What a run met with; sums over many runs show that the faults really happen. */
struct world_totals {
    uint64_t spooled, applied, refused, superseded;
    uint64_t batches, lost, repeated, delayed, lies;
    uint64_t crashes, ledger_crashes, spool_restores, ledger_restores, clones;
    uint64_t epochs, behind, quarantined, stale, bad_signatures, spool_faults;
};

struct world_result {
    char fault[256]; /* empty: all invariants held */
    struct world_totals totals;
};

struct world_options {
    uint64_t seed;
    enum sabotage sabotage;
    bool verbose; /* every fault and answer on standard output */
};

void world_run(const struct world_options *options, struct world_result *ret_result);

#endif
