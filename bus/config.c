/* config.c - option rows of links and addresses. */
#include "bus/config.h"

#include <errno.h>
#include <string.h>

#include "base/file.h"

enum { SLIP_FILE_BYTES = 4096 };

const struct config_row matcher_item_rows[] = {
    { .key = "name",
      .kind = CONFIG_TEXT,
      .required = true,
      .min = 1,
      .max = 64,
      .help = "Instance name; its key is keys/NAME.key, its public half keys/NAME.slip.",
      .example = "matcher-1" },
    { .key = "address",
      .kind = CONFIG_TEXT,
      .required = true,
      .min = 8,
      .max = 256,
      .help = "Where it listens for collectors, and where they find it.",
      .example = "tcp://127.0.0.1:7101" },
};
const size_t matcher_item_row_count = ARRAY_LEN(matcher_item_rows);

static const struct config_row bus_rows[] = {
    { .key = "bus.heartbeat_ms",
      .kind = CONFIG_INTEGER,
      .min = 100,
      .max = 60000,
      .default_int = 2000,
      .unit = "ms",
      .help = "A ping follows this long after the last frame." },
    { .key = "bus.silence_ms",
      .kind = CONFIG_INTEGER,
      .min = 500,
      .max = 600000,
      .default_int = 10000,
      .unit = "ms",
      .help = "A peer is gone after this long without any frame." },
    { .key = "bus.handshake_ms",
      .kind = CONFIG_INTEGER,
      .min = 100,
      .max = 60000,
      .default_int = 5000,
      .unit = "ms",
      .help = "Time from connecting to being known." },
    { .key = "bus.reconnect_ms",
      .kind = CONFIG_INTEGER,
      .min = 10,
      .max = 60000,
      .default_int = 100,
      .unit = "ms",
      .help = "First delay before connecting again; doubles up to 32 times it." },
    { .key = "bus.credit_bytes",
      .kind = CONFIG_INTEGER,
      .min = BOUND_EXPANDED_BYTES + BOUND_FORWARD_EXTRA_BYTES,
      .max = 1LL << 32,
      .default_int = 16LL * 1024 * 1024,
      .unit = "bytes",
      .help = "Expanded bytes that one peer may have unanswered." },
    { .key = "bus.budget_bytes",
      .kind = CONFIG_INTEGER,
      .min = BOUND_EXPANDED_BYTES + BOUND_FORWARD_EXTRA_BYTES,
      .max = 1LL << 36,
      .default_int = 256LL * 1024 * 1024,
      .unit = "bytes",
      .help = "The same for all peers of a process together; beyond it they are told BUSY." },
    { .key = "bus.high_water_frames",
      .kind = CONFIG_INTEGER,
      .min = 16,
      .max = 65536,
      .default_int = 1024,
      .unit = "frames",
      .help = "Queue bound per peer and direction." },
    { .key = "ledger.address",
      .kind = CONFIG_TEXT,
      .min = 8,
      .max = 256,
      .default_text = "tcp://127.0.0.1:7100",
      .help = "Where the notifier listens for matchers and officials, and where they find it.",
      .example = "tcp://127.0.0.1:7100" },
    { .key = "ledger.slip",
      .kind = CONFIG_PATH,
      .default_text = "keys/ledger.slip",
      .help = "Public half of the ledger's key, pinned by everybody." },
    { .key = "matchers",
      .kind = CONFIG_ITEMS,
      .max = 64,
      .item = matcher_item_rows,
      .n_item = ARRAY_LEN(matcher_item_rows),
      .help = "The matchers: the notifier's neighbours, and whom collectors report to." },
};

const struct config_table bus_config = {
    .title = "Links",
    .rows = bus_rows,
    .n_rows = ARRAY_LEN(bus_rows),
};

struct bus_limits bus_limits_of(const struct config *config)
{
    return (struct bus_limits){
        .heartbeat_ms = (int)config_int(config, "bus.heartbeat_ms"),
        .silence_ms = (int)config_int(config, "bus.silence_ms"),
        .handshake_ms = (int)config_int(config, "bus.handshake_ms"),
        .reconnect_ms = (int)config_int(config, "bus.reconnect_ms"),
        .credit_bytes = (uint64_t)config_int(config, "bus.credit_bytes"),
        .budget_bytes = (uint64_t)config_int(config, "bus.budget_bytes"),
        .high_water_frames = (int)config_int(config, "bus.high_water_frames"),
    };
}

const struct config *matcher_item(const struct config *config, const char *name)
{
    size_t count = config_items(config, "matchers");
    for (size_t i = 0; i < count; i++) {
        const struct config *item = config_item(config, "matchers", i);
        if (strcmp(config_text(item, "name"), name) == 0)
            return item;
    }
    return NULL;
}

int slip_load(const char *path, struct identity_public *ret_public, struct complaint *why)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(2 * SLIP_FILE_BYTES);
    if (arena == NULL)
        return -ENOMEM;
    struct bytes text;
    int r = file_read(arena, path, SLIP_FILE_BYTES, &text, why);
    if (r < 0)
        return r;
    complaint_at(why, "%s", path);
    return slip_parse(text, ret_public, why);
}
