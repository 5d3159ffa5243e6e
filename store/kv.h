/* kv.h - an LMDB environment with named tables, and nothing that the tables mean.
 *
 * Default durability always: a commit that returned 0 survives power loss (docs/reliability.md).
 * The only place, with the rest of store/, that knows MDB_*; LMDB's codes become negative errno
 * here. Keys are at most KV_KEY_BYTES bytes. What get/seek return points into the map: it dies at
 * the next put or del of the same transaction, and with it. */
#ifndef STORE_KV_H
#define STORE_KV_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"

enum { KV_KEY_BYTES = 511, KV_TABLES_MAX = 64 };

struct kv;      /* an open environment */
struct kv_txn;  /* a transaction; one writer at a time over all processes */

struct kv_table {
    unsigned number;  /* what callers name it by, < KV_TABLES_MAX */
    const char *name; /* what it is called in the file */
};

struct kv_options {
    const struct kv_table *tables;
    size_t table_count;
    uint64_t max_bytes; /* address space reserved once; the file grows into it */
    bool read_only;     /* no table is created, no write transaction begins */
    uint32_t format;    /* of the caller's layout; another number in the file is -EPROTO */
};

/* kv_open - opens or creates the environment in the folder `path` (which must exist).
 * Errors: -ENOENT read-only and not there; -EPROTO another format; -EBUSY the folder belongs to
 *         another PID namespace's readers; -EIO, -ENOMEM, -ENOSPC, -EACCES.
 * Owns:   caller closes with kv_close. A process opens one environment once only. */
int kv_open(const char *path, const struct kv_options *options, struct kv **ret_kv,
            struct complaint *why);
void kv_close(struct kv *kv);
CLEANUP_DEFINE(struct kv *, kv_close);

/* kv_read, kv_write - begin a transaction. A read transaction sees one instant; it should be over
 * within 500 ms, because while one is open freed pages cannot be used again.
 * Errors: -EROFS kv_write on a read-only environment; -EAGAIN no reader slot; -EIO, -ENOMEM. */
int kv_read(struct kv *kv, struct kv_txn **ret_txn);
int kv_write(struct kv *kv, struct kv_txn **ret_txn);

/* kv_commit - makes the transaction durable and ends it, whatever it returns.
 * Errors: -ENOSPC disk or map full: nothing was written, the environment goes on; -EIO: the state
 *         is unknown, close and verify. */
int kv_commit(struct kv_txn *txn);
void kv_abort(struct kv_txn *txn);
CLEANUP_DEFINE(struct kv_txn *, kv_abort);

/* kv_get - 0 or -ENOENT. kv_seek - first key ≥ from; kv_last - last key; -ENOENT when none. */
int kv_get(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes *ret_value);
int kv_seek(struct kv_txn *txn, unsigned table, struct bytes from, struct bytes *ret_key,
            struct bytes *ret_value);
int kv_last(struct kv_txn *txn, unsigned table, struct bytes *ret_key, struct bytes *ret_value);

/* kv_put - replaces. kv_append - for a key above all others (bulk load, journal): -EINVAL if it is
 * not. kv_del - 0 also when there was nothing. Errors: -ENOSPC, -EINVAL key empty or too long. */
int kv_put(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value);
int kv_append(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value);
int kv_del(struct kv_txn *txn, unsigned table, struct bytes key);

/* kv_count - entries in a table. */
int kv_count(struct kv_txn *txn, unsigned table, uint64_t *ret_count);

struct kv_usage {
    uint64_t used_bytes; /* pages in use, free list left out */
    uint64_t file_bytes; /* high-water mark of the file */
    uint64_t max_bytes;
    unsigned readers; /* slots in use */
};

int kv_usage(struct kv *kv, struct kv_usage *ret_usage);

/* kv_copy - a consistent, compacted copy into an empty folder, while others read and write. Dump,
 * rebuild and backup read copies, so that they hold no long read transaction. */
int kv_copy(struct kv *kv, const char *path);

#endif
