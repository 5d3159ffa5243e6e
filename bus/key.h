/* key.h - identities: a signing key and a link key that belong together, as files.
 *
 * The secret file (mode 0600) is text: lines "name: value"; the slip is its public half, signed by
 * itself, and is what an administrator enrols. Neither holds anything but what is named here. */
#ifndef BUS_KEY_H
#define BUS_KEY_H

#include "base/buf.h"
#include "base/seal.h"
#include "base/text.h"
#include "proto/names.h"

enum { LINK_KEY_BYTES = SEAL_LINK_KEY_BYTES };

struct identity {
    struct id128 id; /* seal_key_id of `sign_public`: what messages call "producer", "actor" */
    Zb__Role role;
    char label[64]; /* for people */
    struct seal_public sign_public;
    struct seal_secret sign_secret;
    uint8_t link_public[LINK_KEY_BYTES]; /* CURVE (X25519) */
    uint8_t link_secret[LINK_KEY_BYTES];
};

/* What others may know of an identity. */
struct identity_public {
    struct id128 id;
    Zb__Role role;
    char label[64];
    struct seal_public sign_public;
    uint8_t link_public[LINK_KEY_BYTES];
};

/* identity_new - fresh keys. Errors: -EINVAL no such role, or a label that is too long, not UTF-8,
 * padded, or holds control characters; -EIO.
 * identity_wipe - overwrites the secrets. */
int identity_new(Zb__Role role, const char *label, struct identity *ret_identity);
void identity_wipe(struct identity *identity);

/* identity_save - a new file of mode 0600; -EEXIST rather than overwrite.
 * identity_load - refuses a file that others may read (-EPERM), or that is damaged (-EBADMSG);
 * the complaint names file, line and remedy. */
int identity_save(const struct identity *identity, const char *path, struct complaint *why);
int identity_load(const char *path, struct identity *ret_identity, struct complaint *why);

/* identity_parse - an identity from the text of its file; `file` is what complaints call it. Secrets
 * belong to public halves, id to signing key, check to everything, or it is -EBADMSG. */
int identity_parse(struct bytes text, const char *file, struct identity *ret_identity,
                   struct complaint *why);

/* slip_print - the public half appended to out as text. Errors: buf_error(out).
 * slip_parse - reads it back and checks the signature over itself; other line ends and blank lines
 * do no harm. Errors: -EBADMSG. seal_start() must have succeeded. */
int slip_print(const struct identity *identity, struct buf *out);
int slip_parse(struct bytes text, struct identity_public *ret_public, struct complaint *why);

/* role_name, role_parse - "collector", "matcher", "ledger", "official". */
const char *role_name(Zb__Role role);
int role_parse(struct bytes name, Zb__Role *ret_role);

#endif
