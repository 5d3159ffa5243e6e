/* fuzz_dpkg.c - any bytes as dpkg's status, as os-release and as a copyright file: no package that
 * is taken breaks the bounds of a row, and what was left out was told. */
#include "collector/sources/dpkg.h"
#include "tests/fuzz/fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes licence_of(void *ctx, const char *package)
{
    (void)package;
    return *(struct bytes *)ctx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size), licences;
    struct fuzz_source seen = { 0 };
    const struct source_sink sink = { &seen, fuzz_source_inventory, fuzz_source_problem };
    struct arena *arena = arena_new(FUZZ_SOURCE_ARENA_BYTES);
    struct os_release os;
    struct complaint why = { 0 };
    assert(os_release_read(text, arena, &os) == 0);
    assert(text_is_utf8(os.title) && text_is_utf8(os.version) && text_is_utf8(os.origin));
    assert(copyright_licences(text, arena, &licences) == 0);
    assert(licences.size <= 520 && text_is_utf8(licences));
    struct draft draft = DRAFT_INIT(arena, &sink);
    struct dpkg_context context = {
        .draft = &draft, .os = &os, .licence_ctx = &licences, .licence = licence_of
    };
    int r = dpkg_status_read(text, &context, &why);
    assert(r == 0 || r == -EBADMSG || r == -ENOMEM);
    assert(r != -EBADMSG || why.what[0] != '\0');
    assert(r != 0 || (draft.lost > 0) == seen.has_rejected);
    struct inventory inventory = {
        .device = BYTES_LIT("d"), .place = "p", .source = "dpkg", .complete = true
    };
    if (r == 0)
        assert(draft_hand_over(&draft, &inventory) == 0 &&
               inventory.complete == !seen.has_rejected);
    draft_done(&draft);
    arena_free(arena);
    return 0;
}
