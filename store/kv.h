/* kv.h - an LMDB environment with named tables, and nothing that the tables mean.
 *
 * Default durability always: a commit that returned 0 survives power loss (docs/reliability.md).
 * The only place, with the rest of store/, that knows MDB_*; LMDB's codes become negative errno
 * here. Keys are 1 to KV_KEY_BYTES bytes. What get/seek/after/last return points into the map: it
 * dies at the next put, append or del of the same transaction, and with it; so a value to be put
 * must never point there. An environment and its transactions belong to one thread, and not to a
 * child that was forked while it was open. */
#ifndef STORE_KV_H
#define STORE_KV_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"

enum { KV_KEY_BYTES = 511, KV_TABLES_MAX = 64 };

struct kv;     /* an open environment */
struct kv_txn; /* a transaction; one writer at a time over all processes */

struct kv_table {
    unsigned number;  /* what callers name it by, < KV_TABLES_MAX, each once */
    const char *name; /* what it is called in the file; not empty, no leading '.' */
};

struct kv_options {
    const struct kv_table *tables;
    size_t table_count;
    uint64_t max_bytes; /* address space reserved once; the file grows into it. 0: what the last
                         * process to write reserved (for readers) */
    bool read_only;     /* no table is created, no write transaction begins */
    uint32_t format;    /* of the caller's layout; another number in the file is -EPROTO */
};

/* kv_open - opens or creates the environment in the folder `path` (which must exist).
 * Errors: -ENOENT no such folder, or read-only and not there; -EPROTO another format, a table
 *         missing under read-only, or no environment of ours; -EBUSY the folder belongs to another
 *         PID namespace's readers; -EIO, -ENOMEM, -ENOSPC, -EACCES. Each explained in `why` (may
 *         be NULL).
 * Owns:   caller closes with kv_close, after its last transaction ended. A process opens one
 *         environment once only: closing either would drop the locks of both. */
int kv_open(const char *path, const struct kv_options *options, struct kv **ret_kv,
            struct complaint *why);
void kv_close(struct kv *kv);
CLEANUP_DEFINE(struct kv *, kv_close);

/* kv_read, kv_write - begin a transaction. A read transaction sees one instant; it should be over
 * within 500 ms, because while one is open freed pages cannot be used again. One thread may hold
 * readers and the writer side by side, but never two writers: the second would wait for ever.
 * Errors: -EROFS kv_write on a read-only environment; -EAGAIN no reader slot, or another process
 *         reserved more and this one must end its other transactions first; -EIO, -ENOMEM. */
int kv_read(struct kv *kv, struct kv_txn **ret_txn);
int kv_write(struct kv *kv, struct kv_txn **ret_txn);

/* kv_commit - makes the transaction durable and ends it, whatever it returns. After a put, append
 * or del that failed for want of room or memory it returns that error and writes nothing.
 * Errors: -ENOSPC disk or map full: nothing was written, the environment goes on; -EIO: the state
 *         is unknown, close and verify. */
int kv_commit(struct kv_txn *txn);
void kv_abort(struct kv_txn *txn);
CLEANUP_DEFINE(struct kv_txn *, kv_abort);

/* kv_get - 0 or -ENOENT. kv_seek - first key ≥ from, the first of all when `from` is empty;
 * kv_after - first key > key; kv_before - last key < key; kv_last - last key; -ENOENT when none.
 * Outputs change only on success; any may be NULL. Errors: -EINVAL key empty (get, after, before)
 * or too long; -EIO. */
int kv_get(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes *ret_value);
int kv_seek(struct kv_txn *txn, unsigned table, struct bytes from, struct bytes *ret_key,
            struct bytes *ret_value);
int kv_after(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes *ret_key,
             struct bytes *ret_value);
int kv_before(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes *ret_key,
              struct bytes *ret_value);
int kv_last(struct kv_txn *txn, unsigned table, struct bytes *ret_key, struct bytes *ret_value);

/* kv_put - replaces. kv_append - for a key above all others (bulk load, journal): -EINVAL if it is
 * not. kv_del - 0 also when there was nothing. Errors: -ENOSPC, -EINVAL key empty or too long,
 * -EROFS in a read transaction, -EIO. -EINVAL and -EROFS leave the transaction as it was; after any
 * other error it can only be ended, and says the same again to whoever goes on writing. */
int kv_put(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value);
int kv_append(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value);
int kv_del(struct kv_txn *txn, unsigned table, struct bytes key);

/* kv_count - entries in a table. */
int kv_count(struct kv_txn *txn, unsigned table, uint64_t *ret_count);

struct kv_usage {
    uint64_t used_bytes; /* pages in use, free list left out */
    uint64_t file_bytes; /* high-water mark of the file */
    uint64_t max_bytes;
    unsigned readers; /* slots in use, this call's own left out */
};

/* kv_usage - as of the last commit, also while this thread holds the writer. Gives back the slots
 * of readers that were killed: until then they keep freed pages from being used again, so a process
 * that stays up calls this now and then. */
int kv_usage(struct kv *kv, struct kv_usage *ret_usage);

/* kv_copy - a consistent, compacted, synced copy into an existing empty folder, while others read
 * and write. Dump, rebuild and backup read copies, so that they hold no long read transaction.
 * Errors: -EEXIST the folder has an environment already; -ENOENT, -ENOSPC, -EIO ... what was
 *         written is taken away again. */
int kv_copy(struct kv *kv, const char *path);

#endif
