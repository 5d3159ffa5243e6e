/* test_dpkg.c - a host in a folder, hostile paragraphs, and the packages of a real Debian. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "base/file.h"
#include "collector/sources/dpkg.h"
#include "tests/lib/tmpdir.h"
#include "tests/unit/collector/source_fixture.h"

static void put(const char *root, const char *file, const char *text)
{
    char path[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
    cr_assert(eq(int, path_join(path, sizeof(path), root, file), 0));
    strcpy(folder, path);
    *strrchr(folder, '/') = '\0';
    cr_assert(eq(int, file_make_dirs(folder, 0700), 0));
    cr_assert(eq(int, file_write_atomic(path, bytes_str(text), 0600), 0));
}

static const char two_packages[] =
    "Package: dpkg\nStatus: install ok installed\nMaintainer: Dpkg Developers <dpkg@debian.org>\n"
    "Architecture: amd64\nVersion: 1.21.22\nDescription: package manager\n long text: with colon\n"
    " .\n"
    "\n"
    "Package: g++-12\nStatus: install ok installed\nMaintainer: \"A, Team\" <x@y>\n"
    "Architecture: amd64\nVersion: 1:12.2.0-14+deb~1\n"
    "\n"
    "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    "\n"
    "Package: editor\nStatus: install ok installed\nMaintainer: <e@z>\nVendor: Example Ltd\n"
    "License: Proprietary\nArchitecture: all\nVersion: 2\n"
    "\n"
    "Package: ubuntu-thing\nStatus: install ok triggers-pending\nOrigin: Ubuntu\n"
    "Maintainer: Ubuntu Developers <u@ubuntu.com>\nArchitecture: all\nVersion: 3\n\n";

static struct reading *host_read(const char *root)
{
    struct reading *reading = reading_new();
    struct source_sink sink = reading_sink(reading);
    reading->result = source_host(root, 1788742200000, reading->arena, &sink, &reading->why);
    return reading;
}

static void host_make(const char *root)
{
    put(root, "var/lib/dpkg/status", two_packages);
    put(root, "var/lib/dpkg/info/dpkg.list", "/.\n/usr/bin/dpkg\n");
    put(root, "etc/os-release",
        "PRETTY_NAME=\"UnionTech OS Desktop 20 Pro\"\nNAME=\"uos\"\n"
        "VERSION_ID=\"20\"\nID=uos\nBROKEN=\"x\n#\n");
    put(root, "etc/hostname", "hx-01\n");
    put(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    put(root, "sys/class/dmi/id/sys_vendor", "Lenovo\n");
    put(root, "sys/class/dmi/id/product_serial", "To Be Filled By O.E.M.\n");
    put(root, "sys/class/dmi/id/chassis_type", "10\n");
    put(root, "sys/class/net/eth0/address", "3c:52:82:00:00:01\n");
    put(root, "sys/class/net/eth0/device/x", "");
    put(root, "sys/class/net/docker0/address", "02:42:00:00:00:01\n");
    put(root, "usr/share/doc/dpkg/copyright",
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
        "Files: *\nLicense: GPL-2+\n text\n\nFiles: a\nlicense: MIT\n\nLicense: GPL-2+\n");
    put(root, "usr/share/doc/g++-12/copyright", "This is prose.\nLicense: not DEP-5\n");
}

Test(dpkg, reads_packages_system_and_machine_below_a_root)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    cr_assert(ne(ptr, dir, NULL));
    host_make(dir->path);
    CLEANUP(reading_freep) struct reading *reading = host_read(dir->path);
    cr_assert(eq(int, reading->result, 0), "%s: %s", reading->why.place, reading->why.what);
    cr_assert(eq(str, (char *)reading_text(reading),
                 "computer 0123456789abcdef0123456789abcdef unit - source dpkg complete scan "
                 "1788742200000\n"
                 "fact device=0123456789abcdef0123456789abcdef\n"
                 "fact host=hx-01\n"
                 "fact os name=UnionTech OS Desktop 20 Pro\n"
                 "fact os version=20\n"
                 "fact maker=Lenovo\n"
                 "fact kind=laptop\n"
                 "fact architecture=amd64\n"
                 "fact mac=3c:52:82:00:00:01\n"
                 "row source=dpkg; name=dpkg; vendor=Dpkg Developers; version=1.21.22; "
                 "architecture=amd64; origin=UnionTech; licence=GPL-2+, MIT; "
                 "identifier=package:dpkg/dpkg; "
                 "identifier=purl:pkg:deb/uos/dpkg@1.21.22?arch=amd64;\n"
                 "row source=dpkg; name=g++-12; vendor=A, Team; version=1:12.2.0-14+deb~1; "
                 "architecture=amd64; origin=UnionTech; identifier=package:dpkg/g++-12; "
                 "identifier=purl:pkg:deb/uos/g%2B%2B-12@1%3A12.2.0-14%2Bdeb~1?arch=amd64;\n"
                 "row source=dpkg; name=editor; vendor=Example Ltd; version=2; architecture=all; "
                 "origin=Example Ltd; identifier=package:dpkg/editor; "
                 "identifier=purl:pkg:deb/uos/editor@2?arch=all;\n"
                 "row source=dpkg; name=ubuntu-thing; vendor=Ubuntu Developers; version=3; "
                 "architecture=all; origin=Ubuntu; identifier=package:dpkg/ubuntu-thing; "
                 "identifier=purl:pkg:deb/uos/ubuntu-thing@3?arch=all;\n"
                 "row source=os; name=UnionTech OS Desktop 20 Pro; vendor=UnionTech; version=20; "
                 "architecture=amd64; @ /etc/os-release |  | \n"
                 "source desktop complete\n"
                 "source opt complete\n"));
}

Test(dpkg, says_when_there_is_no_dpkg_and_when_nothing_tells_computers_apart)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(reading_freep) struct reading *none = host_read(dir->path);
    cr_assert(eq(int, none->result, -ENOENT));
    cr_assert(strstr(none->why.what, "dpkg") != NULL);
    put(dir->path, "var/lib/dpkg/status", two_packages);
    CLEANUP(reading_freep) struct reading *nameless = host_read(dir->path);
    cr_assert(eq(int, nameless->result, -EBADMSG));
    put(dir->path, "etc/machine-id", "uninitialized\n");
    put(dir->path, "etc/hostname", "h\n");
    CLEANUP(reading_freep) struct reading *named = host_read(dir->path);
    cr_assert(reading_has(named, "computer h unit - source dpkg complete scan 1788742200000"));
    put(dir->path, "var/lib/dpkg/status", "nonsense\n");
    CLEANUP(reading_freep) struct reading *nonsense = host_read(dir->path);
    cr_assert(eq(int, nonsense->result, -EBADMSG));
    cr_assert(eq(sz, nonsense->computers, 0));
}

/* The rows of a status text, handed over as a computer of Debian. */
static struct reading *status_read(struct bytes status)
{
    static const struct os_release debian = { .id = { (const uint8_t *)"debian", 6 },
                                              .origin = { (const uint8_t *)"Debian", 6 } };
    struct reading *reading = reading_new();
    struct source_sink sink = reading_sink(reading);
    struct draft draft = DRAFT_INIT(reading->arena, &sink);
    struct dpkg_context context = { .draft = &draft, .os = &debian };
    struct inventory inventory = {
        .device = BYTES_LIT("d"), .place = "p", .source = "dpkg", .complete = true
    };
    reading->result = dpkg_status_read(status, &context, &reading->why);
    if (reading->result == 0)
        reading->result = draft_hand_over(&draft, &inventory);
    draft_done(&draft);
    return reading;
}

Test(dpkg, loses_only_the_packages_whose_paragraphs_are_broken)
{
    static const char hostile[] =
        "Package: a\nStatus: install ok installed\nVersion: 1\n\n"
        " starts with a blank\nPackage: b\n\n"
        "Package: c\nStatus: install ok installed\nno colon\nVersion: 1\n\n"
        "Package: ../../etc/x\nStatus: install ok installed\nVersion: 1\n\n"
        "Package: d\nStatus: install ok installed\nVersion: 1\0x\n\n"
        "Package: e\nStatus: install ok installed\nVersion: \xFF\n\n"
        "Package: f\nStatus: install ok installed\n\n"
        "Package: g\nVersion: 1\n\n\n\n"
        "Package: h\nStatus: install ok installed\nVersion: 1\n\n"
        "Package: i\nStatus: install ok installed\nVersion: 1.2";
    CLEANUP(reading_freep)
    struct reading *reading = status_read(bytes_of(hostile, sizeof(hostile) - 1));
    cr_assert(eq(int, reading->result, 0));
    cr_assert(eq(sz, reading->rejected, 8), "%s", reading_text(reading));
    cr_assert(eq(sz, reading->rows, 2), "%s", reading_text(reading));
    cr_assert(reading_has(reading, "computer d unit - source dpkg incomplete scan 0"));
    cr_assert(reading_has(reading, "rejected paragraph at line 13: Package is missing or no "
                                   "package's name"));
    cr_assert(reading_has(reading, "rejected paragraph at line 37: the file ends within this "
                                   "paragraph"),
              "%s", reading_text(reading));
}

Test(dpkg, takes_a_huge_description_and_refuses_a_huge_version)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(4 << 20);
    buf_put_str(&text, "Package: a\nStatus: install ok installed\nVersion: 1\nDescription: ");
    memset(buf_reserve(&text, 1 << 20), 'x', 1 << 20);
    buf_put_str(&text, "\n\nPackage: b\nStatus: install ok installed\nVersion: ");
    memset(buf_reserve(&text, 1 << 20), '1', 1 << 20);
    buf_put_str(&text, "\n\n");
    CLEANUP(reading_freep) struct reading *reading = status_read(buf_bytes(&text));
    cr_assert(eq(int, reading->result, 0));
    cr_assert(eq(sz, reading->rows, 1));
    cr_assert(reading_has(reading, "rejected paragraph at line 6, Version: longer than 1024 bytes"),
              "%s", reading_text(reading));
}

Test(dpkg, joins_licences_within_a_bound)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 20);
    struct bytes licences;
    buf_put_str(&text, "Format: http://dep.debian.net/deps/dep5/\n");
    for (int i = 0; i < 400; i++)
        buf_printf(&text, "License: Licence-%03d\n", i);
    cr_assert(eq(int, copyright_licences(buf_bytes(&text), arena, &licences), 0));
    cr_assert(licences.size <= 520 && licences.size > 480);
    cr_assert(bytes_starts_with(licences, BYTES_LIT("Licence-000, Licence-001, ")));
    cr_assert(memcmp(licences.data + licences.size - 5, ", ...", 5) == 0);
    cr_assert(eq(int, copyright_licences(BYTES_LIT("License: GPL-2\n"), arena, &licences), 0));
    cr_assert(eq(sz, licences.size, 0));
}

static const struct {
    const char *text, *id, *title, *version, *origin;
} systems[] = {
    { "NAME=\"Kylin Linux Advanced Server\"\nVERSION=\"V10 (Sword)\"\nID=\"kylin\"\n"
      "VERSION_ID=\"V10\"\nPRETTY_NAME=\"Kylin Linux Advanced Server V10 (Sword)\"\n",
      "kylin", "Kylin Linux Advanced Server V10 (Sword)", "V10", "Kylin" },
    { "ID=novel\nNAME='It'\nVERSION=1", "novel", "It", "1", "It" },
    { "PRETTY_NAME=\"a \\\"b\\\" \\$c\"\nID=\"x", "", "a \"b\" $c", "", "" },
    { "", "", "", "", "" },
};

Test(dpkg, reads_os_release_as_the_shell_would)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(systems); i++) {
        struct os_release os;
        cr_assert(eq(int, os_release_read(bytes_str(systems[i].text), arena, &os), 0));
        cr_assert(bytes_eq(os.id, bytes_str(systems[i].id)), "%zu", i);
        cr_assert(bytes_eq(os.title, bytes_str(systems[i].title)), "%zu", i);
        cr_assert(bytes_eq(os.version, bytes_str(systems[i].version)), "%zu", i);
        cr_assert(bytes_eq(os.origin, bytes_str(systems[i].origin)), "%zu", i);
    }
}

/* ---- the corpora ---- */

static struct bytes cut(struct bytes *rest, uint8_t at)
{
    const uint8_t *found = memchr(rest->data, at, rest->size);
    size_t size = found == NULL ? rest->size : (size_t)(found - rest->data);
    struct bytes piece = bytes_of(rest->data, size);
    size += found != NULL;
    *rest = bytes_of(rest->data + size, rest->size - size);
    return piece;
}

/* "Name" of "Name <address>", as the table has it. */
static struct bytes without_address(struct bytes maintainer)
{
    const uint8_t *address = memchr(maintainer.data, '<', maintainer.size);
    size_t size = address == NULL ? maintainer.size : (size_t)(address - maintainer.data);
    while (size > 0 && maintainer.data[size - 1] == ' ')
        size--;
    struct bytes name = bytes_of(maintainer.data, size);
    if (size > 1 && name.data[0] == '"')
        name = bytes_of(name.data + 1, size - 2);
    return name;
}

Test(dpkg_corpora, reads_976_packages_of_a_debian_field_by_field)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(32 << 20);
    struct bytes status, table;
    if (!sample(arena, "../shared/corpora/debian/dpkg_status.txt", &status) ||
        !sample(arena, "../shared/corpora/debian/dpkg_licences.tsv", &table))
        cr_skip("the debian corpus is not here");
    CLEANUP(reading_freep) struct reading *reading = status_read(status);
    cr_assert(eq(int, reading->result, 0), "%s", reading->why.what);
    cr_assert(eq(sz, reading->rows, 976));
    cr_assert(eq(sz, reading->rejected, 0));
    (void)cut(&table, '\n'); /* the header */
    size_t checked = 0;
    while (table.size > 0) {
        struct bytes line = cut(&table, '\n');
        struct bytes name = cut(&line, '\t'), version = cut(&line, '\t'), arch = cut(&line, '\t');
        (void)cut(&line, '\t');
        (void)cut(&line, '\t');
        struct bytes vendor = without_address(cut(&line, '\t'));
        const char *row = arena_printf(
            arena,
            "row source=dpkg; name=%.*s; vendor=%.*s; version=%.*s; architecture=%.*s; "
            "origin=Debian; identifier=package:dpkg/%.*s;",
            (int)name.size, (const char *)name.data, (int)vendor.size, (const char *)vendor.data,
            (int)version.size, (const char *)version.data, (int)arch.size, (const char *)arch.data,
            (int)name.size, (const char *)name.data);
        cr_assert(memmem(reading->text.data, reading->text.size, row, strlen(row)) != NULL, "%s",
                  row);
        checked++;
    }
    cr_assert(eq(sz, checked, 976));
}

Test(dpkg_corpora, knows_the_distributions_of_china)
{
    static const char *const files[][3] = {
        { "Deepin-20.9", "Deepin", "" },
        { "openEuler-24.03", "openEuler", "" },
    };
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct bytes text;
        struct os_release os;
        const char *path = arena_printf(arena, "../shared/corpora/zh/os-release/%s", files[i][0]);
        if (!sample(arena, path, &text))
            cr_skip("%s is not here", path);
        cr_assert(eq(int, os_release_read(text, arena, &os), 0));
        cr_assert(bytes_eq(os.origin, bytes_str(files[i][1])), "%s: %.*s", path,
                  (int)os.origin.size, (const char *)os.origin.data);
        cr_assert(os.title.size > 0 && os.version.size > 0);
    }
}
