/* A journal entry as it comes in a feed, and the signed bytes that it carries. */
#include <stdlib.h>

#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(BOUND_DECODE_ARENA_BYTES);
    struct complaint why;
    Zb__Entry *entry = NULL;
    Zb__BatchHeader *header = NULL;
    Zb__CommandBody *command = NULL;
    if (arena == NULL)
        return 0;
    if (MESSAGE_UNPACK(entry, bytes_of(data, size), arena, &entry, &why) == 0) {
        struct buf packed = BUF_INIT(8 * 1024 * 1024);
        require(message_pack(&entry->base, &packed) == 0);
        require(packed.size <= size);
        buf_done(&packed);
        /* Both may be refused: they must only not break anything. */
        (void)MESSAGE_UNPACK(batch_header, bytes_of(entry->header.data, entry->header.len), arena,
                             &header, &why);
        (void)MESSAGE_UNPACK(command_body, bytes_of(entry->command.data, entry->command.len), arena,
                             &command, &why);
    }
    arena_free(arena);
    return 0;
}
