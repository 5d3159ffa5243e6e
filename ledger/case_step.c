/* case_step.c - the steps of a case from suspicion to its end, once somebody has decided them. */
#include "ledger/case.h"

#include <errno.h>

#include "base/civil.h"

static int32_t today_of(const struct case_work *work)
{
    return civil_day_at(work->at->now_ms);
}

static char *id_text(struct case_work *work, uint64_t id)
{
    char *text = arena_printf(work->at->arena, "%llu", (unsigned long long)id);
    if (text == NULL)
        (void)case_fail(work, -ENOMEM); /* sticky */
    return text;
}

static void clear_unserved(struct case_work *work)
{
    work->rec->unserved_ms = 0;
    work->dirty = true;
    if (!work->rec->unserved_alarm || !case_begin(work))
        return;
    char *subject = id_text(work, work->rec->id);
    if (subject != NULL)
        (void)case_fail(work, alarm_clear(work->at, ALARM_UNSERVED, subject)); /* sticky */
    work->rec->unserved_alarm = false;
}

void case_close(struct case_work *work, Zb__CaseState state, const char *template, const char *why)
{
    Zb__CaseRecord *rec = work->rec;
    clear_unserved(work);
    rec->state = state;
    rec->closed_ms = work->at->now_ms;
    rec->closed_why = (char *)(uintptr_t)why;
    rec->recheck_ms = 0;
    ladder_cancel(work, 0);
    struct notice_order order = { .template = template, .highest = OFFICIAL_HANDLER };
    notice_plan_told(work, &order);
}

void case_confirm(struct case_work *work)
{
    Zb__CaseRecord *rec = work->rec;
    rec->state = CASE_CONFIRMED;
    rec->confirmed_ms = rec->ordered_ms = work->at->now_ms;
    rec->unserved_ms =
        deadline_end_ms(calendar_add(&work->calendar, today_of(work), DEADLINE_UNSERVED_DAYS).day);
    work->dirty = true;
    ladder_cancel(work, 0);
    notice_withdraw(work); /* a question that has its answer */
    /* domain.md §2, T0: handler and department head; class A the deputy too. */
    struct notice_order order = {
        .template = "order",
        .highest = rec->class_ == CASE_A ? OFFICIAL_DEPUTY : OFFICIAL_DEPT_HEAD,
    };
    rec->n_step_notices = 0;
    notice_plan(work, &order, &rec->step_notices, &rec->n_step_notices);
}

static void asked(struct case_work *work, int32_t day)
{
    Zb__CaseRecord *rec = work->rec;
    struct calendar_day due =
        calendar_add(&work->calendar, day, (int32_t)work->at->rules->verify_days);
    rec->asked_day = day;
    rec->verify_due_day = due.day;
    work->dirty = true;
    ladder_plan(work, due.day, INT32_MIN);
}

void case_told(struct case_work *work, uint64_t line_end, int32_t day)
{
    int32_t days = (int32_t)work->at->rules->class_days[work->rec->class_];
    struct calendar_day due = calendar_add(&work->calendar, day, days);
    bool untold = false;
    for (size_t i = 0; i < work->line_count; i++) {
        Zb__LineRecord *line = work->lines[i];
        if (line->state != LINE_OPEN || line->told_day != 0)
            continue;
        if (line->line >= line_end) {
            untold = true;
            continue;
        }
        line->told_day = day;
        line->due_day = due.day;
        line->provisional = due.provisional;
        case_touch_line(work, i);
    }
    ladder_follow(work, INT32_MIN);
    if (untold)
        case_tell_lines(work);
}

/* The first line that the order does not tell of. */
static uint64_t order_end(struct case_work *work)
{
    uint64_t end = 0;
    for (size_t i = 0; i < work->rec->n_notices && work->error == 0; i++) {
        Zb__NoticeRecord *notice;
        int r = LEDGER_GET(work->at->view, TABLE_NOTICE, key_u64(work->rec->notices[i]),
                           work->at->arena, &notice);
        if (r < 0 && r != -ENOENT)
            (void)case_fail(work, r); /* sticky */
        if (r == 0 && strcmp(notice->template_, "order") == 0 && notice->line_end > end)
            end = notice->line_end;
    }
    return end == 0 ? work->rec->next_line : end;
}

void case_served(struct case_work *work, int32_t day)
{
    Zb__CaseRecord *rec = work->rec;
    if (rec->state == CASE_SUSPECTED && rec->asked_day == 0) {
        clear_unserved(work);
        asked(work, day);
    } else if (rec->state == CASE_CONFIRMED) {
        uint64_t end = order_end(work);
        clear_unserved(work);
        rec->state = CASE_ORDERED;
        rec->served_ms = work->at->now_ms;
        case_told(work, end, day);
    } else if (rec->state == CASE_ORDERED || rec->state == CASE_OVERDUE) {
        case_told(work, rec->next_line, day);
    }
}

void case_extend(struct case_work *work, int32_t day, const char *why)
{
    bool provisional = !calendar_is_published(&work->calendar, day);
    for (size_t i = 0; i < work->line_count; i++) {
        Zb__LineRecord *line = work->lines[i];
        if (line->state != LINE_OPEN || line->due_day == 0 || line->due_day >= day)
            continue;
        line->due_day = day;
        line->provisional = provisional;
        case_touch_line(work, i);
    }
    work->rec->extended = true;
    work->rec->extended_day = day;
    work->rec->extended_why = (char *)(uintptr_t)why;
    work->dirty = true;
    ladder_follow(work, INT32_MIN);
}

/* At most one supplement is on its way, and at most one a day tells of new lines: a unit that is
 * scanned for the first time shall not get a notice per computer. */
void case_tell_lines(struct case_work *work)
{
    bool untold = false, told_today = false;
    if (work->rec->state != CASE_ORDERED && work->rec->state != CASE_OVERDUE)
        return;
    for (size_t i = 0; i < work->line_count; i++) {
        untold |= work->lines[i]->state == LINE_OPEN && work->lines[i]->told_day == 0;
        told_today |= work->lines[i]->told_day == today_of(work);
    }
    if (!untold || notice_pending(work, "lines"))
        return;
    struct notice_order order = { .template = "lines", .highest = OFFICIAL_DEPT_HEAD };
    if (told_today)
        order.next_ms = deadline_fire_ms(calendar_add(&work->calendar, today_of(work), 1).day);
    notice_plan(work, &order, NULL, NULL);
}
