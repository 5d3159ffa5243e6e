/* key.c - keys of the ledger's tables, and reading records through a view. */
#include "ledger/key.h"

#include <errno.h>

/* Appends to a key; one that is full or empty by mistake stays unusable. */
struct key_writer {
    struct ledger_key key;
    bool failed;
};

static void put_run(struct key_writer *w, struct bytes run)
{
    if (w->failed || run.size > sizeof(w->key.b) - w->key.size) {
        w->failed = true;
        return;
    }
    if (run.size > 0)
        memcpy(w->key.b + w->key.size, run.data, run.size);
    w->key.size = (uint16_t)(w->key.size + run.size);
}

static void put_text(struct key_writer *w, const char *text)
{
    put_run(w, bytes_str(text));
    put_run(w, bytes_of("", 1));
}

static void put_u8(struct key_writer *w, uint8_t v)
{
    put_run(w, bytes_of(&v, 1));
}

static void put_u32(struct key_writer *w, uint32_t v)
{
    uint8_t be[4];
    put_u32be(be, v);
    put_run(w, bytes_of(be, sizeof(be)));
}

static void put_u64(struct key_writer *w, uint64_t v)
{
    uint8_t be[8];
    put_u64be(be, v);
    put_run(w, bytes_of(be, sizeof(be)));
}

static struct ledger_key finished(const struct key_writer *w)
{
    static const struct ledger_key none;
    return w->failed ? none : w->key;
}

struct ledger_key key_name(const char *name)
{
    return key_id(bytes_str(name));
}

struct ledger_key key_id(struct bytes id)
{
    struct key_writer w = { 0 };
    put_run(&w, id);
    return finished(&w);
}

struct ledger_key key_u64(uint64_t number)
{
    struct key_writer w = { 0 };
    put_u64(&w, number);
    return finished(&w);
}

struct ledger_key key_u64_u64(uint64_t a, uint64_t b)
{
    struct key_writer w = { 0 };
    put_u64(&w, a);
    put_u64(&w, b);
    return finished(&w);
}

struct ledger_key key_once(struct id128 producer, uint64_t epoch, uint64_t sequence)
{
    struct key_writer w = { 0 };
    put_run(&w, id128_bytes(&producer));
    put_u64(&w, epoch);
    put_u64(&w, sequence);
    return finished(&w);
}

struct ledger_key key_endpoint_producer(uint64_t endpoint, struct id128 producer)
{
    struct key_writer w = { 0 };
    put_u64(&w, endpoint);
    put_run(&w, id128_bytes(&producer));
    return finished(&w);
}

struct ledger_key key_set(uint64_t endpoint, struct id128 producer, const char *source)
{
    struct key_writer w = { 0 };
    put_u64(&w, endpoint);
    put_run(&w, id128_bytes(&producer));
    put_run(&w, bytes_str(source));
    return finished(&w);
}

struct ledger_key key_text(const char *text)
{
    return key_id(bytes_str(text));
}

struct ledger_key key_text_u8(const char *text, uint8_t last)
{
    struct key_writer w = { 0 };
    put_text(&w, text);
    put_u8(&w, last);
    return finished(&w);
}

struct ledger_key key_text_u64(const char *text, uint64_t last)
{
    struct key_writer w = { 0 };
    put_text(&w, text);
    put_u64(&w, last);
    return finished(&w);
}

struct ledger_key key_text_text(const char *a, const char *b)
{
    struct key_writer w = { 0 };
    put_text(&w, a);
    put_run(&w, bytes_str(b));
    return finished(&w);
}

struct ledger_key key_text_text_u8(const char *a, const char *b, uint8_t last)
{
    struct key_writer w = { 0 };
    put_text(&w, a);
    put_text(&w, b);
    put_u8(&w, last);
    return finished(&w);
}

struct ledger_key key_text_text_u64(const char *a, const char *b, uint64_t last)
{
    struct key_writer w = { 0 };
    put_text(&w, a);
    put_text(&w, b);
    put_u64(&w, last);
    return finished(&w);
}

struct ledger_key key_prefix(const char *a, const char *b)
{
    struct key_writer w = { 0 };
    put_text(&w, a);
    if (b != NULL)
        put_text(&w, b);
    return finished(&w);
}

struct ledger_key key_id_text_u8(struct bytes id, const char *text, uint8_t last)
{
    struct key_writer w = { 0 };
    put_run(&w, id);
    put_text(&w, text);
    put_u8(&w, last);
    return finished(&w);
}

struct ledger_key key_text_id(const char *text, struct bytes id)
{
    struct key_writer w = { 0 };
    put_text(&w, text);
    put_run(&w, id);
    return finished(&w);
}

struct ledger_key key_text_text_id(const char *a, const char *b, struct bytes id)
{
    struct key_writer w = { 0 };
    put_text(&w, a);
    put_text(&w, b);
    put_run(&w, id);
    return finished(&w);
}

/* A signed day or rung in the order of its value. */
static uint32_t ordered(int32_t v)
{
    return (uint32_t)v ^ UINT32_C(0x80000000);
}

struct ledger_key key_rung(uint64_t case_id, int32_t due_day, int32_t rung)
{
    struct key_writer w = { 0 };
    put_u64(&w, case_id);
    put_u32(&w, ordered(due_day));
    put_u32(&w, ordered(rung));
    return finished(&w);
}

struct ledger_key key_due(int64_t fire_ms, uint8_t kind, uint64_t id, uint32_t a, uint32_t b)
{
    struct key_writer w = { 0 };
    put_u64(&w, fire_ms < 0 ? 0 : (uint64_t)fire_ms);
    put_u8(&w, kind);
    put_u64(&w, id);
    put_u32(&w, a);
    put_u32(&w, b);
    return finished(&w);
}

struct bytes key_read_text(struct reader *r)
{
    const uint8_t *end = reader_left(r) == 0 ? NULL : memchr(r->at, 0, reader_left(r));
    if (end == NULL) {
        r->failed = true;
        return (struct bytes){ 0 };
    }
    struct bytes text = read_bytes(r, (size_t)(end - r->at));
    (void)read_u8(r); /* the NUL that was found above */
    return text;
}

int32_t key_read_i32(struct reader *r)
{
    return (int32_t)(read_u32be(r) ^ UINT32_C(0x80000000));
}

/* protobuf-c's allocator over an arena: it tells "no memory" from "bad bytes". */
struct unpack_memory {
    struct arena *arena;
    bool full;
};

static void *unpack_alloc(void *data, size_t size_bytes)
{
    struct unpack_memory *memory = data;
    void *p = arena_alloc(memory->arena, size_bytes);
    memory->full = memory->full || p == NULL;
    return p;
}

static void unpack_free(void *data, void *p)
{
    (void)data;
    (void)p; /* dies with the arena */
}

int ledger_unpack(const ProtobufCMessageDescriptor *type, struct bytes packed, struct arena *arena,
                  ProtobufCMessage **ret_message)
{
    struct unpack_memory memory = { .arena = arena };
    ProtobufCAllocator allocator = { .alloc = unpack_alloc,
                                     .free = unpack_free,
                                     .allocator_data = &memory };
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, &allocator, packed.size, packed.data);
    if (message == NULL)
        return memory.full ? -ENOMEM : -EBADMSG;
    *ret_message = message;
    return 0;
}

int ledger_get(const struct ledger_view *view, enum ledger_table table, struct ledger_key key,
               struct arena *arena, ProtobufCMessage **ret_record)
{
    *ret_record = NULL;
    if (key.size == 0)
        return -ENOENT;
    struct bytes value;
    int r = view->get(view->ctx, table, ledger_key_bytes(&key), &value);
    return r < 0 ? r : ledger_unpack(ledger_table_descriptor(table), value, arena, ret_record);
}

int ledger_get_bytes(const struct ledger_view *view, enum ledger_table table, struct ledger_key key,
                     struct arena *arena, struct bytes *ret_value)
{
    if (key.size == 0)
        return -ENOENT;
    struct bytes value;
    int r = view->get(view->ctx, table, ledger_key_bytes(&key), &value);
    if (r < 0)
        return r;
    const void *copy = arena_dup(arena, value.data, value.size);
    if (copy == NULL)
        return -ENOMEM;
    *ret_value = bytes_of(copy, value.size);
    return 0;
}

int ledger_get_u64(const struct ledger_view *view, enum ledger_table table, struct ledger_key key,
                   uint64_t *ret_number)
{
    struct bytes value;
    if (key.size == 0)
        return -ENOENT;
    int r = view->get(view->ctx, table, ledger_key_bytes(&key), &value);
    if (r < 0)
        return r;
    if (value.size < 8)
        return -EBADMSG;
    *ret_number = get_u64be(value.data);
    return 0;
}

int ledger_has(const struct ledger_view *view, enum ledger_table table, struct ledger_key key)
{
    if (key.size == 0)
        return 0;
    struct bytes value;
    int r = view->get(view->ctx, table, ledger_key_bytes(&key), &value);
    return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

struct ledger_walk ledger_walk(const struct ledger_view *view, enum ledger_table table,
                               struct ledger_key prefix)
{
    return (struct ledger_walk){ .view = view, .table = table, .prefix = prefix };
}

/* The key that comes directly after `at` in byte order: itself and one zero byte. */
static size_t key_after(const struct ledger_key *at, uint8_t out[LEDGER_KEY_BYTES + 1])
{
    memcpy(out, at->b, at->size);
    out[at->size] = 0;
    return (size_t)at->size + 1;
}

int ledger_walk_next(struct ledger_walk *walk, struct arena *arena, struct bytes *ret_key,
                     struct bytes *ret_value)
{
    uint8_t from[LEDGER_KEY_BYTES + 1] = { 0 };
    size_t size = 1; /* below every key: none is empty */
    if (walk->begun)
        size = key_after(&walk->at, from);
    else if (walk->prefix.size > 0)
        size = key_after(&walk->prefix, from) - 1;
    struct bytes key, value;
    int r = walk->view->seek(walk->view->ctx, walk->table, bytes_of(from, size), &key, &value);
    if (r < 0)
        return r;
    if (!bytes_starts_with(key, ledger_key_bytes(&walk->prefix)))
        return -ENOENT;
    if (key.size > LEDGER_KEY_BYTES)
        return -EBADMSG;
    memcpy(walk->at.b, key.data, key.size);
    walk->at.size = (uint16_t)key.size;
    walk->begun = true;
    const void *value_copy = arena_dup(arena, value.data, value.size);
    const void *key_copy = arena_dup(arena, walk->at.b, walk->at.size);
    if (value_copy == NULL || key_copy == NULL)
        return -ENOMEM;
    *ret_key = bytes_of(key_copy, walk->at.size);
    *ret_value = bytes_of(value_copy, value.size);
    return 0;
}

void ledger_walk_skip(struct ledger_walk *walk, struct bytes prefix)
{
    if (prefix.size == 0 || prefix.size > LEDGER_KEY_BYTES)
        return;
    walk->begun = true;
    memcpy(walk->at.b, prefix.data, prefix.size);
    memset(walk->at.b + prefix.size, 0xFF, LEDGER_KEY_BYTES - prefix.size);
    walk->at.size = LEDGER_KEY_BYTES;
}
