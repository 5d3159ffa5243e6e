/* service.h - the matcher's parts, for its own files.
 *
 * Stateless: everything here may be lost at any moment. Collectors keep what is unsettled and send
 * it again; the ledger keeps what it wants judged and asks again.
 *
 *   collectors ──BATCH, RESUME──▶ server ──▶ admit, judge rows ──▶ client ──FORWARD──▶ ledger
 *              ◀─SETTLED, RESUMED──        ◀── by tag ──               ◀──────────────
 *                                                                      ◀──JUDGE──  VERDICTS──▶ */
#ifndef MATCHER_SERVICE_H
#define MATCHER_SERVICE_H

#include "base/daemon.h"
#include "bus/link.h"
#include "bus/registry.h"
#include "matcher/catalogue.h"

extern const struct config_table matcher_config;         /* "catalogue" */
extern const struct config_table matcher_foreign_config; /* sections that others read */

int matcher_start(struct daemon *daemon, void **ret_state, struct complaint *why);
int matcher_run(struct daemon *daemon, void *state);
void matcher_stop(struct daemon *daemon, void *state);

/* ---- shelf.c: the catalogues this matcher can judge by ---- */

struct shelf;

/* shelf_new - over the folder of packages `packages` and the folder of compiled forms `compiled`. */
int shelf_new(const char *packages, const char *compiled, struct shelf **ret_shelf);
void shelf_free(struct shelf *shelf);

/* shelf_want - makes the catalogue with that digest the one to judge by, compiling its package if
 * need be. 0 when it is open now; -ENOENT no such package here yet: asked again later. */
int shelf_want(struct shelf *shelf, struct digest digest, struct complaint *why);

/* shelf_open - the open catalogue; NULL while there is none. */
const struct catalogue *shelf_catalogue(const struct shelf *shelf);

/* ---- routes.c: which collector waits for which answer ---- */

struct routes;

struct route {
    uint64_t tag;      /* towards the ledger; 0: free */
    uint64_t peer_tag; /* what the collector called it */
    struct bus_peer peer;
    int64_t since_mono_ms;
};

int routes_new(size_t cap, struct routes **ret_routes);
void routes_free(struct routes *routes);

/* routes_add - a tag for a frame on its way to the ledger; 0 when all places are taken. The oldest
 * route gives way when it has waited longer than ROUTE_MAX_MS: its collector sends again. */
uint64_t routes_add(struct routes *routes, struct bus_peer peer, uint64_t peer_tag,
                    int64_t mono_ms);

/* routes_take - the route of an answer, removed; false when nobody waits for it any more. */
bool routes_take(struct routes *routes, uint64_t tag, struct route *ret_route);

/* routes_take_any - some route, removed; false when there is none. */
bool routes_take_any(struct routes *routes, struct route *ret_route);

size_t routes_count(const struct routes *routes);

#endif
