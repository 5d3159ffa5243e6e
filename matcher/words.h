/* words.h - inside the matcher: folded words of a text, and what a word or phrase says.
 *
 *     "WPS Office 2019(64-bit) 專業版"
 *       ──fold──▶ wps | office | 2019 | 64 | bit | 专业版
 *       ──peel──▶ name "wps office", version 2019, arch x86_64, edition professional
 *
 * Pure; memory only from the arena. */
#ifndef MATCHER_WORDS_H
#define MATCHER_WORDS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "proto/bounds.h"

enum {
    WORDS_MAX = BOUND_FIELD_BYTES, /* a word has a byte at least */
};

/* Words point into one folded copy, in its order, never empty. */
struct words {
    size_t count;
    struct bytes at[WORDS_MAX];
};

/* words_fold - NFKC, case folding, traditional characters, then words: letters and digits, with '.'
 * inside and '+' or '#' behind; Chinese and other scripts are words apart. Folding the words joined
 * by a space gives the same words.
 * Errors: -EINVAL no UTF-8, holds NUL or is over BOUND_FIELD_BYTES; -ENOMEM.
 * Owns:   the arena. What would fold to more than BOUND_FIELD_BYTES is cut at a character. */
int words_fold(struct bytes text, struct arena *arena, struct words *ret_words);

/* words_join - with one space between, in the arena, NUL-terminated; empty for no words. Words that
 * would make it longer than BOUND_FIELD_BYTES are left out. */
int words_join(const struct words *words, struct arena *arena, struct bytes *ret_text);

/* words_remove - takes `count` words at `from` out. */
void words_remove(struct words *words, size_t from, size_t count);

/* han_simplified - the simplified form of a character, or itself. */
uint32_t han_simplified(uint32_t code_point);

enum peel {
    PEEL_NOISE, /* says nothing: "version", "edition" */
    PEEL_VERSION,
    PEEL_EDITION,
    PEEL_ARCH,
    PEEL_LANGUAGE,
    PEEL_CHANNEL,
    PEEL_COUNT,
};

/* A phrase of decoration: one to four folded words. */
struct phrase {
    const char *words; /* joined by a space */
    enum peel peel;
    const char *value; /* canonical; "" for noise */
};

/* phrase_at - the longest phrase that begins at words->at[from]; NULL if none. ret_count: words that
 * it takes. */
const struct phrase *phrase_at(const struct words *words, size_t from, size_t *ret_count);

/* suffix_of - the decoration at the end of a Chinese word ("专业版"), the longest; NULL if none.
 * It may be the whole word. */
const struct phrase *suffix_of(struct bytes word);

/* edition_of, channel_of - canonical word of what a row says in a field of its own; empty where it is
 * no word that is known. */
struct bytes edition_of(const struct words *words);
struct bytes channel_of(const struct words *words);

/* edition_known - whether it is a canonical edition word, as "professional-plus". */
bool edition_known(struct bytes word);

/* word_is_version - "16.0.1", "v7", "2019", "r2021b", "8u412", "22h2"; a bare number only up to two
 * digits or a year, so that 360 and 365 stay names. word_is_number - digits and dots only. */
bool word_is_version(struct bytes word);
bool word_is_number(struct bytes word);

/* bytes_ends_with, bytes_is - for words. */
static inline bool bytes_ends_with(struct bytes s, struct bytes suffix)
{
    return s.size >= suffix.size &&
           bytes_eq(bytes_of(s.data + (s.size - suffix.size), suffix.size), suffix);
}

static inline bool bytes_is(struct bytes s, const char *text)
{
    return bytes_eq(s, bytes_str(text));
}

#endif
