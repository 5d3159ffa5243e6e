/* Commands: whose they are, what they refuse, what they leave. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "ledger/registry.h"
#include "tests/unit/ledger/world.h"

#define OK(...)              cr_assert(eq(int, world_command(__VA_ARGS__, NULL), REFUSAL_NONE))
#define REFUSED(reason, ...) cr_assert(eq(int, world_command(__VA_ARGS__, NULL), (reason)))

static void official(struct world *w, const char *unit, const char *role,
                     const struct person *person)
{
    char hex[HEX128_SIZE];
    hex_encode(person->id.b, 16, hex);
    OK(w, &w->root, "official.set", "unit", unit, "role", role, "name", "N", "mail",
       "n@example.test", "key", hex);
}

Test(command, is_refused_from_whoever_may_not_give_it)
{
    struct collector c;
    struct person m, handler = person_new("handler"), admin = person_new("admin");
    CLEANUP(world_freep) struct world *w = world_new();
    world_settle(w, &c, &m);
    REFUSED(REFUSAL_UNKNOWN_KEY, w, &handler, "unit.set", "unit", "east", "name", "E");
    REFUSED(REFUSAL_WRONG_ROLE, w, &c.key, "unit.set", "unit", "east", "name", "E");
    world_enrol(w, &handler, "official", "east");
    world_enrol(w, &admin, "official", "east");
    official(w, "east", "handler", &handler);
    official(w, "east", "administrator", &admin);
    REFUSED(REFUSAL_NO_RIGHT, w, &handler, "unit.set", "unit", "east", "name", "E");
    REFUSED(REFUSAL_NO_RIGHT, w, &admin, "unit.set", "unit", "west", "name", "W");
    REFUSED(REFUSAL_NO_RIGHT, w, &admin, "unit.set", "unit", "hq", "name", "H");
    REFUSED(REFUSAL_NO_RIGHT, w, &admin, "unit.add", "unit", "new");
    OK(w, &admin, "unit.set", "unit", "east", "name", "East");
    OK(w, &handler, "entitlement.add", "unit", "east", "product", "p", "quantity", "1");
    REFUSED(REFUSAL_NO_RIGHT, w, &w->root, "unit.preauthorise", "unit", "east", "prohibited",
            "yes");
}

Test(command, that_is_repeated_gets_its_first_answer)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = world_new();
    world_settle(w, &c, &m);
    OK(w, &w->root, "entitlement.add", "unit", "east", "product", "p", "quantity", "4");
    size_t entries = w->entries;
    w->commands--;
    OK(w, &w->root, "entitlement.add", "unit", "east", "product", "p", "quantity", "4");
    cr_assert(eq(sz, w->entries, entries));
    cr_assert(eq(sz, w->reply.result->n_values, 1));
    cr_assert(eq(str, w->reply.result->values[0]->value, "1"));
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_RIGHT), 1));
}

Test(command, is_checked_argument_by_argument)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = world_new();
    world_settle(w, &c, &m);
    size_t entries = w->entries;
    REFUSED(REFUSAL_INVALID, w, &w->root, "unit.burn", "unit", "east");
    REFUSED(REFUSAL_INVALID, w, &w->root, "unit.set");
    REFUSED(REFUSAL_INVALID, w, &w->root, "unit.set", "unit", "east", "colour", "red");
    REFUSED(REFUSAL_INVALID, w, &w->root, "unit.set", "unit", "east", "unit", "west");
    REFUSED(REFUSAL_INVALID, w, &w->root, "unit.set", "unit", "east", "computers", "many");
    REFUSED(REFUSAL_INVALID, w, &w->root, "unit.phase", "unit", "east", "phase", "tri");
    REFUSED(REFUSAL_INVALID, w, &w->root, "entitlement.add", "unit", "east", "product", "p",
            "quantity", "1", "from", "2026-02-30");
    REFUSED(REFUSAL_INVALID, w, &w->root, "catalogue.activate", "catalogue", "zz", "label", "x");
    cr_assert(eq(sz, w->entries, entries), "what never reached its verb leaves no trace");
}

Test(unit, is_refused_where_it_cannot_stand)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = world_new();
    world_settle(w, &c, &m);
    REFUSED(REFUSAL_BAD_STATE, w, &w->root, "unit.add", "unit", "east");
    REFUSED(REFUSAL_INVALID, w, &w->root, "unit.add", "unit", "-x");
    REFUSED(REFUSAL_INVALID, w, &w->root, "unit.add", "unit", "East");
    REFUSED(REFUSAL_UNKNOWN_UNIT, w, &w->root, "unit.add", "unit", "x", "parent", "nowhere");
    REFUSED(REFUSAL_INVALID, w, &w->root, "unit.set", "unit", "east", "uscc", "91350100M000100Y4Z");
    OK(w, &w->root, "unit.set", "unit", "east", "uscc", "91350100M000100Y43");
    REFUSED(REFUSAL_UNKNOWN_UNIT, w, &w->root, "unit.set", "unit", "nowhere", "name", "x");
}

Test(phase, is_enforced_only_when_nothing_is_missing)
{
    static const char *const rows[] = { "editor" };
    struct collector c;
    struct person m, p = person_new("p");
    CLEANUP(world_freep) struct world *w = world_new();
    world_settle(w, &c, &m);
    world_enrol(w, &p, "official", "east");
    REFUSED(REFUSAL_BAD_STATE, w, &w->root, "unit.phase", "unit", "east", "phase", "enforced");
    REFUSED(REFUSAL_BAD_STATE, w, &w->root, "unit.phase", "unit", "east", "phase", "trial");
    cr_assert(ne(ptr, strstr(w->reply.result->text, "a handler"), NULL));
    official(w, "east", "handler", &p);
    OK(w, &w->root, "unit.phase", "unit", "east", "phase", "trial");
    REFUSED(REFUSAL_BAD_STATE, w, &w->root, "unit.phase", "unit", "east", "phase", "enforced");
    cr_assert(ne(ptr, strstr(w->reply.result->text, "a deputy"), NULL));
    cr_assert(ne(ptr, strstr(w->reply.result->text, "the number of computers"), NULL));
    cr_assert(ne(ptr, strstr(w->reply.result->text, "the baseline"), NULL));
    official(w, "east", "dept_head", &p);
    official(w, "east", "deputy", &p);
    official(w, "east", "principal", &p);
    OK(w, &w->root, "unit.set", "unit", "east", "computers", "1");
    OK(w, &p, "unit.baseline", "unit", "east");
    REFUSED(REFUSAL_BAD_STATE, w, &w->root, "unit.phase", "unit", "east", "phase", "enforced");
    struct report_spec pc = {
        .unit = "east", .computer = "a", .rows = rows, .row_count = 1, .incomplete = true
    };
    world_report(w, &c, &pc);
    REFUSED(REFUSAL_BAD_STATE, w, &w->root, "unit.phase", "unit", "east", "phase", "enforced");
    pc.incomplete = false;
    w->now_ms += 1000;
    world_report(w, &c, &pc);
    OK(w, &w->root, "unit.phase", "unit", "east", "phase", "enforced");
    OK(w, &w->root, "unit.phase", "unit", "east", "phase", "survey");
}

Test(key, is_enrolled_once_and_revoked_with_a_reason)
{
    struct collector c;
    struct person m;
    char hex[HEX128_SIZE], sign[HEX256_SIZE], link[HEX256_SIZE];
    CLEANUP(world_freep) struct world *w = world_new();
    world_settle(w, &c, &m);
    struct person x = person_new("x");
    hex_encode(c.key.sign.b, 32, sign);
    hex_encode(x.sign.b, 32, link);
    REFUSED(REFUSAL_BAD_STATE, w, &w->root, "key.enrol", "role", "collector", "sign", sign, "link",
            link, "unit", "east");
    hex_encode(x.sign.b, 32, sign);
    REFUSED(REFUSAL_INVALID, w, &w->root, "key.enrol", "role", "collector", "sign", sign, "link",
            link);
    REFUSED(REFUSAL_UNKNOWN_UNIT, w, &w->root, "key.enrol", "role", "collector", "sign", sign,
            "link", link, "unit", "nowhere");
    hex_encode(w->root.id.b, 16, hex);
    REFUSED(REFUSAL_BAD_STATE, w, &w->root, "key.revoke", "key", hex, "reason", "x");
    REFUSED(REFUSAL_NOT_FOUND, w, &w->root, "key.revoke", "key", "00", "reason", "x");
    struct ledger_view view = memory_view(w->memory);
    uint64_t before, after;
    cr_assert(eq(int, ledger_registry_version(&view, w->arena, &before), 0));
    hex_encode(c.key.id.b, 16, hex);
    OK(w, &w->root, "key.revoke", "key", hex, "reason", "lost", "unit", "hq");
    REFUSED(REFUSAL_BAD_STATE, w, &w->root, "key.revoke", "key", hex, "reason", "lost");
    cr_assert(eq(int, ledger_registry_version(&view, w->arena, &after), 0));
    cr_assert(eq(u64, after, before + 1));
    Zb__RegistryBody *body;
    cr_assert(eq(int, ledger_registry(&view, w->arena, w->now_ms, &body), 0));
    cr_assert(eq(sz, body->n_keys, 4));
    cr_assert(eq(sz, body->n_units, 3));
    cr_assert(eq(sz, body->active_catalogue.len, 32));
}

Test(calendar_load, takes_days_of_its_year_and_the_december_before)
{
    CLEANUP(world_freep) struct world *w = world_new();
    OK(w, &w->root, "calendar.load", "year", "2026", "off", "2026-01-01,2025-12-31", "work",
       "2026-01-04", "source", "test");
    REFUSED(REFUSAL_INVALID, w, &w->root, "calendar.load", "year", "2026", "off", "2027-01-01",
            "source", "test");
    REFUSED(REFUSAL_INVALID, w, &w->root, "calendar.load", "year", "2026", "off", "2026-01-04",
            "work", "2026-01-04", "source", "test");
    cr_assert(eq(sz, memory_view_count(w->memory, TABLE_CALENDAR), 1));
}

Test(clock_advance, is_refused_by_a_real_ledger)
{
    CLEANUP(world_freep) struct world *w = world_new();
    REFUSED(REFUSAL_BAD_STATE, w, &w->root, "clock.advance", "to", "2030-01-01");
}

Test(refusals, are_added_up_by_reason)
{
    struct collector c;
    struct person m;
    CLEANUP(world_freep) struct world *w = world_new();
    world_settle(w, &c, &m);
    Zb__RefusalTotal total = ZB__REFUSAL_TOTAL__INIT, *totals[2] = { &total, &total };
    Zb__Refusals refusals = ZB__REFUSALS__INIT;
    ProtobufCBinaryData keys[1] = { blob_of(id128_bytes(&m.id)) };
    total.reason = REFUSAL_BAD_SIGNATURE;
    total.count = 7;
    total.keys = keys;
    total.n_keys = 1;
    refusals.totals = totals;
    refusals.n_totals = 2;
    struct ledger_input input = { .kind = INPUT_REFUSALS,
                                  .refusals = { .matcher = m.id, .refusals = &refusals } };
    world_input(w, &input);
    world_input(w, &input);
    struct ledger_view view = memory_view(w->memory);
    uint8_t reason = REFUSAL_BAD_SIGNATURE;
    Zb__RefusalRecord *record;
    cr_assert(eq(
        int, LEDGER_GET(&view, TABLE_REFUSAL, key_id(bytes_of(&reason, 1)), w->arena, &record), 0));
    cr_assert(eq(u64, record->count, 14));
    cr_assert(eq(sz, record->n_keys, 1));
    input.refusals.matcher = c.key.id;
    world_input(w, &input);
    cr_assert(eq(int, w->reply.refused, REFUSAL_WRONG_ROLE));
}
