/* world.c - the simulated run.
 *
 * First things go wrong for some seconds of simulated time, as the seed has it; then all faults
 * stop, every computer is scanned three times more, and what must hold at the end is checked.
 *
 * Invariants, and where each is checked:
 *  1 spooled = applied + refused + superseded + pending       process_step, after every step
 *  2 what leaves a spool was settled so by a committed ledger event_left
 *  3 only what is outside of the subtree is refused           event_left
 *  4 no event takes effect twice (of a cloned key: until it is
 *    found out)                                               ledger_model.c, at every event
 *  5 every applied event has taken effect; where it has not, a ledger restore lost it and the
 *    sender was told LEDGER_BEHIND (or it came again after a later one of the same computer, or
 *    its spool was restored to before it too)                 check_effects
 *  6 the ledger shows every computer's last scan              check_last_scans
 *  7 a cloned key ends in quarantine, no other does           check_keys
 *  8 all is settled within a bounded time                     settle_down
 *
 * 7 has one exception, which docs/settlement.md argues: a spool restored from a backup while frames
 * of the lost time are still on their way, with sequences that the ledger never heard of, cannot be
 * told from a clone. */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/rng.h"
#include "ledger/key.h"
#include "proto/digest.h"
#include "tests/lib/memory_spool.h"
#include "tests/sim/ledger_model.h"

enum {
    KEYS_MAX = 3,
    PROCESSES_MAX = KEYS_MAX + 1, /* one clone */
    LINKS_MAX = 3,
    ENDPOINTS_MAX = 3,
    PARCELS_MAX = 1024,
    STORE_MAX = 16,
    APPLIED_MAX = 1024,
    RESEND_MS = 60,
    FAULT_ROUNDS = 50,
    QUIET_ROUNDS_MAX = 4000,
    FINAL_SCANS = 3,
    CREDIT_BYTES = 64 * 1024,
};

/* A frame on its way between a collector and the ledger; the matcher in between is the link. */
struct parcel {
    bool used;
    bool up; /* towards the ledger */
    enum frame_type type;
    size_t process;
    size_t link;
    uint64_t connection; /* of process and link when it was sent */
    uint64_t tag;
    int64_t deliver_ms;
    uint8_t *data; /* owned, the packed message */
    size_t size;
};

struct world;

struct key {
    struct world *world; /* whose it is */
    struct identity identity;
    bool cloned;
    bool may_fork; /* see the top */
    bool behind;   /* was told LEDGER_BEHIND */
    size_t endpoints;
    int64_t last_scan_ms[ENDPOINTS_MAX];
    uint32_t last_rows[ENDPOINTS_MAX];
};

struct process {
    bool exists;
    size_t key;
    struct memory_spool *spool;
    struct memory_spool *backup; /* NULL: none */
    size_t backup_applied;       /* applied_count when it was made */
    struct sender *sender;       /* NULL: crashed */
    int64_t restart_ms;
    int64_t next_ms;
    uint64_t connection[LINKS_MAX];
    bool link_up[LINKS_MAX];
};

struct applied {
    size_t key;
    int64_t scan_ms;
    bool forgotten; /* by the spool too: it was restored to before */
};

/* Chances in a thousand, drawn once per run. */
struct faults {
    unsigned lose, repeat, delay, flap, crash, ledger_crash, ledger_answers_lost, spool_fault,
        spool_restore, ledger_restore, clone, lie;
};

struct world {
    struct world_options options;
    struct world_result *result;
    struct rng rng;
    struct faults faults;
    bool quiet;
    int64_t now_ms;
    int64_t next_scan_ms; /* unique over the run */
    struct arena *arena;
    struct ledger_model *ledger;
    struct memory_view *ledger_backup;
    bool ledger_restored;
    size_t keys, links;
    struct key key[KEYS_MAX];
    struct process process[PROCESSES_MAX];
    struct parcel parcel[PARCELS_MAX];
    struct parcel store[STORE_MAX]; /* the liar's */
    struct seal_secret liar;
    struct applied applied[APPLIED_MAX];
    size_t applied_count;
};

__attribute__((format(printf, 2, 3))) static void fault(struct world *w, const char *format, ...)
{
    if (w->result->fault[0] != '\0')
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(w->result->fault, sizeof(w->result->fault), format, args);
    va_end(args);
}

__attribute__((format(printf, 2, 3))) static void say(const struct world *w, const char *format,
                                                      ...)
{
    if (!w->options.verbose)
        return;
    va_list args;
    va_start(args, format);
    printf("%6lld ", (long long)w->now_ms);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

static bool happens(struct world *w, unsigned in_a_thousand)
{
    return !w->quiet && rng_chance(&w->rng, in_a_thousand, 1000);
}

static bool failed(const struct world *w)
{
    return w->result->fault[0] != '\0';
}

/* ---- parcels --------------------------------------------------------------------------------- */

static void parcel_free(struct parcel *parcel)
{
    free(parcel->data);
    *parcel = (struct parcel){ 0 };
}

static void parcel_copy(struct parcel *to, const struct parcel *from)
{
    free(to->data);
    *to = *from;
    to->data = malloc(from->size + 1);
    if (to->data == NULL)
        abort();
    memcpy(to->data, from->data, from->size);
}

static void parcel_put(struct world *w, const struct parcel *parcel)
{
    for (size_t i = 0; i < PARCELS_MAX; i++) {
        if (w->parcel[i].used)
            continue;
        parcel_copy(&w->parcel[i], parcel);
        w->parcel[i].used = true;
        w->parcel[i].deliver_ms = w->now_ms + 1 + (int64_t)rng_below(&w->rng, 8);
        if (happens(w, w->faults.delay)) {
            w->parcel[i].deliver_ms += (int64_t)rng_below(&w->rng, 400);
            w->result->totals.delayed++;
        }
        return;
    }
    fault(w, "more than %d frames are on their way", PARCELS_MAX);
}

/* Puts it on its way, as a network does. */
static void parcel_send(struct world *w, const struct parcel *parcel)
{
    if (happens(w, w->faults.lose)) {
        w->result->totals.lost++;
        return;
    }
    parcel_put(w, parcel);
    if (happens(w, w->faults.repeat)) {
        w->result->totals.repeated++;
        parcel_put(w, parcel);
    }
}

static void parcel_pack(struct parcel *parcel, const ProtobufCMessage *message)
{
    parcel->size = protobuf_c_message_get_packed_size(message);
    parcel->data = malloc(parcel->size + 1);
    if (parcel->data == NULL)
        abort();
    protobuf_c_message_pack(message, parcel->data);
}

/* ---- the liar -------------------------------------------------------------------------------- */

static void flip(struct world *w, uint8_t *data, size_t size)
{
    if (size > 0)
        data[rng_below(&w->rng, size)] ^= (uint8_t)(1u << rng_below(&w->rng, 8));
}

/* Keeps a copy of what passes, to use it later. */
static void liar_keeps(struct world *w, const struct parcel *parcel)
{
    struct parcel *at = &w->store[rng_below(&w->rng, STORE_MAX)];
    parcel_copy(at, parcel);
    at->used = true;
}

/* Something kept earlier, sent again: upwards as it was, downwards to anybody. */
static void liar_replays(struct world *w)
{
    struct parcel *kept = &w->store[rng_below(&w->rng, STORE_MAX)];
    if (!kept->used)
        return;
    struct parcel again = *kept;
    if (!again.up) {
        size_t to = rng_below(&w->rng, PROCESSES_MAX);
        if (!w->process[to].exists)
            return;
        again.process = to;
        again.connection = w->process[to].connection[again.link];
    }
    parcel_put(w, &again);
}

/* An answer of his own making, with a signature of his own. */
static void liar_forges(struct world *w, const struct parcel *parcel)
{
    Zb__Batch *batch = NULL;
    Zb__BatchHeader *header = NULL;
    if (parcel->type != FRAME_BATCH ||
        MESSAGE_UNPACK(batch, bytes_of(parcel->data, parcel->size), w->arena, &batch, NULL) < 0 ||
        MESSAGE_UNPACK(batch_header, blob_bytes(batch->header), w->arena, &header, NULL) < 0)
        return;
    static const Zb__OutcomeKind kinds[] = { OUTCOME_APPLIED, OUTCOME_APPLIED, OUTCOME_REFUSED,
                                             OUTCOME_STALE, OUTCOME_LEDGER_BEHIND };
    struct id128 producer;
    struct id128 ledger = ledger_model_id(w->ledger);
    Zb__Settlement settlement = ZB__SETTLEMENT__INIT;
    if (!id128_of(blob_bytes(header->producer), &producer))
        return;
    settlement.algorithm = SEAL_BLAKE2B_ED25519;
    settlement.producer = header->producer;
    settlement.epoch = header->epoch;
    settlement.floor = header->floor;
    settlement.chain = header->chain;
    settlement.n_outcomes = header->n_events;
    settlement.outcomes = arena_calloc(w->arena, header->n_events, sizeof(Zb__Outcome *));
    Zb__OutcomeKind kind = kinds[rng_below(&w->rng, ARRAY_LEN(kinds))];
    for (size_t i = 0; i < header->n_events; i++) {
        Zb__Outcome *outcome = arena_alloc(w->arena, sizeof(*outcome));
        struct digest digest = event_digest(producer, header->epoch, header->events[i]);
        zb__outcome__init(outcome);
        outcome->sequence = header->events[i]->sequence;
        outcome->digest = blob_of(bytes_of(arena_dup(w->arena, digest.b, 32), 32));
        outcome->kind = kind;
        outcome->reason = kind == OUTCOME_REFUSED ? REFUSAL_OUTSIDE_SUBTREE : REFUSAL_NONE;
        settlement.outcomes[i] = outcome;
    }
    uint8_t packed[8192];
    size_t size = protobuf_c_message_get_packed_size(&settlement.base);
    if (size > sizeof(packed))
        return;
    protobuf_c_message_pack(&settlement.base, packed);
    struct seal_signature signature = seal_sign(&w->liar, PURPOSE_SETTLED, bytes_of(packed, size));
    Zb__Settled settled = ZB__SETTLED__INIT;
    settled.settlement = blob_of(bytes_of(packed, size));
    settled.signature = blob_of(bytes_of(signature.b, sizeof(signature.b)));
    settled.ledger_key = blob_of(id128_bytes(&ledger));
    struct parcel forged = *parcel;
    forged.up = false;
    forged.type = FRAME_SETTLED;
    parcel_pack(&forged, &settled.base);
    parcel_put(w, &forged);
    free(forged.data);
}

/* Alters what the collector did not sign: the rows, or the list of rows. */
static void liar_alters_body(struct world *w, struct parcel *parcel)
{
    Zb__Batch *batch = NULL;
    if (parcel->type != FRAME_BATCH ||
        MESSAGE_UNPACK(batch, bytes_of(parcel->data, parcel->size), w->arena, &batch, NULL) < 0)
        return;
    if (batch->n_rows > 0 && rng_chance(&w->rng, 1, 2))
        batch->n_rows--;
    else if (batch->n_sets > 0 && batch->sets[0]->n_sets > 0)
        flip(w, batch->sets[0]->sets[0]->rows.data, batch->sets[0]->sets[0]->rows.len);
    else
        batch->n_sets = 0;
    free(parcel->data);
    parcel_pack(parcel, &batch->base);
}

/* What the lying matcher (link 0) does with a frame; false: it goes no further. */
static bool liar_passes(struct world *w, struct parcel *parcel)
{
    if (parcel->link != 0 || !happens(w, w->faults.lie))
        return true;
    w->result->totals.lies++;
    liar_keeps(w, parcel);
    struct arena_mark mark = arena_mark(w->arena);
    bool passes = true;
    switch (rng_below(&w->rng, 6)) {
    case 0:
        passes = false;
        break;
    case 1:
        flip(w, parcel->data, parcel->size);
        break;
    case 2:
        liar_alters_body(w, parcel);
        break;
    case 3:
        liar_forges(w, parcel);
        passes = rng_chance(&w->rng, 1, 2);
        break;
    default:
        liar_replays(w);
        break;
    }
    arena_rewind(w->arena, mark);
    return passes;
}

/* ---- collectors ------------------------------------------------------------------------------ */

/* The unit follows from the scan, so that everybody knows what must become of a report. */
static bool is_outside(int64_t scan_ms)
{
    return scan_ms % 16 == 0;
}

static void event_left(void *ctx, uint64_t epoch, const struct settled_outcome *outcome,
                       int64_t scan_ms)
{
    const struct key *key = ctx;
    struct world *w = key->world;
    if (!ledger_model_settled(w->ledger, key->identity.id, epoch, outcome))
        fault(w, "report of scan %lld left the spool, and no ledger settled it",
              (long long)scan_ms);
    if ((outcome->kind == OUTCOME_REFUSED) != is_outside(scan_ms))
        fault(w, "report of scan %lld has the wrong outcome %d", (long long)scan_ms,
              (int)outcome->kind);
    if (outcome->kind != OUTCOME_APPLIED)
        return;
    if (w->applied_count == APPLIED_MAX) {
        fault(w, "more than %d reports were applied", APPLIED_MAX);
        return;
    }
    w->applied[w->applied_count++] = (struct applied){ (size_t)(key - w->key), scan_ms, false };
}

static void process_report(struct world *w, struct process *p, size_t endpoint, uint32_t rows,
                           bool own)
{
    struct key *key = &w->key[p->key];
    int64_t scan_ms = w->next_scan_ms++;
    if (own && is_outside(scan_ms))
        scan_ms = w->next_scan_ms++;
    bool superseded = memory_spool_add(p->spool, is_outside(scan_ms) ? UNIT_OTHER : UNIT_OWN,
                                       (uint32_t)endpoint, scan_ms, rows);
    w->result->totals.spooled++;
    if (superseded)
        return;
    key->last_scan_ms[endpoint] = scan_ms;
    key->last_rows[endpoint] = rows;
    p->next_ms = w->now_ms;
}

static void process_kill(struct world *w, struct process *p)
{
    if (p->sender == NULL)
        return;
    struct sender_totals totals = sender_totals(p->sender);
    w->result->totals.batches += totals.sent_batches;
    w->result->totals.stale += totals.stale;
    w->result->totals.bad_signatures += totals.bad_signatures;
    sender_free(p->sender);
    p->sender = NULL;
    for (size_t i = 0; i < w->links; i++) {
        p->connection[i]++;
        p->link_up[i] = false;
    }
}

static void process_crash(struct world *w, struct process *p)
{
    say(w, "process %zu crashes", (size_t)(p - w->process));
    w->result->totals.crashes++;
    process_kill(w, p);
    if (w->options.sabotage == SABOTAGE_FORGET_SEQUENCE)
        memory_spool_forget_sequences(p->spool);
    p->restart_ms = w->now_ms + (int64_t)rng_below(&w->rng, 40);
}

static void actions_take(struct world *w, struct process *p, const struct sender_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        const struct sender_action *action = &actions->at[i];
        if (action->kind != SENDER_SEND) {
            say(w, "process %zu: %s", (size_t)(p - w->process), action->text);
            if (strncmp(action->text, "LEDGER_BEHIND", 13) == 0)
                w->key[p->key].behind = true;
            continue;
        }
        struct parcel parcel = { .up = true,
                                 .type = action->type,
                                 .process = (size_t)(p - w->process),
                                 .link = action->link,
                                 .connection = p->connection[action->link],
                                 .tag = action->tag };
        parcel_pack(&parcel, action->message);
        if (liar_passes(w, &parcel))
            parcel_send(w, &parcel);
        free(parcel.data);
    }
}

static void process_check(struct world *w, const struct process *p)
{
    struct memory_spool_counts c = memory_spool_counts(p->spool);
    if (c.spooled != c.applied + c.refused + c.superseded + c.pending)
        fault(w, "%llu spooled, %llu applied, %llu refused, %llu superseded, %llu pending",
              (unsigned long long)c.spooled, (unsigned long long)c.applied,
              (unsigned long long)c.refused, (unsigned long long)c.superseded,
              (unsigned long long)c.pending);
}

static void process_step(struct world *w, struct process *p, struct sender_event event)
{
    struct sender_actions actions = { .more = true };
    for (int i = 0; p->sender != NULL && actions.more && !failed(w); i++) {
        struct arena_mark mark = arena_mark(w->arena);
        if (happens(w, w->faults.spool_fault)) {
            memory_spool_fault(p->spool, rng_below(&w->rng, 6));
            w->result->totals.spool_faults++;
        }
        int r =
            w->options.sabotage == SABOTAGE_UNSIGNED
                ? unsigned_sender_step(p->sender, &event, w->now_ms, w->now_ms, w->arena, &actions)
                : sender_step(p->sender, &event, w->now_ms, w->now_ms, w->arena, &actions);
        if (r == 0) {
            actions_take(w, p, &actions);
            p->next_ms = actions.next_ms;
            event = (struct sender_event){ .kind = SENDER_TICK };
        } else if (rng_chance(&w->rng, 1, 2)) {
            process_crash(w, p);
        } else {
            actions.more = true; /* the same step once more */
        }
        arena_rewind(w->arena, mark);
        process_check(w, p);
        if (i > 50)
            fault(w, "a sender does not come to rest");
    }
}

static void process_start(struct world *w, struct process *p)
{
    const struct key *key = &w->key[p->key];
    struct sender_options options = { .identity = &key->identity,
                                      .ledger_id = ledger_model_id(w->ledger),
                                      .ledger_key = ledger_model_key(w->ledger),
                                      .resend_ms = RESEND_MS,
                                      .batch_events = 1 + rng_below(&w->rng, 4),
                                      .links = w->links };
    struct sender_spool seam = memory_spool_seam(p->spool);
    memory_spool_watch(p->spool, (struct memory_spool_watch){ &w->key[p->key], event_left });
    if (sender_new(&options, &seam, &p->sender) < 0)
        p->sender = NULL; /* a planted fault of the spool; tried again */
    p->next_ms = w->now_ms;
}

static void link_drop(struct world *w, struct process *p, size_t link)
{
    if (!p->link_up[link])
        return;
    p->connection[link]++;
    p->link_up[link] = false;
    process_step(w, p, (struct sender_event){ .kind = SENDER_LINK_DOWN, .link = link });
}

/* ---- the ledger ------------------------------------------------------------------------------ */

enum { ANSWERS_MAX = 64 };

/* Everything that has arrived, in one commit; then the answers. */
static void ledger_work(struct world *w)
{
    struct parcel answer[ANSWERS_MAX];
    size_t answers = 0;
    bool any = false;
    bool crash = happens(w, w->faults.ledger_crash);
    bool mute = happens(w, w->faults.ledger_answers_lost);
    for (size_t i = 0; i < PARCELS_MAX && answers < ANSWERS_MAX; i++) {
        struct parcel *parcel = &w->parcel[i];
        if (!parcel->used || !parcel->up || parcel->deliver_ms > w->now_ms)
            continue;
        if (!any)
            ledger_model_begin(w->ledger);
        any = true;
        struct arena_mark mark = arena_mark(w->arena);
        enum frame_type type;
        ProtobufCMessage *message;
        const char *wrong =
            ledger_model_take(w->ledger, parcel->type, bytes_of(parcel->data, parcel->size),
                              w->now_ms, w->arena, &type, &message);
        if (wrong != NULL)
            fault(w, "%s", wrong);
        if (type != 0) {
            answer[answers] = *parcel;
            answer[answers].up = false;
            answer[answers].type = type;
            if (type == FRAME_SETTLED)
                ((Zb__Settled *)message)->tag = parcel->tag;
            else
                ((Zb__Resumed *)message)->tag = parcel->tag;
            parcel_pack(&answer[answers++], message);
        }
        arena_rewind(w->arena, mark);
        parcel_free(parcel);
    }
    if (!any)
        return;
    if (crash) {
        w->result->totals.ledger_crashes++;
        ledger_model_abort(w->ledger);
    } else {
        ledger_model_commit(w->ledger);
    }
    bool answering = (!crash && !mute) || w->options.sabotage == SABOTAGE_EARLY_SETTLED;
    for (size_t i = 0; i < answers; i++) {
        if (answering && liar_passes(w, &answer[i]))
            parcel_send(w, &answer[i]);
        free(answer[i].data);
    }
}

/* ---- frames arrive --------------------------------------------------------------------------- */

static void parcel_deliver(struct world *w, struct parcel *parcel)
{
    struct process *p = &w->process[parcel->process];
    bool alive = p->exists && p->sender != NULL && p->link_up[parcel->link] &&
                 p->connection[parcel->link] == parcel->connection;
    ProtobufCMessage *message = NULL;
    struct arena_mark mark = arena_mark(w->arena);
    if (alive &&
        message_unpack(frame_descriptor(parcel->type), bytes_of(parcel->data, parcel->size),
                       w->arena, &message, NULL) == 0)
        process_step(w, p,
                     (struct sender_event){ .kind = SENDER_FRAME,
                                            .link = parcel->link,
                                            .type = parcel->type,
                                            .message = message });
    arena_rewind(w->arena, mark);
}

static void deliver_due(struct world *w)
{
    size_t from = rng_below(&w->rng, PARCELS_MAX); /* no order among what is due */
    for (size_t k = 0; k < PARCELS_MAX && !failed(w); k++) {
        struct parcel *parcel = &w->parcel[(from + k) % PARCELS_MAX];
        if (!parcel->used || parcel->up || parcel->deliver_ms > w->now_ms)
            continue;
        struct parcel taken = *parcel;
        *parcel = (struct parcel){ 0 };
        parcel_deliver(w, &taken);
        free(taken.data);
    }
}

/* ---- disasters ------------------------------------------------------------------------------- */

static void purge(struct world *w, size_t process)
{
    for (size_t i = 0; i < PARCELS_MAX; i++)
        if (w->parcel[i].used && w->parcel[i].up && w->parcel[i].process == process)
            parcel_free(&w->parcel[i]);
    for (size_t i = 0; i < STORE_MAX; i++)
        if (w->store[i].used && w->store[i].up && w->store[i].process == process)
            parcel_free(&w->store[i]);
}

static void spool_restore(struct world *w, struct process *p)
{
    struct key *key = &w->key[p->key];
    if (p->backup == NULL)
        return;
    w->result->totals.spool_restores++;
    struct memory_spool_counts lost = memory_spool_counts(p->spool);
    process_kill(w, p);
    if (rng_chance(&w->rng, 1, 2))
        purge(w, (size_t)(p - w->process));
    else if (lost.highest > ledger_model_highest(w->ledger, key->identity.id, lost.epoch) ||
             w->faults.ledger_restore > 0)
        key->may_fork = true;
    say(w, "process %zu is restored from a backup%s", (size_t)(p - w->process),
        key->may_fork ? ", frames of the lost time are on their way" : "");
    for (size_t i = p->backup_applied; i < w->applied_count; i++)
        if (w->applied[i].key == p->key)
            w->applied[i].forgotten = true;
    memory_spool_free(p->spool);
    p->spool = memory_spool_copy(p->backup);
    p->restart_ms = w->now_ms + (int64_t)rng_below(&w->rng, 40);
}

static void clone(struct world *w)
{
    struct process *to = &w->process[PROCESSES_MAX - 1];
    struct process *from = &w->process[rng_below(&w->rng, w->keys)];
    if (to->exists)
        return;
    w->result->totals.clones++;
    *to = (struct process){ .exists = true,
                            .key = from->key,
                            .spool = memory_spool_copy(from->spool),
                            .restart_ms = w->now_ms + (int64_t)rng_below(&w->rng, 100) };
    w->key[from->key].cloned = true;
    ledger_model_cloned(w->ledger, w->key[from->key].identity.id);
    say(w, "process %zu is a clone of %zu", (size_t)PROCESSES_MAX - 1, (size_t)(from - w->process));
}

static void ledger_restore(struct world *w)
{
    if (w->ledger_backup == NULL)
        return;
    say(w, "the ledger is restored from a backup");
    w->result->totals.ledger_restores++;
    w->ledger_restored = true;
    ledger_model_restore(w->ledger, w->ledger_backup);
}

static void disasters(struct world *w)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        struct process *p = &w->process[i];
        if (!p->exists)
            continue;
        if (p->sender != NULL && happens(w, w->faults.crash))
            process_crash(w, p);
        if (happens(w, w->faults.flap))
            link_drop(w, p, rng_below(&w->rng, w->links));
        if (happens(w, 60)) {
            memory_spool_free(p->backup);
            p->backup = memory_spool_copy(p->spool);
            p->backup_applied = w->applied_count;
        }
        if (happens(w, w->faults.spool_restore))
            spool_restore(w, p);
    }
    if (happens(w, 60)) {
        memory_view_free(w->ledger_backup);
        w->ledger_backup = ledger_model_backup(w->ledger);
    }
    if (happens(w, w->faults.ledger_restore))
        ledger_restore(w);
    if (happens(w, w->faults.clone))
        clone(w);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void processes_run(struct world *w)
{
    for (size_t i = 0; i < PROCESSES_MAX && !failed(w); i++) {
        struct process *p = &w->process[i];
        if (!p->exists)
            continue;
        if (p->sender == NULL && p->restart_ms <= w->now_ms)
            process_start(w, p);
        for (size_t k = 0; k < w->links && p->sender != NULL; k++) {
            if (p->link_up[k] || (!w->quiet && rng_chance(&w->rng, 1, 2)))
                continue;
            p->link_up[k] = true;
            process_step(w, p,
                         (struct sender_event){
                             .kind = SENDER_LINK_UP, .link = k, .credit_bytes = CREDIT_BYTES });
        }
        if (p->sender != NULL && p->next_ms <= w->now_ms)
            process_step(w, p, (struct sender_event){ .kind = SENDER_TICK });
    }
}

static void round_run(struct world *w)
{
    disasters(w);
    processes_run(w);
    if (w->quiet || rng_chance(&w->rng, 2, 3))
        ledger_work(w);
    deliver_due(w);
}

/* The next instant at which anything happens. */
static int64_t next_instant(const struct world *w)
{
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < PARCELS_MAX; i++)
        if (w->parcel[i].used && w->parcel[i].deliver_ms < next)
            next = w->parcel[i].deliver_ms;
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        const struct process *p = &w->process[i];
        int64_t at = p->sender == NULL ? p->restart_ms : p->next_ms;
        if (p->exists && at < next)
            next = at;
    }
    return next;
}

static void faults_phase(struct world *w)
{
    for (int i = 0; i < FAULT_ROUNDS && !failed(w); i++) {
        w->now_ms += 1 + (int64_t)rng_below(&w->rng, 15);
        for (size_t k = 0; k < PROCESSES_MAX; k++) {
            struct process *p = &w->process[k];
            if (p->exists && rng_chance(&w->rng, 1, 5))
                process_report(w, p, rng_below(&w->rng, w->key[p->key].endpoints),
                               (uint32_t)rng_below(&w->rng, 16), false);
        }
        round_run(w);
    }
}

static bool all_settled(struct world *w)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        const struct process *p = &w->process[i];
        if (!p->exists || ledger_model_quarantined(w->ledger, w->key[p->key].identity.id))
            continue;
        if (w->key[p->key].cloned)
            return false; /* it reports until it is found out */
        if (memory_spool_counts(p->spool).pending > 0)
            return false;
    }
    return true;
}

static void clones_report(struct world *w, int round)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        struct process *p = &w->process[i];
        if (p->exists && w->key[p->key].cloned && round % 10 == (int)i &&
            memory_spool_counts(p->spool).pending < 4)
            process_report(w, p, rng_below(&w->rng, w->key[p->key].endpoints),
                           (uint32_t)rng_below(&w->rng, 16), true);
    }
}

static void settle_down(struct world *w)
{
    for (int i = 0; !all_settled(w) && !failed(w); i++) {
        if (i > QUIET_ROUNDS_MAX) {
            for (size_t k = 0; k < PROCESSES_MAX; k++)
                if (w->process[k].exists)
                    say(w, "process %zu: %llu pending, floor %llu, highest %llu, epoch %llu, %s", k,
                        (unsigned long long)memory_spool_counts(w->process[k].spool).pending,
                        (unsigned long long)memory_spool_counts(w->process[k].spool).floor,
                        (unsigned long long)memory_spool_counts(w->process[k].spool).highest,
                        (unsigned long long)memory_spool_counts(w->process[k].spool).epoch,
                        w->process[k].sender == NULL ? "down" : "up");
            fault(w, "not settled %d rounds after the last fault", QUIET_ROUNDS_MAX);
            return;
        }
        clones_report(w, i);
        int64_t next = next_instant(w);
        w->now_ms = next > w->now_ms && next != INT64_MAX ? next : w->now_ms + 1;
        round_run(w);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void check_effects(struct world *w)
{
    for (size_t i = 0; i < w->applied_count && !failed(w); i++) {
        const struct applied *applied = &w->applied[i];
        const struct key *key = &w->key[applied->key];
        if (key->cloned || ledger_model_quarantined(w->ledger, key->identity.id) ||
            ledger_model_effect(w->ledger, applied->scan_ms) == 1)
            continue;
        if (!w->ledger_restored)
            fault(w, "scan %lld of key %zu was settled and took no effect",
                  (long long)applied->scan_ms, applied->key);
        else if (!key->behind && !applied->forgotten &&
                 !ledger_model_passed_over(
                     w->ledger, applied->scan_ms)) /* both lost: nothing is left that knows */
            fault(w, "scan %lld of key %zu was lost with a restored ledger, and nobody was told",
                  (long long)applied->scan_ms, applied->key);
    }
}

static void check_last_scans(struct world *w)
{
    for (size_t i = 0; i < w->keys && !failed(w); i++) {
        const struct key *key = &w->key[i];
        if (key->cloned || ledger_model_quarantined(w->ledger, key->identity.id))
            continue;
        for (size_t k = 0; k < key->endpoints; k++)
            if (!ledger_model_shows(w->ledger, key->identity.id,
                                    memory_endpoint(w->process[i].spool, (uint32_t)k),
                                    key->last_scan_ms[k], memory_result(key->last_rows[k])))
                fault(w, "the ledger does not show the last scan of computer %zu of key %zu", k, i);
    }
}

static void check_keys(struct world *w)
{
    for (size_t i = 0; i < w->keys && !failed(w); i++) {
        const struct key *key = &w->key[i];
        bool quarantined = ledger_model_quarantined(w->ledger, key->identity.id);
        w->result->totals.quarantined += quarantined;
        if (quarantined && !key->cloned && !key->may_fork)
            fault(w, "key %zu is quarantined and was never cloned", i);
        if (!quarantined && key->cloned)
            fault(w, "key %zu was cloned and is not quarantined", i);
    }
}

static void totals_take(struct world *w)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        if (!w->process[i].exists)
            continue;
        struct memory_spool_counts c = memory_spool_counts(w->process[i].spool);
        w->result->totals.applied += c.applied;
        w->result->totals.refused += c.refused;
        w->result->totals.superseded += c.superseded;
        w->result->totals.epochs += c.epoch - 1;
        w->result->totals.behind += c.behind;
    }
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* Half of the runs know only some kinds of fault, so that each is also met alone. */
static unsigned chance(struct world *w, unsigned of_ten, unsigned most)
{
    return rng_chance(&w->rng, of_ten, 10) ? 1 + (unsigned)rng_below(&w->rng, most) : 0;
}

static void faults_draw(struct world *w)
{
    w->faults = (struct faults){
        .lose = chance(w, 5, 200),
        .repeat = chance(w, 5, 300),
        .delay = chance(w, 5, 300),
        .flap = chance(w, 4, 60),
        .crash = chance(w, 5, 60),
        .ledger_crash = chance(w, 4, 200),
        .ledger_answers_lost = chance(w, 4, 200),
        .spool_fault = chance(w, 3, 60),
        .spool_restore = chance(w, 3, 30),
        .ledger_restore = chance(w, 3, 40),
        .clone = chance(w, 2, 60),
        .lie = chance(w, 4, 500),
    };
}

static void identity_make(struct world *w, struct key *key, size_t number)
{
    uint8_t seed[SEAL_SEED_BYTES] = { 'k', (uint8_t)number };
    put_u64be(seed + 8, w->options.seed);
    seal_keypair(seed, &key->identity.sign_public, &key->identity.sign_secret);
    key->identity.id = seal_key_id(&key->identity.sign_public);
    key->identity.role = ROLE_COLLECTOR;
}

static void world_build(struct world *w)
{
    w->rng = rng_init(w->options.seed);
    faults_draw(w);
    w->keys = 1 + rng_below(&w->rng, KEYS_MAX);
    w->links = 1 + rng_below(&w->rng, LINKS_MAX);
    w->now_ms = 1000;
    w->next_scan_ms = 1000000;
    w->arena = arena_new(64 * 1024 * 1024);
    w->ledger = ledger_model_new(w->options.seed, w->options.sabotage);
    struct seal_public unused;
    uint8_t seed[SEAL_SEED_BYTES] = { 'x' };
    seal_keypair(seed, &unused, &w->liar);
    for (size_t i = 0; i < w->keys; i++) {
        struct key *key = &w->key[i];
        key->world = w;
        identity_make(w, key, i);
        key->endpoints = 1 + rng_below(&w->rng, ENDPOINTS_MAX);
        ledger_model_enrol(w->ledger, &key->identity.sign_public);
        w->process[i] = (struct process){ .exists = true,
                                          .key = i,
                                          .spool = memory_spool_new(key->identity.id) };
    }
}

static void world_free(struct world *w)
{
    for (size_t i = 0; i < PROCESSES_MAX; i++) {
        process_kill(w, &w->process[i]);
        memory_spool_free(w->process[i].spool);
        memory_spool_free(w->process[i].backup);
    }
    for (size_t i = 0; i < PARCELS_MAX; i++)
        parcel_free(&w->parcel[i]);
    for (size_t i = 0; i < STORE_MAX; i++)
        parcel_free(&w->store[i]);
    ledger_model_free(w->ledger);
    memory_view_free(w->ledger_backup);
    arena_free(w->arena);
    free(w);
}

void world_run(const struct world_options *options, struct world_result *ret_result)
{
    struct world *w = calloc(1, sizeof(*w));
    if (w == NULL)
        abort();
    *ret_result = (struct world_result){ { 0 }, { 0 } };
    w->options = *options;
    w->result = ret_result;
    world_build(w);
    faults_phase(w);
    w->quiet = true;
    say(w, "no more faults");
    for (uint32_t i = 0; i < FINAL_SCANS && !failed(w); i++) {
        for (size_t p = 0; p < PROCESSES_MAX; p++)
            for (size_t e = 0; w->process[p].exists && e < w->key[w->process[p].key].endpoints; e++)
                process_report(w, &w->process[p], e, 16u << i, true);
        settle_down(w);
    }
    totals_take(w);
    check_keys(w);
    check_effects(w);
    check_last_scans(w);
    world_free(w);
}
