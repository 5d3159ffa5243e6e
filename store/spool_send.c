/* spool_send.c - the sender's side: sequences, events for the wire, settlement, the floor. */
#include "store/spool_inner.h"

#include <errno.h>

/* An event without its contents: unit, sources and digests. */
enum { EVENT_ARENA_BYTES = 64 * 1024 };

/* ---- sent -------------------------------------------------------------------------------------- */

enum { SENT_BYTES = 8 + 32 + 1 };

static struct key_sent key_sent(uint64_t epoch, uint64_t sequence)
{
    struct key_sent key;
    put_u64be(key.b, epoch);
    put_u64be(key.b + 8, sequence);
    return key;
}

int sent_decode(struct bytes raw, struct sent *ret_sent)
{
    if (raw.size != SENT_BYTES)
        return -EIO;
    ret_sent->local = get_u64be(raw.data);
    memcpy(ret_sent->digest.b, raw.data + 8, 32);
    ret_sent->outcome = (Zb__OutcomeKind)raw.data[40];
    return 0;
}

int sent_get(struct kv_txn *txn, uint64_t epoch, uint64_t sequence, struct sent *ret_sent)
{
    struct key_sent key = key_sent(epoch, sequence);
    struct bytes raw;
    int r = kv_get(txn, SPOOL_SENT, BYTES_OF(key.b), &raw);
    return r < 0 ? r : sent_decode(raw, ret_sent);
}

int sent_put(struct kv_txn *txn, uint64_t epoch, uint64_t sequence, const struct sent *sent)
{
    struct key_sent key = key_sent(epoch, sequence);
    uint8_t raw[SENT_BYTES];
    put_u64be(raw, sent->local);
    memcpy(raw + 8, sent->digest.b, 32);
    raw[40] = (uint8_t)sent->outcome;
    return kv_put(txn, SPOOL_SENT, BYTES_OF(key.b), BYTES_OF(raw));
}

/* ---- assigning --------------------------------------------------------------------------------- */

static int event_digest_of(const struct report *report, const struct spool_state *state,
                           struct arena *arena, struct digest *ret_digest)
{
    Zb__Event event;
    struct arena_mark mark = arena_mark(arena);
    int r = report_event(report, arena, &event);
    if (r == 0)
        *ret_digest = event_digest(state->producer, state->position.epoch, &event);
    arena_rewind(arena, mark);
    return r;
}

/* Gives the next sequence to the first ready report. Errors: -ENOENT none is ready. */
static int assign_one(struct kv_txn *txn, struct spool_state *state, struct arena *arena)
{
    struct bytes key;
    int r = kv_seek(txn, SPOOL_READY, (struct bytes){ 0 }, &key, NULL);
    if (r < 0)
        return r;
    if (key.size != 8)
        return -EIO;
    struct sent sent = { .local = get_u64be(key.data), .outcome = OUTCOME_NONE };
    struct key_u64 ready = key_u64(sent.local);
    struct report report;
    r = queue_get(txn, sent.local, &report);
    if (r < 0)
        return r;
    report.sequence = state->position.next_sequence;
    report.was_given = true;
    r = event_digest_of(&report, state, arena, &sent.digest);
    if (r == 0)
        r = queue_put(txn, sent.local, &report);
    if (r == 0)
        r = sent_put(txn, state->position.epoch, report.sequence, &sent);
    if (r == 0)
        r = kv_del(txn, SPOOL_READY, BYTES_OF(ready.b));
    if (r == 0)
        state->position.next_sequence++;
    return r;
}

int spool_assign(struct spool *spool, size_t most, size_t *ret_assigned)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(EVENT_ARENA_BYTES);
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct spool_state state = { 0 };
    int r = arena == NULL ? -ENOMEM : kv_write(spool->kv, &txn);
    if (r == 0)
        r = spool_state_get(txn, &state);
    if (r < 0)
        return r;
    if (!state.bound)
        return -ENOKEY;
    size_t assigned = 0;
    while (assigned < most && state.position.next_sequence < state.position.floor + BOUND_WINDOW) {
        r = assign_one(txn, &state, arena);
        if (r == -ENOENT)
            break;
        if (r < 0)
            return r;
        assigned++;
    }
    if (assigned > 0) {
        r = spool_state_put(txn, &state);
        if (r == 0)
            r = kv_commit(TAKE_PTR(txn));
        if (r < 0)
            return r;
    }
    *ret_assigned = assigned;
    return 0;
}

/* ---- events for the wire ----------------------------------------------------------------------- */

/* Contents of the body's rows that the ledger is not known to have. */
static int unsent_rows(struct kv_txn *txn, struct bytes body, uint32_t mark, struct arena *arena,
                       struct outgoing_event *out)
{
    struct result_item *items;
    size_t count;
    int r = body_rows(body, arena, &items, &count);
    if (r < 0)
        return r;
    struct bytes *rows = arena_calloc(arena, count, sizeof(*rows));
    if (rows == NULL)
        return -ENOMEM;
    size_t unsent = 0;
    for (size_t i = 0; i < count; i++) {
        struct bytes content;
        bool sent;
        r = row_get(txn, items[i].row, mark, &content, &sent);
        if (r < 0)
            return r;
        if (sent)
            continue;
        void *copy = arena_dup(arena, content.data, content.size);
        if (copy == NULL)
            return -ENOMEM;
        rows[unsent++] = bytes_of(copy, content.size);
    }
    out->rows = rows;
    out->row_count = unsent;
    return 0;
}

static int facts_out(struct kv_txn *txn, struct id128 id, struct arena *arena,
                     struct bytes *ret_facts)
{
    struct bytes facts;
    int r = facts_get(txn, id, &facts);
    if (r < 0)
        return r;
    void *copy = arena_dup(arena, facts.data, facts.size);
    if (copy == NULL)
        return -ENOMEM;
    *ret_facts = bytes_of(copy, facts.size);
    return 0;
}

static int full_body(struct kv_txn *txn, const struct report *report, uint32_t mark,
                     struct arena *arena, struct outgoing_event *out)
{
    struct bytes body; /* valid throughout: nothing is put in a read transaction */
    int r = body_get(txn, report->set, &body);
    if (r == 0)
        r = body_set(body, report->result, &out->event, arena, &out->set);
    if (r == 0)
        r = body_evidence(body, arena, &out->evidence, &out->evidence_count);
    if (r == 0)
        r = unsent_rows(txn, body, mark, arena, out);
    return r;
}

static int event_build(struct kv_txn *txn, const struct spool_state *state, uint64_t sequence,
                       bool full, struct arena *arena, struct outgoing_event *out)
{
    struct sent sent;
    struct report report = { 0 }, base = { 0 };
    bool held;
    int r = sent_get(txn, state->position.epoch, sequence, &sent);
    if (r == 0 && sent.outcome != OUTCOME_NONE)
        r = -ENOENT;
    if (r < 0)
        return r;
    r = queue_get(txn, sent.local, &report);
    if (r < 0)
        return r;
    int based = base_get(txn, report.endpoint, state->mark, &base, &held);
    if (based < 0 && based != -ENOENT)
        return based;
    *out = (struct outgoing_event){ .digest = sent.digest };
    r = report_event(&report, arena, &out->event);
    if (r < 0)
        return r;
    if (!full && based == 0 && report_says_the_same(&base, &report)) {
        out->event.kind = EVENT_UNCHANGED;
        return 0;
    }
    bool facts_known = !full && based == 0 && base.has_facts && id128_eq(base.facts, report.facts);
    if (report.has_facts && !facts_known)
        r = facts_out(txn, report.facts, arena, &out->facts);
    return r < 0 ? r : full_body(txn, &report, state->mark, arena, out);
}

int spool_event(struct spool *spool, uint64_t sequence, bool full, struct arena *arena,
                struct outgoing_event *ret_event)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct spool_state state = { 0 };
    struct outgoing_event event = { 0 };
    int r = kv_read(spool->kv, &txn);
    if (r == 0)
        r = spool_state_get(txn, &state);
    if (r == 0)
        r = event_build(txn, &state, sequence, full, arena, &event);
    if (r == 0)
        *ret_event = event;
    return r;
}

/* ---- settling ---------------------------------------------------------------------------------- */

/* The endpoint's next report, if there is one, may have a sequence now. */
static int ready_next(struct kv_txn *txn, struct id128 endpoint)
{
    struct key_pending from = key_pending(endpoint, 0);
    struct bytes key;
    int r = kv_seek(txn, SPOOL_PENDING, BYTES_OF(from.b), &key, NULL);
    if (r == -ENOENT || (r == 0 && !bytes_starts_with(key, BYTES_OF(endpoint.b))))
        return 0;
    if (r < 0 || key.size != sizeof(from.b))
        return r < 0 ? r : -EIO;
    struct key_u64 ready = key_u64(get_u64be(key.data + sizeof(endpoint.b)));
    return kv_put(txn, SPOOL_READY, BYTES_OF(ready.b), (struct bytes){ 0 });
}

static int queue_leave(struct kv_txn *txn, uint64_t local, const struct report *report)
{
    struct key_u64 key = key_u64(local);
    struct key_pending pending = key_pending(report->endpoint, local);
    int r = kv_del(txn, SPOOL_QUEUE, BYTES_OF(key.b));
    if (r == 0)
        r = kv_del(txn, SPOOL_PENDING, BYTES_OF(pending.b));
    return r < 0 ? r : ready_next(txn, report->endpoint);
}

/* The ledger has it: the report's references become the base's. A base with the same rows has
 * them marked already, which saves looking at each. */
static int settle_applied(struct kv_txn *txn, struct spool_state *state, uint64_t local,
                          const struct report *report)
{
    struct report base;
    bool held;
    int r = base_get(txn, report->endpoint, state->mark, &base, &held);
    bool marked = r == 0 && digest_eq(base.set, report->set);
    if (r < 0 && r != -ENOENT)
        return r;
    r = marked ? 0 : set_mark_sent(txn, report->set, state->mark);
    if (r == 0 && held)
        r = base_drop(txn, report->endpoint, state->mark);
    if (r == 0)
        r = base_put(txn, state->mark, report);
    if (r == 0)
        r = queue_leave(txn, local, report);
    if (r == 0)
        state->applied++;
    return r;
}

static int settle_refused(struct kv_txn *txn, struct spool_state *state, uint64_t local,
                          const struct report *report, Zb__RefusalReason reason, int64_t now_ms)
{
    int r = dead_put(txn, local, report, reason, now_ms);
    if (r == 0)
        r = set_release(txn, report->set, state->mark);
    if (r == 0 && report->has_facts)
        r = facts_release(txn, report->facts);
    if (r == 0)
        r = queue_leave(txn, local, report);
    if (r == 0)
        state->refused++;
    return r;
}

/* A base that would make the event UNCHANGED again, without any row, goes as well. */
static int need_rows(struct kv_txn *txn, const struct spool_state *state,
                     const struct report *report, const struct settled_outcome *outcome)
{
    for (size_t i = 0; i < outcome->row_count; i++) {
        int r = row_unmark(txn, outcome->rows[i]);
        if (r < 0)
            return r;
    }
    struct report base;
    bool held;
    int r = base_get(txn, report->endpoint, state->mark, &base, &held);
    if (r == 0 && report_says_the_same(&base, report))
        return base_drop(txn, report->endpoint, state->mark);
    return r == -ENOENT ? 0 : r;
}

static bool outcome_is_ours(Zb__OutcomeKind kind)
{
    return kind == OUTCOME_APPLIED || kind == OUTCOME_REFUSED || kind == OUTCOME_NEED_FULL ||
           kind == OUTCOME_NEED_ROWS;
}

/* The event that an outcome is about. Errors: -EALREADY it is settled; -EBADMSG. */
static int outcome_event(struct kv_txn *txn, const struct stream_position *position,
                         const struct settled_outcome *outcome, struct sent *ret_sent)
{
    if (outcome->sequence == 0 || outcome->sequence >= position->next_sequence)
        return -EBADMSG;
    if (outcome->sequence < position->floor)
        return -EALREADY;
    int r = sent_get(txn, position->epoch, outcome->sequence, ret_sent);
    if (r < 0)
        return r == -ENOENT ? -EIO : r; /* the window has no gaps */
    if (!digest_eq(ret_sent->digest, outcome->digest))
        return -EBADMSG;
    return ret_sent->outcome == OUTCOME_NONE ? 0 : -EALREADY;
}

static int settle_one(struct kv_txn *txn, struct spool_state *state,
                      const struct settled_outcome *outcome, int64_t now_ms)
{
    struct sent sent;
    struct report report;
    if (!outcome_is_ours(outcome->kind))
        return -EINVAL;
    int r = outcome_event(txn, &state->position, outcome, &sent);
    if (r < 0)
        return r == -EALREADY ? 0 : r;
    r = queue_get(txn, sent.local, &report);
    if (r < 0)
        return r;
    if (outcome->kind == OUTCOME_NEED_ROWS)
        return need_rows(txn, state, &report, outcome);
    if (outcome->kind == OUTCOME_NEED_FULL)
        return base_drop(txn, report.endpoint, state->mark);
    r = outcome->kind == OUTCOME_APPLIED
            ? settle_applied(txn, state, sent.local, &report)
            : settle_refused(txn, state, sent.local, &report, outcome->reason, now_ms);
    if (r < 0)
        return r;
    sent.outcome = outcome->kind;
    return sent_put(txn, state->position.epoch, outcome->sequence, &sent);
}

/* Moves floor and chain over what is settled; what the floor has passed is forgotten. */
static int floor_move(struct kv_txn *txn, struct stream_position *position)
{
    while (position->floor < position->next_sequence) {
        struct sent sent;
        int r = sent_get(txn, position->epoch, position->floor, &sent);
        if (r < 0)
            return r == -ENOENT ? -EIO : r;
        if (sent.outcome == OUTCOME_NONE)
            return 0;
        struct key_sent key = key_sent(position->epoch, position->floor);
        r = kv_del(txn, SPOOL_SENT, BYTES_OF(key.b));
        if (r < 0)
            return r;
        position->chain = chain_next(position->chain, sent.digest);
        position->floor++;
    }
    return 0;
}

int spool_settle(struct spool *spool, uint64_t epoch, const struct settled_outcome *outcomes,
                 size_t count, int64_t now_ms)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct spool_state state = { 0 };
    int r = kv_write(spool->kv, &txn);
    if (r == 0)
        r = spool_state_get(txn, &state);
    if (r == 0 && epoch != state.position.epoch)
        r = -ESTALE;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = settle_one(txn, &state, &outcomes[i], now_ms);
    if (r == 0)
        r = floor_move(txn, &state.position);
    if (r == 0)
        r = spool_state_put(txn, &state);
    return r < 0 ? r : kv_commit(TAKE_PTR(txn));
}
