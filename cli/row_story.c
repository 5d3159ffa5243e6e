/* row_story.c - rows and verdicts in words. */
#include "cli/row_story.h"

#include <errno.h>
#include <inttypes.h>

#include "cli/record_json.h"
#include "proto/blob.h"

int row_read(struct cli *cli, uint64_t number, struct told_row *ret_row)
{
    Zb__RowRecord *record;
    Zb__VerdictRecord *verdict = NULL;
    struct told_row row = { .number = number };
    int r = READ_GET(cli, TABLE_ROW, key_u64(number), &record);
    if (r < 0)
        return r;
    row.canonical = blob_bytes(record->canonical);
    r = row_decode(row.canonical, cli->arena, &row.row, NULL);
    if (r < 0)
        return r;
    r = READ_GET(cli, TABLE_VERDICT, key_u64(number), &verdict);
    if (r < 0 && r != -ENOENT)
        return r;
    row.verdict = r == 0 ? verdict : NULL;
    *ret_row = row;
    return 0;
}

int row_find(struct cli *cli, struct id128 id, struct told_row *ret_row)
{
    struct book *book = cli_book(cli);
    if (book == NULL)
        return -EIO;
    CLEANUP(page_abortp) struct page *page = NULL;
    uint64_t number;
    int r = book_read(book, &page);
    if (r == 0)
        r = ledger_get_u64(page_view(page), INDEX_ROW, key_id(id128_bytes(&id)), &number);
    page_abort(TAKE_PTR(page));
    return r != 0 ? r : row_read(cli, number, ret_row);
}

/* Reported text goes to a terminal: escaped. */
static const char *shown(struct cli *cli, struct bytes text)
{
    char line[BOUND_FIELD_BYTES];
    (void)text_printable(text, line, sizeof(line)); /* cut is fine */
    return arena_strdup(cli->arena, bytes_str(line));
}

const char *row_line(struct cli *cli, const struct row *row)
{
    struct bytes name = row_text(row, ROW_NAME), vendor = row_text(row, ROW_VENDOR);
    struct bytes version = row_text(row, ROW_VERSION);
    if (name.size == 0 && row->fields.repeated_count > 0)
        name = row->fields.repeated[0];
    return arena_printf(cli->arena, "%s%s%s%s%s [%s]", shown(cli, name),
                        vendor.size == 0 ? "" : ", ", shown(cli, vendor),
                        version.size == 0 ? "" : ", ", shown(cli, version),
                        shown(cli, row_text(row, ROW_SOURCE)));
}

/* The label of a key; its id when it has none. */
static const char *key_label(struct cli *cli, struct bytes id)
{
    Zb__KeyRecord *record;
    if (READ_GET(cli, TABLE_KEY, key_id(id), &record) == 0 && record->key != NULL &&
        record->key->label[0] != '\0')
        return record->key->label;
    return read_hex(cli, id);
}

static void say_opinion(struct cli *cli, const char *indent, const Zb__Opinion *opinion)
{
    const Zb__Verdict *verdict = opinion->verdict;
    if (verdict == NULL)
        return;
    cli_say(cli, _("%s%s says: %s, %s, by %s (%s)"), indent,
            key_label(cli, blob_bytes(opinion->matcher)),
            verdict->product[0] == '\0' ? _("nothing known") : verdict->product,
            read_word(cli, &zb__licence_class__descriptor, "CLASS_", (int)verdict->licence_class),
            verdict->fingerprint[0] == '\0' ? "-" : verdict->fingerprint,
            read_word(cli, &zb__grade__descriptor, "GRADE_", (int)verdict->grade));
}

void row_say_verdict(struct cli *cli, const struct told_row *row, const char *indent)
{
    const Zb__VerdictRecord *verdict = row->verdict;
    if (verdict == NULL) {
        cli_say(cli, _("%sno verdict yet: unknown, and opens nothing"), indent);
        return;
    }
    for (size_t i = 0; i < verdict->n_opinions; i++)
        say_opinion(cli, indent, verdict->opinions[i]);
    if (verdict->conflict)
        cli_say(cli, _("%sthe matchers differ, so neither counts"), indent);
    else if (verdict->agreed)
        cli_say(cli, _("%sthey agree, so it counts; catalogue %.16s"), indent,
                read_hex(cli, blob_bytes(verdict->catalogue)));
    else
        cli_say(cli, _("%sa second opinion is wanted before it counts"), indent);
}

void row_json(struct cli *cli, struct json *json, const char *key, const struct told_row *row)
{
    struct id128 id = row_id(row->canonical);
    json_begin_object(json, key);
    json_put_hex(json, "row", id128_bytes(&id));
    json_put_text(json, "kind", row_text(&row->row, ROW_SOURCE));
    json_put_text(json, "name", row_text(&row->row, ROW_NAME));
    json_put_text(json, "vendor", row_text(&row->row, ROW_VENDOR));
    json_put_text(json, "version", row_text(&row->row, ROW_VERSION));
    json_put_text(json, "edition", row_text(&row->row, ROW_EDITION));
    json_put_text(json, "origin", row_text(&row->row, ROW_ORIGIN));
    json_begin_array(json, "identifiers");
    for (size_t i = 0; i < row->row.fields.repeated_count; i++)
        json_put_text(json, NULL, row->row.fields.repeated[i]);
    json_end(json);
    if (row->verdict != NULL)
        record_json(json, "verdict", &row->verdict->base);
    json_put_str(json, "text", row_line(cli, &row->row));
    json_end(json);
}
