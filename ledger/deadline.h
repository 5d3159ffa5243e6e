/* deadline.h - what the clock must look at, and the ladder: when which rung of it stands, and whom
 * it tells. No national numeric 整改期限 was found; the figures are ours (docs/rules.md). */
#ifndef LEDGER_DEADLINE_H
#define LEDGER_DEADLINE_H

#include "ledger/calendar.h"
#include "ledger/decide.h"

/* What stands in i_due (fire ms · kind · id · a · b). Numbers stand in stores: never renumbered. */
enum due_kind {
    DUE_RUNG = 1,     /* id: case; a: due day; b: deadline_rung_key(rung) */
    DUE_UNSERVED = 2, /* id: case whose verification or order was not served in time */
    DUE_OVERDUE = 3,  /* id: case whose due date has ended */
    DUE_RECHECK = 4,  /* id: case with a line that waits for a complete scan */
    DUE_NOTICE = 5,   /* id: notice that has FAILED for too long */
    DUE_RIGHT = 6,    /* id: right that begins or has ended: its product is counted anew */
    DUE_CALENDAR = 7, /* never in i_due: follow-up that recounts cases from case id `id` on after a
                         year was loaded */
};

enum {
    DEADLINE_FIRE_MINUTE = 9 * 60,    /* rungs fire at 09:00 UTC+8 */
    DEADLINE_RECHECK_MINUTE = 8 * 60, /* so that proof that lies ready is seen before a rung */
    DEADLINE_UNSERVED_DAYS = 1,       /* working days until an unserved notice rings */
};

/* One rung: so many working days after the due date (before it where negative). */
struct deadline_rung {
    int32_t rung;
    Zb__OfficialRole highest; /* it tells everybody from the handler up to here */
    const char *proposal;     /* what it proposes to people, never done by itself; NULL: nothing */
};

extern const struct deadline_rung deadline_ladder[];
extern const size_t deadline_ladder_count;

/* deadline_rung_find - the rung of the ladder; NULL for a number that is none. */
const struct deadline_rung *deadline_rung_find(int32_t rung);

/* deadline_rung_name - "T-5", "T", "T+1" into out[DEADLINE_NAME_SIZE]; returns out. */
enum { DEADLINE_NAME_SIZE = 16 };
const char *deadline_rung_name(int32_t rung, char *out);

/* deadline_rung_key, deadline_rung_of - a rung as the unsigned `b` of i_due, in order, and back. */
static inline uint32_t deadline_rung_key(int32_t rung)
{
    return (uint32_t)rung ^ UINT32_C(0x80000000);
}

static inline int32_t deadline_rung_of(uint32_t key)
{
    return (int32_t)(key ^ UINT32_C(0x80000000));
}

/* deadline_fire_ms - 09:00 of a civil day. deadline_end_ms - its 24:00, when a deadline ends. */
int64_t deadline_fire_ms(int32_t day);
int64_t deadline_end_ms(int32_t day);

/* deadline_next - the earliest instant in i_due; what lies in the past is due now.
 * Errors: -ENOENT nothing to wait for; others of the view; -EBADMSG a damaged store. */
int deadline_next(const struct ledger_view *view, int64_t *ret_ms);

/* deadline_next_due - the same as an input for ledger_decide: kind INPUT_DUE, all fields set. */
int deadline_next_due(const struct ledger_view *view, struct ledger_input *ret_input);

#endif
