/* source_product.c - a product of a vendor's file: its fields, names and fingerprints. */
#include <errno.h>

#include "matcher/source.h"
#include "matcher/words.h"

static const char *const categories[] = {
    "os",
    "office",
    "antivirus",
    "cad",
    "design",
    "database",
    "compression",
    "remote",
    "media",
    "development",
    "im",
    "browser",
    "input",
    "system",
    "security",
    "erp",
    "pdf",
    "activation",
    "virtualisation",
    "engineering",
    "storage",
    "utility",
    "middleware",
};

static const char *const metrics[] = { "device", "subscription", "user", "core",
                                       "server", "concurrent",   "none" };

/* ---- fingerprints ---------------------------------------------------------------------------- */

static int add_evidence(const struct source *s, const struct cat_evidence *like,
                        const struct yaml_node *node)
{
    struct bytes value;
    int r = source_item_text(s, node, &value);
    if (r < 0)
        return r;
    uint8_t key[EVIDENCE_KEY_BYTES];
    bool keyed = like->kind != EVIDENCE_NAME && like->kind != EVIDENCE_PATTERN;
    if (value.size == 0 || (keyed && evidence_key(like->kind, value, key) == 0)) {
        yaml_place(node, s->why);
        return complain(s->why, -EINVAL, "see the kinds of evidence in docs/catalogue.md",
                        "'%.*s' cannot be of kind %s", (int)value.size, (const char *)value.data,
                        evidence_kind_name(like->kind));
    }
    struct cat_evidence *evidence = cat_add_evidence(s->cat);
    if (evidence == NULL)
        return source_no_memory(s);
    *evidence = *like;
    evidence->value = value;
    evidence->place = source_place(s, node);
    return 0;
}

/* A package without a manager is one of both. */
static int add_package(const struct source *s, const struct cat_evidence *like,
                       const struct yaml_node *node)
{
    static const char *const managers[] = { "dpkg", "rpm" };
    struct bytes value;
    int r = yaml_as_text(node, &value, s->why);
    if (r < 0 || (value.size > 0 && memchr(value.data, '/', value.size) != NULL))
        return r < 0 ? r : add_evidence(s, like, node);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(managers); i++) {
        char *full = arena_printf(s->cat->arena, "%s/%.*s", managers[i], (int)value.size,
                                  (const char *)value.data);
        if (full == NULL)
            return source_no_memory(s);
        struct yaml_node one = *node;
        one.scalar = bytes_str(full);
        r = add_evidence(s, like, &one);
    }
    return r;
}

static int add_value(const struct source *s, const struct cat_evidence *like,
                     const struct yaml_node *node)
{
    return like->kind == EVIDENCE_PACKAGE ? add_package(s, like, node)
                                          : add_evidence(s, like, node);
}

/* Only canonical words: what rows are compared with. */
static int check_edition(const struct source *s, const struct yaml_node *node, struct bytes edition)
{
    if (edition.size == 0 || edition_known(edition))
        return 0;
    yaml_place(node, s->why);
    return complain(s->why, -EINVAL, "use an edition word of docs/catalogue.md",
                    "'%.*s' is no canonical edition", (int)edition.size,
                    (const char *)edition.data);
}

static int read_fingerprint(const struct source *s, const struct yaml_node *node,
                            const struct cat_product *product)
{
    static const char *const keys[] = { "id",      "kind",    "value",           "values",
                                        "edition", "version", "vendor_required", "exonerates" };
    struct cat_evidence like = { .product = product->id };
    struct bytes kind = { 0 };
    bool needs_vendor = false, exonerates = false;
    int r = yaml_only_keys(node, keys, ARRAY_LEN(keys), s->why);
    if (r == 0)
        r = source_get_text(s, node, "kind", YAML_REQUIRED, &kind);
    if (r == 0)
        r = source_get_text(s, node, "id", YAML_OPTIONAL, &like.id);
    if (r == 0)
        r = source_get_text(s, node, "edition", YAML_OPTIONAL, &like.edition);
    if (r == 0)
        r = check_edition(s, node, like.edition);
    if (r == 0)
        r = source_get_text(s, node, "version", YAML_OPTIONAL, &like.version);
    if (r == 0)
        r = source_get_bool(s, node, "vendor_required", &needs_vendor);
    if (r == 0)
        r = source_get_bool(s, node, "exonerates", &exonerates);
    if (r < 0)
        return r;
    like.kind = evidence_kind_of(kind);
    like.flags =
        (needs_vendor ? EVIDENCE_NEEDS_VENDOR : 0u) | (exonerates ? EVIDENCE_EXONERATES : 0u);
    const struct yaml_node *value = yaml_get(node, "value"), *values = yaml_get(node, "values");
    if ((unsigned)like.kind == 0 || (value == NULL) == (values == NULL) ||
        like.id.size > CAT_FINGERPRINT_BYTES || (like.id.size > 0 && values != NULL)) {
        yaml_place(node, s->why);
        return complain(s->why, -EINVAL,
                        "give a known kind, and either value or values; an id needs one value",
                        "is no fingerprint");
    }
    if (value != NULL)
        return add_value(s, &like, value);
    r = yaml_list(node, "values", YAML_REQUIRED, &values, s->why);
    if (r < 0)
        return r;
    YAML_EACH(item, values)
    {
        r = add_value(s, &like, item);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- products -------------------------------------------------------------------------------- */

static int read_editions(const struct source *s, const struct yaml_node *map,
                         struct bytes *ret_editions)
{
    const struct yaml_node *list = NULL;
    int r = yaml_list(map, "editions", YAML_OPTIONAL, &list, s->why);
    if (r < 0 || list == NULL)
        return r;
    const char *joined = "";
    YAML_EACH(item, list)
    {
        struct bytes edition;
        r = source_item_text(s, item, &edition);
        if (r == 0)
            r = check_edition(s, item, edition);
        if (r < 0)
            return r;
        joined = arena_printf(s->cat->arena, "%s%s%.*s", joined, joined[0] == '\0' ? "" : ",",
                              (int)edition.size, (const char *)edition.data);
        if (joined == NULL)
            return source_no_memory(s);
    }
    *ret_editions = bytes_str(joined);
    return 0;
}

/* Name, Chinese name and aliases are evidence by themselves. */
static int read_names(const struct source *s, const struct yaml_node *map,
                      const struct cat_product *product)
{
    static const char *const keys[] = { "name", "name_zh" };
    struct cat_evidence like = { .kind = EVIDENCE_NAME, .product = product->id };
    bool needs_vendor = false;
    int r = source_get_bool(s, map, "vendor_required", &needs_vendor);
    if (r < 0)
        return r;
    like.flags = needs_vendor ? EVIDENCE_NEEDS_VENDOR : 0;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct yaml_node *node = yaml_get(map, keys[i]);
        if (node != NULL && r == 0)
            r = add_evidence(s, &like, node);
    }
    const struct yaml_node *list = NULL;
    if (r == 0)
        r = yaml_list(map, "aliases", YAML_OPTIONAL, &list, s->why);
    if (r < 0 || list == NULL)
        return r;
    YAML_EACH(item, list)
    {
        r = add_evidence(s, &like, item);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_product(const struct source *s, const struct yaml_node *map,
                         const struct cat_product *p)
{
    bool below = source_is_id(p->id) && bytes_starts_with(p->id, s->vendor) &&
                 p->id.size > s->vendor.size + 1 && p->id.data[s->vendor.size] == '.';
    if (!below) {
        yaml_place(yaml_get(map, "id"), s->why);
        return complain(s->why, -EINVAL, "write VENDOR.PRODUCT in a-z, 0-9 and '-'",
                        "'%.*s' is no product id of this vendor", (int)p->id.size,
                        (const char *)p->id.data);
    }
    if (p->licence_class == CLASS_FREE && p->free_for.size == 0) {
        yaml_place(map, s->why);
        return complain(s->why, -EINVAL, "say in free_for who may use it without paying, for what",
                        "is free, but for nobody");
    }
    return 0;
}

static int read_fields(const struct source *s, const struct yaml_node *map, struct cat_product *p)
{
    static const char *const froms[] = { "row", "name" };
    struct bytes from = (struct bytes){ 0 };
    p->metric = BYTES_LIT("device");
    int r = source_get_text(s, map, "id", YAML_REQUIRED, &p->id);
    if (r == 0)
        r = source_get_text(s, map, "name", YAML_REQUIRED, &p->name);
    if (r == 0)
        r = source_get_text(s, map, "name_zh", YAML_OPTIONAL, &p->name_zh);
    if (r == 0)
        r = source_get_word(s, map, "category", categories, ARRAY_LEN(categories), &p->category);
    if (r == 0)
        r = source_get_class(s, map, "class", &p->licence_class);
    if (r == 0)
        r = source_get_text(s, map, "reference", YAML_REQUIRED, &p->reference);
    if (r == 0)
        r = source_get_text(s, map, "free_for", YAML_OPTIONAL, &p->free_for);
    if (r == 0 && yaml_get(map, "metric") != NULL)
        r = source_get_word(s, map, "metric", metrics, ARRAY_LEN(metrics), &p->metric);
    if (r == 0 && yaml_get(map, "version_from") != NULL)
        r = source_get_word(s, map, "version_from", froms, ARRAY_LEN(froms), &from);
    p->version_from_name = bytes_is(from, "name");
    return r == 0 ? read_editions(s, map, &p->editions) : r;
}

int source_read_product(const struct source *s, const struct yaml_node *map)
{
    static const char *const keys[] = { "id",           "name",      "name_zh",
                                        "aliases",      "category",  "class",
                                        "free_for",     "metric",    "editions",
                                        "version_from", "reference", "vendor_required",
                                        "fingerprints" };
    struct cat_product p = { .vendor = s->vendor, .place = source_place(s, map) };
    int r = yaml_only_keys(map, keys, ARRAY_LEN(keys), s->why);
    if (r == 0)
        r = read_fields(s, map, &p);
    if (r == 0)
        r = check_product(s, map, &p);
    if (r < 0)
        return r;
    struct cat_product *product = cat_add_product(s->cat);
    if (product == NULL)
        return source_no_memory(s);
    *product = p;
    r = read_names(s, map, &p);
    const struct yaml_node *list = NULL;
    if (r == 0)
        r = yaml_list(map, "fingerprints", YAML_OPTIONAL, &list, s->why);
    if (r < 0 || list == NULL)
        return r;
    YAML_EACH(item, list)
    {
        r = read_fingerprint(s, item, &p);
        if (r < 0)
            return r;
    }
    return 0;
}
