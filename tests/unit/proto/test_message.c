/* message_pack and message_unpack: whatever is within the limits comes back as it was, and every
 * other byte string is refused before anything is allocated for it. */
#include "proto/frame.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "tests/lib/test_messages.h"

enum { ROOM = 512 * 1024 * 1024, WIRE_ROOM = 64 * 1024 * 1024 };

/* One message type's worth of scratch. */
struct fixture {
    struct arena *arena;
    struct buf wire;
    struct complaint why;
    struct rng rng;
    uint64_t seed;
};

static void fixture_done(struct fixture *f)
{
    arena_free(f->arena);
    buf_done(&f->wire);
}

// NOLINTBEGIN(bugprone-macro-parentheses): it declares f
#define FIXTURE(f)                                      \
    CLEANUP(fixture_done)                               \
    struct fixture f = { .arena = arena_new(ROOM),      \
                         .wire = BUF_INIT(WIRE_ROOM),   \
                         .seed = test_seed(20260729) }; \
    f.rng = rng_init(f.seed)
// NOLINTEND(bugprone-macro-parentheses)

static int unpack(struct fixture *f, const ProtobufCMessageDescriptor *type, struct bytes bytes)
{
    ProtobufCMessage *message = NULL;
    struct arena_mark mark = arena_mark(f->arena);
    f->why = (struct complaint){ 0 };
    int r = message_unpack(type, bytes, f->arena, &message, &f->why);
    arena_rewind(f->arena, mark);
    return r;
}

/* Unpacks f->wire, which must be refused with a complaint that holds `what`. */
static void refused(struct fixture *f, const ProtobufCMessageDescriptor *type, const char *what)
{
    int r = unpack(f, type, buf_bytes(&f->wire));
    cr_assert(eq(int, r, -EBADMSG), "%s: %s", type->short_name, what);
    cr_assert(ne(ptr, strstr(f->why.what, what), NULL), "complaint is '%s: %s', not '%s'",
              f->why.place, f->why.what, what);
    cr_assert(ne(ptr, strstr(f->why.place, type->short_name), NULL), "%s", f->why.place);
    cr_assert(gt(sz, strlen(f->why.remedy), 0));
}

static void accepted(struct fixture *f, const ProtobufCMessageDescriptor *type)
{
    int r = unpack(f, type, buf_bytes(&f->wire));
    cr_assert(eq(int, r, 0), "%s: %s: %s", type->short_name, f->why.place, f->why.what);
}

/* ---- what is valid comes back ---------------------------------------------------------------- */

/* Unpacks and packs again; the bytes must be those of `expected`. */
static void comes_back(struct fixture *f, const ProtobufCMessageDescriptor *type, struct bytes wire,
                       struct bytes expected)
{
    CLEANUP(buf_done) struct buf again = BUF_INIT(WIRE_ROOM);
    ProtobufCMessage *message = NULL;
    int r = message_unpack(type, wire, f->arena, &message, &f->why);
    cr_assert(eq(int, r, 0), "seed %lu, %s: %s", f->seed, f->why.place, f->why.what);
    cr_assert(eq(int, message_pack(message, &again), 0));
    cr_assert(bytes_eq(buf_bytes(&again), expected), "seed %lu, %s", f->seed, type->short_name);
}

Test(message, comes_back_as_it_was_whatever_its_type)
{
    FIXTURE(f);
    for (size_t i = 0; i < TEST_TYPE_COUNT; i++)
        for (int round = 0; round < 40; round++) {
            struct arena_mark mark = arena_mark(f.arena);
            struct sampler sampler = { f.arena, &f.rng, 4, 80 };
            buf_reset(&f.wire);
            cr_assert(eq(int, message_pack(sample_message(&sampler, test_type(i)), &f.wire), 0));
            comes_back(&f, test_type(i), buf_bytes(&f.wire), buf_bytes(&f.wire));
            arena_rewind(f.arena, mark);
        }
}

Test(message, of_no_bytes_is_the_message_of_defaults)
{
    FIXTURE(f);
    Zb__BatchHeader *header = NULL;
    cr_assert(
        eq(int, MESSAGE_UNPACK(batch_header, bytes_of(NULL, 0), f.arena, &header, &f.why), 0));
    cr_assert(eq(sz, header->n_events, 0));
    cr_assert(eq(sz, header->chain.len, 0));
    cr_assert(eq(u64, header->epoch, 0));
}

Test(message, keeps_nothing_that_points_into_the_bytes)
{
    FIXTURE(f);
    char text[] = "\x12\x05hello";
    Zb__Argument *argument = NULL;
    struct bytes wire = bytes_of(text, 7);
    cr_assert(eq(int, MESSAGE_UNPACK(argument, wire, f.arena, &argument, &f.why), 0));
    memset(text, 'x', sizeof(text));
    cr_assert(eq(str, argument->value, "hello"));
}

/* ---- unknown fields -------------------------------------------------------------------------- */

static void put_unknown(struct fixture *f, struct buf *out)
{
    uint32_t number = 60 + (uint32_t)rng_below(&f->rng, 100000);
    switch (rng_below(&f->rng, 4)) {
    case 0:
        wire_number(out, number, rng_u64(&f->rng));
        break;
    case 1:
        wire_key(out, number, 1);
        buf_put_u64be(out, rng_u64(&f->rng));
        break;
    case 2:
        wire_run(out, number, BYTES_LIT("\xff\0 not ours"));
        break;
    default:
        wire_key(out, number, 5);
        buf_put_u32be(out, (uint32_t)rng_u64(&f->rng));
        break;
    }
}

/* One varint, as long as it is. */
static struct bytes take_varint(struct reader *in)
{
    const uint8_t *start = in->at;
    while (read_u8(in) >= 0x80)
        ;
    return bytes_of(start, (size_t)(in->at - start));
}

static uint64_t varint_value(struct bytes varint)
{
    uint64_t value = 0;
    for (size_t i = 0; i < varint.size; i++)
        value |= (uint64_t)(varint.data[i] & 0x7F) << (7 * i);
    return value;
}

/* Copies a message and sprinkles unknown fields over all its levels. */
static void sprinkle(struct fixture *f, const ProtobufCMessageDescriptor *type, struct bytes from,
                     struct buf *out)
{
    struct reader in = reader_of(from);
    put_unknown(f, out);
    while (reader_left(&in) > 0) {
        struct bytes key = take_varint(&in);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(varint_value(key) >> 3));
        buf_put(out, key);
        if ((varint_value(key) & 7) == 0) {
            buf_put(out, take_varint(&in));
        } else {
            struct bytes run = read_bytes(&in, varint_value(take_varint(&in)));
            CLEANUP(buf_done) struct buf inner = BUF_INIT(WIRE_ROOM);
            if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                sprinkle(f, field->descriptor, run, &inner);
            else
                buf_put(&inner, run);
            wire_varint(out, inner.size);
            buf_put(out, buf_bytes(&inner));
        }
        if (rng_chance(&f->rng, 1, 3))
            put_unknown(f, out);
    }
}

Test(message, loses_unknown_fields_of_every_level_and_nothing_else)
{
    FIXTURE(f);
    for (size_t i = 0; i < TEST_TYPE_COUNT; i++)
        for (int round = 0; round < 20; round++) {
            struct arena_mark mark = arena_mark(f.arena);
            struct sampler sampler = { f.arena, &f.rng, 4, 200 };
            CLEANUP(buf_done) struct buf sprinkled = BUF_INIT(WIRE_ROOM);
            buf_reset(&f.wire);
            cr_assert(eq(int, message_pack(sample_message(&sampler, test_type(i)), &f.wire), 0));
            sprinkle(&f, test_type(i), buf_bytes(&f.wire), &sprinkled);
            comes_back(&f, test_type(i), buf_bytes(&sprinkled), buf_bytes(&f.wire));
            arena_rewind(f.arena, mark);
        }
}

Test(message, does_not_grow_by_unknown_fields)
{
    FIXTURE(f);
    Zb__Ping *ping = NULL;
    for (int i = 0; i < 100000; i++)
        wire_number(&f.wire, 15, 1);
    size_t before = arena_used(f.arena);
    int r = MESSAGE_UNPACK(ping, buf_bytes(&f.wire), f.arena, &ping, &f.why);
    cr_assert(eq(int, r, 0));
    cr_assert(eq(sz, ping->base.n_unknown_fields, 0));
    cr_assert(lt(sz, arena_used(f.arena) - before, f.wire.size + 1024));
}

/* ---- limits ---------------------------------------------------------------------------------- */

Test(limits, name_every_text_bytes_and_repeated_field_of_the_wire)
{
    for (size_t i = 0; i < TEST_WIRE_COUNT; i++) {
        const ProtobufCMessageDescriptor *type = test_wire_types[i];
        const struct message_limits *limits = limits_find(type);
        for (unsigned k = 0; k < type->n_fields; k++) {
            const ProtobufCFieldDescriptor *field = &type->fields[k];
            bool sized = field->type == PROTOBUF_C_TYPE_STRING ||
                         field->type == PROTOBUF_C_TYPE_BYTES ||
                         field->label == PROTOBUF_C_LABEL_REPEATED;
            bool listed = limits != NULL && field->id < limits->field_end &&
                          limits->fields[field->id].count > 0;
            cr_assert(eq(int, sized, listed), "%s.%s", type->short_name, field->name);
        }
    }
}

Test(limits, name_only_fields_that_exist_and_fit_the_walk)
{
    for (size_t i = 0; i < TEST_TYPE_COUNT; i++) {
        const ProtobufCMessageDescriptor *type = test_type(i);
        const struct message_limits *limits = limits_find(type);
        cr_assert(le(sz, type->n_fields, 64), "%s", type->short_name);
        for (uint32_t number = 0; limits != NULL && number < limits->field_end; number++)
            if (limits->fields[number].count > 0)
                cr_assert(
                    ne(ptr, (void *)protobuf_c_message_descriptor_get_field(type, number), NULL),
                    "%s field %u", type->short_name, number);
    }
}

static bool is_sized(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES;
}

/* A message of one field with an item of so many bytes, so many times. */
static void one_field(struct fixture *f, const ProtobufCFieldDescriptor *field, size_t size_bytes,
                      size_t items)
{
    uint8_t *filler = arena_alloc(f->arena, size_bytes);
    memset(filler, 'x', size_bytes);
    buf_reset(&f->wire);
    for (size_t i = 0; i < items; i++)
        wire_run(&f->wire, field->id, bytes_of(filler, size_bytes));
    cr_assert(eq(int, buf_error(&f->wire), 0));
}

Test(limits, hold_exactly_for_the_size_of_every_field, .timeout = 60)
{
    FIXTURE(f);
    for (size_t i = 0; i < TEST_TYPE_COUNT; i++) {
        const ProtobufCMessageDescriptor *type = test_type(i);
        for (unsigned k = 0; k < type->n_fields; k++) {
            const ProtobufCFieldDescriptor *field = &type->fields[k];
            struct field_limit limit = limits_field(limits_find(type), field->id);
            struct arena_mark mark = arena_mark(f.arena);
            if (!is_sized(field))
                continue;
            one_field(&f, field, limit.bytes, 1);
            accepted(&f, type);
            one_field(&f, field, limit.bytes + limit.step, 1);
            refused(&f, type, "at most");
            if (limit.step > 1) {
                one_field(&f, field, limit.bytes - 1, 1);
                refused(&f, type, "not a multiple");
            }
            arena_rewind(f.arena, mark);
        }
    }
}

Test(limits, hold_exactly_for_the_items_of_every_field, .timeout = 60)
{
    FIXTURE(f);
    for (size_t i = 0; i < TEST_TYPE_COUNT; i++) {
        const ProtobufCMessageDescriptor *type = test_type(i);
        for (unsigned k = 0; k < type->n_fields; k++) {
            const ProtobufCFieldDescriptor *field = &type->fields[k];
            struct field_limit limit = limits_field(limits_find(type), field->id);
            size_t size = is_sized(field) ? limit.step : 0;
            bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
            size_t most = repeated ? limit.count : 1;
            struct arena_mark mark = arena_mark(f.arena);
            if (!is_sized(field) && field->type != PROTOBUF_C_TYPE_MESSAGE)
                continue;
            one_field(&f, field, size, most);
            accepted(&f, type);
            one_field(&f, field, size, most + 1);
            refused(&f, type, "more than");
            arena_rewind(f.arena, mark);
        }
    }
}

/* The same bounds by name, so that a wrong line in the table does not agree with itself. */
Test(limits, are_those_of_bounds_h)
{
    static const struct {
        const ProtobufCMessageDescriptor *type;
        uint32_t field;
        struct field_limit limit;
    } rows[] = {
        { &zb__batch_header__descriptor, 7, { 4194304, 1, 256 } },
        { &zb__batch_header__descriptor, 3, { 16, 16, 1 } },
        { &zb__batch_header__descriptor, 6, { 32, 32, 1 } },
        { &zb__event__descriptor, 2, { 64, 1, 1 } },
        { &zb__event__descriptor, 9, { 4194304, 1, 16 } },
        { &zb__source_state__descriptor, 1, { 32, 1, 1 } },
        { &zb__source_set__descriptor, 2, { 192000, 16, 1 } },
        { &zb__batch__descriptor, 1, { 262144, 1, 1 } },
        { &zb__batch__descriptor, 2, { 64, 64, 1 } },
        { &zb__batch__descriptor, 3, { 4096, 1, 24000 } },
        { &zb__batch__descriptor, 5, { 8192, 1, 256 } },
        { &zb__verdict__descriptor, 5, { 96, 1, 1 } },
        { &zb__verdict__descriptor, 10, { 96, 1, 8 } },
        { &zb__judge__descriptor, 3, { 4096, 1, 1024 } },
        { &zb__outcome__descriptor, 5, { 16, 16, 12000 } },
        { &zb__hello__descriptor, 4, { 32, 32, 8 } },
        { &zb__refused__descriptor, 3, { 1024, 1, 1 } },
        { &zb__registry_body__descriptor, 5, { 4194304, 1, 20000 } },
        { &zb__refusal_total__descriptor, 3, { 32, 16, 16 } },
        { &zb__command_body__descriptor, 6, { 4194304, 1, 64 } },
        { &zb__command_body__descriptor, 7, { 196608, 1, 1 } },
        { &zb__feed__descriptor, 2, { 4194304, 1, 1024 } },
        { &zb__entry__descriptor, 3, { 32, 32, 1 } },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct field_limit limit = limits_field(limits_find(rows[i].type), rows[i].field);
        cr_assert(eq(u32, limit.bytes, rows[i].limit.bytes), "row %zu", i);
        cr_assert(eq(u32, limit.step, rows[i].limit.step), "row %zu", i);
        cr_assert(eq(u32, limit.count, rows[i].limit.count), "row %zu", i);
    }
}

/* A full batch of everything at once is far from the arena that a frame gets. */
Test(limits, let_a_full_batch_into_the_arena_of_one_frame)
{
    FIXTURE(f);
    CLEANUP(arena_freep) struct arena *arena = arena_new(BOUND_DECODE_ARENA_BYTES);
    Zb__Batch *batch = NULL;
    CLEANUP(buf_done) struct buf evidence = BUF_INIT(4096);
    wire_run(&evidence, 1, BYTES_LIT("C:/p"));
    for (int i = 0; i < BOUND_ROWS_PER_BATCH; i++) {
        wire_run(&f.wire, 3,
                 BYTES_LIT("a row of a hundred bytes, which is what most of them have "
                           "once they are brought into canonical form"));
        wire_run(&f.wire, 6, buf_bytes(&evidence));
    }
    cr_assert(lt(sz, f.wire.size, BOUND_EXPANDED_BYTES));
    int r = MESSAGE_UNPACK(batch, buf_bytes(&f.wire), arena, &batch, &f.why);
    cr_assert(eq(int, r, 0), "%s", f.why.what);
    cr_assert(eq(sz, batch->n_rows, BOUND_ROWS_PER_BATCH));
}

Test(message, that_does_not_fit_the_arena_leaves_it_as_it_was)
{
    FIXTURE(f);
    CLEANUP(arena_freep) struct arena *arena = arena_new(4096);
    Zb__Judge *judge = NULL, *before = judge;
    for (int i = 0; i < 1000; i++)
        wire_run(&f.wire, 3, BYTES_LIT("row"));
    int r = MESSAGE_UNPACK(judge, buf_bytes(&f.wire), arena, &judge, &f.why);
    cr_assert(eq(int, r, -ENOMEM));
    cr_assert(eq(sz, arena_used(arena), 0));
    cr_assert(eq(ptr, judge, before));
}

Test(message, counts_fields_of_all_levels)
{
    FIXTURE(f);
    CLEANUP(buf_done) struct buf inner = BUF_INIT(WIRE_ROOM);
    for (int i = 0; i < BOUND_FIELDS - 1; i++)
        wire_number(&inner, 60, 0);
    wire_run(&f.wire, 6, buf_bytes(&inner)); /* an Evidence */
    accepted(&f, &zb__batch__descriptor);
    wire_number(&f.wire, 60, 0);
    refused(&f, &zb__batch__descriptor, "more than 400000 fields");
}

/* ---- nesting --------------------------------------------------------------------------------- */

struct nest {
    ProtobufCMessage base;
    struct nest *inner;
};

static const ProtobufCMessageDescriptor nest_descriptor;
static const ProtobufCFieldDescriptor nest_fields[] = { {
    .name = "inner",
    .id = 1,
    .label = PROTOBUF_C_LABEL_NONE,
    .type = PROTOBUF_C_TYPE_MESSAGE,
    .offset = offsetof(struct nest, inner),
    .descriptor = &nest_descriptor,
} };
static const unsigned nest_by_name[] = { 0 };
static const ProtobufCIntRange nest_ranges[] = { { 1, 0 }, { 0, 1 } };

static const ProtobufCMessageDescriptor nest_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "Nest",
    .short_name = "Nest",
    .c_name = "Nest",
    .package_name = "",
    .sizeof_message = sizeof(struct nest),
    .n_fields = 1,
    .fields = nest_fields,
    .fields_sorted_by_name = nest_by_name,
    .n_field_ranges = 1,
    .field_ranges = nest_ranges,
};

/* Wire bytes of `levels` messages inside one another, the innermost empty. */
static void nest(struct fixture *f, int levels)
{
    CLEANUP(buf_done) struct buf inner = BUF_INIT(WIRE_ROOM);
    buf_reset(&f->wire);
    for (int i = 1; i < levels; i++) {
        buf_reset(&inner);
        buf_put(&inner, buf_bytes(&f->wire));
        buf_reset(&f->wire);
        wire_run(&f->wire, 1, buf_bytes(&inner));
    }
}

Test(message, is_refused_when_it_nests_deeper_than_the_bound)
{
    FIXTURE(f);
    nest(&f, BOUND_DEPTH);
    accepted(&f, &nest_descriptor);
    nest(&f, BOUND_DEPTH + 1);
    refused(&f, &nest_descriptor, "nested deeper than 6");
    nest(&f, 20000);
    refused(&f, &nest_descriptor, "nested deeper than 6");
}

/* ---- hostile bytes --------------------------------------------------------------------------- */

#define HOSTILE(f, type, literal, what)                 \
    do {                                                \
        buf_reset(&(f).wire);                           \
        buf_put(&(f).wire, BYTES_LIT(literal));         \
        refused(&(f), &zb__##type##__descriptor, what); \
    } while (0)

Test(message, is_refused_when_a_varint_is_not_in_its_shortest_form)
{
    FIXTURE(f);
    HOSTILE(f, ping, "\x08\x80\x00", "over-long");
    HOSTILE(f, ping, "\x88\x00\x01", "bad field key");
    HOSTILE(f, argument, "\x12\x81\x00x", "bad length");
    HOSTILE(f, ping, "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", "over-long");
    HOSTILE(f, ping, "\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", "over-long");
    HOSTILE(f, ping, "\x98\x06\x80\x00", "unknown field");
}

Test(message, is_refused_when_cut_inside_a_value)
{
    FIXTURE(f);
    HOSTILE(f, ping, "\x08", "cut off");
    HOSTILE(f, ping, "\x08\x80", "cut off");
    HOSTILE(f, ping, "\x80", "bad field key");
    HOSTILE(f, argument, "\x12\x05hell", "5 bytes claimed, 4 are left");
    HOSTILE(f, argument, "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "bytes claimed");
    HOSTILE(f, ping, "\x99\x06seven..", "cut off");
    HOSTILE(f, ping,
            "\x9d\x06"
            "abc",
            "cut off");
    HOSTILE(f, ping, "\x9a\x06\x02.", "bytes claimed");
}

Test(message, is_refused_when_a_field_has_another_type)
{
    FIXTURE(f);
    HOSTILE(f, ping, "\x0a\x01x", "wire type 2, not 0");
    HOSTILE(f, ping,
            "\x09"
            "12345678",
            "wire type 1, not 0");
    HOSTILE(f, ping,
            "\x0d"
            "1234",
            "wire type 5, not 0");
    HOSTILE(f, argument, "\x10\x01", "wire type 0, not 2");
    HOSTILE(f, ping, "\x0b\x0c", "wire type 3, not 0");
    HOSTILE(f, ping, "\x9b\x06\x9c\x06", "wire type 3 is not in use");
    HOSTILE(f, ping, "\x9e\x06", "wire type 6 is not in use");
    HOSTILE(f, ping, "\x9f\x06", "wire type 7 is not in use");
}

Test(message, is_refused_when_a_field_number_is_impossible)
{
    FIXTURE(f);
    HOSTILE(f, ping, "\x00\x01", "no field has number 0");
    HOSTILE(f, ping, "\x80\x80\x80\x80\x10\x01", "no field has number 536870912");
    HOSTILE(f, ping, "\xf8\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", "no field has number");
}

Test(message, is_refused_when_text_is_not_utf_8_or_holds_nul)
{
    FIXTURE(f);
    HOSTILE(f, argument,
            "\x12\x03"
            "a\0b",
            "not UTF-8");
    HOSTILE(f, argument, "\x12\x02\xc0\x80", "not UTF-8");
    HOSTILE(f, argument, "\x12\x03\xed\xa0\x80", "not UTF-8");
    HOSTILE(f, argument, "\x12\x01\xff", "not UTF-8");
    HOSTILE(f, argument, "\x12\x02\xe6\xad", "not UTF-8");
}

Test(message, is_refused_when_a_number_does_not_fit_its_type)
{
    FIXTURE(f);
    HOSTILE(f, hello, "\x08\x80\x80\x80\x80\x10", "4294967296 is outside");
    HOSTILE(f, hello, "\x10\x05", "5 is outside");
    HOSTILE(f, hello, "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "outside");
    HOSTILE(f, hello, "\x28\x02", "2 is outside");
    HOSTILE(f, line_record, "\x38\xff\xff\xff\xff\x0f", "4294967295 is outside");
    buf_reset(&f.wire);
    wire_number(&f.wire, 7, (uint64_t)(int64_t)INT32_MIN);
    accepted(&f, &zb__line_record__descriptor);
    buf_reset(&f.wire);
    wire_number(&f.wire, 7, (uint64_t)((int64_t)INT32_MIN - 1));
    refused(&f, &zb__line_record__descriptor, "outside");
}

Test(message, is_refused_when_a_single_field_comes_twice)
{
    FIXTURE(f);
    HOSTILE(f, ping, "\x08\x01\x08\x01", "more than 1");
    HOSTILE(f, argument, "\x0a\x01x\x0a\x01x", "more than 1");
    HOSTILE(f, opinion, "\x12\x00\x12\x00", "more than 1");
}

Test(message, is_refused_when_an_item_of_a_list_is_empty)
{
    FIXTURE(f);
    HOSTILE(f, judge, "\x1a\x00", "an empty item");
    HOSTILE(f, verdict, "\x52\x00", "an empty item");
}

Test(message, takes_numbers_packed_or_one_by_one)
{
    FIXTURE(f);
    Zb__RungRecord *rung = NULL;
    struct bytes packed = BYTES_LIT("\x3a\x03\x01\xac\x02"),
                 single = BYTES_LIT("\x38\x01\x38\xac\x02");
    cr_assert(eq(int, MESSAGE_UNPACK(rung_record, packed, f.arena, &rung, &f.why), 0));
    cr_assert(eq(sz, rung->n_notices, 2));
    cr_assert(eq(u64, rung->notices[1], 300));
    cr_assert(eq(int, MESSAGE_UNPACK(rung_record, single, f.arena, &rung, &f.why), 0));
    cr_assert(eq(sz, rung->n_notices, 2));
    cr_assert(eq(u64, rung->notices[1], 300));
    HOSTILE(f, rung_record, "\x3a\x03\x01\xac\x82", "cut off");
    HOSTILE(f, rung_record, "\x3a\x04\x01\xac\x02", "bytes claimed");
    HOSTILE(f, rung_record, "\x3a\x02\x80\x00", "over-long");
    HOSTILE(f, calendar_record, "\x12\x05\xff\xff\xff\xff\x0f", "outside");
}

Test(message, counts_every_packed_item_as_a_field)
{
    FIXTURE(f);
    uint8_t *zeros = arena_calloc(f.arena, BOUND_FIELDS, 1);
    wire_run(&f.wire, 7, bytes_of(zeros, BOUND_FIELDS - 1)); /* and the field itself */
    accepted(&f, &zb__rung_record__descriptor);
    buf_reset(&f.wire);
    wire_run(&f.wire, 7, bytes_of(zeros, BOUND_FIELDS));
    refused(&f, &zb__rung_record__descriptor, "more than 400000");
}

Test(message, complains_with_the_path_and_the_byte)
{
    FIXTURE(f);
    Zb__Forward *forward = NULL;
    struct bytes wire = BYTES_LIT("\x08\x07\x1a\x04\x2a\x02\xff\xff");
    int r = MESSAGE_UNPACK(forward, wire, f.arena, &forward, &f.why);
    cr_assert(eq(int, r, -EBADMSG));
    cr_assert(eq(str, f.why.place, "Forward.verdicts.product, byte 8"));
    cr_assert(eq(ptr, forward, NULL));
    cr_assert(eq(int, MESSAGE_UNPACK(forward, wire, f.arena, &forward, NULL), -EBADMSG));
}

/* ---- at random ------------------------------------------------------------------------------- */

/* Whatever is accepted, packs and comes back. */
static void holds_together(struct fixture *f, const ProtobufCMessageDescriptor *type,
                           struct bytes wire)
{
    CLEANUP(buf_done) struct buf once = BUF_INIT(WIRE_ROOM);
    struct arena_mark mark = arena_mark(f->arena);
    ProtobufCMessage *message = NULL;
    int r = message_unpack(type, wire, f->arena, &message, &f->why);
    if (r == 0) {
        cr_assert(eq(int, message_pack(message, &once), 0));
        comes_back(f, type, buf_bytes(&once), buf_bytes(&once));
    } else {
        cr_assert(eq(int, r, -EBADMSG), "seed %lu, %s", f->seed, type->short_name);
    }
    arena_rewind(f->arena, mark);
}

Test(message, cut_at_every_byte_is_a_shorter_message_or_refused)
{
    FIXTURE(f);
    for (size_t i = 0; i < TEST_TYPE_COUNT; i++) {
        struct arena_mark mark = arena_mark(f.arena);
        struct sampler sampler = { f.arena, &f.rng, 3, 40 };
        buf_reset(&f.wire);
        cr_assert(eq(int, message_pack(sample_message(&sampler, test_type(i)), &f.wire), 0));
        for (size_t size = 0; size < f.wire.size; size++)
            holds_together(&f, test_type(i), bytes_of(f.wire.data, size));
        arena_rewind(f.arena, mark);
    }
}

Test(message, with_bytes_changed_at_random_holds_together_or_is_refused)
{
    FIXTURE(f);
    for (int round = 0; round < 20000; round++) {
        const ProtobufCMessageDescriptor *type = test_type(rng_below(&f.rng, TEST_TYPE_COUNT));
        struct arena_mark mark = arena_mark(f.arena);
        struct sampler sampler = { f.arena, &f.rng, 3, 24 };
        buf_reset(&f.wire);
        cr_assert(eq(int, message_pack(sample_message(&sampler, type), &f.wire), 0));
        for (int k = 0; k < 3 && f.wire.size > 0; k++)
            f.wire.data[rng_below(&f.rng, f.wire.size)] = (uint8_t)rng_u64(&f.rng);
        holds_together(&f, type, buf_bytes(&f.wire));
        arena_rewind(f.arena, mark);
    }
}
