/* yaml.h - a YAML document as a bounded tree, and typed getters that say what is wrong where.
 *
 * For text that people write: catalogue, calendar, policy, configuration. Plain data only: no
 * anchor, alias, tag, merge or second document; keys are unique scalars. Everything is UTF-8
 * without NUL. The tree lives in the arena. */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"

enum { YAML_DEPTH_MAX = 16 }; /* maps and lists inside one another */

enum yaml_kind { YAML_SCALAR, YAML_MAP, YAML_LIST };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted;             /* scalar: in quotes or a block, so text whatever it looks like */
    struct bytes scalar;     /* scalar: its text; a NUL follows, not counted */
    struct bytes key;        /* child of a map: its key; child of a list: the key of the list */
    size_t index;            /* child of a list: 1 for the first; else 0 */
    size_t line;             /* where it begins, from 1; for a child of a map, where its key does */
    size_t column;           /* in characters, from 1 */
    size_t count;            /* map, list: children */
    struct yaml_node *first; /* map, list: children in the order of the text */
    struct yaml_node *next;  /* the next child of the same parent */
    const char *file;        /* the name given to yaml_parse; NULL if none */
};

struct yaml_limits {
    size_t bytes; /* of text */
    size_t nodes; /* maps, lists and scalars together, keys not counted */
};

/* yaml_parse - the one document in `text`; a text without any is an empty map.
 * `file` (may be NULL) begins the place of every complaint; it and the text need not outlive the
 * call.
 * Errors: -EFBIG more bytes or nodes than the limits; -EINVAL anything else in the text;
 *         -ENOMEM the arena's cap. `why` says which and where (also for -ENOMEM).
 * Owns:   the arena. */
int yaml_parse(struct arena *arena, struct bytes text, const char *file,
               const struct yaml_limits *limits, const struct yaml_node **ret_root,
               struct complaint *why);

/* yaml_get - the child of that key; NULL if there is none or `map` is no map. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* YAML_EACH - for (const struct yaml_node *child …) over the children of a map or list; a scalar
 * has none. */
// NOLINTBEGIN(bugprone-macro-parentheses): a variable that is declared cannot stand in parentheses
#define YAML_EACH(child, parent) \
    for (const struct yaml_node *child = (parent)->first; child != NULL; child = child->next)
// NOLINTEND(bugprone-macro-parentheses)

/* yaml_place - sets the place of `why`: "FILE line 12, key 'x'" (or "item 3 of 'x'"). */
void yaml_place(const struct yaml_node *node, struct complaint *why);

enum yaml_need {
    YAML_OPTIONAL, /* absent: 0, output untouched */
    YAML_REQUIRED, /* absent: -ENOENT and a complaint */
};

/* yaml_text … yaml_map - the value of a key. A key without value ("x:") is empty text, an empty
 * list and an empty map.
 * Errors: -EINVAL of the wrong type or form; -ERANGE outside [min, max]; -ENOENT as above; outputs
 *         untouched, `why` (may be NULL) says place, fault, what was expected.
 * Owns:   results lie in the tree. */
int yaml_text(const struct yaml_node *map, const char *key, enum yaml_need need,
              struct bytes *ret_text, struct complaint *why);
int yaml_int(const struct yaml_node *map, const char *key, enum yaml_need need, int64_t min,
             int64_t max, int64_t *ret_value, struct complaint *why);
int yaml_bool(const struct yaml_node *map, const char *key, enum yaml_need need, bool *ret_value,
              struct complaint *why);
int yaml_date(const struct yaml_node *map, const char *key, enum yaml_need need, int32_t *ret_day,
              struct complaint *why);
int yaml_list(const struct yaml_node *map, const char *key, enum yaml_need need,
              const struct yaml_node **ret_list, struct complaint *why);
int yaml_map(const struct yaml_node *map, const char *key, enum yaml_need need,
             const struct yaml_node **ret_map, struct complaint *why);

/* yaml_as_* - the same for a node in hand, such as an item of a list. Booleans are true, false,
 * yes and no in lower case; integers are decimal, with "_" between digits allowed. */
int yaml_as_text(const struct yaml_node *node, struct bytes *ret_text, struct complaint *why);
int yaml_as_int(const struct yaml_node *node, int64_t min, int64_t max, int64_t *ret_value,
                struct complaint *why);
int yaml_as_bool(const struct yaml_node *node, bool *ret_value, struct complaint *why);
int yaml_as_date(const struct yaml_node *node, int32_t *ret_day, struct complaint *why);
int yaml_as_map(const struct yaml_node *node, struct complaint *why);

/* yaml_only_keys - refuses a map with a key that is not among keys[n], naming the nearest one.
 * Errors: -EINVAL, also when `map` is no map. */
int yaml_only_keys(const struct yaml_node *map, const char *const *keys, size_t n,
                   struct complaint *why);

#endif
