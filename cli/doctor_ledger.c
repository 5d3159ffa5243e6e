/* doctor_ledger.c - what the ledger itself says is missing, waiting or ringing. */
#include "cli/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/clock.h"
#include "cli/read.h"
#include "cli/shelf.h"
#include "ledger/calendar.h"
#include "ledger/case.h"
#include "ledger/settle.h"
#include "ledger/verdict.h"

enum {
    TODO_ROWS_MAX = 10000, /* looked at one by one */
    TODO_WAIT_MS = 1500,   /* a row that is being judged is gone by then */
    TODO_STEP_MS = 100,
    COMPILED_WITHIN_MS = 60 * 1000,
    NOVEMBER = 11,
};

static const struct ledger_key everything = { 0 };

static bool daemon_alive(const struct doctor *doctor, const char *program)
{
    for (size_t i = 0; i < doctor->daemon_count; i++)
        if (doctor->daemons[i].alive && strcmp(doctor->daemons[i].instance->program, program) == 0)
            return true;
    return false;
}

/* ---- matchers ---- */

static int matchers_enrolled(struct cli *cli, size_t *ret_count)
{
    struct scan keys = scan_begin(cli, TABLE_KEY, everything);
    *ret_count = 0;
    while (scan_next(&keys)) {
        const Zb__RegistryKey *key = ((const Zb__KeyRecord *)keys.record)->key;
        *ret_count += key->role == ROLE_MATCHER && key->state == KEY_ACTIVE;
    }
    return scan_end(&keys) == CLI_DONE ? 0 : -EIO;
}

/* The first unit that is past survey, where suspicions become cases; NULL: none is. */
static int unit_past_survey(struct cli *cli, const char **ret_unit)
{
    struct scan units = scan_begin(cli, TABLE_UNIT, everything);
    *ret_unit = NULL;
    while (*ret_unit == NULL && scan_next(&units)) {
        const Zb__UnitRecord *unit = (const Zb__UnitRecord *)units.record;
        if (unit->phase != PHASE_SURVEY)
            *ret_unit = arena_strdup(cli->arena, bytes_str(unit->id));
    }
    return scan_end(&units) == CLI_DONE ? 0 : -EIO;
}

static int look_matchers(struct doctor *doctor)
{
    size_t enrolled, at_work = 0;
    const char *past_survey;
    int r = matchers_enrolled(doctor->cli, &enrolled);
    if (r == 0)
        r = unit_past_survey(doctor->cli, &past_survey);
    if (r != 0)
        return r;
    for (size_t i = 0; i < doctor->daemon_count; i++)
        at_work += doctor->daemons[i].instance->stage == 1 &&
                   (doctor->daemons[i].alive || !doctor->daemons[i].here);
    const char *remedy =
        _("zhengban key new NAME --role matcher, enrol it and add it to config.yaml");
    if (enrolled == 0)
        doctor_broken(doctor, "matchers", remedy,
                      _("no matcher's key is enrolled: nobody judges rows"));
    else if (enrolled == 1 && past_survey != NULL)
        doctor_warn(doctor, "matchers", remedy,
                    _("no second matcher: in %s one key alone opens suspicions"), past_survey);
    else if (enrolled > 1 && at_work < 2 && daemon_alive(doctor, "notifier"))
        doctor_warn(doctor, "matchers",
                    _("start a second matcher, or revoke the keys that are no longer used"),
                    _("%zu matcher keys are enrolled and %zu at work: what would accuse waits for "
                      "a second opinion"),
                    enrolled, at_work);
    return 0;
}

/* ---- rows without a verdict ---- */

/* Rows of `todo` by what they wait for. */
struct todo {
    uint64_t unjudged, second, conflict;
    struct ledger_key first; /* the first that is not in conflict; empty: none */
};

static int todo_row(struct cli *cli, struct bytes key, struct bytes active, struct todo *todo)
{
    struct arena_mark mark = arena_mark(cli->arena);
    Zb__VerdictRecord *record = NULL;
    int r = READ_GET(cli, TABLE_VERDICT, key_id(key), &record);
    if (r == 0 && !bytes_eq(blob_bytes(record->catalogue), active))
        record = NULL; /* opinions by another catalogue do not count */
    if (record != NULL && record->conflict)
        todo->conflict++;
    else if (record != NULL && record->n_opinions > 0)
        todo->second++;
    else
        todo->unjudged++;
    if ((record == NULL || !record->conflict) && todo->first.size == 0)
        todo->first = key_id(key);
    arena_rewind(cli->arena, mark);
    return r == -ENOENT ? 0 : r;
}

static int todo_count(struct cli *cli, struct todo *ret_todo)
{
    struct digest active = { 0 };
    int r = shelf_active(cli, &active);
    struct scan rows = scan_begin(cli, TABLE_TODO, everything);
    *ret_todo = (struct todo){ 0 };
    r = r == -ENOENT ? 0 : r;
    for (size_t n = 0; r == 0 && n < TODO_ROWS_MAX && scan_next(&rows); n++)
        r = todo_row(cli, rows.key, digest_bytes(&active), ret_todo);
    int code = scan_end(&rows);
    return r < 0 ? r : code == CLI_DONE ? 0 : -EIO;
}

/* Whether the row still stands there after a moment, while those who would judge it run. */
static int todo_stays(struct doctor *doctor, struct ledger_key first, bool *ret_stays)
{
    *ret_stays = true;
    if (!daemon_alive(doctor, "notifier") || !daemon_alive(doctor, "matcher"))
        return 0;
    for (int64_t end_ms = clock_mono_ms() + TODO_WAIT_MS; clock_mono_ms() < end_ms;) {
        CLEANUP(page_abortp) struct page *page = NULL;
        int r = book_read(doctor->cli->book, &page);
        int has = r < 0 ? r : ledger_has(page_view(page), TABLE_TODO, first);
        if (has <= 0) {
            *ret_stays = false;
            return has;
        }
        page_abort(TAKE_PTR(page));
        (void)poll(NULL, 0, TODO_STEP_MS);
    }
    return 0;
}

static int look_todo(struct doctor *doctor)
{
    struct todo todo;
    bool stays = false;
    int r = todo_count(doctor->cli, &todo);
    if (r == 0 && todo.first.size > 0)
        r = todo_stays(doctor, todo.first, &stays);
    if (r == 0 && stays)
        r = todo_count(doctor->cli, &todo);
    if (r < 0)
        return r;
    if (stays && todo.unjudged > 0)
        doctor_warn(
            doctor, "todo", _("see whether a matcher runs and has the active catalogue's package"),
            _("%" PRIu64 " rows stay without a verdict and count as unknown"), todo.unjudged);
    if (stays && todo.second > 0)
        doctor_warn(doctor, "todo", _("start a second matcher"),
                    _("%" PRIu64 " rows stay without a second opinion and open nothing"),
                    todo.second);
    if (todo.conflict > 0)
        doctor_warn(doctor, "todo", _("see the alarms: a matcher is wrong or has another program"),
                    _("%" PRIu64 " rows are judged differently by two matchers"), todo.conflict);
    return 0;
}

/* ---- catalogue ---- */

static const char *catalogue_path(struct cli *cli, const char *key, const char *hex,
                                  const char *suffix)
{
    return cli_path(
        cli, arena_printf(cli->arena, "%s/%s%s", config_text(cli->config, key), hex, suffix));
}

static void look_package(struct doctor *doctor, const char *path, struct digest active)
{
    struct cli *cli = doctor->cli;
    struct complaint why = { 0 };
    struct digest digest = { 0 };
    struct bytes text;
    char label[PACKAGE_LABEL_BYTES];
    int r = file_read(cli->arena, path, PACKAGE_BYTES, &text, &why);
    if (r == 0)
        r = catalogue_verify(text, NULL, &digest, label, sizeof(label), &why);
    if (r == -ENOENT)
        doctor_broken(doctor, path, _("copy the package there; matchers on this host need it"),
                      _("the active catalogue's package is not there"));
    else if (r < 0)
        doctor_broken(doctor, path, _("copy the package again"), "%s",
                      why.what[0] == '\0' ? strerror(-r) : why.what);
    else if (!digest_eq(digest, active))
        doctor_broken(doctor, path, _("copy the package again"),
                      _("this package is not the one that its name says"));
}

/* Whether a matcher runs for long enough to have compiled what is active. */
static bool matcher_is_settled(const struct doctor *doctor)
{
    CLEANUP(clock_freep) struct clock *clock = clock_new_real();
    bool settled = false;
    for (size_t i = 0; clock != NULL && i < doctor->daemon_count; i++)
        settled = settled || (doctor->daemons[i].alive && doctor->daemons[i].instance->stage == 1 &&
                              clock_now_ms(clock) - doctor->daemons[i].running.started_ms >=
                                  COMPILED_WITHIN_MS);
    return settled;
}

static int look_compiled(struct doctor *doctor, const char *path)
{
    struct complaint why = { 0 };
    CLEANUP(catalogue_closep) struct catalogue *catalogue = NULL;
    if (access(path, F_OK) < 0) {
        if (matcher_is_settled(doctor))
            doctor_warn(doctor, path, _("read the end of the matchers' logs"),
                        _("the active catalogue is not compiled, though a matcher runs"));
        return 0;
    }
    int r = catalogue_open(path, &catalogue, &why);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        doctor_broken(doctor, path, _("remove the folder: it is compiled again"),
                      _("the compiled catalogue cannot be opened: %s"),
                      why.what[0] == '\0' ? strerror(-r) : why.what);
    return 0;
}

static int look_catalogue(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    struct digest active;
    int r = shelf_active(cli, &active);
    if (r == -ENOENT) {
        doctor_broken(doctor, "catalogue", _("zhengban catalogue activate FILE"),
                      _("no catalogue is active: nothing can be judged"));
        return 0;
    }
    if (r < 0)
        return r;
    const char *hex = read_hex(cli, digest_bytes(&active));
    const char *package = catalogue_path(cli, "catalogue.packages", hex, ".zbc");
    const char *compiled = catalogue_path(cli, "catalogue.compiled", hex, "");
    const char *names = catalogue_path(cli, "notices.names", hex, ".names");
    if (package == NULL || compiled == NULL || names == NULL)
        return -ENOMEM;
    look_package(doctor, package, active);
    if (access(names, R_OK) < 0)
        doctor_warn(doctor, names,
                    _("zhengban catalogue activate, with the same package, writes it again"),
                    _("the products' names are not there: notices name products by their ids"));
    return look_compiled(doctor, compiled);
}

/* ---- calendar ---- */

static int look_year(struct doctor *doctor, int year, bool now)
{
    struct cli *cli = doctor->cli;
    Zb__CalendarRecord *record;
    int r = READ_GET(cli, TABLE_CALENDAR, calendar_key((uint32_t)year), &record);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == 0 && !record->provisional)
        return 0;
    const char *where = arena_printf(cli->arena, _("calendar of %d"), year);
    const char *remedy = _("zhengban calendar load FILE, with the year as it was published");
    if (now)
        doctor_broken(doctor, where, remedy,
                      _("this year is not loaded: deadlines are provisional, rungs wait"));
    else
        doctor_warn(doctor, where, remedy,
                    _("next year is not loaded: deadlines that reach into it are provisional"));
    return 0;
}

static int look_calendar(struct doctor *doctor)
{
    struct civil_date today = civil_date_of(civil_day_at(doctor->clock.now_ms));
    int r = look_year(doctor, today.year, true);
    return r < 0 || today.month < NOVEMBER ? r : look_year(doctor, today.year + 1, false);
}

/* ---- officials ---- */

/* Whether mail is the only way to tell the person, and there is no mail. */
static bool is_out_of_reach(const struct config *config, const Zb__OfficialRecord *official)
{
    for (size_t i = 0; i < official->n_channels; i++)
        if (strcmp(official->channels[i], "smtp") != 0)
            return false;
    return official->n_channels > 0 && config_text(config, "mail.url")[0] == '\0';
}

static int look_role(struct doctor *doctor, const char *unit, Zb__OfficialRole role)
{
    struct cli *cli = doctor->cli;
    Zb__OfficialRecord *official;
    const char *word = read_word(cli, &zb__official_role__descriptor, "OFFICIAL_", (int)role);
    const char *where = arena_printf(cli->arena, "%s/%s", unit, word);
    const char *remedy = arena_printf(
        cli->arena, _("zhengban official set --unit %s --role %s --name NAME --mail ADDRESS"), unit,
        word);
    int r = READ_GET(cli, TABLE_OFFICIAL, key_text_u8(unit, (uint8_t)role), &official);
    if (r == -ENOENT)
        doctor_warn(doctor, where, remedy,
                    _("nobody is in this role; its notices go to the next one up"));
    else if (r < 0)
        return r;
    else if (read_person(cli, blob_bytes(official->person)) == NULL)
        doctor_warn(doctor, where, remedy, _("the person's name and address were erased"));
    else if (is_out_of_reach(cli->config, official))
        doctor_broken(doctor, where, _("set mail.url, or give the official the channel 'file'"),
                      _("only mail reaches this person, and no mail server is set"));
    return 0;
}

static int look_roles(struct doctor *doctor)
{
    static const Zb__OfficialRole roles[] = { OFFICIAL_HANDLER, OFFICIAL_DEPT_HEAD, OFFICIAL_DEPUTY,
                                              OFFICIAL_PRINCIPAL };
    struct scan units = scan_begin(doctor->cli, TABLE_UNIT, everything);
    int r = 0;
    while (r == 0 && scan_next(&units)) {
        const Zb__UnitRecord *unit = (const Zb__UnitRecord *)units.record;
        size_t count = unit->phase == PHASE_ENFORCED ? ARRAY_LEN(roles)
                       : unit->phase == PHASE_TRIAL  ? 1
                                                     : 0;
        for (size_t i = 0; r == 0 && i < count; i++)
            r = look_role(doctor, unit->id, roles[i]);
    }
    int code = scan_end(&units);
    return r < 0 ? r : code == CLI_DONE ? 0 : -EIO;
}

/* ---- notices and alarms ---- */

static bool is_undelivered(const Zb__NoticeRecord *notice)
{
    return notice->state == NOTICE_IN_DOUBT || notice->state == NOTICE_FAILED;
}

static int look_notices(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    struct scan notices = scan_begin(cli, TABLE_NOTICE, everything);
    while (scan_next(&notices)) {
        const Zb__NoticeRecord *notice = (const Zb__NoticeRecord *)notices.record;
        unsigned long long id = notice->id;
        if (!is_undelivered(notice))
            continue;
        const char *where = arena_printf(cli->arena, _("notice %llu"), id);
        const char *by_hand = arena_printf(cli->arena,
                                           _("zhengban notice print %llu; serve it by hand, then "
                                             "'zhengban notice resolve'"),
                                           id);
        if (notice->state == NOTICE_IN_DOUBT)
            doctor_warn(doctor, where,
                        arena_printf(cli->arena,
                                     _("ask the addressee, then 'zhengban notice resolve %llu'"),
                                     id),
                        _("nobody knows whether it arrived (%s)"), notice->error);
        else if (notice->given_up || notice->permanent)
            doctor_warn(doctor, where, by_hand, _("it was given up after %u tries (%s)"),
                        notice->tries, notice->error);
        else
            doctor_warn(doctor, where,
                        _("it is tried again by itself; see to the cause of the failure"),
                        _("it failed %u times, at last: %s"), notice->tries, notice->error);
    }
    return scan_end(&notices) == CLI_DONE ? 0 : -EIO;
}

/* Every kind of alarm that the rules raise. */
static const struct alarm_kind {
    const char *kind;
    enum doctor_severity severity;
    const char *remedy;
    bool of_notice; /* its subject is a notice, which "notices" tells while it is so */
} alarm_kinds[] = {
    { ALARM_FORKED, DOCTOR_BROKEN,
      N_("find out who else uses the key; revoke it, then make and enrol a new one"), false },
    { ALARM_MATCHER_CONFLICT, DOCTOR_BROKEN,
      N_("compare 'zhengban explain' of the row on both hosts; revoke the key that is wrong"),
      false },
    { ALARM_ROLE_MISSING, DOCTOR_WARNING, N_("name a person with 'zhengban official set'"), false },
    { ALARM_UNSERVED, DOCTOR_WARNING,
      N_("serve the case by hand and record it with 'zhengban case serve'"), false },
    { ALARM_IN_DOUBT, DOCTOR_WARNING, N_("ask the addressee, then 'zhengban notice resolve'"),
      true },
    { ALARM_NOTICE_FAILED, DOCTOR_WARNING,
      N_("'zhengban notice print', serve it by hand, then 'zhengban notice resolve'"), true },
    { ALARM_PROVISIONAL, DOCTOR_WARNING,
      N_("zhengban calendar load FILE, with the year as it was published"), false },
};

static bool notice_told(struct cli *cli, const char *subject)
{
    Zb__NoticeRecord *notice;
    return READ_GET(cli, TABLE_NOTICE, key_u64(strtoull(subject, NULL, 10)), &notice) == 0 &&
           is_undelivered(notice);
}

static int look_alarms(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    struct scan alarms = scan_begin(cli, TABLE_ALARM, everything);
    while (scan_next(&alarms)) {
        const Zb__AlarmRecord *alarm = (const Zb__AlarmRecord *)alarms.record;
        const struct alarm_kind *kind = NULL;
        for (size_t i = 0; i < ARRAY_LEN(alarm_kinds); i++)
            if (strcmp(alarm_kinds[i].kind, alarm->kind) == 0)
                kind = &alarm_kinds[i];
        if (alarm->cleared || (kind != NULL && kind->of_notice && notice_told(cli, alarm->subject)))
            continue;
        struct complaint why = { 0 };
        complaint_at(&why, _("alarm %s of %s"), alarm->kind, alarm->subject);
        (void)complain(&why, 0,
                       kind == NULL ? _("it stands until its cause is gone") : _(kind->remedy),
                       _("%s (since %s)"), alarm->text, read_instant(cli, alarm->since_ms));
        doctor_complain(doctor, kind == NULL ? DOCTOR_WARNING : kind->severity, NULL, 0, &why);
    }
    return scan_end(&alarms) == CLI_DONE ? 0 : -EIO;
}

static const struct doctor_check checks[] = {
    { "matchers", NEEDS_LEDGER, look_matchers },   { "todo", NEEDS_LEDGER, look_todo },
    { "catalogue", NEEDS_LEDGER, look_catalogue }, { "calendar", NEEDS_LEDGER, look_calendar },
    { "officials", NEEDS_LEDGER, look_roles },     { "notices", NEEDS_LEDGER, look_notices },
    { "alarms", NEEDS_LEDGER, look_alarms },
};

const struct doctor_table doctor_ledger = { checks, ARRAY_LEN(checks) };
