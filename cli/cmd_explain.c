/* cmd_explain.c - `zhengban explain`: why a row is what it is, or why a case is. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "cli/row_story.h"
#include "cli/shelf.h"
#include "cli/story.h"
#include "matcher/recognise.h"

enum { EXPLAIN_BYTES = 1024 * 1024, ROW_ID_DIGITS = 32 };

/* A row put together from --name, --vendor and so on. */
static int row_given(struct cli *cli, struct row *ret_row)
{
    static const struct {
        const char *option;
        enum row_tag tag;
    } fields[] = {
        { "--name", ROW_NAME },       { "--vendor", ROW_VENDOR }, { "--version", ROW_VERSION },
        { "--edition", ROW_EDITION }, { "--origin", ROW_ORIGIN }, { "--licence", ROW_LICENCE },
        { "--channel", ROW_CHANNEL }, { "--source", ROW_SOURCE },
    };
    struct row row = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        row.fields.value[fields[i].tag] = bytes_str(cli_option(cli, fields[i].option));
    if (row.fields.value[ROW_SOURCE].size == 0)
        row.fields.value[ROW_SOURCE] = bytes_str(ROW_SOURCE_LIST);
    row.fields.repeated = arena_calloc(cli->arena, BOUND_IDENTIFIERS, sizeof(struct bytes));
    const char *identifier;
    while (row.fields.repeated != NULL && row.fields.repeated_count < BOUND_IDENTIFIERS &&
           (identifier = cli_option_nth(cli, "--identifier", row.fields.repeated_count)) != NULL)
        row.fields.repeated[row.fields.repeated_count++] = bytes_str(identifier);
    CLEANUP(buf_done) struct buf canonical = BUF_INIT(BOUND_ROW_BYTES);
    struct complaint why = { 0 };
    int r = row.fields.repeated == NULL ? -ENOMEM : row_encode(&row, &canonical, &why);
    if (r == 0)
        *ret_row = row;
    return r < 0 ? cli_complain(cli, r, &why) : CLI_DONE;
}

/* What the catalogue makes of a row, in sentences, with --json beside the verdict itself. */
static int explain_row(struct cli *cli, const struct row *row, const struct told_row *told)
{
    struct shelved shelved;
    CLEANUP(buf_done) struct buf text = BUF_INIT(EXPLAIN_BYTES);
    Zb__Verdict verdict = ZB__VERDICT__INIT;
    int status = shelved_open(cli, cli_option(cli, "--package"), &shelved);
    int r = 0;
    if (status == CLI_DONE) {
        r = recognise_explain(shelved.catalogue, row, cli->arena, &text);
        if (r == 0)
            r = recognise_row(shelved.catalogue, row, cli->arena, &verdict);
        if (r < 0)
            status = cli_fault(cli, r, _("activate the catalogue again"),
                               _("the catalogue cannot be read"));
    }
    if (status == CLI_DONE && !cli->json) {
        cli_say(cli, "%s", row_line(cli, row));
        buf_put(&cli->out, buf_bytes(&text));
        status = cli_put(cli);
        if (told != NULL)
            row_say_verdict(cli, told, "");
    } else if (status == CLI_DONE) {
        struct json json = json_on(&cli->out);
        json_begin_object(&json, NULL);
        json_put_str(&json, "product", verdict.product);
        json_put_str(
            &json, "class",
            read_word(cli, &zb__licence_class__descriptor, "CLASS_", (int)verdict.licence_class));
        json_put_str(&json, "grade",
                     read_word(cli, &zb__grade__descriptor, "GRADE_", (int)verdict.grade));
        json_put_str(&json, "fingerprint", verdict.fingerprint);
        json_put_str(&json, "edition", verdict.edition);
        json_put_str(&json, "version", verdict.version);
        json_put_str(&json, "category", verdict.category);
        json_put_str(&json, "catalogue", catalogue_label(shelved.catalogue));
        json_put_text(&json, "text", buf_bytes(&text));
        if (told != NULL)
            row_json(cli, &json, "ledger", told);
        json_end(&json);
        json_end_line(&json);
        status = cli_put(cli);
    }
    shelved_close(&shelved);
    return status;
}

static bool is_row_id(const char *text)
{
    size_t n = 0;
    while (isxdigit((unsigned char)text[n]))
        n++;
    return n == ROW_ID_DIGITS && text[n] == '\0';
}

static int explain_run(struct cli *cli)
{
    struct row row;
    if (cli->positional_count == 0) {
        if (cli_option(cli, "--name") == NULL && cli_option(cli, "--identifier") == NULL)
            return cli_fault(cli, -EINVAL,
                             _("give a row's id, a case's number, or --name and --vendor"),
                             _("nothing to explain"));
        int status = row_given(cli, &row);
        return status == CLI_DONE ? explain_row(cli, &row, NULL) : status;
    }
    const char *text = cli->positional[0];
    if (!is_row_id(text)) {
        uint64_t id;
        return read_number(cli, "CASE", text, &id) < 0 ? CLI_INVALID : story_of_case(cli, id);
    }
    struct id128 id;
    struct told_row told;
    int r = hex_decode(bytes_str(text), id.b, sizeof(id.b));
    if (r == 0)
        r = row_find(cli, id, &told);
    if (r == -EIO)
        return CLI_INVALID;
    if (r < 0)
        return cli_fault(cli, r, _("see 'zhengban audit dump'"), _("the ledger has no row %s"),
                         text);
    return explain_row(cli, &told.row, &told);
}

static const struct cli_option explain_options[] = {
    { .name = "--name", .value = "NAME", .help = N_("a name as an inventory reports it") },
    { .name = "--vendor", .value = "VENDOR", .help = N_("its vendor") },
    { .name = "--version", .value = "VERSION", .help = N_("its version") },
    { .name = "--edition", .value = "EDITION", .help = N_("its edition") },
    { .name = "--origin", .value = "ORIGIN", .help = N_("the distribution it came from") },
    { .name = "--licence", .value = "LICENCE", .help = N_("the licence it declares") },
    { .name = "--channel", .value = "CHANNEL", .help = N_("OEM, Volume, Retail ...") },
    { .name = "--source",
      .value = "KIND",
      .help = N_("where it was read: arp, dpkg, rpm, app, file, list") },
    { .name = "--identifier",
      .value = "KIND:VALUE",
      .help = N_("an exact identifier; may be repeated") },
    { .name = "--package",
      .value = "FILE",
      .help = N_("by this catalogue package; else the active one, else the built-in one") },
};

static const struct cli_verb explain_verbs[] = {
    { .arguments = "[ROW|CASE]",
      .help =
          N_("Says what decided, what lost and why: for a row's id, a case's number, or a name."),
      .options = explain_options,
      .option_count = ARRAY_LEN(explain_options),
      .positional_max = 1,
      .run = explain_run },
};

const struct cli_command cmd_explain = { "explain", N_("why a verdict or a case is what it is"),
                                         explain_verbs, ARRAY_LEN(explain_verbs) };
