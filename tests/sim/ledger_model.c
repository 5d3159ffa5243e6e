/* ledger_model.c - answers as notifier and ledger do, without what reports mean. */
#include "tests/sim/ledger_model.h"

#include <errno.h>
#include <stdio.h>

#include "ledger/key.h"
#include "ledger/once.h"

enum { KEYS_MAX = 8 };

/* What was ever settled, as hashes; grows only at a commit. */
struct truth {
    struct id128 *slot; /* open addressing, zero: free */
    size_t room, count;
};

struct ledger_model {
    enum sabotage sabotage;
    struct memory_view *memory;
    struct seal_public sign_public;
    struct seal_secret sign_secret;
    struct id128 id;
    struct seal_public key[KEYS_MAX];
    struct id128 key_id[KEYS_MAX];
    bool cloned[KEYS_MAX];
    size_t keys;
    struct truth truth;
    struct id128 *open; /* settled in the open transaction */
    size_t open_count, open_room;
    const char *fault; /* what the running call found wrong */
};

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

struct ledger_model *ledger_model_new(uint64_t seed, enum sabotage sabotage)
{
    struct ledger_model *model = must(calloc(1, sizeof(*model)));
    uint8_t bytes[SEAL_SEED_BYTES] = { 'l' };
    put_u64be(bytes + 8, seed);
    model->sabotage = sabotage;
    model->memory = must(memory_view_new());
    seal_keypair(bytes, &model->sign_public, &model->sign_secret);
    model->id = seal_key_id(&model->sign_public);
    return model;
}

void ledger_model_free(struct ledger_model *model)
{
    if (model == NULL)
        return;
    memory_view_free(model->memory);
    free(model->truth.slot);
    free(model->open);
    free(model);
}

struct seal_public ledger_model_key(const struct ledger_model *model)
{
    return model->sign_public;
}

struct id128 ledger_model_id(const struct ledger_model *model)
{
    return model->id;
}

void ledger_model_enrol(struct ledger_model *model, const struct seal_public *key)
{
    model->key[model->keys] = *key;
    model->key_id[model->keys++] = seal_key_id(key);
}

void ledger_model_cloned(struct ledger_model *model, struct id128 producer)
{
    for (size_t i = 0; i < model->keys; i++)
        if (id128_eq(model->key_id[i], producer))
            model->cloned[i] = true;
}

/* ---- truth ----------------------------------------------------------------------------------- */

static struct id128 truth_hash(struct id128 producer, uint64_t epoch, uint64_t sequence,
                               struct digest digest, Zb__OutcomeKind kind)
{
    uint8_t numbers[17];
    put_u64be(numbers, epoch);
    put_u64be(numbers + 8, sequence);
    numbers[16] = (uint8_t)kind;
    return seal_id128(SEAL_PARTS(id128_bytes(&producer), bytes_of(numbers, sizeof(numbers)),
                                 digest_bytes(&digest)));
}

static size_t truth_slot(const struct truth *truth, struct id128 hash)
{
    size_t i = get_u32be(hash.b) & (truth->room - 1);
    while (!id128_is_zero(truth->slot[i]) && !id128_eq(truth->slot[i], hash))
        i = (i + 1) & (truth->room - 1);
    return i;
}

static void truth_add(struct truth *truth, struct id128 hash)
{
    if (truth->count * 2 >= truth->room) {
        struct truth old = *truth;
        truth->room = old.room == 0 ? 256 : old.room * 2;
        truth->slot = must(calloc(truth->room, sizeof(*truth->slot)));
        for (size_t i = 0; i < old.room; i++)
            if (!id128_is_zero(old.slot[i]))
                truth->slot[truth_slot(truth, old.slot[i])] = old.slot[i];
        free(old.slot);
    }
    size_t i = truth_slot(truth, hash);
    truth->count += id128_is_zero(truth->slot[i]);
    truth->slot[i] = hash;
}

bool ledger_model_settled(const struct ledger_model *model, struct id128 producer, uint64_t epoch,
                          const struct settled_outcome *outcome)
{
    struct id128 hash =
        truth_hash(producer, epoch, outcome->sequence, outcome->digest, outcome->kind);
    return model->truth.room > 0 &&
           !id128_is_zero(model->truth.slot[truth_slot(&model->truth, hash)]);
}

static void open_add(struct ledger_model *model, struct id128 hash)
{
    if (model->open_count == model->open_room) {
        model->open_room = model->open_room * 2 + 16;
        model->open = must(realloc(model->open, model->open_room * sizeof(*model->open)));
    }
    model->open[model->open_count++] = hash;
}

void ledger_model_begin(struct ledger_model *model)
{
    model->open_count = 0;
    memory_view_begin(model->memory);
}

void ledger_model_commit(struct ledger_model *model)
{
    for (size_t i = 0; i < model->open_count; i++)
        truth_add(&model->truth, model->open[i]);
    memory_view_commit(model->memory);
}

void ledger_model_abort(struct ledger_model *model)
{
    memory_view_abort(model->memory);
}

struct memory_view *ledger_model_backup(const struct ledger_model *model)
{
    return must(memory_view_copy(model->memory));
}

void ledger_model_restore(struct ledger_model *model, const struct memory_view *backup)
{
    memory_view_free(model->memory);
    model->memory = must(memory_view_copy(backup));
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void put_bytes(struct ledger_model *model, enum ledger_table table, struct ledger_key key,
                      struct bytes value)
{
    struct ledger_writer writer = memory_writer(model->memory);
    (void)writer.put(writer.view.ctx, table, ledger_key_bytes(&key), value);
}

static void put_record(struct ledger_model *model, enum ledger_table table, struct ledger_key key,
                       const ProtobufCMessage *record)
{
    uint8_t packed[512];
    if (protobuf_c_message_get_packed_size(record) > sizeof(packed))
        abort();
    put_bytes(model, table, key, bytes_of(packed, protobuf_c_message_pack(record, packed)));
}

/* As ledger/apply.c: what lies below the floor, or in an earlier epoch, goes. */
static void put_producer(struct ledger_model *model, struct id128 producer,
                         const Zb__ProducerRecord *record)
{
    struct ledger_writer writer = memory_writer(model->memory);
    struct ledger_key from = key_once(producer, 0, 0);
    struct ledger_key end = key_once(producer, record->epoch, record->floor);
    struct bytes key, value;
    put_record(model, TABLE_PRODUCER, key_id(id128_bytes(&producer)), &record->base);
    while (writer.view.seek(writer.view.ctx, TABLE_ONCE, ledger_key_bytes(&from), &key, &value) ==
               0 &&
           bytes_cmp(key, ledger_key_bytes(&end)) < 0) {
        struct ledger_key doomed = key_id(key);
        (void)writer.del(writer.view.ctx, TABLE_ONCE, ledger_key_bytes(&doomed));
    }
}

static Zb__ProducerRecord *producer_of(struct ledger_model *model, struct id128 producer,
                                       struct arena *arena)
{
    struct ledger_view view = memory_view(model->memory);
    Zb__ProducerRecord *record;
    if (LEDGER_GET(&view, TABLE_PRODUCER, key_id(id128_bytes(&producer)), arena, &record) == 0)
        return record;
    record = must(arena_calloc(arena, 1, sizeof(*record)));
    zb__producer_record__init(record);
    record->epoch = record->floor = 1;
    return record;
}

static uint64_t endpoint_number(struct bytes endpoint)
{
    return endpoint.size == 16 ? get_u32be(endpoint.data + 12) : 0;
}

/* The view that sabotage wants the rules to see. */
static int nothing(void *ctx, enum ledger_table table, struct bytes key, struct bytes *ret_value)
{
    struct ledger_view view = memory_view(ctx);
    return table == TABLE_ONCE ? -ENOENT : view.get(view.ctx, table, key, ret_value);
}

static struct ledger_view rules_view(struct ledger_model *model)
{
    struct ledger_view view = memory_view(model->memory);
    if (model->sabotage == SABOTAGE_FORGET_ONCE)
        view.get = nothing;
    return view;
}

/* ---- reports --------------------------------------------------------------------------------- */

static bool row_is_known(struct ledger_model *model, struct bytes id)
{
    struct ledger_view view = memory_view(model->memory);
    return ledger_has(&view, INDEX_ROW, key_id(id)) == 1;
}

static bool row_comes_along(const Zb__Batch *batch, struct id128 id)
{
    for (size_t i = 0; i < batch->n_rows; i++)
        if (id128_eq(seal_id128(SEAL_PARTS(blob_bytes(batch->rows[i]))), id))
            return true;
    return false;
}

static const Zb__RowSet *set_of(const Zb__Batch *batch, struct bytes result)
{
    for (size_t i = 0; i < batch->n_sets; i++)
        if (bytes_eq(blob_bytes(batch->sets[i]->result_digest), result))
            return batch->sets[i];
    return NULL;
}

/* Whether the set is the one whose digest was signed. */
static bool set_is_true(const Zb__RowSet *set, struct bytes result)
{
    struct result_item items[64] = { 0 };
    size_t count = 0;
    for (size_t i = 0; i < set->n_sets; i++)
        for (size_t at = 0; at + 16 <= set->sets[i]->rows.len && count < 64; at += 16)
            memcpy(items[count++].row.b, set->sets[i]->rows.data + at, 16);
    struct digest digest = result_digest(items, result_items_sort(items, count));
    return bytes_eq(digest_bytes(&digest), result);
}

static void outcome_need_rows(struct ledger_model *model, const Zb__Batch *batch,
                              const Zb__RowSet *set, struct arena *arena, Zb__Outcome *outcome)
{
    ProtobufCBinaryData *rows = must(arena_calloc(arena, 64, sizeof(*rows)));
    size_t count = 0;
    for (size_t i = 0; i < set->n_sets; i++)
        for (size_t at = 0; at + 16 <= set->sets[i]->rows.len && count < 64; at += 16) {
            struct id128 id;
            memcpy(id.b, set->sets[i]->rows.data + at, 16);
            if (!row_is_known(model, id128_bytes(&id)) && !row_comes_along(batch, id))
                rows[count++] = (ProtobufCBinaryData){ 16, set->sets[i]->rows.data + at };
        }
    outcome->kind = count > 0 ? OUTCOME_NEED_ROWS : OUTCOME_APPLIED;
    outcome->rows = rows;
    outcome->n_rows = count;
}

/* Whether what the event refers to is here; else the outcome says what is needed. */
static void contents_check(struct ledger_model *model, const Zb__Batch *batch,
                           const Zb__Event *event, const Zb__ReportRecord *last,
                           struct arena *arena, Zb__Outcome *outcome)
{
    struct bytes result = blob_bytes(event->result_digest);
    outcome->kind = OUTCOME_NEED_FULL;
    if (event->kind == EVENT_UNCHANGED) {
        if (last != NULL && bytes_eq(blob_bytes(last->result_digest), result))
            outcome->kind = OUTCOME_APPLIED;
        return;
    }
    const Zb__RowSet *set = set_of(batch, result);
    if (set != NULL && set_is_true(set, result)) {
        outcome_need_rows(model, batch, set, arena, outcome);
    } else if (model->sabotage == SABOTAGE_REFUSE_ALTERED) {
        outcome->kind = OUTCOME_REFUSED;
        outcome->reason = REFUSAL_INVALID;
    }
}

static bool is_cloned(const struct ledger_model *model, struct id128 producer)
{
    for (size_t i = 0; i < model->keys; i++)
        if (id128_eq(model->key_id[i], producer))
            return model->cloned[i];
    return false;
}

static void effect_count(struct ledger_model *model, struct id128 producer, int64_t scan_ms)
{
    Zb__StateRecord record = ZB__STATE_RECORD__INIT;
    record.number = ledger_model_effect(model, scan_ms) + 1;
    if (record.number > 1 && !is_cloned(model, producer))
        model->fault = "an event took effect twice";
    put_record(model, TABLE_STATE, key_u64((uint64_t)scan_ms), &record.base);
}

/* Taken when a later report of the computer had been applied already. */
static void effect_passed_over(struct ledger_model *model, int64_t scan_ms)
{
    Zb__StateRecord record = ZB__STATE_RECORD__INIT;
    record.number = ledger_model_effect(model, scan_ms);
    record.at_ms = 1;
    put_record(model, TABLE_STATE, key_u64((uint64_t)scan_ms), &record.base);
}

static void event_apply(struct ledger_model *model, struct id128 producer, uint64_t epoch,
                        const Zb__Batch *batch, const Zb__Event *event,
                        const Zb__ReportRecord *last)
{
    for (size_t i = 0; i < batch->n_rows; i++) {
        struct id128 id = seal_id128(SEAL_PARTS(blob_bytes(batch->rows[i])));
        put_bytes(model, INDEX_ROW, key_id(id128_bytes(&id)), bytes_of("", 0));
    }
    bool newer = last == NULL || (last->epoch == epoch ? event->sequence > last->sequence
                                                       : event->scan_ms > last->scan_ms);
    if (model->sabotage == SABOTAGE_EVERY_EPOCH)
        newer = true;
    if (!newer) {
        effect_passed_over(model, event->scan_ms);
        return;
    }
    Zb__ReportRecord report = ZB__REPORT_RECORD__INIT;
    report.result_digest = event->result_digest;
    report.epoch = epoch;
    report.sequence = event->sequence;
    report.scan_ms = event->scan_ms;
    put_record(model, TABLE_REPORT,
               key_endpoint_producer(endpoint_number(blob_bytes(event->endpoint)), producer),
               &report.base);
    effect_count(model, producer, event->scan_ms);
}

static void event_decide(struct ledger_model *model, struct id128 producer, uint64_t epoch,
                         const Zb__Batch *batch, const Zb__Event *event, struct digest digest,
                         struct arena *arena, Zb__Outcome *outcome)
{
    struct ledger_view view = memory_view(model->memory);
    Zb__ReportRecord *last = NULL;
    (void)LEDGER_GET(&view, TABLE_REPORT,
                     key_endpoint_producer(endpoint_number(blob_bytes(event->endpoint)), producer),
                     arena, &last);
    if (strcmp(event->unit, UNIT_OWN) != 0) {
        outcome->kind = OUTCOME_REFUSED;
        outcome->reason = REFUSAL_OUTSIDE_SUBTREE;
    } else {
        contents_check(model, batch, event, last, arena, outcome);
    }
    if (outcome->kind == OUTCOME_APPLIED)
        event_apply(model, producer, epoch, batch, event, last);
    if (!outcome_is_final(outcome->kind, outcome->reason))
        return;
    Zb__OnceRecord once = ZB__ONCE_RECORD__INIT;
    once.digest = blob_of(digest_bytes(&digest));
    once.outcome = outcome->kind;
    once.reason = outcome->reason;
    put_record(model, TABLE_ONCE, key_once(producer, epoch, event->sequence), &once.base);
    Zb__ProducerRecord *record = producer_of(model, producer, arena);
    if (record->highest < event->sequence)
        record->highest = event->sequence;
    put_producer(model, producer, record);
    open_add(model, truth_hash(producer, epoch, event->sequence, digest, outcome->kind));
}

/* ---- batches --------------------------------------------------------------------------------- */

static const struct seal_public *key_of(const struct ledger_model *model, struct bytes producer)
{
    for (size_t i = 0; i < model->keys; i++)
        if (bytes_eq(id128_bytes(&model->key_id[i]), producer))
            return &model->key[i];
    return NULL;
}

static void quarantine(struct ledger_model *model, struct id128 producer, struct arena *arena)
{
    struct ledger_view view = memory_view(model->memory);
    Zb__ProducerRecord *record;
    if (once_quarantine(&view, producer, arena, &record) == 0)
        put_producer(model, producer, record);
}

/* The outcome of one event; returns the answer it follows from. */
static enum once_answer event_answer(struct ledger_model *model, struct id128 producer,
                                     const Zb__Batch *batch, const Zb__BatchHeader *header,
                                     const Zb__Event *event, enum once_answer answer,
                                     struct arena *arena, Zb__Outcome *outcome)
{
    struct ledger_view view = rules_view(model);
    struct digest digest = event_digest(producer, header->epoch, event);
    Zb__OutcomeKind kind = OUTCOME_NONE;
    Zb__RefusalReason reason = REFUSAL_NONE;
    if (answer == ONCE_NEW && once_event(&view, producer, header->epoch, event->sequence, digest,
                                         arena, &answer, &kind, &reason) < 0)
        model->fault = "once_event failed";
    zb__outcome__init(outcome);
    outcome->sequence = event->sequence;
    uint8_t *copy = must(arena_dup(arena, digest.b, sizeof(digest.b)));
    outcome->digest = blob_of(bytes_of(copy, sizeof(digest.b)));
    switch (answer) {
    case ONCE_NEW:
        event_decide(model, producer, header->epoch, batch, event, digest, arena, outcome);
        break;
    case ONCE_DUPLICATE:
        outcome->kind = kind;
        outcome->reason = reason;
        break;
    case ONCE_STALE:
        outcome->kind = OUTCOME_STALE;
        break;
    case ONCE_LEDGER_BEHIND:
        outcome->kind = OUTCOME_LEDGER_BEHIND;
        break;
    case ONCE_FORKED:
        quarantine(model, producer, arena);
        outcome->kind = OUTCOME_REFUSED;
        outcome->reason = REFUSAL_FORKED;
        break;
    case ONCE_QUARANTINED:
        outcome->kind = OUTCOME_REFUSED;
        outcome->reason = REFUSAL_QUARANTINED;
        break;
    case ONCE_TOO_FAR:
        model->fault = "a sender went beyond its window";
        break;
    }
    return answer;
}

static ProtobufCMessage *sign_settlement(struct ledger_model *model, Zb__Settlement *settlement,
                                         struct arena *arena)
{
    size_t size = protobuf_c_message_get_packed_size(&settlement->base);
    uint8_t *packed = must(arena_alloc(arena, size));
    protobuf_c_message_pack(&settlement->base, packed);
    struct seal_signature signature =
        seal_sign(&model->sign_secret, PURPOSE_SETTLED, bytes_of(packed, size));
    Zb__Settled *settled = must(arena_alloc(arena, sizeof(*settled)));
    zb__settled__init(settled);
    settled->settlement = blob_of(bytes_of(packed, size));
    settled->signature =
        blob_of(bytes_of(must(arena_dup(arena, signature.b, sizeof(signature.b))), 64));
    settled->ledger_key = blob_of(id128_bytes(&model->id));
    return &settled->base;
}

static enum once_answer header_answer(struct ledger_model *model, const Zb__BatchHeader *header,
                                      struct id128 producer, struct arena *arena)
{
    struct ledger_view view = rules_view(model);
    enum once_answer answer = ONCE_NEW;
    Zb__ProducerRecord *record = NULL;
    bool moved = false;
    if (once_header(&view, header, arena, &answer, &record, &moved) < 0)
        model->fault = "once_header failed";
    if (model->sabotage == SABOTAGE_TRUST_FLOOR && answer == ONCE_LEDGER_BEHIND) {
        record = producer_of(model, producer, arena);
        record->epoch = header->epoch;
        record->floor = header->floor;
        record->chain = header->chain;
        moved = true;
        answer = ONCE_NEW;
    }
    if (moved)
        put_producer(model, producer, record);
    return answer;
}

static ProtobufCMessage *batch_take(struct ledger_model *model, const Zb__Batch *batch,
                                    int64_t now_ms, struct arena *arena)
{
    Zb__BatchHeader *header = NULL;
    struct id128 producer;
    if (MESSAGE_UNPACK(batch_header, blob_bytes(batch->header), arena, &header, NULL) < 0 ||
        !id128_of(blob_bytes(header->producer), &producer))
        return NULL;
    const struct seal_public *key = key_of(model, blob_bytes(header->producer));
    if (key == NULL ||
        !seal_verify(key, PURPOSE_BATCH, blob_bytes(batch->header), blob_bytes(batch->signature)))
        return NULL; /* nobody knows who sent it */
    enum once_answer answer = header_answer(model, header, producer, arena);
    Zb__Settlement settlement = ZB__SETTLEMENT__INIT;
    Zb__Outcome *outcomes = must(arena_calloc(arena, header->n_events, sizeof(*outcomes)));
    settlement.outcomes = must(arena_calloc(arena, header->n_events, sizeof(Zb__Outcome *)));
    settlement.n_outcomes = header->n_events;
    for (size_t i = 0; i < header->n_events; i++) {
        settlement.outcomes[i] = &outcomes[i];
        enum once_answer one = event_answer(model, producer, batch, header, header->events[i],
                                            answer, arena, &outcomes[i]);
        if (one == ONCE_FORKED)
            answer = ONCE_FORKED;
    }
    if (answer == ONCE_FORKED)
        quarantine(model, producer, arena);
    const Zb__ProducerRecord *record = producer_of(model, producer, arena);
    settlement.algorithm = SEAL_BLAKE2B_ED25519;
    settlement.producer = header->producer;
    settlement.epoch = header->epoch;
    settlement.floor = record->floor;
    settlement.chain = record->chain;
    settlement.settled_ms = now_ms;
    return sign_settlement(model, &settlement, arena);
}

/* ---- resuming -------------------------------------------------------------------------------- */

static void resume_sabotage(struct ledger_model *model, const Zb__ResumeBody *body,
                            struct id128 producer, Zb__ResumedBody *resumed,
                            Zb__ProducerRecord **record)
{
    (void)producer;
    if (model->sabotage == SABOTAGE_NO_GRANT && !resumed->behind &&
        resumed->refused == REFUSAL_NONE && resumed->epoch > body->epoch) {
        resumed->epoch = body->epoch;
        *record = NULL;
    }
    if (model->sabotage == SABOTAGE_EAGER_GRANT && *record != NULL &&
        (*record)->granted > (*record)->epoch && resumed->epoch == (*record)->granted) {
        (*record)->past_epoch = (*record)->granted_behind ? 0 : (*record)->epoch;
        (*record)->past_highest = (*record)->highest;
        (*record)->epoch = (*record)->granted;
        (*record)->granted_behind = false;
        (*record)->floor = 1;
        (*record)->highest = 0;
        (*record)->chain = (ProtobufCBinaryData){ .len = 0, .data = NULL };
    }
}

static ProtobufCMessage *resume_take(struct ledger_model *model, const Zb__Resume *resume,
                                     struct arena *arena)
{
    Zb__ResumeBody *body = NULL;
    struct id128 producer;
    if (MESSAGE_UNPACK(resume_body, blob_bytes(resume->body), arena, &body, NULL) < 0 ||
        !id128_of(blob_bytes(body->producer), &producer))
        return NULL;
    const struct seal_public *key = key_of(model, blob_bytes(body->producer));
    if (key == NULL ||
        !seal_verify(key, PURPOSE_RESUME, blob_bytes(resume->body), blob_bytes(resume->signature)))
        return NULL;
    struct ledger_view view = rules_view(model);
    Zb__ResumedBody *resumed;
    Zb__ProducerRecord *record;
    if (once_resume(&view, body, arena, &resumed, &record) < 0) {
        model->fault = "once_resume failed";
        return NULL;
    }
    resume_sabotage(model, body, producer, resumed, &record);
    if (record != NULL)
        put_producer(model, producer, record);
    size_t size = protobuf_c_message_get_packed_size(&resumed->base);
    uint8_t *packed = must(arena_alloc(arena, size));
    protobuf_c_message_pack(&resumed->base, packed);
    struct seal_signature signature =
        seal_sign(&model->sign_secret, PURPOSE_RESUMED, bytes_of(packed, size));
    Zb__Resumed *answer = must(arena_alloc(arena, sizeof(*answer)));
    zb__resumed__init(answer);
    answer->body = blob_of(bytes_of(packed, size));
    answer->signature =
        blob_of(bytes_of(must(arena_dup(arena, signature.b, sizeof(signature.b))), 64));
    answer->ledger_key = blob_of(id128_bytes(&model->id));
    return &answer->base;
}

const char *ledger_model_take(struct ledger_model *model, enum frame_type type,
                              struct bytes payload, int64_t now_ms, struct arena *arena,
                              enum frame_type *ret_type, ProtobufCMessage **ret_answer)
{
    model->fault = NULL;
    *ret_type = 0;
    *ret_answer = NULL;
    if (type == FRAME_BATCH) {
        Zb__Batch *batch = NULL;
        if (MESSAGE_UNPACK(batch, payload, arena, &batch, NULL) == 0)
            *ret_answer = batch_take(model, batch, now_ms, arena);
        *ret_type = FRAME_SETTLED;
    } else if (type == FRAME_RESUME) {
        Zb__Resume *resume = NULL;
        if (MESSAGE_UNPACK(resume, payload, arena, &resume, NULL) == 0)
            *ret_answer = resume_take(model, resume, arena);
        *ret_type = FRAME_RESUMED;
    }
    if (*ret_answer == NULL)
        *ret_type = 0;
    return model->fault;
}

/* ---- questions ------------------------------------------------------------------------------- */

static Zb__StateRecord *effect_record(struct ledger_model *model, int64_t scan_ms,
                                      struct arena *arena)
{
    struct ledger_view view = memory_view(model->memory);
    Zb__StateRecord *record = NULL;
    (void)LEDGER_GET(&view, TABLE_STATE, key_u64((uint64_t)scan_ms), arena, &record);
    return record;
}

uint64_t ledger_model_effect(struct ledger_model *model, int64_t scan_ms)
{
    CLEANUP(arena_freep) struct arena *arena = must(arena_new(1 << 16));
    const Zb__StateRecord *record = effect_record(model, scan_ms, arena);
    return record == NULL ? 0 : record->number;
}

bool ledger_model_passed_over(struct ledger_model *model, int64_t scan_ms)
{
    CLEANUP(arena_freep) struct arena *arena = must(arena_new(1 << 16));
    const Zb__StateRecord *record = effect_record(model, scan_ms, arena);
    return record != NULL && record->at_ms != 0;
}

bool ledger_model_quarantined(struct ledger_model *model, struct id128 producer)
{
    CLEANUP(arena_freep) struct arena *arena = must(arena_new(1 << 16));
    return producer_of(model, producer, arena)->quarantined;
}

uint64_t ledger_model_highest(struct ledger_model *model, struct id128 producer, uint64_t epoch)
{
    CLEANUP(arena_freep) struct arena *arena = must(arena_new(1 << 16));
    const Zb__ProducerRecord *record = producer_of(model, producer, arena);
    return record->epoch == epoch ? record->highest : 0;
}

bool ledger_model_shows(struct ledger_model *model, struct id128 producer, struct id128 endpoint,
                        int64_t scan_ms, struct digest result)
{
    CLEANUP(arena_freep) struct arena *arena = must(arena_new(1 << 16));
    struct ledger_view view = memory_view(model->memory);
    Zb__ReportRecord *record;
    struct ledger_key key =
        key_endpoint_producer(endpoint_number(id128_bytes(&endpoint)), producer);
    return LEDGER_GET(&view, TABLE_REPORT, key, arena, &record) == 0 &&
           record->scan_ms == scan_ms &&
           bytes_eq(blob_bytes(record->result_digest), digest_bytes(&result));
}
