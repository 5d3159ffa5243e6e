/* cmd_case.c - `zhengban case`: rectification cases, and what people decide about them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/read.h"
#include "cli/story.h"
#include "ledger/deadline.h"

enum { PROOF_FILE_BYTES = 64 * 1024 * 1024 };

static bool is_open(const Zb__CaseRecord *rec)
{
    return rec->state != CASE_CLOSED && rec->state != CASE_REJECTED && rec->state != CASE_RETRACTED;
}

/* ---- list ---- */

static uint64_t open_lines(struct cli *cli, uint64_t id)
{
    struct scan lines = scan_begin(cli, TABLE_LINE, key_u64(id));
    uint64_t count = 0;
    while (scan_next(&lines)) {
        const Zb__LineRecord *line = (const Zb__LineRecord *)lines.record;
        if (line->state == LINE_OPEN)
            count += line->endpoint == 0 ? line->quantity : 1;
    }
    (void)scan_end(&lines); /* it has said what it could not read */
    return count;
}

static bool wanted(const struct cli *cli, const Zb__CaseRecord *rec, int state)
{
    const char *unit = cli_option(cli, "--unit"), *product = cli_option(cli, "--product");
    return (unit == NULL || strcmp(unit, rec->unit) == 0) &&
           (product == NULL || strcmp(product, rec->product) == 0) &&
           (state < 0 || state == (int)rec->state) &&
           (cli_option(cli, "--open") == NULL || is_open(rec));
}

/* The highest rung of the present due date that has fired; NULL while none has. */
static const char *fired_rung(struct cli *cli, const Zb__CaseRecord *rec, int32_t due)
{
    char name[DEADLINE_NAME_SIZE];
    const char *fired = NULL;
    struct scan scan = scan_begin(cli, TABLE_RUNG, key_u64(rec->id));
    while (scan_next(&scan)) {
        const Zb__RungRecord *rung = (const Zb__RungRecord *)scan.record;
        if (rung->due_day == due && rung->state == RUNG_FIRED)
            fired = arena_strdup(cli->arena, bytes_str(deadline_rung_name(rung->rung, name)));
    }
    (void)scan_end(&scan); /* a complaint was printed; the other columns still stand */
    return fired;
}

static int list_run(struct cli *cli)
{
    static const char *const columns[] = { N_("id"),    N_("unit"),  N_("product"),
                                           N_("class"), N_("state"), N_("opened"),
                                           N_("open"),  N_("due"),   N_("rung") };
    const char *word = cli_option(cli, "--state");
    int state = -1;
    if (word != NULL && read_word_of(&zb__case_state__descriptor, "CASE_", word, &state) < 0)
        return cli_fault(cli, -EINVAL,
                         _("give suspected, confirmed, ordered, overdue, closed, rejected, "
                           "retracted or held"),
                         _("'%s' is no state of a case"), word);
    struct cli_table *table = cli_table_new(cli, columns, ARRAY_LEN(columns));
    struct scan scan = scan_begin(cli, TABLE_CASE, (struct ledger_key){ 0 });
    while (scan_next(&scan)) {
        const Zb__CaseRecord *rec = (const Zb__CaseRecord *)scan.record;
        if (!wanted(cli, rec, state))
            continue;
        int32_t due = rec->state == CASE_SUSPECTED ? rec->verify_due_day : rec->due_day;
        cli_cell_int(table, (int64_t)rec->id);
        cli_cell(table, rec->unit);
        cli_cell(table, rec->product);
        cli_cell(table, read_class(cli, rec->class_));
        cli_cell(table, read_word(cli, &zb__case_state__descriptor, "CASE_", (int)rec->state));
        cli_cell(table, read_instant(cli, rec->opened_ms));
        cli_cell_int(table, (int64_t)open_lines(cli, rec->id));
        cli_cell(table, read_day(cli, due));
        cli_cell(table, fired_rung(cli, rec, due));
        cli_row_end(table);
    }
    int code = scan_end(&scan);
    if (code == CLI_DONE)
        cli_table_end(table);
    return code;
}

static int show_run(struct cli *cli)
{
    uint64_t id;
    return read_number(cli, "CASE", cli->positional[0], &id) < 0 ? CLI_INVALID
                                                                 : story_of_case(cli, id);
}

/* ---- what people decide ---- */

/* A command about a case travels with the case's unit, which decides who may give it. */
static struct remote_command *case_command(struct cli *cli, int *ret_status)
{
    uint64_t id;
    Zb__CaseRecord *rec;
    *ret_status = CLI_INVALID;
    if (read_number(cli, "CASE", cli->positional[0], &id) < 0)
        return NULL;
    int r = READ_GET(cli, TABLE_CASE, key_u64(id), &rec);
    if (r < 0) {
        if (r != -EIO)
            *ret_status = cli_fault(cli, r, _("see 'zhengban case list'"),
                                    _("there is no case %" PRIu64), id);
        return NULL;
    }
    struct remote_command *command = remote_begin(cli);
    remote_argument(command, "unit", rec->unit);
    return command;
}

static int decide_run(struct cli *cli)
{
    int status;
    struct remote_command *command = case_command(cli, &status);
    return command == NULL ? status : remote_do(command);
}

/* The document stays where it is; its digest is what the journal keeps. */
static int proof_run(struct cli *cli)
{
    struct complaint why = { 0 };
    struct bytes document;
    int r = file_read(cli->arena, cli->positional[1], PROOF_FILE_BYTES, &document, &why);
    if (r < 0)
        return cli_complain(cli, r, &why);
    struct digest digest = seal_digest(SEAL_PARTS(document));
    int status;
    struct remote_command *command = case_command(cli, &status);
    if (command == NULL)
        return status;
    remote_argument(command, "digest", read_hex(cli, digest_bytes(&digest)));
    return remote_do(command);
}

static const struct cli_option list_options[] = {
    { .name = "--unit", .value = "UNIT", .help = N_("only of this unit") },
    { .name = "--product", .value = "PRODUCT", .help = N_("only of this product") },
    { .name = "--state",
      .value = "STATE",
      .help = N_("only in this state: suspected, confirmed, ordered, overdue ...") },
    { .name = "--open", .help = N_("only those that are not closed") },
};

static const struct cli_option reason_options[] = {
    { .name = "--reason",
      .value = "TEXT",
      .help = N_("what was found, for the journal"),
      .required = true },
};

static const struct cli_option serve_options[] = {
    { .name = "--on",
      .value = "DAY",
      .help = N_("day of service as 2026-09-07; today when left out") },
    { .name = "--reason",
      .value = "TEXT",
      .help = N_("how it was handed over and to whom"),
      .required = true },
};

static const struct cli_option extend_options[] = {
    { .name = "--until",
      .value = "DAY",
      .help = N_("the new due date, a working day"),
      .required = true },
    { .name = "--reason",
      .value = "TEXT",
      .help = N_("why the deadline cannot be kept"),
      .required = true },
};

static const struct cli_option proof_options[] = {
    { .name = "--kind",
      .value = "KIND",
      .help = N_("document or disposal: what it proves"),
      .required = true },
    { .name = "--reason",
      .value = "TEXT",
      .help = N_("where the document is kept"),
      .required = true },
};

static const struct cli_verb case_verbs[] = {
    { .name = "list",
      .arguments = "",
      .help = N_("Lists cases."),
      .options = list_options,
      .option_count = ARRAY_LEN(list_options),
      .run = list_run },
    { .name = "show",
      .arguments = "CASE",
      .help = N_("Tells the whole story of a case."),
      .positional_min = 1,
      .positional_max = 1,
      .run = show_run },
    { .name = "confirm",
      .arguments = "CASE",
      .help = N_("Confirms a suspicion after somebody looked; the order is served next."),
      .options = reason_options,
      .option_count = ARRAY_LEN(reason_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = decide_run,
      .command = "case.confirm",
      .positional_names = "case" },
    { .name = "reject",
      .arguments = "CASE",
      .help = N_("Rejects a false positive; the same evidence opens no case again."),
      .options = reason_options,
      .option_count = ARRAY_LEN(reason_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = decide_run,
      .command = "case.reject",
      .positional_names = "case" },
    { .name = "serve",
      .arguments = "CASE",
      .help = N_("Records that a notice was served by hand; the deadline starts."),
      .options = serve_options,
      .option_count = ARRAY_LEN(serve_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = decide_run,
      .command = "case.serve",
      .positional_names = "case" },
    { .name = "extend",
      .arguments = "CASE",
      .help = N_("Extends the deadline, once."),
      .options = extend_options,
      .option_count = ARRAY_LEN(extend_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = decide_run,
      .command = "case.extend",
      .positional_names = "case" },
    { .name = "note",
      .arguments = "CASE",
      .help = N_("Adds a remark to a case."),
      .options = reason_options,
      .option_count = ARRAY_LEN(reason_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = decide_run,
      .command = "case.note",
      .positional_names = "case" },
    { .name = "proof",
      .arguments = "CASE FILE",
      .help = N_("Adds a document to a case by its digest; it closes class C."),
      .options = proof_options,
      .option_count = ARRAY_LEN(proof_options),
      .positional_min = 2,
      .positional_max = 2,
      .run = proof_run,
      .command = "case.proof",
      .positional_names = "case" },
};

const struct cli_command cmd_case = { "case", N_("rectification cases"), case_verbs,
                                      ARRAY_LEN(case_verbs) };
