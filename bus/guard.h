/* guard.h - bounds what connections make the transport hold in memory. Inside bus/ only.
 *
 * ZeroMQ reads a message of many parts until its last part has come, whatever RCVHWM and MAXMSGSIZE
 * say, and shows the application nothing meanwhile; whole frames too pile up unread. So the guard
 * compares, per connection, the bytes that TCP has received with the bytes of the whole messages
 * that were taken out. What is above is the backlog, and an honest client's never exceeds its
 * credit plus a slack for heads and handshake. A connection above it is shut down; so is the
 * largest when all together exceed what the process may hold.
 *
 * What it cannot bound is what arrives between two scans: at most 10 ms of the machine's CURVE rate
 * while the caller comes by that often (bus_wait and bus_server_receive do).
 *
 * A descriptor belongs to the transport's thread, which may close it at any time and open another
 * under its number; SO_COOKIE tells them apart. Knows no ZeroMQ. */
#ifndef BUS_GUARD_H
#define BUS_GUARD_H

#include "base/bytes.h"

enum {
    GUARD_SCAN_MS = 10,
    GUARD_SLACK_BYTES = 1024 * 1024, /* heads, handshake, PINGs: what is received but not charged */
};

struct guard_connection {
    uint64_t cookie;        /* 0: no connection under this descriptor */
    uint64_t taken_bytes;   /* whole messages handed to the application, as they were on the wire */
    uint64_t backlog_bytes; /* at the last scan */
    int64_t heard_ms;       /* last whole message, else when it was accepted */
    bool heard;             /* there was a whole message */
    struct id128 key;       /* whose, once heard */
};

struct guard {
    uint64_t connection_bytes;   /* most backlog of one connection */
    uint64_t total_bytes;        /* most backlog of all */
    struct guard_connection *at; /* [room], by descriptor; owned */
    size_t room;
    size_t open;     /* connections */
    int64_t next_ms; /* next scan */
    int64_t cpu_us;  /* CPU time of the process at the last scan */
};

/* guard_done - frees; connections are not touched. */
void guard_done(struct guard *guard);

/* guard_accepted - a connection was accepted under this descriptor. Gone already: no error.
 * Errors: -ENOMEM. */
int guard_accepted(struct guard *guard, int fd, int64_t now_ms);

/* guard_closed - the transport is about to close it, or has. */
void guard_closed(struct guard *guard, int fd);

/* guard_taken - a whole message of that many bytes on the wire came over the connection. */
void guard_taken(struct guard *guard, int fd, uint64_t wire_bytes, struct id128 key,
                 int64_t now_ms);

/* guard_cookie - of the connection under the descriptor; 0 if there is none. */
uint64_t guard_cookie(const struct guard *guard, int fd);

/* guard_cut - shuts the connection down if it still is the one with that cookie. The transport sees
 * its end and tells of it as of any other. */
void guard_cut(struct guard *guard, int fd, uint64_t cookie);

/* guard_scan - when due (or `force`): cuts every connection above its bound, and largest first
 * until the total is below its own. `cut` is told of each before it goes. */
void guard_scan(struct guard *guard, int64_t now_ms, bool force,
                void (*cut)(void *ctx, const struct guard_connection *connection), void *ctx);

/* guard_cut_unheard - cuts connections that have not brought one whole message since before_ms. */
void guard_cut_unheard(struct guard *guard, int64_t before_ms);

/* guard_wire_bytes - bytes on the wire of one part of a message under CURVE: part, then 33 bytes of
 * command name, nonce, authenticator and flags, then the frame's head of 2 or 9 bytes (RFC 23, 26). */
uint64_t guard_wire_bytes(size_t part_bytes);

#endif
