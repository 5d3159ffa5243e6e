/* compile.c - building a package from the vendors' files, and its compiled form from a package. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matcher/index.h"

int catalogue_build(const char *dir, const char *label, struct buf *out, size_t *ret_products,
                    struct complaint *why)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(CAT_ARENA_BYTES);
    struct cat cat = { .arena = arena };
    if (arena == NULL)
        return -ENOMEM;
    int r = source_read(dir, &cat, why);
    if (r == 0)
        r = lint(&cat, why);
    if (r == 0)
        r = package_write(&cat, label, out, why);
    if (r == 0 && ret_products != NULL)
        *ret_products = cat.product_count;
    return r;
}

static int put_all(struct kv_txn *txn, struct bytes index, struct digest digest, const char *label)
{
    struct digest index_digest = seal_digest(SEAL_PARTS(index));
    int r = kv_put(txn, INDEX_TABLE_INDEX, BYTES_LIT("1"), index);
    if (r == 0)
        r = kv_put(txn, INDEX_TABLE_META, BYTES_LIT(META_DIGEST),
                   bytes_of(digest.b, sizeof(digest.b)));
    if (r == 0)
        r = kv_put(txn, INDEX_TABLE_META, BYTES_LIT(META_LABEL), bytes_str(label));
    if (r == 0)
        r = kv_put(txn, INDEX_TABLE_META, BYTES_LIT(META_INDEX_DIGEST),
                   bytes_of(index_digest.b, sizeof(index_digest.b)));
    return r;
}

static int store_index(const char *path, struct bytes index, struct digest digest,
                       const char *label, struct complaint *why)
{
    enum { SLACK_BYTES = 1024 * 1024 };
    const struct kv_options options = { .tables = index_tables,
                                        .table_count = INDEX_TABLES,
                                        .max_bytes = 2 * (uint64_t)index.size + SLACK_BYTES,
                                        .format = INDEX_FORMAT };
    CLEANUP(kv_closep) struct kv *kv = NULL;
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    int r = kv_open(path, &options, &kv, why);
    if (r < 0)
        return r;
    r = kv_write(kv, &txn);
    if (r == 0)
        r = put_all(txn, index, digest, label);
    if (r == 0)
        r = kv_commit(TAKE_PTR(txn));
    complaint_at(why, "%s", path);
    return r == 0
               ? 0
               : complain(why, r, "make room on the disk and compile again", "cannot be written");
}

/* Takes away what a failed compilation left, so that the next may begin. */
static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(folder), entry->d_name, 0); /* best effort */
    }
    if (folder != NULL)
        (void)closedir(folder);
    (void)rmdir(path);
}

int catalogue_compile(struct bytes package, const char *path, struct complaint *why)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(CAT_ARENA_BYTES);
    CLEANUP(buf_done) struct buf index = BUF_INIT((size_t)4 * CAT_PACKAGE_BYTES);
    struct cat cat = { .arena = arena };
    struct digest digest;
    char label[CAT_LABEL_BYTES + 1];
    if (arena == NULL)
        return -ENOMEM;
    int r = catalogue_verify(package, NULL, &digest, label, sizeof(label), why);
    if (r == 0)
        r = package_parse(package, &cat, why);
    if (r == 0)
        r = index_build(&cat, &index, why);
    if (r < 0)
        return r;
    if (mkdir(path, 0700) < 0) {
        r = -errno;
        complaint_at(why, "%s", path);
        return complain(why, r, "name a folder that is not there yet, in one that is",
                        "cannot be made: %s", strerrordesc_np(-r));
    }
    r = store_index(path, buf_bytes(&index), digest, label, why);
    if (r < 0)
        remove_folder(path);
    return r;
}
