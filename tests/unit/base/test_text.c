/* UTF-8, hexadecimal, printable text, complaints. */
#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/rng.h"

Test(text, takes_well_formed_utf8)
{
    static const char *const good[] = {
        "",
        "a",
        "正版软件",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "\x7f\x01",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        cr_assert(text_is_utf8(bytes_str(good[i])), "good %zu", i);
    cr_assert(text_is_utf8((struct bytes){ 0 }));
}

Test(text, refuses_malformed_utf8_and_nul)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xe0\x9f\xbf",
        "\xe0\xa0",
        "\xe4\xb8",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "ok\xe6\xad",
        "\xe6\xad\xa3\xe7",
        "\xf8\x88\x80\x80\x80",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_assert(not(text_is_utf8(bytes_str(bad[i]))), "bad %zu", i);
    cr_assert(not(text_is_utf8(BYTES_LIT("a\0b"))));
}

/* An encoder of our own: what it makes is well-formed exactly for the scalar values of Unicode. */
static size_t encode(uint32_t c, uint8_t *out)
{
    if (c < 0x80)
        return out[0] = (uint8_t)c, 1;
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3F));
    out[0] = (uint8_t)((0xF00 >> n & 0xFF) | c);
    return n;
}

Test(text, decodes_every_code_point)
{
    for (uint32_t c = 0; c < 0x120000; c++) {
        uint8_t raw[4];
        size_t n = encode(c, raw);
        uint32_t got = 0xFFFFFFFF;
        size_t len = text_utf8_next(bytes_of(raw, n), &got);
        bool scalar = c < 0xD800 || (c > 0xDFFF && c <= 0x10FFFF);
        if (scalar ? len != n || got != c : len != 0)
            cr_fatal("U+%04X", c);
    }
}

Test(text, never_reads_past_the_end)
{
    /* Exactly sized heap blocks: the sanitizer sees an overrun. */
    for (uint32_t lead = 0; lead < 256; lead++)
        for (size_t size = 1; size < 4; size++) {
            CLEANUP(freep) uint8_t *p = malloc(size);
            memset(p, 0x90, size);
            p[0] = (uint8_t)lead;
            uint32_t c;
            cr_assert(le(sz, text_utf8_next(bytes_of(p, size), &c), size));
        }
}

static const char *printable(struct bytes text)
{
    static char out[200];
    size_t n = text_printable(text, out, sizeof(out));
    cr_assert(eq(sz, n, strlen(out)));
    return out;
}

Test(text, printable_leaves_plain_text_alone)
{
    cr_assert(eq(str, (char *)printable(BYTES_LIT("正版 C:\\Temp \"x\" é 😀")),
                 "正版 C:\\Temp \"x\" é 😀"));
    cr_assert(eq(str, (char *)printable((struct bytes){ 0 }), ""));
}

Test(text, printable_escapes_what_breaks_lines_or_steers_terminals)
{
    cr_assert(eq(str, (char *)printable(BYTES_LIT("a\nb\rc\td\0e")), "a\\nb\\rc\\td\\x00e"));
    cr_assert(
        eq(str, (char *)printable(BYTES_LIT("\x1b[31mred\x07\x7f")), "\\x1b[31mred\\x07\\x7f"));
    cr_assert(eq(str, (char *)printable(BYTES_LIT("\xc2\x9b\xc2\x85")), "\\u009b\\u0085"));
    cr_assert(eq(str, (char *)printable(BYTES_LIT("\u2028\u202e\u2066\ufeff\u200f\u061c")),
                 "\\u2028\\u202e\\u2066\\ufeff\\u200f\\u061c"));
    cr_assert(eq(str, (char *)printable(BYTES_LIT("x\xff\xe6\xad")), "x\\xff\\xe6\\xad"));
}

Test(text, printable_cuts_at_whole_characters_and_whole_escapes)
{
    char out[8];
    cr_assert(eq(sz, text_printable(BYTES_LIT("正版软件"), out, 8), 6));
    cr_assert(eq(str, out, "正版"));
    cr_assert(eq(sz, text_printable(BYTES_LIT("abcde\x1b"), out, 8), 5));
    cr_assert(eq(str, out, "abcde"));
    cr_assert(eq(sz, text_printable(BYTES_LIT("abcdefgh"), out, 8), 7));
    cr_assert(eq(sz, text_printable(BYTES_LIT("a"), out, 1), 0));
    cr_assert(eq(str, out, ""));
}

Test(text, printable_is_always_one_line_of_utf8)
{
    uint64_t seed = 99;
    struct rng rng = rng_init(seed);
    for (int i = 0; i < 20000; i++) {
        uint8_t raw[40];
        size_t size = rng_below(&rng, sizeof(raw));
        for (size_t k = 0; k < size; k++)
            raw[k] = (uint8_t)rng_u64(&rng);
        char out[64];
        size_t n = text_printable(bytes_of(raw, size), out, 1 + rng_below(&rng, sizeof(out)));
        bool fine = text_is_utf8(bytes_of(out, n)) && out[n] == '\0';
        for (size_t at = 0; fine && at < n;) {
            uint32_t c;
            at += text_utf8_next(bytes_of(out + at, n - at), &c);
            fine = !text_is_steering(c);
        }
        if (!fine)
            cr_fatal("seed %lu, round %d", (unsigned long)seed, i);
    }
}

Test(hex, goes_both_ways)
{
    uint8_t raw[256], back[256];
    char out[513];
    for (size_t i = 0; i < 256; i++)
        raw[i] = (uint8_t)i;
    hex_encode(raw, 256, out);
    cr_assert(eq(sz, strlen(out), 512));
    cr_assert(eq(int, strncmp(out + 2 * 0xA5, "a5", 2), 0));
    cr_assert(eq(int, hex_decode(bytes_str(out), back, 256), 0));
    cr_assert(eq(int, memcmp(raw, back, 256), 0));
    cr_assert(eq(int, hex_decode(BYTES_LIT("aBCd"), back, 2), 0));
    cr_assert(eq(u8, back[0], 0xAB));
    cr_assert(eq(u8, back[1], 0xCD));
}

Test(hex, refuses_wrong_sizes_and_digits_and_leaves_the_output_alone)
{
    static const char *const bad[] = { "", "a", "abc", "abcdef", "0g00", "00 0", "0x00", "-001" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t out[2] = { 7, 7 };
        cr_assert(eq(int, hex_decode(bytes_str(bad[i]), out, 2), -EINVAL), "%s", bad[i]);
        cr_assert(eq(u8, out[0], 7));
        cr_assert(eq(u8, out[1], 7));
    }
}

Test(complaint, names_place_fault_and_remedy_and_returns_the_error)
{
    struct complaint why = { 0 };
    complaint_at(&why, "line %d", 12);
    cr_assert(eq(int, complain(&why, -EINVAL, "give a number", "'%s' is no number", "x"), -EINVAL));
    cr_assert(eq(str, why.place, "line 12"));
    cr_assert(eq(str, why.what, "'x' is no number"));
    cr_assert(eq(str, why.remedy, "give a number"));
    cr_assert(eq(int, complain(&why, -ERANGE, NULL, "again"), -ERANGE));
    cr_assert(eq(str, why.remedy, ""));
}

Test(complaint, may_be_left_out)
{
    complaint_at(NULL, "line %d", 1);
    cr_assert(eq(int, complain(NULL, -EPERM, "x", "y"), -EPERM));
}

Test(complaint, cuts_long_texts_at_a_character)
{
    struct complaint why = { 0 };
    char longer[1000] = "";
    for (size_t i = 0; i + 3 < sizeof(longer); i += 3)
        memcpy(longer + i, "版", 4);
    for (int shift = 0; shift < 3; shift++) {
        complaint_at(&why, "%.*s%s", shift, "abc", longer);
        (void)complain(&why, 0, longer, "%.*s%s", shift, "abc", longer);
        cr_assert(text_is_utf8(bytes_str(why.place)));
        cr_assert(text_is_utf8(bytes_str(why.what)));
        cr_assert(text_is_utf8(bytes_str(why.remedy)));
        cr_assert(eq(ptr, strchr(why.what, '\\'), NULL)); /* no half character shown as bytes */
        cr_assert(ge(sz, strlen(why.place), sizeof(why.place) - 4));
        cr_assert(ge(sz, strlen(why.what), sizeof(why.what) - 4));
        cr_assert(ge(sz, strlen(why.remedy), sizeof(why.remedy) - 4));
    }
}

Test(complaint, cannot_be_steered_by_what_it_quotes)
{
    struct complaint why = { 0 };
    complaint_at(&why, "key '%s'", "a\nb");
    (void)complain(&why, 0, "r\x1b", "'%s'", "\x1b[2J\xff");
    cr_assert(eq(str, why.place, "key 'a\\nb'"));
    cr_assert(eq(str, why.what, "'\\x1b[2J\\xff'"));
    cr_assert(eq(str, why.remedy, "r\\x1b"));
}

static const char *nearest(const char *word)
{
    static const char *const candidates[] = { "bus.port", "bus.credit_bytes", "log.level",
                                              "notice.level" };
    struct text_nearest n = TEXT_NEAREST_INIT(bytes_str(word));
    for (size_t i = 0; i < ARRAY_LEN(candidates); i++)
        text_nearest_offer(&n, candidates[i]);
    return n.best == NULL ? "none" : n.best;
}

Test(nearest, is_the_word_that_was_probably_meant)
{
    cr_assert(eq(str, (char *)nearest("bus.credit_byte"), "bus.credit_bytes"));
    cr_assert(eq(str, (char *)nearest("credit_bytes"), "bus.credit_bytes"));
    cr_assert(eq(str, (char *)nearest("log.levle"), "log.level"));
    cr_assert(eq(str, (char *)nearest("bus.port"), "bus.port"));
    cr_assert(eq(str, (char *)nearest("bus.prot"), "bus.port"));
}

Test(nearest, is_nothing_where_all_are_far)
{
    cr_assert(eq(str, (char *)nearest("colour"), "none"));
    cr_assert(eq(str, (char *)nearest(""), "none"));
    cr_assert(eq(str, (char *)nearest("bp"), "none"));
    char longer[300];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    cr_assert(eq(str, (char *)nearest(longer), "none"));
}

Test(text, cut_ends_at_whole_characters)
{
    struct bytes text = BYTES_LIT("a正b");
    static const size_t want[] = { 0, 1, 1, 1, 4, 5, 5 };
    for (size_t max = 0; max < ARRAY_LEN(want); max++)
        cr_assert(eq(sz, text_cut(text, max), want[max]), "%zu", max);
    cr_assert(eq(sz, text_cut((struct bytes){ 0 }, 3), 0));
    cr_assert(le(sz, text_cut(BYTES_LIT("\x90\x90\x90\x90\x90\x90\x90"), 5), 5));
}
