/* outbox.c - what becomes of a notice, and what its case makes of that.
 *
 *   PLANNED ─▶ CLAIMED ─▶ COMMITTING ─▶ SENT
 *      ▲  │       │            ├──────▶ IN_DOUBT ─(a person)─▶ SENT or PLANNED
 *      └──┼───────┤            ▼
 *         └───────┴────────▶ FAILED ─(again, until given up)─▶ CLAIMED */
#include "ledger/case.h"

#include <errno.h>
#include <stdio.h>

#include "base/civil.h"

enum { BACKOFF_DOUBLINGS = 5 }; /* up to 32 times the first wait */

static bool is_legal(const Zb__NoticeRecord *notice, Zb__NoticeState to)
{
    switch (notice->state) {
    case NOTICE_PLANNED:
        return to == NOTICE_CLAIMED || to == NOTICE_FAILED;
    case NOTICE_CLAIMED: /* PLANNED: given back, nothing had left */
        return to == NOTICE_COMMITTING || to == NOTICE_FAILED || to == NOTICE_PLANNED;
    case NOTICE_COMMITTING:
        return to == NOTICE_SENT || to == NOTICE_FAILED || to == NOTICE_IN_DOUBT;
    case NOTICE_FAILED:
        return to == NOTICE_CLAIMED && !notice->given_up && !notice->permanent;
    default:
        return false;
    }
}

static void put_notice(const struct ruling *at, const Zb__NoticeRecord *notice)
{
    struct ledger_key key = key_u64(notice->id);
    emit_put(at->out, TABLE_NOTICE, ledger_key_bytes(&key), &notice->base);
}

static const char *state_name(Zb__NoticeState state)
{
    static const char *const names[] = { "none", "planned", "claimed",  "committing",
                                         "sent", "failed",  "in doubt", "cancelled" };
    return (size_t)state < ARRAY_LEN(names) ? names[state] : "?";
}

static void note_failure(const struct ruling *at, Zb__NoticeRecord *notice, bool temporary)
{
    uint32_t doublings = notice->tries > 1 ? notice->tries - 1 : 0;
    if (doublings > BACKOFF_DOUBLINGS)
        doublings = BACKOFF_DOUBLINGS;
    notice->permanent = !temporary;
    notice->next_ms = at->now_ms + ((int64_t)at->rules->retry_ms << doublings);
    if (notice->first_failed_ms == 0) {
        notice->first_failed_ms = at->now_ms;
        notice->give_up_ms = at->now_ms + at->rules->give_up_ms;
    }
}

/* Alarms of the notice's new state, in the entry that is begun. */
static int ring(const struct ruling *at, const Zb__NoticeRecord *notice)
{
    char subject[24];
    (void)snprintf(subject, sizeof(subject), "%llu", (unsigned long long)notice->id); /* fits */
    int r;
    switch (notice->state) {
    case NOTICE_IN_DOUBT:
        return alarm_raise(at, ALARM_IN_DOUBT, subject,
                           "nobody knows whether notice %s arrived (%s); find out and say so with "
                           "notice.resolve",
                           subject, notice->error);
    case NOTICE_FAILED:
        if (!notice->permanent && !notice->given_up)
            return 0;
        return alarm_raise(at, ALARM_NOTICE_FAILED, subject,
                           "notice %s cannot be delivered (%s); print it and serve it by hand",
                           subject, notice->error);
    case NOTICE_SENT:
    case NOTICE_PLANNED:
        r = alarm_clear(at, ALARM_IN_DOUBT, subject);
        return r < 0 ? r : alarm_clear(at, ALARM_NOTICE_FAILED, subject);
    default:
        return 0;
    }
}

/* The first order or verification that arrives serves the case; a supplement dates its lines. */
static void serve_case(struct case_work *work, const Zb__NoticeRecord *notice)
{
    const Zb__CaseRecord *rec = work->rec;
    int32_t today = civil_day_at(work->at->now_ms);
    if ((strcmp(notice->template_, "verify") == 0 && rec->state == CASE_SUSPECTED) ||
        (strcmp(notice->template_, "order") == 0 && rec->state == CASE_CONFIRMED))
        case_served(work, today);
    else if (strcmp(notice->template_, "lines") == 0 &&
             (rec->state == CASE_ORDERED || rec->state == CASE_OVERDUE))
        case_told(work, notice->line_end, today);
}

static void tell_administrator(struct case_work *work, const Zb__NoticeRecord *notice)
{
    struct notice_order order = {
        .template = "administrator",
        .due_day = notice->due_day,
        .rung = notice->rung,
        .highest = OFFICIAL_ADMINISTRATOR,
        .only_highest = true,
    };
    if (strcmp(notice->template_, "administrator") != 0)
        notice_plan(work, &order, NULL, NULL);
}

/* The notice as it is now, its alarms, and its case, all in one entry. */
static int record(const struct ruling *at, const Zb__NoticeRecord *notice, struct bytes actor)
{
    (void)emit_entry(at->out, ENTRY_NOTICE, actor, "notice %llu %s", (unsigned long long)notice->id,
                     notice->given_up ? "given up" : state_name(notice->state));
    put_notice(at, notice);
    int r = ring(at, notice);
    if (r < 0 || notice->case_id == 0)
        return r < 0 ? r : output_error(at->out);
    struct case_work work;
    r = case_load(&work, at, notice->case_id);
    if (r < 0)
        return r == -ENOENT ? -EBADMSG : r;
    work.begun = true;
    work.fresh = notice;
    if (!case_is_open(work.rec))
        return output_error(at->out);
    if (notice->state == NOTICE_SENT)
        serve_case(&work, notice);
    if (notice->given_up)
        tell_administrator(&work, notice);
    ladder_release(&work);
    return case_save(&work);
}

int rule_notice(const struct ruling *at, uint64_t id, Zb__NoticeState state, const char *error,
                bool temporary)
{
    Zb__NoticeRecord *notice;
    int r = LEDGER_GET(at->view, TABLE_NOTICE, key_u64(id), at->arena, &notice);
    if (r < 0)
        return r;
    if (notice->state == state && state == NOTICE_SENT)
        return 0; /* told twice */
    if (!is_legal(notice, state))
        return -EPROTO;
    notice->state = state;
    notice->state_ms = at->now_ms;
    notice->error = (char *)(uintptr_t)(error == NULL ? "" : error);
    if (state == NOTICE_CLAIMED)
        notice->tries++;
    if (state == NOTICE_FAILED)
        note_failure(at, notice, temporary);
    return record(at, notice, (struct bytes){ 0 });
}

int notice_gave_up(const struct ruling *at, uint64_t id)
{
    Zb__NoticeRecord *notice;
    int r = LEDGER_GET(at->view, TABLE_NOTICE, key_u64(id), at->arena, &notice);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (notice->state != NOTICE_FAILED || notice->given_up || notice->give_up_ms == 0 ||
        notice->give_up_ms > at->now_ms)
        return 0;
    notice->given_up = true;
    notice->state_ms = at->now_ms;
    return record(at, notice, (struct bytes){ 0 });
}

int notice_settle(const struct ruling *at, uint64_t id, bool sent, struct bytes actor,
                  const char *why)
{
    Zb__NoticeRecord *notice;
    int r = LEDGER_GET(at->view, TABLE_NOTICE, key_u64(id), at->arena, &notice);
    if (r < 0)
        return r;
    if (notice->state != NOTICE_IN_DOUBT && notice->state != NOTICE_FAILED)
        return -EPROTO;
    notice->state = sent ? NOTICE_SENT : NOTICE_PLANNED;
    notice->state_ms = at->now_ms;
    notice->resolved_by = blob_of(actor);
    notice->resolved_why = (char *)(uintptr_t)why;
    notice->given_up = notice->permanent = false;
    notice->first_failed_ms = notice->give_up_ms = 0;
    notice->next_ms = at->now_ms;
    notice->tries = 0;
    return record(at, notice, actor);
}
