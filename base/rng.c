/* rng.c - xoshiro256** over a state that splitmix64 fills, so that near seeds give far runs. */
#include "base/rng.h"

#include <assert.h>

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t v, int bits)
{
    return v << bits | v >> (64 - bits);
}

struct rng rng_init(uint64_t seed)
{
    /* splitmix64 is a permutation of its counter: of four outputs in a row at most one is 0. */
    struct rng rng;
    for (int i = 0; i < 4; i++)
        rng.s[i] = splitmix64(&seed);
    return rng;
}

uint64_t rng_u64(struct rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
    assert(n != 0);
    /* 2^64 mod n values at the bottom would make the small results likelier: draw again. */
    uint64_t surplus = (0 - n) % n;
    uint64_t v;
    do
        v = rng_u64(rng);
    while (v < surplus);
    return v % n;
}

bool rng_chance(struct rng *rng, uint64_t num, uint64_t den)
{
    return rng_below(rng, den) < num;
}
