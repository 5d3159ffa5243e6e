/* fuzz_config.c - any bytes as a configuration file: refused with a complaint, or printed as a file
 * that is read again and prints the same. */
#include <assert.h>
#include <stdint.h>

#include "base/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config_row item_rows[] = {
    { .key = "name", .kind = CONFIG_TEXT, .required = true, .min = 1, .help = "Name." },
    { .key = "drop.folder", .kind = CONFIG_PATH, .default_text = "drop", .help = "Folder." },
};

static const struct config_row rows[] = {
    { .key = "bus.credit", .kind = CONFIG_INTEGER, .min = -5, .max = 1000, .help = "Credit." },
    { .key = "bus.name", .kind = CONFIG_TEXT, .max = 16, .help = "Name." },
    { .key = "bus.quick", .kind = CONFIG_FLAG, .help = "Hurry." },
    { .key = "log.level",
      .kind = CONFIG_CHOICE,
      .choices = "error|info",
      .default_text = "info",
      .help = "Level." },
    { .key = "to", .kind = CONFIG_TEXTS, .help = "Whom." },
    { .key = "items",
      .kind = CONFIG_ITEMS,
      .item = item_rows,
      .n_item = ARRAY_LEN(item_rows),
      .help = "Items." },
    { .key = "other", .kind = CONFIG_FOREIGN, .help = "Not ours." },
};

static const struct config_table table = { "All", rows, ARRAY_LEN(rows) };

static void check_printing(struct arena *arena, const struct config *config)
{
    CLEANUP(buf_done) struct buf first = BUF_INIT(CONFIG_FILE_BYTES);
    CLEANUP(buf_done) struct buf second = BUF_INIT(CONFIG_FILE_BYTES);
    const struct config *again = NULL;
    config_print(config, &first);
    if (buf_error(&first) < 0)
        return; /* a file of many short items prints longer than a file may be */
    assert(config_parse(arena, &table, 1, buf_bytes(&first), "again", &again, NULL) == 0);
    config_print(again, &second);
    assert(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(64 << 20);
    const struct config *config = NULL;
    struct complaint why = { 0 };
    int r = config_parse(arena, &table, 1, bytes_of(data, size), "f", &config, &why);
    if (r == 0) {
        assert(config_int(config, "bus.credit") >= -5 && config_int(config, "bus.credit") <= 1000);
        check_printing(arena, config);
    } else {
        assert(config == NULL && why.what[0] != '\0' && why.place[0] != '\0');
        assert(why.remedy[0] != '\0' && text_is_utf8(bytes_str(why.remedy)));
    }
    arena_free(arena);
    return 0;
}
