/* command_key.c - who may speak: enrolling keys and revoking them.
 *
 * A slip's signature over itself is checked by whoever reads the slip (the command line); what comes
 * here is a person's word that this key belongs to that unit. */
#include "ledger/command.h"

#include <errno.h>

#include "base/text.h"
#include "ledger/lookup.h"

enum { HEX_ID_BYTES = 32, HEX_KEY_BYTES = 64, LABEL_BYTES = 63, REASON_BYTES = 512 };

static const struct {
    const char *name;
    Zb__Role role;
} roles[] = {
    { "collector", ROLE_COLLECTOR },
    { "matcher", ROLE_MATCHER },
    { "official", ROLE_OFFICIAL },
};

static Zb__Role role_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (strcmp(roles[i].name, name) == 0)
            return roles[i].role;
    return ROLE_NONE;
}

/* Whether one more key may be enrolled: there is room, and no other has that link key. The result
 * says what is wrong. */
static int check_link(const struct ruling *at, struct bytes link, struct id128 id, bool *ret_free)
{
    struct ledger_walk walk = ledger_walk(at->view, TABLE_KEY, (struct ledger_key){ 0 });
    struct bytes key, value;
    size_t count = 0;
    int r;
    *ret_free = false;
    for (;;) {
        struct arena_mark mark = arena_mark(at->arena);
        ProtobufCMessage *message;
        r = ledger_walk_next(&walk, at->arena, &key, &value);
        if (r == 0)
            r = ledger_unpack(&zb__key_record__descriptor, value, at->arena, &message);
        if (r != 0)
            break;
        const Zb__RegistryKey *other = ((const Zb__KeyRecord *)message)->key;
        bool taken = other != NULL && link.size > 0 &&
                     bytes_eq(blob_bytes(other->link_public), link) &&
                     !bytes_eq(blob_bytes(other->id), id128_bytes(&id));
        arena_rewind(at->arena, mark);
        count++;
        if (taken) {
            emit_result(at->out, REFUSAL_BAD_STATE, "another key has that link key");
            return 0;
        }
    }
    if (r == -ENOENT && count >= BOUND_REGISTRY_KEYS)
        emit_result(at->out, REFUSAL_TOO_LARGE, "there are %zu keys, which is the most", count);
    else
        *ret_free = r == -ENOENT;
    return r == -ENOENT ? 0 : r;
}

/* One matcher more or less, in the entry begun last. */
static int count_matchers(const struct ruling *at, Zb__Role role, bool more)
{
    Zb__StateRecord *state;
    if (role != ROLE_MATCHER)
        return 0;
    int r = state_get(at, STATE_MATCHERS, &state);
    if (r < 0)
        return r;
    if (more)
        state->number++;
    else if (state->number > 0)
        state->number--;
    state_put(at, STATE_MATCHERS, state);
    return output_error(at->out);
}

static int put_key(const struct ruling *at, const Zb__KeyRecord *record)
{
    struct ledger_key key = key_id(blob_bytes(record->key->id));
    emit_put(at->out, TABLE_KEY, ledger_key_bytes(&key), &record->base);
    return state_bump(at, STATE_REGISTRY);
}

static int decide_enrol(const struct command_call *call)
{
    const struct ruling *at = call->at;
    const char *unit = command_argument(call, "unit");
    const char *label = command_argument(call, "label");
    struct seal_public sign;
    uint8_t link[32];
    char hex[HEX128_SIZE];
    Zb__RegistryKey key = ZB__REGISTRY_KEY__INIT;
    Zb__KeyRecord record = ZB__KEY_RECORD__INIT;
    if (hex_decode(bytes_str(command_argument(call, "sign")), sign.b, sizeof(sign.b)) < 0 ||
        hex_decode(bytes_str(command_argument(call, "link")), link, sizeof(link)) < 0)
        return -EINVAL; /* their kind was checked */
    struct id128 id = seal_key_id(&sign);
    key.role = role_of(command_argument(call, "role"));
    hex_encode(id.b, sizeof(id.b), hex);
    int known = ledger_has(at->view, TABLE_KEY, key_id(id128_bytes(&id)));
    if (known != 0) {
        emit_result(at->out, REFUSAL_BAD_STATE, "key %s was enrolled before", hex);
        return known < 0 ? known : 0;
    }
    if (unit == NULL && key.role == ROLE_COLLECTOR) {
        emit_result(at->out, REFUSAL_INVALID, "say with unit what a collector may report for");
        return 0;
    }
    int has_unit = unit == NULL ? 1 : ledger_has(at->view, TABLE_UNIT, key_text(unit));
    if (has_unit != 1) {
        emit_result(at->out, REFUSAL_UNKNOWN_UNIT, "there is no unit %s", unit);
        return has_unit;
    }
    bool is_free;
    int r = check_link(at, bytes_of(link, sizeof(link)), id, &is_free);
    if (r < 0 || !is_free)
        return r;
    key.id = blob_of(id128_bytes(&id));
    key.sign_public = blob_of(bytes_of(sign.b, sizeof(sign.b)));
    key.link_public = blob_of(bytes_of(link, sizeof(link)));
    key.unit = (char *)(uintptr_t)(unit == NULL ? "" : unit);    /* only read */
    key.label = (char *)(uintptr_t)(label == NULL ? "" : label); /* only read */
    key.state = KEY_ACTIVE;
    key.enrolled_ms = at->now_ms;
    record.key = &key;
    record.enrolled_by = blob_of(call->actor);
    (void)emit_entry(at->out, ENTRY_KEY, call->actor, "key %s enrolled", hex);
    r = put_key(at, &record);
    if (r == 0)
        r = count_matchers(at, key.role, true);
    emit_result(at->out, REFUSAL_NONE, "key %s is enrolled", hex);
    emit_result_value(at->out, "key", "%s", hex);
    return r;
}

static int decide_revoke(const struct command_call *call)
{
    const struct ruling *at = call->at;
    const char *hex = command_argument(call, "key");
    const char *unit = command_argument(call, "unit");
    struct id128 id;
    Zb__KeyRecord *record = NULL;
    int r = -ENOENT;
    if (hex_decode(bytes_str(hex), id.b, sizeof(id.b)) == 0)
        r = LEDGER_GET(at->view, TABLE_KEY, key_id(id128_bytes(&id)), at->arena, &record);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == -ENOENT || record->key == NULL ||
        (unit != NULL && strcmp(record->key->unit, unit) != 0)) {
        emit_result(at->out, REFUSAL_NOT_FOUND, "there is no key %s%s%s", hex,
                    unit == NULL ? "" : " of unit ", unit == NULL ? "" : unit);
        return 0;
    }
    if (record->key->role == ROLE_LEDGER || record->key->state == KEY_REVOKED ||
        bytes_eq(blob_bytes(record->key->id), call->actor)) {
        emit_result(at->out, REFUSAL_BAD_STATE, "key %s is %s", hex,
                    record->key->state == KEY_REVOKED  ? "revoked already"
                    : record->key->role == ROLE_LEDGER ? "the ledger's own"
                                                       : "the one that signs this command");
        return 0;
    }
    record->key->state = KEY_REVOKED;
    record->key->revoked_ms = at->now_ms;
    record->revoked_by = blob_of(call->actor);
    record->revoked_why = (char *)(uintptr_t)command_argument(call, "reason"); /* only read */
    (void)emit_entry(at->out, ENTRY_KEY, call->actor, "key %s revoked", hex);
    r = put_key(at, record);
    if (r == 0)
        r = count_matchers(at, record->key->role, false);
    emit_result(at->out, REFUSAL_NONE, "key %s is revoked", hex);
    return r;
}

static const struct argument_spec enrol_arguments[] = {
    { "role", ARGUMENT_CHOICE, true, 16, "collector|matcher|official", "what the key is for" },
    { "sign", ARGUMENT_HEX32, true, HEX_KEY_BYTES, NULL, "its public signing key" },
    { "link", ARGUMENT_HEX32, true, HEX_KEY_BYTES, NULL, "its public link key" },
    { "label", ARGUMENT_TEXT, false, LABEL_BYTES, NULL, "what people call it" },
    { "unit", ARGUMENT_ID, false, BOUND_UNIT_BYTES, NULL, "root of what it may speak for" },
};

static const struct argument_spec revoke_arguments[] = {
    { "key", ARGUMENT_ID, true, HEX_ID_BYTES, NULL, "the key's id" },
    { "unit", ARGUMENT_ID, false, BOUND_UNIT_BYTES, NULL, "the key's unit" },
    { "reason", ARGUMENT_TEXT, true, REASON_BYTES, NULL, "why it may speak no longer" },
};

const struct command_spec key_commands[] = {
    { "key.enrol", "lets a key speak for a unit and those below it", ACTOR_ADMINISTRATOR, "unit",
      enrol_arguments, ARRAY_LEN(enrol_arguments), 0, decide_enrol },
    { "key.revoke", "ends what a key may do, from now on", ACTOR_ADMINISTRATOR, "unit",
      revoke_arguments, ARRAY_LEN(revoke_arguments), 0, decide_revoke },
};
const size_t key_command_count = ARRAY_LEN(key_commands);
