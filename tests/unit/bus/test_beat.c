/* Heartbeats by given instants; no clock. */
#include "bus/beat.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { ASK_MS = 100, SILENCE_MS = 450 };

Test(beat, asks_each_heartbeat_and_gives_up_after_the_silence)
{
    struct beat b = beat_at(1000);
    unsigned asked = 0;
    int64_t now = 1000;
    for (; !beat_silent(&b, now, SILENCE_MS); now += 10)
        asked += beat_ask(&b, now, ASK_MS);
    cr_assert(eq(i64, now, 1450));
    cr_assert(eq(uint, asked, 4));
}

Test(beat, a_frame_puts_off_both)
{
    struct beat b = beat_at(1000);
    cr_assert(not(beat_ask(&b, 1099, ASK_MS)));
    beat_received(&b, 1090);
    cr_assert(not(beat_ask(&b, 1189, ASK_MS)));
    cr_assert(beat_ask(&b, 1190, ASK_MS));
    cr_assert(not(beat_ask(&b, 1191, ASK_MS)), "once");
    cr_assert(not(beat_silent(&b, 1539, SILENCE_MS)));
    cr_assert(beat_silent(&b, 1540, SILENCE_MS));
}

Test(beat, an_older_instant_changes_nothing)
{
    struct beat b = beat_at(1000);
    beat_received(&b, 900);
    cr_assert(eq(i64, b.received_ms, 1000));
}

Test(beat, says_when_to_look_again)
{
    struct beat b = beat_at(1000);
    cr_assert(eq(i64, beat_next_ms(&b, ASK_MS, SILENCE_MS), 1100));
    cr_assert(beat_ask(&b, 1400, ASK_MS));
    cr_assert(eq(i64, beat_next_ms(&b, ASK_MS, SILENCE_MS), 1450));
}
