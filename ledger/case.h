/* case.h - one case in hand: read, changed in memory, written back as one entry.
 *
 * A decide call cannot see its own effects, so every rule about cases loads a struct case_work,
 * changes records in it and saves it: what a later step of the same decision must see is in the
 * work, not in the view. Errors are sticky (work->error); after one, nothing more is emitted and
 * the rule returns it.
 *
 *   SUSPECTED ──confirm──▶ CONFIRMED ──served──▶ ORDERED ──24:00 of due day──▶ OVERDUE
 *       │  └─ pre-authorised class A ─▲             ▲────────extend─────────────┘
 *       ├──reject──▶ REJECTED
 *       └──proof of every line, from any open state──▶ CLOSED */
#ifndef LEDGER_CASE_H
#define LEDGER_CASE_H

#include <stdarg.h>

#include "ledger/deadline.h"
#include "ledger/rules.h"

/* Alarm kinds that cases raise; the subject is drawn beside each. */
#define ALARM_ROLE_MISSING  "role_missing"         /* unit/role */
#define ALARM_UNSERVED      "unserved"             /* case id */
#define ALARM_IN_DOUBT      "in_doubt"             /* notice id */
#define ALARM_NOTICE_FAILED "notice_failed"        /* notice id */
#define ALARM_PROVISIONAL   "calendar_provisional" /* year */

struct case_work {
    const struct ruling *at;
    struct calendar calendar;
    int error;

    Zb__CaseRecord *rec;
    Zb__UnitRecord *unit;
    Zb__LineRecord **lines; /* ascending number */
    size_t line_count, line_cap;
    Zb__RungRecord **rungs; /* ascending due day, then rung */
    size_t rung_count, rung_cap;

    Zb__EntryKind kind; /* of the entry that is begun at the first effect */
    const char *reason;
    struct bytes actor;
    bool begun;

    bool dirty;                    /* rec is to be put */
    bool *line_dirty, *rung_dirty; /* beside lines and rungs */

    const Zb__NoticeRecord *fresh; /* a notice as this very decision leaves it; NULL: none */
};

/* case_init - an empty work. case_load - the case `id` with its lines and rungs.
 * Errors: -ENOENT no such case; others of the view. Also set in work->error. */
void case_init(struct case_work *work, const struct ruling *at);
int case_load(struct case_work *work, const struct ruling *at, uint64_t id);

/* case_reason - what the entry will say; formatted. First come, first kept. */
void case_reason(struct case_work *work, Zb__EntryKind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* case_text - vsnprintf into out[cap]; what does not fit is cut at a whole character. */
void case_text(char *out, size_t cap, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* case_begin - begins the entry unless it is begun; false after an error. Everything that emits
 * effects for the work calls it first. */
bool case_begin(struct case_work *work);

/* case_is_changed - whether case_save has anything to emit. */
bool case_is_changed(const struct case_work *work);

/* case_save - emits what changed. Returns work->error. */
int case_save(struct case_work *work);

/* case_is_open - neither closed nor rejected nor retracted. */
bool case_is_open(const Zb__CaseRecord *rec);

/* case_fail - notes an error unless one is noted; returns work->error. */
int case_fail(struct case_work *work, int r);

void case_touch_line(struct case_work *work, size_t i);
void case_touch_rung(struct case_work *work, size_t i);

/* case_add_line - a new line with the case's next number, everything else zero; NULL after an
 * error. case_add_rung - the rung's record, new or as it was; *ret_index tells where. */
Zb__LineRecord *case_add_line(struct case_work *work);
Zb__RungRecord *case_add_rung(struct case_work *work, int32_t due_day, int32_t number,
                              size_t *ret_index);

/* case_push - appends a number to a repeated field, in the arena. */
void case_push(struct case_work *work, uint64_t **list, size_t *count, uint64_t number);

/* case_find - the case that stands in i_case for (unit, product, class); 0 when none does. */
int case_find(const struct ruling *at, const char *unit, const char *product, Zb__CaseClass class,
              uint64_t *ret_id);

/* Totals over the lines. Units: endpoints, or rights wanting for class E. */
uint64_t case_open_count(const struct case_work *work);
uint64_t case_quantity(const struct case_work *work, Zb__LineState state);

/* case_class_name - "A" … "G". case_unit_products - follows up ASSESS for every product that is
 * installed in the unit or has a case there: for a change of phase. */
const char *case_class_name(Zb__CaseClass class);
int case_unit_products(const struct ruling *at, const char *unit);

/* ---- case.c: lines and proof ---- */

/* case_settle - the lines of a loaded open case against what is installed and entitled now:
 * proved ones close, new ones come, the case closes with its last line. Emits nothing yet. */
int case_settle(struct case_work *work);

/* case_close - state, reason, rungs cancelled, notices withdrawn or "closed" planned. */
void case_close(struct case_work *work, Zb__CaseState state, const char *template, const char *why);

/* case_confirm - CONFIRMED, order planned. case_served - the verification (SUSPECTED) or the order
 * (CONFIRMED) was served on `day`: due dates are counted from it. */
void case_confirm(struct case_work *work);
void case_served(struct case_work *work, int32_t day);

/* case_extend - the open lines that fall due before `day` fall due then. */
void case_extend(struct case_work *work, int32_t day, const char *why);

/* case_tell_lines - the supplement that tells of lines added after service, unless one is on its
 * way. case_told - a supplement that tells of lines below `line_end` was served on `day`. */
void case_tell_lines(struct case_work *work);
void case_told(struct case_work *work, uint64_t line_end, int32_t day);

/* ---- ladder.c ---- */

/* ladder_plan - the rungs of a due date. Reminders for today or earlier are skipped (the day of
 * service is today or earlier too), and so are rungs up to `fired_rung` (INT32_MIN: none), which
 * were fired for another date. */
void ladder_plan(struct case_work *work, int32_t due_day, int32_t fired_rung);

/* ladder_cancel - what is still planned for any date but `keep_day` (0: for every date). */
void ladder_cancel(struct case_work *work, int32_t keep_day);

/* ladder_follow - the case's due date after its lines changed, and the rungs that go with it. */
void ladder_follow(struct case_work *work, int32_t fired_rung);

/* ladder_release - rungs that waited and need wait no longer go back to the clock. */
void ladder_release(struct case_work *work);

/* ladder_recount - due dates and rungs anew after a calendar year was loaded. */
void ladder_recount(struct case_work *work);

/* rule_calendar_loaded - call it when a CalendarRecord is emitted: clears the year's alarm in the
 * current entry and follows up the recount of every open case. */
int rule_calendar_loaded(const struct ruling *at, uint32_t year);

/* ---- notice.c ---- */

/* What a notice is about, beside its case. */
struct notice_order {
    const char *template;
    int32_t due_day, rung;
    Zb__OfficialRole highest; /* everybody from the handler up to here ... */
    bool only_highest;        /* ... or this role alone */
    const char *proposal;     /* NULL: none */
    int64_t next_ms;          /* 0: now */
};

/* notice_plan - one notice per official; ids are appended to *ids when it is not NULL. Survey
 * plans nothing, trial tells the handler alone. A missing role rings and its notice goes to the
 * next one up. */
void notice_plan(struct case_work *work, const struct notice_order *order, uint64_t **ids,
                 size_t *count);

/* notice_plan_told - to everyone whom a notice of the case has reached or may have reached; to the
 * handler when there is nobody. */
void notice_plan_told(struct case_work *work, const struct notice_order *order);

/* notice_withdraw - cancels what has not left: PLANNED and FAILED ones of the case. */
void notice_withdraw(struct case_work *work);

/* notice_resolved - SENT, settled by a person, withdrawn, or FAILED for so long that it counts. */
bool notice_resolved(struct case_work *work, uint64_t id);

/* notice_pending - whether a notice of that template is planned or on its way. */
bool notice_pending(struct case_work *work, const char *template);

/* notice_settle - a person's word on a notice that is IN_DOUBT or FAILED: it was sent, or is to be
 * sent again under the same id. Errors: -EPROTO in another state; -ENOENT. */
int notice_settle(const struct ruling *at, uint64_t id, bool sent, struct bytes actor,
                  const char *why);

/* notice_gave_up - DUE_NOTICE: the clock's side of giving up. */
int notice_gave_up(const struct ruling *at, uint64_t id);

/* ---- alarm.c ---- */

/* alarm_raise - stands until cleared; one that stands already is left alone. alarm_clear - nothing
 * when none stands. Both are effects of the entry begun last. Errors of the view. */
int alarm_raise(const struct ruling *at, const char *kind, const char *subject, const char *format,
                ...) __attribute__((format(printf, 4, 5)));
int alarm_clear(const struct ruling *at, const char *kind, const char *subject);

/* alarm_stands - 1, 0 or an error. */
int alarm_stands(const struct ruling *at, const char *kind, const char *subject);

#endif
