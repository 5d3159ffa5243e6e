/* digest.c - each digest hashes a byte layout that is drawn in README.md. */
#include "proto/digest.h"

#include <stdlib.h>

#include "proto/bounds.h"

/* The items are hashed as they lie in memory. */
_Static_assert(sizeof(struct result_item) == 32, "a result item has no padding");

/* The head of a length-prefixed run. */
struct length {
    uint8_t be[4];
};

static struct length length_of(size_t size)
{
    struct length length;
    put_u32be(length.be, (uint32_t)size); /* every bound is far below 4 GiB */
    return length;
}

#define BYTES_OF(fixed) bytes_of((fixed), sizeof(fixed))

struct id128 evidence_id(const Zb__Evidence *evidence)
{
    struct bytes path = bytes_str(evidence->path);
    struct bytes installed_on = bytes_str(evidence->installed_on);
    struct bytes scope = bytes_str(evidence->scope);
    if (path.size == 0 && installed_on.size == 0 && scope.size == 0)
        return (struct id128){ 0 };
    struct length a = length_of(path.size);
    struct length b = length_of(installed_on.size);
    struct length c = length_of(scope.size);
    return seal_id128(
        SEAL_PARTS(BYTES_OF(a.be), path, BYTES_OF(b.be), installed_on, BYTES_OF(c.be), scope));
}

struct digest result_digest(const struct result_item *items, size_t count)
{
    uint8_t head[5] = { FORMAT_VERSION };
    put_u32be(head + 1, (uint32_t)count); /* at most BOUND_ROWS_PER_EVENT × events */
    return seal_digest(SEAL_PARTS(BYTES_OF(head), bytes_of(items, count * sizeof(*items))));
}

static int result_item_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct result_item));
}

size_t result_items_sort(struct result_item *items, size_t count)
{
    if (count == 0)
        return 0;
    qsort(items, count, sizeof(*items), result_item_cmp);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++)
        if (result_item_cmp(&items[kept - 1], &items[i]) != 0)
            items[kept++] = items[i];
    return kept;
}

/* The runs of an event's layout. Numbers are written into `fixed`, texts stay where they are. */
enum {
    EVENT_RUNS = 16 + 3 * BOUND_SOURCES_PER_EVENT,
    EVENT_FIXED_BYTES = 128 + 5 * BOUND_SOURCES_PER_EVENT,
};

struct layout {
    struct bytes run[EVENT_RUNS];
    size_t runs;
    uint8_t fixed[EVENT_FIXED_BYTES];
    size_t fixed_size;
};

static uint8_t *layout_fixed(struct layout *layout, size_t size_bytes)
{
    uint8_t *p = layout->fixed + layout->fixed_size;
    layout->fixed_size += size_bytes;
    layout->run[layout->runs++] = bytes_of(p, size_bytes);
    return p;
}

static void layout_text(struct layout *layout, struct bytes text)
{
    put_u32be(layout_fixed(layout, 4), (uint32_t)text.size); /* bounded far below 4 GiB */
    layout->run[layout->runs++] = text;
}

static struct bytes bytes_field(ProtobufCBinaryData field)
{
    return bytes_of(field.data, field.len);
}

struct digest event_digest(struct id128 producer, uint64_t epoch, const Zb__Event *event)
{
    if (event->n_sources > BOUND_SOURCES_PER_EVENT)
        abort(); /* never from message_unpack: a bug of the caller's, and no digest would be right */
    struct layout layout = { .runs = 0 };
    uint8_t *head = layout_fixed(&layout, 32);
    memcpy(head, producer.b, sizeof(producer.b));
    put_u64be(head + 16, epoch);
    put_u64be(head + 24, event->sequence);
    layout_text(&layout, bytes_str(event->unit));
    layout_text(&layout, bytes_field(event->endpoint));
    uint8_t *scan = layout_fixed(&layout, 12);
    put_u64be(scan, (uint64_t)event->scan_ms);
    put_u32be(scan + 8, (uint32_t)event->n_sources);
    for (size_t i = 0; i < event->n_sources; i++) {
        layout_text(&layout, bytes_str(event->sources[i]->name));
        *layout_fixed(&layout, 1) = event->sources[i]->complete ? 1 : 0;
    }
    *layout_fixed(&layout, 1) = event->final ? 1 : 0;
    layout_text(&layout, bytes_field(event->result_digest));
    layout_text(&layout, bytes_field(event->facts_digest));
    return seal_digest(layout.run, layout.runs);
}

struct digest chain_next(struct digest chain, struct digest event)
{
    return seal_digest(SEAL_PARTS(BYTES_OF(chain.b), BYTES_OF(event.b)));
}

struct id128 endpoint_id(struct id128 salt, struct bytes device)
{
    return seal_handle(salt, device);
}
