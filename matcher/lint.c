/* lint.c - what a catalogue's files cannot show one by one. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

#include "matcher/model.h"
#include "matcher/normalise.h"

enum { LINT_KINDS_MIN = 2, LINT_SCRATCH_BYTES = 256 * 1024 };

static void place_record(struct place place, struct bytes id, struct complaint *why)
{
    if (place.file == NULL)
        complaint_at(why, "%.*s", (int)id.size, (const char *)id.data);
    else
        complaint_at(why, "%s line %zu, %.*s", place.file, place.line, (int)id.size,
                     (const char *)id.data);
}

/* ---- unique ids ------------------------------------------------------------------------------ */

static int compare_products(const void *a, const void *b)
{
    const struct cat_product *x = *(const struct cat_product *const *)a;
    const struct cat_product *y = *(const struct cat_product *const *)b;
    int r = bytes_cmp(x->id, y->id);
    return r != 0 ? r : (x > y) - (x < y);
}

static int lint_products(const struct cat *cat, const struct cat_product **sorted,
                         struct complaint *why)
{
    for (size_t i = 0; i < cat->product_count; i++)
        sorted[i] = &cat->products[i];
    qsort(sorted, cat->product_count, sizeof(sorted[0]), compare_products);
    for (size_t i = 1; i < cat->product_count; i++) {
        if (bytes_eq(sorted[i - 1]->id, sorted[i]->id)) {
            place_record(sorted[i]->place, sorted[i]->id, why);
            return complain(why, -EINVAL, "give each product an id of its own",
                            "stands in line %zu already", sorted[i - 1]->place.line);
        }
    }
    return 0;
}

/* ---- enough evidence ------------------------------------------------------------------------- */

static const struct cat_vendor *vendor_of(const struct cat *cat, struct bytes id)
{
    for (size_t i = 0; i < cat->vendor_count; i++) {
        if (bytes_eq(cat->vendors[i].id, id))
            return &cat->vendors[i];
    }
    return NULL;
}

static size_t product_index(const struct cat_product *const *sorted, size_t n, struct bytes id)
{
    size_t low = 0;
    while (n > 0) {
        size_t half = n / 2;
        if (bytes_cmp(sorted[low + half]->id, id) < 0) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return low;
}

/* A name counts, and so does the vendor that has to agree with it, unless nobody stands behind the
 * product; each other kind counts once. */
static int lint_kinds(const struct cat *cat, const struct cat_product *const *sorted,
                      struct complaint *why)
{
    uint32_t *kinds = arena_calloc(cat->arena, cat->product_count + 1, sizeof(kinds[0]));
    if (kinds == NULL)
        return complain(why, -ENOMEM, "divide the catalogue", "too large");
    for (size_t i = 0; i < cat->evidence_count; i++) {
        size_t at = product_index(sorted, cat->product_count, cat->evidence[i].product);
        if (at < cat->product_count)
            kinds[at] |= 1u << cat->evidence[i].kind;
    }
    for (size_t i = 0; i < cat->product_count; i++) {
        const struct cat_vendor *vendor = vendor_of(cat, sorted[i]->vendor);
        bool named = (kinds[i] & (1u << EVIDENCE_NAME)) != 0;
        int count = __builtin_popcount(kinds[i]);
        count += named && vendor != NULL && !vendor->anonymous;
        if (count < LINT_KINDS_MIN) {
            place_record(sorted[i]->place, sorted[i]->id, why);
            return complain(why, -EINVAL, "add an identifier, a package, a hash or a pattern",
                            "has one kind of evidence; two are needed");
        }
    }
    return 0;
}

/* ---- evidence that two products claim --------------------------------------------------------- */

/* What an item of evidence is found by, beside the item. */
struct claim {
    struct bytes key; /* kind byte, then the value as compared */
    const struct cat_evidence *evidence;
};

static int claim_key(const struct cat_evidence *e, struct arena *arena, struct buf *scratch,
                     struct bytes *ret_key)
{
    buf_reset(scratch);
    if (e->kind == EVIDENCE_NAME) {
        struct normal_name name;
        int r = normalise_name(e->value, arena, &name);
        if (r < 0)
            return r;
        buf_put_u8(scratch, EVIDENCE_NAME);
        buf_put(scratch, name.name);
        buf_put_u8(scratch, '\n');
        buf_put(scratch, e->edition.size > 0 ? e->edition : name.edition);
        buf_put_u8(scratch, '\n');
        buf_put(scratch, e->version.size > 0 ? e->version : name.version);
    } else if (e->kind == EVIDENCE_PATTERN) {
        buf_put_u8(scratch, EVIDENCE_PATTERN);
        buf_put(scratch, e->value);
    } else {
        uint8_t key[EVIDENCE_KEY_BYTES];
        size_t size = evidence_key(e->kind, e->value, key);
        if (size == 0)
            return -EINVAL;
        buf_put(scratch, bytes_of(key, size));
    }
    if (buf_error(scratch) != 0)
        return buf_error(scratch);
    void *copy = arena_dup(arena, scratch->data, scratch->size);
    if (copy == NULL)
        return -ENOMEM;
    *ret_key = bytes_of(copy, scratch->size);
    return 0;
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int r = bytes_cmp(x->key, y->key);
    return r != 0 ? r : (x->evidence > y->evidence) - (x->evidence < y->evidence);
}

static struct bytes vendor_part(struct bytes id)
{
    const uint8_t *dot = memchr(id.data, '.', id.size);
    return bytes_of(id.data, dot == NULL ? id.size : (size_t)(dot - id.data));
}

static bool same_vendor(struct bytes a, struct bytes b)
{
    return bytes_eq(vendor_part(a), vendor_part(b));
}

/* One name may belong to products of two vendors: the row's vendor tells them apart. */
static bool clash(const struct claim *a, const struct claim *b)
{
    return bytes_eq(a->key, b->key) && !bytes_eq(a->evidence->product, b->evidence->product) &&
           (a->evidence->kind != EVIDENCE_NAME ||
            same_vendor(a->evidence->product, b->evidence->product));
}

static int lint_claims(const struct cat *cat, struct complaint *why)
{
    CLEANUP(buf_done) struct buf scratch = BUF_INIT(LINT_SCRATCH_BYTES);
    struct claim *claims = arena_calloc(cat->arena, cat->evidence_count + 1, sizeof(claims[0]));
    if (claims == NULL)
        return complain(why, -ENOMEM, "divide the catalogue", "too large");
    for (size_t i = 0; i < cat->evidence_count; i++) {
        claims[i].evidence = &cat->evidence[i];
        int r = claim_key(&cat->evidence[i], cat->arena, &scratch, &claims[i].key);
        if (r < 0) {
            place_record(cat->evidence[i].place, cat->evidence[i].product, why);
            return complain(why, r, "correct the value", "evidence that cannot be read");
        }
    }
    qsort(claims, cat->evidence_count, sizeof(claims[0]), compare_claims);
    for (size_t i = 1; i < cat->evidence_count; i++) {
        const struct cat_evidence *e = claims[i].evidence, *before = claims[i - 1].evidence;
        if (clash(&claims[i - 1], &claims[i])) {
            place_record(e->place, e->product, why);
            return complain(why, -EINVAL, "give the evidence to one of them, or name an edition",
                            "'%s:%.*s' is evidence of %.*s already", evidence_kind_name(e->kind),
                            (int)e->value.size, (const char *)e->value.data,
                            (int)before->product.size, (const char *)before->product.data);
        }
    }
    return 0;
}

/* ---- patterns -------------------------------------------------------------------------------- */

static int lint_patterns(const struct cat *cat, struct complaint *why)
{
    for (size_t i = 0; i < cat->evidence_count; i++) {
        const struct cat_evidence *e = &cat->evidence[i];
        if (e->kind != EVIDENCE_PATTERN)
            continue;
        int code;
        PCRE2_SIZE offset;
        PCRE2_UCHAR text[160];
        pcre2_code *pattern =
            pcre2_compile(e->value.data, e->value.size, PCRE2_UTF, &code, &offset, NULL);
        if (pattern == NULL) {
            (void)pcre2_get_error_message(code, text, sizeof(text)); /* cut: still a hint */
            place_record(e->place, e->product, why);
            return complain(why, -EINVAL, "write a PCRE2 pattern over folded words",
                            "pattern fails at character %zu: %s", (size_t)offset, (char *)text);
        }
        uint32_t groups = 0;
        (void)pcre2_pattern_info(pattern, PCRE2_INFO_CAPTURECOUNT, &groups); /* cannot fail */
        pcre2_code_free(pattern);
        if (groups > 0) {
            place_record(e->place, e->product, why);
            return complain(why, -EINVAL, "write (?:...) for a group",
                            "a pattern captures; all patterns are also tried as one");
        }
    }
    return 0;
}

int lint(const struct cat *cat, struct complaint *why)
{
    const struct cat_product **sorted =
        arena_calloc(cat->arena, cat->product_count + 1, sizeof(*sorted));
    if (sorted == NULL)
        return complain(why, -ENOMEM, "divide the catalogue", "too large");
    int r = lint_products(cat, sorted, why);
    if (r == 0)
        r = lint_patterns(cat, why);
    if (r == 0)
        r = lint_claims(cat, why);
    return r == 0 ? lint_kinds(cat, sorted, why) : r;
}
