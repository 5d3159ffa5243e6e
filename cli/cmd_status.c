/* cmd_status.c - `zhengban status`: what runs and how it stands, on one screen. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "base/civil.h"
#include "cli/read.h"
#include "cli/supervise.h"
#include "collector/service.h"
#include "store/spool.h"

enum { STATES_MAX = 16, KIB = 1024 };

/* Everything that the screen shows. */
struct status {
    struct cli *cli;
    struct ledger_clock clock;
    const struct instance *instances;
    size_t instance_count;
    uint64_t journal, todo, endpoints, rows, alarms;
    uint64_t cases[STATES_MAX], notices[STATES_MAX]; /* by state */
    struct kv_usage usage;
    uint64_t free_bytes;
};

static int count_tables(struct status *status)
{
    struct book *book = cli_book(status->cli);
    if (book == NULL)
        return -ENOENT;
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    int r = kv_usage(book_kv(book), &status->usage);
    if (r == 0)
        r = kv_read(book_kv(book), &txn);
    if (r == 0)
        r = kv_count(txn, TABLE_TODO, &status->todo);
    if (r == 0)
        r = kv_count(txn, INDEX_UNIT_ENDPOINT, &status->endpoints);
    if (r == 0)
        r = kv_count(txn, TABLE_ROW, &status->rows);
    status->journal = book_head(book).index;
    if (r < 0)
        (void)cli_fault(status->cli, r, _("run 'zhengban audit verify'"),
                        _("the ledger's tables cannot be counted"));
    return r;
}

static int count_states(struct status *status)
{
    static const struct ledger_key all = { 0 };
    struct scan cases = scan_begin(status->cli, TABLE_CASE, all);
    while (scan_next(&cases))
        status->cases[((const Zb__CaseRecord *)cases.record)->state % STATES_MAX]++;
    int code = scan_end(&cases);
    struct scan notices = scan_begin(status->cli, TABLE_NOTICE, all);
    while (code == CLI_DONE && scan_next(&notices))
        status->notices[((const Zb__NoticeRecord *)notices.record)->state % STATES_MAX]++;
    int more = scan_end(&notices);
    struct scan alarms = scan_begin(status->cli, TABLE_ALARM, all);
    while (more == CLI_DONE && scan_next(&alarms))
        status->alarms += !((const Zb__AlarmRecord *)alarms.record)->cleared;
    int last = scan_end(&alarms);
    return code != CLI_DONE ? code : more != CLI_DONE ? more : last;
}

/* The counts of one spool; −ENOENT when nothing was ever spooled there. */
static int spool_look(struct cli *cli, const char *name, struct spool_counts *ret_counts)
{
    const char *dir = cli_path(cli, arena_printf(cli->arena, "spool/%s", name));
    CLEANUP(spool_closep) struct spool *spool = NULL;
    int r = dir == NULL ? -ENOMEM : spool_open_read_only(dir, &spool, NULL);
    return r < 0 ? r : spool_counts(spool, ret_counts);
}

static int64_t pending_age_s(const struct status *status, const struct spool_counts *counts)
{
    int64_t age_ms = counts->pending == 0 || counts->oldest_pending_ms == 0
                         ? 0
                         : status->clock.now_ms - counts->oldest_pending_ms;
    return age_ms < 0 ? 0 : age_ms / 1000;
}

/* ---- as JSON ---- */

static void json_daemons(struct json *json, const struct status *status)
{
    json_begin_array(json, "daemons");
    for (size_t i = 0; i < status->instance_count; i++) {
        const struct instance *instance = &status->instances[i];
        struct running running = { 0 };
        bool runs = running_read(status->cli->home, instance->name, &running) == 0;
        json_begin_object(json, NULL);
        json_put_str(json, "name", instance->name);
        json_put_str(json, "program", instance->program);
        json_put_bool(json, "running", runs);
        if (runs) {
            json_put_int(json, "pid", running.pid);
            json_put_str(json, "since", read_instant(status->cli, running.started_ms));
            json_put_uint(json, "port", running.port);
        }
        json_end(json);
    }
    json_end(json);
}

static void json_spools(struct json *json, const struct status *status)
{
    const struct config *config = status->cli->config;
    json_begin_array(json, "spools");
    for (size_t i = 0; i < config_items(config, "collectors"); i++) {
        const char *name = config_text(config_item(config, "collectors", i), "name");
        struct spool_counts counts = { 0 };
        (void)spool_look(status->cli, name, &counts); /* none yet: zeros */
        json_begin_object(json, NULL);
        json_put_str(json, "collector", name);
        json_put_uint(json, "spooled", counts.spooled);
        json_put_uint(json, "applied", counts.applied);
        json_put_uint(json, "refused", counts.refused);
        json_put_uint(json, "superseded", counts.superseded);
        json_put_uint(json, "pending", counts.pending);
        json_put_int(json, "oldest_pending_s", pending_age_s(status, &counts));
        json_put_uint(json, "disk_bytes", counts.disk_bytes);
        json_end(json);
    }
    json_end(json);
}

static void json_states(struct json *json, struct cli *cli, const char *key,
                        const ProtobufCEnumDescriptor *type, const char *prefix,
                        const uint64_t *counts)
{
    json_begin_object(json, key);
    for (int state = 0; state < STATES_MAX; state++)
        if (counts[state] > 0)
            json_put_uint(json, read_word(cli, type, prefix, state), counts[state]);
    json_end(json);
}

static int print_json(const struct status *status)
{
    struct cli *cli = status->cli;
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_str(&json, "home", cli->home);
    json_put_bool(&json, "simulated", status->clock.simulated);
    json_put_str(&json, "now", read_instant(cli, status->clock.now_ms));
    json_put_uint(&json, "journal", status->journal);
    json_daemons(&json, status);
    json_spools(&json, status);
    json_put_uint(&json, "todo", status->todo);
    json_put_uint(&json, "rows", status->rows);
    json_put_uint(&json, "endpoints", status->endpoints);
    json_states(&json, cli, "cases", &zb__case_state__descriptor, "CASE_", status->cases);
    json_states(&json, cli, "notices", &zb__notice_state__descriptor, "NOTICE_", status->notices);
    json_put_uint(&json, "alarms", status->alarms);
    json_begin_object(&json, "disk");
    json_put_uint(&json, "ledger_used_bytes", status->usage.used_bytes);
    json_put_uint(&json, "ledger_file_bytes", status->usage.file_bytes);
    json_put_uint(&json, "free_bytes", status->free_bytes);
    json_end(&json);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

/* ---- as text ---- */

static void text_daemons(const struct status *status)
{
    static const char *const columns[] = { N_("daemon"), N_("runs"), N_("pid"), N_("since"),
                                           N_("port") };
    struct cli *cli = status->cli;
    struct cli_table *table = cli_table_new(cli, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < status->instance_count; i++) {
        struct running running = { 0 };
        bool runs = running_read(cli->home, status->instances[i].name, &running) == 0;
        cli_cell(table, status->instances[i].name);
        cli_cell_bool(table, runs);
        cli_cell(table, runs ? arena_printf(cli->arena, "%d", (int)running.pid) : NULL);
        cli_cell(table, runs ? read_instant(cli, running.started_ms) : NULL);
        cli_cell(table, running.port == 0 ? NULL : arena_printf(cli->arena, "%u", running.port));
        cli_row_end(table);
    }
    cli_table_end(table);
}

static void text_spools(const struct status *status)
{
    static const char *const columns[] = { N_("spool"),      N_("spooled"),    N_("applied"),
                                           N_("refused"),    N_("superseded"), N_("pending"),
                                           N_("oldest (s)"), N_("KiB") };
    struct cli *cli = status->cli;
    struct cli_table *table = cli_table_new(cli, columns, ARRAY_LEN(columns));
    for (size_t i = 0; i < config_items(cli->config, "collectors"); i++) {
        const char *name = config_text(config_item(cli->config, "collectors", i), "name");
        struct spool_counts counts = { 0 };
        (void)spool_look(cli, name, &counts); /* none yet: zeros */
        cli_cell(table, name);
        cli_cell_int(table, (int64_t)counts.spooled);
        cli_cell_int(table, (int64_t)counts.applied);
        cli_cell_int(table, (int64_t)counts.refused);
        cli_cell_int(table, (int64_t)counts.superseded);
        cli_cell_int(table, (int64_t)counts.pending);
        cli_cell_int(table, pending_age_s(status, &counts));
        cli_cell_int(table, (int64_t)(counts.disk_bytes / KIB));
        cli_row_end(table);
    }
    cli_table_end(table);
}

/* "suspected 3, ordered 1", or "none". */
static const char *states_text(struct cli *cli, const ProtobufCEnumDescriptor *type,
                               const char *prefix, const uint64_t *counts)
{
    const char *text = "";
    for (int state = 0; state < STATES_MAX && text != NULL; state++)
        if (counts[state] > 0)
            text = arena_printf(cli->arena, "%s%s%s %" PRIu64, text, text[0] == '\0' ? "" : ", ",
                                _(read_word(cli, type, prefix, state)), counts[state]);
    return text == NULL || text[0] == '\0' ? _("none") : text;
}

static int print_text(const struct status *status)
{
    struct cli *cli = status->cli;
    cli_say(cli, _("home      %s"), cli->home);
    cli_say(cli, status->clock.simulated ? _("clock     %s, simulated") : _("clock     %s"),
            read_instant(cli, status->clock.now_ms));
    cli_say(cli, "%s", "");
    text_daemons(status);
    cli_say(cli, "%s", "");
    text_spools(status);
    cli_say(cli, "%s", "");
    cli_say(cli, _("journal   entry %" PRIu64), status->journal);
    cli_say(cli, _("rows      %" PRIu64 " distinct, %" PRIu64 " want a verdict"), status->rows,
            status->todo);
    cli_say(cli, _("computers %" PRIu64), status->endpoints);
    cli_say(cli, _("cases     %s"),
            states_text(cli, &zb__case_state__descriptor, "CASE_", status->cases));
    cli_say(cli, _("notices   %s"),
            states_text(cli, &zb__notice_state__descriptor, "NOTICE_", status->notices));
    cli_say(cli, _("alarms    %" PRIu64 " standing"), status->alarms);
    cli_say(cli, _("disk      ledger %" PRIu64 " KiB, free %" PRIu64 " MiB"),
            status->usage.file_bytes / KIB, status->free_bytes / KIB / KIB);
    return CLI_DONE;
}

static int status_run(struct cli *cli)
{
    struct status status = { .cli = cli };
    struct complaint why = { 0 };
    struct statvfs disk;
    if (cli_config(cli) == NULL)
        return CLI_INVALID;
    int r = ledger_clock_read(cli->home, &status.clock, &why);
    if (r < 0)
        return cli_complain(cli, r, &why);
    status.instances = instances_of(cli, &status.instance_count);
    if (status.instances == NULL)
        return CLI_FAILED;
    if (statvfs(cli->home, &disk) == 0)
        status.free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    r = count_tables(&status);
    if (r < 0)
        return r == -ENOENT ? CLI_INVALID : CLI_FAILED;
    int code = count_states(&status);
    if (code != CLI_DONE)
        return code;
    return cli->json ? print_json(&status) : print_text(&status);
}

static const struct cli_verb status_verbs[] = {
    { .arguments = "",
      .help = N_("Shows what runs, the spools, the journal, cases, notices and disk."),
      .run = status_run },
};

const struct cli_command cmd_status = { "status", N_("what runs and how it stands"), status_verbs,
                                        ARRAY_LEN(status_verbs) };
