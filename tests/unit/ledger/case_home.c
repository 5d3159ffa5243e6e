#include "tests/unit/ledger/case_home.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/civil.h"

enum { ARENA_BYTES = 64 * 1024 * 1024 };

int64_t at(const char *instant)
{
    int64_t ms;
    assert(civil_parse_instant(bytes_str(instant), &ms) == 0);
    return ms;
}

int32_t day(const char *date)
{
    int32_t number;
    assert(civil_parse_date(bytes_str(date), &number) == 0);
    return number;
}

const char *day_text(int32_t day_number)
{
    static char texts[8][CIVIL_DATE_SIZE];
    static unsigned next;
    return civil_format_date(day_number, texts[next++ % ARRAY_LEN(texts)]);
}

struct home *home_new(const char *now)
{
    struct home *home = calloc(1, sizeof(*home));
    assert(home != NULL);
    home->memory = memory_view_new();
    home->arena = arena_new(ARENA_BYTES);
    home->rules = ledger_rules_default();
    home->now_ms = at(now);
    assert(home->memory != NULL && home->arena != NULL);
    return home;
}

void home_free(struct home *home)
{
    if (home == NULL)
        return;
    memory_view_free(home->memory);
    arena_free(home->arena);
    free(home);
}

/* ---- records ---- */

static void apply(struct home *home, const Zb__Entry *entry)
{
    struct ledger_writer writer = memory_writer(home->memory);
    assert(ledger_apply(&writer, entry, home->arena) == 0);
}

static void effect(struct home *home, enum ledger_table table, struct ledger_key key,
                   const ProtobufCMessage *record)
{
    Zb__Entry entry = ZB__ENTRY__INIT;
    Zb__Effect change = ZB__EFFECT__INIT, *changes[] = { &change };
    struct arena_mark mark = arena_mark(home->arena);
    change.table = table;
    change.key = blob_of(ledger_key_bytes(&key));
    change.removed = record == NULL;
    if (record != NULL) {
        uint8_t *packed = arena_alloc(home->arena, protobuf_c_message_get_packed_size(record));
        assert(packed != NULL);
        change.value = blob_of(bytes_of(packed, protobuf_c_message_pack(record, packed)));
    }
    entry.n_effects = 1;
    entry.effects = changes;
    apply(home, &entry);
    arena_rewind(home->arena, mark);
}

void home_put(struct home *home, enum ledger_table table, struct ledger_key key,
              const ProtobufCMessage *record)
{
    effect(home, table, key, record);
}

void home_del(struct home *home, enum ledger_table table, struct ledger_key key)
{
    effect(home, table, key, NULL);
}

void home_unit(struct home *home, const char *id, const char *parent, Zb__Phase phase)
{
    Zb__UnitRecord unit = ZB__UNIT_RECORD__INIT;
    unit.id = (char *)(uintptr_t)id;
    unit.parent = (char *)(uintptr_t)parent;
    unit.name = unit.id;
    unit.phase = phase;
    home_put(home, TABLE_UNIT, key_text(id), &unit.base);
}

void home_official(struct home *home, const char *unit, Zb__OfficialRole role)
{
    Zb__OfficialRecord official = ZB__OFFICIAL_RECORD__INIT;
    char *channels[] = { (char *)(uintptr_t) "smtp" };
    official.unit = (char *)(uintptr_t)unit;
    official.role = role;
    official.language = (char *)(uintptr_t) "zh_CN";
    official.n_channels = 1;
    official.channels = channels;
    home_put(home, TABLE_OFFICIAL, key_text_u8(unit, (uint8_t)role), &official.base);
}

void home_tree(struct home *home, Zb__Phase phase)
{
    home_unit(home, "hq", "", PHASE_ENFORCED);
    home_unit(home, "branch", "hq", phase);
    for (Zb__OfficialRole role = OFFICIAL_HANDLER; role <= OFFICIAL_PRINCIPAL; role++)
        home_official(home, "branch", role);
    for (Zb__OfficialRole role = OFFICIAL_LEAD_OFFICE; role <= OFFICIAL_ADMINISTRATOR; role++)
        home_official(home, "hq", role);
}

void home_year(struct home *home, uint32_t year)
{
    /* The State Council's notice for 2026 (domain.md §2, P12), weekends left out of `off`. */
    static const char *const off[] = { "2026-01-01", "2026-01-02", "2026-02-16", "2026-02-17",
                                       "2026-02-18", "2026-02-19", "2026-02-20", "2026-02-23",
                                       "2026-04-06", "2026-05-01", "2026-05-04", "2026-05-05",
                                       "2026-06-19", "2026-09-25", "2026-10-01", "2026-10-02",
                                       "2026-10-05", "2026-10-06", "2026-10-07" };
    static const char *const work[] = { "2026-01-04", "2026-02-14", "2026-02-28",
                                        "2026-05-09", "2026-09-20", "2026-10-10" };
    int32_t off_days[ARRAY_LEN(off) + 1], work_days[ARRAY_LEN(work)];
    Zb__CalendarRecord record = ZB__CALENDAR_RECORD__INIT;
    record.year = year;
    record.off_days = off_days;
    record.work_days = work_days;
    if (year == 2026) {
        for (size_t i = 0; i < ARRAY_LEN(off); i++)
            off_days[record.n_off_days++] = day(off[i]);
        for (size_t i = 0; i < ARRAY_LEN(work); i++)
            work_days[record.n_work_days++] = day(work[i]);
    } else { /* made up: New Year's Day and the Monday after the first weekend */
        char text[CIVIL_DATE_SIZE];
        (void)snprintf(text, sizeof(text), "%04u-01-01", year); /* fits */
        int32_t first = day(text);
        off_days[record.n_off_days++] = first;
        while (civil_weekday(first) != 1)
            first++;
        off_days[record.n_off_days++] = first;
    }
    home_put(home, TABLE_CALENDAR, calendar_key(year), &record.base);
}

static void endpoint_put(struct home *home, const char *unit, uint64_t endpoint)
{
    Zb__EndpointRecord record = ZB__ENDPOINT_RECORD__INIT;
    uint8_t producer[16] = { 1 }, name[16] = { 0 };
    put_u64be(name, endpoint);
    record.unit = (char *)(uintptr_t)unit;
    record.producer = blob_of(bytes_of(producer, sizeof(producer)));
    record.endpoint = blob_of(bytes_of(name, sizeof(name)));
    home_put(home, TABLE_ENDPOINT, key_u64(endpoint), &record.base);
}

void home_install(struct home *home, const char *unit, const char *product, Zb__LicenceClass class,
                  uint64_t endpoint, const char *since, uint8_t row)
{
    Zb__InstallRecord install = ZB__INSTALL_RECORD__INIT;
    endpoint_put(home, unit, endpoint);
    install.rows = blob_of(bytes_of(&row, 1));
    install.since_ms = at(since);
    install.licence_class = class;
    home_put(home, TABLE_INSTALL, key_text_text_u64(unit, product, endpoint), &install.base);
}

void home_uninstall(struct home *home, const char *unit, const char *product, uint64_t endpoint)
{
    home_del(home, TABLE_INSTALL, key_text_text_u64(unit, product, endpoint));
}

void home_report(struct home *home, uint64_t endpoint, const char *scan, const char *complete)
{
    Zb__ReportRecord report = ZB__REPORT_RECORD__INIT;
    struct id128 producer = { { 1 } };
    report.scan_ms = at(scan);
    report.complete_ms = complete == NULL ? 0 : at(complete);
    home_put(home, TABLE_REPORT, key_endpoint_producer(endpoint, producer), &report.base);
}

void home_position(struct home *home, const char *product, Zb__LicenceClass class,
                   uint64_t installed, uint64_t short_of, uint64_t never, uint64_t ended)
{
    Zb__PositionRecord position = ZB__POSITION_RECORD__INIT;
    position.installed = installed;
    position.short_of = short_of;
    position.consumed = installed - short_of;
    position.never = never;
    position.ended = ended;
    position.licence_class = class;
    home_put(home, TABLE_POSITION, key_text_text_u8("branch", product, METRIC_DEVICE),
             &position.base);
}

void home_right(struct home *home, uint64_t id, const char *product, uint64_t quantity, bool proof)
{
    Zb__RightRecord right = ZB__RIGHT_RECORD__INIT;
    uint8_t digest[32] = { 7 };
    right.id = id;
    right.unit = (char *)(uintptr_t) "branch";
    right.product = (char *)(uintptr_t)product;
    right.quantity = quantity;
    right.from_day = day("2020-01-01");
    right.counted_day = right.from_day;
    right.proof = blob_of(bytes_of(digest, proof ? sizeof(digest) : 0));
    home_put(home, TABLE_RIGHT, key_u64(id), &right.base);
}

/* ---- inputs ---- */

static int append(void *ctx, uint64_t index, struct bytes entry)
{
    struct home *home = ctx;
    (void)index;
    (void)entry;
    home->entries++;
    return 0;
}

static int try_input(struct home *home, const struct ledger_input *input)
{
    struct arena_mark mark = arena_mark(home->arena);
    struct ledger_writer writer = memory_writer(home->memory);
    struct ledger_journal journal = { .ctx = home, .append = append };
    struct ledger_run *run =
        ledger_run_new(&home->rules, &writer, &journal, home->head, home->arena);
    struct ledger_reply reply;
    assert(run != NULL);
    int r = ledger_run_input(run, input, home->now_ms, &reply);
    if (r == 0)
        r = ledger_run_finish(run, home->now_ms, &home->head);
    arena_rewind(home->arena, mark);
    return r;
}

void home_input(struct home *home, const struct ledger_input *input)
{
    int r = try_input(home, input);
    if (r < 0)
        (void)fprintf(stderr, "input of kind %d: %s\n", (int)input->kind, strerror(-r));
    assert(r == 0);
}

void home_assess(struct home *home, const char *product)
{
    home_input(home, &(struct ledger_input){ .kind = INPUT_ASSESS,
                                             .assess = { .unit = "branch", .product = product } });
}

/* ---- the post office ---- */

static void notice_state(struct home *home, uint64_t id, Zb__NoticeState state, const char *error,
                         bool temporary)
{
    home_input(
        home, &(struct ledger_input){
                  .kind = INPUT_NOTICE,
                  .notice = { .id = id, .state = state, .error = error, .temporary = temporary } });
}

static void log_sent(struct home *home, uint64_t id)
{
    const Zb__NoticeRecord *notice = home_notice(home, id);
    assert(home->sent_count < HOME_SENT_MAX);
    struct sent *sent = &home->sent[home->sent_count++];
    *sent = (struct sent){
        .notice = id,
        .case_id = notice->case_id,
        .at_ms = home->now_ms,
        .due_day = notice->due_day,
        .rung = notice->rung,
        .role = notice->official,
    };
    (void)snprintf(sent->unit, sizeof(sent->unit), "%s", notice->official_unit);     /* fits */
    (void)snprintf(sent->template, sizeof(sent->template), "%s", notice->template_); /* fits */
}

static void deliver(struct home *home, uint64_t id)
{
    notice_state(home, id, NOTICE_CLAIMED, NULL, false);
    notice_state(home, id, NOTICE_COMMITTING, NULL, false);
    switch (home->post) {
    case POST_SENDS:
        notice_state(home, id, NOTICE_SENT, NULL, false);
        log_sent(home, id);
        break;
    case POST_FAILS:
        notice_state(home, id, NOTICE_FAILED, "451 try again", true);
        break;
    case POST_REFUSES:
        notice_state(home, id, NOTICE_FAILED, "550 no such mailbox", false);
        break;
    default:
        notice_state(home, id, NOTICE_IN_DOUBT, "connection lost", false);
        break;
    }
}

/* The head of i_outbox; false when it is empty or the post rests. */
static bool outbox_head(struct home *home, int64_t *ret_ms, uint64_t *ret_id)
{
    struct ledger_view view = memory_view(home->memory);
    struct bytes key, value;
    if (home->post == POST_RESTS ||
        view.seek(view.ctx, INDEX_OUTBOX, BYTES_LIT("\0"), &key, &value) < 0)
        return false;
    *ret_ms = (int64_t)get_u64be(key.data);
    *ret_id = get_u64be(key.data + 8);
    return true;
}

void home_until_ms(struct home *home, int64_t ms)
{
    enum { STEPS_MAX = 200 * 1000 };
    for (int step = 0; step < STEPS_MAX; step++) {
        struct ledger_view view = memory_view(home->memory);
        struct ledger_input due;
        int64_t due_ms = INT64_MAX, out_ms = INT64_MAX;
        uint64_t notice = 0;
        int r = deadline_next_due(&view, &due);
        assert(r == 0 || r == -ENOENT);
        if (r == 0)
            due_ms = due.due.fire_ms;
        (void)outbox_head(home, &out_ms, &notice);
        int64_t next_ms = out_ms <= due_ms ? out_ms : due_ms; /* what is out goes first */
        if (next_ms > ms) {
            home->now_ms = ms > home->now_ms ? ms : home->now_ms;
            return;
        }
        if (next_ms > home->now_ms)
            home->now_ms = next_ms;
        if (out_ms <= due_ms)
            deliver(home, notice);
        else
            home_input(home, &due);
    }
    assert(false && "the clock goes round in circles");
}

void home_until(struct home *home, const char *instant)
{
    home_until_ms(home, at(instant));
}

void home_sleep(struct home *home, const char *instant)
{
    home->now_ms = at(instant);
}

/* ---- commands ---- */

static const struct command_spec *spec_of(const char *verb)
{
    for (size_t i = 0; i < case_command_count; i++)
        if (strcmp(case_commands[i].verb, verb) == 0)
            return &case_commands[i];
    return NULL;
}

static void carry_out(struct home *home, const struct ledger_output *out)
{
    struct output_list list = output_list(out);
    for (size_t i = 0; i < list.entry_count; i++)
        apply(home, list.entries[i]);
    for (size_t i = 0; i < list.follow_count; i++)
        home_input(home, &list.follows[i]);
}

Zb__RefusalReason home_command(struct home *home, const char *verb, ...)
{
    enum { ARGUMENTS_MAX = 8 };
    Zb__CommandBody body = ZB__COMMAND_BODY__INIT;
    Zb__Argument items[ARGUMENTS_MAX], *pointers[ARGUMENTS_MAX];
    uint8_t actor[16] = { 9 };
    struct arena_mark mark = arena_mark(home->arena);
    va_list args;
    va_start(args, verb);
    for (const char *name; (name = va_arg(args, const char *)) != NULL;) {
        assert(body.n_arguments < ARGUMENTS_MAX);
        zb__argument__init(&items[body.n_arguments]);
        items[body.n_arguments].name = (char *)(uintptr_t)name;
        items[body.n_arguments].value = va_arg(args, char *);
        pointers[body.n_arguments] = &items[body.n_arguments];
        body.n_arguments++;
    }
    va_end(args);
    body.arguments = pointers;
    body.verb = (char *)(uintptr_t)verb;
    struct ledger_view view = memory_view(home->memory);
    struct ledger_output *out = output_new(home->arena);
    struct ruling ruling = {
        .rules = &home->rules,
        .view = &view,
        .now_ms = home->now_ms,
        .arena = home->arena,
        .out = out,
    };
    struct command_call call = { .at = &ruling,
                                 .body = &body,
                                 .actor = bytes_of(actor, sizeof(actor)) };
    const struct command_spec *spec = spec_of(verb);
    assert(spec != NULL && out != NULL);
    assert(spec->decide(&call) == 0 && output_error(out) == 0);
    const Zb__CommandResult *result = output_list(out).reply.result;
    assert(result != NULL);
    Zb__RefusalReason refused = result->refused;
    carry_out(home, out);
    arena_rewind(home->arena, mark);
    return refused;
}

/* ---- looking ---- */

static ProtobufCMessage *look(struct home *home, enum ledger_table table, struct ledger_key key)
{
    struct ledger_view view = memory_view(home->memory);
    ProtobufCMessage *record;
    int r = ledger_get(&view, table, key, home->arena, &record);
    assert(r == 0 || r == -ENOENT);
    return r == 0 ? record : NULL;
}

Zb__CaseRecord *home_case(struct home *home, uint64_t id)
{
    return (Zb__CaseRecord *)look(home, TABLE_CASE, key_u64(id));
}

uint64_t home_cases(struct home *home)
{
    return memory_view_count(home->memory, TABLE_CASE);
}

Zb__LineRecord *home_line(struct home *home, uint64_t case_id, uint64_t line)
{
    return (Zb__LineRecord *)look(home, TABLE_LINE, key_u64_u64(case_id, line));
}

Zb__RungRecord *home_rung(struct home *home, uint64_t case_id, int32_t due_day, int32_t rung)
{
    return (Zb__RungRecord *)look(home, TABLE_RUNG, key_rung(case_id, due_day, rung));
}

Zb__NoticeRecord *home_notice(struct home *home, uint64_t id)
{
    return (Zb__NoticeRecord *)look(home, TABLE_NOTICE, key_u64(id));
}

bool home_rings(struct home *home, const char *kind, const char *subject)
{
    const Zb__AlarmRecord *alarm =
        (Zb__AlarmRecord *)look(home, TABLE_ALARM, key_text_text(kind, subject));
    return alarm != NULL && !alarm->cleared;
}

unsigned home_roles_told(const struct home *home, uint64_t case_id, const char *template,
                         int32_t rung)
{
    unsigned roles = 0;
    for (size_t i = 0; i < home->sent_count; i++)
        if (home->sent[i].case_id == case_id && home->sent[i].rung == rung &&
            strcmp(home->sent[i].template, template) == 0)
            roles |= 1u << home->sent[i].role;
    return roles;
}

size_t home_sent_count(const struct home *home, uint64_t case_id, const char *template)
{
    size_t n = 0;
    for (size_t i = 0; i < home->sent_count; i++)
        n += home->sent[i].case_id == case_id && strcmp(home->sent[i].template, template) == 0;
    return n;
}
