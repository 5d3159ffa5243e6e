/* model.c - records of a catalogue, their names, and the keys that evidence is found by. */
#include "matcher/model.h"

#include <errno.h>

#include "matcher/words.h"
#include "proto/row.h"

enum { GROW_FROM = 16, HEX_SHA256 = 64 };

/* Room for one more item; arrays double, what they leave behind stays in the arena. */
static void *grow(struct arena *arena, void *items, size_t count, size_t item_bytes)
{
    if (count != 0 && (count < GROW_FROM || (count & (count - 1)) != 0))
        return items;
    size_t room = count < GROW_FROM ? GROW_FROM : count * 2;
    void *more = arena_calloc(arena, room, item_bytes);
    if (more != NULL && count > 0)
        memcpy(more, items, count * item_bytes);
    return more;
}

struct cat_vendor *cat_add_vendor(struct cat *cat)
{
    void *items = grow(cat->arena, cat->vendors, cat->vendor_count, sizeof(*cat->vendors));
    if (items == NULL)
        return NULL;
    cat->vendors = items;
    return &cat->vendors[cat->vendor_count++];
}

struct cat_alias *cat_add_alias(struct cat *cat)
{
    void *items = grow(cat->arena, cat->aliases, cat->alias_count, sizeof(*cat->aliases));
    if (items == NULL)
        return NULL;
    cat->aliases = items;
    return &cat->aliases[cat->alias_count++];
}

struct cat_origin *cat_add_origin(struct cat *cat)
{
    void *items = grow(cat->arena, cat->origins, cat->origin_count, sizeof(*cat->origins));
    if (items == NULL)
        return NULL;
    cat->origins = items;
    return &cat->origins[cat->origin_count++];
}

struct cat_product *cat_add_product(struct cat *cat)
{
    void *items = grow(cat->arena, cat->products, cat->product_count, sizeof(*cat->products));
    if (items == NULL)
        return NULL;
    cat->products = items;
    return &cat->products[cat->product_count++];
}

struct cat_evidence *cat_add_evidence(struct cat *cat)
{
    void *items = grow(cat->arena, cat->evidence, cat->evidence_count, sizeof(*cat->evidence));
    if (items == NULL)
        return NULL;
    cat->evidence = items;
    return &cat->evidence[cat->evidence_count++];
}

static const char *const kind_names[EVIDENCE_KINDS] = {
    [EVIDENCE_NAME] = "name",
    [EVIDENCE_PATTERN] = "pattern",
    [EVIDENCE_SHA256] = ROW_ID_SHA256,
    [EVIDENCE_PRODUCT_CODE] = ROW_ID_PRODUCT_CODE,
    [EVIDENCE_UPGRADE_CODE] = ROW_ID_UPGRADE_CODE,
    [EVIDENCE_WINGET] = ROW_ID_WINGET,
    [EVIDENCE_BUNDLE] = ROW_ID_BUNDLE,
    [EVIDENCE_PURL] = ROW_ID_PURL,
    [EVIDENCE_CPE] = ROW_ID_CPE,
    [EVIDENCE_SWID] = ROW_ID_SWID,
    [EVIDENCE_PACKAGE] = ROW_ID_PACKAGE,
    [EVIDENCE_ARP_KEY] = ROW_ID_ARP_KEY,
    [EVIDENCE_PARTIAL_KEY] = ROW_ID_PARTIAL_KEY,
    [EVIDENCE_INDICATOR] = ROW_ID_INDICATOR,
};

const char *evidence_kind_name(enum evidence_kind kind)
{
    return kind_names[kind];
}

enum evidence_kind evidence_kind_of(struct bytes name)
{
    for (unsigned i = EVIDENCE_NAME; i < EVIDENCE_KINDS; i++) {
        if (bytes_is(name, kind_names[i]))
            return (enum evidence_kind)i;
    }
    return (enum evidence_kind)0;
}

static const char *const class_names[] = {
    [CLASS_UNKNOWN] = "unknown",         [CLASS_COMMERCIAL] = "commercial",
    [CLASS_OEM_BOUND] = "oem-bound",     [CLASS_FREE] = "free",
    [CLASS_OPEN_SOURCE] = "open-source", [CLASS_TRIAL] = "trial",
    [CLASS_PROHIBITED] = "prohibited",   [CLASS_SYSTEM] = "system",
};

const char *class_name(Zb__LicenceClass licence_class)
{
    return class_names[licence_class];
}

int class_of(struct bytes name)
{
    for (size_t i = CLASS_COMMERCIAL; i < ARRAY_LEN(class_names); i++) {
        if (bytes_is(name, class_names[i]))
            return (int)i;
    }
    return -1;
}

/* ---- keys ------------------------------------------------------------------------------------ */

static struct bytes cut_at(struct bytes text, uint8_t mark)
{
    const uint8_t *at = text.size == 0 ? NULL : memchr(text.data, mark, text.size);
    return at == NULL ? text : bytes_of(text.data, (size_t)(at - text.data));
}

static struct bytes skip(struct bytes text, size_t n)
{
    return n >= text.size ? bytes_of(NULL, 0) : bytes_of(text.data + n, text.size - n);
}

/* "pkg:deb/debian/curl@7.50?arch=i386" → "pkg:deb/debian/curl"; '@' may open a scope of npm. */
static struct bytes purl_product(struct bytes purl)
{
    purl = cut_at(cut_at(purl, '?'), '#');
    for (size_t i = purl.size; i > 0 && purl.data[i - 1] != '/'; i--) {
        if (purl.data[i - 1] == '@')
            return bytes_of(purl.data, i - 1);
    }
    return purl;
}

/* Both CPE bindings down to "vendor:product". */
static struct bytes cpe_product(struct bytes cpe)
{
    if (bytes_starts_with(cpe, BYTES_LIT("cpe:2.3:")))
        cpe = skip(cpe, 8);
    else if (bytes_starts_with(cpe, BYTES_LIT("cpe:/")))
        cpe = skip(cpe, 5);
    else
        return (struct bytes){ 0 };
    cpe = skip(cpe, cut_at(cpe, ':').size + 1);
    size_t vendor = cut_at(cpe, ':').size;
    size_t product = cut_at(skip(cpe, vendor + 1), ':').size;
    return product == 0 ? bytes_of(NULL, 0) : bytes_of(cpe.data, vendor + 1 + product);
}

/* "{ABC}" → "ABC": some tools leave the braces out. */
static struct bytes guid_digits(struct bytes guid)
{
    if (guid.size > 2 && guid.data[0] == '{' && guid.data[guid.size - 1] == '}')
        return bytes_of(guid.data + 1, guid.size - 2);
    return guid;
}

static size_t put_lower(uint8_t *to, struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c + ('a' - 'A'));
        to[i] = c == '\\' ? '/' : c;
    }
    return text.size;
}

static bool is_slash(uint8_t c)
{
    return c == '/' || c == '\\';
}

/* "file/%SystemRoot%\SECOH-QAD.exe" → "file/secoh-qad.exe": tools write the folders differently. */
static size_t put_indicator(uint8_t *to, struct bytes value)
{
    struct bytes type = cut_at(value, '/');
    struct bytes rest = skip(value, type.size + 1);
    if (bytes_is(type, "file") || bytes_is(type, "dir")) {
        while (rest.size > 0 && is_slash(rest.data[rest.size - 1]))
            rest.size--;
        size_t last = rest.size;
        while (last > 0 && !is_slash(rest.data[last - 1]))
            last--;
        rest = skip(rest, last);
    }
    size_t size = put_lower(to, type);
    to[size++] = '/';
    return size + put_lower(to + size, rest);
}

size_t evidence_key(enum evidence_kind kind, struct bytes value, uint8_t key[EVIDENCE_KEY_BYTES])
{
    struct bytes part = value;
    if (kind == EVIDENCE_PURL)
        part = purl_product(value);
    else if (kind == EVIDENCE_CPE)
        part = cpe_product(value);
    else if (kind == EVIDENCE_PRODUCT_CODE || kind == EVIDENCE_UPGRADE_CODE)
        part = guid_digits(value);
    bool typed = kind == EVIDENCE_PACKAGE || kind == EVIDENCE_INDICATOR;
    if (part.size == 0 || part.size > BOUND_FIELD_BYTES ||
        (kind == EVIDENCE_SHA256 && part.size != HEX_SHA256) ||
        (typed && cut_at(part, '/').size + 1 >= part.size))
        return 0;
    key[0] = (uint8_t)kind;
    return 1 +
           (kind == EVIDENCE_INDICATOR ? put_indicator(key + 1, part) : put_lower(key + 1, part));
}

int cat_evidence_id(const struct cat_evidence *evidence, struct arena *arena, struct bytes *ret_id)
{
    if (evidence->id.size > 0) {
        *ret_id = evidence->id;
        return 0;
    }
    char *id = arena_printf(arena, "%s:%.*s", evidence_kind_name(evidence->kind),
                            (int)evidence->value.size, (const char *)evidence->value.data);
    if (id == NULL)
        return -ENOMEM;
    struct bytes text = bytes_str(id);
    text.size = text_cut(text, CAT_FINGERPRINT_BYTES);
    *ret_id = text;
    return 0;
}
