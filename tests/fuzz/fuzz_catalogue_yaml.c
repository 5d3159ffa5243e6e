/* Any bytes as a vendor's file: refused with a complaint, or a package that verifies. */
#include <stdlib.h>

#include "matcher/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 64 << 20, PACKAGE_BYTES = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
    CLEANUP(buf_done) struct buf package = BUF_INIT(PACKAGE_BYTES);
    struct cat cat = { .arena = arena };
    struct complaint why = { 0 };
    if (arena == NULL || seal_start() < 0)
        return 0;
    int r = source_read_text(bytes_of(data, size), "acme.yaml", &cat, &why);
    if (r == 0)
        r = lint(&cat, &why);
    if (r == 0)
        r = package_write(&cat, "fuzz", &package, &why);
    if (r < 0) {
        if (why.what[0] == '\0')
            abort(); /* refused without a word */
        return 0;
    }
    if (catalogue_verify(buf_bytes(&package), NULL, NULL, NULL, 0, NULL) < 0)
        abort();
    struct cat again = { .arena = arena };
    if (package_parse(buf_bytes(&package), &again, &why) < 0 ||
        again.product_count != cat.product_count)
        abort();
    return 0;
}
