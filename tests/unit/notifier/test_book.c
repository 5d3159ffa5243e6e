/* book: an entry is in the journal exactly when its effects are in the tables, and the head follows
 * the commits. */
#include "notifier/book.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "base/arena.h"
#include "base/seal.h"
#include "tests/lib/tmpdir.h"

enum { ROOMY = 64 << 20, ENTRY_BYTES = 4096 };

static struct book *open_at(const char *path, bool read_only)
{
    const struct book_options options = { .max_bytes = read_only ? 0 : ROOMY,
                                          .read_only = read_only };
    struct book *book = NULL;
    struct complaint why = { 0 };
    int r = book_open(path, &options, &book, &why);
    cr_assert(eq(int, r, 0), "%s: %s", why.place, why.what);
    return book;
}

static int open_error(const char *path, bool read_only, struct complaint *why)
{
    const struct book_options options = { .max_bytes = read_only ? 0 : ROOMY,
                                          .read_only = read_only };
    struct book *book = NULL;
    int r = book_open(path, &options, &book, why);
    cr_assert(book == NULL);
    return r;
}

/* Packs the entry that follows head and moves head past it. */
static struct bytes entry_after(struct ledger_head *head, uint8_t *out)
{
    Zb__Entry entry = ZB__ENTRY__INIT;
    entry.index = head->index + 1;
    entry.algorithm = SEAL_BLAKE2B_ED25519;
    entry.previous = (ProtobufCBinaryData){ sizeof(head->chain.b), head->chain.b };
    entry.reason = (char[]){ "of a test" };
    size_t size = zb__entry__get_packed_size(&entry);
    cr_assert(le(sz, size, ENTRY_BYTES));
    (void)zb__entry__pack(&entry, out);
    *head = (struct ledger_head){ entry.index, ledger_chain(bytes_of(out, size)) };
    return bytes_of(out, size);
}

static void put(struct page *page, const char *key, const char *value)
{
    const struct ledger_writer *writer = page_writer(page);
    cr_assert(
        eq(int, writer->put(writer->view.ctx, TABLE_STATE, bytes_str(key), bytes_str(value)), 0));
}

static void append(struct page *page, struct ledger_head *head)
{
    uint8_t raw[ENTRY_BYTES];
    const struct ledger_journal *journal = page_journal(page);
    uint64_t index = head->index + 1;
    struct bytes entry = entry_after(head, raw);
    cr_assert(eq(int, journal->append(journal->ctx, index, entry), 0));
}

/* One entry and one value, committed. */
static void turn(struct book *book, const char *key, const char *value)
{
    struct page *page = NULL;
    cr_assert(eq(int, book_write(book, &page), 0));
    struct ledger_head head = book_head(book);
    put(page, key, value);
    append(page, &head);
    cr_assert(eq(int, page_commit(page, head), 0));
}

static bool has(struct book *book, const char *key, const char *value)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    cr_assert(eq(int, book_read(book, &page), 0));
    const struct ledger_view *view = page_view(page);
    struct bytes found;
    int r = view->get(view->ctx, TABLE_STATE, bytes_str(key), &found);
    cr_assert(r == 0 || r == -ENOENT);
    return r == 0 && bytes_eq(found, bytes_str(value));
}

static int entry_error(struct book *book, uint64_t index)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    struct bytes entry;
    cr_assert(eq(int, book_read(book, &page), 0));
    return page_entry(page, index, &entry);
}

static bool same_head(struct ledger_head a, struct ledger_head b)
{
    return a.index == b.index && digest_eq(a.chain, b.chain);
}

Test(book, begins_new_and_empty)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(book_closep) struct book *book = open_at(dir->path, false);
    cr_assert(book_is_new(book));
    cr_assert(same_head(book_head(book), (struct ledger_head){ 0 }));
    cr_assert(not(id128_is_zero(book_salt_seed(book))));
    cr_assert(eq(int, entry_error(book, 1), -ENOENT));
}

Test(book, keeps_journal_and_tables_of_a_commit)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct book *book = open_at(dir->path, false);
    turn(book, "one", "1");
    turn(book, "two", "2");
    struct ledger_head head = book_head(book);
    struct id128 seed = book_salt_seed(book);
    cr_assert(eq(u64, head.index, 2));
    cr_assert(not(book_is_new(book)));
    book_close(book);

    book = open_at(dir->path, false);
    cr_assert(same_head(book_head(book), head));
    cr_assert(id128_eq(book_salt_seed(book), seed));
    cr_assert(has(book, "one", "1") && has(book, "two", "2"));
    cr_assert(eq(int, entry_error(book, 1), 0));
    cr_assert(eq(int, entry_error(book, 2), 0));
    cr_assert(eq(int, entry_error(book, 3), -ENOENT));
    turn(book, "three", "3"); /* the chain goes on */
    cr_assert(eq(u64, book_head(book).index, 3));
    book_close(book);
}

Test(book, keeps_nothing_of_what_is_aborted)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(book_closep) struct book *book = open_at(dir->path, false);
    turn(book, "one", "1");
    struct ledger_head before = book_head(book), head = before;
    struct page *page = NULL;
    cr_assert(eq(int, book_write(book, &page), 0));
    put(page, "one", "changed");
    append(page, &head);
    page_abort(page);
    page_abort(NULL);
    cr_assert(same_head(book_head(book), before));
    cr_assert(has(book, "one", "1"));
    cr_assert(eq(int, entry_error(book, 2), -ENOENT));
}

Test(book, shows_a_page_what_it_has_written_and_others_not_yet)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(book_closep) struct book *book = open_at(dir->path, false);
    struct page *page = NULL;
    cr_assert(eq(int, book_write(book, &page), 0));
    put(page, "a", "1");
    put(page, "b", "2");
    const struct ledger_view *view = page_view(page);
    struct bytes key, value;
    cr_assert(eq(int, view->seek(view->ctx, TABLE_STATE, BYTES_LIT("aa"), &key, &value), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("b")) && bytes_eq(value, BYTES_LIT("2")));
    cr_assert(not(has(book, "a", "1")));
    const struct ledger_writer *writer = page_writer(page);
    cr_assert(eq(int, writer->del(writer->view.ctx, TABLE_STATE, BYTES_LIT("a")), 0));
    cr_assert(eq(int, page_commit(page, book_head(book)), 0));
    cr_assert(not(has(book, "a", "1")));
    cr_assert(has(book, "b", "2"));
}

Test(book, appends_no_entry_below_the_last)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(book_closep) struct book *book = open_at(dir->path, false);
    turn(book, "one", "1");
    struct page *page = NULL;
    cr_assert(eq(int, book_write(book, &page), 0));
    const struct ledger_journal *journal = page_journal(page);
    cr_assert(eq(int, journal->append(journal->ctx, 1, BYTES_LIT("again")), -EINVAL));
    page_abort(page);
}

Test(book, stands_where_it_stood_when_the_store_is_full)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    const struct book_options small = { .max_bytes = 1 << 20 };
    CLEANUP(book_closep) struct book *book = NULL;
    cr_assert(eq(int, book_open(dir->path, &small, &book, NULL), 0));
    turn(book, "one", "1");
    struct ledger_head before = book_head(book), head = before;
    CLEANUP(freep) uint8_t *large = calloc(1, 2 << 20);
    struct page *page = NULL;
    cr_assert(eq(int, book_write(book, &page), 0));
    append(page, &head);
    const struct ledger_writer *writer = page_writer(page);
    cr_assert(eq(
        int, writer->put(writer->view.ctx, TABLE_STATE, BYTES_LIT("big"), bytes_of(large, 2 << 20)),
        -ENOSPC));
    cr_assert(eq(int, page_commit(page, head), -ENOSPC));
    cr_assert(same_head(book_head(book), before));
    cr_assert(eq(int, entry_error(book, 2), -ENOENT));
    turn(book, "two", "2");
}

Test(book, can_be_read_beside_its_writer)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct book *book = open_at(dir->path, false);
    turn(book, "one", "1");
    struct id128 seed = book_salt_seed(book);
    struct ledger_head head = book_head(book);
    book_close(book); /* a process opens one environment once only */

    CLEANUP(book_closep) struct book *reader = open_at(dir->path, true);
    cr_assert(same_head(book_head(reader), head));
    cr_assert(id128_eq(book_salt_seed(reader), seed));
    cr_assert(has(reader, "one", "1"));
    struct page *page = NULL;
    cr_assert(eq(int, book_write(reader, &page), -EROFS));
    cr_assert(page == NULL);
    CLEANUP(page_abortp) struct page *read = NULL;
    cr_assert(eq(int, book_read(reader, &read), 0));
    const struct ledger_writer *writer = page_writer(read);
    cr_assert(eq(int, writer->put(writer->view.ctx, TABLE_STATE, BYTES_LIT("x"), BYTES_LIT("y")),
                 -EROFS));
}

Test(book, is_not_made_by_a_reader)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct complaint why = { 0 };
    cr_assert(eq(int, open_error(dir->path, true, &why), -ENOENT));
    cr_assert(ne(str, why.what, (char[]){ "" }));
    cr_assert(eq(int, open_error(tmpdir_path(dir, "none"), false, &why), -ENOENT));
}

static void is_damaged(const char *path, const char *what)
{
    for (int read_only = 0; read_only < 2; read_only++) {
        struct complaint why = { 0 };
        cr_assert(eq(int, open_error(path, read_only == 1, &why), -EBADMSG));
        cr_assert(strstr(why.what, what) != NULL, "%s, not %s", why.what, what);
    }
}

/* Writes `entry` as the next one without looking at it. */
static void scribble(struct book *book, uint64_t index, struct bytes entry)
{
    struct page *page = NULL;
    cr_assert(eq(int, book_write(book, &page), 0));
    const struct ledger_journal *journal = page_journal(page);
    cr_assert(eq(int, journal->append(journal->ctx, index, entry), 0));
    cr_assert(eq(int, page_commit(page, book_head(book)), 0));
    book_close(book);
}

Test(book, refuses_a_last_entry_that_is_none)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct book *book = open_at(dir->path, false);
    turn(book, "one", "1");
    scribble(book, 2, BYTES_LIT("\xFF\xFF no entry"));
    is_damaged(dir->path, "no entry");
}

Test(book, refuses_a_last_entry_that_does_not_follow)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    uint8_t raw[ENTRY_BYTES];
    struct book *book = open_at(dir->path, false);
    turn(book, "one", "1");
    struct ledger_head other = { .index = 1, .chain.b = { 1 } };
    scribble(book, 2, entry_after(&other, raw));
    is_damaged(dir->path, "does not follow");
}

Test(book, refuses_a_journal_with_a_gap_at_its_end)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    uint8_t raw[ENTRY_BYTES];
    struct book *book = open_at(dir->path, false);
    turn(book, "one", "1");
    struct ledger_head head = book_head(book);
    scribble(book, 3, entry_after(&head, raw));
    is_damaged(dir->path, "belongs");
}
