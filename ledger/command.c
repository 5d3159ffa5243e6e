/* command.c - a person's command at the door: whose it is, whether it was given before, whether its
 * arguments are what its verb takes, and whether this person may give it. Then the verb decides.
 *
 * A command that got as far as its verb is journalled with its signature, also when the verb refused
 * it, and its answer is kept under its id: the same command again gets the same answer. What failed
 * earlier leaves no trace. */
#include "ledger/command.h"

#include <errno.h>

#include "base/civil.h"
#include "base/text.h"
#include "ledger/lookup.h"
#include "proto/frame.h"

enum { COMMANDS_MAX = 64 };

static const struct {
    const struct command_spec *specs;
    const size_t *count;
} families[] = {
    { key_commands, &key_command_count },
    { unit_commands, &unit_command_count },
    { official_commands, &official_command_count },
    { right_commands, &right_command_count },
    { catalogue_commands, &catalogue_command_count },
    { case_commands, &case_command_count },
};

const struct command_spec *command_find(const char *verb)
{
    for (size_t f = 0; f < ARRAY_LEN(families); f++)
        for (size_t i = 0; i < *families[f].count; i++)
            if (strcmp(families[f].specs[i].verb, verb) == 0)
                return &families[f].specs[i];
    return NULL;
}

static int spec_cmp(const void *a, const void *b)
{
    return strcmp((*(const struct command_spec *const *)a)->verb,
                  (*(const struct command_spec *const *)b)->verb);
}

size_t command_list(const struct command_spec **out, size_t cap)
{
    size_t count = 0;
    for (size_t f = 0; f < ARRAY_LEN(families); f++)
        for (size_t i = 0; i < *families[f].count && count < cap; i++)
            out[count++] = &families[f].specs[i];
    if (count > 1)
        qsort(out, count, sizeof(*out), spec_cmp);
    return count;
}

/* ---- arguments, as the verbs read them ---- */

const char *command_argument(const struct command_call *call, const char *name)
{
    for (size_t i = 0; i < call->body->n_arguments; i++)
        if (strcmp(call->body->arguments[i]->name, name) == 0)
            return call->body->arguments[i]->value;
    return NULL;
}

static bool parse_number(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits] != '\0')
        return false;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (uint64_t)(text[i] - '0');
    *ret_number = number;
    return true;
}

uint64_t command_number(const struct command_call *call, const char *name, uint64_t otherwise)
{
    const char *text = command_argument(call, name);
    uint64_t number;
    return text != NULL && parse_number(text, &number) ? number : otherwise;
}

int32_t command_day(const struct command_call *call, const char *name, int32_t otherwise)
{
    const char *text = command_argument(call, name);
    int32_t day;
    return text != NULL && civil_parse_date(bytes_str(text), &day) == 0 ? day : otherwise;
}

bool command_flag(const struct command_call *call, const char *name)
{
    const char *text = command_argument(call, name);
    return text != NULL && strcmp(text, "yes") == 0;
}

/* ---- checking them ---- */

static bool is_id(const char *text)
{
    return text[0] != '\0' &&
           text[strspn(
               text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/")] == '\0';
}

static bool is_choice(const char *choices, const char *text)
{
    size_t size = strlen(text);
    for (const char *at = choices; size > 0 && at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, text, size) == 0 && (at[size] == '|' || at[size] == '\0'))
            return true;
    }
    return false;
}

/* What an argument of a kind must look like; NULL when it does. */
static const char *kind_fault(const struct argument_spec *spec, const char *text)
{
    uint64_t number;
    int32_t day;
    int64_t instant;
    uint8_t bytes[32];
    switch (spec->kind) {
    case ARGUMENT_TEXT:
        return NULL;
    case ARGUMENT_ID:
        return is_id(text) ? NULL : "is made of letters, digits and . _ - /";
    case ARGUMENT_NUMBER:
        return parse_number(text, &number) ? NULL : "is a number";
    case ARGUMENT_DAY:
        return civil_parse_date(bytes_str(text), &day) == 0 ? NULL : "is a day as 2026-09-07";
    case ARGUMENT_INSTANT:
        return civil_parse_instant(bytes_str(text), &instant) == 0
                   ? NULL
                   : "is an instant as 2026-09-07 09:00";
    case ARGUMENT_FLAG:
        return strcmp(text, "yes") == 0 || strcmp(text, "no") == 0 ? NULL : "is yes or no";
    case ARGUMENT_HEX32:
        return hex_decode(bytes_str(text), bytes, sizeof(bytes)) == 0 ? NULL
                                                                      : "is 64 hexadecimal digits";
    case ARGUMENT_CHOICE:
        return is_choice(spec->choices, text) ? NULL : "is one of";
    }
    return "is of no kind";
}

static const struct argument_spec *argument_spec(const struct command_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->argument_count; i++)
        if (strcmp(spec->arguments[i].name, name) == 0)
            return &spec->arguments[i];
    return NULL;
}

/* False when an argument is not what the verb takes; the result says which and why. */
static bool check_argument(const struct ruling *at, const struct command_spec *spec,
                           const Zb__CommandBody *body, size_t index)
{
    const Zb__Argument *argument = body->arguments[index];
    const struct argument_spec *takes = argument_spec(spec, argument->name);
    if (takes == NULL) {
        emit_result(at->out, REFUSAL_INVALID, "%s takes no argument %.64s", spec->verb,
                    argument->name);
        return false;
    }
    for (size_t i = 0; i < index; i++)
        if (strcmp(body->arguments[i]->name, argument->name) == 0) {
            emit_result(at->out, REFUSAL_INVALID, "%s is given twice", argument->name);
            return false;
        }
    if (strlen(argument->value) > takes->max_bytes) {
        emit_result(at->out, REFUSAL_TOO_LARGE, "%s has more than %zu bytes", argument->name,
                    takes->max_bytes);
        return false;
    }
    const char *fault = kind_fault(takes, argument->value);
    if (fault != NULL)
        emit_result(at->out, REFUSAL_INVALID, "%s %s%s%s; '%.64s' is not", argument->name, fault,
                    takes->kind == ARGUMENT_CHOICE ? " " : "",
                    takes->kind == ARGUMENT_CHOICE ? takes->choices : "", argument->value);
    return fault == NULL;
}

static bool check_arguments(const struct ruling *at, const struct command_spec *spec,
                            const Zb__CommandBody *body)
{
    for (size_t i = 0; i < body->n_arguments; i++)
        if (!check_argument(at, spec, body, i))
            return false;
    const struct command_call call = { .at = at, .body = body };
    for (size_t i = 0; i < spec->argument_count; i++) {
        const char *value = command_argument(&call, spec->arguments[i].name);
        if (spec->arguments[i].required && (value == NULL || value[0] == '\0')) {
            emit_result(at->out, REFUSAL_INVALID, "%s wants %s: %s", spec->verb,
                        spec->arguments[i].name, spec->arguments[i].help);
            return false;
        }
    }
    if (body->attachment.len > spec->max_attachment_bytes) {
        emit_result(at->out, REFUSAL_TOO_LARGE, "%s takes an attachment of %zu bytes at most",
                    spec->verb, spec->max_attachment_bytes);
        return false;
    }
    return true;
}

/* ---- who may ---- */

static bool role_suffices(enum command_actor actor, Zb__OfficialRole role)
{
    switch (actor) {
    case ACTOR_ADMINISTRATOR:
        return role == OFFICIAL_ADMINISTRATOR;
    case ACTOR_HANDLER:
        return role >= OFFICIAL_HANDLER && role <= OFFICIAL_UPPER_OFFICE;
    case ACTOR_DEPUTY:
        return role == OFFICIAL_DEPUTY || role == OFFICIAL_PRINCIPAL;
    case ACTOR_PRINCIPAL:
        return role == OFFICIAL_PRINCIPAL;
    case ACTOR_HANDLER_OR_ADMINISTRATOR:
        return role >= OFFICIAL_HANDLER && role <= OFFICIAL_ADMINISTRATOR;
    case ACTOR_PRINCIPAL_OR_ADMINISTRATOR:
        return role == OFFICIAL_PRINCIPAL || role == OFFICIAL_ADMINISTRATOR;
    }
    return false;
}

static int is_root_key(const struct ruling *at, struct bytes actor, bool *ret_root)
{
    Zb__GenesisRecord *genesis;
    int r = LEDGER_GET(at->view, TABLE_GENESIS, key_id(bytes_of("", 1)), at->arena, &genesis);
    if (r < 0)
        return r;
    const Zb__RegistryKey *root = genesis->root != NULL ? genesis->root : genesis->ledger;
    *ret_root = root != NULL && bytes_eq(blob_bytes(root->id), actor);
    return 0;
}

/* Whether an office of the actor reaches the unit: it is of that unit or of one above. Without a
 * unit, it is of one that has none above. 1, 0 or an error. */
static int office_reaches(const struct ruling *at, const char *office, const char *unit)
{
    if (unit != NULL)
        return unit_covers(at->view, office, unit, at->arena);
    Zb__UnitRecord *record;
    int r = LEDGER_GET(at->view, TABLE_UNIT, key_text(office), at->arena, &record);
    return r == 0 ? record->parent[0] == '\0' : r == -ENOENT ? 0 : r;
}

static int may_give(const struct ruling *at, struct bytes actor, const struct command_spec *spec,
                    const char *unit, bool *ret_may)
{
    bool root;
    int r = is_root_key(at, actor, &root);
    if (r < 0)
        return r;
    *ret_may = root && role_suffices(spec->actor, OFFICIAL_ADMINISTRATOR);
    if (*ret_may)
        return 0;
    struct ledger_walk walk = ledger_walk(at->view, INDEX_OFFICIAL, key_id(actor));
    struct bytes key, value;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        struct reader in = reader_of(key);
        (void)read_bytes(&in, actor.size);
        const char *office = (const char *)key_read_text(&in).data;
        Zb__OfficialRole role = (Zb__OfficialRole)read_u8(&in);
        if (in.failed)
            return -EBADMSG;
        if (!role_suffices(spec->actor, role))
            continue;
        r = office_reaches(at, office, unit);
        if (r != 0) {
            *ret_may = r == 1;
            return r < 0 ? r : 0;
        }
    }
    return r == -ENOENT ? 0 : r;
}

/* ---- the door ---- */

/* REFUSAL_NONE when the body is signed by an enrolled person's key. */
static int check_signature(const struct ruling *at, const Zb__Command *command,
                           const Zb__CommandBody *body, Zb__RefusalReason *ret_reason)
{
    Zb__KeyRecord *record;
    struct seal_public key;
    *ret_reason = REFUSAL_UNKNOWN_KEY;
    int r = LEDGER_GET(at->view, TABLE_KEY, key_id(blob_bytes(body->actor)), at->arena, &record);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (record->key == NULL || record->key->sign_public.len != sizeof(key.b))
        return -EBADMSG;
    memcpy(key.b, record->key->sign_public.data, sizeof(key.b));
    if (!seal_verify(&key, PURPOSE_COMMAND, blob_bytes(command->body),
                     blob_bytes(command->signature)))
        *ret_reason = REFUSAL_BAD_SIGNATURE;
    else if (record->key->role != ROLE_OFFICIAL && record->key->role != ROLE_LEDGER)
        *ret_reason = REFUSAL_WRONG_ROLE;
    else if (record->key->state != KEY_ACTIVE)
        *ret_reason = REFUSAL_REVOKED_KEY;
    else if (!bytes_eq(blob_bytes(body->ledger), id128_bytes(&at->rules->ledger_id)))
        *ret_reason = REFUSAL_KEY_MISMATCH;
    else
        *ret_reason = REFUSAL_NONE;
    return 0;
}

static const char *signature_fault(Zb__RefusalReason reason)
{
    switch (reason) {
    case REFUSAL_UNKNOWN_KEY:
        return "the key that signs it is not enrolled";
    case REFUSAL_BAD_SIGNATURE:
        return "its signature does not hold";
    case REFUSAL_WRONG_ROLE:
        return "it is signed by a key that is no person's";
    case REFUSAL_REVOKED_KEY:
        return "the key that signs it is revoked";
    default:
        return "it is meant for another ledger";
    }
}

/* The first answer once more. -ENOENT when the id is new. */
static int answer_again(const struct ruling *at, const Zb__CommandBody *body)
{
    Zb__CommandRecord *record;
    int r = LEDGER_GET(at->view, TABLE_COMMAND, key_id(blob_bytes(body->id)), at->arena, &record);
    if (r < 0)
        return r;
    emit_result(at->out, record->refused, "%s", record->text);
    for (size_t i = 0; i < record->n_values; i++)
        emit_result_value(at->out, record->values[i]->name, "%s", record->values[i]->value);
    return 0;
}

/* Journals command and answer with what the verb decided. */
static int record_command(const struct ruling *at, const Zb__Command *command,
                          const Zb__CommandBody *body)
{
    struct output_list list = output_list(at->out);
    if (list.reply.result == NULL) {
        emit_result(at->out, REFUSAL_NONE, "done");
        list = output_list(at->out);
    }
    int r = output_error(at->out);
    if (r < 0)
        return r;
    const Zb__CommandResult *result = list.reply.result;
    Zb__Entry *entry = list.entry_count > 0 ? list.entries[list.entry_count - 1] : NULL;
    if (entry == NULL)
        entry = emit_entry(at->out, result->refused == REFUSAL_NONE ? ENTRY_POLICY : ENTRY_REFUSALS,
                           blob_bytes(body->actor), "%.64s", body->verb);
    if (entry == NULL)
        return output_error(at->out);
    entry->command = command->body;
    entry->signature = command->signature;
    Zb__CommandRecord record = ZB__COMMAND_RECORD__INIT;
    record.refused = result->refused;
    record.text = result->text;
    record.values = result->values;
    record.n_values = result->n_values;
    record.at_ms = at->now_ms;
    struct ledger_key key = key_id(blob_bytes(body->id));
    emit_put(at->out, TABLE_COMMAND, ledger_key_bytes(&key), &record.base);
    return output_error(at->out);
}

/* A signed command that is new. */
static int take_command(const struct ruling *at, const Zb__Command *command,
                        const Zb__CommandBody *body)
{
    const struct command_spec *spec = command_find(body->verb);
    bool may;
    if (spec == NULL) {
        emit_result(at->out, REFUSAL_INVALID, "there is no command %.64s", body->verb);
        return 0;
    }
    if (!check_arguments(at, spec, body))
        return output_error(at->out);
    const struct command_call call = { .at = at, .body = body, .actor = blob_bytes(body->actor) };
    const char *unit =
        spec->unit_argument == NULL ? NULL : command_argument(&call, spec->unit_argument);
    int r = may_give(at, call.actor, spec, unit, &may);
    if (r < 0)
        return r;
    if (!may) {
        emit_result(at->out, REFUSAL_NO_RIGHT, "this key may not give %s%s%s", spec->verb,
                    unit == NULL ? "" : " in ", unit == NULL ? "" : unit);
        return 0;
    }
    r = spec->decide(&call);
    return r < 0 ? r : record_command(at, command, body);
}

int rule_command(const struct ruling *at, const Zb__Command *command)
{
    Zb__CommandBody *body = NULL;
    Zb__RefusalReason reason;
    int r = MESSAGE_UNPACK(command_body, blob_bytes(command->body), at->arena, &body, NULL);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || body->id.len != 16 || body->algorithm != SEAL_BLAKE2B_ED25519) {
        emit_result(at->out, REFUSAL_BAD_FRAME, "this is no command");
        return 0;
    }
    r = check_signature(at, command, body, &reason);
    if (r < 0)
        return r;
    if (reason != REFUSAL_NONE) {
        emit_result(at->out, reason, "%s", signature_fault(reason));
        return 0;
    }
    r = answer_again(at, body);
    return r != -ENOENT ? r : take_command(at, command, body);
}
