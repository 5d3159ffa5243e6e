/* config.c - option rows of the notifier: store, mail and the numbers of the rules. */
#include "notifier/config.h"

static const struct config_row notifier_rows[] = {
    { .key = "notifier.key",
      .kind = CONFIG_PATH,
      .default_text = "keys/ledger.key",
      .help = "Secret key of the ledger, mode 0600." },
    { .key = "notifier.store",
      .kind = CONFIG_PATH,
      .default_text = "ledger",
      .help = "Folder of the ledger's store." },
    { .key = "notifier.store_max_bytes",
      .kind = CONFIG_INTEGER,
      .min = 64LL * 1024 * 1024,
      .max = 1LL << 44,
      .default_int = 1LL << 36,
      .unit = "bytes",
      .help = "Address space reserved for the store; the file grows into it." },
    { .key = "notifier.commit_frames",
      .kind = CONFIG_INTEGER,
      .min = 1,
      .max = 1024,
      .default_int = 64,
      .unit = "frames",
      .help = "At most so many frames are applied in one transaction and one sync." },
    { .key = "notices.templates",
      .kind = CONFIG_PATH,
      .default_text = "templates",
      .help = "Folder of the notice templates." },
    { .key = "notices.names",
      .kind = CONFIG_PATH,
      .default_text = "catalogue",
      .help = "Folder of the catalogues' product names, each in DIGEST.names." },
    { .key = "notices.drop",
      .kind = CONFIG_PATH,
      .default_text = "outbox",
      .help = "Folder of the file channel: one .eml file per notice." },
    { .key = "notices.at_once",
      .kind = CONFIG_INTEGER,
      .min = 1,
      .max = 256,
      .default_int = 16,
      .unit = "notices",
      .help = "Deliveries under way at the same time." },
    { .key = "mail.url",
      .kind = CONFIG_TEXT,
      .max = 256,
      .default_text = "",
      .help = "Mail server; empty: no mail channel.",
      .example = "smtp://mail.example.cn:587" },
    { .key = "mail.from",
      .kind = CONFIG_TEXT,
      .max = 256,
      .default_text = "zhengban@ledger.invalid",
      .help = "Sender of notices." },
    { .key = "mail.user",
      .kind = CONFIG_TEXT,
      .max = 256,
      .default_text = "",
      .help = "User at the mail server; empty: no authentication." },
    { .key = "mail.password_file",
      .kind = CONFIG_PATH,
      .default_text = "",
      .help = "File of mode 0600 that holds the password.",
      .example = "keys/mail.password" },
    { .key = "mail.require_tls",
      .kind = CONFIG_FLAG,
      .default_int = 1,
      .help = "Send only over TLS (STARTTLS or smtps)." },
    { .key = "mail.ca_file",
      .kind = CONFIG_PATH,
      .default_text = "",
      .help = "Certificates to trust instead of the system's." },
    { .key = "mail.timeout_ms",
      .kind = CONFIG_INTEGER,
      .min = 1000,
      .max = 600000,
      .default_int = 60000,
      .unit = "ms",
      .help = "Longest time for one delivery." },
};

static const struct config_row foreign_rows[] = {
    { .key = "collectors", .kind = CONFIG_FOREIGN, .help = "Read by the collectors." },
    { .key = "catalogue", .kind = CONFIG_FOREIGN, .help = "Read by the matchers." },
};

const struct config_table notifier_foreign_config = {
    .title = "Sections of others",
    .rows = foreign_rows,
    .n_rows = ARRAY_LEN(foreign_rows),
};

const struct config_table notifier_config = {
    .title = "Notifier",
    .rows = notifier_rows,
    .n_rows = ARRAY_LEN(notifier_rows),
};

/* Defaults stand once, in ledger_rules_default(); a key that the file does not set keeps them. */
static const struct config_row rules_rows[] = {
    { .key = "rules.stale_days",
      .kind = CONFIG_INTEGER,
      .min = 1,
      .max = 3650,
      .default_int = 30,
      .unit = "days",
      .help = "A computer unseen for longer counts as stale." },
    { .key = "rules.lookahead_days",
      .kind = CONFIG_INTEGER,
      .min = 0,
      .max = 3650,
      .default_int = 60,
      .unit = "days",
      .help = "Rights that end so soon put what they cover at risk." },
    { .key = "rules.enforce_percent",
      .kind = CONFIG_INTEGER,
      .min = 1,
      .max = 100,
      .default_int = 90,
      .unit = "percent",
      .help = "Share of the declared computers scanned completely before a unit can be enforced." },
    { .key = "rules.enforce_days",
      .kind = CONFIG_INTEGER,
      .min = 1,
      .max = 365,
      .default_int = 30,
      .unit = "days",
      .help = "... within so many days." },
    { .key = "rules.verify_days",
      .kind = CONFIG_INTEGER,
      .min = 1,
      .max = 60,
      .default_int = 3,
      .unit = "working days",
      .help = "Time to answer a verification." },
    { .key = "rules.retry_ms",
      .kind = CONFIG_INTEGER,
      .min = 1000,
      .max = 86400000,
      .default_int = 60000,
      .unit = "ms",
      .help = "First retry of a failed notice; doubles up to 32 times it." },
    { .key = "rules.give_up_ms",
      .kind = CONFIG_INTEGER,
      .min = 60000,
      .max = 30LL * 86400000,
      .default_int = 86400000,
      .unit = "ms",
      .help = "A notice that failed for so long counts as resolved; the administrator is told." },
};

const struct config_table rules_config = {
    .title = "Rules",
    .rows = rules_rows,
    .n_rows = ARRAY_LEN(rules_rows),
};

struct ledger_rules rules_of(const struct config *config)
{
    struct ledger_rules rules = ledger_rules_default();
    rules.stale_days = (uint32_t)config_int(config, "rules.stale_days");
    rules.lookahead_days = (uint32_t)config_int(config, "rules.lookahead_days");
    rules.enforce_percent = (uint32_t)config_int(config, "rules.enforce_percent");
    rules.enforce_days = (uint32_t)config_int(config, "rules.enforce_days");
    rules.verify_days = (uint32_t)config_int(config, "rules.verify_days");
    rules.retry_ms = (uint32_t)config_int(config, "rules.retry_ms");
    rules.give_up_ms = (uint32_t)config_int(config, "rules.give_up_ms");
    return rules;
}
