/* dump_field.h - a message as JSON, field by field through its descriptor. */
#ifndef LEDGER_DUMP_FIELD_H
#define LEDGER_DUMP_FIELD_H

#include "base/json.h"
#include "proto/names.h"

/* dump_fields - the fields of a message into the object that is open; those with their default value
 * are left out. `natural`: numbers, handles, counters and receipt instants too, see dump.h. */
void dump_fields(struct json *json, const ProtobufCMessage *message, bool natural);

#endif
