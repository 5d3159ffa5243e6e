/* bounds.h - every limit of the wire and of what is stored, in one place.
 *
 * A sender never exceeds them; a receiver refuses what does, before it allocates. Changing one is
 * a protocol change: docs/design.md and proto/README.md name them too. */
#ifndef PROTO_BOUNDS_H
#define PROTO_BOUNDS_H

#include <stddef.h>
#include <stdint.h>

enum {
    PROTOCOL_VERSION = 1,
    FORMAT_VERSION = 1, /* of batch headers, canonical rows and facts */

    BOUND_FRAME_BYTES = 256 * 1024,              /* one frame on the wire, head included */
    BOUND_EXPANDED_BYTES = 4 * 1024 * 1024,      /* its payload after decompression */
    BOUND_FORWARD_EXTRA_BYTES = 256 * 1024,      /* what verdicts may add on the second hop */
    BOUND_DECODE_ARENA_BYTES = 32 * 1024 * 1024, /* unpacked structures of one frame */
    BOUND_DEPTH = 6,                             /* nesting of messages */
    BOUND_FIELDS = 400 * 1000,                   /* wire fields of one frame, all levels */

    BOUND_EVENTS_PER_BATCH = 256,
    BOUND_WINDOW = 4096, /* sequences kept above the floor; nobody sends past floor + 4,095 */
    BOUND_SOURCES_PER_EVENT = 16,
    BOUND_ROWS_PER_EVENT = 12 * 1000, /* ids alone must fit one frame: 16 B, uncompressible */
    BOUND_ROWS_PER_BATCH = 24 * 1000, /* row contents and evidence, each */
    BOUND_ROW_BYTES = 4096,           /* canonical bytes of a row */
    BOUND_FACTS_BYTES = 8192,
    BOUND_FIELD_BYTES = 1024, /* one text field of a row or of the facts */
    BOUND_IDENTIFIERS = 32,   /* of one row */
    BOUND_UNIT_BYTES = 64,    /* unit id */
    BOUND_SOURCE_BYTES = 32,  /* source name */
    BOUND_PRODUCT_BYTES = 96, /* product id */
    BOUND_TEXT_BYTES = 1024,  /* any other text field on the wire */
    BOUND_ARGUMENTS = 64,     /* of a command or a result */
    BOUND_ATTACHMENT_BYTES = 192 * 1024,
    BOUND_JUDGE_ROWS = 1024,
    BOUND_REFUSAL_KEYS = 16,
    BOUND_CATALOGUES = 8, /* named in a HELLO */
    BOUND_FEED_ENTRIES = 1024,
    BOUND_REGISTRY_KEYS = 20 * 1000,
    BOUND_REGISTRY_UNITS = 50 * 1000,
    BOUND_LOSERS = 8, /* losing candidates named in a verdict */
};

#endif
