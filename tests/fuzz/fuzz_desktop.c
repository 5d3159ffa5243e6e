/* fuzz_desktop.c - any bytes as a menu entry: what is taken of it is text, and came from within it. */
#include <assert.h>
#include <errno.h>

#include "collector/sources/desktop.h"

enum { ARENA_BYTES = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    struct desktop_entry entry = { .is_hidden = true };
    int r = desktop_entry_read(bytes_of(data, size), arena, &entry);
    assert(r == 0 || r == -EBADMSG || r == -ENOMEM);
    if (r == 0) {
        /* Unescaping only shortens. */
        assert(entry.name.size + entry.name_zh.size + entry.version.size + entry.binary.size <=
               size);
        assert(text_is_utf8(entry.binary));
        assert(entry.name.size > 0 || entry.name_zh.size == 0);
        /* The same bytes say the same. */
        struct desktop_entry again;
        assert(desktop_entry_read(bytes_of(data, size), arena, &again) == 0);
        assert(bytes_eq(again.name, entry.name) && bytes_eq(again.binary, entry.binary) &&
               bytes_eq(again.version, entry.version));
    } else {
        assert(entry.is_hidden && entry.name.size == 0); /* untouched */
    }
    arena_free(arena);
    return 0;
}
