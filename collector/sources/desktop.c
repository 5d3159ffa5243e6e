/* desktop.c - the menu entries of a host that no package brought: what was installed by hand or by a
 * maker's own installer, and wants to be started. */
#include "collector/sources/desktop.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "collector/sources/host.h"

enum {
    ENTRY_BYTES = 256 * 1024, /* with a hundred translations it has 30 KiB */
    ENTRIES_MAX = 20 * 1000,  /* of a host */
    DEPTH_MAX = 4,            /* folders within folders; the menus of some desktops are one deep */
    ENTRY_PATH_SIZE = BOUND_TEXT_BYTES,
};

struct desktop_scan {
    struct host *host;
    struct draft *draft;
    size_t entries;
    bool is_complete;
    struct complaint *why;
};

static void folder_fault(struct desktop_scan *scan, const char *path, const char *what)
{
    struct complaint told = { 0 };
    complaint_at(&told, "%s", path);
    (void)complain(&told, 0, "see what stands there", "%s", what);
    sink_tell(scan->draft->sink, true, &told);
    scan->is_complete = false;
}

/* The part behind the last slash. */
static struct bytes base_name(struct bytes path)
{
    const uint8_t *slash = path.size == 0 ? NULL : memrchr(path.data, '/', path.size);
    return slash == NULL ? path : bytes_of(slash + 1, path.size - (size_t)(slash + 1 - path.data));
}

/* ---- one entry ---- */

/* Whether a package owns what the entry starts: makers' packages write their entries when they are
 * installed, so that no list names them. An interpreter's own package does not own what it runs. */
static bool starts_owned(const struct host *host, const struct desktop_entry *entry)
{
    const char *binary = entry->has_file_argument ? NULL : arena_strdup(host->arena, entry->binary);
    return binary != NULL && owned_has(&host->owned, binary);
}

static int entry_take(struct desktop_scan *scan, const char *path,
                      const struct desktop_entry *entry)
{
    struct draft_item item;
    struct bytes absolute = bytes_str(path); /* with its slash */
    item_begin(&item, "%s", path + 1);
    item.row.fields.value[ROW_SOURCE] = BYTES_LIT(ROW_SOURCE_DESKTOP);
    item_text(scan->draft, &item, ROW_NAME, "Name", entry->name);
    item_text(scan->draft, &item, ROW_VERSION, "version", entry->version);
    int r = item_identifier(scan->draft, &item, "desktop", "file", base_name(absolute));
    if (r == 0)
        r = item_identifier(scan->draft, &item, "exec", "Exec", base_name(entry->binary));
    if (r == 0)
        r = item_identifier(scan->draft, &item, "name-zh", "Name[zh_CN]", entry->name_zh);
    item_path(scan->draft, &item, "path", absolute);
    return r < 0 ? r : draft_take(scan->draft, &item, scan->why);
}

static int entry_refuse(struct desktop_scan *scan, const char *path, const char *what)
{
    struct draft_item item;
    item_begin(&item, "%s", path + 1);
    item_refuse(scan->draft, &item, "", "see what stands there", what);
    return draft_take(scan->draft, &item, scan->why);
}

/* A link is followed within the root: makers link from the menu to their folder. */
static int file_take(struct desktop_scan *scan, const char *path)
{
    struct bytes text;
    struct desktop_entry entry;
    if (owned_has(&scan->host->owned, path))
        return 0;
    int r = host_file(scan->host, path + 1, ENTRY_BYTES, &text);
    if (r == -ENOMEM)
        return r;
    if (r == -ENOENT || r == -ELOOP || r == -EINVAL)
        return 0; /* a link to nothing, a device: nothing is installed there */
    if (r == -EFBIG)
        return entry_refuse(scan, path, "larger than 256 KiB");
    if (r < 0)
        return entry_refuse(scan, path, "cannot be read");
    r = desktop_entry_read(text, scan->host->arena, &entry);
    if (r == -EBADMSG) {
        struct complaint told = { 0 };
        complaint_at(&told, "%s", path + 1);
        (void)complain(&told, 0, "remove it",
                       "no menu entry: the group [Desktop Entry] is missing");
        sink_tell(scan->draft->sink, false, &told);
        return 0;
    }
    if (r < 0 || !entry.is_application || entry.is_hidden || starts_owned(scan->host, &entry))
        return r;
    return entry_take(scan, path, &entry);
}

/* ---- folders ---- */

static bool is_entry_name(const char *name)
{
    size_t size = strlen(name);
    return size > 8 && strcmp(name + size - 8, ".desktop") == 0;
}

/* The folder at an absolute path and those within. Recursion: at most DEPTH_MAX. */
static int folder_take(struct desktop_scan *scan, const char *folder, int depth)
{
    struct host_names names;
    int r = host_names(scan->host, folder + 1, &names);
    if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
        return 0;
    if (r < 0 && r != -E2BIG) {
        if (r != -ENOMEM)
            folder_fault(scan, folder + 1, "cannot be read");
        return r == -ENOMEM ? r : 0;
    }
    if (r == -E2BIG)
        folder_fault(scan, folder + 1, "more than 100000 names in one folder");
    r = 0;
    for (size_t i = 0; r == 0 && i < names.count; i++) {
        char path[ENTRY_PATH_SIZE];
        unsigned type = 0;
        int n = snprintf(path, sizeof(path), "%s/%s", folder, names.name[i]);
        if (n < 0 || (size_t)n >= sizeof(path)) {
            folder_fault(scan, folder + 1, "a name in it makes a path longer than 1023 bytes");
        } else if (is_entry_name(names.name[i])) {
            if (scan->entries++ == ENTRIES_MAX)
                folder_fault(scan, folder + 1, "more than 20000 menu entries on this computer");
            if (scan->entries > ENTRIES_MAX)
                return 0;
            r = file_take(scan, path);
        } else if (depth < DEPTH_MAX && host_type(scan->host, path + 1, &type) == 0 &&
                   type == S_IFDIR) {
            r = folder_take(scan, path, depth + 1);
        }
    }
    return r;
}

/* opt/NAME/share/applications, for each NAME. */
static int opt_take(struct desktop_scan *scan)
{
    struct host_names names;
    int r = host_names(scan->host, "opt", &names);
    for (size_t i = 0; r != -ENOMEM && i < names.count; i++) {
        char path[ENTRY_PATH_SIZE];
        unsigned type;
        (void)snprintf(path, sizeof(path), "opt/%s", names.name[i]); /* a name has 255 bytes */
        if (host_type(scan->host, path, &type) < 0 || type != S_IFDIR)
            continue;
        (void)snprintf(path, sizeof(path), "/opt/%s/share/applications", names.name[i]);
        r = folder_take(scan, path, 0);
        if (r < 0)
            return r;
    }
    return r == -ENOMEM ? r : 0; /* what opt cannot show, the source of opt tells */
}

static int desktop_read(struct host *host, struct draft *draft, bool *ret_complete,
                        struct complaint *why)
{
    static const char *const folders[] = { "/usr/share/applications",
                                           "/usr/local/share/applications" };
    struct desktop_scan scan = { .host = host, .draft = draft, .is_complete = true, .why = why };
    *ret_complete = host_knows_owned(host, draft, "menu entries");
    if (!*ret_complete)
        return 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(folders); i++)
        r = folder_take(&scan, folders[i], 0);
    if (r == 0)
        r = opt_take(&scan);
    *ret_complete = scan.is_complete;
    return r;
}

const struct host_source host_desktop = { "desktop", desktop_read };
