/* test_year_file.c - published years: what is taken, and what a wrong file is told. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>

#include "base/civil.h"
#include "cli/year_file.h"

enum { ARENA_BYTES = 1024 * 1024 };

static int parse(struct arena *arena, const char *text, Zb__CalendarRecord **ret_record,
                 struct complaint *why)
{
    *why = (struct complaint){ 0 };
    return year_parse(bytes_str(text), "2026.json", arena, ret_record, why);
}

static int32_t day(const char *text)
{
    int32_t number = 0;
    cr_assert(eq(int, civil_parse_date(bytes_str(text), &number), 0));
    return number;
}

Test(year_file, keeps_only_days_that_differ_from_monday_to_friday)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
    Zb__CalendarRecord *year;
    struct complaint why;
    int r = parse(arena,
                  "{\"year\":2026,\"days\":["
                  "{\"name\":\"国庆节\",\"date\":\"2026-10-02\",\"isOffDay\":true},"
                  "{\"name\":\"国庆节\",\"date\":\"2026-10-01\",\"isOffDay\":true},"
                  "{\"name\":\"国庆节\",\"date\":\"2026-10-03\",\"isOffDay\":true},"
                  "{\"name\":\"国庆节\",\"date\":\"2026-10-10\",\"isOffDay\":false},"
                  "{\"name\":\"国庆节\",\"date\":\"2026-10-12\",\"isOffDay\":false}]}",
                  &year, &why);
    cr_assert(eq(int, r, 0), "%s: %s", why.place, why.what);
    cr_assert(eq(u32, year->year, 2026));
    cr_assert(eq(sz, year->n_off_days, 2), "Thursday and Friday, not the Saturday");
    cr_assert(eq(int, year->off_days[0], day("2026-10-01")), "ascending");
    cr_assert(eq(int, year->off_days[1], day("2026-10-02")));
    cr_assert(eq(sz, year->n_work_days, 1), "the Saturday, not the Monday");
    cr_assert(eq(int, year->work_days[0], day("2026-10-10")));
}

Test(year_file, takes_a_december_day_of_the_year_before)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
    Zb__CalendarRecord *year;
    struct complaint why;
    int r = parse(arena, "{\"year\":2026,\"days\":[{\"date\":\"2025-12-31\",\"isOffDay\":true}]}",
                  &year, &why);
    cr_assert(eq(int, r, 0));
    cr_assert(eq(sz, year->n_off_days, 1));
}

Test(year_file, names_the_place_and_the_remedy_of_what_is_wrong)
{
    static const struct {
        const char *text, *place;
    } wrong[] = {
        { "{", "line 1" },
        { "[]", "2026.json: year" },
        { "{\"year\":\"2026\",\"days\":[]}", "2026.json: year" },
        { "{\"year\":1066,\"days\":[]}", "2026.json: year" },
        { "{\"year\":2026}", "2026.json: days" },
        { "{\"year\":2026,\"days\":[]}", "2026.json: days" },
        { "{\"year\":2026,\"days\":[{}]}", "days[0].date" },
        { "{\"year\":2026,\"days\":[{\"date\":\"2026-02-30\",\"isOffDay\":true}]}",
          "days[0].date" },
        { "{\"year\":2026,\"days\":[{\"date\":\"2026-02-03\",\"isOffDay\":1}]}",
          "days[0].isOffDay" },
        { "{\"year\":2026,\"days\":[{\"date\":\"2027-02-03\",\"isOffDay\":true}]}",
          "days[0].date" },
        { "{\"year\":2026,\"days\":[{\"date\":\"2026-02-03\",\"isOffDay\":true},"
          "{\"date\":\"2026-02-03\",\"isOffDay\":false}]}",
          "days[1].date" },
        { "{\"year\":2026,\"year\":2027,\"days\":[]}", "line 1" },
    };
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        Zb__CalendarRecord *year;
        struct complaint why;
        cr_assert(eq(int, parse(arena, wrong[i].text, &year, &why), -EBADMSG), "%s", wrong[i].text);
        cr_assert(ne(ptr, strstr(why.place, wrong[i].place), NULL), "%s: place '%s'", wrong[i].text,
                  why.place);
        cr_assert(ne(str, why.remedy, ""), "%s", wrong[i].text);
    }
}

Test(year_file, refuses_a_file_that_is_too_large_before_reading_it)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
    CLEANUP(freep) char *text = calloc(1, YEAR_FILE_BYTES + 2);
    Zb__CalendarRecord *year;
    struct complaint why = { 0 };
    memset(text, ' ', YEAR_FILE_BYTES + 1);
    cr_assert(eq(int, year_parse(bytes_str(text), "big.json", arena, &year, &why), -EBADMSG));
    cr_assert(ne(ptr, strstr(why.what, "bytes"), NULL));
}
