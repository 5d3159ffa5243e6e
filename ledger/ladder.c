/* ladder.c - the rungs of a case, and everything the clock does (rule_due).
 *
 * A rung's day is counted from the due date, or from the rung before it where that fired late: after
 * an outage the earliest missed rung fires first and later ones keep their distance. A rung fires
 * once: its record stays under (case, due day, rung) and FIRED is never left. */
#include "ledger/case.h"

#include <errno.h>
#include <stdio.h>

#include "base/civil.h"

enum { RECOUNT_CASES = 64 }; /* cases looked at per decision after a year was loaded */

static int32_t today_of(const struct ruling *at)
{
    return civil_day_at(at->now_ms);
}

/* The due date whose rungs count now: of the verification or of the order; 0: none. */
static int32_t current_due(const struct case_work *work)
{
    switch (work->rec->state) {
    case CASE_SUSPECTED:
        return work->rec->verify_due_day;
    case CASE_ORDERED:
    case CASE_OVERDUE:
        return work->rec->due_day;
    default:
        return 0;
    }
}

/* ---- planning ---- */

/* The day of a rung: never earlier than its place after the due date, nor nearer to the last rung
 * that fired than the ladder has them. */
static struct calendar_day rung_day(struct case_work *work, int32_t due_day, int32_t number)
{
    struct calendar_day day = calendar_add(&work->calendar, due_day, number);
    for (size_t i = 0; i < work->rung_count; i++) {
        const Zb__RungRecord *fired = work->rungs[i];
        if (fired->due_day != due_day || fired->state != RUNG_FIRED || fired->rung >= number)
            continue;
        struct calendar_day after =
            calendar_add(&work->calendar, civil_day_at(fired->fired_ms), number - fired->rung);
        if (after.day > day.day)
            day = after;
    }
    /* What waits for the calendar is a rung that is dated in the unpublished year. */
    day.provisional = !calendar_is_published(&work->calendar, day.day);
    return day;
}

static void alarm_provisional(struct case_work *work, int32_t day)
{
    char year[16];
    (void)snprintf(year, sizeof(year), "%d", civil_date_of(day).year); /* fits */
    if (case_begin(work))
        (void)case_fail(work,
                        alarm_raise(work->at, ALARM_PROVISIONAL, year,
                                    "the calendar of %s is not loaded; rungs dated in it wait",
                                    year)); /* sticky */
}

/* Puts a planned rung on its day again; a rung whose time has come stays where it is. */
static void rung_date(struct case_work *work, size_t i)
{
    Zb__RungRecord *rung = work->rungs[i];
    struct calendar_day day = rung_day(work, rung->due_day, rung->rung);
    int64_t fire_ms = deadline_fire_ms(day.day);
    if (day.provisional)
        alarm_provisional(work, day.day);
    if (rung->fire_ms == fire_ms && rung->provisional == day.provisional && !rung->waiting)
        return;
    rung->fire_ms = fire_ms;
    rung->provisional = day.provisional;
    rung->waiting = false;
    case_touch_rung(work, i);
}

void ladder_plan(struct case_work *work, int32_t due_day, int32_t fired_rung)
{
    for (size_t n = 0; n < deadline_ladder_count && work->error == 0; n++) {
        int32_t number = deadline_ladder[n].rung;
        size_t i;
        Zb__RungRecord *rung = case_add_rung(work, due_day, number, &i);
        if (rung == NULL || rung->state == RUNG_FIRED || rung->state == RUNG_SKIPPED)
            continue;
        int32_t day = rung_day(work, due_day, number).day;
        bool reminder_past = number <= 0 && day <= today_of(work->at);
        rung->state = number <= fired_rung || reminder_past ? RUNG_SKIPPED : RUNG_PLANNED;
        rung->fire_ms = deadline_fire_ms(day);
        case_touch_rung(work, i);
        if (rung->state == RUNG_PLANNED)
            rung_date(work, i);
    }
}

void ladder_cancel(struct case_work *work, int32_t keep_day)
{
    for (size_t i = 0; i < work->rung_count; i++) {
        Zb__RungRecord *rung = work->rungs[i];
        if (rung->state != RUNG_PLANNED || (keep_day != 0 && rung->due_day == keep_day))
            continue;
        rung->state = RUNG_CANCELLED;
        rung->waiting = false;
        case_touch_rung(work, i);
    }
}

void ladder_follow(struct case_work *work, int32_t fired_rung)
{
    Zb__CaseRecord *rec = work->rec;
    int32_t due_day = 0;
    bool provisional = false;
    if (rec->state != CASE_ORDERED && rec->state != CASE_OVERDUE)
        return;
    for (size_t i = 0; i < work->line_count; i++) {
        const Zb__LineRecord *line = work->lines[i];
        if (line->state == LINE_OPEN && line->due_day != 0 &&
            (due_day == 0 || line->due_day < due_day)) {
            due_day = line->due_day;
            provisional = line->provisional;
        }
    }
    if (due_day == rec->due_day && provisional == rec->provisional)
        return;
    bool moved = due_day != rec->due_day;
    rec->due_day = due_day;
    rec->provisional = provisional;
    work->dirty = true;
    if (!moved)
        return;
    rec->last_rung = 0;
    bool over = due_day != 0 && deadline_end_ms(due_day) <= work->at->now_ms;
    rec->state = over ? CASE_OVERDUE : CASE_ORDERED;
    ladder_cancel(work, due_day == 0 ? 0 : due_day);
    if (due_day != 0)
        ladder_plan(work, due_day, fired_rung);
}

/* ---- firing ---- */

/* Whether the rung may fire once its day has come: the phase lets it climb, it is the earliest of
 * its date that has not fired, and every notice of the step before it is resolved. */
static bool may_fire(struct case_work *work, size_t i)
{
    const Zb__RungRecord *rung = work->rungs[i];
    if (work->unit->phase == PHASE_SURVEY || (work->unit->phase == PHASE_TRIAL && rung->rung > 0))
        return false;
    for (size_t k = 0; k < i; k++)
        if (work->rungs[k]->due_day == rung->due_day && work->rungs[k]->state == RUNG_PLANNED)
            return false;
    for (size_t k = 0; k < work->rec->n_step_notices; k++)
        if (!notice_resolved(work, work->rec->step_notices[k]))
            return false;
    return true;
}

static void fire(struct case_work *work, size_t i)
{
    Zb__RungRecord *rung = work->rungs[i];
    Zb__CaseRecord *rec = work->rec;
    const struct deadline_rung *spec = deadline_rung_find(rung->rung);
    struct notice_order order = {
        .template = rec->state == CASE_SUSPECTED ? "question"
                    : rung->rung > 0             ? "overdue"
                                                 : "reminder",
        .due_day = rung->due_day,
        .rung = rung->rung,
        .highest = spec == NULL ? OFFICIAL_HANDLER : spec->highest,
        .proposal = spec == NULL || rec->state == CASE_SUSPECTED ? NULL : spec->proposal,
    };
    rec->n_step_notices = 0;
    notice_plan(work, &order, &rec->step_notices, &rec->n_step_notices);
    rung->notices = rec->step_notices;
    rung->n_notices = rec->n_step_notices;
    rung->state = RUNG_FIRED;
    rung->fired_ms = work->at->now_ms;
    rec->last_rung = rung->rung;
    work->dirty = true;
    case_touch_rung(work, i);
    for (size_t k = i + 1; k < work->rung_count; k++)
        if (work->rungs[k]->due_day == rung->due_day && work->rungs[k]->state == RUNG_PLANNED)
            rung_date(work, k);
}

static void follow_rung(struct case_work *work, const Zb__RungRecord *rung)
{
    emit_follow(work->at->out,
                &(struct ledger_input){ .kind = INPUT_DUE,
                                        .due = { .fire_ms = rung->fire_ms,
                                                 .kind = DUE_RUNG,
                                                 .id = rung->case_id,
                                                 .a = (uint32_t)rung->due_day,
                                                 .b = deadline_rung_key(rung->rung) } });
}

void ladder_release(struct case_work *work)
{
    for (size_t i = 0; i < work->rung_count && work->error == 0; i++) {
        Zb__RungRecord *rung = work->rungs[i];
        if (rung->state != RUNG_PLANNED || !rung->waiting || rung->due_day != current_due(work) ||
            !may_fire(work, i))
            continue;
        rung->waiting = false;
        case_touch_rung(work, i);
        follow_rung(work, rung);
        return; /* the others follow it at their distance */
    }
}

static void rung_due(struct case_work *work, int64_t fire_ms, int32_t due_day, int32_t number)
{
    for (size_t i = 0; i < work->rung_count; i++) {
        Zb__RungRecord *rung = work->rungs[i];
        if (rung->due_day != due_day || rung->rung != number || rung->fire_ms != fire_ms ||
            rung->state != RUNG_PLANNED || rung->provisional || rung->waiting)
            continue;
        char name[DEADLINE_NAME_SIZE];
        if (rung->due_day != current_due(work)) {
            case_reason(work, ENTRY_RUNG, "rung %s cancelled", deadline_rung_name(number, name));
            rung->state = RUNG_CANCELLED;
            case_touch_rung(work, i);
        } else if (may_fire(work, i)) {
            case_reason(work, ENTRY_RUNG, "rung %s", deadline_rung_name(number, name));
            fire(work, i);
        } else {
            case_reason(work, ENTRY_RUNG, "rung %s waits", deadline_rung_name(number, name));
            rung->waiting = true;
            case_touch_rung(work, i);
        }
        return;
    }
}

/* ---- the other timers of a case ---- */

static void unserved_due(struct case_work *work, int64_t fire_ms)
{
    Zb__CaseRecord *rec = work->rec;
    char subject[24];
    if (rec->unserved_ms != fire_ms)
        return;
    if (work->unit->phase == PHASE_SURVEY) { /* no clock: the question is put off */
        rec->unserved_ms = deadline_end_ms(
            calendar_add(&work->calendar, today_of(work->at), DEADLINE_UNSERVED_DAYS).day);
        work->dirty = true;
        return;
    }
    case_reason(work, ENTRY_CASE, "unserved");
    rec->unserved_ms = 0;
    rec->unserved_alarm = true;
    work->dirty = true;
    (void)snprintf(subject, sizeof(subject), "%llu", (unsigned long long)rec->id); /* fits */
    if (!case_begin(work))
        return;
    (void)case_fail(work, alarm_raise(work->at, ALARM_UNSERVED, subject,
                                      "case %s of %s has reached nobody yet; serve it by hand and "
                                      "record that with case.serve",
                                      subject, rec->unit)); /* sticky */
    struct notice_order order = {
        .template = "administrator",
        .highest = OFFICIAL_ADMINISTRATOR,
        .only_highest = true,
    };
    notice_plan(work, &order, NULL, NULL);
}

static void overdue_due(struct case_work *work, int64_t fire_ms)
{
    Zb__CaseRecord *rec = work->rec;
    if (rec->state != CASE_ORDERED || rec->due_day == 0 || rec->provisional ||
        deadline_end_ms(rec->due_day) != fire_ms)
        return;
    case_reason(work, ENTRY_CASE, "deadline ended");
    rec->state = CASE_OVERDUE;
    work->dirty = true;
}

/* Proof that lies ready is seen before anything is held against anybody: lines first, as an entry
 * of their own, then the timer again. */
static int case_due(const struct ruling *at, const struct ledger_input *input)
{
    struct case_work work;
    int r = case_load(&work, at, input->due.id);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (!case_is_open(work.rec))
        return 0;
    if (work.unit->phase != PHASE_SURVEY && case_settle(&work) == 0 && case_is_changed(&work)) {
        r = case_save(&work);
        if (r == 0 && input->due.kind != DUE_RECHECK)
            emit_follow(at->out, input);
        return r;
    }
    switch (input->due.kind) {
    case DUE_RUNG:
        rung_due(&work, input->due.fire_ms, (int32_t)input->due.a, deadline_rung_of(input->due.b));
        break;
    case DUE_UNSERVED:
        unserved_due(&work, input->due.fire_ms);
        break;
    case DUE_OVERDUE:
        overdue_due(&work, input->due.fire_ms);
        break;
    default: /* DUE_RECHECK: in survey nothing is looked for */
        if (work.rec->recheck_ms == input->due.fire_ms) {
            work.rec->recheck_ms = 0;
            work.dirty = true;
        }
        break;
    }
    return case_save(&work);
}

/* ---- rights, calendar ---- */

static int right_due(const struct ruling *at, uint64_t id)
{
    Zb__RightRecord *right;
    struct ledger_key key = key_u64(id);
    int r = LEDGER_GET(at->view, TABLE_RIGHT, key, at->arena, &right);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (right->withdrawn || right->counted_day >= today_of(at))
        return 0;
    right->counted_day = today_of(at);
    (void)emit_entry(at->out, ENTRY_RIGHT, (struct bytes){ 0 }, "right %llu begins or has ended",
                     (unsigned long long)id);
    emit_put(at->out, TABLE_RIGHT, ledger_key_bytes(&key), &right->base);
    emit_position(at->out, right->product);
    return output_error(at->out);
}

static int32_t highest_fired(const struct case_work *work, int32_t due_day)
{
    int32_t highest = INT32_MIN;
    for (size_t i = 0; i < work->rung_count; i++)
        if (work->rungs[i]->due_day == due_day && work->rungs[i]->state == RUNG_FIRED &&
            work->rungs[i]->rung > highest)
            highest = work->rungs[i]->rung;
    return highest;
}

static void recount_verification(struct case_work *work)
{
    Zb__CaseRecord *rec = work->rec;
    int32_t due_day =
        calendar_add(&work->calendar, rec->asked_day, (int32_t)work->at->rules->verify_days).day;
    if (due_day == rec->verify_due_day)
        return;
    int32_t fired = highest_fired(work, rec->verify_due_day);
    rec->verify_due_day = due_day;
    work->dirty = true;
    ladder_cancel(work, due_day);
    ladder_plan(work, due_day, fired);
}

void ladder_recount(struct case_work *work)
{
    Zb__CaseRecord *rec = work->rec;
    int32_t fired = highest_fired(work, rec->due_day);
    if (rec->state == CASE_SUSPECTED && rec->asked_day != 0)
        recount_verification(work);
    for (size_t i = 0; i < work->line_count; i++) {
        Zb__LineRecord *line = work->lines[i];
        if (line->state != LINE_OPEN || line->told_day == 0)
            continue;
        struct calendar_day due = calendar_add(&work->calendar, line->told_day,
                                               (int32_t)work->at->rules->class_days[rec->class_]);
        if (rec->extended && line->due_day == rec->extended_day)
            due = (struct calendar_day){
                .day = line->due_day,
                .provisional = !calendar_is_published(&work->calendar, line->due_day),
            };
        if (due.day == line->due_day && due.provisional == line->provisional)
            continue;
        line->due_day = due.day;
        line->provisional = due.provisional;
        case_touch_line(work, i);
    }
    ladder_follow(work, fired);
    for (size_t i = 0; i < work->rung_count; i++)
        if (work->rungs[i]->state == RUNG_PLANNED && work->rungs[i]->due_day == current_due(work) &&
            (work->rungs[i]->provisional || work->rungs[i]->fire_ms > work->at->now_ms))
            rung_date(work, i);
}

static void follow_recount(const struct ruling *at, uint64_t from_case)
{
    emit_follow(at->out,
                &(struct ledger_input){
                    .kind = INPUT_DUE,
                    .due = { .fire_ms = at->now_ms, .kind = DUE_CALENDAR, .id = from_case } });
}

static int calendar_due(const struct ruling *at, uint64_t from_case)
{
    for (int n = 0; n < RECOUNT_CASES; n++) {
        struct ledger_key from = key_u64(from_case);
        struct bytes key, value;
        int r = at->view->seek(at->view->ctx, TABLE_CASE, ledger_key_bytes(&from), &key, &value);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        struct case_work work;
        r = case_load(&work, at, key.size == 8 ? get_u64be(key.data) : 0);
        if (r < 0)
            return r == -ENOENT ? -EBADMSG : r;
        from_case = work.rec->id + 1;
        if (case_is_open(work.rec)) {
            case_reason(&work, ENTRY_CALENDAR, "dates");
            ladder_recount(&work);
            r = case_save(&work);
            if (r < 0)
                return r;
        }
    }
    follow_recount(at, from_case);
    return 0;
}

int rule_calendar_loaded(const struct ruling *at, uint32_t year)
{
    char subject[16];
    (void)snprintf(subject, sizeof(subject), "%u", year); /* fits */
    int r = alarm_clear(at, ALARM_PROVISIONAL, subject);
    if (r == 0)
        follow_recount(at, 0);
    return r;
}

int rule_due(const struct ruling *at, int64_t fire_ms, uint8_t kind, uint64_t id, uint32_t a,
             uint32_t b)
{
    struct ledger_input input = {
        .kind = INPUT_DUE,
        .due = { .fire_ms = fire_ms, .kind = kind, .id = id, .a = a, .b = b },
    };
    if (fire_ms > at->now_ms)
        return 0; /* not yet: the clock looks again */
    switch (kind) {
    case DUE_RUNG:
    case DUE_UNSERVED:
    case DUE_OVERDUE:
    case DUE_RECHECK:
        return case_due(at, &input);
    case DUE_NOTICE:
        return notice_gave_up(at, id);
    case DUE_RIGHT:
        return right_due(at, id);
    case DUE_CALENDAR:
        return calendar_due(at, id);
    default:
        return 0; /* a kind of a later version: nothing of ours */
    }
}
