/* seal.h - hashing and signatures, each value with its algorithm beside it.
 *
 * The one place that knows which algorithms are in use. A stored or transmitted hash or signature
 * carries an algorithm byte, so that SM3 and SM2 (GB/T 39786) can stand beside BLAKE2b and Ed25519
 * without a new format. Calls libsodium; seal_start() must have succeeded first. */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include "base/bytes.h"
#include "base/cleanup.h"

enum seal_algorithm {
    SEAL_BLAKE2B_ED25519 = 1, /* BLAKE2b digests, Ed25519 signatures */
};

enum {
    SEAL_PUBLIC_BYTES = 32,
    SEAL_SECRET_BYTES = 64,
    SEAL_SEED_BYTES = 32,
    SEAL_SIGNATURE_BYTES = 64,
    SEAL_LINK_KEY_BYTES = 32,
};

struct seal_public {
    uint8_t b[SEAL_PUBLIC_BYTES];
};

struct seal_secret {
    uint8_t b[SEAL_SECRET_BYTES];
};

struct seal_signature {
    uint8_t b[SEAL_SIGNATURE_BYTES];
};

/* seal_start - prepares the library; idempotent. Errors: -EIO. */
int seal_start(void);

/* seal_id128, seal_digest - BLAKE2b of the runs one after another, 128 and 256 bits. Callers that
 * hash several variable fields put lengths between them themselves. */
struct id128 seal_id128(const struct bytes *parts, size_t count);
struct digest seal_digest(const struct bytes *parts, size_t count);

/* SEAL_PARTS - the argument pair for a literal list of runs. */
#define SEAL_PARTS(...)                    \
    (const struct bytes[]){ __VA_ARGS__ }, \
        sizeof((const struct bytes[]){ __VA_ARGS__ }) / sizeof(struct bytes)

/* seal_handle - H(salt ‖ value): what journal and tables show of a personal value. */
struct id128 seal_handle(struct id128 salt, struct bytes value);

/* seal_random - size_bytes from the system's generator. */
void seal_random(void *out, size_t size_bytes);

/* seal_keypair - a signing pair from a seed of SEAL_SEED_BYTES (seal_random for a new one). */
void seal_keypair(const uint8_t *seed, struct seal_public *ret_public,
                  struct seal_secret *ret_secret);

/* seal_link_keypair - an X25519 pair (what CURVE links use) from a seed of SEAL_SEED_BYTES. The
 * secret is the seed itself, so the public half of a stored secret can be computed again. */
void seal_link_keypair(const uint8_t *seed, uint8_t ret_public[SEAL_LINK_KEY_BYTES],
                       uint8_t ret_secret[SEAL_LINK_KEY_BYTES]);

/* seal_key_id - the id of an identity: BLAKE2b-128 of the signing key. */
struct id128 seal_key_id(const struct seal_public *key);

/* seal_sign - over "zhengban" ‖ purpose ‖ 0 ‖ message, so that a signature given for one purpose
 * is never valid for another. `purpose` is a short ASCII name from proto/frame.h. */
struct seal_signature seal_sign(const struct seal_secret *key, const char *purpose,
                                struct bytes message);

/* seal_verify - whether the signature of that purpose and message is the key's. A signature of
 * another size than SEAL_SIGNATURE_BYTES is not. */
bool seal_verify(const struct seal_public *key, const char *purpose, struct bytes message,
                 struct bytes signature);

/* seal_wipe - overwrites a secret so that the compiler cannot leave it out. */
void seal_wipe(void *secret, size_t size_bytes);

#endif
