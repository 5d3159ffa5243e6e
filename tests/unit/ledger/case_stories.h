/* case_stories.h - where most tests of cases begin. Header only, for Criterion programs. */
#ifndef TESTS_UNIT_LEDGER_CASE_STORIES_H
#define TESTS_UNIT_LEDGER_CASE_STORIES_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/ledger/case_home.h"

#define CRACK "crack"
#define CAD   "acad"

static inline struct home *opened(const char *now, Zb__Phase phase)
{
    struct home *home = home_new(now);
    home_year(home, 2026);
    home_tree(home, phase);
    return home;
}

/* A prohibited product on endpoint 1, reported and recognised this morning. */
static inline struct home *cracked(Zb__Phase phase)
{
    struct home *home = opened("2026-03-02 10:00", phase);
    home_install(home, "branch", CRACK, CLASS_PROHIBITED, 1, "2026-03-02 08:00", 1);
    home_report(home, 1, "2026-03-02 08:00", "2026-03-02 08:00");
    home_position(home, CRACK, CLASS_PROHIBITED, 1, 0, 0, 0);
    home_assess(home, CRACK);
    return home;
}

/* `installed` copies that nobody has a right for. */
static inline struct home *unlicensed(uint64_t installed)
{
    struct home *home = opened("2026-03-02 10:00", PHASE_ENFORCED);
    for (uint64_t i = 1; i <= installed; i++) {
        home_install(home, "branch", CAD, CLASS_COMMERCIAL, i, "2026-03-02 08:00", (uint8_t)i);
        home_report(home, i, "2026-03-02 08:00", "2026-03-02 08:00");
    }
    home_position(home, CAD, CLASS_COMMERCIAL, installed, installed, installed, 0);
    home_assess(home, CAD);
    return home;
}

/* `short_of` rights wanting, of ten installed. */
static inline struct home *wanting(uint64_t short_of)
{
    struct home *home = opened("2026-03-02 10:00", PHASE_ENFORCED);
    for (uint64_t i = 1; i <= 10; i++)
        home_install(home, "branch", CAD, CLASS_COMMERCIAL, i, "2026-03-02 08:00", 1);
    home_right(home, 1, CAD, 10 - short_of, true);
    home_position(home, CAD, CLASS_COMMERCIAL, 10, short_of, 0, 0);
    home_assess(home, CAD);
    return home;
}

static inline void confirm(struct home *home)
{
    cr_assert(eq(int,
                 home_command(home, "case.confirm", "unit", "branch", "case", "1", "reason",
                              "seen on the machine", NULL),
                 REFUSAL_NONE));
}

/* Confirmed and served within the hour: the clock runs from 2026-03-02. */
static inline void order(struct home *home)
{
    home_until(home, "2026-03-02 10:30");
    confirm(home);
    home_until(home, "2026-03-02 11:00");
    cr_assert(eq(int, home_case(home, 1)->state, CASE_ORDERED));
}

static inline Zb__CaseState state(struct home *home, uint64_t id)
{
    return home_case(home, id)->state;
}

#endif
