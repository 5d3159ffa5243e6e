/* The fixture that other tests lean on: order, lifetimes, transactions, faults. */
#include "tests/lib/memory_view.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "base/rng.h"

static int put(struct memory_view *memory, const char *key, const char *value)
{
    struct ledger_writer writer = memory_writer(memory);
    return writer.put(writer.view.ctx, TABLE_UNIT, bytes_str(key), bytes_str(value));
}

static int del(struct memory_view *memory, const char *key)
{
    struct ledger_writer writer = memory_writer(memory);
    return writer.del(writer.view.ctx, TABLE_UNIT, bytes_str(key));
}

static bool holds(struct memory_view *memory, const char *key, const char *value)
{
    struct ledger_view view = memory_view(memory);
    struct bytes found;
    int r = view.get(view.ctx, TABLE_UNIT, bytes_str(key), &found);
    return value == NULL ? r == -ENOENT : r == 0 && bytes_eq(found, bytes_str(value));
}

Test(memory_view, walks_its_keys_in_byte_order_whatever_order_they_came_in)
{
    CLEANUP(memory_view_freep) struct memory_view *memory = memory_view_new();
    struct rng rng = rng_init(1);
    struct ledger_writer writer = memory_writer(memory);
    for (int i = 0; i < 2000; i++) {
        uint8_t key[8];
        put_u64be(key, rng_u64(&rng));
        cr_assert(eq(
            int,
            writer.put(memory, TABLE_ONCE, bytes_of(key, 1 + rng_below(&rng, 8)), BYTES_LIT("x")),
            0));
    }
    uint8_t last[9] = { 0 };
    size_t last_size = 0, seen = 0;
    struct bytes key, value;
    while (writer.view.seek(memory, TABLE_ONCE, bytes_of(last, last_size + 1), &key, &value) == 0) {
        cr_assert(lt(int, bytes_cmp(bytes_of(last, last_size), key), 0));
        memcpy(last, key.data, key.size);
        last[key.size] = 0; /* the smallest key above this one */
        last_size = key.size;
        seen++;
    }
    cr_assert(eq(sz, seen, memory_view_count(memory, TABLE_ONCE)));
    cr_assert(gt(sz, seen, 1500));
}

Test(memory_view, replaces_and_removes)
{
    CLEANUP(memory_view_freep) struct memory_view *memory = memory_view_new();
    cr_assert(eq(int, put(memory, "a", "1"), 0));
    cr_assert(eq(int, put(memory, "a", "2"), 0));
    cr_assert(holds(memory, "a", "2"));
    cr_assert(eq(sz, memory_view_count(memory, TABLE_UNIT), 1));
    cr_assert(eq(int, del(memory, "a"), 0));
    cr_assert(eq(int, del(memory, "a"), 0));
    cr_assert(holds(memory, "a", NULL));
}

Test(memory_view, puts_an_aborted_transaction_back_and_keeps_a_committed_one)
{
    CLEANUP(memory_view_freep) struct memory_view *memory = memory_view_new();
    put(memory, "kept", "1");
    memory_view_begin(memory);
    put(memory, "kept", "2");
    put(memory, "new", "3");
    memory_view_abort(memory);
    cr_assert(holds(memory, "kept", "1"));
    cr_assert(holds(memory, "new", NULL));
    memory_view_begin(memory);
    del(memory, "kept");
    memory_view_commit(memory);
    cr_assert(holds(memory, "kept", NULL));
}

Test(memory_view, copies_are_tables_of_their_own)
{
    CLEANUP(memory_view_freep) struct memory_view *memory = memory_view_new();
    put(memory, "a", "1");
    CLEANUP(memory_view_freep) struct memory_view *copy = memory_view_copy(memory);
    cr_assert(eq(int, (int)memory_view_difference(memory, copy), 0));
    put(memory, "a", "2");
    cr_assert(holds(copy, "a", "1"));
    cr_assert(eq(int, (int)memory_view_difference(memory, copy), TABLE_UNIT));
}

Test(memory_view, fails_the_call_it_was_told_to_fail_and_only_that)
{
    CLEANUP(memory_view_freep) struct memory_view *memory = memory_view_new();
    memory_view_fault(memory, MEMORY_FAULT_WRITE, 1);
    cr_assert(eq(int, put(memory, "a", "1"), 0));
    cr_assert(not(memory_view_fault_fired(memory)));
    cr_assert(eq(int, put(memory, "b", "1"), -EIO));
    cr_assert(memory_view_fault_fired(memory));
    cr_assert(holds(memory, "b", NULL));
    cr_assert(eq(int, put(memory, "b", "1"), 0));
}
