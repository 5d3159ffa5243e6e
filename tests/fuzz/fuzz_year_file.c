/* fuzz_year_file.c - any bytes as a published year: refused with place and remedy, or days that lie
 * in the year, ascending, none twice, each of them a difference from Monday to Friday. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "base/civil.h"
#include "cli/year_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 1024 * 1024, SATURDAY = 6 };

static void check_days(const Zb__CalendarRecord *year, const int32_t *days, size_t count,
                       bool weekend)
{
    for (size_t i = 0; i < count; i++) {
        struct civil_date date = civil_date_of(days[i]);
        assert(date.year == (int)year->year ||
               (date.year == (int)year->year - 1 && date.month == 12));
        assert(i == 0 || days[i - 1] < days[i]);
        assert((civil_weekday(days[i]) >= SATURDAY) == weekend);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
    struct complaint why = { 0 };
    Zb__CalendarRecord *year;
    if (arena == NULL)
        return 0;
    int r = year_parse(bytes_of(data, size), "year.json", arena, &year, &why);
    if (r == 0) {
        check_days(year, year->off_days, year->n_off_days, false);
        check_days(year, year->work_days, year->n_work_days, true);
    } else {
        assert(r == -EBADMSG || r == -ENOMEM);
        assert(r != -EBADMSG || (why.place[0] != '\0' && why.what[0] != '\0'));
    }
    return 0;
}
