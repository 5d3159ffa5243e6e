/* Arena: the cap holds, marks rewind, memory is aligned and one's own. */
#include "base/arena.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdalign.h>

#include "base/rng.h"

Test(arena, hands_out_aligned_memory_of_its_own)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    uint8_t *p[100];
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        p[i] = arena_alloc(arena, i);
        cr_assert(ne(ptr, p[i], NULL));
        cr_assert(eq(sz, (uintptr_t)p[i] % alignof(max_align_t), 0));
        memset(p[i], (int)i, i);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        for (size_t k = 0; k < i; k++)
            cr_assert(eq(u8, p[i][k], (uint8_t)i), "allocation %zu was overwritten", i);
}

Test(arena, gives_a_unique_pointer_for_nothing)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1024);
    void *a = arena_alloc(arena, 0), *b = arena_alloc(arena, 0);
    cr_assert(ne(ptr, a, NULL));
    cr_assert(ne(ptr, b, NULL));
    cr_assert(ne(ptr, a, b));
}

Test(arena, ends_in_null_at_its_cap_and_not_before)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(4096);
    size_t n = 0;
    while (arena_alloc(arena, 64) != NULL)
        n++;
    cr_assert(eq(sz, n, 64));
    cr_assert(eq(sz, arena_used(arena), 4096));
    cr_assert(eq(sz, arena_cap(arena), 4096));
    cr_assert(eq(ptr, arena_alloc(arena, 1), NULL));
    cr_assert(eq(ptr, arena_alloc(arena, 0), NULL));
}

Test(arena, refuses_sizes_that_overflow)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(SIZE_MAX);
    cr_assert(eq(ptr, arena_calloc(arena, SIZE_MAX / 2, 3), NULL));
    cr_assert(eq(ptr, arena_alloc(arena, SIZE_MAX), NULL));
    cr_assert(eq(ptr, arena_alloc(arena, SIZE_MAX - 3), NULL));
    cr_assert(eq(sz, arena_used(arena), 0));
}

Test(arena, zeroes_what_calloc_gives_even_where_memory_was_used_before)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 16);
    struct arena_mark mark = arena_mark(arena);
    memset(arena_alloc(arena, 1000), 0xFF, 1000);
    arena_rewind(arena, mark);
    uint8_t *p = arena_calloc(arena, 10, 100);
    for (size_t i = 0; i < 1000; i++)
        cr_assert(eq(u8, p[i], 0));
}

Test(arena, rewinds_to_nested_marks_and_gives_the_room_back)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    char *kept = arena_strdup(arena, BYTES_LIT("kept"));
    size_t used_by_kept = arena_used(arena);
    struct arena_mark outer = arena_mark(arena);
    cr_assert(ne(ptr, arena_alloc(arena, 200000), NULL)); /* a chunk of its own */
    struct arena_mark inner = arena_mark(arena);
    cr_assert(ne(ptr, arena_alloc(arena, 300000), NULL));
    arena_rewind(arena, inner);
    cr_assert(ge(sz, arena_used(arena), 200000));
    arena_rewind(arena, outer);
    cr_assert(eq(sz, arena_used(arena), used_by_kept));
    cr_assert(ne(ptr, arena_alloc(arena, 1000000), NULL));
    cr_assert(eq(str, kept, "kept"));
}

Test(arena, survives_random_allocations_and_rewinds)
{
    uint64_t seed = 20260907;
    struct rng rng = rng_init(seed);
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 22);
    struct {
        struct arena_mark mark;
        uint8_t *data;
        size_t size;
        uint8_t fill;
    } stack[64];
    size_t depth = 0;
    bool intact = true;
    for (int step = 0; step < 20000; step++) {
        if (depth < ARRAY_LEN(stack) && rng_chance(&rng, 3, 5)) {
            stack[depth].mark = arena_mark(arena);
            stack[depth].size = rng_below(&rng, rng_chance(&rng, 1, 10) ? 100000 : 500);
            stack[depth].data = arena_alloc(arena, stack[depth].size);
            if (stack[depth].data == NULL)
                continue;
            stack[depth].fill = (uint8_t)step;
            memset(stack[depth].data, (uint8_t)step, stack[depth].size);
            depth++;
        } else if (depth > 0) {
            size_t to = rng_below(&rng, depth);
            for (size_t i = to; i < depth; i++)
                for (size_t k = 0; k < stack[i].size; k++)
                    intact &= stack[i].data[k] == stack[i].fill;
            arena_rewind(arena, stack[to].mark);
            depth = to;
        }
    }
    cr_assert(intact, "seed %lu", (unsigned long)seed);
}

Test(arena, copies_bytes_and_strings_and_formats)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(4096);
    const uint8_t raw[] = { 1, 0, 2 };
    cr_assert(eq(int, memcmp(arena_dup(arena, raw, 3), raw, 3), 0));
    cr_assert(eq(str, arena_strdup(arena, BYTES_LIT("正版")), "正版"));
    cr_assert(eq(str, arena_strdup(arena, (struct bytes){ 0 }), ""));
    cr_assert(eq(str, arena_printf(arena, "%s has %d", "unit", 7), "unit has 7"));
    cr_assert(eq(ptr, arena_printf(arena, "%5000d", 1), NULL));
    cr_assert(eq(ptr, arena_dup(arena, raw, SIZE_MAX), NULL));
}

Test(arena, frees_null)
{
    arena_free(NULL);
}
