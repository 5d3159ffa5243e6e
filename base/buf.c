/* buf.c - growth by doubling up to the cap; the error is sticky so that callers check once. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST_BYTES = 256 };

void buf_done(struct buf *buf)
{
    free(buf->data);
    *buf = BUF_INIT(buf->cap);
}

void buf_reset(struct buf *buf)
{
    buf->size = 0;
    buf->error = 0;
}

/* Makes room for `room` bytes in all. */
static int buf_grow(struct buf *buf, size_t room)
{
    if (room <= buf->room && buf->data != NULL)
        return 0;
    size_t doubled = buf->room == 0 ? BUF_FIRST_BYTES : buf->room;
    while (doubled < room && doubled <= SIZE_MAX / 2)
        doubled *= 2;
    uint8_t *data = doubled < room ? NULL : realloc(buf->data, doubled);
    if (data == NULL)
        return buf->error = -ENOMEM;
    buf->data = data;
    buf->room = doubled;
    return 0;
}

uint8_t *buf_reserve(struct buf *buf, size_t size_bytes)
{
    if (buf->error != 0)
        return NULL;
    if (size_bytes > buf->cap - buf->size) {
        buf->error = -EMSGSIZE;
        return NULL;
    }
    if (buf_grow(buf, buf->size + size_bytes) < 0)
        return NULL;
    uint8_t *p = buf->data + buf->size;
    buf->size += size_bytes;
    return p;
}

void buf_put(struct buf *buf, struct bytes bytes)
{
    uint8_t *p = buf_reserve(buf, bytes.size);
    if (p != NULL && bytes.size > 0)
        memcpy(p, bytes.data, bytes.size);
}

void buf_put_u8(struct buf *buf, uint8_t v)
{
    buf_put(buf, bytes_of(&v, 1));
}

void buf_put_u16be(struct buf *buf, uint16_t v)
{
    uint8_t *p = buf_reserve(buf, sizeof(v));
    if (p != NULL)
        put_u16be(p, v);
}

void buf_put_u32be(struct buf *buf, uint32_t v)
{
    uint8_t *p = buf_reserve(buf, sizeof(v));
    if (p != NULL)
        put_u32be(p, v);
}

void buf_put_u64be(struct buf *buf, uint64_t v)
{
    uint8_t *p = buf_reserve(buf, sizeof(v));
    if (p != NULL)
        put_u64be(p, v);
}

void buf_put_str(struct buf *buf, const char *s)
{
    buf_put(buf, bytes_str(s));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        return;
    size_t at = buf->size;
    uint8_t *p = buf_reserve(buf, (size_t)n);
    /* vsnprintf insists on a NUL: room for it, not counted, may lie beyond the cap. */
    if (p == NULL)
        return;
    if (buf_grow(buf, buf->size + 1) < 0) {
        buf->size = at;
        return;
    }
    va_start(args, format);
    (void)vsnprintf((char *)buf->data + at, (size_t)n + 1, format, args); /* measured above */
    va_end(args);
}

struct bytes read_bytes(struct reader *r, size_t size_bytes)
{
    if (r->failed || size_bytes > reader_left(r)) {
        r->failed = true;
        return (struct bytes){ 0 };
    }
    struct bytes s = bytes_of(r->at, size_bytes);
    r->at += size_bytes;
    return s;
}

uint8_t read_u8(struct reader *r)
{
    struct bytes s = read_bytes(r, 1);
    return s.size == 0 ? 0 : s.data[0];
}

uint16_t read_u16be(struct reader *r)
{
    struct bytes s = read_bytes(r, 2);
    return s.size == 0 ? 0 : get_u16be(s.data);
}

uint32_t read_u32be(struct reader *r)
{
    struct bytes s = read_bytes(r, 4);
    return s.size == 0 ? 0 : get_u32be(s.data);
}

uint64_t read_u64be(struct reader *r)
{
    struct bytes s = read_bytes(r, 8);
    return s.size == 0 ? 0 : get_u64be(s.data);
}
