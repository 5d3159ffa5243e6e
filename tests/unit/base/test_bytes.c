/* Runs of bytes: equality, order, prefixes, fixed-size digests, big-endian integers. */
#include "base/bytes.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/cleanup.h"

Test(bytes, are_ordered_as_unsigned_with_a_prefix_first)
{
    const struct bytes sorted[] = {
        { 0 },
        BYTES_LIT("\x00"),
        BYTES_LIT("\x00\x00"),
        BYTES_LIT("a"),
        BYTES_LIT("ab"),
        BYTES_LIT("b"),
        BYTES_LIT("\x7f"),
        BYTES_LIT("\x80"),
        BYTES_LIT("\xff"),
    };
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
        for (size_t k = 0; k < ARRAY_LEN(sorted); k++) {
            int c = bytes_cmp(sorted[i], sorted[k]);
            cr_assert(eq(int, (c > 0) - (c < 0), (i > k) - (i < k)), "%zu and %zu", i, k);
            cr_assert(eq(int, bytes_eq(sorted[i], sorted[k]), i == k));
        }
}

Test(bytes, of_a_string_leave_the_nul_out_and_take_null_for_nothing)
{
    cr_assert(eq(sz, bytes_str("正").size, 3));
    cr_assert(eq(sz, bytes_str("").size, 0));
    cr_assert(eq(sz, bytes_str(NULL).size, 0));
    cr_assert(bytes_eq(bytes_str(NULL), BYTES_LIT("")));
}

Test(bytes, know_their_prefixes)
{
    cr_assert(bytes_starts_with(BYTES_LIT("abc"), BYTES_LIT("ab")));
    cr_assert(bytes_starts_with(BYTES_LIT("abc"), BYTES_LIT("abc")));
    cr_assert(bytes_starts_with(BYTES_LIT("abc"), (struct bytes){ 0 }));
    cr_assert(bytes_starts_with((struct bytes){ 0 }, (struct bytes){ 0 }));
    cr_assert(not(bytes_starts_with(BYTES_LIT("ab"), BYTES_LIT("abc"))));
    cr_assert(not(bytes_starts_with(BYTES_LIT("abc"), BYTES_LIT("b"))));
}

Test(bytes, make_digests_of_exactly_their_size)
{
    uint8_t raw[33];
    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (uint8_t)(i + 1);
    struct id128 id = { 0 }, untouched = { 0 };
    cr_assert(id128_is_zero(id));
    cr_assert(not(id128_of(bytes_of(raw, 15), &id)));
    cr_assert(not(id128_of(bytes_of(raw, 17), &id)));
    cr_assert(id128_eq(id, untouched));
    cr_assert(id128_of(bytes_of(raw, 16), &id));
    cr_assert(eq(u8, id.b[15], 16));
    cr_assert(not(id128_is_zero(id)));
    struct digest d = { 0 }, other = { 0 };
    cr_assert(not(digest_of(bytes_of(raw, 33), &d)));
    cr_assert(digest_eq(d, other));
    cr_assert(digest_of(bytes_of(raw, 32), &d));
    cr_assert(not(digest_eq(d, other)));
    other = d;
    other.b[31] ^= 1;
    cr_assert(not(digest_eq(d, other)));
}

Test(bytes, carry_integers_big_endian_both_ways)
{
    uint8_t p[8];
    for (int shift = 0; shift < 64; shift++) {
        uint64_t v = (uint64_t)0xA5 << shift;
        put_u64be(p, v);
        cr_assert(eq(u64, get_u64be(p), v));
        put_u32be(p, (uint32_t)v);
        cr_assert(eq(u32, get_u32be(p), (uint32_t)v));
        put_u16be(p, (uint16_t)v);
        cr_assert(eq(u16, get_u16be(p), (uint16_t)v));
    }
    put_u32be(p, 0x01020304);
    cr_assert(eq(int, memcmp(p, "\x01\x02\x03\x04", 4), 0));
}
