/* source.c - one YAML file per vendor into records. docs/catalogue.md is its schema. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "matcher/source.h"
#include "matcher/words.h"

enum { SOURCE_BYTES = 4 * 1024 * 1024, SOURCE_NODES = 500 * 1000 };

struct place source_place(const struct source *s, const struct yaml_node *node)
{
    return (struct place){ .file = s->file, .line = node->line };
}

/* Text of one line that may stand in a package: no tab, no control character. */
static int check_text(const struct source *s, const struct yaml_node *node, struct bytes text)
{
    uint32_t c;
    for (size_t i = 0, n; i < text.size; i += n) {
        n = text_utf8_next(bytes_of(text.data + i, text.size - i), &c);
        if (n == 0 || text_is_steering(c)) {
            yaml_place(node, s->why);
            return complain(s->why, -EINVAL, "write it on one line without control characters",
                            "holds a control character");
        }
    }
    if (text.size > CAT_TEXT_BYTES) {
        yaml_place(node, s->why);
        return complain(s->why, -EINVAL, "shorten it to 512 bytes", "is %zu bytes long", text.size);
    }
    return 0;
}

int source_get_text(const struct source *s, const struct yaml_node *map, const char *key,
                    enum yaml_need need, struct bytes *ret_text)
{
    struct bytes text = (struct bytes){ 0 };
    int r = yaml_text(map, key, need, &text, s->why);
    if (r < 0)
        return r == -ENOENT ? -EINVAL : r;
    const struct yaml_node *node = yaml_get(map, key);
    if (node != NULL) {
        if (need == YAML_REQUIRED && text.size == 0) {
            yaml_place(node, s->why);
            return complain(s->why, -EINVAL, "give it a value", "is empty");
        }
        r = check_text(s, node, text);
        if (r < 0)
            return r;
    }
    *ret_text = text;
    return 0;
}

int source_get_bool(const struct source *s, const struct yaml_node *map, const char *key,
                    bool *ret_value)
{
    return yaml_bool(map, key, YAML_OPTIONAL, ret_value, s->why);
}

/* A word of a list; the complaint names the nearest. */
int source_get_word(const struct source *s, const struct yaml_node *map, const char *key,
                    const char *const *words, size_t n, struct bytes *ret_word)
{
    struct bytes word = (struct bytes){ 0 };
    int r = source_get_text(s, map, key, YAML_REQUIRED, &word);
    if (r < 0)
        return r;
    struct text_nearest nearest = TEXT_NEAREST_INIT(word);
    for (size_t i = 0; i < n; i++) {
        if (bytes_is(word, words[i])) {
            *ret_word = word;
            return 0;
        }
        text_nearest_offer(&nearest, words[i]);
    }
    yaml_place(yaml_get(map, key), s->why);
    char remedy[128];
    (void)snprintf(remedy, sizeof(remedy), "did you mean '%s'? docs/catalogue.md lists them all",
                   nearest.best == NULL ? words[0] : nearest.best);
    return complain(s->why, -EINVAL, remedy, "'%.*s' is no %s", (int)word.size,
                    (const char *)word.data, key);
}

bool source_is_id(struct bytes id)
{
    for (size_t i = 0; i < id.size; i++) {
        uint8_t c = id.data[i];
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || i == 0) &&
            (c != '.' || i == 0))
            return false;
    }
    return id.size > 0 && id.size <= BOUND_PRODUCT_BYTES;
}

int source_get_class(const struct source *s, const struct yaml_node *map, const char *key,
                     Zb__LicenceClass *ret_class)
{
    static const char *const names[] = { "commercial", "oem-bound",  "free",  "open-source",
                                         "trial",      "prohibited", "system" };
    struct bytes word;
    int r = source_get_word(s, map, key, names, ARRAY_LEN(names), &word);
    if (r == 0)
        *ret_class = (Zb__LicenceClass)class_of(word);
    return r;
}

int source_no_memory(const struct source *s)
{
    return complain(s->why, -ENOMEM, "divide the catalogue", "needs more memory than it may have");
}

int source_item_text(const struct source *s, const struct yaml_node *node, struct bytes *ret_text)
{
    struct bytes text;
    int r = yaml_as_text(node, &text, s->why);
    if (r == 0)
        r = check_text(s, node, text);
    if (r == 0)
        *ret_text = text;
    return r;
}

/* ---- vendors --------------------------------------------------------------------------------- */

static int add_alias(const struct source *s, const struct yaml_node *node)
{
    struct cat_alias *alias;
    struct bytes text;
    int r = source_item_text(s, node, &text);
    if (r < 0 || text.size == 0)
        return r;
    alias = cat_add_alias(s->cat);
    if (alias == NULL)
        return source_no_memory(s);
    *alias = (struct cat_alias){ .vendor = s->vendor, .text = text };
    return 0;
}

static int read_aliases(const struct source *s, const struct yaml_node *map)
{
    const struct yaml_node *list = NULL, *zh = yaml_get(map, "name_zh");
    int r = add_alias(s, yaml_get(map, "name"));
    if (r == 0 && zh != NULL)
        r = add_alias(s, zh);
    if (r == 0)
        r = yaml_list(map, "aliases", YAML_OPTIONAL, &list, s->why);
    if (r < 0 || list == NULL)
        return r;
    YAML_EACH(item, list)
    {
        r = add_alias(s, item);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_origins(const struct source *s, const struct yaml_node *map)
{
    const struct yaml_node *list = NULL;
    Zb__LicenceClass licence_class = CLASS_UNKNOWN;
    int r = yaml_list(map, "origins", YAML_OPTIONAL, &list, s->why);
    if (r < 0 || list == NULL)
        return r;
    r = source_get_class(s, map, "packages", &licence_class);
    if (r < 0)
        return r;
    YAML_EACH(item, list)
    {
        struct bytes text;
        r = source_item_text(s, item, &text);
        if (r < 0)
            return r;
        struct cat_origin *origin = cat_add_origin(s->cat);
        if (origin == NULL)
            return source_no_memory(s);
        *origin = (struct cat_origin){ s->vendor, text, licence_class };
    }
    return 0;
}

/* The file is called by the vendor's id, so that a vendor has one place. */
static int check_file_name(const struct source *s, const struct yaml_node *root, const char *base)
{
    size_t stem = strlen(base) - strlen(".yaml");
    if (source_is_id(s->vendor) && bytes_eq(bytes_of(base, stem), s->vendor))
        return 0;
    yaml_place(yaml_get(root, "id"), s->why);
    return complain(s->why, -EINVAL, "name the file by the vendor's id",
                    "'%.*s' is not what the file is called", (int)s->vendor.size,
                    (const char *)s->vendor.data);
}

static int read_vendor(struct source *s, const struct yaml_node *root, const char *base)
{
    static const char *const keys[] = { "id",        "name",    "name_zh",  "aliases", "domestic",
                                        "anonymous", "origins", "packages", "products" };
    struct cat_vendor v = { .place = source_place(s, root) };
    int r = yaml_only_keys(root, keys, ARRAY_LEN(keys), s->why);
    if (r == 0)
        r = source_get_text(s, root, "id", YAML_REQUIRED, &v.id);
    if (r == 0)
        r = source_get_text(s, root, "name", YAML_REQUIRED, &v.name);
    if (r == 0)
        r = source_get_text(s, root, "name_zh", YAML_OPTIONAL, &v.name_zh);
    if (r == 0)
        r = source_get_bool(s, root, "domestic", &v.domestic);
    if (r == 0)
        r = source_get_bool(s, root, "anonymous", &v.anonymous);
    s->vendor = v.id;
    if (r == 0)
        r = check_file_name(s, root, base);
    if (r < 0)
        return r;
    struct cat_vendor *vendor = cat_add_vendor(s->cat);
    if (vendor == NULL)
        return source_no_memory(s);
    *vendor = v;
    r = v.anonymous ? 0 : read_aliases(s, root);
    if (r == 0)
        r = read_origins(s, root);
    const struct yaml_node *products = NULL;
    if (r == 0)
        r = yaml_list(root, "products", YAML_OPTIONAL, &products, s->why);
    if (r < 0 || products == NULL)
        return r;
    YAML_EACH(item, products)
    {
        r = source_read_product(s, item);
        if (r < 0)
            return r;
    }
    return 0;
}

int source_read_text(struct bytes text, const char *base, struct cat *cat, struct complaint *why)
{
    static const struct yaml_limits limits = { SOURCE_BYTES, SOURCE_NODES };
    const struct yaml_node *root = NULL;
    int r = yaml_parse(cat->arena, text, base, &limits, &root, why);
    if (r < 0)
        return r;
    struct source s = { .cat = cat, .file = root->file, .why = why };
    r = read_vendor(&s, root, base);
    return r == -ENOENT ? -EINVAL : r;
}

static int read_file(const char *dir, const char *base, struct cat *cat, struct complaint *why)
{
    char path[FILE_PATH_SIZE];
    struct bytes text;
    int r = path_join(path, sizeof(path), dir, base);
    if (r == 0)
        r = file_read(cat->arena, path, SOURCE_BYTES, &text, why);
    return r == 0 ? source_read_text(text, base, cat, why) : r;
}

static int is_yaml(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && bytes_ends_with(bytes_str(entry->d_name), BYTES_LIT(".yaml"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort: the order is no locale's affair */
}

int source_read(const char *dir, struct cat *cat, struct complaint *why)
{
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_yaml, by_name);
    if (n <= 0) {
        int r = n < 0 ? -errno : -ENOENT;
        free(entries);
        complaint_at(why, "%s", dir);
        return complain(why, r, "name a folder with one .yaml file per vendor",
                        n < 0 ? "cannot be read" : "holds no .yaml file");
    }
    int r = 0;
    for (int i = 0; i < n; i++) {
        if (r == 0)
            r = read_file(dir, entries[i]->d_name, cat, why);
        free(entries[i]);
    }
    free(entries);
    return r;
}
