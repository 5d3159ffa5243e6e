/* dump_field.c - walking a message by its descriptor. */
#include "ledger/dump_field.h"

#include "ledger/key.h"

/* Instants that belong to what is said, not to when it was received. */
static const char *const kept_instants[] = {
    "scan_ms", "proof_scan_ms", "opened_ms", "complete_ms", "start_ms", "fire_ms",
};

/* Integers that number things of this ledger, or count tries. */
static const char *const skipped_numbers[] = {
    "id",         "case_id", "line",  "endpoint", "notices", "step_notices", "next_line",
    "next_proof", "number",  "right", "line_end", "tries",   "counted_day",
};

/* Handles of private values, sets of row numbers, and what the dump prints in its own way. */
static const char *const skipped_others[] = {
    "rows", "evidence", "person", "facts", "opinions", "leaving", "producer", "endpoint", "others",
};

static bool listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static bool is_number(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_INT32:
        return true;
    default:
        return false;
    }
}

static bool is_skipped(const ProtobufCFieldDescriptor *field)
{
    size_t size = strlen(field->name);
    if (size > 3 && strcmp(field->name + size - 3, "_ms") == 0)
        return !listed(kept_instants, ARRAY_LEN(kept_instants), field->name);
    return is_number(field) ? listed(skipped_numbers, ARRAY_LEN(skipped_numbers), field->name)
                            : listed(skipped_others, ARRAY_LEN(skipped_others), field->name);
}

/* Bytes of one item of a field's type. */
static size_t item_bytes(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default:
        return sizeof(uint32_t);
    }
}

static bool is_default(const ProtobufCFieldDescriptor *field, const void *item)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return (*(char *const *)item)[0] == '\0';
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)item)->len == 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(void *const *)item == NULL;
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)item == 0;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_INT64:
        return *(const uint64_t *)item == 0;
    default:
        return *(const uint32_t *)item == 0;
    }
}

static void put_enum(struct json *json, const char *key, const ProtobufCFieldDescriptor *field,
                     const void *item)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(field->descriptor, *(const int *)item);
    if (value != NULL)
        json_put_str(json, key, value->name);
    else
        json_put_int(json, key, *(const int *)item);
}

static void put_item(struct json *json, const char *key, const ProtobufCFieldDescriptor *field,
                     const void *item, bool natural)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        json_put_str(json, key, *(char *const *)item);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        json_put_hex(json, key, blob_bytes(*(const ProtobufCBinaryData *)item));
        return;
    case PROTOBUF_C_TYPE_BOOL:
        json_put_bool(json, key, *(const protobuf_c_boolean *)item != 0);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        put_enum(json, key, field, item);
        return;
    case PROTOBUF_C_TYPE_UINT64:
        json_put_uint(json, key, *(const uint64_t *)item);
        return;
    case PROTOBUF_C_TYPE_INT64:
        json_put_int(json, key, *(const int64_t *)item);
        return;
    case PROTOBUF_C_TYPE_UINT32:
        json_put_uint(json, key, *(const uint32_t *)item);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        json_begin_object(json, key);
        dump_fields(json, *(ProtobufCMessage *const *)item, natural);
        json_end(json);
        return;
    default:
        json_put_int(json, key, *(const int32_t *)item);
        return;
    }
}

void dump_fields(struct json *json, const ProtobufCMessage *message, bool natural)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const uint8_t *base = (const uint8_t *)message;
        const void *item = base + field->offset;
        if (natural && is_skipped(field))
            continue;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            if (!is_default(field, item))
                put_item(json, field->name, field, item, natural);
            continue;
        }
        size_t count = *(const size_t *)(base + field->quantifier_offset);
        if (count == 0)
            continue;
        json_begin_array(json, field->name);
        for (size_t n = 0; n < count; n++)
            put_item(json, NULL, field, *(uint8_t *const *)item + n * item_bytes(field), natural);
        json_end(json);
    }
}
