/* The ladder: dates and recipients, outages, waiting, questions, trial, calendars that come late.
 * The dates of docs/rules.md are those of this file. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdio.h>

#include "base/civil.h"
#include "tests/unit/ledger/case_home.h"

#define CAD "acad"

#define HANDLER   (1u << OFFICIAL_HANDLER)
#define REMINDED  (HANDLER | 1u << OFFICIAL_DEPT_HEAD)
#define DEPUTY    (REMINDED | 1u << OFFICIAL_DEPUTY)
#define PRINCIPAL (DEPUTY | 1u << OFFICIAL_PRINCIPAL)
#define LEAD      (PRINCIPAL | 1u << OFFICIAL_LEAD_OFFICE)
#define UPPER     (LEAD | 1u << OFFICIAL_UPPER_OFFICE)

/* One computer with a product that nobody has a right for: class B, suspected at `now`. */
static struct home *suspected(const char *now, Zb__Phase phase)
{
    struct home *home = home_new(now);
    home_year(home, 2026);
    home_tree(home, phase);
    home_install(home, "branch", CAD, CLASS_COMMERCIAL, 1, now, 1);
    home_position(home, CAD, CLASS_COMMERCIAL, 1, 1, 1, 0);
    home_assess(home, CAD);
    return home;
}

/* The same, confirmed and served within the minute. */
static struct home *ordered(const char *now, Zb__Phase phase)
{
    struct home *home = suspected(now, phase);
    home_until_ms(home, home->now_ms + 1000);
    cr_assert(eq(
        int,
        home_command(home, "case.confirm", "unit", "branch", "case", "1", "reason", "seen", NULL),
        REFUSAL_NONE));
    home_until_ms(home, home->now_ms + 60 * 1000);
    cr_assert(eq(int, home_case(home, 1)->state, CASE_ORDERED));
    return home;
}

static char *fired(struct home *home, const char *due, int32_t rung)
{
    const Zb__RungRecord *record = home_rung(home, 1, day(due), rung);
    if (record == NULL || record->state != RUNG_FIRED)
        return (char *)(uintptr_t)(record == NULL                    ? "none"
                                   : record->state == RUNG_SKIPPED   ? "skipped"
                                   : record->state == RUNG_CANCELLED ? "cancelled"
                                   : record->provisional             ? "provisional"
                                   : record->waiting                 ? "waiting"
                                                                     : "planned");
    static char texts[8][CIVIL_INSTANT_SIZE];
    static unsigned next;
    char *text = texts[next++ % ARRAY_LEN(texts)];
    (void)civil_format_instant(record->fired_ms, text);
    text[16] = '\0'; /* "2026-03-09 09:00" */
    return text;
}

struct step {
    int32_t rung;
    char fired[20];
    char template[12];
    unsigned told;
};

/* Class B, served on Monday 2 March 2026, due on Monday 9 March. */
ParameterizedTestParameters(ladder, fires_each_rung_on_its_day_and_tells_whom_it_should)
{
    static struct step steps[] = {
        { -5, "skipped", "reminder", 0 }, /* its day is the day of service */
        { -3, "2026-03-04 09:00", "reminder", REMINDED },
        { -1, "2026-03-06 09:00", "reminder", REMINDED },
        { 0, "2026-03-09 09:00", "reminder", REMINDED },
        { 1, "2026-03-10 09:00", "overdue", DEPUTY },
        { 5, "2026-03-16 09:00", "overdue", PRINCIPAL },
        { 10, "2026-03-23 09:00", "overdue", LEAD },
        { 15, "2026-03-30 09:00", "overdue", UPPER },
        { 30, "2026-04-21 09:00", "overdue", UPPER }, /* 6 April is off */
    };
    return cr_make_param_array(struct step, steps, ARRAY_LEN(steps));
}

ParameterizedTest(struct step *s, ladder, fires_each_rung_on_its_day_and_tells_whom_it_should)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-03-02 10:00", PHASE_ENFORCED);
    home_until(home, "2026-12-31");
    cr_assert(eq(str, fired(home, "2026-03-09", s->rung), s->fired), "rung %d", s->rung);
    cr_assert(eq(u32, home_roles_told(home, 1, s->template, s->rung), s->told), "rung %d", s->rung);
    cr_assert(eq(int, home_case(home, 1)->last_rung, 30));
    cr_assert(eq(int, home_case(home, 1)->state, CASE_OVERDUE));
}

Test(ladder, has_no_reminder_on_or_before_the_day_of_service_of_a_short_deadline)
{
    CLEANUP(home_freep) struct home *home = home_new("2026-06-18 15:00");
    home_year(home, 2026);
    home_tree(home, PHASE_ENFORCED);
    home_install(home, "branch", "crack", CLASS_PROHIBITED, 1, "2026-06-18 14:00", 1);
    home_position(home, "crack", CLASS_PROHIBITED, 1, 0, 0, 0);
    home_assess(home, "crack");
    home_command(home, "case.confirm", "unit", "branch", "case", "1", "reason", "seen", NULL);
    home_until(home, "2026-06-30");
    /* The Dragon Boat Festival lies between: due on Monday the 22nd. */
    cr_assert(eq(str, fired(home, "2026-06-22", -5), (char *)"skipped"));
    cr_assert(eq(str, fired(home, "2026-06-22", -1), (char *)"skipped"));
    cr_assert(eq(str, fired(home, "2026-06-22", 0), (char *)"2026-06-22 09:00"));
    cr_assert(eq(str, fired(home, "2026-06-22", 1), (char *)"2026-06-23 09:00"));
}

Test(ladder, asks_an_unanswered_verification_as_a_question_and_proposes_nothing)
{
    CLEANUP(home_freep) struct home *home = suspected("2026-03-02 10:00", PHASE_ENFORCED);
    home_until(home, "2026-04-30");
    cr_assert(eq(int, home_case(home, 1)->state, CASE_SUSPECTED));
    cr_assert(eq(str, fired(home, "2026-03-05", -1), (char *)"2026-03-04 09:00"));
    cr_assert(eq(str, fired(home, "2026-03-05", 1), (char *)"2026-03-06 09:00"));
    cr_assert(eq(u32, home_roles_told(home, 1, "question", -1), REMINDED));
    cr_assert(eq(u32, home_roles_told(home, 1, "question", 10), LEAD));
    cr_assert(eq(sz, home_sent_count(home, 1, "overdue"), 0));
    for (uint64_t id = 1; home_notice(home, id) != NULL; id++)
        for (size_t i = 0; i < home_notice(home, id)->n_facts; i++) {
            const Zb__Argument *fact = home_notice(home, id)->facts[i];
            if (strcmp(fact->name, "proposal") == 0)
                cr_assert(eq(str, fact->value, (char *)""));
        }
}

Test(ladder, stops_asking_when_the_suspicion_is_confirmed)
{
    CLEANUP(home_freep) struct home *home = suspected("2026-03-02 10:00", PHASE_ENFORCED);
    home_until(home, "2026-03-06 10:00");
    cr_assert(eq(
        int,
        home_command(home, "case.confirm", "unit", "branch", "case", "1", "reason", "seen", NULL),
        REFUSAL_NONE));
    size_t asked = home_sent_count(home, 1, "question");
    home_until(home, "2026-05-30");
    cr_assert(eq(sz, home_sent_count(home, 1, "question"), asked));
    cr_assert(eq(str, fired(home, "2026-03-05", 5), (char *)"cancelled"));
    cr_assert(eq(str, fired(home, "2026-03-13", 1), (char *)"2026-03-16 09:00"));
}

/* ---- trial and survey ---- */

Test(ladder, tells_the_handler_alone_in_trial_and_climbs_when_the_unit_is_enforced)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-03-02 10:00", PHASE_TRIAL);
    home_until(home, "2026-03-18 10:00");
    for (size_t i = 0; i < home->sent_count; i++)
        cr_assert(eq(int, home->sent[i].role, OFFICIAL_HANDLER));
    cr_assert(eq(str, fired(home, "2026-03-09", 0), (char *)"2026-03-09 09:00"));
    cr_assert(eq(str, fired(home, "2026-03-09", 1), (char *)"waiting"));
    cr_assert(eq(str, fired(home, "2026-03-09", 5), (char *)"waiting"));
    home_unit(home, "branch", "hq", PHASE_ENFORCED);
    home_assess(home, CAD);
    home_until(home, "2026-04-30");
    cr_assert(eq(str, fired(home, "2026-03-09", 1), (char *)"2026-03-18 10:00"));
    cr_assert(eq(str, fired(home, "2026-03-09", 5), (char *)"2026-03-24 09:00"));
    cr_assert(eq(u32, home_roles_told(home, 1, "overdue", 1), DEPUTY));
}

Test(ladder, stands_still_while_the_unit_is_only_surveyed)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-03-02 10:00", PHASE_ENFORCED);
    size_t sent = home->sent_count;
    home_unit(home, "branch", "hq", PHASE_SURVEY);
    home_until(home, "2026-03-20 12:00");
    cr_assert(eq(sz, home->sent_count, sent));
    home_unit(home, "branch", "hq", PHASE_ENFORCED);
    home_assess(home, CAD);
    home_until(home, "2026-03-20 13:00");
    cr_assert(eq(str, fired(home, "2026-03-09", -3), (char *)"2026-03-20 12:00"));
    cr_assert(eq(str, fired(home, "2026-03-09", -1), (char *)"planned"));
}

/* ---- outages and waiting ---- */

Test(ladder, fires_the_earliest_missed_rung_first_after_an_outage_and_keeps_the_distances)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-03-02 10:00", PHASE_ENFORCED);
    home_until(home, "2026-03-09 12:00");
    home_sleep(home, "2026-03-18 10:00"); /* T+1 and T+5 were missed */
    home_until(home, "2026-05-30");
    cr_assert(eq(str, fired(home, "2026-03-09", 1), (char *)"2026-03-18 10:00"));
    cr_assert(eq(str, fired(home, "2026-03-09", 5), (char *)"2026-03-24 09:00"));
    cr_assert(eq(str, fired(home, "2026-03-09", 10), (char *)"2026-03-31 09:00"));
    cr_assert(eq(str, fired(home, "2026-03-09", 15), (char *)"2026-04-08 09:00"));
    cr_assert(eq(int, home_case(home, 1)->state, CASE_OVERDUE));
}

Test(ladder, waits_for_the_notices_of_the_step_before)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-03-02 10:00", PHASE_ENFORCED);
    home_until(home, "2026-03-09 08:00");
    home->post = POST_DOUBTS;
    home_until(home, "2026-03-12 15:00");
    cr_assert(eq(str, fired(home, "2026-03-09", 0), (char *)"2026-03-09 09:00"));
    cr_assert(eq(str, fired(home, "2026-03-09", 1), (char *)"waiting"));
    const Zb__RungRecord *t = home_rung(home, 1, day("2026-03-09"), 0);
    cr_assert(eq(sz, t->n_notices, 2));
    home->post = POST_SENDS;
    for (size_t i = 0; i < t->n_notices; i++) {
        char id[24];
        (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)t->notices[i]);
        cr_assert(home_rings(home, ALARM_IN_DOUBT, id));
        cr_assert(eq(str, fired(home, "2026-03-09", 1), (char *)"waiting"));
        cr_assert(eq(int,
                     home_command(home, "notice.resolve", "notice", id, "outcome", "sent", "reason",
                                  "telephoned", NULL),
                     REFUSAL_NONE));
        cr_assert(not(home_rings(home, ALARM_IN_DOUBT, id)));
    }
    cr_assert(eq(str, fired(home, "2026-03-09", 1), (char *)"2026-03-12 15:00"));
    home_until(home, "2026-03-31");
    cr_assert(eq(str, fired(home, "2026-03-09", 5), (char *)"2026-03-18 09:00"));
}

Test(ladder, takes_a_day_of_failure_for_an_answer_once_the_order_was_served)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-03-02 10:00", PHASE_ENFORCED);
    home_until(home, "2026-03-09 08:00");
    home->post = POST_FAILS;
    home_until(home, "2026-03-20");
    /* T failed at 09:00 on the 9th and is given up at 09:00 on the 10th, when T+1 is due. */
    cr_assert(eq(str, fired(home, "2026-03-09", 1), (char *)"2026-03-10 09:00"));
    cr_assert(eq(str, fired(home, "2026-03-09", 5), (char *)"2026-03-16 09:00"));
    const Zb__NoticeRecord *notice =
        home_notice(home, home_rung(home, 1, day("2026-03-09"), 0)->notices[0]);
    cr_assert(notice->given_up);
    cr_assert(eq(int, notice->state, NOTICE_FAILED));
}

/* ---- people who are missing ---- */

Test(ladder, gives_the_notice_of_a_missing_role_to_the_next_one_up_and_rings)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-03-02 10:00", PHASE_ENFORCED);
    home_del(home, TABLE_OFFICIAL, key_text_u8("branch", OFFICIAL_HANDLER));
    home_del(home, TABLE_OFFICIAL, key_text_u8("branch", OFFICIAL_DEPT_HEAD));
    home_until(home, "2026-03-05");
    cr_assert(eq(u32, home_roles_told(home, 1, "reminder", -3), 1u << OFFICIAL_DEPUTY));
    cr_assert(home_rings(home, ALARM_ROLE_MISSING, "branch/handler"));
    cr_assert(home_rings(home, ALARM_ROLE_MISSING, "branch/dept_head"));
    cr_assert(not(home_rings(home, ALARM_ROLE_MISSING, "branch/deputy")));
    home_official(home, "branch", OFFICIAL_HANDLER);
    home_until(home, "2026-03-07");
    cr_assert(not(home_rings(home, ALARM_ROLE_MISSING, "branch/handler")));
}

Test(ladder, finds_the_offices_in_the_nearest_unit_above)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-03-02 10:00", PHASE_ENFORCED);
    home_unit(home, "top", "", PHASE_ENFORCED);
    home_unit(home, "hq", "top", PHASE_ENFORCED);
    home_official(home, "top", OFFICIAL_UPPER_OFFICE);
    home_official(home, "top", OFFICIAL_LEAD_OFFICE);
    home_del(home, TABLE_OFFICIAL, key_text_u8("hq", OFFICIAL_UPPER_OFFICE));
    home_until(home, "2026-03-31");
    for (size_t i = 0; i < home->sent_count; i++) {
        if (home->sent[i].role == OFFICIAL_LEAD_OFFICE)
            cr_assert(eq(str, home->sent[i].unit, (char *)"hq"));
        if (home->sent[i].role == OFFICIAL_UPPER_OFFICE)
            cr_assert(eq(str, home->sent[i].unit, (char *)"top"));
    }
    cr_assert(eq(u32, home_roles_told(home, 1, "overdue", 15), UPPER));
}

/* ---- years that are not published ---- */

static void load_year(struct home *home, uint32_t year)
{
    home_year(home, year);
    struct ledger_view view = memory_view(home->memory);
    struct ledger_output *out = output_new(home->arena);
    struct ruling ruling = { &home->rules, &view, home->now_ms, home->arena, out };
    (void)emit_entry(out, ENTRY_CALENDAR, (struct bytes){ 0 }, "loaded");
    cr_assert(eq(int, rule_calendar_loaded(&ruling, year), 0));
    struct output_list list = output_list(out);
    struct ledger_writer writer = memory_writer(home->memory);
    cr_assert(eq(int, ledger_apply(&writer, list.entries[0], home->arena), 0));
    for (size_t i = 0; i < list.follow_count; i++)
        home_input(home, &list.follows[i]);
}

/* Served on Monday 28 December 2026: five working days end on 5 January 2027, as far as one knows. */
Test(provisional, rungs_dated_in_an_unpublished_year_wait_and_ring)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-12-28 10:00", PHASE_ENFORCED);
    cr_assert(eq(str, (char *)day_text(home_case(home, 1)->due_day), "2027-01-05"));
    cr_assert(home_case(home, 1)->provisional);
    cr_assert(home_rings(home, ALARM_PROVISIONAL, "2027"));
    home_until(home, "2027-02-01");
    cr_assert(eq(str, fired(home, "2027-01-05", -3), (char *)"2026-12-30 09:00"));
    cr_assert(eq(str, fired(home, "2027-01-05", -1), (char *)"provisional"));
    cr_assert(eq(str, fired(home, "2027-01-05", 1), (char *)"provisional"));
    cr_assert(eq(int, home_case(home, 1)->state, CASE_ORDERED)); /* nobody is overdue by a guess */
}

Test(provisional, loading_the_year_moves_the_dates_and_repeats_no_reminder)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-12-28 10:00", PHASE_ENFORCED);
    home_until(home, "2026-12-31 12:00");
    load_year(home, 2027); /* 4 January is off in it */
    cr_assert(not(home_rings(home, ALARM_PROVISIONAL, "2027")));
    cr_assert(eq(str, (char *)day_text(home_case(home, 1)->due_day), "2027-01-06"));
    cr_assert(not(home_case(home, 1)->provisional));
    home_until(home, "2027-02-01");
    cr_assert(eq(str, fired(home, "2027-01-05", -1), (char *)"cancelled"));
    cr_assert(eq(str, fired(home, "2027-01-06", -3), (char *)"skipped"));
    cr_assert(eq(str, fired(home, "2027-01-06", -1), (char *)"2027-01-05 09:00"));
    cr_assert(eq(str, fired(home, "2027-01-06", 1), (char *)"2027-01-07 09:00"));
}

Test(provisional, a_rung_missed_before_the_year_began_still_fires)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-12-28 10:00", PHASE_ENFORCED);
    home_sleep(home, "2027-01-07 10:00");
    home_until(home, "2027-01-31");
    cr_assert(eq(str, fired(home, "2027-01-05", -3), (char *)"2027-01-07 10:00"));
    cr_assert(eq(str, fired(home, "2027-01-05", -1), (char *)"provisional"));
    /* Loaded late: what waited goes on from there, at its distance. */
    load_year(home, 2027);
    home_until(home, "2027-03-01");
    cr_assert(eq(str, fired(home, "2027-01-06", 0), (char *)"skipped"));
    cr_assert(eq(str, fired(home, "2027-01-06", 1), (char *)"2027-01-31 00:00"));
    cr_assert(eq(str, fired(home, "2027-01-06", 5), (char *)"2027-02-04 09:00"));
}

/* ---- the clock ---- */

Test(clock, says_when_it_must_look_next)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-03-02 10:00", PHASE_ENFORCED);
    struct ledger_view view = memory_view(home->memory);
    int64_t next_ms = 0;
    cr_assert(eq(int, deadline_next(&view, &next_ms), 0));
    cr_assert(eq(i64, next_ms, at("2026-03-04 09:00")));
}

Test(clock, has_nothing_to_look_at_in_an_empty_ledger)
{
    CLEANUP(home_freep) struct home *home = home_new("2026-03-02");
    struct ledger_view view = memory_view(home->memory);
    int64_t next_ms = 0;
    cr_assert(eq(int, deadline_next(&view, &next_ms), -ENOENT));
}

Test(clock, makes_nothing_of_what_is_not_due_or_was_done_before)
{
    CLEANUP(home_freep) struct home *home = ordered("2026-03-02 10:00", PHASE_ENFORCED);
    struct ledger_view view = memory_view(home->memory);
    struct ledger_input due;
    cr_assert(eq(int, deadline_next_due(&view, &due), 0));
    size_t entries = home->entries;
    home_input(home, &due); /* two days early */
    cr_assert(eq(sz, home->entries, entries));
    home_until(home, "2026-03-04 09:00");
    entries = home->entries;
    cr_assert(eq(str, fired(home, "2026-03-09", -3), (char *)"2026-03-04 09:00"));
    home_input(home, &due); /* a second time */
    cr_assert(eq(sz, home->entries, entries));
}

Test(clock, counts_a_product_anew_when_a_right_begins_and_when_it_has_ended)
{
    CLEANUP(home_freep) struct home *home = home_new("2026-03-02 10:00");
    Zb__RightRecord right = ZB__RIGHT_RECORD__INIT;
    right.id = 1;
    right.product = right.unit = (char *)(uintptr_t)CAD;
    right.from_day = day("2026-03-10");
    right.to_day = day("2026-04-30");
    right.counted_day = day("2026-03-02");
    home_put(home, TABLE_RIGHT, key_u64(1), &right.base);
    struct ledger_view view = memory_view(home->memory);
    int64_t next_ms = 0;
    cr_assert(eq(int, deadline_next(&view, &next_ms), 0));
    cr_assert(eq(i64, next_ms, at("2026-03-10")));
    home_until(home, "2026-03-10 00:00");
    cr_assert(eq(int, deadline_next(&view, &next_ms), 0));
    cr_assert(eq(i64, next_ms, at("2026-05-01")));
    home_until(home, "2026-05-01 00:00");
    cr_assert(eq(int, deadline_next(&view, &next_ms), -ENOENT));
}
