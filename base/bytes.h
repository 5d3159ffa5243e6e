/* bytes.h - a borrowed run of bytes, and the fixed-size digests that are passed by value.
 *
 * A struct bytes never owns: whoever returns one says how long it lives. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data; /* may be NULL when size is 0 */
    size_t size;         /* bytes */
};

struct id128 {
    uint8_t b[16]; /* row ids, key ids, evidence and facts digests */
};

struct digest {
    uint8_t b[32]; /* result, event, chain and journal digests */
};

/* BYTES_LIT - the bytes of a string literal, without its NUL. */
#define BYTES_LIT(s) ((struct bytes){ (const uint8_t *)("" s), sizeof(s) - 1 })

static inline struct bytes bytes_of(const void *data, size_t size)
{
    return (struct bytes){ data, size };
}

/* bytes_str - the bytes of a C string, without its NUL; NULL gives the empty run. */
static inline struct bytes bytes_str(const char *s)
{
    return (struct bytes){ (const uint8_t *)s, s == NULL ? 0 : strlen(s) };
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* bytes_cmp - <0, 0, >0 in the order of unsigned bytes, a prefix before what it begins. This is
 * the order of LMDB keys. */
static inline int bytes_cmp(struct bytes a, struct bytes b)
{
    size_t n = a.size < b.size ? a.size : b.size;
    int r = n == 0 ? 0 : memcmp(a.data, b.data, n);
    return r != 0 ? r : (a.size > b.size) - (a.size < b.size);
}

static inline bool bytes_starts_with(struct bytes s, struct bytes prefix)
{
    return s.size >= prefix.size && bytes_eq(bytes_of(s.data, prefix.size), prefix);
}

static inline bool id128_eq(struct id128 a, struct id128 b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

static inline bool id128_is_zero(struct id128 a)
{
    static const struct id128 zero;
    return id128_eq(a, zero);
}

static inline bool digest_eq(struct digest a, struct digest b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

/* id128_of, digest_of - from a run of exactly the right size; false (output untouched) else. */
static inline bool id128_of(struct bytes s, struct id128 *ret_id)
{
    if (s.size != sizeof(ret_id->b))
        return false;
    memcpy(ret_id->b, s.data, sizeof(ret_id->b));
    return true;
}

static inline bool digest_of(struct bytes s, struct digest *ret_digest)
{
    if (s.size != sizeof(ret_digest->b))
        return false;
    memcpy(ret_digest->b, s.data, sizeof(ret_digest->b));
    return true;
}

/* Big-endian integers, the form of every key and every drawn byte layout. */
static inline void put_u16be(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void put_u32be(uint8_t *p, uint32_t v)
{
    put_u16be(p, (uint16_t)(v >> 16));
    put_u16be(p + 2, (uint16_t)v);
}

static inline void put_u64be(uint8_t *p, uint64_t v)
{
    put_u32be(p, (uint32_t)(v >> 32));
    put_u32be(p + 4, (uint32_t)v);
}

static inline uint16_t get_u16be(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t get_u32be(const uint8_t *p)
{
    return ((uint32_t)get_u16be(p) << 16) | get_u16be(p + 2);
}

static inline uint64_t get_u64be(const uint8_t *p)
{
    return ((uint64_t)get_u32be(p) << 32) | get_u32be(p + 4);
}

#endif
