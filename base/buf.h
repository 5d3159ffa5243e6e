/* buf.h - a growable byte buffer with a cap, and a bounded reader over borrowed bytes.
 *
 * Writers append and check once at the end: after the first failure every further put is a no-op
 * and buf_error() tells. Readers do the same in the other direction. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"
#include "base/cleanup.h"

struct buf {
    uint8_t *data; /* owned, malloc */
    size_t size;   /* bytes written */
    size_t room;   /* bytes allocated */
    size_t cap;    /* never grows past this */
    int error;     /* 0, -ENOMEM or -EMSGSIZE; sticky until buf_reset */
};

#define BUF_INIT(cap_bytes) ((struct buf){ .cap = (cap_bytes) })

/* buf_done - frees the memory and leaves an empty buffer of the same cap. */
void buf_done(struct buf *buf);

/* buf_reset - forgets the contents and the error, keeps the memory. */
void buf_reset(struct buf *buf);

/* buf_error - 0, -ENOMEM, or -EMSGSIZE when the cap was reached. */
static inline int buf_error(const struct buf *buf)
{
    return buf->error;
}

/* buf_bytes - what was written; dies at the next put, reset or done. */
static inline struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_of(buf->data, buf->size);
}

/* buf_reserve - size_bytes of room to write into, counted as written; NULL after an error. */
uint8_t *buf_reserve(struct buf *buf, size_t size_bytes);

void buf_put(struct buf *buf, struct bytes bytes);
void buf_put_u8(struct buf *buf, uint8_t v);
void buf_put_u16be(struct buf *buf, uint16_t v);
void buf_put_u32be(struct buf *buf, uint32_t v);
void buf_put_u64be(struct buf *buf, uint64_t v);
void buf_put_str(struct buf *buf, const char *s);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed; /* sticky: a read went past the end */
};

static inline struct reader reader_of(struct bytes s)
{
    return (struct reader){ .at = s.data, .end = s.size == 0 ? s.data : s.data + s.size };
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

/* read_* - the next value; zero or an empty run after a failure, which stays in r->failed. */
struct bytes read_bytes(struct reader *r, size_t size_bytes);
uint8_t read_u8(struct reader *r);
uint16_t read_u16be(struct reader *r);
uint32_t read_u32be(struct reader *r);
uint64_t read_u64be(struct reader *r);

#endif
