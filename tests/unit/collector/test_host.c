/* test_host.c - what stands on a host beside its packages: menu entries, folders of opt, and the
 * things in their place that nobody should read. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "collector/sources/desktop.h"
#include "collector/sources/host.h"
#include "tests/lib/tmpdir.h"
#include "tests/unit/collector/source_fixture.h"

static const char *below(const char *root, const char *file)
{
    static char path[FILE_PATH_SIZE];
    char folder[FILE_PATH_SIZE];
    cr_assert(eq(int, path_join(path, sizeof(path), root, file), 0));
    strcpy(folder, path);
    *strrchr(folder, '/') = '\0';
    cr_assert(eq(int, file_make_dirs(folder, 0700), 0));
    return path;
}

static void put_bytes(const char *root, const char *file, struct bytes bytes)
{
    cr_assert(eq(int, file_write_atomic(below(root, file), bytes, 0600), 0));
}

static void put(const char *root, const char *file, const char *text)
{
    put_bytes(root, file, bytes_str(text));
}

static void link_at(const char *root, const char *file, const char *target)
{
    cr_assert(eq(int, symlink(target, below(root, file)), 0));
}

static struct reading *host_read(const char *root)
{
    struct reading *reading = reading_new();
    struct source_sink sink = reading_sink(reading);
    reading->result = source_host(root, 1788742200000, reading->arena, &sink, &reading->why);
    return reading;
}

static void host_make(const char *root)
{
    put(root, "var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n\n");
    put(root, "var/lib/dpkg/info/a.list", "/.\n");
    put(root, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
}

static const char entry[] = "[Desktop Entry]\nType=Application\nName=Kept\nExec=kept\n";

Test(host, tells_menu_entries_and_folders_of_opt_that_no_package_owns)
{
    char root[FILE_PATH_SIZE];
    const char *top = getenv("ZB_SOURCE_DIR");
    cr_assert(eq(
        int, path_join(root, sizeof(root), top == NULL ? "." : top, "tests/samples/collector/host"),
        0));
    CLEANUP(reading_freep) struct reading *reading = host_read(root);
    cr_assert(eq(int, reading->result, 0), "%s: %s", reading->why.place, reading->why.what);
    const char *text = reading_text(reading);
    const char *told = strstr(text, "computer ");
    cr_assert(ne(ptr, (void *)told, NULL));
    cr_assert(eq(str, (char *)told,
                 "computer 0123456789abcdef0123456789abcdef unit - source dpkg complete scan "
                 "1788742200000\n"
                 "fact device=0123456789abcdef0123456789abcdef\n"
                 "fact os name=Debian GNU/Linux 12 (bookworm)\n"
                 "fact os version=12\n"
                 "row source=dpkg; name=vendor-app; vendor=Vendor Ltd; version=7.1; "
                 "architecture=amd64; origin=Debian; identifier=package:dpkg/vendor-app; "
                 "identifier=purl:pkg:deb/debian/vendor-app@7.1?arch=amd64;\n"
                 "row source=os; name=Debian GNU/Linux 12 (bookworm); vendor=Debian; version=12; "
                 "@ /etc/os-release |  | \n"
                 "source desktop complete\n"
                 "row source=desktop; name=Draw Pro; version=3.4; identifier=desktop:draw.desktop; "
                 "identifier=exec:draw-pro; identifier=name-zh:绘图专业版; "
                 "@ /usr/share/applications/draw.desktop |  | \n"
                 "row source=desktop; name=Deep; identifier=desktop:deep.desktop; "
                 "identifier=exec:deep; @ /usr/share/applications/kde/deep.desktop |  | \n"
                 "row source=desktop; name=算量; identifier=desktop:wine.desktop; "
                 "identifier=exec:wine; @ /usr/local/share/applications/wine.desktop |  | \n"
                 "row source=desktop; name=Made; identifier=desktop:made.desktop; "
                 "identifier=exec:run; @ /opt/made/share/applications/made.desktop |  | \n"
                 "source opt complete\n"
                 "row source=opt; name=bare; @ /opt/bare |  | \n"
                 "row source=opt; name=made; @ /opt/made |  | \n"
                 "row source=opt; name=node-tool; version=1.20.3-beta; @ /opt/node-tool |  | \n"
                 "row source=opt; name=sketch; version=4.2.1; @ /opt/sketch |  | \n"));
    cr_assert(reading_has(reading, "ignored usr/local/share/applications/junk.desktop: no menu "
                                   "entry: the group [Desktop Entry] is missing"));
    cr_assert(eq(sz, reading->rejected, 0));
}

Test(host, passes_over_loops_devices_and_links_and_never_leaves_the_root)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(tmpdir_freep) struct tmpdir *other = tmpdir_new();
    const char *root = dir->path;
    char target[FILE_PATH_SIZE];
    host_make(root);
    put(other->path, "secret.desktop", entry);
    put(other->path, "app/VERSION", "9.9\n");
    /* Without the root these would lead there. */
    cr_assert(eq(int, path_join(target, sizeof(target), other->path, "secret.desktop"), 0));
    link_at(root, "usr/share/applications/outside.desktop", target);
    link_at(root, "usr/share/applications/up.desktop", "../../../../../../../../etc/passwd");
    link_at(root, "usr/share/applications/self.desktop", "self.desktop");
    link_at(root, "usr/share/applications/again", ".");
    link_at(root, "usr/local/share/applications", "../../share/applications");
    link_at(root, "opt/outside", other->path);
    link_at(root, "opt/app/VERSION", "/dev/zero");
    link_at(root, "opt/app/share", "/");
    link_at(root, "opt/loop/share", "share");
    cr_assert(eq(int, mkfifo(below(root, "usr/share/applications/fifo.desktop"), 0600), 0));
    cr_assert(eq(int, mkfifo(below(root, "opt/app/version.txt"), 0600), 0));
    cr_assert(eq(int, mkdir(below(root, "opt/empty"), 0700), 0));
    cr_assert(eq(int, mkdir(below(root, "usr/share/applications/folder.desktop"), 0700), 0));
    /* And this one leads within it, as the computer itself would see it. */
    put(root, "srv/kept.desktop", entry);
    link_at(root, "usr/share/applications/kept.desktop", "/srv/kept.desktop");
    CLEANUP(reading_freep) struct reading *reading = host_read(root);
    cr_assert(eq(int, reading->result, 0));
    cr_assert(eq(sz, reading->rejected, 0), "%s", reading_text(reading));
    cr_assert(reading_has(reading,
                          "row source=desktop; name=Kept; identifier=desktop:kept.desktop; "
                          "identifier=exec:kept; @ /usr/share/applications/kept.desktop |  | "),
              "%s", reading_text(reading));
    cr_assert(reading_has(reading, "row source=opt; name=app; @ /opt/app |  | "));
    cr_assert(strstr(reading_text(reading), "outside") == NULL);
    cr_assert(strstr(reading_text(reading), "up.desktop") == NULL);
    cr_assert(strstr(reading_text(reading), "empty") == NULL);
}

Test(host, follows_no_link_where_the_kernel_cannot_keep_it_within)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    const char *root = dir->path;
    struct bytes text;
    host_make(root);
    link_at(root, "etc/linked", "machine-id");
    link_at(root, "lnk", "etc");
    int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    cr_assert(root_fd >= 0);
    struct host host = { .root_fd = root_fd, .lacks_openat2 = true, .arena = arena };
    cr_assert(eq(int, host_file(&host, "etc/machine-id", 64, &text), 0));
    cr_assert(eq(sz, text.size, 33));
    cr_assert(eq(int, host_file(&host, "etc/machine-id", 32, &text), -EFBIG));
    cr_assert(lt(int, host_file(&host, "etc/linked", 64, &text), 0));
    cr_assert(lt(int, host_file(&host, "lnk/machine-id", 64, &text), 0));
    cr_assert(lt(int, host_file(&host, "../x", 64, &text), 0));
    cr_assert(eq(int, host_file(&host, "etc", 64, &text), -EINVAL));
    host.lacks_openat2 = false;
    cr_assert(eq(int, host_file(&host, "lnk/linked", 64, &text), 0));
    close_fdp(&root_fd);
}

Test(host, loses_only_the_entries_that_it_cannot_take)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf huge = BUF_INIT(2 << 20);
    const char *root = dir->path;
    host_make(root);
    put(root, "usr/share/applications/kept.desktop", entry);
    buf_put_str(&huge, entry);
    memset(buf_reserve(&huge, 1 << 20), '#', 1 << 20);
    put_bytes(root, "usr/share/applications/huge.desktop", buf_bytes(&huge));
    put(root, "usr/share/applications/latin.desktop",
        "[Desktop Entry]\nType=Application\nName=\xE4\xE4\nExec=x\n");
    put(root, "usr/share/applications/\xFF.desktop", entry);
    put_bytes(root, "opt/huge/VERSION", buf_bytes(&huge));
    put(root, "opt/deep/package.json", "[[[[[[{\"version\":");
    put(root, "opt/\xFF/x", "");
    CLEANUP(reading_freep) struct reading *reading = host_read(root);
    cr_assert(eq(int, reading->result, 0));
    cr_assert(eq(sz, reading->rejected, 4), "%s", reading_text(reading));
    cr_assert(reading_has(reading, "source desktop incomplete"));
    cr_assert(reading_has(reading, "source opt incomplete"));
    cr_assert(reading_has(reading, "rejected usr/share/applications/huge.desktop: larger than 256 "
                                   "KiB"));
    cr_assert(strstr(reading_text(reading), "source dpkg complete") != NULL);
    cr_assert(reading_has(reading, "row source=opt; name=huge; @ /opt/huge |  | "));
    cr_assert(reading_has(reading, "row source=opt; name=deep; @ /opt/deep |  | "));
    cr_assert(strstr(reading_text(reading), "name=Kept;") != NULL);
}

Test(host, counts_nothing_beside_packages_where_their_files_are_not_known)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    const char *root = dir->path;
    host_make(root);
    put(root, "usr/share/applications/kept.desktop", entry);
    put(root, "opt/app/VERSION", "1.0\n");
    cr_assert(eq(int, mkdir(below(root, "var/lib/dpkg/info/b.list"), 0700), 0));
    CLEANUP(reading_freep) struct reading *reading = host_read(root);
    cr_assert(eq(int, reading->result, 0));
    cr_assert(eq(sz, reading->rows, 1), "%s", reading_text(reading));
    cr_assert(reading_has(reading, "source desktop incomplete"));
    cr_assert(reading_has(reading, "source opt incomplete"));
    cr_assert(eq(sz, reading->ignored, 2));
}

Test(host, names_the_folder_that_is_none)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    put(dir->path, "file", "");
    CLEANUP(reading_freep) struct reading *reading = host_read(below(dir->path, "file"));
    cr_assert(eq(int, reading->result, -ENOTDIR));
    cr_assert(reading->why.what[0] != '\0' && reading->why.remedy[0] != '\0');
}

static const struct {
    const char *exec, *binary;
    bool has_file_argument;
} commands[] = {
    { "/usr/bin/code --unity-launch %F", "/usr/bin/code", false },
    { "\"/opt/a b/c\\\\\"d\" x", "/opt/a b/c\"d", false },
    { "env A=b C=/d -u E prog /file", "E", true }, /* of env's options, only their dash is known */
    { "/usr/bin/env A=b prog", "prog", false },
    { "java -jar /opt/x/x.jar", "java", true },
    { "\"\" x", "x", false },
    { "env", "", false },
    { "\"open", "open", false },
    { "", "", false },
};

Test(desktop, finds_the_program_in_a_command_line)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        struct desktop_entry got;
        char *text =
            arena_printf(arena, "[Desktop Entry]\r\nName=x\r\nExec = %s\r\n", commands[i].exec);
        cr_assert(eq(int, desktop_entry_read(bytes_str(text), arena, &got), 0));
        cr_assert(bytes_eq(got.binary, bytes_str(commands[i].binary)), "%zu: %.*s", i,
                  (int)got.binary.size, (const char *)got.binary.data);
        cr_assert(eq(int, got.has_file_argument, commands[i].has_file_argument), "%zu", i);
    }
}

Test(owned, knows_a_path_and_what_lies_below_it)
{
    struct owned owned = OWNED_INIT;
    owned_add(&owned, BYTES_LIT("/opt/"), BYTES_LIT("a-b"));
    owned_add(&owned, BYTES_LIT("/op"), BYTES_LIT("t/a/x"));
    owned_add(&owned, (struct bytes){ 0 }, BYTES_LIT("/usr/share/applications/c.desktop"));
    owned_add(&owned, (struct bytes){ 0 }, BYTES_LIT("/usr/bin/c"));
    owned_add(&owned, (struct bytes){ 0 }, bytes_of("/opt/n\0x", 8));
    cr_assert(eq(int, owned_seal(&owned), 0));
    cr_assert(eq(sz, owned.count, 3));
    cr_assert(owned_has(&owned, "/opt/a/x") && !owned_has(&owned, "/opt/a"));
    cr_assert(owned_below(&owned, "/opt/a") && owned_below(&owned, "/opt/a-b"));
    cr_assert(not(owned_below(&owned, "/opt/n")));
    cr_assert(not(owned_below(&owned, "/opt/a-")));
    cr_assert(not(owned_has(&owned, "/usr/bin/c")));
    owned_done(&owned);
}
