/* peers.c - a hash table of fixed width with a list through it. */
#include "bus/peers.h"

#include <assert.h>
#include <stdlib.h>

static struct peer **bucket_of(struct peers *peers, uint32_t route)
{
    return &peers->buckets[route % PEERS_BUCKETS]; /* the socket gives consecutive numbers */
}

struct peer *peers_find(const struct peers *peers, uint32_t route)
{
    struct peer *peer = peers->buckets[route % PEERS_BUCKETS];
    while (peer != NULL && peer->route != route)
        peer = peer->chain;
    return peer;
}

static void list_append(struct peers *peers, struct peer *peer)
{
    peer->newer = NULL;
    peer->older = peers->newest;
    if (peers->newest != NULL)
        peers->newest->newer = peer;
    else
        peers->oldest = peer;
    peers->newest = peer;
}

static void list_remove(struct peers *peers, struct peer *peer)
{
    if (peer->older != NULL)
        peer->older->newer = peer->newer;
    else
        peers->oldest = peer->newer;
    if (peer->newer != NULL)
        peer->newer->older = peer->older;
    else
        peers->newest = peer->older;
}

struct peer *peers_add(struct peers *peers, uint32_t route)
{
    assert(peers->count < PEERS_MAX);
    struct peer *peer = calloc(1, sizeof(*peer));
    if (peer == NULL)
        return NULL;
    peer->route = route;
    peer->chain = *bucket_of(peers, route);
    *bucket_of(peers, route) = peer;
    list_append(peers, peer);
    peers->count++;
    return peer;
}

void peers_touch(struct peers *peers, struct peer *peer)
{
    if (peers->newest == peer)
        return;
    list_remove(peers, peer);
    list_append(peers, peer);
}

void peers_remove(struct peers *peers, struct peer *peer)
{
    struct peer **at = bucket_of(peers, peer->route);
    while (*at != peer)
        at = &(*at)->chain;
    *at = peer->chain;
    list_remove(peers, peer);
    credit_done(&peer->credit);
    free(peer);
    peers->count--;
}

void peers_done(struct peers *peers)
{
    while (peers->oldest != NULL)
        peers_remove(peers, peers->oldest);
}
