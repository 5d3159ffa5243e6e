/* book.c - LMDB tables as the rules' view and writer, the journal beside them. */
#include "notifier/book.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/seal.h"

enum {
    BOOK_JOURNAL = TABLE_END,
    BOOK_LOCAL,
    BOOK_TABLES_END,
};

enum { BOOK_ENTRY_BYTES = 256 * 1024 * 1024 }; /* an unpacked entry; taken only as needed */

_Static_assert((int)BOOK_TABLES_END <= (int)KV_TABLES_MAX,
               "kv numbers its tables below KV_TABLES_MAX");

struct book {
    struct kv *kv;
    struct ledger_head head;
    struct id128 salt_seed;
};

struct page {
    struct book *book;
    struct kv_txn *txn;
    struct ledger_writer writer; /* its view is page_view */
    struct ledger_journal journal;
};

static int page_get(void *ctx, enum ledger_table table, struct bytes key, struct bytes *ret_value)
{
    const struct page *page = ctx;
    return kv_get(page->txn, table, key, ret_value);
}

static int page_seek(void *ctx, enum ledger_table table, struct bytes from, struct bytes *ret_key,
                     struct bytes *ret_value)
{
    const struct page *page = ctx;
    return kv_seek(page->txn, table, from, ret_key, ret_value);
}

static int page_put(void *ctx, enum ledger_table table, struct bytes key, struct bytes value)
{
    const struct page *page = ctx;
    return kv_put(page->txn, table, key, value);
}

static int page_del(void *ctx, enum ledger_table table, struct bytes key)
{
    const struct page *page = ctx;
    return kv_del(page->txn, table, key);
}

static int page_append(void *ctx, uint64_t index, struct bytes entry)
{
    const struct page *page = ctx;
    uint8_t key[8];
    put_u64be(key, index);
    return kv_append(page->txn, BOOK_JOURNAL, bytes_of(key, sizeof(key)), entry);
}

static int page_open(struct book *book, int (*begin)(struct kv *, struct kv_txn **),
                     struct page **ret_page)
{
    struct page *page = calloc(1, sizeof(*page));
    if (page == NULL)
        return -ENOMEM;
    int r = begin(book->kv, &page->txn);
    if (r < 0) {
        free(page);
        return r;
    }
    page->book = book;
    page->writer = (struct ledger_writer){
        .view = { .ctx = page, .get = page_get, .seek = page_seek },
        .put = page_put,
        .del = page_del,
    };
    page->journal = (struct ledger_journal){ .ctx = page, .append = page_append };
    *ret_page = page;
    return 0;
}

int book_read(struct book *book, struct page **ret_page)
{
    return page_open(book, kv_read, ret_page);
}

int book_write(struct book *book, struct page **ret_page)
{
    return page_open(book, kv_write, ret_page);
}

void page_abort(struct page *page)
{
    if (page == NULL)
        return;
    kv_abort(page->txn);
    free(page);
}

int page_commit(struct page *page, struct ledger_head head)
{
    int r = kv_commit(page->txn);
    if (r == 0)
        page->book->head = head;
    free(page);
    return r;
}

const struct ledger_view *page_view(const struct page *page)
{
    return &page->writer.view;
}

const struct ledger_writer *page_writer(const struct page *page)
{
    return &page->writer;
}

const struct ledger_journal *page_journal(const struct page *page)
{
    return &page->journal;
}

int page_entry(struct page *page, uint64_t index, struct bytes *ret_entry)
{
    uint8_t key[8];
    put_u64be(key, index);
    return kv_get(page->txn, BOOK_JOURNAL, bytes_of(key, sizeof(key)), ret_entry);
}

/* The chain up to the last entry but one; zero before the first. */
static int head_before(struct kv_txn *txn, struct bytes key, struct ledger_head *ret_head)
{
    struct bytes earlier, entry;
    *ret_head = (struct ledger_head){ 0 };
    int r = kv_before(txn, BOOK_JOURNAL, key, &earlier, &entry);
    if (r == 0 && earlier.size == key.size)
        *ret_head = (struct ledger_head){ get_u64be(earlier.data), ledger_chain(entry) };
    return r == -ENOENT ? 0 : r;
}

/* The head is where the next entry is chained on, so the last one must itself be sound. */
static int head_read(struct kv_txn *txn, struct ledger_head *ret_head, struct complaint *why)
{
    static const char remedy[] = "restore the ledger from its last backup";
    struct bytes key, entry;
    int r = kv_last(txn, BOOK_JOURNAL, &key, &entry);
    if (r == -ENOENT) {
        *ret_head = (struct ledger_head){ 0 };
        return 0;
    }
    if (r < 0)
        return r;
    if (key.size != 8)
        return complain(why, -EBADMSG, remedy, "the journal's last key has %zu bytes, not 8",
                        key.size);
    struct ledger_head head;
    r = head_before(txn, key, &head);
    if (r < 0)
        return r;
    CLEANUP(arena_freep) struct arena *arena = arena_new(BOOK_ENTRY_BYTES);
    if (arena == NULL)
        return -ENOMEM;
    Zb__Entry *unpacked;
    r = ledger_verify_entry(&head, entry, arena, &unpacked, why);
    if (r < 0)
        return r;
    if (head.index != get_u64be(key.data))
        return complain(why, -EBADMSG, remedy, "it stands where entry %" PRIu64 " belongs",
                        get_u64be(key.data));
    *ret_head = head;
    return 0;
}

/* Reads the head and the salt seed; a writer makes the seed where there is none. */
static int book_load(struct book *book, bool read_only, struct complaint *why)
{
    static const struct bytes seed_name = { (const uint8_t *)"salt_seed", 9 };
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    int r = read_only ? kv_read(book->kv, &txn) : kv_write(book->kv, &txn);
    if (r < 0)
        return r;
    r = head_read(txn, &book->head, why);
    if (r < 0)
        return r;
    struct bytes seed;
    r = kv_get(txn, BOOK_LOCAL, seed_name, &seed);
    if (r == 0)
        return id128_of(seed, &book->salt_seed)
                   ? 0
                   : complain(why, -EBADMSG, "restore the ledger from its last backup",
                              "the salt seed has %zu bytes, not 16", seed.size);
    if (r != -ENOENT || read_only)
        return r == -ENOENT ? 0 : r;
    seal_random(book->salt_seed.b, sizeof(book->salt_seed.b));
    r = kv_put(txn, BOOK_LOCAL, seed_name, bytes_of(book->salt_seed.b, sizeof(book->salt_seed.b)));
    return r < 0 ? r : kv_commit(TAKE_PTR(txn));
}

int book_open(const char *path, const struct book_options *options, struct book **ret_book,
              struct complaint *why)
{
    struct kv_table tables[BOOK_TABLES_END];
    size_t count = 0;
    for (unsigned t = 0; t < TABLE_END; t++) {
        const char *name = ledger_table_name((enum ledger_table)t);
        if (name != NULL)
            tables[count++] = (struct kv_table){ .number = t, .name = name };
    }
    tables[count++] = (struct kv_table){ .number = BOOK_JOURNAL, .name = "journal" };
    tables[count++] = (struct kv_table){ .number = BOOK_LOCAL, .name = "local" };

    CLEANUP(book_closep) struct book *book = calloc(1, sizeof(*book));
    if (book == NULL)
        return -ENOMEM;
    const struct kv_options kv_options = {
        .tables = tables,
        .table_count = count,
        .max_bytes = options->max_bytes,
        .read_only = options->read_only,
        .format = LEDGER_FORMAT,
    };
    int r = kv_open(path, &kv_options, &book->kv, why);
    if (r < 0)
        return r;
    r = book_load(book, options->read_only, why);
    if (r < 0)
        return r;
    *ret_book = TAKE_PTR(book);
    return 0;
}

void book_close(struct book *book)
{
    if (book == NULL)
        return;
    kv_close(book->kv);
    seal_wipe(&book->salt_seed, sizeof(book->salt_seed));
    free(book);
}

bool book_is_new(const struct book *book)
{
    return book->head.index == 0;
}

struct ledger_head book_head(const struct book *book)
{
    return book->head;
}

struct id128 book_salt_seed(const struct book *book)
{
    return book->salt_seed;
}

struct kv *book_kv(struct book *book)
{
    return book->kv;
}
