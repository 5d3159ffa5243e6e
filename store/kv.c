/* kv.c - LMDB behind our names: transactions, cursors kept per table, codes translated once. */
#include "store/kv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Below this much free space a write that came up short is a full disk (see commit_error). LMDB
 * writes at most 64 pages of 4 KiB at once. */
enum { KV_DISK_LOW_BYTES = 1024 * 1024 };

enum { KV_FILE_MODE = 0600 };

/* In the main database, beside LMDB's own records of the named ones: u32 big-endian. */
static const struct bytes format_key = { (const uint8_t *)".format", 7 };
enum { KV_FORMAT_BYTES = 4 };

struct kv {
    MDB_env *env;
    MDB_dbi dbi[KV_TABLES_MAX]; /* by number; valid where known */
    bool known[KV_TABLES_MAX];
    bool read_only;
    unsigned open_txns; /* this process's transactions on env */
};

struct kv_txn {
    struct kv *kv;
    MDB_txn *txn;
    MDB_cursor *cursor[KV_TABLES_MAX]; /* made at the first seek in a table */
    int error;                         /* first write that failed; 0 while the txn can commit */
    bool write;
};

/* The only place where MDB_* becomes negative errno. */
static int kv_error(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return 0;
    case MDB_NOTFOUND:
        return -ENOENT;
    case MDB_KEYEXIST: /* only kv_append can get it */
    case MDB_BAD_VALSIZE:
        return -EINVAL;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* of write: the file may not grow */
        return -ENOSPC;
    case MDB_READERS_FULL:
    case MDB_MAP_RESIZED:
        return -EAGAIN;
    case MDB_TXN_FULL:
        return -EFBIG;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return -EPROTO;
    default:
        return rc < 0 ? -EIO : -rc; /* LMDB's own are negative, errno positive */
    }
}

static MDB_val val_of(struct bytes s)
{
    return (MDB_val){ .mv_size = s.size, .mv_data = (void *)(uintptr_t)s.data };
}

static struct bytes bytes_of_val(MDB_val v)
{
    return bytes_of(v.mv_data, v.mv_size);
}

/* ---- opening ---------------------------------------------------------------------------------- */

/* Opens (or creates) the caller's tables in txn. */
static int tables_open(struct kv *kv, MDB_txn *txn, const struct kv_options *options,
                       struct complaint *why)
{
    for (size_t i = 0; i < options->table_count; i++) {
        const struct kv_table *table = &options->tables[i];
        assert(table->number < KV_TABLES_MAX && !kv->known[table->number]);
        assert(table->name[0] != '\0' && table->name[0] != '.');
        int rc =
            mdb_dbi_open(txn, table->name, kv->read_only ? 0 : MDB_CREATE, &kv->dbi[table->number]);
        if (rc == MDB_NOTFOUND)
            return complain(why, -EPROTO, "let the program that writes it open it once",
                            "table '%s' is missing", table->name);
        if (rc != 0)
            return complain(why, kv_error(rc), "", "table '%s': %s", table->name, mdb_strerror(rc));
        kv->known[table->number] = true;
    }
    return 0;
}

/* Whether the file has tables: one without our format number is not ours then. */
static int main_is_empty(MDB_txn *txn, MDB_dbi main_dbi, bool *ret_empty)
{
    MDB_stat stat;
    int rc = mdb_stat(txn, main_dbi, &stat);
    if (rc == 0)
        *ret_empty = stat.ms_entries == 0;
    return kv_error(rc);
}

/* Compares the file's format number with the caller's, or writes it into an empty file. */
static int format_check(struct kv *kv, MDB_txn *txn, uint32_t format, struct complaint *why)
{
    MDB_dbi main_dbi;
    int rc = mdb_dbi_open(txn, NULL, 0, &main_dbi);
    if (rc != 0)
        return complain(why, kv_error(rc), "", "%s", mdb_strerror(rc));
    MDB_val key = val_of(format_key), value;
    rc = mdb_get(txn, main_dbi, &key, &value);
    if (rc == 0 && value.mv_size == KV_FORMAT_BYTES) {
        uint32_t found = get_u32be(value.mv_data);
        if (found == format)
            return 0;
        return complain(why, -EPROTO,
                        "use the program version that wrote it, or move the folder away",
                        "the store has format %u, this program reads %u", found, format);
    }
    if (rc != 0 && rc != MDB_NOTFOUND)
        return complain(why, kv_error(rc), "", "%s", mdb_strerror(rc));
    bool empty = false;
    int r = main_is_empty(txn, main_dbi, &empty);
    if (r < 0)
        return complain(why, r, "", "the main table cannot be read");
    if (!empty)
        return complain(why, -EPROTO, "give a folder of this program's own",
                        "the folder holds an LMDB environment of another program");
    if (kv->read_only)
        return complain(why, -ENOENT, "let the program that writes it open it once",
                        "the store is empty");
    uint8_t raw[KV_FORMAT_BYTES];
    put_u32be(raw, format);
    value = val_of(bytes_of(raw, sizeof(raw)));
    rc = mdb_put(txn, main_dbi, &key, &value, 0);
    return rc == 0 ? 0 : complain(why, kv_error(rc), "", "%s", mdb_strerror(rc));
}

/* A reader slot is locked by the process number alone, so a process of the same number in another
 * PID namespace holds ours: two containers over one folder. */
static int readers_probe(struct kv *kv, struct complaint *why)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &txn);
    if (rc == EAGAIN)
        return complain(why, -EBUSY, "run all programs over one store in one PID namespace",
                        "a process of this process's number, in another PID namespace, reads it");
    if (rc != 0)
        return complain(why, kv_error(rc), "", "%s", mdb_strerror(rc));
    mdb_txn_abort(txn);
    return 0;
}

static int env_prepare(struct kv *kv, const char *path, const struct kv_options *options,
                       struct complaint *why)
{
    int rc = mdb_env_set_maxdbs(kv->env, KV_TABLES_MAX);
    if (rc == 0 && options->max_bytes > 0)
        rc = mdb_env_set_mapsize(kv->env, options->max_bytes);
    unsigned flags = MDB_NOTLS | (options->read_only ? MDB_RDONLY : 0);
    if (rc == 0)
        rc = mdb_env_open(kv->env, path, flags, KV_FILE_MODE);
    if (rc != 0)
        return complain(why, kv_error(rc), "check the folder, its owner and its disk", "%s",
                        mdb_strerror(rc));
    int r = readers_probe(kv, why);
    if (r < 0)
        return r;
    int dead;
    (void)mdb_reader_check(kv->env, &dead); /* a stale slot costs space, never correctness */

    MDB_txn *txn;
    rc = mdb_txn_begin(kv->env, NULL, options->read_only ? MDB_RDONLY : 0, &txn);
    if (rc != 0)
        return complain(why, kv_error(rc), "", "%s", mdb_strerror(rc));
    r = format_check(kv, txn, options->format, why);
    if (r == 0)
        r = tables_open(kv, txn, options, why);
    if (r < 0) {
        mdb_txn_abort(txn);
        return r;
    }
    rc = mdb_txn_commit(txn); /* a table's handle outlives its transaction only by commit */
    return rc == 0 ? 0 : complain(why, kv_error(rc), "", "%s", mdb_strerror(rc));
}

int kv_open(const char *path, const struct kv_options *options, struct kv **ret_kv,
            struct complaint *why)
{
    complaint_at(why, "%s", path);
    CLEANUP(kv_closep) struct kv *kv = calloc(1, sizeof(*kv));
    if (kv == NULL)
        return complain(why, -ENOMEM, "", "memory is out");
    kv->read_only = options->read_only;
    int rc = mdb_env_create(&kv->env);
    if (rc != 0) {
        kv->env = NULL;
        return complain(why, kv_error(rc), "", "%s", mdb_strerror(rc));
    }
    int r = env_prepare(kv, path, options, why);
    if (r < 0)
        return r;
    *ret_kv = TAKE_PTR(kv);
    return 0;
}

void kv_close(struct kv *kv)
{
    if (kv == NULL)
        return;
    assert(kv->open_txns == 0);
    if (kv->env != NULL)
        mdb_env_close(kv->env);
    free(kv);
}

/* ---- transactions ----------------------------------------------------------------------------- */

static int txn_begin(struct kv *kv, bool write, struct kv_txn **ret_txn)
{
    CLEANUP(freep) struct kv_txn *txn = calloc(1, sizeof(*txn));
    if (txn == NULL)
        return -ENOMEM;
    unsigned flags = write ? 0 : MDB_RDONLY;
    int rc = mdb_txn_begin(kv->env, NULL, flags, &txn->txn);
    if (rc == MDB_MAP_RESIZED && kv->open_txns == 0) {
        rc = mdb_env_set_mapsize(kv->env, 0); /* another process reserved more: follow it */
        if (rc == 0)
            rc = mdb_txn_begin(kv->env, NULL, flags, &txn->txn);
    }
    if (rc != 0)
        return kv_error(rc);
    txn->kv = kv;
    txn->write = write;
    kv->open_txns++;
    *ret_txn = TAKE_PTR(txn);
    return 0;
}

int kv_read(struct kv *kv, struct kv_txn **ret_txn)
{
    return txn_begin(kv, false, ret_txn);
}

int kv_write(struct kv *kv, struct kv_txn **ret_txn)
{
    return kv->read_only ? -EROFS : txn_begin(kv, true, ret_txn);
}

static void cursors_close(struct kv_txn *txn)
{
    for (size_t i = 0; i < KV_TABLES_MAX; i++)
        if (txn->cursor[i] != NULL)
            mdb_cursor_close(txn->cursor[i]);
}

void kv_abort(struct kv_txn *txn)
{
    if (txn == NULL)
        return;
    cursors_close(txn);
    mdb_txn_abort(txn->txn);
    txn->kv->open_txns--;
    free(txn);
}

/* LMDB calls a write that came up short EIO, although it is how most full disks show. Where the
 * disk is full and LMDB has not declared the environment broken (it does when the meta page was
 * touched), nothing was written and the environment goes on. */
static int commit_error(struct kv *kv, int rc)
{
    if (rc != EIO)
        return kv_error(rc);
    int fd;
    struct statvfs disk;
    if (mdb_env_get_fd(kv->env, &fd) != 0 || fstatvfs(fd, &disk) != 0)
        return -EIO;
    if ((uint64_t)disk.f_bavail * disk.f_frsize >= KV_DISK_LOW_BYTES)
        return -EIO;
    MDB_txn *probe;
    if (mdb_txn_begin(kv->env, NULL, MDB_RDONLY, &probe) != 0)
        return -EIO;
    mdb_txn_abort(probe);
    return -ENOSPC;
}

int kv_commit(struct kv_txn *txn)
{
    if (txn->error != 0 || !txn->write) {
        int error = txn->error;
        kv_abort(txn);
        return error;
    }
    struct kv *kv = txn->kv;
    cursors_close(txn);
    int rc = mdb_txn_commit(txn->txn);
    kv->open_txns--;
    free(txn);
    return rc == 0 ? 0 : commit_error(kv, rc);
}

/* ---- reading ---------------------------------------------------------------------------------- */

static int key_check(struct bytes key)
{
    return key.size == 0 || key.size > KV_KEY_BYTES ? -EINVAL : 0;
}

static MDB_dbi dbi_of(const struct kv_txn *txn, unsigned table)
{
    assert(table < KV_TABLES_MAX && txn->kv->known[table]);
    return txn->kv->dbi[table];
}

static int cursor_of(struct kv_txn *txn, unsigned table, MDB_cursor **ret_cursor)
{
    MDB_dbi dbi = dbi_of(txn, table);
    if (txn->cursor[table] == NULL) {
        int rc = mdb_cursor_open(txn->txn, dbi, &txn->cursor[table]);
        if (rc != 0) {
            txn->cursor[table] = NULL;
            return kv_error(rc);
        }
    }
    *ret_cursor = txn->cursor[table];
    return 0;
}

static int entry_out(int rc, MDB_val key, MDB_val value, struct bytes *ret_key,
                     struct bytes *ret_value)
{
    if (rc != 0)
        return kv_error(rc);
    if (ret_key != NULL)
        *ret_key = bytes_of_val(key);
    if (ret_value != NULL)
        *ret_value = bytes_of_val(value);
    return 0;
}

int kv_get(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes *ret_value)
{
    int r = key_check(key);
    if (r < 0)
        return r;
    MDB_val k = val_of(key), v = { 0 };
    return entry_out(mdb_get(txn->txn, dbi_of(txn, table), &k, &v), k, v, NULL, ret_value);
}

int kv_seek(struct kv_txn *txn, unsigned table, struct bytes from, struct bytes *ret_key,
            struct bytes *ret_value)
{
    if (from.size > KV_KEY_BYTES)
        return -EINVAL;
    MDB_cursor *cursor = NULL;
    int r = cursor_of(txn, table, &cursor);
    if (r < 0)
        return r;
    MDB_val k = val_of(from), v = { 0 };
    int rc = mdb_cursor_get(cursor, &k, &v, from.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    return entry_out(rc, k, v, ret_key, ret_value);
}

int kv_after(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes *ret_key,
             struct bytes *ret_value)
{
    int r = key_check(key);
    if (r < 0)
        return r;
    MDB_cursor *cursor = NULL;
    r = cursor_of(txn, table, &cursor);
    if (r < 0)
        return r;
    MDB_val k = val_of(key), v = { 0 };
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    if (rc == 0 && bytes_eq(bytes_of_val(k), key))
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    return entry_out(rc, k, v, ret_key, ret_value);
}

int kv_before(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes *ret_key,
              struct bytes *ret_value)
{
    int r = key_check(key);
    if (r < 0)
        return r;
    MDB_cursor *cursor = NULL;
    r = cursor_of(txn, table, &cursor);
    if (r < 0)
        return r;
    MDB_val k = val_of(key), v = { 0 };
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    if (rc == 0)
        rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    else if (rc == MDB_NOTFOUND)
        rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    return entry_out(rc, k, v, ret_key, ret_value);
}

int kv_last(struct kv_txn *txn, unsigned table, struct bytes *ret_key, struct bytes *ret_value)
{
    MDB_cursor *cursor = NULL;
    int r = cursor_of(txn, table, &cursor);
    if (r < 0)
        return r;
    MDB_val k = { 0 }, v = { 0 };
    return entry_out(mdb_cursor_get(cursor, &k, &v, MDB_LAST), k, v, ret_key, ret_value);
}

int kv_count(struct kv_txn *txn, unsigned table, uint64_t *ret_count)
{
    MDB_stat stat;
    int rc = mdb_stat(txn->txn, dbi_of(txn, table), &stat);
    if (rc == 0)
        *ret_count = stat.ms_entries;
    return kv_error(rc);
}

/* ---- writing ---------------------------------------------------------------------------------- */

/* What forbids a write before LMDB sees it. */
static int write_check(const struct kv_txn *txn, struct bytes key)
{
    if (!txn->write)
        return -EROFS;
    return txn->error != 0 ? txn->error : key_check(key);
}

/* A failed write leaves LMDB's transaction unusable: remember why, since LMDB would only say
 * that it is. A key refused by kv_append is the caller's affair and harms nothing. */
static int write_done(struct kv_txn *txn, int rc)
{
    int r = kv_error(rc);
    if (r < 0 && r != -EINVAL)
        txn->error = r;
    return r;
}

static int put(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value,
               unsigned flags)
{
    int r = write_check(txn, key);
    if (r < 0)
        return r;
    MDB_val k = val_of(key), v = val_of(value);
    return write_done(txn, mdb_put(txn->txn, dbi_of(txn, table), &k, &v, flags));
}

int kv_put(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value)
{
    return put(txn, table, key, value, 0);
}

int kv_append(struct kv_txn *txn, unsigned table, struct bytes key, struct bytes value)
{
    return put(txn, table, key, value, MDB_APPEND);
}

int kv_del(struct kv_txn *txn, unsigned table, struct bytes key)
{
    int r = write_check(txn, key);
    if (r < 0)
        return r;
    MDB_val k = val_of(key);
    int rc = mdb_del(txn->txn, dbi_of(txn, table), &k, NULL);
    return rc == MDB_NOTFOUND ? 0 : write_done(txn, rc);
}

/* ---- the whole -------------------------------------------------------------------------------- */

static int count_line(const char *line, void *lines)
{
    (void)line;
    ++*(unsigned *)lines;
    return 0;
}

/* Pages on the free list: each record of LMDB's database 0 is a list with its length in front. */
static int free_pages(MDB_txn *txn, uint64_t *ret_pages)
{
    enum { FREE_DBI = 0 };
    MDB_cursor *cursor = NULL;
    int rc = mdb_cursor_open(txn, FREE_DBI, &cursor);
    if (rc != 0)
        return rc;
    uint64_t pages = 0;
    MDB_val k, v;
    while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
        size_t length;
        memcpy(&length, v.mv_data, sizeof(length));
        pages += length;
    }
    mdb_cursor_close(cursor);
    if (rc != MDB_NOTFOUND)
        return rc;
    *ret_pages = pages;
    return 0;
}

int kv_usage(struct kv *kv, struct kv_usage *ret_usage)
{
    unsigned lines = 0;
    int dead; /* how many slots were given back: of no interest */
    int rc = mdb_reader_check(kv->env, &dead);
    if (rc != 0)
        return kv_error(rc);
    rc = mdb_reader_list(kv->env, count_line, &lines);
    if (rc < 0)
        return kv_error(rc);
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    int r = kv_read(kv, &txn);
    if (r < 0)
        return r;
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t unused;
    rc = mdb_env_info(kv->env, &info);
    if (rc == 0)
        rc = mdb_env_stat(kv->env, &stat);
    if (rc == 0)
        rc = free_pages(txn->txn, &unused);
    if (rc != 0)
        return kv_error(rc);
    uint64_t pages = (uint64_t)info.me_last_pgno + 1;
    /* A commit of another process between the two looks can free more pages than were counted. */
    uint64_t used = pages > unused ? pages - unused : 0;
    *ret_usage = (struct kv_usage){
        .used_bytes = used * stat.ms_psize,
        .file_bytes = pages * stat.ms_psize,
        .max_bytes = info.me_mapsize,
        .readers = lines > 0 ? lines - 1 : 0, /* the first line is a heading, or says "none" */
    };
    return 0;
}

static int sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) == 0 ? 0 : -errno;
    (void)close(fd); /* synced already, or failing anyway */
    return r;
}

int kv_copy(struct kv *kv, const char *path)
{
    char file[PATH_MAX];
    int n = snprintf(file, sizeof(file), "%s/data.mdb", path);
    if (n < 0 || (size_t)n >= sizeof(file))
        return -ENAMETOOLONG;
    if (access(file, F_OK) == 0)
        return -EEXIST;
    int r = kv_error(mdb_env_copy2(kv->env, path, MDB_CP_COMPACT));
    if (r == -EEXIST)
        return r; /* somebody else's file, made meanwhile */
    if (r == 0)
        r = sync_path(file, O_RDONLY); /* LMDB does not sync what it copies */
    if (r == 0)
        r = sync_path(path, O_RDONLY | O_DIRECTORY);
    if (r < 0)
        (void)unlink(file); /* half a copy must not pass for one; it may not be there */
    return r;
}
