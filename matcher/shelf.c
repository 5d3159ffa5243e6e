/* shelf.c - packages are compiled once per digest and mapped; a swap happens between two frames. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "matcher/service.h"

enum { PACKAGE_BYTES = 64 * 1024 * 1024 };

static const char PACKAGE_SUFFIX[] = ".zbc";

struct shelf {
    char packages[FILE_PATH_SIZE];
    char compiled[FILE_PATH_SIZE];
    struct catalogue *catalogue;
};

int shelf_new(const char *packages, const char *compiled, struct shelf **ret_shelf)
{
    struct shelf *shelf = calloc(1, sizeof(*shelf));
    if (shelf == NULL)
        return -ENOMEM;
    int r = path_join(shelf->packages, sizeof(shelf->packages), packages, "");
    if (r == 0)
        r = path_join(shelf->compiled, sizeof(shelf->compiled), compiled, "");
    if (r == 0)
        r = file_make_dirs(compiled, 0700);
    if (r < 0) {
        shelf_free(shelf);
        return r;
    }
    *ret_shelf = shelf;
    return 0;
}

void shelf_free(struct shelf *shelf)
{
    if (shelf == NULL)
        return;
    catalogue_close(shelf->catalogue);
    free(shelf);
}

const struct catalogue *shelf_catalogue(const struct shelf *shelf)
{
    return shelf->catalogue;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_tree(const char *path)
{
    enum { OPEN_DIRS = 4 };
    (void)nftw(path, remove_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS); /* what stays fails later */
}

/* Reads DIGEST.zbc and compiles it into the folder `making`. */
static int package_make(const char *package, const char *name, const char *making,
                        struct complaint *why)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(PACKAGE_BYTES + FILE_PATH_SIZE);
    struct bytes text;
    struct digest digest;
    char label[128], hex[HEX256_SIZE];
    int r = arena == NULL ? -ENOMEM : file_read(arena, package, PACKAGE_BYTES, &text, why);
    if (r == 0)
        r = catalogue_verify(text, NULL, &digest, label, sizeof(label), why);
    if (r < 0)
        return r;
    hex_encode(digest.b, sizeof(digest.b), hex);
    if (strcmp(hex, name) != 0)
        return complain(why, -EBADMSG, "copy the package again",
                        "the package's digest is %s, not the one it is named by", hex);
    remove_tree(making); /* what a killed compilation left; mostly nothing */
    return catalogue_compile(text, making, why);
}

/* Compiles DIGEST.zbc beside its place and moves it there, so that a half-made form is never
 * opened. One process at a time does so: the others ask again. With `anew` what stands there is of
 * no use and gives way; who has it open keeps it. */
static int compile_package(struct shelf *shelf, const char *name, const char *path, bool anew,
                           struct complaint *why)
{
    char package[FILE_PATH_SIZE], making[FILE_PATH_SIZE], lock[FILE_PATH_SIZE];
    char file[HEX256_SIZE + sizeof(PACKAGE_SUFFIX)];
    (void)snprintf(file, sizeof(file), "%s%s", name, PACKAGE_SUFFIX); /* sized for it */
    int r = path_join(package, sizeof(package), shelf->packages, file);
    if (r == 0)
        r = path_join(lock, sizeof(lock), shelf->compiled, "lock");
    if (r == 0)
        r = path_join(making, sizeof(making), shelf->compiled, "making");
    int lock_fd = -1;
    if (r == 0)
        r = file_lock(lock, &lock_fd);
    if (r < 0)
        return r == -EBUSY ? -EAGAIN : r;
    /* Another process may have made it since the caller looked. */
    if (anew || access(path, F_OK) < 0) {
        r = package_make(package, name, making, why);
        if (r == 0 && anew)
            remove_tree(path);
        if (r == 0 && rename(making, path) < 0)
            r = -errno;
    }
    (void)close(lock_fd); /* only held the lock */
    return r;
}

int shelf_want(struct shelf *shelf, struct digest digest, struct complaint *why)
{
    if (shelf->catalogue != NULL && digest_eq(catalogue_digest(shelf->catalogue), digest))
        return 0;
    char name[HEX256_SIZE], path[FILE_PATH_SIZE];
    hex_encode(digest.b, sizeof(digest.b), name);
    int r = path_join(path, sizeof(path), shelf->compiled, name);
    if (r < 0)
        return r;
    if (access(path, F_OK) < 0)
        r = compile_package(shelf, name, path, false, why);
    CLEANUP(catalogue_closep) struct catalogue *catalogue = NULL;
    if (r == 0)
        r = catalogue_open(path, &catalogue, why);
    if (r == -EPROTO) { /* damaged, or compiled by a program of another format */
        r = compile_package(shelf, name, path, true, why);
        if (r == 0)
            r = catalogue_open(path, &catalogue, why);
    }
    if (r < 0)
        return r;
    if (!digest_eq(catalogue_digest(catalogue), digest))
        return complain(why, -EBADMSG, "remove the folder: it is compiled again",
                        "the compiled catalogue %s holds another one", path);
    catalogue_close(shelf->catalogue);
    shelf->catalogue = TAKE_PTR(catalogue);
    return 0;
}
