/* cmd_scan.c - `zhengban scan`: this computer's software into a collector's spool. */
#include <errno.h>

#include "cli/intake.h"

static int scan_run(struct cli *cli)
{
    const char *root = cli_option(cli, "--root");
    struct intake intake;
    int status = intake_open(cli, cli_option(cli, "--dry-run") != NULL, true, &intake);
    if (status == CLI_DONE) {
        struct import_result result = { 0 };
        struct complaint why = { 0 };
        int r = import_host(root == NULL ? "" : root, &intake.options, intake.spool, &result, &why);
        if (r == 0)
            status = intake_told(&intake, root == NULL ? "/" : root, &result);
        else if (why.what[0] != '\0')
            status = cli_complain(cli, r, &why);
        else
            status = cli_fault(cli, r, _("import an inventory file instead"),
                               _("this computer cannot be scanned"));
    }
    intake_close(&intake);
    return status == CLI_DONE ? intake_status(&intake) : status;
}

static const struct cli_option scan_options[] = {
    { .name = "--unit", .value = "UNIT", .help = N_("this computer's unit; else the collector's") },
    { .name = "--collector",
      .value = "NAME",
      .help = N_("whose spool it goes to; else the one that scans this host, or the first") },
    { .name = "--root", .value = "DIR", .help = N_("read the system mounted at DIR") },
    { .name = "--dry-run", .help = N_("read and report, but spool nothing; needs no home") },
};

static const struct cli_verb scan_verbs[] = {
    { .arguments = "",
      .help = N_("Scans this computer now."),
      .options = scan_options,
      .option_count = ARRAY_LEN(scan_options),
      .run = scan_run },
};

const struct cli_command cmd_scan = { "scan", N_("report the software of this computer"),
                                      scan_verbs, ARRAY_LEN(scan_verbs) };
