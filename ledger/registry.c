/* registry.c - keys and units as one message. */
#include "ledger/registry.h"

#include <errno.h>

#include "ledger/lookup.h"

int ledger_registry_version(const struct ledger_view *view, struct arena *arena,
                            uint64_t *ret_version)
{
    Zb__StateRecord *state;
    int r = LEDGER_GET(view, TABLE_STATE, key_name(STATE_REGISTRY), arena, &state);
    if (r < 0 && r != -ENOENT)
        return r;
    *ret_version = r == 0 ? state->number : 0;
    return 0;
}

/* All records of a table; *ret_list is the arena's. */
static int load_all(const struct ledger_view *view, enum ledger_table table, size_t most,
                    struct arena *arena, ProtobufCMessage ***ret_list, size_t *ret_count)
{
    struct ledger_walk walk = ledger_walk(view, table, (struct ledger_key){ 0 });
    ProtobufCMessage **list = NULL;
    struct bytes key, value;
    size_t count = 0, room = 0;
    int r;
    while ((r = ledger_walk_next(&walk, arena, &key, &value)) == 0) {
        if (count == most)
            return -E2BIG;
        if (count == room) {
            room = room == 0 ? 64 : room * 2;
            ProtobufCMessage **grown = arena_calloc(arena, room, sizeof(*grown));
            if (grown == NULL)
                return -ENOMEM;
            if (count > 0)
                memcpy(grown, list, count * sizeof(ProtobufCMessage *));
            list = grown;
        }
        r = ledger_unpack(ledger_table_descriptor(table), value, arena, &list[count]);
        if (r < 0)
            return r;
        count++;
    }
    *ret_list = list;
    *ret_count = count;
    return r == -ENOENT ? 0 : r;
}

static int add_keys(const struct ledger_view *view, struct arena *arena, Zb__RegistryBody *body)
{
    ProtobufCMessage **list;
    size_t count;
    int r = load_all(view, TABLE_KEY, BOUND_REGISTRY_KEYS, arena, &list, &count);
    if (r < 0)
        return r;
    body->keys = arena_calloc(arena, count, sizeof(*body->keys));
    if (body->keys == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        Zb__RegistryKey *key = ((Zb__KeyRecord *)list[i])->key;
        if (key != NULL)
            body->keys[body->n_keys++] = key;
    }
    return 0;
}

static int add_units(const struct ledger_view *view, struct arena *arena, Zb__RegistryBody *body)
{
    ProtobufCMessage **list;
    size_t count;
    int r = load_all(view, TABLE_UNIT, BOUND_REGISTRY_UNITS, arena, &list, &count);
    if (r < 0)
        return r;
    Zb__UnitLink *link = arena_calloc(arena, count, sizeof(*link));
    body->units = arena_calloc(arena, count, sizeof(*body->units));
    if (link == NULL || body->units == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        zb__unit_link__init(&link[i]);
        link[i].id = ((Zb__UnitRecord *)list[i])->id;
        link[i].parent = ((Zb__UnitRecord *)list[i])->parent;
        body->units[i] = &link[i];
    }
    body->n_units = count;
    return 0;
}

int ledger_registry(const struct ledger_view *view, struct arena *arena, int64_t now_ms,
                    Zb__RegistryBody **ret_body)
{
    Zb__GenesisRecord *genesis;
    Zb__StateRecord *catalogue;
    Zb__RegistryBody *body = arena_alloc(arena, sizeof(*body));
    if (body == NULL)
        return -ENOMEM;
    zb__registry_body__init(body);
    int r = LEDGER_GET(view, TABLE_GENESIS, key_id(bytes_of("", 1)), arena, &genesis);
    if (r == 0)
        r = ledger_registry_version(view, arena, &body->version);
    if (r < 0)
        return r;
    body->algorithm = SEAL_BLAKE2B_ED25519;
    body->issued_ms = now_ms;
    body->simulated = genesis->simulated;
    if (genesis->ledger != NULL)
        body->ledger_key = genesis->ledger->id;
    r = LEDGER_GET(view, TABLE_STATE, key_name(STATE_CATALOGUE), arena, &catalogue);
    if (r == 0)
        body->active_catalogue = catalogue->bytes;
    else if (r != -ENOENT)
        return r;
    r = add_keys(view, arena, body);
    if (r == 0)
        r = add_units(view, arena, body);
    if (r == 0)
        *ret_body = body;
    return r;
}
