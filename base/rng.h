/* rng.h - a seeded generator for simulators, jitter and tests: same seed, same run.
 *
 * Never for keys, salts or anything an adversary must not guess: that is seal_random(). Whoever
 * seeds it prints the seed. xoshiro256** seeded by splitmix64 (Blackman, Vigna 2018). */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t s[4]; /* never all zero */
};

/* rng_init - a generator from any seed, 0 included. */
struct rng rng_init(uint64_t seed);

/* rng_u64 - the next 64 bits. */
uint64_t rng_u64(struct rng *rng);

/* rng_below - uniform in [0, n); n must not be 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);

/* rng_chance - true num times in den on average; den must not be 0. */
bool rng_chance(struct rng *rng, uint64_t num, uint64_t den);

#endif
