/* Buffer and reader: caps, sticky errors, round trips. */
#include "base/buf.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

Test(buf, appends_integers_big_endian)
{
    struct buf buf = BUF_INIT(64);
    buf_put_u8(&buf, 0x01);
    buf_put_u16be(&buf, 0x0203);
    buf_put_u32be(&buf, 0x04050607);
    buf_put_u64be(&buf, 0x08090A0B0C0D0E0Fu);
    const uint8_t want[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
    cr_assert(eq(int, buf_error(&buf), 0));
    cr_assert(bytes_eq(buf_bytes(&buf), bytes_of(want, sizeof(want))));
    buf_done(&buf);
}

Test(buf, grows_past_its_first_allocation)
{
    struct buf buf = BUF_INIT(1 << 20);
    for (uint32_t i = 0; i < 50000; i++)
        buf_put_u32be(&buf, i);
    cr_assert(eq(int, buf_error(&buf), 0));
    cr_assert(eq(sz, buf.size, 200000));
    struct reader r = reader_of(buf_bytes(&buf));
    bool same = true;
    for (uint32_t i = 0; i < 50000; i++)
        same &= read_u32be(&r) == i;
    cr_assert(same);
    cr_assert(eq(sz, reader_left(&r), 0));
    cr_assert(not(r.failed));
    buf_done(&buf);
}

Test(buf, takes_exactly_its_cap_and_then_keeps_its_error_until_reset)
{
    struct buf buf = BUF_INIT(4);
    buf_put(&buf, BYTES_LIT("1234"));
    cr_assert(eq(int, buf_error(&buf), 0));
    buf_put(&buf, BYTES_LIT("5"));
    cr_assert(eq(int, buf_error(&buf), -EMSGSIZE));
    cr_assert(eq(sz, buf.size, 4));
    buf_put(&buf, BYTES_LIT(""));
    buf_printf(&buf, "x");
    cr_assert(eq(ptr, buf_reserve(&buf, 0), NULL));
    cr_assert(eq(int, buf_error(&buf), -EMSGSIZE));
    buf_reset(&buf);
    buf_put(&buf, BYTES_LIT("5"));
    cr_assert(eq(int, buf_error(&buf), 0));
    cr_assert(bytes_eq(buf_bytes(&buf), BYTES_LIT("5")));
    buf_done(&buf);
}

Test(buf, refuses_a_size_that_would_wrap)
{
    struct buf buf = BUF_INIT(SIZE_MAX / 4);
    buf_put_u8(&buf, 1);
    cr_assert(eq(ptr, buf_reserve(&buf, SIZE_MAX), NULL));
    cr_assert(eq(int, buf_error(&buf), -EMSGSIZE));
    buf_done(&buf);
}

Test(buf, formats_without_leaving_the_nul_behind)
{
    struct buf buf = BUF_INIT(1024);
    buf_printf(&buf, "%d-%s", 42, "正");
    buf_put_str(&buf, "!");
    cr_assert(bytes_eq(buf_bytes(&buf), BYTES_LIT("42-正!")));
    buf_done(&buf);
    cr_assert(eq(sz, buf.size, 0));
    cr_assert(eq(sz, buf.cap, 1024));
}

Test(buf, formats_into_the_last_byte_of_its_cap)
{
    struct buf buf = BUF_INIT(3);
    buf_printf(&buf, "abc");
    cr_assert(eq(int, buf_error(&buf), 0));
    cr_assert(bytes_eq(buf_bytes(&buf), BYTES_LIT("abc")));
    buf_printf(&buf, "d");
    cr_assert(eq(int, buf_error(&buf), -EMSGSIZE));
    buf_done(&buf);
}

Test(reader, fails_at_the_end_and_stays_failed)
{
    struct reader r = reader_of(BYTES_LIT("\x01\x02\x03"));
    cr_assert(eq(u16, read_u16be(&r), 0x0102));
    cr_assert(eq(u32, read_u32be(&r), 0));
    cr_assert(r.failed);
    cr_assert(eq(u8, read_u8(&r), 0)); /* one byte is left, but the reader is lost */
    cr_assert(eq(sz, read_bytes(&r, 0).size, 0));
    cr_assert(r.failed);
}

Test(reader, reads_each_width)
{
    struct reader r = reader_of(BYTES_LIT("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"));
    cr_assert(eq(u8, read_u8(&r), 1));
    cr_assert(eq(u64, read_u64be(&r), 0x0203040506070809u));
    struct bytes rest = read_bytes(&r, 2);
    cr_assert(bytes_eq(rest, BYTES_LIT("\x0a\x0b")));
    cr_assert(not(r.failed));
}

Test(reader, of_nothing_has_nothing)
{
    struct reader r = reader_of((struct bytes){ 0 });
    cr_assert(eq(sz, reader_left(&r), 0));
    cr_assert(eq(u8, read_u8(&r), 0));
    cr_assert(r.failed);
}
