/* limits.c - the table of limits. Numbers are those of the .proto files; see README.md. */
#include "proto/limits.h"

#include "base/cleanup.h"

enum {
    KEY_ID = 16, /* of an identity */
    ID = 16,     /* row, endpoint, facts, evidence, nonce, command */
    DIGEST = 32, /* result, event, chain, catalogue */
    PUBLIC = 32, /* a signing or link key */
    SIGNATURE = 64,
    SMALL_BODY_BYTES = 1024, /* a signed body without lists */
    WORD_BYTES = 64,         /* verbs, argument names, categories */
    TABLE_KEY_BYTES = 511,   /* of LMDB */
};

/* Kinds of limits. EXACT: so many bytes or none. RUN: any number of items of so many bytes. */
#define TEXT(most)                             \
    {                                          \
        .bytes = (most), .step = 1, .count = 1 \
    }
#define BYTES(most)                            \
    {                                          \
        .bytes = (most), .step = 1, .count = 1 \
    }
#define EXACT(size)                                 \
    {                                               \
        .bytes = (size), .step = (size), .count = 1 \
    }
#define RUN(most, size)                                      \
    {                                                        \
        .bytes = (most) * (size), .step = (size), .count = 1 \
    }
#define TEXTS(n, most)                           \
    {                                            \
        .bytes = (most), .step = 1, .count = (n) \
    }
#define MANY_BYTES(n, most)                      \
    {                                            \
        .bytes = (most), .step = 1, .count = (n) \
    }
#define EXACTS(n, size)                               \
    {                                                 \
        .bytes = (size), .step = (size), .count = (n) \
    }
#define MESSAGES(n)                                            \
    {                                                          \
        .bytes = BOUND_EXPANDED_BYTES, .step = 1, .count = (n) \
    }

#define LIMITS(name) static const struct field_limit name[]

/* ---- wire.proto ------------------------------------------------------------------------------ */

LIMITS(hello) = { [3] = TEXT(BOUND_TEXT_BYTES), [4] = EXACTS(BOUND_CATALOGUES, DIGEST) };
LIMITS(welcome) = { [3] = EXACT(KEY_ID), [5] = EXACT(DIGEST) };
LIMITS(refused) = { [3] = TEXT(BOUND_TEXT_BYTES) };
LIMITS(pong) = { [3] = EXACT(DIGEST) };
LIMITS(source_state) = { [1] = TEXT(BOUND_SOURCE_BYTES) };
LIMITS(event) = {
    [2] = TEXT(BOUND_UNIT_BYTES), [3] = EXACT(ID), [5] = EXACT(DIGEST),
    [6] = EXACT(DIGEST),          [7] = EXACT(ID), [9] = MESSAGES(BOUND_SOURCES_PER_EVENT),
};
LIMITS(batch_header) = {
    [3] = EXACT(KEY_ID),
    [6] = EXACT(DIGEST),
    [7] = MESSAGES(BOUND_EVENTS_PER_BATCH),
    [9] = EXACT(KEY_ID),
};
LIMITS(source_set) = {
    [1] = TEXT(BOUND_SOURCE_BYTES),
    [2] = RUN(BOUND_ROWS_PER_EVENT, ID),
    [3] = RUN(BOUND_ROWS_PER_EVENT, ID),
};
LIMITS(row_set) = {
    [1] = EXACT(DIGEST),
    [2] = MESSAGES(BOUND_SOURCES_PER_EVENT),
    [3] = MESSAGES(BOUND_SOURCES_PER_EVENT),
};
LIMITS(evidence) = {
    [1] = TEXT(BOUND_TEXT_BYTES),
    [2] = TEXT(BOUND_TEXT_BYTES),
    [3] = TEXT(BOUND_TEXT_BYTES),
};
LIMITS(batch) = {
    [1] = BYTES(BOUND_FRAME_BYTES),
    [2] = EXACT(SIGNATURE),
    [3] = MANY_BYTES(BOUND_ROWS_PER_BATCH, BOUND_ROW_BYTES),
    [4] = MESSAGES(BOUND_EVENTS_PER_BATCH),
    [5] = MANY_BYTES(BOUND_EVENTS_PER_BATCH, BOUND_FACTS_BYTES),
    [6] = MESSAGES(BOUND_ROWS_PER_BATCH),
};
LIMITS(verdict) = {
    [1] = EXACT(ID),
    [2] = EXACT(DIGEST),
    [5] = TEXT(BOUND_PRODUCT_BYTES),
    [6] = TEXT(BOUND_TEXT_BYTES),
    [7] = TEXT(BOUND_TEXT_BYTES),
    [8] = TEXT(BOUND_TEXT_BYTES),
    [9] = TEXT(WORD_BYTES),
    [10] = TEXTS(BOUND_LOSERS, BOUND_PRODUCT_BYTES),
};
LIMITS(forward) = { [2] = BYTES(BOUND_EXPANDED_BYTES), [3] = MESSAGES(BOUND_ROWS_PER_BATCH) };
LIMITS(judge) = { [2] = EXACT(DIGEST), [3] = MANY_BYTES(BOUND_JUDGE_ROWS, BOUND_ROW_BYTES) };
LIMITS(verdicts) = { [2] = MESSAGES(BOUND_JUDGE_ROWS) };
LIMITS(outcome) = { [2] = EXACT(DIGEST), [5] = EXACTS(BOUND_ROWS_PER_EVENT, ID) };
LIMITS(settlement) = {
    [2] = EXACT(KEY_ID),
    [5] = EXACT(DIGEST),
    [6] = MESSAGES(BOUND_EVENTS_PER_BATCH),
};
LIMITS(settled) = {
    [2] = BYTES(BOUND_FRAME_BYTES),
    [3] = EXACT(SIGNATURE),
    [4] = EXACT(KEY_ID),
};
LIMITS(resume_body) = {
    [2] = EXACT(KEY_ID),
    [6] = EXACT(DIGEST),
    [7] = EXACT(ID),
    [8] = EXACT(KEY_ID),
};
LIMITS(resume) = { [2] = BYTES(SMALL_BODY_BYTES), [3] = EXACT(SIGNATURE) };
LIMITS(resumed_body) = { [2] = EXACT(KEY_ID), [3] = EXACT(ID), [6] = EXACT(DIGEST) };
LIMITS(resumed) = {
    [2] = BYTES(SMALL_BODY_BYTES),
    [3] = EXACT(SIGNATURE),
    [4] = EXACT(KEY_ID),
};
LIMITS(registry_key) = {
    [1] = EXACT(KEY_ID),          [3] = EXACT(PUBLIC),          [4] = EXACT(PUBLIC),
    [5] = TEXT(BOUND_UNIT_BYTES), [7] = TEXT(BOUND_TEXT_BYTES),
};
LIMITS(registry_body) = {
    [4] = EXACT(KEY_ID),
    [5] = MESSAGES(BOUND_REGISTRY_KEYS),
    [6] = EXACT(DIGEST),
    [7] = MESSAGES(BOUND_REGISTRY_UNITS),
};
LIMITS(unit_link) = { [1] = TEXT(BOUND_UNIT_BYTES), [2] = TEXT(BOUND_UNIT_BYTES) };
LIMITS(registry) = { [2] = BYTES(BOUND_EXPANDED_BYTES), [3] = EXACT(SIGNATURE) };
/* Key ids or link keys: 16 or 32 bytes. */
LIMITS(refusal_total) = {
    [3] = { .bytes = PUBLIC, .step = KEY_ID, .count = BOUND_REFUSAL_KEYS },
};
/* More kinds of reasons than this do not exist. */
LIMITS(refusals) = { [3] = MESSAGES(64) };
LIMITS(argument) = { [1] = TEXT(WORD_BYTES), [2] = TEXT(BOUND_TEXT_BYTES) };
LIMITS(command_body) = {
    [2] = EXACT(ID),
    [3] = EXACT(KEY_ID),
    [5] = TEXT(WORD_BYTES),
    [6] = MESSAGES(BOUND_ARGUMENTS),
    [7] = BYTES(BOUND_ATTACHMENT_BYTES),
    [8] = EXACT(KEY_ID),
};
LIMITS(command) = { [2] = BYTES(BOUND_EXPANDED_BYTES), [3] = EXACT(SIGNATURE) };
LIMITS(command_result) = { [3] = TEXT(BOUND_TEXT_BYTES), [4] = MESSAGES(BOUND_ARGUMENTS) };
LIMITS(feed) = { [2] = MANY_BYTES(BOUND_FEED_ENTRIES, BOUND_EXPANDED_BYTES) };

/* ---- record.proto: what may come from outside, in a feed or a dump --------------------------- */

LIMITS(effect) = { [2] = BYTES(TABLE_KEY_BYTES), [3] = BYTES(BOUND_EXPANDED_BYTES) };
LIMITS(unchanged_list) = {
    [1] = EXACTS(BOUND_FIELDS, KEY_ID),
    [2] = RUN(BOUND_EXPANDED_BYTES / 36, 36),
};
LIMITS(entry) = {
    [3] = EXACT(DIGEST),
    [6] = EXACT(KEY_ID),
    [7] = TEXT(BOUND_TEXT_BYTES),
    [8] = MESSAGES(BOUND_FIELDS),
    [10] = BYTES(BOUND_FRAME_BYTES),
    [11] = EXACT(SIGNATURE),
    [12] = BYTES(BOUND_EXPANDED_BYTES),
};
LIMITS(checkpoint_body) = { [3] = EXACT(DIGEST), [5] = EXACT(KEY_ID) };
LIMITS(checkpoint) = { [1] = BYTES(SMALL_BODY_BYTES), [2] = EXACT(SIGNATURE) };

/* ---- look-up --------------------------------------------------------------------------------- */

#define MESSAGE(name)                                    \
    {                                                    \
        &zb__##name##__descriptor, name, ARRAY_LEN(name) \
    }

/* The types that repeat most come first: the look-up is linear. */
static const struct message_limits messages[] = {
    MESSAGE(evidence),
    MESSAGE(event),
    MESSAGE(source_state),
    MESSAGE(source_set),
    MESSAGE(row_set),
    MESSAGE(verdict),
    MESSAGE(effect),
    MESSAGE(outcome),
    MESSAGE(registry_key),
    MESSAGE(unit_link),
    MESSAGE(argument),
    MESSAGE(refusal_total),
    MESSAGE(batch_header),
    MESSAGE(batch),
    MESSAGE(forward),
    MESSAGE(judge),
    MESSAGE(verdicts),
    MESSAGE(settlement),
    MESSAGE(settled),
    MESSAGE(entry),
    MESSAGE(unchanged_list),
    MESSAGE(hello),
    MESSAGE(welcome),
    MESSAGE(refused),
    MESSAGE(pong),
    MESSAGE(resume_body),
    MESSAGE(resume),
    MESSAGE(resumed_body),
    MESSAGE(resumed),
    MESSAGE(registry_body),
    MESSAGE(registry),
    MESSAGE(refusals),
    MESSAGE(command_body),
    MESSAGE(command),
    MESSAGE(command_result),
    MESSAGE(feed),
    MESSAGE(checkpoint_body),
    MESSAGE(checkpoint),
};

const struct message_limits *limits_find(const ProtobufCMessageDescriptor *type)
{
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        if (messages[i].type == type)
            return &messages[i];
    return NULL;
}

struct field_limit limits_field(const struct message_limits *limits, uint32_t number)
{
    if (limits != NULL && number < limits->field_end && limits->fields[number].count > 0)
        return limits->fields[number];
    return (struct field_limit){ .bytes = BOUND_EXPANDED_BYTES, .step = 1, .count = BOUND_FIELDS };
}
