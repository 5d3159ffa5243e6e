/* beat.c - two instants and their distances. */
#include "bus/beat.h"

struct beat beat_at(int64_t now_ms)
{
    return (struct beat){ now_ms, now_ms };
}

void beat_received(struct beat *beat, int64_t now_ms)
{
    if (now_ms > beat->received_ms)
        *beat = beat_at(now_ms);
}

bool beat_ask(struct beat *beat, int64_t now_ms, int after_ms)
{
    if (now_ms - beat->asked_ms < after_ms)
        return false;
    beat->asked_ms = now_ms;
    return true;
}

bool beat_silent(const struct beat *beat, int64_t now_ms, int silence_ms)
{
    return now_ms - beat->received_ms >= silence_ms;
}

int64_t beat_next_ms(const struct beat *beat, int after_ms, int silence_ms)
{
    int64_t ask = beat->asked_ms + after_ms, gone = beat->received_ms + silence_ms;
    return ask < gone ? ask : gone;
}
