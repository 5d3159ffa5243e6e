/* memory_view.c - one sorted array of records per table.
 *
 * Records are counted by reference and never changed, so a copy of the tables is a copy of the
 * arrays, and a transaction is a copy of those arrays that were written. */
#include "tests/lib/memory_view.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct record {
    size_t refs;
    size_t key_size;
    size_t value_size;
    uint8_t data[]; /* key, then value */
};

struct table {
    struct record **at; /* owned, ascending keys */
    size_t count;
    size_t room;
};

struct lent {
    struct lent *next;
    uint8_t data[];
};

struct memory_view {
    struct table table[TABLE_END];
    struct table saved[TABLE_END]; /* in a transaction: the written tables as they were */
    bool is_saved[TABLE_END];
    bool in_transaction;
    struct lent *lent;  /* under AddressSanitizer: answers since the last change */
    size_t fault_in[2]; /* calls until the fault, by enum memory_fault; 0: none */
    bool fault_fired;
};

#if defined(__SANITIZE_ADDRESS__)
enum { LENDS = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { LENDS = 1 };
#else
enum { LENDS = 0 };
#endif
#else
enum { LENDS = 0 };
#endif

/* A fixture that is out of memory cannot say anything about what it tests. */
static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static void record_drop(struct record *record)
{
    if (--record->refs == 0)
        free(record);
}

static struct bytes record_key(const struct record *record)
{
    return bytes_of(record->data, record->key_size);
}

static struct bytes record_value(const struct record *record)
{
    return bytes_of(record->data + record->key_size, record->value_size);
}

static void table_done(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        record_drop(table->at[i]);
    free(table->at);
    *table = (struct table){ 0 };
}

static struct table table_copy(const struct table *from)
{
    struct table to = { .count = from->count, .room = from->count };
    if (from->count == 0)
        return to;
    to.at = must(malloc(from->count * sizeof(struct record *)));
    for (size_t i = 0; i < from->count; i++) {
        to.at[i] = from->at[i];
        to.at[i]->refs++;
    }
    return to;
}

/* Index of the first record whose key is ≥ key. */
static size_t table_seek(const struct table *table, struct bytes key)
{
    size_t low = 0, high = table->count;
    if (high > 0 && bytes_cmp(record_key(table->at[high - 1]), key) < 0)
        return high; /* appending is the common case */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_cmp(record_key(table->at[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool table_is_at(const struct table *table, size_t i, struct bytes key)
{
    return i < table->count && bytes_eq(record_key(table->at[i]), key);
}

static void lent_free(struct memory_view *memory)
{
    for (struct lent *l = memory->lent, *next; l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    memory->lent = NULL;
}

static struct bytes lend(struct memory_view *memory, struct bytes bytes)
{
    if (!LENDS)
        return bytes;
    struct lent *l = must(malloc(sizeof(*l) + bytes.size));
    l->next = memory->lent;
    memory->lent = l;
    if (bytes.size > 0)
        memcpy(l->data, bytes.data, bytes.size);
    return bytes_of(l->data, bytes.size);
}

static bool fault_now(struct memory_view *memory, enum memory_fault kind)
{
    if (memory->fault_in[kind] == 0 || --memory->fault_in[kind] > 0)
        return false;
    memory->fault_fired = true;
    return true;
}

static int memory_get(void *ctx, enum ledger_table number, struct bytes key,
                      struct bytes *ret_value)
{
    struct memory_view *memory = ctx;
    assert(number > 0 && number < TABLE_END && key.size > 0);
    if (fault_now(memory, MEMORY_FAULT_READ))
        return -EIO;
    const struct table *table = &memory->table[number];
    size_t i = table_seek(table, key);
    if (!table_is_at(table, i, key))
        return -ENOENT;
    *ret_value = lend(memory, record_value(table->at[i]));
    return 0;
}

static int memory_seek(void *ctx, enum ledger_table number, struct bytes from,
                       struct bytes *ret_key, struct bytes *ret_value)
{
    struct memory_view *memory = ctx;
    assert(number > 0 && number < TABLE_END);
    if (fault_now(memory, MEMORY_FAULT_READ))
        return -EIO;
    const struct table *table = &memory->table[number];
    size_t i = table_seek(table, from);
    if (i == table->count)
        return -ENOENT;
    *ret_key = lend(memory, record_key(table->at[i]));
    *ret_value = lend(memory, record_value(table->at[i]));
    return 0;
}

/* The table, about to change: saved first if a transaction wants it back. */
static struct table *changing(struct memory_view *memory, enum ledger_table number)
{
    if (memory->in_transaction && !memory->is_saved[number]) {
        memory->saved[number] = table_copy(&memory->table[number]);
        memory->is_saved[number] = true;
    }
    return &memory->table[number];
}

static struct record *record_new(struct bytes key, struct bytes value)
{
    struct record *record = must(malloc(sizeof(*record) + key.size + value.size));
    record->refs = 1;
    record->key_size = key.size;
    record->value_size = value.size;
    memcpy(record->data, key.data, key.size);
    if (value.size > 0)
        memcpy(record->data + key.size, value.data, value.size);
    return record;
}

static void table_insert(struct table *table, size_t i, struct record *record)
{
    if (table->count == table->room) {
        table->room = table->room < 16 ? 16 : table->room * 2;
        table->at = must(realloc(table->at, table->room * sizeof(*table->at)));
    }
    memmove(&table->at[i + 1], &table->at[i], (table->count - i) * sizeof(*table->at));
    table->at[i] = record;
    table->count++;
}

static int memory_put(void *ctx, enum ledger_table number, struct bytes key, struct bytes value)
{
    struct memory_view *memory = ctx;
    assert(number > 0 && number < TABLE_END && key.size > 0);
    if (fault_now(memory, MEMORY_FAULT_WRITE))
        return -EIO;
    struct table *table = changing(memory, number);
    struct record *record = record_new(key, value); /* before what it may be copied from dies */
    size_t i = table_seek(table, key);
    if (table_is_at(table, i, key)) {
        record_drop(table->at[i]);
        table->at[i] = record;
    } else {
        table_insert(table, i, record);
    }
    lent_free(memory);
    return 0;
}

static int memory_del(void *ctx, enum ledger_table number, struct bytes key)
{
    struct memory_view *memory = ctx;
    assert(number > 0 && number < TABLE_END && key.size > 0);
    if (fault_now(memory, MEMORY_FAULT_WRITE))
        return -EIO;
    struct table *table = changing(memory, number);
    size_t i = table_seek(table, key);
    if (table_is_at(table, i, key)) {
        record_drop(table->at[i]);
        table->count--;
        memmove(&table->at[i], &table->at[i + 1], (table->count - i) * sizeof(*table->at));
    }
    lent_free(memory);
    return 0;
}

struct memory_view *memory_view_new(void)
{
    return calloc(1, sizeof(struct memory_view));
}

struct memory_view *memory_view_copy(const struct memory_view *memory)
{
    struct memory_view *copy = memory_view_new();
    for (size_t i = 0; copy != NULL && i < TABLE_END; i++)
        copy->table[i] = table_copy(&memory->table[i]);
    return copy;
}

void memory_view_free(struct memory_view *memory)
{
    if (memory == NULL)
        return;
    lent_free(memory);
    for (size_t i = 0; i < TABLE_END; i++) {
        table_done(&memory->table[i]);
        table_done(&memory->saved[i]);
    }
    free(memory);
}

struct ledger_view memory_view(struct memory_view *memory)
{
    return (struct ledger_view){ .ctx = memory, .get = memory_get, .seek = memory_seek };
}

struct ledger_writer memory_writer(struct memory_view *memory)
{
    return (
        struct ledger_writer){ .view = memory_view(memory), .put = memory_put, .del = memory_del };
}

void memory_view_begin(struct memory_view *memory)
{
    assert(!memory->in_transaction);
    memory->in_transaction = true;
}

void memory_view_commit(struct memory_view *memory)
{
    assert(memory->in_transaction);
    memory->in_transaction = false;
    for (size_t i = 0; i < TABLE_END; i++) {
        table_done(&memory->saved[i]);
        memory->is_saved[i] = false;
    }
}

void memory_view_abort(struct memory_view *memory)
{
    assert(memory->in_transaction);
    memory->in_transaction = false;
    lent_free(memory);
    for (size_t i = 0; i < TABLE_END; i++) {
        if (!memory->is_saved[i])
            continue;
        table_done(&memory->table[i]);
        memory->table[i] = memory->saved[i];
        memory->saved[i] = (struct table){ 0 };
        memory->is_saved[i] = false;
    }
}

size_t memory_view_count(const struct memory_view *memory, enum ledger_table table)
{
    return memory->table[table].count;
}

static bool table_same(const struct table *a, const struct table *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!bytes_eq(record_key(a->at[i]), record_key(b->at[i])) ||
            !bytes_eq(record_value(a->at[i]), record_value(b->at[i])))
            return false;
    return true;
}

enum ledger_table memory_view_difference(const struct memory_view *a, const struct memory_view *b)
{
    for (unsigned i = 1; i < TABLE_END; i++)
        if (!table_same(&a->table[i], &b->table[i]))
            return (enum ledger_table)i;
    return (enum ledger_table)0;
}

void memory_view_fault(struct memory_view *memory, enum memory_fault kind, size_t nth)
{
    memory->fault_in[kind] = nth + 1;
    memory->fault_fired = false;
}

bool memory_view_fault_fired(const struct memory_view *memory)
{
    return memory->fault_fired;
}
