/* The journal is the truth: it rebuilds the tables, refuses what was changed, and orders nothing
 * that the dump would show. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>

#include "base/rng.h"
#include "tests/unit/ledger/world.h"

enum { COLLECTORS = 3, COMPUTERS = 4, PRODUCTS = 6, STEPS = 120 };

static const char *const units[] = { "east", "west", "hq" };
static const char *const rows[PRODUCTS] = { "r0", "r1", "r2", "r3", "r4", "r5" };

/* A ledger that lived: reports, verdicts, rights, catalogues, silence. */
struct life {
    struct world *world;
    struct collector collector[COLLECTORS];
    struct person matcher;
    struct rng rng;
};

static void live_report(struct life *life)
{
    const char *chosen[PRODUCTS];
    size_t count = 0;
    for (size_t i = 0; i < PRODUCTS; i++)
        if (rng_chance(&life->rng, 1, 2))
            chosen[count++] = rows[i];
    uint64_t computer = rng_below(&life->rng, COMPUTERS);
    bool joins = rng_chance(&life->rng, 1, 2);
    struct report_spec spec = {
        .unit = units[rng_below(&life->rng, 8) == 0 ? 1 : 0],
        .computer = arena_printf(life->world->arena, "pc%llu", (unsigned long long)computer),
        .rows = chosen,
        .row_count = count,
        .incomplete = rng_chance(&life->rng, 1, 4),
        .source = rng_chance(&life->rng, 1, 3) ? "other" : "list",
        .serial =
            joins ? arena_printf(life->world->arena, "S%llu7", (unsigned long long)computer) : NULL,
        .uuid = "u-1-2",
        .kind = rng_chance(&life->rng, 1, 4) ? EVENT_UNCHANGED : EVENT_FULL,
    };
    struct collector *collector = &life->collector[rng_below(&life->rng, COLLECTORS)];
    (void)world_report(life->world, collector, &spec); /* whatever it comes to */
}

static void live_verdict(struct life *life)
{
    static const Zb__LicenceClass classes[] = { CLASS_COMMERCIAL, CLASS_FREE, CLASS_OPEN_SOURCE,
                                                CLASS_PROHIBITED };
    uint64_t row = rng_below(&life->rng, PRODUCTS);
    uint64_t by_catalogue = (row + life->world->catalogue[0]) % 4; /* a pure function */
    world_verdict(life->world, &life->matcher, rows[row], classes[by_catalogue],
                  row % 2 == 0 ? "acme/even" : "acme/odd", by_catalogue == 0 ? "pro" : "", "1.2");
}

static void live(struct life *life, uint64_t seed, int steps)
{
    life->rng = rng_init(seed);
    life->world = world_new();
    world_settle(life->world, &life->collector[0], &life->matcher);
    for (int i = 1; i < COLLECTORS; i++) {
        life->collector[i] = collector_new(arena_printf(life->world->arena, "c%d", i));
        world_enrol(life->world, &life->collector[i].key, "collector", "hq");
    }
    /* A unit in trial has cases and notices, so their tables and indices live too. */
    (void)world_command(life->world, &life->world->root, "official.set", "unit", "east", "role",
                        "handler", "name", "H", NULL);
    cr_assert(eq(int,
                 world_command(life->world, &life->world->root, "unit.phase", "unit", "east",
                               "phase", "trial", NULL),
                 REFUSAL_NONE));
    uint8_t catalogue = 1;
    for (int i = 0; i < steps; i++) {
        life->world->now_ms += (int64_t)rng_below(&life->rng, 3600 * 1000);
        uint64_t what = rng_below(&life->rng, 20);
        if (what < 12)
            live_report(life);
        else if (what < 17)
            live_verdict(life);
        else if (what == 17)
            (void)world_command(life->world, &life->world->root, "entitlement.add", "unit",
                                units[rng_below(&life->rng, 3)], "product", "acme/even", "quantity",
                                "2", "subtree", "yes", NULL);
        else if (what == 18 && catalogue < 200)
            world_catalogue(life->world, ++catalogue);
        else
            world_recount(life->world);
    }
}

Test(journal, rebuilds_every_table, .timeout = 60)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct life life;
        int error;
        live(&life, seed, STEPS);
        CLEANUP(world_freep) struct world *w = life.world;
        CLEANUP(memory_view_freep) struct memory_view *rebuilt = world_rebuild(w, &error);
        cr_assert(eq(int, error, 0), "seed %llu", (unsigned long long)seed);
        cr_assert(gt(sz, memory_view_count(w->memory, TABLE_CASE), 0));
        cr_assert(eq(int, memory_view_difference(w->memory, rebuilt), 0), "seed %llu, table %s",
                  (unsigned long long)seed,
                  ledger_table_name(memory_view_difference(w->memory, rebuilt)));
    }
}

/* Positions from nothing, by deleting them and asking for them all. */
Test(position, counted_anew_agrees_with_the_running_count, .timeout = 60)
{
    for (uint64_t seed = 101; seed <= 112; seed++) {
        struct life life;
        live(&life, seed, STEPS);
        CLEANUP(world_freep) struct world *w = life.world;
        world_recount(w);
        const char *before = world_dump(w, w->memory);
        struct ledger_writer writer = memory_writer(w->memory);
        for (size_t u = 0; u < ARRAY_LEN(units); u++)
            for (int odd = 0; odd < 2; odd++) {
                struct ledger_key key =
                    key_text_text_u8(units[u], odd ? "acme/odd" : "acme/even", METRIC_DEVICE);
                cr_assert(eq(
                    int, writer.del(writer.view.ctx, TABLE_POSITION, ledger_key_bytes(&key)), 0));
            }
        world_input(w, &(struct ledger_input){ .kind = INPUT_POSITION, .product = "acme/even" });
        world_input(w, &(struct ledger_input){ .kind = INPUT_POSITION, .product = "acme/odd" });
        cr_assert(eq(str, (char *)(uintptr_t)world_dump(w, w->memory), (char *)(uintptr_t)before),
                  "seed %llu", (unsigned long long)seed);
        /* And the tallies that positions are counted from agree with the installs. */
        struct ledger_view view = memory_view(w->memory);
        struct ledger_walk walk = ledger_walk(&view, INDEX_PRODUCT, (struct ledger_key){ 0 });
        struct bytes key, value;
        uint64_t tallied = 0;
        while (ledger_walk_next(&walk, w->arena, &key, &value) == 0)
            tallied += value.size == 0 ? 0 : get_u64be(value.data);
        cr_assert(eq(u64, tallied, memory_view_count(w->memory, TABLE_INSTALL)));
    }
}

Test(journal, refuses_an_entry_whose_chain_is_broken)
{
    struct life life;
    live(&life, 7, 20);
    CLEANUP(world_freep) struct world *w = life.world;
    for (size_t entry = 0; entry + 1 < w->entries; entry += 3) {
        int error;
        uint8_t *byte = w->journal.data + w->entry_at[entry + 1] - 1; /* the last of the entry */
        *byte ^= 1;
        CLEANUP(memory_view_freep) struct memory_view *rebuilt = world_rebuild(w, &error);
        *byte ^= 1;
        cr_assert(ne(ptr, rebuilt, NULL));
        cr_assert(eq(int, error, -EBADMSG), "entry %zu", entry + 1);
    }
}

Test(journal, refuses_an_entry_that_is_missing)
{
    struct life life;
    int error;
    live(&life, 8, 10);
    CLEANUP(world_freep) struct world *w = life.world;
    size_t cut = w->entries / 2;
    for (size_t i = cut; i < w->entries; i++)
        w->entry_at[i] = w->entry_at[i + 1]; /* entry `cut` + 1 is skipped as one with `cut` */
    w->entries--;
    CLEANUP(memory_view_freep) struct memory_view *rebuilt = world_rebuild(w, &error);
    cr_assert(ne(ptr, rebuilt, NULL));
    cr_assert(eq(int, error, -EBADMSG));
}

/* The same reports, each collector's in its order, collectors interleaved differently, some twice. */
static void feed(struct world *w, struct collector *collector, uint64_t seed)
{
    struct rng rng = rng_init(seed);
    size_t sent[COLLECTORS] = { 0 };
    struct collector before[COLLECTORS];
    int64_t start_ms = w->now_ms;
    for (size_t left = COLLECTORS * 6; left > 0;) {
        size_t i = rng_below(&rng, COLLECTORS);
        if (sent[i] == 6)
            continue;
        const char *chosen[2] = { rows[(i + sent[i]) % PRODUCTS], rows[sent[i] % PRODUCTS] };
        struct report_spec spec = {
            .unit = units[sent[i] % 2],
            .computer = arena_printf(w->arena, "pc%zu-%zu", i, sent[i] / 3),
            .rows = chosen,
            .row_count = chosen[0] == chosen[1] ? 1 : 2,
            .scan_ms = start_ms - INT64_C(1000000) + (int64_t)(sent[i] * 1000 + i),
        };
        before[i] = collector[i];
        cr_assert(eq(int, world_report(w, &collector[i], &spec), OUTCOME_APPLIED));
        if (rng_chance(&rng, 1, 3))
            cr_assert(eq(int, world_report(w, &before[i], &spec), OUTCOME_APPLIED));
        sent[i]++;
        left--;
    }
}

static struct world *fed(uint64_t seed, bool verdicts_first)
{
    struct collector collector[COLLECTORS];
    struct person m;
    struct world *w = world_new();
    world_settle(w, &collector[0], &m);
    for (int i = 1; i < COLLECTORS; i++) {
        collector[i] = collector_new(arena_printf(w->arena, "c%d", i));
        world_enrol(w, &collector[i].key, "collector", "hq");
    }
    if (verdicts_first) { /* rows have to be known: a computer that has them all */
        struct report_spec all = {
            .unit = "hq", .computer = "all", .rows = rows, .row_count = PRODUCTS, .scan_ms = 1000
        };
        world_report(w, &collector[1], &all);
    }
    for (size_t i = 0; verdicts_first && i < PRODUCTS; i++)
        world_verdict(w, &m, rows[i], CLASS_COMMERCIAL, "acme/even", i % 2 == 0 ? "pro" : "", "1");
    if (!verdicts_first) {
        struct report_spec all = {
            .unit = "hq", .computer = "all", .rows = rows, .row_count = PRODUCTS, .scan_ms = 1000
        };
        world_report(w, &collector[1], &all);
    }
    feed(w, collector, seed);
    for (size_t i = 0; !verdicts_first && i < PRODUCTS; i++)
        world_verdict(w, &m, rows[i], CLASS_COMMERCIAL, "acme/even", i % 2 == 0 ? "pro" : "", "1");
    return w;
}

Test(dump, is_the_same_whatever_the_order_and_the_repeats, .timeout = 60)
{
    CLEANUP(world_freep) struct world *first = fed(1, true);
    const char *expected = world_dump(first, first->memory);
    cr_assert(ne(ptr, strstr(expected, "\"table\":\"install\""), NULL));
    for (uint64_t seed = 2; seed < 10; seed++) {
        CLEANUP(world_freep) struct world *w = fed(seed, seed % 2 == 0);
        cr_assert(eq(str, (char *)(uintptr_t)world_dump(w, w->memory), (char *)(uintptr_t)expected),
                  "seed %llu", (unsigned long long)seed);
    }
}

/* What is tried with a fault at every call in turn. */
static void try_recount(struct life *life)
{
    life->world->now_ms += INT64_C(40) * 86400000;
    world_input(life->world, &(struct ledger_input){ .kind = INPUT_RECOUNT_UNIT,
                                                     .recount = { .unit = "east" } });
}

static void try_report(struct life *life)
{
    static const char *const chosen[] = { "r0", "r1", "new" };
    struct report_spec spec = { .unit = "west",
                                .computer = "pc1",
                                .rows = chosen,
                                .row_count = 3,
                                .serial = "s9x",
                                .uuid = "u9x" };
    (void)world_report(life->world, &life->collector[0], &spec);
}

static void try_verdict(struct life *life)
{
    world_verdict(life->world, &life->matcher, "r0", CLASS_TRIAL, "acme/other", "", "");
}

static void try_command(struct life *life)
{
    (void)world_command(life->world, &life->world->root, "official.set", "unit", "east", "role",
                        "handler", "name", "N", NULL);
}

Test(run, leaves_no_trace_when_a_read_or_write_fails, .timeout = 100)
{
    static void (*const tries[])(struct life *) = { try_recount, try_report, try_verdict,
                                                    try_command };
    for (size_t i = 0; i < 2 * ARRAY_LEN(tries); i++) {
        bool fired = true;
        for (size_t nth = 0; fired; nth += 1 + nth / 12) {
            struct life life;
            live(&life, 3, 6);
            CLEANUP(world_freep) struct world *w = life.world;
            CLEANUP(memory_view_freep) struct memory_view *before = memory_view_copy(w->memory);
            struct ledger_head head = w->head;
            size_t entries = w->entries;
            w->tolerates = true;
            memory_view_fault(w->memory, (enum memory_fault)(i % 2), nth);
            tries[i / 2](&life);
            fired = memory_view_fault_fired(w->memory);
            cr_assert(eq(int, w->error, fired ? -EIO : 0), "try %zu, call %zu", i, nth);
            if (!fired)
                continue;
            cr_assert(eq(int, memory_view_difference(before, w->memory), 0), "try %zu, call %zu", i,
                      nth);
            cr_assert(eq(sz, w->entries, entries));
            cr_assert(eq(u64, w->head.index, head.index));
            cr_assert(eq(sz, w->reply.outcome_count, 0), "nothing is claimed");
        }
    }
}
