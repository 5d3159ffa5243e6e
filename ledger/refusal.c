/* refusal.c - running totals of what was refused, by reason: by a matcher, each minute, and by the
 * ledger itself, whose notifier adds up between entries. */
#include "ledger/rules.h"

#include <errno.h>

#include "ledger/lookup.h"

/* The keys that were refused, newest first, each once, up to the bound. */
static int merge_keys(const struct ruling *at, const Zb__RefusalTotal *total,
                      Zb__RefusalRecord *record)
{
    size_t most = total->n_keys + record->n_keys, count = 0;
    ProtobufCBinaryData *keys = arena_calloc(at->arena, most, sizeof(*keys));
    if (keys == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < most && count < BOUND_REFUSAL_KEYS; i++) {
        ProtobufCBinaryData key =
            i < total->n_keys ? total->keys[i] : record->keys[i - total->n_keys];
        bool known = false;
        for (size_t j = 0; j < count; j++)
            known = known || bytes_eq(blob_bytes(keys[j]), blob_bytes(key));
        if (!known)
            keys[count++] = key;
    }
    record->keys = keys;
    record->n_keys = count;
    return 0;
}

static int put_total(const struct ruling *at, const Zb__RefusalTotal *total)
{
    uint8_t reason = (uint8_t)total->reason;
    struct ledger_key key = key_id(bytes_of(&reason, 1));
    Zb__RefusalRecord fresh = ZB__REFUSAL_RECORD__INIT;
    Zb__RefusalRecord *record;
    int r = LEDGER_GET(at->view, TABLE_REFUSAL, key, at->arena, &record);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == -ENOENT)
        record = &fresh;
    record->count =
        record->count > UINT64_MAX - total->count ? UINT64_MAX : record->count + total->count;
    record->last_ms = at->now_ms;
    r = merge_keys(at, total, record);
    if (r == 0)
        emit_put(at->out, TABLE_REFUSAL, ledger_key_bytes(&key), &record->base);
    return r;
}

/* Whether totals of one reason stand in the list before. */
static bool is_repeated(const Zb__Refusals *refusals, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (refusals->totals[i]->reason == refusals->totals[index]->reason)
            return true;
    return false;
}

int rule_refusals(const struct ruling *at, struct id128 matcher, const Zb__Refusals *refusals)
{
    if (!id128_is_zero(matcher)) {
        bool active;
        int r = key_is_active(at, matcher, ROLE_MATCHER, &active);
        if (r < 0)
            return r;
        if (!active) {
            emit_refused(at->out, REFUSAL_WRONG_ROLE);
            return 0;
        }
    }
    bool begun = false;
    for (size_t i = 0; i < refusals->n_totals; i++) {
        const Zb__RefusalTotal *total = refusals->totals[i];
        if (total->reason == REFUSAL_NONE || total->count == 0 || is_repeated(refusals, i))
            continue;
        if (!begun)
            (void)emit_entry(at->out, ENTRY_REFUSALS,
                             id128_is_zero(matcher) ? bytes_of(NULL, 0) : id128_bytes(&matcher),
                             "refusals since %lld", (long long)refusals->since_ms);
        begun = true;
        int r = put_total(at, total);
        if (r < 0)
            return r;
    }
    return output_error(at->out);
}
