/* fixture.h - a catalogue for a test: the tree's own, or one written into a folder by the test. */
#ifndef TESTS_UNIT_MATCHER_FIXTURE_H
#define TESTS_UNIT_MATCHER_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "base/file.h"
#include "matcher/recognise.h"
#include "tests/lib/tmpdir.h"

enum { FIXTURE_ARENA_BYTES = 4 << 20, FIXTURE_PACKAGE_BYTES = 16 << 20 };

struct fixture {
    struct tmpdir *dir;
    struct catalogue *catalogue;
    struct arena *arena;
};

/* The tree's source folder, or a path below it; static memory. */
static inline const char *fixture_source(const char *below)
{
    static char path[FILE_PATH_SIZE];
    const char *root = getenv("ZB_SOURCE_DIR");
    int n = snprintf(path, sizeof(path), "%s/%s", root == NULL ? "." : root, below);
    cr_assert(n > 0 && (size_t)n < sizeof(path));
    return path;
}

static inline void fixture_free(struct fixture *f)
{
    catalogue_closep(&f->catalogue);
    arena_freep(&f->arena);
    tmpdir_freep(&f->dir);
    free(f);
}
CLEANUP_DEFINE(struct fixture *, fixture_free);

/* Builds, compiles and opens what stands in a folder of YAML. */
static inline struct fixture *fixture_of(const char *yaml_dir)
{
    struct fixture *f = calloc(1, sizeof(*f));
    CLEANUP(buf_done) struct buf package = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    struct complaint why = { 0 };
    cr_assert(f != NULL && seal_start() == 0);
    f->dir = tmpdir_new();
    f->arena = arena_new(FIXTURE_ARENA_BYTES);
    cr_assert(f->dir != NULL && f->arena != NULL);
    int r = catalogue_build(yaml_dir, "test", &package, NULL, &why);
    if (r == 0)
        r = catalogue_compile(buf_bytes(&package), tmpdir_path(f->dir, "compiled"), &why);
    if (r == 0)
        r = catalogue_open(tmpdir_path(f->dir, "compiled"), &f->catalogue, &why);
    cr_assert(eq(int, r, 0), "%s: %s; %s", why.place, why.what, why.remedy);
    return f;
}

static inline struct fixture *fixture_new(void)
{
    return fixture_of(fixture_source("data/catalogue"));
}

/* A row from its source, name, vendor, version, origin; NULL for none. At most one identifier. */
struct fixture_row {
    const char *source, *name, *vendor, *version, *origin, *edition, *channel, *licence, *id;
};

static inline Zb__Verdict fixture_judge(struct fixture *f, struct fixture_row text)
{
    struct bytes id = bytes_str(text.id);
    struct row row = { .fields.repeated = &id, .fields.repeated_count = text.id != NULL };
    struct bytes *value = row.fields.value;
    Zb__Verdict verdict;
    value[ROW_SOURCE] = bytes_str(text.source);
    value[ROW_NAME] = bytes_str(text.name);
    value[ROW_VENDOR] = bytes_str(text.vendor);
    value[ROW_VERSION] = bytes_str(text.version);
    value[ROW_ORIGIN] = bytes_str(text.origin);
    value[ROW_EDITION] = bytes_str(text.edition);
    value[ROW_CHANNEL] = bytes_str(text.channel);
    value[ROW_LICENCE] = bytes_str(text.licence);
    int r = recognise_row(f->catalogue, &row, f->arena, &verdict);
    cr_assert(eq(int, r, 0));
    return verdict;
}

#endif
