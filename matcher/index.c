/* index.c - reading the compiled index where it is mapped. No allocation. */
#include "matcher/index.h"

const struct kv_table index_tables[INDEX_TABLES] = {
    { INDEX_TABLE_META, "meta" },
    { INDEX_TABLE_INDEX, "index" },
};

/* Multiply and fold, eight bytes at a step. Keys are the catalogue's, the table is at most half full
 * and fixed: a hostile row can find a long run of slots, but not make one. */
uint32_t index_hash(struct bytes key)
{
    static const uint64_t odd = 0x9E3779B97F4A7C15u;
    uint64_t hash = key.size * odd;
    size_t i = 0;
    for (; i + 8 <= key.size; i += 8) {
        hash = (hash ^ get_u64be(key.data + i)) * odd;
        hash ^= hash >> 29;
    }
    uint64_t tail = 0;
    for (; i < key.size; i++)
        tail = tail << 8 | key.data[i];
    hash = (hash ^ tail) * odd;
    return (uint32_t)(hash >> 32);
}

bool index_map(struct bytes value, struct index *ret_index)
{
    if (value.size < INDEX_HEADER_BYTES || get_u32be(value.data) != INDEX_FORMAT ||
        get_u32be(value.data + 4) != value.size)
        return false;
    const uint8_t *at = value.data + 8;
    *ret_index = (struct index){
        .base = value.data,
        .size = value.size,
        .slot_mask = get_u32be(at),
        .slots = get_u32be(at + 4),
        .products = get_u32be(at + 8),
        .product_count = get_u32be(at + 12),
        .vendors = get_u32be(at + 16),
        .vendor_count = get_u32be(at + 20),
        .patterns = get_u32be(at + 24),
        .pattern_count = get_u32be(at + 28),
    };
    return true;
}

bool index_find(const struct index *index, struct bytes key, struct index_run *ret_run)
{
    uint32_t hash = index_hash(key);
    for (uint32_t i = hash & index->slot_mask;; i = (i + 1) & index->slot_mask) {
        const uint8_t *slot = index->base + index->slots + (size_t)i * INDEX_SLOT_BYTES;
        uint32_t offset = get_u32be(slot + 4);
        if (offset == 0)
            return false;
        if (get_u32be(slot) != hash)
            continue;
        const uint8_t *entry = index->base + offset;
        size_t size = get_u16be(entry);
        if (size == key.size && memcmp(entry + 4, key.data, size) == 0) {
            ret_run->count = get_u16be(entry + 2);
            ret_run->claims = entry + 4 + size;
            return true;
        }
    }
}

struct index_claim index_claim_at(const struct index *index, const uint8_t *at)
{
    return (struct index_claim){
        .subject = get_u32be(at),
        .fingerprint = index_text(index, get_u32be(at + 4)),
        .edition = index_text(index, get_u32be(at + 8)),
        .version = index_text(index, get_u32be(at + 12)),
        .flags = get_u32be(at + 16),
    };
}

struct index_product index_product_at(const struct index *index, uint32_t number)
{
    const uint8_t *at = index->base + index->products + (size_t)number * INDEX_PRODUCT_BYTES;
    return (struct index_product){
        .id = index_text(index, get_u32be(at)),
        .name = index_text(index, get_u32be(at + 4)),
        .name_zh = index_text(index, get_u32be(at + 8)),
        .category = index_text(index, get_u32be(at + 12)),
        .editions = index_text(index, get_u32be(at + 16)),
        .reference = index_text(index, get_u32be(at + 20)),
        .free_for = index_text(index, get_u32be(at + 24)),
        .metric = index_text(index, get_u32be(at + 28)),
        .vendor = get_u32be(at + 32),
        .licence_class = (Zb__LicenceClass)get_u32be(at + 36),
        .version_from_name = get_u32be(at + 40) != 0,
    };
}

struct index_vendor index_vendor_at(const struct index *index, uint32_t number)
{
    const uint8_t *at = index->base + index->vendors + (size_t)number * INDEX_VENDOR_BYTES;
    return (struct index_vendor){
        .id = index_text(index, get_u32be(at)),
        .name = index_text(index, get_u32be(at + 4)),
        .name_zh = index_text(index, get_u32be(at + 8)),
        .domestic = (get_u32be(at + 12) & INDEX_DOMESTIC) != 0,
        .anonymous = (get_u32be(at + 12) & INDEX_ANONYMOUS) != 0,
    };
}
