/* config.h - configuration as tables: each option is a row with kind, range, default, unit, help.
 *
 * One YAML file serves all programs of a home. Nested maps are dotted keys: `credit_bytes` inside
 * `bus:` is "bus.credit_bytes". A program joins the tables of the libraries it uses; what the rows
 * do not name is refused with the nearest key that they do. Sections of other programs are
 * CONFIG_FOREIGN rows. The loaded values never change. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"

enum { CONFIG_FILE_BYTES = 1024 * 1024, CONFIG_FILE_NODES = 20000 };

enum config_kind {
    CONFIG_INTEGER, /* [min, max], default_int */
    CONFIG_TEXT,    /* min to max bytes (max 0: 4096), default_text */
    CONFIG_FLAG,    /* yes or no; default_int 1 or 0 */
    CONFIG_CHOICE,  /* one of `choices`, default_text */
    CONFIG_PATH,    /* text, not empty unless the default is; relative paths are the reader's */
    CONFIG_TEXTS,   /* list of texts, min to max of them (max 0: 1024), empty by default */
    CONFIG_ITEMS, /* list of maps, min to max of them (max 0: 1024), each with rows item[n_item] */
    CONFIG_FOREIGN, /* a section that another program reads: accepted unread */
};

struct config_row {
    const char *key; /* dotted, lower case */
    enum config_kind kind;
    bool required; /* no default: the file must give it */
    bool secret;   /* config_print does not show the value */
    int64_t min;
    int64_t max;
    int64_t default_int;
    const char *default_text;
    const char *unit;              /* "bytes", "working days"; NULL without */
    const char *choices;           /* CONFIG_CHOICE: "error|warning|notice" */
    const char *help;              /* one sentence */
    const char *example;           /* as written after the key; NULL: the default serves */
    const struct config_row *item; /* CONFIG_ITEMS */
    size_t n_item;
};

struct config_table {
    const char *title; /* heading of the reference: "Bus" */
    const struct config_row *rows;
    size_t n_rows;
};

struct config;

/* config_load - reads and checks the file against the joined tables.
 * Errors: -EINVAL, -ERANGE, -ENOENT a value or key; -EFBIG the limits above; file_read's. `why`
 *         gives file, line and key, the fault, and what was expected with an example.
 * Owns:   the arena; the tables must outlive it. Two rows of one key are a bug. */
int config_load(struct arena *arena, const struct config_table *tables, size_t n_tables,
                const char *path, const struct config **ret_config, struct complaint *why);

/* config_parse - the same from memory; `file` names it in complaints. */
int config_parse(struct arena *arena, const struct config_table *tables, size_t n_tables,
                 struct bytes text, const char *file, const struct config **ret_config,
                 struct complaint *why);

/* Getters: the file's value, else the default. A key that no row has, or has with another kind, is
 * a bug. Texts live as long as the config. config_text serves TEXT, CHOICE and PATH. */
int64_t config_int(const struct config *config, const char *key);
bool config_flag(const struct config *config, const char *key);
const char *config_text(const struct config *config, const char *key);

/* config_choice - the position of the value in the row's choices, from 0. */
size_t config_choice(const struct config *config, const char *key);

/* config_texts, config_items - how many; the others: one of them, index below that number. An item
 * is a config of its own rows. */
size_t config_texts(const struct config *config, const char *key);
const char *config_text_at(const struct config *config, const char *key, size_t index);
size_t config_items(const struct config *config, const char *key);
const struct config *config_item(const struct config *config, const char *key, size_t index);

/* config_is_set - whether the file gave the key. */
bool config_is_set(const struct config *config, const char *key);

/* config_place - sets the place of `why` to where the key stands (the file alone for a default),
 * for checks that only the reader can make. */
void config_place(const struct config *config, const char *key, struct complaint *why);

/* config_print - the values in force as YAML that config_load accepts again, each with a comment:
 * help, range, unit, default. Secrets and foreign sections are left out, saying so. */
void config_print(const struct config *config, struct buf *buf);

/* config_reference - the tables as Markdown, for the manual. */
void config_reference(const struct config_table *tables, size_t n_tables, struct buf *buf);

#endif
