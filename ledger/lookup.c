/* lookup.c - reading what several rules ask for. */
#include "ledger/lookup.h"

#include <errno.h>

int state_get(const struct ruling *at, const char *name, Zb__StateRecord **ret_state)
{
    int r = LEDGER_GET(at->view, TABLE_STATE, key_name(name), at->arena, ret_state);
    if (r != -ENOENT)
        return r;
    Zb__StateRecord *empty = arena_alloc(at->arena, sizeof(*empty));
    if (empty == NULL)
        return -ENOMEM;
    zb__state_record__init(empty);
    *ret_state = empty;
    return 0;
}

void state_put(const struct ruling *at, const char *name, const Zb__StateRecord *state)
{
    struct ledger_key key = key_name(name);
    emit_put(at->out, TABLE_STATE, ledger_key_bytes(&key), &state->base);
}

int state_bump(const struct ruling *at, const char *name)
{
    Zb__StateRecord *state;
    int r = state_get(at, name, &state);
    if (r < 0)
        return r;
    state->number++;
    state_put(at, name, state);
    return output_error(at->out);
}

int unit_covers(const struct ledger_view *view, const char *root, const char *unit,
                struct arena *arena)
{
    for (int depth = 0; depth <= UNIT_DEPTH_MAX && unit[0] != '\0'; depth++) {
        Zb__UnitRecord *record;
        int r = LEDGER_GET(view, TABLE_UNIT, key_text(unit), arena, &record);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        if (root[0] == '\0' || strcmp(root, unit) == 0)
            return 1;
        unit = record->parent;
    }
    return 0;
}

int key_is_active(const struct ruling *at, struct id128 id, Zb__Role role, bool *ret_active)
{
    Zb__KeyRecord *record;
    *ret_active = false;
    int r = LEDGER_GET(at->view, TABLE_KEY, key_id(id128_bytes(&id)), at->arena, &record);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    *ret_active =
        record->key != NULL && record->key->role == role && record->key->state == KEY_ACTIVE;
    return 0;
}

int active_catalogue(const struct ruling *at, struct digest *ret_digest)
{
    Zb__StateRecord *state;
    int r = state_get(at, STATE_CATALOGUE, &state);
    if (r < 0)
        return r;
    return digest_of(blob_bytes(state->bytes), ret_digest) ? 0 : -ENOENT;
}

struct id128 private_salt(const struct ledger_rules *rules, struct bytes cause, const char *kind)
{
    return seal_id128(SEAL_PARTS(id128_bytes(&rules->salt_seed), cause, bytes_str(kind)));
}

int private_get(const struct ruling *at, struct bytes handle, Zb__PrivateRecord **ret_record)
{
    return LEDGER_GET(at->view, TABLE_PRIVATE, key_id(handle), at->arena, ret_record);
}

int endpoint_seen_ms(const struct ledger_view *view, uint64_t endpoint, struct arena *arena,
                     int64_t *ret_ms)
{
    int64_t newest = 0;
    struct ledger_walk walk = ledger_walk(view, TABLE_SEEN, key_u64(endpoint));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, arena, &key, &value)) == 0) {
        if (value.size != 24)
            return -EBADMSG;
        int64_t scan_ms = (int64_t)get_u64be(value.data + 16);
        newest = scan_ms > newest ? scan_ms : newest;
    }
    *ret_ms = newest;
    return r == -ENOENT ? 0 : r;
}

static bool report_is_complete(const Zb__ReportRecord *report)
{
    for (size_t i = 0; i < report->n_sources; i++)
        if (!report->sources[i]->complete)
            return false;
    return report->n_sources > 0;
}

int endpoint_complete_ms(const struct ledger_view *view, uint64_t endpoint, struct arena *arena,
                         int64_t *ret_ms)
{
    int64_t newest = 0;
    struct ledger_walk walk = ledger_walk(view, TABLE_REPORT, key_u64(endpoint));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, arena, &key, &value)) == 0) {
        ProtobufCMessage *message;
        r = ledger_unpack(&zb__report_record__descriptor, value, arena, &message);
        if (r < 0)
            return r;
        const Zb__ReportRecord *report = (const Zb__ReportRecord *)message;
        newest = report->complete_ms > newest ? report->complete_ms : newest;
        if (report->complete_ms == 0 || report->complete_ms != report->scan_ms ||
            !report_is_complete(report))
            continue;
        struct bytes seen;
        r = ledger_get_bytes(view, TABLE_SEEN, key_id(key), arena, &seen);
        if (r == 0 && seen.size == 24 && (int64_t)get_u64be(seen.data + 16) > newest)
            newest = (int64_t)get_u64be(seen.data + 16);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    *ret_ms = newest;
    return r == -ENOENT ? 0 : r;
}

bool endpoint_is_stale(const struct ruling *at, int64_t seen_ms)
{
    return at->now_ms - seen_ms > (int64_t)at->rules->stale_days * MS_A_DAY;
}

int endpoint_rows(const struct ruling *at, uint64_t endpoint, struct rowset *ret_rows)
{
    struct rowset all = { 0 };
    struct ledger_walk walk = ledger_walk(at->view, TABLE_SET, key_u64(endpoint));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        ProtobufCMessage *message;
        struct rowset rows;
        r = ledger_unpack(&zb__set_record__descriptor, value, at->arena, &message);
        if (r == 0)
            r = rowset_unpack(blob_bytes(((const Zb__SetRecord *)message)->rows), at->arena, &rows);
        if (r == 0)
            r = rowset_union(&all, &rows, at->arena, &all);
        if (r < 0)
            return r;
    }
    if (r != -ENOENT)
        return r;
    *ret_rows = all;
    return 0;
}
