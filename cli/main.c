/* main.c - zhengban: finds the command, parses its arguments by its table, runs it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/seal.h"
#include "cli/cli.h"

enum {
    CLI_ARENA_BYTES = 512 * 1024 * 1024, /* an import's file and what it unpacks to */
    CLI_OUT_BYTES = 256 * 1024 * 1024,
    POSITIONAL_MAX = 4096,
    HELP_COLUMN = 28,
};

static const char DEFAULT_HOME[] = "/var/lib/zhengban";

static const struct cli_command *const commands[] = {
    &cmd_init,     &cmd_up,        &cmd_down,   &cmd_status,   &cmd_scan,
    &cmd_import,   &cmd_catalogue, &cmd_unit,   &cmd_official, &cmd_entitlement,
    &cmd_position, &cmd_case,      &cmd_notice, &cmd_clock,    &cmd_calendar,
    &cmd_explain,  &cmd_audit,     &cmd_key,    &cmd_config,
};

static void print_row(const char *left, const char *help)
{
    (void)printf("  %-*s  %s\n", HELP_COLUMN, left, help);
}

static int help_all(void)
{
    (void)printf(
        "zhengban %s - keeps organisations on licensed software (软件正版化)\n\n"
        "usage: zhengban [--home DIR] [--json] [--as NAME] COMMAND [VERB] [ARGUMENT...]\n\n"
        "Commands:\n",
        ZB_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        print_row(commands[i]->name, commands[i]->summary);
    (void)printf("\nOptions before or after the command:\n");
    print_row("--home DIR", "the home of this installation (else $ZHENGBAN_HOME, else "
                            "/var/lib/zhengban)");
    print_row("--json", "one JSON object per line instead of text");
    print_row("--as NAME", "sign commands with keys/NAME.key (default: administrator)");
    print_row("--help", "what a command does: zhengban COMMAND --help");
    print_row("--version", "print the version");
    (void)printf("\nExit status: 0 done, 1 partly refused, 2 input invalid, 3 system error.\n");
    return CLI_DONE;
}

static void verb_usage(const struct cli_command *command, const struct cli_verb *verb, char *out,
                       size_t size)
{
    (void)snprintf(out, size, "%s%s%s%s%s", command->name, verb->name == NULL ? "" : " ",
                   verb->name == NULL ? "" : verb->name, verb->arguments[0] == '\0' ? "" : " ",
                   verb->arguments);
}

static int help_command(const struct cli_command *command)
{
    char line[256];
    (void)printf("zhengban %s - %s\n", command->name, command->summary);
    for (size_t i = 0; i < command->verb_count; i++) {
        const struct cli_verb *verb = &command->verbs[i];
        verb_usage(command, verb, line, sizeof(line));
        (void)printf("\nusage: zhengban %s\n    %s\n", line, verb->help);
        for (size_t k = 0; k < verb->option_count; k++) {
            const struct cli_option *option = &verb->options[k];
            (void)snprintf(line, sizeof(line), "%s%s%s", option->name,
                           option->value == NULL ? "" : " ",
                           option->value == NULL ? "" : option->value);
            (void)printf("  ");
            print_row(line, option->help);
        }
    }
    return CLI_DONE;
}

static int usage_error(const struct cli_command *command, const char *what, const char *word)
{
    (void)fprintf(stderr, "zhengban: %s '%s'; see 'zhengban %s%s--help'\n", what, word,
                  command == NULL ? "" : command->name, command == NULL ? "" : " ");
    return CLI_INVALID;
}

static const struct cli_command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static const struct cli_verb *verb_find(const struct cli_command *command, const char *name)
{
    for (size_t i = 0; i < command->verb_count; i++)
        if (name != NULL && command->verbs[i].name != NULL &&
            strcmp(command->verbs[i].name, name) == 0)
            return &command->verbs[i];
    return NULL;
}

const char *cli_option(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->verb->option_count; i++)
        if (strcmp(cli->verb->options[i].name, name) == 0)
            return cli->option_values[i];
    abort(); /* a verb asks for an option that its table does not have: a bug */
}

/* The options that every command takes, wherever they stand. */
struct common {
    const char *home;
    const char *actor;
    bool json, help, version;
};

/* Takes argv[i] (and its value) if it is a common option: how many words, 0 if it is none. */
static int common_take(struct common *common, int argc, char *argv[], int i)
{
    bool has_value = i + 1 < argc;
    if (strcmp(argv[i], "--json") == 0)
        return common->json = true, 1;
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
        return common->help = true, 1;
    if (strcmp(argv[i], "--version") == 0)
        return common->version = true, 1;
    if (strcmp(argv[i], "--home") == 0 && has_value)
        return common->home = argv[i + 1], 2;
    if (strcmp(argv[i], "--as") == 0 && has_value)
        return common->actor = argv[i + 1], 2;
    return 0;
}

/* Sorts the words behind the verb into options and positional arguments. */
static int verb_parse(struct cli *cli, const struct cli_command *command, char *words[],
                      size_t count)
{
    const struct cli_verb *verb = cli->verb;
    bool only_positional = false;
    for (size_t i = 0; i < count; i++) {
        if (!only_positional && strcmp(words[i], "--") == 0) {
            only_positional = true;
            continue;
        }
        if (only_positional || words[i][0] != '-' || words[i][1] == '\0') {
            if (cli->positional_count == verb->positional_max ||
                cli->positional_count == POSITIONAL_MAX)
                return usage_error(command, "one argument too many:", words[i]);
            cli->positional[cli->positional_count++] = words[i];
            continue;
        }
        size_t k = 0;
        while (k < verb->option_count && strcmp(verb->options[k].name, words[i]) != 0)
            k++;
        if (k == verb->option_count)
            return usage_error(command, "unknown option", words[i]);
        if (verb->options[k].value == NULL) {
            cli->option_values[k] = "";
        } else if (i + 1 < count) {
            cli->option_values[k] = words[++i];
        } else {
            return usage_error(command, "a value is missing after", words[i]);
        }
    }
    if (cli->positional_count < verb->positional_min)
        return usage_error(command, "missing:", verb->arguments);
    return CLI_DONE;
}

static int home_find(struct cli *cli, const char *given)
{
    const char *home = given != NULL ? given : getenv("ZHENGBAN_HOME");
    if (home == NULL)
        home = DEFAULT_HOME;
    char cwd[FILE_PATH_SIZE];
    if (home[0] == '/') {
        cli->home = home;
    } else {
        if (getcwd(cwd, sizeof(cwd)) == NULL)
            return -errno;
        cli->home = arena_printf(cli->arena, "%s/%s", cwd, home);
    }
    return cli->home == NULL ? -ENOMEM : 0;
}

static int command_run(const struct cli_command *command, const struct common *common,
                       char *words[], size_t count)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(CLI_ARENA_BYTES);
    struct cli cli = {
        .arena = arena,
        .json = common->json,
        .actor = common->actor == NULL ? "administrator" : common->actor,
        .out = BUF_INIT(CLI_OUT_BYTES),
    };
    if (arena == NULL || seal_start() < 0 || home_find(&cli, common->home) < 0) {
        (void)fprintf(stderr, "zhengban: out of memory\n");
        return CLI_FAILED;
    }
    size_t skip = 0;
    cli.verb = verb_find(command, count > 0 ? words[0] : NULL);
    if (cli.verb != NULL)
        skip = 1;
    else if (command->verbs[0].name == NULL)
        cli.verb = &command->verbs[0];
    else if (count == 0)
        return usage_error(command, "say what to do with", command->name);
    else
        return usage_error(command, "unknown verb", words[0]);

    cli.positional = arena_calloc(arena, count + 1, sizeof(*cli.positional));
    cli.option_values = arena_calloc(arena, cli.verb->option_count + 1, sizeof(*cli.option_values));
    if (cli.positional == NULL || cli.option_values == NULL)
        return CLI_FAILED;
    int status = verb_parse(&cli, command, words + skip, count - skip);
    if (status == CLI_DONE)
        status = cli.verb->run(&cli);
    cli_done(&cli);
    return status;
}

int main(int argc, char *argv[])
{
    struct common common = { 0 };
    char **words = calloc((size_t)argc + 1, sizeof(*words));
    if (words == NULL)
        return CLI_FAILED;
    size_t count = 0;
    for (int i = 1; i < argc;) {
        int taken = common_take(&common, argc, argv, i);
        if (taken == 0)
            words[count++] = argv[i++];
        else
            i += taken;
    }
    int status;
    const struct cli_command *command = count == 0 ? NULL : command_find(words[0]);
    if (common.version) {
        (void)printf("zhengban %s\n", ZB_VERSION);
        status = CLI_DONE;
    } else if (count == 0) {
        status = common.help || argc == 1 ? help_all()
                                          : usage_error(NULL, "no command after", argv[argc - 1]);
    } else if (command == NULL) {
        status = usage_error(NULL, "unknown command", words[0]);
    } else if (common.help) {
        status = help_command(command);
    } else {
        status = command_run(command, &common, words + 1, count - 1);
    }
    free(words);
    return status;
}
