/* command_right.c - rights that a unit holds: recorded with their proof, withdrawn with a reason.
 * A right is never changed, so that a position can be explained by the rights of its day. */
#include "ledger/command.h"

#include <errno.h>

#include "base/civil.h"
#include "base/text.h"
#include "ledger/lookup.h"

enum {
    QUANTITY_MAX = 1000 * 1000 * 1000,
    EDITIONS_MAX = 16,
    VERSION_BYTES = 64,
    NOTE_BYTES = 512,
    DAY_BYTES = 10,
    NUMBER_BYTES = 18,
};

/* The words between commas, without spaces around them; empty ones are left out. */
static int split_words(const struct ruling *at, const char *text, char ***ret_words,
                       size_t *ret_count)
{
    char **words = arena_calloc(at->arena, EDITIONS_MAX, sizeof(*words));
    size_t count = 0;
    if (words == NULL)
        return -ENOMEM;
    for (const char *p = text; p != NULL && *p != '\0';) {
        p += strspn(p, " ,");
        size_t size = strcspn(p, ",");
        size_t kept = size;
        while (kept > 0 && p[kept - 1] == ' ')
            kept--;
        if (kept > 0 && count == EDITIONS_MAX)
            return -E2BIG;
        if (kept > 0) {
            words[count] = arena_strdup(at->arena, bytes_of(p, kept));
            if (words[count++] == NULL)
                return -ENOMEM;
        }
        p += size;
    }
    *ret_words = words;
    *ret_count = count;
    return 0;
}

/* An empty text where an optional argument is not given. Only read. */
static char *text_of(const struct command_call *call, const char *name)
{
    const char *text = command_argument(call, name);
    return (char *)(uintptr_t)(text == NULL ? "" : text);
}

/* The dates and the quantity; false when the result says what is wrong with them. */
static bool fill_bounds(const struct command_call *call, Zb__RightRecord *right)
{
    const struct ruling *at = call->at;
    const char *metric = command_argument(call, "metric");
    right->quantity = command_number(call, "quantity", 0);
    right->from_day = command_day(call, "from", civil_day_at(at->now_ms));
    right->to_day = command_day(call, "to", 0);
    right->metric =
        metric != NULL && strcmp(metric, "subscription") == 0 ? METRIC_SUBSCRIPTION : METRIC_DEVICE;
    const char *fault = NULL;
    if (right->quantity == 0 || right->quantity > QUANTITY_MAX)
        fault = "quantity is from 1 to 1000000000";
    else if (right->metric == METRIC_SUBSCRIPTION && right->to_day == 0)
        fault = "a subscription has an end: say to";
    else if (right->to_day != 0 && right->to_day < right->from_day)
        fault = "it ends before it begins";
    if (fault != NULL)
        emit_result(at->out, REFUSAL_INVALID, "%s", fault);
    return fault == NULL;
}

static int decide_add(const struct command_call *call)
{
    const struct ruling *at = call->at;
    const char *unit = command_argument(call, "unit");
    const char *proof = command_argument(call, "proof");
    uint8_t digest[32];
    Zb__RightRecord right = ZB__RIGHT_RECORD__INIT;
    int has = ledger_has(at->view, TABLE_UNIT, key_text(unit));
    if (has != 1) {
        emit_result(at->out, REFUSAL_UNKNOWN_UNIT, "there is no unit %s", unit);
        return has;
    }
    if (!fill_bounds(call, &right))
        return 0;
    int r = split_words(at, command_argument(call, "editions"), &right.editions, &right.n_editions);
    if (r == -E2BIG) {
        emit_result(at->out, REFUSAL_TOO_LARGE, "more than %d editions", EDITIONS_MAX);
        return 0;
    }
    if (r < 0)
        return r;
    if (proof != NULL && hex_decode(bytes_str(proof), digest, sizeof(digest)) == 0)
        right.proof = blob_of(bytes_of(digest, sizeof(digest)));
    right.unit = text_of(call, "unit");
    right.product = text_of(call, "product");
    right.subtree = command_flag(call, "subtree");
    right.version_low = text_of(call, "version_low");
    right.version_high = text_of(call, "version_high");
    right.note = text_of(call, "note");
    right.recorded_by = blob_of(call->actor);
    right.recorded_ms = at->now_ms;
    right.counted_day = civil_day_at(at->now_ms);
    (void)emit_entry(at->out, ENTRY_RIGHT, call->actor, "right to %s for %s", right.product, unit);
    right.id = emit_number(at->out, at->view, "right");
    struct ledger_key key = key_u64(right.id);
    emit_put(at->out, TABLE_RIGHT, ledger_key_bytes(&key), &right.base);
    emit_position(at->out, right.product);
    emit_result(at->out, REFUSAL_NONE, "right %llu is recorded%s", (unsigned long long)right.id,
                proof == NULL ? "; without proof what it covers is at risk" : "");
    emit_result_value(at->out, "right", "%llu", (unsigned long long)right.id);
    return output_error(at->out);
}

static int decide_withdraw(const struct command_call *call)
{
    const struct ruling *at = call->at;
    const char *unit = command_argument(call, "unit");
    uint64_t id = command_number(call, "right", 0);
    Zb__RightRecord *right;
    int r = LEDGER_GET(at->view, TABLE_RIGHT, key_u64(id), at->arena, &right);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == -ENOENT || strcmp(right->unit, unit) != 0) {
        emit_result(at->out, REFUSAL_NOT_FOUND, "unit %s has no right %llu", unit,
                    (unsigned long long)id);
        return 0;
    }
    if (right->withdrawn) {
        emit_result(at->out, REFUSAL_BAD_STATE, "right %llu is withdrawn already",
                    (unsigned long long)id);
        return 0;
    }
    right->withdrawn = true;
    (void)emit_entry(at->out, ENTRY_RIGHT, call->actor, "right %llu withdrawn: %s",
                     (unsigned long long)id, command_argument(call, "reason"));
    struct ledger_key key = key_u64(id);
    emit_put(at->out, TABLE_RIGHT, ledger_key_bytes(&key), &right->base);
    emit_position(at->out, right->product);
    emit_result(at->out, REFUSAL_NONE, "right %llu is withdrawn", (unsigned long long)id);
    return output_error(at->out);
}

static const struct argument_spec add_arguments[] = {
    { "unit", ARGUMENT_ID, true, BOUND_UNIT_BYTES, NULL, "who holds it" },
    { "product", ARGUMENT_ID, true, BOUND_PRODUCT_BYTES, NULL, "product id of the catalogue" },
    { "quantity", ARGUMENT_NUMBER, true, NUMBER_BYTES, NULL, "computers it covers" },
    { "metric", ARGUMENT_CHOICE, false, 16, "device|subscription", "device when not said" },
    { "subtree", ARGUMENT_FLAG, false, 3, NULL, "serves the units below too" },
    { "from", ARGUMENT_DAY, false, DAY_BYTES, NULL, "first day; today when not said" },
    { "to", ARGUMENT_DAY, false, DAY_BYTES, NULL, "last day; none when not said" },
    { "proof", ARGUMENT_HEX32, false, 64, NULL, "BLAKE2b-256 of the proof document" },
    { "editions", ARGUMENT_TEXT, false, 512, NULL, "editions it covers, by commas; all" },
    { "version_low", ARGUMENT_TEXT, false, VERSION_BYTES, NULL, "lowest version it covers" },
    { "version_high", ARGUMENT_TEXT, false, VERSION_BYTES, NULL,
      "highest version it covers; 2019 covers 2019.3" },
    { "note", ARGUMENT_TEXT, false, NOTE_BYTES, NULL, "contract number and the like" },
};

static const struct argument_spec withdraw_arguments[] = {
    { "unit", ARGUMENT_ID, true, BOUND_UNIT_BYTES, NULL, "who holds it" },
    { "right", ARGUMENT_NUMBER, true, NUMBER_BYTES, NULL, "right id" },
    { "reason", ARGUMENT_TEXT, true, NOTE_BYTES, NULL, "why it does not count" },
};

const struct command_spec right_commands[] = {
    { "entitlement.add", "records a right to use a product", ACTOR_HANDLER_OR_ADMINISTRATOR, "unit",
      add_arguments, ARRAY_LEN(add_arguments), 0, decide_add },
    { "entitlement.withdraw", "takes a recorded right back", ACTOR_HANDLER_OR_ADMINISTRATOR, "unit",
      withdraw_arguments, ARRAY_LEN(withdraw_arguments), 0, decide_withdraw },
};
const size_t right_command_count = ARRAY_LEN(right_commands);
