/* routes.c - answers find their way back by tag. Bounded: a place is a frame under way. */
#include <errno.h>
#include <stdlib.h>

#include "matcher/service.h"

enum { ROUTE_MAX_MS = 60 * 1000 };

struct routes {
    size_t cap;
    size_t count;
    uint64_t next; /* tags are next, next + 1 ...; place = tag mod cap */
    struct route *at;
};

int routes_new(size_t cap, struct routes **ret_routes)
{
    struct routes *routes = calloc(1, sizeof(*routes));
    if (routes != NULL)
        routes->at = calloc(cap, sizeof(*routes->at));
    if (routes == NULL || routes->at == NULL) {
        free(routes);
        return -ENOMEM;
    }
    routes->cap = cap;
    routes->next = 1;
    *ret_routes = routes;
    return 0;
}

void routes_free(struct routes *routes)
{
    if (routes == NULL)
        return;
    free(routes->at);
    free(routes);
}

uint64_t routes_add(struct routes *routes, struct bus_peer peer, uint64_t peer_tag, int64_t mono_ms)
{
    /* Answers come nearly in order, so the next place is nearly always free; else look on. */
    for (size_t tried = 0; tried < routes->cap; tried++) {
        uint64_t tag = routes->next++;
        struct route *place = &routes->at[tag % routes->cap];
        bool is_free = place->tag == 0;
        if (!is_free && mono_ms - place->since_mono_ms <= ROUTE_MAX_MS)
            continue;
        routes->count += is_free ? 1 : 0;
        *place = (struct route){
            .tag = tag, .peer_tag = peer_tag, .peer = peer, .since_mono_ms = mono_ms
        };
        return tag;
    }
    return 0;
}

bool routes_take(struct routes *routes, uint64_t tag, struct route *ret_route)
{
    struct route *place = &routes->at[tag % routes->cap];
    if (tag == 0 || place->tag != tag)
        return false;
    *ret_route = *place;
    *place = (struct route){ 0 };
    routes->count--;
    return true;
}

bool routes_take_any(struct routes *routes, struct route *ret_route)
{
    for (size_t i = 0; routes->count > 0 && i < routes->cap; i++)
        if (routes->at[i].tag != 0)
            return routes_take(routes, routes->at[i].tag, ret_route);
    return false;
}

size_t routes_count(const struct routes *routes)
{
    return routes->count;
}
