/* civil.c - the proleptic Gregorian calendar by eras of 400 years (the usual integer method), and a
 * parser that reads left to right and accepts nothing it does not understand.
 *
 * Must never call localtime, mktime or strftime: they look at TZ. */
#include "base/civil.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

enum {
    MINUTE_MS = 60 * 1000,
    DAY_MS = CIVIL_MINUTES_A_DAY * MINUTE_MS,
    OFFSET_MINUTES = 8 * 60, /* China standard time, GB/T 7408: one zone, no daylight saving */
    OFFSET_MS = OFFSET_MINUTES * MINUTE_MS,
    ERA_DAYS = 146097,   /* 400 years */
    EPOCH_DAYS = 719468, /* from 0000-03-01 to 1970-01-01 */
};

_Static_assert((int64_t)ERA_DAYS == 400 * 365 + 97, "97 leap days in 400 years");

static bool is_leap_year(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return days[month - 1] + (month == 2 && is_leap_year(year));
}

static bool is_day_of_calendar(struct civil_date d)
{
    return d.month >= 1 && d.month <= 12 && d.day >= 1 && d.day <= month_days(d.year, d.month);
}

static bool is_year_in_range(int year)
{
    return year >= CIVIL_YEAR_FIRST && year <= CIVIL_YEAR_LAST;
}

bool civil_is_date(struct civil_date date)
{
    return is_year_in_range(date.year) && is_day_of_calendar(date);
}

/* Years are counted from March, so that the leap day is the last of its year and the months before
 * it follow the line (153 m + 2) / 5. */
int32_t civil_day_of(struct civil_date date)
{
    assert(civil_is_date(date));
    int y = date.month <= 2 ? date.year - 1 : date.year;
    int m = date.month <= 2 ? date.month + 9 : date.month - 3; /* March is 0 */
    int era = y / 400;
    int year_of_era = y - era * 400;
    int day_of_year = (153 * m + 2) / 5 + date.day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

struct civil_date civil_date_of(int32_t day)
{
    int64_t z = (int64_t)day + EPOCH_DAYS;
    int64_t era = (z >= 0 ? z : z - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t day_of_era = z - era * ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int m = (int)((5 * day_of_year + 2) / 153); /* March is 0 */
    int month = m < 10 ? m + 3 : m - 9;
    return (struct civil_date){
        .year = (int)(year_of_era + era * 400) + (month <= 2),
        .month = month,
        .day = (int)(day_of_year - (153 * m + 2) / 5) + 1,
    };
}

/* The instant as ms since 1970-01-01 00:00 at UTC+8, kept within the range of years. */
static int64_t local_ms(int64_t ms)
{
    int64_t first = (int64_t)CIVIL_DAY_FIRST * DAY_MS;
    int64_t last = ((int64_t)CIVIL_DAY_LAST + 1) * DAY_MS - 1;
    if (ms < first - OFFSET_MS)
        return first;
    return ms > last - OFFSET_MS ? last : ms + OFFSET_MS;
}

int32_t civil_day_at(int64_t ms)
{
    return (int32_t)(local_ms(ms) / DAY_MS);
}

int civil_minute_at(int64_t ms)
{
    return (int)(local_ms(ms) % DAY_MS / MINUTE_MS);
}

int64_t civil_ms_at(int32_t day, int minute_of_day)
{
    assert(minute_of_day >= 0 && minute_of_day <= CIVIL_MINUTES_A_DAY);
    return (int64_t)day * DAY_MS + (int64_t)minute_of_day * MINUTE_MS - OFFSET_MS;
}

int civil_weekday(int32_t day)
{
    /* 1970-01-01 was a Thursday. */
    int64_t since_monday = ((int64_t)day + 3) % 7;
    return (int)(since_monday < 0 ? since_monday + 7 : since_monday) + 1;
}

/* What is left to parse. */
struct scan {
    const uint8_t *at;
    const uint8_t *end;
};

static bool scan_char(struct scan *s, char c)
{
    if (s->at == s->end || *s->at != (uint8_t)c)
        return false;
    s->at++;
    return true;
}

/* Exactly n digits. */
static bool scan_number(struct scan *s, int n, int *ret_value)
{
    int value = 0;
    if (s->end - s->at < n)
        return false;
    for (int i = 0; i < n; i++) {
        if (s->at[i] < '0' || s->at[i] > '9')
            return false;
        value = value * 10 + (s->at[i] - '0');
    }
    s->at += n;
    *ret_value = value;
    return true;
}

static int scan_date(struct scan *s, int32_t *ret_day)
{
    struct civil_date d;
    if (!scan_number(s, 4, &d.year) || !scan_char(s, '-') || !scan_number(s, 2, &d.month) ||
        !scan_char(s, '-') || !scan_number(s, 2, &d.day) || !is_day_of_calendar(d))
        return -EINVAL;
    if (!is_year_in_range(d.year))
        return -ERANGE;
    *ret_day = civil_day_of(d);
    return 0;
}

/* ".5" or ".123456789", cut to milliseconds; nothing is 0 ms. */
static int scan_fraction(struct scan *s, int *ret_ms)
{
    *ret_ms = 0;
    if (!scan_char(s, '.'))
        return 0;
    int digits = 0;
    for (int digit; scan_number(s, 1, &digit); digits++)
        if (digits < 3)
            *ret_ms += digit * (digits == 0 ? 100 : digits == 1 ? 10 : 1);
    return digits >= 1 && digits <= 9 ? 0 : -EINVAL;
}

/* hh:mm, hh:mm:ss or hh:mm:ss.fraction; 24:00 and 24:00:00 too. */
static int scan_time(struct scan *s, int64_t *ret_ms)
{
    int hour, minute, second = 0, ms = 0;
    if (!scan_number(s, 2, &hour) || !scan_char(s, ':') || !scan_number(s, 2, &minute))
        return -EINVAL;
    if (scan_char(s, ':')) {
        if (!scan_number(s, 2, &second))
            return -EINVAL;
        int r = scan_fraction(s, &ms);
        if (r < 0)
            return r;
    }
    bool end_of_day = hour == 24 && minute == 0 && second == 0 && ms == 0;
    if ((hour > 23 && !end_of_day) || minute > 59 || second > 59)
        return -EINVAL;
    *ret_ms = (int64_t)(hour * 60 + minute) * MINUTE_MS + second * 1000 + ms;
    return 0;
}

/* Z, ±hh:mm, ±hhmm, ±hh, or nothing for UTC+8. ISO 8601 ends at 23:59; no zone is past 18 hours,
 * but that is not ours to judge. */
static int scan_offset(struct scan *s, int64_t *ret_ms)
{
    *ret_ms = OFFSET_MS;
    if (s->at == s->end)
        return 0;
    if (scan_char(s, 'Z') || scan_char(s, 'z')) {
        *ret_ms = 0;
        return 0;
    }
    int sign = scan_char(s, '+') ? 1 : scan_char(s, '-') ? -1 : 0;
    int hour, minute = 0;
    if (sign == 0 || !scan_number(s, 2, &hour))
        return -EINVAL;
    if (s->at != s->end) {
        (void)scan_char(s, ':'); /* may be left out */
        if (!scan_number(s, 2, &minute))
            return -EINVAL;
    }
    if (hour > 23 || minute > 59)
        return -EINVAL;
    *ret_ms = sign * (int64_t)(hour * 60 + minute) * MINUTE_MS;
    return 0;
}

int civil_parse_date(struct bytes text, int32_t *ret_day)
{
    if (text.size != 10)
        return -EINVAL;
    struct scan s = { text.data, text.data + text.size };
    return scan_date(&s, ret_day);
}

int civil_parse_instant(struct bytes text, int64_t *ret_ms)
{
    if (text.size < 10)
        return -EINVAL;
    struct scan s = { text.data, text.data + text.size };
    int32_t day;
    int64_t time_ms = 0, offset_ms = OFFSET_MS;
    int r = scan_date(&s, &day);
    if (r == 0 && s.at != s.end) {
        if (!scan_char(&s, ' ') && !scan_char(&s, 'T') && !scan_char(&s, 't'))
            return -EINVAL;
        r = scan_time(&s, &time_ms);
        if (r == 0)
            r = scan_offset(&s, &offset_ms);
    }
    if (r < 0)
        return r;
    if (s.at != s.end)
        return -EINVAL;
    int64_t ms = (int64_t)day * DAY_MS + time_ms - offset_ms;
    if (ms != local_ms(ms) - OFFSET_MS)
        return -ERANGE;
    *ret_ms = ms;
    return 0;
}

const char *civil_format_date(int32_t day, char *out)
{
    struct civil_date d = civil_date_of(day);
    (void)snprintf(out, CIVIL_DATE_SIZE, "%04d-%02d-%02d", d.year, d.month, d.day); /* fits */
    return out;
}

const char *civil_format_instant(int64_t ms, char *out)
{
    int64_t local = local_ms(ms);
    int second_of_day = (int)(local % DAY_MS / 1000);
    char date[CIVIL_DATE_SIZE];
    (void)snprintf(out, CIVIL_INSTANT_SIZE, "%s %02d:%02d:%02d+08:00", /* fits */
                   civil_format_date((int32_t)(local / DAY_MS), date), second_of_day / 3600,
                   second_of_day / 60 % 60, second_of_day % 60);
    return out;
}
