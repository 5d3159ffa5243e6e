/* civil.h - civil dates and times of day at UTC+8.
 *
 * Deadlines are civil dates of China, which has one offset and no daylight saving, so the offset is
 * a constant here and the TZ variable is never looked at. A day number is an int32_t: days since
 * 1970-01-01. An instant is Unix milliseconds. Nothing here reads a clock. */
#ifndef BASE_CIVIL_H
#define BASE_CIVIL_H

#include "base/bytes.h"

struct civil_date {
    int year;  /* 1970 .. 2999 */
    int month; /* 1 .. 12 */
    int day;   /* 1 .. days of the month */
};

enum {
    CIVIL_YEAR_FIRST = 1970,
    CIVIL_YEAR_LAST = 2999,
    CIVIL_DAY_FIRST = 0,     /* 1970-01-01 */
    CIVIL_DAY_LAST = 376199, /* 2999-12-31 */
    CIVIL_MINUTES_A_DAY = 1440,
    CIVIL_DATE_SIZE = 16, /* with NUL, whatever the day number */
    CIVIL_INSTANT_SIZE = 32,
};

/* civil_is_date - whether year, month and day name a day from 1970-01-01 to 2999-12-31. */
bool civil_is_date(struct civil_date date);

/* civil_day_of - the number of a day that civil_is_date() accepts; anything else is a bug. */
int32_t civil_day_of(struct civil_date date);

/* civil_date_of - the date of any day number, also one outside the years 1970 to 2999 (a deadline
 * counted past the end of the range must not stop a daemon). */
struct civil_date civil_date_of(int32_t day);

/* civil_day_at - the civil day at UTC+8 that contains the instant; an instant before 1970 or after
 * 2999 gives the first or the last day of that range. */
int32_t civil_day_at(int64_t ms);

/* civil_minute_at - minutes since that day's 00:00 at UTC+8, [0, 1439]. */
int civil_minute_at(int64_t ms);

/* civil_ms_at - the instant of a day's hh:mm at UTC+8. Units: minute_of_day in [0, 1440], where
 * 1440 is 24:00, the end of the day. The first eight hours of 1970-01-01 are negative. */
int64_t civil_ms_at(int32_t day, int minute_of_day);

/* civil_weekday - 1 = Monday … 7 = Sunday (ISO 8601). */
int civil_weekday(int32_t day);

/* civil_parse_date - "2026-09-07", exactly ten characters.
 * Errors: -EINVAL not of that form or no such day; -ERANGE a year outside 1970 to 2999. */
int civil_parse_date(struct bytes text, int32_t *ret_day);

/* civil_parse_instant - one of
 *     2026-09-07                       00:00 at UTC+8
 *     2026-09-07 09:00                 at UTC+8; also with T, with :ss and .fraction
 *     2026-09-07T01:00:00Z             with Z, ±hh:mm, ±hhmm or ±hh
 * 24:00 is the end of its day. A fraction is cut to milliseconds. A leap second is refused.
 * Errors: as civil_parse_date; -ERANGE also where the offset leads out of the range. */
int civil_parse_instant(struct bytes text, int64_t *ret_ms);

/* civil_format_date - "2026-09-07" into out[CIVIL_DATE_SIZE]; returns out. */
const char *civil_format_date(int32_t day, char *out);

/* civil_format_instant - "2026-09-07 09:00:00+08:00" into out[CIVIL_INSTANT_SIZE], milliseconds
 * left out; an instant out of range is shown as the nearest one in it. Returns out. */
const char *civil_format_instant(int64_t ms, char *out);

#endif
