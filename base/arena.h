/* arena.h - a capped bump allocator: one message, one mark.
 *
 * Everything that decoding or deciding builds comes from an arena and dies together at
 * arena_rewind() or arena_free(). The cap is a promise to the rest of the process: a hostile
 * message ends in NULL here, never in the machine's last page. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"

struct arena;
struct arena_chunk;

struct arena_mark {
    struct arena_chunk *chunk;
    size_t used;  /* bytes used in that chunk */
    size_t total; /* bytes handed out before the mark */
};

/* arena_new - an arena that never hands out more than cap_bytes in all.
 * Errors: NULL when memory is out. */
struct arena *arena_new(size_t cap_bytes);

/* arena_free - gives everything back; NULL is fine. */
void arena_free(struct arena *arena);
CLEANUP_DEFINE(struct arena *, arena_free);

/* arena_alloc - size_bytes of uninitialised memory, aligned for any type.
 * Errors: NULL when the cap or the machine's memory is reached.
 * Owns:   the arena; valid until a rewind past it. size_bytes 0 gives a unique pointer. */
void *arena_alloc(struct arena *arena, size_t size_bytes);

/* arena_calloc - the same, zeroed, for count items; NULL also when count × size overflows. */
void *arena_calloc(struct arena *arena, size_t count, size_t size_bytes);

/* arena_dup - a copy of the bytes; arena_strdup adds a NUL. NULL as arena_alloc. */
void *arena_dup(struct arena *arena, const void *data, size_t size_bytes);
char *arena_strdup(struct arena *arena, struct bytes text);

/* arena_printf - a formatted, NUL-terminated string; NULL as arena_alloc. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* arena_mark, arena_rewind - everything allocated since the mark is dead after the rewind. Marks
 * nest: a rewind invalidates the marks taken after it. Chunks are kept for the next message. */
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

/* arena_used - bytes handed out now; arena_cap - the promise. */
size_t arena_used(const struct arena *arena);
size_t arena_cap(const struct arena *arena);

#endif
