/* cli.h - the `zhengban` command: what its subcommands share.
 *
 * One file per subcommand (cmd_*.c) with a row in the table of main.c. Reading commands open the
 * ledger's book read-only; changing ones are signed with an official's key and sent to the running
 * notifier, because only a running notifier writes the ledger. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/arena.h"
#include "base/config.h"
#include "base/file.h"
#include "base/json.h"
#include "bus/key.h"
#include "cli/i18n.h"
#include "notifier/book.h"

enum cli_exit {
    CLI_DONE = 0,
    CLI_PARTLY = 1,  /* some of it was refused */
    CLI_INVALID = 2, /* arguments or input; nothing was done */
    CLI_FAILED = 3,  /* the system: no notifier, disk, permissions */
};

/* One option of a subcommand. */
struct cli_option {
    const char *name;  /* "--unit" */
    const char *value; /* "UNIT"; NULL: a flag */
    const char *help;
    bool required;
    bool local; /* never travels with a command: see remote_begin */
};

struct cli_verb;

struct cli {
    const char *home; /* absolute; DIR of --home, else ZHENGBAN_HOME, else /var/lib/zhengban */
    bool json;
    const char *actor;   /* --as NAME: keys/NAME.key signs commands; default "administrator" */
    struct arena *arena; /* lives as long as the command */
    const struct cli_verb *verb;
    /* parsed arguments of the verb */
    const char **positional;
    size_t positional_count;
    const char **option_values; /* parallel to verb->options; "" for a given flag, NULL if absent;
                                   of a repeated one the last */
    const char **given_names;   /* options as they were given, in order ... */
    const char **given_values;  /* ... and their values */
    size_t given_count;
    struct buf out;              /* standard output, written by cli_flush */
    const struct config *config; /* cli_config's */
    struct book *book;           /* cli_book's */
};

/* One verb: "case list". A command without verbs has one whose name is NULL. */
struct cli_verb {
    const char *name;      /* "list" */
    const char *arguments; /* "CASE", "[FILE...]", "" */
    const char *help;      /* one sentence */
    const struct cli_option *options;
    size_t option_count;
    size_t positional_min;
    size_t positional_max;
    int (*run)(struct cli *cli); /* returns enum cli_exit */

    /* What remote_run sends: the ledger's verb, and the names under which the positional
     * arguments travel, separated by blanks; options travel under their own names ("--version-low"
     * as "version_low"), flags as "yes". NULL for a verb that builds its command itself, or sends none. */
    const char *command;
    const char *positional_names;
};

struct cli_command {
    const char *name;    /* "case" */
    const char *summary; /* one line of `zhengban --help` */
    const struct cli_verb *verbs;
    size_t verb_count;
};

/* What cli_config and cli_book opened, so that it is opened once and closed at the end. */
void cli_done(struct cli *cli);

/* cli_option - the value given for an option of the running verb, NULL if it was not given. */
const char *cli_option(const struct cli *cli, const char *name);

/* cli_option_nth - the nth value (from 0) of an option that was given several times, else NULL. */
const char *cli_option_nth(const struct cli *cli, const char *name, size_t nth);

/* cli_path - a path inside the home, from the arena; exits never, NULL when memory is out. */
const char *cli_path(struct cli *cli, const char *relative);

/* cli_config - the home's configuration, loaded once. NULL: a complaint was printed. */
const struct config *cli_config(struct cli *cli);

/* cli_book - the ledger, read-only. NULL: a complaint was printed (no ledger here: run init). */
struct book *cli_book(struct cli *cli);

/* cli_config_load, cli_book_load - the same for whoever tells in another way: `why` says what is
 * wrong. cli_book_load wants the configuration loaded. */
int cli_config_load(struct cli *cli, struct complaint *why);
int cli_book_load(struct cli *cli, struct complaint *why);

/* cli_say - a sentence on standard output (not with --json). cli_flush - writes cli->out. */
void cli_say(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_flush(struct cli *cli);

/* cli_put - the line that cli->out holds, with --json: checks and writes it. CLI_DONE, or
 * CLI_FAILED after a complaint when memory was out. */
int cli_put(struct cli *cli);

/* cli_complain - "zhengban: place: fault; remedy" on standard error; returns the exit code that
 * belongs to r: -EINVAL, -EBADMSG, -ERANGE, -ENOENT are CLI_INVALID, the rest CLI_FAILED. */
int cli_complain(struct cli *cli, int r, const struct complaint *why);

/* cli_fault - the same from parts. */
int cli_fault(struct cli *cli, int r, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A table for people: columns as wide as their widest cell (East Asian width counted), cut to the
 * terminal. With --json each row is one object with the column names as keys. */
struct cli_table;
struct cli_table *cli_table_new(struct cli *cli, const char *const *columns, size_t count);
/* cells: text, or a number with cli_cell_int; NULL is empty / null. */
void cli_cell(struct cli_table *table, const char *text);
void cli_cell_int(struct cli_table *table, int64_t value);
void cli_cell_bool(struct cli_table *table, bool value);
void cli_row_end(struct cli_table *table);
void cli_table_end(struct cli_table *table); /* prints */

/* ---- remote.c: commands to the notifier ---- */

/* A command that is being put together. */
struct remote_command;

struct remote_command *remote_command(struct cli *cli, const char *verb);
/* remote_argument - NULL value is left out. */
void remote_argument(struct remote_command *command, const char *name, const char *value);
void remote_attachment(struct remote_command *command, struct bytes attachment);

/* remote_sign - the command as it travels, signed by the identity for that ledger; the arena's.
 * Errors: -ENOMEM, also for what failed while the command was put together. */
int remote_sign(struct remote_command *command, const struct identity *identity,
                struct id128 ledger, int64_t now_ms, Zb__Command *ret_message);

/* remote_send - signs with the actor's key, sends to the notifier and waits for the result.
 * CLI_DONE, or a complaint was printed: CLI_INVALID when the ledger refused it (with its text),
 * CLI_FAILED when it cannot be reached. The result is the arena's. timeout_ms ≤ 0: 15 s.
 * Repeats after a broken line carry the same command id, so a command takes effect once. */
int remote_send(struct remote_command *command, int timeout_ms,
                const Zb__CommandResult **ret_result);

/* remote_value - a named value of the result, NULL if it has none of that name. */
const char *remote_value(const Zb__CommandResult *result, const char *name);

/* remote_begin - a command with the arguments of the running verb, by its row. remote_run - that,
 * sent, its result printed: the run function of a verb that does nothing else. */
struct remote_command *remote_begin(struct cli *cli);
int remote_run(struct cli *cli);

/* remote_print - the result: its text, or with --json its values as one object. remote_do - send,
 * then print. */
int remote_print(struct cli *cli, const Zb__CommandResult *result);
int remote_do(struct remote_command *command);

/* ---- commands ---- */

extern const struct cli_command cmd_init, cmd_up, cmd_down, cmd_status, cmd_scan, cmd_import,
    cmd_catalogue, cmd_unit, cmd_official, cmd_entitlement, cmd_position, cmd_case, cmd_notice,
    cmd_clock, cmd_calendar, cmd_explain, cmd_audit, cmd_doctor, cmd_key, cmd_config;

#endif
