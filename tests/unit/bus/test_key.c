/* Identities and slips: what is saved is loaded, what was touched is refused. */
#include "bus/key.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void folder_make(void)
{
    cr_assert(eq(int, seal_start(), 0));
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof(folder), "%s/zb-key-XXXXXX", base == NULL ? "." : base);
    cr_assert(ne(ptr, mkdtemp(folder), NULL));
}

static void folder_remove(void)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/a.key", folder);
    (void)unlink(path);
    cr_assert(eq(int, rmdir(folder), 0), "only a.key may be left behind");
}

TestSuite(key, .init = folder_make, .fini = folder_remove);

static const char *path_of_key(void)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/a.key", folder);
    return path;
}

static struct identity made(void)
{
    struct identity identity;
    cr_assert(eq(int, identity_new(ROLE_COLLECTOR, "Büro 正版 3", &identity), 0));
    return identity;
}

static size_t slurp(const char *path, char *out, size_t cap)
{
    FILE *f = fopen(path, "rb");
    cr_assert(ne(ptr, f, NULL));
    size_t n = fread(out, 1, cap - 1, f);
    (void)fclose(f);
    out[n] = '\0';
    return n;
}

Test(key, is_loaded_as_it_was_saved)
{
    struct identity a = made(), b;
    struct complaint why = { 0 };
    cr_assert(eq(int, identity_save(&a, path_of_key(), &why), 0), "%s", why.what);
    struct stat st;
    cr_assert(eq(int, stat(path_of_key(), &st), 0));
    cr_assert(eq(int, (int)(st.st_mode & 07777), 0600));
    cr_assert(eq(int, identity_load(path_of_key(), &b, &why), 0), "%s: %s", why.place, why.what);
    cr_assert(id128_eq(a.id, b.id));
    cr_assert(id128_eq(a.id, seal_key_id(&b.sign_public)));
    cr_assert(eq(int, (int)b.role, (int)ROLE_COLLECTOR));
    cr_assert(eq(str, b.label, "Büro 正版 3"));
    cr_assert(eq(int, memcmp(&a.sign_secret, &b.sign_secret, sizeof(a.sign_secret)), 0));
    cr_assert(eq(int, memcmp(a.link_secret, b.link_secret, sizeof(a.link_secret)), 0));
    cr_assert(eq(int, memcmp(a.link_public, b.link_public, sizeof(a.link_public)), 0));
}

Test(key, is_never_overwritten)
{
    struct identity a = made(), b = made(), c;
    struct complaint why = { 0 };
    cr_assert(eq(int, identity_save(&a, path_of_key(), &why), 0));
    cr_assert(eq(int, identity_save(&b, path_of_key(), &why), -EEXIST));
    cr_assert(gt(sz, strlen(why.remedy), 0));
    cr_assert(eq(int, identity_load(path_of_key(), &c, &why), 0));
    cr_assert(id128_eq(a.id, c.id));
}

Test(key, is_refused_when_others_may_read_it)
{
    struct identity a = made(), b;
    struct complaint why = { 0 };
    cr_assert(eq(int, identity_save(&a, path_of_key(), &why), 0));
    cr_assert(eq(int, chmod(path_of_key(), 0640), 0));
    cr_assert(eq(int, identity_load(path_of_key(), &b, &why), -EPERM));
    cr_assert(ne(ptr, strstr(why.place, "a.key"), NULL));
    cr_assert(gt(sz, strlen(why.remedy), 0));
}

Test(key, that_is_missing_is_complained_about_by_name)
{
    struct identity b;
    struct complaint why = { 0 };
    cr_assert(eq(int, identity_load(path_of_key(), &b, &why), -ENOENT));
    cr_assert(ne(ptr, strstr(why.place, "a.key"), NULL));
}

Test(key, has_fresh_secrets_each_time)
{
    struct identity a = made(), b = made();
    cr_assert(not(id128_eq(a.id, b.id)));
    cr_assert(ne(int, memcmp(a.link_secret, b.link_secret, sizeof(a.link_secret)), 0));
}

Test(key, is_wiped)
{
    struct identity a = made();
    identity_wipe(&a);
    static const struct seal_secret zero;
    cr_assert(eq(int, memcmp(&a.sign_secret, &zero, sizeof(zero)), 0));
    cr_assert(eq(int, memcmp(a.link_secret, &zero, sizeof(a.link_secret)), 0));
}

/* Every value character of the file, changed in turn, must be noticed. */
Test(key, with_any_digit_changed_is_refused)
{
    struct identity a = made(), b;
    char text[2048];
    cr_assert(eq(int, identity_save(&a, path_of_key(), NULL), 0));
    size_t size = slurp(path_of_key(), text, sizeof(text));
    struct bytes whole = bytes_of(text, size);
    cr_assert(eq(int, identity_parse(whole, "a.key", &b, NULL), 0));
    size_t tried = 0;
    for (size_t i = 0; i < size; i++) {
        char old = text[i];
        if (old == '\n' || old == ' ')
            continue;
        text[i] = old == '0' ? '1' : '0';
        struct complaint why = { 0 };
        cr_assert(eq(int, identity_parse(whole, "a.key", &b, &why), -EBADMSG), "byte %zu", i);
        cr_assert(ne(ptr, strstr(why.place, "a.key, line"), NULL));
        text[i] = old;
        tried++;
    }
    cr_assert(gt(sz, tried, 500));
}

Test(key, that_is_cut_anywhere_is_refused)
{
    struct identity a = made(), b;
    char text[2048];
    cr_assert(eq(int, identity_save(&a, path_of_key(), NULL), 0));
    size_t size = slurp(path_of_key(), text, sizeof(text));
    for (size_t cut = 0; cut + 1 < size; cut++)
        cr_assert(eq(int, identity_parse(bytes_of(text, cut), "a.key", &b, NULL), -EBADMSG));
}

Test(key, whose_halves_do_not_belong_together_is_refused_though_its_check_is_right)
{
    struct identity a = made(), other = made(), b;
    struct complaint why = { 0 };
    memcpy(a.link_secret, other.link_secret, sizeof(a.link_secret));
    cr_assert(eq(int, identity_save(&a, path_of_key(), NULL), 0));
    cr_assert(eq(int, identity_load(path_of_key(), &b, &why), -EBADMSG));
    cr_assert(ne(ptr, strstr(why.what, "belong together"), NULL));
}

Test(key, labels_that_could_steer_a_terminal_or_do_not_fit_are_refused)
{
    struct identity a;
    static const char *const bad[] = {
        "two\nlines",
        "bell\a",
        "\xff",
        " padded",
        "rtl\xe2\x80\xae",
        "0123456789012345678901234567890123456789012345678901234567890123",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert(eq(int, identity_new(ROLE_MATCHER, bad[i], &a), -EINVAL), "label %zu", i);
    cr_assert(eq(int, identity_new(ROLE_MATCHER, "", &a), 0));
    cr_assert(eq(int, identity_new(ROLE_NONE, "x", &a), -EINVAL));
}

static struct bytes slip_of(const struct identity *identity, struct buf *out)
{
    cr_assert(eq(int, slip_print(identity, out), 0));
    return buf_bytes(out);
}

Test(key, slip_is_read_back_and_holds_no_secret)
{
    struct identity a = made();
    struct identity_public p;
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
    struct bytes text = slip_of(&a, &out);
    cr_assert(eq(int, slip_parse(text, &p, NULL), 0));
    cr_assert(id128_eq(a.id, p.id));
    cr_assert(eq(int, (int)p.role, (int)ROLE_COLLECTOR));
    cr_assert(eq(str, p.label, a.label));
    cr_assert(eq(int, memcmp(p.link_public, a.link_public, LINK_KEY_BYTES), 0));
    char hex[2 * LINK_KEY_BYTES + 1];
    hex_encode(a.link_secret, LINK_KEY_BYTES, hex);
    cr_assert(eq(ptr, memmem(text.data, text.size, hex, strlen(hex)), NULL));
    hex_encode(a.sign_secret.b, SEAL_SEED_BYTES, hex);
    cr_assert(eq(ptr, memmem(text.data, text.size, hex, strlen(hex)), NULL));
}

Test(key, slip_with_any_character_changed_is_refused)
{
    struct identity a = made();
    struct identity_public p;
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
    struct bytes text = slip_of(&a, &out);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t old = out.data[i];
        if (old == '\n' || old == ' ')
            continue;
        out.data[i] = old == '0' ? '1' : '0';
        struct complaint why = { 0 };
        cr_assert(eq(int, slip_parse(text, &p, &why), -EBADMSG), "byte %zu", i);
        cr_assert(gt(sz, strlen(why.remedy), 0));
        out.data[i] = old;
    }
    cr_assert(eq(int, slip_parse(text, &p, NULL), 0));
}

Test(key, slip_survives_mail)
{
    struct identity a = made();
    struct identity_public p;
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
    CLEANUP(buf_done) struct buf mailed = BUF_INIT(4096);
    struct bytes text = slip_of(&a, &out);
    buf_put_str(&mailed, "\r\n\r\n");
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\n')
            buf_put_str(&mailed, "  \r\n\r");
        buf_put_u8(&mailed, text.data[i]);
    }
    cr_assert(eq(int, slip_parse(buf_bytes(&mailed), &p, NULL), 0));
    cr_assert(id128_eq(a.id, p.id));
}

Test(key, slip_with_something_after_the_signature_is_refused)
{
    struct identity a = made();
    struct identity_public p;
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
    (void)slip_of(&a, &out);
    buf_put_str(&out, "role: ledger\n");
    cr_assert(eq(int, slip_parse(buf_bytes(&out), &p, NULL), -EBADMSG));
}

/* RFC 7748, section 6.1: Alice's keys. */
Test(key, link_keys_are_x25519)
{
    uint8_t secret[LINK_KEY_BYTES], public[LINK_KEY_BYTES], copy[LINK_KEY_BYTES];
    cr_assert(eq(int,
                 hex_decode(BYTES_LIT("77076d0a7318a57d3c16c17251b26645"
                                      "df4c2f87ebc0992ab177fba51db92c2a"),
                            secret, sizeof(secret)),
                 0));
    seal_link_keypair(secret, public, copy);
    char hex[2 * LINK_KEY_BYTES + 1];
    hex_encode(public, sizeof(public), hex);
    cr_assert(eq(str, hex, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
    cr_assert(eq(int, memcmp(secret, copy, sizeof(secret)), 0));
}

Test(key, roles_have_names)
{
    static const Zb__Role roles[] = { ROLE_COLLECTOR, ROLE_MATCHER, ROLE_LEDGER, ROLE_OFFICIAL };
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        Zb__Role back = ROLE_NONE;
        cr_assert(eq(int, role_parse(bytes_str(role_name(roles[i])), &back), 0));
        cr_assert(eq(int, (int)back, (int)roles[i]));
    }
    Zb__Role untouched = ROLE_OFFICIAL;
    cr_assert(eq(int, role_parse(BYTES_LIT("auditor"), &untouched), -EINVAL));
    cr_assert(eq(int, role_parse(BYTES_LIT("?"), &untouched), -EINVAL));
    cr_assert(eq(int, (int)untouched, (int)ROLE_OFFICIAL));
    cr_assert(eq(str, (char *)role_name(ROLE_NONE), "?"));
}
