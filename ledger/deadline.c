/* deadline.c - the ladder as a table, and the head of i_due. */
#include "ledger/deadline.h"

#include <errno.h>
#include <stdio.h>

#include "base/civil.h"

/* domain.md §2, times and recipients. 约谈, 通报批评 and appraisal are proposals to people. */
const struct deadline_rung deadline_ladder[] = {
    { -5, OFFICIAL_DEPT_HEAD, NULL },
    { -3, OFFICIAL_DEPT_HEAD, NULL },
    { -1, OFFICIAL_DEPT_HEAD, NULL },
    { 0, OFFICIAL_DEPT_HEAD, NULL },
    { 1, OFFICIAL_DEPUTY, NULL },
    { 5, OFFICIAL_PRINCIPAL, NULL },
    { 10, OFFICIAL_LEAD_OFFICE, "interview" },
    { 15, OFFICIAL_UPPER_OFFICE, "bulletin" },
    { 30, OFFICIAL_UPPER_OFFICE, "appraisal" },
};
const size_t deadline_ladder_count = ARRAY_LEN(deadline_ladder);

const struct deadline_rung *deadline_rung_find(int32_t rung)
{
    for (size_t i = 0; i < deadline_ladder_count; i++)
        if (deadline_ladder[i].rung == rung)
            return &deadline_ladder[i];
    return NULL;
}

const char *deadline_rung_name(int32_t rung, char *out)
{
    if (rung == 0)
        (void)snprintf(out, DEADLINE_NAME_SIZE, "T"); /* fits */
    else
        (void)snprintf(out, DEADLINE_NAME_SIZE, "T%+d", rung); /* fits: 13 at most */
    return out;
}

int64_t deadline_fire_ms(int32_t day)
{
    return civil_ms_at(day, DEADLINE_FIRE_MINUTE);
}

int64_t deadline_end_ms(int32_t day)
{
    return civil_ms_at(day, CIVIL_MINUTES_A_DAY);
}

int deadline_next_due(const struct ledger_view *view, struct ledger_input *ret_input)
{
    /* The smallest key is one zero byte or more; instants after 1970 sort by their bytes. */
    struct bytes key, value;
    int r = view->seek(view->ctx, INDEX_DUE, BYTES_LIT("\0"), &key, &value);
    if (r < 0)
        return r;
    struct reader in = reader_of(key);
    struct ledger_input input = { .kind = INPUT_DUE };
    input.due.fire_ms = (int64_t)read_u64be(&in);
    input.due.kind = read_u8(&in);
    input.due.id = read_u64be(&in);
    input.due.a = read_u32be(&in);
    input.due.b = read_u32be(&in);
    if (in.failed || reader_left(&in) != 0)
        return -EBADMSG;
    *ret_input = input;
    return 0;
}

int deadline_next(const struct ledger_view *view, int64_t *ret_ms)
{
    struct ledger_input input;
    int r = deadline_next_due(view, &input);
    if (r == 0)
        *ret_ms = input.due.fire_ms;
    return r;
}
