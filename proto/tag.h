/* tag.h - the tag by which an answer names the frame that it answers, whatever the message. */
#ifndef PROTO_TAG_H
#define PROTO_TAG_H

#include "proto/names.h"

/* message_tag - the uint64 field "tag"; 0 for a message that has none (HELLO, WELCOME). */
uint64_t message_tag(const ProtobufCMessage *message);

/* message_set_tag - changes it in place; nothing for a message that has none. */
void message_set_tag(ProtobufCMessage *message, uint64_t tag);

#endif
