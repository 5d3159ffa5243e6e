/* sender_draft.c - one batch onto one link.
 *
 * The draft takes what may go, lowest sequence first, each row, set, facts and evidence once, until
 * the frame's bounds or the link's credit say stop. Bytes are estimated from above; a batch whose
 * encoded frame is too long after all is halved. Then the header is signed. No flight counts as out
 * before the batch is among the step's actions. */
#include "bus/sender_inner.h"

#include <errno.h>
#include <inttypes.h>

enum {
    EXPANDED_TARGET_BYTES = BOUND_EXPANDED_BYTES - 64 * 1024,
    HEADER_ROOM_BYTES = 512, /* header without its events, signature, lengths */
    FIELD_ROOM_BYTES = 8,    /* tag and length of one field */
};

/* ---- what is in it already ------------------------------------------------------------------- */

/* Runs that are in the batch already, by content. */
struct seen {
    struct bytes *slot; /* open addressing, room a power of two */
    size_t room;
    size_t count;
};

static uint64_t run_hash(struct bytes run)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a; whoever makes it collide slows only itself */
    for (size_t i = 0; i < run.size; i++)
        h = (h ^ run.data[i]) * 0x100000001b3u;
    return h ^ h >> 32;
}

static struct bytes *seen_slot(const struct seen *seen, struct bytes run)
{
    size_t i = run_hash(run) & (seen->room - 1);
    while (seen->slot[i].data != NULL && !bytes_eq(seen->slot[i], run))
        i = (i + 1) & (seen->room - 1);
    return &seen->slot[i];
}

/* Notes a run. 1: new; 0: it was there; -ENOMEM. The empty run counts as there. */
static int seen_add(struct seen *seen, struct bytes run, struct arena *arena)
{
    if (run.size == 0)
        return 0;
    if (seen->count * 2 >= seen->room) {
        struct seen bigger = { .room = seen->room == 0 ? 64 : seen->room * 2,
                               .count = seen->count };
        bigger.slot = arena_calloc(arena, bigger.room, sizeof(*bigger.slot));
        if (bigger.slot == NULL)
            return -ENOMEM;
        for (size_t i = 0; i < seen->room; i++)
            if (seen->slot[i].data != NULL)
                *seen_slot(&bigger, seen->slot[i]) = seen->slot[i];
        *seen = bigger;
    }
    struct bytes *slot = seen_slot(seen, run);
    if (slot->data != NULL)
        return 0;
    *slot = run;
    seen->count++;
    return 1;
}

/* ---- the draft ------------------------------------------------------------------------------- */

/* A growing array of the arena's. */
struct list {
    void *at;
    size_t count;
    size_t room;
};

static void *list_add(struct list *list, size_t item_bytes, struct arena *arena)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        void *at = arena_calloc(arena, room, item_bytes);
        if (at == NULL)
            return NULL;
        if (list->count > 0)
            memcpy(at, list->at, list->count * item_bytes);
        list->at = at;
        list->room = room;
    }
    return (uint8_t *)list->at + item_bytes * list->count++;
}

/* How much of each list the first events need, so that a batch can be cut short. */
struct prefix {
    size_t rows, sets, facts, evidence;
};

struct draft {
    struct arena *arena;
    struct list rows;     /* ProtobufCBinaryData */
    struct list facts;    /* ProtobufCBinaryData */
    struct list sets;     /* Zb__RowSet * */
    struct list evidence; /* Zb__Evidence * */
    struct seen seen_rows, seen_facts, seen_sets, seen_evidence;
    struct outgoing_event event[BOUND_EVENTS_PER_BATCH];
    struct prefix prefix[BOUND_EVENTS_PER_BATCH]; /* after event i */
    size_t count;
    size_t bytes; /* upper estimate of the packed batch */
};

static int draft_run(struct draft *draft, struct list *list, struct seen *seen, struct bytes run)
{
    int r = seen_add(seen, run, draft->arena);
    if (r <= 0)
        return r;
    ProtobufCBinaryData *item = list_add(list, sizeof(*item), draft->arena);
    if (item == NULL)
        return -ENOMEM;
    *item = data_of(run.data, run.size);
    draft->bytes += run.size + FIELD_ROOM_BYTES;
    return 0;
}

static int draft_message(struct draft *draft, struct list *list, struct seen *seen,
                         struct bytes key, const ProtobufCMessage *message)
{
    int r = seen_add(seen, key, draft->arena);
    if (r <= 0)
        return r;
    const ProtobufCMessage **item = list_add(list, sizeof(*item), draft->arena);
    if (item == NULL)
        return -ENOMEM;
    *item = message;
    draft->bytes += protobuf_c_message_get_packed_size(message) + FIELD_ROOM_BYTES;
    return 0;
}

static int draft_evidence(struct draft *draft, const Zb__Evidence *evidence)
{
    size_t size = protobuf_c_message_get_packed_size(&evidence->base);
    uint8_t *packed = arena_alloc(draft->arena, size);
    if (packed == NULL)
        return -ENOMEM;
    protobuf_c_message_pack(&evidence->base, packed);
    return draft_message(draft, &draft->evidence, &draft->seen_evidence, bytes_of(packed, size),
                         &evidence->base);
}

/* Adds an event and what it needs that is not there yet. Errors: -ENOMEM. */
static int draft_add(struct draft *draft, const struct outgoing_event *event)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < event->row_count; i++)
        r = draft_run(draft, &draft->rows, &draft->seen_rows, event->rows[i]);
    if (r == 0)
        r = draft_run(draft, &draft->facts, &draft->seen_facts, event->facts);
    if (r == 0 && event->set != NULL)
        r = draft_message(draft, &draft->sets, &draft->seen_sets,
                          blob_bytes(event->set->result_digest), &event->set->base);
    for (size_t i = 0; r == 0 && i < event->evidence_count; i++)
        r = draft_evidence(draft, event->evidence[i]);
    if (r < 0)
        return r;
    draft->bytes += protobuf_c_message_get_packed_size(&event->event.base) + FIELD_ROOM_BYTES;
    draft->prefix[draft->count] = (struct prefix){ draft->rows.count, draft->sets.count,
                                                   draft->facts.count, draft->evidence.count };
    draft->event[draft->count++] = *event;
    return 0;
}

/* Takes events that may go over the link into the draft, lowest sequence first, while they fit. */
static int draft_collect(struct step *at, size_t link, struct draft *draft)
{
    struct sender *s = at->sender;
    uint64_t room = link_room(&s->link[link], at->mono_ms);
    for (uint64_t n = s->position.floor;
         n < s->position.next_sequence && draft->count < s->options.batch_events; n++) {
        struct flight *flight = flight_of(s, n);
        if (!flight_may_go(s, flight, link, at->mono_ms))
            continue;
        struct outgoing_event event;
        int r = s->spool.event(s->spool.ctx, n, flight->full, at->arena, &event);
        if (r == -ENOENT) { /* settled in an earlier life of this process */
            flight->state = FLIGHT_DONE;
            continue;
        }
        if (r == -ENOMEM && draft->count > 0)
            return 0; /* the step's arena is full: send what there is */
        size_t before = draft->bytes;
        if (r == 0)
            r = draft_add(draft, &event);
        if (r < 0)
            return r;
        bool over = draft->bytes > EXPANDED_TARGET_BYTES || draft->bytes > room;
        bool idle = s->link[link].charged_bytes == 0;
        if (over && draft->count > 1) {
            draft->count--;
            draft->bytes = before;
            return 0;
        }
        if (over && !idle) { /* alone, and must wait until the link has answered */
            draft->count = 0;
            return 0;
        }
    }
    return 0;
}

/* ---- the batch ------------------------------------------------------------------------------- */

static int header_sign(struct step *at, const Zb__BatchHeader *header, Zb__Batch *batch)
{
    size_t size = protobuf_c_message_get_packed_size(&header->base);
    uint8_t *packed = arena_alloc(at->arena, size);
    if (packed == NULL)
        return -ENOMEM;
    protobuf_c_message_pack(&header->base, packed);
    struct seal_signature signature =
        seal_sign(&at->sender->identity.sign_secret, PURPOSE_BATCH, bytes_of(packed, size));
    uint8_t *copy = arena_dup(at->arena, signature.b, sizeof(signature.b));
    if (copy == NULL)
        return -ENOMEM;
    batch->header = data_of(packed, size);
    batch->signature = data_of(copy, sizeof(signature.b));
    return 0;
}

/* The batch of the draft's first `count` events. */
static int draft_compose(struct step *at, struct draft *draft, size_t count, Zb__Batch **ret_batch)
{
    struct sender *s = at->sender;
    Zb__BatchHeader header = ZB__BATCH_HEADER__INIT;
    Zb__Batch *batch = arena_alloc(at->arena, sizeof(*batch));
    Zb__Event **events = arena_calloc(at->arena, count, sizeof(*events));
    if (batch == NULL || events == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        events[i] = &draft->event[i].event;
    header.format = FORMAT_VERSION;
    header.algorithm = SEAL_BLAKE2B_ED25519;
    header.producer = data_of(s->identity.id.b, sizeof(s->identity.id.b));
    header.epoch = s->position.epoch;
    header.floor = s->position.floor;
    header.chain = data_of(s->position.chain.b, sizeof(s->position.chain.b));
    header.n_events = count;
    header.events = events;
    header.simulated = s->options.simulated;
    header.ledger = data_of(s->options.ledger_id.b, sizeof(s->options.ledger_id.b));
    zb__batch__init(batch);
    const struct prefix *prefix = &draft->prefix[count - 1];
    batch->n_rows = prefix->rows;
    batch->rows = draft->rows.at;
    batch->n_sets = prefix->sets;
    batch->sets = draft->sets.at;
    batch->n_facts = prefix->facts;
    batch->facts = draft->facts.at;
    batch->n_evidence = prefix->evidence;
    batch->evidence = draft->evidence.at;
    *ret_batch = batch;
    return header_sign(at, &header, batch);
}

/* Whether the batch fits a frame. A plain frame of so few bytes does without being encoded. */
static int batch_fits(const Zb__Batch *batch)
{
    size_t packed = protobuf_c_message_get_packed_size(&batch->base);
    if (packed + FRAME_HEAD_BYTES <= BOUND_FRAME_BYTES)
        return 0;
    CLEANUP(buf_done) struct buf frame = BUF_INIT(BOUND_FRAME_BYTES);
    return frame_encode(FRAME_BATCH, &batch->base, &frame);
}

static void batch_is_out(struct step *at, const struct draft *draft, size_t count, size_t link,
                         uint64_t tag)
{
    struct sender *s = at->sender;
    for (size_t i = 0; i < count; i++) {
        struct flight *flight = flight_of(s, draft->event[i].event.sequence);
        s->totals.resent_events += flight->sent;
        flight->state = FLIGHT_OUT;
        flight->sent = true;
        flight->known = true;
        flight->digest = draft->event[i].digest;
        flight->sent_ms = at->mono_ms;
        flight->link = (uint8_t)link;
        flight->tag = tag;
    }
    s->totals.sent_batches++;
    s->totals.sent_events += count;
}

static void event_is_stuck(struct step *at, const struct draft *draft)
{
    struct flight *flight = flight_of(at->sender, draft->event[0].event.sequence);
    flight->state = FLIGHT_STUCK;
    alarm_add(at, SENDER_ALARM,
              arena_printf(at->arena,
                           "report %" PRIu64
                           " does not fit one frame even alone: import it in parts",
                           flight->sequence));
}

/* One batch onto a link. *ret_sent: false when nothing may go over it now. */
int batch_send(struct step *at, size_t link, bool *ret_sent)
{
    *ret_sent = false;
    struct draft *draft = arena_calloc(at->arena, 1, sizeof(*draft));
    if (draft == NULL)
        return -ENOMEM;
    draft->arena = at->arena;
    draft->bytes = HEADER_ROOM_BYTES;
    int r = draft_collect(at, link, draft);
    if (r < 0 || draft->count == 0)
        return r;
    size_t count = draft->count;
    Zb__Batch *batch;
    for (;;) {
        r = draft_compose(at, draft, count, &batch);
        if (r == 0)
            r = batch_fits(batch);
        if (r != -EMSGSIZE || count == 1)
            break;
        count /= 2;
    }
    if (r == -EMSGSIZE) {
        event_is_stuck(at, draft);
        return 0;
    }
    uint64_t tag;
    if (r < 0 || !send_add(at, link, FRAME_BATCH, &batch->base, &tag))
        return r;
    batch_is_out(at, draft, count, link, tag);
    *ret_sent = true;
    return 0;
}
