/* read.c - walks over the ledger's tables, and its codes as words. */
#include "cli/read.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/civil.h"
#include "base/clock.h"
#include "cli/i18n.h"
#include "ledger/deadline.h"
#include "proto/blob.h"

enum {
    SCAN_ARENA_BYTES = 64 * 1024 * 1024,
    SCAN_PAGE_MS = 200, /* a read transaction keeps freed pages from use: give it back soon */
};

struct scan scan_begin(struct cli *cli, enum ledger_table table, struct ledger_key prefix)
{
    struct scan scan = { .cli = cli, .arena = arena_new(SCAN_ARENA_BYTES) };
    struct book *book = cli_book(cli);
    if (scan.arena == NULL)
        scan.error = -ENOMEM;
    else if (book == NULL)
        scan.error = -ENOENT; /* cli_book has said why */
    scan.walk = ledger_walk(NULL, table, prefix);
    return scan;
}

/* The page that the next step reads from. */
static int scan_page(struct scan *scan)
{
    int64_t mono_ms = clock_mono_ms();
    if (scan->page != NULL && mono_ms - scan->page_mono_ms < SCAN_PAGE_MS)
        return 0;
    page_abort(TAKE_PTR(scan->page));
    int r = book_read(scan->cli->book, &scan->page);
    if (r < 0)
        return r;
    scan->page_mono_ms = mono_ms;
    scan->walk.view = page_view(scan->page);
    return 0;
}

bool scan_next(struct scan *scan)
{
    if (scan->error != 0)
        return false;
    arena_rewind(scan->arena, (struct arena_mark){ 0 });
    scan->record = NULL;
    int r = scan_page(scan);
    if (r == 0)
        r = ledger_walk_next(&scan->walk, scan->arena, &scan->key, &scan->value);
    const ProtobufCMessageDescriptor *type = ledger_table_descriptor(scan->walk.table);
    if (r == 0 && type != NULL)
        r = ledger_unpack(type, scan->value, scan->arena, &scan->record);
    if (r == 0)
        return true;
    scan->error = r;
    return false;
}

int scan_end(struct scan *scan)
{
    struct cli *cli = scan->cli;
    page_abort(TAKE_PTR(scan->page));
    arena_free(TAKE_PTR(scan->arena));
    if (scan->error == 0 || scan->error == -ENOENT)
        return cli->book == NULL ? CLI_INVALID : CLI_DONE;
    return cli_fault(cli, scan->error, _("run 'zhengban audit verify'"),
                     _("table %s cannot be read"), ledger_table_name(scan->walk.table));
}

int read_get(struct cli *cli, enum ledger_table table, struct ledger_key key,
             ProtobufCMessage **ret_record)
{
    struct book *book = cli_book(cli);
    if (book == NULL)
        return -EIO;
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_read(book, &page);
    return r < 0 ? r : ledger_get(page_view(page), table, key, cli->arena, ret_record);
}

const Zb__PersonValue *read_person(struct cli *cli, struct bytes handle)
{
    Zb__PrivateRecord *record;
    if (handle.size == 0 || READ_GET(cli, TABLE_PRIVATE, key_id(handle), &record) < 0)
        return NULL;
    ProtobufCMessage *value;
    return ledger_unpack(&zb__person_value__descriptor, blob_bytes(record->value), cli->arena,
                         &value) < 0
               ? NULL
               : (const Zb__PersonValue *)value;
}

const Zb__GenesisRecord *read_genesis(struct cli *cli)
{
    static const uint8_t zero[] = { 0 };
    Zb__GenesisRecord *genesis;
    if (cli_book(cli) == NULL)
        return NULL;
    int r = READ_GET(cli, TABLE_GENESIS, key_id(bytes_of(zero, sizeof(zero))), &genesis);
    if (r == 0)
        return genesis;
    (void)cli_fault(cli, r, _("run 'zhengban audit verify'"),
                    _("the ledger's first entry cannot be read"));
    return NULL;
}

/* ---- words ---- */

/* States as read_word makes them from the .proto, here so that their translations are asked for. */
__attribute__((unused)) static const char *const state_words[] = {
    N_("suspected"), N_("confirmed"),  N_("ordered"), N_("overdue"), N_("closed"),
    N_("rejected"),  N_("retracted"),  N_("held"),    N_("open"),    N_("planned"),
    N_("claimed"),   N_("committing"), N_("sent"),    N_("failed"),  N_("in_doubt"),
    N_("cancelled"), N_("fired"),      N_("skipped"),
};

static bool word_is(const char *name, const char *prefix, const char *word)
{
    size_t skip = strlen(prefix);
    if (strncmp(name, prefix, skip) != 0)
        return false;
    for (name += skip; *name != '\0' && *word != '\0'; name++, word++)
        if (tolower((unsigned char)*name) != *word && !(*name == '_' && *word == '-'))
            return false;
    return *name == *word;
}

const char *read_word(struct cli *cli, const ProtobufCEnumDescriptor *type, const char *prefix,
                      int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(type, value);
    if (found == NULL || strncmp(found->name, prefix, strlen(prefix)) != 0)
        return "?";
    char *word = arena_strdup(cli->arena, bytes_str(found->name + strlen(prefix)));
    for (char *c = word; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return word == NULL ? "?" : word;
}

int read_word_of(const ProtobufCEnumDescriptor *type, const char *prefix, const char *word,
                 int *ret_value)
{
    for (unsigned i = 0; i < type->n_values; i++) {
        if (!word_is(type->values[i].name, prefix, word))
            continue;
        *ret_value = type->values[i].value;
        return 0;
    }
    return -EINVAL;
}

const char *read_class(struct cli *cli, Zb__CaseClass class)
{
    const char *word = read_word(cli, &zb__case_class__descriptor, "CASE_", (int)class);
    return arena_printf(cli->arena, "%c", toupper((unsigned char)word[0]));
}

const char *read_day(struct cli *cli, int32_t day)
{
    char text[CIVIL_DATE_SIZE];
    return day == 0 ? NULL : arena_strdup(cli->arena, bytes_str(civil_format_date(day, text)));
}

const char *read_instant(struct cli *cli, int64_t ms)
{
    char text[CIVIL_INSTANT_SIZE];
    return ms == 0 ? NULL : arena_strdup(cli->arena, bytes_str(civil_format_instant(ms, text)));
}

const char *read_hex(struct cli *cli, struct bytes bytes)
{
    char *text = bytes.size == 0 ? NULL : arena_alloc(cli->arena, 2 * bytes.size + 1);
    if (text != NULL)
        hex_encode(bytes.data, bytes.size, text);
    return text;
}

const char *read_rung(struct cli *cli, const Zb__NoticeRecord *notice)
{
    char name[DEADLINE_NAME_SIZE];
    if (notice->due_day == 0)
        return notice->template_;
    return arena_strdup(cli->arena, bytes_str(deadline_rung_name(notice->rung, name)));
}

int read_number(struct cli *cli, const char *name, const char *text, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 && number > 0) {
        *ret_number = number;
        return 0;
    }
    (void)cli_fault(cli, -EINVAL, _("give a positive number"), _("%s: '%s' is no number"), name,
                    text);
    return -EINVAL;
}
