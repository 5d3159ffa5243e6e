/* command.h - the verbs of signed commands: one table, used by the ledger to check and by the
 * command line to build and to document them. */
#ifndef LEDGER_COMMAND_H
#define LEDGER_COMMAND_H

#include "ledger/rules.h"

enum argument_kind {
    ARGUMENT_TEXT,
    ARGUMENT_ID, /* letters, digits, '.', '_', '-', '/' */
    ARGUMENT_NUMBER,
    ARGUMENT_DAY, /* 2026-09-07 */
    ARGUMENT_INSTANT,
    ARGUMENT_FLAG,   /* "yes" or "no" */
    ARGUMENT_HEX32,  /* 32 bytes in hexadecimal */
    ARGUMENT_CHOICE, /* one of `choices`, separated by '|' */
};

struct argument_spec {
    const char *name;
    enum argument_kind kind;
    bool required;
    size_t max_bytes;
    const char *choices;
    const char *help;
};

/* Who may give a command: the key must belong to an official of that role, of the unit named by
 * the command or of one above it. ADMINISTRATOR is the root key (of the genesis entry; without one
 * the ledger's own), and whoever holds that role in the unit or one above; for a command that names
 * no unit, in a unit that has none above. */
enum command_actor {
    ACTOR_ADMINISTRATOR,
    ACTOR_HANDLER, /* handler or anyone above in the ladder */
    ACTOR_DEPUTY,  /* deputy, principal */
    ACTOR_PRINCIPAL,
    ACTOR_HANDLER_OR_ADMINISTRATOR,
    ACTOR_PRINCIPAL_OR_ADMINISTRATOR,
};

struct command_call {
    const struct ruling *at;
    const Zb__CommandBody *body;
    struct bytes actor;
};

/* command_argument - the value, or NULL when not given. Checked against its spec already. */
const char *command_argument(const struct command_call *call, const char *name);
uint64_t command_number(const struct command_call *call, const char *name, uint64_t otherwise);
int32_t command_day(const struct command_call *call, const char *name, int32_t otherwise);
bool command_flag(const struct command_call *call, const char *name);

struct command_spec {
    const char *verb; /* "unit.add" */
    const char *help;
    enum command_actor actor;
    const char *unit_argument; /* which argument names the unit that decides who may; NULL: root */
    const struct argument_spec *arguments;
    size_t argument_count;
    size_t max_attachment_bytes;                    /* 0: none */
    int (*decide)(const struct command_call *call); /* 0 or an error of the view; says what it
                                                       decided through emit_result */
};

/* Tables by file; command.c joins them. */
extern const struct command_spec key_commands[];
extern const size_t key_command_count;
extern const struct command_spec unit_commands[]; /* unit, phase, baseline */
extern const size_t unit_command_count;
extern const struct command_spec official_commands[];
extern const size_t official_command_count;
extern const struct command_spec right_commands[];
extern const size_t right_command_count;
extern const struct command_spec
    catalogue_commands[]; /* catalogue.activate, calendar.load, clock.* */
extern const size_t catalogue_command_count;
extern const struct command_spec case_commands[]; /* case.*, notice.* */
extern const size_t case_command_count;

/* command_find - NULL for an unknown verb. command_list - all, sorted by verb. */
const struct command_spec *command_find(const char *verb);
size_t command_list(const struct command_spec **out, size_t cap);

#endif
