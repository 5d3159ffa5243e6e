/* test_rpm.c - databases that the rpm tool itself makes, and files that are none. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/lib/tmpdir.h"
#include "tests/unit/collector/source_fixture.h"

static const char spec[] = "Name: editor\nEpoch: 2\nVersion: 3.1\nRelease: 4\nSummary: x\n"
                           "License: Proprietary\nVendor: Example Ltd\nDistribution: openEuler\n"
                           "BuildArch: noarch\n%description\nx\n%install\n"
                           "mkdir -p %{buildroot}/opt/editor %{buildroot}/usr/share/applications\n"
                           "echo 1 >%{buildroot}/opt/editor/VERSION\n"
                           "echo >%{buildroot}/usr/share/applications/editor.desktop\n"
                           "%files\n/opt/editor\n/usr/share/applications/editor.desktop\n";

static const char make[] =
    "exec >make.log 2>&1 && set -e && HOME=$PWD && export HOME && "
    "rpmbuild -bb --define \"_topdir $PWD/build\" --define '_build_id_links none' editor.spec && "
    "mkdir -p root/var/lib/rpm && "
    "rpm --dbpath \"$PWD/root/var/lib/rpm\" --define \"_db_backend sqlite\" --justdb --nodeps "
    "--noscripts --ignorearch -i build/RPMS/noarch/editor-3.1-4.noarch.rpm";

static bool has_rpm(void)
{
    return system("command -v rpmbuild >/dev/null && command -v rpm >/dev/null") == 0;
}

static void put(struct tmpdir *dir, const char *file, const char *text)
{
    char path[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
    cr_assert(eq(int, path_join(path, sizeof(path), dir->path, file), 0));
    strcpy(folder, path);
    *strrchr(folder, '/') = '\0';
    cr_assert(eq(int, file_make_dirs(folder, 0700), 0));
    cr_assert(eq(int, file_write_atomic(path, bytes_str(text), 0600), 0));
}

/* A host with a database of one package. */
static void host_make(struct tmpdir *dir)
{
    put(dir, "editor.spec", spec);
    put(dir, "root/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    put(dir, "root/etc/os-release", "ID=openeuler\nPRETTY_NAME=\"openEuler 22.03\"\n");
    put(dir, "root/opt/editor/VERSION", "1\n");
    put(dir, "root/opt/other/VERSION", "5.0\n");
    put(dir, "root/usr/share/applications/editor.desktop",
        "[Desktop Entry]\nType=Application\nName=Editor\nExec=e\n");
    cr_assert(eq(int, chdir(dir->path), 0));
    cr_assert(eq(int, system(make), 0), "see %s/make.log", dir->path);
}

static struct reading *host_read(const char *root)
{
    struct reading *reading = reading_new();
    struct source_sink sink = reading_sink(reading);
    reading->result = source_host(root, 1788742200000, reading->arena, &sink, &reading->why);
    return reading;
}

Test(rpm, reads_packages_and_leaves_what_they_own_to_them, .timeout = 60)
{
    if (!has_rpm())
        cr_skip("the rpm tool is not installed");
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    host_make(dir);
    CLEANUP(reading_freep) struct reading *reading = host_read(tmpdir_path(dir, "root"));
    cr_assert(eq(int, reading->result, 0), "%s: %s", reading->why.place, reading->why.what);
    const char *text = reading_text(reading);
    cr_assert(reading_has(reading, "computer 0123456789abcdef0123456789abcdef unit - source "
                                   "rpm complete scan 1788742200000"),
              "%s", text);
    cr_assert(strstr(text, "row source=rpm; name=editor; vendor=Example Ltd; "
                           "version=2:3.1-4; architecture=noarch; origin=openEuler; "
                           "licence=Proprietary; identifier=package:rpm/editor; @  | 20") != NULL,
              "%s", text);
    cr_assert(strstr(text, "row source=os; name=openEuler 22.03;") != NULL);
    cr_assert(strstr(text, "source desktop complete\nsource opt complete\n"
                           "row source=opt; name=other; version=5.0; @ /opt/other |  | \n") != NULL,
              "%s", text);
    cr_assert(eq(sz, reading->rejected + reading->ignored, 0));
}

Test(rpm, tells_what_is_wrong_with_a_database_that_cannot_be_read)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    put(dir, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    put(dir, "var/lib/rpm/rpmdb.sqlite", "this is no database, and long enough to be asked");
    CLEANUP(reading_freep) struct reading *alone = host_read(dir->path);
    cr_assert(eq(int, alone->result, -EBADMSG), "%d %s", alone->result, reading_text(alone));
    cr_assert(eq(sz, alone->computers, 0));
    cr_assert(alone->why.what[0] != '\0' && alone->why.remedy[0] != '\0');
    /* Beside dpkg it costs only its own part, and what depends on it. */
    put(dir, "var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n\n");
    put(dir, "var/lib/dpkg/info/a.list", "/.\n");
    put(dir, "opt/app/VERSION", "1.0\n");
    CLEANUP(reading_freep) struct reading *beside = host_read(dir->path);
    cr_assert(eq(int, beside->result, 0));
    cr_assert(eq(sz, beside->rows, 1));
    cr_assert(eq(sz, beside->rejected, 1), "%s", reading_text(beside));
    cr_assert(strstr(reading_text(beside), "source rpm incomplete\nsource desktop incomplete\n"
                                           "source opt incomplete\n") != NULL,
              "%s", reading_text(beside));
}

Test(rpm, follows_no_link_to_a_database_elsewhere, .timeout = 60)
{
    if (!has_rpm())
        cr_skip("the rpm tool is not installed");
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    char target[FILE_PATH_SIZE];
    host_make(dir);
    put(dir, "trap/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    put(dir, "trap/var/lib/x", "");
    cr_assert(
        eq(int, path_join(target, sizeof(target), tmpdir_path(dir, "root"), "var/lib/rpm"), 0));
    cr_assert(eq(int, symlink(target, tmpdir_path(dir, "trap/var/lib/rpm")), 0));
    CLEANUP(reading_freep) struct reading *folder = host_read(tmpdir_path(dir, "trap"));
    cr_assert(eq(int, folder->result, -ENOENT), "%s", reading_text(folder));
    put(dir, "trap/usr/lib/sysimage/rpm/x", "");
    strcat(target, "/rpmdb.sqlite");
    cr_assert(
        eq(int, symlink(target, tmpdir_path(dir, "trap/usr/lib/sysimage/rpm/rpmdb.sqlite")), 0));
    CLEANUP(reading_freep) struct reading *file = host_read(tmpdir_path(dir, "trap"));
    cr_assert(eq(int, file->result, -EBADMSG), "%s", reading_text(file));
    cr_assert(strstr(file->why.what, "no regular file") != NULL);
}

/* What this librpm was not built to read must not look like an empty host. */
Test(rpm, takes_no_file_of_any_form_for_an_empty_database)
{
    static const char *const files[] = { "rpmdb.sqlite", "Packages.db", "Packages" };
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        for (int is_long = 0; is_long < 2; is_long++) {
            CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
            char text[9000] = "";
            memset(text, 'x', is_long ? sizeof(text) - 1 : 0);
            put(dir, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
            char name[64];
            (void)snprintf(name, sizeof(name), "var/lib/rpm/%s", files[i]);
            put(dir, name, text);
            CLEANUP(reading_freep) struct reading *reading = host_read(dir->path);
            cr_assert(eq(int, reading->result, -EBADMSG), "%s %d: %s", files[i], is_long,
                      reading_text(reading));
        }
}
