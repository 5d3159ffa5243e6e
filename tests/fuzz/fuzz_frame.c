/* A whole frame from outside: head, codec, then the message that its type carries, then the signed
 * or forwarded bytes inside it. Whatever is accepted packs and comes back. */
#include <stdlib.h>

#include "proto/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 8 * 1024 * 1024 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool unpacks(struct arena *arena, const ProtobufCMessageDescriptor *type, struct bytes bytes,
                    ProtobufCMessage **ret_message)
{
    struct complaint why;
    return message_unpack(type, bytes, arena, ret_message, &why) == 0;
}

/* What is accepted packs to bytes that are accepted and pack to themselves. */
static void comes_back(struct arena *arena, const ProtobufCMessage *message)
{
    ProtobufCMessage *again = NULL;
    struct buf once = BUF_INIT(ROOM), twice = BUF_INIT(ROOM);
    require(message_pack(message, &once) == 0);
    if (unpacks(arena, message->descriptor, buf_bytes(&once), &again)) {
        require(message_pack(again, &twice) == 0);
        require(bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
    } else {
        require(arena_used(arena) > arena_cap(arena) / 4); /* only for want of memory */
    }
    buf_done(&once);
    buf_done(&twice);
}

/* The bytes inside a message that are themselves a message. */
static void look_inside(struct arena *arena, enum frame_type type, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *inner = NULL;
    ProtobufCBinaryData bytes = { 0 };
    switch (type) {
    case FRAME_BATCH:
        inner = &zb__batch_header__descriptor;
        bytes = ((const Zb__Batch *)message)->header;
        break;
    case FRAME_FORWARD:
        inner = &zb__batch__descriptor;
        bytes = ((const Zb__Forward *)message)->batch;
        break;
    case FRAME_SETTLED:
        inner = &zb__settlement__descriptor;
        bytes = ((const Zb__Settled *)message)->settlement;
        break;
    case FRAME_RESUME:
        inner = &zb__resume_body__descriptor;
        bytes = ((const Zb__Resume *)message)->body;
        break;
    case FRAME_RESUMED:
        inner = &zb__resumed_body__descriptor;
        bytes = ((const Zb__Resumed *)message)->body;
        break;
    case FRAME_REGISTRY:
        inner = &zb__registry_body__descriptor;
        bytes = ((const Zb__Registry *)message)->body;
        break;
    case FRAME_COMMAND:
        inner = &zb__command_body__descriptor;
        bytes = ((const Zb__Command *)message)->body;
        break;
    default:
        return;
    }
    ProtobufCMessage *unpacked = NULL;
    if (unpacks(arena, inner, bytes_of(bytes.data, bytes.len), &unpacked))
        comes_back(arena, unpacked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(BOUND_DECODE_ARENA_BYTES);
    struct complaint why;
    enum frame_type type;
    struct bytes payload;
    ProtobufCMessage *message = NULL;
    if (arena == NULL)
        return 0;
    if (frame_open(bytes_of(data, size), arena, &type, &payload, &why) == 0) {
        require(payload.size <= frame_expanded_bound_bytes(type));
        if (unpacks(arena, frame_descriptor(type), payload, &message)) {
            comes_back(arena, message);
            look_inside(arena, type, message);
        }
    }
    arena_free(arena);
    return 0;
}
