/* cmd_calendar.c - `zhengban calendar`: working days, and the years that are known. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/civil.h"
#include "cli/places.h"
#include "cli/read.h"
#include "cli/year_file.h"
#include "cli/year_command.h"
#include "ledger/calendar.h"
#include "proto/frame.h"

enum { DAYS_MOST = 1000 };

/* ---- working days without a ledger: the years that come with the program ---- */

struct builtin {
    struct cli *cli;
    struct buf packed; /* the record last asked for */
};

/* The built-in year under its key, as the ledger would hold it. */
static int builtin_get(void *ctx, enum ledger_table table, struct bytes key,
                       struct bytes *ret_value)
{
    struct builtin *builtin = ctx;
    struct cli *cli = builtin->cli;
    if (table != TABLE_CALENDAR || key.size != 4)
        return -ENOENT;
    const char *name = arena_printf(cli->arena, "calendar/%" PRIu32 ".json", get_u32be(key.data));
    const char *path = name == NULL ? NULL : place_data(cli, name);
    struct bytes text;
    Zb__CalendarRecord *record;
    int r = path == NULL ? -ENOMEM : file_read(cli->arena, path, YEAR_FILE_BYTES, &text, NULL);
    if (r == 0)
        r = year_parse(text, name, cli->arena, &record, NULL);
    if (r != 0)
        return r;
    buf_reset(&builtin->packed);
    r = message_pack(&record->base, &builtin->packed);
    *ret_value = buf_bytes(&builtin->packed);
    return r;
}

static int builtin_seek(void *ctx, enum ledger_table table, struct bytes from,
                        struct bytes *ret_key, struct bytes *ret_value)
{
    (void)ctx;
    (void)table;
    (void)from;
    (void)ret_key;
    (void)ret_value;
    return -ENOENT;
}

/* ---- add ---- */

static int print_added(struct cli *cli, int32_t from, int32_t count, struct calendar_day to)
{
    if (!cli->json) {
        cli_say(cli,
                to.provisional ? _("%s (provisional: a year on the way is not published)") : "%s",
                read_day(cli, to.day));
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_str(&json, "from", read_day(cli, from));
    json_put_int(&json, "working_days", count);
    json_put_str(&json, "date", read_day(cli, to.day));
    json_put_bool(&json, "provisional", to.provisional);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

/* A home with a ledger counts by its years; without one, those of the program serve. */
static bool has_ledger(struct cli *cli)
{
    const char *path = cli_path(cli, "config.yaml");
    if (path == NULL || access(path, R_OK) < 0 || cli_config(cli) == NULL)
        return false;
    path = cli_path(cli, config_text(cli->config, "notifier.store"));
    return path != NULL && access(path, R_OK) == 0;
}

static int add_run(struct cli *cli)
{
    const char *day_text = cli->positional[0], *count_text = cli->positional[1];
    int32_t from;
    uint64_t number = 0;
    bool back = count_text[0] == '-';
    int r = civil_parse_date(bytes_str(day_text), &from);
    if (r < 0)
        return cli_fault(cli, r, _("give a day as 2026-09-07"), _("'%s' is no day"), day_text);
    if (strcmp(count_text, "0") != 0 && read_number(cli, "N", count_text + back, &number) < 0)
        return CLI_INVALID;
    if (number > DAYS_MOST)
        return cli_fault(cli, -ERANGE, _("give at most 1000"), _("%s working days are too many"),
                         count_text);
    int32_t count = back ? -(int32_t)number : (int32_t)number;
    struct builtin builtin = { .cli = cli, .packed = BUF_INIT(YEAR_FILE_BYTES) };
    struct ledger_view view = { .ctx = &builtin, .get = builtin_get, .seek = builtin_seek };
    CLEANUP(page_abortp) struct page *page = NULL;
    if (has_ledger(cli)) {
        struct book *book = cli_book(cli);
        if (book == NULL)
            return CLI_INVALID;
        r = book_read(book, &page);
        if (r < 0)
            return cli_fault(cli, r, _("run 'zhengban audit verify'"),
                             _("the ledger cannot be read"));
        view = *page_view(page);
    }
    struct calendar calendar = calendar_of(&view, cli->arena);
    struct calendar_day to = calendar_add(&calendar, from, count);
    buf_done(&builtin.packed);
    if (calendar.error < 0)
        return cli_fault(cli, calendar.error, _("see 'zhengban calendar list'"),
                         _("a calendar year cannot be read"));
    return print_added(cli, from, count, to);
}

/* ---- load and list ---- */

static int load_run(struct cli *cli)
{
    struct complaint why = { 0 };
    struct remote_command *command;
    int r = year_command(cli, cli->positional[0], &command, &why);
    return r < 0 ? cli_complain(cli, r, &why) : remote_do(command);
}

static int list_run(struct cli *cli)
{
    static const char *const columns[] = { N_("year"),   N_("off"),    N_("work"),
                                           N_("source"), N_("loaded"), N_("provisional") };
    struct cli_table *table = cli_table_new(cli, columns, ARRAY_LEN(columns));
    struct scan scan = scan_begin(cli, TABLE_CALENDAR, (struct ledger_key){ 0 });
    while (scan_next(&scan)) {
        const Zb__CalendarRecord *year = (const Zb__CalendarRecord *)scan.record;
        cli_cell_int(table, year->year);
        cli_cell_int(table, (int64_t)year->n_off_days);
        cli_cell_int(table, (int64_t)year->n_work_days);
        cli_cell(table, year->source);
        cli_cell(table, read_instant(cli, year->loaded_ms));
        cli_cell_bool(table, year->provisional);
        cli_row_end(table);
    }
    int code = scan_end(&scan);
    if (code == CLI_DONE)
        cli_table_end(table);
    return code;
}

static const struct cli_verb calendar_verbs[] = {
    { .name = "add",
      .arguments = "DATE N",
      .help = N_("Gives the Nth working day after DATE (before it where N is negative)."),
      .positional_min = 2,
      .positional_max = 2,
      .run = add_run },
    { .name = "load",
      .arguments = "FILE",
      .help = N_("Loads a published year (JSON of the holiday-cn form)."),
      .positional_min = 1,
      .positional_max = 1,
      .run = load_run },
    { .name = "list",
      .arguments = "",
      .help = N_("Lists the years that are loaded."),
      .run = list_run },
};

const struct cli_command cmd_calendar = { "calendar", N_("working days and holidays"),
                                          calendar_verbs, ARRAY_LEN(calendar_verbs) };
