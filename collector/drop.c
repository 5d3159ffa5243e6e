/* drop.c - the folder whose files are imported as they come. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "collector/import.h"

enum { NAMES_MAX = 9999, REASON_BYTES = 2048, PROBLEMS_BYTES = 1024 * 1024 };

static void closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* only read */
}

static bool ends_with(const char *name, const char *end)
{
    size_t size = strlen(name), end_size = strlen(end);
    return size >= end_size && strcmp(name + size - end_size, end) == 0;
}

/* scandir's choice: everything but what its sender marks as unfinished. */
static int is_wanted(const struct dirent *entry)
{
    const char *name = entry->d_name;
    return name[0] != '.' && !ends_with(name, ".part") && !ends_with(name, ".tmp") &&
           !ends_with(name, "~");
}

/* ---- whether a file is finished ---- */

/* 1: nobody has it open for writing; 0: somebody has; negative: the kernel does not say. */
static int lease_says_closed(int fd)
{
    /* A writer that opens it in the moment of the lease would be told of by SIGIO, which kills;
     * SIGURG does nothing. */
    if (fcntl(fd, F_SETSIG, SIGURG) < 0)
        return -errno;
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
        return errno == EAGAIN ? 0 : -errno;
    return fcntl(fd, F_SETLEASE, F_UNLCK) < 0 ? -errno : 1;
}

static bool has_settled(const struct stat *st)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return false;
    int64_t age_ms = ((int64_t)now.tv_sec - st->st_mtim.tv_sec) * 1000 +
                     (now.tv_nsec - st->st_mtim.tv_nsec) / 1000000;
    /* A time in the future says nothing; better read a file early than never. */
    return age_ms < 0 || age_ms >= DROP_SETTLE_MS;
}

enum drop_state { DROP_NO_FILE, DROP_WAITING, DROP_FINISHED };

static enum drop_state file_state(const char *path)
{
    struct stat st;
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return DROP_NO_FILE;
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int closed = fd < 0 ? -errno : lease_says_closed(fd);
    if (closed == 0)
        return DROP_WAITING;
    if (closed > 0 && st.st_size > 0)
        return DROP_FINISHED;
    return has_settled(&st) ? DROP_FINISHED : DROP_WAITING;
}

/* ---- moving ---- */

/* The name in the folder that nobody has: NAME, NAME.1, NAME.2 ... */
static int free_name(const char *folder, const char *name, char *out, size_t out_bytes)
{
    struct stat st;
    for (unsigned i = 0; i <= NAMES_MAX; i++) {
        int n = i == 0 ? snprintf(out, out_bytes, "%s/%s", folder, name)
                       : snprintf(out, out_bytes, "%s/%s.%u", folder, name, i);
        if (n < 0 || (size_t)n >= out_bytes)
            return -ENAMETOOLONG;
        if (lstat(out, &st) < 0)
            return errno == ENOENT ? 0 : -errno;
    }
    return -EEXIST;
}

/* A text that goes beside a moved file, under its name with `ending`. */
struct beside {
    const char *ending;
    struct bytes text; /* empty: none */
};

static int beside_write(const char *target, const struct beside *beside)
{
    char path[FILE_PATH_SIZE + 32];
    if (beside->text.size == 0)
        return 0;
    (void)snprintf(path, sizeof(path), "%s%s", target, beside->ending); /* of FILE_PATH_SIZE */
    return file_write_atomic(path, beside->text, 0600);
}

/* Out of the folder, into `sub` of it. */
static int move_to(const char *dir, const char *sub, const char *name, const struct beside *beside)
{
    char folder[FILE_PATH_SIZE], from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
    int r = path_join(folder, sizeof(folder), dir, sub);
    if (r == 0)
        r = path_join(from, sizeof(from), dir, name);
    if (r == 0)
        r = file_make_dirs(folder, 0700);
    if (r == 0)
        r = free_name(folder, name, to, sizeof(to));
    if (r == 0)
        r = beside_write(to, beside);
    if (r < 0)
        return r;
    return rename(from, to) < 0 ? -errno : 0;
}

/* ---- one file ---- */

/* What is left out of one file, told on and written down. */
struct listener {
    const struct import_options *options; /* of who called */
    struct buf text;
    size_t count;
};

static void on_item(void *ctx, const struct inventory *inventory)
{
    const struct listener *listener = ctx;
    if (listener->options->item != NULL)
        listener->options->item(listener->options->ctx, inventory);
}

static void on_problem(void *ctx, const struct source_problem *problem)
{
    struct listener *listener = ctx;
    if (listener->options->problem != NULL)
        listener->options->problem(listener->options->ctx, problem);
    listener->count++;
    if (listener->count <= DROP_PROBLEMS_MAX)
        buf_printf(&listener->text, "%s %s: %s (%s)\n", problem->rejected ? "left out" : "ignored",
                   problem->why.place, problem->why.what, problem->why.remedy);
    else if (listener->count == DROP_PROBLEMS_MAX + 1)
        buf_put_str(&listener->text, "and more\n");
}

/* Whether the fault lies in the file; else it may be good when tried again. */
static bool is_files_fault(int r)
{
    return r == -EBADMSG || r == -EFBIG || r == -EINVAL || r == -EACCES || r == -EPERM;
}

static int reject(const char *dir, const char *name, const struct complaint *why)
{
    char text[REASON_BYTES];
    int n = snprintf(text, sizeof(text), "place:  %s\nfault:  %s\nremedy: %s\n", why->place,
                     why->what, why->remedy);
    const struct beside reason = { ".reason.txt", bytes_of(text, n < 0 ? 0 : (size_t)n) };
    return move_to(dir, "rejected", name, &reason);
}

/* Imports a finished file and moves it away. */
static int decide(const char *dir, const char *name, const char *path, struct listener *listener,
                  struct spool *spool, struct drop_result *result, struct complaint *why)
{
    struct import_options options = *listener->options;
    struct import_result imported;
    options.ctx = listener;
    options.item = on_item;
    options.problem = on_problem;
    int r = import_file(path, &options, spool, &imported, why);
    if (r == -ENOENT)
        return 0; /* its sender took it back */
    if (r < 0 && !is_files_fault(r))
        return r;
    const struct beside problems = { ".problems.txt", buf_bytes(&listener->text) };
    bool is_good = r == 0;
    r = is_good ? move_to(dir, "done", name, &problems) : reject(dir, name, why);
    if (r < 0) {
        complaint_at(why, "%s", path);
        return complain(why, r, "let the collector write to the drop folder",
                        "cannot be moved away");
    }
    *(is_good ? &result->taken : &result->rejected) += 1;
    return 0;
}

static int take(const char *dir, const char *name, const struct import_options *options,
                struct spool *spool, struct drop_result *result, struct complaint *why)
{
    char path[FILE_PATH_SIZE];
    int r = path_join(path, sizeof(path), dir, name);
    if (r < 0)
        return r;
    enum drop_state state = file_state(path);
    result->waiting += state == DROP_WAITING;
    if (state != DROP_FINISHED)
        return 0;
    struct listener listener = { .options = options, .text = BUF_INIT(PROBLEMS_BYTES) };
    r = decide(dir, name, path, &listener, spool, result, why);
    buf_done(&listener.text);
    return r;
}

int drop_scan(const char *dir, const struct import_options *options, struct spool *spool,
              struct drop_result *ret_result, struct complaint *why)
{
    struct dirent **entries = NULL;
    *ret_result = (struct drop_result){ 0 };
    int count = scandir(dir, &entries, is_wanted, alphasort);
    if (count < 0) {
        int r = -errno;
        complaint_at(why, "%s", dir);
        return complain(why, r, "make the folder, and let the collector read it",
                        "the drop folder cannot be read");
    }
    int r = 0;
    for (int i = 0; i < count; i++) {
        if (r == 0)
            r = take(dir, entries[i]->d_name, options, spool, ret_result, why);
        free(entries[i]);
    }
    free(entries);
    return r;
}
