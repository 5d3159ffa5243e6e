/* beat.h - when to ask a peer whether it is alive, and when to take it for gone. Inside bus/ only.
 *
 * Only frames received count: they alone prove that the peer's application runs. A peer that has
 * said nothing for heartbeat_ms is asked (PING), and again each heartbeat_ms; after silence_ms it is
 * gone. Knows no socket and no clock. */
#ifndef BUS_BEAT_H
#define BUS_BEAT_H

#include <stdbool.h>
#include <stdint.h>

struct beat {
    int64_t received_ms; /* last frame, monotonic */
    int64_t asked_ms;    /* last PING since then, else received_ms */
};

/* beat_at - a beat that starts now, as if a frame had been received. */
struct beat beat_at(int64_t now_ms);

/* beat_received - a frame came. */
void beat_received(struct beat *beat, int64_t now_ms);

/* beat_ask - whether a PING is due; if so it counts as sent. `after_ms`: the heartbeat. */
bool beat_ask(struct beat *beat, int64_t now_ms, int after_ms);

/* beat_silent - whether the peer is gone. */
bool beat_silent(const struct beat *beat, int64_t now_ms, int silence_ms);

/* beat_next_ms - when to look again: the next PING or the end of patience. */
int64_t beat_next_ms(const struct beat *beat, int after_ms, int silence_ms);

#endif
