/* words.c - what a word says: decorations of names, numbers that are versions. */
#include "matcher/words.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "matcher/phrases.h"

enum { VERSION_LETTERS_MAX = 8, VERSION_DIGITS_MAX = 4 };

static struct bytes first_word(const char *words)
{
    return bytes_of(words, strcspn(words, " "));
}

/* Index of the first phrase whose first word is not below the wanted one. */
static size_t phrase_lower_bound(struct bytes word)
{
    size_t low = 0, high = ARRAY_LEN(phrases);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bytes_cmp(first_word(phrases[middle].words), word) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Words that the phrase takes at that place, 0 if it does not stand there. */
static size_t phrase_fits(const struct phrase *phrase, const struct words *words, size_t from)
{
    const char *rest = phrase->words;
    size_t taken = 0;
    for (;;) {
        struct bytes word = first_word(rest);
        if (from + taken >= words->count || !bytes_eq(words->at[from + taken], word))
            return 0;
        taken++;
        if (rest[word.size] == '\0')
            return taken;
        rest += word.size + 1;
    }
}

const struct phrase *phrase_at(const struct words *words, size_t from, size_t *ret_count)
{
    const struct phrase *best = NULL;
    size_t best_count = 0;
    struct bytes word = words->at[from];
    for (size_t i = phrase_lower_bound(word);
         i < ARRAY_LEN(phrases) && bytes_eq(first_word(phrases[i].words), word); i++) {
        size_t count = phrase_fits(&phrases[i], words, from);
        if (count > best_count) {
            best = &phrases[i];
            best_count = count;
        }
    }
    if (best != NULL)
        *ret_count = best_count;
    return best;
}

const struct phrase *suffix_of(struct bytes word)
{
    if (word.size < 3 || word.data[0] < 0x80)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (bytes_ends_with(word, bytes_str(suffixes[i].words)))
            return &suffixes[i];
    }
    return NULL;
}

bool edition_known(struct bytes word)
{
    for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
        if (phrases[i].peel == PEEL_EDITION && bytes_is(word, phrases[i].value))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        if (suffixes[i].peel == PEEL_EDITION && bytes_is(word, suffixes[i].value))
            return true;
    }
    return false;
}

struct bytes edition_of(const struct words *words)
{
    if (words->count == 1 && edition_known(words->at[0]))
        return words->at[0];
    for (size_t i = 0; i < words->count; i++) {
        size_t count;
        const struct phrase *phrase = phrase_at(words, i, &count);
        if (phrase == NULL)
            phrase = suffix_of(words->at[i]);
        if (phrase != NULL && phrase->peel == PEEL_EDITION)
            return bytes_str(phrase->value);
    }
    return (struct bytes){ 0 };
}

/* "VOLUME_KMSCLIENT channel", "Volume:GVLK", "OEM_DM", "Retail", "TIMEBASED_EVAL". */
struct bytes channel_of(const struct words *words)
{
    static const struct {
        const char *begins;
        const char *channel;
    } channels[] = {
        { "oem", "oem" },          { "volume", "volume" },
        { "kmsclient", "volume" }, { "mak", "volume" },
        { "gvlk", "volume" },      { "retail", "retail" },
        { "eval", "trial" },       { "trial", "trial" },
        { "试用", "trial" },       { "预装", "oem" },
        { "随机", "oem" },         { "批量", "volume" },
        { "零售", "retail" },      { "subscr", "subscription" },
    };
    for (size_t i = 0; i < words->count; i++) {
        for (size_t c = 0; c < ARRAY_LEN(channels); c++) {
            if (bytes_starts_with(words->at[i], bytes_str(channels[c].begins)))
                return bytes_str(channels[c].channel);
        }
    }
    return (struct bytes){ 0 };
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

bool word_is_number(struct bytes word)
{
    for (size_t i = 0; i < word.size; i++) {
        if (!is_digit(word.data[i]) && word.data[i] != '.')
            return false;
    }
    return word.size > 0;
}

/* A number without dots: a version or a year, but not 360. */
static bool is_small_or_year(struct bytes digits)
{
    unsigned value = 0;
    if (digits.size > VERSION_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < digits.size; i++)
        value = value * 10 + (unsigned)(digits.data[i] - '0');
    return digits.size <= 2 || (digits.size == 4 && value >= 1990 && value <= 2049);
}

/* "16.0.1", "2.0beta1", "1.02a": a digit first, a dot before another digit, few letters. */
static bool is_dotted(struct bytes word)
{
    size_t letters = 0;
    bool dotted = false;
    for (size_t i = 0; i < word.size; i++) {
        uint8_t c = word.data[i];
        if (c == '.')
            dotted = dotted || is_digit(word.data[i + 1]); /* a dot is never last */
        else if (!is_digit(c) && (c != '+' || i == 0) && (c < 'a' || c > 'z'))
            return false;
        letters += c >= 'a' && c <= 'z';
    }
    return dotted && letters <= VERSION_LETTERS_MAX;
}

static size_t leading_digits(struct bytes word)
{
    size_t n = 0;
    while (n < word.size && is_digit(word.data[n]))
        n++;
    return n;
}

/* Forms that some makers have: MATLAB r2021b, Java 8u412, Windows 22h2, Creative Suite cs6. */
static bool is_makers_form(struct bytes word)
{
    size_t digits = leading_digits(word);
    if (digits > 0 && digits <= 2 && word.size > digits + 1 &&
        (word.data[digits] == 'u' || word.data[digits] == 'h'))
        return leading_digits(bytes_of(word.data + digits + 1, word.size - digits - 1)) ==
               word.size - digits - 1;
    if (word.size == 6 && word.data[0] == 'r' && word.data[1] == '2' &&
        (word.data[5] == 'a' || word.data[5] == 'b'))
        return leading_digits(bytes_of(word.data + 1, 4)) == 4;
    return word.size == 3 && word.data[0] == 'c' && word.data[1] == 's' && is_digit(word.data[2]);
}

bool word_is_version(struct bytes word)
{
    struct bytes bare = word;
    if (bare.size > 1 && bare.data[0] == 'v') /* "v4.8" */
        bare = bytes_of(bare.data + 1, bare.size - 1);
    if (bare.size == 0)
        return false;
    if (!is_digit(bare.data[0]))
        return is_makers_form(word);
    size_t digits = leading_digits(bare);
    if (digits == bare.size)
        return is_small_or_year(bare);
    return is_dotted(bare) || is_makers_form(word);
}
