/* blob.h - between protobuf-c's byte fields and ours. */
#ifndef PROTO_BLOB_H
#define PROTO_BLOB_H

#include <protobuf-c/protobuf-c.h>

#include "base/bytes.h"

static inline struct bytes blob_bytes(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

/* blob_of - a field that borrows; protobuf-c only reads what it packs, but its struct is not
 * const. */
static inline ProtobufCBinaryData blob_of(struct bytes bytes)
{
    return (ProtobufCBinaryData){ .len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data };
}

/* BLOB_OF - a field that borrows a fixed-size value: an id, a digest, a signature. */
#define BLOB_OF(value) blob_of(bytes_of((value).b, sizeof((value).b)))

#endif
