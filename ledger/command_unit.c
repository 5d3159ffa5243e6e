/* command_unit.c - the tree of units: what they are, what phase they are in, what they declared. */
#include "ledger/command.h"

#include <errno.h>

#include "ledger/case.h"
#include "ledger/lookup.h"
#include "ledger/phase.h"
#include "ledger/uscc.h"

enum { NAME_BYTES = 255, KIND_BYTES = 32, NUMBER_BYTES = 12, USCC_BYTES = 18, UNIT_ID_MAX = 63 };

/* [a-z0-9][a-z0-9._-]{0,62} */
static bool is_unit_id(const char *id)
{
    size_t size = strlen(id);
    return size > 0 && size <= UNIT_ID_MAX && strchr("._-", id[0]) == NULL &&
           id[strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0';
}

/* The unit that a command names; NULL when the result says that there is none. */
static int load_unit(const struct command_call *call, Zb__UnitRecord **ret_unit)
{
    const char *id = command_argument(call, "unit");
    int r = LEDGER_GET(call->at->view, TABLE_UNIT, key_text(id), call->at->arena, ret_unit);
    if (r != -ENOENT)
        return r;
    emit_result(call->at->out, REFUSAL_UNKNOWN_UNIT, "there is no unit %s", id);
    *ret_unit = NULL;
    return 0;
}

/* Sets what is given of name, kind, computers and USCC. False when the result says what is wrong. */
static bool set_fields(const struct command_call *call, Zb__UnitRecord *unit, bool *ret_odd)
{
    const char *name = command_argument(call, "name");
    const char *kind = command_argument(call, "kind");
    const char *uscc = command_argument(call, "uscc");
    *ret_odd = false;
    if (uscc != NULL && uscc[0] != '\0') {
        enum uscc_state state = uscc_check(uscc);
        if (state == USCC_INVALID) {
            emit_result(call->at->out, REFUSAL_INVALID,
                        "'%s' is no unified social credit code: eighteen characters, the last "
                        "checks the others",
                        uscc);
            return false;
        }
        *ret_odd = state == USCC_ODD;
    }
    if (name != NULL)
        unit->name = (char *)(uintptr_t)name; /* these three are only read */
    if (kind != NULL)
        unit->kind = (char *)(uintptr_t)kind;
    if (uscc != NULL)
        unit->uscc = (char *)(uintptr_t)uscc;
    unit->computers = command_number(call, "computers", unit->computers);
    return true;
}

static void put_unit(const struct ruling *at, const Zb__UnitRecord *unit)
{
    struct ledger_key key = key_text(unit->id);
    emit_put(at->out, TABLE_UNIT, ledger_key_bytes(&key), &unit->base);
}

static void say_done(const struct command_call *call, const char *unit, const char *what, bool odd)
{
    emit_result(call->at->out, REFUSAL_NONE, "unit %s is %s%s", unit, what,
                odd ? "; the organisation code inside its credit code does not check" : "");
}

/* How many units stand above a new one under `parent`; -ELOOP when there is no room. */
static int check_depth(const struct ruling *at, const char *parent)
{
    int depth = 0;
    while (parent[0] != '\0') {
        Zb__UnitRecord *unit;
        int r = LEDGER_GET(at->view, TABLE_UNIT, key_text(parent), at->arena, &unit);
        if (r < 0)
            return r;
        if (++depth >= UNIT_DEPTH_MAX)
            return -ELOOP;
        parent = unit->parent;
    }
    return 0;
}

static int decide_unit_add(const struct command_call *call)
{
    const struct ruling *at = call->at;
    const char *id = command_argument(call, "unit");
    const char *parent = command_argument(call, "parent");
    Zb__UnitRecord unit = ZB__UNIT_RECORD__INIT;
    bool odd;
    if (!is_unit_id(id)) {
        emit_result(at->out, REFUSAL_INVALID,
                    "a unit id is made of a-z, 0-9 and . _ -, begins with a letter or digit and "
                    "has at most %d characters",
                    UNIT_ID_MAX);
        return 0;
    }
    int has = ledger_has(at->view, TABLE_UNIT, key_text(id));
    if (has != 0) {
        emit_result(at->out, REFUSAL_BAD_STATE, "there is a unit %s already", id);
        return has < 0 ? has : 0;
    }
    int r = check_depth(at, parent == NULL ? "" : parent);
    if (r == -ENOENT || r == -ELOOP) {
        emit_result(at->out, r == -ENOENT ? REFUSAL_UNKNOWN_UNIT : REFUSAL_TOO_LARGE,
                    r == -ENOENT ? "there is no unit %s" : "the tree would be too deep under %s",
                    parent);
        return 0;
    }
    if (r < 0 || !set_fields(call, &unit, &odd))
        return r;
    unit.id = (char *)(uintptr_t)id;                                 /* only read */
    unit.parent = (char *)(uintptr_t)(parent == NULL ? "" : parent); /* only read */
    unit.phase_ms = at->now_ms;
    (void)emit_entry(at->out, ENTRY_UNIT, call->actor, "unit %s added", id);
    put_unit(at, &unit);
    r = state_bump(at, STATE_REGISTRY);
    say_done(call, id, "added", odd);
    return r;
}

static int decide_unit_set(const struct command_call *call)
{
    Zb__UnitRecord *unit;
    bool odd;
    int r = load_unit(call, &unit);
    if (r < 0 || unit == NULL || !set_fields(call, unit, &odd))
        return r;
    (void)emit_entry(call->at->out, ENTRY_UNIT, call->actor, "unit %s changed", unit->id);
    put_unit(call->at, unit);
    say_done(call, unit->id, "changed", odd);
    return output_error(call->at->out);
}

static int decide_baseline(const struct command_call *call)
{
    Zb__UnitRecord *unit;
    int r = load_unit(call, &unit);
    if (r < 0 || unit == NULL)
        return r;
    unit->baseline_by = blob_of(call->actor);
    unit->baseline_ms = call->at->now_ms;
    (void)emit_entry(call->at->out, ENTRY_UNIT, call->actor, "baseline of rights of %s declared",
                     unit->id);
    put_unit(call->at, unit);
    emit_result(call->at->out, REFUSAL_NONE,
                "what is recorded now is the baseline of rights of unit %s", unit->id);
    return output_error(call->at->out);
}

static int decide_preauthorise(const struct command_call *call)
{
    Zb__UnitRecord *unit;
    int r = load_unit(call, &unit);
    if (r < 0 || unit == NULL)
        return r;
    unit->preauthorised_prohibited = command_flag(call, "prohibited");
    (void)emit_entry(call->at->out, ENTRY_UNIT, call->actor,
                     "suspicions of class A in %s: %s in advance", unit->id,
                     unit->preauthorised_prohibited ? "confirmed" : "no longer confirmed");
    put_unit(call->at, unit);
    say_done(call, unit->id, "changed", false);
    return case_unit_products(call->at, unit->id);
}

static const char *const phase_names[] = {
    [PHASE_SURVEY] = "survey",
    [PHASE_TRIAL] = "trial",
    [PHASE_ENFORCED] = "enforced",
};

static Zb__Phase phase_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(phase_names); i++)
        if (strcmp(phase_names[i], name) == 0)
            return (Zb__Phase)i;
    return PHASE_SURVEY;
}

static int decide_phase(const struct command_call *call)
{
    const struct ruling *at = call->at;
    Zb__UnitRecord *unit;
    Zb__Phase phase = phase_of(command_argument(call, "phase"));
    const char *missing;
    int r = load_unit(call, &unit);
    if (r < 0 || unit == NULL)
        return r;
    if (phase == unit->phase || phase > unit->phase + 1) {
        emit_result(at->out, REFUSAL_BAD_STATE, "unit %s is in phase %s%s", unit->id,
                    phase_names[unit->phase], phase == unit->phase ? "" : "; trial comes first");
        return 0;
    }
    r = phase > unit->phase ? phase_missing(at, unit, phase, &missing) : 0;
    if (r < 0)
        return r;
    if (phase > unit->phase && missing[0] != '\0') {
        emit_result(at->out, REFUSAL_BAD_STATE, "unit %s is not ready to be %s: %s", unit->id,
                    phase_names[phase], missing);
        return 0;
    }
    unit->phase = phase;
    unit->phase_ms = at->now_ms;
    (void)emit_entry(at->out, ENTRY_UNIT, call->actor, "unit %s is %s", unit->id,
                     phase_names[phase]);
    put_unit(at, unit);
    say_done(call, unit->id, phase_names[phase], false);
    return case_unit_products(at, unit->id);
}

#define UNIT_ARGUMENT                                                    \
    {                                                                    \
        "unit", ARGUMENT_ID, true, BOUND_UNIT_BYTES, NULL, "the unit id" \
    }
#define FIELD_ARGUMENTS                                                                        \
    { "name", ARGUMENT_TEXT, false, NAME_BYTES, NULL, "as printed on notices" },               \
        { "kind", ARGUMENT_ID, false, KIND_BYTES, NULL, "group, branch, county, office ..." }, \
        { "computers", ARGUMENT_NUMBER, false, NUMBER_BYTES, NULL, "declared number" },        \
    {                                                                                          \
        "uscc", ARGUMENT_TEXT, false, USCC_BYTES, NULL, "unified social credit code"           \
    }

static const struct argument_spec add_arguments[] = {
    UNIT_ARGUMENT,
    { "parent", ARGUMENT_ID, false, BOUND_UNIT_BYTES, NULL, "the unit above; none for the top" },
    FIELD_ARGUMENTS,
};
static const struct argument_spec set_arguments[] = { UNIT_ARGUMENT, FIELD_ARGUMENTS };
static const struct argument_spec unit_argument[] = { UNIT_ARGUMENT };
static const struct argument_spec preauthorise_arguments[] = {
    UNIT_ARGUMENT,
    { "prohibited", ARGUMENT_FLAG, true, 3, NULL,
      "whether two matchers' word on prohibited software is enough" },
};
static const struct argument_spec phase_arguments[] = {
    UNIT_ARGUMENT,
    { "phase", ARGUMENT_CHOICE, true, 16, "survey|trial|enforced", "the phase to go to" },
};

const struct command_spec unit_commands[] = {
    { "unit.add", "adds a unit to the tree", ACTOR_ADMINISTRATOR, "parent", add_arguments,
      ARRAY_LEN(add_arguments), 0, decide_unit_add },
    { "unit.set", "changes what is recorded of a unit", ACTOR_ADMINISTRATOR, "unit", set_arguments,
      ARRAY_LEN(set_arguments), 0, decide_unit_set },
    { "unit.baseline", "declares the recorded rights to be the baseline",
      ACTOR_PRINCIPAL_OR_ADMINISTRATOR, "unit", unit_argument, ARRAY_LEN(unit_argument), 0,
      decide_baseline },
    { "unit.preauthorise", "confirms suspicions of class A in advance, or no longer",
      ACTOR_PRINCIPAL, "unit", preauthorise_arguments, ARRAY_LEN(preauthorise_arguments), 0,
      decide_preauthorise },
    { "unit.phase", "moves a unit between survey, trial and enforced", ACTOR_ADMINISTRATOR, "unit",
      phase_arguments, ARRAY_LEN(phase_arguments), 0, decide_phase },
};
const size_t unit_command_count = ARRAY_LEN(unit_commands);
