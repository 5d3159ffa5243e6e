/* cmd_position.c - `zhengban position`: what is installed and what there are rights for. */
#include <string.h>

#include "cli/read.h"

/* Whether an option, if given, names this text. */
static bool wanted(const struct cli *cli, const char *option, const char *text)
{
    const char *value = cli_option(cli, option);
    return value == NULL || strcmp(value, text) == 0;
}

/* Unit and product stand in the key: unit 0 · product 0 · metric u8. */
static void put_row(struct cli *cli, struct cli_table *table, const char *unit, const char *product,
                    int metric, const Zb__PositionRecord *at)
{
    cli_cell(table, unit);
    cli_cell(table, product);
    cli_cell(table, read_word(cli, &zb__metric__descriptor, "METRIC_", metric));
    cli_cell_int(table, (int64_t)at->installed);
    cli_cell_int(table, (int64_t)at->entitled);
    cli_cell_int(table, (int64_t)at->consumed);
    cli_cell_int(table, (int64_t)at->idle);
    cli_cell_int(table, (int64_t)at->short_of);
    cli_cell_int(table, (int64_t)at->at_risk);
    cli_cell_int(table, (int64_t)at->unknown);
    cli_cell_int(table, (int64_t)at->stale);
    cli_cell(table,
             read_word(cli, &zb__licence_class__descriptor, "CLASS_", (int)at->licence_class));
    cli_cell(table, at->category);
    if (cli->json) {
        cli_cell(table, read_hex(cli, bytes_of(at->catalogue.data, at->catalogue.len)));
        cli_cell(table, read_instant(cli, at->at_ms));
    }
    cli_row_end(table);
}

static int position_run(struct cli *cli)
{
    static const char *const columns[] = {
        N_("unit"),     N_("product"), N_("metric"),   N_("installed"), N_("entitled"),
        N_("consumed"), N_("idle"),    N_("short"),    N_("at_risk"),   N_("unknown"),
        N_("stale"),    N_("class"),   N_("category"), N_("catalogue"), N_("at"),
    };
    size_t count = cli->json ? ARRAY_LEN(columns) : ARRAY_LEN(columns) - 2;
    struct cli_table *table = cli_table_new(cli, columns, count);
    struct scan scan = scan_begin(cli, TABLE_POSITION, (struct ledger_key){ 0 });
    size_t found = 0;
    while (scan_next(&scan)) {
        struct reader key = reader_of(scan.key);
        const char *unit = (const char *)key_read_text(&key).data;
        const char *product = (const char *)key_read_text(&key).data;
        int metric = read_u8(&key);
        const Zb__PositionRecord *at = (const Zb__PositionRecord *)scan.record;
        if (key.failed || !wanted(cli, "--unit", unit) || !wanted(cli, "--product", product) ||
            (cli_option(cli, "--short") != NULL && at->short_of == 0))
            continue;
        put_row(cli, table, unit, product, metric, at);
        found++;
    }
    int code = scan_end(&scan);
    if (code != CLI_DONE)
        return code;
    if (found == 0)
        cli_say(cli, _("no position yet: nothing reported, nothing recognised, or no such unit"));
    else
        cli_table_end(table);
    return CLI_DONE;
}

static const struct cli_option position_options[] = {
    { .name = "--unit", .value = "UNIT", .help = N_("only of this unit") },
    { .name = "--product", .value = "PRODUCT", .help = N_("only of this product") },
    { .name = "--short", .help = N_("only where rights are missing") },
};

static const struct cli_verb position_verbs[] = {
    { .arguments = "",
      .help = N_("Lists installed, entitled, idle and missing rights by unit and product."),
      .options = position_options,
      .option_count = ARRAY_LEN(position_options),
      .run = position_run },
};

const struct cli_command cmd_position = { "position", N_("licence positions of units"),
                                          position_verbs, ARRAY_LEN(position_verbs) };
