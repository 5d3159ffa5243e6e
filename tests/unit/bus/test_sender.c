/* The collector's protocol core, one promise at a time; tests/sim shakes all of them together. */
#include "bus/sender.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "proto/digest.h"
#include "tests/lib/memory_spool.h"

enum { RESEND_MS = 1000, CREDIT_BYTES = 4 * 1024 * 1024 };

struct fixture {
    struct identity me;
    struct seal_public ledger_public;
    struct seal_secret ledger_secret;
    struct id128 ledger_id;
    struct memory_spool *spool;
    struct sender *sender;
    struct arena *arena;
    struct sender_actions did; /* of the last step */
    int64_t now_ms;
};

static void fixture_done(struct fixture *f)
{
    sender_free(f->sender);
    memory_spool_free(f->spool);
    arena_free(f->arena);
}

static void start(struct fixture *f, size_t links)
{
    struct sender_options options = { .identity = &f->me,
                                      .ledger_id = f->ledger_id,
                                      .ledger_key = f->ledger_public,
                                      .resend_ms = RESEND_MS,
                                      .batch_events = 4,
                                      .links = links };
    struct sender_spool seam = memory_spool_seam(f->spool);
    sender_free(f->sender);
    f->sender = NULL;
    cr_assert(eq(int, sender_new(&options, &seam, &f->sender), 0));
}

static struct fixture fixture_new(size_t links)
{
    static const uint8_t seed[2][SEAL_SEED_BYTES] = { "a collector", "the ledger" };
    struct fixture f = { .now_ms = 5000, .arena = arena_new(64 << 20) };
    cr_assert(eq(int, seal_start(), 0));
    seal_keypair(seed[0], &f.me.sign_public, &f.me.sign_secret);
    seal_keypair(seed[1], &f.ledger_public, &f.ledger_secret);
    f.me.id = seal_key_id(&f.me.sign_public);
    f.ledger_id = seal_key_id(&f.ledger_public);
    f.spool = memory_spool_new(f.me.id);
    start(&f, links);
    return f;
}
#define FIXTURE(name, links) CLEANUP(fixture_done) struct fixture name = fixture_new(links)

static int step(struct fixture *f, struct sender_event event)
{
    return sender_step(f->sender, &event, f->now_ms, f->now_ms, f->arena, &f->did);
}

static void tick(struct fixture *f)
{
    cr_assert(eq(int, step(f, (struct sender_event){ .kind = SENDER_TICK }), 0));
}

static void link_up(struct fixture *f, size_t link)
{
    cr_assert(eq(int,
                 step(f, (struct sender_event){ .kind = SENDER_LINK_UP,
                                                .link = link,
                                                .credit_bytes = CREDIT_BYTES }),
                 0));
}

static const struct sender_action *sent(const struct fixture *f, enum frame_type type)
{
    for (size_t i = 0; i < f->did.count; i++)
        if (f->did.at[i].kind == SENDER_SEND && f->did.at[i].type == type)
            return &f->did.at[i];
    return NULL;
}

static const char *told(const struct fixture *f)
{
    for (size_t i = 0; i < f->did.count; i++)
        if (f->did.at[i].kind != SENDER_SEND)
            return f->did.at[i].text;
    return "";
}

static ProtobufCBinaryData data(const void *at, size_t size)
{
    return (ProtobufCBinaryData){ size, (uint8_t *)(uintptr_t)at };
}

static struct bytes sign(struct fixture *f, const struct seal_secret *key, const char *purpose,
                         struct bytes body)
{
    struct seal_signature signature = seal_sign(key, purpose, body);
    return bytes_of(arena_dup(f->arena, signature.b, sizeof(signature.b)), sizeof(signature.b));
}

static struct bytes packed(struct fixture *f, const ProtobufCMessage *message)
{
    uint8_t *at = arena_alloc(f->arena, protobuf_c_message_get_packed_size(message));
    return bytes_of(at, protobuf_c_message_pack(message, at));
}

/* Answers the RESUME that the last step sent. */
static void resumed(struct fixture *f, uint64_t epoch, bool behind, Zb__RefusalReason refused)
{
    const struct sender_action *action = sent(f, FRAME_RESUME);
    cr_assert(ne(ptr, (void *)action, NULL));
    const Zb__Resume *resume = (const Zb__Resume *)action->message;
    Zb__ResumeBody *asked = NULL;
    cr_assert(eq(int,
                 MESSAGE_UNPACK(resume_body, bytes_of(resume->body.data, resume->body.len),
                                f->arena, &asked, NULL),
                 0));
    cr_assert(seal_verify(&f->me.sign_public, PURPOSE_RESUME,
                          bytes_of(resume->body.data, resume->body.len),
                          bytes_of(resume->signature.data, resume->signature.len)));
    Zb__ResumedBody body = ZB__RESUMED_BODY__INIT;
    body.producer = data(f->me.id.b, 16);
    body.nonce = asked->nonce;
    body.epoch = epoch;
    body.floor = 1;
    body.behind = behind;
    body.refused = refused;
    struct bytes bytes = packed(f, &body.base);
    struct bytes signature = sign(f, &f->ledger_secret, PURPOSE_RESUMED, bytes);
    Zb__Resumed answer = ZB__RESUMED__INIT;
    answer.tag = action->tag;
    answer.body = data(bytes.data, bytes.size);
    answer.signature = data(signature.data, signature.size);
    answer.ledger_key = data(f->ledger_id.b, 16);
    cr_assert(eq(int,
                 step(f, (struct sender_event){ .kind = SENDER_FRAME,
                                                .link = action->link,
                                                .type = FRAME_RESUMED,
                                                .message = &answer.base }),
                 0));
}

/* Goes on to RUNNING over link 0; the reports spooled before are then out. */
static void run(struct fixture *f)
{
    link_up(f, 0);
    resumed(f, 1, false, REFUSAL_NONE);
}

static const Zb__BatchHeader *header_of(struct fixture *f, const struct sender_action *action)
{
    const Zb__Batch *batch = (const Zb__Batch *)action->message;
    struct bytes bytes = bytes_of(batch->header.data, batch->header.len);
    Zb__BatchHeader *header = NULL;
    cr_assert(eq(int, MESSAGE_UNPACK(batch_header, bytes, f->arena, &header, NULL), 0));
    cr_assert(seal_verify(&f->me.sign_public, PURPOSE_BATCH, bytes,
                          bytes_of(batch->signature.data, batch->signature.len)));
    return header;
}

struct answer {
    Zb__OutcomeKind kind;
    Zb__RefusalReason reason;
    const struct seal_secret *key; /* NULL: the ledger's */
    const struct id128 *producer;  /* NULL: this one */
    uint64_t epoch;                /* 0: the header's */
    bool other_digest;
};

/* A settlement of every event of a batch, over a link. */
static int settle(struct fixture *f, const struct sender_action *batch, struct answer how)
{
    const Zb__BatchHeader *header = header_of(f, batch);
    Zb__Settlement settlement = ZB__SETTLEMENT__INIT;
    Zb__Outcome outcome[8];
    Zb__Outcome *outcomes[8];
    struct digest digest[8];
    settlement.producer = how.producer == NULL ? data(f->me.id.b, 16) : data(how.producer->b, 16);
    settlement.epoch = how.epoch == 0 ? header->epoch : how.epoch;
    settlement.n_outcomes = header->n_events;
    settlement.outcomes = outcomes;
    for (size_t i = 0; i < header->n_events; i++) {
        digest[i] = event_digest(f->me.id, header->epoch, header->events[i]);
        digest[i].b[0] ^= how.other_digest;
        zb__outcome__init(&outcome[i]);
        outcome[i].sequence = header->events[i]->sequence;
        outcome[i].digest = data(digest[i].b, 32);
        outcome[i].kind = how.kind;
        outcome[i].reason = how.reason;
        outcomes[i] = &outcome[i];
    }
    struct bytes bytes = packed(f, &settlement.base);
    struct bytes signature =
        sign(f, how.key == NULL ? &f->ledger_secret : how.key, PURPOSE_SETTLED, bytes);
    Zb__Settled settled = ZB__SETTLED__INIT;
    settled.tag = batch->tag;
    settled.settlement = data(bytes.data, bytes.size);
    settled.signature = data(signature.data, signature.size);
    settled.ledger_key = data(f->ledger_id.b, 16);
    return step(f, (struct sender_event){ .kind = SENDER_FRAME,
                                          .link = batch->link,
                                          .type = FRAME_SETTLED,
                                          .message = &settled.base });
}

static void add(struct fixture *f, uint32_t endpoint, int64_t scan_ms)
{
    memory_spool_add(f->spool, "unit", endpoint, scan_ms, 3);
}

static uint64_t pending(const struct fixture *f)
{
    return memory_spool_counts(f->spool).pending;
}

Test(sender, asks_before_it_sends_and_gives_no_sequence_before_the_answer)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    link_up(&f, 0);
    cr_assert(ne(ptr, (void *)sent(&f, FRAME_RESUME), NULL));
    cr_assert(eq(ptr, (void *)sent(&f, FRAME_BATCH), NULL));
    cr_assert(eq(u64, memory_spool_counts(f.spool).highest, 0));
    resumed(&f, 1, false, REFUSAL_NONE);
    cr_assert(eq(sz, header_of(&f, sent(&f, FRAME_BATCH))->n_events, 1));
    cr_assert(eq(u64, memory_spool_counts(f.spool).highest, 1));
}

Test(sender, frees_what_the_ledger_has_signed)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    add(&f, 2, 11);
    run(&f);
    struct sender_action batch = *sent(&f, FRAME_BATCH);
    cr_assert(eq(int, settle(&f, &batch, (struct answer){ .kind = OUTCOME_APPLIED }), 0));
    cr_assert(eq(u64, pending(&f), 0));
    cr_assert(eq(u64, sender_totals(f.sender).settled_events, 2));
    cr_assert(eq(u64, memory_spool_counts(f.spool).floor, 3));
}

Test(sender, believes_nobody_but_the_pinned_ledger)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    run(&f);
    struct sender_action batch = *sent(&f, FRAME_BATCH);
    settle(&f, &batch, (struct answer){ .kind = OUTCOME_APPLIED, .key = &f.me.sign_secret });
    cr_assert(eq(u64, pending(&f), 1));
    cr_assert(eq(u64, sender_totals(f.sender).bad_signatures, 1));
    cr_assert(strstr(told(&f), "link 0") != NULL);
    settle(&f, &batch, (struct answer){ .kind = OUTCOME_APPLIED, .key = &f.me.sign_secret });
    cr_assert(eq(u64, sender_totals(f.sender).bad_signatures, 2));
    cr_assert(eq(str, (char *)told(&f), ""), "told once per link");
}

Test(sender, takes_no_settlement_of_others_other_epochs_or_other_digests)
{
    FIXTURE(f, 1);
    static const struct id128 other = { "somebody else" };
    add(&f, 1, 10);
    run(&f);
    struct sender_action batch = *sent(&f, FRAME_BATCH);
    settle(&f, &batch, (struct answer){ .kind = OUTCOME_APPLIED, .producer = &other });
    settle(&f, &batch, (struct answer){ .kind = OUTCOME_APPLIED, .epoch = 9 });
    settle(&f, &batch, (struct answer){ .kind = OUTCOME_APPLIED, .other_digest = true });
    cr_assert(eq(u64, pending(&f), 1));
}

Test(sender, sends_again_by_another_link_and_only_after_the_resend_time)
{
    FIXTURE(f, 2);
    add(&f, 1, 10);
    run(&f);
    link_up(&f, 1);
    cr_assert(eq(ptr, (void *)sent(&f, FRAME_BATCH), NULL), "one unanswered copy at a time");
    f.now_ms += RESEND_MS - 1;
    tick(&f);
    cr_assert(eq(ptr, (void *)sent(&f, FRAME_BATCH), NULL));
    f.now_ms += 1;
    tick(&f);
    cr_assert(eq(sz, sent(&f, FRAME_BATCH)->link, 1));
    cr_assert(eq(u64, sender_totals(f.sender).resent_events, 1));
}

Test(sender, sends_again_at_once_what_was_on_a_link_that_went_down)
{
    FIXTURE(f, 2);
    add(&f, 1, 10);
    run(&f);
    link_up(&f, 1);
    step(&f, (struct sender_event){ .kind = SENDER_LINK_DOWN, .link = 0 });
    cr_assert(eq(sz, sent(&f, FRAME_BATCH)->link, 1));
}

Test(sender, never_loses_a_report_to_a_refusal_that_a_matcher_can_cause)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    run(&f);
    struct sender_action batch = *sent(&f, FRAME_BATCH);
    settle(&f, &batch, (struct answer){ .kind = OUTCOME_REFUSED, .reason = REFUSAL_BAD_DIGEST });
    cr_assert(eq(u64, pending(&f), 1));
    settle(&f, &batch,
           (struct answer){ .kind = OUTCOME_REFUSED, .reason = REFUSAL_OUTSIDE_SUBTREE });
    cr_assert(eq(u64, memory_spool_counts(f.spool).refused, 1));
}

Test(sender, stops_when_its_key_is_refused_and_keeps_every_report)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    run(&f);
    struct sender_action batch = *sent(&f, FRAME_BATCH);
    settle(&f, &batch, (struct answer){ .kind = OUTCOME_REFUSED, .reason = REFUSAL_FORKED });
    cr_assert(strstr(told(&f), "FORKED") != NULL);
    cr_assert(eq(u64, pending(&f), 1));
    f.now_ms += RESEND_MS;
    tick(&f);
    cr_assert(eq(sz, f.did.count, 0));
    f.now_ms += 60 * 1000;
    tick(&f);
    resumed(&f, 1, false, REFUSAL_NONE);
    cr_assert(ne(ptr, (void *)sent(&f, FRAME_BATCH), NULL), "released, it goes on");
}

Test(sender, sends_full_under_the_same_sequence_when_asked)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    run(&f);
    struct sender_action batch = *sent(&f, FRAME_BATCH);
    settle(&f, &batch, (struct answer){ .kind = OUTCOME_APPLIED });
    add(&f, 1, 20);
    tick(&f);
    batch = *sent(&f, FRAME_BATCH);
    cr_assert(eq(int, (int)header_of(&f, &batch)->events[0]->kind, EVENT_UNCHANGED));
    settle(&f, &batch, (struct answer){ .kind = OUTCOME_NEED_FULL });
    batch = *sent(&f, FRAME_BATCH);
    cr_assert(eq(int, (int)header_of(&f, &batch)->events[0]->kind, EVENT_FULL));
    cr_assert(eq(u64, header_of(&f, &batch)->events[0]->sequence, 2));
}

Test(sender, asks_again_when_told_stale_and_counts_nothing_as_applied)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    run(&f);
    struct sender_action batch = *sent(&f, FRAME_BATCH);
    settle(&f, &batch, (struct answer){ .kind = OUTCOME_STALE });
    cr_assert(eq(u64, pending(&f), 1));
    cr_assert(eq(u64, sender_totals(f.sender).stale, 1));
    f.now_ms += RESEND_MS;
    tick(&f);
    resumed(&f, 2, false, REFUSAL_NONE);
    cr_assert(eq(u64, header_of(&f, sent(&f, FRAME_BATCH))->epoch, 2));
    cr_assert(eq(u64, pending(&f), 1));
}

Test(sender, tells_of_a_ledger_that_is_behind_and_sends_in_full)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    link_up(&f, 0);
    resumed(&f, 2, true, REFUSAL_NONE);
    cr_assert(strncmp(told(&f), "LEDGER_BEHIND", 13) == 0);
    cr_assert(eq(u64, memory_spool_counts(f.spool).behind, 1));
}

Test(sender, takes_no_answer_to_an_earlier_question)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    link_up(&f, 0);
    struct sender_actions asked = f.did;
    start(&f, 1); /* killed and started again: another nonce */
    link_up(&f, 0);
    f.did = asked;
    resumed(&f, 5, false, REFUSAL_NONE);
    cr_assert(eq(u64, memory_spool_counts(f.spool).epoch, 1));
    cr_assert(eq(ptr, (void *)sent(&f, FRAME_BATCH), NULL));
}

Test(sender, tells_once_of_a_ledger_that_is_silent_for_a_day)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    run(&f);
    f.now_ms += 24 * 3600 * 1000 - 1;
    tick(&f);
    cr_assert(eq(str, (char *)told(&f), ""));
    f.now_ms += 1;
    tick(&f);
    cr_assert(strncmp(told(&f), "LEDGER_SILENT", 13) == 0);
    f.now_ms += 24 * 3600 * 1000;
    tick(&f);
    cr_assert(eq(str, (char *)told(&f), ""));
}

Test(sender, rests_a_link_that_says_busy)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    run(&f);
    Zb__Busy busy = ZB__BUSY__INIT;
    busy.tag = sent(&f, FRAME_BATCH)->tag;
    busy.retry_ms = 200;
    step(&f, (struct sender_event){
                 .kind = SENDER_FRAME, .link = 0, .type = FRAME_BUSY, .message = &busy.base });
    cr_assert(eq(ptr, (void *)sent(&f, FRAME_BATCH), NULL));
    cr_assert(eq(i64, f.did.next_ms, f.now_ms + 200));
    f.now_ms += 200;
    tick(&f);
    cr_assert(ne(ptr, (void *)sent(&f, FRAME_BATCH), NULL));
}

Test(sender, includes_a_row_once_per_batch)
{
    FIXTURE(f, 1);
    add(&f, 1, 10);
    add(&f, 2, 11);
    add(&f, 3, 12);
    run(&f);
    const Zb__Batch *batch = (const Zb__Batch *)sent(&f, FRAME_BATCH)->message;
    cr_assert(eq(sz, batch->n_rows, 2));
    cr_assert(eq(sz, batch->n_sets, 1));
}

Test(sender, spreads_batches_over_its_links_in_turn)
{
    FIXTURE(f, 2);
    link_up(&f, 0);
    struct sender_actions asked = f.did;
    link_up(&f, 1);
    for (uint32_t i = 0; i < 8; i++)
        add(&f, i, 10 + i);
    f.did = asked;
    resumed(&f, 1, false, REFUSAL_NONE);
    cr_assert(eq(sz, f.did.count, 2));
    cr_assert(ne(sz, f.did.at[0].link, f.did.at[1].link));
}

Test(sender, stands_as_before_whichever_call_of_the_spool_fails)
{
    for (size_t nth = 0; nth < 12; nth++) {
        FIXTURE(f, 1);
        add(&f, 1, 10);
        add(&f, 1, 20);
        run(&f);
        struct sender_action batch = *sent(&f, FRAME_BATCH);
        memory_spool_fault(f.spool, nth);
        if (settle(&f, &batch, (struct answer){ .kind = OUTCOME_APPLIED }) < 0)
            cr_assert(eq(int, settle(&f, &batch, (struct answer){ .kind = OUTCOME_APPLIED }), 0));
        while (sent(&f, FRAME_BATCH) == NULL && f.did.more)
            (void)step(&f, (struct sender_event){ .kind = SENDER_TICK });
        cr_assert(ne(ptr, (void *)sent(&f, FRAME_BATCH), NULL), "call %zu", nth);
        batch = *sent(&f, FRAME_BATCH);
        cr_assert(eq(u64, header_of(&f, &batch)->floor, 2), "call %zu", nth);
        memory_spool_fault(f.spool, SIZE_MAX - 1);
        cr_assert(eq(int, settle(&f, &batch, (struct answer){ .kind = OUTCOME_APPLIED }), 0));
        cr_assert(eq(u64, memory_spool_counts(f.spool).applied, 2), "call %zu", nth);
    }
}

Test(sender, refuses_options_that_cannot_be)
{
    FIXTURE(f, 1);
    struct sender_options options = {
        .identity = &f.me, .resend_ms = 1, .batch_events = 1, .links = SENDER_LINKS_MAX + 1
    };
    struct sender_spool seam = memory_spool_seam(f.spool);
    struct sender *sender = NULL;
    cr_assert(eq(int, sender_new(&options, &seam, &sender), -EINVAL));
    cr_assert(eq(ptr, sender, NULL));
}
