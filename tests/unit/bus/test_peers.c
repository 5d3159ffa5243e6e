/* The table of connected clients. */
#include "bus/peers.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct peers *table(void)
{
    struct peers *peers = calloc(1, sizeof(*peers));
    cr_assert(ne(ptr, peers, NULL));
    return peers;
}

Test(peers, are_found_by_route_and_forgotten_one_by_one)
{
    struct peers *peers = table();
    enum { COUNT = 10000 };
    for (uint32_t i = 0; i < COUNT; i++)
        cr_assert(ne(ptr, peers_add(peers, i * 7919u), NULL));
    cr_assert(eq(sz, peers->count, COUNT));
    for (uint32_t i = 0; i < COUNT; i++)
        cr_assert(eq(u32, peers_find(peers, i * 7919u)->route, i * 7919u));
    cr_assert(eq(ptr, peers_find(peers, 5), NULL));
    for (uint32_t i = 0; i < COUNT; i += 2)
        peers_remove(peers, peers_find(peers, i * 7919u));
    for (uint32_t i = 0; i < COUNT; i++)
        cr_assert(eq(int, peers_find(peers, i * 7919u) != NULL, (int)(i % 2)));
    peers_done(peers);
    cr_assert(eq(sz, peers->count, 0));
    free(peers);
}

Test(peers, stand_in_the_order_in_which_they_were_last_heard)
{
    struct peers *peers = table();
    struct peer *a = peers_add(peers, 1), *b = peers_add(peers, 2), *c = peers_add(peers, 3);
    cr_assert(eq(ptr, peers->oldest, a));
    peers_touch(peers, a);
    cr_assert(eq(ptr, peers->oldest, b));
    cr_assert(eq(ptr, peers->newest, a));
    peers_touch(peers, c);
    peers_touch(peers, c);
    cr_assert(eq(ptr, peers->newest, c));
    peers_remove(peers, a);
    cr_assert(eq(ptr, b->newer, c));
    cr_assert(eq(ptr, c->older, b));
    peers_remove(peers, c);
    cr_assert(eq(ptr, peers->oldest, b));
    cr_assert(eq(ptr, peers->newest, b));
    peers_done(peers);
    free(peers);
}

Test(peers, give_their_charges_memory_back)
{
    struct peers *peers = table();
    struct peer *a = peers_add(peers, 1);
    a->credit.limit_bytes = 100;
    cr_assert(eq(int, credit_charge(&a->credit, 1, 10), 0));
    peers_done(peers); /* LeakSanitizer would tell */
    free(peers);
}
