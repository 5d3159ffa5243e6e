/* Journal entries that nobody vouches for, applied to empty tables: [u16 size] entry, one after
 * another. Apply may refuse them; it must not crash, and what it took must rebuild the same. */
#include <stdlib.h>

#include "ledger/run.h"
#include "base/buf.h"
#include "proto/frame.h"
#include "tests/lib/memory_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Applies entries until one is refused, which is rolled back; returns how many were taken. */
static size_t apply_all(struct memory_view *memory, struct bytes input, struct arena *arena)
{
    struct ledger_writer writer = memory_writer(memory);
    struct reader in = reader_of(input);
    for (size_t taken = 0;; taken++) {
        struct arena_mark mark = arena_mark(arena);
        struct bytes bytes = read_bytes(&in, read_u16be(&in));
        Zb__Entry *entry = NULL;
        if (in.failed || MESSAGE_UNPACK(entry, bytes, arena, &entry, NULL) < 0)
            return taken;
        memory_view_begin(memory);
        int r = ledger_apply(&writer, entry, arena);
        arena_rewind(arena, mark);
        if (r < 0) {
            memory_view_abort(memory);
            return taken;
        }
        memory_view_commit(memory);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(8 << 20);
    struct memory_view *first = memory_view_new();
    struct memory_view *second = memory_view_new();
    if (arena == NULL || first == NULL || second == NULL || seal_start() < 0)
        abort();
    size_t taken = apply_all(first, bytes_of(data, size), arena);
    if (apply_all(second, bytes_of(data, size), arena) != taken ||
        memory_view_difference(first, second) != 0)
        abort();
    memory_view_free(first);
    memory_view_free(second);
    arena_free(arena);
    return 0;
}
