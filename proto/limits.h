/* limits.h - what each field of each message may hold; message_unpack enforces it before anything
 * is allocated. Inside proto/ only. */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

#include "proto/bounds.h"
#include "proto/names.h"

struct field_limit {
    uint32_t bytes; /* most bytes of a bytes or text field, of each item where repeated */
    uint32_t
        step; /* bytes of a bytes field come in multiples of this; step = bytes: that or none */
    uint32_t count; /* most items of a repeated field */
};

/* One message type's limits, by field number; fields[0] is never used. */
struct message_limits {
    const ProtobufCMessageDescriptor *type;
    const struct field_limit *fields;
    uint32_t field_end; /* numbers from here on are not listed */
};

/* limits_find - the limits of a message type; NULL when it has none of its own. */
const struct message_limits *limits_find(const ProtobufCMessageDescriptor *type);

/* limits_field - the limit of one field. A field that is not listed has the frame's own bounds:
 * records that only the ledger writes. A test holds that every field of wire.proto is listed. */
struct field_limit limits_field(const struct message_limits *limits, uint32_t number);

#endif
