/* seal.c - libsodium behind our names; signatures are over a digest with the purpose inside. */
#include "base/seal.h"

#include <errno.h>
#include <sodium.h>

_Static_assert(SEAL_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
_Static_assert(SEAL_SECRET_BYTES == crypto_sign_SECRETKEYBYTES, "Ed25519 secret key");
_Static_assert(SEAL_SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519 signature");
_Static_assert(SEAL_LINK_KEY_BYTES == crypto_scalarmult_BYTES, "X25519 public key");
_Static_assert(SEAL_LINK_KEY_BYTES == crypto_scalarmult_SCALARBYTES, "X25519 secret key");
_Static_assert(SEAL_LINK_KEY_BYTES == SEAL_SEED_BYTES, "the seed is the secret");

int seal_start(void)
{
    return sodium_init() < 0 ? -EIO : 0;
}

static void hash_parts(uint8_t *out, size_t out_bytes, const struct bytes *parts, size_t count)
{
    crypto_generichash_state state;
    /* These fail only on a bad output size, which is a constant of ours. */
    (void)crypto_generichash_init(&state, NULL, 0, out_bytes);
    for (size_t i = 0; i < count; i++)
        if (parts[i].size > 0)
            (void)crypto_generichash_update(&state, parts[i].data, parts[i].size);
    (void)crypto_generichash_final(&state, out, out_bytes);
}

struct id128 seal_id128(const struct bytes *parts, size_t count)
{
    struct id128 id;
    hash_parts(id.b, sizeof(id.b), parts, count);
    return id;
}

struct digest seal_digest(const struct bytes *parts, size_t count)
{
    struct digest d;
    hash_parts(d.b, sizeof(d.b), parts, count);
    return d;
}

struct id128 seal_handle(struct id128 salt, struct bytes value)
{
    return seal_id128(SEAL_PARTS(bytes_of(salt.b, sizeof(salt.b)), value));
}

void seal_random(void *out, size_t size_bytes)
{
    randombytes_buf(out, size_bytes);
}

void seal_keypair(const uint8_t *seed, struct seal_public *ret_public,
                  struct seal_secret *ret_secret)
{
    (void)crypto_sign_seed_keypair(ret_public->b, ret_secret->b, seed); /* always 0 */
}

void seal_link_keypair(const uint8_t *seed, uint8_t ret_public[SEAL_LINK_KEY_BYTES],
                       uint8_t ret_secret[SEAL_LINK_KEY_BYTES])
{
    memcpy(ret_secret, seed, SEAL_LINK_KEY_BYTES);
    (void)crypto_scalarmult_base(ret_public, ret_secret); /* always 0 */
}

struct id128 seal_key_id(const struct seal_public *key)
{
    return seal_id128(SEAL_PARTS(BYTES_LIT("zhengban key"), bytes_of(key->b, sizeof(key->b))));
}

static struct digest signed_digest(const char *purpose, struct bytes message)
{
    /* The NUL of the purpose is the separator: a purpose holds none. */
    return seal_digest(
        SEAL_PARTS(BYTES_LIT("zhengban"), bytes_of(purpose, strlen(purpose) + 1), message));
}

struct seal_signature seal_sign(const struct seal_secret *key, const char *purpose,
                                struct bytes message)
{
    struct digest d = signed_digest(purpose, message);
    struct seal_signature signature;
    (void)crypto_sign_detached(signature.b, NULL, d.b, sizeof(d.b), key->b); /* always 0 */
    return signature;
}

bool seal_verify(const struct seal_public *key, const char *purpose, struct bytes message,
                 struct bytes signature)
{
    if (signature.size != SEAL_SIGNATURE_BYTES)
        return false;
    struct digest d = signed_digest(purpose, message);
    return crypto_sign_verify_detached(signature.data, d.b, sizeof(d.b), key->b) == 0;
}

void seal_wipe(void *secret, size_t size_bytes)
{
    sodium_memzero(secret, size_bytes);
}
