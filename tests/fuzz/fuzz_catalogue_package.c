/* Any lines as a package's records, behind a header that fits them: no crash in reading or
 * indexing, and what is indexed can be looked up. */
#include <stdlib.h>

#include "matcher/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 64 << 20, PACKAGE_BYTES = 16 << 20 };

static void wrap(struct bytes records, struct buf *package)
{
    static const struct bytes magic = { (const uint8_t *)"zhengban-catalogue\t1\n", 21 };
    char hex[HEX256_SIZE];
    hex_encode(seal_digest(SEAL_PARTS(magic, records)).b, sizeof(struct digest), hex);
    buf_put(package, magic);
    buf_printf(package, "label\tfuzz\ndigest\t%s\n", hex);
    buf_put(package, records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
    CLEANUP(buf_done) struct buf package = BUF_INIT(PACKAGE_BYTES);
    CLEANUP(buf_done) struct buf out = BUF_INIT(PACKAGE_BYTES);
    struct cat cat = { .arena = arena };
    struct index index;
    struct index_run run;
    if (arena == NULL || seal_start() < 0)
        return 0;
    wrap(bytes_of(data, size), &package);
    if (package_parse(buf_bytes(&package), &cat, NULL) < 0 || index_build(&cat, &out, NULL) < 0)
        return 0;
    if (!index_map(buf_bytes(&out), &index))
        abort();
    (void)index_find(&index, bytes_of("\x01tool", 5), &run); /* found or not */
    for (uint32_t i = 0; i < index.product_count; i++) {
        if (index_product_at(&index, i).id[0] == '\0')
            abort();
    }
    return 0;
}
