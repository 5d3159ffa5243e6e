/* cmd_config.c - `zhengban config`: the one YAML file of a home. */
#include "base/daemon.h"
#include "bus/config.h"
#include "cli/cli.h"
#include "collector/service.h"
#include "matcher/service.h"
#include "notifier/config.h"

enum { PRINT_BYTES = 1024 * 1024 };

static int show_run(struct cli *cli)
{
    const struct config *config = cli_config(cli);
    if (config == NULL)
        return CLI_INVALID;
    CLEANUP(buf_done) struct buf text = BUF_INIT(PRINT_BYTES);
    config_print(config, &text);
    if (!cli->json) {
        buf_put(&cli->out, buf_bytes(&text));
        return cli_put(cli);
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_text(&json, "yaml", buf_bytes(&text));
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

/* Loading is checking: cli_config says file, line, key, what was expected and an example. */
static int check_run(struct cli *cli)
{
    if (cli_config(cli) == NULL)
        return CLI_INVALID;
    cli_say(cli, _("config.yaml is fine: %zu matchers, %zu collectors"),
            config_items(cli->config, "matchers"), config_items(cli->config, "collectors"));
    if (!cli->json)
        return CLI_DONE;
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_bool(&json, "valid", true);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static int reference_run(struct cli *cli)
{
    const struct config_table tables[] = { daemon_config_table, bus_config,     notifier_config,
                                           rules_config,        matcher_config, collector_config };
    config_reference(tables, ARRAY_LEN(tables), &cli->out);
    return cli_put(cli);
}

static const struct cli_verb config_verbs[] = {
    { .name = "show",
      .arguments = "",
      .help = N_("Prints the values in force, each with its range and default."),
      .run = show_run },
    { .name = "check",
      .arguments = "",
      .help = N_("Says whether config.yaml is right, and if not, where and why."),
      .run = check_run },
    { .name = "reference",
      .arguments = "",
      .help = N_("Prints every key there is, as Markdown."),
      .run = reference_run },
};

const struct cli_command cmd_config = { "config", N_("the configuration of this home"),
                                        config_verbs, ARRAY_LEN(config_verbs) };
