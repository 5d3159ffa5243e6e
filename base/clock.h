/* clock.h - rule time, which may be simulated, and transport time, which never is.
 *
 * Rule time (Unix ms) governs deadlines, scan times and everything stored. Transport time is
 * monotonic and governs waits: heartbeats, retries, timeouts. A simulated year passes in a second
 * of transport time. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"

struct clock;

/* clock_new_real - follows the system's clock. NULL when memory is out. */
struct clock *clock_new_real(void);

/* clock_new_simulated - stands at start_ms until clock_set() moves it. NULL when memory is out. */
struct clock *clock_new_simulated(int64_t start_ms);

/* clock_free - NULL is fine. */
void clock_free(struct clock *clock);
CLEANUP_DEFINE(struct clock *, clock_free);

/* clock_now_ms - rule time, Unix ms. */
int64_t clock_now_ms(const struct clock *clock);

/* clock_mono_ms - transport time, ms since an arbitrary start; always real, never steps back. */
int64_t clock_mono_ms(void);

/* clock_set - moves a simulated clock on.
 * Errors: -EINVAL the instant is before the present one; -EPERM the clock is real. */
int clock_set(struct clock *clock, int64_t ms);

bool clock_is_simulated(const struct clock *clock);

#endif
