/* clock.c - CLOCK_REALTIME or a number; waits always by CLOCK_MONOTONIC. */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

struct clock {
    bool simulated;
    int64_t now_ms; /* simulated: never decreases */
};

static int64_t system_ms(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t); /* fails on an unknown id only */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct clock *clock_new(bool simulated, int64_t now_ms)
{
    struct clock *clock = calloc(1, sizeof(*clock));
    if (clock != NULL)
        *clock = (struct clock){ .simulated = simulated, .now_ms = now_ms };
    return clock;
}

struct clock *clock_new_real(void)
{
    return clock_new(false, 0);
}

struct clock *clock_new_simulated(int64_t start_ms)
{
    return clock_new(true, start_ms);
}

void clock_free(struct clock *clock)
{
    free(clock);
}

int64_t clock_now_ms(const struct clock *clock)
{
    return clock->simulated ? clock->now_ms : system_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return system_ms(CLOCK_MONOTONIC);
}

int clock_set(struct clock *clock, int64_t ms)
{
    if (!clock->simulated)
        return -EPERM;
    if (ms < clock->now_ms)
        return -EINVAL;
    clock->now_ms = ms;
    return 0;
}

bool clock_is_simulated(const struct clock *clock)
{
    return clock->simulated;
}
