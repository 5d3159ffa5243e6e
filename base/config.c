/* config.c - rows against a YAML tree: each row gets its node or its default; what no row claims
 * is refused. The complaint's remedy always comes from the row, so that it can be acted on. */
#include "base/config_impl.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"

/* ---- The tables themselves: a mistake there is a bug and stops the program at its first start. */

/* Position of a choice, or -ENOENT. */
static int64_t choice_find(const char *choices, struct bytes text)
{
    for (size_t i = 0; i < config_choice_count(choices); i++)
        if (bytes_eq(config_choice_at(choices, i), text))
            return (int64_t)i;
    return -ENOENT;
}

static void assert_row(const struct config_row *row)
{
    assert(row->key != NULL && row->key[0] != '\0' && strlen(row->key) < CONFIG_KEY_BYTES);
    assert(row->help != NULL && strchr(row->help, '\n') == NULL);
    switch (row->kind) {
    case CONFIG_INTEGER:
        assert(row->min <= row->max);
        assert(row->required || (row->default_int >= row->min && row->default_int <= row->max));
        return;
    case CONFIG_FLAG:
        assert(row->default_int == 0 || row->default_int == 1);
        return;
    case CONFIG_CHOICE:
        assert(row->choices != NULL);
        assert(row->required || choice_find(row->choices, bytes_str(row->default_text)) >= 0);
        return;
    case CONFIG_ITEMS:
        assert(row->item != NULL && row->n_item > 0);
        for (size_t i = 0; i < row->n_item; i++)
            assert(strcmp(row->item[i].key, "") != 0 && row->item[i].kind != CONFIG_ITEMS &&
                   row->item[i].kind != CONFIG_FOREIGN);
        return;
    case CONFIG_TEXT:
    case CONFIG_PATH:
    case CONFIG_TEXTS:
    case CONFIG_FOREIGN:
        return;
    }
    assert(false); /* a kind that does not exist */
}

/* "give …, for example …" into a complaint's remedy. */
static void set_remedy(struct complaint *why, const char *verb, const struct config_row *row)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(4096);
    buf_printf(&buf, "%s ", verb);
    config_put_expected(&buf, row);
    size_t without_example = buf.size;
    buf_put_str(&buf, ", for example ");
    if (row->example != NULL)
        buf_put_str(&buf, row->example);
    else if (!config_put_default(&buf, row))
        buf.size = without_example;
    if (buf_error(&buf) == 0)
        (void)text_printable(buf_bytes(&buf), why->remedy, sizeof(why->remedy)); /* cut is fine */
}

/* ---- Reading. */

struct reading {
    struct arena *arena;
    const char *file;
    struct complaint *why; /* never NULL */
};

static void place_key(const struct reading *rd, size_t line, const char *prefix, const char *key)
{
    complaint_at(rd->why, "%s line %zu, key '%s%s'", rd->file, line, prefix, key);
}

/* `what` is set already, or is given here; place and remedy are the row's. */
static int refuse_value(const struct reading *rd, const struct config *config,
                        const struct config_value *value, int r)
{
    if (r == -ENOMEM)
        return complain(rd->why, r, "divide the file", "needs more memory than it may have");
    place_key(rd, value->node->line, config->prefix, value->row->key);
    set_remedy(rd->why, "give", value->row);
    return r;
}

static bool is_steered(struct bytes text)
{
    while (text.size > 0) {
        uint32_t c;
        size_t len = text_utf8_next(text, &c);
        if (len == 0 || text_is_steering(c))
            return true;
        text = bytes_of(text.data + len, text.size - len);
    }
    return false;
}

static int read_text(const struct reading *rd, const struct yaml_node *node, int64_t min,
                     int64_t max, const char **ret_text)
{
    struct bytes text = { 0 };
    int r = yaml_as_text(node, &text, rd->why);
    if (r < 0)
        return r;
    if (text.size == 0 && min > 0)
        return complain(rd->why, -EINVAL, NULL, "is empty");
    if ((int64_t)text.size < min || (int64_t)text.size > max)
        return complain(rd->why, -ERANGE, NULL, "is %zu bytes long", text.size);
    if (is_steered(text))
        return complain(rd->why, -EINVAL, NULL,
                        "holds a line break, a control or a direction character");
    *ret_text = (const char *)text.data; /* the tree ends its scalars in NUL */
    return 0;
}

static int read_choice(const struct reading *rd, struct config_value *v)
{
    struct bytes text = { 0 };
    int r = yaml_as_text(v->node, &text, rd->why);
    if (r < 0)
        return r;
    v->integer = choice_find(v->row->choices, text);
    if (v->integer < 0)
        return complain(rd->why, -EINVAL, NULL, "'%.*s' is no choice", (int)text_cut(text, 120),
                        (const char *)text.data);
    v->text = (const char *)text.data;
    return 0;
}

/* A list of the right length, or an empty value for none. */
static int read_list(const struct reading *rd, struct config_value *v)
{
    const struct yaml_node *node = v->node;
    bool empty = node->kind == YAML_SCALAR && !node->quoted && node->scalar.size == 0;
    if (node->kind != YAML_LIST && !empty)
        return complain(rd->why, -EINVAL, NULL, "is no list");
    if ((int64_t)node->count < v->row->min || (int64_t)node->count > config_list_max(v->row))
        return complain(rd->why, -ERANGE, NULL, "has %zu items", node->count);
    v->count = node->count;
    return 0;
}

static int read_texts(const struct reading *rd, struct config_value *v)
{
    int r = read_list(rd, v);
    if (r < 0)
        return r;
    v->texts = arena_calloc(rd->arena, v->count, sizeof(*v->texts));
    if (v->texts == NULL)
        return -ENOMEM;
    size_t n = 0;
    for (const struct yaml_node *c = v->node->first; c != NULL && r == 0; c = c->next, n++) {
        r = read_text(rd, c, 1, CONFIG_TEXT_BYTES, &v->texts[n]);
        if (r < 0 && r != -ENOMEM) {
            char what[sizeof(rd->why->what)];
            memcpy(what, rd->why->what, sizeof(what));
            (void)complain(rd->why, r, NULL, "item %zu %s", n + 1, what);
        }
    }
    return r;
}

static int read_config(const struct reading *rd, const struct config_table *tables, size_t n_tables,
                       const struct yaml_node *map, const char *prefix,
                       const struct config **ret_config);

/* Item errors are complete complaints of the item's own rows: *ret_told. */
static int read_items(const struct reading *rd, const struct config *config, struct config_value *v,
                      bool *ret_told)
{
    int r = read_list(rd, v);
    if (r < 0)
        return r;
    v->items = arena_calloc(rd->arena, v->count, sizeof(*v->items));
    if (v->items == NULL)
        return -ENOMEM;
    const struct config_table table = { .rows = v->row->item, .n_rows = v->row->n_item };
    size_t n = 0;
    for (const struct yaml_node *c = v->node->first; c != NULL; c = c->next, n++) {
        const char *prefix =
            arena_printf(rd->arena, "%s%s[%zu].", config->prefix, v->row->key, n + 1);
        if (prefix == NULL)
            return -ENOMEM;
        if (c->kind != YAML_MAP)
            return complain(rd->why, -EINVAL, NULL, "item %zu is no map", n + 1);
        r = read_config(rd, &table, 1, c, prefix, &v->items[n]);
        if (r < 0) {
            *ret_told = true;
            return r;
        }
    }
    return 0;
}

static int read_value(const struct reading *rd, const struct config *config, struct config_value *v)
{
    const struct config_row *row = v->row;
    bool flag = false, told = false;
    int r = 0;
    switch (row->kind) {
    case CONFIG_INTEGER:
        r = yaml_as_int(v->node, row->min, row->max, &v->integer, rd->why);
        break;
    case CONFIG_FLAG:
        r = yaml_as_bool(v->node, &flag, rd->why);
        v->integer = flag;
        break;
    case CONFIG_CHOICE:
        r = read_choice(rd, v);
        break;
    case CONFIG_TEXT:
        r = read_text(rd, v->node, row->min, config_text_max(row), &v->text);
        break;
    case CONFIG_PATH:
        r = read_text(rd, v->node, config_default_text(row)[0] != '\0' || row->required,
                      FILE_PATH_SIZE - 1, &v->text);
        break;
    case CONFIG_TEXTS:
        r = read_texts(rd, v);
        break;
    case CONFIG_ITEMS:
        r = read_items(rd, config, v, &told);
        break;
    case CONFIG_FOREIGN:
        break;
    }
    return r < 0 && !told ? refuse_value(rd, config, v, r) : r;
}

static struct config_value *find_value(const struct config *config, const char *key)
{
    for (size_t i = 0; i < config->n_values; i++)
        if (strcmp(config->values[i].row->key, key) == 0)
            return &config->values[i];
    return NULL;
}

/* A row below that section, such as bus.port below bus; NULL if there is none. */
static const struct config_row *row_below(const struct config *config, const char *section)
{
    size_t n = strlen(section);
    for (size_t i = 0; i < config->n_values; i++) {
        const char *key = config->values[i].row->key;
        if (strncmp(key, section, n) == 0 && key[n] == '.')
            return config->values[i].row;
    }
    return NULL;
}

static int refuse_key(const struct reading *rd, const struct config *config, const char *key,
                      const struct yaml_node *node)
{
    place_key(rd, node->line, config->prefix, key);
    if (memchr(node->key.data, '.', node->key.size) != NULL)
        return complain(rd->why, -EINVAL,
                        "write the part before the dot as a section, the rest below it",
                        "has a dot in one key");
    struct text_nearest nearest = TEXT_NEAREST_INIT(bytes_str(key));
    for (size_t i = 0; i < config->n_values; i++)
        text_nearest_offer(&nearest, config->values[i].row->key);
    char remedy[CONFIG_KEY_BYTES + 32] = "delete it, or see the list of options for its name";
    if (nearest.best != NULL)
        (void)snprintf(remedy, sizeof(remedy), "did you mean '%s%s'?", config->prefix,
                       nearest.best);
    return complain(rd->why, -EINVAL, remedy, "is no known option");
}

/* The children of a map whose keys begin with `section` ("" at the top). */
static int read_section(const struct reading *rd, const struct config *config,
                        const struct yaml_node *map, const char *section)
{
    YAML_EACH(child, map)
    {
        const char *key = arena_printf(rd->arena, "%s%s%s", section, section[0] == '\0' ? "" : ".",
                                       (const char *)child->key.data);
        if (key == NULL)
            return complain(rd->why, -ENOMEM, "divide the file",
                            "needs more memory than it may have");
        bool has_dot = memchr(child->key.data, '.', child->key.size) != NULL;
        struct config_value *value = has_dot ? NULL : find_value(config, key);
        const struct config_row *below = has_dot ? NULL : row_below(config, key);
        int r;
        if (value != NULL) {
            value->node = child;
            r = read_value(rd, config, value);
        } else if (below == NULL) {
            r = refuse_key(rd, config, key, child);
        } else if (child->kind == YAML_MAP || yaml_as_map(child, NULL) == 0) {
            r = read_section(rd, config, child, key);
        } else {
            place_key(rd, child->line, config->prefix, key);
            char remedy[CONFIG_KEY_BYTES + 64];
            (void)snprintf(remedy, sizeof(remedy), "put its options below it, such as %s",
                           below->key);
            r = complain(rd->why, -EINVAL, remedy, "is a section, not an option");
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static int require_values(const struct reading *rd, const struct config *config)
{
    for (size_t i = 0; i < config->n_values; i++) {
        const struct config_value *v = &config->values[i];
        if (!v->row->required || v->node != NULL)
            continue;
        complaint_at(rd->why, "%s line %zu", rd->file, config->line);
        set_remedy(rd->why, "add it:", v->row);
        char remedy[sizeof(rd->why->remedy)];
        memcpy(remedy, rd->why->remedy, sizeof(remedy));
        return complain(rd->why, -ENOENT, remedy, "option '%s%s' is missing", config->prefix,
                        v->row->key);
    }
    return 0;
}

static void set_default(struct config_value *v)
{
    v->integer = v->row->default_int;
    v->text = config_default_text(v->row);
    if (v->row->kind == CONFIG_CHOICE && !v->row->required)
        v->integer = choice_find(v->row->choices, bytes_str(v->row->default_text));
}

static struct config *config_of(const struct reading *rd, const struct config_table *tables,
                                size_t n_tables, const char *prefix)
{
    size_t n = 0;
    for (size_t t = 0; t < n_tables; t++)
        n += tables[t].n_rows;
    struct config *config = arena_calloc(rd->arena, 1, sizeof(*config));
    struct config_value *values = arena_calloc(rd->arena, n, sizeof(*values));
    if (config == NULL || values == NULL)
        return NULL;
    *config = (struct config){ .file = rd->file, .prefix = prefix, .values = values };
    for (size_t t = 0; t < n_tables; t++)
        for (size_t i = 0; i < tables[t].n_rows; i++) {
            const struct config_row *row = &tables[t].rows[i];
            assert_row(row);
            assert(find_value(config, row->key) == NULL);
            struct config_value *v = &config->values[config->n_values++];
            v->row = row;
            set_default(v);
        }
    return config;
}

static int read_config(const struct reading *rd, const struct config_table *tables, size_t n_tables,
                       const struct yaml_node *map, const char *prefix,
                       const struct config **ret_config)
{
    struct config *config = config_of(rd, tables, n_tables, prefix);
    if (config == NULL)
        return complain(rd->why, -ENOMEM, "divide the file", "needs more memory than it may have");
    config->line = map->line;
    int r = read_section(rd, config, map, "");
    if (r == 0)
        r = require_values(rd, config);
    if (r == 0)
        *ret_config = config;
    return r;
}

int config_parse(struct arena *arena, const struct config_table *tables, size_t n_tables,
                 struct bytes text, const char *file, const struct config **ret_config,
                 struct complaint *why)
{
    static const struct yaml_limits limits = { CONFIG_FILE_BYTES, CONFIG_FILE_NODES };
    struct complaint unread;
    struct reading rd = { .arena = arena, .why = why == NULL ? &unread : why };
    const struct yaml_node *root = NULL;
    int r = yaml_parse(arena, text, file, &limits, &root, rd.why);
    if (r == 0)
        r = yaml_as_map(root, rd.why);
    if (r < 0)
        return r;
    rd.file = root->file;
    return read_config(&rd, tables, n_tables, root, "", ret_config);
}

int config_load(struct arena *arena, const struct config_table *tables, size_t n_tables,
                const char *path, const struct config **ret_config, struct complaint *why)
{
    struct bytes text;
    int r = file_read(arena, path, CONFIG_FILE_BYTES, &text, why);
    if (r < 0)
        return r;
    return config_parse(arena, tables, n_tables, text, path, ret_config, why);
}

/* ---- Getters. */

static const struct config_value *value_of(const struct config *config, const char *key,
                                           enum config_kind kind)
{
    const struct config_value *v = find_value(config, key);
    assert(v != NULL && v->row->kind == kind);
    return v;
}

int64_t config_int(const struct config *config, const char *key)
{
    return value_of(config, key, CONFIG_INTEGER)->integer;
}

bool config_flag(const struct config *config, const char *key)
{
    return value_of(config, key, CONFIG_FLAG)->integer != 0;
}

const char *config_text(const struct config *config, const char *key)
{
    const struct config_value *v = find_value(config, key);
    assert(v != NULL);
    assert(v->row->kind == CONFIG_TEXT || v->row->kind == CONFIG_CHOICE ||
           v->row->kind == CONFIG_PATH);
    return v->text;
}

size_t config_choice(const struct config *config, const char *key)
{
    return (size_t)value_of(config, key, CONFIG_CHOICE)->integer;
}

size_t config_texts(const struct config *config, const char *key)
{
    return value_of(config, key, CONFIG_TEXTS)->count;
}

const char *config_text_at(const struct config *config, const char *key, size_t index)
{
    const struct config_value *v = value_of(config, key, CONFIG_TEXTS);
    assert(index < v->count);
    return v->texts[index];
}

size_t config_items(const struct config *config, const char *key)
{
    return value_of(config, key, CONFIG_ITEMS)->count;
}

const struct config *config_item(const struct config *config, const char *key, size_t index)
{
    const struct config_value *v = value_of(config, key, CONFIG_ITEMS);
    assert(index < v->count);
    return v->items[index];
}

bool config_is_set(const struct config *config, const char *key)
{
    const struct config_value *v = find_value(config, key);
    assert(v != NULL);
    return v->node != NULL;
}

void config_place(const struct config *config, const char *key, struct complaint *why)
{
    const struct config_value *v = find_value(config, key);
    assert(v != NULL);
    if (v->node == NULL)
        complaint_at(why, "%s, key '%s%s'", config->file, config->prefix, key);
    else
        complaint_at(why, "%s line %zu, key '%s%s'", config->file, v->node->line, config->prefix,
                     key);
}
