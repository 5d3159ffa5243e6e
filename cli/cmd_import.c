/* cmd_import.c - `zhengban import`: inventories from files into a collector's spool. */
#include <errno.h>

#include "cli/intake.h"

/* Where the spool or the system gave up, the files that follow would fare no better. */
static bool is_files_own(int r)
{
    return r == -EBADMSG || r == -EFBIG || r == -ENOENT || r == -EACCES || r == -EINVAL ||
           r == -EMSGSIZE || r == -EISDIR;
}

static int import_run(struct cli *cli)
{
    struct intake intake;
    int status = intake_open(cli, cli_option(cli, "--dry-run") != NULL, false, &intake);
    intake.options.format = cli_option(cli, "--format");
    if (status == CLI_DONE && intake.options.format != NULL &&
        source_by_name(intake.options.format) == NULL)
        status = cli_fault(cli, -EINVAL, _("give glpi-json, glpi-xml or csv"),
                           _("'%s' is no format"), intake.options.format);
    for (size_t i = 0; status == CLI_DONE && i < cli->positional_count; i++) {
        const char *file = cli->positional[i];
        struct import_result result = { 0 };
        struct complaint why = { 0 };
        int r = import_file(file, &intake.options, intake.spool, &result, &why);
        if (r == 0) {
            status = intake_told(&intake, file, &result);
            continue;
        }
        if (why.place[0] == '\0')
            complaint_at(&why, "%s", file);
        int code = cli_complain(cli, r, &why);
        intake.refused++;
        if (!is_files_own(r))
            status = code;
    }
    intake_close(&intake);
    return status == CLI_DONE ? intake_status(&intake) : status;
}

static const struct cli_option import_options[] = {
    { .name = "--unit",
      .value = "UNIT",
      .help = N_("unit of computers that the file does not place; else the collector's") },
    { .name = "--collector",
      .value = "NAME",
      .help = N_("whose spool it goes to; else the first of config.yaml") },
    { .name = "--format",
      .value = "FORMAT",
      .help = N_("glpi-json, glpi-xml or csv; else told by the file") },
    { .name = "--dry-run", .help = N_("read and report, but spool nothing; needs no home") },
};

static const struct cli_verb import_verbs[] = {
    { .arguments = "FILE...",
      .help = N_("Reads inventories (GLPI JSON and XML, CSV) and spools one report per computer."),
      .options = import_options,
      .option_count = ARRAY_LEN(import_options),
      .positional_min = 1,
      .positional_max = SIZE_MAX,
      .run = import_run },
};

const struct cli_command cmd_import = { "import", N_("take in inventory files"), import_verbs,
                                        ARRAY_LEN(import_verbs) };
