/* Any message type there is: the first byte chooses it, the rest are its bytes. */
#include <stdlib.h>

#include "tests/lib/test_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 8 * 1024 * 1024 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *type = test_type(data[0] % TEST_TYPE_COUNT);
    struct arena *arena = arena_new(BOUND_DECODE_ARENA_BYTES);
    struct buf once = BUF_INIT(ROOM), twice = BUF_INIT(ROOM);
    struct complaint why;
    ProtobufCMessage *message = NULL, *again = NULL;
    if (arena == NULL)
        return 0;
    if (message_unpack(type, bytes_of(data + 1, size - 1), arena, &message, &why) == 0) {
        require(message_pack(message, &once) == 0);
        /* A number that came alone is packed with a length before it: 3 bytes for 2 at the worst. */
        require(once.size <= 2 * size);
        require(message_unpack(type, buf_bytes(&once), arena, &again, &why) == 0);
        require(message_pack(again, &twice) == 0);
        require(bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
    } else {
        require(why.what[0] != '\0' && why.place[0] != '\0');
    }
    buf_done(&once);
    buf_done(&twice);
    arena_free(arena);
    return 0;
}
