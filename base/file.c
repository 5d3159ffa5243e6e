/* file.c - plain system calls; descriptors are close-on-exec, errors are -errno. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/seal.h"

enum { FILE_PIECE_BYTES = 64 * 1024 };

static void closep(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd); /* nothing was written, or it was synced */
}

int path_join(char *out, size_t out_bytes, const char *dir, const char *name)
{
    size_t dir_bytes = strlen(dir);
    const char *slash = dir_bytes > 0 && dir[dir_bytes - 1] == '/' ? "" : "/";
    int n = name[0] == '/' ? snprintf(out, out_bytes, "%s", name)
                           : snprintf(out, out_bytes, "%s%s%s", dir, slash, name);
    if (n >= 0 && (size_t)n < out_bytes)
        return 0;
    out[0] = '\0';
    return -ENAMETOOLONG;
}

static int complain_errno(struct complaint *why, int r, const char *doing, const char *remedy)
{
    char reason[128];
    return complain(why, r, remedy, "cannot be %s: %s", doing,
                    strerror_r(-r, reason, sizeof(reason)));
}

static int complain_size(struct complaint *why, size_t cap_bytes)
{
    return complain(why, -EFBIG, "give a smaller file", "is larger than %zu bytes", cap_bytes);
}

/* Opens a regular file to read. O_NONBLOCK: a FIFO in its place must not stop the daemon. */
static int open_regular(const char *path, struct stat *ret_stat, struct complaint *why)
{
    complaint_at(why, "%s", path);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return complain_errno(why, -errno, "opened",
                              "check that the file exists and may be read by this user");
    if (fstat(fd, ret_stat) < 0)
        return complain_errno(why, -errno, "examined", "check the file system");
    if (!S_ISREG(ret_stat->st_mode))
        return complain(why, -EINVAL, "name a file", "is no regular file");
    int taken = fd;
    fd = -1; // NOLINT(clang-analyzer-deadcode.DeadStores): closep reads it
    return taken;
}

/* read() until size bytes or the end. */
static ssize_t read_full(int fd, uint8_t *out, size_t size)
{
    size_t at = 0;
    while (at < size) {
        ssize_t n = read(fd, out + at, size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        at += (size_t)n;
    }
    return (ssize_t)at;
}

/* Appends what is left of the file; -EFBIG when more is left than the buffer's cap allows. The
 * size that fstat gave is not trusted: /proc says 0, and files grow. */
static int read_rest(int fd, struct buf *buf)
{
    for (;;) {
        size_t room = buf->cap - buf->size;
        if (room == 0) {
            uint8_t more;
            ssize_t n = read_full(fd, &more, 1);
            return n > 0 ? -EFBIG : (int)n;
        }
        size_t want = room < FILE_PIECE_BYTES ? room : FILE_PIECE_BYTES;
        uint8_t *p = buf_reserve(buf, want);
        if (p == NULL)
            return buf_error(buf);
        ssize_t n = read_full(fd, p, want);
        buf->size -= n < 0 ? want : want - (size_t)n;
        if (n < (ssize_t)want)
            return n < 0 ? (int)n : 0;
    }
}

int file_read(struct arena *arena, const char *path, size_t cap_bytes, struct bytes *ret_bytes,
              struct complaint *why)
{
    struct stat st;
    CLEANUP(closep) int fd = open_regular(path, &st, why);
    if (fd < 0)
        return fd;
    if (st.st_size > 0 && (uintmax_t)st.st_size > cap_bytes)
        return complain_size(why, cap_bytes);
    CLEANUP(buf_done) struct buf buf = BUF_INIT(cap_bytes);
    int r = read_rest(fd, &buf);
    if (r == -EFBIG)
        return complain_size(why, cap_bytes);
    if (r < 0)
        return complain_errno(why, r, "read", "check the disk");
    uint8_t *copy = (uint8_t *)arena_strdup(arena, buf_bytes(&buf));
    if (copy == NULL)
        return -ENOMEM;
    *ret_bytes = bytes_of(copy, buf.size);
    return 0;
}

int file_read_secret(const char *path, uint8_t *out, size_t cap_bytes, size_t *ret_size,
                     struct complaint *why)
{
    struct stat st;
    CLEANUP(closep) int fd = open_regular(path, &st, why);
    if (fd < 0)
        return fd;
    if ((st.st_mode & 077) != 0)
        return complain(why, -EPERM, "let its owner alone read it: chmod 600",
                        "holds a secret, but its mode %03o lets others at it",
                        (unsigned)st.st_mode & 07777);
    ssize_t n = read_full(fd, out, cap_bytes);
    if (n < 0)
        return complain_errno(why, (int)n, "read", "check the disk");
    uint8_t more = 0;
    ssize_t rest = read_full(fd, &more, 1);
    seal_wipe(&more, 1);
    if (rest > 0)
        return complain_size(why, cap_bytes);
    if (rest < 0)
        return complain_errno(why, (int)rest, "read", "check the disk");
    *ret_size = (size_t)n;
    return 0;
}

static int write_all(int fd, struct bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t n = write(fd, bytes.data, bytes.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes = bytes_of(bytes.data + n, bytes.size - (size_t)n);
    }
    return 0;
}

/* The directory that holds path, into out[FILE_PATH_SIZE]. */
static int path_parent(const char *path, char *out)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);
    if (n >= FILE_PATH_SIZE)
        return -ENAMETOOLONG;
    if (n == 0)
        (void)strcpy(out, slash == NULL ? "." : "/");
    else
        *(char *)mempcpy(out, path, n) = '\0';
    return 0;
}

/* Makes a name that was created or renamed in it last through a power cut. */
static int sync_parent(const char *path)
{
    char parent[FILE_PATH_SIZE];
    int r = path_parent(path, parent);
    if (r < 0)
        return r;
    CLEANUP(closep) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return fsync(fd) < 0 ? -errno : 0;
}

/* Everything about the temporary file but its name: content, mode, disk. */
static int fill_file(int fd, struct bytes bytes, mode_t mode)
{
    int r = write_all(fd, bytes);
    if (r == 0 && fchmod(fd, mode) < 0)
        r = -errno;
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (close(fd) < 0 && r == 0)
        r = -errno;
    return r;
}

int file_write_atomic(const char *path, struct bytes bytes, mode_t mode)
{
    char temporary[FILE_PATH_SIZE];
    int n = snprintf(temporary, sizeof(temporary), "%s.new-XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return -ENAMETOOLONG;
    int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 until it is complete */
    if (fd < 0)
        return -errno;
    int r = fill_file(fd, bytes, mode);
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlink(temporary); /* the first error is the one to tell */
        return r;
    }
    return sync_parent(path);
}

static int make_dir(const char *path, mode_t mode)
{
    struct stat st;
    if (mkdir(path, mode) == 0)
        return sync_parent(path);
    int r = -errno;
    if (stat(path, &st) < 0)
        return r;
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int file_make_dirs(const char *path, mode_t mode)
{
    char part[FILE_PATH_SIZE];
    size_t size = strlen(path);
    if (size == 0)
        return -ENOENT;
    if (size >= sizeof(part))
        return -ENAMETOOLONG;
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        *(char *)mempcpy(part, path, i) = '\0';
        int r = make_dir(part, mode);
        if (r < 0)
            return r;
    }
    return 0;
}

int file_lock(const char *path, int *ret_fd)
{
    CLEANUP(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    *ret_fd = fd;
    fd = -1; // NOLINT(clang-analyzer-deadcode.DeadStores): closep reads it
    return 0;
}
