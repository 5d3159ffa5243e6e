/* Hashes and signatures: known values, one bit changes all, a purpose is part of what is signed. */
#include "base/seal.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/text.h"

static void start(void)
{
    cr_assert(eq(int, seal_start(), 0));
}

TestSuite(seal, .init = start);

Test(seal, hashes_as_blake2b)
{
    /* BLAKE2b-256 of "abc" and of nothing, as b2sum -l 256 prints them. */
    char hex[HEX256_SIZE];
    struct digest d = seal_digest(SEAL_PARTS(BYTES_LIT("abc")));
    hex_encode(d.b, sizeof(d.b), hex);
    cr_assert(eq(str, hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"));
    d = seal_digest(NULL, 0);
    hex_encode(d.b, sizeof(d.b), hex);
    cr_assert(eq(str, hex, "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"));
    struct id128 id = seal_id128(SEAL_PARTS(BYTES_LIT("abc")));
    hex_encode(id.b, sizeof(id.b), hex);
    cr_assert(eq(str, hex, "cf4ab791c62b8d2b2109c90275287816"));
}

Test(seal, hashes_parts_as_one_run)
{
    struct digest one = seal_digest(SEAL_PARTS(BYTES_LIT("abc")));
    struct digest two = seal_digest(SEAL_PARTS(BYTES_LIT("a"), { 0 }, BYTES_LIT("bc")));
    cr_assert(digest_eq(one, two));
}

Test(seal, handles_differ_by_salt_and_by_value)
{
    struct id128 a = { { 1 } }, b = { { 2 } };
    cr_assert(id128_eq(seal_handle(a, BYTES_LIT("host")), seal_handle(a, BYTES_LIT("host"))));
    cr_assert(not(id128_eq(seal_handle(a, BYTES_LIT("host")), seal_handle(b, BYTES_LIT("host")))));
    cr_assert(not(id128_eq(seal_handle(a, BYTES_LIT("host")), seal_handle(a, BYTES_LIT("hosu")))));
}

struct pair {
    struct seal_public public;
    struct seal_secret secret;
};

static struct pair pair_of(uint8_t seed_byte)
{
    uint8_t seed[SEAL_SEED_BYTES];
    memset(seed, seed_byte, sizeof(seed));
    struct pair pair;
    seal_keypair(seed, &pair.public, &pair.secret);
    return pair;
}

Test(seal, verifies_its_own_signature_and_no_other)
{
    struct pair a = pair_of(1), b = pair_of(2);
    struct bytes text = BYTES_LIT("the report");
    struct seal_signature s = seal_sign(&a.secret, "batch", text);
    struct bytes signature = bytes_of(s.b, sizeof(s.b));
    cr_assert(seal_verify(&a.public, "batch", text, signature));
    cr_assert(not(seal_verify(&b.public, "batch", text, signature)));
    cr_assert(not(seal_verify(&a.public, "settled", text, signature)));
    cr_assert(not(seal_verify(&a.public, "batc", text, signature)));
    cr_assert(not(seal_verify(&a.public, "batch", BYTES_LIT("the reporu"), signature)));
    cr_assert(not(seal_verify(&a.public, "batch", BYTES_LIT("the repor"), signature)));
    cr_assert(not(seal_verify(&a.public, "batch", text, bytes_of(s.b, sizeof(s.b) - 1))));
    cr_assert(not(seal_verify(&a.public, "batch", text, (struct bytes){ 0 })));
}

Test(seal, cannot_move_bytes_between_purpose_and_message)
{
    struct pair a = pair_of(1);
    struct seal_signature s = seal_sign(&a.secret, "ab", BYTES_LIT("c"));
    cr_assert(not(seal_verify(&a.public, "a", BYTES_LIT("bc"), bytes_of(s.b, sizeof(s.b)))));
    cr_assert(not(seal_verify(&a.public, "abc", BYTES_LIT(""), bytes_of(s.b, sizeof(s.b)))));
}

Test(seal, refuses_a_signature_with_any_bit_changed)
{
    struct pair a = pair_of(3);
    struct seal_signature s = seal_sign(&a.secret, "batch", BYTES_LIT("text"));
    for (size_t bit = 0; bit < 8 * sizeof(s.b); bit++) {
        struct seal_signature t = s;
        t.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert(
            not(seal_verify(&a.public, "batch", BYTES_LIT("text"), bytes_of(t.b, sizeof(t.b)))),
            "bit %zu", bit);
    }
}

Test(seal, makes_the_same_pair_and_id_from_the_same_seed)
{
    struct pair a = pair_of(1), b = pair_of(1), c = pair_of(2);
    cr_assert(eq(int, memcmp(a.public.b, b.public.b, sizeof(a.public.b)), 0));
    cr_assert(id128_eq(seal_key_id(&a.public), seal_key_id(&b.public)));
    cr_assert(not(id128_eq(seal_key_id(&a.public), seal_key_id(&c.public))));
}

Test(seal, draws_fresh_random_bytes_and_wipes_secrets)
{
    uint8_t a[32] = { 0 }, b[32] = { 0 }, zero[32] = { 0 };
    seal_random(a, sizeof(a));
    seal_random(b, sizeof(b));
    cr_assert(ne(int, memcmp(a, b, sizeof(a)), 0));
    cr_assert(ne(int, memcmp(a, zero, sizeof(a)), 0));
    seal_wipe(a, sizeof(a));
    cr_assert(eq(int, memcmp(a, zero, sizeof(a)), 0));
}
