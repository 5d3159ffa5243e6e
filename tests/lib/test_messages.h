/* test_messages.h - messages for tests: every type there is, any message filled at random within
 * its limits, and wire bytes written by hand. Header only; memory is the arena's. */
#ifndef TESTS_LIB_TEST_MESSAGES_H
#define TESTS_LIB_TEST_MESSAGES_H

#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "proto/frame.h"
#include "proto/limits.h"
#include "proto/types.h"

/* ---- every message type ---------------------------------------------------------------------- */

#define TEST_DESCRIPTOR(snake) &zb__##snake##__descriptor,

static const ProtobufCMessageDescriptor *const test_wire_types[] = { ZB_WIRE_TYPES(
    TEST_DESCRIPTOR) };
static const ProtobufCMessageDescriptor *const test_record_types[] = { ZB_RECORD_TYPES(
    TEST_DESCRIPTOR) };

enum {
    TEST_WIRE_COUNT = ARRAY_LEN(test_wire_types),
    TEST_TYPE_COUNT = TEST_WIRE_COUNT + ARRAY_LEN(test_record_types),
};

/* test_type - the i-th type, those of wire.proto first. */
static inline const ProtobufCMessageDescriptor *test_type(size_t i)
{
    return i < TEST_WIRE_COUNT ? test_wire_types[i] : test_record_types[i - TEST_WIRE_COUNT];
}

/* ---- seeds ----------------------------------------------------------------------------------- */

/* test_seed - ZB_SEED of the environment, else the given one; print it with every failure. */
static inline uint64_t test_seed(uint64_t otherwise)
{
    const char *given = getenv("ZB_SEED");
    return given == NULL ? otherwise : strtoull(given, NULL, 0);
}

/* ---- wire bytes by hand ---------------------------------------------------------------------- */

static inline void wire_varint(struct buf *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buf_put_u8(out, (uint8_t)(value | 0x80));
    buf_put_u8(out, (uint8_t)value);
}

static inline void wire_key(struct buf *out, uint32_t number, unsigned wire_type)
{
    wire_varint(out, (uint64_t)number << 3 | wire_type);
}

static inline void wire_number(struct buf *out, uint32_t number, uint64_t value)
{
    wire_key(out, number, 0);
    wire_varint(out, value);
}

static inline void wire_run(struct buf *out, uint32_t number, struct bytes run)
{
    wire_key(out, number, 2);
    wire_varint(out, run.size);
    buf_put(out, run);
}

/* ---- messages at random ---------------------------------------------------------------------- */

/* What a random message is made from. An allocation that fails aborts the test. */
struct sampler {
    struct arena *arena;
    struct rng *rng;
    size_t items_most; /* of a repeated field */
    size_t text_most;  /* bytes of a text or bytes field */
};

static inline void *sampler_alloc(struct sampler *s, size_t count, size_t size_bytes)
{
    void *p = arena_calloc(s->arena, count, size_bytes);
    if (p == NULL)
        abort();
    return p;
}

/* sample_text - valid UTF-8 without NUL of at most `most` bytes: ASCII, Chinese, a supplementary
 * character now and then. */
static inline char *sample_text(struct sampler *s, size_t least, size_t most)
{
    static const char *const characters[] = { "a", "Z", "7", " ", "é", "正", "版", "𠀀" };
    size_t want = least + rng_below(s->rng, most - least + 1);
    char *text = sampler_alloc(s, want + 1, 1);
    for (size_t size = 0; size < want;) {
        const char *c = characters[rng_below(s->rng, ARRAY_LEN(characters))];
        if (size + strlen(c) > want)
            c = "b";
        memcpy(text + size, c, strlen(c));
        size += strlen(c);
    }
    return text;
}

static inline ProtobufCBinaryData sample_bytes(struct sampler *s, size_t least, size_t most,
                                               size_t step)
{
    if (least < step && least > 0)
        least = step;
    size_t size = most < least ? least : least + rng_below(s->rng, most - least + 1);
    size = (size + step - 1) / step * step;
    ProtobufCBinaryData data = { size, sampler_alloc(s, size, 1) };
    for (size_t i = 0; i < size; i++)
        data.data[i] = (uint8_t)rng_u64(s->rng);
    return data;
}

static inline ProtobufCMessage *sample_message(struct sampler *s,
                                               const ProtobufCMessageDescriptor *type);

/* A number that is often small, often large, never always the same. */
static inline uint64_t sample_number(struct sampler *s)
{
    return rng_u64(s->rng) >> rng_below(s->rng, 64);
}

/* Writes one value of the field to `at`, in the form protobuf-c keeps it in. */
static inline void sample_value(struct sampler *s, const ProtobufCFieldDescriptor *field,
                                struct field_limit limit, void *at)
{
    size_t least = field->label == PROTOBUF_C_LABEL_REPEATED ? 1 : 0;
    size_t most = limit.bytes < s->text_most ? limit.bytes : s->text_most;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = sample_text(s, least, most);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        *(ProtobufCBinaryData *)at = sample_bytes(s, least, most, limit.step);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)at = sample_message(s, field->descriptor);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = (protobuf_c_boolean)rng_below(s->rng, 2);
        break;
    case PROTOBUF_C_TYPE_ENUM: {
        const ProtobufCEnumDescriptor *values = field->descriptor;
        *(int *)at = values->values[rng_below(s->rng, values->n_values)].value;
        break;
    }
    case PROTOBUF_C_TYPE_UINT32:
        *(uint32_t *)at = (uint32_t)sample_number(s);
        break;
    case PROTOBUF_C_TYPE_INT32:
        *(int32_t *)at = (int32_t)(uint32_t)rng_u64(s->rng) >> rng_below(s->rng, 31);
        break;
    case PROTOBUF_C_TYPE_UINT64:
        *(uint64_t *)at = sample_number(s);
        break;
    case PROTOBUF_C_TYPE_INT64:
        *(int64_t *)at = (int64_t)(rng_u64(s->rng)) >> rng_below(s->rng, 63);
        break;
    default:
        (void)fprintf(stderr, "no sample of the type of field %s\n", field->name);
        abort();
    }
}

static inline size_t sample_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT32:
        return 4;
    default:
        return 8; /* pointers and 64-bit numbers */
    }
}

/* sample_message - a message of the type whose every field is filled at random within its limits
 * and the sampler's. */
static inline ProtobufCMessage *sample_message(struct sampler *s,
                                               const ProtobufCMessageDescriptor *type)
{
    ProtobufCMessage *message = sampler_alloc(s, 1, type->sizeof_message);
    protobuf_c_message_init(type, message);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        struct field_limit limit = limits_field(limits_find(type), field->id);
        uint8_t *at = (uint8_t *)message + field->offset;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            sample_value(s, field, limit, at);
            continue;
        }
        size_t most = limit.count < s->items_most ? limit.count : s->items_most;
        size_t count = rng_below(s->rng, most + 1);
        uint8_t *items = sampler_alloc(s, count, sample_size(field));
        for (size_t k = 0; k < count; k++)
            sample_value(s, field, limit, items + k * sample_size(field));
        *(size_t *)(void *)((uint8_t *)message + field->quantifier_offset) = count;
        *(void **)(void *)at = items;
    }
    return message;
}

#endif
