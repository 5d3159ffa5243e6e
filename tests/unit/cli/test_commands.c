/* test_commands.c - what the command line sends is what the ledger takes: verbs and arguments. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>

#include "cli/cli.h"
#include "ledger/command.h"

static const struct cli_command *const commands[] = {
    &cmd_catalogue, &cmd_unit,  &cmd_official, &cmd_entitlement, &cmd_case,
    &cmd_notice,    &cmd_clock, &cmd_calendar, &cmd_key,
};

static bool takes(const struct command_spec *spec, const char *name)
{
    for (size_t i = 0; i < spec->argument_count; i++)
        if (strcmp(spec->arguments[i].name, name) == 0)
            return true;
    return false;
}

/* "--version-low" travels as "version_low". */
static void argument_name(const char *option, char *out, size_t size)
{
    (void)snprintf(out, size, "%s", option + strlen("--"));
    for (char *c = out; *c != '\0'; c++)
        if (*c == '-')
            *c = '_';
}

static void check_verb(const struct cli_command *command, const struct cli_verb *verb)
{
    const struct command_spec *spec = command_find(verb->command);
    char name[64];
    cr_assert(ne(ptr, (void *)(uintptr_t)spec, NULL), "the ledger has no %s", verb->command);
    for (size_t i = 0; i < verb->option_count; i++) {
        if (verb->options[i].local)
            continue;
        argument_name(verb->options[i].name, name, sizeof(name));
        cr_assert(takes(spec, name), "%s %s: %s takes no '%s'", command->name, verb->name,
                  spec->verb, name);
    }
    const char *names = verb->positional_names == NULL ? "" : verb->positional_names;
    while (*names != '\0') {
        size_t size = strcspn(names, " ");
        (void)snprintf(name, sizeof(name), "%.*s", (int)size, names);
        cr_assert(takes(spec, name), "%s %s: %s takes no '%s'", command->name, verb->name,
                  spec->verb, name);
        names += size + (names[size] == ' ');
    }
}

Test(commands, send_only_verbs_and_arguments_that_the_ledger_takes)
{
    size_t checked = 0;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        for (size_t k = 0; k < commands[i]->verb_count; k++)
            if (commands[i]->verbs[k].command != NULL) {
                check_verb(commands[i], &commands[i]->verbs[k]);
                checked++;
            }
    cr_assert(gt(sz, checked, 15), "only %zu verbs were looked at", checked);
}

Test(commands, demand_what_the_ledger_demands_unless_they_fill_it_in)
{
    /* Filled in by the verb itself: the unit from the record, the digest from the file. */
    static const char *const filled[] = { "unit", "digest" };
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        for (size_t k = 0; k < commands[i]->verb_count; k++) {
            const struct cli_verb *verb = &commands[i]->verbs[k];
            const struct command_spec *spec =
                verb->command == NULL ? NULL : command_find(verb->command);
            for (size_t a = 0; spec != NULL && a < spec->argument_count; a++) {
                const struct argument_spec *argument = &spec->arguments[a];
                bool given =
                    !argument->required || (verb->positional_names != NULL &&
                                            strstr(verb->positional_names, argument->name) != NULL);
                char name[64];
                for (size_t o = 0; o < verb->option_count; o++) {
                    argument_name(verb->options[o].name, name, sizeof(name));
                    given =
                        given || (strcmp(name, argument->name) == 0 && verb->options[o].required);
                }
                for (size_t f = 0; f < ARRAY_LEN(filled); f++)
                    given = given || strcmp(filled[f], argument->name) == 0;
                cr_assert(given, "%s %s does not demand '%s'", commands[i]->name, verb->name,
                          argument->name);
            }
        }
}

Test(commands, name_every_option_once_and_say_what_it_does)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        for (size_t k = 0; k < commands[i]->verb_count; k++) {
            const struct cli_verb *verb = &commands[i]->verbs[k];
            for (size_t a = 0; a < verb->option_count; a++) {
                cr_assert(ne(str, (char *)(uintptr_t)verb->options[a].help, ""));
                for (size_t b = 0; b < a; b++)
                    cr_assert(ne(str, (char *)(uintptr_t)verb->options[a].name,
                                 (char *)(uintptr_t)verb->options[b].name));
            }
        }
}
