/* yaml.c - libyaml's events into a tree in the caller's arena.
 *
 * libyaml is used rather than libcyaml: our own tables (config.h, the catalogue's readers) must
 * name line, key, range and an example in what they complain about, and bound depth and nodes
 * before anything is built; a schema library would say it in its own words and after the fact.
 *
 * Must never build anything of an anchor, alias or tag: aliases make a small text a large tree. */
#include "base/yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <yaml.h>

#include "base/civil.h"

/* A map or list that is open while its children come. */
struct level {
    struct yaml_node *node;
    struct yaml_node *last; /* NULL before the first child */
    bool has_key;           /* map: the key below waits for its value */
    struct bytes key;
    size_t key_line;
    size_t key_column;
};

struct builder {
    struct arena *arena;
    const char *file; /* in the arena, or NULL */
    struct bytes text;
    size_t nodes_left;
    size_t depth; /* open levels */
    struct level levels[YAML_DEPTH_MAX];
    struct yaml_node *root;
    struct complaint *why;
};

static void place_at(const struct builder *b, size_t line, size_t column)
{
    complaint_at(b->why, "%s%sline %zu, column %zu", b->file == NULL ? "" : b->file,
                 b->file == NULL ? "" : " ", line, column);
}

static void place_mark(const struct builder *b, yaml_mark_t mark)
{
    place_at(b, mark.line + 1, mark.column + 1);
}

static int no_memory(const struct builder *b)
{
    return complain(b->why, -ENOMEM, "divide the file", "needs more memory than it may have");
}

/* Bytes that are no UTF-8 text, or characters that YAML does not allow: where the first is. */
static void place_offset(const struct builder *b, size_t offset)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < offset && i < b->text.size; i++) {
        if (b->text.data[i] == '\n') {
            line++;
            column = 1;
        } else if ((b->text.data[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    place_at(b, line, column);
}

static int check_utf8(const struct builder *b)
{
    struct bytes rest = b->text;
    while (rest.size > 0) {
        uint32_t c;
        size_t len = text_utf8_next(rest, &c);
        if (len == 0 || c == 0) {
            place_offset(b, b->text.size - rest.size);
            return complain(b->why, -EINVAL, "save the file as UTF-8",
                            len == 0 ? "is no UTF-8" : "is a NUL byte");
        }
        rest = bytes_of(rest.data + len, rest.size - len);
    }
    return 0;
}

/* What libyaml refused, in its words. */
static int parser_error(const struct builder *b, const yaml_parser_t *parser)
{
    switch (parser->error) {
    case YAML_MEMORY_ERROR:
        return no_memory(b);
    case YAML_READER_ERROR:
        place_offset(b, parser->problem_offset);
        return complain(b->why, -EINVAL, "delete the character", "is not YAML: %s",
                        parser->problem);
    default:
        place_mark(b, parser->problem_mark);
        return complain(b->why, -EINVAL,
                        "indent with blanks, never tabs; put texts that hold ':' or '#' in quotes",
                        "is not YAML: %s", parser->problem);
    }
}

static int refuse_event(const struct builder *b, const yaml_event_t *event, const char *what,
                        const char *remedy)
{
    place_mark(b, event->start_mark);
    return complain(b->why, -EINVAL, remedy, "%s", what);
}

/* A new node at the event's place, hung below the innermost open level. */
static int add_node(struct builder *b, const yaml_event_t *event, enum yaml_kind kind,
                    struct yaml_node **ret_node)
{
    if (b->nodes_left == 0) {
        place_mark(b, event->start_mark);
        return complain(b->why, -EFBIG, "divide the file",
                        "is one value more than a file may hold");
    }
    b->nodes_left--;
    struct yaml_node *node = arena_calloc(b->arena, 1, sizeof(*node));
    if (node == NULL)
        return no_memory(b);
    *node = (struct yaml_node){
        .kind = kind,
        .line = event->start_mark.line + 1,
        .column = event->start_mark.column + 1,
        .file = b->file,
    };
    *ret_node = node;
    if (b->depth == 0) {
        b->root = node;
        return 0;
    }
    struct level *level = &b->levels[b->depth - 1];
    if (level->node->kind == YAML_MAP) {
        node->key = level->key;
        node->line = level->key_line;
        node->column = level->key_column;
        level->has_key = false;
    } else {
        node->key = level->node->key;
        node->index = level->node->count + 1;
    }
    *(level->last == NULL ? &level->node->first : &level->last->next) = node;
    level->last = node;
    level->node->count++;
    return 0;
}

static int add_key(struct builder *b, struct level *level, const yaml_event_t *event,
                   struct bytes text)
{
    if (text.size == 0)
        return refuse_event(b, event, "is a key without a name", "name the key");
    level->has_key = true;
    level->key = text;
    level->key_line = event->start_mark.line + 1;
    level->key_column = event->start_mark.column + 1;
    return 0;
}

static bool expects_key(const struct builder *b)
{
    return b->depth > 0 && b->levels[b->depth - 1].node->kind == YAML_MAP &&
           !b->levels[b->depth - 1].has_key;
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
    if (event->data.scalar.anchor != NULL)
        return refuse_event(b, event, "is an anchor (&)", "write the value out where it is used");
    if (event->data.scalar.tag != NULL)
        return refuse_event(b, event, "is a tag (!)", "put a text that begins with '!' in quotes");
    struct bytes text = bytes_of(event->data.scalar.value, event->data.scalar.length);
    if (!text_is_utf8(text))
        return refuse_event(b, event, "holds a NUL character", "delete the escape \\0");
    text.data = (const uint8_t *)arena_strdup(b->arena, text);
    if (text.data == NULL)
        return no_memory(b);
    if (expects_key(b))
        return add_key(b, &b->levels[b->depth - 1], event, text);
    struct yaml_node *node;
    int r = add_node(b, event, YAML_SCALAR, &node);
    if (r < 0)
        return r;
    node->scalar = text;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return 0;
}

static int on_open(struct builder *b, const yaml_event_t *event, enum yaml_kind kind)
{
    bool is_map = kind == YAML_MAP;
    const yaml_char_t *anchor =
        is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    const yaml_char_t *tag =
        is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    if (anchor != NULL)
        return refuse_event(b, event, "is an anchor (&)", "write the value out where it is used");
    if (tag != NULL)
        return refuse_event(b, event, "is a tag (!)", "leave the tag out");
    if (expects_key(b))
        return refuse_event(b, event, "is a key that is itself a list or map",
                            "put the key in quotes");
    if (b->depth == YAML_DEPTH_MAX)
        return refuse_event(b, event, "is a list or map inside sixteen others", "nest less deeply");
    struct yaml_node *node;
    int r = add_node(b, event, kind, &node);
    if (r == 0)
        b->levels[b->depth++] = (struct level){ .node = node };
    return r;
}

static int compare_keys(const void *a, const void *b)
{
    const struct yaml_node *x = *(struct yaml_node *const *)a;
    const struct yaml_node *y = *(struct yaml_node *const *)b;
    int c = bytes_cmp(x->key, y->key);
    if (c == 0)
        c = (x->line > y->line) - (x->line < y->line);
    return c != 0 ? c : (x->column > y->column) - (x->column < y->column);
}

/* Whether a complete map has a key twice; sorting keeps a hostile map from costing its square. */
static int check_keys(const struct builder *b, const struct yaml_node *map)
{
    struct arena_mark mark = arena_mark(b->arena);
    const struct yaml_node **sorted = arena_calloc(b->arena, map->count, sizeof(*sorted));
    if (sorted == NULL)
        return no_memory(b);
    size_t n = 0;
    YAML_EACH(child, map)
    sorted[n++] = child;
    qsort(sorted, n, sizeof(*sorted), compare_keys);
    int r = 0;
    for (size_t i = 1; i < n && r == 0; i++)
        if (bytes_eq(sorted[i - 1]->key, sorted[i]->key)) {
            yaml_place(sorted[i], b->why);
            r = complain(b->why, -EINVAL, "keep one of the two", "was given already in line %zu",
                         sorted[i - 1]->line);
        }
    arena_rewind(b->arena, mark);
    return r;
}

static int on_close(struct builder *b)
{
    struct yaml_node *node = b->levels[--b->depth].node;
    return node->kind == YAML_MAP && node->count > 1 ? check_keys(b, node) : 0;
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->root != NULL)
            return refuse_event(b, event, "is the beginning of a second document (---)",
                                "put it into a file of its own");
        return 0;
    case YAML_ALIAS_EVENT:
        return refuse_event(b, event, "is an alias (*)",
                            "write the value out; put a text that begins with '*' in quotes");
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, event, YAML_LIST);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, event, YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(b);
    default:
        return 0; /* stream and document frames say nothing */
    }
}

static int take_events(struct builder *b, yaml_parser_t *parser)
{
    for (bool at_end = false; !at_end;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return parser_error(b, parser);
        int r = on_event(b, &event);
        at_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
        if (r < 0)
            return r;
    }
    return 0;
}

static int build(struct builder *b)
{
    int r = check_utf8(b);
    if (r < 0)
        return r;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return no_memory(b);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, b->text.data, b->text.size);
    r = take_events(b, &parser);
    yaml_parser_delete(&parser);
    return r;
}

static struct yaml_node *empty_map(const struct builder *b)
{
    struct yaml_node *node = arena_calloc(b->arena, 1, sizeof(*node));
    if (node != NULL)
        *node = (struct yaml_node){ .kind = YAML_MAP, .line = 1, .column = 1, .file = b->file };
    return node;
}

int yaml_parse(struct arena *arena, struct bytes text, const char *file,
               const struct yaml_limits *limits, const struct yaml_node **ret_root,
               struct complaint *why)
{
    struct builder b = { .arena = arena, .text = text, .nodes_left = limits->nodes, .why = why };
    complaint_at(why, "%s", file == NULL ? "" : file);
    if (file != NULL && (b.file = arena_strdup(arena, bytes_str(file))) == NULL)
        return no_memory(&b);
    if (text.size > limits->bytes)
        return complain(why, -EFBIG, "divide the file", "is larger than %zu bytes", limits->bytes);
    /* libyaml takes a byte order mark off only when it guesses the encoding itself. */
    if (bytes_starts_with(text, BYTES_LIT("\xEF\xBB\xBF")))
        b.text = bytes_of(text.data + 3, text.size - 3);
    int r = b.text.size == 0 ? 0 : build(&b);
    if (r < 0)
        return r;
    if (b.root == NULL && (b.root = empty_map(&b)) == NULL)
        return no_memory(&b);
    *ret_root = b.root;
    return 0;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    struct bytes want = bytes_str(key);
    if (map->kind != YAML_MAP)
        return NULL;
    YAML_EACH(child, map)
    if (bytes_eq(child->key, want))
        return child;
    return NULL;
}

void yaml_place(const struct yaml_node *node, struct complaint *why)
{
    const char *file = node->file == NULL ? "" : node->file;
    const char *blank = node->file == NULL ? "" : " ";
    int key_bytes = (int)text_cut(node->key, 80);
    if (node->index > 0 && node->key.size > 0)
        complaint_at(why, "%s%sline %zu, item %zu of '%.*s'", file, blank, node->line, node->index,
                     key_bytes, (const char *)node->key.data);
    else if (node->index > 0)
        complaint_at(why, "%s%sline %zu, item %zu", file, blank, node->line, node->index);
    else if (node->key.size > 0)
        complaint_at(why, "%s%sline %zu, key '%.*s'", file, blank, node->line, key_bytes,
                     (const char *)node->key.data);
    else
        complaint_at(why, "%s%sline %zu", file, blank, node->line);
}

/* A key without value, such as a section whose lines are all commented out. */
static bool is_empty(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->quoted && node->scalar.size == 0;
}

/* "'abc' is no number" for a scalar, "is a list, not a number" for the rest. */
static int refuse(const struct yaml_node *node, struct complaint *why, const char *expected,
                  const char *remedy)
{
    yaml_place(node, why);
    if (node->kind != YAML_SCALAR)
        return complain(why, -EINVAL, remedy, "is a %s, not a %s",
                        node->kind == YAML_MAP ? "map" : "list", expected);
    if (is_empty(node))
        return complain(why, -EINVAL, remedy, "is empty, not a %s", expected);
    return complain(why, -EINVAL, remedy, "'%.*s' is%s no %s", (int)text_cut(node->scalar, 120),
                    (const char *)node->scalar.data,
                    node->quoted ? " in quotes, so a text and" : "", expected);
}

int yaml_as_text(const struct yaml_node *node, struct bytes *ret_text, struct complaint *why)
{
    if (node->kind != YAML_SCALAR)
        return refuse(node, why, "text", "give a text");
    if (!node->quoted &&
        (bytes_eq(node->scalar, BYTES_LIT("~")) || bytes_eq(node->scalar, BYTES_LIT("null"))))
        return refuse(node, why, "text", "leave the key out, or put the text in quotes");
    *ret_text = node->scalar;
    return 0;
}

/* Decimal digits, "_" between them, "-" before; no leading zero, which some read as octal. */
static int parse_int(struct bytes text, int64_t *ret_value)
{
    size_t i = text.size > 0 && text.data[0] == '-';
    bool negative = i == 1;
    int64_t value = 0;
    bool after_digit = false, overflow = false;
    if (i + 1 < text.size && text.data[i] == '0')
        return -EINVAL;
    for (; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '_' && after_digit) {
            after_digit = false;
            continue;
        }
        if (c < '0' || c > '9')
            return -EINVAL;
        after_digit = true;
        int digit = c - '0';
        overflow |= __builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, negative ? -digit : digit, &value);
    }
    if (!after_digit)
        return -EINVAL;
    if (overflow)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int yaml_as_int(const struct yaml_node *node, int64_t min, int64_t max, int64_t *ret_value,
                struct complaint *why)
{
    char remedy[96];
    (void)snprintf(remedy, sizeof(remedy), /* fits */
                   "give a whole number from %" PRId64 " to %" PRId64, min, max);
    int64_t value = 0;
    int r = node->kind != YAML_SCALAR || node->quoted ? -EINVAL : parse_int(node->scalar, &value);
    if (r == -EINVAL)
        return refuse(node, why, "whole number", remedy);
    if (r == 0 && value >= min && value <= max) {
        *ret_value = value;
        return 0;
    }
    yaml_place(node, why);
    bool below = r == 0 ? value < min : node->scalar.data[0] == '-';
    return complain(why, -ERANGE, remedy, "%.*s is %s %" PRId64, (int)text_cut(node->scalar, 40),
                    (const char *)node->scalar.data, below ? "below" : "above", below ? min : max);
}

int yaml_as_bool(const struct yaml_node *node, bool *ret_value, struct complaint *why)
{
    bool plain = node->kind == YAML_SCALAR && !node->quoted;
    bool yes = plain && (bytes_eq(node->scalar, BYTES_LIT("yes")) ||
                         bytes_eq(node->scalar, BYTES_LIT("true")));
    bool no = plain && (bytes_eq(node->scalar, BYTES_LIT("no")) ||
                        bytes_eq(node->scalar, BYTES_LIT("false")));
    if (!yes && !no)
        return refuse(node, why, "truth value", "give yes or no");
    *ret_value = yes;
    return 0;
}

int yaml_as_date(const struct yaml_node *node, int32_t *ret_day, struct complaint *why)
{
    int r = node->kind == YAML_SCALAR ? civil_parse_date(node->scalar, ret_day) : -EINVAL;
    if (r == -ERANGE) {
        yaml_place(node, why);
        return complain(why, r, "give a date like 2026-09-07", "%.*s is outside the years %d to %d",
                        (int)node->scalar.size, (const char *)node->scalar.data, CIVIL_YEAR_FIRST,
                        CIVIL_YEAR_LAST);
    }
    return r < 0 ? refuse(node, why, "date", "give a date like 2026-09-07") : 0;
}

int yaml_as_map(const struct yaml_node *node, struct complaint *why)
{
    if (node->kind == YAML_MAP || is_empty(node))
        return 0;
    return refuse(node, why, "map", "give keys with values below it");
}

/* The child; NULL with *ret_r what the getter returns when there is none. */
static const struct yaml_node *child_of(const struct yaml_node *map, const char *key,
                                        enum yaml_need need, struct complaint *why, int *ret_r)
{
    *ret_r = yaml_as_map(map, why);
    if (*ret_r < 0)
        return NULL;
    const struct yaml_node *node = yaml_get(map, key);
    if (node == NULL && need == YAML_REQUIRED) {
        yaml_place(map, why);
        *ret_r = complain(why, -ENOENT, "add it", "key '%s' is missing", key);
    }
    return node;
}

int yaml_text(const struct yaml_node *map, const char *key, enum yaml_need need,
              struct bytes *ret_text, struct complaint *why)
{
    int r;
    const struct yaml_node *node = child_of(map, key, need, why, &r);
    return node == NULL ? r : yaml_as_text(node, ret_text, why);
}

int yaml_int(const struct yaml_node *map, const char *key, enum yaml_need need, int64_t min,
             int64_t max, int64_t *ret_value, struct complaint *why)
{
    int r;
    const struct yaml_node *node = child_of(map, key, need, why, &r);
    return node == NULL ? r : yaml_as_int(node, min, max, ret_value, why);
}

int yaml_bool(const struct yaml_node *map, const char *key, enum yaml_need need, bool *ret_value,
              struct complaint *why)
{
    int r;
    const struct yaml_node *node = child_of(map, key, need, why, &r);
    return node == NULL ? r : yaml_as_bool(node, ret_value, why);
}

int yaml_date(const struct yaml_node *map, const char *key, enum yaml_need need, int32_t *ret_day,
              struct complaint *why)
{
    int r;
    const struct yaml_node *node = child_of(map, key, need, why, &r);
    return node == NULL ? r : yaml_as_date(node, ret_day, why);
}

int yaml_list(const struct yaml_node *map, const char *key, enum yaml_need need,
              const struct yaml_node **ret_list, struct complaint *why)
{
    int r;
    const struct yaml_node *node = child_of(map, key, need, why, &r);
    if (node == NULL)
        return r;
    if (node->kind != YAML_LIST && !is_empty(node))
        return refuse(node, why, "list", "give a list: a '-' before each item");
    *ret_list = node;
    return 0;
}

int yaml_map(const struct yaml_node *map, const char *key, enum yaml_need need,
             const struct yaml_node **ret_map, struct complaint *why)
{
    int r;
    const struct yaml_node *node = child_of(map, key, need, why, &r);
    if (node == NULL)
        return r;
    r = yaml_as_map(node, why);
    if (r == 0)
        *ret_map = node;
    return r;
}

int yaml_only_keys(const struct yaml_node *map, const char *const *keys, size_t n,
                   struct complaint *why)
{
    int r = yaml_as_map(map, why);
    if (r < 0)
        return r;
    YAML_EACH(child, map)
    {
        struct text_nearest nearest = TEXT_NEAREST_INIT(child->key);
        size_t i = 0;
        for (; i < n && !bytes_eq(child->key, bytes_str(keys[i])); i++)
            text_nearest_offer(&nearest, keys[i]);
        if (i < n)
            continue;
        char remedy[160] = "delete it";
        if (nearest.best != NULL)
            (void)snprintf(remedy, sizeof(remedy), "did you mean '%s'?", nearest.best);
        yaml_place(child, why);
        return complain(why, -EINVAL, remedy, "is no known key");
    }
    return 0;
}
