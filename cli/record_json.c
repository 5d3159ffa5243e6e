/* record_json.c - walks a message by its descriptor. */
#include "cli/record_json.h"

#include <ctype.h>
#include <stdio.h>

enum { ENUM_NAME_BYTES = 64 };

static void put_enum(struct json *json, const char *key, const ProtobufCEnumDescriptor *type,
                     int value)
{
    char name[ENUM_NAME_BYTES];
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(type, value);
    (void)snprintf(name, sizeof(name), "%s",
                   found == NULL ? "?" : found->name); /* ours are short */
    for (char *c = name; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    json_put_str(json, key, name);
}

/* One value of a field; `at` points to it. */
static void put_value(struct json *json, const char *key, const ProtobufCFieldDescriptor *field,
                      const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        json_put_bool(json, key, *(const protobuf_c_boolean *)at != 0);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        put_enum(json, key, field->descriptor, *(const int *)at);
        break;
    case PROTOBUF_C_TYPE_STRING:
        json_put_str(json, key, *(char *const *)at);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *data = at;
        json_put_hex(json, key, bytes_of(data->data, data->len));
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *message = *(ProtobufCMessage *const *)at;
        if (message == NULL)
            json_put_null(json, key);
        else
            record_json(json, key, message);
        break;
    }
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        json_put_int(json, key, *(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        json_put_uint(json, key, *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        json_put_uint(json, key, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        json_put_int(json, key, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        json_put_null(json, key); /* no record of ours has one */
        break;
    }
}

static size_t size_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(int);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    default:
        return sizeof(uint32_t);
    }
}

void record_json(struct json *json, const char *key, const ProtobufCMessage *record)
{
    json_begin_object(json, key);
    for (unsigned i = 0; i < record->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &record->descriptor->fields[i];
        const uint8_t *at = (const uint8_t *)record + field->offset;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            put_value(json, field->name, field, at);
            continue;
        }
        size_t count = *(const size_t *)((const uint8_t *)record + field->quantifier_offset);
        const uint8_t *items = *(uint8_t *const *)at;
        json_begin_array(json, field->name);
        for (size_t k = 0; k < count; k++)
            put_value(json, NULL, field, items + k * size_of(field->type));
        json_end(json);
    }
    json_end(json);
}
