/* catalogue.c - a compiled catalogue, mapped and open: its index, its patterns, its products. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "matcher/catalogue.h"

#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>

#include "matcher/index.h"

enum {
    /* A pattern over a name of a kilobyte takes some hundred steps; what takes more is hostile. */
    MATCH_LIMIT = 20 * 1000,
    MATCH_DEPTH = 500,
    MATCH_HEAP_KIB = 256,
    ANY_BYTES = 16 * 1024 * 1024, /* all expressions as one */
};

/* ---- patterns -------------------------------------------------------------------------------- */

static pcre2_code *compile_pattern(struct bytes text)
{
    int error;
    PCRE2_SIZE offset;
    /* names were folded and checked: PCRE2 need not check their UTF-8 again */
    pcre2_code *code =
        pcre2_compile(text.data, text.size, PCRE2_UTF | PCRE2_NO_UTF_CHECK, &error, &offset, NULL);
    if (code != NULL)
        (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* without, matching interprets */
    return code;
}

static bool match(const struct catalogue *catalogue, const pcre2_code *code, struct bytes text)
{
    return pcre2_match(code, text.data, text.size, 0, PCRE2_NO_UTF_CHECK, catalogue->scratch,
                       catalogue->limits) >= 0;
}

bool catalogue_match(const struct catalogue *catalogue, struct bytes text)
{
    return catalogue->any != NULL && match(catalogue, catalogue->any, text);
}

bool catalogue_match_one(const struct catalogue *catalogue, size_t pattern, struct bytes text)
{
    return match(catalogue, catalogue->patterns[pattern].code, text);
}

/* Every pattern by itself, and all as alternatives: one attempt turns away the rows that none fits. */
static int open_patterns(struct catalogue *c)
{
    const struct index *index = &c->index;
    CLEANUP(buf_done) struct buf any = BUF_INIT(ANY_BYTES);
    c->scratch = pcre2_match_data_create(1, NULL);
    c->limits = pcre2_match_context_create(NULL);
    c->patterns = calloc(index->pattern_count + 1, sizeof(c->patterns[0]));
    if (c->scratch == NULL || c->limits == NULL || c->patterns == NULL)
        return -ENOMEM;
    (void)pcre2_set_match_limit(c->limits, MATCH_LIMIT); /* these three always succeed */
    (void)pcre2_set_depth_limit(c->limits, MATCH_DEPTH);
    (void)pcre2_set_heap_limit(c->limits, MATCH_HEAP_KIB);
    for (uint32_t i = 0; i < index->pattern_count; i++) {
        const uint8_t *at = index->base + index->patterns + (size_t)i * INDEX_PATTERN_BYTES;
        struct bytes text = bytes_str(index_text(index, get_u32be(at)));
        pcre2_code *code = compile_pattern(text);
        if (code == NULL)
            return -EPROTO;
        c->patterns[i] = (struct catalogue_pattern){ code, index_claim_at(index, at + 4) };
        c->pattern_count++;
        buf_printf(&any, "%s(?:%s)", i == 0 ? "" : "|", (const char *)text.data);
    }
    if (buf_error(&any) != 0)
        return buf_error(&any);
    if (c->pattern_count > 0)
        c->any = compile_pattern(buf_bytes(&any));
    return c->pattern_count > 0 && c->any == NULL ? -EPROTO : 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int meta(struct catalogue *c, const char *key, struct bytes *ret_value)
{
    int r = kv_get(c->txn, INDEX_TABLE_META, bytes_str(key), ret_value);
    return r == -ENOENT ? -EPROTO : r;
}

static int open_index(struct catalogue *c)
{
    struct bytes value, label, digest;
    struct digest wanted;
    int r = kv_get(c->txn, INDEX_TABLE_INDEX, BYTES_LIT("1"), &value);
    if (r == 0)
        r = meta(c, META_INDEX_DIGEST, &digest);
    if (r != 0)
        return r == -ENOENT ? -EPROTO : r;
    if (!digest_of(digest, &wanted) || !digest_eq(wanted, seal_digest(SEAL_PARTS(value))) ||
        !index_map(value, &c->index))
        return -EPROTO;
    r = meta(c, META_DIGEST, &digest);
    if (r == 0)
        r = meta(c, META_LABEL, &label);
    if (r != 0)
        return r;
    if (!digest_of(digest, &c->digest) || label.size > CAT_LABEL_BYTES)
        return -EPROTO;
    memcpy(c->label, label.data, label.size);
    return 0;
}

int catalogue_open(const char *path, struct catalogue **ret_catalogue, struct complaint *why)
{
    const struct kv_options options = { .tables = index_tables,
                                        .table_count = INDEX_TABLES,
                                        .read_only = true,
                                        .format = INDEX_FORMAT };
    CLEANUP(catalogue_closep) struct catalogue *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return -ENOMEM;
    int r = kv_open(path, &options, &c->kv, why);
    if (r < 0)
        return r;
    r = kv_read(c->kv, &c->txn);
    if (r == 0)
        r = open_index(c);
    if (r == 0)
        r = open_patterns(c);
    if (r < 0) {
        complaint_at(why, "compiled catalogue %s", path);
        return complain(why, r, "remove the folder and compile the package again",
                        r == -EPROTO ? "is damaged or of another format" : "cannot be opened");
    }
    *ret_catalogue = TAKE_PTR(c);
    return 0;
}

void catalogue_close(struct catalogue *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->pattern_count; i++)
        pcre2_code_free(c->patterns[i].code);
    free(c->patterns);
    pcre2_code_free(c->any);
    pcre2_match_context_free(c->limits);
    pcre2_match_data_free(c->scratch);
    kv_abortp(&c->txn);
    kv_closep(&c->kv);
    free(c);
}

struct digest catalogue_digest(const struct catalogue *catalogue)
{
    return catalogue->digest;
}

const char *catalogue_label(const struct catalogue *catalogue)
{
    return catalogue->label;
}

uint64_t catalogue_products(const struct catalogue *catalogue)
{
    return catalogue->index.product_count;
}

/* ---- products -------------------------------------------------------------------------------- */

static struct catalogue_product describe(const struct index *index, uint32_t number)
{
    struct index_product p = index_product_at(index, number);
    struct index_vendor v = index_vendor_at(index, p.vendor);
    return (struct catalogue_product){
        .id = p.id,
        .name = p.name,
        .name_zh = p.name_zh,
        .vendor = v.name,
        .vendor_zh = v.name_zh,
        .category = p.category,
        .reference = p.reference,
        .free_for = p.free_for,
        .licence_class = p.licence_class,
        .domestic = v.domestic,
    };
}

int catalogue_product(const struct catalogue *catalogue, const char *id, struct arena *arena,
                      struct catalogue_product *ret_product)
{
    (void)arena; /* the mapped index holds every text already */
    const struct index *index = &catalogue->index;
    uint32_t low = 0, high = index->product_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int r = strcmp(index_product_at(index, middle).id, id);
        if (r == 0) {
            *ret_product = describe(index, middle);
            return 0;
        }
        if (r < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -ENOENT;
}

int catalogue_each(const struct catalogue *catalogue,
                   int (*fn)(void *ctx, const struct catalogue_product *product), void *ctx)
{
    for (uint32_t i = 0; i < catalogue->index.product_count; i++) {
        struct catalogue_product product = describe(&catalogue->index, i);
        int r = fn(ctx, &product);
        if (r != 0)
            return r;
    }
    return 0;
}
