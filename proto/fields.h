/* fields.h - canonical tagged fields: the byte form whose hash is an id.
 *
 *     ┌─────────┐┌─────┬───────────────┬───────────┐┌─────┬─ ─
 *     │ version ││ tag │ length u32 be │ bytes     ││ tag │ ...
 *     │ u8      ││ u8  │               │           ││     │
 *     └─────────┘└─────┴───────────────┴───────────┘└─────┴─ ─
 *
 * Fields stand in ascending tag order, empty ones are left out; a tag that may repeat stands once
 * per value, values in byte order, each once. Text is UTF-8 without NUL, as reported (no folding:
 * that is recognition's work). There is exactly one encoding of a given set of fields, and the
 * decoder refuses every other. Used by row.h and facts.h. */
#ifndef PROTO_FIELDS_H
#define PROTO_FIELDS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "proto/bounds.h"

enum { FIELDS_TAG_MAX = 32 };

/* What a canonical form may hold. */
struct fields_form {
    const char *name;                     /* "row", for complaints */
    const char *tag_name[FIELDS_TAG_MAX]; /* NULL: no such tag */
    uint8_t repeated_tag;                 /* the one tag that may repeat, 0: none */
    size_t repeated_max;
    size_t total_bytes; /* bound of the whole encoding */
};

struct fields {
    struct bytes value[FIELDS_TAG_MAX]; /* by tag; empty: absent */
    struct bytes *repeated;             /* values of the repeated tag */
    size_t repeated_count;
};

/* fields_encode - appends the canonical bytes; sorts and dedupes a copy of the repeated values.
 * Errors: -EINVAL a text that is not UTF-8, holds NUL, or exceeds BOUND_FIELD_BYTES, an unknown
 *         tag, too many repeated values (complaint names the field); -EMSGSIZE over total_bytes;
 *         -ENOMEM. On error `out` is as before. */
int fields_encode(const struct fields_form *form, const struct fields *fields, struct buf *out,
                  struct complaint *why);

/* fields_decode - the fields of canonical bytes, pointing into them; the list of repeated values
 * is the arena's. Errors: -EBADMSG whatever is not the one canonical form; -ENOMEM. */
int fields_decode(const struct fields_form *form, struct bytes canonical, struct arena *arena,
                  struct fields *ret_fields, struct complaint *why);

#endif
