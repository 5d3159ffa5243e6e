/* Notices: their states, retries, giving up, and the figures that they carry. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>

#include "tests/unit/ledger/case_home.h"

#define CAD "acad"

/* A suspicion whose verification is notice 1, still planned. */
static struct home *planned(void)
{
    struct home *home = home_new("2026-03-02 10:00");
    home_year(home, 2026);
    home_tree(home, PHASE_ENFORCED);
    for (uint64_t i = 1; i <= 3; i++)
        home_install(home, "branch", CAD, CLASS_COMMERCIAL, i, "2026-03-02 08:00", 1);
    home_position(home, CAD, CLASS_COMMERCIAL, 3, 3, 3, 0);
    home_assess(home, CAD);
    return home;
}

static int move(struct home *home, uint64_t id, Zb__NoticeState state, bool temporary)
{
    struct ledger_view view = memory_view(home->memory);
    struct ledger_output *out = output_new(home->arena);
    struct ruling ruling = { &home->rules, &view, home->now_ms, home->arena, out };
    int r = rule_notice(&ruling, id, state, "said so", temporary);
    struct output_list list = output_list(out);
    struct ledger_writer writer = memory_writer(home->memory);
    for (size_t i = 0; r == 0 && i < list.entry_count; i++)
        cr_assert(eq(int, ledger_apply(&writer, list.entries[i], home->arena), 0));
    if (r < 0)
        cr_assert(eq(sz, list.entry_count, 0));
    return r;
}

static const char *fact_of(const Zb__NoticeRecord *notice, const char *name)
{
    for (size_t i = 0; i < notice->n_facts; i++)
        if (strcmp(notice->facts[i]->name, name) == 0)
            return notice->facts[i]->value;
    return "(none)";
}

static char *fact(struct home *home, uint64_t id, const char *name)
{
    return (char *)(uintptr_t)fact_of(home_notice(home, id), name);
}

/* ---- states ---- */

struct transition {
    Zb__NoticeState from, to;
    int answer;
};

ParameterizedTestParameters(notice, goes_from_state_to_state_as_drawn)
{
    static struct transition table[8 * 8];
    static const Zb__NoticeState legal[][2] = {
        { NOTICE_PLANNED, NOTICE_CLAIMED },    { NOTICE_PLANNED, NOTICE_FAILED },
        { NOTICE_CLAIMED, NOTICE_COMMITTING }, { NOTICE_CLAIMED, NOTICE_FAILED },
        { NOTICE_CLAIMED, NOTICE_PLANNED },    { NOTICE_COMMITTING, NOTICE_SENT },
        { NOTICE_COMMITTING, NOTICE_FAILED },  { NOTICE_COMMITTING, NOTICE_IN_DOUBT },
        { NOTICE_FAILED, NOTICE_CLAIMED },     { NOTICE_SENT, NOTICE_SENT }, /* told twice */
    };
    size_t n = 0;
    for (int from = NOTICE_PLANNED; from <= NOTICE_CANCELLED; from++)
        for (int to = NOTICE_PLANNED; to <= NOTICE_CANCELLED; to++) {
            struct transition *t = &table[n++];
            *t = (struct transition){ (Zb__NoticeState)from, (Zb__NoticeState)to, -EPROTO };
            for (size_t i = 0; i < ARRAY_LEN(legal); i++)
                if (legal[i][0] == t->from && legal[i][1] == t->to)
                    t->answer = 0;
        }
    return cr_make_param_array(struct transition, table, n);
}

ParameterizedTest(struct transition *t, notice, goes_from_state_to_state_as_drawn)
{
    CLEANUP(home_freep) struct home *home = planned();
    Zb__NoticeRecord *notice = home_notice(home, 1);
    notice->state = t->from;
    home_put(home, TABLE_NOTICE, key_u64(1), &notice->base);
    cr_assert(eq(int, move(home, 1, t->to, true), t->answer), "%d to %d", (int)t->from, (int)t->to);
    cr_assert(eq(int, home_notice(home, 1)->state, t->answer == 0 ? t->to : t->from));
}

Test(notice, that_is_not_there_is_an_error)
{
    CLEANUP(home_freep) struct home *home = planned();
    cr_assert(eq(int, move(home, 99, NOTICE_CLAIMED, false), -ENOENT));
}

/* ---- failure ---- */

Test(notice, is_tried_again_at_doubling_intervals_up_to_thirty_two_times_the_first)
{
    CLEANUP(home_freep) struct home *home = planned();
    static const int64_t minutes[] = { 1, 2, 4, 8, 16, 32, 32, 32 };
    for (size_t i = 0; i < ARRAY_LEN(minutes); i++) {
        cr_assert(eq(int, move(home, 1, NOTICE_CLAIMED, false), 0));
        cr_assert(eq(int, move(home, 1, NOTICE_FAILED, true), 0));
        const Zb__NoticeRecord *notice = home_notice(home, 1);
        cr_assert(eq(i64, notice->next_ms - home->now_ms, minutes[i] * 60 * 1000), "try %zu", i);
        home->now_ms = notice->next_ms;
    }
    cr_assert(eq(str, home_notice(home, 1)->error, (char *)"said so"));
}

Test(notice, is_given_up_after_a_day_of_failure_and_the_administrator_is_told)
{
    CLEANUP(home_freep) struct home *home = planned();
    home->post = POST_FAILS;
    home_until(home, "2026-03-03 09:59");
    cr_assert(not(home_notice(home, 1)->given_up));
    cr_assert(not(home_rings(home, ALARM_NOTICE_FAILED, "1")));
    home_until(home, "2026-03-03 10:00");
    cr_assert(home_notice(home, 1)->given_up);
    cr_assert(home_rings(home, ALARM_NOTICE_FAILED, "1"));
    cr_assert(eq(str, home_notice(home, 2)->template_, (char *)"administrator"));
    cr_assert(eq(int, home_notice(home, 2)->official, OFFICIAL_ADMINISTRATOR));
    uint32_t tries = home_notice(home, 1)->tries;
    home_until(home, "2026-03-03 20:00");
    cr_assert(eq(u32, home_notice(home, 1)->tries, tries)); /* and never tried again */
    home_until(home, "2026-03-10");                         /* nor does the last one breed more */
    size_t told = 0;
    for (uint64_t id = 1; home_notice(home, id) != NULL; id++)
        told += strcmp(home_notice(home, id)->template_, "administrator") == 0;
    cr_assert(eq(sz, told, 2)); /* given up, and unserved */
}

Test(notice, refused_for_good_rings_at_once_and_is_not_tried_again_by_itself)
{
    CLEANUP(home_freep) struct home *home = planned();
    home->post = POST_REFUSES;
    home_until(home, "2026-03-02 12:00");
    cr_assert(home_rings(home, ALARM_NOTICE_FAILED, "1"));
    cr_assert(eq(u32, home_notice(home, 1)->tries, 1));
    home->post = POST_SENDS; /* the address is right now */
    cr_assert(eq(int,
                 home_command(home, "notice.resolve", "notice", "1", "outcome", "not-sent",
                              "reason", "address was wrong", NULL),
                 REFUSAL_NONE));
    home_until(home, "2026-03-02 12:01");
    cr_assert(eq(int, home_notice(home, 1)->state, NOTICE_SENT));
    cr_assert(not(home_rings(home, ALARM_NOTICE_FAILED, "1")));
}

Test(notice, in_doubt_is_never_repeated_by_itself)
{
    CLEANUP(home_freep) struct home *home = planned();
    home->post = POST_DOUBTS;
    home_until(home, "2026-03-02 10:01");
    cr_assert(home_rings(home, ALARM_IN_DOUBT, "1"));
    home->post = POST_SENDS;
    home_until(home, "2026-03-03 12:00");
    cr_assert(eq(u32, home_notice(home, 1)->tries, 1));
    char *message_id = home_notice(home, 1)->message_id;
    cr_assert(eq(int,
                 home_command(home, "notice.resolve", "notice", "1", "outcome", "not-sent",
                              "reason", "asked him", NULL),
                 REFUSAL_NONE));
    home_until(home, "2026-03-03 12:01");
    cr_assert(eq(int, home_notice(home, 1)->state, NOTICE_SENT));
    cr_assert(eq(str, home_notice(home, 1)->message_id, message_id)); /* the same letter */
    /* The suspicion counts from the day on which it arrived. */
    cr_assert(eq(str, (char *)day_text(home_case(home, 1)->verify_due_day), "2026-03-06"));
    cr_assert(eq(int,
                 home_command(home, "notice.resolve", "notice", "1", "outcome", "sent", "reason",
                              "again", NULL),
                 REFUSAL_BAD_STATE));
    cr_assert(eq(int,
                 home_command(home, "notice.resolve", "notice", "99", "outcome", "sent", "reason",
                              "which", NULL),
                 REFUSAL_NOT_FOUND));
}

Test(notice, that_has_not_left_is_withdrawn_when_its_case_closes)
{
    CLEANUP(home_freep) struct home *home = planned();
    home->post = POST_RESTS;
    cr_assert(eq(
        int, home_command(home, "case.reject", "unit", "branch", "case", "1", "reason", "no", NULL),
        REFUSAL_NONE));
    cr_assert(eq(int, home_notice(home, 1)->state, NOTICE_CANCELLED));
    /* The handler is told that it is over, whether or not he ever heard of it. */
    cr_assert(eq(str, home_notice(home, 2)->template_, (char *)"correction"));
    cr_assert(eq(int, home_notice(home, 2)->official, OFFICIAL_HANDLER));
}

Test(notice, of_an_answered_question_is_withdrawn)
{
    CLEANUP(home_freep) struct home *home = planned();
    home->post = POST_FAILS;
    home_until(home, "2026-03-02 10:30");
    home->post = POST_SENDS;
    home_command(home, "case.confirm", "unit", "branch", "case", "1", "reason", "seen", NULL);
    home_until(home, "2026-03-02 12:00");
    cr_assert(eq(sz, home_sent_count(home, 1, "verify"), 0));
    cr_assert(eq(sz, home_sent_count(home, 1, "order"), 2));
}

/* ---- figures ---- */

Test(notice, carries_the_figures_of_the_instant_it_was_planned)
{
    CLEANUP(home_freep) struct home *home = planned();
    home_unit(home, "hq", "", PHASE_ENFORCED);
    Zb__PositionRecord idle = ZB__POSITION_RECORD__INIT;
    idle.idle = 12;
    home_put(home, TABLE_POSITION, key_text_text_u8("hq", CAD, METRIC_DEVICE), &idle.base);
    home->rules.ledger_id = (struct id128){ { 0xde, 0xad, 0xbe, 0xef, 0x01 } };
    home_until(home, "2026-03-02 10:01");
    home_command(home, "case.confirm", "unit", "branch", "case", "1", "reason", "seen", NULL);
    const Zb__NoticeRecord *notice = home_notice(home, 2);
    cr_assert(eq(str, notice->template_, (char *)"order"));
    cr_assert(eq(str, notice->message_id, (char *)"<zb-deadbeef-2@zhengban.invalid>"));
    cr_assert(eq(str, notice->channel, (char *)"smtp"));
    cr_assert(eq(str, fact(home, 2, "case"), (char *)"1"));
    cr_assert(eq(str, fact(home, 2, "class"), (char *)"B"));
    cr_assert(eq(str, fact(home, 2, "product"), (char *)CAD));
    cr_assert(eq(str, fact(home, 2, "count"), (char *)"3"));
    cr_assert(eq(str, fact(home, 2, "endpoints"), (char *)"3"));
    cr_assert(eq(str, fact(home, 2, "days"), (char *)"5"));
    cr_assert(eq(str, fact(home, 2, "due"), (char *)"")); /* counted once it is served */
    cr_assert(eq(str, fact(home, 2, "idle_total"), (char *)"12"));
    cr_assert(eq(str, fact(home, 2, "idle_list"), (char *)"hq 12"));
    home_until(home, "2026-03-11");
    for (uint64_t id = 1; home_notice(home, id) != NULL; id++)
        if (strcmp(home_notice(home, id)->template_, "overdue") == 0) {
            cr_assert(eq(str, fact(home, id, "due"), (char *)"2026-03-09"));
            cr_assert(eq(str, fact(home, id, "rung"), (char *)"T+1"));
            cr_assert(eq(str, fact(home, id, "days_left"), (char *)"-1"));
        }
    cr_assert(gt(sz, home_sent_count(home, 1, "overdue"), 0));
}

Test(notice, keeps_its_figures_when_the_case_changes)
{
    CLEANUP(home_freep) struct home *home = planned();
    home->post = POST_RESTS;
    home_install(home, "branch", CAD, CLASS_COMMERCIAL, 4, "2026-03-02 08:00", 1);
    home_position(home, CAD, CLASS_COMMERCIAL, 4, 4, 4, 0);
    home_assess(home, CAD);
    cr_assert(eq(sz, memory_view_count(home->memory, TABLE_LINE), 4));
    cr_assert(eq(str, fact(home, 1, "count"), (char *)"3"));
}

static void __attribute__((format(printf, 3, 4)))
cut(char *out, size_t cap, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    case_text(out, cap, format, args);
    va_end(args);
}

Test(notice, cuts_what_is_too_long_at_a_whole_character)
{
    CLEANUP(home_freep) struct home *home = planned();
    char reason[600];
    size_t size = 0;
    while (size + 3 < 512) { /* 3 bytes each */
        memcpy(reason + size, "\xe6\xad\xa3", 3);
        size += 3;
    }
    reason[size] = '\0';
    home->post = POST_RESTS;
    cr_assert(
        eq(int,
           home_command(home, "case.reject", "unit", "branch", "case", "1", "reason", reason, NULL),
           REFUSAL_NONE));
    char *why = fact(home, 2, "why");
    cr_assert(eq(str, why, reason)); /* 510 bytes fit */
    char out[8];
    cut(out, sizeof(out), "%s", "\xe6\xad\xa3\xe7\x89\x88\xe5\x8c\x96");
    cr_assert(eq(str, out, (char *)"\xe6\xad\xa3\xe7\x89\x88"));
}

Test(notice, goes_to_a_file_where_an_official_has_named_no_channel)
{
    CLEANUP(home_freep) struct home *home = home_new("2026-03-02 10:00");
    home_year(home, 2026);
    home_unit(home, "branch", "", PHASE_ENFORCED);
    Zb__OfficialRecord handler = ZB__OFFICIAL_RECORD__INIT;
    handler.unit = (char *)(uintptr_t) "branch";
    handler.role = OFFICIAL_HANDLER;
    home_put(home, TABLE_OFFICIAL, key_text_u8("branch", OFFICIAL_HANDLER), &handler.base);
    home_install(home, "branch", CAD, CLASS_COMMERCIAL, 1, "2026-03-02 08:00", 1);
    home_position(home, CAD, CLASS_COMMERCIAL, 1, 1, 1, 0);
    home_assess(home, CAD);
    cr_assert(eq(str, home_notice(home, 1)->channel, (char *)"file"));
}

Test(notice, to_nobody_at_all_leaves_an_alarm_for_every_role)
{
    CLEANUP(home_freep) struct home *home = home_new("2026-03-02 10:00");
    home_year(home, 2026);
    home_unit(home, "branch", "", PHASE_ENFORCED);
    home_install(home, "branch", CAD, CLASS_COMMERCIAL, 1, "2026-03-02 08:00", 1);
    home_position(home, CAD, CLASS_COMMERCIAL, 1, 1, 1, 0);
    home_assess(home, CAD);
    cr_assert(eq(int, home_case(home, 1)->state, CASE_SUSPECTED));
    cr_assert(eq(sz, memory_view_count(home->memory, TABLE_NOTICE), 0));
    cr_assert(home_rings(home, ALARM_ROLE_MISSING, "branch/handler"));
    cr_assert(home_rings(home, ALARM_ROLE_MISSING, "branch/administrator"));
    home_until(home, "2026-03-04");
    cr_assert(home_rings(home, ALARM_UNSERVED, "1"));
}
