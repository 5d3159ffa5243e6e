/* intake.c - opens a collector's spool from the command line, and tells what went into it. */
#include "cli/intake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/read.h"

/* An item that was left out: on standard error, where it does not mix with what programs read. */
static void on_problem(void *ctx, const struct source_problem *problem)
{
    const struct intake *intake = ctx;
    (void)cli_complain(intake->cli, -EINVAL, &problem->why);
}

static void put_field(struct json *json, const char *key, struct bytes text)
{
    if (text.size > 0)
        json_put_text(json, key, text);
}

static void put_row(struct json *json, const struct inventory *inventory, size_t i)
{
    static const struct {
        const char *key;
        enum row_tag tag;
    } fields[] = {
        { "kind", ROW_SOURCE },     { "name", ROW_NAME },       { "vendor", ROW_VENDOR },
        { "version", ROW_VERSION }, { "arch", ROW_ARCH },       { "edition", ROW_EDITION },
        { "origin", ROW_ORIGIN },   { "licence", ROW_LICENCE }, { "channel", ROW_CHANNEL },
    };
    const struct row *row = &inventory->rows[i];
    json_begin_object(json, NULL);
    json_put_text(json, "device", inventory->device);
    put_field(json, "host", inventory->facts.fields.value[FACTS_HOST]);
    put_field(json, "unit", bytes_str(inventory->unit));
    json_put_str(json, "source", inventory->source);
    for (size_t k = 0; k < ARRAY_LEN(fields); k++)
        put_field(json, fields[k].key, row_text(row, fields[k].tag));
    json_begin_array(json, "identifiers");
    for (size_t k = 0; k < row->fields.repeated_count; k++)
        json_put_text(json, NULL, row->fields.repeated[k]);
    json_end(json);
    json_end(json);
    json_end_line(json);
}

static void on_item(void *ctx, const struct inventory *inventory)
{
    const struct intake *intake = ctx;
    struct json json = json_on(&intake->cli->out);
    for (size_t i = 0; i < inventory->row_count; i++) {
        put_row(&json, inventory, i);
        (void)cli_put(intake->cli); /* says so itself; the import goes on */
    }
}

/* The collector whose spool it goes to; NULL: a complaint was printed. */
static const struct config *collector_choose(struct cli *cli, bool for_host)
{
    const struct config *config = cli_config(cli);
    const char *name = cli_option(cli, "--collector");
    if (config == NULL)
        return NULL;
    size_t count = config_items(config, "collectors");
    const struct config *item = name == NULL ? NULL : collector_item(config, name);
    for (size_t i = 0; name == NULL && item == NULL && i < count; i++)
        if (!for_host || config_flag(config_item(config, "collectors", i), "scan_host"))
            item = config_item(config, "collectors", i);
    if (name == NULL && item == NULL && count > 0)
        item = config_item(config, "collectors", 0);
    if (item == NULL)
        (void)cli_fault(cli, -EINVAL, _("list it under 'collectors' in config.yaml"),
                        _("this home has no collector%s%s"), name == NULL ? "" : " ",
                        name == NULL ? "" : name);
    return item;
}

static int spool_of(struct intake *intake)
{
    struct cli *cli = intake->cli;
    struct complaint why = { 0 };
    struct ledger_clock clock;
    intake->dir =
        cli_path(cli, arena_printf(cli->arena, "spool/%s", config_text(intake->collector, "name")));
    int r = intake->dir == NULL ? -ENOMEM : file_make_dirs(intake->dir, 0700);
    if (r == 0)
        r = spool_open(intake->dir, (uint64_t)config_int(intake->collector, "spool_max_bytes"),
                       &intake->spool, &why);
    if (r == 0)
        r = ledger_clock_read(cli->home, &clock, &why);
    if (r != 0) {
        if (why.what[0] == '\0')
            complaint_at(&why, "%s", intake->dir == NULL ? cli->home : intake->dir);
        return cli_complain(cli, r, &why);
    }
    intake->options.now_ms = clock.now_ms;
    intake->options.simulated = clock.simulated;
    return CLI_DONE;
}

int intake_open(struct cli *cli, bool dry_run, bool for_host, struct intake *intake)
{
    *intake = (struct intake){ .cli = cli };
    intake->options = (struct import_options){
        .unit = cli_option(cli, "--unit"),
        .dry_run = dry_run,
        .ctx = intake,
        .item = dry_run && cli->json ? on_item : NULL,
        .problem = on_problem,
    };
    if (dry_run) {
        struct ledger_clock clock;
        if (ledger_clock_read(cli->home, &clock, NULL) == 0)
            intake->options.now_ms = clock.now_ms;
        if (intake->options.unit == NULL)
            intake->options.unit = "unit";
        return CLI_DONE;
    }
    intake->collector = collector_choose(cli, for_host);
    if (intake->collector == NULL)
        return CLI_INVALID;
    if (intake->options.unit == NULL)
        intake->options.unit = config_text(intake->collector, "unit");
    return spool_of(intake);
}

void intake_close(struct intake *intake)
{
    if (intake->spool == NULL)
        return;
    spool_close(TAKE_PTR(intake->spool));
    /* A daemon that is not told finds it at its next look. */
    (void)spool_poke(intake->dir);
}

int intake_told(struct intake *intake, const char *file, const struct import_result *result)
{
    struct cli *cli = intake->cli;
    intake->files++;
    intake->items += result->items;
    intake->rejected += result->rejected;
    if (!cli->json) {
        cli_say(cli, _("%s: %s, %zu computers, %zu items, %zu left out"), file, result->format,
                result->computers, result->items, result->rejected);
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_str(&json, "format", result->format);
    json_put_uint(&json, "items", result->items);
    json_put_uint(&json, "rejected", result->rejected);
    json_put_uint(&json, "computers", result->computers);
    json_put_str(&json, "file", file);
    if (intake->collector != NULL)
        json_put_str(&json, "collector", config_text(intake->collector, "name"));
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

int intake_status(const struct intake *intake)
{
    if (intake->files == 0 && intake->refused > 0)
        return CLI_INVALID;
    return intake->refused > 0 || intake->rejected > 0 ? CLI_PARTLY : CLI_DONE;
}
