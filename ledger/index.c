/* index.c - the indices of table.h as functions of their records. */
#include "ledger/index.h"

#include <errno.h>

#include "base/seal.h"
#include "base/civil.h"
#include "ledger/deadline.h"
#include "ledger/key.h"
#include "ledger/tally.h"

struct index_entry {
    enum ledger_table table;
    struct ledger_key key;
    uint64_t number; /* the value, where the index has one */
    bool numbered;
};

/* The index entries of one record, and the private value it holds the handle of. */
struct index_list {
    struct index_entry *entry;
    size_t count;
    size_t room;
    struct bytes handle;
    bool failed; /* a key that cannot be */
};

static void add(struct index_list *list, enum ledger_table table, struct ledger_key key)
{
    if (key.size == 0 || list->count == list->room) {
        list->failed = true;
        return;
    }
    list->entry[list->count++] = (struct index_entry){ .table = table, .key = key };
}

static void add_number(struct index_list *list, enum ledger_table table, struct ledger_key key,
                       uint64_t number)
{
    add(list, table, key);
    if (!list->failed) {
        list->entry[list->count - 1].number = number;
        list->entry[list->count - 1].numbered = true;
    }
}

static void of_endpoint(struct index_list *list, uint64_t number, const Zb__EndpointRecord *record)
{
    struct id128 producer, name;
    if (!id128_of(blob_bytes(record->producer), &producer) ||
        !id128_of(blob_bytes(record->endpoint), &name)) {
        list->failed = true;
        return;
    }
    list->handle = blob_bytes(record->facts);
    if (record->retired)
        return; /* what is reported under its names from now on is another computer */
    uint8_t both[32];
    memcpy(both, producer.b, 16);
    memcpy(both + 16, name.b, 16);
    add_number(list, INDEX_ENDPOINT, key_id(bytes_of(both, sizeof(both))), number);
    for (size_t i = 0; i < record->n_others; i++) {
        if (record->others[i].len != sizeof(both))
            list->failed = true;
        else
            add_number(list, INDEX_ENDPOINT, key_id(blob_bytes(record->others[i])), number);
    }
    add(list, INDEX_UNIT_ENDPOINT, key_text_u64(record->unit, number));
    if (record->join.len > 0)
        add_number(list, INDEX_JOIN, key_text_id(record->unit, blob_bytes(record->join)), number);
}

static void of_official(struct index_list *list, const Zb__OfficialRecord *record)
{
    list->handle = blob_bytes(record->person);
    if (record->key.len > 0)
        add(list, INDEX_OFFICIAL,
            key_id_text_u8(blob_bytes(record->key), record->unit, (uint8_t)record->role));
}

static bool case_is_open(Zb__CaseState state)
{
    return state != CASE_CLOSED && state != CASE_REJECTED && state != CASE_RETRACTED;
}

static void add_due(struct index_list *list, int64_t fire_ms, enum due_kind kind, uint64_t id)
{
    add(list, INDEX_DUE, key_due(fire_ms, (uint8_t)kind, id, 0, 0));
}

static void of_case(struct index_list *list, const Zb__CaseRecord *record)
{
    if (case_is_open(record->state) || record->suppresses)
        add_number(list, INDEX_CASE,
                   key_text_text_u8(record->unit, record->product, (uint8_t)record->class_),
                   record->id);
    if (!case_is_open(record->state))
        return;
    if (record->unserved_ms != 0)
        add_due(list, record->unserved_ms, DUE_UNSERVED, record->id);
    if (record->state == CASE_ORDERED && record->due_day != 0 && !record->provisional)
        add_due(list, deadline_end_ms(record->due_day), DUE_OVERDUE, record->id);
    if (record->recheck_ms != 0)
        add_due(list, record->recheck_ms, DUE_RECHECK, record->id);
}

static void of_rung(struct index_list *list, const Zb__RungRecord *record)
{
    if (record->state == RUNG_PLANNED && !record->provisional && !record->waiting)
        add(list, INDEX_DUE,
            key_due(record->fire_ms, DUE_RUNG, record->case_id, (uint32_t)record->due_day,
                    deadline_rung_key(record->rung)));
}

static void of_notice(struct index_list *list, const Zb__NoticeRecord *record)
{
    bool failed = record->state == NOTICE_FAILED && !record->given_up;
    if (record->state == NOTICE_PLANNED || (failed && !record->permanent))
        add(list, INDEX_OUTBOX,
            key_u64_u64(record->next_ms < 0 ? 0 : (uint64_t)record->next_ms, record->id));
    if (failed && record->give_up_ms != 0)
        add_due(list, record->give_up_ms, DUE_NOTICE, record->id);
}

/* The next day on which a right begins to count or no longer does, after the last one looked at. */
static void of_right(struct index_list *list, uint64_t number, const Zb__RightRecord *record)
{
    if (record->withdrawn)
        return;
    add(list, INDEX_RIGHT, key_text_u64(record->product, number));
    int64_t ended = (int64_t)record->to_day + 1;
    if (record->from_day > record->counted_day)
        add_due(list, civil_ms_at(record->from_day, 0), DUE_RIGHT, number);
    else if (record->to_day > 0 && ended > record->counted_day)
        add_due(list, civil_ms_at(record->to_day, CIVIL_MINUTES_A_DAY), DUE_RIGHT, number);
}

/* The number that is the whole key of a table keyed by one. */
static uint64_t key_number(struct index_list *list, struct bytes key)
{
    if (key.size != 8) {
        list->failed = true;
        return 0;
    }
    return get_u64be(key.data);
}

/* The unit's place among the tallies of its product, so that a position whose last install and last
 * right are gone is still found. */
static void of_position(struct index_list *list, struct bytes key)
{
    struct reader r = reader_of(key);
    const char *unit = (const char *)key_read_text(&r).data;
    const char *product = (const char *)key_read_text(&r).data;
    (void)read_u8(&r); /* the metric; positions of both stand in one place */
    if (r.failed || reader_left(&r) != 0)
        list->failed = true;
    else
        add(list, INDEX_PRODUCT, key_prefix(product, unit));
}

static bool has_index(enum ledger_table table)
{
    switch (table) {
    case TABLE_ROW:
    case TABLE_ENDPOINT:
    case TABLE_REPORT:
    case TABLE_UNIT:
    case TABLE_OFFICIAL:
    case TABLE_RIGHT:
    case TABLE_POSITION:
    case TABLE_CASE:
    case TABLE_RUNG:
    case TABLE_NOTICE:
        return true;
    default:
        return false;
    }
}

static void of_record(struct index_list *list, enum ledger_table table, struct bytes key,
                      const ProtobufCMessage *message)
{
    switch (table) {
    case TABLE_ROW: {
        const Zb__RowRecord *record = (const Zb__RowRecord *)message;
        struct id128 id = seal_id128(SEAL_PARTS(blob_bytes(record->canonical)));
        add_number(list, INDEX_ROW, key_id(id128_bytes(&id)), key_number(list, key));
        return;
    }
    case TABLE_ENDPOINT:
        of_endpoint(list, key_number(list, key), (const Zb__EndpointRecord *)message);
        return;
    case TABLE_REPORT:
        list->handle = blob_bytes(((const Zb__ReportRecord *)message)->evidence);
        return;
    case TABLE_UNIT: {
        const Zb__UnitRecord *record = (const Zb__UnitRecord *)message;
        if (record->parent[0] != '\0')
            add(list, INDEX_CHILD, key_text_text(record->parent, record->id));
        return;
    }
    case TABLE_OFFICIAL:
        of_official(list, (const Zb__OfficialRecord *)message);
        return;
    case TABLE_RIGHT:
        of_right(list, key_number(list, key), (const Zb__RightRecord *)message);
        return;
    case TABLE_POSITION:
        of_position(list, key);
        return;
    case TABLE_CASE:
        of_case(list, (const Zb__CaseRecord *)message);
        return;
    case TABLE_RUNG:
        of_rung(list, (const Zb__RungRecord *)message);
        return;
    case TABLE_NOTICE:
        of_notice(list, (const Zb__NoticeRecord *)message);
        return;
    default:
        return;
    }
}

static int list_of(enum ledger_table table, struct bytes key, struct bytes value,
                   struct arena *arena, struct index_list *ret_list)
{
    *ret_list = (struct index_list){ 0 };
    if (value.data == NULL)
        return 0;
    ProtobufCMessage *message;
    int r = ledger_unpack(ledger_table_descriptor(table), value, arena, &message);
    if (r < 0)
        return r;
    size_t room = 4;
    if (table == TABLE_ENDPOINT)
        room += ((const Zb__EndpointRecord *)message)->n_others;
    ret_list->entry = arena_calloc(arena, room, sizeof(*ret_list->entry));
    if (ret_list->entry == NULL)
        return -ENOMEM;
    ret_list->room = room;
    of_record(ret_list, table, key, message);
    return ret_list->failed ? -EBADMSG : 0;
}

static bool holds(const struct index_list *list, const struct index_entry *entry)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->entry[i].table == entry->table &&
            bytes_eq(ledger_key_bytes(&list->entry[i].key), ledger_key_bytes(&entry->key)))
            return true;
    return false;
}

static int put_entry(const struct ledger_writer *writer, const struct index_entry *entry)
{
    uint8_t number[8];
    put_u64be(number, entry->number);
    return writer->put(writer->view.ctx, entry->table, ledger_key_bytes(&entry->key),
                       bytes_of(number, entry->numbered ? sizeof(number) : 0));
}

/* A case that is closed leaves i_case; another of the same class may stand there by then. */
static int del_entry(const struct ledger_writer *writer, const struct index_entry *entry)
{
    if (entry->numbered) {
        uint64_t number;
        int r = ledger_get_u64(&writer->view, entry->table, entry->key, &number);
        if (r < 0 || number != entry->number)
            return r == -ENOENT ? 0 : r;
    }
    return writer->del(writer->view.ctx, entry->table, ledger_key_bytes(&entry->key));
}

static int change_installs(const struct ledger_writer *writer, struct bytes key,
                           struct bytes old_value, struct bytes new_value, struct arena *arena)
{
    struct bytes value[2] = { old_value, new_value };
    for (int i = 0; i < 2; i++) {
        if (value[i].data == NULL)
            continue;
        ProtobufCMessage *message;
        int r = ledger_unpack(&zb__install_record__descriptor, value[i], arena, &message);
        if (r == 0)
            r = tally_change(writer, key, (const Zb__InstallRecord *)message, i == 0 ? -1 : 1,
                             arena);
        if (r < 0)
            return r;
    }
    return 0;
}

int index_change(const struct ledger_writer *writer, enum ledger_table table, struct bytes key,
                 struct bytes old_value, struct bytes new_value, struct arena *arena)
{
    if (table == TABLE_INSTALL)
        return change_installs(writer, key, old_value, new_value, arena);
    if (!has_index(table))
        return 0;
    struct index_list before, after;
    int r = list_of(table, key, old_value, arena, &before);
    if (r == 0)
        r = list_of(table, key, new_value, arena, &after);
    for (size_t i = 0; r == 0 && i < before.count; i++)
        if (!holds(&after, &before.entry[i]))
            r = del_entry(writer, &before.entry[i]);
    for (size_t i = 0; r == 0 && i < after.count; i++)
        r = put_entry(writer, &after.entry[i]);
    if (r == 0 && before.handle.size > 0 && !bytes_eq(before.handle, after.handle))
        r = writer->del(writer->view.ctx, TABLE_PRIVATE, before.handle);
    return r;
}
