/* Configuration: what is refused is said word for word; what is in force is printed and read
 * again. */
#include "base/config.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/file.h"

static const struct config_row item_rows[] = {
    { .key = "name",
      .kind = CONFIG_TEXT,
      .required = true,
      .min = 1,
      .max = 8,
      .help = "Its name.",
      .example = "\"east\"" },
    { .key = "drop.folder",
      .kind = CONFIG_PATH,
      .default_text = "drop",
      .help = "Where it reads." },
    { .key = "every",
      .kind = CONFIG_INTEGER,
      .min = 1,
      .max = 60,
      .default_int = 5,
      .unit = "minutes",
      .help = "How often." },
};

static const struct config_row bus_rows[] = {
    { .key = "bus.credit_bytes",
      .kind = CONFIG_INTEGER,
      .min = 256,
      .max = 65536,
      .default_int = 4096,
      .unit = "bytes",
      .help = "Credit of one peer." },
    { .key = "bus.name",
      .kind = CONFIG_TEXT,
      .min = 1,
      .max = 16,
      .help = "A name.",
      .example = "\"main\"" },
    { .key = "bus.quick", .kind = CONFIG_FLAG, .default_int = 1, .help = "Whether to hurry." },
    { .key = "bus.deep.key",
      .kind = CONFIG_PATH,
      .help = "A key | a path.",
      .example = "keys/link" },
};

static const struct config_row log_rows[] = {
    { .key = "log.level",
      .kind = CONFIG_CHOICE,
      .choices = "error|warning|info",
      .default_text = "info",
      .help = "Least urgent record." },
    { .key = "bus.password", .kind = CONFIG_TEXT, .secret = true, .help = "A secret." },
    { .key = "recipients",
      .kind = CONFIG_TEXTS,
      .min = 0,
      .max = 3,
      .help = "Who is told.",
      .example = "[\"a\", \"b\"]" },
    { .key = "collectors",
      .kind = CONFIG_ITEMS,
      .max = 3,
      .item = item_rows,
      .n_item = ARRAY_LEN(item_rows),
      .help = "The collectors.",
      .example = "[{name: \"east\"}]" },
    { .key = "notifier", .kind = CONFIG_FOREIGN, .help = "The notifier's own." },
};

static const struct config_table tables[] = {
    { "Bus", bus_rows, ARRAY_LEN(bus_rows) },
    { "Everything else", log_rows, ARRAY_LEN(log_rows) },
};

static struct arena *arena;
static struct complaint why;

static void start(void)
{
    arena = arena_new(16 << 20);
    why = (struct complaint){ 0 };
}

static void finish(void)
{
    arena_free(arena);
}

TestSuite(config, .init = start, .fini = finish);

static int parse(const char *text, const struct config **ret_config)
{
    why = (struct complaint){ 0 };
    return config_parse(arena, tables, 2, bytes_str(text), "c.yaml", ret_config, &why);
}

static const struct config *parsed(const char *text)
{
    const struct config *config = NULL;
    cr_assert(eq(int, parse(text, &config), 0), "%s: %s; %s", why.place, why.what, why.remedy);
    return config;
}

Test(config, of_an_empty_file_is_all_defaults)
{
    const struct config *c = parsed("# nothing\n");
    cr_assert(eq(i64, config_int(c, "bus.credit_bytes"), 4096));
    cr_assert(eq(str, (char *)config_text(c, "bus.name"), ""));
    cr_assert(config_flag(c, "bus.quick"));
    cr_assert(eq(str, (char *)config_text(c, "log.level"), "info"));
    cr_assert(eq(sz, config_choice(c, "log.level"), 2));
    cr_assert(eq(sz, config_texts(c, "recipients"), 0));
    cr_assert(eq(sz, config_items(c, "collectors"), 0));
    cr_assert(not(config_is_set(c, "bus.quick")));
}

Test(config, reads_every_kind_of_option)
{
    const struct config *c = parsed("bus:\n"
                                    "  credit_bytes: 65_536\n"
                                    "  name: 正版\n"
                                    "  quick: no\n"
                                    "  deep:\n"
                                    "    key: /etc/key\n"
                                    "log: {level: warning}\n"
                                    "recipients: [a, \"b c\"]\n"
                                    "collectors:\n"
                                    "  - name: east\n"
                                    "    drop: {folder: in}\n"
                                    "  - {name: west, every: 60}\n"
                                    "notifier:\n"
                                    "  whatever: [1, {2: 3}]\n");
    cr_assert(eq(i64, config_int(c, "bus.credit_bytes"), 65536));
    cr_assert(eq(str, (char *)config_text(c, "bus.name"), "正版"));
    cr_assert(not(config_flag(c, "bus.quick")));
    cr_assert(eq(str, (char *)config_text(c, "bus.deep.key"), "/etc/key"));
    cr_assert(eq(sz, config_choice(c, "log.level"), 1));
    cr_assert(eq(sz, config_texts(c, "recipients"), 2));
    cr_assert(eq(str, (char *)config_text_at(c, "recipients", 1), "b c"));
    cr_assert(eq(sz, config_items(c, "collectors"), 2));
    const struct config *east = config_item(c, "collectors", 0);
    const struct config *west = config_item(c, "collectors", 1);
    cr_assert(eq(str, (char *)config_text(east, "name"), "east"));
    cr_assert(eq(str, (char *)config_text(east, "drop.folder"), "in"));
    cr_assert(eq(i64, config_int(east, "every"), 5));
    cr_assert(eq(str, (char *)config_text(west, "drop.folder"), "drop"));
    cr_assert(eq(i64, config_int(west, "every"), 60));
    cr_assert(config_is_set(c, "bus.quick"));
    cr_assert(config_is_set(west, "every"));
    cr_assert(not(config_is_set(east, "every")));
}

Test(config, takes_sections_and_lists_whose_lines_are_commented_out)
{
    const struct config *c = parsed("bus:\n  # name: x\nrecipients:\ncollectors:\nlog:\n");
    cr_assert(eq(i64, config_int(c, "bus.credit_bytes"), 4096));
    cr_assert(eq(sz, config_texts(c, "recipients"), 0));
    cr_assert(eq(sz, config_items(c, "collectors"), 0));
}

static const struct {
    const char *text;
    int r;
    const char *place, *what, *remedy;
} refused[] = {
    { "bus:\n  credit_bytes: 255\n", -ERANGE, "c.yaml line 2, key 'bus.credit_bytes'",
      "255 is below 256", "give a whole number from 256 to 65536 (bytes), for example 4096" },
    { "bus:\n  credit_bytes: 65537\n", -ERANGE, "c.yaml line 2, key 'bus.credit_bytes'",
      "65537 is above 65536", "give a whole number from 256 to 65536 (bytes), for example 4096" },
    { "bus:\n  credit_bytes: 4k\n", -EINVAL, "c.yaml line 2, key 'bus.credit_bytes'",
      "'4k' is no whole number",
      "give a whole number from 256 to 65536 (bytes), for example 4096" },
    { "bus:\n  credit_bytes: [1]\n", -EINVAL, "c.yaml line 2, key 'bus.credit_bytes'",
      "is a list, not a whole number",
      "give a whole number from 256 to 65536 (bytes), for example 4096" },
    { "bus:\n  credit_bytes:\n", -EINVAL, "c.yaml line 2, key 'bus.credit_bytes'",
      "is empty, not a whole number",
      "give a whole number from 256 to 65536 (bytes), for example 4096" },
    { "bus:\n  quick: maybe\n", -EINVAL, "c.yaml line 2, key 'bus.quick'",
      "'maybe' is no truth value", "give yes or no, for example yes" },
    { "bus:\n  name: \"\"\n", -EINVAL, "c.yaml line 2, key 'bus.name'", "is empty",
      "give a text of 1 to 16 bytes, for example \"main\"" },
    { "bus:\n  name: 正版正版正版\n", -ERANGE, "c.yaml line 2, key 'bus.name'", "is 18 bytes long",
      "give a text of 1 to 16 bytes, for example \"main\"" },
    { "bus:\n  name: {a: b}\n", -EINVAL, "c.yaml line 2, key 'bus.name'", "is a map, not a text",
      "give a text of 1 to 16 bytes, for example \"main\"" },
    { "bus:\n  name: \"a\\nb\"\n", -EINVAL, "c.yaml line 2, key 'bus.name'",
      "holds a line break, a control or a direction character",
      "give a text of 1 to 16 bytes, for example \"main\"" },
    { "bus: {deep: {key: [a]}}\n", -EINVAL, "c.yaml line 1, key 'bus.deep.key'",
      "is a list, not a text", "give a path, for example keys/link" },
    { "log: {level: loud}\n", -EINVAL, "c.yaml line 1, key 'log.level'", "'loud' is no choice",
      "give one of error, warning, info, for example info" },
    { "recipients: a\n", -EINVAL, "c.yaml line 1, key 'recipients'", "is no list",
      "give a list of 0 to 3 texts, for example [\"a\", \"b\"]" },
    { "recipients: [a, b, c, d]\n", -ERANGE, "c.yaml line 1, key 'recipients'", "has 4 items",
      "give a list of 0 to 3 texts, for example [\"a\", \"b\"]" },
    { "recipients: [a, [b]]\n", -EINVAL, "c.yaml line 1, key 'recipients'",
      "item 2 is a list, not a text", "give a list of 0 to 3 texts, for example [\"a\", \"b\"]" },
    { "collectors: {name: x}\n", -EINVAL, "c.yaml line 1, key 'collectors'", "is no list",
      "give a list of 0 to 3 maps with the keys name, drop.folder, every, for example "
      "[{name: \"east\"}]" },
    { "collectors:\n  - east\n", -EINVAL, "c.yaml line 1, key 'collectors'", "item 1 is no map",
      "give a list of 0 to 3 maps with the keys name, drop.folder, every, for example "
      "[{name: \"east\"}]" },
    { "collectors:\n  - name: a\n  - every: 3\n", -ENOENT, "c.yaml line 3",
      "option 'collectors[2].name' is missing",
      "add it: a text of 1 to 8 bytes, for example \"east\"" },
    { "collectors:\n  - name: a\n    every: 61\n", -ERANGE,
      "c.yaml line 3, key 'collectors[1].every'", "61 is above 60",
      "give a whole number from 1 to 60 (minutes), for example 5" },
    { "collectors:\n  - name: a\n    evry: 6\n", -EINVAL, "c.yaml line 3, key 'collectors[1].evry'",
      "is no known option", "did you mean 'collectors[1].every'?" },
    { "bus:\n  credit_byte: 4096\n", -EINVAL, "c.yaml line 2, key 'bus.credit_byte'",
      "is no known option", "did you mean 'bus.credit_bytes'?" },
    { "credit_bytes: 4096\n", -EINVAL, "c.yaml line 1, key 'credit_bytes'", "is no known option",
      "did you mean 'bus.credit_bytes'?" },
    { "bus:\n  colour: red\n", -EINVAL, "c.yaml line 2, key 'bus.colour'", "is no known option",
      "delete it, or see the list of options for its name" },
    { "bus.name: x\n", -EINVAL, "c.yaml line 1, key 'bus.name'", "has a dot in one key",
      "write the part before the dot as a section, the rest below it" },
    { "bus: 5\n", -EINVAL, "c.yaml line 1, key 'bus'", "is a section, not an option",
      "put its options below it, such as bus.credit_bytes" },
    { "bus: [a]\n", -EINVAL, "c.yaml line 1, key 'bus'", "is a section, not an option",
      "put its options below it, such as bus.credit_bytes" },
    { "bus:\n  name: x\n  name: y\n", -EINVAL, "c.yaml line 3, key 'name'",
      "was given already in line 2", "keep one of the two" },
    { "- bus\n", -EINVAL, "c.yaml line 1", "is a list, not a map",
      "give keys with values below it" },
    { "bus: {name: \"x\\e[2Jy\"}\n", -EINVAL, "c.yaml line 1, key 'bus.name'",
      "holds a line break, a control or a direction character",
      "give a text of 1 to 16 bytes, for example \"main\"" },
    { "\"a\\e[2J\\nb\": 1\n", -EINVAL, "c.yaml line 1, key 'a\\x1b[2J\\nb'", "is no known option",
      "delete it, or see the list of options for its name" },
};

Test(config, says_word_for_word_what_is_wrong_and_what_was_expected)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct config *untouched = NULL;
        cr_expect(eq(int, parse(refused[i].text, &untouched), refused[i].r), "%s", refused[i].text);
        cr_expect(eq(ptr, (void *)untouched, NULL));
        cr_expect(eq(str, why.place, (char *)refused[i].place), "%s", refused[i].text);
        cr_expect(eq(str, why.what, (char *)refused[i].what), "%s", refused[i].text);
        cr_expect(eq(str, why.remedy, (char *)refused[i].remedy), "%s", refused[i].text);
    }
}

Test(config, does_without_a_complaint)
{
    const struct config *config = NULL;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        cr_assert(eq(int,
                     config_parse(arena, tables, 2, bytes_str(refused[i].text), "c", &config, NULL),
                     refused[i].r));
}

Test(config, ends_at_the_arena_cap)
{
    const char *text = "bus: {name: x}\nrecipients: [a]\ncollectors: [{name: a}]\n";
    int good = 0;
    for (size_t cap = 0; cap < 12000; cap += 100) {
        struct arena *small = arena_new(cap);
        const struct config *config = NULL;
        int r = config_parse(small, tables, 2, bytes_str(text), "c", &config, &why);
        cr_assert(r == 0 || r == -ENOMEM, "cap %zu: %d %s", cap, r, why.what);
        if (r < 0)
            cr_assert(eq(str, why.what, "needs more memory than it may have"));
        good += r == 0;
        arena_free(small);
    }
    cr_assert(gt(int, good, 0));
}

Test(config, gives_the_place_of_an_option_for_checks_of_its_reader)
{
    const struct config *c = parsed("bus:\n  name: x\ncollectors:\n  - name: a\n    every: 3\n");
    config_place(c, "bus.name", &why);
    cr_assert(eq(str, why.place, "c.yaml line 2, key 'bus.name'"));
    config_place(c, "log.level", &why);
    cr_assert(eq(str, why.place, "c.yaml, key 'log.level'"));
    config_place(config_item(c, "collectors", 0), "every", &why);
    cr_assert(eq(str, why.place, "c.yaml line 5, key 'collectors[1].every'"));
}

static char *printed(const struct config *config)
{
    struct buf buf = BUF_INIT(1 << 20);
    config_print(config, &buf);
    cr_assert(eq(int, buf_error(&buf), 0));
    char *text = arena_strdup(arena, buf_bytes(&buf));
    buf_done(&buf);
    return text;
}

Test(config, prints_what_is_in_force_with_units_and_defaults)
{
    const struct config *c = parsed("bus: {name: 'a \"b\" \\c', password: hidden}\n"
                                    "recipients: [x, y]\ncollectors:\n  - name: east\n");
    cr_assert(eq(str, printed(c),
                 "bus:\n"
                 "  # Credit of one peer.\n"
                 "  # Takes a whole number from 256 to 65536 (bytes); default 4096.\n"
                 "  credit_bytes: 4096\n"
                 "  # A name.\n"
                 "  # Takes a text of 1 to 16 bytes.\n"
                 "  name: \"a \\\"b\\\" \\\\c\"\n"
                 "  # Whether to hurry.\n"
                 "  # Takes yes or no; default yes.\n"
                 "  quick: yes\n"
                 "  deep:\n"
                 "    # A key | a path.\n"
                 "    # Takes a path.\n"
                 "    # key: (not set)\n"
                 "  # A secret.\n"
                 "  # Takes a text of 0 to 4096 bytes.\n"
                 "  # password: (secret, not shown)\n"
                 "log:\n"
                 "  # Least urgent record.\n"
                 "  # Takes one of error, warning, info; default info.\n"
                 "  level: \"info\"\n"
                 "# Who is told.\n"
                 "# Takes a list of 0 to 3 texts.\n"
                 "recipients: [\"x\", \"y\"]\n"
                 "# The collectors.\n"
                 "# Takes a list of 0 to 3 maps with the keys name, drop.folder, every.\n"
                 "collectors: \n"
                 "  -\n"
                 "    # Its name.\n"
                 "    # Takes a text of 1 to 8 bytes; required.\n"
                 "    name: \"east\"\n"
                 "    drop:\n"
                 "      # Where it reads.\n"
                 "      # Takes a path; default \"drop\".\n"
                 "      folder: \"drop\"\n"
                 "    # How often.\n"
                 "    # Takes a whole number from 1 to 60 (minutes); default 5.\n"
                 "    every: 5\n"
                 "# The notifier's own.\n"
                 "# notifier: (of another program)\n"));
}

Test(config, reads_again_what_it_prints_and_prints_the_same)
{
    static const char *const texts[] = {
        "",
        "bus: {name: '正版: #x', credit_bytes: 300, quick: no, deep: {key: \"/a b/'c'\"}}\n",
        "recipients: ['~', 'null', '- a']\n",
        "recipients: ['\"', '\\', 'yes']\n",
        "recipients: []\ncollectors: []\n",
        "collectors: [{name: a}, {name: \"#b\", drop: {folder: /x}, every: 1}]\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        char *first = printed(parsed(texts[i]));
        cr_assert(eq(str, printed(parsed(first)), first));
    }
}

Test(config, loads_from_a_file_and_names_it)
{
    char path[] = "/tmp/zb-config-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(ge(int, fd, 0));
    (void)close(fd);
    cr_assert(eq(int, file_write_atomic(path, BYTES_LIT("bus:\n  quick: 1\n"), 0600), 0));
    const struct config *config = NULL;
    cr_assert(eq(int, config_load(arena, tables, 2, path, &config, &why), -EINVAL));
    cr_assert(eq(str, why.place, arena_printf(arena, "%s line 2, key 'bus.quick'", path)));
    cr_assert(eq(int, file_write_atomic(path, BYTES_LIT("bus:\n  quick: no\n"), 0600), 0));
    cr_assert(eq(int, config_load(arena, tables, 2, path, &config, &why), 0));
    cr_assert(not(config_flag(config, "bus.quick")));
    cr_assert(eq(int, unlink(path), 0));
    cr_assert(eq(int, config_load(arena, tables, 2, path, &config, &why), -ENOENT));
    cr_assert(eq(str, why.what, "cannot be opened: No such file or directory"));
}

Test(config, makes_a_reference_of_its_tables)
{
    struct buf buf = BUF_INIT(1 << 16);
    config_reference(tables, 2, &buf);
    cr_assert(eq(int, buf_error(&buf), 0));
    cr_assert(eq(
        str, arena_strdup(arena, buf_bytes(&buf)),
        "## Bus\n\n"
        "| option | takes | default | meaning |\n"
        "|---|---|---|---|\n"
        "| `bus.credit_bytes` | a whole number from 256 to 65536 (bytes) | `4096` | Credit of one "
        "peer. |\n"
        "| `bus.name` | a text of 1 to 16 bytes |  | A name. Example: `\"main\"` |\n"
        "| `bus.quick` | yes or no | `yes` | Whether to hurry. |\n"
        "| `bus.deep.key` | a path |  | A key \\| a path. Example: `keys/link` |\n"
        "\n## Everything else\n\n"
        "| option | takes | default | meaning |\n"
        "|---|---|---|---|\n"
        "| `log.level` | one of error, warning, info | `info` | Least urgent record. |\n"
        "| `bus.password` | a text of 0 to 4096 bytes |  | A secret. |\n"
        "| `recipients` | a list of 0 to 3 texts |  | Who is told. Example: `[\"a\", \"b\"]` |\n"
        "| `collectors` | a list of 0 to 3 maps with the keys name, drop.folder, every |  | The "
        "collectors. Example: `[{name: \"east\"}]` |\n"
        "| `collectors[].name` | a text of 1 to 8 bytes | required | Its name. Example: `\"east\"` "
        "|\n"
        "| `collectors[].drop.folder` | a path | `\"drop\"` | Where it reads. |\n"
        "| `collectors[].every` | a whole number from 1 to 60 (minutes) | `5` | How often. |\n"
        "| `notifier` | a section of another program |  | The notifier's own. |\n"));
    buf_done(&buf);
}

Test(config, stops_at_a_key_that_no_row_has, .signal = SIGABRT)
{
    (void)config_int(parsed(""), "bus.credits");
}

Test(config, stops_at_a_key_of_another_kind, .signal = SIGABRT)
{
    (void)config_int(parsed(""), "bus.quick");
}

Test(config, stops_at_two_rows_of_one_key, .signal = SIGABRT)
{
    const struct config_table twice[] = { tables[0], tables[0] };
    const struct config *config;
    (void)config_parse(arena, twice, 2, BYTES_LIT(""), "c", &config, &why);
}

Test(config, stops_at_a_default_outside_its_range, .signal = SIGABRT)
{
    static const struct config_row rows[] = {
        { .key = "a", .kind = CONFIG_INTEGER, .min = 1, .max = 2, .default_int = 3, .help = "X." }
    };
    const struct config_table table = { "T", rows, 1 };
    const struct config *config;
    (void)config_parse(arena, &table, 1, BYTES_LIT(""), "c", &config, &why);
}
