/* The committed corpora of the fuzz targets begin as valid messages: this writes them, and checks
 * that the committed ones are still valid, so that a change of the protocol does not quietly turn
 * the fuzzers' starting points into noise. ZB_CORPUS_WRITE=1 in the environment writes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <stdio.h>

#include "proto/facts.h"
#include "proto/row.h"
#include "tests/lib/test_messages.h"

enum { ROOM = 1 << 20, SEED = 1 };

struct corpus {
    struct arena *arena;
    struct buf bytes;
    struct rng rng;
};

static void corpus_done(struct corpus *c)
{
    arena_free(c->arena);
    buf_done(&c->bytes);
}

#define CORPUS(c)                                      \
    CLEANUP(corpus_done)                               \
    struct corpus c = { .arena = arena_new(ROOM * 16), \
                        .bytes = BUF_INIT(ROOM),       \
                        .rng = rng_init(SEED) }

static void path_of(char *out, size_t room, const char *target, const char *name)
{
    (void)snprintf(out, room, "%s/tests/fuzz/corpus/%s/%s", getenv("ZB_SOURCE_DIR"), target, name);
}

static void file_write(const struct corpus *c, const char *target, const char *name)
{
    char path[4096];
    path_of(path, sizeof(path), target, name);
    FILE *f = fopen(path, "wb");
    cr_assert(ne(ptr, f, NULL), "%s", path);
    cr_assert(eq(sz, fwrite(c->bytes.data, 1, c->bytes.size, f), c->bytes.size));
    cr_assert(eq(int, fclose(f), 0));
}

static struct bytes file_read(struct corpus *c, const char *target, const char *name)
{
    char path[4096];
    path_of(path, sizeof(path), target, name);
    FILE *f = fopen(path, "rb");
    cr_assert(ne(ptr, f, NULL), "%s", path);
    buf_reset(&c->bytes);
    c->bytes.size = fread(buf_reserve(&c->bytes, ROOM), 1, ROOM, f);
    (void)fclose(f); /* read only */
    return buf_bytes(&c->bytes);
}

static bool writing(void)
{
    return getenv("ZB_CORPUS_WRITE") != NULL;
}

static ProtobufCMessage *sample(struct corpus *c, const ProtobufCMessageDescriptor *type)
{
    struct sampler sampler = { c->arena, &c->rng, 2, 20 };
    return sample_message(&sampler, type);
}

Test(corpus, has_a_valid_frame_of_every_type)
{
    CORPUS(c);
    for (unsigned type = 0; type < 256; type++) {
        const ProtobufCMessageDescriptor *descriptor = frame_descriptor((enum frame_type)type);
        enum frame_type opened;
        struct bytes payload;
        ProtobufCMessage *message;
        if (descriptor == NULL)
            continue;
        if (writing()) {
            cr_assert(
                eq(int, frame_encode((enum frame_type)type, sample(&c, descriptor), &c.bytes), 0));
            file_write(&c, "frame", frame_name((enum frame_type)type));
        }
        struct bytes frame = file_read(&c, "frame", frame_name((enum frame_type)type));
        cr_assert(eq(int, frame_open(frame, c.arena, &opened, &payload, NULL), 0));
        cr_assert(eq(u32, opened, type));
        cr_assert(eq(int, message_unpack(descriptor, payload, c.arena, &message, NULL), 0));
    }
}

Test(corpus, has_valid_messages)
{
    CORPUS(c);
    char name[32];
    for (unsigned i = 0; i < TEST_WIRE_COUNT && writing(); i++) {
        buf_reset(&c.bytes);
        buf_put_u8(&c.bytes, (uint8_t)i);
        cr_assert(eq(int, message_pack(sample(&c, test_type(i)), &c.bytes), 0));
        (void)snprintf(name, sizeof(name), "%s", test_type(i)->short_name);
        file_write(&c, "message", name);
    }
    for (unsigned i = 0; i < 4; i++) {
        ProtobufCMessage *entry;
        (void)snprintf(name, sizeof(name), "entry-%u", i);
        if (writing()) {
            buf_reset(&c.bytes);
            cr_assert(eq(int, message_pack(sample(&c, &zb__entry__descriptor), &c.bytes), 0));
            file_write(&c, "entry", name);
        }
        struct bytes wire = file_read(&c, "entry", name);
        cr_assert(eq(int, message_unpack(&zb__entry__descriptor, wire, c.arena, &entry, NULL), 0));
    }
}

Test(corpus, has_valid_rows_and_facts)
{
    CORPUS(c);
    char name[32];
    for (unsigned i = 0; i < 4; i++) {
        struct sampler sampler = { c.arena, &c.rng, 2, 20 };
        struct fields fields = { 0 };
        struct row row;
        struct facts facts;
        struct bytes repeated[] = { bytes_str(sample_text(&sampler, 1, 9)),
                                    bytes_str(sample_text(&sampler, 1, 9)) };
        for (unsigned tag = 1; tag <= ROW_CHANNEL; tag++)
            fields.value[tag] = bytes_str(sample_text(&sampler, tag <= ROW_NAME, 9));
        fields.repeated = repeated;
        fields.repeated_count = i % 3;
        (void)snprintf(name, sizeof(name), "%u", i);
        if (writing()) {
            buf_reset(&c.bytes);
            row.fields = facts.fields = fields;
            cr_assert(eq(int, row_encode(&row, &c.bytes, NULL), 0));
            file_write(&c, "row", name);
            buf_reset(&c.bytes);
            cr_assert(eq(int, facts_encode(&facts, &c.bytes, NULL), 0));
            file_write(&c, "facts", name);
        }
        cr_assert(eq(int, row_decode(file_read(&c, "row", name), c.arena, &row, NULL), 0));
        cr_assert(eq(int, facts_decode(file_read(&c, "facts", name), c.arena, &facts, NULL), 0));
    }
}
