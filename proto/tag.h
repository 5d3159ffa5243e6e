/* tag.h - the tag by which an answer names the frame that it answers, whatever the message. */
#ifndef PROTO_TAG_H
#define PROTO_TAG_H

#include "proto/frame.h"

/* message_tag - the uint64 field "tag"; 0 for a message that has none (HELLO, WELCOME). */
uint64_t message_tag(const ProtobufCMessage *message);

/* message_set_tag - changes it in place; nothing for a message that has none. */
void message_set_tag(ProtobufCMessage *message, uint64_t tag);

/* payload_tag - the same from a payload that does not unpack, if it begins with the tag; else 0. */
uint64_t payload_tag(enum frame_type type, struct bytes payload);

#endif
