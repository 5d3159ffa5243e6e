/* cmd_unit.c - `zhengban unit`: the tree of organisations, and how far each has come. */
#include <errno.h>
#include <string.h>

#include "cli/read.h"

static void put_row(struct cli *cli, struct cli_table *table, const Zb__UnitRecord *unit)
{
    cli_cell(table, unit->id);
    cli_cell(table, unit->parent[0] == '\0' ? NULL : unit->parent);
    cli_cell(table, unit->name);
    cli_cell(table, unit->kind);
    cli_cell(table, read_word(cli, &zb__phase__descriptor, "PHASE_", (int)unit->phase));
    cli_cell(table, read_instant(cli, unit->phase_ms));
    cli_cell_int(table, (int64_t)unit->computers);
    cli_cell(table, read_instant(cli, unit->baseline_ms));
    cli_cell(table, unit->uscc);
    cli_cell_bool(table, unit->preauthorised_prohibited);
    cli_row_end(table);
}

static const char *const columns[] = {
    N_("id"),    N_("parent"),    N_("name"),     N_("kind"), N_("phase"),
    N_("since"), N_("computers"), N_("baseline"), N_("uscc"), N_("preauthorised"),
};

static int list_run(struct cli *cli)
{
    struct cli_table *table = cli_table_new(cli, columns, ARRAY_LEN(columns));
    struct scan scan = scan_begin(cli, TABLE_UNIT, (struct ledger_key){ 0 });
    while (scan_next(&scan))
        put_row(cli, table, (const Zb__UnitRecord *)scan.record);
    int code = scan_end(&scan);
    if (code == CLI_DONE)
        cli_table_end(table);
    return code;
}

static int show_run(struct cli *cli)
{
    Zb__UnitRecord *unit;
    int r = READ_GET(cli, TABLE_UNIT, key_text(cli->positional[0]), &unit);
    if (r == -EIO)
        return CLI_INVALID;
    if (r < 0)
        return cli_fault(cli, r, _("see 'zhengban unit list'"), _("there is no unit '%s'"),
                         cli->positional[0]);
    struct cli_table *table = cli_table_new(cli, columns, ARRAY_LEN(columns));
    put_row(cli, table, unit);
    cli_table_end(table);
    return CLI_DONE;
}

#define FIELD_OPTIONS                                                                           \
    { .name = "--name", .value = "NAME", .help = N_("as printed on notices") },                 \
        { .name = "--kind", .value = "KIND", .help = N_("group, branch, county, office ...") }, \
        { .name = "--computers", .value = "N", .help = N_("declared number of computers") },    \
    {                                                                                           \
        .name = "--uscc", .value = "CODE", .help = N_("unified social credit code")             \
    }

static const struct cli_option add_options[] = {
    { .name = "--parent", .value = "UNIT", .help = N_("the unit above; none for the top") },
    FIELD_OPTIONS,
};

static const struct cli_option set_options[] = { FIELD_OPTIONS };

static const struct cli_option preauthorise_options[] = {
    { .name = "--prohibited",
      .value = "YES|NO",
      .help = N_("yes: the word of two matchers on prohibited software is enough; or no"),
      .required = true },
};

static const struct cli_verb unit_verbs[] = {
    { .name = "add",
      .arguments = "UNIT",
      .help = N_("Adds a unit to the tree."),
      .options = add_options,
      .option_count = ARRAY_LEN(add_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = remote_run,
      .command = "unit.add",
      .positional_names = "unit" },
    { .name = "set",
      .arguments = "UNIT",
      .help = N_("Changes what is recorded of a unit."),
      .options = set_options,
      .option_count = ARRAY_LEN(set_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = remote_run,
      .command = "unit.set",
      .positional_names = "unit" },
    { .name = "list", .arguments = "", .help = N_("Lists units."), .run = list_run },
    { .name = "show",
      .arguments = "UNIT",
      .help = N_("Shows one unit."),
      .positional_min = 1,
      .positional_max = 1,
      .run = show_run },
    { .name = "phase",
      .arguments = "UNIT PHASE",
      .help = N_("Moves a unit to survey, trial or enforced."),
      .positional_min = 2,
      .positional_max = 2,
      .run = remote_run,
      .command = "unit.phase",
      .positional_names = "unit phase" },
    { .name = "baseline",
      .arguments = "UNIT",
      .help = N_("Declares the recorded rights to be the baseline."),
      .positional_min = 1,
      .positional_max = 1,
      .run = remote_run,
      .command = "unit.baseline",
      .positional_names = "unit" },
    { .name = "preauthorise",
      .arguments = "UNIT",
      .help = N_("Confirms suspicions of class A in advance, or no longer; for the principal."),
      .options = preauthorise_options,
      .option_count = ARRAY_LEN(preauthorise_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = remote_run,
      .command = "unit.preauthorise",
      .positional_names = "unit" },
};

const struct cli_command cmd_unit = { "unit", N_("organisations and their phases"), unit_verbs,
                                      ARRAY_LEN(unit_verbs) };
