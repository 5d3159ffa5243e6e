/* cli.c - what subcommands share: home, configuration, book, messages, tables. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utf8proc.h>

#include "base/daemon.h"
#include "bus/config.h"
#include "collector/service.h"
#include "matcher/service.h"
#include "notifier/config.h"

enum { CONFIG_TABLES = 6 };

const char *cli_option(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->verb->option_count; i++)
        if (strcmp(cli->verb->options[i].name, name) == 0)
            return cli->option_values[i];
    abort(); /* a verb asks for an option that its table does not have: a bug */
}

const char *cli_option_nth(const struct cli *cli, const char *name, size_t nth)
{
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given_names[i], name) == 0 && nth-- == 0)
            return cli->given_values[i];
    return NULL;
}

const char *cli_path(struct cli *cli, const char *relative)
{
    return relative[0] == '/' ? arena_strdup(cli->arena, bytes_str(relative))
                              : arena_printf(cli->arena, "%s/%s", cli->home, relative);
}

int cli_config_load(struct cli *cli, struct complaint *why)
{
    if (cli->config != NULL)
        return 0;
    /* Every section has its owner here: nothing is foreign to the command line. */
    struct config_table *tables = arena_calloc(cli->arena, CONFIG_TABLES, sizeof(*tables));
    const char *path = cli_path(cli, "config.yaml");
    if (tables == NULL || path == NULL)
        return complain(why, -ENOMEM, "", _("out of memory"));
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return complain(why, -ENOENT, _("run 'zhengban init' first, or name the home with --home"),
                        _("there is no home in %s"), cli->home);
    tables[0] = bus_config;
    tables[1] = notifier_config;
    tables[2] = rules_config;
    tables[3] = matcher_config;
    tables[4] = collector_config;
    tables[5] = daemon_config_table;
    return config_load(cli->arena, tables, CONFIG_TABLES, path, &cli->config, why);
}

const struct config *cli_config(struct cli *cli)
{
    struct complaint why = { 0 };
    int r = cli_config_load(cli, &why);
    if (r < 0) {
        (void)cli_complain(cli, r, &why);
        return NULL;
    }
    return cli->config;
}

int cli_book_load(struct cli *cli, struct complaint *why)
{
    if (cli->book != NULL)
        return 0;
    const struct config *config = cli->config;
    const struct book_options options = {
        .max_bytes = (uint64_t)config_int(config, "notifier.store_max_bytes"),
        .read_only = true,
    };
    const char *path = cli_path(cli, config_text(config, "notifier.store"));
    int r = path == NULL ? -ENOMEM : book_open(path, &options, &cli->book, why);
    if (r == 0 && book_is_new(cli->book))
        r = complain(why, -ENOENT, _("run 'zhengban init' first"), _("the ledger is empty"));
    if (r == 0)
        return 0;
    if (why->what[0] == '\0')
        (void)complain(why, r, _("run 'zhengban init' first, or name the home with --home"),
                       _("there is no ledger in %s"), cli->home);
    book_close(TAKE_PTR(cli->book));
    return r;
}

struct book *cli_book(struct cli *cli)
{
    struct complaint why = { 0 };
    if (cli->book != NULL)
        return cli->book;
    if (cli_config(cli) == NULL)
        return NULL;
    int r = cli_book_load(cli, &why);
    if (r < 0)
        (void)cli_complain(cli, r, &why);
    return cli->book;
}

void cli_done(struct cli *cli)
{
    cli_flush(cli);
    buf_done(&cli->out);
    book_close(TAKE_PTR(cli->book));
}

/* ---- messages ---- */

void cli_flush(struct cli *cli)
{
    if (cli->out.size > 0)
        (void)fwrite(cli->out.data, 1, cli->out.size,
                     stdout); /* a closed pipe is its reader's wish */
    (void)fflush(stdout);
    buf_reset(&cli->out);
}

void cli_say(struct cli *cli, const char *format, ...)
{
    if (cli->json)
        return;
    cli_flush(cli);
    va_list args;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)printf("\n");
}

int cli_put(struct cli *cli)
{
    if (buf_error(&cli->out) < 0)
        return cli_fault(cli, buf_error(&cli->out), "", _("out of memory"));
    cli_flush(cli);
    return CLI_DONE;
}

int cli_complain(struct cli *cli, int r, const struct complaint *why)
{
    cli_flush(cli);
    const char *what = why->what[0] == '\0' ? strerror(-r) : why->what;
    (void)fprintf(stderr, "zhengban: %s%s%s%s%s\n", why->place, why->place[0] == '\0' ? "" : ": ",
                  what, why->remedy[0] == '\0' ? "" : "; ", why->remedy);
    bool invalid = r == -EINVAL || r == -EBADMSG || r == -ERANGE || r == -ENOENT || r == -EFBIG ||
                   r == -EEXIST || r == -EMSGSIZE;
    return invalid ? CLI_INVALID : CLI_FAILED;
}

int cli_fault(struct cli *cli, int r, const char *remedy, const char *format, ...)
{
    struct complaint why = { 0 };
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why.what, sizeof(why.what), format, args); /* cut is fine */
    va_end(args);
    (void)snprintf(why.remedy, sizeof(why.remedy), "%s", remedy);
    return cli_complain(cli, r, &why);
}

/* ---- tables ---- */

enum { COLUMNS_MAX = 24, CELL_GAP = 2, CELL_WIDTH_MAX = 60 };

enum cell_kind { CELL_TEXT, CELL_INT, CELL_BOOL, CELL_NONE };

struct cell {
    const char *text; /* as printed */
    enum cell_kind kind;
    int64_t value;
};

struct cli_row {
    struct cli_row *next;
    struct cell cells[COLUMNS_MAX];
};

struct cli_table {
    struct cli *cli;
    const char *columns[COLUMNS_MAX];
    size_t count;
    struct cli_row *first, *last, *row; /* `row` is being filled */
    size_t filled;
};

struct cli_table *cli_table_new(struct cli *cli, const char *const *columns, size_t count)
{
    struct cli_table *table = arena_calloc(cli->arena, 1, sizeof(*table));
    if (table == NULL || count > COLUMNS_MAX)
        return NULL;
    table->cli = cli;
    table->count = count;
    memcpy(table->columns, columns, count * sizeof(*columns));
    return table;
}

static void cell_add(struct cli_table *table, struct cell cell)
{
    if (table == NULL || table->filled == table->count)
        return;
    if (table->row == NULL)
        table->row = arena_calloc(table->cli->arena, 1, sizeof(*table->row));
    if (table->row != NULL)
        table->row->cells[table->filled++] = cell;
}

void cli_cell(struct cli_table *table, const char *text)
{
    if (table == NULL)
        return;
    struct cell cell = { .kind = text == NULL ? CELL_NONE : CELL_TEXT, .text = "" };
    if (text != NULL)
        cell.text = arena_strdup(table->cli->arena, bytes_str(text));
    cell_add(table, cell);
}

void cli_cell_int(struct cli_table *table, int64_t value)
{
    if (table == NULL)
        return;
    cell_add(table,
             (struct cell){ .kind = CELL_INT,
                            .value = value,
                            .text = arena_printf(table->cli->arena, "%lld", (long long)value) });
}

void cli_cell_bool(struct cli_table *table, bool value)
{
    if (table == NULL)
        return;
    cell_add(table, (struct cell){
                        .kind = CELL_BOOL, .value = value, .text = value ? _("yes") : _("no") });
}

static void row_json(const struct cli_table *table, const struct cli_row *row)
{
    struct json json = json_on(&table->cli->out);
    json_begin_object(&json, NULL);
    for (size_t i = 0; i < table->count; i++) {
        const struct cell *cell = &row->cells[i];
        switch (cell->kind) {
        case CELL_TEXT:
            json_put_str(&json, table->columns[i], cell->text);
            break;
        case CELL_INT:
            json_put_int(&json, table->columns[i], cell->value);
            break;
        case CELL_BOOL:
            json_put_bool(&json, table->columns[i], cell->value != 0);
            break;
        case CELL_NONE:
            json_put_null(&json, table->columns[i]);
            break;
        }
    }
    json_end(&json);
    json_end_line(&json);
}

void cli_row_end(struct cli_table *table)
{
    if (table == NULL || table->row == NULL)
        return;
    if (table->cli->json) {
        row_json(table, table->row);
        cli_flush(table->cli);
        memset(table->row, 0, sizeof(*table->row));
    } else {
        if (table->last == NULL)
            table->first = table->row;
        else
            table->last->next = table->row;
        table->last = table->row;
        table->row = NULL;
    }
    table->filled = 0;
}

/* Columns that a text takes on a terminal; Chinese characters take two. */
static size_t text_width(const char *text)
{
    size_t width = 0;
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
    while (*at != 0) {
        utf8proc_int32_t point;
        utf8proc_ssize_t n = utf8proc_iterate(at, -1, &point);
        if (n <= 0)
            return width;
        int w = utf8proc_charwidth(point);
        width += w > 0 ? (size_t)w : 0;
        at += n;
    }
    return width;
}

/* Prints the text in `width` columns, cut or padded. */
static void print_cell(struct buf *out, const char *text, size_t width, bool right, bool last)
{
    size_t have = text_width(text);
    if (have > width) {
        size_t used = 0;
        const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
        while (*at != 0) {
            utf8proc_int32_t point;
            utf8proc_ssize_t n = utf8proc_iterate(at, -1, &point);
            int w = n <= 0 ? 0 : utf8proc_charwidth(point);
            if (n <= 0 || used + (size_t)(w > 0 ? w : 0) + 1 > width)
                break;
            buf_put(out, bytes_of(at, (size_t)n));
            used += (size_t)(w > 0 ? w : 0);
            at += n;
        }
        buf_put_str(out, "…");
        have = used + 1;
        for (; have < width; have++)
            buf_put_u8(out, ' ');
        return;
    }
    for (size_t i = have; right && i < width; i++)
        buf_put_u8(out, ' ');
    buf_put_str(out, text);
    for (size_t i = have; !right && !last && i < width; i++)
        buf_put_u8(out, ' ');
}

static void print_line(const struct cli_table *table, const struct cli_row *row,
                       const size_t *widths)
{
    struct buf *out = &table->cli->out;
    for (size_t i = 0; i < table->count; i++) {
        const char *text = row == NULL ? _(table->columns[i]) : row->cells[i].text;
        bool right = row != NULL && row->cells[i].kind == CELL_INT;
        bool last = i + 1 == table->count;
        print_cell(out, text == NULL ? "" : text, widths[i], right, last);
        for (size_t gap = 0; !last && gap < CELL_GAP; gap++)
            buf_put_u8(out, ' ');
    }
    buf_put_u8(out, '\n');
}

void cli_table_end(struct cli_table *table)
{
    if (table == NULL || table->cli->json)
        return;
    size_t widths[COLUMNS_MAX];
    for (size_t i = 0; i < table->count; i++) {
        widths[i] = text_width(_(table->columns[i]));
        for (const struct cli_row *row = table->first; row != NULL; row = row->next) {
            size_t width = row->cells[i].text == NULL ? 0 : text_width(row->cells[i].text);
            bool last = i + 1 == table->count;
            if (width > CELL_WIDTH_MAX && !last)
                width = CELL_WIDTH_MAX;
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    print_line(table, NULL, widths);
    for (const struct cli_row *row = table->first; row != NULL; row = row->next)
        print_line(table, row, widths);
    cli_flush(table->cli);
}
