/* host.c - the computer that this runs on, or one that is mounted: what it says of itself, and its
 * sources one after another, as one inventory with a part for each. */
#include "collector/sources/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"

enum { HOST_PATH_SIZE = 320 }; /* of the paths built here: a name and some words */

/* ---- the system ---- */

static int os_read(struct host *host)
{
    struct bytes text;
    host->os_path = "/etc/os-release";
    int r = host_small(host, "etc/os-release", &text);
    if (r == 0 && text.size == 0) {
        host->os_path = "/usr/lib/os-release";
        r = host_small(host, "usr/lib/os-release", &text);
    }
    return r < 0 ? r : os_release_read(text, host->arena, &host->os);
}

static int os_take(struct host *host, struct draft *draft, struct complaint *why)
{
    struct draft_item item;
    item_begin(&item, "%s", host->os_path);
    if (host->os.title.size == 0)
        return 0;
    item.row.fields.value[ROW_SOURCE] = BYTES_LIT(ROW_SOURCE_OS);
    item_text(draft, &item, ROW_NAME, "PRETTY_NAME", host->os.title);
    item_text(draft, &item, ROW_VENDOR, "ID", host->os.vendor);
    item_text(draft, &item, ROW_VERSION, "VERSION_ID", host->os.version);
    item_text(draft, &item, ROW_EDITION, "VARIANT", host->os.edition);
    item_text(draft, &item, ROW_ARCH, "Architecture", host->arch);
    item_path(draft, &item, "path", bytes_str(host->os_path));
    return draft_take(draft, &item, why);
}

/* ---- facts ---- */

static int fact_read(struct host *host, struct draft *draft, enum facts_tag tag, const char *name)
{
    struct bytes text;
    int r = host_small(host, name, &text);
    if (r < 0)
        return r;
    bool is_number = tag == FACTS_SERIAL || tag == FACTS_ASSET;
    if (!is_number || !text_is_placeholder(text))
        draft_fact(draft, tag, name, "", text);
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

static int kind_take(struct host *host, struct draft *draft)
{
    struct bytes type;
    const struct bytes *facts = draft->facts.fields.value;
    int r = host_small(host, "sys/class/dmi/id/chassis_type", &type);
    if (r < 0)
        return r;
    const char *kind =
        is_virtual(facts[FACTS_MAKER], facts[FACTS_MODEL]) ? "virtual" : kind_of_chassis(type);
    draft_fact(draft, FACTS_KIND, "sys/class/dmi/id/chassis_type", "", bytes_str(kind));
    return 0;
}

/* Network cards that have a device behind them; bridges, tunnels and containers' ends have none. */
static int macs_take(struct host *host, struct draft *draft)
{
    struct host_names cards;
    int r = host_names(host, "sys/class/net", &cards);
    for (size_t i = 0; i < cards.count && r != -ENOMEM; i++) {
        char path[HOST_PATH_SIZE];
        unsigned type;
        struct bytes text;
        (void)snprintf(path, sizeof(path), "sys/class/net/%s/device", cards.name[i]); /* it fits */
        if (cards.name[i][0] == '.' || host_type(host, path, &type) < 0)
            continue;
        (void)snprintf(path, sizeof(path), "sys/class/net/%s/address", cards.name[i]);
        r = host_small(host, path, &text);
        if (r == 0)
            r = draft_mac(draft, text);
    }
    return r == -ENOMEM ? r : 0;
}

static int facts_take(struct host *host, struct draft *draft)
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
        r = fact_read(host, draft, files[i].tag, files[i].name);
    if (r == 0)
        r = kind_take(host, draft);
    if (r == 0)
        r = macs_take(host, draft);
    draft_fact(draft, FACTS_OS_NAME, host->os_path, "PRETTY_NAME", host->os.title);
    draft_fact(draft, FACTS_OS_VERSION, host->os_path, "VERSION_ID", host->os.version);
    draft_fact(draft, FACTS_ARCH, host->arch_place, "Architecture", host->arch);
    return r;
}

/* What tells this computer from others. "uninitialized" stands in images that were never started. */
static struct bytes device_of(const struct draft *draft)
{
    const struct bytes *facts = draft->facts.fields.value;
    static const enum facts_tag order[] = { FACTS_DEVICE, FACTS_UUID, FACTS_HOST };
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (facts[order[i]].size > 0 && !text_is_word(facts[order[i]], "uninitialized"))
            return facts[order[i]];
    return (struct bytes){ 0 };
}

/* ---- its sources ---- */

bool host_knows_owned(const struct host *host, const struct draft *draft, const char *place)
{
    struct complaint why = { 0 };
    if (!host->owned.is_partial)
        return true;
    complaint_at(&why, "%s", place);
    (void)complain(&why, 0, "repair the database of packages and scan again",
                   "not looked at: which files belong to packages cannot be told");
    sink_tell(draft->sink, false, &why);
    return false;
}

/* Packages first: what they own, the others leave to them. */
static const struct host_source *const sources[] = { &host_dpkg, &host_rpm, &host_desktop,
                                                     &host_opt };

enum { PACKAGE_SOURCES = 2, SOURCES = ARRAY_LEN(sources) };

struct scan {
    struct host host;
    struct draft draft[SOURCES];
    struct inventory part[SOURCES]; /* of the sources that are there, in their order */
    size_t parts;
};

/* What a source of packages cannot read is told, where another one describes the computer: it costs
 * that source. */
static int failure_take(struct scan *scan, struct draft *draft, const struct host_source *source,
                        int r, const struct complaint *why)
{
    struct complaint told = *why;
    if (r == -ENOMEM || scan->parts == 0)
        return r;
    complaint_at(&told, "%s%s%s", source->name, why->place[0] != '\0' ? ": " : "", why->place);
    if (why->what[0] == '\0')
        (void)complain(&told, 0, "check that this user may read it", "cannot be read: %s",
                       strerror(-r));
    sink_tell(draft->sink, true, &told);
    return 0;
}

static int source_take(struct scan *scan, size_t i, struct complaint *why)
{
    struct host *host = &scan->host;
    struct draft *draft = &scan->draft[i];
    struct complaint fault = { 0 };
    bool is_complete = true;
    int r = sources[i]->read(host, draft, &is_complete, &fault);
    if (r == -ENOENT && fault.what[0] == '\0')
        return 0;
    if (r < 0) {
        host->owned.is_partial = true;
        is_complete = false;
        r = failure_take(scan, draft, sources[i], r, &fault);
        if (r < 0) {
            *why = fault;
            return r;
        }
    }
    if (scan->parts == 0)
        r = os_take(host, draft, why);
    if (r < 0)
        return r;
    if (scan->parts > 0)
        scan->part[scan->parts - 1].next = &scan->part[scan->parts];
    scan->part[scan->parts++] = (struct inventory){
        .source = sources[i]->name,
        .complete = is_complete && draft->lost == 0,
        .rows = draft->rows,
        .evidence = draft->evidence,
        .row_count = draft->count,
    };
    return 0;
}

static int hand_over(struct scan *scan, struct draft *draft, int64_t now_ms, struct complaint *why)
{
    int r = facts_take(&scan->host, draft);
    if (r < 0)
        return r;
    struct inventory inventory = scan->part[0];
    inventory.device = device_of(draft);
    inventory.place = "this computer";
    inventory.scan_ms = now_ms;
    if (inventory.device.size == 0) {
        complaint_at(why, "/etc/machine-id");
        return complain(why, -EBADMSG, "run systemd-machine-id-setup",
                        "nothing tells this computer from others");
    }
    return draft_hand_over(draft, &inventory);
}

static int scan_run(struct scan *scan, int64_t now_ms, struct complaint *why)
{
    struct draft *first = NULL; /* it carries the facts */
    int r = os_read(&scan->host);
    for (size_t i = 0; r == 0 && i < SOURCES; i++) {
        if (i == PACKAGE_SOURCES)
            r = owned_seal(&scan->host.owned);
        if (r == 0 && i == PACKAGE_SOURCES && scan->parts == 0)
            return complain(why, -ENOENT, "import an inventory of another tool instead",
                            "this computer keeps its packages with neither dpkg nor rpm");
        if (r == 0)
            r = source_take(scan, i, why);
        if (first == NULL && scan->parts > 0)
            first = &scan->draft[i];
    }
    return r < 0 ? r : hand_over(scan, first, now_ms, why);
}

int source_host(const char *root, int64_t now_ms, struct arena *arena,
                const struct source_sink *sink, struct complaint *why)
{
    const char *top = root[0] == '\0' ? "/" : root;
    CLEANUP(close_fdp) int root_fd = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        int r = -errno;
        complaint_at(why, "%s", top);
        return complain(why, r, "name the folder where the system is mounted",
                        "cannot be opened as a folder: %s", strerror(-r));
    }
    struct scan scan = { .host = { .root_fd = root_fd,
                                   .is_whole = strcmp(top, "/") == 0,
                                   .arena = arena,
                                   .owned = OWNED_INIT } };
    for (size_t i = 0; i < SOURCES; i++)
        scan.draft[i] = DRAFT_INIT(arena, sink);
    int r = scan_run(&scan, now_ms, why);
    for (size_t i = 0; i < SOURCES; i++)
        draft_done(&scan.draft[i]);
    owned_done(&scan.host.owned);
    return r;
}
