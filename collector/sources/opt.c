/* opt.c - the folders of opt that no package brought: programs that were unpacked there, or put there
 * by a maker's own installer. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "collector/sources/host.h"

enum {
    OPT_PATH_SIZE = 512, /* opt, a name, a file's name */
    VERSION_LINES = 16,  /* of a version file that are looked at */
    VERSION_BYTES = 64,
    OPT_FOLDERS_MAX = 10000,
};

/* ---- its version ---- */

static bool is_version(struct bytes text)
{
    size_t at = text.size > 0 && (text.data[0] == 'v' || text.data[0] == 'V');
    if (text.size <= at || text.size > VERSION_BYTES || text.data[at] < '0' || text.data[at] > '9')
        return false;
    for (size_t i = at; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
              strchr("._+:~-", c) != NULL) ||
            c == 0)
            return false;
    }
    return true;
}

/* "1.2.3", or the value of "version: 1.2.3", JAVA_VERSION="17.0.1" and their like. */
static struct bytes line_version(struct bytes line)
{
    static const char word[] = "version";
    size_t at = 0;
    while (at < line.size && line.data[at] != '=' && line.data[at] != ':')
        at++;
    if (at == line.size)
        return is_version(line) ? line : (struct bytes){ 0 };
    struct bytes key = text_trim(bytes_of(line.data, at));
    struct bytes value = text_trim(bytes_of(line.data + at + 1, line.size - at - 1));
    if (value.size >= 2 && (value.data[0] == '"' || value.data[0] == '\'') &&
        value.data[value.size - 1] == value.data[0])
        value = bytes_of(value.data + 1, value.size - 2);
    size_t size = sizeof(word) - 1;
    bool is_named =
        key.size >= size && strncasecmp((const char *)key.data + key.size - size, word, size) == 0;
    return is_named && is_version(value) ? value : (struct bytes){ 0 };
}

static struct bytes text_version(struct bytes text)
{
    for (int i = 0; i < VERSION_LINES && text.size > 0; i++) {
        const uint8_t *newline = memchr(text.data, '\n', text.size);
        size_t size = newline == NULL ? text.size : (size_t)(newline - text.data);
        struct bytes version = line_version(text_trim(bytes_of(text.data, size)));
        if (version.size > 0)
            return version;
        size += newline != NULL;
        text = bytes_of(text.data + size, text.size - size);
    }
    return (struct bytes){ 0 };
}

/* "version" of a package.json. -ENOMEM. */
static int json_version(struct bytes text, struct arena *arena, struct bytes *ret_version)
{
    json_t *json = json_loadb((const char *)text.data, text.size, 0, NULL);
    struct bytes version = bytes_str(json_string_value(json_object_get(json, "version")));
    int r = 0;
    if (is_version(version)) {
        const char *copy = arena_strdup(arena, version);
        *ret_version = bytes_str(copy);
        r = copy == NULL ? -ENOMEM : 0;
    }
    json_decref(json);
    return r;
}

/* Of the first file that tells it. */
static int version_find(struct host *host, const char *folder, struct bytes *ret_version)
{
    static const char *const files[] = { "VERSION", "version", "VERSION.txt", "version.txt",
                                         "release", "RELEASE", "package.json" };
    int r = 0;
    *ret_version = (struct bytes){ 0 };
    for (size_t i = 0; r == 0 && ret_version->size == 0 && i < ARRAY_LEN(files); i++) {
        char path[OPT_PATH_SIZE];
        struct bytes text;
        int n = snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        if (n < 0 || (size_t)n >= sizeof(path))
            continue;
        r = host_small(host, path, &text);
        if (r == 0 && strcmp(files[i], "package.json") == 0)
            r = text.size == 0 ? 0 : json_version(text, host->arena, ret_version);
        else if (r == 0)
            *ret_version = text_version(text);
    }
    return r;
}

/* ---- a folder ---- */

/* A folder with nothing in it is a trace of a program, not one. */
static int is_empty(struct host *host, const char *path, bool *ret_empty)
{
    struct host_names names;
    struct arena_mark mark = arena_mark(host->arena);
    int r = host_names(host, path, &names);
    *ret_empty = r == 0 && names.count == 0;
    arena_rewind(host->arena, mark);
    return r == -ENOMEM ? r : 0;
}

static int folder_take(struct host *host, struct draft *draft, const char *name,
                       struct complaint *why)
{
    char absolute[OPT_PATH_SIZE];
    unsigned type;
    bool nothing;
    struct bytes version;
    struct draft_item item;
    (void)snprintf(absolute, sizeof(absolute), "/opt/%s", name); /* a name has 255 bytes */
    if (name[0] == '.' || strcmp(name, "lost+found") == 0 ||
        host_type(host, absolute + 1, &type) < 0 || type != S_IFDIR ||
        owned_below(&host->owned, absolute))
        return 0;
    int r = is_empty(host, absolute + 1, &nothing);
    if (r < 0 || nothing)
        return r;
    r = version_find(host, absolute + 1, &version);
    if (r < 0)
        return r;
    item_begin(&item, "%s", absolute + 1);
    item.row.fields.value[ROW_SOURCE] = BYTES_LIT(ROW_SOURCE_OPT);
    item_text(draft, &item, ROW_NAME, "", bytes_str(name));
    item_text(draft, &item, ROW_VERSION, "version", version);
    item_path(draft, &item, "path", bytes_str(absolute));
    return draft_take(draft, &item, why);
}

static void opt_fault(const struct draft *draft, const char *what)
{
    struct complaint told = { 0 };
    complaint_at(&told, "opt");
    (void)complain(&told, 0, "see what stands there", "%s", what);
    sink_tell(draft->sink, true, &told);
}

static int opt_read(struct host *host, struct draft *draft, bool *ret_complete,
                    struct complaint *why)
{
    struct host_names names;
    *ret_complete = host_knows_owned(host, draft, "folders of opt");
    if (!*ret_complete)
        return 0;
    int r = host_names(host, "opt", &names);
    if (r == -ENOMEM)
        return r;
    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    if (r < 0 && r != -E2BIG) {
        opt_fault(draft, "cannot be read");
        *ret_complete = false;
        return 0;
    }
    if (r == -E2BIG || names.count > OPT_FOLDERS_MAX) {
        opt_fault(draft, "more than 10000 names in it");
        *ret_complete = false;
    }
    r = 0;
    for (size_t i = 0; r == 0 && i < names.count && i < OPT_FOLDERS_MAX; i++)
        r = folder_take(host, draft, names.name[i], why);
    return r;
}

const struct host_source host_opt = { "opt", opt_read };
