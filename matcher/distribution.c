/* distribution.c - packages of distributions: tens of thousands, classed by who built them and what
 * licence they declare, not one by one. */
#include "matcher/judge.h"
#include "matcher/words.h"

static bool contains(struct bytes text, const char *const *words, size_t n)
{
    for (size_t i = 0; text.size > 0 && i < n; i++) {
        if (memmem(text.data, text.size, words[i], strlen(words[i])) != NULL)
            return true;
    }
    return false;
}

/* Components outside what a distribution vouches for, and licences that are no open ones. */
static bool is_restricted(struct bytes folded)
{
    static const char *const words[] = { "non free", "nonfree",    "restricted",  "multiverse",
                                         "contrib",  "partner",    "proprietary", "commercial",
                                         "eula",     "all rights", "third party", "专有",
                                         "商业" };
    return contains(folded, words, ARRAY_LEN(words));
}

static bool is_open_licence(struct bytes folded)
{
    static const char *const words[] = { "gpl", "mit",           "bsd",     "apache",
                                         "mpl", "mozilla",       "zlib",    "artistic",
                                         "isc", "public domain", "psf",     "boost",
                                         "ofl", "mulan",         "openssl", "cc0" };
    return contains(folded, words, ARRAY_LEN(words));
}

static struct bytes folded_field(const struct judgement *j, enum row_tag tag)
{
    struct words words;
    struct bytes text = { 0 };
    if (words_fold(row_text(j->row, tag), j->arena, &words) < 0 ||
        words_join(&words, j->arena, &text) < 0)
        return (struct bytes){ 0 };
    return text;
}

/* A maker that the catalogue knows, and that is no distribution, put its own name on the package: it
 * was not built by the distribution that the computer runs. */
static bool made_by_another(const struct judgement *j, uint32_t distribution)
{
    const struct index *index = &j->catalogue->index;
    if (j->vendor_run.count == 0 || j->vendor_resembles)
        return false;
    for (size_t i = 0; i < j->vendor_run.count; i++) {
        if (index_claim_at(index, j->vendor_run.claims + i * INDEX_CLAIM_BYTES).subject ==
            distribution)
            return false;
    }
    struct bytes key = j->vendor;
    uint8_t buffer[EVIDENCE_KEY_BYTES];
    struct index_run run;
    buffer[0] = KEY_ORIGIN;
    memcpy(buffer + 1, key.data, key.size);
    return !index_find(index, bytes_of(buffer, key.size + 1), &run);
}

bool judge_origin(struct judgement *j)
{
    if (j->origin_run.count == 0)
        return false;
    struct index_claim origin = index_claim_at(&j->catalogue->index, j->origin_run.claims);
    struct bytes licence = folded_field(j, ROW_LICENCE);
    if (is_restricted(licence) || is_restricted(folded_field(j, ROW_ORIGIN)) ||
        made_by_another(j, origin.subject))
        return false;
    j->licence_class = (Zb__LicenceClass)origin.flags;
    if (j->licence_class == CLASS_SYSTEM && is_open_licence(licence))
        j->licence_class = CLASS_OPEN_SOURCE;
    return true;
}
