/* Reports: what counts, what is refused, what stays as it was. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/ledger/world.h"

static const char *const EDITOR[] = { "editor" };
static const char *const TWO[] = { "editor", "viewer" };
static const char *const PLACES[] = { "editor#/opt/a", "editor#/opt/b", "viewer#/usr" };

#define ROWS(list) .rows = (list), .row_count = ARRAY_LEN(list)

static struct world *settled(struct collector *collector, struct person *matcher)
{
    struct world *world = world_new();
    world_settle(world, collector, matcher);
    return world;
}

static Zb__RefusalReason reason(const struct world *world)
{
    return world->reply.outcome_count == 0 ? REFUSAL_NONE : world->reply.outcomes[0]->reason;
}

Test(report, installs_what_a_verdict_names_whichever_comes_first)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = { .unit = "east", .computer = "pc1", ROWS(EDITOR) };
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_TODO), 1));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_WAITING), 1));
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "acme/editor", "", "2");
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_TODO), 0));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_WAITING), 0));
    pc.computer = "pc2";
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    Zb__PositionRecord p = world_position(w, "east", "acme/editor");
    cr_assert(eq(u64, p.installed, 2));
    cr_assert(eq(u64, p.short_of, 2));
    cr_assert(eq(u64, p.never, 2));
}

Test(report, of_what_is_gone_removes_the_install_and_its_position)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = { .unit = "east", .computer = "pc1", ROWS(TWO) };
    world_report(w, &c, &pc);
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "acme/editor", "", "");
    pc.rows = TWO + 1;
    pc.row_count = 1;
    pc.incomplete = true;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    cr_assert(eq(u64, world_position(w, "east", "acme/editor").installed, 1),
              "an incomplete source removes nothing");
    pc.incomplete = false;
    pc.scan_ms = w->now_ms + 1000;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_INSTALL), 0));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_POSITION), 0));
    cr_assert(eq(sz, memory_view_count(w->memory, INDEX_PRODUCT), 0));
}

Test(report, unchanged_is_one_entry_and_needs_a_report_like_it)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = {
        .unit = "east", .computer = "pc1", ROWS(TWO), .kind = EVENT_UNCHANGED
    };
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_NEED_FULL));
    pc.kind = EVENT_FULL;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    size_t entries = w->entries;
    pc.kind = EVENT_UNCHANGED;
    w->now_ms += 1000;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    cr_assert(eq(sz, w->entries, entries + 2), "the floor, and the list");
    pc.rows = EDITOR;
    pc.row_count = 1;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_NEED_FULL));
}

Test(report, sent_again_gets_the_outcome_of_its_first_and_changes_nothing)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = { .unit = "east", .computer = "pc1", ROWS(TWO) };
    struct collector before = c;
    world_report(w, &c, &pc);
    size_t entries = w->entries;
    cr_assert(eq(int, world_report(w, &before, &pc), OUTCOME_APPLIED));
    cr_assert(eq(sz, w->entries, entries));
}

Test(report, delta_builds_on_the_report_before)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = { .unit = "east",
                              .computer = "pc1",
                              ROWS(EDITOR),
                              .kind = EVENT_DELTA,
                              .base = PLACES,
                              .base_count = 3 };
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_NEED_FULL));
    pc.kind = EVENT_FULL;
    pc.rows = PLACES;
    pc.row_count = 3;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    pc.kind = EVENT_DELTA;
    pc.rows = TWO;
    pc.row_count = 2;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED),
              "a row found in two places, then in none that is told");
    pc.base = TWO;
    pc.base_count = 2;
    pc.rows = PLACES;
    pc.row_count = 3;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    world_verdict(w, &m, "viewer", CLASS_COMMERCIAL, "acme/viewer", "", "");
    cr_assert(eq(u64, world_position(w, "east", "acme/viewer").installed, 1));
}

Test(report, without_contents_of_new_rows_asks_for_them_and_stores_nothing)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = { .unit = "east", .computer = "pc1", ROWS(TWO), .no_bodies = true };
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_NEED_ROWS));
    cr_assert(eq(sz, w->reply.outcomes[0]->n_rows, 2));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ROW), 0));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ONCE), 0));
    pc.no_bodies = false;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
}

Test(report, is_refused_finally_for_what_its_collector_signed)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct collector of_east = collector_new("east");
    world_enrol(w, &of_east.key, "collector", "east");
    struct report_spec pc = { .unit = "nowhere", .computer = "pc1", ROWS(TWO) };
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_REFUSED));
    cr_assert(eq(int, reason(w), REFUSAL_UNKNOWN_UNIT));
    pc.unit = "west";
    cr_assert(eq(int, world_report(w, &of_east, &pc), OUTCOME_REFUSED));
    cr_assert(eq(int, reason(w), REFUSAL_OUTSIDE_SUBTREE));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ONCE), 2));
    pc.simulated = true;
    pc.sequence = 2;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_REFUSED));
    cr_assert(eq(int, reason(w), REFUSAL_SIMULATED));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ONCE), 3));
}

Test(report, of_nobody_known_gets_no_outcome)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct collector stranger = collector_new("stranger");
    struct report_spec pc = { .unit = "east", .computer = "pc1", ROWS(TWO) };
    size_t entries = w->entries;
    cr_assert(eq(int, world_report(w, &stranger, &pc), OUTCOME_NONE));
    cr_assert(eq(int, w->reply.refused, REFUSAL_UNKNOWN_KEY));
    pc.bad_signature = true;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_NONE));
    cr_assert(eq(int, w->reply.refused, REFUSAL_BAD_SIGNATURE));
    cr_assert(eq(sz, w->entries, entries));
}

Test(report, is_refused_but_not_settled_for_another_ledger_or_a_revoked_key)
{
    struct collector c;
    struct person m;
    char hex[HEX128_SIZE];
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = { .unit = "east", .computer = "pc1", ROWS(TWO), .other_ledger = true };
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_REFUSED));
    cr_assert(eq(int, reason(w), REFUSAL_KEY_MISMATCH));
    pc.other_ledger = false;
    hex_encode(c.key.id.b, 16, hex);
    cr_assert(eq(int, world_command(w, &w->root, "key.revoke", "key", hex, "reason", "lost", NULL),
                 REFUSAL_NONE));
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_REFUSED));
    cr_assert(eq(int, reason(w), REFUSAL_REVOKED_KEY));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ONCE), 0));
}

Test(report, another_under_the_same_sequence_quarantines_the_key)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = { .unit = "east", .computer = "pc1", ROWS(TWO) };
    struct collector clone = c;
    world_report(w, &c, &pc);
    pc.computer = "pc2";
    cr_assert(eq(int, world_report(w, &clone, &pc), OUTCOME_REFUSED));
    cr_assert(eq(int, reason(w), REFUSAL_FORKED));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ALARM), 1));
    pc.computer = "pc3";
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_REFUSED));
    cr_assert(eq(int, reason(w), REFUSAL_QUARANTINED));
}

Test(report, by_two_collectors_joins_by_serial_and_uuid_within_a_unit)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct collector other = collector_new("other");
    world_enrol(w, &other.key, "collector", "hq");
    struct report_spec pc = {
        .unit = "east", .computer = "a", ROWS(EDITOR), .serial = "sn-77", .uuid = "4C4C4544-0042"
    };
    world_report(w, &c, &pc);
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "acme/editor", "", "");
    pc.computer = "b";
    pc.serial = " SN-77";
    cr_assert(eq(int, world_report(w, &other, &pc), OUTCOME_APPLIED));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ENDPOINT), 1));
    cr_assert(eq(u64, world_position(w, "east", "acme/editor").installed, 1));
    pc.computer = "c";
    cr_assert(eq(int, world_report(w, &other, &pc), OUTCOME_APPLIED));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ENDPOINT), 2),
              "one collector sees two computers with one serial number");
    pc.computer = "d";
    pc.unit = "west";
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ENDPOINT), 3));
    pc.unit = "east";
    pc.serial = "To be filled by O.E.M.";
    pc.computer = "e";
    world_report(w, &c, &pc);
    pc.computer = "f";
    world_report(w, &other, &pc);
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_ENDPOINT), 5), "a filler joins nothing");
}

Test(report, from_another_unit_moves_the_computer)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = { .unit = "east", .computer = "a", ROWS(EDITOR) };
    world_report(w, &c, &pc);
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "acme/editor", "", "");
    pc.unit = "west";
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    cr_assert(eq(u64, world_position(w, "east", "acme/editor").installed, 0));
    cr_assert(eq(u64, world_position(w, "west", "acme/editor").installed, 1));
    cr_assert(eq(sz, memory_view_count(w->memory, INDEX_UNIT_ENDPOINT), 1));
}

Test(report, of_the_future_counts_as_now_and_is_flagged)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = {
        .unit = "east", .computer = "a", ROWS(EDITOR), .scan_ms = w->now_ms + INT64_C(86400000)
    };
    struct ledger_view view = memory_view(w->memory);
    Zb__ReportRecord *record;
    cr_assert(eq(int, world_report(w, &c, &pc), OUTCOME_APPLIED));
    cr_assert(eq(
        int, LEDGER_GET(&view, TABLE_REPORT, key_endpoint_producer(1, c.key.id), w->arena, &record),
        0));
    cr_assert(record->future);
    cr_assert(eq(i64, record->scan_ms, w->now_ms));
}

Test(report, keeps_only_the_newest_private_values)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = {
        .unit = "east", .computer = "a", ROWS(EDITOR), .serial = "x1", .uuid = "y2"
    };
    world_report(w, &c, &pc);
    size_t held = memory_view_count(w->memory, TABLE_PRIVATE);
    cr_assert(eq(sz, held, 2), "facts and evidence");
    pc.rows = TWO;
    pc.row_count = 2;
    world_report(w, &c, &pc);
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_PRIVATE), held));
}

Test(resume, of_a_restored_spool_gets_the_next_epoch_and_older_scans_change_nothing)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = settled(&c, &m);
    struct report_spec pc = { .unit = "east", .computer = "pc1", ROWS(TWO) };
    struct collector restored = c;
    world_report(w, &c, &pc);
    const Zb__ResumedBody *resumed = world_resume(w, &c);
    cr_assert(eq(u64, resumed->epoch, 1));
    cr_assert(not(resumed->behind));
    resumed = world_resume(w, &restored);
    cr_assert(eq(u64, resumed->epoch, 2));
    restored.epoch = 2;
    pc.rows = EDITOR;
    pc.row_count = 1;
    pc.scan_ms = w->now_ms - 1000;
    cr_assert(eq(int, world_report(w, &restored, &pc), OUTCOME_APPLIED));
    world_verdict(w, &m, "viewer", CLASS_COMMERCIAL, "acme/viewer", "", "");
    cr_assert(eq(u64, world_position(w, "east", "acme/viewer").installed, 1),
              "settled, but the scan is older than what stands");
    w->now_ms += 5000;
    pc.scan_ms = w->now_ms;
    cr_assert(eq(int, world_report(w, &restored, &pc), OUTCOME_APPLIED));
    cr_assert(eq(u64, world_position(w, "east", "acme/viewer").installed, 0));
}

Test(resume, of_nobody_known_is_refused_without_an_answer)
{
    CLEANUP(world_freep) struct world *w = world_new();
    struct collector stranger = collector_new("stranger");
    cr_assert(eq(ptr, (void *)(uintptr_t)world_resume(w, &stranger), NULL));
    cr_assert(eq(int, w->reply.refused, REFUSAL_UNKNOWN_KEY));
}
