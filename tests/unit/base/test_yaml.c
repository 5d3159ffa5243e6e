/* YAML: the tree, what is refused and where, typed getters and the texts of their complaints. */
#include "base/yaml.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "base/buf.h"
#include "base/civil.h"

static struct arena *arena;
static struct complaint why;

static void start(void)
{
    arena = arena_new(8 << 20);
    why = (struct complaint){ 0 };
}

static void finish(void)
{
    arena_free(arena);
}

TestSuite(yaml, .init = start, .fini = finish);

static const struct yaml_limits limits = { .bytes = 1 << 20, .nodes = 50000 };

static int parse(struct bytes text, const struct yaml_node **ret_root)
{
    return yaml_parse(arena, text, "a.yaml", &limits, ret_root, &why);
}

static const struct yaml_node *tree(const char *text)
{
    const struct yaml_node *root = NULL;
    cr_assert(eq(int, parse(bytes_str(text), &root), 0), "%s: %s", why.place, why.what);
    return root;
}

static const char *scalar(const struct yaml_node *node)
{
    cr_assert(ne(ptr, (void *)node, NULL));
    cr_assert(eq(int, (int)node->kind, (int)YAML_SCALAR));
    cr_assert(eq(sz, strlen((const char *)node->scalar.data), node->scalar.size));
    return (const char *)node->scalar.data;
}

Test(yaml, makes_a_tree_with_lines_and_columns)
{
    const struct yaml_node *root = tree("# comment\n"
                                        "名称: 正版\n"
                                        "list:\n"
                                        "  - a\n"
                                        "  - {b: 1, 'c': \"2\"}\n"
                                        "map:\n"
                                        "  deep: [x, y]\n"
                                        "empty:\n");
    cr_assert(eq(int, (int)root->kind, (int)YAML_MAP));
    cr_assert(eq(sz, root->count, 4));
    cr_assert(eq(sz, root->line, 2));
    cr_assert(eq(str, (char *)scalar(yaml_get(root, "名称")), "正版"));
    const struct yaml_node *list = yaml_get(root, "list");
    cr_assert(eq(int, (int)list->kind, (int)YAML_LIST));
    cr_assert(eq(sz, list->count, 2));
    cr_assert(eq(sz, list->line, 3));
    cr_assert(eq(str, (char *)scalar(list->first), "a"));
    cr_assert(eq(sz, list->first->index, 1));
    cr_assert(eq(sz, list->first->line, 4));
    cr_assert(eq(sz, list->first->column, 5));
    const struct yaml_node *item = list->first->next;
    cr_assert(eq(sz, item->index, 2));
    cr_assert(eq(str, (char *)scalar(yaml_get(item, "b")), "1"));
    cr_assert(not(yaml_get(item, "b")->quoted));
    cr_assert(eq(str, (char *)scalar(yaml_get(item, "c")), "2"));
    cr_assert(yaml_get(item, "c")->quoted);
    cr_assert(eq(ptr, item->next, NULL));
    const struct yaml_node *deep = yaml_get(yaml_get(root, "map"), "deep");
    cr_assert(eq(sz, deep->line, 7));
    cr_assert(eq(sz, deep->column, 3));
    cr_assert(eq(str, (char *)scalar(deep->first->next), "y"));
    cr_assert(eq(str, (char *)scalar(yaml_get(root, "empty")), ""));
    cr_assert(eq(ptr, (void *)yaml_get(root, "nothing"), NULL));
    cr_assert(eq(ptr, (void *)yaml_get(list, "a"), NULL));
    size_t seen = 0;
    YAML_EACH(child, root)
    seen++;
    cr_assert(eq(sz, seen, 4));
}

Test(yaml, of_a_text_without_document_is_an_empty_map)
{
    static const char *const texts[] = { "", "# nothing here\n", "\n\n", "\xef\xbb\xbf" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct yaml_node *root = tree(texts[i]);
        cr_assert(eq(int, (int)root->kind, (int)YAML_MAP));
        cr_assert(eq(sz, root->count, 0));
    }
    const struct yaml_node *root = NULL;
    cr_assert(eq(int, parse((struct bytes){ 0 }, &root), 0));
}

Test(yaml, takes_what_editors_of_other_systems_write)
{
    const struct yaml_node *root = tree("\xef\xbb\xbf"
                                        "---\r\na: 1\r\nb: |\r\n  two\r\n  lines\r\n...\r\n");
    cr_assert(eq(str, (char *)scalar(yaml_get(root, "a")), "1"));
    cr_assert(eq(str, (char *)scalar(yaml_get(root, "b")), "two\nlines\n"));
    cr_assert(yaml_get(root, "b")->quoted);
}

static void refuses(struct bytes text, int r, const char *place, const char *what,
                    const char *remedy)
{
    const struct yaml_node *untouched = NULL;
    why = (struct complaint){ 0 };
    cr_assert(eq(int, parse(text, &untouched), r), "%.*s", (int)text.size, (char *)text.data);
    cr_assert(eq(ptr, (void *)untouched, NULL));
    cr_assert(eq(str, why.place, (char *)place));
    cr_assert(eq(str, why.what, (char *)what));
    if (remedy != NULL)
        cr_assert(eq(str, why.remedy, (char *)remedy));
}

Test(yaml, refuses_what_makes_a_small_text_a_large_tree)
{
    refuses(BYTES_LIT("a: &x 1\n"), -EINVAL, "a.yaml line 1, column 4", "is an anchor (&)",
            "write the value out where it is used");
    refuses(BYTES_LIT("a: &x [1]\n"), -EINVAL, "a.yaml line 1, column 4", "is an anchor (&)", NULL);
    refuses(BYTES_LIT("a: &x {b: 1}\n"), -EINVAL, "a.yaml line 1, column 4", "is an anchor (&)",
            NULL);
    refuses(BYTES_LIT("a:\n  - *x\n"), -EINVAL, "a.yaml line 2, column 5", "is an alias (*)",
            "write the value out; put a text that begins with '*' in quotes");
    refuses(BYTES_LIT("&x a: 1\n"), -EINVAL, "a.yaml line 1, column 1", "is an anchor (&)", NULL);
    refuses(BYTES_LIT("*x : 1\n"), -EINVAL, "a.yaml line 1, column 1", "is an alias (*)", NULL);
}

Test(yaml, refuses_tags)
{
    static const char *const texts[] = { "a: !!str 1\n", "a: !x [1]\n", "a: !<tag:x> {}\n",
                                         "a: ! 1\n" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        refuses(bytes_str(texts[i]), -EINVAL, "a.yaml line 1, column 4", "is a tag (!)", NULL);
    }
}

Test(yaml, refuses_a_key_given_twice)
{
    refuses(BYTES_LIT("b: 1\na:\n  x: 1\n  y: 2\n  x: 3\n"), -EINVAL, "a.yaml line 5, key 'x'",
            "was given already in line 3", "keep one of the two");
    refuses(BYTES_LIT("{a: 1, \"a\": 2}"), -EINVAL, "a.yaml line 1, key 'a'",
            "was given already in line 1", NULL);
    (void)tree("a: {x: 1}\nb: {x: 1}\n");
}

Test(yaml, refuses_strange_keys)
{
    refuses(BYTES_LIT("? [a]\n: 1\n"), -EINVAL, "a.yaml line 1, column 3",
            "is a key that is itself a list or map", "put the key in quotes");
    refuses(BYTES_LIT("? {a: 1}\n: 1\n"), -EINVAL, "a.yaml line 1, column 3",
            "is a key that is itself a list or map", NULL);
    refuses(BYTES_LIT("\"\": 1\n"), -EINVAL, "a.yaml line 1, column 1", "is a key without a name",
            "name the key");
    /* No merging: "<<" is a key like any other, which the reader's table will not know. */
    cr_assert(eq(str, (char *)scalar(yaml_get(tree("<<: x\n"), "<<")), "x"));
}

Test(yaml, refuses_a_second_document)
{
    refuses(BYTES_LIT("a: 1\n---\nb: 2\n"), -EINVAL, "a.yaml line 2, column 1",
            "is the beginning of a second document (---)", "put it into a file of its own");
}

Test(yaml, refuses_what_is_no_utf8_and_says_where)
{
    refuses(BYTES_LIT("a: 1\n正b: \xff\n"), -EINVAL, "a.yaml line 2, column 5", "is no UTF-8",
            "save the file as UTF-8");
    refuses(BYTES_LIT("a: \xc0\x80\n"), -EINVAL, "a.yaml line 1, column 4", "is no UTF-8", NULL);
    refuses(BYTES_LIT("a: 1\0\n"), -EINVAL, "a.yaml line 1, column 5", "is a NUL byte", NULL);
    refuses(BYTES_LIT("\xff\xfe"
                      "a\0:\0 \0"),
            -EINVAL, "a.yaml line 1, column 1", "is no UTF-8", NULL);
    refuses(BYTES_LIT("a: \"x\\0y\"\n"), -EINVAL, "a.yaml line 1, column 4",
            "holds a NUL character", "delete the escape \\0");
}

Test(yaml, refuses_control_characters_and_says_where)
{
    refuses(BYTES_LIT("a: 1\nbb: \x1b[2J\n"), -EINVAL, "a.yaml line 2, column 5",
            "is not YAML: control characters are not allowed", "delete the character");
}

Test(yaml, says_where_the_syntax_breaks)
{
    refuses(BYTES_LIT("a:\n\t- 1\n"), -EINVAL, "a.yaml line 2, column 1",
            "is not YAML: found character that cannot start any token",
            "indent with blanks, never tabs; put texts that hold ':' or '#' in quotes");
    refuses(BYTES_LIT("a: b: c\n"), -EINVAL, "a.yaml line 1, column 5",
            "is not YAML: mapping values are not allowed in this context", NULL);
    refuses(BYTES_LIT("a: [1, 2\n"), -EINVAL, "a.yaml line 2, column 1",
            "is not YAML: did not find expected ',' or ']'", NULL);
    refuses(BYTES_LIT("a: 'x\n"), -EINVAL, "a.yaml line 2, column 1",
            "is not YAML: found unexpected end of stream", NULL);
}

Test(yaml, holds_its_limit_of_bytes)
{
    const struct yaml_limits tight = { .bytes = 5, .nodes = 10 };
    const struct yaml_node *root = NULL;
    cr_assert(eq(int, yaml_parse(arena, BYTES_LIT("a: 1\n"), NULL, &tight, &root, &why), 0));
    cr_assert(eq(int, yaml_parse(arena, BYTES_LIT("a: 12\n"), "f", &tight, &root, &why), -EFBIG));
    cr_assert(eq(str, why.place, "f"));
    cr_assert(eq(str, why.what, "is larger than 5 bytes"));
}

Test(yaml, holds_its_limit_of_nodes)
{
    const struct yaml_limits tight = { .bytes = 100, .nodes = 4 };
    const struct yaml_node *root = NULL;
    cr_assert(eq(int, yaml_parse(arena, BYTES_LIT("[1, {a: 2}]"), NULL, &tight, &root, &why), 0));
    cr_assert(eq(int,
                 yaml_parse(arena, BYTES_LIT("[1,\n{a: 2,\n b: 3}]"), NULL, &tight, &root, &why),
                 -EFBIG));
    cr_assert(eq(str, why.place, "line 3, column 5"));
    cr_assert(eq(str, why.what, "is one value more than a file may hold"));
}

Test(yaml, holds_its_limit_of_depth)
{
    char text[64] = "";
    for (int i = 0; i < YAML_DEPTH_MAX; i++)
        (void)strcat(text, "[");
    for (int i = 0; i < YAML_DEPTH_MAX; i++)
        (void)strcat(text, "]");
    (void)tree(text);
    refuses(BYTES_LIT("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"), -EINVAL, "a.yaml line 1, column 17",
            "is a list or map inside sixteen others", "nest less deeply");
    refuses(BYTES_LIT("{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {}"),
            -EINVAL, "a.yaml line 1, column 65", "is a list or map inside sixteen others", NULL);
}

Test(yaml, refuses_a_hundred_thousand_brackets_at_once)
{
    char *text = malloc(100000);
    memset(text, '[', 100000);
    const struct yaml_node *root = NULL;
    cr_assert(eq(int, parse(bytes_of(text, 100000), &root), -EINVAL));
    free(text);
}

Test(yaml, finds_a_double_key_among_ten_thousand)
{
    struct buf buf = BUF_INIT(1 << 20);
    for (int i = 0; i < 10000; i++)
        buf_printf(&buf, "key%d: %d\n", i * 7919 % 10007, i);
    const struct yaml_node *root = NULL;
    cr_assert(eq(int, parse(buf_bytes(&buf), &root), 0), "%s", why.what);
    cr_assert(eq(sz, root->count, 10000));
    buf_printf(&buf, "key7919: again\n");
    cr_assert(eq(int, parse(buf_bytes(&buf), &root), -EINVAL));
    cr_assert(eq(str, why.what, "was given already in line 2"));
    cr_assert(eq(str, why.place, "a.yaml line 10001, key 'key7919'"));
    buf_done(&buf);
}

Test(yaml, ends_at_the_arena_cap)
{
    const struct yaml_node *root = NULL;
    for (size_t cap = 0; cap < 2000; cap += 16) {
        struct arena *small = arena_new(cap);
        struct complaint c = { 0 };
        int r = yaml_parse(small, BYTES_LIT("a: [1, 2, 3]\nb: {c: d}\n"), "f", &limits, &root, &c);
        cr_assert(r == 0 || r == -ENOMEM, "cap %zu: %d", cap, r);
        if (r < 0)
            cr_assert(eq(str, c.what, "needs more memory than it may have"));
        arena_free(small);
        if (cap == 0)
            cr_assert(eq(int, r, -ENOMEM));
        if (cap > 1900)
            cr_assert(eq(int, r, 0));
    }
}

Test(yaml, outlives_its_text_and_the_name_of_its_file)
{
    char text[] = "key: value\n", name[] = "x.yaml";
    const struct yaml_node *root = NULL;
    cr_assert(eq(int, yaml_parse(arena, bytes_str(text), name, &limits, &root, &why), 0));
    memset(text, 'z', sizeof(text) - 1);
    memset(name, 'z', sizeof(name) - 1);
    cr_assert(eq(str, (char *)scalar(yaml_get(root, "key")), "value"));
    cr_assert(eq(str, (char *)yaml_get(root, "key")->file, "x.yaml"));
}

Test(yaml, does_not_let_a_key_steer_the_terminal)
{
    const struct yaml_node *root = tree("\"\\e[2J\\n\": 1\n");
    yaml_place(root->first, &why);
    cr_assert(eq(str, why.place, "a.yaml line 1, key '\\x1b[2J\\n'"));
}

Test(yaml_getters, give_typed_values, .init = start, .fini = finish)
{
    const struct yaml_node *root = tree("text: 正版 软件\nquoted: \"12\"\nint: -1_000_000\n"
                                        "zero: 0\nmin: -9223372036854775808\nyes: yes\n"
                                        "no: false\ndate: 2024-02-29\nlist: [1]\nmap: {a: b}\n"
                                        "empty:\n");
    struct bytes text = { 0 };
    cr_assert(eq(int, yaml_text(root, "text", YAML_REQUIRED, &text, &why), 0));
    cr_assert(bytes_eq(text, BYTES_LIT("正版 软件")));
    cr_assert(eq(int, yaml_text(root, "quoted", YAML_REQUIRED, &text, &why), 0));
    cr_assert(bytes_eq(text, BYTES_LIT("12")));
    cr_assert(eq(int, yaml_text(root, "empty", YAML_REQUIRED, &text, &why), 0));
    cr_assert(eq(sz, text.size, 0));
    int64_t v = 7;
    cr_assert(eq(int, yaml_int(root, "int", YAML_REQUIRED, -2000000, 0, &v, &why), 0));
    cr_assert(eq(i64, v, -1000000));
    cr_assert(eq(int, yaml_int(root, "zero", YAML_OPTIONAL, 0, 0, &v, &why), 0));
    cr_assert(eq(i64, v, 0));
    cr_assert(eq(int, yaml_int(root, "min", YAML_OPTIONAL, INT64_MIN, 0, &v, &why), 0));
    cr_assert(eq(i64, v, INT64_MIN));
    bool b = false;
    cr_assert(eq(int, yaml_bool(root, "yes", YAML_REQUIRED, &b, &why), 0));
    cr_assert(b);
    cr_assert(eq(int, yaml_bool(root, "no", YAML_REQUIRED, &b, &why), 0));
    cr_assert(not(b));
    int32_t day = 0;
    cr_assert(eq(int, yaml_date(root, "date", YAML_REQUIRED, &day, &why), 0));
    cr_assert(eq(i32, day, civil_day_of((struct civil_date){ 2024, 2, 29 })));
    const struct yaml_node *node = NULL;
    cr_assert(eq(int, yaml_list(root, "list", YAML_REQUIRED, &node, &why), 0));
    cr_assert(eq(sz, node->count, 1));
    cr_assert(eq(int, yaml_list(root, "empty", YAML_REQUIRED, &node, &why), 0));
    cr_assert(eq(sz, node->count, 0));
    cr_assert(eq(int, yaml_map(root, "map", YAML_REQUIRED, &node, &why), 0));
    cr_assert(eq(str, (char *)scalar(yaml_get(node, "a")), "b"));
    cr_assert(eq(int, yaml_map(root, "empty", YAML_REQUIRED, &node, &why), 0));
    cr_assert(eq(ptr, (void *)yaml_get(node, "a"), NULL));
    cr_assert(eq(int, yaml_only_keys(node, NULL, 0, &why), 0));
}

Test(yaml_getters, leave_the_output_alone_where_an_optional_key_is_absent, .init = start,
     .fini = finish)
{
    const struct yaml_node *root = tree("a: 1\n");
    struct bytes text = BYTES_LIT("kept");
    int64_t v = 7;
    bool b = true;
    int32_t day = 9;
    const struct yaml_node *node = root;
    cr_assert(eq(int, yaml_text(root, "x", YAML_OPTIONAL, &text, &why), 0));
    cr_assert(eq(int, yaml_int(root, "x", YAML_OPTIONAL, 0, 1, &v, &why), 0));
    cr_assert(eq(int, yaml_bool(root, "x", YAML_OPTIONAL, &b, &why), 0));
    cr_assert(eq(int, yaml_date(root, "x", YAML_OPTIONAL, &day, &why), 0));
    cr_assert(eq(int, yaml_list(root, "x", YAML_OPTIONAL, &node, &why), 0));
    cr_assert(eq(int, yaml_map(root, "x", YAML_OPTIONAL, &node, &why), 0));
    cr_assert(bytes_eq(text, BYTES_LIT("kept")));
    cr_assert(eq(i64, v, 7));
    cr_assert(b);
    cr_assert(eq(i32, day, 9));
    cr_assert(eq(ptr, (void *)node, (void *)root));
}

static void said(int got_r, int want_r, const char *place, const char *what, const char *remedy)
{
    cr_assert(eq(int, got_r, want_r), "%s", why.what);
    cr_assert(eq(str, why.place, (char *)place));
    cr_assert(eq(str, why.what, (char *)what));
    cr_assert(eq(str, why.remedy, (char *)remedy));
}

Test(yaml_getters, say_what_is_missing_and_where, .init = start, .fini = finish)
{
    const struct yaml_node *root = tree("a: 1\nm:\n  x: 1\n");
    struct bytes text;
    said(yaml_text(root, "name", YAML_REQUIRED, &text, &why), -ENOENT, "a.yaml line 1",
         "key 'name' is missing", "add it");
    said(yaml_text(yaml_get(root, "m"), "name", YAML_REQUIRED, &text, &why), -ENOENT,
         "a.yaml line 2, key 'm'", "key 'name' is missing", "add it");
    said(yaml_text(yaml_get(root, "a"), "name", YAML_OPTIONAL, &text, &why), -EINVAL,
         "a.yaml line 1, key 'a'", "'1' is no map", "give keys with values below it");
}

Test(yaml_getters, say_what_is_no_number, .init = start, .fini = finish)
{
    static const char *const bad[] = { "abc", "1.5",  "0x10", "007", "1e3", "+1", "1_",
                                       "_1",  "1__0", "--1",  "１",  "-01", "1 2" };
    int64_t v = 7;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct yaml_node *root = tree(arena_printf(arena, "k: %s\n", bad[i]));
        said(yaml_int(root, "k", YAML_OPTIONAL, 1, 30, &v, &why), -EINVAL, "a.yaml line 1, key 'k'",
             arena_printf(arena, "'%s' is no whole number", bad[i]),
             "give a whole number from 1 to 30");
        cr_assert(eq(i64, v, 7));
    }
    const struct yaml_node *root = tree("a: '5'\nb: [5]\nc:\nd: 31\ne: 0\n"
                                        "f: 9223372036854775808\ng: -99999999999999999999\n");
    const char *give = "give a whole number from 1 to 30";
    said(yaml_int(root, "a", YAML_OPTIONAL, 1, 30, &v, &why), -EINVAL, "a.yaml line 1, key 'a'",
         "'5' is in quotes, so a text and no whole number", give);
    said(yaml_int(root, "b", YAML_OPTIONAL, 1, 30, &v, &why), -EINVAL, "a.yaml line 2, key 'b'",
         "is a list, not a whole number", give);
    said(yaml_int(root, "c", YAML_OPTIONAL, 1, 30, &v, &why), -EINVAL, "a.yaml line 3, key 'c'",
         "is empty, not a whole number", give);
    said(yaml_int(root, "d", YAML_OPTIONAL, 1, 30, &v, &why), -ERANGE, "a.yaml line 4, key 'd'",
         "31 is above 30", give);
    said(yaml_int(root, "e", YAML_OPTIONAL, 1, 30, &v, &why), -ERANGE, "a.yaml line 5, key 'e'",
         "0 is below 1", give);
    said(yaml_int(root, "f", YAML_OPTIONAL, 1, 30, &v, &why), -ERANGE, "a.yaml line 6, key 'f'",
         "9223372036854775808 is above 30", give);
    said(yaml_int(root, "g", YAML_OPTIONAL, 1, 30, &v, &why), -ERANGE, "a.yaml line 7, key 'g'",
         "-99999999999999999999 is below 1", give);
    cr_assert(eq(i64, v, 7));
}

Test(yaml_getters, say_what_is_no_text_flag_date_list_or_map, .init = start, .fini = finish)
{
    const struct yaml_node *root = tree("n: null\nt: ~\nl: [1]\nb: Yes\nq: \"yes\"\n"
                                        "d: 2026-02-30\ny: 1969-01-01\ns: x\n");
    struct bytes text;
    bool b;
    int32_t day;
    const struct yaml_node *node;
    said(yaml_text(root, "n", YAML_OPTIONAL, &text, &why), -EINVAL, "a.yaml line 1, key 'n'",
         "'null' is no text", "leave the key out, or put the text in quotes");
    said(yaml_text(root, "t", YAML_OPTIONAL, &text, &why), -EINVAL, "a.yaml line 2, key 't'",
         "'~' is no text", "leave the key out, or put the text in quotes");
    said(yaml_text(root, "l", YAML_OPTIONAL, &text, &why), -EINVAL, "a.yaml line 3, key 'l'",
         "is a list, not a text", "give a text");
    said(yaml_bool(root, "b", YAML_OPTIONAL, &b, &why), -EINVAL, "a.yaml line 4, key 'b'",
         "'Yes' is no truth value", "give yes or no");
    said(yaml_bool(root, "q", YAML_OPTIONAL, &b, &why), -EINVAL, "a.yaml line 5, key 'q'",
         "'yes' is in quotes, so a text and no truth value", "give yes or no");
    said(yaml_date(root, "d", YAML_OPTIONAL, &day, &why), -EINVAL, "a.yaml line 6, key 'd'",
         "'2026-02-30' is no date", "give a date like 2026-09-07");
    said(yaml_date(root, "y", YAML_OPTIONAL, &day, &why), -ERANGE, "a.yaml line 7, key 'y'",
         "1969-01-01 is outside the years 1970 to 2999", "give a date like 2026-09-07");
    said(yaml_list(root, "s", YAML_OPTIONAL, &node, &why), -EINVAL, "a.yaml line 8, key 's'",
         "'x' is no list", "give a list: a '-' before each item");
    said(yaml_map(root, "l", YAML_OPTIONAL, &node, &why), -EINVAL, "a.yaml line 3, key 'l'",
         "is a list, not a map", "give keys with values below it");
    int64_t v;
    said(yaml_as_int(yaml_get(tree("k: [1, x]\n"), "k")->first->next, 0, 9, &v, &why), -EINVAL,
         "a.yaml line 1, item 2 of 'k'", "'x' is no whole number",
         "give a whole number from 0 to 9");
    said(yaml_as_int(tree("- x\n")->first, 0, 9, &v, &why), -EINVAL, "a.yaml line 1, item 1",
         "'x' is no whole number", "give a whole number from 0 to 9");
}

Test(yaml_getters, refuse_unknown_keys_and_name_the_nearest, .init = start, .fini = finish)
{
    static const char *const keys[] = { "name", "vendor", "version", "editions" };
    cr_assert(eq(int, yaml_only_keys(tree("name: a\nversion: 1\n"), keys, 4, &why), 0));
    said(yaml_only_keys(tree("name: a\nvendr: 1\n"), keys, 4, &why), -EINVAL,
         "a.yaml line 2, key 'vendr'", "is no known key", "did you mean 'vendor'?");
    said(yaml_only_keys(tree("colour: 1\n"), keys, 4, &why), -EINVAL, "a.yaml line 1, key 'colour'",
         "is no known key", "delete it");
    said(yaml_only_keys(tree("edition: 1\n"), keys, 4, &why), -EINVAL,
         "a.yaml line 1, key 'edition'", "is no known key", "did you mean 'editions'?");
    said(yaml_only_keys(tree("[name]"), keys, 4, &why), -EINVAL, "a.yaml line 1",
         "is a list, not a map", "give keys with values below it");
}

Test(yaml_getters, do_without_a_complaint, .init = start, .fini = finish)
{
    const struct yaml_node *root = tree("a: x\n");
    int64_t v;
    cr_assert(eq(int, yaml_int(root, "a", YAML_REQUIRED, 0, 1, &v, NULL), -EINVAL));
    cr_assert(eq(int, yaml_int(root, "b", YAML_REQUIRED, 0, 1, &v, NULL), -ENOENT));
    cr_assert(eq(int, yaml_only_keys(root, NULL, 0, NULL), -EINVAL));
    cr_assert(eq(int, yaml_parse(arena, BYTES_LIT("["), NULL, &limits, &root, NULL), -EINVAL));
}
