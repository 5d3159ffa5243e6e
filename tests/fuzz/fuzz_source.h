/* fuzz_source.h - a sink that checks what a source may hand over; shared by its fuzz targets. */
#ifndef TESTS_FUZZ_FUZZ_SOURCE_H
#define TESTS_FUZZ_FUZZ_SOURCE_H

#include <assert.h>
#include <errno.h>

#include "base/buf.h"
#include "collector/source.h"

enum { FUZZ_SOURCE_ARENA_BYTES = 64 << 20 };

struct fuzz_source {
    size_t computers;
    bool has_rejected;
};

static inline int fuzz_source_inventory(void *ctx, const struct inventory *inventory)
{
    struct fuzz_source *seen = ctx;
    struct complaint why;
    struct buf out = BUF_INIT(BOUND_FACTS_BYTES);
    seen->computers++;
    assert(inventory->device.size > 0 && text_is_utf8(inventory->device));
    assert(inventory->place != NULL && strlen(inventory->source) <= BOUND_SOURCE_BYTES);
    assert(inventory->unit == NULL || strlen(inventory->unit) <= BOUND_UNIT_BYTES);
    assert(facts_encode(&inventory->facts, &out, &why) == 0);
    for (size_t i = 0; i < inventory->row_count; i++) {
        buf_reset(&out);
        assert(row_encode(&inventory->rows[i], &out, &why) == 0);
        const Zb__Evidence *evidence = inventory->evidence[i];
        if (evidence != NULL)
            assert(strlen(evidence->path) <= BOUND_TEXT_BYTES &&
                   text_is_utf8(bytes_str(evidence->path)) &&
                   strlen(evidence->installed_on) <= BOUND_TEXT_BYTES &&
                   strlen(evidence->scope) <= BOUND_TEXT_BYTES &&
                   text_is_utf8(bytes_str(evidence->scope)));
    }
    buf_done(&out);
    return 0;
}

static inline void fuzz_source_problem(void *ctx, const struct source_problem *problem)
{
    struct fuzz_source *seen = ctx;
    seen->has_rejected = seen->has_rejected || problem->rejected;
    assert(problem->why.what[0] != '\0' && problem->why.place[0] != '\0');
    assert(text_is_utf8(bytes_str(problem->why.what)));
}

/* Reads the document; a refusal explains itself and comes before anything is handed over. */
static inline int fuzz_source_read(const struct source_format *format, const uint8_t *data,
                                   size_t size)
{
    struct fuzz_source seen = { 0 };
    const struct source_sink sink = { &seen, fuzz_source_inventory, fuzz_source_problem };
    struct complaint why = { 0 };
    struct arena *arena = arena_new(FUZZ_SOURCE_ARENA_BYTES);
    (void)source_detect(bytes_of(data, size), ""); /* any answer is right */
    int r = format->read(bytes_of(data, size), "", arena, &sink, &why);
    assert(r == 0 || r == -EBADMSG || r == -ENOMEM);
    if (r == -EBADMSG)
        assert(seen.computers == 0 && why.what[0] != '\0' && why.place[0] != '\0' &&
               why.remedy[0] != '\0' && text_is_utf8(bytes_str(why.what)));
    arena_free(arena);
    return 0;
}

#endif
