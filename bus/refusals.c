/* refusals.c - totals by reason with the first few keys. */
#include "bus/refusals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    REASONS = REFUSAL_NO_CREDIT + 1,
    KEY_BYTES_MAX = 32,
    TOLD_EVERY_MS = 60 * 1000, /* design: each minute */
};

#define REASON_PREFIX "REFUSAL_"

struct total {
    uint64_t count;
    size_t keys;
    struct {
        uint8_t b[KEY_BYTES_MAX];
        size_t size;
    } key[BOUND_REFUSAL_KEYS];
};

struct refusals {
    struct total total[REASONS];
    bool any;        /* something was counted since it was told ... */
    bool told;       /* ... which it was ... */
    int64_t told_ms; /* ... at this monotonic time */
};

const char *refusal_name(Zb__RefusalReason reason)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&zb__refusal_reason__descriptor, (int)reason);
    return value == NULL ? "?" : value->name + sizeof(REASON_PREFIX) - 1;
}

int refusals_new(struct refusals **ret_refusals)
{
    *ret_refusals = calloc(1, sizeof(**ret_refusals));
    return *ret_refusals == NULL ? -ENOMEM : 0;
}

void refusals_free(struct refusals *refusals)
{
    free(refusals);
}

void refusals_count(struct refusals *refusals, Zb__RefusalReason reason, struct bytes key)
{
    if ((unsigned)reason >= REASONS)
        return;
    struct total *total = &refusals->total[reason];
    total->count++;
    refusals->any = true;
    if (key.size > KEY_BYTES_MAX || key.size == 0 || total->keys == BOUND_REFUSAL_KEYS)
        return;
    for (size_t i = 0; i < total->keys; i++)
        if (bytes_eq(bytes_of(total->key[i].b, total->key[i].size), key))
            return;
    memcpy(total->key[total->keys].b, key.data, key.size);
    total->key[total->keys++].size = key.size;
}

const Zb__Refusals *refusals_report(const struct refusals *refusals, int64_t since_ms,
                                    struct arena *arena)
{
    Zb__Refusals *report = arena_alloc(arena, sizeof(*report));
    if (report == NULL)
        return NULL;
    zb__refusals__init(report);
    report->since_ms = since_ms;
    report->totals = arena_calloc(arena, REASONS, sizeof(*report->totals));
    if (report->totals == NULL)
        return NULL;
    for (size_t reason = 0; reason < REASONS; reason++) {
        const struct total *total = &refusals->total[reason];
        if (total->count == 0)
            continue;
        Zb__RefusalTotal *out = arena_alloc(arena, sizeof(*out));
        if (out == NULL)
            return NULL;
        zb__refusal_total__init(out);
        out->reason = (Zb__RefusalReason)reason;
        out->count = total->count;
        out->keys = arena_calloc(arena, total->keys + 1, sizeof(*out->keys));
        if (out->keys == NULL)
            return NULL;
        for (; out->n_keys < total->keys; out->n_keys++) {
            out->keys[out->n_keys].data =
                arena_dup(arena, total->key[out->n_keys].b, total->key[out->n_keys].size);
            if (out->keys[out->n_keys].data == NULL)
                return NULL;
            out->keys[out->n_keys].len = total->key[out->n_keys].size;
        }
        report->totals[report->n_totals++] = out;
    }
    return report->n_totals == 0 ? NULL : report;
}

bool refusals_due(const struct refusals *refusals, int64_t mono_ms)
{
    return refusals != NULL && refusals->any &&
           (!refusals->told || mono_ms - refusals->told_ms >= TOLD_EVERY_MS);
}

void refusals_clear(struct refusals *refusals, int64_t mono_ms)
{
    *refusals = (struct refusals){ .told = true, .told_ms = mono_ms };
}
