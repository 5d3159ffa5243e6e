/* index.h - inside the matcher: the compiled catalogue, one value that is read where it is mapped.
 *
 *     header    12 × u32                           struct index, in its order
 *     slots     slot_count × [u32 hash][u32 entry offset]      offset 0: free
 *     products  product_count × 11 × u32           in id order; struct index_product
 *     vendors   vendor_count × 4 × u32             in id order
 *     patterns  pattern_count × [u32 expression][claim]
 *     entries   [u16 key bytes][u16 claims][key][claims]       key: kind byte, then the value
 *     strings   NUL-terminated UTF-8
 *
 * A claim is 5 × u32: [subject][fingerprint][edition][version][flags]; subject is a product's number,
 * or a vendor's for vendor and origin keys. Integers are big-endian, texts offsets from the start.
 * Table "meta" names the value's digest; what does not have it is not opened, so readers trust it.
 * Layout change: bump INDEX_FORMAT. */
#ifndef MATCHER_INDEX_H
#define MATCHER_INDEX_H

#include "base/bytes.h"
#include "base/seal.h"
#include "matcher/model.h"
#include "store/kv.h"

enum { INDEX_FORMAT = 1 };

enum {
    INDEX_HEADER_BYTES = 48,
    INDEX_SLOT_BYTES = 8,
    INDEX_PRODUCT_BYTES = 44,
    INDEX_VENDOR_BYTES = 16,
    INDEX_CLAIM_BYTES = 20,
    INDEX_PATTERN_BYTES = 4 + INDEX_CLAIM_BYTES,
};

enum { INDEX_DOMESTIC = 1, INDEX_ANONYMOUS = 2 }; /* flags of a vendor */

/* Tables of the environment. */
enum { INDEX_TABLE_META, INDEX_TABLE_INDEX, INDEX_TABLES };
extern const struct kv_table index_tables[INDEX_TABLES];

/* Keys of "meta". The one key of "index" is "1". */
#define META_DIGEST       "digest" /* of the package's records, 32 bytes */
#define META_LABEL        "label"
#define META_INDEX_DIGEST "index-digest" /* of the index value, 32 bytes */

struct index {
    const uint8_t *base; /* mapped */
    size_t size;
    uint32_t slot_mask; /* slot count − 1, the count a power of two */
    uint32_t slots;
    uint32_t products;
    uint32_t product_count;
    uint32_t vendors;
    uint32_t vendor_count;
    uint32_t patterns;
    uint32_t pattern_count;
};

struct index_product {
    const char *id;
    const char *name;
    const char *name_zh;
    const char *category;
    const char *editions; /* joined by commas */
    const char *reference;
    const char *free_for;
    const char *metric;
    uint32_t vendor;
    Zb__LicenceClass licence_class;
    bool version_from_name;
};

struct index_claim {
    uint32_t subject;
    const char *fingerprint;
    const char *edition;
    const char *version;
    uint32_t flags; /* enum evidence_flag; of an origin: its class */
};

struct index_run { /* the claims of one key */
    const uint8_t *claims;
    size_t count;
};

/* index_hash - of a key with its kind byte. The same on every machine: it is stored. */
uint32_t index_hash(struct bytes key);

/* index_map - an index over the value; false when it has not the shape of one. */
bool index_map(struct bytes value, struct index *ret_index);

/* index_find - the claims of a key; false if there are none. */
bool index_find(const struct index *index, struct bytes key, struct index_run *ret_run);
struct index_claim index_claim_at(const struct index *index, const uint8_t *at);
struct index_product index_product_at(const struct index *index, uint32_t number);

/* index_text - of an offset that stands in the index. */
static inline const char *index_text(const struct index *index, uint32_t offset)
{
    return (const char *)index->base + offset;
}

/* What a vendor's number means. */
struct index_vendor {
    const char *id;
    const char *name;
    const char *name_zh;
    bool domestic;
    bool anonymous;
};
struct index_vendor index_vendor_at(const struct index *index, uint32_t number);

/* index_build - the index of a catalogue, into `out`. Errors: -EBADMSG evidence of a product that is
 * not there, or that cannot be keyed; -ENOMEM, -EMSGSIZE. */
int index_build(const struct cat *cat, struct buf *out, struct complaint *why);

/* A pattern, compiled when the catalogue was opened. */
struct catalogue_pattern {
    void *code; /* pcre2_code */
    struct index_claim claim;
};

struct catalogue {
    struct kv *kv;
    struct kv_txn *txn; /* open as long as the catalogue: its file is never written again */
    struct index index;
    struct digest digest;
    char label[CAT_LABEL_BYTES + 1];
    struct catalogue_pattern *patterns;
    size_t pattern_count;
    void *any;     /* pcre2_code of all patterns as alternatives; NULL: no pattern */
    void *limits;  /* pcre2_match_context */
    void *scratch; /* pcre2_match_data: one thread judges by one open catalogue */
};

/* catalogue_match - whether any pattern fits; catalogue_match_one - whether that one does. A match
 * that would cost more than the limits counts as none. */
bool catalogue_match(const struct catalogue *catalogue, struct bytes text);
bool catalogue_match_one(const struct catalogue *catalogue, size_t pattern, struct bytes text);

#endif
