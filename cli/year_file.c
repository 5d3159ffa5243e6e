/* year_file.c - reads a year of the holiday-cn form, strictly: a wrong day moves every deadline. */
#include "cli/year_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/civil.h"
#include "base/cleanup.h"
#include "cli/i18n.h"

enum { SATURDAY = 6, DECEMBER = 12 };

/* What is being read, for complaints. */
struct year_reader {
    const char *file;
    struct arena *arena;
    struct complaint *why;
    Zb__CalendarRecord *record;
    int32_t seen[YEAR_FILE_DAYS];
    size_t seen_count;
};

static int day_fault(const struct year_reader *reader, size_t index, const char *key,
                     const char *remedy, const char *what)
{
    complaint_at(reader->why, "%s: days[%zu].%s", reader->file, index, key);
    return complain(reader->why, -EBADMSG, remedy, "%s", what);
}

/* A year's notice may name days of the December before it. */
static bool belongs(const Zb__CalendarRecord *record, int32_t day)
{
    struct civil_date date = civil_date_of(day);
    return date.year == (int)record->year ||
           (date.year == (int)record->year - 1 && date.month == DECEMBER);
}

static int read_day(struct year_reader *reader, size_t index, const json_t *item)
{
    const json_t *date = json_object_get(item, "date"), *off = json_object_get(item, "isOffDay");
    int32_t day;
    if (!json_is_string(date) ||
        civil_parse_date(bytes_of(json_string_value(date), json_string_length(date)), &day) < 0)
        return day_fault(reader, index, "date", _("write it as \"2026-01-01\""),
                         _("this is no date"));
    if (!json_is_boolean(off))
        return day_fault(reader, index, "isOffDay", _("write true or false"),
                         _("this is neither true nor false"));
    if (!belongs(reader->record, day))
        return day_fault(reader, index, "date", _("move it to the file of its year"),
                         _("the day lies outside the file's year"));
    for (size_t i = 0; i < reader->seen_count; i++)
        if (reader->seen[i] == day)
            return day_fault(reader, index, "date", _("name each day once"),
                             _("the day is named twice"));
    reader->seen[reader->seen_count++] = day;
    bool weekend = civil_weekday(day) >= SATURDAY;
    Zb__CalendarRecord *record = reader->record;
    if (json_is_true(off) && !weekend)
        record->off_days[record->n_off_days++] = day;
    else if (json_is_false(off) && weekend)
        record->work_days[record->n_work_days++] = day;
    return 0;
}

static int day_cmp(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int read_root(struct year_reader *reader, const json_t *root)
{
    const json_t *year = json_object_get(root, "year"), *days = json_object_get(root, "days");
    struct complaint *why = reader->why;
    complaint_at(why, "%s: year", reader->file);
    if (!json_is_integer(year) || json_integer_value(year) < CIVIL_YEAR_FIRST ||
        json_integer_value(year) > CIVIL_YEAR_LAST)
        return complain(why, -EBADMSG, _("write \"year\": 2026"),
                        _("there is no year from %d to %d"), CIVIL_YEAR_FIRST, CIVIL_YEAR_LAST);
    complaint_at(why, "%s: days", reader->file);
    size_t count = json_array_size(days);
    if (!json_is_array(days) || count == 0 || count > YEAR_FILE_DAYS)
        return complain(why, -EBADMSG, _("list the days off and the days worked in exchange"),
                        _("there is no list of 1 to %d days"), YEAR_FILE_DAYS);
    Zb__CalendarRecord *record = arena_alloc(reader->arena, sizeof(*record));
    if (record == NULL)
        return -ENOMEM;
    zb__calendar_record__init(record);
    record->year = (uint32_t)json_integer_value(year);
    record->off_days = arena_calloc(reader->arena, count, sizeof(*record->off_days));
    record->work_days = arena_calloc(reader->arena, count, sizeof(*record->work_days));
    record->source = arena_strdup(reader->arena, bytes_str(reader->file));
    if (record->off_days == NULL || record->work_days == NULL || record->source == NULL)
        return -ENOMEM;
    reader->record = record;
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = read_day(reader, i, json_array_get(days, i));
    qsort(record->off_days, record->n_off_days, sizeof(int32_t), day_cmp);
    qsort(record->work_days, record->n_work_days, sizeof(int32_t), day_cmp);
    return r;
}

int year_parse(struct bytes text, const char *file, struct arena *arena,
               Zb__CalendarRecord **ret_record, struct complaint *why)
{
    struct year_reader reader = { .file = file, .arena = arena, .why = why };
    json_error_t error;
    if (text.size > YEAR_FILE_BYTES) {
        complaint_at(why, "%s", file);
        return complain(why, -EBADMSG, _("give one year of the holiday-cn form"),
                        _("it has more than %d bytes"), YEAR_FILE_BYTES);
    }
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        complaint_at(why, _("%s: line %d, column %d"), file, error.line, error.column);
        return complain(why, -EBADMSG, _("give one year of the holiday-cn form"),
                        _("this is no JSON: %s"), error.text);
    }
    int r = read_root(&reader, root);
    json_decref(root);
    if (r == 0)
        *ret_record = reader.record;
    return r;
}
