/* row.h - a row: one thing a computer says about its software.
 *
 * Content-addressed: equal rows have equal bytes and one id everywhere, so each crosses the wire
 * once per collector, is judged once per catalogue and stored once. A hashed tell-tale file, an
 * activation indicator and the operating system are rows too, told apart by their source. */
#ifndef PROTO_ROW_H
#define PROTO_ROW_H

#include "proto/fields.h"

/* Tags of the canonical form; never renumbered. */
enum row_tag {
    ROW_SOURCE = 1, /* what kind of place it was read from: see ROW_SOURCE_* */
    ROW_NAME = 2,   /* display or package name */
    ROW_VENDOR = 3, /* publisher, maintainer's organisation */
    ROW_VERSION = 4,
    ROW_ARCH = 5,
    ROW_EDITION = 6,
    ROW_ORIGIN = 7,      /* distribution it came from: "Debian", "UnionTech" ... */
    ROW_LICENCE = 8,     /* licence as the package declares it */
    ROW_CHANNEL = 9,     /* how it was activated or delivered: "OEM", "Volume", "Retail" ... */
    ROW_IDENTIFIER = 10, /* repeated: "kind:value", kinds in ROW_ID_* */
};

/* Values of ROW_SOURCE that have a meaning of their own. */
#define ROW_SOURCE_DPKG       "dpkg"
#define ROW_SOURCE_RPM        "rpm"
#define ROW_SOURCE_ARP        "arp"        /* Windows Add/Remove Programs */
#define ROW_SOURCE_APP        "app"        /* macOS application bundle */
#define ROW_SOURCE_OS         "os"         /* the operating system itself */
#define ROW_SOURCE_FILE       "file"       /* a hashed tell-tale file */
#define ROW_SOURCE_ACTIVATION "activation" /* an activation indicator */
#define ROW_SOURCE_LIST       "list"       /* a list that a person wrote */
#define ROW_SOURCE_DESKTOP    "desktop"    /* a menu entry that no package owns */
#define ROW_SOURCE_OPT        "opt"        /* a folder of /opt that no package owns */
#define ROW_SOURCE_ANTIVIRUS  "antivirus"  /* what a system says of its virus scanner */

/* Kinds of ROW_IDENTIFIER. */
#define ROW_ID_PRODUCT_CODE "msi-product" /* {GUID}, upper case */
#define ROW_ID_UPGRADE_CODE "msi-upgrade"
#define ROW_ID_WINGET       "winget"
#define ROW_ID_BUNDLE       "bundle" /* macOS bundle id */
#define ROW_ID_TEAM         "team"   /* Apple team id */
#define ROW_ID_PURL         "purl"
#define ROW_ID_CPE          "cpe"
#define ROW_ID_SWID         "swid"
#define ROW_ID_PACKAGE      "package" /* "dpkg/name", "rpm/name" */
#define ROW_ID_ARP_KEY      "arp-key" /* name of the uninstall key */
#define ROW_ID_SHA256       "sha256"
#define ROW_ID_PARTIAL_KEY  "partial-key" /* last five characters of the product key in use */
#define ROW_ID_INDICATOR    "indicator"   /* activation-emulator indicator, "type/value" */

extern const struct fields_form row_form;

struct row {
    struct fields fields; /* by enum row_tag; repeated: identifiers */
};

/* row_text - one field of the row; empty when absent. */
static inline struct bytes row_text(const struct row *row, enum row_tag tag)
{
    return row->fields.value[tag];
}

/* row_encode - appends the canonical bytes. Errors: as fields_encode; -EINVAL without a source or
 * without both name and identifier. */
int row_encode(const struct row *row, struct buf *out, struct complaint *why);

/* row_decode - as fields_decode, and refuses what row_encode would. */
int row_decode(struct bytes canonical, struct arena *arena, struct row *ret_row,
               struct complaint *why);

/* row_id - BLAKE2b-128 of canonical bytes. */
struct id128 row_id(struct bytes canonical);

#endif
