/* Any bytes as a canonical row, judged by the tree's own catalogue: a verdict within its bounds, the
 * same twice, and an explanation. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "matcher/recognise.h"
#include "tests/lib/tmpdir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_BYTES = 4 << 20, PACKAGE_BYTES = 16 << 20 };

static struct catalogue *open_catalogue(void)
{
    const char *root = getenv("ZB_SOURCE_DIR");
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf package = BUF_INIT(PACKAGE_BYTES);
    char from[4096];
    struct catalogue *catalogue = NULL;
    (void)snprintf(from, sizeof(from), "%s/data/catalogue", root == NULL ? "." : root);
    if (dir == NULL || seal_start() < 0 ||
        catalogue_build(from, "fuzz", &package, NULL, NULL) < 0 ||
        catalogue_compile(buf_bytes(&package), tmpdir_path(dir, "c"), NULL) < 0 ||
        catalogue_open(tmpdir_path(dir, "c"), &catalogue, NULL) < 0) {
        (void)fprintf(stderr, "no catalogue below '%s': set ZB_SOURCE_DIR\n", from);
        exit(1);
    }
    return catalogue; /* the files are gone, the mapping stays */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct catalogue *catalogue; /* the fuzzer has no place to keep it */
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
    CLEANUP(buf_done) struct buf out = BUF_INIT(1 << 20);
    struct row row;
    Zb__Verdict one, two;
    if (catalogue == NULL)
        catalogue = open_catalogue();
    if (arena == NULL || row_decode(bytes_of(data, size), arena, &row, NULL) < 0)
        return 0;
    if (recognise_bytes(catalogue, bytes_of(data, size), arena, &one, NULL) < 0 ||
        recognise_row(catalogue, &row, arena, &two) < 0)
        abort();
    if (one.n_losers > BOUND_LOSERS || strlen(one.product) > BOUND_PRODUCT_BYTES ||
        strlen(one.edition) > BOUND_TEXT_BYTES || strcmp(one.product, two.product) != 0 ||
        one.grade != two.grade || one.licence_class != two.licence_class)
        abort();
    if (recognise_explain(catalogue, &row, arena, &out) < 0)
        abort();
    return 0;
}
