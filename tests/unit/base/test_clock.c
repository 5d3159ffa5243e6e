/* Clock: simulated time moves by hand and forward only; transport time is real. */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <time.h>

Test(clock, simulated_stands_until_it_is_set)
{
    CLEANUP(clock_freep) struct clock *clock = clock_new_simulated(1000);
    cr_assert(clock_is_simulated(clock));
    cr_assert(eq(i64, clock_now_ms(clock), 1000));
    cr_assert(eq(int, clock_set(clock, 5000), 0));
    cr_assert(eq(i64, clock_now_ms(clock), 5000));
    cr_assert(eq(int, clock_set(clock, 5000), 0));
    cr_assert(eq(i64, clock_now_ms(clock), 5000));
}

Test(clock, simulated_never_goes_back)
{
    CLEANUP(clock_freep) struct clock *clock = clock_new_simulated(5000);
    cr_assert(eq(int, clock_set(clock, 4999), -EINVAL));
    cr_assert(eq(i64, clock_now_ms(clock), 5000));
}

Test(clock, real_follows_the_system_and_cannot_be_set)
{
    CLEANUP(clock_freep) struct clock *clock = clock_new_real();
    cr_assert(not(clock_is_simulated(clock)));
    int64_t before_s = (int64_t)time(NULL);
    int64_t now_ms = clock_now_ms(clock);
    /* time() reads the coarse clock, which may lag by a tick. */
    cr_assert(ge(i64, now_ms, before_s * 1000));
    cr_assert(le(i64, now_ms, ((int64_t)time(NULL) + 2) * 1000));
    cr_assert(eq(int, clock_set(clock, now_ms + 1000), -EPERM));
}

Test(clock, transport_time_runs_on_beside_a_simulated_clock)
{
    CLEANUP(clock_freep) struct clock *clock = clock_new_simulated(0);
    int64_t from = clock_mono_ms(), last = from;
    while (last < from + 3) {
        int64_t t = clock_mono_ms();
        cr_assert(ge(i64, t, last));
        last = t;
    }
    cr_assert(eq(i64, clock_now_ms(clock), 0));
}

Test(clock, frees_null)
{
    clock_free(NULL);
}
