/* credit.h - what one link has unanswered, and which frames count. Inside bus/ only.
 *
 * Both ends of a link keep one of these and come to the same sums: the client before it sends, the
 * server when it takes. Knows no socket. */
#ifndef BUS_CREDIT_H
#define BUS_CREDIT_H

#include "base/bytes.h"
#include "proto/frame.h"

enum {
    CREDIT_FRAMES_MAX = 1024, /* unanswered frames of one link, however small they are */
};

struct charge {
    uint64_t tag;
    uint64_t bytes; /* expanded payload */
};

struct credit {
    uint64_t limit_bytes;
    uint64_t bytes;    /* sum of the charges; never above limit_bytes */
    struct charge *at; /* [count], oldest first; owned */
    size_t count, room;
};

/* credit_done - frees the charges; an empty credit of the same limit is left. */
void credit_done(struct credit *credit);

/* credit_left - bytes that may still be charged. */
uint64_t credit_left(const struct credit *credit);

/* credit_charge - one frame. Errors: -ENOBUFS beyond the limit in bytes or frames; -ENOMEM. */
int credit_charge(struct credit *credit, uint64_t tag, uint64_t bytes);

/* credit_release - gives back the oldest charge of that tag. Returns its bytes, 0 if none has it
 * (an empty payload is charged as one byte, so 0 is never a charge). */
uint64_t credit_release(struct credit *credit, uint64_t tag);

/* credit_unsend - takes back the newest charge: its frame did not leave. */
void credit_unsend(struct credit *credit);

/* ---- what counts ---- */

/* frame_is_charged - requests of a client, which stand until they are answered. Link-layer frames
 * and answers (VERDICTS to a JUDGE, BUSY, REFUSED) are not: what they answer bounds them. */
bool frame_is_charged(enum frame_type type);

/* frame_answers - whether a frame from the server answers a request by repeating its tag. JUDGE is
 * none: its tag is the server's own. */
bool frame_answers(enum frame_type type);

/* frame_of_role - whether a client in that role may send frames of the type to a server. */
bool frame_of_role(enum frame_type type, Zb__Role role);

#endif
