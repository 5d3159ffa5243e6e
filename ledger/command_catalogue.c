/* command_catalogue.c - what the whole ledger goes by: catalogue, calendar, simulated clock. */
#include "ledger/command.h"

#include <errno.h>

#include "base/civil.h"
#include "base/text.h"
#include "ledger/case.h"
#include "ledger/lookup.h"
#include "ledger/recount.h"

enum { LABEL_BYTES = 128, DAYS_BYTES = 1024, DAYS_MAX = 200, SOURCE_BYTES = 256 };

/* Marks the catalogue before as active no longer. */
static int retire_active(const struct ruling *at)
{
    struct digest active;
    Zb__CatalogueRecord *record;
    int r = active_catalogue(at, &active);
    if (r == 0)
        r = LEDGER_GET(at->view, TABLE_CATALOGUE, key_id(digest_bytes(&active)), at->arena,
                       &record);
    if (r != 0)
        return r == -ENOENT ? 0 : r;
    record->active = false;
    struct ledger_key key = key_id(digest_bytes(&active));
    emit_put(at->out, TABLE_CATALOGUE, ledger_key_bytes(&key), &record->base);
    return output_error(at->out);
}

/* One entry: from here on verdicts of this catalogue count. Rows are judged anew and installs
 * follow step by step (recount.h); until then positions stand as the old catalogue left them. */
static int decide_activate(const struct command_call *call)
{
    const struct ruling *at = call->at;
    const char *hex = command_argument(call, "catalogue");
    struct digest digest, active;
    Zb__CatalogueRecord record = ZB__CATALOGUE_RECORD__INIT;
    if (hex_decode(bytes_str(hex), digest.b, sizeof(digest.b)) < 0)
        return -EINVAL; /* its kind was checked */
    int r = active_catalogue(at, &active);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == 0 && digest_eq(active, digest)) {
        emit_result(at->out, REFUSAL_BAD_STATE, "catalogue %s is active already", hex);
        return 0;
    }
    record.digest = blob_of(digest_bytes(&digest));
    record.label = (char *)(uintptr_t)command_argument(call, "label"); /* only read */
    record.products = command_number(call, "products", 0);
    record.activated_ms = at->now_ms;
    record.activated_by = blob_of(call->actor);
    record.active = true;
    (void)emit_entry(at->out, ENTRY_CATALOGUE, call->actor, "catalogue %s active", record.label);
    r = retire_active(at);
    if (r < 0)
        return r;
    struct ledger_key key = key_id(digest_bytes(&digest));
    emit_put(at->out, TABLE_CATALOGUE, ledger_key_bytes(&key), &record.base);
    Zb__StateRecord state = ZB__STATE_RECORD__INIT;
    state.bytes = record.digest;
    state.at_ms = at->now_ms;
    state_put(at, STATE_CATALOGUE, &state);
    recount_begin(at);
    r = state_bump(at, STATE_REGISTRY);
    emit_result(at->out, REFUSAL_NONE, "catalogue %s is active; rows are judged anew",
                record.label);
    return r;
}

/* ---- calendar ---- */

static int day_cmp(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Days between commas, of the year or the December before it. False when the result says what is
 * wrong with them. */
static bool read_days(const struct command_call *call, const char *name, int year, int32_t *days,
                      size_t *ret_count)
{
    const char *text = command_argument(call, name);
    *ret_count = 0;
    while (text != NULL && *text != '\0') {
        size_t size = strcspn(text, ",");
        int32_t day;
        bool is_day = civil_parse_date(bytes_of(text, size), &day) == 0;
        struct civil_date date = civil_date_of(is_day ? day : 0);
        if (!is_day || *ret_count == DAYS_MAX ||
            !(date.year == year || (date.year == year - 1 && date.month == 12))) {
            emit_result(call->at->out, REFUSAL_INVALID,
                        "%s: '%.*s' is no day of %d or of the December before it", name,
                        (int)(size > 32 ? 32 : size), text, year);
            return false;
        }
        days[(*ret_count)++] = day;
        text += size + (text[size] == ',');
    }
    if (*ret_count > 1)
        qsort(days, *ret_count, sizeof(*days), day_cmp);
    return true;
}

static int decide_calendar(const struct command_call *call)
{
    const struct ruling *at = call->at;
    uint64_t year = command_number(call, "year", 0);
    Zb__CalendarRecord record = ZB__CALENDAR_RECORD__INIT;
    if (year < CIVIL_YEAR_FIRST || year > CIVIL_YEAR_LAST) {
        emit_result(at->out, REFUSAL_INVALID, "year is from %d to %d", CIVIL_YEAR_FIRST,
                    CIVIL_YEAR_LAST);
        return 0;
    }
    record.off_days = arena_calloc(at->arena, DAYS_MAX, sizeof(int32_t));
    record.work_days = arena_calloc(at->arena, DAYS_MAX, sizeof(int32_t));
    if (record.off_days == NULL || record.work_days == NULL)
        return -ENOMEM;
    if (!read_days(call, "off", (int)year, record.off_days, &record.n_off_days) ||
        !read_days(call, "work", (int)year, record.work_days, &record.n_work_days))
        return output_error(at->out);
    for (size_t i = 0; i < record.n_work_days; i++)
        if (record.n_off_days > 0 && bsearch(&record.work_days[i], record.off_days,
                                             record.n_off_days, sizeof(int32_t), day_cmp) != NULL) {
            char date[CIVIL_DATE_SIZE];
            emit_result(at->out, REFUSAL_INVALID, "%s is both off and worked",
                        civil_format_date(record.work_days[i], date));
            return 0;
        }
    record.year = (uint32_t)year;
    record.source = (char *)(uintptr_t)command_argument(call, "source"); /* only read */
    record.loaded_ms = at->now_ms;
    uint8_t be[4];
    put_u32be(be, record.year);
    struct ledger_key key = key_id(bytes_of(be, sizeof(be)));
    (void)emit_entry(at->out, ENTRY_CALENDAR, call->actor, "calendar of %u", record.year);
    emit_put(at->out, TABLE_CALENDAR, ledger_key_bytes(&key), &record.base);
    emit_result(at->out, REFUSAL_NONE, "year %u: %zu days off, %zu worked in exchange", record.year,
                record.n_off_days, record.n_work_days);
    return rule_calendar_loaded(at, record.year);
}

/* ---- clock ---- */

/* The entry is the order; the notifier carries it out, instant by instant. */
static int decide_advance(const struct command_call *call)
{
    const struct ruling *at = call->at;
    const char *text = command_argument(call, "to");
    Zb__GenesisRecord *genesis;
    int64_t to_ms;
    int r = LEDGER_GET(at->view, TABLE_GENESIS, key_id(bytes_of("", 1)), at->arena, &genesis);
    if (r < 0)
        return r;
    if (civil_parse_instant(bytes_str(text), &to_ms) < 0)
        return -EINVAL; /* its kind was checked */
    if (!genesis->simulated || to_ms <= at->now_ms) {
        emit_result(at->out, genesis->simulated ? REFUSAL_INVALID : REFUSAL_BAD_STATE,
                    genesis->simulated ? "%s is not after the clock"
                                       : "the clock of this ledger is the real one; %s comes by "
                                         "itself",
                    text);
        return 0;
    }
    (void)emit_entry(at->out, ENTRY_CLOCK, call->actor, "clock to %s", text);
    Zb__StateRecord target = ZB__STATE_RECORD__INIT;
    target.at_ms = to_ms;
    struct ledger_key key = key_name("clock_target");
    emit_put(at->out, TABLE_STATE, ledger_key_bytes(&key), &target.base);
    emit_result(at->out, REFUSAL_NONE, "the clock goes to %s", text);
    emit_result_value(at->out, "advance_to_ms", "%lld", (long long)to_ms);
    return output_error(at->out);
}

static const struct argument_spec activate_arguments[] = {
    { "catalogue", ARGUMENT_HEX32, true, 64, NULL, "digest of the catalogue" },
    { "label", ARGUMENT_TEXT, true, LABEL_BYTES, NULL, "what people call it" },
    { "products", ARGUMENT_NUMBER, false, 12, NULL, "how many it knows" },
};
static const struct argument_spec calendar_arguments[] = {
    { "year", ARGUMENT_NUMBER, true, 4, NULL, "the year of the notice" },
    { "off", ARGUMENT_TEXT, false, DAYS_BYTES, NULL, "days off, by commas: 2026-01-01,..." },
    { "work", ARGUMENT_TEXT, false, DAYS_BYTES, NULL, "weekend days that are worked" },
    { "source", ARGUMENT_TEXT, true, SOURCE_BYTES, NULL, "the notice it is taken from" },
};
static const struct argument_spec advance_arguments[] = {
    { "to", ARGUMENT_INSTANT, true, 40, NULL, "where the simulated clock goes" },
};

const struct command_spec catalogue_commands[] = {
    { "catalogue.activate", "lets verdicts of a catalogue count", ACTOR_ADMINISTRATOR, NULL,
      activate_arguments, ARRAY_LEN(activate_arguments), 0, decide_activate },
    { "calendar.load", "loads the days off of a year", ACTOR_ADMINISTRATOR, NULL,
      calendar_arguments, ARRAY_LEN(calendar_arguments), 0, decide_calendar },
    { "clock.advance", "moves a simulated clock", ACTOR_ADMINISTRATOR, NULL, advance_arguments,
      ARRAY_LEN(advance_arguments), 0, decide_advance },
};
const size_t catalogue_command_count = ARRAY_LEN(catalogue_commands);
