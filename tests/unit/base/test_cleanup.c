/* Scope-owned resources: freed once, handed over whole. */
#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

struct counted {
    int *freed;
};

static void counted_free(struct counted *c)
{
    ++*c->freed;
    free(c);
}
CLEANUP_DEFINE(struct counted *, counted_free);

static struct counted *counted_new(int *freed)
{
    struct counted *c = malloc(sizeof(*c));
    c->freed = freed;
    return c;
}

Test(cleanup, frees_once_at_the_end_of_the_scope)
{
    int freed = 0;
    {
        CLEANUP(counted_freep) struct counted *c = counted_new(&freed);
        cr_assert(ne(ptr, c, NULL));
        cr_assert(eq(int, freed, 0));
    }
    cr_assert(eq(int, freed, 1));
}

Test(cleanup, leaves_alone_what_was_taken_and_what_is_null)
{
    int freed = 0;
    struct counted *taken = NULL;
    {
        CLEANUP(counted_freep) struct counted *none = NULL;
        CLEANUP(counted_freep) struct counted *c = counted_new(&freed);
        taken = TAKE_PTR(c);
        cr_assert(eq(ptr, c, NULL));
        cr_assert(eq(ptr, none, NULL));
    }
    cr_assert(eq(int, freed, 0));
    counted_free(taken);
    cr_assert(eq(int, freed, 1));
}

static size_t next(size_t *calls)
{
    return (*calls)++;
}

Test(cleanup, takes_the_pointer_of_an_expression_evaluated_once)
{
    CLEANUP(freep) char *plain = malloc(3);
    char *slots[2] = { plain, NULL };
    size_t calls = 0;
    size_t at = next(&calls);
    char *got = TAKE_PTR(slots[at]);
    cr_assert(eq(ptr, got, plain));
    cr_assert(eq(ptr, slots[0], NULL));
    cr_assert(eq(sz, calls, 1));
    cr_assert(eq(sz, ARRAY_LEN(slots), 2));
}
