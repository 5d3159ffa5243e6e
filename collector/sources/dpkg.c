/* dpkg.c - the computer this runs on, where dpkg keeps its packages: what the files below the root
 * say of packages, system and machine. */
#include "collector/sources/dpkg.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

enum {
    SMALL_FILE_BYTES = 64 * 1024,            /* one line, or some tens */
    COPYRIGHT_BYTES = 256 * 1024,            /* longer copyright files are not read ... */
    COPYRIGHT_BYTES_ALL = 256 * 1024 * 1024, /* ... nor more than this of all together */
};

struct host {
    const char *root;
    struct arena *arena;
    struct os_release os;
    const char *os_path; /* where it was read */
    struct draft draft;
    size_t copyright_left; /* bytes */
    int error;             /* sticky, of the licence reader */
};

/* The whole of a small file below the root; empty where there is none, or it is not for us. */
static int small_read(struct host *host, const char *name, struct bytes *ret_text)
{
    char path[FILE_PATH_SIZE];
    *ret_text = (struct bytes){ 0 };
    int n = snprintf(path, sizeof(path), "%s/%s", host->root, name);
    if (n < 0 || (size_t)n >= sizeof(path))
        return 0;
    int r = file_read(host->arena, path, SMALL_FILE_BYTES, ret_text, NULL);
    return r == -ENOMEM ? r : 0;
}

static int os_read(struct host *host)
{
    struct bytes text;
    host->os_path = "/etc/os-release";
    int r = small_read(host, "etc/os-release", &text);
    if (r == 0 && text.size == 0) {
        host->os_path = "/usr/lib/os-release";
        r = small_read(host, "usr/lib/os-release", &text);
    }
    return r < 0 ? r : os_release_read(text, host->arena, &host->os);
}

static int os_take(struct host *host, struct bytes arch, struct complaint *why)
{
    struct draft_item item;
    item_begin(&item, "%s", host->os_path);
    if (host->os.title.size == 0)
        return 0;
    item.row.fields.value[ROW_SOURCE] = BYTES_LIT(ROW_SOURCE_OS);
    item_text(&host->draft, &item, ROW_NAME, "PRETTY_NAME", host->os.title);
    item_text(&host->draft, &item, ROW_VENDOR, "ID", host->os.vendor);
    item_text(&host->draft, &item, ROW_VERSION, "VERSION_ID", host->os.version);
    item_text(&host->draft, &item, ROW_EDITION, "VARIANT", host->os.edition);
    item_text(&host->draft, &item, ROW_ARCH, "Architecture", arch);
    item_path(&host->draft, &item, "path", bytes_str(host->os_path));
    return draft_take(&host->draft, &item, why);
}

/* ---- licences ---- */

static struct bytes licence_read(void *ctx, const char *package)
{
    struct host *host = ctx;
    char path[FILE_PATH_SIZE];
    struct bytes text, licences = { 0 };
    struct arena_mark mark = arena_mark(host->arena);
    int n = snprintf(path, sizeof(path), "%s/usr/share/doc/%s/copyright", host->root, package);
    size_t cap = host->copyright_left < COPYRIGHT_BYTES ? host->copyright_left : COPYRIGHT_BYTES;
    if (host->error < 0 || n < 0 || (size_t)n >= sizeof(path))
        return licences;
    int r = file_read(host->arena, path, cap, &text, NULL);
    if (r == 0) {
        char kept[1024];
        host->copyright_left -= text.size;
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
        host->error = r;
    return r == 0 ? licences : (struct bytes){ 0 };
}

/* ---- facts ---- */

static int fact_read(struct host *host, enum facts_tag tag, const char *name)
{
    struct bytes text;
    int r = small_read(host, name, &text);
    if (r < 0)
        return r;
    bool is_number = tag == FACTS_SERIAL || tag == FACTS_ASSET;
    if (!is_number || !text_is_placeholder(text))
        draft_fact(&host->draft, tag, name, "", text);
    return 0;
}

/* SMBIOS chassis types (DMTF DSP0134, 7.4.1). */
static const char *kind_of_chassis(struct bytes type)
{
    static const struct {
        const char *types; /* " 3 4 " */
        const char *kind;
    } kinds[] = {
        { " 3 4 5 6 7 13 15 16 24 35 36 ", "desktop" },
        { " 8 9 10 11 12 14 30 31 32 ", "laptop" },
        { " 17 23 25 28 29 ", "server" },
    };
    char wanted[8];
    type = text_trim(type);
    if (type.size == 0 || type.size > 2)
        return NULL;
    (void)snprintf(wanted, sizeof(wanted), " %.*s ", (int)type.size, (const char *)type.data);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strstr(kinds[i].types, wanted) != NULL)
            return kinds[i].kind;
    return NULL;
}

/* Makers and models of machines that are not there. */
static bool is_virtual(struct bytes maker, struct bytes model)
{
    static const char *const signs[] = {
        "QEMU",  "VMware",    "VirtualBox", "KVM",           "Virtual Machine",      "Xen",
        "Bochs", "OpenStack", "Amazon EC2", "Alibaba Cloud", "Google Compute Engine"
    };
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        size_t size = strlen(signs[i]);
        if ((maker.size >= size && memmem(maker.data, maker.size, signs[i], size) != NULL) ||
            (model.size >= size && memmem(model.data, model.size, signs[i], size) != NULL))
            return true;
    }
    return false;
}

static int kind_take(struct host *host)
{
    struct bytes type;
    const struct bytes *facts = host->draft.facts.fields.value;
    int r = small_read(host, "sys/class/dmi/id/chassis_type", &type);
    if (r < 0)
        return r;
    const char *kind =
        is_virtual(facts[FACTS_MAKER], facts[FACTS_MODEL]) ? "virtual" : kind_of_chassis(type);
    draft_fact(&host->draft, FACTS_KIND, "sys/class/dmi/id/chassis_type", "", bytes_str(kind));
    return 0;
}

/* Network cards that have a device behind them; bridges, tunnels and containers' ends have none. */
static int macs_take(struct host *host)
{
    char path[FILE_PATH_SIZE];
    int n = snprintf(path, sizeof(path), "%s/sys/class/net", host->root);
    DIR *dir = n < 0 || (size_t)n >= sizeof(path) ? NULL : opendir(path);
    if (dir == NULL)
        return 0;
    int r = 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(dir)) != NULL;) {
        struct bytes text;
        n = snprintf(path, sizeof(path), "%s/sys/class/net/%s/device", host->root, entry->d_name);
        if (entry->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof(path) ||
            access(path, F_OK) != 0)
            continue;
        (void)snprintf(path, sizeof(path), "sys/class/net/%s/address", entry->d_name); /* shorter */
        r = small_read(host, path, &text);
        if (r == 0)
            r = draft_mac(&host->draft, text);
    }
    (void)closedir(dir); /* only read */
    return r;
}

static int facts_take(struct host *host, struct bytes arch)
{
    static const struct {
        enum facts_tag tag;
        const char *name;
    } files[] = {
        { FACTS_HOST, "etc/hostname" },
        { FACTS_DEVICE, "etc/machine-id" },
        { FACTS_SERIAL, "sys/class/dmi/id/product_serial" },
        { FACTS_UUID, "sys/class/dmi/id/product_uuid" },
        { FACTS_ASSET, "sys/class/dmi/id/chassis_asset_tag" },
        { FACTS_MAKER, "sys/class/dmi/id/sys_vendor" },
        { FACTS_MODEL, "sys/class/dmi/id/product_name" },
    };
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++)
        r = fact_read(host, files[i].tag, files[i].name);
    if (r == 0)
        r = kind_take(host);
    if (r == 0)
        r = macs_take(host);
    draft_fact(&host->draft, FACTS_OS_NAME, host->os_path, "PRETTY_NAME", host->os.title);
    draft_fact(&host->draft, FACTS_OS_VERSION, host->os_path, "VERSION_ID", host->os.version);
    draft_fact(&host->draft, FACTS_ARCH, "var/lib/dpkg/status", "Architecture", arch);
    return r;
}

/* What tells this computer from others. "uninitialized" stands in images that were never started. */
static struct bytes device_of(const struct host *host)
{
    const struct bytes *facts = host->draft.facts.fields.value;
    static const enum facts_tag order[] = { FACTS_DEVICE, FACTS_UUID, FACTS_HOST };
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (facts[order[i]].size > 0 && !text_is_word(facts[order[i]], "uninitialized"))
            return facts[order[i]];
    return (struct bytes){ 0 };
}

/* ---- all of it ---- */

static int status_read(struct host *host, struct bytes *ret_status, struct complaint *why)
{
    char path[FILE_PATH_SIZE];
    int n = snprintf(path, sizeof(path), "%s/var/lib/dpkg/status", host->root);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -ENAMETOOLONG;
    int r = file_read(host->arena, path, SOURCE_FILE_BYTES, ret_status, why);
    if (r == -ENOENT)
        return complain(why, r, "import an inventory of another tool instead",
                        "this computer does not keep its packages with dpkg");
    return r;
}

static int host_read(struct host *host, struct dpkg_context *context, struct complaint *why)
{
    struct bytes status;
    int r = status_read(host, &status, why);
    if (r == 0)
        r = os_read(host);
    if (r == 0)
        r = dpkg_status_read(status, context, why);
    if (r == 0)
        r = host->error;
    if (r == 0)
        r = os_take(host, context->arch, why);
    return r < 0 ? r : facts_take(host, context->arch);
}

static int host_hand_over(struct host *host, int64_t now_ms, struct complaint *why)
{
    struct inventory inventory = {
        .device = device_of(host),
        .place = "this computer",
        .scan_ms = now_ms,
        .source = "dpkg",
        .complete = true,
    };
    if (inventory.device.size == 0) {
        complaint_at(why, "/etc/machine-id");
        return complain(why, -EBADMSG, "run systemd-machine-id-setup",
                        "nothing tells this computer from others");
    }
    return draft_hand_over(&host->draft, &inventory);
}

int source_dpkg(const char *root, int64_t now_ms, struct arena *arena,
                const struct source_sink *sink, struct complaint *why)
{
    struct host host = {
        .root = root,
        .arena = arena,
        .draft = DRAFT_INIT(arena, sink),
        .copyright_left = COPYRIGHT_BYTES_ALL,
    };
    struct dpkg_context context = {
        .draft = &host.draft, .os = &host.os, .licence_ctx = &host, .licence = licence_read
    };
    int r = host_read(&host, &context, why);
    if (r == 0)
        r = host_hand_over(&host, now_ms, why);
    draft_done(&host.draft);
    return r;
}
