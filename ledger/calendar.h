/* calendar.h - working days, from the year tables that the State Council's office publishes.
 *
 * Weekends are off except days worked in exchange (调休); the days named in a year's notice are off.
 * A year without a published table has weekends and 1 January off and is PROVISIONAL: whoever
 * counts through it is told so. A notice may name days of the December before it, so a December
 * day is looked up in the next year's table too, once there is one. */
#ifndef LEDGER_CALENDAR_H
#define LEDGER_CALENDAR_H

#include "ledger/key.h"

enum { CALENDAR_CACHED_YEARS = 4 };

/* A reader of the year tables; by value, cheap to make, dies with its arena. Errors are sticky. */
struct calendar {
    const struct ledger_view *view;
    struct arena *arena;
    int error;
    struct calendar_year {
        int year;                         /* 0: slot is free */
        const Zb__CalendarRecord *record; /* NULL: not published */
    } years[CALENDAR_CACHED_YEARS];
};

struct calendar calendar_of(const struct ledger_view *view, struct arena *arena);

/* calendar_key - a year's key in table `calendar`. */
struct ledger_key calendar_key(uint32_t year);

/* A counted day, and whether a year without a published table had a part in it. */
struct calendar_day {
    int32_t day; /* civil day number */
    bool provisional;
};

/* calendar_is_published - whether the table of that day's year is there and not provisional. */
bool calendar_is_published(struct calendar *calendar, int32_t day);

/* calendar_is_workday - whether people are expected to work on that civil day. */
bool calendar_is_workday(struct calendar *calendar, int32_t day);

/* calendar_add - the nth working day after `day` (before it where count is negative); the day
 * itself is not counted. count 0 gives `day` as it is. Provisional when any day from `day`'s
 * successor to the result lies in an unpublished year (or, for count 0, the day itself). After an
 * error of the view (calendar.error) the result means nothing.
 * Units:  count in [-1000, 1000] working days. */
struct calendar_day calendar_add(struct calendar *calendar, int32_t day, int32_t count);

#endif
