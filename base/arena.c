/* arena.c - chunks in a list; the current one is bumped, rewound ones are kept and used again. */
#include "base/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>

enum { ARENA_CHUNK_BYTES = 64 * 1024, ARENA_ALIGN = alignof(max_align_t) };

/* Far beyond any machine, and rounding up or adding a head cannot wrap. */
#define ARENA_ALLOC_MAX (SIZE_MAX / 2)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* usable bytes after this head */
    size_t used; /* bytes handed out, a multiple of ARENA_ALIGN */
    alignas(max_align_t) uint8_t data[];
};

struct arena {
    size_t cap;                  /* bytes */
    size_t total;                /* bytes handed out, ≤ cap */
    struct arena_chunk *first;   /* owned list */
    struct arena_chunk *current; /* NULL until the first allocation; those after it are empty */
};

struct arena *arena_new(size_t cap_bytes)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (arena != NULL)
        arena->cap = cap_bytes;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    for (struct arena_chunk *c = arena->first, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    free(arena);
}

/* A chunk with room for need bytes after the current one: a kept one that is large enough, or a
 * new one put in its place. */
static struct arena_chunk *chunk_after_current(struct arena *arena, size_t need)
{
    struct arena_chunk **link = arena->current == NULL ? &arena->first : &arena->current->next;
    struct arena_chunk *kept = *link;
    if (kept != NULL && kept->size >= need) {
        kept->used = 0;
        return kept;
    }
    size_t size = need > ARENA_CHUNK_BYTES ? need : ARENA_CHUNK_BYTES;
    struct arena_chunk *c = malloc(sizeof(*c) + size);
    if (c == NULL)
        return NULL;
    c->next = kept;
    c->size = size;
    c->used = 0;
    *link = c;
    return c;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    if (size_bytes > arena->cap - arena->total || size_bytes > ARENA_ALLOC_MAX)
        return NULL;
    size_t need = size_bytes == 0 ? 1 : size_bytes;
    need = (need + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (need > arena->cap - arena->total)
        return NULL;
    struct arena_chunk *c = arena->current;
    if (c == NULL || need > c->size - c->used) {
        c = chunk_after_current(arena, need);
        if (c == NULL)
            return NULL;
        arena->current = c;
    }
    void *p = c->data + c->used;
    c->used += need;
    arena->total += need;
    return p;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size_bytes, &bytes))
        return NULL;
    void *p = arena_alloc(arena, bytes);
    if (p != NULL)
        memset(p, 0, bytes);
    return p;
}

void *arena_dup(struct arena *arena, const void *data, size_t size_bytes)
{
    void *p = arena_alloc(arena, size_bytes);
    if (p != NULL && size_bytes > 0)
        memcpy(p, data, size_bytes);
    return p;
}

char *arena_strdup(struct arena *arena, struct bytes text)
{
    char *p = arena_alloc(arena, text.size + 1);
    if (p == NULL)
        return NULL;
    if (text.size > 0)
        memcpy(p, text.data, text.size);
    p[text.size] = '\0';
    return p;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        return NULL;
    char *p = arena_alloc(arena, (size_t)n + 1);
    if (p == NULL)
        return NULL;
    va_start(args, format);
    (void)vsnprintf(p, (size_t)n + 1, format, args); /* measured just above */
    va_end(args);
    return p;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){
        .chunk = arena->current,
        .used = arena->current == NULL ? 0 : arena->current->used,
        .total = arena->total,
    };
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    if (mark.chunk != NULL)
        mark.chunk->used = mark.used;
    arena->current = mark.chunk;
    arena->total = mark.total;
}

size_t arena_used(const struct arena *arena)
{
    return arena->total;
}

size_t arena_cap(const struct arena *arena)
{
    return arena->cap;
}
