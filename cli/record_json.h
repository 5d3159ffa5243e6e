/* record_json.h - any record of record.proto as JSON, by reflection. */
#ifndef CLI_RECORD_JSON_H
#define CLI_RECORD_JSON_H

#include <protobuf-c/protobuf-c.h>

#include "base/json.h"

/* record_json - the record as an object under `key` (NULL in an array): every field, bytes as
 * hexadecimal, enum values by their names in lower case. Empty lists are written, too. */
void record_json(struct json *json, const char *key, const ProtobufCMessage *record);

#endif
