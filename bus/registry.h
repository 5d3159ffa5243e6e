/* registry.h - the signed list of who may speak, and for which units.
 *
 * Made by the ledger, signed, pulled by matchers; every admission and every message is checked
 * against it. Immutable once opened: a newer one replaces it whole. */
#ifndef BUS_REGISTRY_H
#define BUS_REGISTRY_H

#include "bus/key.h"

struct registry;

/* registry_open - checks the signature of the pinned ledger key and indexes the body.
 * Errors: -EBADMSG not decodable; -EKEYREJECTED not signed by `ledger`, or of another ledger.
 * Owns:   caller frees; keeps a copy of the body. */
int registry_open(struct bytes body, struct bytes signature, const struct seal_public *ledger,
                  struct registry **ret_registry, struct complaint *why);

/* registry_build - the same from records, for the ledger itself: signs with its key and gives the
 * body and signature to be sent (pointing into the registry). */
int registry_build(const Zb__RegistryBody *body, const struct seal_secret *ledger,
                   struct registry **ret_registry);
void registry_free(struct registry *registry);
CLEANUP_DEFINE(struct registry *, registry_free);

struct bytes registry_body(const struct registry *registry);
struct bytes registry_signature(const struct registry *registry);
/* registry_message - the body unpacked; lives as long as the registry. */
const Zb__RegistryBody *registry_message(const struct registry *registry);
uint64_t registry_version(const struct registry *registry);
int64_t registry_issued_ms(const struct registry *registry);
struct bytes registry_active_catalogue(const struct registry *registry);
bool registry_simulated(const struct registry *registry);

/* registry_by_link, registry_by_id - the key with that CURVE key or key id; NULL if there is none.
 * The result lives as long as the registry. State is the caller's to check. */
const Zb__RegistryKey *registry_by_link(const struct registry *registry, struct bytes link_public);
const Zb__RegistryKey *registry_by_id(const struct registry *registry, struct bytes id);

/* registry_covers - whether `unit` is `root` or below it. Unknown units are below nothing. */
bool registry_covers(const struct registry *registry, const char *root, const char *unit);

/* A set of roles, for what a server admits. */
#define ROLE_BIT(role) (1u << (unsigned)(role))

/* registry_admit - may the key with that link key connect, in one of the roles? Fills its id and
 * role and returns REFUSAL_NONE, or returns why not.
 * registry_check - the same of a key id that was admitted earlier, with its role by now. */
Zb__RefusalReason registry_admit(const struct registry *registry, unsigned roles,
                                 struct bytes link_public, struct id128 *ret_id,
                                 Zb__Role *ret_role);
Zb__RefusalReason registry_check(const struct registry *registry, unsigned roles, struct id128 id,
                                 Zb__Role *ret_role);

#endif
