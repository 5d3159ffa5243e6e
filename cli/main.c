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
    &cmd_explain,  &cmd_audit,     &cmd_doctor, &cmd_key,      &cmd_config,
};

static void print_row(const char *left, const char *help)
{
    (void)printf("  %-*s  %s\n", HELP_COLUMN, left, help);
}

static int help_all(void)
{
    (void)printf(_("zhengban %s - keeps organisations on licensed software (软件正版化)\n\n"
                   "usage: zhengban [--home DIR] [--json] [--as NAME] COMMAND [VERB] "
                   "[ARGUMENT...]\n\n"),
                 ZB_VERSION);
    (void)printf("%s\n", _("Commands:"));
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        print_row(commands[i]->name, _(commands[i]->summary));
    (void)printf("\n%s\n", _("Options before or after the command:"));
    print_row("--home DIR", _("the home of this installation (else $ZHENGBAN_HOME, else "
                              "/var/lib/zhengban)"));
    print_row("--json", _("one JSON object per line instead of text"));
    print_row("--as NAME", _("sign commands with keys/NAME.key (default: administrator)"));
    print_row("--help", _("what a command does: zhengban COMMAND --help"));
    print_row("--version", _("print the version"));
    (void)printf("\n%s\n",
                 _("Exit status: 0 done, 1 partly refused, 2 input invalid, 3 system error."));
    return CLI_DONE;
}

static void verb_usage(const struct cli_command *command, const struct cli_verb *verb, char *out,
                       size_t size)
{
    (void)snprintf(out, size, "%s%s%s%s%s", command->name, verb->name == NULL ? "" : " ",
                   verb->name == NULL ? "" : verb->name, verb->arguments[0] == '\0' ? "" : " ",
                   verb->arguments); /* cut: only a heading */
}

static void help_verb(const struct cli_command *command, const struct cli_verb *verb)
{
    char line[256];
    verb_usage(command, verb, line, sizeof(line));
    (void)printf("%s zhengban %s%s\n    %s\n", _("usage:"), line,
                 verb->option_count > 0 ? _(" [OPTION...]") : "", _(verb->help));
    for (size_t k = 0; k < verb->option_count; k++) {
        const struct cli_option *option = &verb->options[k];
        (void)snprintf(line, sizeof(line), "%s%s%s", option->name, option->value == NULL ? "" : " ",
                       option->value == NULL ? "" : option->value);
        print_row(line, _(option->help));
    }
}

/* The verbs as a list, then each with its options; or the one that was asked for. */
static int help_command(const struct cli_command *command, const struct cli_verb *verb)
{
    char line[256];
    if (verb != NULL) {
        help_verb(command, verb);
        return CLI_DONE;
    }
    (void)printf("zhengban %s - %s\n\n", command->name, _(command->summary));
    if (command->verbs[0].name != NULL) {
        (void)printf("%s\n", _("Commands:"));
        for (size_t i = 0; i < command->verb_count; i++) {
            verb_usage(command, &command->verbs[i], line, sizeof(line));
            print_row(line, _(command->verbs[i].help));
        }
        (void)printf("\n%s\n\n", _("Each with its options:"));
    }
    for (size_t i = 0; i < command->verb_count; i++) {
        if (i > 0)
            (void)printf("\n");
        help_verb(command, &command->verbs[i]);
    }
    return CLI_DONE;
}

/* The nearest of the words that would have been right; NULL when none is near. */
static const char *nearest_command(const char *word)
{
    struct text_nearest nearest = TEXT_NEAREST_INIT(bytes_str(word));
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        text_nearest_offer(&nearest, commands[i]->name);
    return nearest.best;
}

static const char *nearest_verb(const struct cli_command *command, const char *word)
{
    struct text_nearest nearest = TEXT_NEAREST_INIT(bytes_str(word));
    for (size_t i = 0; i < command->verb_count; i++)
        text_nearest_offer(&nearest, command->verbs[i].name);
    return nearest.best;
}

static const char *nearest_option(const struct cli_verb *verb, const char *word)
{
    struct text_nearest nearest = TEXT_NEAREST_INIT(bytes_str(word));
    for (size_t i = 0; i < verb->option_count; i++)
        text_nearest_offer(&nearest, verb->options[i].name);
    return nearest.best;
}

/* What was typed goes to a terminal: escaped. `meant` may be NULL. */
static int usage_error(const struct cli_command *command, const char *what, const char *word,
                       const char *meant)
{
    char shown[160];
    (void)text_printable(bytes_str(word), shown, sizeof(shown)); /* cut is fine */
    (void)fprintf(stderr, "zhengban: %s '%s'; ", what, shown);
    if (meant != NULL)
        (void)fprintf(stderr, _("did you mean '%s'? "), meant);
    (void)fprintf(stderr, _("see 'zhengban %s%s--help'\n"), command == NULL ? "" : command->name,
                  command == NULL ? "" : " ");
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
                return usage_error(command, _("one argument too many:"), words[i], NULL);
            cli->positional[cli->positional_count++] = words[i];
            continue;
        }
        size_t k = 0;
        while (k < verb->option_count && strcmp(verb->options[k].name, words[i]) != 0)
            k++;
        if (k == verb->option_count)
            return usage_error(command, _("unknown option"), words[i],
                               nearest_option(verb, words[i]));
        cli->given_names[cli->given_count] = verb->options[k].name;
        if (verb->options[k].value == NULL) {
            cli->option_values[k] = "";
        } else if (i + 1 < count) {
            cli->option_values[k] = words[++i];
        } else {
            return usage_error(command, _("a value is missing after"), words[i], NULL);
        }
        cli->given_values[cli->given_count++] = cli->option_values[k];
    }
    if (cli->positional_count < verb->positional_min)
        return usage_error(command, _("missing:"), verb->arguments, NULL);
    for (size_t k = 0; k < verb->option_count; k++)
        if (verb->options[k].required && cli->option_values[k] == NULL)
            return usage_error(command, _("missing:"), verb->options[k].name, NULL);
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
        (void)fprintf(stderr, "zhengban: %s\n", _("out of memory"));
        return CLI_FAILED;
    }
    size_t skip = 0;
    cli.verb = verb_find(command, count > 0 ? words[0] : NULL);
    if (cli.verb != NULL)
        skip = 1;
    else if (command->verbs[0].name == NULL)
        cli.verb = &command->verbs[0];
    else if (count == 0)
        return usage_error(command, _("say what to do with"), command->name, NULL);
    else
        return usage_error(command, _("unknown verb"), words[0], nearest_verb(command, words[0]));

    cli.positional = arena_calloc(arena, count + 1, sizeof(*cli.positional));
    cli.option_values = arena_calloc(arena, cli.verb->option_count + 1, sizeof(*cli.option_values));
    cli.given_names = arena_calloc(arena, count + 1, sizeof(*cli.given_names));
    cli.given_values = arena_calloc(arena, count + 1, sizeof(*cli.given_values));
    if (cli.positional == NULL || cli.option_values == NULL || cli.given_names == NULL ||
        cli.given_values == NULL)
        return CLI_FAILED;
    int status = verb_parse(&cli, command, words + skip, count - skip);
    if (status == CLI_DONE)
        status = cli.verb->run(&cli);
    cli_done(&cli);
    return status;
}

int main(int argc, char *argv[])
{
    i18n_start();
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
        status = common.help || argc == 1
                     ? help_all()
                     : usage_error(NULL, _("no command after"), argv[argc - 1], NULL);
    } else if (command == NULL) {
        status = usage_error(NULL, _("unknown command"), words[0], nearest_command(words[0]));
    } else if (common.help) {
        status = help_command(command, verb_find(command, count > 1 ? words[1] : NULL));
    } else {
        status = command_run(command, &common, words + 1, count - 1);
    }
    free(words);
    return status;
}
