/* facts.h - what a computer says of itself: host name, serial number, hardware. Personal data in
 * part; the ledger keeps the bytes in its `private` table and their handle elsewhere. */
#ifndef PROTO_FACTS_H
#define PROTO_FACTS_H

#include "proto/fields.h"

/* Tags of the canonical form; never renumbered. */
enum facts_tag {
    FACTS_DEVICE = 1, /* the id its inventory tool gave it */
    FACTS_HOST = 2,
    FACTS_SERIAL = 3,
    FACTS_UUID = 4,  /* SMBIOS */
    FACTS_ASSET = 5, /* asset number */
    FACTS_OS_NAME = 6,
    FACTS_OS_VERSION = 7,
    FACTS_MAKER = 8,
    FACTS_MODEL = 9,
    FACTS_KIND = 10, /* "server", "desktop", "laptop", "virtual" */
    FACTS_USER = 11,
    FACTS_DEPARTMENT = 12,
    FACTS_ARCH = 13,
    FACTS_MAC = 14, /* repeated, "00:11:22:33:44:55" lower case */
};

extern const struct fields_form facts_form;

struct facts {
    struct fields fields; /* by enum facts_tag; repeated: MAC addresses */
};

int facts_encode(const struct facts *facts, struct buf *out, struct complaint *why);
int facts_decode(struct bytes canonical, struct arena *arena, struct facts *ret_facts,
                 struct complaint *why);

/* facts_id - BLAKE2b-128 of canonical bytes. */
struct id128 facts_id(struct bytes canonical);

#endif
