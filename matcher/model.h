/* model.h - inside the matcher: a catalogue as records, between its YAML and its package.
 *
 *     source.c  YAML ──▶ struct cat ──▶ lint.c ──▶ package.c: lines
 *     package.c lines ──▶ struct cat ──▶ compile.c: LMDB
 *
 * Everything lies in one arena and dies with it. */
#ifndef MATCHER_MODEL_H
#define MATCHER_MODEL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "matcher/catalogue.h"
#include "proto/bounds.h"
#include "proto/names.h"

enum {
    CAT_PACKAGE_BYTES = 64 * 1024 * 1024, /* largest package taken */
    CAT_ARENA_BYTES = 1024 * 1024 * 1024, /* cap while building or compiling one */
    CAT_TEXT_BYTES = 512,                 /* one field of a record */
    CAT_FINGERPRINT_BYTES = 96,           /* id of a fingerprint, as verdicts carry it */
    CAT_LABEL_BYTES = 64,
};

/* Kinds of evidence. The numbers are first bytes of index keys: compiled form only. */
enum evidence_kind {
    EVIDENCE_NAME = 1,
    EVIDENCE_PATTERN,
    EVIDENCE_SHA256,
    EVIDENCE_PRODUCT_CODE,
    EVIDENCE_UPGRADE_CODE,
    EVIDENCE_WINGET,
    EVIDENCE_BUNDLE,
    EVIDENCE_PURL,
    EVIDENCE_CPE,
    EVIDENCE_SWID,
    EVIDENCE_PACKAGE,
    EVIDENCE_ARP_KEY,
    EVIDENCE_PARTIAL_KEY,
    EVIDENCE_INDICATOR,
    EVIDENCE_KINDS, /* count; below: index keys that are no evidence of a product */
    KEY_VENDOR = 64,
    KEY_ORIGIN,
};

enum evidence_flag {
    EVIDENCE_NEEDS_VENDOR = 1, /* decides only where the row's vendor agrees */
    EVIDENCE_EXONERATES = 2,   /* beats every evidence of a prohibited product on the same row */
};

/* Where a record was written; file NULL when it came from a package. */
struct place {
    const char *file;
    size_t line;
};

struct cat_vendor {
    struct bytes id;
    struct bytes name;
    struct bytes name_zh;
    bool domestic;
    bool anonymous; /* nobody stands behind it: activators */
    struct place place;
};

struct cat_alias { /* another way to write a vendor */
    struct bytes vendor;
    struct bytes text;
};

struct cat_origin { /* a distribution, and what its packages are */
    struct bytes vendor;
    struct bytes text;
    Zb__LicenceClass licence_class;
};

struct cat_product {
    struct bytes id;
    struct bytes vendor;
    struct bytes name;
    struct bytes name_zh;
    struct bytes category;
    struct bytes metric;
    struct bytes editions; /* canonical words joined by commas; empty: not told apart */
    struct bytes reference;
    struct bytes free_for;
    Zb__LicenceClass licence_class;
    bool version_from_name; /* rights speak of "2019", not of 16.0.10300 */
    struct place place;
};

struct cat_evidence {
    enum evidence_kind kind;
    struct bytes value;
    struct bytes product;
    struct bytes edition; /* it is evidence of that edition only, or says so; empty: any */
    struct bytes version; /* the same */
    struct bytes id;      /* empty: "kind:value" */
    unsigned flags;       /* of enum evidence_flag */
    struct place place;
};

struct cat {
    struct arena *arena; /* borrowed */
    struct cat_vendor *vendors;
    struct cat_alias *aliases;
    struct cat_origin *origins;
    struct cat_product *products;
    struct cat_evidence *evidence;
    size_t vendor_count, alias_count, origin_count, product_count, evidence_count;
};

/* cat_add_* - a zeroed new record at the end; NULL when the arena is full. */
struct cat_vendor *cat_add_vendor(struct cat *cat);
struct cat_alias *cat_add_alias(struct cat *cat);
struct cat_origin *cat_add_origin(struct cat *cat);
struct cat_product *cat_add_product(struct cat *cat);
struct cat_evidence *cat_add_evidence(struct cat *cat);

/* Names of kinds and classes, as in YAML and packages. kind 0, class -1: no such name. */
const char *evidence_kind_name(enum evidence_kind kind);
enum evidence_kind evidence_kind_of(struct bytes name);
const char *class_name(Zb__LicenceClass licence_class);
int class_of(struct bytes name);

enum { EVIDENCE_KEY_BYTES = BOUND_FIELD_BYTES + 2 };

/* evidence_key - the kind byte and what rows and catalogue are compared by: GUIDs, ids and indicators
 * in lower case, purl and CPE down to the product, files by their last path component. Not for names,
 * patterns, vendors and origins. Returns the bytes written; 0 for a value that cannot be of that
 * kind or is over BOUND_FIELD_BYTES. */
size_t evidence_key(enum evidence_kind kind, struct bytes value, uint8_t key[EVIDENCE_KEY_BYTES]);

/* cat_evidence_id - its id, or "kind:value" cut at CAT_FINGERPRINT_BYTES; in the arena. -ENOMEM. */
int cat_evidence_id(const struct cat_evidence *evidence, struct arena *arena, struct bytes *ret_id);

/* source_read - the catalogue's YAML files below `dir`, in the order of their names. */
int source_read(const char *dir, struct cat *cat, struct complaint *why);

/* source_read_text - one of them; `base` is its file name. */
int source_read_text(struct bytes text, const char *base, struct cat *cat, struct complaint *why);

/* lint - what one file cannot show by itself: unique ids, evidence that two products claim, at least
 * two kinds of evidence, patterns that compile. Errors: -EINVAL, -ENOMEM. */
int lint(const struct cat *cat, struct complaint *why);

/* package_write - header and sorted lines. package_parse - the reverse, refusing whatever
 * package_write would not have written; ret_body: the lines that the digest covers. */
int package_write(const struct cat *cat, const char *label, struct buf *out, struct complaint *why);
int package_parse(struct bytes package, struct cat *cat, struct complaint *why);

#endif
