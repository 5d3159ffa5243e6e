/* Positions: what rights cover, and that a count from nothing agrees with the running one. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/rng.h"
#include "ledger/allocate.h"
#include "tests/unit/ledger/world.h"

static void computers(struct world *world, struct collector *collector, const char *unit,
                      const char *const *rows, size_t row_count, int count)
{
    for (int i = 0; i < count; i++) {
        const char *name = arena_printf(world->arena, "%s-%d", unit, i);
        struct report_spec pc = {
            .unit = unit, .computer = name, .rows = rows, .row_count = row_count
        };
        cr_assert(eq(int, world_report(world, collector, &pc), OUTCOME_APPLIED));
    }
}

static const char *const EDITOR[] = { "editor" };
static const char *const PRO[] = { "editor pro" };

static struct world *with_editors(struct collector *c, struct person *m, int east, int west)
{
    struct world *world = world_new();
    world_settle(world, c, m);
    computers(world, c, "east", EDITOR, 1, east);
    computers(world, c, "west", EDITOR, 1, west);
    world_verdict(world, m, "editor", CLASS_COMMERCIAL, "acme/editor", "home", "2019.3");
    return world;
}

#define RIGHT(world, unit_id, amount, ...)                                                        \
    cr_assert(eq(int,                                                                             \
                 world_command((world), &(world)->root, "entitlement.add", "unit", (unit_id),     \
                               "product", "acme/editor", "quantity", (amount), __VA_ARGS__ NULL), \
                 REFUSAL_NONE))

Test(position, takes_own_rights_before_the_pool_above)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = with_editors(&c, &m, 3, 2);
    RIGHT(w, "hq", "3", "subtree", "yes", );
    RIGHT(w, "east", "1", );
    Zb__PositionRecord east = world_position(w, "east", "acme/editor");
    Zb__PositionRecord west = world_position(w, "west", "acme/editor");
    Zb__PositionRecord hq = world_position(w, "hq", "acme/editor");
    cr_assert(eq(u64, east.consumed, 3));
    cr_assert(eq(u64, east.entitled, 1));
    cr_assert(eq(u64, west.consumed, 1));
    cr_assert(eq(u64, west.short_of, 1));
    cr_assert(eq(u64, west.never, 0), "too few is not never");
    cr_assert(eq(u64, hq.idle, 0));
    cr_assert(eq(u64, east.at_risk, 3), "nothing has proof");
}

Test(position, tells_never_ended_and_mismatched_apart)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = with_editors(&c, &m, 2, 0);
    cr_assert(eq(u64, world_position(w, "east", "acme/editor").never, 2));
    RIGHT(w, "east", "5", "from", "2020-01-01", "to", "2020-12-31", );
    cr_assert(eq(u64, world_position(w, "east", "acme/editor").ended, 2));
    cr_assert(eq(int,
                 world_command(w, &w->root, "entitlement.withdraw", "unit", "east", "right", "1",
                               "reason", "typing error", NULL),
                 REFUSAL_NONE));
    RIGHT(w, "east", "5", "editions", "pro, enterprise", );
    Zb__PositionRecord p = world_position(w, "east", "acme/editor");
    cr_assert(eq(u64, p.mismatched, 2));
    cr_assert(eq(u64, p.idle, 5));
    RIGHT(w, "east", "5", "version_low", "2018", "version_high", "2019", );
    p = world_position(w, "east", "acme/editor");
    cr_assert(eq(u64, p.short_of, 0));
    cr_assert(eq(u64, p.consumed, 2));
}

Test(position, moves_rights_where_bounds_overlap)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = with_editors(&c, &m, 1, 0);
    computers(w, &c, "west", PRO, 1, 1);
    world_verdict(w, &m, "editor pro", CLASS_COMMERCIAL, "acme/editor", "pro", "2019");
    RIGHT(w, "hq", "1", "subtree", "yes", "editions", "home,pro", );
    RIGHT(w, "hq", "1", "subtree", "yes", "editions", "home", );
    cr_assert(eq(u64, world_position(w, "east", "acme/editor").short_of, 0));
    cr_assert(eq(u64, world_position(w, "west", "acme/editor").short_of, 0));
}

Test(position, gives_the_benefit_of_doubt_and_says_so)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = world_new();
    world_settle(w, &c, &m);
    computers(w, &c, "east", EDITOR, 1, 2);
    world_verdict(w, &m, "editor", CLASS_COMMERCIAL, "acme/editor", "", "R2021x");
    RIGHT(w, "east", "9", "editions", "pro", );
    Zb__PositionRecord p = world_position(w, "east", "acme/editor");
    cr_assert(eq(u64, p.consumed, 2));
    cr_assert(eq(u64, p.unknown, 2));
}

Test(position, of_free_software_is_short_of_nothing)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = world_new();
    world_settle(w, &c, &m);
    computers(w, &c, "east", EDITOR, 1, 2);
    world_verdict(w, &m, "editor", CLASS_FREE, "acme/editor", "", "");
    cr_assert(eq(u64, world_position(w, "east", "acme/editor").installed, 2));
    cr_assert(eq(u64, world_position(w, "east", "acme/editor").short_of, 0));
}

/* The least shortage by trying everything: small cases only. */
static uint64_t best_cover(const struct allocation *in, uint64_t *left, size_t demand)
{
    uint64_t best = 0;
    if (demand == in->demand_count)
        return 0;
    best = best_cover(in, left, demand + 1); /* demands of one install each */
    for (size_t h = 0; h < in->holding_count; h++) {
        const Zb__RightRecord *right = in->holdings[h].right;
        bool fits = right->n_editions == 0;
        for (size_t i = 0; i < right->n_editions; i++)
            fits = fits || strcmp(right->editions[i], in->demands[demand].edition) == 0;
        bool reaches = false;
        for (size_t u = in->demands[demand].unit; u != NO_PARENT && !reaches; u = in->parent[u])
            reaches =
                u == in->holdings[h].unit && (right->subtree || u == in->demands[demand].unit);
        if (!fits || !reaches || left[h] == 0)
            continue;
        left[h]--;
        uint64_t cover = 1 + best_cover(in, left, demand + 1);
        left[h]++;
        best = cover > best ? cover : best;
    }
    return best;
}

Test(allocation, leaves_the_least_shortage)
{
    static char a[] = "a", b[] = "b", d[] = "d";
    char *const words[3] = { a, b, d };
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct rng rng = rng_init(seed);
        CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
        size_t parent[4] = { NO_PARENT, 0, 0, 1 };
        Zb__RightRecord right[4];
        char *editions[4][3];
        struct holding holdings[4];
        struct demand demands[6];
        struct allocation in = { .parent = parent,
                                 .unit_count = 4,
                                 .holdings = holdings,
                                 .holding_count = 4,
                                 .demands = demands,
                                 .demand_count = 6 };
        uint64_t left[4], covered = 0;
        for (size_t i = 0; i < 4; i++) {
            zb__right_record__init(&right[i]);
            right[i].id = i + 1;
            right[i].quantity = rng_below(&rng, 3);
            right[i].subtree = rng_chance(&rng, 2, 3);
            right[i].editions = editions[i];
            for (size_t e = 0; e < 3; e++)
                if (rng_chance(&rng, 1, 2))
                    editions[i][right[i].n_editions++] = words[e];
            holdings[i] = (struct holding){ .right = &right[i], .unit = rng_below(&rng, 4) };
        }
        for (size_t i = 0; i < 6; i++)
            demands[i] = (struct demand){
                .unit = i * 4 / 6, .edition = words[rng_below(&rng, 3)], .version = "", .count = 1
            };
        cr_assert(eq(int, allocate_run(&in, arena), 0));
        for (size_t i = 0; i < 4; i++) {
            left[i] = holdings[i].right->quantity;
            cr_assert(le(u64, holdings[i].used, left[i]), "seed %llu", (unsigned long long)seed);
        }
        for (size_t i = 0; i < 6; i++)
            covered += demands[i].covered;
        cr_assert(eq(u64, covered, best_cover(&in, left, 0)), "seed %llu",
                  (unsigned long long)seed);
    }
}
