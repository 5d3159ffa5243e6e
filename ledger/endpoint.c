/* endpoint.c - names, joins and detaching. */
#include "ledger/endpoint.h"

#include <errno.h>

#include "proto/facts.h"

enum { NAME_BYTES = 32, JOIN_TEXT_MAX = 128 };

/* Serial numbers and UUIDs that makers and virtual machines leave as they are, folded to capital
 * letters. A text of one and the same letter or digit is a filler too. */
static const char *const fillers[] = {
    "NONE",
    "N/A",
    "NA",
    "NULL",
    "OEM",
    "O.E.M.",
    "EMPTY",
    "INVALID",
    "UNKNOWN",
    "DEFAULT",
    "DEFAULT STRING",
    "TO BE FILLED BY O.E.M.",
    "TO BE FILLED BY OEM",
    "SYSTEM SERIAL NUMBER",
    "CHASSIS SERIAL NUMBER",
    "SERIAL NUMBER",
    "NOT SPECIFIED",
    "NOT APPLICABLE",
    "NOT AVAILABLE",
    "123456789",
    "1234567890",
    "0123456789",
    "00020003-0004-0005-0006-000700080009",
    "03000200-0400-0500-0006-000700080009",
    "12345678-1234-5678-90AB-CDDEEFAABBCC",
};

/* Spaces around it go, a to z become capitals. Returns the length, 0 for what does not fit. */
static size_t fold(struct bytes text, char out[JOIN_TEXT_MAX])
{
    size_t begin = 0, end = text.size;
    while (begin < end && text.data[begin] == ' ')
        begin++;
    while (end > begin && text.data[end - 1] == ' ')
        end--;
    if (end - begin >= JOIN_TEXT_MAX)
        return 0;
    for (size_t i = begin; i < end; i++) {
        uint8_t c = text.data[i];
        out[i - begin] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    out[end - begin] = '\0';
    return end - begin;
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_filler(const char *folded)
{
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
        if (strcmp(folded, fillers[i]) == 0)
            return true;
    char only = '\0';
    for (const char *p = folded; *p != '\0'; p++) {
        if (!is_letter_or_digit(*p))
            continue;
        if (only != '\0' && *p != only)
            return false;
        only = *p;
    }
    return true;
}

bool endpoint_join_digest(struct bytes canonical, struct arena *arena, struct id128 *ret_join)
{
    struct facts facts;
    char serial[JOIN_TEXT_MAX], uuid[JOIN_TEXT_MAX];
    if (facts_decode(canonical, arena, &facts, NULL) < 0)
        return false;
    size_t serial_size = fold(facts.fields.value[FACTS_SERIAL], serial);
    size_t uuid_size = fold(facts.fields.value[FACTS_UUID], uuid);
    if (serial_size == 0 || uuid_size == 0 || is_filler(serial) || is_filler(uuid))
        return false;
    *ret_join =
        seal_id128(SEAL_PARTS(bytes_of(serial, serial_size + 1), bytes_of(uuid, uuid_size + 1)));
    return true;
}

static void name_bytes(const struct endpoint_name *name, uint8_t out[NAME_BYTES])
{
    memcpy(out, name->producer.b, 16);
    memcpy(out + 16, name->opaque.b, 16);
}

int endpoint_find(const struct ruling *at, const struct endpoint_name *name, uint64_t *ret_number)
{
    uint8_t key[NAME_BYTES];
    name_bytes(name, key);
    *ret_number = 0;
    int r =
        ledger_get_u64(at->view, INDEX_ENDPOINT, key_id(bytes_of(key, sizeof(key))), ret_number);
    return r == -ENOENT ? 0 : r;
}

int endpoint_joinable(const struct ruling *at, const char *unit, struct id128 join,
                      struct id128 producer, uint64_t epoch, uint64_t *ret_number)
{
    *ret_number = 0;
    uint64_t number;
    int r = ledger_get_u64(at->view, INDEX_JOIN, key_text_id(unit, id128_bytes(&join)), &number);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    Zb__ReportRecord *report;
    r = LEDGER_GET(at->view, TABLE_REPORT, key_endpoint_producer(number, producer), at->arena,
                   &report);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == -ENOENT || report->epoch < epoch)
        *ret_number = number;
    return 0;
}

int endpoint_add_name(Zb__EndpointRecord *record, const struct endpoint_name *name,
                      struct arena *arena)
{
    uint8_t *bytes = arena_alloc(arena, NAME_BYTES);
    ProtobufCBinaryData *others = arena_calloc(arena, record->n_others + 1, sizeof(*others));
    if (bytes == NULL || others == NULL)
        return -ENOMEM;
    name_bytes(name, bytes);
    if (bytes_eq(blob_bytes(record->producer), bytes_of(bytes, 16)) &&
        bytes_eq(blob_bytes(record->endpoint), bytes_of(bytes + 16, 16)))
        return 0;
    for (size_t i = 0; i < record->n_others; i++) {
        if (bytes_eq(blob_bytes(record->others[i]), bytes_of(bytes, NAME_BYTES)))
            return 0;
        others[i] = record->others[i];
    }
    others[record->n_others++] = blob_of(bytes_of(bytes, NAME_BYTES));
    record->others = others;
    return 0;
}

/* The record without the names of a producer; retired when none is left. */
static void remove_names(Zb__EndpointRecord *record, struct id128 producer)
{
    size_t kept = 0;
    for (size_t i = 0; i < record->n_others; i++)
        if (record->others[i].len != NAME_BYTES ||
            memcmp(record->others[i].data, producer.b, 16) != 0)
            record->others[kept++] = record->others[i];
    record->n_others = kept;
    if (!bytes_eq(blob_bytes(record->producer), id128_bytes(&producer)))
        return;
    if (kept == 0) {
        record->retired = true;
        return;
    }
    struct bytes first = blob_bytes(record->others[0]);
    record->producer = blob_of(bytes_of(first.data, 16));
    record->endpoint = blob_of(bytes_of(first.data + 16, 16));
    record->others++;
    record->n_others--;
}

/* Rows that others show, and rows that this producer shows; its sets are removed. */
static int split_sets(const struct ruling *at, uint64_t number, struct id128 producer,
                      struct rowset *ret_others, struct rowset *ret_own)
{
    struct ledger_walk walk = ledger_walk(at->view, TABLE_SET, key_u64(number));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        ProtobufCMessage *message;
        struct rowset rows;
        bool own = key.size >= 24 && memcmp(key.data + 8, producer.b, 16) == 0;
        struct rowset *into = own ? ret_own : ret_others;
        r = ledger_unpack(&zb__set_record__descriptor, value, at->arena, &message);
        if (r == 0)
            r = rowset_unpack(blob_bytes(((const Zb__SetRecord *)message)->rows), at->arena, &rows);
        if (r == 0)
            r = rowset_union(into, &rows, at->arena, into);
        if (r < 0)
            return r;
        if (own)
            emit_del(at->out, TABLE_SET, key);
    }
    return r == -ENOENT ? 0 : r;
}

void endpoint_put(const struct ruling *at, uint64_t number, const Zb__EndpointRecord *record)
{
    struct ledger_key key = key_u64(number);
    emit_put(at->out, TABLE_ENDPOINT, ledger_key_bytes(&key), &record->base);
}

int endpoint_detach(const struct ruling *at, uint64_t number, struct id128 producer)
{
    Zb__EndpointRecord *record;
    int r = LEDGER_GET(at->view, TABLE_ENDPOINT, key_u64(number), at->arena, &record);
    if (r < 0)
        return r == -ENOENT ? -EBADMSG : r;
    struct rowset others = { 0 }, own = { 0 }, none = { 0 };
    r = split_sets(at, number, producer, &others, &own);
    if (r == 0)
        r = rowset_minus(&own, &others, at->arena, &own);
    if (r < 0)
        return r;
    const struct install_target target = { .unit = record->unit,
                                           .endpoint = number,
                                           .scan_ms = INT64_MAX };
    r = install_change(at, &target, &none, &own);
    if (r < 0)
        return r;
    struct ledger_key key = key_endpoint_producer(number, producer);
    emit_del(at->out, TABLE_REPORT, ledger_key_bytes(&key));
    emit_del(at->out, TABLE_SEEN, ledger_key_bytes(&key));
    remove_names(record, producer);
    endpoint_put(at, number, record);
    return output_error(at->out);
}
