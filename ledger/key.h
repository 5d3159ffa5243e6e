/* key.h - the keys of table.h, built and read in one place.
 *
 * A key is a small value; ledger_key_bytes() gives the run to look up with. Text that is longer than its
 * bound or holds NUL never gets here: commands and reports are checked at the door. What does not
 * fit all the same gives the empty key, under which nothing is found and nothing can be put. */
#ifndef LEDGER_KEY_H
#define LEDGER_KEY_H

#include "base/buf.h"
#include "ledger/view.h"
#include "proto/blob.h"
#include "proto/bounds.h"

enum { LEDGER_KEY_BYTES = 320 };

struct ledger_key {
    uint16_t size;
    uint8_t b[LEDGER_KEY_BYTES];
};

static inline struct bytes id128_bytes(const struct id128 *id)
{
    return bytes_of(id->b, sizeof(id->b));
}

static inline struct bytes digest_bytes(const struct digest *digest)
{
    return bytes_of(digest->b, sizeof(digest->b));
}

static inline struct bytes ledger_key_bytes(const struct ledger_key *key)
{
    return bytes_of(key->b, key->size);
}

struct ledger_key key_name(const char *name); /* state, counter */
struct ledger_key key_id(struct bytes id);    /* key, producer, command, row id … */
struct ledger_key key_u64(uint64_t number);
struct ledger_key key_u64_u64(uint64_t a, uint64_t b); /* line, waiting, proof */
struct ledger_key key_once(struct id128 producer, uint64_t epoch, uint64_t sequence);
struct ledger_key key_endpoint_producer(uint64_t endpoint,
                                        struct id128 producer); /* report, seen */
struct ledger_key key_set(uint64_t endpoint, struct id128 producer, const char *source);
struct ledger_key key_text(const char *text);                    /* unit */
struct ledger_key key_text_u8(const char *text, uint8_t last);   /* official */
struct ledger_key key_text_u64(const char *text, uint64_t last); /* i_right, i_unit_end */
struct ledger_key key_text_text(const char *a, const char *b);   /* i_child, i_product, alarm */
struct ledger_key key_text_text_u8(const char *a, const char *b,
                                   uint8_t last); /* position, i_case */
struct ledger_key key_text_text_u64(const char *a, const char *b, uint64_t last); /* install */
struct ledger_key key_rung(uint64_t case_id, int32_t due_day, int32_t rung);
struct ledger_key key_due(int64_t fire_ms, uint8_t kind, uint64_t id, uint32_t a, uint32_t b);
struct ledger_key key_prefix(const char *a, const char *b); /* text 0, text 0 · text 0: for walks */
struct ledger_key key_id_text_u8(struct bytes id, const char *text, uint8_t last); /* i_official */
struct ledger_key key_text_id(const char *text, struct bytes id);                  /* i_join */
struct ledger_key key_text_text_id(const char *a, const char *b, struct bytes id); /* i_product */

/* Readers, for walks: next field of a key, in order; see base/buf.h for failure. */
struct bytes key_read_text(struct reader *r); /* up to its NUL, which is skipped */
int32_t key_read_i32(struct reader *r);       /* stored + 2³¹ */

/* ledger_unpack - a stored message, into the arena. Errors: -EBADMSG; -ENOMEM. */
int ledger_unpack(const ProtobufCMessageDescriptor *type, struct bytes packed, struct arena *arena,
                  ProtobufCMessage **ret_message);

/* ledger_get - the unpacked record under a key, in the arena (so it outlives an apply).
 * Errors: -ENOENT; -EBADMSG a damaged store; -ENOMEM; others of the view. */
int ledger_get(const struct ledger_view *view, enum ledger_table table, struct ledger_key key,
               struct arena *arena, ProtobufCMessage **ret_record);
/* LEDGER_GET - into a pointer of the record's own type; NULL there after an error. */
#define LEDGER_GET(view, table, key, arena, ret) \
    ledger_get((view), (table), (key), (arena), (ProtobufCMessage **)(ret))

/* ledger_get_bytes - the value as it stands, copied into the arena; for tables without message.
 * ledger_get_u64 - the number at the head of an index's value. Errors: as ledger_get. */
int ledger_get_bytes(const struct ledger_view *view, enum ledger_table table, struct ledger_key key,
                     struct arena *arena, struct bytes *ret_value);
int ledger_get_u64(const struct ledger_view *view, enum ledger_table table, struct ledger_key key,
                   uint64_t *ret_number);

/* ledger_has - 1, 0 or an error. */
int ledger_has(const struct ledger_view *view, enum ledger_table table, struct ledger_key key);

/* A walk over the keys of a table that begin with a prefix, resumable by key: each step seeks, so it
 * survives applies in between. Key and value are copied into the arena at each step. */
struct ledger_walk {
    const struct ledger_view *view;
    enum ledger_table table;
    struct ledger_key prefix;
    struct ledger_key at; /* last key given */
    bool begun;
};
struct ledger_walk ledger_walk(const struct ledger_view *view, enum ledger_table table,
                               struct ledger_key prefix);
/* ledger_walk_next - 0, -ENOENT at the end, or an error. */
int ledger_walk_next(struct ledger_walk *walk, struct arena *arena, struct bytes *ret_key,
                     struct bytes *ret_value);

/* ledger_walk_skip - goes on behind every key that begins with the prefix. */
void ledger_walk_skip(struct ledger_walk *walk, struct bytes prefix);

#endif
