/* cmd_entitlement.c - `zhengban entitlement`: rights to use software, and their proof. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/read.h"

enum { PROOF_FILE_BYTES = 64 * 1024 * 1024 };

/* The document stays where it is; its digest is what the journal keeps. */
static int add_run(struct cli *cli)
{
    const char *path = cli_option(cli, "--proof-file");
    struct remote_command *command = remote_begin(cli);
    if (path != NULL) {
        struct complaint why = { 0 };
        struct bytes document;
        int r = file_read(cli->arena, path, PROOF_FILE_BYTES, &document, &why);
        if (r < 0)
            return cli_complain(cli, r, &why);
        struct digest digest = seal_digest(SEAL_PARTS(document));
        remote_argument(command, "proof", read_hex(cli, digest_bytes(&digest)));
    }
    return remote_do(command);
}

/* A right is withdrawn in the name of its unit, which decides who may. */
static int withdraw_run(struct cli *cli)
{
    uint64_t id;
    Zb__RightRecord *right;
    if (read_number(cli, "RIGHT", cli->positional[0], &id) < 0)
        return CLI_INVALID;
    int r = READ_GET(cli, TABLE_RIGHT, key_u64(id), &right);
    if (r == -EIO)
        return CLI_INVALID;
    if (r < 0)
        return cli_fault(cli, r, _("see 'zhengban entitlement list'"),
                         _("there is no right %" PRIu64), id);
    struct remote_command *command = remote_begin(cli);
    remote_argument(command, "unit", right->unit);
    return remote_do(command);
}

static void put_row(struct cli *cli, struct cli_table *table, const Zb__RightRecord *right)
{
    cli_cell_int(table, (int64_t)right->id);
    cli_cell(table, right->unit);
    cli_cell(table, right->product);
    cli_cell_int(table, (int64_t)right->quantity);
    cli_cell(table, read_word(cli, &zb__metric__descriptor, "METRIC_", (int)right->metric));
    cli_cell_bool(table, right->subtree);
    cli_cell(table, read_day(cli, right->from_day));
    cli_cell(table, read_day(cli, right->to_day));
    cli_cell_bool(table, right->withdrawn);
    cli_cell(table, right->note);
    cli_cell(table, read_hex(cli, bytes_of(right->proof.data, right->proof.len)));
    cli_row_end(table);
}

static int list_run(struct cli *cli)
{
    static const char *const columns[] = {
        N_("id"),   N_("unit"), N_("product"),   N_("quantity"), N_("metric"), N_("subtree"),
        N_("from"), N_("to"),   N_("withdrawn"), N_("note"),     N_("proof"),
    };
    const char *unit = cli_option(cli, "--unit"), *product = cli_option(cli, "--product");
    struct cli_table *table = cli_table_new(cli, columns, ARRAY_LEN(columns));
    struct scan scan = scan_begin(cli, TABLE_RIGHT, (struct ledger_key){ 0 });
    while (scan_next(&scan)) {
        const Zb__RightRecord *right = (const Zb__RightRecord *)scan.record;
        if ((unit == NULL || strcmp(unit, right->unit) == 0) &&
            (product == NULL || strcmp(product, right->product) == 0))
            put_row(cli, table, right);
    }
    int code = scan_end(&scan);
    if (code == CLI_DONE)
        cli_table_end(table);
    return code;
}

static const struct cli_option add_options[] = {
    { .name = "--unit", .value = "UNIT", .help = N_("who holds it"), .required = true },
    { .name = "--product",
      .value = "PRODUCT",
      .help = N_("product id of the catalogue"),
      .required = true },
    { .name = "--quantity", .value = "N", .help = N_("computers it covers"), .required = true },
    { .name = "--metric",
      .value = "METRIC",
      .help = N_("device or subscription; device when left out") },
    { .name = "--subtree", .help = N_("serves the units below too") },
    { .name = "--from", .value = "DAY", .help = N_("first day; today when left out") },
    { .name = "--to", .value = "DAY", .help = N_("last day; none when left out") },
    { .name = "--editions",
      .value = "LIST",
      .help = N_("editions it covers, by commas; else all") },
    { .name = "--version-low", .value = "VERSION", .help = N_("lowest version it covers") },
    { .name = "--version-high", .value = "VERSION", .help = N_("highest version it covers") },
    { .name = "--note", .value = "TEXT", .help = N_("contract number and the like") },
    { .name = "--proof-file",
      .value = "FILE",
      .help = N_("the document that proves it; its digest is kept, not the file"),
      .local = true },
};

static const struct cli_option withdraw_options[] = {
    { .name = "--reason", .value = "TEXT", .help = N_("why it does not count"), .required = true },
};

static const struct cli_option list_options[] = {
    { .name = "--unit", .value = "UNIT", .help = N_("only of this unit") },
    { .name = "--product", .value = "PRODUCT", .help = N_("only of this product") },
};

static const struct cli_verb entitlement_verbs[] = {
    { .name = "add",
      .arguments = "",
      .help = N_("Records a right to use a product."),
      .options = add_options,
      .option_count = ARRAY_LEN(add_options),
      .run = add_run,
      .command = "entitlement.add" },
    { .name = "withdraw",
      .arguments = "RIGHT",
      .help = N_("Takes a recorded right back."),
      .options = withdraw_options,
      .option_count = ARRAY_LEN(withdraw_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = withdraw_run,
      .command = "entitlement.withdraw",
      .positional_names = "right" },
    { .name = "list",
      .arguments = "",
      .help = N_("Lists rights."),
      .options = list_options,
      .option_count = ARRAY_LEN(list_options),
      .run = list_run },
};

const struct cli_command cmd_entitlement = { "entitlement", N_("rights to use software"),
                                             entitlement_verbs, ARRAY_LEN(entitlement_verbs) };
