/* source.h - inside the matcher: what the readers of a vendor's file share. */
#ifndef MATCHER_SOURCE_H
#define MATCHER_SOURCE_H

#include "base/yaml.h"
#include "matcher/model.h"

/* One file being read. */
struct source {
    struct cat *cat;
    const char *file; /* the name shown in complaints */
    struct bytes vendor;
    struct complaint *why;
};

/* Getters of this schema: text is on one line, absent optional text is empty. A missing required key
 * is -EINVAL. */
int source_get_text(const struct source *s, const struct yaml_node *map, const char *key,
                    enum yaml_need need, struct bytes *ret_text);
int source_get_bool(const struct source *s, const struct yaml_node *map, const char *key,
                    bool *ret_value);

/* A required word of a list; the complaint names the nearest. */
int source_get_word(const struct source *s, const struct yaml_node *map, const char *key,
                    const char *const *words, size_t n, struct bytes *ret_word);
int source_get_class(const struct source *s, const struct yaml_node *map, const char *key,
                     Zb__LicenceClass *ret_class);

/* The text of a list's item, checked as above. */
int source_item_text(const struct source *s, const struct yaml_node *node, struct bytes *ret_text);

struct place source_place(const struct source *s, const struct yaml_node *node);
int source_no_memory(const struct source *s);
bool source_is_id(struct bytes id);

/* source_read_product - one item of `products` with its names and fingerprints. */
int source_read_product(const struct source *s, const struct yaml_node *map);

#endif
