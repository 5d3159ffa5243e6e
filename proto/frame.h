/* frame.h - one message = one ZeroMQ frame: an eight-byte head and a payload.
 *
 *      0        1        2        3        4                                8
 *     ┌────────┬────────┬────────┬────────┬────────────────────────────────┬─────────┐
 *     │ format │ type   │ codec  │ zero   │ expanded payload bytes (u32 be)│ payload │
 *     └────────┴────────┴────────┴────────┴────────────────────────────────┴─────────┘
 *
 * format 1; type: enum frame_type; codec: how the payload is coded. The payload is one protobuf
 * message of wire.proto. The head's size field is a claim that decoding holds the sender to. */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "proto/bounds.h"
#include "proto/names.h"

enum frame_type {
    FRAME_HELLO = 1,
    FRAME_WELCOME = 2,
    FRAME_PING = 3,
    FRAME_PONG = 4,
    FRAME_BUSY = 5,
    FRAME_REFUSED = 6,
    FRAME_BATCH = 10,
    FRAME_FORWARD = 11,
    FRAME_SETTLED = 12,
    FRAME_RESUME = 13,
    FRAME_RESUMED = 14,
    FRAME_JUDGE = 20,
    FRAME_VERDICTS = 21,
    FRAME_REGISTRY_PULL = 30,
    FRAME_REGISTRY = 31,
    FRAME_REFUSALS = 32,
    FRAME_COMMAND = 40,
    FRAME_COMMAND_RESULT = 41,
    FRAME_FEED_PULL = 50,
    FRAME_FEED = 51,
};

enum frame_codec {
    CODEC_PLAIN = 0,
    CODEC_ZSTD = 1,
};

enum { FRAME_HEAD_BYTES = 8 };

/* Purposes of signatures (seal_sign). */
#define PURPOSE_BATCH      "batch"
#define PURPOSE_SETTLED    "settled"
#define PURPOSE_RESUME     "resume"
#define PURPOSE_RESUMED    "resumed"
#define PURPOSE_REGISTRY   "registry"
#define PURPOSE_COMMAND    "command"
#define PURPOSE_CHECKPOINT "checkpoint"
#define PURPOSE_CATALOGUE  "catalogue"
#define PURPOSE_SLIP       "slip"
#define PURPOSE_IDENTITY   "identity" /* only to see whether two halves belong together */

/* frame_name - the type's name for logs ("BATCH"), "?" for an unknown one. */
const char *frame_name(enum frame_type type);

/* message_pack - appends the protobuf bytes of a message. Errors: buf_error(out). */
int message_pack(const ProtobufCMessage *message, struct buf *out);

/* message_unpack - a message of the given type from bytes that nobody vouches for.
 * Checks before unpacking: depth ≤ BOUND_DEPTH; at most BOUND_FIELDS wire fields, items of a packed
 *         field included; varints of the shortest form and in the range of their type; no group;
 *         lengths inside the bytes; each field of its own wire type, within its limits (limits.h)
 *         and once unless repeated; no empty item in a repeated bytes or text field; text valid
 *         UTF-8 without NUL; enum values that the .proto names. Then unpacks into the arena, never
 *         the heap.
 * Skips:  fields of an unknown number, so that a later version may add some. They are cut out
 *         before unpacking and not kept: packing the message again does not give them.
 * Errors: -EBADMSG (complaint names field and offset), -ENOMEM when the arena's cap is reached; the
 *         arena is then as before.
 * Owns:   the arena; nothing points into `bytes`. */
int message_unpack(const ProtobufCMessageDescriptor *type, struct bytes bytes, struct arena *arena,
                   ProtobufCMessage **ret_message, struct complaint *why);

/* MESSAGE_UNPACK - the same into a pointer of the message's own type:
 *     Zb__BatchHeader *header;
 *     int r = MESSAGE_UNPACK(batch_header, bytes, arena, &header, why);
 * A pointer to another type than the name's does not compile. */
#define MESSAGE_UNPACK(snake, bytes, arena, ret, why)                                       \
    ({                                                                                      \
        ProtobufCMessage *message_ = NULL;                                                  \
        (void)sizeof((ret) == (__typeof__(zb__##snake##__unpack(NULL, 0, NULL)) *)NULL);    \
        int unpacked_ =                                                                     \
            message_unpack(&zb__##snake##__descriptor, (bytes), (arena), &message_, (why)); \
        if (unpacked_ >= 0)                                                                 \
            *(ret) = (void *)message_;                                                      \
        unpacked_;                                                                          \
    })

/* frame_bound_bytes - most bytes of a frame of the type on the wire, head included;
 * frame_expanded_bound_bytes - most bytes of its payload after decompression. */
size_t frame_bound_bytes(enum frame_type type);
size_t frame_expanded_bound_bytes(enum frame_type type);

/* frame_encode - head and payload of a message, compressed with zstd where that makes it smaller.
 * `out` is reset first; on error it is empty.
 * Errors: -EMSGSIZE when the frame would exceed its bound or the buffer's cap, -ENOMEM; -EINVAL
 *         when the message is not what frames of that type carry. */
int frame_encode(enum frame_type type, const ProtobufCMessage *message, struct buf *out);

/* frame_open - the type and the expanded payload of a frame that came from outside.
 * Errors: -EBADMSG bad head, unknown codec, or a payload that does not expand to what the head
 *         claims; -EMSGSIZE over a bound; -ENOMEM.
 * Owns:   ret_payload points into `frame` or into the arena. */
int frame_open(struct bytes frame, struct arena *arena, enum frame_type *ret_type,
               struct bytes *ret_payload, struct complaint *why);

/* frame_descriptor - the message type that a frame type carries; NULL for an unknown one. */
const ProtobufCMessageDescriptor *frame_descriptor(enum frame_type type);

#endif
