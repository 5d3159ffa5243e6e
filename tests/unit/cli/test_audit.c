/* test_audit.c - a small ledger, founded as `init` does it; then somebody changes it by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>

#include "base/file.h"
#include "cli/founding.h"
#include "ledger/key.h"
#include "notifier/audit.h"
#include "proto/blob.h"
#include "tests/lib/tmpdir.h"

enum {
    ARENA_BYTES = 64 * 1024 * 1024,
    STORE_BYTES = 64 * 1024 * 1024,
    START_MS = 1788742800,
    TABLE_JOURNAL = 1,
    TABLE_UNITS = 2,
    TEXT_BYTES = 4096,
};

struct fixture {
    struct tmpdir *dir;
    struct arena *arena;
    struct cli cli;
    struct identity ledger, administrator;
    const char *store;
};

static void give_unit(struct fixture *f, struct founding *founding, const char *unit,
                      const char *parent)
{
    struct complaint why = { 0 };
    struct remote_command *command = remote_command(&f->cli, "unit.add");
    remote_argument(command, "unit", unit);
    remote_argument(command, "parent", parent);
    cr_assert(eq(int, founding_command(founding, command, &why), 0), "%s", why.what);
}

static struct fixture *fixture_new(void)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct complaint why = { 0 };
    struct founding *founding;
    const struct founding_options options = {
        .name = "test", .language = "en", .simulated = true, .start_ms = START_MS * 1000LL
    };
    cr_assert(eq(int, seal_start(), 0));
    f->dir = tmpdir_new();
    f->arena = arena_new(ARENA_BYTES);
    f->cli = (struct cli){ .home = f->dir->path, .arena = f->arena, .actor = "administrator" };
    f->cli.out = BUF_INIT(TEXT_BYTES);
    static const char config[] = "notifier:\n  store_max_bytes: 67108864\n";
    cr_assert(
        eq(int, file_write_atomic(tmpdir_path(f->dir, "config.yaml"), bytes_str(config), 0600), 0));
    cr_assert(ne(ptr, (void *)(uintptr_t)cli_config(&f->cli), NULL));
    f->store = tmpdir_sub(f->dir, "ledger");
    cr_assert(eq(int, identity_new(ROLE_LEDGER, "ledger", &f->ledger), 0));
    cr_assert(eq(int, identity_new(ROLE_OFFICIAL, "administrator", &f->administrator), 0));
    int r =
        founding_open(&f->cli, f->store, &options, &f->ledger, &f->administrator, &founding, &why);
    cr_assert(eq(int, r, 0), "%s %s", why.place, why.what);
    give_unit(f, founding, "group", NULL);
    give_unit(f, founding, "east", "group");
    give_unit(f, founding, "west", "group");
    cr_assert(eq(int, founding_commit(founding), 0));
    founding_close(founding);
    return f;
}

static void fixture_free(struct fixture *f)
{
    buf_done(&f->cli.out);
    arena_free(f->arena);
    tmpdir_free(f->dir);
    free(f);
}
CLEANUP_DEFINE(struct fixture *, fixture_free);

static struct book *open_book(const struct fixture *f)
{
    struct book *book = NULL;
    struct complaint why = { 0 };
    const struct book_options options = { .max_bytes = STORE_BYTES, .read_only = true };
    cr_assert(eq(int, book_open(f->store, &options, &book, &why), 0), "%s", why.what);
    return book;
}

/* Flips one bit of the value under a key, as an attacker with the file in hand would. */
static void tamper(const struct fixture *f, unsigned table, struct bytes key)
{
    static const struct kv_table tables[] = { { TABLE_JOURNAL, "journal" },
                                              { TABLE_UNITS, "unit" } };
    const struct kv_options options = { .tables = tables,
                                        .table_count = ARRAY_LEN(tables),
                                        .max_bytes = STORE_BYTES,
                                        .format = LEDGER_FORMAT };
    CLEANUP(kv_closep) struct kv *kv = NULL;
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct bytes value;
    uint8_t copy[TEXT_BYTES];
    cr_assert(eq(int, kv_open(f->store, &options, &kv, NULL), 0));
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_get(txn, table, key, &value), 0));
    cr_assert(lt(sz, value.size, sizeof(copy)));
    memcpy(copy, value.data, value.size);
    copy[value.size - 1] ^= 1;
    cr_assert(eq(int, kv_put(txn, table, key, bytes_of(copy, value.size)), 0));
    cr_assert(eq(int, kv_commit(TAKE_PTR(txn)), 0));
}

static void tamper_entry(const struct fixture *f, uint64_t index)
{
    uint8_t key[8];
    put_u64be(key, index);
    tamper(f, TABLE_JOURNAL, bytes_of(key, sizeof(key)));
}

static struct bytes checkpoint_text(const struct fixture *f, struct book *book,
                                    const struct identity *signer)
{
    struct buf line = BUF_INIT(TEXT_BYTES);
    cr_assert(eq(int,
                 audit_checkpoint_print(book_head(book), START_MS * 1000LL, f->ledger.id,
                                        &signer->sign_secret, &line),
                 0));
    struct bytes text = bytes_of(arena_dup(f->arena, line.data, line.size), line.size);
    buf_done(&line);
    return text;
}

Test(audit, finds_an_untouched_journal_whole)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    CLEANUP(book_closep) struct book *book = open_book(f);
    struct audit_summary summary;
    struct complaint why = { 0 };
    cr_assert(eq(int, audit_verify(book, NULL, &summary, &why), 0), "%s %s", why.place, why.what);
    cr_assert(eq(u64, summary.head.index, 4), "genesis and three units");
    cr_assert(eq(u64, summary.commands, 3));
}

/* Opening looks at the end of the journal, verifying at all of it: one of them finds the fault. */
Test(audit, names_the_entry_that_was_changed)
{
    for (int index = 1; index <= 4; index++) {
        CLEANUP(fixture_freep) struct fixture *f = fixture_new();
        tamper_entry(f, (uint64_t)index);
        CLEANUP(book_closep) struct book *book = NULL;
        const struct book_options options = { .max_bytes = STORE_BYTES, .read_only = true };
        struct audit_summary summary;
        struct complaint why = { 0 };
        char here[32], next[32];
        int r = book_open(f->store, &options, &book, &why);
        bool opened = r == 0;
        if (opened)
            r = audit_verify(book, NULL, &summary, &why);
        cr_assert(eq(int, r, -EBADMSG), "entry %d", index);
        (void)snprintf(here, sizeof(here), "entry %d", index);
        (void)snprintf(next, sizeof(next), "entry %d", index + 1);
        /* A changed entry shows where the next one should follow it; the last by its signature. */
        bool named = strstr(why.place, here) != NULL || strstr(why.place, next) != NULL;
        cr_assert(named || opened == false, "entry %d: '%s: %s'", index, why.place, why.what);
        cr_assert(index > 2 || opened, "opening does not read the whole journal");
    }
}

Test(audit, rebuilds_equal_tables_from_the_journal)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    CLEANUP(book_closep) struct book *book = open_book(f);
    struct complaint why = { 0 };
    uint64_t records;
    int r = audit_rebuild(book, tmpdir_sub(f->dir, "fresh"), STORE_BYTES, &records, &why);
    cr_assert(eq(int, r, 0), "%s: %s", why.place, why.what);
    cr_assert(gt(u64, records, 6));
}

Test(audit, finds_the_record_that_was_changed_behind_the_journals_back)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    struct ledger_key unit = key_text("east");
    tamper(f, TABLE_UNITS, ledger_key_bytes(&unit));
    CLEANUP(book_closep) struct book *book = open_book(f);
    struct complaint why = { 0 };
    uint64_t records;
    int r = audit_rebuild(book, tmpdir_sub(f->dir, "fresh"), STORE_BYTES, &records, &why);
    cr_assert(eq(int, r, -EBADMSG));
    cr_assert(ne(ptr, strstr(why.place, "table unit"), NULL), "'%s'", why.place);
}

Test(audit, holds_the_journal_against_a_checkpoint)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    CLEANUP(book_closep) struct book *book = open_book(f);
    struct audit_summary summary;
    struct complaint why = { 0 };
    Zb__CheckpointBody *body;
    struct bytes text = checkpoint_text(f, book, &f->ledger);
    int r =
        audit_checkpoint_parse(text, f->ledger.id, &f->ledger.sign_public, f->arena, &body, &why);
    cr_assert(eq(int, r, 0), "%s", why.what);
    cr_assert(eq(int, audit_verify(book, body, &summary, &why), 0));
    cr_assert(eq(u64, summary.checkpoint, 4));

    body->chain.data[0] ^= 1;
    cr_assert(eq(int, audit_verify(book, body, &summary, &why), -EBADMSG), "another history");
    body->chain.data[0] ^= 1;
    body->index = 5;
    cr_assert(eq(int, audit_verify(book, body, &summary, &why), -EBADMSG), "entries are gone");
    cr_assert(ne(ptr, strstr(why.what, "gone"), NULL));
}

Test(audit, refuses_a_checkpoint_that_the_ledger_did_not_sign)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    CLEANUP(book_closep) struct book *book = open_book(f);
    struct complaint why = { 0 };
    Zb__CheckpointBody *body;
    struct bytes forged = checkpoint_text(f, book, &f->administrator);
    cr_assert(eq(
        int,
        audit_checkpoint_parse(forged, f->ledger.id, &f->ledger.sign_public, f->arena, &body, &why),
        -EBADMSG));
    cr_assert(eq(int,
                 audit_checkpoint_parse(bytes_str("{\"body\":\"zz\"}"), f->ledger.id,
                                        &f->ledger.sign_public, f->arena, &body, &why),
                 -EBADMSG));
}

Test(audit, counts_no_event_in_a_ledger_without_reports)
{
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    CLEANUP(book_closep) struct book *book = open_book(f);
    struct audit_events events;
    cr_assert(eq(int, audit_events(book, &events, NULL), 0));
    cr_assert(eq(u64, events.applied, 0));
    cr_assert(eq(u64, events.duplicates, 0));
}
