/* frame.c - the eight-byte head and the codec; nothing here looks inside a message. */
#include "proto/frame.h"

#include <errno.h>
#include <zstd.h>

enum {
    FRAME_FORMAT = 1,
    ZSTD_LEVEL = 3,
    COMPRESS_FROM_BYTES = 64, /* below this zstd's own head eats the gain */
};

struct frame_row {
    enum frame_type type;
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
};

static const struct frame_row frames[] = {
    { FRAME_HELLO, "HELLO", &zb__hello__descriptor },
    { FRAME_WELCOME, "WELCOME", &zb__welcome__descriptor },
    { FRAME_PING, "PING", &zb__ping__descriptor },
    { FRAME_PONG, "PONG", &zb__pong__descriptor },
    { FRAME_BUSY, "BUSY", &zb__busy__descriptor },
    { FRAME_REFUSED, "REFUSED", &zb__refused__descriptor },
    { FRAME_BATCH, "BATCH", &zb__batch__descriptor },
    { FRAME_FORWARD, "FORWARD", &zb__forward__descriptor },
    { FRAME_SETTLED, "SETTLED", &zb__settled__descriptor },
    { FRAME_RESUME, "RESUME", &zb__resume__descriptor },
    { FRAME_RESUMED, "RESUMED", &zb__resumed__descriptor },
    { FRAME_JUDGE, "JUDGE", &zb__judge__descriptor },
    { FRAME_VERDICTS, "VERDICTS", &zb__verdicts__descriptor },
    { FRAME_REGISTRY_PULL, "REGISTRY_PULL", &zb__registry_pull__descriptor },
    { FRAME_REGISTRY, "REGISTRY", &zb__registry__descriptor },
    { FRAME_REFUSALS, "REFUSALS", &zb__refusals__descriptor },
    { FRAME_COMMAND, "COMMAND", &zb__command__descriptor },
    { FRAME_COMMAND_RESULT, "COMMAND_RESULT", &zb__command_result__descriptor },
    { FRAME_FEED_PULL, "FEED_PULL", &zb__feed_pull__descriptor },
    { FRAME_FEED, "FEED", &zb__feed__descriptor },
};

static const struct frame_row *frame_find(enum frame_type type)
{
    for (size_t i = 0; i < ARRAY_LEN(frames); i++)
        if (frames[i].type == type)
            return &frames[i];
    return NULL;
}

const char *frame_name(enum frame_type type)
{
    const struct frame_row *row = frame_find(type);
    return row == NULL ? "?" : row->name;
}

const ProtobufCMessageDescriptor *frame_descriptor(enum frame_type type)
{
    const struct frame_row *row = frame_find(type);
    return row == NULL ? NULL : row->descriptor;
}

size_t frame_bound_bytes(enum frame_type type)
{
    return BOUND_FRAME_BYTES + (type == FRAME_FORWARD ? (size_t)BOUND_FORWARD_EXTRA_BYTES : 0);
}

size_t frame_expanded_bound_bytes(enum frame_type type)
{
    return BOUND_EXPANDED_BYTES + (type == FRAME_FORWARD ? (size_t)BOUND_FORWARD_EXTRA_BYTES : 0);
}

/* ---- encoding -------------------------------------------------------------------------------- */

static void head_write(uint8_t *head, enum frame_type type, enum frame_codec codec, size_t expanded)
{
    head[0] = FRAME_FORMAT;
    head[1] = (uint8_t)type;
    head[2] = (uint8_t)codec;
    head[3] = 0;
    put_u32be(head + 4, (uint32_t)expanded); /* at most frame_expanded_bound_bytes */
}

/* Appends the payload compressed if that is smaller, else leaves `out` as it is. The room is one
 * byte less than the payload, so a result that gains nothing is an error of zstd's: no gain.
 * Errors: buf_error(out). */
static int payload_compress(struct bytes payload, struct buf *out, bool *ret_smaller)
{
    *ret_smaller = false;
    if (payload.size < COMPRESS_FROM_BYTES)
        return 0;
    size_t before = out->size;
    size_t left = out->cap - out->size;
    size_t room = payload.size - 1 < left ? payload.size - 1 : left;
    uint8_t *to = buf_reserve(out, room);
    if (to == NULL)
        return buf_error(out);
    size_t size = ZSTD_compress(to, room, payload.data, payload.size, ZSTD_LEVEL);
    *ret_smaller = !ZSTD_isError(size);
    out->size = before + (*ret_smaller ? size : 0);
    return 0;
}

static int payload_write(enum frame_type type, struct bytes payload, struct buf *out)
{
    bool smaller;
    uint8_t *head = buf_reserve(out, FRAME_HEAD_BYTES);
    if (head == NULL)
        return buf_error(out);
    int r = payload_compress(payload, out, &smaller);
    if (r == 0 && !smaller) {
        buf_put(out, payload);
        r = buf_error(out);
    }
    if (r == 0 && out->size > frame_bound_bytes(type))
        r = -EMSGSIZE;
    if (r == 0)
        head_write(out->data, type, smaller ? CODEC_ZSTD : CODEC_PLAIN, payload.size);
    return r;
}

int frame_encode(enum frame_type type, const ProtobufCMessage *message, struct buf *out)
{
    buf_reset(out);
    if (message->descriptor != frame_descriptor(type))
        return -EINVAL;
    CLEANUP(buf_done) struct buf payload = BUF_INIT(frame_expanded_bound_bytes(type));
    int r = message_pack(message, &payload);
    if (r == 0)
        r = payload_write(type, buf_bytes(&payload), out);
    if (r < 0)
        buf_reset(out);
    return r;
}

/* ---- decoding -------------------------------------------------------------------------------- */

struct frame_head {
    const struct frame_row *row;
    unsigned codec;
    size_t expanded; /* bytes, as claimed */
};

static int head_read(struct bytes frame, struct frame_head *ret_head, struct complaint *why)
{
    complaint_at(why, "frame head");
    if (frame.size < FRAME_HEAD_BYTES)
        return complain(why, -EBADMSG, "send a whole frame", "%zu bytes are no head", frame.size);
    if (frame.data[0] != FRAME_FORMAT)
        return complain(why, -EBADMSG, "speak frame format 1", "frame format %u", frame.data[0]);
    const struct frame_row *row = frame_find((enum frame_type)frame.data[1]);
    if (row == NULL)
        return complain(why, -EBADMSG, "send only what the peer's version knows",
                        "unknown frame type %u", frame.data[1]);
    complaint_at(why, "%s frame", row->name);
    if (frame.data[3] != 0)
        return complain(why, -EBADMSG, "leave byte 3 of the head zero", "byte 3 is %u",
                        frame.data[3]);
    size_t expanded = get_u32be(frame.data + 4);
    if (frame.size > frame_bound_bytes(row->type))
        return complain(why, -EMSGSIZE, "send less in one frame", "%zu bytes, at most %zu",
                        frame.size, frame_bound_bytes(row->type));
    if (expanded > frame_expanded_bound_bytes(row->type))
        return complain(why, -EMSGSIZE, "send less in one frame", "claims %zu bytes, at most %zu",
                        expanded, frame_expanded_bound_bytes(row->type));
    *ret_head = (struct frame_head){ row, frame.data[2], expanded };
    return 0;
}

/* zstd's magic number as it stands in the bytes: skippable frames and the formats before 1.0, which
 * the library may still decode, begin otherwise. */
static const uint8_t zstd_magic[] = { 0x28, 0xB5, 0x2F, 0xFD };

/* Exactly one zstd frame that expands to exactly the claimed size. The room given to zstd is the
 * claim, which a bound holds: a bomb ends as an error, not in memory. */
static int payload_expand(struct bytes coded, size_t expanded, struct arena *arena,
                          struct bytes *ret_payload, struct complaint *why)
{
    unsigned long long own = ZSTD_getFrameContentSize(coded.data, coded.size);
    if (!bytes_starts_with(coded, bytes_of(zstd_magic, sizeof(zstd_magic))) ||
        own == ZSTD_CONTENTSIZE_ERROR ||
        ZSTD_findFrameCompressedSize(coded.data, coded.size) != coded.size)
        return complain(why, -EBADMSG, "send one whole zstd frame", "the payload is not one");
    if (own != ZSTD_CONTENTSIZE_UNKNOWN && own != expanded)
        return complain(why, -EBADMSG, "claim the size before compression",
                        "head claims %zu bytes, zstd %llu", expanded, own);
    struct arena_mark mark = arena_mark(arena);
    uint8_t *to = arena_alloc(arena, expanded);
    if (to == NULL)
        return complain(why, -ENOMEM, NULL, "no memory left for %zu bytes", expanded);
    size_t size = ZSTD_decompress(to, expanded, coded.data, coded.size);
    if (ZSTD_isError(size) || size != expanded) {
        arena_rewind(arena, mark);
        return complain(why, -EBADMSG, "claim the size before compression",
                        "does not expand to the %zu bytes that the head claims", expanded);
    }
    *ret_payload = bytes_of(to, size);
    return 0;
}

int frame_open(struct bytes frame, struct arena *arena, enum frame_type *ret_type,
               struct bytes *ret_payload, struct complaint *why)
{
    struct frame_head head = { 0 };
    int r = head_read(frame, &head, why);
    if (r < 0)
        return r;
    struct bytes coded = bytes_of(frame.data + FRAME_HEAD_BYTES, frame.size - FRAME_HEAD_BYTES);
    struct bytes payload = coded;
    switch (head.codec) {
    case CODEC_PLAIN:
        if (coded.size != head.expanded)
            return complain(why, -EBADMSG, "claim the payload's size",
                            "%zu bytes, the head claims %zu", coded.size, head.expanded);
        break;
    case CODEC_ZSTD:
        r = payload_expand(coded, head.expanded, arena, &payload, why);
        if (r < 0)
            return r;
        break;
    default:
        return complain(why, -EBADMSG, "use codec 0 or 1", "unknown codec %u", head.codec);
    }
    *ret_type = head.row->type;
    *ret_payload = payload;
    return 0;
}
