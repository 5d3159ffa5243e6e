/* read.h - reading the ledger for people: walks over its tables, and its codes as words. */
#ifndef CLI_READ_H
#define CLI_READ_H

#include "cli/cli.h"
#include "ledger/key.h"

/* A walk over the records of a table whose keys begin with a prefix. It never holds one read
 * transaction for long: it ends it now and then and goes on by key, so a long list shows records
 * of slightly different instants. */
struct scan {
    struct cli *cli;
    struct page *page;
    struct ledger_walk walk;
    struct arena *arena;  /* the present record's */
    int64_t page_mono_ms; /* when the page was opened */
    struct bytes key;     /* of the present record */
    struct bytes value;
    ProtobufCMessage *record; /* NULL where the table has no message type */
    int error;
};

/* scan_begin - over the whole table with an empty prefix. scan_next - the next record, in
 * scan->key, value and record, which live until the next call; false at the end or after an error.
 * scan_end - frees; CLI_DONE, or a complaint was printed. */
struct scan scan_begin(struct cli *cli, enum ledger_table table, struct ledger_key prefix);
bool scan_next(struct scan *scan);
int scan_end(struct scan *scan);

/* read_get - one record, from cli->arena. Errors: those of ledger_get; -EIO the store cannot be
 * opened (a complaint was printed). */
int read_get(struct cli *cli, enum ledger_table table, struct ledger_key key,
             ProtobufCMessage **ret_record);
#define READ_GET(cli, table, key, ret) read_get((cli), (table), (key), (ProtobufCMessage **)(ret))

/* read_person - name and address of an official; NULL when the values were erased. */
const Zb__PersonValue *read_person(struct cli *cli, struct bytes handle);

/* read_genesis - the ledger's first entry; NULL: a complaint was printed. */
const Zb__GenesisRecord *read_genesis(struct cli *cli);

/* read_word - an enum's value as users write it: CASE_SUSPECTED with prefix "CASE_" is
 * "suspected"; "?" for a number that the .proto does not name. From the arena. */
const char *read_word(struct cli *cli, const ProtobufCEnumDescriptor *type, const char *prefix,
                      int value);
/* read_word_of - the reverse. -EINVAL when no value has that name. */
int read_word_of(const ProtobufCEnumDescriptor *type, const char *prefix, const char *word,
                 int *ret_value);

/* read_class - a case's class: "A" to "G". */
const char *read_class(struct cli *cli, Zb__CaseClass class);

/* read_day, read_instant - as text from the arena; NULL for 0: not set. */
const char *read_day(struct cli *cli, int32_t day);
const char *read_instant(struct cli *cli, int64_t ms);

/* read_hex - lower-case hexadecimal from the arena; NULL for the empty run. */
const char *read_hex(struct cli *cli, struct bytes bytes);

/* read_rung - what a notice or a rung is about: "T-3", "T+1", or the template when it is no rung. */
const char *read_rung(struct cli *cli, const Zb__NoticeRecord *notice);

/* read_number - a positive number of an argument. -EINVAL: a complaint was printed. */
int read_number(struct cli *cli, const char *name, const char *text, uint64_t *ret_number);

#endif
