/* Files: bounds, atomicity, modes, locks, secrets. */
#include "base/file.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A temporary directory, and paths in it. */
static char dir[64];

static void enter(void)
{
    (void)strcpy(dir, "/tmp/zb-file-XXXXXX");
    cr_assert(ne(ptr, mkdtemp(dir), NULL));
}

static void leave(void)
{
    char command[100];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    cr_assert(eq(int, system(command), 0));
}

TestSuite(file, .init = enter, .fini = leave);

static const char *in_dir(const char *name)
{
    static char paths[8][FILE_PATH_SIZE];
    static int at;
    char *path = paths[at++ % 8];
    cr_assert(eq(int, path_join(path, FILE_PATH_SIZE, dir, name), 0));
    return path;
}

static size_t files_in_dir(void)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static void put(const char *path, struct bytes bytes)
{
    cr_assert(eq(int, file_write_atomic(path, bytes, 0600), 0));
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    cr_assert(eq(int, stat(path, &st), 0));
    return st.st_mode & 07777;
}

Test(path, joins_with_one_slash_and_leaves_absolute_names_alone)
{
    char out[16];
    cr_assert(eq(int, path_join(out, sizeof(out), "/a/b", "c"), 0));
    cr_assert(eq(str, out, "/a/b/c"));
    cr_assert(eq(int, path_join(out, sizeof(out), "/a/", "c"), 0));
    cr_assert(eq(str, out, "/a/c"));
    cr_assert(eq(int, path_join(out, sizeof(out), "/a/", "/c"), 0));
    cr_assert(eq(str, out, "/c"));
    cr_assert(eq(int, path_join(out, sizeof(out), "/", "c"), 0));
    cr_assert(eq(str, out, "/c"));
}

Test(path, refuses_what_does_not_fit)
{
    char out[8];
    cr_assert(eq(int, path_join(out, sizeof(out), "/ab", "cde"), 0));
    cr_assert(eq(str, out, "/ab/cde"));
    cr_assert(eq(int, path_join(out, sizeof(out), "/ab", "cdef"), -ENAMETOOLONG));
    cr_assert(eq(str, out, ""));
}

Test(file, reads_what_was_written)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 22);
    static const size_t sizes[] = { 0, 1, 65535, 65536, 65537, 200000 };
    CLEANUP(freep) uint8_t *data = malloc(200000);
    for (size_t i = 0; i < 200000; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct bytes got = { 0 };
        put(in_dir("a"), bytes_of(data, sizes[i]));
        cr_assert(eq(int, file_read(arena, in_dir("a"), 200000, &got, NULL), 0));
        cr_assert(bytes_eq(got, bytes_of(data, sizes[i])));
        cr_assert(eq(u8, got.data[got.size], 0));
    }
}

Test(file, reads_a_file_whose_size_the_system_does_not_tell)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    struct bytes got = { 0 };
    cr_assert(eq(int, file_read(arena, "/proc/self/status", 1 << 16, &got, NULL), 0));
    cr_assert(bytes_starts_with(got, BYTES_LIT("Name:")));
    struct complaint why = { 0 };
    cr_assert(eq(int, file_read(arena, "/proc/self/status", 100, &got, &why), -EFBIG));
    cr_assert(eq(str, why.what, "is larger than 100 bytes"));
}

Test(file, names_the_cap_that_a_file_exceeds)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    struct bytes got = BYTES_LIT("untouched");
    struct complaint why = { 0 };
    put(in_dir("a"), BYTES_LIT("12345"));
    cr_assert(eq(int, file_read(arena, in_dir("a"), 4, &got, &why), -EFBIG));
    cr_assert(eq(str, why.place, (char *)in_dir("a")));
    cr_assert(eq(str, why.what, "is larger than 4 bytes"));
    cr_assert(eq(str, why.remedy, "give a smaller file"));
    cr_assert(bytes_eq(got, BYTES_LIT("untouched")));
    cr_assert(eq(int, file_read(arena, in_dir("a"), 5, &got, &why), 0));
}

Test(file, says_why_it_cannot_read)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    struct bytes got = { 0 };
    struct complaint why = { 0 };
    cr_assert(eq(int, file_read(arena, in_dir("none"), 100, &got, &why), -ENOENT));
    cr_assert(eq(str, why.what, "cannot be opened: No such file or directory"));
    cr_assert(eq(str, why.remedy, "check that the file exists and may be read by this user"));
    cr_assert(eq(int, file_read(arena, dir, 100, &got, &why), -EINVAL));
    cr_assert(eq(str, why.what, "is no regular file"));
    cr_assert(eq(int, mkfifo(in_dir("fifo"), 0600), 0)); /* must not hang either */
    cr_assert(eq(int, file_read(arena, in_dir("fifo"), 100, &got, &why), -EINVAL));
    cr_assert(eq(int, file_read(arena, "/dev/zero", 100, &got, &why), -EINVAL));
}

Test(file, ends_at_the_arena_cap)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(64);
    struct bytes got = { 0 };
    CLEANUP(freep) char *big = calloc(1, 1000);
    put(in_dir("a"), bytes_of(big, 1000));
    cr_assert(eq(int, file_read(arena, in_dir("a"), 1000, &got, NULL), -ENOMEM));
}

Test(file, writes_with_the_exact_mode_whatever_the_umask)
{
    (void)umask(077);
    cr_assert(eq(int, file_write_atomic(in_dir("a"), BYTES_LIT("x"), 0644), 0));
    cr_assert(eq(u32, mode_of(in_dir("a")), 0644));
    (void)umask(0);
    cr_assert(eq(int, file_write_atomic(in_dir("a"), BYTES_LIT("x"), 0600), 0));
    cr_assert(eq(u32, mode_of(in_dir("a")), 0600));
    cr_assert(eq(sz, files_in_dir(), 1));
}

Test(file, leaves_the_old_content_and_nothing_else_when_a_write_stops_in_the_middle)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    CLEANUP(freep) char *big = calloc(1, 100000);
    struct rlimit old, tight;
    put(in_dir("a"), BYTES_LIT("old"));
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert(eq(int, getrlimit(RLIMIT_FSIZE, &old), 0));
    tight = old;
    tight.rlim_cur = 50000;
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &tight), 0));
    int r = file_write_atomic(in_dir("a"), bytes_of(big, 100000), 0600);
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &old), 0));
    cr_assert(eq(int, r, -EFBIG));
    struct bytes got = { 0 };
    cr_assert(eq(int, file_read(arena, in_dir("a"), 100, &got, NULL), 0));
    cr_assert(bytes_eq(got, BYTES_LIT("old")));
    cr_assert(eq(sz, files_in_dir(), 1));
}

Test(file, cannot_write_over_a_directory_and_leaves_nothing_behind)
{
    cr_assert(eq(int, file_make_dirs(in_dir("d"), 0700), 0));
    cr_assert(lt(int, file_write_atomic(in_dir("d"), BYTES_LIT("x"), 0600), 0));
    cr_assert(eq(int, file_write_atomic(in_dir("none/a"), BYTES_LIT("x"), 0600), -ENOENT));
    cr_assert(eq(sz, files_in_dir(), 1));
}

Test(file, replaces_a_link_instead_of_writing_through_it)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    put(in_dir("target"), BYTES_LIT("kept"));
    cr_assert(eq(int, symlink(in_dir("target"), in_dir("link")), 0));
    put(in_dir("link"), BYTES_LIT("new"));
    struct bytes got = { 0 };
    cr_assert(eq(int, file_read(arena, in_dir("target"), 100, &got, NULL), 0));
    cr_assert(bytes_eq(got, BYTES_LIT("kept")));
}

Test(file, is_whole_to_a_reader_at_every_moment)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 22);
    CLEANUP(freep) uint8_t *data = malloc(30000);
    memset(data, 'a', 30000);
    put(in_dir("a"), bytes_of(data, 30000));
    pid_t writer = fork();
    if (writer == 0) {
        for (int i = 0; i < 60; i++) {
            size_t size = i % 2 == 0 ? 20000 : 30000;
            memset(data, 'a' + i % 2, size);
            if (file_write_atomic(in_dir("a"), bytes_of(data, size), 0600) < 0)
                _exit(1);
        }
        _exit(0);
    }
    int status = -1, reads = 0;
    bool whole = true;
    while (waitpid(writer, &status, WNOHANG) == 0) {
        struct bytes got = { 0 };
        struct arena_mark mark = arena_mark(arena);
        whole &= file_read(arena, in_dir("a"), 30000, &got, NULL) == 0;
        whole &= got.size == 20000 || got.size == 30000;
        for (size_t i = 0; whole && i < got.size; i++)
            whole &= got.data[i] == got.data[0];
        arena_rewind(arena, mark);
        reads++;
    }
    cr_assert(whole);
    cr_assert(gt(int, reads, 0));
    cr_assert(eq(int, status, 0));
}

Test(file, makes_missing_directories_and_keeps_those_that_exist)
{
    (void)umask(0);
    cr_assert(eq(int, file_make_dirs(in_dir("a"), 0700), 0));
    cr_assert(eq(int, file_make_dirs(in_dir("a/b//c/"), 0750), 0));
    cr_assert(eq(u32, mode_of(in_dir("a")), 0700));
    cr_assert(eq(u32, mode_of(in_dir("a/b")), 0750));
    cr_assert(eq(u32, mode_of(in_dir("a/b/c")), 0750));
    cr_assert(eq(int, file_make_dirs(in_dir("a/b/c"), 0700), 0));
    cr_assert(eq(int, file_make_dirs("/", 0700), 0));
}

Test(file, makes_no_directory_through_a_file)
{
    put(in_dir("f"), BYTES_LIT("x"));
    cr_assert(eq(int, file_make_dirs(in_dir("f"), 0700), -ENOTDIR));
    cr_assert(eq(int, file_make_dirs(in_dir("f/g"), 0700), -ENOTDIR));
    cr_assert(eq(int, file_make_dirs("", 0700), -ENOENT));
    char longer[5000];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    cr_assert(eq(int, file_make_dirs(longer, 0700), -ENAMETOOLONG));
    cr_assert(eq(int, file_write_atomic(longer, BYTES_LIT(""), 0600), -ENAMETOOLONG));
}

Test(file, locks_once_until_the_descriptor_is_closed)
{
    int a = -1, b = -1;
    cr_assert(eq(int, file_lock(in_dir("l"), &a), 0));
    cr_assert(ge(int, a, 0));
    cr_assert(eq(int, file_lock(in_dir("l"), &b), -EBUSY));
    cr_assert(eq(int, b, -1));
    cr_assert(eq(u32, mode_of(in_dir("l")), 0600));
    (void)close(a);
    cr_assert(eq(int, file_lock(in_dir("l"), &b), 0));
    (void)close(b);
    cr_assert(eq(int, file_lock(in_dir("none/l"), &b), -ENOENT));
}

Test(file, frees_the_lock_of_a_killed_process)
{
    int ready[2], fd = -1;
    cr_assert(eq(int, pipe(ready), 0));
    pid_t child = fork();
    if (child == 0) {
        int r = file_lock(in_dir("l"), &fd);
        (void)!write(ready[1], &r, sizeof(r));
        (void)pause();
        _exit(0);
    }
    int r = -1;
    cr_assert(eq(i64, read(ready[0], &r, sizeof(r)), sizeof(r)));
    cr_assert(eq(int, r, 0));
    cr_assert(eq(int, file_lock(in_dir("l"), &fd), -EBUSY));
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    cr_assert(eq(int, file_lock(in_dir("l"), &fd), 0));
    (void)close(fd);
}

Test(file, reads_a_secret_that_only_its_owner_can)
{
    uint8_t out[32];
    size_t size = 0;
    put(in_dir("s"), BYTES_LIT("0123456789abcdef0123456789abcdef"));
    cr_assert(eq(int, file_read_secret(in_dir("s"), out, sizeof(out), &size, NULL), 0));
    cr_assert(eq(sz, size, 32));
    cr_assert(eq(int, memcmp(out, "0123456789abcdef0123456789abcdef", 32), 0));
    cr_assert(eq(int, chmod(in_dir("s"), 0400), 0));
    cr_assert(eq(int, file_read_secret(in_dir("s"), out, sizeof(out), &size, NULL), 0));
}

Test(file, refuses_a_secret_that_others_can_touch)
{
    uint8_t out[32];
    size_t size = 99;
    put(in_dir("s"), BYTES_LIT("secret"));
    static const mode_t bad[] = { 0601, 0602, 0604, 0610, 0620, 0640, 0644, 0666, 04604 };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct complaint why = { 0 };
        cr_assert(eq(int, chmod(in_dir("s"), bad[i]), 0));
        cr_assert(eq(int, file_read_secret(in_dir("s"), out, sizeof(out), &size, &why), -EPERM));
        cr_assert(eq(sz, size, 99));
        cr_assert(eq(str, why.remedy, "let its owner alone read it: chmod 600"));
        if (bad[i] == 0640)
            cr_assert(eq(str, why.what, "holds a secret, but its mode 640 lets others at it"));
    }
}

Test(file, refuses_a_secret_larger_than_its_room)
{
    uint8_t out[5];
    size_t size = 0;
    struct complaint why = { 0 };
    put(in_dir("s"), BYTES_LIT("secret"));
    cr_assert(eq(int, file_read_secret(in_dir("s"), out, sizeof(out), &size, &why), -EFBIG));
    cr_assert(eq(str, why.what, "is larger than 5 bytes"));
    cr_assert(eq(int, file_read_secret(in_dir("none"), out, sizeof(out), &size, &why), -ENOENT));
}
