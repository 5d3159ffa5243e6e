/* Normalisation: one form for what people write, nothing lost that was peeled, never a crash. */
#include "matcher/normalise.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/text.h"
#include "matcher/words.h"
#include "matcher/phrases.h"
#include "proto/bounds.h"

enum { ARENA_BYTES = 1 << 20 };

static struct arena *arena_of_test(void)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    cr_assert(arena != NULL);
    return arena;
}

static bool is(struct bytes text, const char *wanted)
{
    return bytes_eq(text, bytes_str(wanted));
}

static void expect(struct arena *arena, const char *text, const char *name, const char *version,
                   const char *edition)
{
    struct normal_name n;
    cr_assert(eq(int, normalise_name(bytes_str(text), arena, &n), 0), "%s", text);
    cr_expect(is(n.name, name), "%s: name is '%.*s'", text, (int)n.name.size, (char *)n.name.data);
    cr_expect(is(n.version, version), "%s: version is '%.*s'", text, (int)n.version.size,
              (char *)n.version.data);
    cr_expect(is(n.edition, edition), "%s: edition is '%.*s'", text, (int)n.edition.size,
              (char *)n.edition.data);
}

Test(normalise, brings_spellings_of_a_name_to_one)
{
    CLEANUP(arena_freep) struct arena *arena = arena_of_test();
    expect(arena, "WPS Office 2019(64-bit) 專業版", "wps office", "2019", "professional");
    expect(arena, "ＷＰＳ　Ｏｆｆｉｃｅ", "wps office", "", "");
    expect(arena, "Microsoft Office Professional Plus 2019 - zh-cn", "microsoft office", "2019",
           "professional-plus");
    expect(arena, "Java™ SE", "java se", "", "");
    expect(arena, "Java(TM) SE Development Kit 17.0.5 (64-bit)", "java se development kit",
           "17.0.5", "");
    expect(arena, "騰訊QQ", "腾讯 qq", "", "");
    expect(arena, "2345好压", "2345 好压", "", "");
    expect(arena, "金山毒霸专业版", "金山毒霸", "", "professional");
    expect(arena, "Windows Server 2008 R2 Enterprise", "windows server", "2008 r2", "enterprise");
    expect(arena, "MATLAB R2021b", "matlab", "r2021b", "");
    expect(arena, "TreeSize V4.7.1 (64 bit)", "treesize", "4.7.1", "");
    expect(arena, "Windows 10 Pro for Workstations", "windows", "10", "workstation");
}

Test(normalise, leaves_numbers_that_are_names)
{
    CLEANUP(arena_freep) struct arena *arena = arena_of_test();
    expect(arena, "7-Zip 19.00 (x64)", "7 zip", "19.00", "");
    expect(arena, "Microsoft 365 - en-us", "microsoft 365", "", "");
    expect(arena, "360安全卫士", "360 安全卫士", "", "");
    expect(arena, "Home Assistant", "home assistant", "", "");
    expect(arena, "Notepad++", "notepad++", "", "");
}

Test(normalise, keeps_what_it_peels_in_its_field)
{
    CLEANUP(arena_freep) struct arena *arena = arena_of_test();
    struct normal_name n;
    cr_assert(
        eq(int,
           normalise_name(BYTES_LIT("AutoCAD 2021 - 简体中文 (Simplified Chinese) x64 试用版"),
                          arena, &n),
           0));
    cr_assert(is(n.name, "autocad"));
    cr_assert(is(n.language, "zh-cn"));
    cr_assert(is(n.arch, "x86_64"));
    cr_assert(is(n.channel, "trial"));
    cr_assert(is(n.whole, "autocad 2021 简体中文 simplified chinese x64 试用版"));
}

Test(normalise, takes_company_forms_places_and_trades_off_a_vendor)
{
    static const char *const pairs[][2] = {
        { "Tencent Technology (Shenzhen) Company Limited", "tencent" },
        { "腾讯科技（深圳）有限公司", "腾讯" },
        { "JetBrains s.r.o.", "jetbrains" },
        { "JetBrains s. r. o.", "jetbrains" },
        { "北京金山办公软件股份有限公司", "金山" },
        { "Oracle and/or its affiliates", "oracle" },
        { "Alibaba (China) Network Technology Co.,Ltd.", "alibaba" },
        { "https://golang.org", "golang" },
        { "AnyDesk Software GmbH", "anydesk" },
        { "有限公司", "有限公司" },
    };
    CLEANUP(arena_freep) struct arena *arena = arena_of_test();
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct bytes vendor;
        cr_assert(eq(int, normalise_vendor(bytes_str(pairs[i][0]), arena, &vendor), 0));
        cr_expect(is(vendor, pairs[i][1]), "%s: '%.*s'", pairs[i][0], (int)vendor.size,
                  (char *)vendor.data);
    }
}

Test(normalise, refuses_what_is_no_text)
{
    CLEANUP(arena_freep) struct arena *arena = arena_of_test();
    uint8_t big[BOUND_FIELD_BYTES + 1];
    struct normal_name n;
    struct bytes vendor;
    memset(big, 'a', sizeof(big));
    cr_assert(eq(int, normalise_name(BYTES_LIT("a\xff"), arena, &n), -EINVAL));
    cr_assert(eq(int, normalise_name(BYTES_LIT("a\0b"), arena, &n), -EINVAL));
    cr_assert(eq(int, normalise_name(bytes_of(big, sizeof(big)), arena, &n), -EINVAL));
    cr_assert(eq(int, normalise_vendor(BYTES_LIT("\xed\xa0\x80"), arena, &vendor), -EINVAL));
    cr_assert(eq(int, normalise_name(bytes_of(big, BOUND_FIELD_BYTES), arena, &n), 0));
    cr_assert(eq(sz, n.name.size, (size_t)BOUND_FIELD_BYTES));
}

Test(normalise, says_when_memory_is_out)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(16);
    struct normal_name n;
    cr_assert(
        eq(int, normalise_name(BYTES_LIT("Some Name That Is Long Enough"), arena, &n), -ENOMEM));
}

/* Pieces that meet in real names, and some that should not. */
static const char *const pieces[] = {
    "Office",   "Pro",   "Plus",      "2019",     "64",      "bit",      "(x64)", " - ",
    "zh",       "cn",    "-",         "版",       "专业",    "专业版",   "R2",    "v",
    "1.2.3",    "build", "Ａ",        "™",        "(",       ")",        "İ",     "ß",
    "ﷺ",        "①",     "e\xcc\x81", "\xcc\x81", "가",      "ﬁ",        "'",     ".",
    "+",        "#",     "電腦",      "位",       "for",     "Windows",  "home",  "and",
    "business", "s",     "r",         "o",        "Co.,Ltd", "有限公司", " ",     " ",
};

static size_t random_name(struct rng *rng, char *out, size_t room)
{
    size_t size = 0, count = 1 + rng_below(rng, 12);
    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[rng_below(rng, ARRAY_LEN(pieces))];
        if (size + strlen(piece) + 1 > room)
            break;
        memcpy(out + size, piece, strlen(piece));
        size += strlen(piece);
        if (rng_below(rng, 2) == 0)
            out[size++] = ' ';
    }
    return size;
}

Test(normalise, of_its_own_result_changes_nothing)
{
    CLEANUP(arena_freep) struct arena *arena = arena_of_test();
    struct rng rng = rng_init(20261122);
    for (int i = 0; i < 50000; i++) {
        struct arena_mark mark = arena_mark(arena);
        char text[512];
        struct normal_name once, twice;
        size_t size = random_name(&rng, text, sizeof(text));
        cr_assert(eq(int, normalise_name(bytes_of(text, size), arena, &once), 0));
        cr_assert(eq(int, normalise_name(once.name, arena, &twice), 0));
        cr_assert(bytes_eq(once.name, twice.name), "'%.*s' gives '%.*s', that gives '%.*s'",
                  (int)size, text, (int)once.name.size, (char *)once.name.data,
                  (int)twice.name.size, (char *)twice.name.data);
        cr_assert(eq(sz, twice.version.size + twice.edition.size + twice.arch.size, (size_t)0));
        arena_rewind(arena, mark);
    }
}

Test(normalise, survives_any_bytes)
{
    CLEANUP(arena_freep) struct arena *arena = arena_of_test();
    struct rng rng = rng_init(7);
    for (int i = 0; i < 20000; i++) {
        struct arena_mark mark = arena_mark(arena);
        uint8_t text[64];
        struct normal_name n;
        struct bytes vendor;
        size_t size = rng_below(&rng, sizeof(text));
        for (size_t k = 0; k < size; k++)
            text[k] = (uint8_t)rng_below(&rng, 256);
        struct bytes all = bytes_of(text, size);
        int wanted = text_is_utf8(all) ? 0 : -EINVAL;
        cr_assert(eq(int, normalise_name(all, arena, &n), wanted));
        cr_assert(eq(int, normalise_vendor(all, arena, &vendor), wanted));
        arena_rewind(arena, mark);
    }
}

Test(words, finds_every_phrase_that_it_knows)
{
    CLEANUP(arena_freep) struct arena *arena = arena_of_test();
    for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
        struct words words;
        size_t count = 0;
        cr_assert(eq(int, words_fold(bytes_str(phrases[i].words), arena, &words), 0));
        const struct phrase *found = phrase_at(&words, 0, &count);
        cr_assert(found != NULL, "'%s' is out of order, or no folded word", phrases[i].words);
        cr_expect(eq(sz, count, words.count), "%s", phrases[i].words);
        cr_expect(eq(str, (char *)found->value, (char *)phrases[i].value));
    }
}

Test(words, finds_every_suffix_that_it_knows_before_a_shorter_one)
{
    CLEANUP(arena_freep) struct arena *arena = arena_of_test();
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        const char *text = arena_printf(arena, "某%s", suffixes[i].words);
        const struct phrase *found = suffix_of(bytes_str(text));
        cr_assert(found != NULL);
        cr_expect(eq(str, (char *)found->words, (char *)suffixes[i].words));
    }
}

Test(words, maps_traditional_characters_once_and_for_all)
{
    for (uint32_t c = 0x3400; c <= 0x9FFF; c++)
        cr_assert(eq(u32, han_simplified(han_simplified(c)), han_simplified(c)), "U+%X", c);
    cr_assert(eq(u32, han_simplified(0x96FB), 0x7535u)); /* 電 → 电 */
}
