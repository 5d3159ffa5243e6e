/* cmd_audit.c - `zhengban audit`: is the journal whole, are the tables what it says, is nothing
 * lost? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bus/config.h"
#include "cli/places.h"
#include "cli/read.h"
#include "collector/service.h"
#include "ledger/dump.h"
#include "notifier/audit.h"
#include "store/spool.h"

enum {
    DUMP_ARENA_BYTES = 1024 * 1024 * 1024,
    ENTRY_ARENA_BYTES = 64 * 1024 * 1024,
    CHECKPOINT_FILE_BYTES = 4096,
};

/* A copy of the ledger for as long as the command looks at it. */
struct copy {
    struct book *book;
    char dir[FILE_PATH_SIZE];
};

static int copy_open(struct cli *cli, struct copy *copy)
{
    struct complaint why = { 0 };
    struct book *book = cli_book(cli);
    const char *parent = cli_path(cli, "run");
    *copy = (struct copy){ 0 };
    if (book == NULL)
        return CLI_INVALID;
    int r = parent == NULL ? -ENOMEM : file_make_dirs(parent, 0700);
    if (r == 0)
        r = audit_copy(book, parent, &copy->book, copy->dir, &why);
    return r < 0 ? cli_complain(cli, r, &why) : CLI_DONE;
}

static void copy_close(struct copy *copy)
{
    audit_copy_close(copy->book, copy->dir);
}

/* What broke is the answer of an audit, not a wrong argument: 1, so that scripts can tell. */
static int broken(struct cli *cli, int r, const struct complaint *why)
{
    int status = cli_complain(cli, r, why);
    return r == -EBADMSG ? CLI_PARTLY : status;
}

/* ---- count ---- */

static int count_spool(struct cli *cli, const char *name, struct spool_counts *sum)
{
    const char *dir = cli_path(cli, arena_printf(cli->arena, "spool/%s", name));
    CLEANUP(spool_closep) struct spool *spool = NULL;
    struct spool_counts counts;
    struct complaint why = { 0 };
    int r = dir == NULL ? -ENOMEM : spool_open_read_only(dir, &spool, &why);
    if (r == -ENOENT)
        return CLI_DONE; /* nothing was ever spooled there */
    if (r == 0)
        r = spool_counts(spool, &counts);
    if (r != 0)
        return cli_complain(cli, r, &why);
    sum->spooled += counts.spooled;
    sum->applied += counts.applied;
    sum->refused += counts.refused;
    sum->superseded += counts.superseded;
    sum->pending += counts.pending;
    return CLI_DONE;
}

static int count_put(struct cli *cli, const struct spool_counts *sum,
                     const struct audit_events *events)
{
    static const char *const columns[] = { N_("spooled"),         N_("applied"),
                                           N_("refused"),         N_("superseded"),
                                           N_("pending"),         N_("duplicates"),
                                           N_("journal_applied"), N_("journal_refused") };
    struct cli_table *table = cli_table_new(cli, columns, ARRAY_LEN(columns));
    cli_cell_int(table, (int64_t)sum->spooled);
    cli_cell_int(table, (int64_t)sum->applied);
    cli_cell_int(table, (int64_t)sum->refused);
    cli_cell_int(table, (int64_t)sum->superseded);
    cli_cell_int(table, (int64_t)sum->pending);
    cli_cell_int(table, (int64_t)events->duplicates);
    cli_cell_int(table, (int64_t)events->applied);
    cli_cell_int(table, (int64_t)events->refused);
    cli_row_end(table);
    cli_table_end(table);
    bool adds_up = sum->spooled == sum->applied + sum->refused + sum->superseded + sum->pending;
    if (adds_up && events->duplicates == 0)
        return CLI_DONE;
    (void)cli_fault(cli, -EBADMSG, _("keep this folder as evidence and tell whoever maintains it"),
                    adds_up ? _("an event took effect more than once")
                            : _("the spools' counts do not add up"));
    return CLI_PARTLY;
}

static int count_run(struct cli *cli)
{
    struct spool_counts sum = { 0 };
    struct audit_events events = { 0 };
    struct complaint why = { 0 };
    struct copy copy;
    int status = copy_open(cli, &copy);
    if (status == CLI_DONE) {
        int r = audit_events(copy.book, &events, &why);
        status = r < 0 ? broken(cli, r, &why) : CLI_DONE;
    }
    copy_close(&copy);
    size_t count = status == CLI_DONE ? config_items(cli->config, "collectors") : 0;
    for (size_t i = 0; status == CLI_DONE && i < count; i++)
        status =
            count_spool(cli, config_text(config_item(cli->config, "collectors", i), "name"), &sum);
    return status == CLI_DONE ? count_put(cli, &sum, &events) : status;
}

/* ---- verify ---- */

static int checkpoint_load(struct cli *cli, const char *path, Zb__CheckpointBody **ret_body,
                           struct complaint *why)
{
    struct identity_public ledger;
    struct bytes text;
    const char *slip = cli_path(cli, config_text(cli->config, "ledger.slip"));
    int r = slip == NULL ? -ENOMEM : slip_load(slip, &ledger, why);
    if (r == 0)
        r = file_read(cli->arena, path, CHECKPOINT_FILE_BYTES, &text, why);
    if (r != 0)
        return r;
    complaint_at(why, "%s", path);
    return audit_checkpoint_parse(text, ledger.id, &ledger.sign_public, cli->arena, ret_body, why);
}

static int verify_put(struct cli *cli, const struct audit_summary *summary)
{
    const char *chain = read_hex(cli, digest_bytes(&summary->head.chain));
    if (!cli->json) {
        cli_say(cli,
                _("the journal is whole: %" PRIu64 " entries, %" PRIu64 " batches and %" PRIu64
                  " commands signed"),
                summary->head.index, summary->batches, summary->commands);
        cli_say(cli, _("from %s to %s, chain %s"), read_instant(cli, summary->first_ms),
                read_instant(cli, summary->last_ms), chain);
        if (summary->checkpoint != 0)
            cli_say(cli, _("the checkpoint of entry %" PRIu64 " lies in it"), summary->checkpoint);
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_bool(&json, "valid", true);
    json_put_uint(&json, "entries", summary->head.index);
    json_put_str(&json, "chain", chain);
    json_put_uint(&json, "batches", summary->batches);
    json_put_uint(&json, "commands", summary->commands);
    json_put_str(&json, "first", read_instant(cli, summary->first_ms));
    json_put_str(&json, "last", read_instant(cli, summary->last_ms));
    if (summary->checkpoint != 0)
        json_put_uint(&json, "checkpoint", summary->checkpoint);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static int verify_run(struct cli *cli)
{
    const char *path = cli_option(cli, "--checkpoint");
    Zb__CheckpointBody *checkpoint = NULL;
    struct complaint why = { 0 };
    struct audit_summary summary;
    struct copy copy;
    if (cli_book(cli) == NULL)
        return CLI_INVALID;
    int r = path == NULL ? 0 : checkpoint_load(cli, path, &checkpoint, &why);
    if (r < 0)
        return cli_complain(cli, r, &why);
    int status = copy_open(cli, &copy);
    if (status == CLI_DONE) {
        why = (struct complaint){ 0 };
        r = audit_verify(copy.book, checkpoint, &summary, &why);
        status = r < 0 ? broken(cli, r, &why) : verify_put(cli, &summary);
    }
    copy_close(&copy);
    return status;
}

/* ---- dump ---- */

static int dump_line(void *ctx, struct bytes line)
{
    struct cli *cli = ctx;
    buf_put(&cli->out, line);
    buf_put_u8(&cli->out, '\n');
    if (buf_error(&cli->out) < 0)
        return buf_error(&cli->out);
    if (cli->out.size > CHECKPOINT_FILE_BYTES)
        cli_flush(cli);
    return ferror(stdout) ? -EIO : 0;
}

static int dump_tables(struct cli *cli, struct book *book)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(DUMP_ARENA_BYTES);
    CLEANUP(page_abortp) struct page *page = NULL;
    const struct ledger_sink sink = { .ctx = cli, .line = dump_line };
    int r = arena == NULL ? -ENOMEM : book_read(book, &page);
    return r < 0 ? r : ledger_dump(page_view(page), &sink, arena);
}

static int dump_journal(struct cli *cli, struct book *book, struct complaint *why)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ENTRY_ARENA_BYTES);
    CLEANUP(page_abortp) struct page *page = NULL;
    const struct ledger_sink sink = { .ctx = cli, .line = dump_line };
    struct ledger_head head = { 0 };
    int r = arena == NULL ? -ENOMEM : book_read(book, &page);
    while (r == 0 && head.index < book_head(book).index) {
        struct bytes bytes;
        Zb__Entry *entry;
        arena_rewind(arena, (struct arena_mark){ 0 });
        r = page_entry(page, head.index + 1, &bytes);
        if (r == 0)
            r = ledger_verify_entry(&head, bytes, arena, &entry, why);
        if (r == 0)
            r = ledger_dump_entry(entry, &sink, arena);
    }
    return r;
}

static int dump_run(struct cli *cli)
{
    struct complaint why = { 0 };
    struct copy copy;
    int status = copy_open(cli, &copy);
    if (status == CLI_DONE) {
        int r = cli_option(cli, "--journal") != NULL ? dump_journal(cli, copy.book, &why)
                                                     : dump_tables(cli, copy.book);
        cli_flush(cli);
        if (r < 0)
            status = broken(cli, r, &why);
    }
    copy_close(&copy);
    return status;
}

/* ---- rebuild ---- */

static int rebuild_put(struct cli *cli, const struct copy *copy, uint64_t records)
{
    uint64_t entries = book_head(copy->book).index;
    if (!cli->json) {
        cli_say(
            cli,
            _("rebuilt from %" PRIu64 " entries: all %" PRIu64 " records and indices are equal"),
            entries, records);
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_bool(&json, "equal", true);
    json_put_uint(&json, "entries", entries);
    json_put_uint(&json, "records", records);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static int rebuild_into(struct cli *cli, const struct copy *copy, const char *dir)
{
    struct complaint why = { 0 };
    uint64_t records = 0;
    int r = audit_rebuild(copy->book, dir,
                          (uint64_t)config_int(cli->config, "notifier.store_max_bytes"), &records,
                          &why);
    return r < 0 ? broken(cli, r, &why) : rebuild_put(cli, copy, records);
}

static int rebuild_run(struct cli *cli)
{
    const char *keep = cli_option(cli, "--into");
    char scratch[FILE_PATH_SIZE] = "";
    struct copy copy;
    int status = copy_open(cli, &copy);
    if (status == CLI_DONE && keep != NULL) {
        if (mkdir(keep, 0700) < 0)
            status = cli_fault(cli, -errno, _("name a folder that does not exist yet"), "%s: %s",
                               keep, strerror(errno));
    } else if (status == CLI_DONE && place_scratch(cli, cli_path(cli, "run"), scratch) < 0) {
        status = CLI_FAILED;
    }
    if (status == CLI_DONE)
        status = rebuild_into(cli, &copy, keep != NULL ? keep : scratch);
    if (scratch[0] != '\0')
        place_remove(scratch);
    copy_close(&copy);
    return status;
}

/* ---- checkpoint ---- */

static int checkpoint_run(struct cli *cli)
{
    const char *out = cli_option(cli, "-o");
    struct complaint why = { 0 };
    struct identity ledger;
    struct ledger_clock clock;
    CLEANUP(buf_done) struct buf line = BUF_INIT(CHECKPOINT_FILE_BYTES);
    struct book *book = cli_book(cli);
    if (book == NULL)
        return CLI_INVALID;
    const char *key = cli_path(cli, config_text(cli->config, "notifier.key"));
    int r = key == NULL ? -ENOMEM : ledger_clock_read(cli->home, &clock, &why);
    if (r == 0)
        r = identity_load(key, &ledger, &why);
    if (r == 0)
        r = audit_checkpoint_print(book_head(book), clock.now_ms, ledger.id, &ledger.sign_secret,
                                   &line);
    identity_wipe(&ledger);
    if (r == 0 && out != NULL) {
        complaint_at(&why, "%s", out);
        r = file_write_atomic(out, buf_bytes(&line), 0644);
    }
    if (r < 0)
        return cli_complain(cli, r, &why);
    if (out != NULL) {
        cli_say(cli,
                _("checkpoint of entry %" PRIu64 " written to %s; keep it away from this host"),
                book_head(book).index, out);
        if (!cli->json)
            return CLI_DONE;
    }
    buf_put(&cli->out, buf_bytes(&line));
    return cli_put(cli);
}

static const struct cli_option verify_options[] = {
    { .name = "--checkpoint",
      .value = "FILE",
      .help = N_("also demand that this checkpoint lies in the journal") },
};

static const struct cli_option dump_options[] = {
    { .name = "--journal", .help = N_("the journal's entries instead of the tables") },
};

static const struct cli_option rebuild_options[] = {
    { .name = "--into", .value = "DIR", .help = N_("keep the rebuilt store in this new folder") },
};

static const struct cli_option checkpoint_options[] = {
    { .name = "-o", .value = "FILE", .help = N_("write it here; else to standard output") },
};

static const struct cli_verb audit_verbs[] = {
    { .name = "count",
      .arguments = "",
      .help = N_("Counts reports: spooled = applied + refused + superseded + pending."),
      .run = count_run },
    { .name = "verify",
      .arguments = "",
      .help = N_("Checks the whole journal: chain, indices, signatures."),
      .options = verify_options,
      .option_count = ARRAY_LEN(verify_options),
      .run = verify_run },
    { .name = "dump",
      .arguments = "",
      .help = N_("Prints the tables by natural key; equal ledgers print the same."),
      .options = dump_options,
      .option_count = ARRAY_LEN(dump_options),
      .run = dump_run },
    { .name = "rebuild",
      .arguments = "",
      .help = N_("Replays the journal into a fresh store and compares it with the ledger."),
      .options = rebuild_options,
      .option_count = ARRAY_LEN(rebuild_options),
      .run = rebuild_run },
    { .name = "checkpoint",
      .arguments = "",
      .help = N_("Signs the journal's head, for `audit verify --checkpoint` later."),
      .options = checkpoint_options,
      .option_count = ARRAY_LEN(checkpoint_options),
      .run = checkpoint_run },
};

const struct cli_command cmd_audit = { "audit", N_("proof that nothing is lost or changed"),
                                       audit_verbs, ARRAY_LEN(audit_verbs) };
