/* host_files.c - what lies below the root of a host, and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "collector/sources/host.h"

enum { READ_PIECE_BYTES = 64 * 1024 };

void close_fdp(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* only read */
}

/* Part by part, through no link at all: what is left where the kernel cannot confine links. */
static int open_unlinked(int root_fd, const char *path, int flags)
{
    char part[NAME_MAX + 1];
    CLEANUP(close_fdp) int at = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return -errno;
    for (;;) {
        while (*path == '/')
            path++;
        size_t size = strcspn(path, "/");
        if (size >= sizeof(part))
            return -ENAMETOOLONG;
        (void)snprintf(part, sizeof(part), "%.*s", (int)size, path);
        if (strcmp(part, "..") == 0)
            return -ELOOP;
        path += size;
        bool is_last = path[strspn(path, "/")] == '\0';
        int next = openat(at, part[0] == '\0' ? "." : part,
                          is_last ? flags | O_NOFOLLOW | O_CLOEXEC
                                  : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return -errno;
        if (is_last)
            return next;
        close_fdp(&at);
        at = next;
    }
}

int host_open(struct host *host, const char *path, int flags)
{
    /* A FIFO in a file's place must not stop us, nor a terminal become ours. */
    flags |= (flags & O_PATH) != 0 ? O_CLOEXEC : O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    if (!host->lacks_openat2) {
        struct open_how how = { .flags = (uint64_t)(unsigned)flags,
                                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
        int fd = -1;
        for (int tries = 0; tries < 8; tries++) { /* EAGAIN: something was renamed meanwhile */
            fd = (int)syscall(SYS_openat2, host->root_fd, path, &how, sizeof(how));
            if (fd >= 0 || errno != EAGAIN)
                break;
        }
        if (fd >= 0)
            return fd;
        if (errno != ENOSYS && errno != EPERM) /* EPERM: what some containers' filters say */
            return -errno;
        host->lacks_openat2 = true;
    }
    if (!host->is_whole)
        return open_unlinked(host->root_fd, path, flags);
    int fd = openat(host->root_fd, path, flags);
    return fd < 0 ? -errno : fd;
}

/* All of fd from where it stands; -EFBIG past the cap. What fstat says of the size is a hint. */
static int read_all(int fd, struct arena *arena, size_t cap_bytes, struct bytes *ret_text)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(cap_bytes + READ_PIECE_BYTES);
    while (buf.size <= cap_bytes) {
        uint8_t *p = buf_reserve(&buf, READ_PIECE_BYTES);
        if (p == NULL)
            return buf_error(&buf);
        ssize_t n = read(fd, p, READ_PIECE_BYTES);
        buf.size -= n < 0 ? READ_PIECE_BYTES : READ_PIECE_BYTES - (size_t)n;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            break;
    }
    if (buf.size > cap_bytes)
        return -EFBIG;
    const void *copy = arena_dup(arena, buf.data, buf.size);
    *ret_text = bytes_of(copy, buf.size);
    return copy == NULL ? -ENOMEM : 0;
}

int host_file(struct host *host, const char *path, size_t cap_bytes, struct bytes *ret_text)
{
    struct stat st;
    *ret_text = (struct bytes){ 0 };
    /* A look before the opening: to open some devices is to do something. */
    CLEANUP(close_fdp) int seen = host_open(host, path, O_PATH);
    if (seen < 0)
        return seen;
    if (fstat(seen, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    CLEANUP(close_fdp) int fd = host_open(host, path, O_RDONLY);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > 0 && (uintmax_t)st.st_size > cap_bytes)
        return -EFBIG;
    return read_all(fd, host->arena, cap_bytes, ret_text);
}

int host_small(struct host *host, const char *path, struct bytes *ret_text)
{
    int r = host_file(host, path, HOST_SMALL_BYTES, ret_text);
    return r == -ENOMEM ? r : 0;
}

int host_type(struct host *host, const char *path, unsigned *ret_type)
{
    struct stat st;
    CLEANUP(close_fdp) int fd = host_open(host, path, O_PATH | O_NOFOLLOW);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    *ret_type = st.st_mode & S_IFMT;
    return 0;
}

static int name_order(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static int names_collect(DIR *dir, struct arena *arena, struct buf *list)
{
    for (size_t count = 0;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (entry == NULL)
            return -errno;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (count++ == HOST_ENTRIES_MAX)
            return -E2BIG;
        const char *name = arena_strdup(arena, bytes_str(entry->d_name));
        if (name == NULL)
            return -ENOMEM;
        buf_put(list, bytes_of(&name, sizeof(const char *)));
        if (buf_error(list) < 0)
            return -ENOMEM;
    }
}

int host_names(struct host *host, const char *path, struct host_names *ret_names)
{
    *ret_names = (struct host_names){ .count = 0 };
    int fd = host_open(host, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        int r = -errno;
        close_fdp(&fd);
        return r;
    }
    CLEANUP(buf_done) struct buf list = BUF_INIT((HOST_ENTRIES_MAX + 1) * sizeof(const char *));
    int r = names_collect(dir, host->arena, &list);
    (void)closedir(dir); /* only read */
    if (r < 0 && r != -E2BIG)
        return r;
    const char **names = arena_dup(host->arena, list.data, list.size);
    if (names == NULL)
        return -ENOMEM;
    ret_names->name = names;
    ret_names->count = list.size / sizeof(const char *);
    qsort((void *)names, ret_names->count, sizeof(*names), name_order);
    return r;
}
