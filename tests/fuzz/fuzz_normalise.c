/* Any bytes as a name and as a vendor: no crash, and normalising a name's form again keeps it. */
#include <stdlib.h>

#include "matcher/normalise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    struct normal_name once, twice;
    struct bytes vendor;
    if (arena == NULL)
        return 0;
    (void)normalise_vendor(bytes_of(data, size), arena, &vendor); /* refused is fine */
    if (normalise_name(bytes_of(data, size), arena, &once) < 0)
        return 0;
    if (normalise_name(once.name, arena, &twice) < 0 || !bytes_eq(once.name, twice.name))
        abort();
    return 0;
}
