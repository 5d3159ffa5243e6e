/* Canonical bytes of a row: what decodes encodes to the same bytes, and to no others. */
#include "proto/row.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(1 << 20);
    struct complaint why;
    struct row decoded;
    if (arena == NULL)
        return 0;
    if (row_decode(bytes_of(data, size), arena, &decoded, &why) == 0) {
        struct buf again = BUF_INIT(1 << 20);
        require(row_encode(&decoded, &again, &why) == 0);
        require(bytes_eq(buf_bytes(&again), bytes_of(data, size)));
        buf_done(&again);
    }
    arena_free(arena);
    return 0;
}
