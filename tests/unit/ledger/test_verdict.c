/* Verdicts: who may accuse, what counts, what a new catalogue does. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "ledger/verdict.h"
#include "tests/unit/ledger/world.h"

static const char *const EDITOR[] = { "editor" };

static struct world *reported(struct collector *collector, struct person *matcher)
{
    struct world *world = world_new();
    world_settle(world, collector, matcher);
    struct report_spec pc = { .unit = "east", .computer = "pc1", .rows = EDITOR, .row_count = 1 };
    cr_assert(eq(int, world_report(world, collector, &pc), OUTCOME_APPLIED));
    return world;
}

static uint64_t installed(struct world *world, const char *product)
{
    return world_position(world, "east", product).installed;
}

Test(verdict, that_accuses_wants_two_matchers_where_two_are_enrolled)
{
    struct collector c;
    struct person m, second = person_new("second");
    CLEANUP(world_freep) struct world *w = reported(&c, &m);
    uint64_t rows[4], next;
    size_t count;
    struct ledger_view view = memory_view(w->memory);
    world_enrol(w, &second, "matcher", NULL);
    world_verdict(w, &m, "editor", CLASS_PROHIBITED, "crack", "", "");
    cr_assert(eq(sz, w->reply.judge_count, 1), "a second opinion is asked for");
    cr_assert(eq(u64, installed(w, "crack"), 0));
    cr_assert(eq(int, todo_list(&view, m.id, 1, w->arena, rows, 4, &count, &next), 0));
    cr_assert(eq(sz, count, 0), "not from the one that has spoken");
    cr_assert(eq(int, todo_list(&view, second.id, 1, w->arena, rows, 4, &count, &next), 0));
    cr_assert(eq(sz, count, 1));
    world_verdict(w, &m, "editor", CLASS_PROHIBITED, "crack", "", "");
    cr_assert(eq(u64, installed(w, "crack"), 0), "nobody agrees with himself");
    world_verdict(w, &second, "editor", CLASS_PROHIBITED, "crack", "", "");
    cr_assert(eq(u64, installed(w, "crack"), 1));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_TODO), 0));
}

Test(verdict, that_is_contradicted_counts_no_longer_and_rings)
{
    struct collector c;
    struct person m, second = person_new("second");
    CLEANUP(world_freep) struct world *w = reported(&c, &m);
    uint64_t rows[4], next;
    size_t count;
    struct ledger_view view = memory_view(w->memory);
    world_enrol(w, &second, "matcher", NULL);
    world_verdict(w, &m, "editor", CLASS_FREE, "acme/editor", "", "");
    cr_assert(eq(u64, installed(w, "acme/editor"), 1), "benign: one word is enough");
    world_verdict(w, &second, "editor", CLASS_COMMERCIAL, "acme/editor", "", "");
    cr_assert(eq(u64, installed(w, "acme/editor"), 0));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ALARM), 1));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_TODO), 1));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_WAITING), 1));
    cr_assert(eq(int, todo_list(&view, second.id, 1, w->arena, rows, 4, &count, &next), 0));
    cr_assert(eq(sz, count, 0), "and is not judged for ever");
}

Test(verdict, of_another_catalogue_or_of_nobody_counts_for_nothing)
{
    struct collector c;
    struct person m, stranger = person_new("stranger");
    CLEANUP(world_freep) struct world *w = reported(&c, &m);
    size_t entries = w->entries;
    w->catalogue[0] = 9;
    world_verdict(w, &m, "editor", CLASS_FREE, "acme/editor", "", "");
    w->catalogue[0] = 1;
    world_verdict(w, &stranger, "editor", CLASS_FREE, "acme/editor", "", "");
    cr_assert(eq(int, w->reply.refused, REFUSAL_WRONG_ROLE));
    world_verdict(w, &m, "never reported", CLASS_FREE, "acme/editor", "", "");
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "", "", "");
    cr_assert(eq(sz, w->entries, entries));
}

Test(verdict, of_the_last_matcher_suffices_when_the_other_is_revoked)
{
    struct collector c;
    struct person m, second = person_new("second");
    char hex[HEX128_SIZE];
    CLEANUP(world_freep) struct world *w = reported(&c, &m);
    world_enrol(w, &second, "matcher", NULL);
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "acme/editor", "", "");
    cr_assert(eq(u64, installed(w, "acme/editor"), 0));
    hex_encode(second.id.b, 16, hex);
    cr_assert(eq(int, world_command(w, &w->root, "key.revoke", "key", hex, "reason", "x", NULL),
                 REFUSAL_NONE));
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "acme/editor", "", "");
    cr_assert(eq(u64, installed(w, "acme/editor"), 1));
}

Test(catalogue, when_new_leaves_installs_until_its_verdicts_arrive)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = reported(&c, &m);
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "acme/editor", "", "");
    world_catalogue(w, 2);
    cr_assert(eq(u64, installed(w, "acme/editor"), 1));
    world_recount(w);
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_TODO), 1));
    cr_assert(eq(u64, installed(w, "acme/editor"), 1));
    world_verdict(w, &m, "editor", CLASS_FREE, "acme/reader", "", "");
    cr_assert(eq(u64, installed(w, "acme/editor"), 0));
    cr_assert(eq(u64, installed(w, "acme/reader"), 1));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_TODO), 0));
}

Test(catalogue, that_knows_more_finds_rows_that_nothing_referred_to)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = reported(&c, &m);
    world_verdict(w, &m, "editor", CLASS_OPEN_SOURCE, "acme/editor", "", "");
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_INSTALL), 0));
    world_catalogue(w, 2);
    world_recount(w);
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "acme/editor", "", "");
    world_recount(w);
    cr_assert(eq(u64, installed(w, "acme/editor"), 1));
}

Test(recount, makes_silence_visible_and_a_report_ends_it)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = reported(&c, &m);
    const struct ledger_input daily = { .kind = INPUT_RECOUNT_UNIT, .recount = { .unit = "" } };
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "acme/editor", "", "");
    w->now_ms += INT64_C(31) * 86400000;
    world_input(w, &daily);
    world_recount(w);
    cr_assert(eq(u64, world_position(w, "east", "acme/editor").stale, 1));
    struct report_spec pc = {
        .unit = "east", .computer = "pc1", .rows = EDITOR, .row_count = 1, .kind = EVENT_UNCHANGED
    };
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    cr_assert(eq(u64, world_position(w, "east", "acme/editor").stale, 0));
}
