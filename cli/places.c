/* places.c - folders: ours, for a moment, and copies of them. */
#include "cli/places.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_DIRS = 8, COPY_FILE_BYTES = 16 * 1024 * 1024, COPY_DEPTH = 4 };

const char *place_data(struct cli *cli, const char *relative)
{
    const char *root = access(ZB_DATA_DIR, R_OK) == 0 ? ZB_DATA_DIR : ZB_DATA_INSTALLED;
    return arena_printf(cli->arena, "%s/%s", root, relative);
}

int place_scratch(struct cli *cli, const char *parent, char *out)
{
    if (parent == NULL)
        parent = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : P_tmpdir;
    int r = path_join(out, FILE_PATH_SIZE, parent, "zhengban-XXXXXX");
    if (r == 0 && mkdtemp(out) == NULL)
        r = -errno;
    if (r < 0)
        (void)cli_fault(cli, r, _("give this user a folder for temporary files in TMPDIR"),
                        _("no folder can be made in %s"), parent);
    return r;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void place_remove(const char *dir)
{
    /* What stays behind costs room only. */
    (void)nftw(dir, remove_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS);
}

static int copy_file(struct cli *cli, const char *from, const char *to, struct complaint *why)
{
    struct bytes text;
    int r = file_read(cli->arena, from, COPY_FILE_BYTES, &text, why);
    return r < 0 ? r : file_write_atomic(to, text, 0644);
}

static int copy_level(struct cli *cli, const char *from, const char *to, int depth,
                      struct complaint *why)
{
    DIR *dir = opendir(from);
    if (dir == NULL || depth > COPY_DEPTH) {
        int r = dir == NULL ? -errno : -ELOOP;
        if (dir != NULL)
            (void)closedir(dir); /* only read */
        complaint_at(why, "%s", from);
        return complain(why, r, _("install the data files again"), _("the folder cannot be read"));
    }
    int r = file_make_dirs(to, 0755);
    struct dirent *entry;
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        const char *a = arena_printf(cli->arena, "%s/%s", from, entry->d_name);
        const char *b = arena_printf(cli->arena, "%s/%s", to, entry->d_name);
        struct stat info;
        if (a == NULL || b == NULL || stat(a, &info) < 0)
            r = a == NULL || b == NULL ? -ENOMEM : -errno;
        else if (S_ISDIR(info.st_mode))
            r = copy_level(cli, a, b, depth + 1, why);
        else
            r = copy_file(cli, a, b, why);
    }
    (void)closedir(dir); /* only read */
    return r;
}

int place_copy(struct cli *cli, const char *from, const char *to, struct complaint *why)
{
    return copy_level(cli, from, to, 0, why);
}
