/* batch.c - a batch at the door: whose it is, whether that key may send it, and what its header says
 * of the stream. Its events are decided one by one (report.c), each seeing what the one before did.
 *
 * Who sent a batch whose signature does not hold is not known: it gets no outcomes, and nothing of
 * it is journalled. What a known sender may not do is answered, and settled only where the reason
 * lies in what it signed (outcome_is_final). */
#include "ledger/rules.h"

#include <errno.h>

#include "ledger/bodies.h"
#include "ledger/case.h"
#include "ledger/lookup.h"
#include "ledger/once.h"
#include "ledger/settle.h"
#include "proto/frame.h"

void settle_put(const struct ruling *at, struct id128 producer, uint64_t epoch, uint64_t sequence,
                struct digest digest, Zb__OutcomeKind kind, Zb__RefusalReason reason)
{
    Zb__OnceRecord record = ZB__ONCE_RECORD__INIT;
    record.digest = blob_of(digest_bytes(&digest));
    record.outcome = kind;
    record.reason = reason;
    struct ledger_key key = key_once(producer, epoch, sequence);
    emit_put(at->out, TABLE_ONCE, ledger_key_bytes(&key), &record.base);
}

int settle_alarm(const struct ruling *at, struct id128 producer)
{
    char hex[HEX128_SIZE];
    hex_encode(producer.b, sizeof(producer.b), hex);
    return alarm_raise(at, ALARM_FORKED, hex,
                       "two histories under one key: a cloned computer or a stolen key");
}

int settle_fork(const struct ruling *at, struct id128 producer)
{
    Zb__ProducerRecord *record;
    int r = once_quarantine(at->view, producer, at->arena, &record);
    if (r < 0)
        return r;
    struct ledger_key key = key_id(id128_bytes(&producer));
    (void)emit_entry(at->out, ENTRY_FORKED, id128_bytes(&producer), "two histories under one key");
    emit_put(at->out, TABLE_PRODUCER, ledger_key_bytes(&key), &record->base);
    r = settle_alarm(at, producer);
    return r < 0 ? r : output_error(at->out);
}

/* A sender's key against what it signed. REFUSAL_NONE: it is an active collector's. *ret_known tells
 * whether the signature holds, so that the sender may be answered. */
static int check_sender(const struct ruling *at, struct bytes producer, const char *purpose,
                        struct bytes message, struct bytes signature, bool *ret_known,
                        Zb__RefusalReason *ret_reason)
{
    Zb__KeyRecord *record;
    struct seal_public key;
    *ret_known = false;
    *ret_reason = REFUSAL_UNKNOWN_KEY;
    int r = LEDGER_GET(at->view, TABLE_KEY, key_id(producer), at->arena, &record);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (record->key == NULL || record->key->sign_public.len != sizeof(key.b))
        return -EBADMSG;
    memcpy(key.b, record->key->sign_public.data, sizeof(key.b));
    *ret_reason = REFUSAL_BAD_SIGNATURE;
    if (!seal_verify(&key, purpose, message, signature))
        return 0;
    *ret_known = true;
    if (record->key->role != ROLE_COLLECTOR)
        *ret_reason = REFUSAL_WRONG_ROLE;
    else if (record->key->state == KEY_REVOKED)
        *ret_reason = REFUSAL_REVOKED_KEY;
    else
        *ret_reason = record->key->state == KEY_ACTIVE ? REFUSAL_NONE : REFUSAL_QUARANTINED;
    return 0;
}

static int ledger_is_simulated(const struct ruling *at, bool *ret_simulated)
{
    Zb__GenesisRecord *genesis;
    int r = LEDGER_GET(at->view, TABLE_GENESIS, key_id(bytes_of("", 1)), at->arena, &genesis);
    if (r == 0)
        *ret_simulated = genesis->simulated;
    return r;
}

static bool header_is_sound(const Zb__BatchHeader *header)
{
    if (header->format != FORMAT_VERSION || header->algorithm != SEAL_BLAKE2B_ED25519 ||
        header->n_events == 0 || header->n_events > BOUND_EVENTS_PER_BATCH)
        return false;
    for (size_t i = 0; i < header->n_events; i++) {
        const Zb__Event *event = header->events[i];
        if (event->sequence == 0 || event->n_sources > BOUND_SOURCES_PER_EVENT ||
            (i > 0 && event->sequence <= header->events[i - 1]->sequence))
            return false;
    }
    return true;
}

/* One answer for every event. Where it is final it is settled, so that the floor may pass. */
static int answer_all(const struct ruling *at, const struct ledger_batch *batch,
                      struct id128 producer, const struct digest *digests, Zb__OutcomeKind kind,
                      Zb__RefusalReason reason)
{
    const Zb__BatchHeader *header = batch->header;
    bool begun = false;
    for (size_t i = 0; i < header->n_events; i++) {
        const Zb__Event *event = header->events[i];
        enum once_answer known = ONCE_DUPLICATE;
        Zb__OutcomeKind outcome = kind;
        Zb__RefusalReason why = reason;
        if (outcome_is_final(kind, reason)) {
            int r = once_event(at->view, producer, header->epoch, event->sequence, digests[i],
                               at->arena, &known, &outcome, &why);
            if (r < 0)
                return r;
        }
        if (known == ONCE_NEW) {
            if (!begun)
                (void)emit_entry(at->out, ENTRY_SETTLED, id128_bytes(&producer),
                                 "batch refused, reason %d", (int)reason);
            begun = true;
            settle_put(at, producer, header->epoch, event->sequence, digests[i], kind, reason);
        }
        if (known == ONCE_DUPLICATE)
            emit_outcome(at->out, event->sequence, digests[i], outcome, why);
        else
            emit_outcome(at->out, event->sequence, digests[i], kind, reason);
    }
    return output_error(at->out);
}

static struct digest *digests_of(const struct ruling *at, const Zb__BatchHeader *header,
                                 struct id128 producer)
{
    struct digest *digests = arena_calloc(at->arena, header->n_events, sizeof(*digests));
    for (size_t i = 0; digests != NULL && i < header->n_events; i++)
        digests[i] = event_digest(producer, header->epoch, header->events[i]);
    return digests;
}

/* Whether some event may change tables beyond what an unchanged report does. */
static int has_effect(const struct ruling *at, const Zb__BatchHeader *header, struct id128 producer,
                      bool *ret_effect)
{
    *ret_effect = false;
    for (size_t i = 0; i < header->n_events && !*ret_effect; i++) {
        if (header->events[i]->kind == EVENT_UNCHANGED)
            continue;
        int has = ledger_has(at->view, TABLE_ONCE,
                             key_once(producer, header->epoch, header->events[i]->sequence));
        if (has < 0)
            return has;
        *ret_effect = has == 0;
    }
    return 0;
}

/* Journals header and signature once, and the floor where it moves. */
static int begin_batch(const struct ruling *at, const struct ledger_batch *batch,
                       struct id128 producer, const Zb__ProducerRecord *moved, bool effect)
{
    if (moved == NULL && !effect)
        return 0;
    Zb__Entry *entry = emit_entry(at->out, effect ? ENTRY_BATCH : ENTRY_SETTLED,
                                  id128_bytes(&producer), "%zu events of epoch %llu, floor %llu",
                                  batch->header->n_events, (unsigned long long)batch->header->epoch,
                                  (unsigned long long)batch->header->floor);
    if (entry == NULL)
        return output_error(at->out);
    entry->received_ms = batch->received_ms;
    if (effect) {
        entry->header = batch->batch->header;
        entry->signature = batch->batch->signature;
    }
    if (moved != NULL) {
        struct ledger_key key = key_id(id128_bytes(&producer));
        emit_put(at->out, TABLE_PRODUCER, ledger_key_bytes(&key), &moved->base);
    }
    return output_error(at->out);
}

static int follow_events(const struct ruling *at, const struct ledger_batch *batch,
                         const struct digest *digests)
{
    struct ledger_batch *copy = arena_dup(at->arena, batch, sizeof(*batch));
    struct batch_bodies *bodies;
    if (copy == NULL)
        return -ENOMEM;
    int r = bodies_new(batch->batch, at->arena, &bodies);
    if (r < 0)
        return r;
    copy->bodies = bodies;
    for (size_t i = 0; i < batch->header->n_events; i++)
        emit_follow(at->out, &(struct ledger_input){
                                 .kind = INPUT_REPORT,
                                 .report = { .batch = copy, .event = i, .digest = digests[i] } });
    return output_error(at->out);
}

/* The header's word on the stream, for a batch that the sender may send. */
static int take_batch(const struct ruling *at, const struct ledger_batch *batch,
                      struct id128 producer, const struct digest *digests)
{
    enum once_answer known;
    Zb__ProducerRecord *record;
    bool moved, effect;
    int r = once_header(at->view, batch->header, at->arena, &known, &record, &moved);
    if (r == -EINVAL)
        return answer_all(at, batch, producer, digests, OUTCOME_REFUSED, REFUSAL_BAD_FRAME);
    if (r < 0)
        return r;
    if (known == ONCE_LEDGER_BEHIND)
        return answer_all(at, batch, producer, digests, OUTCOME_LEDGER_BEHIND, REFUSAL_NONE);
    if (known == ONCE_FORKED) {
        r = settle_fork(at, producer);
        return r < 0 ? r
                     : answer_all(at, batch, producer, digests, OUTCOME_REFUSED, REFUSAL_FORKED);
    }
    if (known != ONCE_NEW)
        return answer_all(at, batch, producer, digests, OUTCOME_REFUSED, REFUSAL_QUARANTINED);
    r = has_effect(at, batch->header, producer, &effect);
    if (r == 0)
        r = begin_batch(at, batch, producer, moved ? record : NULL, effect);
    return r < 0 ? r : follow_events(at, batch, digests);
}

int rule_batch(const struct ruling *at, const struct ledger_batch *batch)
{
    const Zb__BatchHeader *header = batch->header;
    struct id128 producer;
    bool known, simulated;
    Zb__RefusalReason reason;
    int r = check_sender(at, blob_bytes(header->producer), PURPOSE_BATCH,
                         blob_bytes(batch->batch->header), blob_bytes(batch->batch->signature),
                         &known, &reason);
    if (r < 0)
        return r;
    if (!known || !id128_of(blob_bytes(header->producer), &producer)) {
        emit_refused(at->out, reason);
        return 0;
    }
    if (!header_is_sound(header)) {
        emit_refused(at->out, REFUSAL_BAD_FRAME);
        return 0;
    }
    struct digest *digests = digests_of(at, header, producer);
    if (digests == NULL)
        return -ENOMEM;
    r = ledger_is_simulated(at, &simulated);
    if (r < 0)
        return r;
    if (reason == REFUSAL_NONE &&
        !bytes_eq(blob_bytes(header->ledger), id128_bytes(&at->rules->ledger_id)))
        reason = REFUSAL_KEY_MISMATCH;
    if (reason == REFUSAL_NONE && header->simulated != simulated)
        reason = REFUSAL_SIMULATED;
    return reason != REFUSAL_NONE
               ? answer_all(at, batch, producer, digests, OUTCOME_REFUSED, reason)
               : take_batch(at, batch, producer, digests);
}

/* ---- RESUME ---- */

static int resumed_refused(const struct ruling *at, const Zb__ResumeBody *body,
                           Zb__RefusalReason reason)
{
    Zb__ResumedBody resumed = ZB__RESUMED_BODY__INIT;
    resumed.algorithm = SEAL_BLAKE2B_ED25519;
    resumed.producer = body->producer;
    resumed.nonce = body->nonce;
    resumed.epoch = body->epoch;
    resumed.floor = 1;
    resumed.refused = reason;
    emit_resumed(at->out, &resumed);
    return output_error(at->out);
}

static int take_resume(const struct ruling *at, const Zb__ResumeBody *body)
{
    Zb__ResumedBody *resumed;
    Zb__ProducerRecord *record;
    int r = once_resume(at->view, body, at->arena, &resumed, &record);
    if (r == -EINVAL)
        return resumed_refused(at, body, REFUSAL_INVALID);
    if (r < 0)
        return r;
    if (record != NULL) {
        struct ledger_key key = key_id(blob_bytes(body->producer));
        struct id128 producer;
        (void)emit_entry(at->out, record->quarantined ? ENTRY_FORKED : ENTRY_EPOCH,
                         blob_bytes(body->producer),
                         "resume: told epoch %llu sequence %llu, granted epoch %llu%s",
                         (unsigned long long)body->epoch, (unsigned long long)body->highest,
                         (unsigned long long)resumed->epoch,
                         resumed->behind ? ", this ledger has lost events" : "");
        emit_put(at->out, TABLE_PRODUCER, ledger_key_bytes(&key), &record->base);
        if (record->quarantined && id128_of(blob_bytes(body->producer), &producer)) {
            r = settle_alarm(at, producer);
            if (r < 0)
                return r;
        }
    }
    emit_resumed(at->out, resumed);
    return output_error(at->out);
}

int rule_resume(const struct ruling *at, const Zb__Resume *resume)
{
    Zb__ResumeBody *body = NULL;
    bool known, simulated;
    Zb__RefusalReason reason;
    int r = MESSAGE_UNPACK(resume_body, blob_bytes(resume->body), at->arena, &body, NULL);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        emit_refused(at->out, REFUSAL_BAD_FRAME);
        return 0;
    }
    r = check_sender(at, blob_bytes(body->producer), PURPOSE_RESUME, blob_bytes(resume->body),
                     blob_bytes(resume->signature), &known, &reason);
    if (r < 0)
        return r;
    if (!known) {
        emit_refused(at->out, reason);
        return 0;
    }
    r = ledger_is_simulated(at, &simulated);
    if (r < 0)
        return r;
    if (reason == REFUSAL_NONE &&
        !bytes_eq(blob_bytes(body->ledger), id128_bytes(&at->rules->ledger_id)))
        reason = REFUSAL_KEY_MISMATCH;
    if (reason == REFUSAL_NONE && body->simulated != simulated)
        reason = REFUSAL_SIMULATED;
    return reason != REFUSAL_NONE ? resumed_refused(at, body, reason) : take_resume(at, body);
}
