/* dpkg.h - the pieces that a Debian-like host is read in. Within collector/sources/ only. */
#ifndef COLLECTOR_SOURCES_DPKG_H
#define COLLECTOR_SOURCES_DPKG_H

#include "collector/sources/host.h"

struct dpkg_context {
    struct draft *draft;
    const struct os_release *os;
    /* the licences of a package, or nothing where it is not cheap to tell; may be NULL */
    void *licence_ctx;
    struct bytes (*licence)(void *ctx, const char *package);
    struct bytes arch; /* set by dpkg_status_read: the architecture of dpkg itself */
};

/* dpkg_status_read - the packages of dpkg's status file, each a row of the draft. A paragraph that
 * cannot be read costs that package; a file that ends within one is not complete.
 * Errors: -EBADMSG it has no paragraph of a package at all, or too many; -ENOMEM. */
int dpkg_status_read(struct bytes status, struct dpkg_context *context, struct complaint *why);

/* dpkg_is_package - whether the text is a package's name: nothing that walks out of a folder. */
bool dpkg_is_package(struct bytes name);

/* copyright_licences - the short names of a DEP-5 copyright file, each once, in byte order, joined
 * by ", ", at most 512 bytes ("..." stands for what did not fit); empty for a file of another form.
 * Owns: the arena. -ENOMEM. */
int copyright_licences(struct bytes text, struct arena *arena, struct bytes *ret_licences);

#endif
