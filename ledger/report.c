/* report.c - one event of a batch into rows, sets and installs.
 *
 * An event counts once, in the order of its producer's sequence; what it says of an endpoint
 * replaces what the same producer said before, source by source. Nothing is stored of an event that
 * has to come again with more in it. */
#include "ledger/rules.h"

#include <errno.h>

#include "ledger/case.h"
#include "ledger/endpoint.h"
#include "ledger/once.h"
#include "ledger/sets.h"
#include "ledger/settle.h"
#include "proto/facts.h"

enum { FUTURE_MS = 10 * 60 * 1000 }; /* a scan later than the ledger's clock by more is flagged */

/* One event, and what the tables know of its endpoint. */
struct report {
    const struct ruling *at;
    const struct ledger_batch *batch;
    const Zb__Event *event;
    struct endpoint_name name;
    struct digest digest;
    uint64_t number; /* of the endpoint, 0 while it is new */
    Zb__EndpointRecord *endpoint;
    Zb__ReportRecord *old; /* the producer's last report about it; NULL: none */
    bool seen;             /* then the last one that counted: */
    uint64_t seen_epoch, seen_sequence;
    int64_t seen_ms;
    int64_t scan_ms; /* as it is counted: never after the ledger's clock */
    bool future;
};

static int answer(const struct report *report, Zb__OutcomeKind kind, Zb__RefusalReason reason)
{
    emit_outcome(report->at->out, report->event->sequence, report->digest, kind, reason);
    return output_error(report->at->out);
}

/* Puts the outcome so that the event counts once, and answers with it. */
static int settle(const struct report *report, Zb__OutcomeKind kind, Zb__RefusalReason reason)
{
    settle_put(report->at, report->name.producer, report->batch->header->epoch,
               report->event->sequence, report->digest, kind, reason);
    return answer(report, kind, reason);
}

static Zb__Entry *begin(const struct report *report, Zb__EntryKind kind, const char *what)
{
    Zb__Entry *entry =
        emit_entry(report->at->out, kind, id128_bytes(&report->name.producer),
                   "event %llu of epoch %llu: %s", (unsigned long long)report->event->sequence,
                   (unsigned long long)report->batch->header->epoch, what);
    if (entry != NULL)
        entry->received_ms = report->batch->received_ms;
    return entry;
}

/* A refusal that is final: it follows from what the collector signed. */
static int refuse(const struct report *report, Zb__RefusalReason reason, const char *what)
{
    (void)begin(report, ENTRY_SETTLED, what); /* an error is in the output */
    return settle(report, OUTCOME_REFUSED, reason);
}

static int answer_known(const struct report *report, enum once_answer known,
                        Zb__OutcomeKind outcome, Zb__RefusalReason reason)
{
    switch (known) {
    case ONCE_DUPLICATE:
        return answer(report, outcome, reason);
    case ONCE_STALE:
        return answer(report, OUTCOME_STALE, REFUSAL_NONE);
    case ONCE_LEDGER_BEHIND:
        return answer(report, OUTCOME_LEDGER_BEHIND, REFUSAL_NONE);
    case ONCE_QUARANTINED:
        return answer(report, OUTCOME_REFUSED, REFUSAL_QUARANTINED);
    case ONCE_TOO_FAR: /* no sender of ours does it */
        emit_refused(report->at->out, REFUSAL_INVALID);
        return 0;
    case ONCE_FORKED: {
        int r = settle_fork(report->at, report->name.producer);
        return r < 0 ? r : answer(report, OUTCOME_REFUSED, REFUSAL_FORKED);
    }
    case ONCE_NEW:
        break;
    }
    return -EINVAL;
}

/* Whether the event is one that a collector of ours makes. */
static bool event_is_valid(const Zb__Event *event)
{
    if (event->endpoint.len != 16 || event->result_digest.len != 32 ||
        (event->facts_digest.len != 0 && event->facts_digest.len != 16) || event->scan_ms < 0 ||
        event->n_sources == 0 || event->kind == EVENT_KIND_NONE)
        return false;
    for (size_t i = 0; i < event->n_sources; i++) {
        const char *name = event->sources[i]->name;
        if (name[0] == '\0' || strlen(name) > BOUND_SOURCE_BYTES)
            return false;
        for (size_t j = 0; j < i; j++)
            if (strcmp(event->sources[j]->name, name) == 0)
                return false;
    }
    return true;
}

/* REFUSAL_NONE when the producer's key may speak for the unit. */
static int check_unit(const struct report *report, Zb__RefusalReason *ret_reason)
{
    const struct ruling *at = report->at;
    const char *unit = report->event->unit;
    Zb__KeyRecord *key;
    *ret_reason = REFUSAL_NONE;
    int r = LEDGER_GET(at->view, TABLE_KEY, key_id(id128_bytes(&report->name.producer)), at->arena,
                       &key);
    if (r < 0)
        return r == -ENOENT ? -EBADMSG : r; /* rule_batch found it */
    int known = unit[0] == '\0' ? 0 : ledger_has(at->view, TABLE_UNIT, key_text(unit));
    if (known < 1) {
        *ret_reason = REFUSAL_UNKNOWN_UNIT;
        return known;
    }
    int covered = unit_covers(at->view, key->key->unit, unit, at->arena);
    if (covered == 0)
        *ret_reason = REFUSAL_OUTSIDE_SUBTREE;
    return covered < 0 ? covered : 0;
}

/* What the tables know of the endpoint under the event's name. */
static int load_known(struct report *report)
{
    const struct ruling *at = report->at;
    int r = endpoint_find(at, &report->name, &report->number);
    if (r < 0 || report->number == 0)
        return r;
    r = LEDGER_GET(at->view, TABLE_ENDPOINT, key_u64(report->number), at->arena, &report->endpoint);
    if (r < 0)
        return r == -ENOENT ? -EBADMSG : r;
    struct ledger_key key = key_endpoint_producer(report->number, report->name.producer);
    r = LEDGER_GET(at->view, TABLE_REPORT, key, at->arena, &report->old);
    if (r < 0 && r != -ENOENT)
        return r;
    struct bytes seen;
    r = ledger_get_bytes(at->view, TABLE_SEEN, key, at->arena, &seen);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    struct reader in = reader_of(seen);
    report->seen_epoch = read_u64be(&in);
    report->seen_sequence = read_u64be(&in);
    report->seen_ms = (int64_t)read_u64be(&in);
    report->seen = true;
    return in.failed ? -EBADMSG : 0;
}

/* Newest is by epoch and sequence; across epochs a report counts only if its scan is later. */
static bool is_superseded(const struct report *report)
{
    uint64_t epoch = report->batch->header->epoch;
    if (!report->seen)
        return false;
    if (epoch == report->seen_epoch)
        return report->event->sequence <= report->seen_sequence;
    return epoch < report->seen_epoch || report->scan_ms <= report->seen_ms;
}

static void put_seen(const struct report *report)
{
    uint8_t seen[24];
    put_u64be(seen, report->batch->header->epoch);
    put_u64be(seen + 8, report->event->sequence);
    put_u64be(seen + 16, (uint64_t)report->scan_ms);
    struct ledger_key key = key_endpoint_producer(report->number, report->name.producer);
    emit_put_bytes(report->at->out, TABLE_SEEN, ledger_key_bytes(&key),
                   bytes_of(seen, sizeof(seen)));
}

/* Installs of an endpoint that comes back after a long silence are stale no longer. */
static void follow_return(const struct report *report)
{
    if (!report->seen || !endpoint_is_stale(report->at, report->seen_ms))
        return;
    emit_follow(report->at->out,
                &(struct ledger_input){ .kind = INPUT_RECOUNT_UNIT,
                                        .recount = { .unit = report->event->unit,
                                                     .from_endpoint = report->number,
                                                     .only = true } });
}

static bool event_is_complete(const Zb__Event *event)
{
    for (size_t i = 0; i < event->n_sources; i++)
        if (!event->sources[i]->complete)
            return false;
    return event->final;
}

/* ---- UNCHANGED ---- */

static bool same_sources(const Zb__Event *event, const Zb__ReportRecord *report)
{
    if (event->n_sources != report->n_sources)
        return false;
    for (size_t i = 0; i < event->n_sources; i++)
        if (strcmp(event->sources[i]->name, report->sources[i]->name) != 0 ||
            event->sources[i]->complete != report->sources[i]->complete)
            return false;
    return true;
}

static bool is_unchanged(const struct report *report)
{
    const Zb__Event *event = report->event;
    const Zb__ReportRecord *old = report->old;
    return old != NULL && event->final && strcmp(event->unit, report->endpoint->unit) == 0 &&
           bytes_eq(blob_bytes(event->endpoint), blob_bytes(old->endpoint)) &&
           bytes_eq(blob_bytes(event->result_digest), blob_bytes(old->result_digest)) &&
           bytes_eq(blob_bytes(event->facts_digest), blob_bytes(old->facts_digest)) &&
           same_sources(event, old);
}

static int report_unchanged(const struct report *report)
{
    const struct ruling *at = report->at;
    if (!is_unchanged(report))
        return answer(report, OUTCOME_NEED_FULL, REFUSAL_NONE);
    if (!report->future && !endpoint_is_stale(at, report->seen_ms)) {
        emit_unchanged(at->out, &(struct ledger_unchanged){
                                    .producer = report->name.producer,
                                    .epoch = report->batch->header->epoch,
                                    .sequence = report->event->sequence,
                                    .endpoint = report->number,
                                    .scan_ms = report->event->scan_ms,
                                });
        return answer(report, OUTCOME_APPLIED, REFUSAL_NONE);
    }
    /* A list of unchanged reports tells neither of a wrong clock nor of a return. */
    (void)begin(report, ENTRY_REPORT, "unchanged"); /* an error is in the output */
    Zb__ReportRecord *record = report->old;
    record->future = report->future;
    if (event_is_complete(report->event))
        record->complete_ms = report->scan_ms;
    struct ledger_key key = key_endpoint_producer(report->number, report->name.producer);
    emit_put(at->out, TABLE_REPORT, ledger_key_bytes(&key), &record->base);
    put_seen(report);
    follow_return(report);
    return settle(report, OUTCOME_APPLIED, REFUSAL_NONE);
}

/* ---- FULL and DELTA ---- */

/* Canonical facts that are new with this event; size 0 when there are none. NEED_FULL when they were
 * not sent along. */
static int new_facts(const struct report *report, struct bytes *ret_facts,
                     enum result_status *ret_status)
{
    const Zb__Event *event = report->event;
    struct id128 id;
    *ret_facts = (struct bytes){ 0 };
    if (!id128_of(blob_bytes(event->facts_digest), &id) ||
        (report->old != NULL && strcmp(report->endpoint->unit, event->unit) == 0 &&
         bytes_eq(blob_bytes(report->old->facts_digest), id128_bytes(&id))))
        return 0;
    struct facts facts;
    *ret_facts = bodies_facts(report->batch->bodies, id);
    if (ret_facts->size == 0) {
        *ret_status = RESULT_NEED_FULL;
        return 0;
    }
    int r = facts_decode(*ret_facts, report->at->arena, &facts, NULL);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        *ret_status = RESULT_INVALID;
    return 0;
}

static int answer_incomplete(const struct report *report, const struct result *result)
{
    switch (result->status) {
    case RESULT_NEED_FULL:
        return answer(report, OUTCOME_NEED_FULL, REFUSAL_NONE);
    case RESULT_NEED_ROWS:
        emit_need_rows(report->at->out, report->event->sequence, report->digest, result->missing,
                       result->missing_count);
        return output_error(report->at->out);
    case RESULT_BAD_DIGEST: /* a matcher may have done it: not final */
        return answer(report, OUTCOME_REFUSED, REFUSAL_BAD_DIGEST);
    case RESULT_TOO_LARGE:
        return refuse(report, REFUSAL_TOO_LARGE, "too many rows");
    case RESULT_INVALID:
    case RESULT_GOOD:
        break;
    }
    return refuse(report, REFUSAL_INVALID, "rows or facts that are none");
}

/* The endpoint's number and record: the known one, one that joins, or a new one. */
static int settle_endpoint(struct report *report, struct bytes facts, bool *ret_changed)
{
    const struct ruling *at = report->at;
    const char *unit = report->event->unit;
    if (report->number != 0 && strcmp(report->endpoint->unit, unit) != 0) {
        int r = endpoint_detach(at, report->number, report->name.producer);
        if (r < 0)
            return r;
        report->number = 0;
        report->old = NULL;
        report->seen = false;
    }
    *ret_changed = report->number == 0;
    if (report->number != 0)
        return 0;
    struct id128 join;
    if (endpoint_join_digest(facts, at->arena, &join)) {
        int r = endpoint_joinable(at, unit, join, report->name.producer,
                                  report->batch->header->epoch, &report->number);
        if (r < 0)
            return r;
    }
    if (report->number != 0) {
        int r = LEDGER_GET(at->view, TABLE_ENDPOINT, key_u64(report->number), at->arena,
                           &report->endpoint);
        return r < 0 ? r : endpoint_add_name(report->endpoint, &report->name, at->arena);
    }
    Zb__EndpointRecord *record = arena_alloc(at->arena, sizeof(*record));
    if (record == NULL)
        return -ENOMEM;
    zb__endpoint_record__init(record);
    record->unit = report->event->unit;
    record->producer = blob_of(id128_bytes(&report->name.producer));
    record->endpoint = report->event->endpoint;
    record->first_ms = report->scan_ms;
    report->endpoint = record;
    report->number = emit_number(at->out, at->view, "endpoint");
    return output_error(at->out);
}

/* New facts: their handle, and the join digest unless another endpoint has it. */
static int settle_facts(struct report *report, struct bytes facts)
{
    const struct ruling *at = report->at;
    struct id128 salt = private_salt(at->rules, digest_bytes(&report->digest), "facts");
    struct id128 handle = emit_private(at->out, "facts", salt, facts);
    struct id128 *join = arena_calloc(at->arena, 2, sizeof(*join));
    if (join == NULL)
        return -ENOMEM;
    join[1] = handle;
    report->endpoint->facts = blob_of(id128_bytes(&join[1]));
    if (!endpoint_join_digest(facts, at->arena, &join[0]))
        return 0;
    uint64_t holder;
    int r = ledger_get_u64(at->view, INDEX_JOIN,
                           key_text_id(report->event->unit, id128_bytes(&join[0])), &holder);
    if (r == -ENOENT || (r == 0 && holder == report->number))
        report->endpoint->join = blob_of(id128_bytes(&join[0]));
    return r == -ENOENT ? 0 : r;
}

static int put_report(const struct report *report, const struct result *result)
{
    const struct ruling *at = report->at;
    struct bytes value;
    int r = result_value(at, result, report->batch->bodies, report->event, &value);
    if (r < 0)
        return r;
    struct id128 salt = private_salt(at->rules, digest_bytes(&report->digest), "evidence");
    struct id128 handle = emit_private(at->out, "evidence", salt, value);
    Zb__ReportRecord record = ZB__REPORT_RECORD__INIT;
    record.result_digest = report->event->result_digest;
    record.facts_digest = report->event->facts_digest;
    record.epoch = report->batch->header->epoch;
    record.sequence = report->event->sequence;
    record.sources = report->event->sources;
    record.n_sources = report->event->n_sources;
    record.scan_ms = report->scan_ms;
    record.future = report->future;
    record.evidence = blob_of(id128_bytes(&handle));
    record.endpoint = report->event->endpoint;
    record.complete_ms = event_is_complete(report->event) ? report->scan_ms
                         : report->old != NULL            ? report->old->complete_ms
                                                          : 0;
    struct ledger_key key = key_endpoint_producer(report->number, report->name.producer);
    emit_put(at->out, TABLE_REPORT, ledger_key_bytes(&key), &record.base);
    return output_error(at->out);
}

static int report_result(struct report *report)
{
    const struct ruling *at = report->at;
    struct result result;
    struct bytes facts;
    int r = result_load(at, report->batch->bodies, report->event, report->old, &result);
    if (r == 0 && result.status == RESULT_GOOD)
        r = new_facts(report, &facts, &result.status);
    if (r != 0)
        return r;
    if (result.status != RESULT_GOOD)
        return answer_incomplete(report, &result);

    bool changed;
    (void)begin(report, ENTRY_REPORT, report->future ? "applied, its clock is ahead" : "applied");
    r = settle_endpoint(report, facts, &changed);
    if (r == 0 && facts.size > 0)
        r = settle_facts(report, facts);
    if (r < 0)
        return r;
    if (changed || facts.size > 0)
        endpoint_put(at, report->number, report->endpoint);
    r = result_number_rows(at, &result);
    if (r == 0)
        r = sets_change(at, &(struct set_change){ .number = report->number,
                                                  .producer = report->name.producer,
                                                  .event = report->event,
                                                  .scan_ms = report->scan_ms,
                                                  .result = &result });
    if (r == 0)
        r = put_report(report, &result);
    if (r < 0)
        return r;
    put_seen(report);
    follow_return(report);
    return settle(report, OUTCOME_APPLIED, REFUSAL_NONE);
}

int rule_report(const struct ruling *at, const struct ledger_batch *batch, size_t event,
                struct digest digest)
{
    struct report report = {
        .at = at, .batch = batch, .event = batch->header->events[event], .digest = digest
    };
    enum once_answer known;
    Zb__OutcomeKind outcome = OUTCOME_NONE;
    Zb__RefusalReason reason = REFUSAL_NONE;
    if (!id128_of(blob_bytes(batch->header->producer), &report.name.producer))
        return -EINVAL; /* rule_batch checked it */
    int r = once_event(at->view, report.name.producer, batch->header->epoch, report.event->sequence,
                       digest, at->arena, &known, &outcome, &reason);
    if (r < 0 || known != ONCE_NEW)
        return r < 0 ? r : answer_known(&report, known, outcome, reason);
    if (!event_is_valid(report.event))
        return refuse(&report, REFUSAL_INVALID, "not an event");
    r = check_unit(&report, &reason);
    if (r < 0 || reason != REFUSAL_NONE)
        return r < 0 ? r : refuse(&report, reason, "its unit");
    (void)id128_of(blob_bytes(report.event->endpoint), &report.name.opaque); /* is valid */
    report.future = report.event->scan_ms > at->now_ms + FUTURE_MS;
    report.scan_ms = report.event->scan_ms < at->now_ms ? report.event->scan_ms : at->now_ms;
    r = load_known(&report);
    if (r < 0)
        return r;
    if (is_superseded(&report)) {
        (void)begin(&report, ENTRY_SETTLED, "older"); /* an error is in the output */
        return settle(&report, OUTCOME_APPLIED, REFUSAL_NONE);
    }
    return report.event->kind == EVENT_UNCHANGED ? report_unchanged(&report)
                                                 : report_result(&report);
}
