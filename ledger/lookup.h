/* lookup.h - small questions that several rules ask of the tables. */
#ifndef LEDGER_LOOKUP_H
#define LEDGER_LOOKUP_H

#include "ledger/rowset.h"
#include "ledger/rules.h"

enum {
    UNIT_DEPTH_MAX = 32, /* of the tree; unit.add holds to it */
    MS_A_DAY = 24 * 60 * 60 * 1000,
};

/* Names in table `state`. */
#define STATE_REGISTRY \
    "registry_version"                  /* number; bumped by every change of key, unit, catalogue */
#define STATE_CATALOGUE     "catalogue" /* bytes: digest of the active one */
#define STATE_MATCHERS      "matchers"  /* number of active matcher keys */
#define STATE_RECOUNT       "recount"   /* recount.h */
#define STATE_RECOUNT_AGAIN "recount_again"

/* state_get - the record, or an empty one. Errors of the view. */
int state_get(const struct ruling *at, const char *name, Zb__StateRecord **ret_state);
void state_put(const struct ruling *at, const char *name, const Zb__StateRecord *state);

/* state_bump - number + 1, as an effect of the entry begun last. */
int state_bump(const struct ruling *at, const char *name);

/* unit_covers - whether `unit` is `root` or below it; an empty root covers every known unit.
 * 1, 0 (also for an unknown unit) or an error. */
int unit_covers(const struct ledger_view *view, const char *root, const char *unit,
                struct arena *arena);

/* key_is_active - whether the key is enrolled, active, and of that role. */
int key_is_active(const struct ruling *at, struct id128 id, Zb__Role role, bool *ret_active);

/* active_catalogue - its digest; -ENOENT while none is active. */
int active_catalogue(const struct ruling *at, struct digest *ret_digest);

/* private_salt - H(seed ‖ cause ‖ kind): a salt that the same decision gives again and nobody
 * guesses without the seed. */
struct id128 private_salt(const struct ledger_rules *rules, struct bytes cause, const char *kind);

/* private_get - a private value by handle. -ENOENT when it was erased. */
int private_get(const struct ruling *at, struct bytes handle, Zb__PrivateRecord **ret_record);

/* endpoint_seen_ms - the newest scan of an endpoint by any producer, 0 if none. */
int endpoint_seen_ms(const struct ledger_view *view, uint64_t endpoint, struct arena *arena,
                     int64_t *ret_ms);

/* endpoint_complete_ms - the newest scan of an endpoint in which every source was complete, 0 if
 * none. An unchanged report of a complete result counts, though only `seen` tells of it. */
int endpoint_complete_ms(const struct ledger_view *view, uint64_t endpoint, struct arena *arena,
                         int64_t *ret_ms);

/* endpoint_is_stale - whether it was last seen longer ago than the look-back. */
bool endpoint_is_stale(const struct ruling *at, int64_t seen_ms);

/* endpoint_rows - the union of all sets of an endpoint: what is on it. */
int endpoint_rows(const struct ruling *at, uint64_t endpoint, struct rowset *ret_rows);

#endif
