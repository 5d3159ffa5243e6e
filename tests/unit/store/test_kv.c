/* kv: what is committed is there, what failed is not, and a full disk or map is no end. */
#include "store/kv.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <lmdb.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "fault.h"
#include "tests/lib/tmpdir.h"

enum { FRUIT, TREE };

static const struct kv_table tables[] = { { FRUIT, "fruit" }, { TREE, "tree" } };

static struct kv_options options_of(uint64_t max_bytes)
{
    return (struct kv_options){
        .tables = tables, .table_count = ARRAY_LEN(tables), .max_bytes = max_bytes, .format = 7
    };
}

enum { ROOMY = 64 << 20 };

static struct kv *open_at(const char *path, uint64_t max_bytes)
{
    struct kv_options options = options_of(max_bytes);
    struct kv *kv = NULL;
    struct complaint why = { 0 };
    int r = kv_open(path, &options, &kv, &why);
    cr_assert(eq(int, r, 0), "%s: %s", why.place, why.what);
    return kv;
}

static void put_one(struct kv *kv, unsigned table, const char *key, const char *value)
{
    struct kv_txn *txn;
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_put(txn, table, bytes_str(key), bytes_str(value)), 0));
    cr_assert(eq(int, kv_commit(txn), 0));
}

static bool holds(struct kv *kv, unsigned table, const char *key, const char *value)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct bytes found = { 0 };
    cr_assert(eq(int, kv_read(kv, &txn), 0));
    int r = kv_get(txn, table, bytes_str(key), &found);
    if (value == NULL)
        return r == -ENOENT;
    return r == 0 && bytes_eq(found, bytes_str(value));
}

static uint64_t count_of(struct kv *kv, unsigned table)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    uint64_t count = 0;
    cr_assert(eq(int, kv_read(kv, &txn), 0));
    cr_assert(eq(int, kv_count(txn, table, &count), 0));
    return count;
}

Test(kv, keeps_what_was_committed_and_forgets_what_was_not)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct kv *kv = open_at(dir->path, ROOMY);
    put_one(kv, FRUIT, "apple", "red");
    put_one(kv, FRUIT, "apple", "green");
    struct kv_txn *txn;
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_put(txn, FRUIT, BYTES_LIT("pear"), BYTES_LIT("yellow")), 0));
    kv_abort(txn);
    kv_close(kv);
    kv = open_at(dir->path, ROOMY);
    cr_assert(holds(kv, FRUIT, "apple", "green"));
    cr_assert(holds(kv, FRUIT, "pear", NULL));
    cr_assert(holds(kv, TREE, "apple", NULL), "tables are apart");
    kv_close(kv);
}

Test(kv, walks_keys_in_byte_order)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(kv_closep) struct kv *kv = open_at(dir->path, ROOMY);
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct bytes key = { 0 }, value = { 0 };
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_seek(txn, FRUIT, (struct bytes){ 0 }, &key, &value), -ENOENT));
    cr_assert(eq(int, kv_last(txn, FRUIT, &key, &value), -ENOENT));
    const char *names[] = { "b", "a", "bb", "d" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        cr_assert(eq(int, kv_put(txn, FRUIT, bytes_str(names[i]), bytes_str(names[i])), 0));
    cr_assert(eq(int, kv_seek(txn, FRUIT, (struct bytes){ 0 }, &key, &value), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("a")) && bytes_eq(value, BYTES_LIT("a")));
    cr_assert(eq(int, kv_seek(txn, FRUIT, BYTES_LIT("b"), &key, NULL), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("b")));
    cr_assert(eq(int, kv_seek(txn, FRUIT, BYTES_LIT("c"), &key, NULL), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("d")));
    cr_assert(eq(int, kv_after(txn, FRUIT, BYTES_LIT("b"), &key, NULL), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("bb")));
    cr_assert(eq(int, kv_after(txn, FRUIT, BYTES_LIT("bc"), &key, NULL), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("d")));
    cr_assert(eq(int, kv_after(txn, FRUIT, BYTES_LIT("d"), &key, NULL), -ENOENT));
    cr_assert(bytes_eq(key, BYTES_LIT("d")), "outputs change only on success");
    cr_assert(eq(int, kv_before(txn, FRUIT, BYTES_LIT("a"), &key, NULL), -ENOENT));
    cr_assert(eq(int, kv_before(txn, FRUIT, BYTES_LIT("d"), &key, NULL), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("bb")));
    cr_assert(eq(int, kv_before(txn, FRUIT, BYTES_LIT("bbb"), &key, NULL), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("bb")));
    cr_assert(eq(int, kv_before(txn, FRUIT, BYTES_LIT("z"), &key, NULL), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("d")));
    cr_assert(eq(int, kv_last(txn, FRUIT, &key, &value), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("d")));
    /* The kept cursor follows writes made beside it. */
    cr_assert(eq(int, kv_del(txn, FRUIT, BYTES_LIT("d")), 0));
    cr_assert(eq(int, kv_last(txn, FRUIT, &key, &value), 0));
    cr_assert(bytes_eq(key, BYTES_LIT("bb")));
    cr_assert(eq(int, kv_del(txn, FRUIT, BYTES_LIT("d")), 0), "there was nothing");
}

Test(kv, refuses_keys_that_lmdb_would_not_take)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(kv_closep) struct kv *kv = open_at(dir->path, ROOMY);
    static uint8_t zeros[KV_KEY_BYTES + 1];
    struct bytes longest = bytes_of(zeros, KV_KEY_BYTES), longer = bytes_of(zeros, sizeof(zeros));
    struct bytes none = { 0 }, out = { 0 };
    struct kv_txn *txn;
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_put(txn, FRUIT, longer, none), -EINVAL));
    cr_assert(eq(int, kv_put(txn, FRUIT, none, longer), -EINVAL));
    cr_assert(eq(int, kv_append(txn, FRUIT, longer, none), -EINVAL));
    cr_assert(eq(int, kv_del(txn, FRUIT, none), -EINVAL));
    cr_assert(eq(int, kv_get(txn, FRUIT, longer, &out), -EINVAL));
    cr_assert(eq(int, kv_get(txn, FRUIT, none, &out), -EINVAL));
    cr_assert(eq(int, kv_seek(txn, FRUIT, longer, &out, NULL), -EINVAL));
    cr_assert(eq(int, kv_after(txn, FRUIT, none, &out, NULL), -EINVAL));
    cr_assert(eq(int, kv_put(txn, FRUIT, longest, none), 0), "none of it harmed the transaction");
    cr_assert(eq(int, kv_commit(txn), 0));
    cr_assert(eq(u64, count_of(kv, FRUIT), 1));
}

Test(kv, appends_only_above_all_others)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(kv_closep) struct kv *kv = open_at(dir->path, ROOMY);
    struct kv_txn *txn;
    struct bytes one = BYTES_LIT("1"), two = BYTES_LIT("2"), three = BYTES_LIT("3");
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_append(txn, FRUIT, two, two), 0));
    cr_assert(eq(int, kv_append(txn, FRUIT, two, two), -EINVAL));
    cr_assert(eq(int, kv_append(txn, FRUIT, one, one), -EINVAL));
    cr_assert(eq(int, kv_append(txn, FRUIT, three, three), 0));
    cr_assert(eq(int, kv_commit(txn), 0), "a refused key harms nothing");
    cr_assert(eq(u64, count_of(kv, FRUIT), 2));
    cr_assert(holds(kv, FRUIT, "2", "2"));
}

Test(kv, holds_a_reader_and_the_writer_on_one_thread)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(kv_closep) struct kv *kv = open_at(dir->path, ROOMY);
    put_one(kv, FRUIT, "apple", "red");
    struct kv_txn *before, *second, *writer;
    struct bytes value = { 0 };
    cr_assert(eq(int, kv_read(kv, &before), 0));
    cr_assert(eq(int, kv_read(kv, &second), 0));
    cr_assert(eq(int, kv_write(kv, &writer), 0));
    cr_assert(eq(int, kv_put(writer, FRUIT, BYTES_LIT("apple"), BYTES_LIT("green")), 0));
    cr_assert(eq(int, kv_get(writer, FRUIT, BYTES_LIT("apple"), &value), 0));
    cr_assert(bytes_eq(value, BYTES_LIT("green")));
    struct kv_usage usage = { 0 };
    cr_assert(eq(int, kv_usage(kv, &usage), 0));
    cr_assert(eq(uint, usage.readers, 2));
    cr_assert(eq(int, kv_commit(writer), 0));
    cr_assert(eq(int, kv_get(before, FRUIT, BYTES_LIT("apple"), &value), 0));
    cr_assert(bytes_eq(value, BYTES_LIT("red")), "a reader sees one instant");
    cr_assert(eq(int, kv_put(before, FRUIT, BYTES_LIT("a"), value), -EROFS));
    cr_assert(eq(int, kv_del(before, FRUIT, BYTES_LIT("a")), -EROFS));
    kv_abort(before);
    cr_assert(eq(int, kv_commit(second), 0), "ending a reader either way is fine");
    cr_assert(eq(int, kv_usage(kv, &usage), 0));
    cr_assert(eq(uint, usage.readers, 0));
}

Test(kv, refuses_another_format_and_other_environments)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    kv_close(open_at(dir->path, ROOMY));
    struct kv_options options = options_of(ROOMY);
    options.format = 8;
    struct kv *kv = NULL;
    struct complaint why = { 0 };
    cr_assert(eq(int, kv_open(dir->path, &options, &kv, &why), -EPROTO));
    cr_assert(eq(str, why.place, dir->path));
    cr_assert(eq(str, why.what, "the store has format 7, this program reads 8"));
    cr_assert(why.remedy[0] != '\0');

    /* Somebody else's: tables, no format of ours. */
    const char *other = tmpdir_sub(dir, "other");
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    cr_assert(eq(int, mdb_env_create(&env), 0));
    cr_assert(eq(int, mdb_env_set_maxdbs(env, 4), 0));
    cr_assert(eq(int, mdb_env_open(env, other, 0, 0600), 0));
    cr_assert(eq(int, mdb_txn_begin(env, NULL, 0, &txn), 0));
    cr_assert(eq(int, mdb_dbi_open(txn, "theirs", MDB_CREATE, &dbi), 0));
    cr_assert(eq(int, mdb_txn_commit(txn), 0));
    mdb_env_close(env);
    options.format = 7;
    cr_assert(eq(int, kv_open(other, &options, &kv, &why), -EPROTO));

    /* No LMDB file at all. */
    const char *odd = tmpdir_sub(dir, "odd");
    FILE *f = fopen(tmpdir_path(dir, "odd/data.mdb"), "w");
    for (int i = 0; i < 9000; i++)
        cr_assert(eq(int, fputc('x', f), 'x'));
    cr_assert(eq(int, fclose(f), 0));
    cr_assert(eq(int, kv_open(odd, &options, &kv, &why), -EPROTO));
    cr_assert(kv == NULL);
}

Test(kv, reads_only_what_is_there)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct kv_options reader = options_of(0);
    reader.read_only = true;
    struct kv *kv = NULL;
    struct complaint why = { 0 };
    cr_assert(eq(int, kv_open(dir->path, &reader, &kv, &why), -ENOENT));
    cr_assert(eq(int, kv_open(tmpdir_path(dir, "nowhere"), &reader, &kv, &why), -ENOENT));
    cr_assert(access(tmpdir_path(dir, "data.mdb"), F_OK) != 0, "reading creates nothing");

    struct kv *writer = open_at(dir->path, ROOMY);
    put_one(writer, FRUIT, "apple", "red");
    kv_close(writer);
    cr_assert(eq(int, kv_open(dir->path, &reader, &kv, &why), 0), "%s", why.what);
    cr_assert(holds(kv, FRUIT, "apple", "red"));
    struct kv_txn *txn = NULL;
    cr_assert(eq(int, kv_write(kv, &txn), -EROFS));
    struct kv_usage usage = { 0 };
    cr_assert(eq(int, kv_usage(kv, &usage), 0));
    cr_assert(eq(u64, usage.max_bytes, ROOMY), "0 means what the writer reserved");
    kv_close(kv);

    static const struct kv_table more[] = { { FRUIT, "fruit" }, { TREE, "bush" } };
    reader.tables = more;
    kv = NULL;
    cr_assert(eq(int, kv_open(dir->path, &reader, &kv, &why), -EPROTO));
    cr_assert(eq(str, why.what, "table 'bush' is missing"));
}

/* Puts values of `value_bytes` until the map is full; returns how many were committed before. */
static unsigned fill(struct kv *kv, size_t value_bytes, int *ret_error)
{
    uint8_t *value = calloc(1, value_bytes);
    unsigned committed = 0;
    for (*ret_error = 0; *ret_error == 0;) {
        struct kv_txn *txn;
        uint8_t key[4];
        put_u32be(key, committed);
        cr_assert(eq(int, kv_write(kv, &txn), 0));
        int r = kv_put(txn, FRUIT, bytes_of(key, sizeof(key)), bytes_of(value, value_bytes));
        *ret_error = kv_commit(txn);
        cr_assert(r == 0 || r == *ret_error, "commit says what the put said: %d, %d", r,
                  *ret_error);
        committed += *ret_error == 0;
    }
    free(value);
    return committed;
}

Test(kv, goes_on_after_the_map_was_full)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(kv_closep) struct kv *kv = open_at(dir->path, 256 * 1024);
    int error;
    unsigned committed = fill(kv, 10000, &error);
    cr_assert(eq(int, error, -ENOSPC));
    cr_assert(gt(uint, committed, 5));
    cr_assert(eq(u64, count_of(kv, FRUIT), committed));

    struct kv_txn *txn;
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    for (uint32_t i = 0; i < committed; i++) {
        uint8_t key[4];
        put_u32be(key, i);
        cr_assert(eq(int, kv_del(txn, FRUIT, bytes_of(key, sizeof(key))), 0));
    }
    cr_assert(eq(int, kv_commit(txn), 0));
    put_one(kv, TREE, "oak", "tall");
    cr_assert(holds(kv, TREE, "oak", "tall"));
    cr_assert(eq(u64, count_of(kv, FRUIT), 0));
}

/* A tmpfs of the given size in a mount namespace of this process, or false. */
static bool mount_small_disk(const char *path, const char *size)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", path, "tmpfs", 0, size) == 0;
}

Test(kv, goes_on_after_the_disk_was_full)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    const char *disk = tmpdir_sub(dir, "disk");
    if (!mount_small_disk(disk, "size=500k"))
        cr_skip_test("needs the right to mount a tmpfs");
    struct kv *kv = open_at(disk, ROOMY);
    int error;
    unsigned committed = fill(kv, 30000, &error);
    cr_assert(eq(int, error, -ENOSPC));
    cr_assert(gt(uint, committed, 5));
    cr_assert(eq(u64, count_of(kv, FRUIT), committed));
    cr_assert(eq(int, mount("none", disk, "tmpfs", MS_REMOUNT, "size=2m"), 0));
    put_one(kv, TREE, "oak", "tall");
    kv_close(kv);
    kv = open_at(disk, ROOMY);
    cr_assert(holds(kv, TREE, "oak", "tall"));
    cr_assert(eq(u64, count_of(kv, FRUIT), committed));
    kv_close(kv);
    cr_assert(eq(int, umount2(disk, MNT_DETACH), 0));
}

Test(kv, leaves_no_trace_when_a_write_fails)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(kv_closep) struct kv *kv = open_at(dir->path, ROOMY);
    put_one(kv, FRUIT, "old", "1");
    static const int codes[][2] = { { ENOSPC, -ENOSPC }, { MDB_MAP_FULL, -ENOSPC },
                                    { EIO, -EIO },       { MDB_CORRUPTED, -EIO },
                                    { ENOMEM, -ENOMEM }, { MDB_TXN_FULL, -EFBIG } };
    for (size_t code = 0; code < ARRAY_LEN(codes); code++) {
        for (long nth = 0; nth < 4; nth++) {
            struct kv_txn *txn;
            cr_assert(eq(int, kv_write(kv, &txn), 0));
            fault_on_write(nth, codes[code][0]);
            (void)kv_put(txn, FRUIT, BYTES_LIT("new"), BYTES_LIT("1"));
            (void)kv_append(txn, TREE, BYTES_LIT("new"), BYTES_LIT("1"));
            (void)kv_del(txn, FRUIT, BYTES_LIT("old"));
            int r = kv_commit(txn); /* says what the first failure said */
            cr_assert(fault_fired());
            fault_on_write(-1, 0);
            cr_assert(eq(int, r, codes[code][1]), "code %zu, write %ld", code, nth);
            cr_assert(holds(kv, FRUIT, "old", "1"));
            cr_assert(eq(u64, count_of(kv, FRUIT), 1));
            cr_assert(eq(u64, count_of(kv, TREE), 0));
        }
    }
    put_one(kv, FRUIT, "new", "1");
}

Test(kv, counts_what_is_used_and_what_is_free)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(kv_closep) struct kv *kv = open_at(dir->path, ROOMY);
    static uint8_t megabyte[1 << 20];
    struct kv_txn *txn;
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_put(txn, FRUIT, BYTES_LIT("m"), bytes_of(megabyte, sizeof(megabyte))), 0));
    cr_assert(eq(int, kv_commit(txn), 0));
    struct kv_usage full = { 0 }, less = { 0 };
    cr_assert(eq(int, kv_usage(kv, &full), 0));
    cr_assert(ge(u64, full.used_bytes, sizeof(megabyte)));
    cr_assert(eq(u64, full.max_bytes, ROOMY));
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_del(txn, FRUIT, BYTES_LIT("m")), 0));
    cr_assert(eq(int, kv_commit(txn), 0));
    cr_assert(eq(int, kv_usage(kv, &less), 0));
    cr_assert(lt(u64, less.used_bytes, sizeof(megabyte) / 2));
    cr_assert(ge(u64, less.file_bytes, full.file_bytes), "the file never shrinks");
}

Test(kv, copies_itself_compacted_while_in_use)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    const char *from = tmpdir_sub(dir, "from"), *to = tmpdir_sub(dir, "to");
    struct kv *kv = open_at(from, ROOMY);
    static uint8_t megabyte[1 << 20];
    struct kv_txn *txn;
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_put(txn, TREE, BYTES_LIT("m"), bytes_of(megabyte, sizeof(megabyte))), 0));
    cr_assert(eq(int, kv_commit(txn), 0));
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_del(txn, TREE, BYTES_LIT("m")), 0));
    cr_assert(eq(int, kv_commit(txn), 0));
    put_one(kv, FRUIT, "apple", "red");
    cr_assert(eq(int, kv_write(kv, &txn), 0));
    cr_assert(eq(int, kv_put(txn, FRUIT, BYTES_LIT("pear"), BYTES_LIT("yellow")), 0));
    cr_assert(eq(int, kv_copy(kv, to), 0));
    cr_assert(eq(int, kv_copy(kv, to), -EEXIST));
    cr_assert(eq(int, kv_copy(kv, tmpdir_path(dir, "nowhere")), -ENOENT));
    cr_assert(eq(int, kv_commit(txn), 0));
    struct kv *copy = open_at(to, ROOMY);
    cr_assert(holds(copy, FRUIT, "apple", "red"));
    cr_assert(holds(copy, FRUIT, "pear", NULL), "not yet committed when the copy was made");
    struct kv_usage usage = { 0 };
    cr_assert(eq(int, kv_usage(copy, &usage), 0));
    cr_assert(lt(u64, usage.file_bytes, sizeof(megabyte) / 2), "free pages are left behind");
    kv_close(copy);
    kv_close(kv);
}

/* Runs f in a child; its exit status. */
static int in_child(int (*f)(const char *path), const char *path)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(f(path));
    int status = -1;
    cr_assert(eq(int, waitpid(pid, &status, 0), pid));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int grow_far(const char *path)
{
    struct kv *kv = open_at(path, ROOMY);
    int error = 0;
    struct kv_txn *txn;
    static uint8_t megabyte[1 << 20];
    if (kv_write(kv, &txn) != 0)
        return 1;
    error = kv_put(txn, TREE, BYTES_LIT("m"), bytes_of(megabyte, sizeof(megabyte)));
    error |= kv_commit(txn);
    kv_close(kv);
    return error == 0 ? 0 : 1;
}

Test(kv, follows_a_process_that_reserved_more)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(kv_closep) struct kv *kv = open_at(dir->path, 128 * 1024);
    put_one(kv, FRUIT, "apple", "red");
    /* The child opens its own environment; it only ever inherits ours, unused. */
    cr_assert(eq(int, in_child(grow_far, dir->path), 0));
    cr_assert(holds(kv, FRUIT, "apple", "red"));
    put_one(kv, FRUIT, "pear", "yellow");
    cr_assert(eq(u64, count_of(kv, TREE), 1));
}

static int read_until_killed(const char *path, int ready)
{
    struct kv_options options = options_of(ROOMY);
    struct kv *kv = NULL;
    struct kv_txn *txn = NULL;
    char c = 'r';
    if (kv_open(path, &options, &kv, NULL) != 0 || kv_read(kv, &txn) != 0 ||
        write(ready, &c, 1) != 1)
        return 1;
    return pause();
}

Test(kv, gives_back_the_slots_of_readers_that_were_killed)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(kv_closep) struct kv *kv = open_at(dir->path, ROOMY);
    int ready[2], status;
    cr_assert(eq(int, pipe(ready), 0));
    pid_t child = fork();
    if (child == 0)
        _exit(read_until_killed(dir->path, ready[1]));
    char c;
    cr_assert(eq(long, read(ready[0], &c, 1), 1));
    struct kv_usage usage = { 0 };
    cr_assert(eq(int, kv_usage(kv, &usage), 0));
    cr_assert(eq(uint, usage.readers, 1));
    cr_assert(eq(int, kill(child, SIGKILL), 0));
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, kv_usage(kv, &usage), 0));
    cr_assert(eq(uint, usage.readers, 0));
    close(ready[0]);
    close(ready[1]);
}

/* In a new PID namespace, as its process 1: holds a reader until told, or tries to be a second. */
static int as_process_one(const char *path, int ready, int stay)
{
    if (unshare(CLONE_NEWPID) != 0)
        return 77;
    pid_t pid = fork();
    if (pid == 0) {
        struct kv_options options = options_of(ROOMY);
        struct kv *kv = NULL;
        int r = kv_open(path, &options, &kv, NULL);
        struct kv_txn *txn = NULL;
        if (r == 0)
            r = kv_read(kv, &txn);
        if (ready >= 0) {
            char c = 'r';
            if (write(ready, &c, 1) != 1 || read(stay, &c, 1) < 0)
                _exit(78);
        }
        _exit(-r);
    }
    int status = -1;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 79;
}

Test(kv, says_busy_when_another_pid_namespace_has_our_number)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    int ready[2], stay[2];
    cr_assert(pipe(ready) == 0 && pipe(stay) == 0);
    pid_t first = fork();
    if (first == 0) {
        close(ready[0]);
        close(stay[1]);
        _exit(as_process_one(dir->path, ready[1], stay[0]));
    }
    close(ready[1]);
    close(stay[0]);
    char c;
    bool up = read(ready[0], &c, 1) == 1;
    pid_t second = fork();
    if (second == 0)
        _exit(up ? as_process_one(dir->path, -1, -1) : 77);
    int status = -1, first_status = -1;
    cr_assert(eq(int, waitpid(second, &status, 0), second));
    close(stay[1]);
    cr_assert(eq(int, waitpid(first, &first_status, 0), first));
    close(ready[0]);
    if (!up && WEXITSTATUS(first_status) == 77)
        cr_skip_test("needs the right to make a PID namespace");
    cr_assert(up);
    cr_assert(eq(int, WEXITSTATUS(first_status), 0));
    cr_assert(eq(int, WEXITSTATUS(status), EBUSY));
}
