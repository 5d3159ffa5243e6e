/* peers.h - what a server remembers of each connected client. Inside bus/ only.
 *
 * Bounded: PEERS_MAX of them; whoever adds one more removes the oldest first. Found by the routing
 * id that the server's own socket gave; ordered by when they were last heard. */
#ifndef BUS_PEERS_H
#define BUS_PEERS_H

#include "bus/beat.h"
#include "bus/credit.h"

enum { PEERS_MAX = 16 * 1024, PEERS_BUCKETS = 4096 };

struct peer {
    uint32_t route; /* routing id: a zero byte and this number, big-endian */
    struct id128 key;
    Zb__Role role; /* as the admission last said */
    int fd;        /* connection of the last message, and its cookie (guard.h) */
    uint64_t cookie;
    bool greeted;   /* HELLO was answered */
    int64_t cut_ms; /* to be cut at this time; 0: not */
    struct beat beat;
    struct credit credit;
    struct peer *chain; /* next in the bucket */
    struct peer *older, *newer;
};

struct peers {
    struct peer *buckets[PEERS_BUCKETS];
    struct peer *oldest, *newest;
    size_t count;
};

/* peers_done - forgets all. */
void peers_done(struct peers *peers);

/* peers_find - NULL if there is none. */
struct peer *peers_find(const struct peers *peers, uint32_t route);

/* peers_add - a zeroed one, as the newest; there is none with that route and room for one more.
 * NULL when memory is out. */
struct peer *peers_add(struct peers *peers, uint32_t route);

/* peers_touch - it is now the newest. */
void peers_touch(struct peers *peers, struct peer *peer);

/* peers_remove - forgets and frees it. */
void peers_remove(struct peers *peers, struct peer *peer);

#endif
