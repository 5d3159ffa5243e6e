/* cmd_notice.c - `zhengban notice`: what was sent to whom, and what became of it. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/read.h"
#include "collector/service.h"
#include "notifier/context.h"
#include "notifier/render.h"

enum { PRINT_BYTES = 1024 * 1024 };

static const char *state_word(struct cli *cli, const Zb__NoticeRecord *notice)
{
    return read_word(cli, &zb__notice_state__descriptor, "NOTICE_", (int)notice->state);
}

static const char *official_word(struct cli *cli, const Zb__NoticeRecord *notice)
{
    return arena_printf(
        cli->arena, "%s/%s", notice->official_unit,
        read_word(cli, &zb__official_role__descriptor, "OFFICIAL_", (int)notice->official));
}

static bool wanted(const struct cli *cli, const Zb__NoticeRecord *notice, uint64_t case_id,
                   int state)
{
    const char *unit = cli_option(cli, "--unit");
    return (case_id == 0 || case_id == notice->case_id) &&
           (state < 0 || state == (int)notice->state) &&
           (unit == NULL || strcmp(unit, notice->unit) == 0);
}

static void put_row(struct cli *cli, struct cli_table *table, const Zb__NoticeRecord *notice)
{
    cli_cell_int(table, (int64_t)notice->id);
    if (notice->case_id == 0)
        cli_cell(table, NULL);
    else
        cli_cell_int(table, (int64_t)notice->case_id);
    cli_cell(table, read_rung(cli, notice));
    cli_cell(table, official_word(cli, notice));
    cli_cell(table, notice->channel);
    cli_cell(table, state_word(cli, notice));
    cli_cell(table, notice->message_id);
    if (cli->json) {
        cli_cell(table, notice->template_);
        cli_cell(table, notice->unit);
        cli_cell(table, read_day(cli, notice->due_day));
        cli_cell(table, read_instant(cli, notice->planned_ms));
        cli_cell(table, read_instant(cli, notice->state_ms));
        cli_cell_int(table, notice->tries);
        cli_cell(table, notice->error);
    }
    cli_row_end(table);
}

static int list_run(struct cli *cli)
{
    static const char *const columns[] = {
        N_("id"),      N_("case"),       N_("rung"),     N_("official"), N_("channel"),
        N_("state"),   N_("message_id"), N_("template"), N_("unit"),     N_("due"),
        N_("planned"), N_("since"),      N_("tries"),    N_("error"),
    };
    enum { COLUMNS_TEXT = 7 };
    const char *word = cli_option(cli, "--state"), *number = cli_option(cli, "--case");
    int state = -1;
    uint64_t case_id = 0;
    if (number != NULL && read_number(cli, "--case", number, &case_id) < 0)
        return CLI_INVALID;
    if (word != NULL && read_word_of(&zb__notice_state__descriptor, "NOTICE_", word, &state) < 0)
        return cli_fault(cli, -EINVAL,
                         _("give planned, claimed, committing, sent, failed, in_doubt or "
                           "cancelled"),
                         _("'%s' is no state of a notice"), word);
    struct cli_table *table =
        cli_table_new(cli, columns, cli->json ? ARRAY_LEN(columns) : COLUMNS_TEXT);
    struct scan scan = scan_begin(cli, TABLE_NOTICE, (struct ledger_key){ 0 });
    while (scan_next(&scan)) {
        const Zb__NoticeRecord *notice = (const Zb__NoticeRecord *)scan.record;
        if (wanted(cli, notice, case_id, state))
            put_row(cli, table, notice);
    }
    int code = scan_end(&scan);
    if (code == CLI_DONE)
        cli_table_end(table);
    return code;
}

/* The notice that the first argument names; NULL: a complaint was printed. */
static const Zb__NoticeRecord *notice_named(struct cli *cli)
{
    uint64_t id;
    Zb__NoticeRecord *notice;
    if (read_number(cli, "NOTICE", cli->positional[0], &id) < 0)
        return NULL;
    int r = READ_GET(cli, TABLE_NOTICE, key_u64(id), &notice);
    if (r == 0)
        return notice;
    if (r != -EIO)
        (void)cli_fault(cli, r, _("see 'zhengban notice list'"), _("there is no notice %" PRIu64),
                        id);
    return NULL;
}

static const Zb__PersonValue *person_of(struct cli *cli, const Zb__NoticeRecord *notice)
{
    static const Zb__PersonValue unknown = ZB__PERSON_VALUE__INIT;
    Zb__OfficialRecord *official;
    const Zb__PersonValue *person = NULL;
    if (READ_GET(cli, TABLE_OFFICIAL, key_text_u8(notice->official_unit, (uint8_t)notice->official),
                 &official) == 0)
        person = read_person(cli, bytes_of(official->person.data, official->person.len));
    return person == NULL ? &unknown : person;
}

/* The notice as a printer gets it. */
static int render(struct cli *cli, const Zb__NoticeRecord *notice, struct buf *out)
{
    const Zb__GenesisRecord *genesis = read_genesis(cli);
    struct complaint why = { 0 };
    struct ledger_clock clock;
    if (genesis == NULL)
        return CLI_FAILED;
    CLEANUP(page_abortp) struct page *page = NULL;
    const char *names = cli_path(cli, config_text(cli->config, "notices.names"));
    int r = ledger_clock_read(cli->home, &clock, &why);
    struct render_context context = {
        .template_dir = cli_path(cli, config_text(cli->config, "notices.templates")),
        .ledger_name = genesis->name,
        .from = config_text(cli->config, "mail.from"),
        .now_ms = r == 0 ? clock.now_ms : 0,
    };
    if (r == 0)
        r = context.template_dir == NULL || names == NULL ? -ENOMEM : book_read(cli->book, &page);
    if (r == 0)
        r = context_fill(page_view(page), names, notice, cli->arena, &context);
    if (r == 0)
        r = render_text(&context, notice, person_of(cli, notice), cli->arena, out, &why);
    return r < 0 ? cli_complain(cli, r, &why) : CLI_DONE;
}

static int print_run(struct cli *cli)
{
    const Zb__NoticeRecord *notice = notice_named(cli);
    if (notice == NULL)
        return CLI_INVALID;
    CLEANUP(buf_done) struct buf text = BUF_INIT(PRINT_BYTES);
    int code = render(cli, notice, &text);
    if (code != CLI_DONE)
        return code;
    if (!cli->json) {
        buf_put(&cli->out, buf_bytes(&text));
        return cli_put(cli);
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_uint(&json, "id", notice->id);
    json_put_text(&json, "text", buf_bytes(&text));
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static int show_json(struct cli *cli, const Zb__NoticeRecord *notice)
{
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_uint(&json, "id", notice->id);
    json_put_uint(&json, "case", notice->case_id);
    json_put_str(&json, "rung", read_rung(cli, notice));
    json_put_str(&json, "template", notice->template_);
    json_put_str(&json, "unit", notice->unit);
    json_put_str(&json, "official", official_word(cli, notice));
    json_put_str(&json, "name", person_of(cli, notice)->name);
    json_put_str(&json, "channel", notice->channel);
    json_put_str(&json, "state", state_word(cli, notice));
    json_put_str(&json, "since", read_instant(cli, notice->state_ms));
    json_put_str(&json, "planned", read_instant(cli, notice->planned_ms));
    json_put_str(&json, "next", read_instant(cli, notice->next_ms));
    json_put_str(&json, "due", read_day(cli, notice->due_day));
    json_put_uint(&json, "tries", notice->tries);
    json_put_str(&json, "error", notice->error);
    json_put_bool(&json, "given_up", notice->given_up);
    json_put_str(&json, "message_id", notice->message_id);
    json_put_str(&json, "resolved_why", notice->resolved_why);
    json_begin_object(&json, "facts");
    for (size_t i = 0; i < notice->n_facts; i++)
        json_put_str(&json, notice->facts[i]->name, notice->facts[i]->value);
    json_end(&json);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static void say_if(struct cli *cli, const char *label, const char *text)
{
    if (text != NULL && text[0] != '\0')
        cli_say(cli, "  %-12s %s", label, text);
}

static int show_run(struct cli *cli)
{
    const Zb__NoticeRecord *notice = notice_named(cli);
    if (notice == NULL)
        return CLI_INVALID;
    if (cli->json)
        return show_json(cli, notice);
    cli_say(cli, _("notice %" PRIu64 ", %s, case %" PRIu64), notice->id, read_rung(cli, notice),
            notice->case_id);
    say_if(cli, _("to"),
           arena_printf(cli->arena, "%s %s", official_word(cli, notice),
                        person_of(cli, notice)->name));
    say_if(cli, _("channel"), notice->channel);
    say_if(cli, _("state"),
           arena_printf(cli->arena, "%s, %s", _(state_word(cli, notice)),
                        read_instant(cli, notice->state_ms)));
    say_if(cli, _("planned"), read_instant(cli, notice->planned_ms));
    say_if(cli, _("error"), notice->error);
    say_if(cli, _("resolved"), notice->resolved_why);
    say_if(cli, _("message_id"), notice->message_id);
    if (notice->state == NOTICE_IN_DOUBT)
        cli_say(cli,
                _("Nobody knows whether it arrived: ask %s, then say so with "
                  "'zhengban notice resolve %" PRIu64 " --outcome sent|not-sent'."),
                person_of(cli, notice)->name, notice->id);
    return CLI_DONE;
}

static const struct cli_option list_options[] = {
    { .name = "--case", .value = "CASE", .help = N_("only about this case") },
    { .name = "--unit", .value = "UNIT", .help = N_("only about this unit") },
    { .name = "--state",
      .value = "STATE",
      .help = N_("only in this state: planned, sent, failed, in_doubt ...") },
};

static const struct cli_option resolve_options[] = {
    { .name = "--outcome",
      .value = "WHAT",
      .help = N_("sent or not-sent: whether it arrived"),
      .required = true },
    { .name = "--reason", .value = "TEXT", .help = N_("how that is known"), .required = true },
};

static const struct cli_verb notice_verbs[] = {
    { .name = "list",
      .arguments = "",
      .help = N_("Lists notices."),
      .options = list_options,
      .option_count = ARRAY_LEN(list_options),
      .run = list_run },
    { .name = "show",
      .arguments = "NOTICE",
      .help = N_("Shows what became of a notice."),
      .positional_min = 1,
      .positional_max = 1,
      .run = show_run },
    { .name = "print",
      .arguments = "NOTICE",
      .help = N_("Prints a notice for delivery by hand."),
      .positional_min = 1,
      .positional_max = 1,
      .run = print_run },
    { .name = "resolve",
      .arguments = "NOTICE",
      .help = N_("Says what became of a notice that is in doubt or failed."),
      .options = resolve_options,
      .option_count = ARRAY_LEN(resolve_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = remote_run,
      .command = "notice.resolve",
      .positional_names = "notice" },
};

const struct cli_command cmd_notice = { "notice", N_("notices to officials"), notice_verbs,
                                        ARRAY_LEN(notice_verbs) };
