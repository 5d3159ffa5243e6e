/* glpi.c - what the sections of an inventory mean. Names after GLPI's inventory.schema.json and the
 * XML of FusionInventory and OCS agents. */
#include "collector/sources/glpi.h"

#include <errno.h>

#include "base/civil.h"
#include "base/cleanup.h"

static const struct {
    const char *name;
    bool is_list;
} sections[GLPI_SECTIONS] = {
    [GLPI_NONE] = { "", false },
    [GLPI_SOFTWARES] = { "softwares", true },
    [GLPI_ANTIVIRUS] = { "antivirus", true },
    [GLPI_LICENSEINFOS] = { "licenseinfos", true },
    [GLPI_NETWORKS] = { "networks", true },
    [GLPI_OPERATINGSYSTEM] = { "operatingsystem", false },
    [GLPI_HARDWARE] = { "hardware", false },
    [GLPI_BIOS] = { "bios", false },
    [GLPI_ACCESSLOG] = { "accesslog", false },
};

/* The first name of an entry is the one that complaints use. */
static const struct {
    enum glpi_section section;
    enum glpi_entry entry;
    const char *name;
} entries[] = {
    { GLPI_SOFTWARES, GLPI_NAME, "name" },
    { GLPI_SOFTWARES, GLPI_VENDOR, "publisher" },
    { GLPI_SOFTWARES, GLPI_VERSION, "version" },
    { GLPI_SOFTWARES, GLPI_ARCH, "arch" },
    { GLPI_SOFTWARES, GLPI_ARCH, "architecture" }, /* ocsinventory-agent */
    { GLPI_SOFTWARES, GLPI_FROM, "from" },
    { GLPI_SOFTWARES, GLPI_GUID, "guid" },
    { GLPI_SOFTWARES, GLPI_DATE, "install_date" },
    { GLPI_SOFTWARES, GLPI_DATE, "installdate" },
    { GLPI_SOFTWARES, GLPI_FOLDER, "folder" },
    { GLPI_SOFTWARES, GLPI_USER, "username" },
    { GLPI_SOFTWARES, GLPI_EDITION, "edition" },
    { GLPI_SOFTWARES, GLPI_CHANNEL, "channel" },
    { GLPI_SOFTWARES, GLPI_LICENCE, "licence" },
    { GLPI_SOFTWARES, GLPI_LICENCE, "license" },
    { GLPI_ANTIVIRUS, GLPI_NAME, "name" },
    { GLPI_ANTIVIRUS, GLPI_VENDOR, "company" },
    { GLPI_ANTIVIRUS, GLPI_VERSION, "version" },
    { GLPI_LICENSEINFOS, GLPI_NAME, "name" },
    { GLPI_LICENSEINFOS, GLPI_FULL_NAME, "fullname" },
    { GLPI_LICENSEINFOS, GLPI_KEY, "key" },
    { GLPI_LICENSEINFOS, GLPI_TRIAL, "trial" },
    { GLPI_NETWORKS, GLPI_MAC, "mac" },
    { GLPI_NETWORKS, GLPI_MAC, "macaddr" },
    { GLPI_NETWORKS, GLPI_VIRTUAL, "virtualdev" },
    { GLPI_OPERATINGSYSTEM, GLPI_NAME, "name" },
    { GLPI_OPERATINGSYSTEM, GLPI_FULL_NAME, "full_name" },
    { GLPI_OPERATINGSYSTEM, GLPI_VERSION, "version" },
    { GLPI_OPERATINGSYSTEM, GLPI_ARCH, "arch" },
    { GLPI_OPERATINGSYSTEM, GLPI_DATE, "install_date" },
    { GLPI_OPERATINGSYSTEM, GLPI_KERNEL, "kernel_name" },
    { GLPI_OPERATINGSYSTEM, GLPI_ZONE, "timezone.offset" },
    { GLPI_HARDWARE, GLPI_NAME, "name" },
    { GLPI_HARDWARE, GLPI_UUID, "uuid" },
    { GLPI_HARDWARE, GLPI_USER, "lastloggeduser" },
    { GLPI_HARDWARE, GLPI_USER, "userid" },
    { GLPI_HARDWARE, GLPI_CHASSIS, "chassis_type" },
    { GLPI_HARDWARE, GLPI_MACHINE, "vmsystem" },
    { GLPI_HARDWARE, GLPI_FULL_NAME, "osname" },
    { GLPI_HARDWARE, GLPI_VERSION, "osversion" },
    { GLPI_HARDWARE, GLPI_KEY, "winprodkey" },
    { GLPI_BIOS, GLPI_SERIAL, "ssn" },
    { GLPI_BIOS, GLPI_VENDOR, "smanufacturer" },
    { GLPI_BIOS, GLPI_MODEL, "smodel" },
    { GLPI_BIOS, GLPI_ASSET, "assettag" },
    { GLPI_ACCESSLOG, GLPI_DATE, "logdate" },
    { GLPI_ACCESSLOG, GLPI_USER, "userid" },
};

/* Where an agent says it read a package, as a row calls it. Others are lists like any other. */
static const struct {
    const char *from;
    const char *source;
} places[] = {
    { "registry", ROW_SOURCE_ARP },
    { "registry32", ROW_SOURCE_ARP },
    { "wmi", ROW_SOURCE_ARP },
    { "deb", ROW_SOURCE_DPKG },
    { "dpkg", ROW_SOURCE_DPKG },
    { "rpm", ROW_SOURCE_RPM },
    { "snap", "snap" },
    { "flatpak", "flatpak" },
    { "pacman", "pacman" },
    { "nix", "nix" },
    { "apk", "apk" },
    { "android", "android" },
};

/* Stands in rows whose agent does not say where it read them, until the system is known. Its address
 * tells them apart. */
static const char from_nowhere[] = ROW_SOURCE_LIST;

struct glpi glpi_on(struct arena *arena, const struct source_sink *sink, struct complaint *why)
{
    return (struct glpi){ .draft = DRAFT_INIT(arena, sink), .why = why };
}

void glpi_done(struct glpi *glpi)
{
    draft_done(&glpi->draft);
}

enum glpi_section glpi_section_of(struct bytes name)
{
    for (unsigned i = GLPI_NONE + 1; i < GLPI_SECTIONS; i++)
        if (text_is_word(name, sections[i].name))
            return (enum glpi_section)i;
    return GLPI_NONE;
}

bool glpi_section_is_list(enum glpi_section section)
{
    return sections[section].is_list;
}

enum glpi_entry glpi_entry_of(enum glpi_section section, struct bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        if (entries[i].section == section && text_is_word(name, entries[i].name))
            return entries[i].entry;
    return GLPI_UNKNOWN;
}

static const char *entry_name(enum glpi_section section, enum glpi_entry entry)
{
    for (size_t i = 0; i < ARRAY_LEN(entries); i++)
        if (entries[i].section == section && entries[i].entry == entry)
            return entries[i].name;
    return "";
}

/* ---- rows ---- */

static void item_on(struct glpi *glpi, struct draft_item *item, enum glpi_section section)
{
    if (sections[section].is_list)
        item_begin(item, "%s %zu", sections[section].name, glpi->number[section]);
    else
        item_begin(item, "%s", sections[section].name);
}

void glpi_refuse(struct glpi *glpi, enum glpi_section section, const char *field, const char *what,
                 const char *remedy)
{
    struct draft_item item;
    glpi->number[section]++;
    item_on(glpi, &item, section);
    item_refuse(&glpi->draft, &item, field, remedy, what);
    glpi->draft.lost++;
}

/* Sets those fields of the row that have an entry of their own. */
static void item_entries(struct glpi *glpi, struct draft_item *item,
                         const struct glpi_element *element)
{
    static const struct {
        enum glpi_entry entry;
        enum row_tag tag;
    } plain[] = {
        { GLPI_NAME, ROW_NAME },       { GLPI_FULL_NAME, ROW_NAME },  { GLPI_VENDOR, ROW_VENDOR },
        { GLPI_VERSION, ROW_VERSION }, { GLPI_ARCH, ROW_ARCH },       { GLPI_EDITION, ROW_EDITION },
        { GLPI_CHANNEL, ROW_CHANNEL }, { GLPI_LICENCE, ROW_LICENCE },
    };
    for (size_t i = 0; i < ARRAY_LEN(plain); i++)
        item_text(&glpi->draft, item, plain[i].tag, entry_name(element->section, plain[i].entry),
                  element->value[plain[i].entry]);
}

static void item_source(struct draft_item *item, const char *source)
{
    item->row.fields.value[ROW_SOURCE] = bytes_str(source);
}

/* {8-4-4-4-12 hexadecimal digits}. */
static bool is_guid(struct bytes text)
{
    static const char form[] = "{########-####-####-####-############}";
    if (text.size != sizeof(form) - 1)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool is_hex = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
        if (form[i] == '#' ? !is_hex : c != (uint8_t)form[i])
            return false;
    }
    return true;
}

/* A product code is a GUID in upper case; any other name of an uninstall key is just that. */
static int item_guid(struct glpi *glpi, struct draft_item *item, struct bytes guid)
{
    guid = text_trim(guid);
    if (!is_guid(guid))
        return item_identifier(&glpi->draft, item, ROW_ID_ARP_KEY, "guid", guid);
    char upper[64];
    for (size_t i = 0; i < guid.size; i++)
        upper[i] =
            (char)(guid.data[i] >= 'a' && guid.data[i] <= 'f' ? guid.data[i] - 0x20 : guid.data[i]);
    return item_identifier(&glpi->draft, item, ROW_ID_PRODUCT_CODE, "guid",
                           bytes_of(upper, guid.size));
}

/* "dpkg/bash" of bash or, as one agent writes packages of a second architecture, bash:amd64. */
static int item_package(struct glpi *glpi, struct draft_item *item, const char *manager)
{
    struct bytes name = item->row.fields.value[ROW_NAME];
    if (name.size == 0)
        return 0;
    const uint8_t *colon = memchr(name.data, ':', name.size);
    int size = (int)(colon == NULL ? name.size : (size_t)(colon - name.data));
    char *package =
        arena_printf(glpi->draft.arena, "%s/%.*s", manager, size, (const char *)name.data);
    if (package == NULL)
        return -ENOMEM;
    return item_identifier(&glpi->draft, item, ROW_ID_PACKAGE, "name", bytes_str(package));
}

/* The last five characters of a product key of five groups, and nothing else of it. */
static int item_partial_key(struct glpi *glpi, struct draft_item *item, struct bytes key)
{
    key = text_trim(key);
    if (key.size != 29 || key.data[23] != '-')
        return 0;
    return item_identifier(&glpi->draft, item, ROW_ID_PARTIAL_KEY, "key",
                           bytes_of(key.data + 24, 5));
}

static const char *source_of(struct bytes from)
{
    if (text_trim(from).size == 0)
        return from_nowhere;
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (text_is_word(from, places[i].from))
            return places[i].source;
    return ROW_SOURCE_LIST;
}

static int take_named(struct glpi *glpi, struct draft_item *item)
{
    if (item->row.fields.value[ROW_NAME].size == 0)
        item_refuse(&glpi->draft, item, "name", "give the item a name", "missing or empty");
    return draft_take(&glpi->draft, item, glpi->why);
}

static int take_software(struct glpi *glpi, const struct glpi_element *element)
{
    struct draft *draft = &glpi->draft;
    struct draft_item item;
    item_on(glpi, &item, element->section);
    item_entries(glpi, &item, element);
    const char *source = source_of(element->value[GLPI_FROM]);
    item_source(&item, source);
    bool is_dpkg = strcmp(source, ROW_SOURCE_DPKG) == 0,
         is_rpm = strcmp(source, ROW_SOURCE_RPM) == 0;
    int r = is_dpkg || is_rpm ? item_package(glpi, &item, source) : 0;
    if (r == 0)
        r = item_guid(glpi, &item, element->value[GLPI_GUID]);
    /* These agents write the day first where they do not write an ISO date. */
    if (r == 0)
        r = item_installed(draft, &item, "install_date", element->value[GLPI_DATE], true);
    if (r == 0)
        r = item_user(draft, &item, "username", element->value[GLPI_USER]);
    item_path(draft, &item, "folder", element->value[GLPI_FOLDER]);
    return r < 0 ? r : take_named(glpi, &item);
}

static int take_antivirus(struct glpi *glpi, const struct glpi_element *element)
{
    struct draft_item item;
    item_on(glpi, &item, element->section);
    item_entries(glpi, &item, element);
    item_source(&item, "antivirus");
    return take_named(glpi, &item);
}

/* A product and the end of the key that it was activated with. */
static int take_licence(struct glpi *glpi, const struct glpi_element *element)
{
    struct draft_item item;
    item_on(glpi, &item, element->section);
    item_entries(glpi, &item, element);
    item_source(&item, ROW_SOURCE_ACTIVATION);
    if (text_is_word(element->value[GLPI_TRIAL], "1"))
        item_text(&glpi->draft, &item, ROW_CHANNEL, "trial", bytes_str("Trial"));
    int r = item_partial_key(glpi, &item, element->value[GLPI_KEY]);
    return r < 0 ? r : take_named(glpi, &item);
}

/* ---- facts ---- */

static void fact(struct glpi *glpi, enum facts_tag tag, const struct glpi_element *element,
                 enum glpi_entry entry)
{
    draft_fact(&glpi->draft, tag, sections[element->section].name,
               entry_name(element->section, entry), element->value[entry]);
}

static void take_hardware(struct glpi *glpi, const struct glpi_element *element)
{
    struct bytes machine = text_trim(element->value[GLPI_MACHINE]);
    const char *kind = machine.size > 0 && !text_is_word(machine, "physical")
                           ? "virtual"
                           : kind_of(element->value[GLPI_CHASSIS]);
    fact(glpi, FACTS_HOST, element, GLPI_NAME);
    fact(glpi, FACTS_UUID, element, GLPI_UUID);
    fact(glpi, FACTS_USER, element, GLPI_USER);
    draft_fact(&glpi->draft, FACTS_KIND, "hardware", "chassis_type", bytes_str(kind));
    glpi->hardware = *element;
}

static void take_bios(struct glpi *glpi, const struct glpi_element *element)
{
    if (!text_is_placeholder(element->value[GLPI_SERIAL]))
        fact(glpi, FACTS_SERIAL, element, GLPI_SERIAL);
    if (!text_is_placeholder(element->value[GLPI_ASSET]))
        fact(glpi, FACTS_ASSET, element, GLPI_ASSET);
    fact(glpi, FACTS_MAKER, element, GLPI_VENDOR);
    fact(glpi, FACTS_MODEL, element, GLPI_MODEL);
}

int glpi_take(struct glpi *glpi, const struct glpi_element *element)
{
    glpi->number[element->section]++;
    switch (element->section) {
    case GLPI_SOFTWARES:
        return take_software(glpi, element);
    case GLPI_ANTIVIRUS:
        return take_antivirus(glpi, element);
    case GLPI_LICENSEINFOS:
        return take_licence(glpi, element);
    case GLPI_NETWORKS:
        if (text_is_word(element->value[GLPI_VIRTUAL], "1"))
            return 0;
        return draft_mac(&glpi->draft, element->value[GLPI_MAC]);
    case GLPI_OPERATINGSYSTEM:
        glpi->os = *element;
        return 0;
    case GLPI_HARDWARE:
        take_hardware(glpi, element);
        return 0;
    case GLPI_BIOS:
        take_bios(glpi, element);
        return 0;
    case GLPI_ACCESSLOG:
        glpi->logged = element->value[GLPI_DATE];
        return 0;
    case GLPI_NONE:
    case GLPI_SECTIONS:
        break;
    }
    return 0;
}

/* ---- at the end ---- */

static bool has_os(const struct glpi *glpi)
{
    return text_trim(glpi->os.value[GLPI_NAME]).size > 0 ||
           text_trim(glpi->os.value[GLPI_FULL_NAME]).size > 0;
}

/* Newer agents describe the system in a section of its own, older ones beside the hardware. */
static int take_os(struct glpi *glpi)
{
    const struct glpi_element *from = has_os(glpi) ? &glpi->os : &glpi->hardware;
    struct glpi_element element = *from;
    if (from == &glpi->hardware)
        element.value[GLPI_NAME] = (struct bytes){ 0 }; /* of the computer */
    struct draft_item item;
    item_on(glpi, &item, element.section);
    item_entries(glpi, &item, &element);
    item_source(&item, ROW_SOURCE_OS);
    if (item.row.fields.value[ROW_NAME].size == 0 && !item.refused)
        return 0;
    bool is_full = text_trim(element.value[GLPI_FULL_NAME]).size > 0;
    fact(glpi, FACTS_OS_NAME, &element, is_full ? GLPI_FULL_NAME : GLPI_NAME);
    fact(glpi, FACTS_OS_VERSION, &element, GLPI_VERSION);
    fact(glpi, FACTS_ARCH, &element, GLPI_ARCH);
    int r = item_partial_key(glpi, &item, glpi->hardware.value[GLPI_KEY]);
    if (r == 0)
        r = item_installed(&glpi->draft, &item, "install_date", element.value[GLPI_DATE], true);
    return r < 0 ? r : draft_take(&glpi->draft, &item, glpi->why);
}

/* Agents on macOS and old ones on Windows do not say where they read a program: there is one place. */
static void sources_settle(struct glpi *glpi)
{
    struct bytes kernel = glpi->os.value[GLPI_KERNEL];
    const char *source = text_is_word(kernel, "darwin")    ? ROW_SOURCE_APP
                         : text_is_word(kernel, "win32")   ? ROW_SOURCE_ARP
                         : text_is_word(kernel, "mswin32") ? ROW_SOURCE_ARP
                                                           : ROW_SOURCE_LIST;
    for (size_t i = 0; i < glpi->draft.count; i++) {
        struct bytes *value = &glpi->draft.rows[i].fields.value[ROW_SOURCE];
        if (value->data == (const uint8_t *)from_nowhere)
            *value = bytes_str(source);
    }
}

/* The log's date stands on the computer's own clock; without its zone it is taken for UTC+8. */
static int scan_time(struct glpi *glpi, int64_t *ret_ms)
{
    struct bytes logged = text_trim(glpi->logged), zone = text_trim(glpi->os.value[GLPI_ZONE]);
    *ret_ms = 0;
    if (logged.size == 0)
        return 0;
    int64_t ms;
    if (logged.size <= 64 && zone.size > 0 && zone.size <= 16) {
        char *zoned =
            arena_printf(glpi->draft.arena, "%.*s%.*s", (int)logged.size, (const char *)logged.data,
                         (int)zone.size, (const char *)zone.data);
        if (zoned == NULL)
            return -ENOMEM;
        if (civil_parse_instant(bytes_str(zoned), &ms) == 0) {
            *ret_ms = ms;
            return 0;
        }
    }
    if (instant_parse(logged, &ms)) {
        *ret_ms = ms;
        return 0;
    }
    struct complaint why = { 0 };
    complaint_at(&why, "accesslog, logdate");
    (void)complain(&why, 0, "write it as 2026-09-07 09:00:00",
                   "no time that can be told; the inventory counts as made when it is read");
    sink_tell(glpi->draft.sink, false, &why);
    return 0;
}

static int device_check(struct glpi *glpi, struct bytes device)
{
    const char *remedy = "";
    complaint_at(glpi->why, "deviceid");
    if (device.size == 0)
        return complain(glpi->why, -EBADMSG, "give the agent's id of the computer",
                        "missing or empty: whose inventory this is cannot be told");
    const char *fault = text_fault(device, &remedy);
    return fault == NULL ? 0 : complain(glpi->why, -EBADMSG, remedy, "%s", fault);
}

int glpi_hand_over(struct glpi *glpi, const struct glpi_envelope *envelope)
{
    struct inventory inventory = {
        .device = text_trim(envelope->device),
        .place = "deviceid",
        .source = "glpi",
        /* No computer has no software: then it was not looked for, or that failed. */
        .complete = !envelope->partial && glpi->number[GLPI_SOFTWARES] > 0,
    };
    int r = device_check(glpi, inventory.device);
    if (r == 0)
        r = take_os(glpi);
    if (r == 0)
        r = scan_time(glpi, &inventory.scan_ms);
    if (r < 0)
        return r;
    sources_settle(glpi);
    draft_fact(&glpi->draft, FACTS_DEVICE, "deviceid", "", inventory.device);
    return draft_hand_over(&glpi->draft, &inventory);
}
