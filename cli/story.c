/* story.c - a case told from the tables and the journal. */
#include "cli/story.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/clock.h"
#include "cli/record_json.h"
#include "cli/row_story.h"
#include "ledger/deadline.h"
#include "ledger/rowset.h"
#include "notifier/config.h"
#include "notifier/context.h"
#include "proto/blob.h"
#include "proto/facts.h"

enum { ENTRY_ARENA_BYTES = 64 * 1024 * 1024, PAGE_MS = 200 };

/* ---- computers and what stood on them ---- */

/* A computer as people know it, or its number where its facts were erased. */
static const char *host_of(struct cli *cli, uint64_t number)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    const char *name = NULL;
    char line[BOUND_FACTS_BYTES];
    if (cli->book == NULL || book_read(cli->book, &page) < 0 ||
        context_computer(page_view(page), number, cli->arena, &name) < 0)
        return arena_printf(cli->arena, _("computer %" PRIu64), number);
    (void)text_printable(bytes_str(name), line, sizeof(line)); /* cut is fine */
    return arena_strdup(cli->arena, bytes_str(line));
}

/* The rows that show the product on a computer now; none when it is gone. */
static int rows_of(struct cli *cli, const Zb__CaseRecord *rec, uint64_t endpoint,
                   struct rowset *ret_rows)
{
    Zb__InstallRecord *install;
    int r = READ_GET(cli, TABLE_INSTALL, key_text_text_u64(rec->unit, rec->product, endpoint),
                     &install);
    return r < 0 ? r : rowset_unpack(blob_bytes(install->rows), cli->arena, ret_rows);
}

static void say_evidence(struct cli *cli, const Zb__CaseRecord *rec, uint64_t endpoint)
{
    struct rowset rows;
    struct told_row row;
    if (rows_of(cli, rec, endpoint, &rows) < 0) {
        cli_say(cli, "      %s", _("not installed any more"));
        return;
    }
    for (size_t i = 0; i < rows.count; i++) {
        if (row_read(cli, rows.row[i], &row) < 0)
            continue;
        cli_say(cli, "      %s", row_line(cli, &row.row));
        row_say_verdict(cli, &row, "        ");
    }
}

/* ---- text ---- */

static void say_lines(struct cli *cli, const Zb__CaseRecord *rec)
{
    struct scan scan = scan_begin(cli, TABLE_LINE, key_u64(rec->id));
    cli_say(cli, "%s", _("Lines:"));
    while (scan_next(&scan)) {
        const Zb__LineRecord *line = (const Zb__LineRecord *)scan.record;
        const char *what =
            line->endpoint == 0
                ? arena_printf(cli->arena, _("%" PRIu64 " rights wanting (%" PRIu64 " at first)"),
                               line->quantity, line->first_quantity)
                : host_of(cli, line->endpoint);
        const char *due = read_day(cli, line->due_day);
        cli_say(cli, _("  %" PRIu64 "  %s, %s, seen in the scan of %s%s%s%s"), line->line, what,
                _(read_word(cli, &zb__line_state__descriptor, "LINE_", (int)line->state)),
                read_instant(cli, line->scan_ms), due == NULL ? "" : _(", due "),
                due == NULL ? "" : due, line->provisional ? _(" (provisional)") : "");
        if (line->closed_why[0] != '\0')
            cli_say(cli, _("      closed %s: %s%s"), read_instant(cli, line->closed_ms),
                    line->closed_why, line->late ? _(" (late)") : "");
        if (line->endpoint != 0)
            say_evidence(cli, rec, line->endpoint);
    }
    (void)scan_end(&scan); /* it has said what it could not read */
}

/* Where the calendar of a day comes from. */
static const char *calendar_source(struct cli *cli, int32_t day)
{
    char date[CIVIL_DATE_SIZE];
    uint8_t key[4];
    Zb__CalendarRecord *year;
    (void)civil_format_date(day, date);
    put_u32be(key, (uint32_t)strtoul(date, NULL, 10));
    if (READ_GET(cli, TABLE_CALENDAR, key_id(bytes_of(key, sizeof(key))), &year) < 0)
        return _("a year that is not published");
    return year->source;
}

static void say_deadlines(struct cli *cli, const Zb__CaseRecord *rec)
{
    struct ledger_rules rules = rules_of(cli->config);
    unsigned class = (unsigned)rec->class_;
    cli_say(cli, "%s", _("Deadlines:"));
    if (rec->asked_day != 0)
        cli_say(cli,
                _("  verification by %s: %u working days after it was asked on %s "
                  "(rules.verify_days; %s)"),
                read_day(cli, rec->verify_due_day), rules.verify_days,
                read_day(cli, rec->asked_day), calendar_source(cli, rec->verify_due_day));
    else if (rec->state == CASE_SUSPECTED)
        cli_say(cli, "%s", _("  verification: not asked yet, so no time runs"));
    if (rec->due_day != 0)
        cli_say(cli,
                _("  rectification by %s: %u working days for class %s after service on %s "
                  "(docs/rules.md; %s)"),
                read_day(cli, rec->due_day),
                class < ARRAY_LEN(rules.class_days) ? rules.class_days[class] : 0,
                read_class(cli, rec->class_), read_instant(cli, rec->served_ms),
                calendar_source(cli, rec->due_day));
    else if (rec->ordered_ms != 0)
        cli_say(cli, "%s", _("  rectification: the order is not served yet, so no time runs"));
    if (rec->extended)
        cli_say(cli, _("  extended to %s: %s"), read_day(cli, rec->extended_day),
                rec->extended_why);
    if (rec->provisional)
        cli_say(cli, "%s", _("  provisional: counted through a year that is not published"));
}

static void say_rungs(struct cli *cli, const Zb__CaseRecord *rec)
{
    struct scan scan = scan_begin(cli, TABLE_RUNG, key_u64(rec->id));
    cli_say(cli, "%s", _("Rungs:"));
    while (scan_next(&scan)) {
        const Zb__RungRecord *rung = (const Zb__RungRecord *)scan.record;
        char name[DEADLINE_NAME_SIZE];
        cli_say(cli, _("  %-5s of %s, %s: %s%s"), deadline_rung_name(rung->rung, name),
                read_day(cli, rung->due_day), read_instant(cli, rung->fire_ms),
                _(read_word(cli, &zb__rung_state__descriptor, "RUNG_", (int)rung->state)),
                rung->waiting ? _(" (waits for the step before it)") : "");
    }
    (void)scan_end(&scan); /* it has said what it could not read */
}

static void say_notices(struct cli *cli, const Zb__CaseRecord *rec)
{
    cli_say(cli, "%s", _("Notices:"));
    for (size_t i = 0; i < rec->n_notices; i++) {
        Zb__NoticeRecord *notice;
        if (READ_GET(cli, TABLE_NOTICE, key_u64(rec->notices[i]), &notice) < 0)
            continue;
        cli_say(cli, _("  %" PRIu64 "  %s to %s/%s by %s: %s, %s"), notice->id,
                read_rung(cli, notice), notice->official_unit,
                read_word(cli, &zb__official_role__descriptor, "OFFICIAL_", (int)notice->official),
                notice->channel,
                _(read_word(cli, &zb__notice_state__descriptor, "NOTICE_", (int)notice->state)),
                read_instant(cli, notice->state_ms));
    }
}

static void say_proofs(struct cli *cli, const Zb__CaseRecord *rec)
{
    struct scan scan = scan_begin(cli, TABLE_PROOF, key_u64(rec->id));
    bool first = true;
    while (scan_next(&scan)) {
        const Zb__ProofRecord *proof = (const Zb__ProofRecord *)scan.record;
        if (first)
            cli_say(cli, "%s", _("Proof and remarks:"));
        first = false;
        cli_say(cli, "  %s  %s: %s", read_instant(cli, proof->at_ms), proof->kind, proof->note);
    }
    (void)scan_end(&scan); /* it has said what it could not read */
}

/* ---- the journal ---- */

/* Whether an effect is on a record of the case. */
static bool is_about(const Zb__Effect *effect, uint64_t id, struct arena *arena)
{
    switch (effect->table) {
    case TABLE_CASE:
    case TABLE_LINE:
    case TABLE_RUNG:
    case TABLE_PROOF:
        return effect->key.len >= 8 && get_u64be(effect->key.data) == id;
    case TABLE_NOTICE: {
        ProtobufCMessage *notice;
        return ledger_unpack(&zb__notice_record__descriptor, blob_bytes(effect->value), arena,
                             &notice) == 0 &&
               ((const Zb__NoticeRecord *)notice)->case_id == id;
    }
    default:
        return false;
    }
}

/* Calls `tell` for each entry about the case, ending the read transaction now and then. */
static int each_entry(struct cli *cli, uint64_t id,
                      void (*tell)(struct cli *, void *, const Zb__Entry *), void *ctx)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ENTRY_ARENA_BYTES);
    CLEANUP(page_abortp) struct page *page = NULL;
    int64_t page_mono_ms = 0;
    if (arena == NULL)
        return -ENOMEM;
    uint64_t last = book_head(cli->book).index;
    for (uint64_t index = 1; index <= last; index++) {
        struct bytes bytes;
        ProtobufCMessage *message;
        int64_t mono_ms = clock_mono_ms();
        int r = 0;
        if (page == NULL || mono_ms - page_mono_ms > PAGE_MS) {
            page_abort(TAKE_PTR(page));
            r = book_read(cli->book, &page);
            page_mono_ms = mono_ms;
        }
        arena_rewind(arena, (struct arena_mark){ 0 });
        if (r == 0)
            r = page_entry(page, index, &bytes);
        if (r == 0)
            r = ledger_unpack(&zb__entry__descriptor, bytes, arena, &message);
        if (r != 0)
            return r;
        const Zb__Entry *entry = (const Zb__Entry *)message;
        for (size_t i = 0; i < entry->n_effects; i++)
            if (is_about(entry->effects[i], id, arena)) {
                tell(cli, ctx, entry);
                break;
            }
    }
    return 0;
}

static void say_entry(struct cli *cli, void *ctx, const Zb__Entry *entry)
{
    (void)ctx;
    cli_say(cli, "  %8" PRIu64 "  %s  %s", entry->index, read_instant(cli, entry->at_ms),
            entry->reason);
}

static void json_entry(struct cli *cli, void *ctx, const Zb__Entry *entry)
{
    struct json *json = ctx;
    json_begin_object(json, NULL);
    json_put_uint(json, "index", entry->index);
    json_put_str(json, "at", read_instant(cli, entry->at_ms));
    json_put_str(json, "reason", entry->reason);
    json_put_hex(json, "actor", blob_bytes(entry->actor));
    json_end(json);
}

/* ---- JSON ---- */

static void json_lines(struct cli *cli, struct json *json, const Zb__CaseRecord *rec)
{
    struct scan scan = scan_begin(cli, TABLE_LINE, key_u64(rec->id));
    json_begin_array(json, "lines");
    while (scan_next(&scan)) {
        const Zb__LineRecord *line = (const Zb__LineRecord *)scan.record;
        struct rowset rows = { 0 };
        json_begin_object(json, NULL);
        record_json(json, "record", scan.record);
        if (line->endpoint != 0) {
            json_put_str(json, "host", host_of(cli, line->endpoint));
            bool there = rows_of(cli, rec, line->endpoint, &rows) == 0;
            json_put_bool(json, "installed", there);
        }
        json_begin_array(json, "evidence");
        for (size_t i = 0; i < rows.count; i++) {
            struct told_row row;
            if (row_read(cli, rows.row[i], &row) == 0)
                row_json(cli, json, NULL, &row);
        }
        json_end(json);
        json_end(json);
    }
    json_end(json);
    (void)scan_end(&scan); /* it has said what it could not read */
}

static void json_table(struct cli *cli, struct json *json, const char *key, enum ledger_table table,
                       uint64_t id)
{
    struct scan scan = scan_begin(cli, table, key_u64(id));
    json_begin_array(json, key);
    while (scan_next(&scan))
        record_json(json, NULL, scan.record);
    json_end(json);
    (void)scan_end(&scan); /* it has said what it could not read */
}

static int story_json(struct cli *cli, const Zb__CaseRecord *rec)
{
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_uint(&json, "id", rec->id);
    json_put_str(&json, "unit", rec->unit);
    json_put_str(&json, "product", rec->product);
    json_put_str(&json, "class", read_class(cli, rec->class_));
    json_put_str(&json, "state",
                 read_word(cli, &zb__case_state__descriptor, "CASE_", (int)rec->state));
    json_put_str(&json, "opened", read_instant(cli, rec->opened_ms));
    json_put_str(&json, "verify_due", read_day(cli, rec->verify_due_day));
    json_put_str(&json, "due", read_day(cli, rec->due_day));
    json_put_str(&json, "closed", read_instant(cli, rec->closed_ms));
    json_put_str(&json, "closed_why", rec->closed_why);
    record_json(&json, "record", &rec->base);
    json_lines(cli, &json, rec);
    json_table(cli, &json, "rungs", TABLE_RUNG, rec->id);
    json_table(cli, &json, "proofs", TABLE_PROOF, rec->id);
    json_begin_array(&json, "notices");
    for (size_t i = 0; i < rec->n_notices; i++)
        json_put_uint(&json, NULL, rec->notices[i]);
    json_end(&json);
    json_begin_array(&json, "journal");
    int r = each_entry(cli, rec->id, json_entry, &json);
    json_end(&json);
    json_end(&json);
    json_end_line(&json);
    int status = cli_put(cli);
    return r < 0 ? cli_fault(cli, r, _("run 'zhengban audit verify'"),
                             _("the journal cannot be read"))
                 : status;
}

int story_of_case(struct cli *cli, uint64_t id)
{
    Zb__CaseRecord *rec;
    int r = READ_GET(cli, TABLE_CASE, key_u64(id), &rec);
    if (r == -EIO)
        return CLI_INVALID;
    if (r < 0)
        return cli_fault(cli, r, _("see 'zhengban case list'"), _("there is no case %" PRIu64), id);
    if (cli->json)
        return story_json(cli, rec);
    cli_say(cli, _("Case %" PRIu64 ": %s, %s, class %s, %s since %s"), id, rec->unit, rec->product,
            read_class(cli, rec->class_),
            _(read_word(cli, &zb__case_state__descriptor, "CASE_", (int)rec->state)),
            read_instant(cli, rec->closed_ms != 0 ? rec->closed_ms : rec->opened_ms));
    if (rec->closed_why[0] != '\0')
        cli_say(cli, _("  closed: %s"), rec->closed_why);
    say_lines(cli, rec);
    say_deadlines(cli, rec);
    say_rungs(cli, rec);
    say_notices(cli, rec);
    say_proofs(cli, rec);
    cli_say(cli, "%s", _("Journal:"));
    r = each_entry(cli, id, say_entry, NULL);
    return r < 0 ? cli_fault(cli, r, _("run 'zhengban audit verify'"),
                             _("the journal cannot be read"))
                 : CLI_DONE;
}
