/* tag.c - found by the descriptor, so that a new message needs no case here. */
#include "proto/tag.h"

#include <stdint.h>
#include <string.h>

/* Where the tag stands in the message; NULL if it has none. */
static const uint64_t *tag_field(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "tag");
    if (field == NULL || field->type != PROTOBUF_C_TYPE_UINT64 ||
        field->label == PROTOBUF_C_LABEL_REPEATED)
        return NULL;
    return (const uint64_t *)(const void *)((const uint8_t *)message + field->offset);
}

uint64_t message_tag(const ProtobufCMessage *message)
{
    const uint64_t *tag = tag_field(message);
    return tag == NULL ? 0 : *tag;
}

void message_set_tag(ProtobufCMessage *message, uint64_t tag)
{
    const uint64_t *field = tag_field(message);
    if (field != NULL)
        memcpy((void *)(uintptr_t)field, &tag, sizeof(tag));
}
