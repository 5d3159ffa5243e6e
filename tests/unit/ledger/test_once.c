/* The receiver's rules of settlement, one by one; tests/sim runs them all together. */
#include "ledger/once.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "ledger/key.h"
#include "tests/lib/memory_view.h"

static const struct id128 PRODUCER = { "a collector's id" };

struct fixture {
    struct memory_view *memory;
    struct ledger_view view;
    struct arena *arena;
    struct digest chain[64]; /* before sequence i + 1 of what settle() settled */
};

static void fixture_done(struct fixture *f)
{
    memory_view_free(f->memory);
    arena_free(f->arena);
}

static struct fixture fixture_new(void)
{
    struct fixture f = { .memory = memory_view_new(), .arena = arena_new(1 << 22) };
    f.view = memory_view(f.memory);
    return f;
}
#define FIXTURE(name) CLEANUP(fixture_done) struct fixture name = fixture_new()

static struct digest digest_n(unsigned n)
{
    struct digest digest = { { 0 } };
    put_u32be(digest.b, n);
    return digest;
}

static void put(struct fixture *f, enum ledger_table table, struct ledger_key key,
                const ProtobufCMessage *record)
{
    struct ledger_writer writer = memory_writer(f->memory);
    uint8_t packed[256];
    struct bytes value = bytes_of(packed, protobuf_c_message_pack(record, packed));
    cr_assert(eq(int, writer.put(writer.view.ctx, table, ledger_key_bytes(&key), value), 0));
}

static void put_producer(struct fixture *f, const Zb__ProducerRecord *record)
{
    put(f, TABLE_PRODUCER, key_id(id128_bytes(&PRODUCER)), &record->base);
}

static Zb__ProducerRecord producer(uint64_t epoch, uint64_t highest)
{
    Zb__ProducerRecord record = ZB__PRODUCER_RECORD__INIT;
    record.epoch = epoch;
    record.floor = 1;
    record.highest = highest;
    return record;
}

/* Settles sequences 1 to n of the epoch as APPLIED, event i with digest_n(i). */
static void settle(struct fixture *f, uint64_t epoch, unsigned n)
{
    Zb__ProducerRecord record = producer(epoch, n);
    put_producer(f, &record);
    for (unsigned i = 1; i <= n; i++) {
        struct digest digest = digest_n(i);
        Zb__OnceRecord once = ZB__ONCE_RECORD__INIT;
        once.digest = blob_of(digest_bytes(&digest));
        once.outcome = OUTCOME_APPLIED;
        put(f, TABLE_ONCE, key_once(PRODUCER, epoch, i), &once.base);
        f->chain[i] = chain_next(f->chain[i - 1], digest);
    }
}

static enum once_answer event(struct fixture *f, uint64_t epoch, uint64_t sequence, unsigned digest)
{
    enum once_answer answer = ONCE_NEW;
    Zb__OutcomeKind kind = OUTCOME_NONE;
    Zb__RefusalReason reason = REFUSAL_NONE;
    cr_assert(eq(int,
                 once_event(&f->view, PRODUCER, epoch, sequence, digest_n(digest), f->arena,
                            &answer, &kind, &reason),
                 0));
    if (answer == ONCE_DUPLICATE)
        cr_assert(eq(int, (int)kind, OUTCOME_APPLIED));
    return answer;
}

static enum once_answer header(struct fixture *f, uint64_t epoch, uint64_t floor,
                               struct digest chain, Zb__ProducerRecord **ret_record)
{
    Zb__BatchHeader h = ZB__BATCH_HEADER__INIT;
    enum once_answer answer = ONCE_NEW;
    Zb__ProducerRecord *record = NULL;
    bool moved = false;
    h.producer = blob_of(id128_bytes(&PRODUCER));
    h.epoch = epoch;
    h.floor = floor;
    h.chain = blob_of(digest_bytes(&chain));
    cr_assert(eq(int, once_header(&f->view, &h, f->arena, &answer, &record, &moved), 0));
    cr_assert(eq(int, moved, record != NULL));
    if (ret_record != NULL)
        *ret_record = record;
    return answer;
}

static Zb__ResumedBody *resume(struct fixture *f, uint64_t epoch, uint64_t highest, uint64_t floor,
                               struct digest chain)
{
    static const struct id128 nonce = { "sixteen bytes  ." };
    Zb__ResumeBody body = ZB__RESUME_BODY__INIT;
    Zb__ResumedBody *resumed = NULL;
    Zb__ProducerRecord *record = NULL;
    body.producer = blob_of(id128_bytes(&PRODUCER));
    body.epoch = epoch;
    body.highest = highest;
    body.floor = floor;
    body.chain = blob_of(digest_bytes(&chain));
    body.nonce = blob_of(id128_bytes(&nonce));
    cr_assert(eq(int, once_resume(&f->view, &body, f->arena, &resumed, &record), 0));
    cr_assert(bytes_eq(blob_bytes(resumed->nonce), id128_bytes(&nonce)));
    if (record != NULL)
        put_producer(f, record);
    return resumed;
}

Test(once, takes_the_first_events_of_a_producer_never_heard_of)
{
    FIXTURE(f);
    cr_assert(eq(int, header(&f, 1, 1, f.chain[0], NULL), ONCE_NEW));
    cr_assert(eq(int, event(&f, 1, 1, 1), ONCE_NEW));
    cr_assert(eq(int, event(&f, 1, BOUND_WINDOW, 1), ONCE_NEW));
    cr_assert(eq(int, event(&f, 1, BOUND_WINDOW + 1, 1), ONCE_TOO_FAR));
}

Test(once, answers_a_duplicate_with_the_outcome_of_its_first)
{
    FIXTURE(f);
    settle(&f, 1, 3);
    cr_assert(eq(int, event(&f, 1, 2, 2), ONCE_DUPLICATE));
    cr_assert(eq(int, event(&f, 1, 4, 4), ONCE_NEW));
}

Test(once, calls_another_digest_under_a_settled_sequence_a_fork)
{
    FIXTURE(f);
    settle(&f, 1, 3);
    cr_assert(eq(int, event(&f, 1, 2, 99), ONCE_FORKED));
}

Test(once, moves_the_floor_only_when_all_before_it_is_settled_and_the_chain_agrees)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    Zb__ProducerRecord *record;
    cr_assert(eq(int, header(&f, 1, 4, f.chain[3], &record), ONCE_NEW));
    cr_assert(eq(u64, record->floor, 4));
    cr_assert(bytes_eq(blob_bytes(record->chain), digest_bytes(&f.chain[3])));
    cr_assert(eq(u64, record->highest, 5));
    cr_assert(eq(int, header(&f, 1, 4, f.chain[2], &record), ONCE_FORKED), "another history");
    cr_assert(eq(int, header(&f, 1, 7, f.chain[5], &record), ONCE_LEDGER_BEHIND), "6 is missing");
    cr_assert(eq(ptr, record, NULL));
}

Test(once, takes_a_lower_header_floor_for_mere_reordering)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    Zb__ProducerRecord *record;
    header(&f, 1, 4, f.chain[3], &record);
    put_producer(&f, record);
    cr_assert(eq(int, header(&f, 1, 2, f.chain[1], &record), ONCE_NEW));
    cr_assert(eq(ptr, record, NULL));
    cr_assert(eq(int, header(&f, 1, 4, f.chain[2], &record), ONCE_FORKED));
}

Test(once, answers_stale_below_the_floor_and_never_applied)
{
    FIXTURE(f);
    Zb__ProducerRecord record = producer(1, 9);
    record.floor = 8;
    put_producer(&f, &record);
    cr_assert(eq(int, event(&f, 1, 7, 7), ONCE_STALE));
    cr_assert(eq(int, event(&f, 1, 8, 8), ONCE_NEW));
    cr_assert(eq(int, event(&f, 1, 8 + BOUND_WINDOW - 1, 1), ONCE_NEW));
    cr_assert(eq(int, event(&f, 1, 8 + BOUND_WINDOW, 1), ONCE_TOO_FAR));
}

Test(once, lets_a_sender_go_on_where_it_was)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    Zb__ResumedBody *resumed = resume(&f, 1, 7, 4, f.chain[3]);
    cr_assert(eq(u64, resumed->epoch, 1));
    cr_assert(not(resumed->behind));
    cr_assert(eq(int, (int)resumed->refused, REFUSAL_NONE));
}

Test(once, grants_a_restored_spool_the_next_epoch)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    Zb__ResumedBody *resumed = resume(&f, 1, 3, 2, f.chain[1]);
    cr_assert(eq(u64, resumed->epoch, 2));
    cr_assert(not(resumed->behind));
}

Test(once, knows_a_sequence_that_a_resume_told_even_if_nothing_of_it_arrived)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    resume(&f, 1, 8, 4, f.chain[3]);
    cr_assert(eq(u64, resume(&f, 1, 7, 4, f.chain[3])->epoch, 2), "restored to before 8");
}

Test(once, leaves_the_running_epoch_alone_until_a_batch_of_the_granted_one_arrives)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    resume(&f, 1, 3, 2, f.chain[1]); /* an old RESUME that the network kept back */
    cr_assert(eq(int, header(&f, 1, 6, f.chain[5], NULL), ONCE_NEW));
    cr_assert(eq(int, event(&f, 1, 6, 6), ONCE_NEW));
    Zb__ProducerRecord *record;
    cr_assert(eq(int, header(&f, 2, 1, f.chain[0], &record), ONCE_NEW));
    cr_assert(eq(u64, record->epoch, 2));
    cr_assert(eq(u64, record->past_epoch, 1));
    cr_assert(eq(u64, record->past_highest, 5));
}

Test(once, never_grants_a_number_twice)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    cr_assert(eq(u64, resume(&f, 1, 3, 2, f.chain[1])->epoch, 2));
    cr_assert(eq(u64, resume(&f, 1, 3, 2, f.chain[1])->epoch, 3));
}

Test(once, takes_the_first_batch_of_any_outstanding_grant)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    resume(&f, 1, 3, 2, f.chain[1]);
    resume(&f, 1, 3, 2, f.chain[1]);
    Zb__ProducerRecord *record;
    cr_assert(eq(int, header(&f, 2, 1, f.chain[0], &record), ONCE_NEW));
    cr_assert(eq(u64, record->epoch, 2));
    cr_assert(eq(u64, record->granted, 3));
    cr_assert(eq(int, header(&f, 3, 2, f.chain[1], NULL), ONCE_LEDGER_BEHIND));
}

Test(once, tells_a_late_frame_from_a_second_machine)
{
    FIXTURE(f);
    Zb__ProducerRecord record = producer(2, 0);
    record.past_epoch = 1;
    record.past_highest = 8;
    put_producer(&f, &record);
    cr_assert(eq(int, header(&f, 1, 5, f.chain[0], NULL), ONCE_NEW), "its events tell");
    cr_assert(eq(int, event(&f, 1, 8, 8), ONCE_STALE), "known when the epoch was left");
    cr_assert(eq(int, event(&f, 1, 9, 9), ONCE_FORKED), "nobody had told of it");
    cr_assert(eq(int, (int)resume(&f, 1, 8, 5, f.chain[0])->refused, REFUSAL_NONE));
}

Test(once, quarantines_who_resumes_an_old_epoch_with_more_than_was_known_of_it)
{
    FIXTURE(f);
    Zb__ProducerRecord record = producer(2, 0);
    record.past_epoch = 1;
    record.past_highest = 8;
    put_producer(&f, &record);
    cr_assert(eq(int, (int)resume(&f, 1, 9, 5, f.chain[0])->refused, REFUSAL_FORKED));
    cr_assert(eq(int, header(&f, 2, 1, f.chain[0], NULL), ONCE_QUARANTINED));
    cr_assert(eq(int, event(&f, 2, 1, 1), ONCE_QUARANTINED));
    cr_assert(eq(int, (int)resume(&f, 2, 0, 1, f.chain[0])->refused, REFUSAL_QUARANTINED));
}

Test(once, says_nothing_of_epochs_older_than_the_one_before)
{
    FIXTURE(f);
    Zb__ProducerRecord record = producer(5, 0);
    record.past_epoch = 3;
    record.past_highest = 8;
    put_producer(&f, &record);
    cr_assert(eq(int, event(&f, 4, 100, 1), ONCE_STALE));
    cr_assert(eq(int, event(&f, 2, 100, 1), ONCE_STALE));
    cr_assert(eq(u64, resume(&f, 2, 100, 1, f.chain[0])->epoch, 6));
}

Test(once, notices_that_the_ledger_lost_what_it_had_settled)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    struct digest chain = chain_next(f.chain[5], digest_n(6));
    Zb__ResumedBody *resumed = resume(&f, 1, 6, 7, chain);
    cr_assert(resumed->behind);
    cr_assert(eq(u64, resumed->epoch, 2));
    Zb__ProducerRecord *record;
    header(&f, 2, 1, f.chain[0], &record);
    cr_assert(eq(u64, record->past_epoch, 0), "it cannot judge the epoch that it lost part of");
}

Test(once, notices_that_the_ledger_lost_a_grant)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    cr_assert(eq(int, header(&f, 3, 1, f.chain[0], NULL), ONCE_LEDGER_BEHIND));
    Zb__ResumedBody *resumed = resume(&f, 3, 0, 1, f.chain[0]);
    cr_assert(resumed->behind);
    cr_assert(eq(u64, resumed->epoch, 4));
}

Test(once, puts_its_own_loss_before_the_spools_when_both_were_restored)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    struct digest chain = chain_next(f.chain[5], digest_n(6));
    resume(&f, 1, 9, 1, f.chain[0]);
    cr_assert(resume(&f, 1, 8, 7, chain)->behind);
}

Test(once, calls_a_resume_with_another_chain_a_fork)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    cr_assert(eq(int, (int)resume(&f, 1, 5, 4, f.chain[2])->refused, REFUSAL_FORKED));
}

Test(once, refuses_malformed_input_without_a_word_about_the_stream)
{
    FIXTURE(f);
    Zb__BatchHeader h = ZB__BATCH_HEADER__INIT;
    Zb__ResumeBody body = ZB__RESUME_BODY__INIT;
    enum once_answer answer;
    Zb__ProducerRecord *record;
    Zb__ResumedBody *resumed;
    bool moved;
    cr_assert(eq(int, once_header(&f.view, &h, f.arena, &answer, &record, &moved), -EINVAL));
    cr_assert(eq(int, once_resume(&f.view, &body, f.arena, &resumed, &record), -EINVAL));
}

Test(once, passes_on_whatever_read_of_the_tables_fails)
{
    FIXTURE(f);
    settle(&f, 1, 5);
    Zb__BatchHeader h = ZB__BATCH_HEADER__INIT;
    h.producer = blob_of(id128_bytes(&PRODUCER));
    h.epoch = 1;
    h.floor = 6;
    h.chain = blob_of(digest_bytes(&f.chain[5]));
    bool fired = true;
    for (size_t nth = 0; fired; nth++) {
        enum once_answer answer;
        Zb__ProducerRecord *record;
        bool moved;
        memory_view_fault(f.memory, MEMORY_FAULT_READ, nth);
        int r = once_header(&f.view, &h, f.arena, &answer, &record, &moved);
        fired = memory_view_fault_fired(f.memory);
        cr_assert(eq(int, r, fired ? -EIO : 0), "read %zu", nth);
        memory_view_fault(f.memory, MEMORY_FAULT_READ, SIZE_MAX - 1);
    }
}

Test(once, never_settles_for_a_reason_that_a_matcher_can_cause)
{
    cr_assert(outcome_is_final(OUTCOME_APPLIED, REFUSAL_NONE));
    cr_assert(outcome_is_final(OUTCOME_REFUSED, REFUSAL_OUTSIDE_SUBTREE));
    cr_assert(not(outcome_is_final(OUTCOME_REFUSED, REFUSAL_BAD_DIGEST)));
    cr_assert(not(outcome_is_final(OUTCOME_REFUSED, REFUSAL_BAD_SIGNATURE)));
    cr_assert(not(outcome_is_final(OUTCOME_REFUSED, REFUSAL_FORKED)));
    cr_assert(not(outcome_is_final(OUTCOME_REFUSED, REFUSAL_QUARANTINED)));
    cr_assert(not(outcome_is_final(OUTCOME_NEED_ROWS, REFUSAL_NONE)));
    cr_assert(not(outcome_is_final(OUTCOME_STALE, REFUSAL_NONE)));
    cr_assert(not(outcome_is_final(OUTCOME_LEDGER_BEHIND, REFUSAL_NONE)));
}
