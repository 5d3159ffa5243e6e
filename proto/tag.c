/* tag.c - found by the descriptor, so that a new message needs no case here. */
#include "proto/tag.h"

#include <stdint.h>
#include <string.h>

static const ProtobufCFieldDescriptor *tag_field(const ProtobufCMessageDescriptor *type)
{
    const ProtobufCFieldDescriptor *field =
        type == NULL ? NULL : protobuf_c_message_descriptor_get_field_by_name(type, "tag");
    return field != NULL && field->type == PROTOBUF_C_TYPE_UINT64 ? field : NULL;
}

uint64_t message_tag(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = tag_field(message->descriptor);
    uint64_t tag = 0;
    if (field != NULL)
        memcpy(&tag, (const uint8_t *)message + field->offset, sizeof(tag));
    return tag;
}

void message_set_tag(ProtobufCMessage *message, uint64_t tag)
{
    const ProtobufCFieldDescriptor *field = tag_field(message->descriptor);
    if (field != NULL)
        memcpy((uint8_t *)message + field->offset, &tag, sizeof(tag));
}

uint64_t payload_tag(enum frame_type type, struct bytes payload)
{
    const ProtobufCFieldDescriptor *field = tag_field(frame_descriptor(type));
    /* One byte of key for the field numbers below 16, then a varint of at most ten bytes. */
    if (field == NULL || field->id > 15 || payload.size < 2 || payload.data[0] != field->id << 3)
        return 0;
    uint64_t tag = 0;
    for (size_t i = 1; i < payload.size && i <= 10; i++) {
        uint64_t seven = payload.data[i] & 0x7fu;
        tag |= i < 10 ? seven << (7 * (i - 1)) : seven << 63;
        if ((payload.data[i] & 0x80u) == 0)
            return tag;
    }
    return 0;
}
