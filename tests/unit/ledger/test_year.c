/* Whole years: a year of deadlines runs in a second, and whatever happens meanwhile (outages, a bad
 * post, people who answer late), every rung fires once, in order, never early. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <time.h>

#include "base/civil.h"
#include "base/rng.h"
#include "tests/unit/ledger/case_home.h"

enum { ENDPOINTS = 4, STEPS = 120, HOUR_MS = 60 * 60 * 1000 };

static const char *const products[] = { "crack", "acad", "office" };

/* ---- what must hold whatever happened ---- */

static struct calendar_day rung_day(struct home *home, int32_t from, int32_t count)
{
    struct ledger_view view = memory_view(home->memory);
    struct calendar calendar = calendar_of(&view, home->arena);
    return calendar_add(&calendar, from, count);
}

static void check_rung(struct home *home, const Zb__RungRecord *rung, const Zb__RungRecord *before)
{
    char name[DEADLINE_NAME_SIZE];
    const char *text = deadline_rung_name(rung->rung, name);
    int32_t fired_day = civil_day_at(rung->fired_ms);
    int32_t own_day = rung_day(home, rung->due_day, rung->rung).day;
    cr_assert(ge(i64, rung->fired_ms, deadline_fire_ms(own_day)), "%s fired early", text);
    if (rung->rung > 0)
        cr_assert(ge(i64, rung->fired_ms, deadline_end_ms(rung->due_day)), "%s: not over yet",
                  text);
    if (before == NULL)
        return;
    int32_t wanted = rung_day(home, civil_day_at(before->fired_ms), rung->rung - before->rung).day;
    cr_assert(ge(int, fired_day, wanted), "%s came nearer to the rung before it", text);
}

/* Per (case, due date): fired rungs in order and at their distance, each with notices of its own. */
static size_t check_rungs(struct home *home, uint64_t case_id, bool open)
{
    struct ledger_view view = memory_view(home->memory);
    struct ledger_walk walk = ledger_walk(&view, TABLE_RUNG, key_u64(case_id));
    struct bytes key, value;
    Zb__RungRecord *before = NULL;
    size_t fired = 0;
    while (ledger_walk_next(&walk, home->arena, &key, &value) == 0) {
        Zb__RungRecord *rung;
        cr_assert(eq(int,
                     ledger_unpack(&zb__rung_record__descriptor, value, home->arena,
                                   (ProtobufCMessage **)&rung),
                     0));
        if (before != NULL && before->due_day != rung->due_day)
            before = NULL;
        if (rung->state == RUNG_FIRED) {
            check_rung(home, rung, before);
            before = rung;
            fired++;
        }
        cr_assert(open || rung->state != RUNG_PLANNED, "a rung of a closed case still waits");
    }
    return fired;
}

/* A rung tells each official once: never two notices for (case, due date, rung, official). */
static void check_notices(struct home *home)
{
    enum { NOTICES_MAX = 8192 };
    static struct {
        uint64_t case_id;
        int32_t due_day, rung;
        Zb__OfficialRole role;
    } seen[NOTICES_MAX];
    size_t n = 0;
    for (uint64_t id = 1; home_notice(home, id) != NULL; id++) {
        const Zb__NoticeRecord *notice = home_notice(home, id);
        if (strcmp(notice->template_, "reminder") != 0 &&
            strcmp(notice->template_, "overdue") != 0 && strcmp(notice->template_, "question") != 0)
            continue;
        for (size_t i = 0; i < n; i++)
            cr_assert(not(seen[i].case_id == notice->case_id &&
                          seen[i].due_day == notice->due_day && seen[i].rung == notice->rung &&
                          seen[i].role == notice->official),
                      "case %llu told role %d twice of rung %d",
                      (unsigned long long)notice->case_id, (int)notice->official, notice->rung);
        cr_assert(lt(sz, n, NOTICES_MAX));
        seen[n].case_id = notice->case_id;
        seen[n].due_day = notice->due_day;
        seen[n].rung = notice->rung;
        seen[n++].role = notice->official;
    }
}

static size_t check_all(struct home *home)
{
    size_t fired = 0;
    unsigned open[ARRAY_LEN(products)][8] = { 0 };
    for (uint64_t id = 1; home_case(home, id) != NULL; id++) {
        const Zb__CaseRecord *rec = home_case(home, id);
        bool is_open = case_is_open(rec);
        fired += check_rungs(home, id, is_open);
        for (size_t p = 0; p < ARRAY_LEN(products); p++)
            if (is_open && strcmp(rec->product, products[p]) == 0)
                cr_assert(eq(u32, ++open[p][rec->class_], 1), "two open cases of one class");
    }
    check_notices(home);
    return fired;
}

/* ---- a unit in which things happen ---- */

static void position_of(struct home *home, size_t product, uint64_t installed, uint64_t rights)
{
    uint64_t short_of = installed > rights ? installed - rights : 0;
    if (product == 0)
        home_position(home, products[0], CLASS_PROHIBITED, installed, 0, 0, 0);
    else
        home_position(home, products[product], CLASS_COMMERCIAL, installed, short_of,
                      product == 1 ? short_of : 0, 0);
}

struct world {
    struct home *home;
    struct rng rng;
    bool installed[ARRAY_LEN(products)][ENDPOINTS + 1];
};

static void scan(struct world *world)
{
    struct home *home = world->home;
    size_t p = rng_below(&world->rng, ARRAY_LEN(products));
    uint64_t endpoint = 1 + rng_below(&world->rng, ENDPOINTS), installed = 0;
    char now[CIVIL_INSTANT_SIZE];
    (void)civil_format_instant(home->now_ms, now);
    bool *is = &world->installed[p][endpoint];
    if (*is)
        home_uninstall(home, "branch", products[p], endpoint);
    else
        home_install(home, "branch", products[p], p == 0 ? CLASS_PROHIBITED : CLASS_COMMERCIAL,
                     endpoint, now, (uint8_t)rng_below(&world->rng, 3));
    *is = !*is;
    home_report(home, endpoint, now, rng_chance(&world->rng, 3, 4) ? now : NULL);
    for (uint64_t e = 1; e <= ENDPOINTS; e++)
        installed += world->installed[p][e];
    position_of(home, p, installed, p == 2 ? 1 : 0);
    home_assess(home, products[p]);
}

static void speak(struct world *world)
{
    static const char *const verbs[] = { "case.confirm", "case.reject", "case.serve",
                                         "case.extend" };
    struct home *home = world->home;
    char id[24], until[CIVIL_DATE_SIZE];
    uint64_t cases = home_cases(home);
    if (cases == 0)
        return;
    /* Mostly the newest; rejecting is rare, or nothing would ever climb. */
    uint64_t back = rng_below(&world->rng, cases < 4 ? cases : 4);
    size_t verb = rng_chance(&world->rng, 1, 12) ? 1 : rng_chance(&world->rng, 1, 6) ? 3 : 0;
    if (rng_chance(&world->rng, 1, 4))
        verb = 2;
    (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)(cases - back));
    (void)civil_format_date(rung_day(home, civil_day_at(home->now_ms), 9).day, until);
    (void)home_command(home, verbs[verb], "unit", "branch", "case", id, "reason", "word", "until",
                       until, NULL); /* refused where it does not fit: that is part of the play */
}

static void settle_doubts(struct world *world)
{
    struct home *home = world->home;
    for (uint64_t id = 1; home_notice(home, id) != NULL; id++) {
        char text[24];
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
        if (home_notice(home, id)->state == NOTICE_IN_DOUBT)
            cr_assert(eq(int,
                         home_command(home, "notice.resolve", "notice", text, "outcome",
                                      rng_chance(&world->rng, 1, 2) ? "sent" : "not-sent", "reason",
                                      "asked", NULL),
                         REFUSAL_NONE));
    }
}

static void step(struct world *world)
{
    struct home *home = world->home;
    int64_t span_ms = (int64_t)rng_below(&world->rng, 72) * HOUR_MS;
    switch (rng_below(&world->rng, 10)) {
    case 0:
        home->now_ms += span_ms * 3; /* an outage */
        break;
    case 1:
    case 2:
        scan(world);
        break;
    case 3:
    case 4:
        speak(world);
        break;
    case 5:
        home->post = (enum post)rng_below(&world->rng, POST_RESTS + 1);
        break;
    case 6:
        home->post = POST_SENDS;
        settle_doubts(world);
        break;
    case 7:
        home_unit(home, "branch", "hq",
                  rng_chance(&world->rng, 1, 5) ? PHASE_TRIAL : PHASE_ENFORCED);
        for (size_t p = 0; p < ARRAY_LEN(products); p++)
            home_assess(home, products[p]);
        break;
    default:
        home_until_ms(home, home->now_ms + span_ms);
        break;
    }
}

ParameterizedTestParameters(year, every_rung_fires_once_in_order_and_never_early)
{
    static uint64_t seeds[24];
    for (size_t i = 0; i < ARRAY_LEN(seeds); i++)
        seeds[i] = i + 1;
    return cr_make_param_array(uint64_t, seeds, ARRAY_LEN(seeds));
}

ParameterizedTest(uint64_t *seed, year, every_rung_fires_once_in_order_and_never_early)
{
    CLEANUP(home_freep) struct home *home = home_new("2026-01-05 08:00");
    home_year(home, 2026);
    home_tree(home, PHASE_ENFORCED);
    struct world world = { .home = home, .rng = rng_init(*seed) };
    scan(&world);
    for (int i = 0; i < STEPS; i++)
        step(&world);
    home->post = POST_SENDS;
    settle_doubts(&world);
    home_until_ms(home, home->now_ms + (int64_t)90 * 24 * HOUR_MS);
    size_t fired = check_all(home);
    cr_assert(gt(sz, fired, 3), "seed %llu fired only %zu rungs: a dull year",
              (unsigned long long)*seed, fired);
    /* Nothing is left behind the clock. */
    struct ledger_view view = memory_view(home->memory);
    int64_t next_ms;
    if (deadline_next(&view, &next_ms) == 0)
        cr_assert(gt(i64, next_ms, home->now_ms), "seed %llu", (unsigned long long)*seed);
}

/* Forty units, each with a case that nobody ever answers, from January to December. */
Test(year, runs_in_a_second)
{
    enum { UNITS = 40 };
    CLEANUP(home_freep) struct home *home = home_new("2026-01-05 08:00");
    home_year(home, 2026);
    home_tree(home, PHASE_ENFORCED);
    clock_t began = clock();
    for (uint64_t i = 1; i <= UNITS; i++) {
        char product[16], id[24];
        (void)snprintf(product, sizeof(product), "p%llu", (unsigned long long)i);
        (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)i);
        home_install(home, "branch", product, CLASS_COMMERCIAL, i, "2026-01-05 07:00", 1);
        home_position(home, product, CLASS_COMMERCIAL, 1, 1, 1, 0);
        home_assess(home, product);
        home_until_ms(home, home->now_ms + HOUR_MS);
        home_command(home, "case.confirm", "unit", "branch", "case", id, "reason", "seen", NULL);
    }
    home_until(home, "2027-01-01");
    double seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    cr_assert(eq(sz, home_sent_count(home, UNITS, "overdue"), 3 + 4 + 5 + 6 + 6));
#if !defined(__SANITIZE_ADDRESS__)
    cr_assert(lt(dbl, seconds, 1.0));
#else
    (void)seconds; /* the sanitizer's time is not ours */
#endif
}
