/* tmpdir.h - a folder of a test's own, gone when the test's scope ends.
 *
 *     CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
 *     ... tmpdir_path(dir, "spool") ...
 *
 * Stands in $TMPDIR, or /tmp. A test that is killed leaves it behind; its name begins with
 * "zb-test-". A NULL from tmpdir_new or tmpdir_path is the machine's fault: assert it away. */
#ifndef TESTS_LIB_TMPDIR_H
#define TESTS_LIB_TMPDIR_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { TMPDIR_PATHS_MAX = 32 };

struct tmpdir {
    char path[PATH_MAX];
    char *paths[TMPDIR_PATHS_MAX]; /* what tmpdir_path gave out, owned */
    size_t path_count;
    pid_t maker; /* a forked child must not remove its parent's folder */
};

static inline struct tmpdir *tmpdir_new(void)
{
    struct tmpdir *dir = calloc(1, sizeof(*dir));
    const char *top = getenv("TMPDIR");
    if (dir == NULL)
        return NULL;
    int n = snprintf(dir->path, sizeof(dir->path), "%s/zb-test-XXXXXX",
                     top != NULL && top[0] != '\0' ? top : "/tmp");
    if (n < 0 || (size_t)n >= sizeof(dir->path) || mkdtemp(dir->path) == NULL) {
        free(dir);
        return NULL;
    }
    dir->maker = getpid();
    return dir;
}

static inline int tmpdir_remove_one(const char *path, const struct stat *st, int type,
                                    struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline void tmpdir_free(struct tmpdir *dir)
{
    if (dir == NULL)
        return;
    for (size_t i = 0; i < dir->path_count; i++)
        free(dir->paths[i]);
    if (getpid() == dir->maker)
        (void)nftw(dir->path, tmpdir_remove_one, 16, FTW_DEPTH | FTW_PHYS); /* best effort */
    free(dir);
}
CLEANUP_DEFINE(struct tmpdir *, tmpdir_free);

/* tmpdir_path - "folder/name"; lives as long as dir. NULL after TMPDIR_PATHS_MAX names. */
static inline const char *tmpdir_path(struct tmpdir *dir, const char *name)
{
    char *path;
    if (dir->path_count == TMPDIR_PATHS_MAX || asprintf(&path, "%s/%s", dir->path, name) < 0)
        return NULL;
    dir->paths[dir->path_count++] = path;
    return path;
}

/* tmpdir_sub - the same, and makes it a folder. */
static inline const char *tmpdir_sub(struct tmpdir *dir, const char *name)
{
    const char *path = tmpdir_path(dir, name);
    return path != NULL && mkdir(path, 0700) == 0 ? path : NULL;
}

#endif
