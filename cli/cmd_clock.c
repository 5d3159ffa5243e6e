/* cmd_clock.c - `zhengban clock`: the ledger's time, which moves by command in a simulation. */
#include <errno.h>

#include "base/civil.h"
#include "cli/read.h"
#include "collector/service.h"

enum { ADVANCE_MOST_MS = 60 * 60 * 1000 }; /* a simulated year delivers every notice on its way */

static int show_run(struct cli *cli)
{
    struct ledger_clock clock;
    struct complaint why = { 0 };
    int r = ledger_clock_read(cli->home, &clock, &why);
    if (r < 0)
        return cli_complain(cli, r, &why);
    if (!cli->json) {
        cli_say(cli, clock.simulated ? _("%s, simulated") : "%s", read_instant(cli, clock.now_ms));
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_str(&json, "now", read_instant(cli, clock.now_ms));
    json_put_int(&json, "now_ms", clock.now_ms);
    json_put_bool(&json, "simulated", clock.simulated);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

/* The answer comes when the clock is there. */
static int advance_run(struct cli *cli)
{
    const char *to = cli_option(cli, "--to");
    int64_t to_ms;
    int r = civil_parse_instant(bytes_str(to), &to_ms);
    if (r < 0)
        return cli_fault(cli, r, _("give an instant as \"2026-09-07 09:00\", at UTC+8"),
                         _("'%s' is no instant"), to);
    const Zb__CommandResult *result;
    int status = remote_send(remote_begin(cli), ADVANCE_MOST_MS, &result);
    return status == CLI_DONE ? remote_print(cli, result) : status;
}

static const struct cli_option advance_options[] = {
    { .name = "--to",
      .value = "T",
      .help = N_("where to: an instant as \"2026-09-07 09:00\""),
      .required = true },
};

static const struct cli_verb clock_verbs[] = {
    { .name = "show", .arguments = "", .help = N_("Shows the ledger's time."), .run = show_run },
    { .name = "advance",
      .arguments = "",
      .help =
          N_("Moves a simulated clock on, stopping at every instant at which something is due."),
      .options = advance_options,
      .option_count = ARRAY_LEN(advance_options),
      .run = advance_run,
      .command = "clock.advance" },
};

const struct cli_command cmd_clock = { "clock", N_("the ledger's time"), clock_verbs,
                                       ARRAY_LEN(clock_verbs) };
