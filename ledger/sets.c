/* sets.c - what one report does to the sets of its endpoint. */
#include "ledger/sets.h"

#include <errno.h>

#include "ledger/install.h"

/* The rows of one source after this report, and before it. */
static int change_set(const struct ruling *at, const struct set_change *change, size_t source,
                      struct rowset *ret_before, struct rowset *ret_after)
{
    const Zb__SourceState *state = change->event->sources[source];
    struct ledger_key key = key_set(change->number, change->producer, state->name);
    bool complete = state->complete && change->event->final;
    Zb__SetRecord *old;
    *ret_before = (struct rowset){ 0 };
    int r = LEDGER_GET(at->view, TABLE_SET, key, at->arena, &old);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == 0)
        r = rowset_unpack(blob_bytes(old->rows), at->arena, ret_before);
    else
        r = 0;
    if (r == 0)
        r = result_rows(at, change->result, source, ret_after);
    if (r == 0 && !complete)
        r = rowset_union(ret_before, ret_after, at->arena, ret_after);
    if (r < 0)
        return r;
    struct bytes packed = rowset_pack(ret_after, at->arena);
    if (packed.data == NULL)
        return -ENOMEM;
    Zb__SetRecord set = ZB__SET_RECORD__INIT;
    set.rows = blob_of(packed);
    set.scan_ms = change->scan_ms;
    set.complete = complete;
    emit_put(at->out, TABLE_SET, ledger_key_bytes(&key), &set.base);
    return output_error(at->out);
}

/* What sets show that this report does not speak of: of other producers, or of other sources. */
static int other_sets(const struct ruling *at, const struct set_change *change,
                      struct rowset *ret_rows)
{
    struct ledger_walk walk = ledger_walk(at->view, TABLE_SET, key_u64(change->number));
    struct bytes key, value;
    int r;
    *ret_rows = (struct rowset){ 0 };
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        bool named = false;
        if (key.size >= 24 && memcmp(key.data + 8, change->producer.b, 16) == 0)
            for (size_t i = 0; i < change->event->n_sources; i++)
                named = named || bytes_eq(bytes_of(key.data + 24, key.size - 24),
                                          bytes_str(change->event->sources[i]->name));
        if (named)
            continue;
        ProtobufCMessage *message;
        struct rowset rows;
        r = ledger_unpack(&zb__set_record__descriptor, value, at->arena, &message);
        if (r == 0)
            r = rowset_unpack(blob_bytes(((const Zb__SetRecord *)message)->rows), at->arena, &rows);
        if (r == 0)
            r = rowset_union(ret_rows, &rows, at->arena, ret_rows);
        if (r < 0)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

/* Sets, and the installs that follow from them. */
int sets_change(const struct ruling *at, const struct set_change *change)
{
    struct rowset before, after, added, removed;
    int r = other_sets(at, change, &before);
    after = before;
    for (size_t i = 0; r == 0 && i < change->event->n_sources; i++) {
        struct rowset old, new;
        r = change_set(at, change, i, &old, &new);
        if (r == 0)
            r = rowset_union(&before, &old, at->arena, &before);
        if (r == 0)
            r = rowset_union(&after, &new, at->arena, &after);
    }
    if (r == 0)
        r = rowset_minus(&after, &before, at->arena, &added);
    if (r == 0)
        r = rowset_minus(&before, &after, at->arena, &removed);
    if (r < 0)
        return r;
    const struct install_target target = { .unit = change->event->unit,
                                           .endpoint = change->number,
                                           .scan_ms = change->scan_ms };
    return install_change(at, &target, &added, &removed);
}
