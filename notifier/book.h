/* book.h - the ledger's book: tables and journal in one LMDB environment.
 *
 * Gives the rules their view and writer over an open transaction, keeps the journal's head, and
 * commits both together: an entry is in the journal exactly when its effects are in the tables.
 *
 *  table     key            value
 *  ────────  ─────────────  ───────────────────────────────────────────────────────
 *  journal   index u64      entry bytes (ledger/run.h)
 *  local     name           what is never journalled nor dumped: "salt_seed", 16 bytes
 *  and those of ledger/table.h
 *
 * One writer: the notifier, or `zhengban init` before there is one. Readers open it read-only. */
#ifndef NOTIFIER_BOOK_H
#define NOTIFIER_BOOK_H

#include "ledger/run.h"
#include "store/kv.h"

struct book;

struct book_options {
    uint64_t max_bytes; /* address space of the store */
    bool read_only;
};

/* book_open - the environment in `path`. Errors: as kv_open; -EBADMSG the journal's last entry is
 * damaged. Owns: caller closes. */
int book_open(const char *path, const struct book_options *options, struct book **ret_book,
              struct complaint *why);
void book_close(struct book *book);
CLEANUP_DEFINE(struct book *, book_close);

/* book_is_new - whether there is no entry yet. book_head - where the chain stands. */
bool book_is_new(const struct book *book);
struct ledger_head book_head(const struct book *book);

/* book_salt_seed - the secret from which salts of personal values are derived. */
struct id128 book_salt_seed(const struct book *book);

struct kv *book_kv(struct book *book);

/* A page: one open transaction. */
struct page;

/* book_read, book_write - a page to read or write. Everything a page's view returns dies at the
 * next put of the same page, and with it. Errors: as kv_read, kv_write. */
int book_read(struct book *book, struct page **ret_page);
int book_write(struct book *book, struct page **ret_page);
void page_abort(struct page *page);
CLEANUP_DEFINE(struct page *, page_abort);

/* page_commit - makes everything durable and `head` the journal's; consumes the page. Errors: as
 * kv_commit: after -ENOSPC nothing was written and the book stands where it stood. */
int page_commit(struct page *page, struct ledger_head head);

const struct ledger_view *page_view(const struct page *page);
const struct ledger_writer *page_writer(const struct page *page);
const struct ledger_journal *page_journal(const struct page *page);

/* page_entry - the journal entry with that index; -ENOENT past the head. Dies with the page. */
int page_entry(struct page *page, uint64_t index, struct bytes *ret_entry);

#endif
