/* index_build.c - the compiled index from a catalogue's records. Layout: index.h. */
#include <errno.h>
#include <stdlib.h>

#include "matcher/index.h"
#include "matcher/normalise.h"
#include "matcher/words.h"

enum { BRANDS_MAX = 24, KEY_BYTES_MAX = 0xFFFF, CLAIMS_MAX = 0xFFFF };

/* A claim before it has a place. */
struct draft {
    struct bytes key;
    uint32_t subject;
    struct bytes fingerprint;
    struct bytes edition;
    struct bytes version;
    uint32_t flags;
    bool derived; /* with or without the brand; gives way to what was written */
};

struct builder {
    const struct cat *cat;
    struct arena *arena;
    const struct cat_product **products; /* by id */
    const struct cat_vendor **vendors;   /* by id */
    struct draft *drafts;
    size_t draft_count;
    size_t draft_room;
    struct draft *patterns; /* key: the expression */
    size_t pattern_count;
    struct buf *out;
    struct buf strings;
    uint32_t strings_at; /* where they will begin, less one */
};

/* ---- numbers --------------------------------------------------------------------------------- */

static int by_product_id(const void *a, const void *b)
{
    return bytes_cmp((*(const struct cat_product *const *)a)->id,
                     (*(const struct cat_product *const *)b)->id);
}

static int by_vendor_id(const void *a, const void *b)
{
    return bytes_cmp((*(const struct cat_vendor *const *)a)->id,
                     (*(const struct cat_vendor *const *)b)->id);
}

static int number_all(struct builder *b)
{
    const struct cat *cat = b->cat;
    b->products = arena_calloc(b->arena, cat->product_count + 1, sizeof(b->products[0]));
    b->vendors = arena_calloc(b->arena, cat->vendor_count + 1, sizeof(b->vendors[0]));
    if (b->products == NULL || b->vendors == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < cat->product_count; i++)
        b->products[i] = &cat->products[i];
    for (size_t i = 0; i < cat->vendor_count; i++)
        b->vendors[i] = &cat->vendors[i];
    qsort(b->products, cat->product_count, sizeof(b->products[0]), by_product_id);
    qsort(b->vendors, cat->vendor_count, sizeof(b->vendors[0]), by_vendor_id);
    return 0;
}

static bool product_number(const struct builder *b, struct bytes id, uint32_t *ret_number)
{
    struct cat_product wanted = { .id = id };
    const struct cat_product *key = &wanted;
    const struct cat_product **found =
        bsearch(&key, b->products, b->cat->product_count, sizeof(b->products[0]), by_product_id);
    if (found != NULL)
        *ret_number = (uint32_t)(found - b->products);
    return found != NULL;
}

static bool vendor_number(const struct builder *b, struct bytes id, uint32_t *ret_number)
{
    struct cat_vendor wanted = { .id = id };
    const struct cat_vendor *key = &wanted;
    const struct cat_vendor **found =
        bsearch(&key, b->vendors, b->cat->vendor_count, sizeof(b->vendors[0]), by_vendor_id);
    if (found != NULL)
        *ret_number = (uint32_t)(found - b->vendors);
    return found != NULL;
}

/* ---- claims ---------------------------------------------------------------------------------- */

static int add_draft(struct builder *b, const struct draft *draft)
{
    if (b->draft_count == b->draft_room) {
        size_t room = b->draft_room == 0 ? 1024 : b->draft_room * 2;
        struct draft *more = arena_calloc(b->arena, room, sizeof(more[0]));
        if (more == NULL)
            return -ENOMEM;
        if (b->draft_count > 0)
            memcpy(more, b->drafts, b->draft_count * sizeof(more[0]));
        b->drafts = more;
        b->draft_room = room;
    }
    b->drafts[b->draft_count++] = *draft;
    return 0;
}

/* kind ‖ text [‖ ' ' ‖ more], in the arena. */
static int make_key(struct builder *b, unsigned kind, struct bytes text, struct bytes more,
                    struct bytes *ret_key)
{
    size_t size = 1 + text.size + (more.size > 0 ? 1 + more.size : 0);
    uint8_t *key = size > KEY_BYTES_MAX ? NULL : arena_alloc(b->arena, size);
    if (key == NULL)
        return -ENOMEM;
    key[0] = (uint8_t)kind;
    memcpy(key + 1, text.data, text.size);
    if (more.size > 0) {
        key[1 + text.size] = ' ';
        memcpy(key + 2 + text.size, more.data, more.size);
    }
    *ret_key = bytes_of(key, size);
    return 0;
}

static int add_keyed(struct builder *b, struct draft draft, struct bytes text, struct bytes more)
{
    int r = make_key(b, EVIDENCE_NAME, text, more, &draft.key);
    return r == 0 ? add_draft(b, &draft) : r;
}

/* "Visio" of Microsoft is "Microsoft Visio" as well; "Microsoft Project" is "Project" where the row's
 * vendor says who made it. */
static int add_branded(struct builder *b, struct draft draft, struct bytes name, struct bytes brand)
{
    draft.derived = true;
    if (!bytes_starts_with(name, brand)) {
        draft.flags &= ~(uint32_t)EVIDENCE_NEEDS_VENDOR;
        return add_keyed(b, draft, brand, name);
    }
    if (name.size < brand.size + 2 || name.data[brand.size] != ' ')
        return 0;
    draft.flags |= EVIDENCE_NEEDS_VENDOR;
    return add_keyed(b, draft, bytes_of(name.data + brand.size + 1, name.size - brand.size - 1),
                     (struct bytes){ 0 });
}

/* How a vendor is called at the front of its products' names. */
static int brands_of(struct builder *b, struct bytes vendor, struct bytes *brands,
                     size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < b->cat->alias_count && count < BRANDS_MAX; i++) {
        if (!bytes_eq(b->cat->aliases[i].vendor, vendor))
            continue;
        struct bytes brand;
        int r = normalise_vendor(b->cat->aliases[i].text, b->arena, &brand);
        if (r < 0)
            return r;
        bool known = brand.size == 0;
        for (size_t k = 0; k < count; k++)
            known = known || bytes_eq(brands[k], brand);
        if (!known)
            brands[count++] = brand;
    }
    *ret_count = count;
    return 0;
}

static int add_name(struct builder *b, struct draft draft, const struct cat_evidence *e)
{
    struct normal_name name;
    struct bytes brands[BRANDS_MAX];
    size_t brand_count = 0;
    int r = normalise_name(e->value, b->arena, &name);
    if (r == 0 && name.name.size == 0)
        r = -EBADMSG;
    if (r < 0)
        return r;
    if (draft.edition.size == 0)
        draft.edition = name.edition;
    if (draft.version.size == 0)
        draft.version = name.version;
    r = add_keyed(b, draft, name.name, (struct bytes){ 0 });
    if (r == 0)
        r = brands_of(b, b->products[draft.subject]->vendor, brands, &brand_count);
    for (size_t i = 0; r == 0 && i < brand_count; i++)
        r = add_branded(b, draft, name.name, brands[i]);
    return r;
}

static int add_evidence(struct builder *b, const struct cat_evidence *e)
{
    struct draft draft = { .edition = e->edition, .version = e->version, .flags = e->flags };
    if (!product_number(b, e->product, &draft.subject))
        return -EBADMSG;
    int r = cat_evidence_id(e, b->arena, &draft.fingerprint);
    if (r < 0)
        return r;
    if (e->kind == EVIDENCE_NAME)
        return add_name(b, draft, e);
    if (e->kind == EVIDENCE_PATTERN) {
        draft.key = e->value;
        b->patterns[b->pattern_count++] = draft;
        return 0;
    }
    uint8_t key[EVIDENCE_KEY_BYTES];
    size_t size = evidence_key(e->kind, e->value, key);
    if (size == 0)
        return -EBADMSG;
    draft.key = bytes_of(arena_dup(b->arena, key, size), size);
    return draft.key.data == NULL ? -ENOMEM : add_draft(b, &draft);
}

static int add_vendor_key(struct builder *b, unsigned kind, struct bytes vendor, struct bytes text,
                          uint32_t flags)
{
    struct draft draft = { .flags = flags };
    struct bytes core;
    if (!vendor_number(b, vendor, &draft.subject))
        return -EBADMSG;
    int r = normalise_vendor(text, b->arena, &core);
    if (r == 0 && core.size == 0)
        r = -EBADMSG;
    if (r == 0)
        r = make_key(b, kind, core, (struct bytes){ 0 }, &draft.key);
    if (r < 0)
        return r;
    char *id = arena_printf(b->arena, "%s:%.*s", kind == KEY_ORIGIN ? "origin" : "vendor",
                            (int)vendor.size, (const char *)vendor.data);
    draft.fingerprint = bytes_str(id);
    return id == NULL ? -ENOMEM : add_draft(b, &draft);
}

static int draft_all(struct builder *b, struct complaint *why)
{
    const struct cat *cat = b->cat;
    int r = 0;
    b->patterns = arena_calloc(b->arena, cat->evidence_count + 1, sizeof(b->patterns[0]));
    if (b->patterns == NULL)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < cat->evidence_count; i++) {
        r = add_evidence(b, &cat->evidence[i]);
        if (r < 0) {
            complaint_at(why, "evidence '%.*s' of %.*s", (int)cat->evidence[i].value.size,
                         (const char *)cat->evidence[i].value.data,
                         (int)cat->evidence[i].product.size,
                         (const char *)cat->evidence[i].product.data);
        }
    }
    for (size_t i = 0; r == 0 && i < cat->alias_count; i++)
        r = add_vendor_key(b, KEY_VENDOR, cat->aliases[i].vendor, cat->aliases[i].text, 0);
    for (size_t i = 0; r == 0 && i < cat->origin_count; i++)
        r = add_vendor_key(b, KEY_ORIGIN, cat->origins[i].vendor, cat->origins[i].text,
                           (uint32_t)cat->origins[i].licence_class);
    return r;
}

/* Written claims first, then by product, so that what is equal stands together and the order is the
 * catalogue's, never that of memory. */
static int by_key(const void *a, const void *b)
{
    const struct draft *x = a, *y = b;
    int r = bytes_cmp(x->key, y->key);
    if (r == 0)
        r = x->derived - y->derived;
    if (r == 0)
        r = (x->subject > y->subject) - (x->subject < y->subject);
    if (r == 0)
        r = bytes_cmp(x->edition, y->edition);
    if (r == 0)
        r = bytes_cmp(x->version, y->version);
    if (r == 0)
        r = (x->flags > y->flags) - (x->flags < y->flags);
    return r == 0 ? bytes_cmp(x->fingerprint, y->fingerprint) : r;
}

/* Whether a draft says nothing new behind those kept of its key: the same claim, or a derived one
 * where another product's was written. */
static bool superfluous(const struct draft *first, const struct draft *end,
                        const struct draft *draft)
{
    for (const struct draft *d = first; d < end; d++) {
        if (d->subject == draft->subject && bytes_eq(d->edition, draft->edition) &&
            bytes_eq(d->version, draft->version))
            return true;
        if (draft->derived && !d->derived && d->subject != draft->subject)
            return true;
    }
    return false;
}

static void sort_drafts(struct builder *b)
{
    struct draft *d = b->drafts;
    size_t kept = 0, first = 0;
    if (b->draft_count > 0)
        qsort(d, b->draft_count, sizeof(d[0]), by_key);
    for (size_t i = 0; i < b->draft_count; i++) {
        if (kept > 0 && !bytes_eq(d[first].key, d[i].key))
            first = kept;
        if (kept == 0 || !superfluous(&d[first], &d[kept], &d[i]))
            d[kept++] = d[i];
    }
    b->draft_count = kept;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Offset that the text will have. */
static uint32_t put_string(struct builder *b, struct bytes text)
{
    size_t at = b->strings.size;
    if (text.size == 0)
        return b->strings_at; /* the empty text stands first */
    buf_put(&b->strings, text);
    buf_put_u8(&b->strings, 0);
    return b->strings_at + (uint32_t)at;
}

static void put_claim(struct builder *b, const struct draft *draft)
{
    buf_put_u32be(b->out, draft->subject);
    buf_put_u32be(b->out, put_string(b, draft->fingerprint));
    buf_put_u32be(b->out, put_string(b, draft->edition));
    buf_put_u32be(b->out, put_string(b, draft->version));
    buf_put_u32be(b->out, draft->flags);
}

static size_t run_of(const struct builder *b, size_t first)
{
    size_t n = 1;
    while (first + n < b->draft_count && bytes_eq(b->drafts[first].key, b->drafts[first + n].key))
        n++;
    return n;
}

static void put_product(struct builder *b, const struct cat_product *p)
{
    uint32_t vendor = 0;
    (void)vendor_number(b, p->vendor, &vendor); /* checked by index_build */
    const struct bytes texts[] = { p->id,       p->name,      p->name_zh,  p->category,
                                   p->editions, p->reference, p->free_for, p->metric };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        buf_put_u32be(b->out, put_string(b, texts[i]));
    buf_put_u32be(b->out, vendor);
    buf_put_u32be(b->out, (uint32_t)p->licence_class);
    buf_put_u32be(b->out, p->version_from_name);
}

static void put_vendor(struct builder *b, const struct cat_vendor *v)
{
    buf_put_u32be(b->out, put_string(b, v->id));
    buf_put_u32be(b->out, put_string(b, v->name));
    buf_put_u32be(b->out, put_string(b, v->name_zh));
    buf_put_u32be(b->out,
                  (v->domestic ? INDEX_DOMESTIC : 0u) | (v->anonymous ? INDEX_ANONYMOUS : 0u));
}

/* Puts entries one behind the other, each into the first free slot from its hash on. */
static int put_entries(struct builder *b, size_t slots_at, uint32_t slot_mask)
{
    for (size_t i = 0, n; i < b->draft_count; i += n) {
        n = run_of(b, i);
        struct bytes key = b->drafts[i].key;
        uint32_t at = (uint32_t)b->out->size, hash = index_hash(key);
        if (n > CLAIMS_MAX)
            return -EMSGSIZE;
        buf_put_u16be(b->out, (uint16_t)key.size);
        buf_put_u16be(b->out, (uint16_t)n);
        buf_put(b->out, key);
        for (size_t k = 0; k < n; k++)
            put_claim(b, &b->drafts[i + k]);
        if (buf_error(b->out) != 0)
            return buf_error(b->out);
        uint8_t *slots = b->out->data + slots_at;
        uint32_t slot = hash & slot_mask;
        while (get_u32be(slots + (size_t)slot * INDEX_SLOT_BYTES + 4) != 0)
            slot = (slot + 1) & slot_mask;
        put_u32be(slots + (size_t)slot * INDEX_SLOT_BYTES, hash);
        put_u32be(slots + (size_t)slot * INDEX_SLOT_BYTES + 4, at);
    }
    return 0;
}

/* Size of everything before the strings, so that their offsets are known while they are put. */
static size_t fixed_size(const struct builder *b, size_t slot_count)
{
    size_t size = INDEX_HEADER_BYTES + slot_count * INDEX_SLOT_BYTES +
                  b->cat->product_count * INDEX_PRODUCT_BYTES +
                  b->cat->vendor_count * INDEX_VENDOR_BYTES +
                  b->pattern_count * INDEX_PATTERN_BYTES + b->draft_count * INDEX_CLAIM_BYTES;
    for (size_t i = 0, n; i < b->draft_count; i += n) {
        n = run_of(b, i);
        size += 4 + b->drafts[i].key.size;
    }
    return size;
}

static int put_all(struct builder *b)
{
    const struct cat *cat = b->cat;
    uint32_t slot_count = 16;
    while (slot_count < 2 * b->draft_count)
        slot_count *= 2;
    size_t slots_at = INDEX_HEADER_BYTES, fixed = fixed_size(b, slot_count);
    b->strings_at = (uint32_t)fixed;
    buf_put_u8(&b->strings, 0);
    uint8_t *start = buf_reserve(b->out, INDEX_HEADER_BYTES + slot_count * INDEX_SLOT_BYTES);
    if (start == NULL)
        return buf_error(b->out);
    memset(start, 0, INDEX_HEADER_BYTES + slot_count * INDEX_SLOT_BYTES);
    uint32_t products = (uint32_t)b->out->size;
    for (size_t i = 0; i < cat->product_count; i++)
        put_product(b, b->products[i]);
    uint32_t vendors = (uint32_t)b->out->size;
    for (size_t i = 0; i < cat->vendor_count; i++)
        put_vendor(b, b->vendors[i]);
    uint32_t patterns = (uint32_t)b->out->size;
    for (size_t i = 0; i < b->pattern_count; i++) {
        buf_put_u32be(b->out, put_string(b, b->patterns[i].key));
        put_claim(b, &b->patterns[i]);
    }
    int r = put_entries(b, slots_at, slot_count - 1);
    buf_put(b->out, buf_bytes(&b->strings));
    if (r == 0)
        r = buf_error(b->out) != 0 ? buf_error(b->out) : buf_error(&b->strings);
    if (r < 0)
        return r;
    const uint32_t header[] = { INDEX_FORMAT,   (uint32_t)b->out->size,
                                slot_count - 1, (uint32_t)slots_at,
                                products,       (uint32_t)cat->product_count,
                                vendors,        (uint32_t)cat->vendor_count,
                                patterns,       (uint32_t)b->pattern_count };
    for (size_t i = 0; i < ARRAY_LEN(header); i++)
        put_u32be(b->out->data + 4 * i, header[i]);
    return 0;
}

int index_build(const struct cat *cat, struct buf *out, struct complaint *why)
{
    struct builder b = {
        .cat = cat, .arena = cat->arena, .out = out, .strings = BUF_INIT(4u * CAT_PACKAGE_BYTES)
    };
    complaint_at(why, "catalogue");
    int r = number_all(&b);
    for (size_t i = 0; r == 0 && i < cat->product_count; i++) {
        uint32_t number;
        if (!vendor_number(&b, cat->products[i].vendor, &number))
            r = -EBADMSG;
    }
    if (r == 0)
        r = draft_all(&b, why);
    if (r == 0) {
        sort_drafts(&b);
        r = put_all(&b);
    }
    buf_done(&b.strings);
    return r == 0 ? 0
                  : complain(why, r, "get the package again from who published it",
                             "cannot be compiled");
}
