/* Civil dates, against the C library's UTC calendar, which knows nothing of ours. */
#include "base/civil.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/rng.h"

#define HOUR_MS INT64_C(3600000)

Test(civil, agrees_with_the_c_library_on_every_day_of_the_range)
{
    for (int32_t day = CIVIL_DAY_FIRST; day <= CIVIL_DAY_LAST; day++) {
        time_t t = (time_t)day * 86400;
        struct tm tm;
        (void)gmtime_r(&t, &tm);
        struct civil_date d = civil_date_of(day);
        if (d.year != tm.tm_year + 1900 || d.month != tm.tm_mon + 1 || d.day != tm.tm_mday ||
            civil_weekday(day) != (tm.tm_wday == 0 ? 7 : tm.tm_wday) || !civil_is_date(d) ||
            civil_day_of(d) != day)
            cr_fatal("day %d is %04d-%02d-%02d", day, d.year, d.month, d.day);
    }
}

Test(civil, has_the_range_it_says)
{
    cr_assert(eq(i32, civil_day_of((struct civil_date){ 1970, 1, 1 }), CIVIL_DAY_FIRST));
    cr_assert(eq(i32, civil_day_of((struct civil_date){ 2999, 12, 31 }), CIVIL_DAY_LAST));
}

Test(civil, dates_any_day_number_also_outside_the_range)
{
    const int32_t days[] = { INT32_MIN, -719469, -719468, -1, CIVIL_DAY_LAST + 1, INT32_MAX };
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        time_t t = (time_t)days[i] * 86400;
        struct tm tm;
        (void)gmtime_r(&t, &tm);
        struct civil_date d = civil_date_of(days[i]);
        cr_assert(eq(int, d.year, tm.tm_year + 1900));
        cr_assert(eq(int, d.month, tm.tm_mon + 1));
        cr_assert(eq(int, d.day, tm.tm_mday));
        cr_assert(eq(int, civil_weekday(days[i]) % 7, tm.tm_wday));
        char out[CIVIL_DATE_SIZE];
        cr_assert(lt(sz, strlen(civil_format_date(days[i], out)), CIVIL_DATE_SIZE));
    }
}

Test(civil, knows_which_dates_exist)
{
    const struct civil_date good[] = { { 1970, 1, 1 },  { 2000, 2, 29 },  { 2024, 2, 29 },
                                       { 2400, 2, 29 }, { 2999, 12, 31 }, { 2026, 4, 30 } };
    const struct civil_date bad[] = {
        { 1969, 12, 31 }, { 3000, 1, 1 },  { 2026, 0, 1 },  { 2026, 13, 1 }, { 2026, 1, 0 },
        { 2026, 1, 32 },  { 2026, 4, 31 }, { 2023, 2, 29 }, { 2100, 2, 29 }, { 2026, -1, 1 },
        { 2026, 1, -1 },  { 0, 0, 0 },     { 2900, 2, 29 }, { 2024, 2, 30 },
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        cr_assert(civil_is_date(good[i]), "good %zu", i);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert(not(civil_is_date(bad[i])), "bad %zu", i);
}

Test(civil, turns_the_day_at_sixteen_hundred_utc)
{
    int32_t day = civil_day_of((struct civil_date){ 2026, 9, 7 });
    int64_t noon_utc = (int64_t)day * 24 * HOUR_MS + 12 * HOUR_MS;
    cr_assert(eq(i32, civil_day_at(noon_utc), day));
    cr_assert(eq(i32, civil_day_at(noon_utc + 4 * HOUR_MS - 1), day));
    cr_assert(eq(i32, civil_day_at(noon_utc + 4 * HOUR_MS), day + 1));
    cr_assert(eq(int, civil_minute_at(noon_utc), 20 * 60));
    cr_assert(eq(int, civil_minute_at(noon_utc + 4 * HOUR_MS - 1), 1439));
    cr_assert(eq(int, civil_minute_at(noon_utc + 4 * HOUR_MS), 0));
}

Test(civil, ignores_the_tz_variable)
{
    int32_t day = civil_day_of((struct civil_date){ 2026, 9, 7 });
    const char *const zones[] = { "UTC", "America/New_York", "Asia/Shanghai", "XYZ-13:30" };
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        (void)setenv("TZ", zones[i], 1);
        tzset();
        int64_t ms = civil_ms_at(day, 9 * 60);
        char out[CIVIL_INSTANT_SIZE];
        cr_assert(eq(i64, ms, 1788742800000));
        cr_assert(eq(i32, civil_day_at(ms), day));
        cr_assert(eq(str, (char *)civil_format_instant(ms, out), "2026-09-07 09:00:00+08:00"));
    }
}

Test(civil, finds_every_minute_of_a_day_again)
{
    struct rng rng = rng_init(5);
    for (int i = 0; i < 200000; i++) {
        int32_t day = (int32_t)rng_below(&rng, CIVIL_DAY_LAST + 1);
        int minute = (int)rng_below(&rng, CIVIL_MINUTES_A_DAY);
        int64_t ms = civil_ms_at(day, minute) + (int64_t)rng_below(&rng, 60000);
        if (civil_day_at(ms) != day || civil_minute_at(ms) != minute)
            cr_fatal("day %d minute %d", day, minute);
    }
    cr_assert(eq(i64, civil_ms_at(100, 1440), civil_ms_at(101, 0)));
}

Test(civil, keeps_instants_beyond_the_range_within_it)
{
    const int64_t early[] = { INT64_MIN, -8 * HOUR_MS - 1 };
    const int64_t late[] = { INT64_MAX, civil_ms_at(CIVIL_DAY_LAST, 1440) };
    char out[CIVIL_INSTANT_SIZE];
    for (size_t i = 0; i < 2; i++) {
        cr_assert(eq(i32, civil_day_at(early[i]), CIVIL_DAY_FIRST));
        cr_assert(eq(i32, civil_day_at(late[i]), CIVIL_DAY_LAST));
        cr_assert(
            eq(str, (char *)civil_format_instant(early[i], out), "1970-01-01 00:00:00+08:00"));
        cr_assert(eq(str, (char *)civil_format_instant(late[i], out), "2999-12-31 23:59:59+08:00"));
    }
    cr_assert(eq(i32, civil_day_at(-8 * HOUR_MS), CIVIL_DAY_FIRST));
    cr_assert(eq(i32, civil_day_at(late[1] - 1), CIVIL_DAY_LAST));
}

Test(civil, parses_what_it_formats)
{
    struct rng rng = rng_init(17);
    for (int i = 0; i < 20000; i++) {
        int32_t day = (int32_t)rng_below(&rng, CIVIL_DAY_LAST + 1), day2 = -1;
        int64_t ms = civil_ms_at(day, 0) + (int64_t)rng_below(&rng, 86400) * 1000, ms2 = -1;
        char date[CIVIL_DATE_SIZE], instant[CIVIL_INSTANT_SIZE];
        if (civil_parse_date(bytes_str(civil_format_date(day, date)), &day2) != 0 || day2 != day)
            cr_fatal("%s", date);
        if (civil_parse_instant(bytes_str(civil_format_instant(ms, instant)), &ms2) != 0 ||
            ms2 != ms)
            cr_fatal("%s", instant);
    }
}

Test(civil, refuses_what_is_no_date_and_leaves_the_output_alone)
{
    static const struct {
        const char *text;
        int r;
    } rows[] = {
        { "", -EINVAL },
        { "2026-9-7", -EINVAL },
        { "2026-09-07 ", -EINVAL },
        { " 2026-09-07", -EINVAL },
        { "2026/09/07", -EINVAL },
        { "20260907", -EINVAL },
        { "2026-09-31", -EINVAL },
        { "2026-02-29", -EINVAL },
        { "2026-13-01", -EINVAL },
        { "2026-00-10", -EINVAL },
        { "+026-09-07", -EINVAL },
        { "-026-09-07", -EINVAL },
        { "2026-+9-07", -EINVAL },
        { "0x26-09-07", -EINVAL },
        { "1969-12-31", -ERANGE },
        { "3000-01-01", -ERANGE },
        { "0000-01-01", -ERANGE },
        { "2026-09-0\xff", -EINVAL },
        { "２０２６-09-07", -EINVAL },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int32_t day = -7;
        cr_assert(eq(int, civil_parse_date(bytes_str(rows[i].text), &day), rows[i].r), "%s",
                  rows[i].text);
        cr_assert(eq(i32, day, -7));
    }
    int32_t day = -7;
    cr_assert(eq(int, civil_parse_date(BYTES_LIT("2026-09-\0007"), &day), -EINVAL));
    cr_assert(eq(int, civil_parse_date((struct bytes){ 0 }, &day), -EINVAL));
}

Test(civil, parses_every_form_of_an_instant)
{
    const int64_t nine = 1788742800000; /* 2026-09-07 09:00 at UTC+8 */
    static const struct {
        const char *text;
        int64_t after_nine_ms;
    } rows[] = {
        { "2026-09-07", -9 * HOUR_MS },
        { "2026-09-07 09:00", 0 },
        { "2026-09-07T09:00", 0 },
        { "2026-09-07t09:00", 0 },
        { "2026-09-07 09:00:00", 0 },
        { "2026-09-07T09:00:01.5", 1500 },
        { "2026-09-07T09:00:00.123456789", 123 },
        { "2026-09-07T09:00:00.9999", 999 },
        { "2026-09-07T09:00:00.05+08:00", 50 },
        { "2026-09-07T01:00:00Z", 0 },
        { "2026-09-07T01:00z", 0 },
        { "2026-09-07T09:00:00+08:00", 0 },
        { "2026-09-07T09:00:00+0800", 0 },
        { "2026-09-07T09:00:00+08", 0 },
        { "2026-09-06T20:00:00-05:00", 0 },
        { "2026-09-06T21:30:00-03:30", 0 },
        { "2026-09-07T01:00:00-00:00", 0 },
        { "2026-09-07T24:00", 15 * HOUR_MS },
        { "2026-09-07T24:00:00Z", 23 * HOUR_MS },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = -1;
        cr_assert(eq(int, civil_parse_instant(bytes_str(rows[i].text), &ms), 0), "%s",
                  rows[i].text);
        cr_assert(eq(i64, ms, nine + rows[i].after_nine_ms), "%s", rows[i].text);
    }
}

Test(civil, refuses_what_is_no_instant)
{
    static const struct {
        const char *text;
        int r;
    } rows[] = {
        { "2026-09-07 ", -EINVAL },
        { "2026-09-07T", -EINVAL },
        { "2026-09-07T09", -EINVAL },
        { "2026-09-07T9:00", -EINVAL },
        { "2026-09-07T09:00 ", -EINVAL },
        { "2026-09-07T09:00 +08:00", -EINVAL },
        { "2026-09-07  09:00", -EINVAL },
        { "2026-09-07Z", -EINVAL },
        { "2026-09-07T24:01", -EINVAL },
        { "2026-09-07T24:00:00.001", -EINVAL },
        { "2026-09-07T25:00", -EINVAL },
        { "2026-09-07T09:60", -EINVAL },
        { "2026-12-31T23:59:60Z", -EINVAL },
        { "2026-09-07T09:00:00.", -EINVAL },
        { "2026-09-07T09:00:00.1234567890", -EINVAL },
        { "2026-09-07T09:00.5", -EINVAL },
        { "2026-09-07T09:00:00+24:00", -EINVAL },
        { "2026-09-07T09:00:00+08:60", -EINVAL },
        { "2026-09-07T09:00:00+8", -EINVAL },
        { "2026-09-07T09:00:00+08:", -EINVAL },
        { "2026-09-07T09:00:00+08:00x", -EINVAL },
        { "2026-09-07T09:00:00ZZ", -EINVAL },
        { "2026-09-07T09:00:-1", -EINVAL },
        { "1969-12-31T23:59:59", -ERANGE },
        { "3000-01-01T00:00:00", -ERANGE },
        { "1970-01-01T00:00:00+08:01", -ERANGE },
        { "2999-12-31T16:00:00Z", -ERANGE },
        { "2999-12-31T24:00", -ERANGE },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = -7;
        cr_assert(eq(int, civil_parse_instant(bytes_str(rows[i].text), &ms), rows[i].r), "%s",
                  rows[i].text);
        cr_assert(eq(i64, ms, -7));
    }
    int64_t ms;
    cr_assert(eq(int, civil_parse_instant(BYTES_LIT("2999-12-31T15:59:59.999Z"), &ms), 0));
    cr_assert(eq(i64, ms, civil_ms_at(CIVIL_DAY_LAST, 1440) - 1));
    cr_assert(eq(int, civil_parse_instant(BYTES_LIT("1970-01-01"), &ms), 0));
    cr_assert(eq(i64, ms, -8 * HOUR_MS));
}
