/* fuzz_yaml.c - any bytes through the YAML reader: it refuses with a complaint, or gives a tree
 * that keeps its promises. */
#include <assert.h>
#include <stdint.h>

#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Counts what is below a node and checks what the header promises of each. */
static size_t check(const struct yaml_node *node, unsigned depth)
{
    size_t nodes = 1, children = 0;
    struct complaint why = { 0 };
    assert(depth <= YAML_DEPTH_MAX + 1);
    assert(node->line > 0 && node->column > 0);
    assert(text_is_utf8(node->scalar) && text_is_utf8(node->key));
    if (node->kind == YAML_SCALAR)
        assert(node->scalar.data[node->scalar.size] == '\0' && node->first == NULL);
    yaml_place(node, &why);
    assert(text_is_utf8(bytes_str(why.place)));
    YAML_EACH(child, node)
    {
        children++;
        assert(node->kind != YAML_LIST || child->index == children);
        assert(node->kind != YAML_MAP || yaml_get(node, (const char *)child->key.data) == child);
        nodes += check(child, depth + 1);
    }
    assert(children == node->count);
    return nodes;
}

static void check_getters(const struct yaml_node *node)
{
    struct complaint why = { 0 };
    struct bytes text;
    int64_t value = 5;
    int32_t day;
    bool flag;
    (void)yaml_as_text(node, &text, &why); /* the results are the fuzzer's to vary */
    (void)yaml_as_bool(node, &flag, &why);
    (void)yaml_as_date(node, &day, &why);
    if (yaml_as_int(node, -5, 1000, &value, &why) == 0)
        assert(value >= -5 && value <= 1000);
    static const char *const keys[] = { "name", "vendor" };
    (void)yaml_only_keys(node, keys, 2, &why);
    YAML_EACH(child, node)
    check_getters(child);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct yaml_limits limits = { .bytes = 64 * 1024, .nodes = 1000 };
    struct arena *arena = arena_new(4 << 20);
    const struct yaml_node *root = NULL;
    struct complaint why = { 0 };
    int r = yaml_parse(arena, bytes_of(data, size), "f", &limits, &root, &why);
    if (r == 0) {
        assert(check(root, 1) <= limits.nodes + 1); /* an empty text counts one */
        check_getters(root);
    } else {
        assert(root == NULL && why.what[0] != '\0' && why.place[0] != '\0');
        assert(text_is_utf8(bytes_str(why.what)) && text_is_utf8(bytes_str(why.place)));
    }
    arena_free(arena);
    return 0;
}
