/* intake.c - frames to inputs, replies to frames.
 *
 * Nothing is answered before the transaction that decided it is durable. When a group fails, each
 * of its frames is tried alone, so that one sender's impossible frame stays its own trouble. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "ledger/key.h"
#include "notifier/service.h"
#include "proto/blob.h"

enum {
    INPUTS_PER_FRAME = 2,        /* a FORWARD is a batch and verdicts */
    BUSY_RETRY_MS = 200,         /* hint to a peer whose frame could not be taken now */
    FEED_BYTES = 3 * 1024 * 1024 /* of entries in one FEED; the bound is the expanded frame's */
};

/* One frame of a group, and where its replies are. */
struct item {
    struct bus_message in;
    uint64_t tag;
    struct ledger_input inputs[INPUTS_PER_FRAME];
    struct ledger_reply replies[INPUTS_PER_FRAME];
    size_t input_count;
    Zb__RefusalReason refused; /* found before any rule was asked */
    const char *text;
};

static void refuse(struct item *item, Zb__RefusalReason reason, const char *text)
{
    item->input_count = 0;
    item->refused = reason;
    item->text = text;
}

/* ---- in ---- */

static void take_forward(struct service *service, struct item *item)
{
    const Zb__Forward *forward = (const Zb__Forward *)item->in.message;
    struct complaint why = { 0 };
    Zb__Batch *batch = NULL;
    Zb__BatchHeader *header = NULL;
    item->tag = forward->tag;
    int r = MESSAGE_UNPACK(batch, blob_bytes(forward->batch), service->frames, &batch, &why);
    if (r == 0)
        r = MESSAGE_UNPACK(batch_header, blob_bytes(batch->header), service->frames, &header, &why);
    if (r < 0) {
        refuse(item, r == -ENOMEM ? REFUSAL_TOO_LARGE : REFUSAL_BAD_FRAME,
               arena_printf(service->frames, "%s: %s", why.place, why.what));
        return;
    }
    item->inputs[0] = (struct ledger_input){
        .kind = INPUT_BATCH,
        .batch = { .batch = batch,
                   .header = header,
                   .matcher = item->in.key,
                   .received_ms = clock_now_ms(service->clock) },
    };
    item->input_count = 1;
    if (forward->n_verdicts > 0) {
        item->inputs[1] = (struct ledger_input){
            .kind = INPUT_VERDICTS,
            .verdicts = { .matcher = item->in.key,
                          .verdicts = forward->verdicts,
                          .count = forward->n_verdicts },
        };
        item->input_count = 2;
    }
}

static void take_verdicts(struct service *service, struct item *item)
{
    const Zb__Verdicts *verdicts = (const Zb__Verdicts *)item->in.message;
    item->tag = verdicts->tag;
    judge_answered(service->judge, item->in.peer, verdicts, clock_mono_ms());
    item->inputs[0] = (struct ledger_input){
        .kind = INPUT_VERDICTS,
        .verdicts = { .matcher = item->in.key,
                      .verdicts = verdicts->verdicts,
                      .count = verdicts->n_verdicts },
    };
    item->input_count = 1;
}

static void take_refusals(struct item *item)
{
    const Zb__Refusals *refusals = (const Zb__Refusals *)item->in.message;
    item->tag = refusals->tag;
    item->inputs[0] = (struct ledger_input){
        .kind = INPUT_REFUSALS,
        .refusals = { .matcher = item->in.key, .refusals = refusals },
    };
    item->input_count = 1;
}

static void take_registry_pull(struct service *service, const struct bus_message *in)
{
    const Zb__RegistryPull *pull = (const Zb__RegistryPull *)in->message;
    Zb__Registry answer = ZB__REGISTRY__INIT;
    answer.tag = pull->tag;
    answer.body = blob_of(registry_body(service->registry));
    answer.signature = blob_of(registry_signature(service->registry));
    /* A peer that has gone asks again when it is back. */
    (void)bus_server_send(service->server, in->peer, FRAME_REGISTRY, &answer.base, pull->tag);
}

static int feed_fill(struct service *service, const Zb__FeedPull *pull, Zb__Feed *feed)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_read(service->book, &page);
    if (r < 0)
        return r;
    size_t most = pull->most < BOUND_FEED_ENTRIES ? pull->most : BOUND_FEED_ENTRIES;
    feed->entries = arena_calloc(service->frames, most + 1, sizeof(*feed->entries));
    if (feed->entries == NULL)
        return -ENOMEM;
    feed->head = book_head(service->book).index;
    size_t bytes = 0;
    for (uint64_t index = pull->after + 1; feed->n_entries < most; index++) {
        struct bytes entry;
        r = page_entry(page, index, &entry);
        if (r == -ENOENT)
            break;
        if (r < 0)
            return r;
        bytes += entry.size;
        if (bytes > FEED_BYTES && feed->n_entries > 0)
            break;
        uint8_t *copy = arena_dup(service->frames, entry.data, entry.size);
        if (copy == NULL)
            return -ENOMEM;
        feed->entries[feed->n_entries++] = blob_of(bytes_of(copy, entry.size));
    }
    return 0;
}

/* The whole journal is for administrators only: keys enrolled for the root of the tree. */
static void take_feed_pull(struct service *service, const struct bus_message *in)
{
    const Zb__FeedPull *pull = (const Zb__FeedPull *)in->message;
    const Zb__RegistryKey *key =
        registry_by_id(service->registry, bytes_of(in->key.b, sizeof(in->key.b)));
    if (key == NULL || key->unit[0] != '\0') {
        service_refused(service, REFUSAL_NO_RIGHT, bytes_of(in->key.b, sizeof(in->key.b)));
        Zb__Refused refused = ZB__REFUSED__INIT;
        refused.tag = pull->tag;
        refused.reason = REFUSAL_NO_RIGHT;
        refused.text = (char *)"the journal is fed to keys of the root only";
        (void)bus_server_send(service->server, in->peer, FRAME_REFUSED, &refused.base, pull->tag);
        return;
    }
    Zb__Feed feed = ZB__FEED__INIT;
    feed.tag = pull->tag;
    int r = feed_fill(service, pull, &feed);
    if (r == 0)
        r = bus_server_send(service->server, in->peer, FRAME_FEED, &feed.base, pull->tag);
    if (r < 0 && r != -EHOSTUNREACH)
        (void)log_errno(service->log, r, "feeding the journal after %" PRIu64, pull->after);
}

/* What needs no decision is answered here; false then. */
static bool take(struct service *service, struct item *item)
{
    const struct bus_message *in = &item->in;
    service->totals.frames++;
    switch (in->type) {
    case FRAME_HELLO:
        judge_hello(service->judge, service->server, in->peer, in->key,
                    (const Zb__Hello *)in->message);
        return false;
    case FRAME_REGISTRY_PULL:
        take_registry_pull(service, in);
        return false;
    case FRAME_FEED_PULL:
        take_feed_pull(service, in);
        return false;
    case FRAME_FORWARD:
        take_forward(service, item);
        break;
    case FRAME_VERDICTS:
        take_verdicts(service, item);
        break;
    case FRAME_REFUSALS:
        take_refusals(item);
        break;
    case FRAME_RESUME: {
        const Zb__Resume *resume = (const Zb__Resume *)in->message;
        item->tag = resume->tag;
        item->inputs[0] = (struct ledger_input){ .kind = INPUT_RESUME, .resume = resume };
        item->input_count = 1;
        break;
    }
    case FRAME_COMMAND: {
        const Zb__Command *command = (const Zb__Command *)in->message;
        item->tag = command->tag;
        item->inputs[0] = (struct ledger_input){ .kind = INPUT_COMMAND, .command = command };
        item->input_count = 1;
        service->totals.commands++;
        break;
    }
    default:
        refuse(item, REFUSAL_BAD_FRAME, "the ledger takes no such frame");
        break;
    }
    bool is_matcher_frame = in->type != FRAME_COMMAND;
    if (item->refused == REFUSAL_NONE && is_matcher_frame != (in->role == ROLE_MATCHER))
        refuse(item, REFUSAL_WRONG_ROLE, "this key's role may not send such a frame");
    return true;
}

/* ---- out ---- */

static void send_refused(struct service *service, const struct item *item, Zb__RefusalReason reason,
                         const char *text)
{
    Zb__Refused refused = ZB__REFUSED__INIT;
    refused.tag = item->tag;
    refused.reason = reason;
    refused.text = (char *)(uintptr_t)(text == NULL ? "" : text);
    service_refused(service, reason, bytes_of(item->in.key.b, sizeof(item->in.key.b)));
    (void)bus_server_send(service->server, item->in.peer, FRAME_REFUSED, &refused.base, item->tag);
}

static void send_busy(struct service *service, const struct item *item)
{
    Zb__Busy busy = ZB__BUSY__INIT;
    busy.tag = item->tag;
    busy.retry_ms = BUSY_RETRY_MS;
    (void)bus_server_send(service->server, item->in.peer, FRAME_BUSY, &busy.base, item->tag);
}

/* The sender retries what is lost here: losing a settlement loses nothing. */
static void send_settled(struct service *service, const struct item *item, const struct page *page)
{
    const struct ledger_batch *batch = &item->inputs[0].batch;
    const struct ledger_reply *reply = &item->replies[0];
    if (reply->outcome_count == 0) {
        send_refused(service, item, reply->refused, "the ledger signs nothing for this batch");
        return;
    }
    Zb__Settlement settlement = ZB__SETTLEMENT__INIT;
    settlement.algorithm = SEAL_BLAKE2B_ED25519;
    settlement.producer = batch->header->producer;
    settlement.epoch = batch->header->epoch;
    settlement.outcomes = reply->outcomes;
    settlement.n_outcomes = reply->outcome_count;
    settlement.settled_ms = clock_now_ms(service->clock);
    /* The batch's signature holds, or there were no outcomes: it is the producer that was refused. */
    for (size_t i = 0; i < reply->outcome_count; i++)
        if (reply->outcomes[i]->kind == OUTCOME_REFUSED)
            service_refused(service, reply->outcomes[i]->reason,
                            blob_bytes(batch->header->producer));
    Zb__ProducerRecord *producer;
    if (LEDGER_GET(page_view(page), TABLE_PRODUCER, key_id(blob_bytes(batch->header->producer)),
                   service->work, &producer) == 0) {
        settlement.floor = producer->floor;
        settlement.chain = producer->chain;
    }

    struct buf body = BUF_INIT(BOUND_EXPANDED_BYTES);
    if (message_pack(&settlement.base, &body) == 0) {
        struct seal_signature signature =
            seal_sign(&service->identity.sign_secret, PURPOSE_SETTLED, buf_bytes(&body));
        Zb__Settled settled = ZB__SETTLED__INIT;
        settled.tag = item->tag;
        settled.settlement = blob_of(buf_bytes(&body));
        settled.signature = BLOB_OF(signature);
        settled.ledger_key = BLOB_OF(service->identity.id);
        (void)bus_server_send(service->server, item->in.peer, FRAME_SETTLED, &settled.base,
                              item->tag);
    }
    buf_done(&body);
    service->totals.events += reply->outcome_count;
}

static void send_resumed(struct service *service, const struct item *item)
{
    const Zb__ResumedBody *resumed = item->replies[0].resumed;
    if (resumed == NULL) {
        send_refused(service, item, item->replies[0].refused, "this key cannot resume here");
        return;
    }
    if (resumed->refused != REFUSAL_NONE)
        service_refused(service, resumed->refused, blob_bytes(resumed->producer));
    struct buf body = BUF_INIT(BOUND_EXPANDED_BYTES);
    if (message_pack(&resumed->base, &body) == 0) {
        struct seal_signature signature =
            seal_sign(&service->identity.sign_secret, PURPOSE_RESUMED, buf_bytes(&body));
        Zb__Resumed answer = ZB__RESUMED__INIT;
        answer.tag = item->tag;
        answer.body = blob_of(buf_bytes(&body));
        answer.signature = BLOB_OF(signature);
        answer.ledger_key = BLOB_OF(service->identity.id);
        (void)bus_server_send(service->server, item->in.peer, FRAME_RESUMED, &answer.base,
                              item->tag);
    }
    buf_done(&body);
}

void intake_answer_command(struct service *service, struct bus_peer peer, uint64_t tag,
                           const Zb__CommandResult *result)
{
    Zb__CommandResult answer = *result;
    answer.tag = tag;
    (void)bus_server_send(service->server, peer, FRAME_COMMAND_RESULT, &answer.base, tag);
}

static void send_command_result(struct service *service, const struct item *item)
{
    const Zb__CommandResult *result = item->replies[0].result;
    if (result == NULL) {
        send_refused(service, item, REFUSAL_INVALID, "the command was not understood");
        return;
    }
    /* clock.advance is answered when the clock is there. */
    for (size_t i = 0; result->refused == REFUSAL_NONE && i < result->n_values; i++) {
        if (strcmp(result->values[i]->name, "advance_to_ms") != 0)
            continue;
        int64_t target = strtoll(result->values[i]->value, NULL, 10);
        int r = clockwork_advance(service, target, item->in.peer, item->tag, result);
        if (r == 0)
            return;
        send_refused(service, item, REFUSAL_BAD_STATE, "the clock is already moving");
        return;
    }
    if (result->refused != REFUSAL_NONE)
        service_refused(service, result->refused, bytes_of(item->in.key.b, sizeof(item->in.key.b)));
    intake_answer_command(service, item->in.peer, item->tag, result);
}

static void answer(struct service *service, const struct item *item, const struct page *page)
{
    if (item->refused != REFUSAL_NONE) {
        send_refused(service, item, item->refused, item->text);
        return;
    }
    switch (item->in.type) {
    case FRAME_FORWARD:
        send_settled(service, item, page);
        break;
    case FRAME_RESUME:
        send_resumed(service, item);
        break;
    case FRAME_COMMAND:
        send_command_result(service, item);
        break;
    case FRAME_REFUSALS:
        if (item->replies[0].refused != REFUSAL_NONE)
            send_refused(service, item, item->replies[0].refused, "these totals are not taken");
        else
            (void)bus_server_release(service->server, item->in.peer, item->tag);
        break;
    default: /* VERDICTS answer a JUDGE: nothing is owed for them */
        if (item->replies[0].refused != REFUSAL_NONE)
            service_refused(service, item->replies[0].refused,
                            bytes_of(item->in.key.b, sizeof(item->in.key.b)));
        break;
    }
}

/* ---- a group ---- */

/* Decides the inputs of items[0..count) in one transaction. */
static int decide_items(struct service *service, struct item *items, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += items[i].input_count;
    if (total == 0)
        return 0;
    struct ledger_input *inputs = arena_calloc(service->frames, total, sizeof(*inputs));
    struct ledger_reply *replies = arena_calloc(service->frames, total, sizeof(*replies));
    if (inputs == NULL || replies == NULL)
        return -ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < items[i].input_count; k++)
            inputs[n++] = items[i].inputs[k];
    int r = service_decide_many(service, inputs, total, replies);
    if (r < 0)
        return r;
    n = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < items[i].input_count; k++)
            items[i].replies[k] = replies[n++];
    return 0;
}

/* Answers what was decided; floors are read from the committed tables. */
static int answer_items(struct service *service, const struct item *items, size_t count)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_read(service->book, &page);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++)
        answer(service, &items[i], page);
    return 0;
}

static int group_settle(struct service *service, struct item *items, size_t count)
{
    int r = decide_items(service, items, count);
    if (r == 0)
        return answer_items(service, items, count);
    if (count > 1 && !service->failed) {
        int first = 0;
        for (size_t i = 0; i < count; i++) {
            int one = group_settle(service, &items[i], 1);
            first = first == 0 ? one : first;
        }
        return first;
    }
    /* One frame that cannot be decided now: full disk and lack of memory pass, and it stays in its
     * sender's spool. */
    send_busy(service, &items[0]);
    return r;
}

int intake_drain(struct service *service)
{
    struct arena_mark mark = arena_mark(service->frames);
    struct item *items = arena_calloc(service->frames, service->commit_frames, sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    size_t count = 0, taken = 0;
    int r = 0;
    /* Half of the arena at most: what one more frame may unpack to must still fit. */
    while (count < service->commit_frames &&
           arena_used(service->frames) < arena_cap(service->frames) / 2) {
        struct item *item = &items[count];
        *item = (struct item){ 0 };
        r = bus_server_receive(service->server, service->frames, clock_mono_ms(), &item->in);
        if (r < 0)
            break;
        taken++;
        if (take(service, item))
            count++;
    }
    if (count > 0) {
        int decided = group_settle(service, items, count);
        if (decided < 0)
            r = decided;
    }
    arena_rewind(service->frames, mark);
    return r < 0 && r != -EAGAIN ? r : (int)taken;
}
