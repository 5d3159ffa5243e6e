/* normalise.h - names as people write them, brought to one form without losing what was peeled.
 *
 * NFKC and case folding; company forms, trademarks, brackets, versions, builds, languages,
 * architectures, editions and channel words are peeled into fields rather than thrown away. Pure;
 * idempotent: normalising a result's `name` again changes nothing. */
#ifndef MATCHER_NORMALISE_H
#define MATCHER_NORMALISE_H

#include "base/arena.h"
#include "base/bytes.h"

struct normal_name {
    struct bytes name;     /* words in order, separated by one space; may be empty */
    struct bytes whole;    /* the same with nothing peeled off: what patterns are tried on */
    struct bytes version;  /* "16.0.1234" as peeled, empty if none */
    struct bytes edition;  /* canonical edition word: "professional", "home" ... */
    struct bytes arch;     /* "x86_64", "x86", "arm64" */
    struct bytes language; /* "zh-cn", "en-us" */
    struct bytes channel;  /* "oem", "volume", "retail", "trial", "preview", "subscription" */
};

/* normalise_name - any UTF-8 text of at most BOUND_FIELD_BYTES. The first word is never peeled:
 * "7-Zip" and "Home Assistant" keep theirs.
 * Errors: -EINVAL not UTF-8, or longer; -ENOMEM; output untouched.
 * Owns:   the arena; editions and the like are static. */
int normalise_name(struct bytes text, struct arena *arena, struct normal_name *ret_name);

/* normalise_vendor - the vendor's name without its company form ("Inc.", "GmbH", "有限公司") and
 * without places and trades around its core ("深圳市…科技": "腾讯"). Errors and ownership as above. */
int normalise_vendor(struct bytes text, struct arena *arena, struct bytes *ret_vendor);

#endif
