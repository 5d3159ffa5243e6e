/* config_print.c - rows and values in words: what was expected, what is in force, the reference. */
#include "base/config_impl.h"

#include <inttypes.h>
#include <stdio.h>

size_t config_choice_count(const char *choices)
{
    size_t n = 1;
    for (; *choices != '\0'; choices++)
        n += *choices == '|';
    return n;
}

/* The choice at that position; its bytes lie in the row. */
struct bytes config_choice_at(const char *choices, size_t index)
{
    for (; index > 0; index--)
        choices = strchr(choices, '|') + 1;
    return bytes_of(choices, strcspn(choices, "|"));
}

/* ---- What was expected, in words. */

static void put_choices(struct buf *buf, const char *choices)
{
    for (size_t i = 0; i < config_choice_count(choices); i++) {
        struct bytes choice = config_choice_at(choices, i);
        buf_printf(buf, "%s%.*s", i == 0 ? "" : ", ", (int)choice.size, (const char *)choice.data);
    }
}

static void put_item_keys(struct buf *buf, const struct config_row *row)
{
    for (size_t i = 0; i < row->n_item; i++)
        buf_printf(buf, "%s%s", i == 0 ? "" : ", ", row->item[i].key);
}

void config_put_expected(struct buf *buf, const struct config_row *row)
{
    switch (row->kind) {
    case CONFIG_INTEGER:
        buf_printf(buf, "a whole number from %" PRId64 " to %" PRId64, row->min, row->max);
        break;
    case CONFIG_FLAG:
        buf_put_str(buf, "yes or no");
        break;
    case CONFIG_CHOICE:
        buf_put_str(buf, "one of ");
        put_choices(buf, row->choices);
        break;
    case CONFIG_TEXT:
        buf_printf(buf, "a text of %" PRId64 " to %" PRId64 " bytes", row->min,
                   config_text_max(row));
        break;
    case CONFIG_PATH:
        buf_put_str(buf, "a path");
        break;
    case CONFIG_TEXTS:
        buf_printf(buf, "a list of %" PRId64 " to %" PRId64 " texts", row->min,
                   config_list_max(row));
        break;
    case CONFIG_ITEMS:
        buf_printf(buf, "a list of %" PRId64 " to %" PRId64 " maps with the keys ", row->min,
                   config_list_max(row));
        put_item_keys(buf, row);
        break;
    case CONFIG_FOREIGN:
        buf_put_str(buf, "a section of another program");
        break;
    }
    if (row->unit != NULL)
        buf_printf(buf, " (%s)", row->unit);
}

/* How a value stands behind its key: quoted where YAML could read it otherwise. */
static void put_quoted(struct buf *buf, const char *text)
{
    buf_put_u8(buf, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_put_u8(buf, '\\');
        buf_put_u8(buf, (uint8_t)*text);
    }
    buf_put_u8(buf, '"');
}

bool config_put_default(struct buf *buf, const struct config_row *row)
{
    if (row->required)
        return false;
    switch (row->kind) {
    case CONFIG_INTEGER:
        buf_printf(buf, "%" PRId64, row->default_int);
        return true;
    case CONFIG_FLAG:
        buf_put_str(buf, row->default_int != 0 ? "yes" : "no");
        return true;
    case CONFIG_CHOICE:
        buf_put_str(buf, row->default_text);
        return true;
    case CONFIG_TEXT:
    case CONFIG_PATH:
        if (config_default_text(row)[0] == '\0')
            return false;
        put_quoted(buf, row->default_text);
        return true;
    case CONFIG_TEXTS:
    case CONFIG_ITEMS:
    case CONFIG_FOREIGN:
        return false;
    }
    return false;
}

/* ---- Printing. */

static void indent(struct buf *buf, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        buf_put_str(buf, "  ");
}

static void print_values(const struct config *config, struct buf *buf, const char *section,
                         size_t depth);

/* Whether there is something to print behind the key. An option that is neither given nor has a
 * default stays a comment. */
static bool has_value(const struct config_value *v)
{
    const struct config_row *row = v->row;
    if (row->secret || row->kind == CONFIG_FOREIGN)
        return false;
    if (v->node != NULL || row->kind == CONFIG_INTEGER || row->kind == CONFIG_FLAG)
        return true;
    return (row->kind == CONFIG_TEXT || row->kind == CONFIG_PATH || row->kind == CONFIG_CHOICE) &&
           v->text[0] != '\0';
}

static bool has_any_value(const struct config *config)
{
    for (size_t i = 0; i < config->n_values; i++)
        if (has_value(&config->values[i]))
            return true;
    return false;
}

static void print_items(const struct config_value *v, struct buf *buf, size_t depth)
{
    buf_put_str(buf, v->count == 0 ? "[]\n" : "\n");
    for (size_t i = 0; i < v->count; i++) {
        indent(buf, depth + 1);
        /* Comments alone would not make it a map. */
        buf_put_str(buf, has_any_value(v->items[i]) ? "-\n" : "- {}\n");
        print_values(v->items[i], buf, "", depth + 2);
    }
}

static void print_texts(const struct config_value *v, struct buf *buf)
{
    buf_put_u8(buf, '[');
    for (size_t i = 0; i < v->count; i++) {
        buf_put_str(buf, i == 0 ? "" : ", ");
        put_quoted(buf, v->texts[i]);
    }
    buf_put_str(buf, "]\n");
}

static void print_comment(const struct config_value *v, struct buf *buf, size_t depth)
{
    const struct config_row *row = v->row;
    indent(buf, depth);
    buf_printf(buf, "# %s\n", row->help);
    if (row->kind == CONFIG_FOREIGN)
        return;
    indent(buf, depth);
    buf_put_str(buf, "# Takes ");
    config_put_expected(buf, row);
    size_t without_default = buf->size;
    buf_put_str(buf, "; default ");
    if (!config_put_default(buf, row) && buf_error(buf) == 0)
        buf->size = without_default;
    buf_put_str(buf, row->required ? "; required.\n" : ".\n");
}

static void print_value(const struct config_value *v, struct buf *buf, const char *name,
                        size_t depth)
{
    print_comment(v, buf, depth);
    indent(buf, depth);
    if (!has_value(v)) {
        buf_printf(buf, "# %s: %s\n", name,
                   v->row->kind == CONFIG_FOREIGN ? "(of another program)"
                   : !v->row->secret              ? "(not set)"
                   : v->node == NULL              ? "(secret, not set)"
                                                  : "(secret, not shown)");
        return;
    }
    buf_printf(buf, "%s: ", name);
    switch (v->row->kind) {
    case CONFIG_INTEGER:
        buf_printf(buf, "%" PRId64 "\n", v->integer);
        return;
    case CONFIG_FLAG:
        buf_put_str(buf, v->integer != 0 ? "yes\n" : "no\n");
        return;
    case CONFIG_CHOICE:
    case CONFIG_TEXT:
    case CONFIG_PATH:
        put_quoted(buf, v->text);
        buf_put_u8(buf, '\n');
        return;
    case CONFIG_TEXTS:
        print_texts(v, buf);
        return;
    case CONFIG_ITEMS:
        print_items(v, buf, depth);
        return;
    case CONFIG_FOREIGN:
        return;
    }
}

/* What follows the section in a key: "credit.bytes" of "bus.credit.bytes" below "bus"; NULL for a
 * key that is elsewhere. */
static const char *key_below(const char *key, const char *section)
{
    size_t n = strlen(section);
    if (n == 0)
        return key;
    return strncmp(key, section, n) == 0 && key[n] == '.' ? key + n + 1 : NULL;
}

/* Whether a row before this one is in the same subsection, so that it has been printed there. */
static bool was_printed(const struct config *config, size_t index, const char *subsection)
{
    for (size_t i = 0; i < index; i++)
        if (key_below(config->values[i].row->key, subsection) != NULL)
            return true;
    return false;
}

static void print_values(const struct config *config, struct buf *buf, const char *section,
                         size_t depth)
{
    for (size_t i = 0; i < config->n_values; i++) {
        const struct config_value *v = &config->values[i];
        const char *name = key_below(v->row->key, section);
        if (name == NULL)
            continue;
        const char *dot = strchr(name, '.');
        if (dot == NULL) {
            print_value(v, buf, name, depth);
            continue;
        }
        char subsection[CONFIG_KEY_BYTES];
        *(char *)mempcpy(subsection, v->row->key, (size_t)(dot - v->row->key)) = '\0';
        if (was_printed(config, i, subsection))
            continue;
        indent(buf, depth);
        buf_printf(buf, "%.*s:\n", (int)(dot - name), name);
        print_values(config, buf, subsection, depth + 1);
    }
}

void config_print(const struct config *config, struct buf *buf)
{
    print_values(config, buf, "", 0);
}

/* A table cell: '|' would end it. */
static void put_cell(struct buf *buf, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buf_put_u8(buf, '\\');
        buf_put_u8(buf, (uint8_t)*text);
    }
}

static void reference_row(const struct config_row *row, const char *prefix, struct buf *buf)
{
    buf_printf(buf, "| `%s%s` | ", prefix, row->key);
    config_put_expected(buf, row);
    buf_put_str(buf, " | ");
    CLEANUP(buf_done) struct buf value = BUF_INIT(CONFIG_TEXT_BYTES + 16);
    if (row->required)
        buf_put_str(buf, "required");
    else if (config_put_default(&value, row))
        buf_printf(buf, "`%.*s`", (int)value.size, (const char *)value.data);
    buf_put_str(buf, " | ");
    put_cell(buf, row->help);
    if (row->example != NULL) {
        buf_put_str(buf, " Example: `");
        put_cell(buf, row->example);
        buf_put_u8(buf, '`');
    }
    buf_put_str(buf, " |\n");
    char below[CONFIG_KEY_BYTES + 4];
    (void)snprintf(below, sizeof(below), "%s[].", row->key); /* fits: assert_row */
    for (size_t i = 0; i < row->n_item; i++)
        reference_row(&row->item[i], below, buf);
}

void config_reference(const struct config_table *tables, size_t n_tables, struct buf *buf)
{
    for (size_t t = 0; t < n_tables; t++) {
        buf_printf(buf, "%s## %s\n\n", t == 0 ? "" : "\n", tables[t].title);
        buf_put_str(buf, "| option | takes | default | meaning |\n|---|---|---|---|\n");
        for (size_t i = 0; i < tables[t].n_rows; i++)
            reference_row(&tables[t].rows[i], "", buf);
    }
}
