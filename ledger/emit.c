/* emit.c - lists that grow in the arena; one sticky error for all of them. */
#include "ledger/emit.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ledger/key.h"

/* A list of items of one size. Growing copies: what was handed out before stays valid, for items
 * that are pointers. */
struct list {
    void *items;
    size_t count;
    size_t room;
};

/* Numbers given in this decide call, which the view cannot know of yet. */
struct counter {
    struct counter *next;
    const char *name;
    uint64_t value;
    Zb__Effect *effect; /* that moves it; put again by the next number */
};

struct output_follow_set {
    uint32_t *slot; /* index of a follow + 1, 0: free; a power of two of them */
    size_t slots;
};

struct ledger_output {
    struct arena *arena;
    int error;
    struct list entries, privates, follows, unchanged, judge, outcomes, values;
    struct list effects; /* of the entry begun last */
    Zb__Entry *entry;
    struct counter *counters;
    struct output_follow_set set;
    Zb__ResumedBody *resumed;
    Zb__CommandResult *result;
    Zb__RefusalReason refused;
};

struct ledger_output *output_new(struct arena *arena)
{
    struct ledger_output *out = arena_calloc(arena, 1, sizeof(*out));
    if (out != NULL)
        out->arena = arena;
    return out;
}

int output_error(const struct ledger_output *out)
{
    return out->error;
}

struct arena *output_arena(struct ledger_output *out)
{
    return out->arena;
}

static void *fail_if_null(struct ledger_output *out, void *p)
{
    if (p == NULL && out->error == 0)
        out->error = -ENOMEM;
    return p;
}

/* Room for one more item, zeroed; NULL after an error. */
static void *list_add(struct ledger_output *out, struct list *list, size_t item_bytes)
{
    if (out->error != 0)
        return NULL;
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 8 : list->room * 2;
        void *grown = fail_if_null(out, arena_calloc(out->arena, room, item_bytes));
        if (grown == NULL)
            return NULL;
        if (list->count > 0)
            memcpy(grown, list->items, list->count * item_bytes);
        list->items = grown;
        list->room = room;
    }
    return (uint8_t *)list->items + list->count++ * item_bytes;
}

static bool list_add_pointer(struct ledger_output *out, struct list *list, void *pointer)
{
    void **slot = list_add(out, list, sizeof(*slot));
    if (slot != NULL)
        *slot = pointer;
    return slot != NULL;
}

static struct bytes copy_of(struct ledger_output *out, struct bytes run)
{
    if (run.size == 0 || out->error != 0)
        return (struct bytes){ 0 };
    const void *copy = fail_if_null(out, arena_dup(out->arena, run.data, run.size));
    return copy == NULL ? bytes_of(NULL, 0) : bytes_of(copy, run.size);
}

static char *format_text(struct ledger_output *out, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static char *format_text(struct ledger_output *out, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    assert(n >= 0); /* formats are our own */
    char *text = fail_if_null(out, arena_alloc(out->arena, (size_t)n + 1));
    if (text != NULL)
        (void)vsnprintf(text, (size_t)n + 1, format, args); /* measured just above */
    return text;
}

Zb__Entry *emit_entry(struct ledger_output *out, Zb__EntryKind kind, struct bytes actor,
                      const char *reason, ...)
{
    if (out->error != 0)
        return NULL;
    Zb__Entry *entry = fail_if_null(out, arena_alloc(out->arena, sizeof(*entry)));
    if (entry == NULL)
        return NULL;
    zb__entry__init(entry);
    entry->kind = kind;
    entry->actor = blob_of(copy_of(out, actor));
    va_list args;
    va_start(args, reason);
    char *text = format_text(out, reason, args);
    va_end(args);
    if (text == NULL || !list_add_pointer(out, &out->entries, entry))
        return NULL;
    entry->reason = text;
    out->entry = entry;
    out->effects = (struct list){ 0 };
    for (struct counter *c = out->counters; c != NULL; c = c->next)
        c->effect = NULL; /* an effect of the entry before stays as it is */
    return out->error == 0 ? entry : NULL;
}

static Zb__Effect *add_effect(struct ledger_output *out, enum ledger_table table, struct bytes key,
                              struct bytes value, bool removed)
{
    if (out->error != 0)
        return NULL;
    assert(out->entry != NULL); /* a rule begins its entry first */
    if (key.size == 0) {
        out->error = -EINVAL; /* a text that does not fit a key has come past the door */
        return NULL;
    }
    Zb__Effect *effect = fail_if_null(out, arena_alloc(out->arena, sizeof(*effect)));
    if (effect == NULL)
        return NULL;
    zb__effect__init(effect);
    effect->table = table;
    effect->key = blob_of(copy_of(out, key));
    effect->value = blob_of(value);
    effect->removed = removed;
    if (!list_add_pointer(out, &out->effects, effect))
        return NULL;
    out->entry->effects = out->effects.items;
    out->entry->n_effects = out->effects.count;
    return effect;
}

static struct bytes packed(struct ledger_output *out, const ProtobufCMessage *record)
{
    if (out->error != 0)
        return (struct bytes){ 0 };
    size_t size = protobuf_c_message_get_packed_size(record);
    uint8_t *data = fail_if_null(out, arena_alloc(out->arena, size));
    if (data == NULL)
        return (struct bytes){ 0 };
    return bytes_of(data, protobuf_c_message_pack(record, data));
}

void emit_put(struct ledger_output *out, enum ledger_table table, struct bytes key,
              const ProtobufCMessage *record)
{
    assert(record->descriptor == ledger_table_descriptor(table));
    (void)add_effect(out, table, key, packed(out, record), false);
}

void emit_put_bytes(struct ledger_output *out, enum ledger_table table, struct bytes key,
                    struct bytes value)
{
    assert(ledger_table_descriptor(table) == NULL);
    (void)add_effect(out, table, key, copy_of(out, value), false);
}

void emit_del(struct ledger_output *out, enum ledger_table table, struct bytes key)
{
    (void)add_effect(out, table, key, (struct bytes){ 0 }, true);
}

void emit_unchanged(struct ledger_output *out, const struct ledger_unchanged *item)
{
    struct ledger_unchanged *slot = list_add(out, &out->unchanged, sizeof(*slot));
    if (slot != NULL)
        *slot = *item;
}

struct id128 emit_private(struct ledger_output *out, const char *kind, struct id128 salt,
                          struct bytes value)
{
    struct id128 handle = seal_handle(salt, value);
    struct bytes copy = copy_of(out, value);
    struct ledger_private *slot = list_add(out, &out->privates, sizeof(*slot));
    if (slot != NULL)
        *slot =
            (struct ledger_private){ .handle = handle, .salt = salt, .kind = kind, .value = copy };
    return handle;
}

/* ---- follow-ups, of which equal ones are dropped ---- */

static uint64_t hash_more(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return hash;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_more(hash, text, strlen(text) + 1);
}

/* What tells one follow-up from another; false for kinds that may repeat. */
static bool follow_hash(const struct ledger_input *input, uint64_t *ret_hash)
{
    uint64_t hash = hash_more(UINT64_C(0xcbf29ce484222325), &input->kind, sizeof(input->kind));
    if (input->kind == INPUT_POSITION)
        hash = hash_text(hash, input->product);
    else if (input->kind == INPUT_ASSESS)
        hash = hash_text(hash_text(hash, input->assess.unit), input->assess.product);
    else if (input->kind == INPUT_RECOUNT_ROW)
        hash = hash_more(hash, &input->row, sizeof(input->row));
    else if (input->kind == INPUT_RECOUNT_UNIT)
        hash = hash_text(
            hash_more(hash, &input->recount.from_endpoint, sizeof(input->recount.from_endpoint)),
            input->recount.unit);
    else
        return false;
    *ret_hash = hash;
    return true;
}

static bool follow_equal(const struct ledger_input *a, const struct ledger_input *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == INPUT_POSITION)
        return strcmp(a->product, b->product) == 0;
    if (a->kind == INPUT_ASSESS)
        return strcmp(a->assess.unit, b->assess.unit) == 0 &&
               strcmp(a->assess.product, b->assess.product) == 0;
    if (a->kind == INPUT_RECOUNT_ROW)
        return a->row == b->row;
    return a->recount.from_endpoint == b->recount.from_endpoint &&
           a->recount.only == b->recount.only && strcmp(a->recount.unit, b->recount.unit) == 0;
}

/* The slot that holds an equal follow-up, or the free one where it belongs. */
static uint32_t *follow_slot(struct ledger_output *out, const struct ledger_input *input,
                             uint64_t hash)
{
    const struct ledger_input *follows = out->follows.items;
    size_t mask = out->set.slots - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask)
        if (out->set.slot[i] == 0 || follow_equal(&follows[out->set.slot[i] - 1], input))
            return &out->set.slot[i];
}

/* At most half full, so a search ends. */
static bool follow_set_grow(struct ledger_output *out)
{
    if (out->set.slots > 2 * out->follows.count)
        return true;
    size_t slots = out->set.slots == 0 ? 32 : out->set.slots * 4;
    uint32_t *slot = fail_if_null(out, arena_calloc(out->arena, slots, sizeof(*slot)));
    if (slot == NULL)
        return false;
    out->set = (struct output_follow_set){ .slot = slot, .slots = slots };
    const struct ledger_input *follows = out->follows.items;
    for (size_t i = 0; i < out->follows.count; i++) {
        uint64_t hash;
        if (follow_hash(&follows[i], &hash))
            *follow_slot(out, &follows[i], hash) = (uint32_t)i + 1;
    }
    return true;
}

void emit_follow(struct ledger_output *out, const struct ledger_input *input)
{
    uint64_t hash;
    uint32_t *slot = NULL;
    if (out->error != 0)
        return;
    if (follow_hash(input, &hash)) {
        if (!follow_set_grow(out))
            return;
        slot = follow_slot(out, input, hash);
        if (*slot != 0)
            return;
    }
    struct ledger_input *added = list_add(out, &out->follows, sizeof(*added));
    if (added == NULL)
        return;
    *added = *input;
    if (slot != NULL)
        *slot = (uint32_t)out->follows.count;
}

void emit_position(struct ledger_output *out, const char *product)
{
    emit_follow(out, &(struct ledger_input){ .kind = INPUT_POSITION, .product = product });
}

void emit_assess(struct ledger_output *out, const char *unit, const char *product)
{
    emit_follow(out, &(struct ledger_input){ .kind = INPUT_ASSESS,
                                             .assess = { .unit = unit, .product = product } });
}

/* ---- replies ---- */

static Zb__Outcome *add_outcome(struct ledger_output *out, uint64_t sequence, struct digest digest,
                                Zb__OutcomeKind kind, Zb__RefusalReason reason)
{
    if (out->error != 0)
        return NULL;
    Zb__Outcome *outcome = fail_if_null(out, arena_alloc(out->arena, sizeof(*outcome)));
    if (outcome == NULL)
        return NULL;
    zb__outcome__init(outcome);
    outcome->sequence = sequence;
    outcome->digest = blob_of(copy_of(out, digest_bytes(&digest)));
    outcome->kind = kind;
    outcome->reason = reason;
    return list_add_pointer(out, &out->outcomes, outcome) ? outcome : NULL;
}

void emit_outcome(struct ledger_output *out, uint64_t sequence, struct digest digest,
                  Zb__OutcomeKind kind, Zb__RefusalReason reason)
{
    (void)add_outcome(out, sequence, digest, kind, reason);
}

void emit_need_rows(struct ledger_output *out, uint64_t sequence, struct digest digest,
                    const struct id128 *rows, size_t count)
{
    Zb__Outcome *outcome = add_outcome(out, sequence, digest, OUTCOME_NEED_ROWS, REFUSAL_NONE);
    if (outcome == NULL || count == 0)
        return;
    ProtobufCBinaryData *list = fail_if_null(out, arena_calloc(out->arena, count, sizeof(*list)));
    for (size_t i = 0; list != NULL && i < count; i++)
        list[i] = blob_of(copy_of(out, id128_bytes(&rows[i])));
    outcome->rows = list;
    outcome->n_rows = list == NULL ? 0 : count;
}

void emit_resumed(struct ledger_output *out, const Zb__ResumedBody *resumed)
{
    Zb__ResumedBody *copy = fail_if_null(out, arena_dup(out->arena, resumed, sizeof(*resumed)));
    if (copy != NULL)
        out->resumed = copy;
}

static Zb__CommandResult *result_of(struct ledger_output *out)
{
    if (out->error != 0)
        return NULL;
    if (out->result == NULL) {
        out->result = fail_if_null(out, arena_alloc(out->arena, sizeof(*out->result)));
        if (out->result != NULL)
            zb__command_result__init(out->result);
    }
    return out->result;
}

void emit_result(struct ledger_output *out, Zb__RefusalReason refused, const char *text, ...)
{
    Zb__CommandResult *result = result_of(out);
    if (result == NULL)
        return;
    result->refused = refused;
    va_list args;
    va_start(args, text);
    char *formatted = format_text(out, text, args);
    va_end(args);
    if (formatted != NULL)
        result->text = formatted;
}

void emit_result_value(struct ledger_output *out, const char *name, const char *value, ...)
{
    Zb__CommandResult *result = result_of(out);
    if (result == NULL)
        return;
    Zb__Argument *argument = fail_if_null(out, arena_alloc(out->arena, sizeof(*argument)));
    if (argument == NULL)
        return;
    zb__argument__init(argument);
    va_list args;
    va_start(args, value);
    char *formatted = format_text(out, value, args);
    va_end(args);
    char *name_copy = fail_if_null(out, arena_strdup(out->arena, bytes_str(name)));
    if (formatted == NULL || name_copy == NULL)
        return;
    argument->name = name_copy;
    argument->value = formatted;
    if (!list_add_pointer(out, &out->values, argument))
        return;
    result->values = out->values.items;
    result->n_values = out->values.count;
}

void emit_refused(struct ledger_output *out, Zb__RefusalReason reason)
{
    out->refused = reason;
}

void emit_judge(struct ledger_output *out, struct id128 row)
{
    struct id128 *slot = list_add(out, &out->judge, sizeof(*slot));
    if (slot != NULL)
        *slot = row;
}

/* ---- counters ---- */

/* The counter as this call knows it: from an earlier number, or from the table; 0-based until the
 * first number is 1. */
static struct counter *counter_of(struct ledger_output *out, const struct ledger_view *view,
                                  const char *name)
{
    for (struct counter *c = out->counters; c != NULL; c = c->next)
        if (strcmp(c->name, name) == 0)
            return c;
    struct counter *c = fail_if_null(out, arena_calloc(out->arena, 1, sizeof(*c)));
    if (c == NULL)
        return NULL;
    Zb__CounterRecord *record;
    int r = LEDGER_GET(view, TABLE_COUNTER, key_name(name), out->arena, &record);
    if (r < 0 && r != -ENOENT) {
        out->error = r;
        return NULL;
    }
    *c =
        (struct counter){ .next = out->counters, .name = name, .value = r == 0 ? record->next : 1 };
    out->counters = c;
    return c;
}

uint64_t emit_number(struct ledger_output *out, const struct ledger_view *view, const char *counter)
{
    if (out->error != 0)
        return 0;
    struct counter *c = counter_of(out, view, counter);
    if (c == NULL)
        return 0;
    uint64_t number = c->value++;
    Zb__CounterRecord record = ZB__COUNTER_RECORD__INIT;
    record.next = c->value;
    if (c->effect != NULL) {
        c->effect->value = blob_of(packed(out, &record.base));
    } else {
        struct ledger_key key = key_name(counter);
        c->effect = add_effect(out, TABLE_COUNTER, ledger_key_bytes(&key),
                               packed(out, &record.base), false);
    }
    return out->error == 0 ? number : 0;
}

struct output_list output_list(const struct ledger_output *out)
{
    return (struct output_list){
        .entries = out->entries.items,
        .entry_count = out->entries.count,
        .privates = out->privates.items,
        .private_count = out->privates.count,
        .follows = out->follows.items,
        .follow_count = out->follows.count,
        .unchanged = out->unchanged.items,
        .unchanged_count = out->unchanged.count,
        .reply = {
            .outcomes = out->outcomes.items,
            .outcome_count = out->outcomes.count,
            .resumed = out->resumed,
            .result = out->result,
            .judge = out->judge.items,
            .judge_count = out->judge.count,
            .refused = out->refused,
        },
    };
}
