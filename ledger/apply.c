/* apply.c - entries into tables. What it does beside storing records is listed in apply.h. */
#include "ledger/apply.h"

#include <errno.h>

#include "ledger/index.h"
#include "ledger/key.h"

static int packed_of(const ProtobufCMessage *message, struct arena *arena, struct bytes *ret_packed)
{
    uint8_t *data = arena_alloc(arena, protobuf_c_message_get_packed_size(message));
    if (data == NULL)
        return -ENOMEM;
    *ret_packed = bytes_of(data, protobuf_c_message_pack(message, data));
    return 0;
}

/* The value as it stands before a change; data NULL when there is none. */
static int old_value(const struct ledger_view *view, enum ledger_table table, struct ledger_key key,
                     struct arena *arena, struct bytes *ret_value)
{
    *ret_value = (struct bytes){ 0 };
    int r = ledger_get_bytes(view, table, key, arena, ret_value);
    return r == -ENOENT ? 0 : r;
}

/* `once` of a producer below its floor, or of an earlier epoch: keys from (producer) up to, not
 * including, (producer, epoch, floor). */
static int prune_once(const struct ledger_writer *writer, struct id128 producer, uint64_t epoch,
                      uint64_t floor)
{
    struct ledger_key from = key_id(id128_bytes(&producer));
    struct ledger_key end = key_once(producer, epoch, floor);
    for (;;) {
        struct bytes key, value;
        int r =
            writer->view.seek(writer->view.ctx, TABLE_ONCE, ledger_key_bytes(&from), &key, &value);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        if (bytes_cmp(key, ledger_key_bytes(&end)) >= 0)
            return 0;
        struct ledger_key doomed = key_id(key);
        r = writer->del(writer->view.ctx, TABLE_ONCE, ledger_key_bytes(&doomed));
        if (r < 0)
            return r;
    }
}

static int after_producer(const struct ledger_writer *writer, struct bytes key,
                          const Zb__ProducerRecord *record)
{
    struct id128 producer;
    if (!id128_of(key, &producer))
        return -EBADMSG;
    return prune_once(writer, producer, record->epoch, record->floor);
}

/* Raises the highest sequence that was settled. */
static int after_once(const struct ledger_writer *writer, struct bytes key, struct arena *arena)
{
    struct reader r = reader_of(key);
    struct id128 producer;
    bool is_id = id128_of(read_bytes(&r, 16), &producer);
    uint64_t epoch = read_u64be(&r);
    uint64_t sequence = read_u64be(&r);
    if (!is_id || r.failed || reader_left(&r) != 0)
        return -EBADMSG;
    struct ledger_key producer_key = key_id(id128_bytes(&producer));
    Zb__ProducerRecord *record;
    Zb__ProducerRecord fresh = ZB__PRODUCER_RECORD__INIT;
    static const struct digest no_chain;
    int rc = LEDGER_GET(&writer->view, TABLE_PRODUCER, producer_key, arena, &record);
    if (rc == -ENOENT) {
        fresh.epoch = epoch;
        fresh.floor = 1;
        fresh.chain = blob_of(digest_bytes(&no_chain));
        record = &fresh;
    } else if (rc < 0) {
        return rc;
    }
    if (record->epoch != epoch || record->highest >= sequence)
        return 0;
    record->highest = sequence;
    struct bytes value;
    rc = packed_of(&record->base, arena, &value);
    return rc < 0 ? rc
                  : writer->put(writer->view.ctx, TABLE_PRODUCER, ledger_key_bytes(&producer_key),
                                value);
}

/* Whether a value is of the form that its table holds; `ret_message` where it is a message. */
static int check_value(enum ledger_table table, struct bytes value, struct arena *arena,
                       ProtobufCMessage **ret_message)
{
    const ProtobufCMessageDescriptor *type = ledger_table_descriptor(table);
    *ret_message = NULL;
    if (type != NULL)
        return ledger_unpack(type, value, arena, ret_message);
    size_t expected = table == TABLE_SEEN ? 24 : 0;
    return value.size == expected ? 0 : -EBADMSG;
}

static int put_record(const struct ledger_writer *writer, enum ledger_table table,
                      struct ledger_key key, struct bytes value, struct arena *arena)
{
    ProtobufCMessage *message;
    struct bytes before;
    int r = check_value(table, value, arena, &message);
    if (r == 0)
        r = old_value(&writer->view, table, key, arena, &before);
    if (r == 0)
        r = index_change(
            writer, table, ledger_key_bytes(&key), before,
            bytes_of(value.data == NULL ? (const uint8_t *)"" : value.data, value.size), arena);
    if (r == 0)
        r = writer->put(writer->view.ctx, table, ledger_key_bytes(&key), value);
    if (r == 0 && table == TABLE_PRODUCER)
        r = after_producer(writer, ledger_key_bytes(&key), (const Zb__ProducerRecord *)message);
    if (r == 0 && table == TABLE_ONCE)
        r = after_once(writer, ledger_key_bytes(&key), arena);
    return r;
}

static int del_record(const struct ledger_writer *writer, enum ledger_table table,
                      struct ledger_key key, struct arena *arena)
{
    struct bytes before;
    int r = old_value(&writer->view, table, key, arena, &before);
    if (r < 0 || before.data == NULL)
        return r;
    r = index_change(writer, table, ledger_key_bytes(&key), before, (struct bytes){ 0 }, arena);
    return r < 0 ? r : writer->del(writer->view.ctx, table, ledger_key_bytes(&key));
}

static int apply_effect(const struct ledger_writer *writer, const Zb__Effect *effect,
                        struct arena *arena)
{
    enum ledger_table table = (enum ledger_table)effect->table;
    bool journalled = effect->table > 0 && effect->table < TABLE_RECORD_END &&
                      table != TABLE_PRIVATE && ledger_table_name(table) != NULL;
    struct ledger_key key = key_id(blob_bytes(effect->key));
    if (!journalled || key.size == 0)
        return -EBADMSG;
    struct arena_mark mark = arena_mark(arena);
    int r = effect->removed ? del_record(writer, table, key, arena)
                            : put_record(writer, table, key, blob_bytes(effect->value), arena);
    arena_rewind(arena, mark);
    return r;
}

int unchanged_event(const struct ledger_view *view, const struct ledger_unchanged *item,
                    struct arena *arena, Zb__Event *ret_event)
{
    Zb__EndpointRecord *endpoint;
    Zb__ReportRecord *report;
    int r = LEDGER_GET(view, TABLE_ENDPOINT, key_u64(item->endpoint), arena, &endpoint);
    if (r == 0)
        r = LEDGER_GET(view, TABLE_REPORT, key_endpoint_producer(item->endpoint, item->producer),
                       arena, &report);
    if (r != 0)
        return r;
    if (report->n_sources > BOUND_SOURCES_PER_EVENT)
        return -EBADMSG;
    zb__event__init(ret_event);
    ret_event->kind = EVENT_UNCHANGED;
    ret_event->sequence = item->sequence;
    ret_event->unit = endpoint->unit;
    ret_event->endpoint = report->endpoint;
    ret_event->scan_ms = item->scan_ms;
    ret_event->sources = report->sources;
    ret_event->n_sources = report->n_sources;
    ret_event->final = true;
    ret_event->result_digest = report->result_digest;
    ret_event->facts_digest = report->facts_digest;
    return 0;
}

int ledger_apply_unchanged(const struct ledger_writer *writer, const struct ledger_unchanged *item,
                           struct arena *arena)
{
    struct arena_mark mark = arena_mark(arena);
    Zb__Event event;
    int r = unchanged_event(&writer->view, item, arena, &event);
    if (r == -ENOENT)
        r = -EBADMSG; /* the entry speaks of a report that there never was */
    if (r == 0) {
        uint8_t seen[24];
        put_u64be(seen, item->epoch);
        put_u64be(seen + 8, item->sequence);
        put_u64be(seen + 16, (uint64_t)item->scan_ms);
        struct digest digest = event_digest(item->producer, item->epoch, &event);
        Zb__OnceRecord once = ZB__ONCE_RECORD__INIT;
        once.digest = blob_of(digest_bytes(&digest));
        once.outcome = OUTCOME_APPLIED;
        struct bytes value;
        r = packed_of(&once.base, arena, &value);
        if (r == 0)
            r = put_record(writer, TABLE_SEEN,
                           key_endpoint_producer(item->endpoint, item->producer),
                           bytes_of(seen, sizeof(seen)), arena);
        if (r == 0)
            r = put_record(writer, TABLE_ONCE,
                           key_once(item->producer, item->epoch, item->sequence), value, arena);
    }
    arena_rewind(arena, mark);
    return r;
}

static int apply_unchanged_list(const struct ledger_writer *writer, const Zb__UnchangedList *list,
                                struct arena *arena)
{
    if (list->items.len % UNCHANGED_ITEM_BYTES != 0)
        return -EBADMSG;
    struct reader in = reader_of(blob_bytes(list->items));
    while (reader_left(&in) > 0) {
        struct ledger_unchanged item;
        item.epoch = read_u64be(&in);
        item.sequence = read_u64be(&in);
        item.endpoint = read_u64be(&in);
        item.scan_ms = (int64_t)read_u64be(&in);
        uint32_t producer = read_u32be(&in);
        if (producer >= list->n_producers ||
            !id128_of(blob_bytes(list->producers[producer]), &item.producer))
            return -EBADMSG;
        int r = ledger_apply_unchanged(writer, &item, arena);
        if (r < 0)
            return r;
    }
    return 0;
}

int ledger_apply(const struct ledger_writer *writer, const Zb__Entry *entry, struct arena *arena)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < entry->n_effects; i++)
        r = apply_effect(writer, entry->effects[i], arena);
    if (r == 0 && entry->unchanged != NULL)
        r = apply_unchanged_list(writer, entry->unchanged, arena);
    return r;
}

int ledger_apply_private(const struct ledger_writer *writer, const struct ledger_private *item,
                         struct arena *arena)
{
    Zb__PrivateRecord record = ZB__PRIVATE_RECORD__INIT;
    record.salt = blob_of(id128_bytes(&item->salt));
    record.value = blob_of(item->value);
    record.kind = (char *)(uintptr_t)item->kind; /* only read */
    struct arena_mark mark = arena_mark(arena);
    struct bytes value;
    int r = packed_of(&record.base, arena, &value);
    if (r == 0)
        r = writer->put(writer->view.ctx, TABLE_PRIVATE, id128_bytes(&item->handle), value);
    arena_rewind(arena, mark);
    return r;
}
