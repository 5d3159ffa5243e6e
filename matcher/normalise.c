/* normalise.c - names to words without decoration, vendors to their core. */
#include "matcher/normalise.h"

#include <errno.h>

#include "base/cleanup.h"
#include "matcher/words.h"

struct peeling {
    struct words *words;
    struct bytes field[PEEL_COUNT]; /* first value of each */
};

static void keep(struct peeling *p, enum peel peel, struct bytes value)
{
    if (p->field[peel].size == 0)
        p->field[peel] = value;
}

static bool is_update_word(struct bytes word)
{
    static const char *const words[] = { "build", "version", "ver",   "update",   "release",
                                         "rev",   "v",       "patch", "内部版本", "版本" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_is(word, words[i]))
            return true;
    }
    return false;
}

/* "r2" behind a year, "sp1" behind anything: part of the version before it. */
static bool is_release_word(struct bytes word)
{
    return (word.size == 2 && word.data[0] == 'r' && word.data[1] >= '1' && word.data[1] <= '9') ||
           (word.size >= 3 && word.size <= 4 && bytes_starts_with(word, BYTES_LIT("sp")) &&
            word_is_number(bytes_of(word.data + 2, word.size - 2)));
}

static struct bytes without_v(struct bytes version)
{
    return version.size > 1 && version.data[0] == 'v' && version.data[1] <= '9'
               ? bytes_of(version.data + 1, version.size - 1)
               : version;
}

/* A version at words[i], with the "r2" behind it where one separator stands between. */
static size_t peel_version(struct peeling *p, size_t i)
{
    struct words *w = p->words;
    if (i + 1 < w->count && is_update_word(w->at[i]) && word_is_number(w->at[i + 1])) {
        keep(p, PEEL_VERSION, w->at[i + 1]);
        return 2;
    }
    if (is_release_word(w->at[i]) && w->at[i].data[0] == 's')
        return 1;
    if (!word_is_version(w->at[i]))
        return is_update_word(w->at[i]) && i + 1 == w->count ? 1 : 0;
    struct bytes version = without_v(w->at[i]);
    if (i + 1 == w->count || !is_release_word(w->at[i + 1]) || w->at[i + 1].data[0] != 'r') {
        keep(p, PEEL_VERSION, version);
        return 1;
    }
    const uint8_t *end = w->at[i + 1].data + w->at[i + 1].size;
    if (w->at[i + 1].data == version.data + version.size + 1)
        version = bytes_of(version.data, (size_t)(end - version.data));
    keep(p, PEEL_VERSION, version);
    return 2;
}

/* Words of decoration that begin at words[i], and what they say; 0: none. */
static size_t peel_at(struct peeling *p, size_t i)
{
    size_t count = 0;
    const struct phrase *phrase = phrase_at(p->words, i, &count);
    if (phrase == NULL)
        return peel_version(p, i);
    keep(p, phrase->peel, bytes_str(phrase->value));
    return count;
}

/* "金山毒霸专业版": the end of a Chinese word. True when the word got shorter. */
static bool peel_suffix(struct peeling *p, size_t i)
{
    struct bytes *word = &p->words->at[i];
    const struct phrase *suffix = suffix_of(*word);
    size_t size = suffix == NULL ? 0 : strlen(suffix->words);
    if (size == 0 || (size == word->size && i == 0))
        return false;
    keep(p, suffix->peel, bytes_str(suffix->value));
    word->size -= size;
    if (word->size == 0)
        words_remove(p->words, i, 1);
    return true;
}

/* The first word is the name's own, whatever it says: "7-Zip", "Home Assistant". What is taken out
 * makes new neighbours, so rounds go on until nothing is left to take. */
static void peel_all(struct peeling *p)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < p->words->count;) {
            size_t count = i == 0 ? 0 : peel_at(p, i);
            if (count > 0) {
                words_remove(p->words, i, count);
                changed = true;
            } else if (peel_suffix(p, i)) {
                changed = true;
            } else {
                i++;
            }
        }
    }
}

int normalise_name(struct bytes text, struct arena *arena, struct normal_name *ret_name)
{
    struct words words;
    struct peeling p = { .words = &words };
    struct normal_name name;
    int r = words_fold(text, arena, &words);
    if (r == 0)
        r = words_join(&words, arena, &name.whole);
    if (r < 0)
        return r;
    peel_all(&p);
    r = words_join(&words, arena, &name.name);
    if (r < 0)
        return r;
    name.version = p.field[PEEL_VERSION];
    name.edition = p.field[PEEL_EDITION];
    name.arch = p.field[PEEL_ARCH];
    name.language = p.field[PEEL_LANGUAGE];
    name.channel = p.field[PEEL_CHANNEL];
    *ret_name = name;
    return 0;
}

/* ---- vendors --------------------------------------------------------------------------------- */

/* Legal forms: nothing anywhere but in front. */
static const char *const company_words[] = {
    "inc",  "incorporated", "ltd", "limited",  "llc",  "llp",  "gmbh", "corp", "corporation",
    "co",   "company",      "ag",  "sa",       "sas",  "sarl", "srl",  "spa",  "bv",
    "nv",   "ab",           "oy",  "as",       "aps",  "sro",  "kg",   "plc",  "pty",
    "pte",  "kk",           "ou",  "doo",      "zoo",  "ooo",  "kft",  "e.v",  "ev",
    "http", "https",        "www", "有限公司", "股份", "公司", "集团",
};

/* Trades and places: nothing behind a name. */
static const char *const trade_words[] = {
    "software",   "systems",     "system",   "technology",  "technologies",  "tech",
    "network",    "networks",    "office",   "information", "international", "group",
    "holdings",   "and",         "its",      "or",          "affiliates",    "subsidiaries",
    "developers", "maintainers", "packages", "project",     "team",          "com",
    "net",        "org",         "cn",       "io",          "china",         "shenzhen",
    "beijing",    "shanghai",    "zhuhai",   "guangzhou",   "hangzhou",      "wuhan",
    "chengdu",    "nanjing",     "suzhou",   "xiamen",      "hong",          "kong",
    "us",         "usa",         "ireland",  "europe",      "the",           "of",
    "de",         "security",    "remote",   "desktop",     "development",
};

static const char *const front_words[] = {
    "the",   "beijing", "shanghai", "shenzhen", "zhuhai", "guangzhou", "hangzhou",
    "wuhan", "chengdu", "nanjing",  "suzhou",   "xiamen", "shandong",  "copyright",
};

static const char *const han_fronts[] = {
    "中国",   "北京市", "北京", "上海市", "上海", "深圳市", "深圳", "广州市", "广州",
    "珠海市", "珠海",   "杭州", "武汉",   "成都", "南京",   "苏州", "厦门",   "天津",
    "山东",   "广东",   "浙江", "湖南",   "四川", "安徽",   "福建", "江苏",   "上海",
};

static const char *const han_ends[] = {
    "有限责任公司", "股份有限公司", "有限公司", "责任", "公司", "集团",   "股份",
    "科技",         "技术",         "网络",     "软件", "信息", "计算机", "系统",
    "办公",         "数码",         "智能",     "发展", "控股", "国际",   "安全中心",
    "中心",         "产业",         "电子",     "通信", "数据", "(中国)", "工程",
};

static bool among(struct bytes word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes_is(word, list[i]))
            return true;
    }
    return false;
}

/* The folded copy is ours to write to; words only ever lend it out as const. */
static uint8_t *writable(struct bytes word)
{
    return (uint8_t *)(uintptr_t)word.data;
}

static bool is_letter_word(struct bytes word)
{
    return word.size == 1 && word.data[0] >= 'a' && word.data[0] <= 'z';
}

/* "s.r.o" → "sro": dots between single letters. */
static void undot(struct bytes *word)
{
    size_t to = 0;
    for (size_t i = 0; i < word->size; i++) {
        if ((i % 2 == 1) != (word->data[i] == '.'))
            return;
    }
    for (size_t i = 0; i < word->size; i += 2)
        writable(*word)[to++] = word->data[i];
    word->size = to;
}

/* "s. r. o." folds to single letters: run together they are one word. */
static void join_letters(struct words *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct bytes *word = &w->at[i];
        undot(word);
        bool letters = is_letter_word(*word);
        while (letters && i + 1 < w->count && is_letter_word(w->at[i + 1])) {
            writable(*word)[word->size++] = w->at[i + 1].data[0]; /* into the gap */
            words_remove(w, i + 1, 1);
        }
    }
}

static bool cut_han(struct bytes *word)
{
    for (size_t i = 0; i < ARRAY_LEN(han_ends); i++) {
        size_t size = strlen(han_ends[i]);
        if (bytes_ends_with(*word, bytes_str(han_ends[i]))) {
            word->size -= size;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(han_fronts); i++) {
        size_t size = strlen(han_fronts[i]);
        if (bytes_starts_with(*word, bytes_str(han_fronts[i]))) {
            *word = bytes_of(word->data + size, word->size - size);
            return true;
        }
    }
    return false;
}

/* "golang.org" → "golang", "co.ltd" → gone; true when something changed. */
static bool cut_domain(struct bytes *word)
{
    static const char *const ends[] = { ".com", ".org", ".net", ".io", ".cn", ".ltd", ".inc" };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (bytes_ends_with(*word, bytes_str(ends[i])) && word->size > strlen(ends[i])) {
            word->size -= strlen(ends[i]);
            return true;
        }
    }
    return false;
}

/* One thing less in a vendor's words; false when only the core is left. The last word stays. */
static bool vendor_peel_once(struct words *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct bytes word = w->at[i];
        if (word.data[0] >= 0x80 && cut_han(&word) && (word.size > 0 || w->count > 1)) {
            w->at[i] = word;
            if (word.size == 0)
                words_remove(w, i, 1);
            return true;
        }
        if (word.data[0] < 0x80 && cut_domain(&w->at[i]))
            return true;
        bool company = among(word, company_words, ARRAY_LEN(company_words));
        bool trade = i > 0 && i + 1 == w->count && among(word, trade_words, ARRAY_LEN(trade_words));
        bool front = i == 0 && among(word, front_words, ARRAY_LEN(front_words));
        if (w->count > 1 && (company || trade || front)) {
            words_remove(w, i, 1);
            return true;
        }
    }
    return false;
}

int normalise_vendor(struct bytes text, struct arena *arena, struct bytes *ret_vendor)
{
    struct words words;
    int r = words_fold(text, arena, &words);
    if (r < 0)
        return r;
    join_letters(&words);
    while (vendor_peel_once(&words))
        ;
    return words_join(&words, arena, ret_vendor);
}
