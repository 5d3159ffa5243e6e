/* test_import.c - from files to the spool: counts, dry runs, the drop folder, the same file twice. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/seal.h"
#include "collector/import.h"
#include "tests/lib/tmpdir.h"

struct heard {
    size_t computers, items, rejected, ignored;
    struct complaint last;
};

static void on_item(void *ctx, const struct inventory *inventory)
{
    struct heard *heard = ctx;
    heard->computers++;
    heard->items += inventory->row_count;
}

static void on_problem(void *ctx, const struct source_problem *problem)
{
    struct heard *heard = ctx;
    *(problem->rejected ? &heard->rejected : &heard->ignored) += 1;
    heard->last = problem->why;
}

static struct import_options options_of(struct heard *heard)
{
    return (struct import_options){
        .unit = "u1", .now_ms = 1788742200000, .ctx = heard, .item = on_item, .problem = on_problem
    };
}

static struct spool *spool_of(struct tmpdir *dir)
{
    struct spool *spool = NULL;
    struct complaint why = { 0 };
    cr_assert(eq(int, seal_start(), 0));
    cr_assert(eq(int, spool_open(tmpdir_sub(dir, "spool"), 64 << 20, &spool, &why), 0), "%s",
              why.what);
    return spool;
}

static const char *put(struct tmpdir *dir, const char *name, const char *text)
{
    const char *path = tmpdir_path(dir, name);
    cr_assert(eq(int, file_write_atomic(path, bytes_str(text), 0600), 0));
    return path;
}

static struct spool_counts counts_of(struct spool *spool)
{
    struct spool_counts counts;
    cr_assert(eq(int, spool_counts(spool, &counts), 0));
    return counts;
}

static const char table[] = "computer,name\npc1,a\npc2,b\npc2,c\npc2,\n";

Test(import, spools_one_report_for_each_computer)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = spool_of(dir);
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    struct import_result result;
    struct complaint why = { 0 };
    int r = import_file(put(dir, "t.csv", table), &options, spool, &result, &why);
    cr_assert(eq(int, r, 0), "%s", why.what);
    cr_assert(eq(str, (char *)(uintptr_t)result.format, "csv"));
    cr_assert(eq(sz, result.computers, 2));
    cr_assert(eq(sz, result.items, 3));
    cr_assert(eq(sz, result.rejected, 1));
    cr_assert(eq(sz, heard.computers, 2));
    cr_assert(eq(sz, heard.items, 3));
    cr_assert(eq(sz, heard.rejected, 1));
    cr_assert(eq(str, heard.last.place, "t.csv: line 5, column name"));
    cr_assert(eq(u64, counts_of(spool).spooled, 2));
    cr_assert(eq(u64, counts_of(spool).pending, 2));
}

Test(import, spools_nothing_in_a_dry_run)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    struct import_result result;
    struct complaint why = { 0 };
    options.dry_run = true;
    cr_assert(eq(int, import_file(put(dir, "t.csv", table), &options, NULL, &result, &why), 0));
    cr_assert(eq(sz, result.computers, 2));
    cr_assert(eq(sz, heard.items, 3));
}

Test(import, counts_the_same_file_twice_as_one_report_that_is_superseded)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = spool_of(dir);
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    struct import_result result;
    struct complaint why = { 0 };
    const char *path = put(dir, "t.csv", table);
    for (unsigned i = 0; i < 3; i++) {
        options.now_ms += i;
        cr_assert(eq(int, import_file(path, &options, spool, &result, &why), 0), "%s", why.what);
    }
    /* The first is new, the second UNCHANGED, the third takes the second's place. */
    struct spool_counts counts = counts_of(spool);
    cr_assert(eq(u64, counts.spooled, 6));
    cr_assert(eq(u64, counts.superseded, 2));
    cr_assert(eq(u64, counts.pending, 4));
}

static const struct {
    const char *name, *text;
    const char *format; /* forced */
    const char *what;
} refused[] = {
    { "a.csv", "version\n1\n", NULL, "no column 'computer'" },
    { "b.json", "{\"deviceid\":", NULL, "not JSON" },
    { "c.xml", "<!DOCTYPE a><REQUEST/>", NULL, "document type" },
    { "d.bin", "hello", NULL, "not known" },
    { "e.csv", "computer,name\npc,a\n", "xlsx", "no format 'xlsx'" },
    { "f.csv", "computer,name\npc,a\n", "glpi-json", "not JSON" },
};

Test(import, refuses_a_malformed_file_whole_naming_it)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = spool_of(dir);
    struct heard heard = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct import_options options = options_of(&heard);
        struct import_result result;
        struct complaint why = { 0 };
        options.format = refused[i].format;
        int r =
            import_file(put(dir, refused[i].name, refused[i].text), &options, spool, &result, &why);
        cr_assert(eq(int, r, -EBADMSG), "%s", refused[i].name);
        cr_assert(strstr(why.what, refused[i].what) != NULL, "%s", why.what);
        cr_assert(strncmp(why.place, refused[i].name, strlen(refused[i].name)) == 0, "%s",
                  why.place);
        cr_assert(why.remedy[0] != '\0');
    }
    cr_assert(eq(u64, counts_of(spool).spooled, 0));
    struct import_options options = options_of(&heard);
    struct import_result result;
    struct complaint why = { 0 };
    cr_assert(
        eq(int, import_file(tmpdir_path(dir, "none"), &options, spool, &result, &why), -ENOENT));
}

Test(import, leaves_out_a_computer_with_more_than_a_report_holds_and_takes_the_rest)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = spool_of(dir);
    CLEANUP(buf_done) struct buf text = BUF_INIT(32 << 20);
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    struct import_result result;
    struct complaint why = { 0 };
    char wide[900];
    memset(wide, 'x', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    buf_put_str(&text, "computer,name,vendor\nsmall,a,\n");
    for (int i = 0; i <= BOUND_ROWS_PER_EVENT; i++)
        buf_printf(&text, "many,p%d,\n", i);
    for (int i = 0; i < 5000; i++)
        buf_printf(&text, "wide,p%d,%s\n", i, wide);
    buf_put_u8(&text, '\0');
    int r =
        import_file(put(dir, "big.csv", (const char *)text.data), &options, spool, &result, &why);
    /* The NUL at the end is a line of its own that belongs to nobody. */
    cr_assert(eq(int, r, 0), "%s: %s", why.place, why.what);
    cr_assert(eq(sz, result.computers, 1));
    cr_assert(eq(sz, result.items, 1));
    cr_assert(eq(sz, result.rejected, 2));
    cr_assert(eq(u64, counts_of(spool).spooled, 1));
}

Test(import, says_when_the_spool_is_full_and_spools_nothing)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf text = BUF_INIT(32 << 20);
    struct spool *spool = NULL;
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    struct import_result result;
    struct complaint why = { 0 };
    cr_assert(eq(int, seal_start(), 0));
    cr_assert(eq(int, spool_open(tmpdir_sub(dir, "spool"), 256 << 10, &spool, &why), 0), "%s",
              why.what);
    buf_put_str(&text, "computer,name\n");
    for (int i = 0; i < 10000; i++)
        buf_printf(&text, "pc%d,a program that no other computer has %d\n", i % 10, i);
    buf_put_u8(&text, '\0');
    int r = import_file(put(dir, "b.csv", (const char *)text.data), &options, spool, &result, &why);
    cr_assert(eq(int, r, -ENOSPC), "%d", r);
    cr_assert(eq(u64, counts_of(spool).spooled, 0));
    spool_close(spool);
}

static void import_demo(const char *file, struct spool *spool, struct import_result *total)
{
    struct import_result result;
    struct complaint why = { 0 };
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    char path[FILE_PATH_SIZE];
    const char *top = getenv("ZB_SOURCE_DIR");
    (void)snprintf(path, sizeof(path), "%s/tests/e2e/demo/data/%s", top == NULL ? "." : top, file);
    int r = import_file(path, &options, spool, &result, &why);
    cr_assert(eq(int, r, 0), "%s: %s: %s", path, why.place, why.what);
    cr_assert(eq(sz, heard.rejected + heard.ignored, 0), "%s: %s", heard.last.place,
              heard.last.what);
    total->computers += result.computers;
    total->items += result.items;
}

Test(import, takes_the_demos_computers_without_a_complaint)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = spool_of(dir);
    struct import_result total = { .format = "" };
    for (int i = 1; i <= 22; i++) {
        char file[64];
        (void)snprintf(file, sizeof(file), "design/SJ-%03d.json", i);
        import_demo(file, spool, &total);
    }
    import_demo("trade/computers.csv", spool, &total);
    cr_assert(eq(sz, total.computers, 42));
    cr_assert(eq(u64, counts_of(spool).pending, 42));
    /* Cleaned computers are the same computers. */
    import_demo("after/design/SJ-007.json", spool, &total);
    import_demo("after/trade/computers_cleaned.csv", spool, &total);
    cr_assert(eq(sz, total.computers, 46));
    cr_assert(eq(u64, counts_of(spool).superseded, 0));
}

/* ---- this host ---- */

Test(import, reports_a_host_below_a_root)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = spool_of(dir);
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    struct import_result result;
    struct complaint why = { 0 };
    cr_assert(eq(int, file_make_dirs(tmpdir_path(dir, "var/lib/dpkg"), 0700), 0));
    cr_assert(eq(int, file_make_dirs(tmpdir_path(dir, "etc"), 0700), 0));
    put(dir, "var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\n\n");
    put(dir, "etc/machine-id", "0123456789abcdef0123456789abcdef\n");
    cr_assert(eq(int, import_host(dir->path, &options, spool, &result, &why), 0), "%s", why.what);
    cr_assert(eq(sz, result.items, 1));
    cr_assert(eq(u64, counts_of(spool).pending, 1));
}

/* ---- the drop folder ---- */

static bool exists(struct tmpdir *dir, const char *name)
{
    struct stat st;
    return lstat(tmpdir_path(dir, name), &st) == 0;
}

Test(drop, moves_good_files_to_done_and_bad_ones_beside_their_reason)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = spool_of(dir);
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    struct drop_result result;
    struct complaint why = { 0 };
    const char *drop = tmpdir_sub(dir, "drop");
    put(dir, "drop/good.csv", table);
    put(dir, "drop/bad.csv", "version\n1\n");
    put(dir, "drop/half.csv.part", table);
    put(dir, "drop/.hidden.csv", table);
    put(dir, "drop/edited.csv~", table);
    cr_assert(eq(int, drop_scan(drop, &options, spool, &result, &why), 0), "%s", why.what);
    cr_assert(eq(sz, result.taken, 1));
    cr_assert(eq(sz, result.rejected, 1));
    cr_assert(eq(sz, result.waiting, 0));
    cr_assert(exists(dir, "drop/done/good.csv") && !exists(dir, "drop/good.csv"));
    cr_assert(exists(dir, "drop/rejected/bad.csv") && !exists(dir, "drop/bad.csv"));
    cr_assert(exists(dir, "drop/half.csv.part") && exists(dir, "drop/.hidden.csv") &&
              exists(dir, "drop/edited.csv~"));
    CLEANUP(arena_freep) struct arena *arena = arena_new(64 << 10);
    struct bytes reason;
    cr_assert(eq(
        int,
        file_read(arena, tmpdir_path(dir, "drop/rejected/bad.csv.reason.txt"), 4096, &reason, NULL),
        0));
    cr_assert(strstr((const char *)reason.data, "place:  bad.csv: line 1\n") != NULL, "%s",
              (const char *)reason.data);
    cr_assert(strstr((const char *)reason.data, "fault:  no column 'computer'") != NULL);
    cr_assert(strstr((const char *)reason.data, "remedy: name the column") != NULL);
    cr_assert(eq(
        int,
        file_read(arena, tmpdir_path(dir, "drop/done/good.csv.problems.txt"), 4096, &reason, NULL),
        0));
    cr_assert(eq(str, (char *)(uintptr_t)reason.data,
                 "left out good.csv: line 5, column name: empty (name the program)\n"));
    cr_assert(eq(sz, heard.rejected, 1));
    cr_assert(eq(u64, counts_of(spool).spooled, 2));
    /* The same names again get a number. */
    put(dir, "drop/good.csv", table);
    put(dir, "drop/bad.csv", "version\n1\n");
    cr_assert(eq(int, drop_scan(drop, &options, spool, &result, &why), 0), "%s", why.what);
    cr_assert(exists(dir, "drop/done/good.csv.1"));
    cr_assert(exists(dir, "drop/rejected/bad.csv.1"));
    cr_assert(exists(dir, "drop/rejected/bad.csv.1.reason.txt"));
}

Test(drop, waits_for_a_file_that_is_open_for_writing)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = spool_of(dir);
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    struct drop_result result;
    struct complaint why = { 0 };
    const char *drop = tmpdir_sub(dir, "drop");
    int fd = open(tmpdir_path(dir, "drop/slow.csv"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(fd >= 0);
    cr_assert(write(fd, table, 20) == 20);
    cr_assert(eq(int, drop_scan(drop, &options, spool, &result, &why), 0));
    cr_assert(eq(sz, result.waiting, 1));
    cr_assert(exists(dir, "drop/slow.csv"));
    cr_assert(write(fd, table + 20, sizeof(table) - 21) == (ssize_t)sizeof(table) - 21);
    cr_assert(eq(int, close(fd), 0));
    cr_assert(eq(int, drop_scan(drop, &options, spool, &result, &why), 0));
    cr_assert(eq(sz, result.taken, 1));
    cr_assert(exists(dir, "drop/done/slow.csv"));
}

Test(drop, leaves_files_where_they_are_when_the_spool_is_full)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf text = BUF_INIT(32 << 20);
    struct spool *spool = NULL;
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    struct drop_result result;
    struct complaint why = { 0 };
    const char *drop = tmpdir_sub(dir, "drop");
    cr_assert(eq(int, seal_start(), 0));
    cr_assert(eq(int, spool_open(tmpdir_sub(dir, "spool"), 256 << 10, &spool, &why), 0));
    buf_put_str(&text, "computer,name\n");
    for (int i = 0; i < 10000; i++)
        buf_printf(&text, "pc%d,a program that no other computer has %d\n", i % 10, i);
    buf_put_u8(&text, '\0');
    put(dir, "drop/b.csv", (const char *)text.data);
    cr_assert(eq(int, drop_scan(drop, &options, spool, &result, &why), -ENOSPC));
    cr_assert(exists(dir, "drop/b.csv"));
    spool_close(spool);
}

Test(drop, says_when_there_is_no_folder)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct heard heard = { 0 };
    struct import_options options = options_of(&heard);
    struct drop_result result;
    struct complaint why = { 0 };
    cr_assert(eq(int, drop_scan(tmpdir_path(dir, "none"), &options, NULL, &result, &why), -ENOENT));
    cr_assert(why.what[0] != '\0');
}
