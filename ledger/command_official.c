/* command_official.c - who answers for a unit. Names and addresses stand in table `private` alone. */
#include "ledger/command.h"

#include <errno.h>

#include "base/text.h"
#include "ledger/case.h"
#include "ledger/lookup.h"

enum { PERSON_BYTES = 128, CHANNELS_BYTES = 128, CHANNELS_MAX = 8, HEX_ID_BYTES = 32 };

#define ROLE_CHOICES "handler|dept_head|deputy|principal|lead_office|upper_office|administrator"

static const char *const role_names[] = {
    [OFFICIAL_HANDLER] = "handler",
    [OFFICIAL_DEPT_HEAD] = "dept_head",
    [OFFICIAL_DEPUTY] = "deputy",
    [OFFICIAL_PRINCIPAL] = "principal",
    [OFFICIAL_LEAD_OFFICE] = "lead_office",
    [OFFICIAL_UPPER_OFFICE] = "upper_office",
    [OFFICIAL_ADMINISTRATOR] = "administrator",
};

static Zb__OfficialRole role_of(const char *name)
{
    for (size_t i = OFFICIAL_HANDLER; i < ARRAY_LEN(role_names); i++)
        if (strcmp(role_names[i], name) == 0)
            return (Zb__OfficialRole)i;
    return OFFICIAL_NONE;
}

static char *text_of(const struct command_call *call, const char *name, const char *otherwise)
{
    const char *text = command_argument(call, name);
    return (char *)(uintptr_t)(text == NULL ? otherwise : text); /* only read */
}

/* The official's own key, when one is named. False when the result says what is wrong with it. */
static int find_key(const struct command_call *call, struct id128 *id, Zb__OfficialRecord *official,
                    bool *ret_good)
{
    const char *hex = command_argument(call, "key");
    *ret_good = true;
    if (hex == NULL || hex[0] == '\0')
        return 0;
    bool active = false;
    int r = 0;
    if (hex_decode(bytes_str(hex), id->b, sizeof(id->b)) == 0)
        r = key_is_active(call->at, *id, ROLE_OFFICIAL, &active);
    if (r == 0 && !active)
        emit_result(call->at->out, REFUSAL_NOT_FOUND,
                    "%s is no active key of a person; enrol it first", hex);
    *ret_good = active;
    official->key = blob_of(id128_bytes(id));
    return r;
}

static int split_channels(const struct command_call *call, Zb__OfficialRecord *official)
{
    const char *text = text_of(call, "channels", "smtp,file");
    official->channels = arena_calloc(call->at->arena, CHANNELS_MAX, sizeof(char *));
    if (official->channels == NULL)
        return -ENOMEM;
    for (const char *p = text; *p != '\0' && official->n_channels < CHANNELS_MAX;) {
        size_t size = strcspn(p, ",");
        char *word = arena_strdup(call->at->arena, bytes_of(p, size));
        if (word == NULL)
            return -ENOMEM;
        if (size > 0)
            official->channels[official->n_channels++] = word;
        p += size + (p[size] == ',');
    }
    return 0;
}

/* The person, where the journal does not see it. */
static int keep_person(const struct command_call *call, struct id128 *handle)
{
    const struct ruling *at = call->at;
    Zb__PersonValue person = ZB__PERSON_VALUE__INIT;
    person.name = text_of(call, "name", "");
    person.mail = text_of(call, "mail", "");
    person.phone = text_of(call, "phone", "");
    uint8_t *packed = arena_alloc(at->arena, zb__person_value__get_packed_size(&person));
    if (packed == NULL)
        return -ENOMEM;
    struct bytes value = bytes_of(packed, zb__person_value__pack(&person, packed));
    struct id128 salt = private_salt(at->rules, blob_bytes(call->body->id), "person");
    *handle = emit_private(at->out, "person", salt, value);
    return output_error(at->out);
}

static int decide_set(const struct command_call *call)
{
    const struct ruling *at = call->at;
    const char *role = command_argument(call, "role");
    Zb__OfficialRecord official = ZB__OFFICIAL_RECORD__INIT;
    struct id128 handle, key_of_person;
    bool good;
    official.unit = text_of(call, "unit", "");
    official.role = role_of(role);
    official.language = text_of(call, "language", "zh_CN");
    int has = ledger_has(at->view, TABLE_UNIT, key_text(official.unit));
    if (has != 1) {
        emit_result(at->out, REFUSAL_UNKNOWN_UNIT, "there is no unit %s", official.unit);
        return has;
    }
    int r = find_key(call, &key_of_person, &official, &good);
    if (r < 0 || !good)
        return r;
    r = split_channels(call, &official);
    if (r == 0)
        r = keep_person(call, &handle);
    if (r < 0)
        return r;
    official.person = blob_of(id128_bytes(&handle));
    (void)emit_entry(at->out, ENTRY_OFFICIAL, call->actor, "%s of %s named", role, official.unit);
    struct ledger_key key = key_text_u8(official.unit, (uint8_t)official.role);
    emit_put(at->out, TABLE_OFFICIAL, ledger_key_bytes(&key), &official.base);
    const char *subject = arena_printf(at->arena, "%s/%s", official.unit, role);
    r = subject == NULL ? -ENOMEM : alarm_clear(at, ALARM_ROLE_MISSING, subject);
    emit_result(at->out, REFUSAL_NONE, "%s is the %s of %s", command_argument(call, "name"), role,
                official.unit);
    return r;
}

static int decide_remove(const struct command_call *call)
{
    const struct ruling *at = call->at;
    const char *unit = command_argument(call, "unit");
    const char *role = command_argument(call, "role");
    struct ledger_key key = key_text_u8(unit, (uint8_t)role_of(role));
    int has = ledger_has(at->view, TABLE_OFFICIAL, key);
    if (has != 1) {
        emit_result(at->out, REFUSAL_NOT_FOUND, "%s has no %s", unit, role);
        return has;
    }
    (void)emit_entry(at->out, ENTRY_OFFICIAL, call->actor, "%s of %s removed", role, unit);
    emit_del(at->out, TABLE_OFFICIAL, ledger_key_bytes(&key));
    emit_result(at->out, REFUSAL_NONE, "%s has no %s any more", unit, role);
    return output_error(at->out);
}

static const struct argument_spec set_arguments[] = {
    { "unit", ARGUMENT_ID, true, BOUND_UNIT_BYTES, NULL, "the unit id" },
    { "role", ARGUMENT_CHOICE, true, 16, ROLE_CHOICES, "what the person answers for" },
    { "name", ARGUMENT_TEXT, true, PERSON_BYTES, NULL, "the person's name" },
    { "mail", ARGUMENT_TEXT, false, PERSON_BYTES, NULL, "where notices go" },
    { "phone", ARGUMENT_TEXT, false, PERSON_BYTES, NULL, "printed on notices" },
    { "language", ARGUMENT_CHOICE, false, 8, "zh_CN|en", "zh_CN when not said" },
    { "channels", ARGUMENT_TEXT, false, CHANNELS_BYTES, NULL,
      "ways to tell the person, first choice first: smtp,file" },
    { "key", ARGUMENT_ID, false, HEX_ID_BYTES, NULL, "id of the key that signs for the person" },
};
static const struct argument_spec remove_arguments[] = {
    { "unit", ARGUMENT_ID, true, BOUND_UNIT_BYTES, NULL, "the unit id" },
    { "role", ARGUMENT_CHOICE, true, 16, ROLE_CHOICES, "the role" },
};

const struct command_spec official_commands[] = {
    { "official.set", "names the person who answers for a unit in a role", ACTOR_ADMINISTRATOR,
      "unit", set_arguments, ARRAY_LEN(set_arguments), 0, decide_set },
    { "official.remove", "leaves a role without a person", ACTOR_ADMINISTRATOR, "unit",
      remove_arguments, ARRAY_LEN(remove_arguments), 0, decide_remove },
};
const size_t official_command_count = ARRAY_LEN(official_commands);
