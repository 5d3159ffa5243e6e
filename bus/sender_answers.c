/* sender_answers.c - whose an answer is, and what it means.
 *
 * SETTLED and RESUMED are believed only with the pinned ledger's signature and this collector's
 * name in them, and then from any link, a settlement in any phase. An outcome counts only for the
 * very report it names: same epoch, same sequence, same digest. BUSY and REFUSED come from whoever
 * holds the link, prove nothing, and so settle nothing: the copy goes another way. */
#include "bus/sender_inner.h"

#include <errno.h>

/* ---- whose ----------------------------------------------------------------------------------- */

static void blame(struct step *at, size_t link, const char *what)
{
    struct sender *s = at->sender;
    s->totals.bad_signatures++;
    if (s->link[link].blamed)
        return;
    s->link[link].blamed = true;
    alarm_add(at, SENDER_ALARM,
              arena_printf(at->arena,
                           "link %zu brought %s: nothing was taken from it; have the matcher there "
                           "looked at",
                           link, what));
}

/* Whether a body has the pinned ledger's signature. */
static bool is_ledgers(const struct sender *s, const char *purpose, ProtobufCBinaryData key,
                       ProtobufCBinaryData body, ProtobufCBinaryData signature)
{
    struct id128 id;
    return id128_of(blob_bytes(key), &id) && id128_eq(id, s->options.ledger_id) &&
           seal_verify(&s->options.ledger_key, purpose, blob_bytes(body), blob_bytes(signature));
}

static bool is_mine(const struct sender *s, ProtobufCBinaryData producer)
{
    struct id128 id;
    return id128_of(blob_bytes(producer), &id) && id128_eq(id, s->identity.id);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

/* What the outcomes of one settlement come to. */
struct verdict {
    struct settled_outcome *settled; /* for the spool: final ones and NEED_* */
    size_t count;
    Zb__RefusalReason stopped_by; /* REFUSAL_NONE: no */
    bool resume;                  /* STALE or LEDGER_BEHIND for something unsettled */
    bool behind;
    bool foreign; /* speaks of events this spool never sent so */
    uint64_t stale;
};

/* The digest under which an unsettled sequence stands here. Errors: -ENOENT it is settled or was
 * never given; those of the spool. */
static int flight_digest(struct step *at, uint64_t sequence, struct digest *ret_digest)
{
    struct sender *s = at->sender;
    if (sequence < s->position.floor || sequence >= s->position.next_sequence)
        return -ENOENT;
    const struct flight *flight = flight_of(s, sequence);
    if (flight->state == FLIGHT_DONE)
        return -ENOENT;
    if (flight->known) {
        *ret_digest = flight->digest;
        return 0;
    }
    struct outgoing_event event;
    struct arena_mark mark = arena_mark(at->arena);
    int r = s->spool.event(s->spool.ctx, sequence, false, at->arena, &event);
    if (r == 0)
        *ret_digest = event.digest;
    arena_rewind(at->arena, mark);
    return r;
}

static int rows_of(struct step *at, const Zb__Outcome *outcome, struct settled_outcome *settled)
{
    struct id128 *rows = arena_calloc(at->arena, outcome->n_rows, sizeof(*rows));
    if (rows == NULL)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < outcome->n_rows; i++)
        count += id128_of(blob_bytes(outcome->rows[i]), &rows[count]);
    settled->rows = rows;
    settled->row_count = count;
    return 0;
}

static int outcome_weigh(struct step *at, const Zb__Outcome *outcome, struct verdict *verdict)
{
    struct sender *s = at->sender;
    struct digest digest, mine;
    if (!digest_of(blob_bytes(outcome->digest), &digest))
        return 0;
    int r = flight_digest(at, outcome->sequence, &mine);
    if (r < 0) {
        verdict->foreign = verdict->foreign || outcome->sequence >= s->position.next_sequence;
        return r == -ENOENT ? 0 : r;
    }
    if (!digest_eq(digest, mine)) {
        verdict->foreign = true;
        return 0;
    }
    struct settled_outcome settled = { .sequence = outcome->sequence,
                                       .digest = digest,
                                       .kind = outcome->kind,
                                       .reason = outcome->reason };
    bool out = flight_of(s, outcome->sequence)->state == FLIGHT_OUT;
    switch (outcome->kind) {
    case OUTCOME_NEED_FULL:
    case OUTCOME_NEED_ROWS:
        r = out ? rows_of(at, outcome, &settled) : 0;
        if (r == 0 && out)
            verdict->settled[verdict->count++] = settled;
        return r;
    case OUTCOME_STALE:
    case OUTCOME_LEDGER_BEHIND:
        verdict->resume = true;
        verdict->behind = verdict->behind || outcome->kind == OUTCOME_LEDGER_BEHIND;
        verdict->stale += outcome->kind == OUTCOME_STALE;
        return 0;
    default:
        if (outcome_is_final(outcome->kind, outcome->reason))
            verdict->settled[verdict->count++] = settled;
        else if (outcome->kind == OUTCOME_REFUSED && refusal_stops(outcome->reason))
            verdict->stopped_by = outcome->reason;
        return 0;
    }
}

/* The flights after the spool has taken the outcomes. */
static void verdict_note(struct sender *s, const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->count; i++) {
        const struct settled_outcome *settled = &verdict->settled[i];
        if (settled->sequence < s->position.floor)
            continue; /* its slot may be another's by now */
        struct flight *flight = flight_of(s, settled->sequence);
        if (outcome_is_final(settled->kind, settled->reason)) {
            flight->state = FLIGHT_DONE;
        } else {
            flight->state = FLIGHT_DUE;
            flight->sent = false; /* any link will do: this one brought the answer */
            flight->full = flight->full || settled->kind == OUTCOME_NEED_FULL;
        }
    }
}

static int settlement_take(struct step *at, const Zb__Settlement *settlement, size_t link)
{
    struct sender *s = at->sender;
    if (settlement->epoch != s->position.epoch)
        return 0; /* late, of an epoch that is over */
    struct verdict verdict = { 0 };
    verdict.settled = arena_calloc(at->arena, settlement->n_outcomes, sizeof(*verdict.settled));
    if (verdict.settled == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < settlement->n_outcomes; i++) {
        int r = outcome_weigh(at, settlement->outcomes[i], &verdict);
        if (r < 0)
            return r;
    }
    uint64_t finals = 0;
    for (size_t i = 0; i < verdict.count; i++)
        finals += outcome_is_final(verdict.settled[i].kind, verdict.settled[i].reason);
    if (verdict.count > 0) {
        int r = s->spool.settle(s->spool.ctx, s->position.epoch, verdict.settled, verdict.count,
                                at->now_ms);
        if (r == 0)
            r = position_read(s);
        if (r < 0)
            return r;
        verdict_note(s, &verdict);
    }
    s->totals.settled_events += finals;
    s->totals.stale += verdict.stale;
    if (finals > 0)
        ledger_heard(at);
    if (verdict.foreign)
        blame(at, link, "a settlement of reports that this spool never sent so");
    if (verdict.stopped_by != REFUSAL_NONE)
        sender_stop(at, verdict.stopped_by);
    else if (verdict.resume)
        resume_again(at);
    return 0;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static int settled_arrived(struct step *at, size_t link, const Zb__Settled *settled)
{
    struct sender *s = at->sender;
    Zb__Settlement *settlement;
    int r = 0;
    if (!is_ledgers(s, PURPOSE_SETTLED, settled->ledger_key, settled->settlement,
                    settled->signature))
        blame(at, link, "a settlement without the ledger's signature");
    else if ((r = MESSAGE_UNPACK(settlement, blob_bytes(settled->settlement), at->arena,
                                 &settlement, NULL)) == -EBADMSG)
        r = 0; /* the ledger's own, of a later version than this program knows */
    else if (r == 0 && !is_mine(s, settlement->producer))
        blame(at, link, "another collector's settlement");
    else if (r == 0)
        r = settlement_take(at, settlement, link);
    if (r < 0)
        return r;
    struct frame_out *frame = frame_out_find(s, link, settled->tag);
    if (frame != NULL)
        frame_out_release(s, frame);
    return 0;
}

static int resumed_arrived(struct step *at, size_t link, const Zb__Resumed *resumed)
{
    struct sender *s = at->sender;
    Zb__ResumedBody *body;
    int r = 0;
    if (!is_ledgers(s, PURPOSE_RESUMED, resumed->ledger_key, resumed->body, resumed->signature))
        blame(at, link, "a RESUMED without the ledger's signature");
    else if ((r = MESSAGE_UNPACK(resumed_body, blob_bytes(resumed->body), at->arena, &body,
                                 NULL)) == -EBADMSG)
        r = 0;
    else if (r == 0 && !is_mine(s, body->producer))
        blame(at, link, "another collector's RESUMED");
    else if (r == 0)
        r = resumed_take(at, body);
    if (r < 0)
        return r;
    struct frame_out *frame = frame_out_find(s, link, resumed->tag);
    if (frame != NULL)
        frame_out_release(s, frame);
    return 0;
}

/* A frame was not taken; who says so is nobody to believe more of than that. */
static void frame_returned(struct step *at, size_t link, uint64_t tag, int64_t pause_ms)
{
    struct sender *s = at->sender;
    struct frame_out *frame = frame_out_find(s, link, tag);
    if (frame == NULL)
        return;
    frame_out_release(s, frame);
    flights_back(s, link, tag);
    s->link[link].paused_ms = at->mono_ms + pause_ms;
    if (s->phase == PHASE_RESUMING)
        s->resume_ms = at->mono_ms; /* by another way, or when this one is open again */
}

static void refused_arrived(struct step *at, size_t link, const Zb__Refused *refused)
{
    struct sender *s = at->sender;
    frame_returned(at, link, refused->tag, s->options.resend_ms);
    if (s->link[link].told == refused->reason)
        return;
    s->link[link].told = refused->reason;
    const ProtobufCEnumValue *why =
        protobuf_c_enum_descriptor_get_value(&zb__refusal_reason__descriptor, (int)refused->reason);
    alarm_add(at, SENDER_ALARM,
              arena_printf(at->arena, "link %zu does not take what is sent: %s: %s", link,
                           why == NULL ? "?" : why->name,
                           refused->text == NULL ? "" : refused->text));
}

int frame_arrived(struct step *at, const struct sender_event *event)
{
    if (event->message == NULL || event->message->descriptor != frame_descriptor(event->type))
        return 0;
    switch (event->type) {
    case FRAME_SETTLED:
        return settled_arrived(at, event->link, (const Zb__Settled *)event->message);
    case FRAME_RESUMED:
        return resumed_arrived(at, event->link, (const Zb__Resumed *)event->message);
    case FRAME_BUSY: {
        const Zb__Busy *busy = (const Zb__Busy *)event->message;
        int64_t most_ms = at->sender->options.resend_ms;
        frame_returned(at, event->link, busy->tag,
                       busy->retry_ms < most_ms ? busy->retry_ms : most_ms);
        return 0;
    }
    case FRAME_REFUSED:
        refused_arrived(at, event->link, (const Zb__Refused *)event->message);
        return 0;
    default:
        return 0; /* nothing else is a collector's to hear */
    }
}
