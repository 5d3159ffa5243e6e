/* message.c - a walk over the wire bytes that knows the message's type, and only then protobuf-c.
 *
 * protobuf-c 1.4 accepts invalid UTF-8 and embedded NUL, follows any depth, and turns an unknown
 * field into an allocation 56 times its size; all of that is decided here, before it runs. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/frame.h"
#include "proto/limits.h"

enum {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_RUN = 2, /* length-prefixed */
    WIRE_FIXED32 = 5,

    VARINT_MOST_BYTES = 10,
    FIELDS_PER_MESSAGE = 64, /* most that any message of ours has; a test holds it */
    FIELD_NUMBER_MOST = (1 << 29) - 1,
};

int message_pack(const ProtobufCMessage *message, struct buf *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *to = buf_reserve(out, size);
    if (to == NULL)
        return buf_error(out);
    (void)protobuf_c_message_pack(message, to); /* returns the size just asked for */
    return 0;
}

/* ---- the walk -------------------------------------------------------------------------------- */

struct walk {
    const uint8_t *start;
    size_t fields;  /* wire fields seen, all levels */
    size_t unknown; /* of these, with an unknown number */
    struct complaint *why;
};

/* One message being walked; `up` leads to the frame's, so that a complaint can name the path. */
struct level {
    const struct level *up;
    const ProtobufCMessageDescriptor *type;
    const struct message_limits *limits;
    const ProtobufCFieldDescriptor *field; /* where the walk is; NULL before the first */
    unsigned depth;                        /* 1: the outermost message */
    struct reader in;
    uint32_t seen[FIELDS_PER_MESSAGE]; /* items so far, by index of the field in `type` */
};

static void path_write(const struct level *level, char *out, size_t room)
{
    if (level->up != NULL) {
        path_write(level->up, out, room);
    } else {
        (void)snprintf(out, room, "%s", level->type->short_name); /* cut: a place stays a hint */
    }
    size_t used = strlen(out);
    if (level->field != NULL)
        (void)snprintf(out + used, room - used, ".%s", level->field->name);
}

__attribute__((format(printf, 4, 5))) static int refuse(const struct walk *walk,
                                                        const struct level *level,
                                                        const char *remedy, const char *format, ...)
{
    char path[128], what[256];
    va_list args;
    if (walk->why == NULL)
        return -EBADMSG;
    path_write(level, path, sizeof(path));
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args); /* our own texts: they fit */
    va_end(args);
    complaint_at(walk->why, "%s, byte %zu", path, (size_t)(level->in.at - walk->start));
    return complain(walk->why, -EBADMSG, remedy, "%s", what);
}

/* A varint in its one shortest form; false for any other, and past the end. */
static bool read_varint(struct reader *in, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (in->at != in->end && *in->at < 0x80) { /* nearly all: keys and short lengths */
        *ret_value = *in->at++;
        return true;
    }
    for (unsigned i = 0; i < VARINT_MOST_BYTES; i++) {
        if (in->at == in->end)
            return false;
        uint8_t byte = *in->at++;
        if (i == VARINT_MOST_BYTES - 1 && byte > 1)
            return false; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if ((byte & 0x80) == 0) {
            *ret_value = value;
            return byte != 0; /* a last byte of zero adds nothing: over-long */
        }
    }
    return false;
}

static int wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_RUN;
    default:
        return WIRE_VARINT;
    }
}

/* Whether protobuf-c would keep the value as it is and not cut it to its type. */
static bool varint_in_range(const ProtobufCFieldDescriptor *field, uint64_t value)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return value <= 1;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
        return value <= UINT32_MAX;
    case PROTOBUF_C_TYPE_INT32:
        return (int64_t)value >= INT32_MIN && (int64_t)value <= INT32_MAX;
    case PROTOBUF_C_TYPE_ENUM:
        return value <= INT32_MAX &&
               protobuf_c_enum_descriptor_get_value(field->descriptor, (int)value) != NULL;
    default:
        return true;
    }
}

static int walk_varint(struct walk *walk, struct level *level)
{
    uint64_t value;
    if (!read_varint(&level->in, &value))
        return refuse(walk, level, "encode varints in their shortest form",
                      "a varint is cut off, over-long or more than 64 bits");
    if (!varint_in_range(level->field, value))
        return refuse(walk, level, "send values that both versions know",
                      "%llu is outside the field's type", (unsigned long long)value);
    return 0;
}

static int walk_fixed(struct walk *walk, struct level *level, size_t size_bytes)
{
    (void)read_bytes(&level->in, size_bytes); /* any value is one; only the failure counts */
    return level->in.failed ? refuse(walk, level, "send the whole message", "cut off") : 0;
}

static int walk_value(struct walk *walk, struct level *level, int wire)
{
    if (wire == WIRE_VARINT)
        return walk_varint(walk, level);
    return walk_fixed(walk, level, wire == WIRE_FIXED64 ? 8 : 4);
}

/* The run of a length-prefixed field, taken from the reader. */
static int read_run(struct walk *walk, struct level *level, struct bytes *ret_run)
{
    uint64_t size;
    if (!read_varint(&level->in, &size))
        return refuse(walk, level, "encode varints in their shortest form", "bad length");
    if (size > reader_left(&level->in))
        return refuse(walk, level, "send the whole message", "%llu bytes claimed, %zu are left",
                      (unsigned long long)size, reader_left(&level->in));
    *ret_run = read_bytes(&level->in, (size_t)size);
    return 0;
}

static int count_item(struct walk *walk, struct level *level, const struct field_limit *limit)
{
    bool repeated = level->field->label == PROTOBUF_C_LABEL_REPEATED;
    uint32_t *seen = &level->seen[level->field - level->type->fields];
    uint32_t most = repeated ? limit->count : 1;
    if (++*seen > most)
        return refuse(walk, level, "send fewer in one message", "more than %u", most);
    return 0;
}

static int count_field(struct walk *walk, const struct level *level)
{
    if (++walk->fields > BOUND_FIELDS)
        return refuse(walk, level, "send less in one message", "more than %d fields", BOUND_FIELDS);
    return 0;
}

/* Items of a packed field, each counted like a field of its own. */
static int walk_packed(struct walk *walk, struct level *level, const struct field_limit *limit)
{
    struct bytes run;
    int r = read_run(walk, level, &run);
    if (r < 0)
        return r;
    int wire = wire_type_of(level->field->type);
    struct reader rest = level->in;
    level->in = reader_of(run);
    while (r == 0 && reader_left(&level->in) > 0) {
        r = count_field(walk, level);
        if (r == 0)
            r = count_item(walk, level, limit);
        if (r == 0)
            r = walk_value(walk, level, wire);
    }
    level->in = rest;
    return r;
}

static int walk_message(struct walk *walk, struct level *level);

static int walk_inner(struct walk *walk, const struct level *level, struct bytes run)
{
    struct level inner = {
        .up = level,
        .type = level->field->descriptor,
        .depth = level->depth + 1,
        .in = reader_of(run),
    };
    if (inner.depth > BOUND_DEPTH)
        return refuse(walk, level, "send a message of this protocol", "nested deeper than %d",
                      BOUND_DEPTH);
    return walk_message(walk, &inner);
}

static int walk_run(struct walk *walk, struct level *level, const struct field_limit *limit)
{
    struct bytes run;
    int r = read_run(walk, level, &run);
    if (r < 0)
        return r;
    if (level->field->type == PROTOBUF_C_TYPE_MESSAGE)
        return walk_inner(walk, level, run);
    if (run.size > limit->bytes)
        return refuse(walk, level, "send less in this field", "%zu bytes, at most %u", run.size,
                      limit->bytes);
    if (run.size % limit->step != 0)
        return refuse(walk, level, "send whole ids", "%zu bytes, not a multiple of %u", run.size,
                      limit->step);
    if (run.size == 0 && level->field->label == PROTOBUF_C_LABEL_REPEATED)
        return refuse(walk, level, "leave it out", "an empty item");
    if (level->field->type == PROTOBUF_C_TYPE_STRING && !text_is_utf8(run))
        return refuse(walk, level, "send UTF-8 and leave NUL out",
                      "not UTF-8, or with a NUL inside");
    return 0;
}

/* Takes the value of an unknown field from the reader. */
static int walk_unknown(struct walk *walk, struct level *level, unsigned wire)
{
    struct bytes run;
    uint64_t value;
    walk->unknown++;
    switch (wire) {
    case WIRE_VARINT:
        if (!read_varint(&level->in, &value))
            return refuse(walk, level, "encode varints in their shortest form",
                          "bad varint in an unknown field");
        return 0;
    case WIRE_FIXED64:
        return walk_fixed(walk, level, 8);
    case WIRE_FIXED32:
        return walk_fixed(walk, level, 4);
    case WIRE_RUN:
        return read_run(walk, level, &run);
    default:
        return refuse(walk, level, "send a protobuf message without groups",
                      "wire type %u is not in use", wire);
    }
}

static int walk_known(struct walk *walk, struct level *level, unsigned wire)
{
    struct field_limit limit = limits_field(level->limits, level->field->id);
    unsigned own = (unsigned)wire_type_of(level->field->type);
    bool repeated = level->field->label == PROTOBUF_C_LABEL_REPEATED;
    if (own != WIRE_RUN && wire == WIRE_RUN && repeated)
        return walk_packed(walk, level, &limit);
    if (wire != own)
        return refuse(walk, level, "send the field in its own type", "wire type %u, not %u", wire,
                      own);
    int r = count_item(walk, level, &limit);
    if (r < 0)
        return r;
    return own == WIRE_RUN ? walk_run(walk, level, &limit) : walk_value(walk, level, (int)own);
}

/* A field's number and wire type; number 0 and numbers beyond 29 bits are refused. */
static int read_key(struct walk *walk, struct level *level, uint32_t *ret_number,
                    unsigned *ret_wire)
{
    uint64_t key;
    if (!read_varint(&level->in, &key))
        return refuse(walk, level, "encode varints in their shortest form", "bad field key");
    if (key >> 3 == 0 || key >> 3 > FIELD_NUMBER_MOST)
        return refuse(walk, level, "send a protobuf message", "no field has number %llu",
                      (unsigned long long)(key >> 3));
    *ret_number = (uint32_t)(key >> 3);
    *ret_wire = (unsigned)(key & 7);
    return 0;
}

static int walk_message(struct walk *walk, struct level *level)
{
    level->limits = limits_find(level->type);
    if (level->type->n_fields > FIELDS_PER_MESSAGE)
        return refuse(walk, level, NULL, "type has more than %d fields", FIELDS_PER_MESSAGE);
    while (reader_left(&level->in) > 0) {
        uint32_t number = 0;
        unsigned wire = 0;
        level->field = NULL;
        int r = read_key(walk, level, &number, &wire);
        if (r < 0)
            return r;
        level->field = protobuf_c_message_descriptor_get_field(level->type, number);
        r = count_field(walk, level);
        if (r == 0)
            r = level->field == NULL ? walk_unknown(walk, level, wire)
                                     : walk_known(walk, level, wire);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- cutting unknown fields out -------------------------------------------------------------- */

/* The bytes were walked: nothing below can fail, and lengths need no check. */

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

static uint64_t take_varint(struct reader *in)
{
    uint64_t value = 0;
    (void)read_varint(in, &value); /* walked before */
    return value;
}

static void skip_value(struct reader *in, unsigned wire)
{
    if (wire == WIRE_VARINT)
        (void)take_varint(in);
    else if (wire == WIRE_RUN)
        (void)read_bytes(in, (size_t)take_varint(in)); /* walked before */
    else
        (void)read_bytes(in, wire == WIRE_FIXED64 ? 8 : 4);
}

/* Writes `from` without unknown fields to `to` (room for all of it and VARINT_MOST_BYTES for each
 * level above) and returns the end. An inner message is written a few bytes ahead of its place,
 * then moved to stand behind its new length. */
static uint8_t *strip(const ProtobufCMessageDescriptor *type, struct bytes from, uint8_t *to)
{
    struct reader in = reader_of(from);
    while (reader_left(&in) > 0) {
        const uint8_t *start = in.at;
        uint64_t key = take_varint(&in);
        unsigned wire = (unsigned)(key & 7);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(key >> 3));
        if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE) {
            struct bytes inner = read_bytes(&in, (size_t)take_varint(&in));
            to = put_varint(to, key);
            uint8_t *ahead = to + VARINT_MOST_BYTES;
            size_t size = (size_t)(strip(field->descriptor, inner, ahead) - ahead);
            to = put_varint(to, size);
            memmove(to, ahead, size);
            to += size;
            continue;
        }
        skip_value(&in, wire);
        if (field == NULL)
            continue;
        memcpy(to, start, (size_t)(in.at - start));
        to += in.at - start;
    }
    return to;
}

/* ---- unpacking ------------------------------------------------------------------------------- */

static void *arena_allocator_alloc(void *arena, size_t size_bytes)
{
    return arena_alloc(arena, size_bytes);
}

static void arena_allocator_free(void *arena, void *pointer)
{
    (void)arena;
    (void)pointer; /* dies with the arena */
}

/* Unpacks walked bytes; unknown fields are cut out first. */
static int unpack(const ProtobufCMessageDescriptor *type, struct bytes bytes, bool has_unknown,
                  struct arena *arena, ProtobufCMessage **ret_message)
{
    if (has_unknown) {
        uint8_t *known = arena_alloc(arena, bytes.size + BOUND_DEPTH * VARINT_MOST_BYTES);
        if (known == NULL)
            return -ENOMEM;
        bytes = bytes_of(known, (size_t)(strip(type, bytes, known) - known));
    }
    ProtobufCAllocator allocator = { .alloc = arena_allocator_alloc,
                                     .free = arena_allocator_free,
                                     .allocator_data = arena };
    /* The walk has refused whatever unpacking could: NULL means the arena is full. */
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, bytes.size, bytes.data);
    if (message == NULL)
        return -ENOMEM;
    *ret_message = message;
    return 0;
}

int message_unpack(const ProtobufCMessageDescriptor *type, struct bytes bytes, struct arena *arena,
                   ProtobufCMessage **ret_message, struct complaint *why)
{
    struct walk walk = { .start = bytes.data, .why = why };
    struct level outermost = { .type = type, .depth = 1, .in = reader_of(bytes) };
    int r = walk_message(&walk, &outermost);
    if (r < 0)
        return r;
    struct arena_mark mark = arena_mark(arena);
    r = unpack(type, bytes, walk.unknown > 0, arena, ret_message);
    if (r < 0) {
        arena_rewind(arena, mark);
        complaint_at(why, "%s", type->short_name);
        return complain(why, r, "send less in one message", "does not fit into %zu bytes of memory",
                        arena_cap(arena));
    }
    return 0;
}
