/* config.c - option rows of collectors: one item per identity that reports. */
#include <string.h>

#include "collector/service.h"

static const struct config_row item_rows[] = {
    { .key = "name",
      .kind = CONFIG_TEXT,
      .required = true,
      .min = 1,
      .max = 64,
      .help = "Instance name; its key is keys/NAME.key, its spool spool/NAME.",
      .example = "collector" },
    { .key = "unit",
      .kind = CONFIG_TEXT,
      .required = true,
      .min = 1,
      .max = 64,
      .help = "Unit of the computers it reports, where a file does not name one.",
      .example = "group" },
    { .key = "drop",
      .kind = CONFIG_PATH,
      .default_text = "",
      .help = "Folder whose files are imported as they come; empty: none.",
      .example = "drop/collector" },
    { .key = "scan_host",
      .kind = CONFIG_FLAG,
      .default_int = 0,
      .help = "Whether to report the computer it runs on." },
    { .key = "scan_every_minutes",
      .kind = CONFIG_INTEGER,
      .min = 1,
      .max = 44640,
      .default_int = 1440,
      .unit = "minutes",
      .help = "How often it does so." },
    { .key = "spool_max_bytes",
      .kind = CONFIG_INTEGER,
      .min = 16LL * 1024 * 1024,
      .max = 1LL << 42,
      .default_int = 1LL << 34,
      .unit = "bytes",
      .help = "Address space reserved for the spool; the file grows into it." },
    { .key = "resend_ms",
      .kind = CONFIG_INTEGER,
      .min = 100,
      .max = 600000,
      .default_int = 5000,
      .unit = "ms",
      .help = "An unanswered batch goes out again after this long." },
};

static const struct config_row collector_rows[] = {
    { .key = "collectors",
      .kind = CONFIG_ITEMS,
      .max = 1024,
      .item = item_rows,
      .n_item = ARRAY_LEN(item_rows),
      .help = "The collectors of this home." },
};

const struct config_table collector_config = {
    .title = "Collectors",
    .rows = collector_rows,
    .n_rows = ARRAY_LEN(collector_rows),
};

static const struct config_row foreign_rows[] = {
    { .key = "catalogue", .kind = CONFIG_FOREIGN, .help = "Read by the matchers." },
    { .key = "notifier", .kind = CONFIG_FOREIGN, .help = "Read by the notifier." },
    { .key = "notices", .kind = CONFIG_FOREIGN, .help = "Read by the notifier." },
    { .key = "mail", .kind = CONFIG_FOREIGN, .help = "Read by the notifier." },
    { .key = "rules", .kind = CONFIG_FOREIGN, .help = "Read by the notifier." },
};

const struct config_table collector_foreign_config = {
    .title = "Sections of others",
    .rows = foreign_rows,
    .n_rows = ARRAY_LEN(foreign_rows),
};

const struct config *collector_item(const struct config *config, const char *name)
{
    size_t count = config_items(config, "collectors");
    for (size_t i = 0; i < count; i++) {
        const struct config *item = config_item(config, "collectors", i);
        if (strcmp(config_text(item, "name"), name) == 0)
            return item;
    }
    return NULL;
}
