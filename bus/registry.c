/* registry.c - a registry body with its indices: keys by link key and by id, units by id. */
#include "bus/registry.h"

#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "proto/blob.h"
#include "proto/frame.h"

enum {
    REGISTRY_ARENA_BYTES = 2 * BOUND_DECODE_ARENA_BYTES, /* body, structures and indices */
};

/* One unit of the tree, sorted by id. */
struct unit {
    struct bytes id;
    const char *parent_id;
    size_t parent; /* index of the parent, or NO_UNIT */
};

#define NO_UNIT SIZE_MAX

struct registry {
    struct arena *arena; /* everything below */
    struct bytes body;
    struct seal_signature signature;
    const Zb__RegistryBody *content;
    const Zb__RegistryKey **by_link; /* content->n_keys, ascending link key */
    const Zb__RegistryKey **by_id;   /* content->n_keys, ascending id */
    struct unit *units;              /* content->n_units, ascending id */
};

static int refuse(struct complaint *why, const char *what)
{
    complaint_at(why, "registry");
    return complain(why, -EBADMSG, "pull it again from the ledger", "%s", what);
}

/* ---- indices --------------------------------------------------------------------------------- */

static int key_cmp_link(const void *a, const void *b)
{
    const Zb__RegistryKey *const *x = a, *const *y = b;
    return bytes_cmp(blob_bytes((*x)->link_public), blob_bytes((*y)->link_public));
}

static int key_cmp_id(const void *a, const void *b)
{
    const Zb__RegistryKey *const *x = a, *const *y = b;
    return bytes_cmp(blob_bytes((*x)->id), blob_bytes((*y)->id));
}

static int unit_cmp(const void *a, const void *b)
{
    const struct unit *x = a, *y = b;
    return bytes_cmp(x->id, y->id);
}

static size_t unit_find(const struct registry *registry, struct bytes id)
{
    if (registry->content->n_units == 0)
        return NO_UNIT;
    struct unit wanted = { .id = id };
    const struct unit *unit =
        bsearch(&wanted, registry->units, registry->content->n_units, sizeof(wanted), unit_cmp);
    return unit == NULL ? NO_UNIT : (size_t)(unit - registry->units);
}

static int key_check(const Zb__RegistryKey *key, struct complaint *why)
{
    struct seal_public sign_public;
    struct id128 id;
    if (key->sign_public.len != sizeof(sign_public.b) || key->link_public.len != LINK_KEY_BYTES)
        return refuse(why, "a key has the wrong size");
    memcpy(sign_public.b, key->sign_public.data, sizeof(sign_public.b));
    if (!id128_of(blob_bytes(key->id), &id) || !id128_eq(id, seal_key_id(&sign_public)))
        return refuse(why, "a key's id is not that of its signing key");
    if (key->role == ROLE_NONE || key->state == KEY_STATE_NONE)
        return refuse(why, "a key has no role or no state");
    return 0;
}

static int keys_index(struct registry *registry, struct complaint *why)
{
    size_t count = registry->content->n_keys;
    registry->by_link = arena_calloc(registry->arena, count, sizeof(*registry->by_link));
    registry->by_id = arena_calloc(registry->arena, count, sizeof(*registry->by_id));
    if (registry->by_link == NULL || registry->by_id == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int r = key_check(registry->content->keys[i], why);
        if (r < 0)
            return r;
        registry->by_link[i] = registry->by_id[i] = registry->content->keys[i];
    }
    qsort(registry->by_link, count, sizeof(*registry->by_link), key_cmp_link);
    qsort(registry->by_id, count, sizeof(*registry->by_id), key_cmp_id);
    for (size_t i = 1; i < count; i++)
        if (key_cmp_link(&registry->by_link[i - 1], &registry->by_link[i]) == 0 ||
            key_cmp_id(&registry->by_id[i - 1], &registry->by_id[i]) == 0)
            return refuse(why, "two entries have the same key");
    return 0;
}

/* Whether every unit leads to a root. `state` per unit: 0 unknown, 1 on the present path, 2 good.
 * Each unit is passed twice at most, however deep the tree is. */
static bool units_are_a_tree(const struct registry *registry, uint8_t *state)
{
    for (size_t i = 0; i < registry->content->n_units; i++) {
        size_t at = i;
        while (at != NO_UNIT && state[at] == 0) {
            state[at] = 1;
            at = registry->units[at].parent;
        }
        if (at != NO_UNIT && state[at] == 1)
            return false;
        for (at = i; at != NO_UNIT && state[at] == 1; at = registry->units[at].parent)
            state[at] = 2;
    }
    return true;
}

static int units_index(struct registry *registry, struct complaint *why)
{
    size_t count = registry->content->n_units;
    uint8_t *state = arena_calloc(registry->arena, count, sizeof(*state));
    registry->units = arena_calloc(registry->arena, count, sizeof(*registry->units));
    if (registry->units == NULL || state == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const Zb__UnitLink *link = registry->content->units[i];
        registry->units[i] = (struct unit){ .id = bytes_str(link->id), .parent_id = link->parent };
    }
    qsort(registry->units, count, sizeof(*registry->units), unit_cmp);
    for (size_t i = 0; i < count; i++) {
        struct unit *unit = &registry->units[i];
        if (unit->id.size == 0)
            return refuse(why, "a unit has no id");
        if (i > 0 && unit_cmp(unit - 1, unit) == 0)
            return refuse(why, "two units have the same id");
        unit->parent = NO_UNIT;
        if (unit->parent_id[0] == '\0')
            continue;
        unit->parent = unit_find(registry, bytes_str(unit->parent_id));
        if (unit->parent == NO_UNIT)
            return refuse(why, "a unit's parent is missing");
    }
    return units_are_a_tree(registry, state) ? 0 : refuse(why, "units go round in a circle");
}

/* ---- opening --------------------------------------------------------------------------------- */

static int registry_make(struct bytes body, struct registry **ret_registry)
{
    CLEANUP(registry_freep) struct registry *registry = calloc(1, sizeof(*registry));
    if (registry == NULL)
        return -ENOMEM;
    registry->arena = arena_new(REGISTRY_ARENA_BYTES);
    if (registry->arena == NULL)
        return -ENOMEM; // NOLINT(clang-analyzer-unix.Malloc): CLEANUP frees it
    const uint8_t *copy = arena_dup(registry->arena, body.data, body.size);
    if (copy == NULL)
        return -ENOMEM;
    registry->body = bytes_of(copy, body.size);
    *ret_registry = TAKE_PTR(registry);
    return 0;
}

static int registry_index(struct registry *registry, struct complaint *why)
{
    Zb__RegistryBody *content = NULL;
    int r = MESSAGE_UNPACK(registry_body, registry->body, registry->arena, &content, why);
    if (r < 0)
        return r;
    registry->content = content;
    if (content->algorithm != SEAL_BLAKE2B_ED25519)
        return refuse(why, "made with an algorithm that this version does not know");
    r = keys_index(registry, why);
    return r < 0 ? r : units_index(registry, why);
}

int registry_open(struct bytes body, struct bytes signature, const struct seal_public *ledger,
                  struct registry **ret_registry, struct complaint *why)
{
    complaint_at(why, "registry");
    if (!seal_verify(ledger, PURPOSE_REGISTRY, body, signature))
        return complain(why, -EKEYREJECTED, "pin the slip of the ledger that this home reports to",
                        "not signed by the pinned ledger key");
    CLEANUP(registry_freep) struct registry *registry = NULL;
    int r = registry_make(body, &registry);
    if (r < 0)
        return r;
    memcpy(registry->signature.b, signature.data, sizeof(registry->signature.b));
    r = registry_index(registry, why);
    if (r < 0)
        return r;
    struct id128 id = seal_key_id(ledger);
    if (!bytes_eq(blob_bytes(registry->content->ledger_key), bytes_of(id.b, sizeof(id.b))))
        return complain(why, -EKEYREJECTED, "ask the ledger's administrator",
                        "signed by the pinned ledger, but names another as its own");
    *ret_registry = TAKE_PTR(registry);
    return 0;
}

int registry_build(const Zb__RegistryBody *body, const struct seal_secret *ledger,
                   struct registry **ret_registry)
{
    CLEANUP(buf_done) struct buf packed = BUF_INIT(BOUND_EXPANDED_BYTES);
    CLEANUP(registry_freep) struct registry *registry = NULL;
    int r = message_pack(&body->base, &packed);
    if (r == 0)
        r = registry_make(buf_bytes(&packed), &registry);
    if (r == 0)
        r = registry_index(registry, NULL);
    if (r != 0)
        return r == -EBADMSG ? -EINVAL : r;
    registry->signature = seal_sign(ledger, PURPOSE_REGISTRY, registry->body);
    *ret_registry = TAKE_PTR(registry);
    return 0;
}

void registry_free(struct registry *registry)
{
    if (registry == NULL)
        return;
    arena_free(registry->arena);
    free(registry);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct bytes registry_body(const struct registry *registry)
{
    return registry->body;
}

struct bytes registry_signature(const struct registry *registry)
{
    return bytes_of(registry->signature.b, sizeof(registry->signature.b));
}

const Zb__RegistryBody *registry_message(const struct registry *registry)
{
    return registry->content;
}

uint64_t registry_version(const struct registry *registry)
{
    return registry->content->version;
}

int64_t registry_issued_ms(const struct registry *registry)
{
    return registry->content->issued_ms;
}

struct bytes registry_active_catalogue(const struct registry *registry)
{
    return blob_bytes(registry->content->active_catalogue);
}

bool registry_simulated(const struct registry *registry)
{
    return registry->content->simulated;
}

static const Zb__RegistryKey *key_find(const Zb__RegistryKey *const *keys, size_t count,
                                       const Zb__RegistryKey *wanted,
                                       int (*cmp)(const void *, const void *))
{
    if (count == 0)
        return NULL;
    const Zb__RegistryKey *const *found = bsearch(&wanted, keys, count, sizeof(*keys), cmp);
    return found == NULL ? NULL : *found;
}

const Zb__RegistryKey *registry_by_link(const struct registry *registry, struct bytes link_public)
{
    Zb__RegistryKey wanted = ZB__REGISTRY_KEY__INIT;
    wanted.link_public = (ProtobufCBinaryData){ link_public.size, (uint8_t *)link_public.data };
    return key_find(registry->by_link, registry->content->n_keys, &wanted, key_cmp_link);
}

const Zb__RegistryKey *registry_by_id(const struct registry *registry, struct bytes id)
{
    Zb__RegistryKey wanted = ZB__REGISTRY_KEY__INIT;
    wanted.id = (ProtobufCBinaryData){ id.size, (uint8_t *)id.data };
    return key_find(registry->by_id, registry->content->n_keys, &wanted, key_cmp_id);
}

bool registry_covers(const struct registry *registry, const char *root, const char *unit)
{
    size_t top = unit_find(registry, bytes_str(root));
    size_t at = unit_find(registry, bytes_str(unit));
    while (top != NO_UNIT && at != NO_UNIT && at != top)
        at = registry->units[at].parent;
    return top != NO_UNIT && at == top;
}

/* ---- admission ------------------------------------------------------------------------------- */

static Zb__RefusalReason key_refusal(const Zb__RegistryKey *key, unsigned roles)
{
    if (key == NULL)
        return REFUSAL_UNKNOWN_KEY;
    if (key->state == KEY_REVOKED)
        return REFUSAL_REVOKED_KEY;
    if (key->state == KEY_QUARANTINED)
        return REFUSAL_QUARANTINED;
    return (roles & ROLE_BIT(key->role)) != 0 ? REFUSAL_NONE : REFUSAL_WRONG_ROLE;
}

Zb__RefusalReason registry_admit(const struct registry *registry, unsigned roles,
                                 struct bytes link_public, struct id128 *ret_id, Zb__Role *ret_role)
{
    const Zb__RegistryKey *key = registry_by_link(registry, link_public);
    Zb__RefusalReason reason = key_refusal(key, roles);
    if (reason == REFUSAL_NONE) {
        (void)id128_of(blob_bytes(key->id), ret_id); /* sizes were checked when it was opened */
        *ret_role = key->role;
    }
    return reason;
}

Zb__RefusalReason registry_check(const struct registry *registry, unsigned roles, struct id128 id,
                                 Zb__Role *ret_role)
{
    const Zb__RegistryKey *key = registry_by_id(registry, bytes_of(id.b, sizeof(id.b)));
    if (key != NULL)
        *ret_role = key->role;
    return key_refusal(key, roles);
}
