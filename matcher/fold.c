/* fold.c - from any text to folded words. */
#include <errno.h>
#include <utf8proc.h>

#include "base/text.h"
#include "matcher/words.h"

enum {
    /* NFKC makes at most 18 code points of one, and that one has three bytes. */
    FOLD_CODE_POINTS = BOUND_FIELD_BYTES * 6 + 8,
    FOLD_ROUNDS = 6, /* folding is stable after two for all that is assigned */
};

static bool is_han(uint32_t c)
{
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || c >= 0x20000;
}

static bool is_ascii_alnum(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Text of ASCII and common Chinese characters needs no Unicode tables: it is its own NFKC. */
static bool is_plain(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t b = text.data[i];
        if (b < 0x80)
            continue;
        if (b < 0xE4 || b > 0xE9 || (b == 0xE4 && text.data[i + 1] < 0xB8))
            return false; /* U+4E00 is E4 B8 80, U+9FFF is E9 BF BF */
        i += 2;
    }
    return true;
}

/* Trademark signs would become letters of the word before them. */
static void blank_marks(uint8_t *text, size_t size)
{
    uint32_t c;
    for (size_t i = 0, n; i < size; i += n) {
        n = text_utf8_next(bytes_of(text + i, size - i), &c);
        if (n == 0)
            return; /* validated before: cannot happen */
        if (c == 0xA9 || c == 0xAE || c == 0x2117 || c == 0x2120 || c == 0x2122)
            memset(text + i, ' ', n);
    }
}

/* One round of NFKC and case folding, in place; size and what fits in room. */
static int fold_once(uint8_t *text, size_t *size, size_t room)
{
    static const utf8proc_option_t how =
        UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
    utf8proc_int32_t points[FOLD_CODE_POINTS];
    utf8proc_ssize_t n =
        utf8proc_decompose(text, (utf8proc_ssize_t)*size, points, FOLD_CODE_POINTS, how);
    if (n < 0 || n > FOLD_CODE_POINTS)
        return -EINVAL;
    n = utf8proc_normalize_utf32(points, n, how);
    if (n < 0)
        return -EINVAL;
    size_t used = 0;
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        utf8proc_uint8_t bytes[4];
        size_t length = (size_t)utf8proc_encode_char(points[i], bytes);
        if (used + length > room)
            break;
        memcpy(text + used, bytes, length);
        used += length;
    }
    *size = used;
    return 0;
}

/* Rounds until nothing changes: case folding may undo composition and the reverse. */
static int fold_unicode(uint8_t *text, size_t *size)
{
    uint8_t before[BOUND_FIELD_BYTES];
    blank_marks(text, *size);
    for (int round = 0; round < FOLD_ROUNDS; round++) {
        size_t size_before = *size;
        memcpy(before, text, size_before);
        int r = fold_once(text, size, BOUND_FIELD_BYTES);
        if (r < 0)
            return r;
        if (*size == size_before && memcmp(before, text, *size) == 0)
            return 0;
    }
    return 0;
}

static void fold_plain(uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (uint8_t)(text[i] + ('a' - 'A'));
    }
}

enum letter { LETTER_NONE, LETTER_NARROW, LETTER_WIDE, LETTER_DROPPED };

/* Splits folded text in place: what is left out lets the rest of a word move down. */
struct splitter {
    uint8_t *text;
    size_t size;
    size_t at;   /* read */
    size_t to;   /* written */
    size_t from; /* start of the open word */
    bool open;
    enum letter kind; /* of the open word */
    struct words *words;
};

static void word_close(struct splitter *s)
{
    if (s->open)
        s->words->at[s->words->count++] = bytes_of(s->text + s->from, s->to - s->from);
    s->open = false;
}

static enum letter letter_of(const struct splitter *s, uint32_t c)
{
    if (is_ascii_alnum(c))
        return LETTER_NARROW;
    if (c == '.') {
        bool between = s->open && s->kind == LETTER_NARROW && s->at + 1 < s->size &&
                       is_ascii_alnum(s->text[s->to - 1]) && is_ascii_alnum(s->text[s->at + 1]);
        return between ? LETTER_NARROW : LETTER_NONE;
    }
    if (c == '+' || c == '#')
        return s->open && s->kind == LETTER_NARROW ? LETTER_NARROW : LETTER_NONE;
    if (c == '\'') /* not before a combining mark, which would then stand on another letter */
        return s->at + 1 < s->size && is_ascii_alnum(s->text[s->at + 1]) ? LETTER_DROPPED
                                                                         : LETTER_NONE;
    if (c < 0x80)
        return LETTER_NONE;
    if (is_han(c))
        return LETTER_WIDE;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return LETTER_NARROW;
    default:
        return LETTER_NONE;
    }
}

/* "(r)", "(tm)", "(c)" as people type the signs. */
static size_t typed_mark(const struct splitter *s)
{
    static const char *const marks[] = { "(r)", "(tm)", "(c)" };
    for (size_t i = 0; i < 3; i++) {
        if (bytes_starts_with(bytes_of(s->text + s->at, s->size - s->at), bytes_str(marks[i])))
            return strlen(marks[i]);
    }
    return 0;
}

static void put_letter(struct splitter *s, uint32_t c, size_t length, enum letter kind)
{
    if (s->open && s->kind != kind)
        word_close(s);
    if (!s->open) {
        s->open = true;
        s->kind = kind;
        s->from = s->to;
    }
    if (kind == LETTER_WIDE && c <= 0x9FFF) {
        utf8proc_uint8_t bytes[4]; /* the simplified character has three bytes as well */
        (void)utf8proc_encode_char((utf8proc_int32_t)han_simplified(c), bytes);
        memcpy(s->text + s->to, bytes, length);
    } else {
        memmove(s->text + s->to, s->text + s->at, length);
    }
    s->to += length;
}

static void split(struct splitter *s)
{
    while (s->at < s->size) {
        uint32_t c = s->text[s->at];
        size_t length = 1;
        if (c >= 0x80)
            length = text_utf8_next(bytes_of(s->text + s->at, s->size - s->at), &c);
        if (length == 0)
            break; /* folding gives well-formed text: cannot happen */
        enum letter kind = letter_of(s, c);
        if (kind == LETTER_NONE) {
            word_close(s);
            if (c == '(' && typed_mark(s) > 0)
                length = typed_mark(s);
        } else if (kind != LETTER_DROPPED) {
            put_letter(s, c, length, kind);
        }
        s->at += length;
        /* a gap between words stays, so that two neighbours can be read as one run */
        if (!s->open && s->to < s->at)
            s->text[s->to++] = ' ';
    }
    word_close(s);
}

int words_fold(struct bytes text, struct arena *arena, struct words *ret_words)
{
    ret_words->count = 0;
    if (text.size > BOUND_FIELD_BYTES || !text_is_utf8(text))
        return -EINVAL;
    if (text.size == 0)
        return 0;
    bool plain = is_plain(text);
    size_t size = text.size;
    uint8_t *copy = arena_alloc(arena, plain ? size : BOUND_FIELD_BYTES);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, text.data, size);
    if (plain) {
        fold_plain(copy, size);
    } else {
        int r = fold_unicode(copy, &size);
        if (r < 0)
            return r;
    }
    struct splitter s = { .text = copy, .size = size, .words = ret_words };
    split(&s);
    return 0;
}

int words_join(const struct words *words, struct arena *arena, struct bytes *ret_text)
{
    size_t size = 0, count = 0;
    while (count < words->count && size + words->at[count].size <= BOUND_FIELD_BYTES)
        size += words->at[count++].size + 1;
    size -= size > 0;
    uint8_t *text = arena_alloc(arena, size + 1);
    if (text == NULL)
        return -ENOMEM;
    uint8_t *to = text;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *to++ = ' ';
        memcpy(to, words->at[i].data, words->at[i].size);
        to += words->at[i].size;
    }
    *to = '\0';
    *ret_text = bytes_of(text, size);
    return 0;
}

void words_remove(struct words *words, size_t from, size_t count)
{
    memmove(&words->at[from], &words->at[from + count],
            (words->count - from - count) * sizeof(words->at[0]));
    words->count -= count;
}
