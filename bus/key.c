/* key.c - identity files and slips.
 *
 * Both are lines "name: value" in a fixed order, closed by a line over all before it:
 *
 *     zhengban-identity: 1                      zhengban-slip: 1
 *     id: 32 hex digits                         id: 32 hex digits
 *     role: collector                           role: collector
 *     label: Fengtai office, floor 3            label: Fengtai office, floor 3
 *     sign-public: 64 hex digits                sign-public: 64 hex digits
 *     link-public: 64 hex digits                link-public: 64 hex digits
 *     sign-secret: 128 hex digits               signature: 128 hex digits
 *     link-secret: 64 hex digits
 *     check: 64 hex digits
 *
 * Reading takes the values and prints the text again; check and signature are over that canonical
 * text. So a slip survives mail that ends lines otherwise or adds blank ones, and nothing that is
 * not a value can hide in it. */
#include "bus/key.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "proto/frame.h"

#define IDENTITY_HEAD "zhengban-identity"
#define SLIP_HEAD     "zhengban-slip"

enum {
    KEY_TEXT_BYTES = 2048, /* more than any identity or slip takes */
    KEY_FILE_MODE = 0600,
};

/* ---- roles ----------------------------------------------------------------------------------- */

static const struct {
    Zb__Role role;
    const char *name;
} roles[] = {
    { ROLE_COLLECTOR, "collector" },
    { ROLE_MATCHER, "matcher" },
    { ROLE_LEDGER, "ledger" },
    { ROLE_OFFICIAL, "official" },
};

const char *role_name(Zb__Role role)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (roles[i].role == role)
            return roles[i].name;
    return "?";
}

int role_parse(struct bytes name, Zb__Role *ret_role)
{
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (bytes_eq(bytes_str(roles[i].name), name)) {
            *ret_role = roles[i].role;
            return 0;
        }
    return -EINVAL;
}

/* ---- identities ------------------------------------------------------------------------------ */

/* A label is one line for people: it must not steer their terminal. */
static int label_check(struct bytes label, struct complaint *why)
{
    if (label.size >= sizeof(((struct identity *)NULL)->label))
        return complain(why, -EINVAL, "give a shorter label",
                        "the label has %zu bytes, at most %zu", label.size,
                        sizeof(((struct identity *)NULL)->label) - 1);
    if (!text_is_utf8(label))
        return complain(why, -EINVAL, "write it in UTF-8", "the label is not UTF-8");
    for (struct bytes rest = label; rest.size > 0;) {
        uint32_t c = 0;
        size_t n = text_utf8_next(rest, &c);
        if (text_is_steering(c))
            return complain(why, -EINVAL, "leave control characters out", "the label holds U+%04X",
                            (unsigned)c);
        rest = bytes_of(rest.data + n, rest.size - n);
    }
    if (label.size > 0 && (label.data[0] == ' ' || label.data[label.size - 1] == ' '))
        return complain(why, -EINVAL, "leave outer spaces out", "the label is padded with spaces");
    return 0;
}

int identity_new(Zb__Role role, const char *label, struct identity *ret_identity)
{
    int r = seal_start();
    if (r < 0)
        return r;
    r = label_check(bytes_str(label), NULL);
    if (r < 0)
        return r;
    if (role_name(role)[0] == '?')
        return -EINVAL;
    struct identity identity = { .role = role };
    memcpy(identity.label, label, strlen(label));
    uint8_t seed[SEAL_SEED_BYTES];
    seal_random(seed, sizeof(seed));
    seal_keypair(seed, &identity.sign_public, &identity.sign_secret);
    seal_random(seed, sizeof(seed));
    seal_link_keypair(seed, identity.link_public, identity.link_secret);
    seal_wipe(seed, sizeof(seed));
    identity.id = seal_key_id(&identity.sign_public);
    *ret_identity = identity;
    identity_wipe(&identity);
    return 0;
}

void identity_wipe(struct identity *identity)
{
    seal_wipe(&identity->sign_secret, sizeof(identity->sign_secret));
    seal_wipe(identity->link_secret, sizeof(identity->link_secret));
}

/* ---- printing -------------------------------------------------------------------------------- */

static void put_hex(struct buf *out, const char *name, const uint8_t *data, size_t size_bytes)
{
    char hex[2 * SEAL_SECRET_BYTES + 1];
    assert(2 * size_bytes < sizeof(hex));
    hex_encode(data, size_bytes, hex);
    buf_printf(out, "%s: ", name);
    buf_put_str(out, hex);
    buf_put_u8(out, '\n');
    seal_wipe(hex, sizeof(hex));
}

static void public_print(const char *head, const struct identity_public *key, struct buf *out)
{
    buf_printf(out, "%s: 1\n", head);
    put_hex(out, "id", key->id.b, sizeof(key->id.b));
    buf_printf(out, "role: %s\nlabel: %s\n", role_name(key->role), key->label);
    put_hex(out, "sign-public", key->sign_public.b, sizeof(key->sign_public.b));
    put_hex(out, "link-public", key->link_public, sizeof(key->link_public));
}

static struct identity_public public_of(const struct identity *identity)
{
    struct identity_public key = {
        .id = identity->id,
        .role = identity->role,
        .sign_public = identity->sign_public,
    };
    memcpy(key.label, identity->label, sizeof(key.label));
    memcpy(key.link_public, identity->link_public, sizeof(key.link_public));
    return key;
}

/* Everything but the check, into an empty buffer. All room is taken first: growing would leave
 * copies of the secrets behind in memory. */
static int identity_print(const struct identity *identity, struct buf *out)
{
    if (buf_reserve(out, KEY_TEXT_BYTES) == NULL)
        return buf_error(out);
    buf_reset(out);
    struct identity_public key = public_of(identity);
    public_print(IDENTITY_HEAD, &key, out);
    put_hex(out, "sign-secret", identity->sign_secret.b, sizeof(identity->sign_secret.b));
    put_hex(out, "link-secret", identity->link_secret, sizeof(identity->link_secret));
    return buf_error(out);
}

int slip_print(const struct identity *identity, struct buf *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(KEY_TEXT_BYTES);
    struct identity_public key = public_of(identity);
    public_print(SLIP_HEAD, &key, &text);
    int r = buf_error(&text);
    if (r < 0)
        return r;
    struct seal_signature signature =
        seal_sign(&identity->sign_secret, PURPOSE_SLIP, buf_bytes(&text));
    put_hex(&text, "signature", signature.b, sizeof(signature.b));
    r = buf_error(&text);
    if (r < 0)
        return r;
    buf_put(out, buf_bytes(&text));
    return buf_error(out);
}

/* ---- parsing --------------------------------------------------------------------------------- */

struct lines {
    struct bytes rest;
    const char *file; /* what the complaint's place begins with */
    size_t line;      /* number of the last one read */
    struct complaint *why;
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trim(struct bytes s)
{
    while (s.size > 0 && is_blank(s.data[0]))
        s = bytes_of(s.data + 1, s.size - 1);
    while (s.size > 0 && is_blank(s.data[s.size - 1]))
        s.size--;
    return s;
}

/* The next line that is not blank, without blanks around; false at the end. */
static bool line_next(struct lines *in, struct bytes *ret_line)
{
    while (in->rest.size > 0) {
        const uint8_t *end = memchr(in->rest.data, '\n', in->rest.size);
        size_t size = end == NULL ? in->rest.size : (size_t)(end - in->rest.data);
        struct bytes line = trim(bytes_of(in->rest.data, size));
        size += end != NULL;
        in->rest = bytes_of(in->rest.data + size, in->rest.size - size);
        in->line++;
        if (line.size > 0) {
            *ret_line = line;
            return true;
        }
    }
    return false;
}

static int line_refuse(struct lines *in, const char *name, const char *what)
{
    complaint_at(in->why, "%s, line %zu", in->file, in->line);
    return complain(in->why, -EBADMSG, "fetch the original again, or make a new key", "%s: %s",
                    name, what);
}

/* The value of the next line, which must have this name. */
static int value_next(struct lines *in, const char *name, struct bytes *ret_value)
{
    struct bytes line;
    if (!line_next(in, &line))
        return line_refuse(in, name, "the text ends before this line");
    struct bytes want = bytes_str(name);
    if (!bytes_starts_with(line, want) || line.size == want.size || line.data[want.size] != ':')
        return line_refuse(in, name, "this line was expected here");
    *ret_value = trim(bytes_of(line.data + want.size + 1, line.size - want.size - 1));
    return 0;
}

static int hex_next(struct lines *in, const char *name, uint8_t *out, size_t out_bytes)
{
    struct bytes value;
    int r = value_next(in, name, &value);
    if (r == 0 && hex_decode(value, out, out_bytes) < 0)
        r = line_refuse(in, name, "wrong number of hexadecimal digits");
    return r;
}

static int head_next(struct lines *in, const char *head)
{
    struct bytes value;
    int r = value_next(in, head, &value);
    if (r == 0 && !bytes_eq(value, BYTES_LIT("1")))
        r = line_refuse(in, head, "another format than 1");
    return r;
}

static int role_next(struct lines *in, Zb__Role *ret_role)
{
    struct bytes value;
    int r = value_next(in, "role", &value);
    if (r == 0 && role_parse(value, ret_role) < 0)
        r = line_refuse(in, "role", "not collector, matcher, ledger or official");
    return r;
}

static int label_next(struct lines *in, char *out, size_t out_bytes)
{
    struct bytes value;
    int r = value_next(in, "label", &value);
    if (r == 0 && label_check(value, NULL) < 0)
        r = line_refuse(in, "label", "too long, or not printable UTF-8");
    if (r < 0)
        return r;
    memset(out, 0, out_bytes);
    if (value.size > 0)
        memcpy(out, value.data, value.size); /* label_check: shorter than out */
    return 0;
}

static int public_next(struct lines *in, const char *head, struct identity_public *ret_key)
{
    struct identity_public key = { .role = ROLE_NONE };
    int r = head_next(in, head);
    if (r == 0)
        r = hex_next(in, "id", key.id.b, sizeof(key.id.b));
    if (r == 0)
        r = role_next(in, &key.role);
    if (r == 0)
        r = label_next(in, key.label, sizeof(key.label));
    if (r == 0)
        r = hex_next(in, "sign-public", key.sign_public.b, sizeof(key.sign_public.b));
    if (r == 0 && !id128_eq(key.id, seal_key_id(&key.sign_public)))
        r = line_refuse(in, "sign-public", "not the key that the id names");
    if (r == 0)
        r = hex_next(in, "link-public", key.link_public, sizeof(key.link_public));
    if (r == 0)
        *ret_key = key;
    return r;
}

static int end_next(struct lines *in)
{
    struct bytes line;
    return line_next(in, &line) ? line_refuse(in, "end", "text after the last line") : 0;
}

int slip_parse(struct bytes text, struct identity_public *ret_public, struct complaint *why)
{
    struct lines in = { .rest = text, .file = "slip", .why = why };
    struct identity_public key;
    struct seal_signature signature;
    int r = public_next(&in, SLIP_HEAD, &key);
    if (r == 0)
        r = hex_next(&in, "signature", signature.b, sizeof(signature.b));
    if (r == 0)
        r = end_next(&in);
    if (r < 0)
        return r;
    CLEANUP(buf_done) struct buf canonical = BUF_INIT(KEY_TEXT_BYTES);
    public_print(SLIP_HEAD, &key, &canonical);
    r = buf_error(&canonical);
    if (r < 0)
        return r;
    if (!seal_verify(&key.sign_public, PURPOSE_SLIP, buf_bytes(&canonical),
                     bytes_of(signature.b, sizeof(signature.b))))
        return line_refuse(&in, "signature", "not the key's over the lines above: one was changed");
    *ret_public = key;
    return 0;
}

/* Whether secrets and public halves belong together. */
static bool identity_fits(const struct identity *identity)
{
    struct seal_signature signature =
        seal_sign(&identity->sign_secret, PURPOSE_IDENTITY, BYTES_LIT("fits"));
    uint8_t public[LINK_KEY_BYTES], secret[LINK_KEY_BYTES];
    seal_link_keypair(identity->link_secret, public, secret);
    bool fits = seal_verify(&identity->sign_public, PURPOSE_IDENTITY, BYTES_LIT("fits"),
                            bytes_of(signature.b, sizeof(signature.b))) &&
                memcmp(public, identity->link_public, sizeof(public)) == 0;
    seal_wipe(secret, sizeof(secret));
    return fits;
}

static void text_wipe(struct buf *text)
{
    if (text->data != NULL)
        seal_wipe(text->data, text->room);
    buf_done(text);
}

/* Reads every line; the caller wipes `out`, whatever the result. */
static int identity_lines(struct lines *in, struct identity *out, struct digest *ret_check)
{
    struct identity_public key;
    int r = public_next(in, IDENTITY_HEAD, &key);
    if (r == 0)
        r = hex_next(in, "sign-secret", out->sign_secret.b, sizeof(out->sign_secret.b));
    if (r == 0)
        r = hex_next(in, "link-secret", out->link_secret, sizeof(out->link_secret));
    if (r == 0)
        r = hex_next(in, "check", ret_check->b, sizeof(ret_check->b));
    if (r == 0)
        r = end_next(in);
    if (r < 0)
        return r;
    out->id = key.id;
    out->role = key.role;
    out->sign_public = key.sign_public;
    memcpy(out->label, key.label, sizeof(out->label));
    memcpy(out->link_public, key.link_public, sizeof(out->link_public));
    return 0;
}

static int identity_check(struct lines *in, const struct identity *identity, struct digest claimed)
{
    CLEANUP(text_wipe) struct buf canonical = BUF_INIT(KEY_TEXT_BYTES);
    int r = identity_print(identity, &canonical);
    if (r < 0)
        return r;
    struct digest check = seal_digest(SEAL_PARTS(buf_bytes(&canonical)));
    if (!digest_eq(claimed, check))
        return line_refuse(in, "check", "the file is damaged: a line above was changed");
    if (!identity_fits(identity))
        return line_refuse(in, "check", "secret and public halves do not belong together");
    return 0;
}

int identity_parse(struct bytes text, const char *file, struct identity *ret_identity,
                   struct complaint *why)
{
    struct lines in = { .rest = text, .file = file, .why = why };
    struct identity identity = { .role = ROLE_NONE };
    struct digest claimed;
    int r = identity_lines(&in, &identity, &claimed);
    if (r == 0)
        r = identity_check(&in, &identity, claimed);
    if (r == 0)
        *ret_identity = identity;
    identity_wipe(&identity);
    return r;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int save_refuse(struct complaint *why, int r, const char *path)
{
    char reason[128];
    complaint_at(why, "%s", path);
    if (r == -EEXIST)
        return complain(why, r, "give another name, or move the old key away",
                        "there is a file already, and a key is never overwritten");
    return complain(why, r, "check the folder and the disk", "cannot be written: %s",
                    strerror_r(-r, reason, sizeof(reason)));
}

static int write_synced(int fd, struct bytes text)
{
    while (text.size > 0) {
        ssize_t n = write(fd, text.data, text.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        text = bytes_of(text.data + n, text.size - (size_t)n);
    }
    if (fchmod(fd, KEY_FILE_MODE) < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

/* Syncs the folder that holds `path`, so that a new name in it survives a power loss. */
static int folder_sync(const char *path)
{
    char folder[FILE_PATH_SIZE];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    if (size >= sizeof(folder))
        return -ENAMETOOLONG;
    if (slash == NULL)
        memcpy(folder, ".", 2);
    else if (size == 0)
        memcpy(folder, "/", 2);
    else {
        memcpy(folder, path, size);
        folder[size] = '\0';
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd); /* only read */
    return r;
}

int identity_save(const struct identity *identity, const char *path, struct complaint *why)
{
    CLEANUP(text_wipe) struct buf text = BUF_INIT(KEY_TEXT_BYTES);
    int r = identity_print(identity, &text);
    if (r < 0)
        return r;
    struct digest check = seal_digest(SEAL_PARTS(buf_bytes(&text)));
    put_hex(&text, "check", check.b, sizeof(check.b));
    r = buf_error(&text);
    if (r < 0)
        return r;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, KEY_FILE_MODE);
    if (fd < 0)
        return save_refuse(why, -errno, path);
    r = write_synced(fd, buf_bytes(&text));
    if (close(fd) < 0 && r == 0)
        r = -errno;
    if (r == 0)
        r = folder_sync(path);
    if (r == 0)
        return 0;
    (void)unlink(path); /* half a key helps nobody; the first error is the one to tell */
    return save_refuse(why, r, path);
}

int identity_load(const char *path, struct identity *ret_identity, struct complaint *why)
{
    int r = seal_start();
    if (r < 0)
        return r;
    uint8_t text[KEY_TEXT_BYTES];
    size_t size = 0;
    r = file_read_secret(path, text, sizeof(text), &size, why);
    if (r == -EFBIG) {
        complaint_at(why, "%s", path);
        r = complain(why, -EBADMSG, "name a key file", "too large to be a key");
    }
    if (r == 0)
        r = identity_parse(bytes_of(text, size), path, ret_identity, why);
    seal_wipe(text, sizeof(text));
    return r;
}
