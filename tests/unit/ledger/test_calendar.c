/* Working days: goldens of 2026, provisional years, and the year file that is shipped. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "base/civil.h"
#include "tests/unit/ledger/case_home.h"

struct count_case {
    char from[16];
    int32_t count;
    char to[16];
    bool provisional;
};

ParameterizedTestParameters(calendar, counts_working_days)
{
    static struct count_case cases[] = {
        /* domain.md §2 */
        { "2026-02-13", 5, "2026-02-27", false },
        { "2026-04-30", 5, "2026-05-11", false },
        { "2026-09-18", 10, "2026-10-09", false },
        { "2026-06-18", 1, "2026-06-22", false },
        { "2026-11-20", 15, "2026-12-11", false },
        /* Sunday 20 September and Saturday 10 October are worked, 25 to 27 September are off. */
        { "2026-09-19", 1, "2026-09-20", false },
        { "2026-09-24", 1, "2026-09-28", false },
        { "2026-09-30", 1, "2026-10-08", false },
        { "2026-10-09", 1, "2026-10-10", false },
        { "2026-10-10", 1, "2026-10-12", false },
        /* backwards; nothing; from a day that is off */
        { "2026-10-09", -10, "2026-09-18", false },
        { "2026-10-08", -1, "2026-09-30", false },
        { "2026-10-03", 0, "2026-10-03", false },
        { "2026-10-03", 1, "2026-10-08", false },
        /* into a year that is not published: only weekends and 1 January are off */
        { "2026-12-31", 1, "2027-01-04", true },
        { "2026-12-25", 4, "2026-12-31", false },
        { "2026-12-30", 1, "2026-12-31", false },
        { "2027-05-03", 1, "2027-05-04", true },
        { "2027-01-05", -2, "2026-12-31", true },
    };
    return cr_make_param_array(struct count_case, cases, ARRAY_LEN(cases));
}

ParameterizedTest(struct count_case *c, calendar, counts_working_days)
{
    CLEANUP(home_freep) struct home *home = home_new("2026-01-01");
    home_year(home, 2026);
    struct ledger_view view = memory_view(home->memory);
    struct calendar calendar = calendar_of(&view, home->arena);
    struct calendar_day to = calendar_add(&calendar, day(c->from), c->count);
    cr_assert(eq(str, (char *)day_text(to.day), c->to), "%s %+d", c->from, c->count);
    cr_assert(eq(int, to.provisional, c->provisional), "%s %+d", c->from, c->count);
    cr_assert(eq(int, calendar.error, 0));
}

Test(calendar, takes_a_december_day_from_the_next_years_notice)
{
    CLEANUP(home_freep) struct home *home = home_new("2026-01-01");
    home_year(home, 2026);
    struct ledger_view view = memory_view(home->memory);
    struct calendar before = calendar_of(&view, home->arena);
    cr_assert(calendar_is_workday(&before, day("2026-12-31")));
    Zb__CalendarRecord next = ZB__CALENDAR_RECORD__INIT;
    int32_t off[] = { day("2026-12-31"), day("2027-01-01") }, work[] = { day("2026-12-27") };
    next.year = 2027;
    next.off_days = off;
    next.n_off_days = ARRAY_LEN(off);
    next.work_days = work;
    next.n_work_days = ARRAY_LEN(work);
    home_put(home, TABLE_CALENDAR, calendar_key(2027), &next.base);
    struct calendar after = calendar_of(&view, home->arena);
    cr_assert(not(calendar_is_workday(&after, day("2026-12-31"))));
    cr_assert(calendar_is_workday(&after, day("2026-12-27")));
}

Test(calendar, takes_a_provisional_record_for_no_record)
{
    CLEANUP(home_freep) struct home *home = home_new("2026-01-01");
    Zb__CalendarRecord draft = ZB__CALENDAR_RECORD__INIT;
    int32_t off[] = { day("2027-05-03") };
    draft.year = 2027;
    draft.provisional = true;
    draft.off_days = off;
    draft.n_off_days = 1;
    home_put(home, TABLE_CALENDAR, calendar_key(2027), &draft.base);
    struct ledger_view view = memory_view(home->memory);
    struct calendar calendar = calendar_of(&view, home->arena);
    cr_assert(not(calendar_is_published(&calendar, day("2027-05-03"))));
    cr_assert(calendar_is_workday(&calendar, day("2027-05-03")));
    cr_assert(not(calendar_is_workday(&calendar, day("2027-01-01"))));
}

Test(calendar, keeps_the_error_of_the_tables)
{
    CLEANUP(home_freep) struct home *home = home_new("2026-01-01");
    struct ledger_view view = memory_view(home->memory);
    struct calendar calendar = calendar_of(&view, home->arena);
    memory_view_fault(home->memory, MEMORY_FAULT_READ, 0);
    (void)calendar_add(&calendar, day("2026-03-02"), 3);
    cr_assert(eq(int, calendar.error, -EIO));
}

/* The file that is shipped, day by day against the table that these tests are written with. */
Test(calendar, ships_the_year_that_these_tests_count_with)
{
    char path[1024];
    const char *source = getenv("ZB_SOURCE_DIR");
    if (source == NULL)
        cr_skip_test("ZB_SOURCE_DIR is not set: run by ctest");
    (void)snprintf(path, sizeof(path), "%s/data/calendar/2026.json", source);
    json_error_t error;
    json_t *file = json_load_file(path, 0, &error);
    cr_assert(ne(ptr, file, NULL), "%s: %s", path, error.text);
    cr_assert(eq(int, (int)json_integer_value(json_object_get(file, "year")), 2026));
    CLEANUP(home_freep) struct home *home = home_new("2026-01-01");
    home_year(home, 2026);
    struct ledger_view view = memory_view(home->memory);
    struct calendar calendar = calendar_of(&view, home->arena);
    json_t *days = json_object_get(file, "days");
    for (int32_t d = day("2026-01-01"); d <= day("2026-12-31"); d++) {
        bool works = civil_weekday(d) <= 5;
        for (size_t i = 0; i < json_array_size(days); i++) {
            json_t *item = json_array_get(days, i);
            if (strcmp(json_string_value(json_object_get(item, "date")), day_text(d)) == 0)
                works = !json_is_true(json_object_get(item, "isOffDay"));
        }
        cr_assert(eq(int, calendar_is_workday(&calendar, d), works), "%s", day_text(d));
    }
    cr_assert(eq(sz, json_array_size(days), 39));
    json_decref(file);
}
