/* notice.c - whom a step of a case tells, and with which figures. What becomes of a notice on its
 * way is outbox.c. */
#include "ledger/case.h"

#include <errno.h>
#include <stdio.h>

#include "base/civil.h"
#include "base/text.h"

enum { TREE_DEPTH_MAX = 64, TOLD_MAX = 32, FACTS_MAX = 32 };

static const char *const role_names[] = {
    "",          "handler",     "dept_head",    "deputy",
    "principal", "lead_office", "upper_office", "administrator"
};

/* Officials that one notice order goes to, each once. */
struct audience {
    Zb__OfficialRecord *officials[TOLD_MAX];
    size_t count;
};

/* ---- looking people up ---- */

/* An official of the unit itself; lead office, upper office and administrator may stand in any unit
 * above it, the nearest counts. NULL when there is none. */
static Zb__OfficialRecord *find_official(struct case_work *work, Zb__OfficialRole role)
{
    const struct ruling *at = work->at;
    const Zb__UnitRecord *unit = work->unit;
    for (int depth = 0; depth < TREE_DEPTH_MAX; depth++) {
        Zb__OfficialRecord *official;
        int r = LEDGER_GET(at->view, TABLE_OFFICIAL, key_text_u8(unit->id, (uint8_t)role),
                           at->arena, &official);
        if (r == 0)
            return official;
        if (r != -ENOENT) {
            (void)case_fail(work, r); /* sticky */
            return NULL;
        }
        if (role < OFFICIAL_LEAD_OFFICE || unit->parent[0] == '\0')
            return NULL;
        Zb__UnitRecord *above;
        r = LEDGER_GET(at->view, TABLE_UNIT, key_text(unit->parent), at->arena, &above);
        if (r < 0) {
            if (r != -ENOENT)
                (void)case_fail(work, r); /* sticky */
            return NULL;
        }
        unit = above;
    }
    return NULL;
}

static void ring_missing(struct case_work *work, Zb__OfficialRole role, bool missing)
{
    char subject[BOUND_UNIT_BYTES + 32];
    (void)snprintf(subject, sizeof(subject), "%s/%s", work->unit->id, role_names[role]); /* fits */
    int r = alarm_stands(work->at, ALARM_ROLE_MISSING, subject);
    if (r < 0 || (r == 1) == missing) {
        (void)case_fail(work, r < 0 ? r : 0); /* sticky */
        return;
    }
    if (!case_begin(work))
        return;
    if (missing)
        r = alarm_raise(work->at, ALARM_ROLE_MISSING, subject,
                        "%s has no %s; what is meant for that role goes to the next one up",
                        work->unit->id, role_names[role]);
    else
        r = alarm_clear(work->at, ALARM_ROLE_MISSING, subject);
    (void)case_fail(work, r); /* sticky */
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static void audience_add(struct audience *audience, Zb__OfficialRecord *official)
{
    for (size_t i = 0; i < audience->count; i++)
        if (audience->officials[i]->role == official->role &&
            same_text(audience->officials[i]->unit, official->unit))
            return;
    if (audience->count < TOLD_MAX)
        audience->officials[audience->count++] = official;
}

/* The official of a role; a missing one rings, and the next one up is taken instead. In trial the
 * handler is told or nobody. */
static void audience_role(struct case_work *work, struct audience *audience, Zb__OfficialRole role)
{
    for (Zb__OfficialRole r = role; r <= OFFICIAL_ADMINISTRATOR && work->error == 0; r++) {
        Zb__OfficialRecord *official = find_official(work, r);
        if (work->error < 0)
            return;
        ring_missing(work, r, official == NULL);
        if (official != NULL) {
            audience_add(audience, official);
            return;
        }
        if (work->unit->phase == PHASE_TRIAL)
            return;
    }
}

static void audience_of(struct case_work *work, const struct notice_order *order,
                        struct audience *audience)
{
    Zb__OfficialRole highest = order->highest;
    if (order->only_highest) {
        audience_role(work, audience, highest);
        return;
    }
    if (work->unit->phase == PHASE_TRIAL)
        highest = OFFICIAL_HANDLER;
    for (Zb__OfficialRole role = OFFICIAL_HANDLER; role <= highest; role++)
        audience_role(work, audience, role);
}

/* ---- figures ---- */

/* Facts as they are when the notice is planned; templates name them, so a name is a promise. */
struct facts {
    Zb__Argument *items[FACTS_MAX];
    size_t count;
};

static void fact(struct case_work *work, struct facts *facts, const char *name, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

static void fact(struct case_work *work, struct facts *facts, const char *name, const char *format,
                 ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    case_text(text, sizeof(text), format, args);
    va_end(args);
    Zb__Argument *argument = arena_alloc(work->at->arena, sizeof(*argument));
    char *value = arena_strdup(work->at->arena, bytes_str(text));
    if (argument == NULL || value == NULL || facts->count == FACTS_MAX) {
        (void)case_fail(work, -ENOMEM); /* sticky */
        return;
    }
    zb__argument__init(argument);
    argument->name = (char *)(uintptr_t)name;
    argument->value = value;
    facts->items[facts->count++] = argument;
}

/* Idle rights of the product in the unit and above it: what to use before buying. */
static void fact_idle(struct case_work *work, struct facts *facts)
{
    const struct ruling *at = work->at;
    char list[384] = "";
    size_t size = 0;
    uint64_t total = 0;
    const Zb__UnitRecord *unit = work->unit;
    for (int depth = 0; depth < TREE_DEPTH_MAX && work->error == 0; depth++) {
        struct ledger_walk walk =
            ledger_walk(at->view, TABLE_POSITION, key_prefix(unit->id, work->rec->product));
        struct bytes key, value;
        uint64_t idle = 0;
        int r;
        while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
            Zb__PositionRecord *position;
            r = ledger_unpack(&zb__position_record__descriptor, value, at->arena,
                              (ProtobufCMessage **)&position);
            if (r < 0)
                break;
            idle += position->idle;
        }
        if (r != -ENOENT)
            (void)case_fail(work, r); /* sticky */
        int n = 0;
        if (idle > 0 && size < sizeof(list))
            n = snprintf(list + size, sizeof(list) - size, "%s%s %llu", size == 0 ? "" : "; ",
                         unit->name, (unsigned long long)idle);
        size += n > 0 ? (size_t)n : 0;
        total += idle;
        Zb__UnitRecord *above = NULL;
        if (unit->parent[0] != '\0')
            r = LEDGER_GET(at->view, TABLE_UNIT, key_text(unit->parent), at->arena, &above);
        if (r < 0 && r != -ENOENT)
            (void)case_fail(work, r); /* sticky */
        if (above == NULL)
            break;
        unit = above;
    }
    fact(work, facts, "idle_total", "%llu", (unsigned long long)total);
    fact(work, facts, "idle_list", "%s", list);
}

/* What closes the case, as a code that templates spell out. */
static const char *remedy_of(Zb__CaseClass class)
{
    switch (class) {
    case CASE_A:
        return "remove";
    case CASE_B:
    case CASE_D:
        return "remove_or_right";
    case CASE_C:
        return "document";
    case CASE_E:
        return "right_or_remove";
    default:
        return "register";
    }
}

static int32_t working_days_left(struct case_work *work, int32_t due_day)
{
    int32_t today = civil_day_at(work->at->now_ms), days = 0;
    enum { FAR_DAYS = 400 };
    int32_t low = today < due_day ? today : due_day, high = today < due_day ? due_day : today;
    for (int32_t day = low + 1; day <= high && days < FAR_DAYS; day++)
        days += calendar_is_workday(&work->calendar, day);
    return today < due_day ? days : -days;
}

static void fact_dates(struct case_work *work, struct facts *facts,
                       const struct notice_order *order)
{
    char date[CIVIL_DATE_SIZE], name[DEADLINE_NAME_SIZE];
    const Zb__CaseRecord *rec = work->rec;
    int32_t due = order->due_day != 0            ? order->due_day
                  : rec->state == CASE_SUSPECTED ? rec->verify_due_day
                                                 : rec->due_day;
    fact(work, facts, "planned", "%s", civil_format_date(civil_day_at(work->at->now_ms), date));
    fact(work, facts, "due", "%s", due == 0 ? "" : civil_format_date(due, date));
    fact(work, facts, "days_left", "%d", due == 0 ? 0 : working_days_left(work, due));
    fact(work, facts, "days", "%u",
         rec->state == CASE_SUSPECTED ? work->at->rules->verify_days
                                      : work->at->rules->class_days[rec->class_]);
    fact(work, facts, "rung", "%s",
         order->due_day == 0 ? "" : deadline_rung_name(order->rung, name));
    fact(work, facts, "provisional", "%s", rec->provisional ? "yes" : "no");
}

/* Lines that are open; of a case that is over, those that it was about. */
static uint64_t count_lines(const struct case_work *work)
{
    uint64_t n = 0;
    if (case_is_open(work->rec))
        return case_open_count(work);
    Zb__LineState ended = work->rec->state == CASE_REJECTED ? LINE_REJECTED : LINE_CLOSED;
    for (size_t i = 0; i < work->line_count; i++)
        if (work->lines[i]->state == ended)
            n += work->rec->class_ == CASE_E ? work->lines[i]->first_quantity : 1;
    return n;
}

static void facts_of(struct case_work *work, const struct notice_order *order, struct facts *facts)
{
    const Zb__CaseRecord *rec = work->rec;
    uint64_t untold = 0, count = count_lines(work);
    for (size_t i = 0; i < work->line_count; i++)
        if (work->lines[i]->state == LINE_OPEN && work->lines[i]->told_day == 0)
            untold += rec->class_ == CASE_E ? work->lines[i]->quantity : 1;
    fact(work, facts, "case", "%llu", (unsigned long long)rec->id);
    fact(work, facts, "unit", "%s", work->unit->id);
    fact(work, facts, "unit_name", "%s",
         work->unit->name[0] == '\0' ? work->unit->id : work->unit->name);
    fact(work, facts, "product", "%s", rec->product);
    fact(work, facts, "category", "%s", rec->category);
    fact(work, facts, "class", "%s", case_class_name(rec->class_));
    fact(work, facts, "count", "%llu", (unsigned long long)count);
    if (rec->class_ == CASE_E)
        fact(work, facts, "endpoints", "%s", "");
    else
        fact(work, facts, "endpoints", "%llu", (unsigned long long)count);
    fact(work, facts, "new", "%llu", (unsigned long long)untold);
    fact(work, facts, "remedy", "%s", remedy_of(rec->class_));
    fact(work, facts, "proposal", "%s", order->proposal == NULL ? "" : order->proposal);
    fact(work, facts, "why", "%s", rec->closed_why);
    fact_dates(work, facts, order);
    fact_idle(work, facts);
}

/* ---- planning ---- */

static void plan_one(struct case_work *work, const struct notice_order *order,
                     const Zb__OfficialRecord *official, struct facts *facts, uint64_t **ids,
                     size_t *count)
{
    const struct ruling *at = work->at;
    Zb__CaseRecord *rec = work->rec;
    Zb__NoticeRecord notice = ZB__NOTICE_RECORD__INIT;
    if (!case_begin(work))
        return;
    notice.id = emit_number(at->out, at->view, "notice");
    char ledger[9];
    hex_encode(at->rules->ledger_id.b, 4, ledger);
    notice.message_id = arena_printf(at->arena, "<zb-%s-%llu@zhengban.invalid>", ledger,
                                     (unsigned long long)notice.id);
    if (notice.message_id == NULL) {
        (void)case_fail(work, -ENOMEM); /* sticky */
        return;
    }
    notice.case_id = rec->id;
    notice.due_day = order->due_day;
    notice.rung = order->rung;
    notice.template_ = (char *)(uintptr_t)order->template;
    notice.unit = rec->unit;
    notice.official_unit = official->unit;
    notice.official = official->role;
    notice.channel = official->n_channels > 0 ? official->channels[0] : (char *)(uintptr_t) "file";
    notice.language = official->language;
    notice.state = NOTICE_PLANNED;
    notice.planned_ms = notice.state_ms = at->now_ms;
    notice.next_ms = order->next_ms == 0 ? at->now_ms : order->next_ms;
    notice.line_end = rec->next_line;
    notice.n_facts = facts->count;
    notice.facts = facts->items;
    struct ledger_key key = key_u64(notice.id);
    emit_put(at->out, TABLE_NOTICE, ledger_key_bytes(&key), &notice.base);
    case_push(work, &rec->notices, &rec->n_notices, notice.id);
    if (ids != NULL)
        case_push(work, ids, count, notice.id);
    work->dirty = true;
}

static void plan_audience(struct case_work *work, const struct notice_order *order,
                          const struct audience *audience, uint64_t **ids, size_t *count)
{
    struct facts facts = { .count = 0 };
    if (audience->count == 0 || work->error < 0)
        return;
    facts_of(work, order, &facts);
    for (size_t i = 0; i < audience->count && work->error == 0; i++)
        plan_one(work, order, audience->officials[i], &facts, ids, count);
}

void notice_plan(struct case_work *work, const struct notice_order *order, uint64_t **ids,
                 size_t *count)
{
    struct audience audience = { .count = 0 };
    if (work->unit->phase == PHASE_SURVEY || work->error < 0)
        return;
    audience_of(work, order, &audience);
    plan_audience(work, order, &audience, ids, count);
}

/* ---- the notices that a case has ---- */

/* One of the case's notices, as this decision leaves it; NULL after an error. */
static Zb__NoticeRecord *notice_get(struct case_work *work, uint64_t id)
{
    Zb__NoticeRecord *notice;
    if (work->fresh != NULL && work->fresh->id == id)
        return (Zb__NoticeRecord *)(uintptr_t)work->fresh;
    int r = LEDGER_GET(work->at->view, TABLE_NOTICE, key_u64(id), work->at->arena, &notice);
    if (case_fail(work, r == -ENOENT ? 0 : r) < 0)
        return NULL;
    return r == 0 ? notice : NULL; /* not there: planned by this very decision */
}

static bool is_resolved(const Zb__NoticeRecord *notice)
{
    return notice->state == NOTICE_SENT || notice->state == NOTICE_CANCELLED ||
           (notice->state == NOTICE_FAILED && notice->given_up);
}

bool notice_resolved(struct case_work *work, uint64_t id)
{
    const Zb__NoticeRecord *notice = notice_get(work, id);
    return notice != NULL && is_resolved(notice);
}

bool notice_pending(struct case_work *work, const char *template)
{
    for (size_t i = 0; i < work->rec->n_notices && work->error == 0; i++) {
        const Zb__NoticeRecord *notice = notice_get(work, work->rec->notices[i]);
        if (notice != NULL && same_text(notice->template_, template) && !is_resolved(notice))
            return true;
    }
    return false;
}

void notice_withdraw(struct case_work *work)
{
    for (size_t i = 0; i < work->rec->n_notices && work->error == 0; i++) {
        Zb__NoticeRecord *notice = notice_get(work, work->rec->notices[i]);
        if (notice == NULL || notice == work->fresh ||
            (notice->state != NOTICE_PLANNED && notice->state != NOTICE_FAILED) ||
            !case_begin(work))
            continue;
        notice->state = NOTICE_CANCELLED;
        notice->state_ms = work->at->now_ms;
        struct ledger_key key = key_u64(notice->id);
        emit_put(work->at->out, TABLE_NOTICE, ledger_key_bytes(&key), &notice->base);
    }
}

/* Whether it may have reached its reader: all but what never left. */
static bool may_have_left(const Zb__NoticeRecord *notice)
{
    return notice->state == NOTICE_SENT || notice->state == NOTICE_CLAIMED ||
           notice->state == NOTICE_COMMITTING || notice->state == NOTICE_IN_DOUBT;
}

void notice_plan_told(struct case_work *work, const struct notice_order *order)
{
    struct audience audience = { .count = 0 };
    for (size_t i = 0; i < work->rec->n_notices && work->error == 0; i++) {
        const Zb__NoticeRecord *notice = notice_get(work, work->rec->notices[i]);
        if (notice == NULL || !may_have_left(notice) ||
            same_text(notice->template_, "administrator"))
            continue;
        Zb__OfficialRecord *official = arena_alloc(work->at->arena, sizeof(*official));
        char **channel = arena_alloc(work->at->arena, sizeof(*channel));
        if (official == NULL || channel == NULL) {
            (void)case_fail(work, -ENOMEM); /* sticky */
            return;
        }
        zb__official_record__init(official);
        official->unit = notice->official_unit;
        official->role = notice->official;
        official->language = notice->language;
        *channel = notice->channel;
        official->channels = channel;
        official->n_channels = 1;
        audience_add(&audience, official);
    }
    notice_withdraw(work);
    if (work->unit->phase == PHASE_SURVEY)
        return;
    if (audience.count == 0)
        audience_of(work, order, &audience);
    plan_audience(work, order, &audience, NULL, NULL);
}
