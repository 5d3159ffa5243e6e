/* Frames: heads, codecs and sizes, held to the byte. */
#include "proto/frame.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <zstd.h>

#include "tests/lib/test_messages.h"

enum { ROOM = 64 * 1024 * 1024 };

struct fixture {
    struct arena *arena;
    struct buf frame;
    struct complaint why;
    enum frame_type type;
    struct bytes payload;
};

static void fixture_done(struct fixture *f)
{
    arena_free(f->arena);
    buf_done(&f->frame);
}

#define FIXTURE(f)        \
    CLEANUP(fixture_done) \
    struct fixture f = { .arena = arena_new(ROOM), .frame = BUF_INIT(ROOM) }

static int open_frame(struct fixture *f, struct bytes frame)
{
    struct arena_mark mark = arena_mark(f->arena);
    int r = frame_open(frame, f->arena, &f->type, &f->payload, &f->why);
    if (r < 0) {
        cr_assert(gt(sz, strlen(f->why.what), 0));
        cr_assert(eq(sz, arena_used(f->arena), mark.total), "a refused frame left memory behind");
    }
    return r;
}

/* f->frame: a head that claims `expanded` bytes and then the coded bytes. */
static void put_frame(struct fixture *f, uint8_t type, uint8_t codec, uint32_t expanded,
                      struct bytes coded)
{
    buf_reset(&f->frame);
    buf_put_u8(&f->frame, 1);
    buf_put_u8(&f->frame, type);
    buf_put_u8(&f->frame, codec);
    buf_put_u8(&f->frame, 0);
    buf_put_u32be(&f->frame, expanded);
    buf_put(&f->frame, coded);
}

/* zstd's form of `size` equal bytes, in the arena. */
static struct bytes compressed(struct fixture *f, size_t size_bytes)
{
    uint8_t *plain = arena_calloc(f->arena, size_bytes, 1);
    size_t room = ZSTD_compressBound(size_bytes);
    uint8_t *to = arena_alloc(f->arena, room);
    size_t size = ZSTD_compress(to, room, plain, size_bytes, 3);
    cr_assert(not(ZSTD_isError(size)));
    return bytes_of(to, size);
}

Test(frame, of_every_type_comes_back)
{
    FIXTURE(f);
    uint64_t seed = test_seed(11);
    struct rng rng = rng_init(seed);
    size_t types = 0;
    for (unsigned type = 0; type < 256; type++) {
        const ProtobufCMessageDescriptor *descriptor = frame_descriptor((enum frame_type)type);
        cr_assert(eq(int, descriptor == NULL, strcmp(frame_name((enum frame_type)type), "?") == 0));
        if (descriptor == NULL)
            continue;
        types++;
        for (int round = 0; round < 50; round++) {
            CLEANUP(buf_done) struct buf packed = BUF_INIT(ROOM);
            struct arena_mark mark = arena_mark(f.arena);
            struct sampler sampler = { f.arena, &rng, 6, 300 };
            ProtobufCMessage *message = sample_message(&sampler, descriptor);
            cr_assert(eq(int, frame_encode((enum frame_type)type, message, &f.frame), 0));
            cr_assert(eq(int, message_pack(message, &packed), 0));
            cr_assert(eq(int, open_frame(&f, buf_bytes(&f.frame)), 0), "%s", f.why.what);
            cr_assert(eq(u32, f.type, type));
            cr_assert(bytes_eq(f.payload, buf_bytes(&packed)), "seed %lu", seed);
            arena_rewind(f.arena, mark);
        }
    }
    cr_assert(eq(sz, types, 20));
    cr_assert(eq(str, (char *)frame_name(FRAME_BATCH), "BATCH"));
}

Test(frame, is_compressed_only_where_that_makes_it_smaller)
{
    FIXTURE(f);
    Zb__Ping ping = ZB__PING__INIT;
    ping.tag = 7;
    cr_assert(eq(int, frame_encode(FRAME_PING, &ping.base, &f.frame), 0));
    cr_assert(bytes_eq(buf_bytes(&f.frame), BYTES_LIT("\x01\x03\0\0\0\0\0\x02\x08\x07")));

    Zb__Refused refused = ZB__REFUSED__INIT;
    char text[1001] = "";
    memset(text, 'x', 1000);
    refused.text = text;
    cr_assert(eq(int, frame_encode(FRAME_REFUSED, &refused.base, &f.frame), 0));
    cr_assert(eq(u8, f.frame.data[2], CODEC_ZSTD));
    cr_assert(lt(sz, f.frame.size, 100));

    struct rng rng = rng_init(1);
    struct sampler sampler = { f.arena, &rng, 1, 1000 };
    Zb__Command command = ZB__COMMAND__INIT;
    command.body = sample_bytes(&sampler, 1000, 1000, 1); /* noise gains nothing */
    cr_assert(eq(int, frame_encode(FRAME_COMMAND, &command.base, &f.frame), 0));
    cr_assert(eq(u8, f.frame.data[2], CODEC_PLAIN));
}

Test(frame, is_refused_when_its_head_is_wrong)
{
    FIXTURE(f);
    static const struct bytes bad[] = {
        { (const uint8_t *)"", 0 },
        { (const uint8_t *)"\x01\x03\0\0\0\0\0", 7 },
        { (const uint8_t *)"\x00\x03\0\0\0\0\0\0", 8 },
        { (const uint8_t *)"\x02\x03\0\0\0\0\0\0", 8 },
        { (const uint8_t *)"\x01\x00\0\0\0\0\0\0", 8 },
        { (const uint8_t *)"\x01\x07\0\0\0\0\0\0", 8 },
        { (const uint8_t *)"\x01\xff\0\0\0\0\0\0", 8 },
        { (const uint8_t *)"\x01\x03\x02\0\0\0\0\0", 8 },
        { (const uint8_t *)"\x01\x03\xff\0\0\0\0\0", 8 },
        { (const uint8_t *)"\x01\x03\0\x01\0\0\0\0", 8 },
        { (const uint8_t *)"\x01\x03\0\0\0\0\0\x01", 8 },
        { (const uint8_t *)"\x01\x03\0\0\0\0\0\0x", 9 },
        { (const uint8_t *)"\x01\x03\x01\0\0\0\0\0", 8 },
        { (const uint8_t *)"\x01\x03\x01\0\0\0\0\x01x", 9 },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert(eq(int, open_frame(&f, bad[i]), -EBADMSG), "head %zu", i);
    cr_assert(eq(int, open_frame(&f, BYTES_LIT("\x01\x03\0\0\0\0\0\0")), 0));
}

Test(frame, cut_at_every_byte_is_refused)
{
    FIXTURE(f);
    struct rng rng = rng_init(3);
    struct sampler sampler = { f.arena, &rng, 6, 100 };
    for (int codec = 0; codec < 2; codec++) {
        if (codec == CODEC_PLAIN)
            put_frame(&f, FRAME_BATCH, CODEC_PLAIN, 500,
                      bytes_str(sample_text(&sampler, 500, 500)));
        else
            put_frame(&f, FRAME_BATCH, CODEC_ZSTD, 5000, compressed(&f, 5000));
        cr_assert(eq(int, open_frame(&f, buf_bytes(&f.frame)), 0));
        for (size_t size = 0; size < f.frame.size; size++)
            cr_assert(eq(int, open_frame(&f, bytes_of(f.frame.data, size)), -EBADMSG),
                      "codec %d, %zu bytes", codec, size);
    }
}

/* ---- sizes ----------------------------------------------------------------------------------- */

/* A plain frame of exactly so many bytes on the wire. */
static int open_wire(struct fixture *f, uint8_t type, size_t wire_bytes)
{
    uint8_t *payload = arena_calloc(f->arena, wire_bytes, 1);
    size_t size = wire_bytes - FRAME_HEAD_BYTES;
    put_frame(f, type, CODEC_PLAIN, (uint32_t)size, bytes_of(payload, size));
    return open_frame(f, buf_bytes(&f->frame));
}

Test(frame, holds_exactly_to_its_bound_on_the_wire)
{
    FIXTURE(f);
    cr_assert(eq(int, open_wire(&f, FRAME_BATCH, 262144), 0));
    cr_assert(eq(int, open_wire(&f, FRAME_BATCH, 262145), -EMSGSIZE));
    cr_assert(eq(int, open_wire(&f, FRAME_FORWARD, 524288), 0));
    cr_assert(eq(int, open_wire(&f, FRAME_FORWARD, 524289), -EMSGSIZE));
}

static int open_expanded(struct fixture *f, uint8_t type, size_t expanded)
{
    put_frame(f, type, CODEC_ZSTD, (uint32_t)expanded, compressed(f, expanded));
    return open_frame(f, buf_bytes(&f->frame));
}

Test(frame, holds_exactly_to_its_bound_when_expanded)
{
    FIXTURE(f);
    cr_assert(eq(int, open_expanded(&f, FRAME_BATCH, 4194304), 0));
    cr_assert(eq(sz, f.payload.size, 4194304));
    cr_assert(eq(int, open_expanded(&f, FRAME_BATCH, 4194305), -EMSGSIZE));
    cr_assert(eq(int, open_expanded(&f, FRAME_FORWARD, 4456448), 0));
    cr_assert(eq(int, open_expanded(&f, FRAME_FORWARD, 4456449), -EMSGSIZE));
}

Test(frame, that_is_a_bomb_never_gets_more_than_it_claims)
{
    FIXTURE(f);
    struct bytes bomb = compressed(&f, 16 * 1024 * 1024);
    CLEANUP(arena_freep) struct arena *small = arena_new(5 * 1024 * 1024);
    cr_assert(lt(sz, bomb.size, 4096));
    for (uint32_t claim = 0; claim < BOUND_EXPANDED_BYTES; claim += 999983) {
        put_frame(&f, FRAME_BATCH, CODEC_ZSTD, claim, bomb);
        int r = frame_open(buf_bytes(&f.frame), small, &f.type, &f.payload, &f.why);
        cr_assert(eq(int, r, -EBADMSG));
    }
    put_frame(&f, FRAME_BATCH, CODEC_ZSTD, 16 * 1024 * 1024, bomb);
    cr_assert(eq(int, open_frame(&f, buf_bytes(&f.frame)), -EMSGSIZE));
}

/* The same with no size in zstd's own head, so that only the room given to it holds. */
static struct bytes compressed_without_size(struct fixture *f, size_t size_bytes)
{
    uint8_t *plain = arena_calloc(f->arena, size_bytes, 1);
    size_t room = ZSTD_compressBound(size_bytes);
    uint8_t *to = arena_alloc(f->arena, room);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    cr_assert(not(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0))));
    size_t size = ZSTD_compress2(zstd, to, room, plain, size_bytes);
    (void)ZSTD_freeCCtx(zstd); /* always 0 for a context */
    cr_assert(not(ZSTD_isError(size)));
    return bytes_of(to, size);
}

Test(frame, whose_zstd_names_no_size_is_held_to_the_claim)
{
    FIXTURE(f);
    struct bytes coded = compressed_without_size(&f, 100000);
    put_frame(&f, FRAME_BATCH, CODEC_ZSTD, 100000, coded);
    cr_assert(eq(int, open_frame(&f, buf_bytes(&f.frame)), 0));
    put_frame(&f, FRAME_BATCH, CODEC_ZSTD, 99999, coded);
    cr_assert(eq(int, open_frame(&f, buf_bytes(&f.frame)), -EBADMSG));
    put_frame(&f, FRAME_BATCH, CODEC_ZSTD, 100001, coded);
    cr_assert(eq(int, open_frame(&f, buf_bytes(&f.frame)), -EBADMSG));
}

Test(frame, holds_one_zstd_frame_and_nothing_else)
{
    FIXTURE(f);
    CLEANUP(buf_done) struct buf coded = BUF_INIT(ROOM);
    struct bytes one = compressed(&f, 1000);
    buf_put(&coded, one);
    buf_put(&coded, one);
    put_frame(&f, FRAME_BATCH, CODEC_ZSTD, 2000, buf_bytes(&coded));
    cr_assert(eq(int, open_frame(&f, buf_bytes(&f.frame)), -EBADMSG));
    buf_reset(&coded);
    buf_put(&coded, BYTES_LIT("\x50\x2a\x4d\x18\x04\0\0\0skip")); /* a skippable frame */
    buf_put(&coded, one);
    put_frame(&f, FRAME_BATCH, CODEC_ZSTD, 1000, buf_bytes(&coded));
    cr_assert(eq(int, open_frame(&f, buf_bytes(&f.frame)), -EBADMSG));
    put_frame(&f, FRAME_BATCH, CODEC_ZSTD, 0, BYTES_LIT("\x50\x2a\x4d\x18\x04\0\0\0skip"));
    cr_assert(eq(int, open_frame(&f, buf_bytes(&f.frame)), -EBADMSG));
}

Test(frame, that_does_not_fit_the_arena_says_so)
{
    FIXTURE(f);
    CLEANUP(arena_freep) struct arena *small = arena_new(4096);
    put_frame(&f, FRAME_BATCH, CODEC_ZSTD, 100000, compressed(&f, 100000));
    int r = frame_open(buf_bytes(&f.frame), small, &f.type, &f.payload, &f.why);
    cr_assert(eq(int, r, -ENOMEM));
    cr_assert(eq(sz, arena_used(small), 0));
    /* A claim that zstd's own head contradicts is refused before memory is asked for. */
    put_frame(&f, FRAME_BATCH, CODEC_ZSTD, 99999, compressed(&f, 100000));
    r = frame_open(buf_bytes(&f.frame), small, &f.type, &f.payload, &f.why);
    cr_assert(eq(int, r, -EBADMSG));
}

Test(frame, with_bytes_changed_at_random_opens_to_the_claim_or_is_refused)
{
    FIXTURE(f);
    uint64_t seed = test_seed(12);
    struct rng rng = rng_init(seed);
    struct bytes coded = compressed(&f, 3000);
    for (int round = 0; round < 20000; round++) {
        struct arena_mark mark = arena_mark(f.arena);
        put_frame(&f, FRAME_JUDGE, CODEC_ZSTD, 3000, coded);
        for (int k = 0; k < 2; k++)
            f.frame.data[rng_below(&rng, f.frame.size)] = (uint8_t)rng_u64(&rng);
        int r = open_frame(&f, buf_bytes(&f.frame));
        cr_assert(r == 0 || r == -EBADMSG || r == -EMSGSIZE, "seed %lu", seed);
        if (r == 0)
            cr_assert(eq(sz, f.payload.size, get_u32be(f.frame.data + 4)), "seed %lu", seed);
        arena_rewind(f.arena, mark);
    }
}

/* ---- encoding that must not be --------------------------------------------------------------- */

Test(frame, larger_than_its_bound_is_not_made)
{
    FIXTURE(f);
    struct rng rng = rng_init(5);
    struct sampler sampler = { f.arena, &rng, 1, ROOM };
    Zb__Command command = ZB__COMMAND__INIT;
    /* head 8, key and length of the body 1 + 3: a payload of noise that just fits */
    command.body = sample_bytes(&sampler, 262144 - 12, 262144 - 12, 1);
    cr_assert(eq(int, frame_encode(FRAME_COMMAND, &command.base, &f.frame), 0));
    cr_assert(eq(sz, f.frame.size, BOUND_FRAME_BYTES));
    command.body = sample_bytes(&sampler, 262144 - 11, 262144 - 11, 1);
    cr_assert(eq(int, frame_encode(FRAME_COMMAND, &command.base, &f.frame), -EMSGSIZE));
    cr_assert(eq(sz, f.frame.size, 0));
    command.body = (ProtobufCBinaryData){ 5000000, arena_calloc(f.arena, 5000000, 1) };
    cr_assert(eq(int, frame_encode(FRAME_COMMAND, &command.base, &f.frame), -EMSGSIZE));
    cr_assert(eq(sz, f.frame.size, 0));
}

Test(frame, respects_the_cap_of_the_buffer_and_leaves_it_usable)
{
    CLEANUP(buf_done) struct buf small = BUF_INIT(16);
    Zb__Refused refused = ZB__REFUSED__INIT;
    refused.text = (char *)"this text is longer than sixteen bytes";
    cr_assert(eq(int, frame_encode(FRAME_REFUSED, &refused.base, &small), -EMSGSIZE));
    Zb__Ping ping = ZB__PING__INIT;
    cr_assert(eq(int, frame_encode(FRAME_PING, &ping.base, &small), 0));
    cr_assert(eq(sz, small.size, FRAME_HEAD_BYTES));
}

Test(frame, carries_only_the_message_of_its_type)
{
    FIXTURE(f);
    Zb__Ping ping = ZB__PING__INIT;
    cr_assert(eq(int, frame_encode(FRAME_PONG, &ping.base, &f.frame), -EINVAL));
    cr_assert(eq(int, frame_encode((enum frame_type)99, &ping.base, &f.frame), -EINVAL));
    cr_assert(eq(sz, f.frame.size, 0));
}
