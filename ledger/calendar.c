/* calendar.c - counts working days one civil day at a time: deadlines are at most a few dozen. */
#include "ledger/calendar.h"

#include <assert.h>
#include <errno.h>

#include "base/civil.h"

enum { COUNT_MAX = 1000, WEEKDAY_FRIDAY = 5, MONTH_DECEMBER = 12 };

struct calendar calendar_of(const struct ledger_view *view, struct arena *arena)
{
    return (struct calendar){ .view = view, .arena = arena };
}

struct ledger_key calendar_key(uint32_t year)
{
    uint8_t be[4];
    put_u32be(be, year);
    return key_id(bytes_of(be, sizeof(be)));
}

/* The published table of a year; NULL when there is none (or after an error). */
static const Zb__CalendarRecord *year_table(struct calendar *calendar, int year)
{
    struct calendar_year *slot = &calendar->years[(unsigned)year % CALENDAR_CACHED_YEARS];
    if (slot->year == year)
        return slot->record;
    Zb__CalendarRecord *record = NULL;
    int r = LEDGER_GET(calendar->view, TABLE_CALENDAR, calendar_key((uint32_t)year),
                       calendar->arena, &record);
    if (r < 0 && r != -ENOENT) {
        calendar->error = calendar->error < 0 ? calendar->error : r;
        return NULL;
    }
    *slot = (struct calendar_year){
        .year = year,
        .record = r == 0 && !record->provisional ? record : NULL,
    };
    return slot->record;
}

static bool names_day(const int32_t *days, size_t count, int32_t day)
{
    for (size_t i = 0; i < count; i++)
        if (days[i] == day)
            return true;
    return false;
}

/* What a table says of a day: 1 worked, 0 off, -1 nothing. */
static int table_says(const Zb__CalendarRecord *table, int32_t day)
{
    if (table == NULL)
        return -1;
    if (names_day(table->work_days, table->n_work_days, day))
        return 1;
    return names_day(table->off_days, table->n_off_days, day) ? 0 : -1;
}

bool calendar_is_published(struct calendar *calendar, int32_t day)
{
    return year_table(calendar, civil_date_of(day).year) != NULL;
}

bool calendar_is_workday(struct calendar *calendar, int32_t day)
{
    struct civil_date date = civil_date_of(day);
    const Zb__CalendarRecord *table = year_table(calendar, date.year);
    int says = table_says(table, day);
    if (says < 0 && date.month == MONTH_DECEMBER)
        says = table_says(year_table(calendar, date.year + 1), day);
    if (says >= 0)
        return says == 1;
    if (table == NULL && date.month == 1 && date.day == 1)
        return false; /* fixed by the regulation on holidays itself, whatever the notice says */
    return civil_weekday(day) <= WEEKDAY_FRIDAY;
}

struct calendar_day calendar_add(struct calendar *calendar, int32_t day, int32_t count)
{
    assert(count >= -COUNT_MAX && count <= COUNT_MAX);
    struct calendar_day at = { .day = day };
    int32_t step = count < 0 ? -1 : 1;
    if (count == 0)
        at.provisional = !calendar_is_published(calendar, day);
    for (int32_t left = count; left != 0;) {
        at.day += step;
        at.provisional |= !calendar_is_published(calendar, at.day);
        if (calendar_is_workday(calendar, at.day))
            left -= step;
    }
    return at;
}
