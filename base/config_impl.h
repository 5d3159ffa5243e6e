/* config_impl.h - what config.c (reading, getters) and config_print.c (words, printing) share.
 * Nobody else includes it. */
#ifndef BASE_CONFIG_IMPL_H
#define BASE_CONFIG_IMPL_H

#include "base/config.h"
#include "base/yaml.h"

enum {
    CONFIG_TEXT_BYTES = 4096, /* where a row says 0 */
    CONFIG_LIST_COUNT = 1024,
    CONFIG_KEY_BYTES = 200, /* dotted, with the items on the way */
};

struct config_value {
    const struct config_row *row;
    const struct yaml_node *node; /* NULL: not in the file */
    int64_t integer;              /* INTEGER, FLAG; CHOICE: position */
    const char *text;             /* TEXT, CHOICE, PATH; never NULL then */
    size_t count;                 /* TEXTS, ITEMS */
    const char **texts;
    const struct config **items;
};

struct config {
    const char *file;
    const char *prefix; /* "", or "collectors[2]." for an item; for complaints */
    size_t line;        /* where it begins in the file */
    size_t n_values;
    struct config_value *values; /* one per row, in the order of the tables */
};

static inline const char *config_default_text(const struct config_row *row)
{
    return row->default_text == NULL ? "" : row->default_text;
}

static inline int64_t config_text_max(const struct config_row *row)
{
    return row->max > 0 ? row->max : CONFIG_TEXT_BYTES;
}

static inline int64_t config_list_max(const struct config_row *row)
{
    return row->max > 0 ? row->max : CONFIG_LIST_COUNT;
}

/* config_choice_count, config_choice_at - the parts of "error|warning|info"; they lie in it. */
size_t config_choice_count(const char *choices);
struct bytes config_choice_at(const char *choices, size_t index);

/* config_put_expected - "a whole number from 1 to 30 (working days)". */
void config_put_expected(struct buf *buf, const struct config_row *row);

/* config_put_default - the row's default as it would be written; false where it has none. */
bool config_put_default(struct buf *buf, const struct config_row *row);

#endif
