/* owned.h - which paths belong to packages, as far as other sources of the host ask: so that what a
 * package installed is not counted a second time. Within collector/sources/ only. */
#ifndef COLLECTOR_SOURCES_OWNED_H
#define COLLECTOR_SOURCES_OWNED_H

#include "base/buf.h"

enum { OWNED_BYTES = 256 * 1024 * 1024 };

struct owned {
    struct buf text;   /* owned: paths, each with its NUL */
    const char **path; /* owned, by owned_seal: ascending, into text */
    size_t count;
    /* A list could not be read: what is not here may be a package's all the same. */
    bool is_partial;
};

#define OWNED_INIT ((struct owned){ .text = BUF_INIT(OWNED_BYTES) })

void owned_done(struct owned *owned);

/* owned_add - dir ‖ name, an absolute path; it is kept where others ask for it: below /opt/,
 * /usr/share/applications/ and /usr/local/share/applications/. */
void owned_add(struct owned *owned, struct bytes dir, struct bytes name);

/* owned_seal - after the last owned_add. -ENOMEM; too many paths make it partial. */
int owned_seal(struct owned *owned);

/* owned_has - whether the absolute path is a package's; owned_below - or something below it is. */
bool owned_has(const struct owned *owned, const char *path);
bool owned_below(const struct owned *owned, const char *path);

#endif
