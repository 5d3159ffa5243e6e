/* dump.c - tables by natural key. */
#include "ledger/dump.h"

#include <errno.h>

#include "base/seal.h"
#include "ledger/dump_field.h"
#include "ledger/key.h"
#include "ledger/rowset.h"

enum { NAME_BYTES = 32, DUMP_LINE_BYTES = 64 * 1024 * 1024 };

/* One table being printed. */
struct dump {
    const struct ledger_view *view;
    struct arena *arena;
    struct buf buf;
    struct json json;
    struct bytes *line;
    size_t count, room;
};

/* ---- natural keys ---- */

static int name_cmp(const void *a, const void *b)
{
    return memcmp(a, b, NAME_BYTES);
}

/* All names of an endpoint, ascending; the first stands for it elsewhere. */
static int endpoint_names(struct dump *dump, const Zb__EndpointRecord *record, uint8_t **ret_names,
                          size_t *ret_count)
{
    uint8_t *names = arena_calloc(dump->arena, record->n_others + 1, NAME_BYTES);
    if (names == NULL)
        return -ENOMEM;
    if (record->producer.len != 16 || record->endpoint.len != 16)
        return -EBADMSG;
    memcpy(names, record->producer.data, 16);
    memcpy(names + 16, record->endpoint.data, 16);
    for (size_t i = 0; i < record->n_others; i++) {
        if (record->others[i].len != NAME_BYTES)
            return -EBADMSG;
        memcpy(names + (i + 1) * NAME_BYTES, record->others[i].data, NAME_BYTES);
    }
    qsort(names, record->n_others + 1, NAME_BYTES, name_cmp);
    *ret_names = names;
    *ret_count = record->n_others + 1;
    return 0;
}

static int put_endpoint(struct dump *dump, const char *key, uint64_t number)
{
    Zb__EndpointRecord *record;
    uint8_t *names;
    size_t count;
    int r = LEDGER_GET(dump->view, TABLE_ENDPOINT, key_u64(number), dump->arena, &record);
    if (r == -ENOENT) { /* a line of a computer that was never reported */
        json_put_null(&dump->json, key);
        return 0;
    }
    if (r == 0)
        r = endpoint_names(dump, record, &names, &count);
    if (r == 0)
        json_put_hex(&dump->json, key, bytes_of(names, NAME_BYTES));
    return r;
}

static int row_id_of(struct dump *dump, uint64_t number, struct id128 *ret_id)
{
    Zb__RowRecord *record;
    int r = LEDGER_GET(dump->view, TABLE_ROW, key_u64(number), dump->arena, &record);
    if (r == 0)
        *ret_id = seal_id128(SEAL_PARTS(blob_bytes(record->canonical)));
    return r;
}

static int id_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id128));
}

static int put_rows(struct dump *dump, ProtobufCBinaryData packed)
{
    struct rowset rows;
    int r = rowset_unpack(blob_bytes(packed), dump->arena, &rows);
    struct id128 *id = r == 0 ? arena_calloc(dump->arena, rows.count, sizeof(*id)) : NULL;
    if (id == NULL)
        return r < 0 ? r : -ENOMEM;
    for (size_t i = 0; r == 0 && i < rows.count; i++)
        r = row_id_of(dump, rows.row[i], &id[i]);
    if (r < 0)
        return r == -ENOENT ? 0 : r; /* rows that a test made up */
    if (rows.count > 1)
        qsort(id, rows.count, sizeof(*id), id_cmp);
    json_begin_array(&dump->json, "rows");
    for (size_t i = 0; i < rows.count; i++)
        json_put_hex(&dump->json, NULL, id128_bytes(&id[i]));
    json_end(&dump->json);
    return 0;
}

static int put_case(struct dump *dump, uint64_t id)
{
    Zb__CaseRecord *record;
    if (id == 0)
        return 0;
    int r = LEDGER_GET(dump->view, TABLE_CASE, key_u64(id), dump->arena, &record);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    json_begin_object(&dump->json, "case");
    json_put_str(&dump->json, "unit", record->unit);
    json_put_str(&dump->json, "product", record->product);
    json_put_int(&dump->json, "class", record->class_);
    json_put_int(&dump->json, "opened_ms", record->opened_ms);
    json_end(&dump->json);
    return 0;
}

/* What of a key is natural, and what stands in the value as numbers. `message` is NULL for tables
 * without one. Sets *ret_leave_out for records that two equal ledgers may differ in. */
static int put_key(struct dump *dump, enum ledger_table table, struct bytes key, struct bytes value,
                   const ProtobufCMessage *message, bool *ret_leave_out)
{
    struct reader in = reader_of(key);
    struct json *json = &dump->json;
    struct id128 id;
    int r = 0;
    switch (table) {
    case TABLE_STATE:
        *ret_leave_out = !bytes_eq(key, BYTES_LIT("catalogue"));
        return 0;
    case TABLE_COMMAND:
        json_put_hex(json, "command", key);
        return 0;
    case TABLE_ROW:
    case TABLE_VERDICT:
    case TABLE_TODO:
    case TABLE_WAITING:
        r = row_id_of(dump, read_u64be(&in), &id);
        if (r == 0)
            json_put_hex(json, "row", id128_bytes(&id));
        return r == 0 && table == TABLE_WAITING ? put_endpoint(dump, "endpoint", read_u64be(&in))
                                                : r;
    case TABLE_ENDPOINT: {
        const Zb__EndpointRecord *record = (const Zb__EndpointRecord *)message;
        uint8_t *names;
        size_t count;
        *ret_leave_out = record->retired;
        r = endpoint_names(dump, record, &names, &count);
        if (r < 0)
            return r;
        json_begin_array(json, "names");
        for (size_t i = 0; i < count; i++)
            json_put_hex(json, NULL, bytes_of(names + i * NAME_BYTES, NAME_BYTES));
        json_end(json);
        return r;
    }
    case TABLE_REPORT:
    case TABLE_SEEN:
    case TABLE_SET:
        r = put_endpoint(dump, "endpoint", read_u64be(&in));
        json_put_hex(json, "producer", read_bytes(&in, 16));
        if (table == TABLE_REPORT)
            json_put_hex(json, "as", blob_bytes(((const Zb__ReportRecord *)message)->endpoint));
        if (table == TABLE_SEEN)
            json_put_hex(json, "epoch_sequence_scan", value);
        if (table == TABLE_SET)
            json_put_text(json, "source", bytes_of(in.at, reader_left(&in)));
        return r == 0 && table == TABLE_SET ? put_rows(dump, ((const Zb__SetRecord *)message)->rows)
                                            : r;
    case TABLE_INSTALL:
        json_put_text(json, "unit", key_read_text(&in));
        json_put_text(json, "product", key_read_text(&in));
        r = put_endpoint(dump, "endpoint", read_u64be(&in));
        return r < 0 ? r : put_rows(dump, ((const Zb__InstallRecord *)message)->rows);
    case TABLE_POSITION:
        json_put_text(json, "unit", key_read_text(&in));
        json_put_text(json, "product", key_read_text(&in));
        json_put_uint(json, "metric", read_u8(&in));
        return 0;
    case TABLE_LINE: {
        const Zb__LineRecord *record = (const Zb__LineRecord *)message;
        r = put_case(dump, record->case_id);
        return r == 0 && record->endpoint != 0 ? put_endpoint(dump, "endpoint", record->endpoint)
                                               : r;
    }
    case TABLE_RUNG:
        return put_case(dump, ((const Zb__RungRecord *)message)->case_id);
    case TABLE_NOTICE:
        return put_case(dump, ((const Zb__NoticeRecord *)message)->case_id);
    case TABLE_PROOF:
        return put_case(dump, ((const Zb__ProofRecord *)message)->case_id);
    default:
        return 0;
    }
}

/* ---- lines ---- */

static int keep_line(struct dump *dump)
{
    if (dump->count == dump->room) {
        size_t room = dump->room == 0 ? 64 : dump->room * 2;
        struct bytes *grown = arena_calloc(dump->arena, room, sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        if (dump->count > 0)
            memcpy(grown, dump->line, dump->count * sizeof(*grown));
        dump->line = grown;
        dump->room = room;
    }
    size_t size = dump->buf.size > 0 ? dump->buf.size - 1 : 0; /* without its newline */
    const void *copy = arena_dup(dump->arena, dump->buf.data, size);
    if (copy == NULL)
        return -ENOMEM;
    dump->line[dump->count++] = bytes_of(copy, size);
    return 0;
}

/* A subject that is a number of this ledger says nothing to another. */
static void put_alarm(struct json *json, const Zb__AlarmRecord *alarm)
{
    bool numbered = alarm->subject[strspn(alarm->subject, "0123456789")] == '\0';
    json_put_str(json, "kind", alarm->kind);
    json_put_str(json, "subject", numbered ? "" : alarm->subject);
    json_put_bool(json, "cleared", alarm->cleared);
}

static int dump_record(struct dump *dump, enum ledger_table table, struct bytes key,
                       struct bytes value)
{
    const ProtobufCMessageDescriptor *type = ledger_table_descriptor(table);
    ProtobufCMessage *message = NULL;
    bool leave_out = false;
    int r = type == NULL ? 0 : ledger_unpack(type, value, dump->arena, &message);
    if (r < 0)
        return r;
    buf_reset(&dump->buf);
    dump->json = json_on(&dump->buf);
    json_begin_object(&dump->json, NULL);
    json_put_str(&dump->json, "table", ledger_table_name(table));
    r = put_key(dump, table, key, value, message, &leave_out);
    if (r < 0)
        return r;
    if (table == TABLE_ALARM)
        put_alarm(&dump->json, (const Zb__AlarmRecord *)message);
    else if (table == TABLE_COMMAND && message != NULL)
        json_put_int(&dump->json, "refused", ((const Zb__CommandRecord *)message)->refused);
    else if (message != NULL)
        dump_fields(&dump->json, message, true);
    json_end(&dump->json);
    json_end_line(&dump->json);
    r = buf_error(&dump->buf);
    return r < 0 || leave_out ? r : keep_line(dump);
}

static int line_cmp(const void *a, const void *b)
{
    return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

static int dump_table(struct dump *dump, enum ledger_table table, const struct ledger_sink *sink)
{
    struct ledger_walk walk = ledger_walk(dump->view, table, (struct ledger_key){ 0 });
    struct bytes key, value;
    int r;
    dump->line = NULL;
    dump->count = dump->room = 0;
    while ((r = ledger_walk_next(&walk, dump->arena, &key, &value)) == 0) {
        r = dump_record(dump, table, key, value);
        if (r < 0)
            return r;
    }
    if (r != -ENOENT)
        return r;
    if (dump->count > 1)
        qsort(dump->line, dump->count, sizeof(*dump->line), line_cmp);
    r = 0;
    for (size_t i = 0; r == 0 && i < dump->count; i++)
        r = sink->line(sink->ctx, dump->line[i]);
    return r;
}

/* Windows, counters and totals say how events came, not what they said. */
static bool is_dumped(enum ledger_table table)
{
    return table != TABLE_COUNTER && table != TABLE_PRODUCER && table != TABLE_ONCE &&
           table != TABLE_REFUSAL && table != TABLE_PRIVATE;
}

int ledger_dump(const struct ledger_view *view, const struct ledger_sink *sink, struct arena *arena)
{
    struct dump dump = { .view = view, .arena = arena, .buf = BUF_INIT(DUMP_LINE_BYTES) };
    int r = 0;
    for (int table = TABLE_STATE; r == 0 && table < TABLE_RECORD_END; table++) {
        struct arena_mark mark = arena_mark(arena);
        if (is_dumped((enum ledger_table)table))
            r = dump_table(&dump, (enum ledger_table)table, sink);
        arena_rewind(arena, mark);
    }
    buf_done(&dump.buf);
    return r;
}

/* ---- journal ---- */

static int put_effect(struct json *json, const Zb__Effect *effect, struct arena *arena)
{
    enum ledger_table table = (enum ledger_table)effect->table;
    const ProtobufCMessageDescriptor *type = ledger_table_descriptor(table);
    ProtobufCMessage *message = NULL;
    int r = 0;
    json_begin_object(json, NULL);
    json_put_str(json, "table", ledger_table_name(table));
    json_put_hex(json, "key", blob_bytes(effect->key));
    json_put_bool(json, "removed", effect->removed);
    if (!effect->removed && type != NULL)
        r = ledger_unpack(type, blob_bytes(effect->value), arena, &message);
    if (message != NULL) {
        json_begin_object(json, "value");
        dump_fields(json, message, false);
        json_end(json);
    } else if (effect->value.len > 0) {
        json_put_hex(json, "value", blob_bytes(effect->value));
    }
    json_end(json);
    return r;
}

int ledger_dump_entry(const Zb__Entry *entry, const struct ledger_sink *sink, struct arena *arena)
{
    struct buf buf = BUF_INIT(DUMP_LINE_BYTES);
    struct json json = json_on(&buf);
    struct arena_mark mark = arena_mark(arena);
    Zb__Entry plain = *entry;
    int r = 0;
    plain.n_effects = 0;
    json_begin_object(&json, NULL);
    dump_fields(&json, &plain.base, false);
    json_begin_array(&json, "effects");
    for (size_t i = 0; r == 0 && i < entry->n_effects; i++)
        r = put_effect(&json, entry->effects[i], arena);
    json_end(&json);
    json_end(&json);
    json_end_line(&json);
    if (r == 0)
        r = buf_error(&buf);
    if (r == 0)
        r = sink->line(sink->ctx, bytes_of(buf.data, buf.size - 1));
    arena_rewind(arena, mark);
    buf_done(&buf);
    return r;
}
