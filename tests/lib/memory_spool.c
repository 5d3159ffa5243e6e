/* memory_spool.c - a queue of reports and a window of what was sent, in two arrays. */
#include "tests/lib/memory_spool.h"

#include <assert.h>
#include <errno.h>

enum { ENDPOINTS_MAX = 64, ROWS_MAX = MEMORY_ROWS_MAX };

struct report {
    const char *unit;
    uint32_t endpoint;
    uint32_t rows;
    int64_t scan_ms;
    uint64_t sequence; /* 0: none yet */
    bool unchanged;    /* equal to the report before it when it was added */
};

struct sent {
    struct digest digest;
    Zb__OutcomeKind outcome; /* 0 while unsettled */
};

struct memory_spool {
    struct id128 producer;
    struct report *queue; /* unsettled reports, oldest first */
    size_t queue_count, queue_room;
    struct sent *sent; /* of sequences floor, floor + 1 ... next − 1 */
    size_t sent_room;
    struct stream_position position;
    uint32_t rows_sent; /* marks */
    uint32_t base_rows[ENDPOINTS_MAX];
    const char *base_unit[ENDPOINTS_MAX]; /* NULL: no base */
    struct memory_spool_counts counts;
    struct memory_spool_watch watch;
    size_t fault_in; /* 0: none */
};

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static struct id128 opaque(uint32_t endpoint)
{
    struct id128 id = { { 'e' } };
    put_u32be(id.b + 12, endpoint);
    return id;
}

struct id128 memory_endpoint(const struct memory_spool *spool, uint32_t endpoint)
{
    (void)spool;
    return opaque(endpoint);
}

struct memory_spool *memory_spool_new(struct id128 producer)
{
    struct memory_spool *spool = must(calloc(1, sizeof(*spool)));
    spool->producer = producer;
    spool->position = (struct stream_position){ .epoch = 1, .next_sequence = 1, .floor = 1 };
    return spool;
}

struct memory_spool *memory_spool_copy(const struct memory_spool *spool)
{
    struct memory_spool *copy = must(malloc(sizeof(*copy)));
    *copy = *spool;
    copy->fault_in = 0;
    copy->queue = must(malloc((spool->queue_room + 1) * sizeof(*copy->queue)));
    copy->sent = must(malloc((spool->sent_room + 1) * sizeof(*copy->sent)));
    if (spool->queue_count > 0)
        memcpy(copy->queue, spool->queue, spool->queue_count * sizeof(*copy->queue));
    if (spool->sent_room > 0)
        memcpy(copy->sent, spool->sent, spool->sent_room * sizeof(*copy->sent));
    return copy;
}

void memory_spool_free(struct memory_spool *spool)
{
    if (spool == NULL)
        return;
    free(spool->queue);
    free(spool->sent);
    free(spool);
}

struct memory_spool_counts memory_spool_counts(const struct memory_spool *spool)
{
    struct memory_spool_counts counts = spool->counts;
    counts.pending = spool->queue_count;
    counts.epoch = spool->position.epoch;
    counts.highest = spool->position.next_sequence - 1;
    counts.floor = spool->position.floor;
    return counts;
}

void memory_spool_watch(struct memory_spool *spool, struct memory_spool_watch watch)
{
    spool->watch = watch;
}

void memory_spool_fault(struct memory_spool *spool, size_t nth)
{
    spool->fault_in = nth + 1;
}

static bool fails(struct memory_spool *spool)
{
    return spool->fault_in > 0 && --spool->fault_in == 0;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static bool base_is(const struct memory_spool *spool, const struct report *report)
{
    const char *unit = spool->base_unit[report->endpoint];
    return unit != NULL && strcmp(unit, report->unit) == 0 &&
           spool->base_rows[report->endpoint] == report->rows;
}

bool memory_spool_add(struct memory_spool *spool, const char *unit, uint32_t endpoint,
                      int64_t scan_ms, uint32_t rows)
{
    assert(endpoint < ENDPOINTS_MAX);
    struct report report = { .unit = unit, .endpoint = endpoint, .rows = rows, .scan_ms = scan_ms };
    struct report *last = NULL;
    for (size_t i = 0; i < spool->queue_count; i++)
        if (spool->queue[i].endpoint == endpoint)
            last = &spool->queue[i];
    report.unchanged = last != NULL ? strcmp(last->unit, unit) == 0 && last->rows == rows
                                    : base_is(spool, &report);
    spool->counts.spooled++;
    if (last != NULL && last->unchanged && last->sequence == 0 && report.unchanged) {
        spool->counts.superseded++;
        return true;
    }
    if (spool->queue_count == spool->queue_room) {
        spool->queue_room = spool->queue_room * 2 + 8;
        spool->queue = must(realloc(spool->queue, spool->queue_room * sizeof(*spool->queue)));
    }
    spool->queue[spool->queue_count++] = report;
    return false;
}

static struct report *report_of(struct memory_spool *spool, uint64_t sequence)
{
    for (size_t i = 0; i < spool->queue_count; i++)
        if (spool->queue[i].sequence == sequence)
            return &spool->queue[i];
    return NULL;
}

static void report_drop(struct memory_spool *spool, struct report *report)
{
    size_t i = (size_t)(report - spool->queue);
    spool->queue_count--;
    memmove(&spool->queue[i], &spool->queue[i + 1],
            (spool->queue_count - i) * sizeof(*spool->queue));
}

/* ---- the seam -------------------------------------------------------------------------------- */

static int spool_position(void *ctx, struct stream_position *ret_position)
{
    struct memory_spool *spool = ctx;
    if (fails(spool))
        return -EIO;
    *ret_position = spool->position;
    return 0;
}

/* The event as both digest and wire show it; `source` and `sources` are the caller's. */
static void event_fill(const struct report *report, Zb__Event *event, struct id128 *endpoint,
                       struct digest *result, Zb__SourceState *source, Zb__SourceState **sources)
{
    *endpoint = opaque(report->endpoint);
    *result = memory_result(report->rows);
    zb__event__init(event);
    zb__source_state__init(source);
    source->name = (char *)(uintptr_t) "list";
    source->complete = true;
    sources[0] = source;
    event->sequence = report->sequence;
    event->unit = (char *)(uintptr_t)report->unit;
    event->endpoint = (ProtobufCBinaryData){ sizeof(endpoint->b), endpoint->b };
    event->result_digest = (ProtobufCBinaryData){ sizeof(result->b), result->b };
    event->scan_ms = report->scan_ms;
    event->n_sources = 1;
    event->sources = sources;
    event->final = true;
}

static bool endpoint_is_out(const struct memory_spool *spool, uint32_t endpoint)
{
    for (size_t i = 0; i < spool->queue_count; i++)
        if (spool->queue[i].endpoint == endpoint && spool->queue[i].sequence != 0)
            return true;
    return false;
}

static struct sent *sent_of(const struct memory_spool *spool, uint64_t sequence)
{
    return &spool->sent[sequence - spool->position.floor];
}

static void sequence_give(struct memory_spool *spool, struct report *report)
{
    Zb__Event event;
    Zb__SourceState source;
    Zb__SourceState *sources[1];
    struct id128 endpoint;
    struct digest result;
    size_t window = spool->position.next_sequence - spool->position.floor;
    if (window == spool->sent_room) {
        spool->sent_room = spool->sent_room * 2 + 8;
        spool->sent = must(realloc(spool->sent, spool->sent_room * sizeof(*spool->sent)));
    }
    report->sequence = spool->position.next_sequence++;
    event_fill(report, &event, &endpoint, &result, &source, sources);
    *sent_of(spool, report->sequence) = (struct sent){
        .digest = event_digest(spool->producer, spool->position.epoch, &event),
    };
}

static int spool_assign(void *ctx, size_t most, size_t *ret_assigned)
{
    struct memory_spool *spool = ctx;
    if (fails(spool))
        return -EIO;
    size_t given = 0;
    for (size_t i = 0; i < spool->queue_count && given < most; i++) {
        struct report *report = &spool->queue[i];
        if (report->sequence != 0 || endpoint_is_out(spool, report->endpoint))
            continue;
        if (spool->position.next_sequence - spool->position.floor >= BOUND_WINDOW)
            break;
        sequence_give(spool, report);
        given++;
    }
    *ret_assigned = given;
    return 0;
}

struct wire_event {
    Zb__SourceState source;
    Zb__SourceState *sources[1];
    struct id128 endpoint;
    struct digest result;
    Zb__RowSet set;
    Zb__SourceSet source_set;
    Zb__SourceSet *sets[1];
    struct bytes rows[ROWS_MAX];
    uint8_t row_ids[ROWS_MAX * 16];
    uint8_t evidence[ROWS_MAX * 16];
};

static void contents_fill(const struct memory_spool *spool, const struct report *report,
                          struct wire_event *wire, struct outgoing_event *event)
{
    struct result_item items[ROWS_MAX];
    size_t count = memory_items(report->rows, items);
    for (size_t i = 0; i < count; i++)
        memcpy(wire->row_ids + 16 * i, items[i].row.b, 16);
    zb__row_set__init(&wire->set);
    zb__source_set__init(&wire->source_set);
    wire->source_set.source = wire->source.name;
    wire->source_set.rows = (ProtobufCBinaryData){ 16 * count, wire->row_ids };
    wire->source_set.evidence = (ProtobufCBinaryData){ 16 * count, wire->evidence };
    wire->sets[0] = &wire->source_set;
    wire->set.result_digest = event->event.result_digest;
    wire->set.n_sets = 1;
    wire->set.sets = wire->sets;
    event->set = &wire->set;
    event->rows = wire->rows;
    for (unsigned i = 0; i < ROWS_MAX; i++)
        if (report->rows & ~spool->rows_sent & (1u << i))
            wire->rows[event->row_count++] = memory_row(i);
}

static int spool_event(void *ctx, uint64_t sequence, bool full, struct arena *arena,
                       struct outgoing_event *ret_event)
{
    struct memory_spool *spool = ctx;
    if (fails(spool))
        return -EIO;
    const struct report *report = sequence == 0 ? NULL : report_of(spool, sequence);
    if (report == NULL)
        return -ENOENT;
    struct wire_event *wire = arena_calloc(arena, 1, sizeof(*wire));
    if (wire == NULL)
        return -ENOMEM;
    struct outgoing_event event = { .digest = sent_of(spool, sequence)->digest };
    event_fill(report, &event.event, &wire->endpoint, &wire->result, &wire->source, wire->sources);
    if (full || !base_is(spool, report)) {
        event.event.kind = EVENT_FULL;
        contents_fill(spool, report, wire, &event);
    } else {
        event.event.kind = EVENT_UNCHANGED;
    }
    *ret_event = event;
    return 0;
}

static void rows_forget(struct memory_spool *spool, const struct settled_outcome *outcome)
{
    for (size_t k = 0; k < outcome->row_count; k++)
        for (unsigned i = 0; i < ROWS_MAX; i++)
            if (id128_eq(seal_id128(SEAL_PARTS(memory_row(i))), outcome->rows[k]))
                spool->rows_sent &= ~(1u << i);
}

static void outcome_take(struct memory_spool *spool, const struct settled_outcome *outcome)
{
    struct report *report = report_of(spool, outcome->sequence);
    if (report == NULL)
        return; /* settled before */
    switch (outcome->kind) {
    case OUTCOME_NEED_FULL:
        spool->base_unit[report->endpoint] = NULL;
        return;
    case OUTCOME_NEED_ROWS:
        rows_forget(spool, outcome);
        return;
    case OUTCOME_APPLIED:
        spool->counts.applied++;
        spool->rows_sent |= report->rows;
        spool->base_rows[report->endpoint] = report->rows;
        spool->base_unit[report->endpoint] = report->unit;
        break;
    default:
        spool->counts.refused++;
        break;
    }
    sent_of(spool, outcome->sequence)->outcome = outcome->kind;
    if (spool->watch.left != NULL)
        spool->watch.left(spool->watch.ctx, spool->position.epoch, outcome, report->scan_ms);
    report_drop(spool, report);
}

static bool kind_is_known(Zb__OutcomeKind kind)
{
    return kind == OUTCOME_APPLIED || kind == OUTCOME_REFUSED || kind == OUTCOME_NEED_FULL ||
           kind == OUTCOME_NEED_ROWS;
}

static void floor_move(struct memory_spool *spool)
{
    size_t settled = 0;
    size_t window = spool->position.next_sequence - spool->position.floor;
    while (settled < window && spool->sent[settled].outcome != OUTCOME_NONE) {
        spool->position.chain = chain_next(spool->position.chain, spool->sent[settled].digest);
        settled++;
    }
    if (settled == 0)
        return;
    memmove(spool->sent, spool->sent + settled, (window - settled) * sizeof(*spool->sent));
    spool->position.floor += settled;
}

static int spool_settle(void *ctx, uint64_t epoch, const struct settled_outcome *outcomes,
                        size_t count, int64_t now_ms)
{
    struct memory_spool *spool = ctx;
    (void)now_ms;
    if (fails(spool))
        return -EIO;
    if (epoch != spool->position.epoch)
        return -ESTALE;
    for (size_t i = 0; i < count; i++) {
        if (!kind_is_known(outcomes[i].kind))
            return -EINVAL;
        if (outcomes[i].sequence >= spool->position.next_sequence)
            return -EBADMSG;
        if (outcomes[i].sequence >= spool->position.floor &&
            !digest_eq(sent_of(spool, outcomes[i].sequence)->digest, outcomes[i].digest))
            return -EBADMSG;
    }
    for (size_t i = 0; i < count; i++)
        if (outcomes[i].sequence >= spool->position.floor)
            outcome_take(spool, &outcomes[i]);
    floor_move(spool);
    return 0;
}

static int spool_epoch(void *ctx, uint64_t epoch, bool behind)
{
    struct memory_spool *spool = ctx;
    if (fails(spool))
        return -EIO;
    if (epoch <= spool->position.epoch)
        return -EINVAL;
    for (size_t i = 0; i < spool->queue_count; i++)
        spool->queue[i].sequence = 0;
    spool->position = (struct stream_position){ .epoch = epoch, .next_sequence = 1, .floor = 1 };
    if (behind) {
        spool->counts.behind++;
        spool->rows_sent = 0;
        memset(spool->base_unit, 0, sizeof(spool->base_unit));
    }
    return 0;
}

void memory_spool_forget_sequences(struct memory_spool *spool)
{
    uint64_t highest = spool->position.floor - 1;
    size_t window = spool->position.next_sequence - spool->position.floor;
    for (size_t i = 0; i < window; i++)
        if (spool->sent[i].outcome != OUTCOME_NONE)
            highest = spool->position.floor + i;
    for (size_t i = 0; i < spool->queue_count; i++)
        if (spool->queue[i].sequence > highest)
            spool->queue[i].sequence = 0;
    spool->position.next_sequence = highest + 1;
}

struct sender_spool memory_spool_seam(struct memory_spool *spool)
{
    return (struct sender_spool){ .ctx = spool,
                                  .position = spool_position,
                                  .assign = spool_assign,
                                  .event = spool_event,
                                  .settle = spool_settle,
                                  .epoch = spool_epoch };
}
