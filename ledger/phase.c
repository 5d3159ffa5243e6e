/* phase.c - what stands between a unit and its next phase (house design, "Ledger"). */
#include "ledger/phase.h"

#include <errno.h>

#include "ledger/lookup.h"

static int add(const struct ruling *at, const char **list, const char *what)
{
    const char *joined =
        arena_printf(at->arena, "%s%s%s", *list, (*list)[0] == '\0' ? "" : ", ", what);
    if (joined == NULL)
        return -ENOMEM;
    *list = joined;
    return 0;
}

static int add_role(const struct ruling *at, const char *unit, Zb__OfficialRole role,
                    const char *name, const char **list)
{
    int has = ledger_has(at->view, TABLE_OFFICIAL, key_text_u8(unit, (uint8_t)role));
    return has == 0 ? add(at, list, name) : has < 0 ? has : 0;
}

/* Endpoints of the unit whose newest complete scan is young enough. */
static int count_scanned(const struct ruling *at, const char *unit, uint64_t *ret_count)
{
    struct ledger_walk walk = ledger_walk(at->view, INDEX_UNIT_ENDPOINT, key_prefix(unit, NULL));
    int64_t since_ms = at->now_ms - (int64_t)at->rules->enforce_days * MS_A_DAY;
    *ret_count = 0;
    for (;;) {
        struct arena_mark mark = arena_mark(at->arena);
        struct bytes key, value;
        int64_t complete_ms = 0;
        int r = ledger_walk_next(&walk, at->arena, &key, &value);
        if (r == 0 && key.size < 8)
            r = -EBADMSG;
        if (r == 0)
            r = endpoint_complete_ms(at->view, get_u64be(key.data + key.size - 8), at->arena,
                                     &complete_ms);
        arena_rewind(at->arena, mark);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        *ret_count += complete_ms != 0 && complete_ms >= since_ms;
    }
}

static int add_computers(const struct ruling *at, const Zb__UnitRecord *unit, const char **list)
{
    uint64_t scanned;
    if (unit->computers == 0)
        return add(at, list, "the number of computers");
    int r = count_scanned(at, unit->id, &scanned);
    if (r < 0 || scanned * 100 >= unit->computers * at->rules->enforce_percent)
        return r;
    const char *what =
        arena_printf(at->arena, "complete scans: %llu of %llu computers in %u days, %u %% wanted",
                     (unsigned long long)scanned, (unsigned long long)unit->computers,
                     at->rules->enforce_days, at->rules->enforce_percent);
    return what == NULL ? -ENOMEM : add(at, list, what);
}

int phase_missing(const struct ruling *at, const Zb__UnitRecord *unit, Zb__Phase phase,
                  const char **ret_missing)
{
    const char *list = "";
    int r = add_role(at, unit->id, OFFICIAL_HANDLER, "a handler", &list);
    if (phase == PHASE_ENFORCED) {
        if (r == 0)
            r = add_role(at, unit->id, OFFICIAL_DEPT_HEAD, "a department head", &list);
        if (r == 0)
            r = add_role(at, unit->id, OFFICIAL_DEPUTY, "a deputy", &list);
        if (r == 0)
            r = add_role(at, unit->id, OFFICIAL_PRINCIPAL, "a principal", &list);
        if (r == 0)
            r = add_computers(at, unit, &list);
        if (r == 0 && unit->baseline_ms == 0)
            r = add(at, &list, "the baseline of rights");
    }
    *ret_missing = list;
    return r;
}
