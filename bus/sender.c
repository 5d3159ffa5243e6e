/* sender.c - the sending side of settlement, without sockets.
 *
 * Three phases:
 *
 *     RESUMING ──RESUMED, good──▶ RUNNING ──STALE, LEDGER_BEHIND──▶ RESUMING
 *        ▲  └──RESUMED, refused──▶ STOPPED ◀──REFUSED for the key──┘
 *        └───────── once a minute ────┘
 *
 * Only RUNNING sends batches and gives sequences. Settlements are taken in every phase: they carry
 * the ledger's signature and say what they are about. Nothing else changes the spool, except an
 * epoch granted in answer to this process's own nonce. */
#include "bus/sender.h"
#include "proto/tag.h"

#include <errno.h>
#include <inttypes.h>

enum {
    FRAMES_MAX = 512,           /* unanswered frames over all links */
    ACTIONS_PER_PUMP = 8,       /* batches per step; alarms need room beside them */
    FRAME_LAPSES = 4,           /* resend times until an unanswered frame's charge is forgotten */
    STOPPED_ASK_MS = 60 * 1000, /* a stopped key asks again this often */
    RETRY_MS = 100,
    SILENT_MS = 24 * 3600 * 1000,
    EXPANDED_TARGET_BYTES = BOUND_EXPANDED_BYTES - 64 * 1024,
    HEADER_ROOM_BYTES = 512, /* header without its events, signature, lengths */
    FIELD_ROOM_BYTES = 8,    /* tag and length of one field */
};

/* What is known of one unsettled sequence. A slot of another sequence is as good as zero. */
enum flight_state {
    FLIGHT_DUE = 0, /* to be sent */
    FLIGHT_OUT,     /* an unanswered copy is out */
    FLIGHT_DONE,    /* settled above the floor */
    FLIGHT_STUCK,   /* does not fit a frame; an alarm said so */
};

struct flight {
    uint64_t sequence;
    uint64_t tag; /* frame of the last copy */
    struct digest digest;
    int64_t sent_ms; /* monotonic, last copy */
    uint8_t link;    /* of the last copy */
    uint8_t state;   /* enum flight_state */
    bool known;      /* digest is set */
    bool sent;       /* at least one copy went out in this process */
    bool full;       /* the ledger asked for FULL */
};

struct frame_out {
    uint64_t tag; /* 0: free slot */
    uint64_t charge_bytes;
    int64_t sent_ms;
    size_t link;
};

struct link_state {
    bool up;
    bool blamed;            /* an alarm told of its bad signatures */
    Zb__RefusalReason told; /* last refusal an alarm told of */
    uint64_t credit_bytes;
    uint64_t charged_bytes;
    int64_t paused_ms; /* monotonic; nothing is sent before */
};

enum phase { PHASE_RESUMING, PHASE_RUNNING, PHASE_STOPPED };

struct sender {
    struct sender_options options;
    struct identity identity;
    struct sender_spool spool;
    struct stream_position position; /* as the spool last said */
    bool position_old;               /* the spool changed and could not be asked since */
    enum phase phase;
    Zb__RefusalReason stopped_by; /* STOPPED */
    struct id128 nonce;           /* of the running RESUMING or STOPPED phase */
    int64_t resume_ms;            /* monotonic: when to send the (next) RESUME */
    int64_t resumed_ms;           /* monotonic: last answer; paces the next RESUMING */
    int64_t waiting_ms;           /* monotonic: since when something waits for the ledger; −1 */
    bool silent_told;
    uint64_t next_tag;
    size_t next_link;
    struct link_state link[SENDER_LINKS_MAX];
    struct frame_out frame[FRAMES_MAX];
    struct sender_totals totals;
    struct flight flight[BOUND_WINDOW];
};

/* One step's context. */
struct step {
    struct sender *sender;
    int64_t mono_ms;
    int64_t now_ms;
    struct arena *arena;
    struct sender_actions *actions;
};

bool sender_settles(Zb__OutcomeKind outcome, Zb__RefusalReason reason)
{
    if (outcome == OUTCOME_APPLIED)
        return true;
    if (outcome != OUTCOME_REFUSED)
        return false;
    switch (reason) {
    case REFUSAL_OUTSIDE_SUBTREE:
    case REFUSAL_UNKNOWN_UNIT:
    case REFUSAL_SIMULATED:
    case REFUSAL_INVALID:
    case REFUSAL_TOO_LARGE:
    case REFUSAL_BAD_STATE:
    case REFUSAL_NOT_FOUND:
        return true;
    default:
        return false;
    }
}

/* Refusals of the key itself: sending on would change nothing. */
static bool stops(Zb__RefusalReason reason)
{
    switch (reason) {
    case REFUSAL_UNKNOWN_KEY:
    case REFUSAL_REVOKED_KEY:
    case REFUSAL_WRONG_ROLE:
    case REFUSAL_FORKED:
    case REFUSAL_QUARANTINED:
        return true;
    default:
        return false;
    }
}

static const char *stop_text(Zb__RefusalReason reason)
{
    switch (reason) {
    case REFUSAL_UNKNOWN_KEY:
        return "the ledger does not know this key: enrol its slip";
    case REFUSAL_REVOKED_KEY:
        return "this key is revoked: enrol a new one";
    case REFUSAL_WRONG_ROLE:
        return "this key is enrolled for another role than collector";
    case REFUSAL_FORKED:
        return "FORKED: the ledger has seen two histories under this key: look for a copied "
               "machine "
               "or key, then have one of them enrolled anew";
    case REFUSAL_QUARANTINED:
        return "this key is quarantined: the ledger's administrator knows why";
    case REFUSAL_SIMULATED:
        return "this home's clock is simulated and the ledger's is not, or the reverse";
    default:
        return "the ledger refuses this key";
    }
}

static ProtobufCBinaryData data_of(const void *data, size_t size)
{
    return (ProtobufCBinaryData){ .len = size, .data = (uint8_t *)(uintptr_t)data };
}

static struct bytes run_of(ProtobufCBinaryData field)
{
    return bytes_of(field.data, field.len);
}

/* ---- actions --------------------------------------------------------------------------------- */

static struct sender_action *action_add(struct step *at, enum sender_action_kind kind)
{
    if (at->actions->count == SENDER_ACTIONS_MAX)
        return NULL;
    struct sender_action *action = &at->actions->at[at->actions->count++];
    *action = (struct sender_action){ .kind = kind };
    return action;
}

/* An alarm that finds no room is lost; what it tells of is counted too and comes again. */
static void alarm_add(struct step *at, enum sender_action_kind kind, const char *text)
{
    struct sender_action *action = text == NULL ? NULL : action_add(at, kind);
    if (action != NULL)
        action->text = text;
}

/* ---- links and frames ------------------------------------------------------------------------ */

static struct frame_out *frame_find(struct sender *s, size_t link, uint64_t tag)
{
    for (size_t i = 0; tag != 0 && i < FRAMES_MAX; i++)
        if (s->frame[i].tag == tag && s->frame[i].link == link)
            return &s->frame[i];
    return NULL;
}

static struct frame_out *frame_free_slot(struct sender *s)
{
    for (size_t i = 0; i < FRAMES_MAX; i++)
        if (s->frame[i].tag == 0)
            return &s->frame[i];
    return NULL;
}

static void frame_release(struct sender *s, struct frame_out *frame)
{
    struct link_state *link = &s->link[frame->link];
    link->charged_bytes -= frame->charge_bytes;
    frame->tag = 0;
}

static void frames_lapse(struct sender *s, int64_t mono_ms)
{
    for (size_t i = 0; i < FRAMES_MAX; i++)
        if (s->frame[i].tag != 0 &&
            mono_ms - s->frame[i].sent_ms >= FRAME_LAPSES * s->options.resend_ms)
            frame_release(s, &s->frame[i]);
}

static uint64_t link_room(const struct link_state *link, int64_t mono_ms)
{
    if (!link->up || mono_ms < link->paused_ms || link->charged_bytes >= link->credit_bytes)
        return 0;
    return link->credit_bytes - link->charged_bytes;
}

/* The next link that may be sent on, after the one used last; SENDER_LINKS_MAX: none. */
static size_t link_next(const struct sender *s, int64_t mono_ms)
{
    for (size_t i = 0; i < s->options.links; i++) {
        size_t at = (s->next_link + i) % s->options.links;
        if (link_room(&s->link[at], mono_ms) > 0)
            return at;
    }
    return SENDER_LINKS_MAX;
}

/* Puts a message with its tag on a link and charges it. Messages name their tag in a field "tag";
 * one without is matched by what its answer says. */
static bool send_add(struct step *at, size_t link, enum frame_type type, ProtobufCMessage *message,
                     uint64_t *ret_tag)
{
    struct sender *s = at->sender;
    struct frame_out *frame = frame_free_slot(s);
    struct sender_action *action = frame == NULL ? NULL : action_add(at, SENDER_SEND);
    if (action == NULL)
        return false;
    uint64_t tag = s->next_tag++;
    message_set_tag(message, tag);
    action->link = link;
    action->type = type;
    action->message = message;
    action->tag = tag;
    *frame = (struct frame_out){ .tag = tag,
                                 .charge_bytes = protobuf_c_message_get_packed_size(message),
                                 .sent_ms = at->mono_ms,
                                 .link = link };
    s->link[link].charged_bytes += frame->charge_bytes;
    s->next_link = (link + 1) % s->options.links;
    *ret_tag = tag;
    return true;
}

/* ---- flights --------------------------------------------------------------------------------- */

static struct flight *flight_of(struct sender *s, uint64_t sequence)
{
    struct flight *flight = &s->flight[sequence % BOUND_WINDOW];
    if (flight->sequence != sequence)
        *flight = (struct flight){ .sequence = sequence };
    return flight;
}

static bool flight_may_go(const struct sender *s, const struct flight *flight, size_t link,
                          int64_t mono_ms)
{
    if (flight->state != FLIGHT_DUE &&
        (flight->state != FLIGHT_OUT || mono_ms - flight->sent_ms < s->options.resend_ms))
        return false;
    if (!flight->sent || flight->link != link)
        return true;
    for (size_t i = 0; i < s->options.links; i++) /* a second copy prefers another way */
        if (i != link && link_room(&s->link[i], mono_ms) > 0)
            return false;
    return true;
}

/* The copies that were out on a frame (tag) or a whole link (tag 0) will not be answered. */
static void flights_back(struct sender *s, size_t link, uint64_t tag)
{
    for (uint64_t n = s->position.floor; n < s->position.next_sequence; n++) {
        struct flight *flight = flight_of(s, n);
        if (flight->state == FLIGHT_OUT && flight->link == link && (tag == 0 || flight->tag == tag))
            flight->state = FLIGHT_DUE;
    }
}

static bool is_waiting(const struct sender *s)
{
    return s->phase != PHASE_RUNNING || s->position.floor < s->position.next_sequence;
}

/* ---- batches --------------------------------------------------------------------------------- */

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
        r = draft_message(draft, &draft->sets, &draft->seen_sets, run_of(event->set->result_digest),
                          &event->set->base);
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
static int batch_send(struct step *at, size_t link, bool *ret_sent)
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

static bool anything_due(struct sender *s, int64_t mono_ms, size_t *ret_count)
{
    size_t due = 0;
    for (uint64_t n = s->position.floor; n < s->position.next_sequence; n++) {
        const struct flight *flight = flight_of(s, n);
        due += flight->state == FLIGHT_DUE ||
               (flight->state == FLIGHT_OUT && mono_ms - flight->sent_ms >= s->options.resend_ms);
    }
    *ret_count = due;
    return due > 0;
}

/* Asks the spool where it stands, after a change to it. */
static int position_read(struct sender *s)
{
    struct stream_position position;
    s->position_old = true;
    int r = s->spool.position(s->spool.ctx, &position);
    if (r < 0)
        return r;
    s->position = position;
    s->position_old = false;
    return 0;
}

/* Gives sequences to what waits, when there is room to send it: a sequence is given, durably, at
 * the first sending and not before. */
static int assign(struct step *at, bool *ret_more)
{
    struct sender *s = at->sender;
    size_t due, assigned;
    *ret_more = false;
    (void)anything_due(s, at->mono_ms, &due);
    if (due >= s->options.batch_events)
        return 0;
    int r = s->spool.assign(s->spool.ctx, s->options.batch_events - due, &assigned);
    if (r < 0 || assigned == 0)
        return r;
    *ret_more = true;
    return position_read(s);
}

static int pump(struct step *at)
{
    struct sender *s = at->sender;
    bool may_assign = true;
    size_t idle_links = 0;
    size_t due;
    while (idle_links < s->options.links && frame_free_slot(s) != NULL) {
        if (at->actions->count >= ACTIONS_PER_PUMP) {
            at->actions->more = true;
            return 0;
        }
        size_t link = link_next(s, at->mono_ms);
        if (link == SENDER_LINKS_MAX)
            return 0;
        if (may_assign) {
            int r = assign(at, &may_assign);
            if (r < 0)
                return r;
        }
        if (!anything_due(s, at->mono_ms, &due))
            return 0;
        bool sent;
        int r = batch_send(at, link, &sent);
        if (r < 0)
            return r;
        idle_links = sent ? 0 : idle_links + 1;
        s->next_link = (link + 1) % s->options.links;
    }
    return 0;
}

/* ---- resuming -------------------------------------------------------------------------------- */

static void resume_begin(struct sender *s, enum phase phase, int64_t at_ms)
{
    s->phase = phase;
    seal_random(s->nonce.b, sizeof(s->nonce.b));
    s->resume_ms = at_ms;
}

/* Asks again in which epoch to go on, at most once per resend time. */
static void resume_again(struct step *at)
{
    struct sender *s = at->sender;
    if (s->phase != PHASE_RUNNING)
        return;
    int64_t earliest = s->resumed_ms + s->options.resend_ms;
    resume_begin(s, PHASE_RESUMING, earliest > at->mono_ms ? earliest : at->mono_ms);
}

static int resume_send(struct step *at)
{
    struct sender *s = at->sender;
    if (at->mono_ms < s->resume_ms)
        return 0;
    size_t link = link_next(s, at->mono_ms);
    if (link == SENDER_LINKS_MAX)
        return 0;
    Zb__ResumeBody body = ZB__RESUME_BODY__INIT;
    body.algorithm = SEAL_BLAKE2B_ED25519;
    body.producer = data_of(s->identity.id.b, sizeof(s->identity.id.b));
    body.epoch = s->position.epoch;
    body.highest = s->position.next_sequence - 1;
    body.floor = s->position.floor;
    body.chain = data_of(s->position.chain.b, sizeof(s->position.chain.b));
    body.nonce = data_of(s->nonce.b, sizeof(s->nonce.b));
    body.ledger = data_of(s->options.ledger_id.b, sizeof(s->options.ledger_id.b));
    body.simulated = s->options.simulated;
    size_t size = protobuf_c_message_get_packed_size(&body.base);
    uint8_t *packed = arena_alloc(at->arena, size);
    Zb__Resume *resume = arena_alloc(at->arena, sizeof(*resume));
    if (packed == NULL || resume == NULL)
        return -ENOMEM;
    protobuf_c_message_pack(&body.base, packed);
    struct seal_signature signature =
        seal_sign(&s->identity.sign_secret, PURPOSE_RESUME, bytes_of(packed, size));
    uint8_t *copy = arena_dup(at->arena, signature.b, sizeof(signature.b));
    if (copy == NULL)
        return -ENOMEM;
    zb__resume__init(resume);
    resume->body = data_of(packed, size);
    resume->signature = data_of(copy, sizeof(signature.b));
    uint64_t tag;
    if (send_add(at, link, FRAME_RESUME, &resume->base, &tag))
        s->resume_ms =
            at->mono_ms + (s->phase == PHASE_STOPPED ? STOPPED_ASK_MS : s->options.resend_ms);
    return 0;
}

static void stop(struct step *at, Zb__RefusalReason reason)
{
    struct sender *s = at->sender;
    bool told = s->phase == PHASE_STOPPED && s->stopped_by == reason;
    if (s->phase != PHASE_STOPPED)
        resume_begin(s, PHASE_STOPPED, at->mono_ms + STOPPED_ASK_MS);
    s->stopped_by = reason;
    if (!told)
        alarm_add(at, SENDER_STOPPED, stop_text(reason));
}

/* ---- answers --------------------------------------------------------------------------------- */

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
    return id128_of(run_of(key), &id) && id128_eq(id, s->options.ledger_id) &&
           seal_verify(&s->options.ledger_key, purpose, run_of(body), run_of(signature));
}

static bool is_mine(const struct sender *s, ProtobufCBinaryData producer)
{
    struct id128 id;
    return id128_of(run_of(producer), &id) && id128_eq(id, s->identity.id);
}

static void heard(struct step *at)
{
    at->sender->waiting_ms = is_waiting(at->sender) ? at->mono_ms : -1;
    at->sender->silent_told = false;
}

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
        count += id128_of(run_of(outcome->rows[i]), &rows[count]);
    settled->rows = rows;
    settled->row_count = count;
    return 0;
}

static int outcome_weigh(struct step *at, const Zb__Outcome *outcome, struct verdict *verdict)
{
    struct sender *s = at->sender;
    struct digest digest, mine;
    if (!digest_of(run_of(outcome->digest), &digest))
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
        if (sender_settles(outcome->kind, outcome->reason))
            verdict->settled[verdict->count++] = settled;
        else if (outcome->kind == OUTCOME_REFUSED && stops(outcome->reason))
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
        if (sender_settles(settled->kind, settled->reason)) {
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
        finals += sender_settles(verdict.settled[i].kind, verdict.settled[i].reason);
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
        heard(at);
    if (verdict.foreign)
        blame(at, link, "a settlement of reports that this spool never sent so");
    if (verdict.stopped_by != REFUSAL_NONE)
        stop(at, verdict.stopped_by);
    else if (verdict.resume)
        resume_again(at);
    return 0;
}

static int settled_arrived(struct step *at, size_t link, const Zb__Settled *settled)
{
    struct sender *s = at->sender;
    Zb__Settlement *settlement;
    int r = 0;
    if (!is_ledgers(s, PURPOSE_SETTLED, settled->ledger_key, settled->settlement,
                    settled->signature))
        blame(at, link, "a settlement without the ledger's signature");
    else if ((r = MESSAGE_UNPACK(settlement, run_of(settled->settlement), at->arena, &settlement,
                                 NULL)) == -EBADMSG)
        r = 0; /* the ledger's own, of a later version than this program knows */
    else if (r == 0 && !is_mine(s, settlement->producer))
        blame(at, link, "another collector's settlement");
    else if (r == 0)
        r = settlement_take(at, settlement, link);
    if (r < 0)
        return r;
    struct frame_out *frame = frame_find(s, link, settled->tag);
    if (frame != NULL)
        frame_release(s, frame);
    return 0;
}

/* Goes on in a granted epoch: nothing sent before in it, so no flight is known. */
static int epoch_enter(struct step *at, const Zb__ResumedBody *body)
{
    struct sender *s = at->sender;
    int r = s->spool.epoch(s->spool.ctx, body->epoch, body->behind);
    if (r < 0)
        return r;
    s->position = (struct stream_position){ .epoch = body->epoch, .next_sequence = 1, .floor = 1 };
    memset(s->flight, 0, sizeof(s->flight));
    if (body->behind)
        alarm_add(
            at, SENDER_ALARM,
            arena_printf(at->arena,
                         "LEDGER_BEHIND: the ledger has lost reports it had settled (restored "
                         "from a backup?); going on in epoch %" PRIu64 ", all in full",
                         body->epoch));
    else
        alarm_add(
            at, SENDER_ALARM,
            arena_printf(at->arena,
                         "the ledger knows more of this spool than the spool itself (restored "
                         "from a backup?); going on in epoch %" PRIu64,
                         body->epoch));
    return 0;
}

static int resumed_take(struct step *at, const Zb__ResumedBody *body)
{
    struct sender *s = at->sender;
    struct id128 nonce;
    if (s->phase == PHASE_RUNNING || !id128_of(run_of(body->nonce), &nonce) ||
        !id128_eq(nonce, s->nonce))
        return 0; /* an answer to an earlier question */
    if (body->refused != REFUSAL_NONE) {
        stop(at, body->refused);
        heard(at);
        return 0;
    }
    if (body->epoch < s->position.epoch)
        return 0;
    int r = body->epoch == s->position.epoch ? 0 : epoch_enter(at, body);
    if (r < 0)
        return r;
    s->phase = PHASE_RUNNING;
    s->resumed_ms = at->mono_ms;
    heard(at);
    return 0;
}

static int resumed_arrived(struct step *at, size_t link, const Zb__Resumed *resumed)
{
    struct sender *s = at->sender;
    Zb__ResumedBody *body;
    int r = 0;
    if (!is_ledgers(s, PURPOSE_RESUMED, resumed->ledger_key, resumed->body, resumed->signature))
        blame(at, link, "a RESUMED without the ledger's signature");
    else if ((r = MESSAGE_UNPACK(resumed_body, run_of(resumed->body), at->arena, &body, NULL)) ==
             -EBADMSG)
        r = 0;
    else if (r == 0 && !is_mine(s, body->producer))
        blame(at, link, "another collector's RESUMED");
    else if (r == 0)
        r = resumed_take(at, body);
    if (r < 0)
        return r;
    struct frame_out *frame = frame_find(s, link, resumed->tag);
    if (frame != NULL)
        frame_release(s, frame);
    return 0;
}

/* A frame was not taken; who says so is nobody to believe more of than that. */
static void frame_returned(struct step *at, size_t link, uint64_t tag, int64_t pause_ms)
{
    struct sender *s = at->sender;
    struct frame_out *frame = frame_find(s, link, tag);
    if (frame == NULL)
        return;
    frame_release(s, frame);
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

static int frame_arrived(struct step *at, const struct sender_event *event)
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

/* ---- steps ----------------------------------------------------------------------------------- */

static void link_down(struct sender *s, size_t link)
{
    s->link[link].up = false;
    for (size_t i = 0; i < FRAMES_MAX; i++)
        if (s->frame[i].tag != 0 && s->frame[i].link == link)
            frame_release(s, &s->frame[i]);
    flights_back(s, link, 0);
}

static void link_up(struct sender *s, size_t link, uint64_t credit_bytes, int64_t mono_ms)
{
    link_down(s, link); /* whatever was out belonged to the connection before */
    s->link[link] = (struct link_state){ .up = true,
                                         .credit_bytes = credit_bytes,
                                         .paused_ms = mono_ms,
                                         .blamed = s->link[link].blamed };
}

static int event_take(struct step *at, const struct sender_event *event)
{
    struct sender *s = at->sender;
    if (event->kind != SENDER_TICK && event->link >= s->options.links)
        return -EINVAL;
    switch (event->kind) {
    case SENDER_LINK_UP:
        link_up(s, event->link, event->credit_bytes, at->mono_ms);
        return 0;
    case SENDER_LINK_DOWN:
        link_down(s, event->link);
        return 0;
    case SENDER_FRAME:
        return frame_arrived(at, event);
    case SENDER_TICK:
        return 0;
    }
    return -EINVAL;
}

static void silence_check(struct step *at)
{
    struct sender *s = at->sender;
    if (!is_waiting(s)) {
        s->waiting_ms = -1;
        return;
    }
    if (s->waiting_ms < 0)
        s->waiting_ms = at->mono_ms;
    if (s->silent_told || at->mono_ms - s->waiting_ms < SILENT_MS)
        return;
    s->silent_told = true;
    alarm_add(at, SENDER_ALARM,
              "LEDGER_SILENT: nothing was settled for 24 hours; reports are kept here until it is");
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_step_ms(struct sender *s, int64_t mono_ms)
{
    int64_t next = INT64_MAX;
    if (s->waiting_ms >= 0 && !s->silent_told)
        next = s->waiting_ms + SILENT_MS;
    bool any = false;
    for (size_t i = 0; i < s->options.links; i++) {
        if (s->link[i].up && s->link[i].paused_ms > mono_ms)
            next = earlier(next, s->link[i].paused_ms);
        any = any || link_room(&s->link[i], mono_ms) > 0;
    }
    if (s->phase != PHASE_RUNNING && any)
        next = earlier(next, s->resume_ms);
    for (uint64_t n = s->position.floor;
         any && s->phase == PHASE_RUNNING && n < s->position.next_sequence; n++) {
        const struct flight *flight = flight_of(s, n);
        if (flight->state == FLIGHT_OUT)
            next = earlier(next, flight->sent_ms + s->options.resend_ms);
    }
    for (size_t i = 0; i < FRAMES_MAX; i++)
        if (s->frame[i].tag != 0)
            next = earlier(next, s->frame[i].sent_ms + FRAME_LAPSES * s->options.resend_ms);
    /* What is due and could not go, for want of credit or room, is looked at again soon. */
    return next > mono_ms ? next : mono_ms + RETRY_MS;
}

int sender_step(struct sender *sender, const struct sender_event *event, int64_t mono_ms,
                int64_t now_ms, struct arena *arena, struct sender_actions *ret_actions)
{
    *ret_actions = (struct sender_actions){ 0 };
    struct step at = { sender, mono_ms, now_ms, arena, ret_actions };
    int r = sender->position_old ? position_read(sender) : 0;
    if (r == 0)
        r = event_take(&at, event);
    if (r < 0)
        return r;
    frames_lapse(sender, mono_ms);
    r = sender->phase == PHASE_RUNNING ? pump(&at) : resume_send(&at);
    /* The event is taken and perhaps a batch is out: the error will be there at the next step. */
    if (r < 0 && (event->kind != SENDER_TICK || ret_actions->count > 0)) {
        ret_actions->more = true;
        r = 0;
    }
    if (r < 0)
        return r;
    silence_check(&at);
    ret_actions->next_ms = next_step_ms(sender, mono_ms);
    return 0;
}

int sender_new(const struct sender_options *options, const struct sender_spool *spool,
               struct sender **ret_sender)
{
    if (options->links == 0 || options->links > SENDER_LINKS_MAX || options->batch_events == 0 ||
        options->batch_events > BOUND_EVENTS_PER_BATCH || options->resend_ms <= 0)
        return -EINVAL;
    struct sender *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    s->options = *options;
    s->identity = *options->identity;
    s->options.identity = NULL; /* a copy of it is kept */
    s->spool = *spool;
    s->next_tag = 1;
    s->waiting_ms = -1;
    int r = position_read(s);
    if (r < 0) {
        sender_free(s);
        return r;
    }
    resume_begin(s, PHASE_RESUMING, INT64_MIN);
    *ret_sender = s;
    return 0;
}

void sender_free(struct sender *sender)
{
    if (sender == NULL)
        return;
    seal_wipe(&sender->identity, sizeof(sender->identity));
    free(sender);
}

struct sender_totals sender_totals(const struct sender *sender)
{
    return sender->totals;
}
