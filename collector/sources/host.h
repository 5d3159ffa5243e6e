/* host.h - the computer that is read below a root, as every source of it sees it: files that cannot
 * lie outside, what the system says of itself, which paths belong to packages. Within
 * collector/sources/ only.
 *
 * A path here is relative to the root and without a leading slash: "etc/os-release". Symbolic links
 * are followed as the computer itself would, with the root as "/": none leads out. Only regular
 * files are read, each up to a bound. */
#ifndef COLLECTOR_SOURCES_HOST_H
#define COLLECTOR_SOURCES_HOST_H

#include <dirent.h>

#include "collector/sources/draft.h"
#include "collector/sources/owned.h"

enum {
    HOST_SMALL_BYTES = 64 * 1024,  /* one line, or some tens */
    HOST_ENTRIES_MAX = 100 * 1000, /* of one folder; what lies beyond is told and left out */
};

/* What etc/os-release says; texts lie in the file or in the arena, empty where it says nothing. */
struct os_release {
    struct bytes id;      /* "debian", "uos" */
    struct bytes title;   /* "Debian GNU/Linux 12 (bookworm)" */
    struct bytes version; /* "12" */
    struct bytes edition; /* of the variant */
    struct bytes origin;  /* what its packages call the distribution: "Debian", "UnionTech" */
    struct bytes vendor;  /* who makes it */
};

/* os_release_read - the form of os-release(5): NAME=value with the shell's quotes. A line that is not
 * of that form is passed over. -ENOMEM. */
int os_release_read(struct bytes text, struct arena *arena, struct os_release *ret_os);

struct host {
    int root_fd;         /* owned */
    bool is_whole;       /* the root is "/": nothing lies outside of it */
    bool lacks_openat2;  /* the kernel cannot keep links within a root (before Linux 5.6) */
    struct arena *arena; /* borrowed */
    struct os_release os;
    const char *os_path;    /* where it was read */
    struct bytes arch;      /* set by the first source of packages: that of the package manager */
    const char *arch_place; /* where it stands; NULL: no source of packages was there */
    struct owned owned;     /* filled by the sources of packages, sealed before the others */
};

/* One place of a host where software is listed. `read` fills the draft; false in *ret_complete where
 * something of it could not be seen at all.
 * Errors: -ENOENT this host has no such place; others: what it has cannot be read (why says more);
 *         -ENOMEM. */
struct host_source {
    const char *name;
    int (*read)(struct host *host, struct draft *draft, bool *ret_complete, struct complaint *why);
};

extern const struct host_source host_dpkg;
extern const struct host_source host_rpm;
extern const struct host_source host_desktop;
extern const struct host_source host_opt;

/* host_open - opens a path below the root, never to write. Where the kernel lacks openat2 and the
 * root is not "/", a path with a symbolic link in it is -ELOOP.
 * Errors: -errno. Owns: the caller closes. */
int host_open(struct host *host, const char *path, int flags);

/* host_file - the whole of a regular file below the root, of at most cap_bytes, into the arena.
 * Errors: -EFBIG larger; -EINVAL no regular file; -ENOMEM; -errno. */
int host_file(struct host *host, const char *path, size_t cap_bytes, struct bytes *ret_text);

/* host_small - the same for a small file; empty where there is none, or it is not for us. -ENOMEM. */
int host_small(struct host *host, const char *path, struct bytes *ret_text);

/* host_names - the names in a folder, in byte order, without . and ..; -E2BIG where there are more
 * than HOST_ENTRIES_MAX: the output then holds that many, whichever came first.
 * Errors: -ENOENT, -ENOTDIR; -ENOMEM; -errno. Owns: the arena. */
struct host_names {
    const char *const *name;
    size_t count;
};
int host_names(struct host *host, const char *path, struct host_names *ret_names);

/* host_type - S_IF* of a path, of a link itself where its last part is one. Errors: -errno. */
int host_type(struct host *host, const char *path, unsigned *ret_type);

/* host_knows_owned - whether all paths that packages own are known; else tells so, and the source must
 * hand over nothing: it might count a package a second time. */
bool host_knows_owned(const struct host *host, const struct draft *draft, const char *place);

/* close_fdp - CLEANUP(close_fdp) for a descriptor that was only read. */
void close_fdp(const int *fd);

#endif
