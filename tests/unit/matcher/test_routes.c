/* routes: an answer finds its collector once; places are bounded and given back. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "matcher/service.h"

CLEANUP_DEFINE(struct routes *, routes_free);

enum { PLACES = 4, LONGEST_MS = 60 * 1000 };

static struct routes *make(void)
{
    struct routes *routes = NULL;
    cr_assert(eq(int, routes_new(PLACES, &routes), 0));
    return routes;
}

static const struct bus_peer nobody;

static uint64_t add(struct routes *routes, uint64_t peer_tag, int64_t mono_ms)
{
    return routes_add(routes, nobody, peer_tag, mono_ms);
}

static void leads_to(struct routes *routes, uint64_t tag, uint64_t peer_tag)
{
    struct route route = { 0 };
    cr_assert(routes_take(routes, tag, &route), "tag %d", (int)tag);
    cr_assert(eq(u64, route.tag, tag));
    cr_assert(eq(u64, route.peer_tag, peer_tag));
}

static void leads_nowhere(struct routes *routes, uint64_t tag)
{
    struct route route = { .peer_tag = 77 };
    cr_assert(not(routes_take(routes, tag, &route)), "tag %d", (int)tag);
    cr_assert(eq(u64, route.peer_tag, 77), "untouched");
}

Test(routes, lead_each_answer_back_once)
{
    CLEANUP(routes_freep) struct routes *routes = make();
    uint64_t a = add(routes, 100, 0), b = add(routes, 200, 0);
    cr_assert(a != 0 && b != 0 && a != b);
    cr_assert(eq(sz, routes_count(routes), 2));
    leads_to(routes, b, 200);
    leads_nowhere(routes, b);
    leads_to(routes, a, 100);
    leads_nowhere(routes, a);
    cr_assert(eq(sz, routes_count(routes), 0));
}

Test(routes, are_all_taken_when_the_line_breaks)
{
    CLEANUP(routes_freep) struct routes *routes = make();
    struct route route = { 0 };
    cr_assert(not(routes_take_any(routes, &route)), "there is none");
    uint64_t a = add(routes, 100, 0), b = add(routes, 200, 0);
    uint64_t sum = 0;
    while (routes_take_any(routes, &route))
        sum += route.peer_tag;
    cr_assert(eq(u64, sum, 300));
    cr_assert(eq(sz, routes_count(routes), 0));
    leads_nowhere(routes, a);
    leads_nowhere(routes, b);
}

Test(routes, know_no_tag_that_was_never_given)
{
    CLEANUP(routes_freep) struct routes *routes = make();
    uint64_t a = add(routes, 100, 0);
    leads_nowhere(routes, 0);
    leads_nowhere(routes, PLACES);
    leads_nowhere(routes, a + PLACES); /* the same place */
    leads_nowhere(routes, UINT64_MAX);
    cr_assert(eq(sz, routes_count(routes), 1));
    leads_to(routes, a, 100);
}

Test(routes, go_round_the_places_many_times)
{
    CLEANUP(routes_freep) struct routes *routes = make();
    uint64_t last = 0;
    for (uint64_t i = 0; i < 100 * PLACES; i++) {
        uint64_t tag = add(routes, i, 0);
        cr_assert(gt(u64, tag, last), "tags are never given twice");
        last = tag;
        leads_to(routes, tag, i);
    }
}

Test(routes, pass_over_places_that_are_taken)
{
    CLEANUP(routes_freep) struct routes *routes = make();
    uint64_t kept = add(routes, 1, 0);
    for (uint64_t i = 0; i < 10 * PLACES; i++) {
        uint64_t tag = add(routes, i, 1);
        cr_assert(ne(u64, tag, 0));
        leads_to(routes, tag, i);
    }
    leads_to(routes, kept, 1);
}

Test(routes, say_when_all_places_are_taken)
{
    CLEANUP(routes_freep) struct routes *routes = make();
    uint64_t tags[PLACES];
    for (size_t i = 0; i < PLACES; i++)
        tags[i] = add(routes, i, 0);
    for (int again = 0; again < 3; again++)
        cr_assert(eq(u64, add(routes, 99, LONGEST_MS), 0));
    cr_assert(eq(sz, routes_count(routes), PLACES));
    leads_to(routes, tags[2], 2);
    uint64_t next = add(routes, 99, LONGEST_MS);
    cr_assert(ne(u64, next, 0));
    leads_to(routes, tags[0], 0);
    leads_to(routes, next, 99);
}

Test(routes, give_way_when_they_have_waited_too_long)
{
    CLEANUP(routes_freep) struct routes *routes = make();
    uint64_t old = add(routes, 1, 0);
    for (size_t i = 1; i < PLACES; i++)
        cr_assert(ne(u64, add(routes, 10 + i, 30 * 1000), 0));
    cr_assert(eq(u64, add(routes, 2, LONGEST_MS), 0));
    uint64_t fresh = add(routes, 2, LONGEST_MS + 1);
    cr_assert(ne(u64, fresh, 0));
    cr_assert(eq(sz, routes_count(routes), PLACES), "one went, one came");
    leads_nowhere(routes, old);
    leads_to(routes, fresh, 2);
    cr_assert(eq(u64, add(routes, 3, LONGEST_MS + 1) != 0, 1), "its place is free");
    cr_assert(eq(u64, add(routes, 4, LONGEST_MS + 1), 0));
}

Test(routes, can_be_freed_with_answers_outstanding)
{
    struct routes *routes = make();
    (void)add(routes, 1, 0); /* nobody will ask */
    routes_free(routes);
    routes_free(NULL);
}
