/* Cases: what opens one, when its order counts as served, and what people may say about it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>

#include "tests/unit/ledger/case_stories.h"

/* ---- what opens a case ---- */

struct opening {
    Zb__LicenceClass licence;
    Zb__Phase phase;
    uint64_t installed, short_of, never, ended;
    Zb__CaseClass opens; /* NONE: nothing */
};

ParameterizedTestParameters(case_open, asks_phase_class_and_position)
{
    static struct opening openings[] = {
        { CLASS_PROHIBITED, PHASE_ENFORCED, 2, 0, 0, 0, CASE_A },
        { CLASS_PROHIBITED, PHASE_TRIAL, 2, 0, 0, 0, CASE_A },
        { CLASS_PROHIBITED, PHASE_SURVEY, 2, 0, 0, 0, CASE_CLASS_NONE },
        { CLASS_COMMERCIAL, PHASE_ENFORCED, 2, 2, 2, 0, CASE_B },
        { CLASS_OEM_BOUND, PHASE_ENFORCED, 2, 2, 2, 0, CASE_B },
        { CLASS_TRIAL, PHASE_ENFORCED, 2, 2, 2, 0, CASE_B },
        { CLASS_COMMERCIAL, PHASE_SURVEY, 2, 2, 2, 0, CASE_CLASS_NONE },
        { CLASS_COMMERCIAL, PHASE_ENFORCED, 2, 2, 0, 2, CASE_D },
        { CLASS_COMMERCIAL, PHASE_ENFORCED, 2, 1, 0, 1, CASE_E },
        { CLASS_COMMERCIAL, PHASE_ENFORCED, 2, 1, 0, 0, CASE_E },
        { CLASS_COMMERCIAL, PHASE_ENFORCED, 2, 0, 0, 0, CASE_CLASS_NONE },
        { CLASS_FREE, PHASE_ENFORCED, 2, 2, 2, 0, CASE_CLASS_NONE },
        { CLASS_OPEN_SOURCE, PHASE_ENFORCED, 2, 2, 2, 0, CASE_CLASS_NONE },
        { CLASS_SYSTEM, PHASE_ENFORCED, 2, 2, 2, 0, CASE_CLASS_NONE },
        { CLASS_UNKNOWN, PHASE_ENFORCED, 2, 2, 2, 0, CASE_CLASS_NONE },
    };
    return cr_make_param_array(struct opening, openings, ARRAY_LEN(openings));
}

ParameterizedTest(struct opening *o, case_open, asks_phase_class_and_position)
{
    CLEANUP(home_freep) struct home *home = opened("2026-03-02 10:00", o->phase);
    for (uint64_t i = 1; i <= o->installed; i++)
        home_install(home, "branch", CAD, o->licence, i, "2026-03-02 08:00", 1);
    home_position(home, CAD, o->licence, o->installed, o->short_of, o->never, o->ended);
    home_assess(home, CAD);
    home_assess(home, CAD); /* the second time changes nothing */
    cr_assert(eq(sz, home_cases(home), o->opens != CASE_CLASS_NONE));
    if (o->opens == CASE_CLASS_NONE)
        return;
    const Zb__CaseRecord *rec = home_case(home, 1);
    cr_assert(eq(int, rec->class_, o->opens));
    cr_assert(eq(int, rec->state, CASE_SUSPECTED));
    cr_assert(
        eq(sz, memory_view_count(home->memory, TABLE_LINE), o->opens == CASE_E ? 1 : o->installed));
    if (o->opens == CASE_E)
        cr_assert(eq(u64, home_line(home, 1, 1)->quantity, o->short_of));
}

Test(case_open, tells_the_handler_alone_while_it_is_a_suspicion)
{
    CLEANUP(home_freep) struct home *home = cracked(PHASE_ENFORCED);
    home_until(home, "2026-03-02 10:01");
    cr_assert(eq(u32, home_roles_told(home, 1, "verify", 0), 1u << OFFICIAL_HANDLER));
    cr_assert(eq(sz, home->sent_count, 1));
    cr_assert(eq(str, (char *)day_text(home_case(home, 1)->verify_due_day), "2026-03-05"));
}

Test(case_open, is_confirmed_at_once_where_the_principal_has_said_so_beforehand)
{
    CLEANUP(home_freep) struct home *home = opened("2026-03-02 10:00", PHASE_ENFORCED);
    Zb__UnitRecord unit = ZB__UNIT_RECORD__INIT;
    unit.id = unit.name = (char *)(uintptr_t) "branch";
    unit.parent = (char *)(uintptr_t) "hq";
    unit.phase = PHASE_ENFORCED;
    unit.preauthorised_prohibited = true;
    home_put(home, TABLE_UNIT, key_text("branch"), &unit.base);
    home_install(home, "branch", CRACK, CLASS_PROHIBITED, 1, "2026-03-02 08:00", 1);
    home_position(home, CRACK, CLASS_PROHIBITED, 1, 0, 0, 0);
    home_assess(home, CRACK);
    cr_assert(eq(int, state(home, 1), CASE_CONFIRMED));
    home_until(home, "2026-03-02 10:01");
    cr_assert(eq(int, state(home, 1), CASE_ORDERED));
    cr_assert(eq(u32, home_roles_told(home, 1, "order", 0),
                 1u << OFFICIAL_HANDLER | 1u << OFFICIAL_DEPT_HEAD | 1u << OFFICIAL_DEPUTY));
    /* No person has looked, so a false positive may still be said. */
    cr_assert(eq(int,
                 home_command(home, "case.reject", "unit", "branch", "case", "1", "reason",
                              "our own tool", NULL),
                 REFUSAL_NONE));
    home_until(home, "2026-03-02 10:02");
    cr_assert(eq(u32, home_roles_told(home, 1, "correction", 0),
                 1u << OFFICIAL_HANDLER | 1u << OFFICIAL_DEPT_HEAD | 1u << OFFICIAL_DEPUTY));
}

Test(case_open, comes_with_a_change_of_phase)
{
    CLEANUP(home_freep) struct home *home = cracked(PHASE_SURVEY);
    cr_assert(eq(sz, home_cases(home), 0));
    home_unit(home, "branch", "hq", PHASE_TRIAL);
    struct ledger_view view = memory_view(home->memory);
    struct ledger_output *out = output_new(home->arena);
    struct ruling ruling = { &home->rules, &view, home->now_ms, home->arena, out };
    cr_assert(eq(int, case_unit_products(&ruling, "branch"), 0));
    struct output_list list = output_list(out);
    cr_assert(eq(sz, list.follow_count, 1));
    home_input(home, &list.follows[0]);
    cr_assert(eq(sz, home_cases(home), 1));
}

/* The whole way: the clock, the position, the case. */
Test(case_open, comes_when_the_day_after_a_subscriptions_last_begins)
{
    CLEANUP(home_freep) struct home *home = opened("2026-03-02 10:00", PHASE_ENFORCED);
    Zb__RightRecord right = ZB__RIGHT_RECORD__INIT;
    uint8_t digest[32] = { 7 };
    right.id = 1;
    right.unit = (char *)(uintptr_t) "branch";
    right.product = (char *)(uintptr_t)CAD;
    right.metric = METRIC_SUBSCRIPTION;
    right.quantity = 2;
    right.from_day = day("2026-01-01");
    right.to_day = day("2026-03-31");
    right.proof = blob_of(bytes_of(digest, sizeof(digest)));
    home_put(home, TABLE_RIGHT, key_u64(1), &right.base);
    for (uint64_t i = 1; i <= 2; i++)
        home_install(home, "branch", CAD, CLASS_COMMERCIAL, i, "2026-03-02 08:00", 1);
    home_input(home, &(struct ledger_input){ .kind = INPUT_POSITION, .product = CAD });
    home_until(home, "2026-03-31 23:59");
    cr_assert(eq(sz, home_cases(home), 0));
    home_until(home, "2026-04-01 00:00");
    cr_assert(eq(sz, home_cases(home), 1));
    const Zb__CaseRecord *rec = home_case(home, 1);
    cr_assert(eq(int, rec->class_, CASE_D));
    cr_assert(eq(i64, rec->opened_ms, at("2026-04-01")));
    /* The renewal is proof. */
    right.id = 2;
    right.from_day = day("2026-04-01");
    right.to_day = day("2027-03-31");
    home_put(home, TABLE_RIGHT, key_u64(2), &right.base);
    home_input(home, &(struct ledger_input){ .kind = INPUT_POSITION, .product = CAD });
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
    cr_assert(eq(str, home_case(home, 1)->closed_why, (char *)"right 2"));
}

/* ---- order and deadlines ---- */

struct class_deadline {
    Zb__CaseClass class;
    char due[16];
};

ParameterizedTestParameters(case_order, counts_the_deadline_of_its_class_from_service)
{
    static struct class_deadline deadlines[] = {
        { CASE_A, "2026-03-03" },
        { CASE_B, "2026-03-09" },
        { CASE_D, "2026-03-23" },
        { CASE_E, "2026-04-14" }, /* 6 April is off */
    };
    return cr_make_param_array(struct class_deadline, deadlines, ARRAY_LEN(deadlines));
}

ParameterizedTest(struct class_deadline *d, case_order,
                  counts_the_deadline_of_its_class_from_service)
{
    CLEANUP(home_freep) struct home *home = opened("2026-03-02 10:00", PHASE_ENFORCED);
    bool prohibited = d->class == CASE_A;
    Zb__LicenceClass licence = prohibited ? CLASS_PROHIBITED : CLASS_COMMERCIAL;
    home_install(home, "branch", CAD, licence, 1, "2026-03-02 08:00", 1);
    home_install(home, "branch", CAD, licence, 2, "2026-03-02 08:00", 1);
    home_position(home, CAD, licence, 2,
                  d->class == CASE_E ? 1
                  : prohibited       ? 0
                                     : 2,
                  d->class == CASE_B ? 2 : 0, d->class == CASE_D ? 2 : 0);
    home_assess(home, CAD);
    order(home);
    const Zb__CaseRecord *rec = home_case(home, 1);
    cr_assert(eq(int, rec->class_, d->class));
    cr_assert(eq(str, (char *)day_text(rec->due_day), d->due));
    unsigned told = 1u << OFFICIAL_HANDLER | 1u << OFFICIAL_DEPT_HEAD;
    cr_assert(eq(u32, home_roles_told(home, 1, "order", 0),
                 told | (prohibited ? 1u << OFFICIAL_DEPUTY : 0)));
}

Test(case_order, starts_no_clock_until_it_is_served_and_rings_after_a_working_day)
{
    CLEANUP(home_freep) struct home *home = cracked(PHASE_ENFORCED);
    home->post = POST_FAILS;
    confirm(home);
    home_until(home, "2026-03-03 23:59");
    cr_assert(eq(int, state(home, 1), CASE_CONFIRMED));
    cr_assert(eq(int, home_case(home, 1)->due_day, 0));
    cr_assert(not(home_rings(home, ALARM_UNSERVED, "1")));
    home->post = POST_RESTS;
    home_until(home, "2026-03-04 00:00");
    cr_assert(home_rings(home, ALARM_UNSERVED, "1"));
    home->post = POST_SENDS;
    home_sleep(home, "2026-03-04 09:30");
    cr_assert(eq(int,
                 home_command(home, "case.serve", "unit", "branch", "case", "1", "on", "2026-03-03",
                              "reason", "handed over on paper", NULL),
                 REFUSAL_NONE));
    cr_assert(eq(int, state(home, 1), CASE_ORDERED));
    cr_assert(eq(str, (char *)day_text(home_case(home, 1)->due_day), "2026-03-04"));
    cr_assert(not(home_rings(home, ALARM_UNSERVED, "1")));
}

Test(case_order, tells_of_later_lines_and_gives_them_a_date_of_their_own)
{
    CLEANUP(home_freep) struct home *home = unlicensed(1);
    order(home);
    home_until(home, "2026-03-05 10:00");
    home_install(home, "branch", CAD, CLASS_COMMERCIAL, 2, "2026-03-05 08:00", 2);
    home_position(home, CAD, CLASS_COMMERCIAL, 2, 2, 2, 0);
    home_assess(home, CAD);
    cr_assert(eq(int, home_line(home, 1, 2)->due_day, 0));
    home_until(home, "2026-03-05 10:01");
    cr_assert(eq(sz, home_sent_count(home, 1, "lines"), 2));
    cr_assert(eq(str, (char *)day_text(home_line(home, 1, 1)->due_day), "2026-03-09"));
    cr_assert(eq(str, (char *)day_text(home_line(home, 1, 2)->due_day), "2026-03-12"));
    cr_assert(eq(str, (char *)day_text(home_case(home, 1)->due_day), "2026-03-09"));
    /* The older line is removed: the younger one sets the rung. */
    home_uninstall(home, "branch", CAD, 1);
    home_report(home, 1, "2026-03-06 08:00", "2026-03-06 08:00");
    home_sleep(home, "2026-03-06 08:30");
    home_position(home, CAD, CLASS_COMMERCIAL, 1, 1, 1, 0);
    home_assess(home, CAD);
    cr_assert(eq(str, (char *)day_text(home_case(home, 1)->due_day), "2026-03-12"));
    cr_assert(eq(int, home_rung(home, 1, day("2026-03-09"), 1)->state, RUNG_CANCELLED));
    cr_assert(eq(int, home_rung(home, 1, day("2026-03-12"), 1)->state, RUNG_PLANNED));
    cr_assert(eq(int, home_rung(home, 1, day("2026-03-12"), -5)->state, RUNG_SKIPPED));
}

Test(case_order, tells_of_new_lines_once_a_day)
{
    CLEANUP(home_freep) struct home *home = unlicensed(1);
    order(home);
    for (uint64_t i = 2; i <= 5; i++) {
        home_install(home, "branch", CAD, CLASS_COMMERCIAL, i, "2026-03-02 08:00", 2);
        home_position(home, CAD, CLASS_COMMERCIAL, i, i, i, 0);
        home_assess(home, CAD);
        home_until_ms(home, home->now_ms + 60 * 1000);
    }
    cr_assert(eq(sz, home_sent_count(home, 1, "lines"), 0)); /* the order went out today */
    home_until(home, "2026-03-03 12:00");
    cr_assert(eq(sz, home_sent_count(home, 1, "lines"), 2)); /* to two officials */
    home_until(home, "2026-03-04 12:00");
    cr_assert(eq(sz, home_sent_count(home, 1, "lines"), 4));
    cr_assert(eq(str, (char *)day_text(home_line(home, 1, 5)->due_day), "2026-03-11"));
}

/* ---- what may be said when ---- */

struct verb_case {
    Zb__CaseState state;
    char verb[16];
    Zb__RefusalReason answer;
};

ParameterizedTestParameters(case_command, is_refused_in_the_wrong_state)
{
    static struct verb_case cases[] = {
        { CASE_SUSPECTED, "case.confirm", REFUSAL_NONE },
        { CASE_SUSPECTED, "case.reject", REFUSAL_NONE },
        { CASE_SUSPECTED, "case.serve", REFUSAL_NONE },
        { CASE_SUSPECTED, "case.extend", REFUSAL_BAD_STATE },
        { CASE_SUSPECTED, "case.note", REFUSAL_NONE },
        { CASE_SUSPECTED, "case.proof", REFUSAL_NONE },
        { CASE_CONFIRMED, "case.confirm", REFUSAL_BAD_STATE },
        { CASE_CONFIRMED, "case.reject", REFUSAL_BAD_STATE },
        { CASE_CONFIRMED, "case.serve", REFUSAL_NONE },
        { CASE_CONFIRMED, "case.extend", REFUSAL_BAD_STATE },
        { CASE_ORDERED, "case.confirm", REFUSAL_BAD_STATE },
        { CASE_ORDERED, "case.reject", REFUSAL_BAD_STATE },
        { CASE_ORDERED, "case.serve", REFUSAL_BAD_STATE },
        { CASE_ORDERED, "case.extend", REFUSAL_NONE },
        { CASE_OVERDUE, "case.extend", REFUSAL_NONE },
        { CASE_OVERDUE, "case.confirm", REFUSAL_BAD_STATE },
        { CASE_CLOSED, "case.confirm", REFUSAL_BAD_STATE },
        { CASE_CLOSED, "case.reject", REFUSAL_BAD_STATE },
        { CASE_CLOSED, "case.serve", REFUSAL_BAD_STATE },
        { CASE_CLOSED, "case.extend", REFUSAL_BAD_STATE },
        { CASE_CLOSED, "case.note", REFUSAL_NONE },
        { CASE_CLOSED, "case.proof", REFUSAL_BAD_STATE },
        { CASE_REJECTED, "case.confirm", REFUSAL_BAD_STATE },
        { CASE_REJECTED, "case.reject", REFUSAL_BAD_STATE },
    };
    return cr_make_param_array(struct verb_case, cases, ARRAY_LEN(cases));
}

static void bring_to(struct home *home, Zb__CaseState wanted)
{
    home->post = wanted == CASE_SUSPECTED || wanted == CASE_CONFIRMED ? POST_RESTS : POST_SENDS;
    if (wanted == CASE_CONFIRMED)
        confirm(home);
    if (wanted == CASE_ORDERED || wanted == CASE_OVERDUE)
        order(home);
    if (wanted == CASE_OVERDUE)
        home_until(home, "2026-03-10 08:00");
    if (wanted == CASE_CLOSED) {
        home_right(home, 1, CAD, 1, true);
        home_position(home, CAD, CLASS_COMMERCIAL, 1, 0, 0, 0);
        home_assess(home, CAD);
    }
    if (wanted == CASE_REJECTED)
        cr_assert(eq(int,
                     home_command(home, "case.reject", "unit", "branch", "case", "1", "reason",
                                  "false", NULL),
                     REFUSAL_NONE));
    cr_assert(eq(int, state(home, 1), wanted));
}

ParameterizedTest(struct verb_case *c, case_command, is_refused_in_the_wrong_state)
{
    static const char digest[] = "00112233445566778899aabbccddeeff"
                                 "00112233445566778899aabbccddeeff";
    CLEANUP(home_freep) struct home *home = unlicensed(1);
    bring_to(home, c->state);
    cr_assert(eq(int,
                 home_command(home, c->verb, "unit", "branch", "case", "1", "reason", "because",
                              "until", "2026-03-20", "kind", "document", "digest", digest, NULL),
                 c->answer),
              "%s in state %d", c->verb, (int)c->state);
    cr_assert(eq(int,
                 home_command(home, c->verb, "unit", "hq", "case", "1", "reason", "because",
                              "until", "2026-03-20", "kind", "document", "digest", digest, NULL),
                 REFUSAL_NOT_FOUND));
}

Test(case_command, extends_once_and_begins_the_ladder_anew)
{
    CLEANUP(home_freep) struct home *home = unlicensed(1);
    order(home);
    home_until(home, "2026-03-11 08:00"); /* due on the 9th, T+1 on the 10th */
    cr_assert(eq(int, state(home, 1), CASE_OVERDUE));
    static const char *const wrong[] = { "2026-03-09", "2026-03-11", "2026-03-14", "2029-01-01" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        cr_assert(eq(int,
                     home_command(home, "case.extend", "unit", "branch", "case", "1", "until",
                                  wrong[i], "reason", "tender", NULL),
                     REFUSAL_INVALID),
                  "%s", wrong[i]);
    cr_assert(eq(int,
                 home_command(home, "case.extend", "unit", "branch", "case", "1", "until",
                              "2026-03-20", "reason", "tender", NULL),
                 REFUSAL_NONE));
    cr_assert(eq(int, state(home, 1), CASE_ORDERED));
    cr_assert(eq(int, home_rung(home, 1, day("2026-03-09"), 1)->state, RUNG_FIRED));
    cr_assert(eq(int, home_rung(home, 1, day("2026-03-09"), 5)->state, RUNG_CANCELLED));
    cr_assert(eq(int,
                 home_command(home, "case.extend", "unit", "branch", "case", "1", "until",
                              "2026-03-27", "reason", "again", NULL),
                 REFUSAL_BAD_STATE));
    home_until(home, "2026-03-13 10:00"); /* T-5 of the new date */
    cr_assert(eq(int, home_rung(home, 1, day("2026-03-20"), -5)->state, RUNG_FIRED));
    home_until(home, "2026-03-23 10:00");
    cr_assert(eq(int, state(home, 1), CASE_OVERDUE));
    cr_assert(eq(int, home_rung(home, 1, day("2026-03-20"), 1)->state, RUNG_FIRED));
}

Test(case_command, keeps_notes_and_documents_and_a_document_closes_class_c)
{
    CLEANUP(home_freep) struct home *home = unlicensed(1);
    static const char digest[] = "00112233445566778899aabbccddeeff"
                                 "00112233445566778899aabbccddeeff";
    Zb__CaseRecord c = *home_case(home, 1);
    c.class_ = CASE_C;
    home_put(home, TABLE_CASE, key_u64(1), &c.base);
    cr_assert(eq(int,
                 home_command(home, "case.note", "unit", "branch", "case", "1", "reason",
                              "supplier called", NULL),
                 REFUSAL_NONE));
    cr_assert(eq(int, state(home, 1), CASE_SUSPECTED));
    cr_assert(eq(int,
                 home_command(home, "case.proof", "unit", "branch", "case", "1", "kind", "document",
                              "digest", digest, "reason", "contract found", NULL),
                 REFUSAL_NONE));
    cr_assert(eq(int, state(home, 1), CASE_CLOSED));
    cr_assert(eq(sz, memory_view_count(home->memory, TABLE_PROOF), 2));
}

/* Each read fails in turn: the error comes out. */
Test(case_open, fails_when_the_tables_do)
{
    for (size_t nth = 0;; nth++) {
        CLEANUP(home_freep) struct home *home = opened("2026-03-02 10:00", PHASE_ENFORCED);
        home_install(home, "branch", CRACK, CLASS_PROHIBITED, 1, "2026-03-02 08:00", 1);
        home_position(home, CRACK, CLASS_PROHIBITED, 1, 0, 0, 0);
        struct ledger_view view = memory_view(home->memory);
        struct ledger_output *out = output_new(home->arena);
        struct ledger_input input = { .kind = INPUT_ASSESS,
                                      .assess = { .unit = "branch", .product = CRACK } };
        memory_view_fault(home->memory, MEMORY_FAULT_READ, nth);
        int r = ledger_decide(&home->rules, &view, &input, home->now_ms, out);
        bool fired = memory_view_fault_fired(home->memory);
        cr_assert(eq(int, r, fired ? -EIO : 0), "read %zu", nth);
        if (!fired) {
            cr_assert(gt(sz, nth, 8));
            break;
        }
    }
}
