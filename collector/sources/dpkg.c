/* dpkg.c - a host's packages, where dpkg keeps them: its status, its lists of files, and the
 * licences that copyright files declare. */
#include "collector/sources/dpkg.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"

enum {
    COPYRIGHT_BYTES = 256 * 1024,            /* longer copyright files are not read ... */
    COPYRIGHT_BYTES_ALL = 256 * 1024 * 1024, /* ... nor more than this of all together */
    LIST_BYTES = 32 * 1024 * 1024,           /* the files of one package ... */
    LIST_BYTES_ALL = 1024 * 1024 * 1024,     /* ... and of all */
    DPKG_PATH_SIZE = 512,                    /* of the paths built here */
};

static const char status_path[] = "var/lib/dpkg/status";
static const char info_path[] = "var/lib/dpkg/info";

/* ---- licences ---- */

struct licence_reader {
    struct host *host;
    size_t left; /* bytes */
    int error;   /* sticky */
};

static struct bytes licence_read(void *ctx, const char *package)
{
    struct licence_reader *reader = ctx;
    struct host *host = reader->host;
    char path[DPKG_PATH_SIZE];
    struct bytes text, licences = { 0 };
    struct arena_mark mark = arena_mark(host->arena);
    int n = snprintf(path, sizeof(path), "usr/share/doc/%s/copyright", package);
    size_t cap = reader->left < COPYRIGHT_BYTES ? reader->left : COPYRIGHT_BYTES;
    if (reader->error < 0 || n < 0 || (size_t)n >= sizeof(path))
        return licences;
    int r = host_file(host, path, cap, &text);
    if (r == 0) {
        char kept[1024];
        reader->left -= text.size;
        r = copyright_licences(text, host->arena, &licences);
        /* The file goes, its few licences stay. */
        size_t size = licences.size < sizeof(kept) ? licences.size : sizeof(kept);
        if (r == 0 && size > 0) {
            memcpy(kept, licences.data, size);
            arena_rewind(host->arena, mark);
            licences = bytes_of(arena_dup(host->arena, kept, size), size);
            r = licences.data == NULL ? -ENOMEM : 0;
        } else {
            arena_rewind(host->arena, mark);
        }
    }
    if (r == -ENOMEM)
        reader->error = r;
    return r == 0 ? licences : (struct bytes){ 0 };
}

/* ---- files ---- */

static void list_take(struct owned *owned, struct bytes list)
{
    while (list.size > 0) {
        const uint8_t *newline = memchr(list.data, '\n', list.size);
        size_t size = newline == NULL ? list.size : (size_t)(newline - list.data);
        owned_add(owned, (struct bytes){ 0 }, bytes_of(list.data, size));
        size += newline != NULL;
        list = bytes_of(list.data + size, list.size - size);
    }
}

static bool is_list(const char *name)
{
    size_t size = strlen(name);
    return size > 5 && strcmp(name + size - 5, ".list") == 0;
}

/* A list that cannot be read is no fault of the packages: it only leaves open what belongs to them. */
static int lists_read(struct host *host)
{
    struct host_names names;
    size_t left = LIST_BYTES_ALL;
    int r = host_names(host, info_path, &names);
    if (r < 0)
        host->owned.is_partial = true;
    for (size_t i = 0; r != -ENOMEM && i < names.count; i++) {
        char path[DPKG_PATH_SIZE];
        struct bytes list;
        if (!is_list(names.name[i]))
            continue;
        struct arena_mark mark = arena_mark(host->arena);
        (void)snprintf(path, sizeof(path), "%s/%s", info_path, names.name[i]); /* it fits */
        r = host_file(host, path, left < LIST_BYTES ? left : LIST_BYTES, &list);
        if (r == 0) {
            left -= list.size;
            list_take(&host->owned, list);
        } else {
            host->owned.is_partial = true;
        }
        arena_rewind(host->arena, mark);
    }
    return r == -ENOMEM ? r : 0;
}

/* ---- all of it ---- */

static int dpkg_read(struct host *host, struct draft *draft, bool *ret_complete,
                     struct complaint *why)
{
    struct bytes status;
    struct licence_reader reader = { .host = host, .left = COPYRIGHT_BYTES_ALL };
    struct dpkg_context context = {
        .draft = draft, .os = &host->os, .licence_ctx = &reader, .licence = licence_read
    };
    *ret_complete = true;
    int r = host_file(host, status_path, SOURCE_FILE_BYTES, &status);
    if (r == -ENOENT || r == -ENOMEM)
        return r;
    complaint_at(why, "%s", status_path);
    if (r < 0)
        return complain(why, r, "check that it is a file that this user may read",
                        "cannot be read: %s", strerror(-r));
    r = dpkg_status_read(status, &context, why);
    if (r == 0)
        r = reader.error;
    if (r < 0)
        return r;
    host->arch = context.arch;
    host->arch_place = status_path;
    return lists_read(host);
}

const struct host_source host_dpkg = { "dpkg", dpkg_read };
