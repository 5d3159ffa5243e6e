/* Generator: the published sequence, no bias, same seed same run. */
#include "base/rng.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(rng, follows_the_published_algorithm)
{
    /* First outputs of xoshiro256** from the state {1, 2, 3, 4}, as its reference code gives. */
    struct rng rng = { { 1, 2, 3, 4 } };
    const uint64_t want[] = { 11520, 0, 1509978240, 1215971899390074240u };
    for (size_t i = 0; i < 4; i++)
        cr_assert(eq(u64, rng_u64(&rng), want[i]), "output %zu", i);
}

Test(rng, is_seeded_by_splitmix64)
{
    /* splitmix64 from 1234567, as its reference code gives. */
    struct rng rng = rng_init(1234567);
    cr_assert(eq(u64, rng.s[0], 6457827717110365317u));
    cr_assert(eq(u64, rng.s[1], 3203168211198807973u));
    cr_assert(eq(u64, rng.s[2], 9817491932198370423u));
    cr_assert(eq(u64, rng.s[3], 4593380528125082431u));
}

Test(rng, repeats_a_seed_and_parts_near_ones)
{
    struct rng a = rng_init(0), b = rng_init(0), c = rng_init(1);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t v = rng_u64(&a);
        cr_assert(eq(u64, rng_u64(&b), v));
        same += rng_u64(&c) == v;
    }
    cr_assert(eq(int, same, 0));
}

Test(rng, stays_below_its_bound_and_reaches_all_of_it)
{
    struct rng rng = rng_init(7);
    for (uint64_t n = 1; n <= 40; n++) {
        uint64_t seen = 0;
        for (int i = 0; i < 2000; i++) {
            uint64_t v = rng_below(&rng, n);
            cr_assert(lt(u64, v, n));
            seen |= UINT64_C(1) << v;
        }
        cr_assert(eq(u64, seen, (UINT64_C(1) << n) - 1), "n = %lu", (unsigned long)n);
    }
    cr_assert(lt(u64, rng_below(&rng, UINT64_MAX), UINT64_MAX));
}

Test(rng, has_no_bias_where_a_plain_remainder_would_show_one)
{
    /* With n = 3·2^62 a plain remainder falls below 2^62 half of the time, not a third. */
    struct rng rng = rng_init(11);
    uint64_t n = 3 * (UINT64_C(1) << 62);
    int low = 0, draws = 30000;
    for (int i = 0; i < draws; i++)
        low += rng_below(&rng, n) < n / 3;
    cr_assert(lt(int, abs(low - draws / 3), 500), "%d of %d", low, draws); /* 6 sigma */
}

Test(rng, keeps_its_chances)
{
    struct rng rng = rng_init(13);
    int hits = 0;
    for (int i = 0; i < 30000; i++) {
        cr_assert(not(rng_chance(&rng, 0, 5)));
        cr_assert(rng_chance(&rng, 5, 5));
        hits += rng_chance(&rng, 1, 10);
    }
    cr_assert(lt(int, abs(hits - 3000), 320), "%d of 30000", hits); /* 6 sigma */
}
