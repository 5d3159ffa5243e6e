/* spool_report.c - stored reports as bytes and back, and as events. */
#include "store/spool_inner.h"

#include <errno.h>

enum { REPORT_VERSION = 1 };

enum { REPORT_HAS_FACTS = 1, REPORT_WAS_GIVEN = 2 };

struct report_raw report_encode(const struct report *report)
{
    struct report_raw raw = { .size = REPORT_HEAD_BYTES + report->origin_size };
    uint8_t *p = raw.b;
    p[0] = REPORT_VERSION;
    p[1] = (uint8_t)((report->has_facts ? REPORT_HAS_FACTS : 0) |
                     (report->was_given ? REPORT_WAS_GIVEN : 0));
    put_u64be(p + 2, (uint64_t)report->spooled_ms);
    put_u64be(p + 10, (uint64_t)report->scan_ms);
    put_u64be(p + 18, report->sequence);
    memcpy(p + 26, report->endpoint.b, 16);
    memcpy(p + 42, report->set.b, 32);
    memcpy(p + 74, report->result.b, 32);
    memcpy(p + 106, report->facts.b, 16);
    memcpy(p + REPORT_HEAD_BYTES, report->origin, report->origin_size);
    return raw;
}

/* Whether the bytes are an origin, so that report_event and report_unit need not look again. */
static bool origin_is_sound(struct bytes origin)
{
    struct reader r = reader_of(origin);
    if (read_bytes(&r, read_u8(&r)).size > BOUND_UNIT_BYTES)
        return false;
    size_t sources = read_u8(&r);
    if (sources > BOUND_SOURCES_PER_EVENT)
        return false;
    for (size_t i = 0; i < sources; i++) {
        if (read_bytes(&r, read_u8(&r)).size > BOUND_SOURCE_BYTES)
            return false;
        (void)read_u8(&r); /* complete; a short run shows in r.failed */
    }
    return !r.failed && reader_left(&r) == 0;
}

int report_decode(struct bytes raw, struct report *ret_report)
{
    if (raw.size < REPORT_HEAD_BYTES || raw.size > REPORT_BYTES || raw.data[0] != REPORT_VERSION)
        return -EIO;
    const uint8_t *p = raw.data;
    struct bytes origin = bytes_of(p + REPORT_HEAD_BYTES, raw.size - REPORT_HEAD_BYTES);
    if (!origin_is_sound(origin))
        return -EIO;
    struct report report = {
        .has_facts = (p[1] & REPORT_HAS_FACTS) != 0,
        .was_given = (p[1] & REPORT_WAS_GIVEN) != 0,
        .spooled_ms = (int64_t)get_u64be(p + 2),
        .scan_ms = (int64_t)get_u64be(p + 10),
        .sequence = get_u64be(p + 18),
        .origin_size = origin.size,
    };
    memcpy(report.endpoint.b, p + 26, 16);
    memcpy(report.set.b, p + 42, 32);
    memcpy(report.result.b, p + 74, 32);
    memcpy(report.facts.b, p + 106, 16);
    memcpy(report.origin, origin.data, origin.size);
    *ret_report = report;
    return 0;
}

bool report_says_the_same(const struct report *a, const struct report *b)
{
    return a->has_facts == b->has_facts && id128_eq(a->facts, b->facts) &&
           digest_eq(a->set, b->set) &&
           bytes_eq(bytes_of(a->origin, a->origin_size), bytes_of(b->origin, b->origin_size));
}

struct bytes report_unit(const struct report *report)
{
    return bytes_of(report->origin + 1, report->origin[0]);
}

static int bytes_out(struct bytes from, struct arena *arena, ProtobufCBinaryData *ret_field)
{
    uint8_t *copy = arena_dup(arena, from.data, from.size);
    if (copy == NULL)
        return -ENOMEM;
    *ret_field = (ProtobufCBinaryData){ .len = from.size, .data = copy };
    return 0;
}

static int sources_out(struct reader *r, struct arena *arena, Zb__Event *event)
{
    size_t count = read_u8(r);
    Zb__SourceState *states = arena_calloc(arena, count, sizeof(*states));
    Zb__SourceState **list = arena_calloc(arena, count, sizeof(*list));
    if (states == NULL || list == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        zb__source_state__init(&states[i]);
        states[i].name = arena_strdup(arena, read_bytes(r, read_u8(r)));
        states[i].complete = read_u8(r) != 0;
        if (states[i].name == NULL)
            return -ENOMEM;
        list[i] = &states[i];
    }
    event->n_sources = count;
    event->sources = list;
    return 0;
}

int report_event(const struct report *report, struct arena *arena, Zb__Event *ret_event)
{
    Zb__Event event = ZB__EVENT__INIT;
    event.sequence = report->sequence;
    event.kind = EVENT_FULL;
    event.scan_ms = report->scan_ms;
    event.final = true;
    struct reader r = reader_of(bytes_of(report->origin, report->origin_size));
    event.unit = arena_strdup(arena, read_bytes(&r, read_u8(&r)));
    if (event.unit == NULL)
        return -ENOMEM;
    int e = sources_out(&r, arena, &event);
    if (e == 0)
        e = bytes_out(BYTES_OF(report->endpoint.b), arena, &event.endpoint);
    if (e == 0)
        e = bytes_out(BYTES_OF(report->result.b), arena, &event.result_digest);
    if (e == 0 && report->has_facts)
        e = bytes_out(BYTES_OF(report->facts.b), arena, &event.facts_digest);
    if (e == 0)
        *ret_event = event;
    return e;
}

int queue_get(struct kv_txn *txn, uint64_t local, struct report *ret_report)
{
    struct key_u64 key = key_u64(local);
    struct bytes raw;
    int r = kv_get(txn, SPOOL_QUEUE, BYTES_OF(key.b), &raw);
    if (r < 0)
        return r == -ENOENT ? -EIO : r; /* other tables name only what is queued */
    return report_decode(raw, ret_report);
}

int queue_put(struct kv_txn *txn, uint64_t local, const struct report *report)
{
    struct key_u64 key = key_u64(local);
    struct report_raw raw = report_encode(report);
    return kv_put(txn, SPOOL_QUEUE, BYTES_OF(key.b), bytes_of(raw.b, raw.size));
}

int base_get(struct kv_txn *txn, struct id128 endpoint, uint32_t mark, struct report *ret_report,
             bool *ret_held)
{
    struct bytes raw;
    *ret_held = false;
    int r = kv_get(txn, SPOOL_BASE, BYTES_OF(endpoint.b), &raw);
    if (r < 0)
        return r;
    if (raw.size < 4)
        return -EIO;
    r = report_decode(bytes_of(raw.data + 4, raw.size - 4), ret_report);
    if (r < 0)
        return r;
    *ret_held = true;
    return get_u32be(raw.data) == mark ? 0 : -ENOENT;
}

int base_put(struct kv_txn *txn, uint32_t mark, const struct report *report)
{
    struct report_raw raw = report_encode(report);
    uint8_t value[4 + REPORT_BYTES];
    put_u32be(value, mark);
    memcpy(value + 4, raw.b, raw.size);
    return kv_put(txn, SPOOL_BASE, BYTES_OF(report->endpoint.b), bytes_of(value, 4 + raw.size));
}

int base_drop(struct kv_txn *txn, struct id128 endpoint, uint32_t mark)
{
    struct report base;
    bool held;
    int r = base_get(txn, endpoint, mark, &base, &held);
    if (!held)
        return r == -ENOENT ? 0 : r;
    r = set_release(txn, base.set, mark);
    if (r == 0 && base.has_facts)
        r = facts_release(txn, base.facts);
    return r < 0 ? r : kv_del(txn, SPOOL_BASE, BYTES_OF(endpoint.b));
}
