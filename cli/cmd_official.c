/* cmd_official.c - `zhengban official`: who answers for a unit, and how they are told. */
#include <errno.h>
#include <string.h>

#include "cli/read.h"

/* "smtp,file"; from the arena. */
static const char *channels_text(struct cli *cli, const Zb__OfficialRecord *official)
{
    const char *text = "";
    for (size_t i = 0; text != NULL && i < official->n_channels; i++)
        text = arena_printf(cli->arena, "%s%s%s", text, i == 0 ? "" : ",", official->channels[i]);
    return text;
}

static int list_run(struct cli *cli)
{
    static const char *const columns[] = { N_("unit"),  N_("role"),     N_("name"),     N_("mail"),
                                           N_("phone"), N_("language"), N_("channels"), N_("key") };
    const char *unit = cli_option(cli, "--unit");
    struct cli_table *table = cli_table_new(cli, columns, ARRAY_LEN(columns));
    struct scan scan = scan_begin(cli, TABLE_OFFICIAL, (struct ledger_key){ 0 });
    while (scan_next(&scan)) {
        const Zb__OfficialRecord *official = (const Zb__OfficialRecord *)scan.record;
        if (unit != NULL && strcmp(unit, official->unit) != 0)
            continue;
        const Zb__PersonValue *person =
            read_person(cli, bytes_of(official->person.data, official->person.len));
        cli_cell(table, official->unit);
        cli_cell(table,
                 read_word(cli, &zb__official_role__descriptor, "OFFICIAL_", (int)official->role));
        cli_cell(table, person == NULL ? NULL : person->name);
        cli_cell(table, person == NULL ? NULL : person->mail);
        cli_cell(table, person == NULL ? NULL : person->phone);
        cli_cell(table, official->language);
        cli_cell(table, channels_text(cli, official));
        cli_cell(table, read_hex(cli, bytes_of(official->key.data, official->key.len)));
        cli_row_end(table);
    }
    int code = scan_end(&scan);
    if (code == CLI_DONE)
        cli_table_end(table);
    return code;
}

static const struct cli_option set_options[] = {
    { .name = "--unit", .value = "UNIT", .help = N_("the unit"), .required = true },
    { .name = "--role",
      .value = "ROLE",
      .help = N_("handler, dept_head, deputy, principal, lead_office, upper_office, "
                 "administrator"),
      .required = true },
    { .name = "--name", .value = "NAME", .help = N_("the person's name"), .required = true },
    { .name = "--mail", .value = "ADDRESS", .help = N_("where notices go") },
    { .name = "--phone", .value = "NUMBER", .help = N_("printed on notices") },
    { .name = "--language", .value = "LANGUAGE", .help = N_("zh_CN or en; zh_CN when left out") },
    { .name = "--channels",
      .value = "LIST",
      .help = N_("ways to tell the person, first choice first: smtp,file") },
    { .name = "--key", .value = "KEY", .help = N_("id of the key that signs for the person") },
};

static const struct cli_option remove_options[] = {
    { .name = "--unit", .value = "UNIT", .help = N_("the unit"), .required = true },
    { .name = "--role", .value = "ROLE", .help = N_("the role"), .required = true },
};

static const struct cli_option list_options[] = {
    { .name = "--unit", .value = "UNIT", .help = N_("only of this unit") },
};

static const struct cli_verb official_verbs[] = {
    { .name = "set",
      .arguments = "",
      .help = N_("Names the person who answers for a unit in a role."),
      .options = set_options,
      .option_count = ARRAY_LEN(set_options),
      .run = remote_run,
      .command = "official.set" },
    { .name = "remove",
      .arguments = "",
      .help = N_("Leaves a role without a person."),
      .options = remove_options,
      .option_count = ARRAY_LEN(remove_options),
      .run = remote_run,
      .command = "official.remove" },
    { .name = "list",
      .arguments = "",
      .help = N_("Lists officials."),
      .options = list_options,
      .option_count = ARRAY_LEN(list_options),
      .run = list_run },
};

const struct cli_command cmd_official = { "official", N_("who answers for a unit"), official_verbs,
                                          ARRAY_LEN(official_verbs) };
