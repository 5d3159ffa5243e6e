/* spool: each promise of spool.h by itself. Random sequences are in test_spool_model.c, crashes
 * and failing writes in test_spool_crash.c. */
#include "spool_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "proto/facts.h"
#include "proto/row.h"

struct spot {
    struct tmpdir *dir;
    struct spool *spool;
    struct arena *arena;
};

static void spot_done(struct spot *s)
{
    spool_audit(s->spool);
    spool_close(s->spool);
    arena_free(s->arena);
    tmpdir_free(s->dir);
}

static struct spot spot_new(void)
{
    struct tmpdir *dir = tmpdir_new();
    return (struct spot){ dir, spool_at(dir->path), arena_new(16 << 20) };
}

#define SPOT(s) CLEANUP(spot_done) struct spot s = spot_new()

static size_t assign(struct spot *s, size_t most)
{
    size_t assigned = 99;
    cr_assert(eq(int, spool_assign(s->spool, most, &assigned), 0));
    return assigned;
}

static struct outgoing_event event_of(struct spot *s, uint64_t sequence)
{
    struct outgoing_event event = { 0 };
    cr_assert(eq(int, spool_event(s->spool, sequence, false, s->arena, &event), 0));
    return event;
}

static struct spool_counts counts_of(struct spot *s)
{
    struct spool_counts counts = { 0 };
    cr_assert(eq(int, spool_counts(s->spool, &counts), 0));
    return counts;
}

static struct stream_position position_of(struct spot *s)
{
    struct stream_position position = { 0 };
    cr_assert(eq(int, spool_position(s->spool, &position), 0));
    return position;
}

static void say(struct spot *s, struct say what)
{
    cr_assert(eq(int, spool_say(s->spool, &what), 0));
}

static void settle(struct spot *s, uint64_t sequence, Zb__OutcomeKind kind)
{
    cr_assert(eq(int, settle_as(s->spool, sequence, kind), 0));
}

/* say, assign, applied: the endpoint has a base. */
static void say_applied(struct spot *s, struct say what)
{
    say(s, what);
    cr_assert(eq(sz, assign(s, 1), 1));
    settle(s, position_of(s).next_sequence - 1, OUTCOME_APPLIED);
}

Test(spool, begins_at_sequence_one_of_epoch_one)
{
    SPOT(s);
    struct stream_position p = position_of(&s);
    cr_assert(eq(u64, p.epoch, 1));
    cr_assert(eq(u64, p.next_sequence, 1));
    cr_assert(eq(u64, p.floor, 1));
    cr_assert(digest_eq(p.chain, (struct digest){ 0 }));
    cr_assert(eq(u64, counts_of(&s).spooled, 0));
    cr_assert(eq(i64, counts_of(&s).oldest_pending_ms, 0));
    cr_assert(eq(sz, assign(&s, 5), 0));
}

Test(spool, keeps_its_salt_and_makes_endpoints_opaque)
{
    SPOT(s);
    struct id128 salt, again;
    cr_assert(eq(int, spool_salt(s.spool, &salt), 0));
    cr_assert(not(id128_is_zero(salt)));
    spool_close(s.spool);
    s.spool = spool_at(s.dir->path);
    cr_assert(eq(int, spool_salt(s.spool, &again), 0));
    cr_assert(id128_eq(salt, again));
    say(&s, (struct say){ .device = 3, .rows = 1 });
    assign(&s, 1);
    struct id128 expected = endpoint_id(salt, BYTES_LIT("computer 3"));
    struct outgoing_event event = event_of(&s, 1);
    cr_assert(bytes_eq(bytes_of(event.event.endpoint.data, event.event.endpoint.len),
                       bytes_of(expected.b, 16)));
}

Test(spool, gives_all_of_a_report_in_a_full)
{
    SPOT(s);
    say(&s, (struct say){ .device = 1, .rows = 0x2D, .facts = 1, .evidence = 7, .scan_ms = 1000 });
    assign(&s, 1);
    struct outgoing_event out = event_of(&s, 1);
    cr_assert(eq(int, (int)out.event.kind, EVENT_FULL));
    cr_assert(eq(u64, out.event.sequence, 1));
    cr_assert(eq(str, out.event.unit, "u1"));
    cr_assert(eq(i64, out.event.scan_ms, 1000));
    cr_assert(out.event.final);
    cr_assert(eq(sz, out.event.n_sources, 2));
    cr_assert(eq(str, out.event.sources[1]->name, "files"));
    cr_assert(out.event.sources[1]->complete);

    /* Rows 0, 2 belong to the first source, 3, 5 to the second. */
    cr_assert(eq(sz, out.row_count, 4));
    cr_assert(eq(sz, out.set->n_sets, 2));
    struct result_item items[4];
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        const Zb__SourceSet *set = out.set->sets[i];
        cr_assert(eq(str, set->source, out.event.sources[i]->name));
        cr_assert(eq(sz, set->rows.len, 32));
        cr_assert(eq(sz, set->evidence.len, 32));
        cr_assert(lt(int, memcmp(set->rows.data, set->rows.data + 16, 16), 0), "ascending");
        for (size_t k = 0; k < 2; k++, count++) {
            memcpy(items[count].row.b, set->rows.data + 16 * k, 16);
            memcpy(items[count].evidence.b, set->evidence.data + 16 * k, 16);
        }
    }
    for (size_t i = 0; i < count; i++) {
        bool first_source =
            id128_eq(items[i].row, fixture_row_id(0)) || id128_eq(items[i].row, fixture_row_id(2));
        cr_assert(eq(int, first_source, i < 2));
        cr_assert(
            eq(int, id128_is_zero(items[i].evidence), !id128_eq(items[i].row, fixture_row_id(0))));
    }
    struct digest result = result_digest(items, result_items_sort(items, count));
    cr_assert(bytes_eq(bytes_of(out.event.result_digest.data, out.event.result_digest.len),
                       bytes_of(result.b, 32)));
    cr_assert(bytes_eq(bytes_of(out.set->result_digest.data, 32), bytes_of(result.b, 32)));
    cr_assert(eq(sz, out.evidence_count, 1));
    cr_assert(eq(str, out.evidence[0]->path, "/opt/7"));
    struct id128 facts = facts_id(out.facts);
    cr_assert(bytes_eq(bytes_of(out.event.facts_digest.data, out.event.facts_digest.len),
                       bytes_of(facts.b, 16)));
    struct digest digest = event_digest(fixture_producer, 1, &out.event);
    cr_assert(digest_eq(digest, out.digest));
}

Test(spool, takes_equal_rows_once)
{
    SPOT(s);
    struct say what = { .device = 1, .rows = 1 };
    CLEANUP(said_freep) struct said *said = said_new(&what);
    struct spool_report report = *said_report(said);
    struct bytes rows[] = { fixture_row(0), fixture_row(1), fixture_row(0), fixture_row(0) };
    uint32_t source_of[] = { 0, 0, 0, 1 };
    report.rows = rows;
    report.source_of = source_of;
    report.evidence = NULL;
    report.row_count = 4;
    cr_assert(eq(int, spool_add(s.spool, &report, 1, NULL), 0));
    assign(&s, 1);
    struct outgoing_event out = event_of(&s, 1);
    cr_assert(eq(sz, out.row_count, 2));
    cr_assert(eq(sz, out.set->sets[0]->rows.len, 32));
    cr_assert(eq(sz, out.set->sets[1]->rows.len, 16));
}

Test(spool, sends_unchanged_when_the_settled_base_says_the_same)
{
    SPOT(s);
    struct say what = { .device = 1, .rows = 7, .facts = 1, .evidence = 1, .scan_ms = 10 };
    say_applied(&s, what);
    what.scan_ms = 20;
    say(&s, what);
    assign(&s, 1);
    struct outgoing_event out = event_of(&s, 2);
    cr_assert(eq(int, (int)out.event.kind, EVENT_UNCHANGED));
    cr_assert(out.set == NULL);
    cr_assert(eq(sz, out.row_count, 0));
    cr_assert(eq(sz, out.facts.size, 0));
    struct outgoing_event full = { 0 };
    cr_assert(eq(int, spool_event(s.spool, 2, true, s.arena, &full), 0));
    cr_assert(eq(int, (int)full.event.kind, EVENT_FULL));
    cr_assert(eq(sz, full.set->n_sets, 2));
    cr_assert(gt(sz, full.facts.size, 0));
    cr_assert(digest_eq(full.digest, out.digest), "the digest is of the report, not its encoding");
    settle(&s, 2, OUTCOME_APPLIED);

    /* Each thing that differs makes it FULL again. */
    struct say differ[] = { what, what, what, what, what };
    differ[0].rows = 3;
    differ[1].facts = 2;
    differ[2].evidence = 2;
    differ[3].unit = "u2";
    differ[4].incomplete = true;
    for (size_t i = 0; i < ARRAY_LEN(differ); i++) {
        say(&s, differ[i]);
        assign(&s, 1);
        uint64_t sequence = position_of(&s).next_sequence - 1;
        out = event_of(&s, sequence);
        cr_assert(eq(int, (int)out.event.kind, EVENT_FULL), "difference %zu", i);
        cr_assert(eq(int, out.facts.size > 0, i == 1), "facts travel when they are new: %zu", i);
        settle(&s, sequence, OUTCOME_APPLIED);
        say_applied(&s, what);
    }
}

Test(spool, decides_unchanged_when_it_sends_not_when_it_spools)
{
    SPOT(s);
    say(&s, (struct say){ .device = 1, .rows = 1 });
    say(&s, (struct say){ .device = 1, .rows = 1, .scan_ms = 2 });
    assign(&s, 9);
    settle(&s, 1, OUTCOME_REFUSED); /* what the second one built on never arrived */
    assign(&s, 9);
    cr_assert(eq(int, (int)event_of(&s, 2).event.kind, EVENT_FULL));
    settle(&s, 2, OUTCOME_APPLIED);
}

Test(spool, sends_full_under_the_same_sequence_when_the_base_is_not_known)
{
    SPOT(s);
    say_applied(&s, (struct say){ .device = 1, .rows = 7, .facts = 1 });
    say(&s, (struct say){ .device = 1, .rows = 7, .facts = 1, .scan_ms = 2 });
    assign(&s, 1);
    struct outgoing_event before = event_of(&s, 2);
    cr_assert(eq(int, (int)before.event.kind, EVENT_UNCHANGED));
    settle(&s, 2, OUTCOME_NEED_FULL);
    cr_assert(eq(u64, position_of(&s).floor, 2), "it is not settled");
    struct outgoing_event out = event_of(&s, 2);
    cr_assert(eq(int, (int)out.event.kind, EVENT_FULL));
    cr_assert(digest_eq(out.digest, before.digest));
    cr_assert(eq(sz, out.set->sets[0]->rows.len, 32));
    cr_assert(gt(sz, out.facts.size, 0));
    cr_assert(eq(sz, out.row_count, 0), "the rows themselves are known there");
    settle(&s, 2, OUTCOME_APPLIED);
    cr_assert(eq(u64, counts_of(&s).applied, 2));
}

Test(spool, sends_rows_again_that_the_ledger_needs)
{
    SPOT(s);
    say_applied(&s, (struct say){ .device = 1, .rows = 7 });
    say(&s, (struct say){ .device = 2, .rows = 15 });
    assign(&s, 1);
    struct outgoing_event out = event_of(&s, 2);
    cr_assert(eq(sz, out.row_count, 1));
    cr_assert(bytes_eq(out.rows[0], fixture_row(3)));
    struct id128 rows[] = { fixture_row_id(0), fixture_row_id(1), fixture_row_id(11) };
    struct settled_outcome need = {
        .sequence = 2, .digest = out.digest, .kind = OUTCOME_NEED_ROWS, .rows = rows, .row_count = 3
    };
    cr_assert(eq(int, spool_settle(s.spool, 1, &need, 1, 9), 0));
    out = event_of(&s, 2);
    cr_assert(eq(int, (int)out.event.kind, EVENT_FULL));
    cr_assert(eq(sz, out.row_count, 3));
    settle(&s, 2, OUTCOME_APPLIED);
    say(&s, (struct say){ .device = 3, .rows = 15 });
    assign(&s, 1);
    cr_assert(eq(sz, event_of(&s, 3).row_count, 0), "and knows them from then on");
}

Test(spool, sends_rows_of_an_unchanged_that_the_ledger_needs)
{
    SPOT(s);
    say_applied(&s, (struct say){ .device = 1, .rows = 3 });
    say(&s, (struct say){ .device = 1, .rows = 3, .scan_ms = 2 });
    assign(&s, 1);
    struct outgoing_event out = event_of(&s, 2);
    struct id128 row = fixture_row_id(1);
    struct settled_outcome need = {
        .sequence = 2, .digest = out.digest, .kind = OUTCOME_NEED_ROWS, .rows = &row, .row_count = 1
    };
    cr_assert(eq(int, spool_settle(s.spool, 1, &need, 1, 9), 0));
    out = event_of(&s, 2);
    cr_assert(eq(int, (int)out.event.kind, EVENT_FULL), "or it would never carry a row");
    cr_assert(eq(sz, out.row_count, 1));
}

Test(spool, remembers_that_a_row_was_sent_after_its_content_is_gone)
{
    SPOT(s);
    say_applied(&s, (struct say){ .device = 1, .rows = 3 });
    say_applied(&s, (struct say){ .device = 1, .rows = 4, .scan_ms = 2 });
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct id128 row = fixture_row_id(0);
    struct bytes value = { 0 };
    cr_assert(eq(int, kv_read(s.spool->kv, &txn), 0));
    cr_assert(eq(int, kv_get(txn, SPOOL_ROW, BYTES_OF(row.b), &value), 0));
    cr_assert(eq(sz, value.size, 8), "mark without content");
    say(&s, (struct say){ .device = 2, .rows = 3 });
    assign(&s, 1);
    struct outgoing_event out = event_of(&s, 3);
    cr_assert(eq(sz, out.row_count, 0));
    cr_assert(eq(sz, out.set->sets[0]->rows.len, 16));
    struct settled_outcome need = {
        .sequence = 3, .digest = out.digest, .kind = OUTCOME_NEED_ROWS, .rows = &row, .row_count = 1
    };
    cr_assert(eq(int, spool_settle(s.spool, 1, &need, 1, 9), 0));
    out = event_of(&s, 3);
    cr_assert(eq(sz, out.row_count, 1), "and still has it when it is asked for");
    cr_assert(bytes_eq(out.rows[0], fixture_row(0)));
}

Test(spool, supersedes_an_unsent_unchanged_by_an_equal_one)
{
    SPOT(s);
    struct say what = { .device = 1, .rows = 7, .scan_ms = 10 };
    say_applied(&s, what);
    for (int64_t ms = 20; ms <= 40; ms += 10) {
        what.scan_ms = ms;
        say(&s, what);
    }
    struct spool_counts counts = counts_of(&s);
    cr_assert(eq(u64, counts.spooled, 4));
    cr_assert(eq(u64, counts.superseded, 2));
    cr_assert(eq(u64, counts.pending, 1));
    assign(&s, 9);
    cr_assert(eq(i64, event_of(&s, 2).event.scan_ms, 20), "the first scan time stays");
    what.scan_ms = 50;
    say(&s, what);
    what.scan_ms = 60;
    say(&s, what);
    counts = counts_of(&s);
    cr_assert(eq(u64, counts.superseded, 3), "what has a sequence is not superseded");
    cr_assert(eq(u64, counts.pending, 2));
}

Test(spool, supersedes_nothing_that_says_something_new)
{
    SPOT(s);
    struct say what = { .device = 1, .rows = 7 };
    say(&s, what); /* FULL: no base */
    say(&s, what); /* UNCHANGED after a FULL */
    cr_assert(eq(u64, counts_of(&s).superseded, 0), "a FULL is never superseded");
    what.rows = 3;
    say(&s, what);
    what.rows = 7;
    say(&s, what); /* as the base would be, but not as the one before it */
    say(&s, what);
    struct spool_counts counts = counts_of(&s);
    cr_assert(eq(u64, counts.superseded, 0));
    cr_assert(eq(u64, counts.pending, 5));
    say(&s, what);
    cr_assert(eq(u64, counts_of(&s).superseded, 1));
    assign(&s, 9);
    cr_assert(eq(int, spool_epoch(s.spool, 2, false), 0));
    say_applied(&s, (struct say){ .device = 2, .rows = 1 });
}

Test(spool, supersedes_nothing_that_had_a_sequence_in_an_older_epoch)
{
    SPOT(s);
    struct say what = { .device = 1, .rows = 7 };
    say_applied(&s, what);
    say(&s, what);
    assign(&s, 1);
    cr_assert(eq(int, spool_epoch(s.spool, 2, false), 0));
    say(&s, what);
    cr_assert(eq(u64, counts_of(&s).superseded, 0), "it may have been applied there");
}

Test(spool, sends_an_endpoints_reports_one_after_another)
{
    SPOT(s);
    say(&s, (struct say){ .device = 1, .rows = 1, .scan_ms = 1 });
    say(&s, (struct say){ .device = 1, .rows = 2, .scan_ms = 2 });
    say(&s, (struct say){ .device = 2, .rows = 1, .scan_ms = 3 });
    cr_assert(eq(sz, assign(&s, 9), 2));
    cr_assert(eq(sz, assign(&s, 9), 0));
    cr_assert(eq(i64, event_of(&s, 1).event.scan_ms, 1));
    cr_assert(eq(i64, event_of(&s, 2).event.scan_ms, 3));
    settle(&s, 1, OUTCOME_NEED_FULL);
    cr_assert(eq(sz, assign(&s, 9), 0), "it is still under way");
    settle(&s, 1, OUTCOME_APPLIED);
    cr_assert(eq(sz, assign(&s, 9), 1));
    cr_assert(eq(i64, event_of(&s, 3).event.scan_ms, 2));
}

Test(spool, moves_floor_and_chain_over_settled_sequences_only)
{
    SPOT(s);
    struct digest digest[4] = { 0 };
    for (unsigned i = 1; i <= 3; i++)
        say(&s, (struct say){ .device = i, .rows = i });
    assign(&s, 3);
    for (unsigned i = 1; i <= 3; i++)
        digest[i] = event_of(&s, i).digest;
    settle(&s, 2, OUTCOME_REFUSED);
    settle(&s, 3, OUTCOME_APPLIED);
    cr_assert(eq(u64, position_of(&s).floor, 1));
    cr_assert(digest_eq(position_of(&s).chain, (struct digest){ 0 }));
    struct outgoing_event out;
    cr_assert(eq(int, spool_event(s.spool, 2, false, s.arena, &out), -ENOENT));
    settle(&s, 1, OUTCOME_APPLIED);
    struct stream_position p = position_of(&s);
    cr_assert(eq(u64, p.floor, 4));
    struct digest chain = { 0 };
    for (unsigned i = 1; i <= 3; i++)
        chain = chain_next(chain, digest[i]);
    cr_assert(digest_eq(p.chain, chain));
    cr_assert(eq(int, spool_event(s.spool, 1, false, s.arena, &out), -ENOENT));
    cr_assert(eq(int, spool_event(s.spool, 4, false, s.arena, &out), -ENOENT));
}

Test(spool, takes_no_outcome_that_is_not_about_its_events)
{
    SPOT(s);
    say(&s, (struct say){ .device = 1, .rows = 1 });
    say(&s, (struct say){ .device = 2, .rows = 1 });
    assign(&s, 2);
    struct settled_outcome good = { .sequence = 1,
                                    .digest = event_of(&s, 1).digest,
                                    .kind = OUTCOME_APPLIED };
    struct settled_outcome bad[] = { good, good, good, good, good };
    bad[0].sequence = 2;
    bad[1].digest.b[31] ^= 1;
    bad[2].sequence = 3;
    bad[3].sequence = 0;
    bad[4].kind = OUTCOME_STALE;
    struct digest before = spool_fingerprint(s.spool);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct settled_outcome both[] = { good, bad[i] };
        int r = spool_settle(s.spool, 1, both, 2, 9);
        cr_assert(eq(int, r, i == 4 ? -EINVAL : -EBADMSG), "case %zu", i);
        cr_assert(digest_eq(before, spool_fingerprint(s.spool)), "all or none");
    }
    cr_assert(eq(int, spool_settle(s.spool, 2, &good, 1, 9), -ESTALE));
    cr_assert(eq(int, spool_settle(s.spool, 0, &good, 1, 9), -ESTALE));

    /* Twice is once; also when the second says something else. */
    say(&s, (struct say){ .device = 3, .rows = 1 });
    assign(&s, 1);
    struct settled_outcome above = { .sequence = 3,
                                     .digest = event_of(&s, 3).digest,
                                     .kind = OUTCOME_APPLIED };
    struct settled_outcome twice[] = { good, good, above };
    cr_assert(eq(int, spool_settle(s.spool, 1, twice, 3, 9), 0));
    before = spool_fingerprint(s.spool);
    good.kind = OUTCOME_REFUSED;
    above.kind = OUTCOME_NEED_FULL;
    cr_assert(eq(int, spool_settle(s.spool, 1, &good, 1, 9), 0), "below the floor");
    cr_assert(eq(int, spool_settle(s.spool, 1, &above, 1, 9), 0), "above the floor");
    cr_assert(digest_eq(before, spool_fingerprint(s.spool)));
    above.digest.b[0] ^= 1;
    cr_assert(eq(int, spool_settle(s.spool, 1, &above, 1, 9), -EBADMSG));
}

Test(spool, queues_unsettled_reports_again_in_a_new_epoch)
{
    SPOT(s);
    for (unsigned i = 1; i <= 4; i++)
        say(&s, (struct say){ .device = i, .rows = i, .scan_ms = i });
    say(&s, (struct say){ .device = 1, .rows = 8, .scan_ms = 5 });
    assign(&s, 3);
    settle(&s, 2, OUTCOME_APPLIED);
    struct digest old = event_of(&s, 1).digest;
    cr_assert(eq(int, spool_epoch(s.spool, 1, false), -EINVAL));
    cr_assert(eq(int, spool_epoch(s.spool, 4, false), 0));
    spool_audit(s.spool);
    struct stream_position p = position_of(&s);
    cr_assert(eq(u64, p.epoch, 4));
    cr_assert(eq(u64, p.next_sequence, 1));
    cr_assert(eq(u64, p.floor, 1));
    cr_assert(digest_eq(p.chain, (struct digest){ 0 }));
    cr_assert(eq(sz, assign(&s, 9), 3));
    static const int64_t order[] = { 1, 3, 4 };
    for (unsigned i = 0; i < 3; i++)
        cr_assert(eq(i64, event_of(&s, i + 1).event.scan_ms, order[i]));
    cr_assert(not(digest_eq(old, event_of(&s, 1).digest)), "epoch and sequence are part of it");
    struct settled_outcome late = { .sequence = 1, .digest = old, .kind = OUTCOME_APPLIED };
    cr_assert(eq(int, spool_settle(s.spool, 1, &late, 1, 9), -ESTALE));
    cr_assert(eq(u64, counts_of(&s).pending, 4));
}

Test(spool, sends_everything_in_full_when_the_ledger_is_behind)
{
    SPOT(s);
    struct say what = { .device = 1, .rows = 7, .facts = 1 };
    say_applied(&s, what);
    say(&s, what);
    assign(&s, 1);
    cr_assert(eq(int, spool_epoch(s.spool, 2, true), 0));
    assign(&s, 1);
    struct outgoing_event out = event_of(&s, 1);
    cr_assert(eq(int, (int)out.event.kind, EVENT_FULL));
    cr_assert(eq(sz, out.row_count, 3));
    cr_assert(gt(sz, out.facts.size, 0));
    cr_assert(eq(u64, counts_of(&s).pending, 1));
    settle(&s, 1, OUTCOME_APPLIED);
    say(&s, what);
    assign(&s, 1);
    cr_assert(eq(int, (int)event_of(&s, 2).event.kind, EVENT_UNCHANGED));
}

Test(spool, keeps_refused_reports_as_dead_letters)
{
    SPOT(s);
    for (unsigned i = 1; i <= 3; i++)
        say(&s, (struct say){ .device = i, .rows = i, .facts = i, .scan_ms = i, .unit = "u9" });
    assign(&s, 9);
    settle(&s, 1, OUTCOME_REFUSED);
    settle(&s, 2, OUTCOME_APPLIED);
    settle(&s, 3, OUTCOME_REFUSED);
    struct spool_dead dead = { 0 };
    cr_assert(eq(int, spool_dead(s.spool, 0, &dead), 0));
    cr_assert(eq(str, dead.unit, "u9"));
    cr_assert(eq(i64, dead.scan_ms, 1));
    cr_assert(eq(i64, dead.refused_ms, 5000));
    cr_assert(eq(int, (int)dead.reason, REFUSAL_UNKNOWN_UNIT));
    cr_assert(eq(int, spool_dead(s.spool, dead.local_id, &dead), 0));
    cr_assert(eq(i64, dead.scan_ms, 3));
    cr_assert(eq(int, spool_dead(s.spool, dead.local_id, &dead), -ENOENT));
    cr_assert(eq(u64, counts_of(&s).refused, 2));
}

Test(spool, gives_no_sequence_beyond_the_window)
{
    SPOT(s);
    enum { REPORTS = BOUND_WINDOW + 10, AT_ONCE = 514 };
    for (unsigned at = 0; at < REPORTS; at += AT_ONCE) {
        struct said *said[AT_ONCE];
        struct spool_report reports[AT_ONCE];
        size_t count = 0;
        for (unsigned i = at; i < at + AT_ONCE && i < REPORTS; i++, count++) {
            struct say what = { .device = i, .rows = 1 };
            said[count] = said_new(&what);
            reports[count] = *said_report(said[count]);
        }
        cr_assert(eq(int, spool_add_many(s.spool, reports, count, 1, NULL), 0));
        while (count-- > 0)
            said_free(said[count]);
    }
    cr_assert(eq(sz, assign(&s, REPORTS), BOUND_WINDOW));
    cr_assert(eq(u64, position_of(&s).next_sequence, 1 + BOUND_WINDOW));
    settle(&s, 2, OUTCOME_APPLIED);
    cr_assert(eq(sz, assign(&s, REPORTS), 0), "the floor has not moved");
    settle(&s, 1, OUTCOME_APPLIED);
    cr_assert(eq(sz, assign(&s, REPORTS), 2));
    cr_assert(eq(int, spool_epoch(s.spool, 2, false), 0));
    cr_assert(eq(sz, assign(&s, REPORTS), BOUND_WINDOW));
}

Test(spool, refuses_bad_reports_and_says_where)
{
    SPOT(s);
    struct say what = { .device = 1, .rows = 7, .evidence = 1, .facts = 1 };
    CLEANUP(said_freep) struct said *said = said_new(&what);
    const struct spool_report good = *said_report(said);
    struct digest before = spool_fingerprint(s.spool);
    struct complaint why = { 0 };

    struct bytes rows[3];
    memcpy(rows, good.rows, sizeof(rows));
    rows[1] = BYTES_LIT("no row");
    struct spool_report bad = good;
    bad.rows = rows;
    struct spool_report both[] = { good, bad };
    cr_assert(eq(int, spool_add_many(s.spool, both, 2, 1, &why), -EINVAL));
    cr_assert(eq(int, strncmp(why.place, "report 2 (unit u1), row 2", 25), 0), "%s", why.place);
    cr_assert(digest_eq(before, spool_fingerprint(s.spool)), "nothing of either");

    Zb__SourceState nameless = *good.sources[0], twice = *good.sources[1];
    nameless.name = (char *)"";
    const Zb__SourceState *with_nameless[] = { &nameless, good.sources[1] };
    const Zb__SourceState *same[] = { &twice, &twice };
    uint32_t source_of[] = { 0, 2, 1 };
    Zb__Evidence broken = ZB__EVIDENCE__INIT;
    broken.path = (char *)"\xff";
    const Zb__Evidence *evidence[] = { NULL, &broken, NULL };
    struct spool_report cases[9];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cases[i] = good;
    cases[0].unit = "";
    cases[1].unit = "sixty-five bytes are one more than a unit's name may have, so that it is";
    cases[2].unit = "\xff";
    cases[3].sources = with_nameless;
    cases[4].sources = same;
    cases[5].source_of = source_of;
    cases[6].evidence = evidence;
    cases[7].facts = BYTES_LIT("no facts");
    cases[8].device = (struct bytes){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        why = (struct complaint){ 0 };
        cr_assert(eq(int, spool_add(s.spool, &cases[i], 1, &why), -EINVAL), "case %zu", i);
        cr_assert(why.what[0] != '\0' && why.remedy[0] != '\0', "case %zu", i);
        cr_assert(eq(int, spool_add(s.spool, &cases[i], 1, NULL), -EINVAL));
    }
    bad = good;
    bad.source_count = 0;
    cr_assert(eq(int, spool_add(s.spool, &bad, 1, &why), -EINVAL));
    bad = good;
    bad.simulated = true;
    struct spool_report kinds[] = { good, bad };
    cr_assert(eq(int, spool_add_many(s.spool, kinds, 2, 1, &why), -EINVAL));
    cr_assert(digest_eq(before, spool_fingerprint(s.spool)));
    cr_assert(eq(int, spool_add(s.spool, &good, 1, &why), 0));
}

Test(spool, refuses_reports_that_fit_no_frame)
{
    SPOT(s);
    enum { TOO_MANY = BOUND_ROWS_PER_EVENT + 1, HEAVY = 1500 };
    struct say what = { .device = 1, .rows = 1 };
    CLEANUP(said_freep) struct said *said = said_new(&what);
    struct spool_report report = *said_report(said);
    CLEANUP(freep) struct bytes *rows = calloc(TOO_MANY, sizeof(*rows));
    CLEANUP(freep) uint32_t *source_of = calloc(TOO_MANY, sizeof(*source_of));
    for (size_t i = 0; i < TOO_MANY; i++)
        rows[i] = fixture_row(1);
    report.rows = rows;
    report.source_of = source_of;
    report.evidence = NULL;
    report.row_count = TOO_MANY;
    cr_assert(eq(int, spool_add(s.spool, &report, 1, NULL), -EMSGSIZE));
    report.row_count = BOUND_ROWS_PER_EVENT;
    cr_assert(eq(int, spool_add(s.spool, &report, 1, NULL), 0), "as many as the wire takes");

    /* Fewer rows, each of nearly three kilobytes. */
    static struct buf heavy[HEAVY];
    static char text[1000];
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < HEAVY; i++) {
        struct row row = { 0 };
        char name[1000];
        (void)snprintf(name, sizeof(name), "%zu %.900s", i, text);
        row.fields.value[ROW_SOURCE] = BYTES_LIT("dpkg");
        row.fields.value[ROW_NAME] = bytes_str(name);
        row.fields.value[ROW_VENDOR] = bytes_of(text, sizeof(text));
        row.fields.value[ROW_VERSION] = bytes_of(text, sizeof(text));
        heavy[i] = BUF_INIT(BOUND_ROW_BYTES);
        cr_assert(eq(int, row_encode(&row, &heavy[i], NULL), 0));
        rows[i] = buf_bytes(&heavy[i]);
    }
    report.row_count = HEAVY;
    struct complaint why = { 0 };
    cr_assert(eq(int, spool_add(s.spool, &report, 1, &why), -EMSGSIZE));
    cr_assert(eq(u64, counts_of(&s).spooled, 1));
    report.row_count = HEAVY / 2;
    cr_assert(eq(int, spool_add(s.spool, &report, 1, &why), 0));
    for (size_t i = 0; i < HEAVY; i++)
        buf_done(&heavy[i]);
}

Test(spool, belongs_to_one_key_and_one_kind_of_clock)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct spool *spool = NULL;
    struct complaint why = { 0 };
    struct say what = { .device = 1, .rows = 1 };
    struct id128 other = { { 1 } };
    size_t assigned;
    cr_assert(eq(int, spool_open(dir->path, 0, &spool, &why), -EINVAL));
    cr_assert(eq(int, spool_open(dir->path, SPOOL_ROOMY, &spool, &why), 0));
    cr_assert(eq(int, spool_say(spool, &what), 0), "importers need no key");
    cr_assert(eq(int, spool_assign(spool, 1, &assigned), -ENOKEY));
    cr_assert(eq(int, spool_bind(spool, fixture_producer, true, &why), -EPERM));
    cr_assert(eq(int, spool_bind(spool, fixture_producer, false, &why), 0));
    cr_assert(eq(int, spool_bind(spool, fixture_producer, false, &why), 0));
    cr_assert(eq(int, spool_bind(spool, other, false, &why), -EPERM));
    cr_assert(eq(int, spool_assign(spool, 1, &assigned), 0));
    spool_close(spool);
}

Test(spool, shows_everything_read_only_and_changes_nothing)
{
    SPOT(s);
    say(&s, (struct say){ .device = 1, .rows = 1, .scan_ms = 41 });
    say(&s, (struct say){ .device = 2, .rows = 1, .scan_ms = 51 });
    assign(&s, 1);
    spool_close(s.spool);
    struct spool *spool = NULL;
    struct complaint why = { 0 };
    cr_assert(eq(int, spool_open_read_only(s.dir->path, &spool, &why), 0));
    struct spool_counts counts = { 0 };
    cr_assert(eq(int, spool_counts(spool, &counts), 0));
    cr_assert(eq(u64, counts.pending, 2));
    cr_assert(eq(i64, counts.oldest_pending_ms, 42));
    cr_assert(gt(u64, counts.disk_bytes, 4096));
    struct outgoing_event out;
    cr_assert(eq(int, spool_event(spool, 1, false, s.arena, &out), 0));
    struct say what = { .device = 3, .rows = 1 };
    size_t assigned;
    cr_assert(eq(int, spool_say(spool, &what), -EROFS));
    cr_assert(eq(int, spool_assign(spool, 1, &assigned), -EROFS));
    cr_assert(eq(int, spool_epoch(spool, 2, false), -EROFS));
    cr_assert(eq(int, spool_settle(spool, 1, NULL, 0, 1), -EROFS));
    cr_assert(eq(int, spool_bind(spool, fixture_producer, false, &why), -EROFS));
    spool_close(spool);
    const char *empty = tmpdir_sub(s.dir, "empty");
    cr_assert(eq(int, spool_open_read_only(empty, &spool, &why), -ENOENT));
    s.spool = spool_at(s.dir->path);
}

Test(spool, says_out_of_memory_when_the_arena_is_too_small)
{
    SPOT(s);
    say(&s, (struct say){ .device = 1, .rows = 0xFFF, .facts = 1, .evidence = 1 });
    assign(&s, 1);
    struct outgoing_event out = { 0 };
    bool done = false;
    for (size_t cap = 0; !done; cap += 64) {
        CLEANUP(arena_freep) struct arena *arena = arena_new(cap);
        int r = spool_event(s.spool, 1, false, arena, &out);
        cr_assert(r == 0 || r == -ENOMEM);
        cr_assert(r == 0 || out.set == NULL, "outputs change only on success");
        done = r == 0;
        cr_assert(lt(sz, cap, 1 << 20));
    }
}

Test(spool, says_full_settles_and_takes_reports_again)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = NULL;
    cr_assert(eq(int, spool_open(dir->path, 512 * 1024, &spool, NULL), 0));
    cr_assert(eq(int, spool_bind(spool, fixture_producer, false, NULL), 0));
    struct say what = { .facts = 1 };
    int r = 0;
    for (; r == 0; what.device++) {
        what.rows = what.device & 0xFFF;
        what.facts = what.device + 1;
        r = spool_say(spool, &what);
        cr_assert(lt(uint, what.device, 5000));
    }
    cr_assert(eq(int, r, -ENOSPC));
    cr_assert(gt(uint, what.device, 100));
    spool_audit(spool);
    struct spool_counts counts = { 0 };
    cr_assert(eq(int, spool_counts(spool, &counts), 0));
    cr_assert(eq(u64, counts.pending, what.device - 1), "the one refused left nothing");
    size_t assigned = 0;
    cr_assert(eq(int, spool_assign(spool, 4000, &assigned), 0));
    cr_assert(eq(sz, assigned, counts.pending), "a full spool still sends");
    for (uint64_t sequence = 1; sequence <= assigned; sequence++)
        cr_assert(eq(int, settle_as(spool, sequence, OUTCOME_REFUSED), 0));
    spool_audit(spool);
    what.device = 1;
    cr_assert(eq(int, spool_say(spool, &what), 0));
}
