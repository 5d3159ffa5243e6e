/* table.h - the ledger's tables: what stands in each, and how its keys are built.
 *
 * Keys are big-endian so that a cursor walks in the order that is drawn; text inside a key ends
 * with a NUL byte, which no id may contain. Layout change: bump LEDGER_FORMAT.
 *
 *  table        key                                              value (record.proto)
 *  ───────────  ───────────────────────────────────────────────  ─────────────────────────────
 *  state        name                                             StateRecord
 *  genesis      (empty: one byte 0)                              GenesisRecord
 *  counter      name                                             CounterRecord
 *  key          key id 16                                        KeyRecord
 *  producer     key id 16                                        ProducerRecord
 *  once         key id 16 · epoch u64 · sequence u64             OnceRecord
 *  refusal      reason u8                                        RefusalRecord
 *  command      command id 16                                    CommandRecord
 *  row          row number u64                                   RowRecord
 *  verdict      row number u64                                   VerdictRecord
 *  todo         row number u64                                   (empty) rows that want a verdict
 *  waiting      row number u64 · endpoint u64                    (empty) who has a row in `todo`
 *  endpoint     endpoint number u64                              EndpointRecord
 *  report       endpoint u64 · key id 16                         ReportRecord
 *  seen         endpoint u64 · key id 16                         24 bytes: epoch, sequence, scan ms
 *  set          endpoint u64 · key id 16 · source                SetRecord
 *  install      unit 0 · product 0 · endpoint u64                InstallRecord
 *  unit         unit                                             UnitRecord
 *  official     unit 0 · role u8                                 OfficialRecord
 *  right        right id u64                                     RightRecord
 *  position     unit 0 · product 0 · metric u8                   PositionRecord
 *  catalogue    digest 32                                        CatalogueRecord
 *  calendar     year u32                                         CalendarRecord
 *  case         case id u64                                      CaseRecord
 *  line         case id u64 · line u64                           LineRecord
 *  rung         case id u64 · due day i32+2³¹ · rung i32+2³¹      RungRecord
 *  notice       notice id u64                                    NoticeRecord
 *  proof        case id u64 · number u64                         ProofRecord
 *  alarm        kind 0 · subject                                 AlarmRecord
 *  private      handle 16                                        PrivateRecord; never journalled
 *
 *  Indices: functions of the record above (index.c), never journalled; all values empty but *.
 *  i_row        row id 16                                        * row number u64
 *  i_endpoint   key id 16 · opaque id 16                         * endpoint number u64; this and
 *  i_join       unit 0 · H(serial ‖ uuid) 16                     * the next two: of endpoints that
 *  i_unit_end   unit 0 · endpoint u64                            are not retired
 *  i_child      parent 0 · unit                                  tree
 *  i_product    product 0 · unit 0 · H(variant) 16               * a tally of installs, tally.h
 *  i_right      product 0 · right id u64                         rights not withdrawn
 *  i_case       unit 0 · product 0 · class u8                    * case id of the one not closed, or
 *                                                                that holds rejected lines
 *  i_due        fire ms u64 · kind u8 · id u64 · a u32 · b u32   what the clock must look at next
 *  i_outbox     next ms u64 · notice id u64                      PLANNED, and FAILED not given up
 *  i_official   key id 16 · unit 0 · role u8                     what a person may do
 */
#ifndef LEDGER_TABLE_H
#define LEDGER_TABLE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "proto/names.h"

enum { LEDGER_FORMAT = 1 };

/* Numbers stand in the journal: never renumbered. Indices follow after a gap. */
enum ledger_table {
    TABLE_STATE = 1,
    TABLE_GENESIS = 2,
    TABLE_COUNTER = 3,
    TABLE_KEY = 4,
    TABLE_PRODUCER = 5,
    TABLE_ONCE = 6,
    TABLE_REFUSAL = 7,
    TABLE_COMMAND = 8,
    TABLE_ROW = 9,
    TABLE_VERDICT = 10,
    TABLE_TODO = 11,
    TABLE_WAITING = 12,
    TABLE_ENDPOINT = 13,
    TABLE_REPORT = 14,
    TABLE_SEEN = 15,
    TABLE_SET = 16,
    TABLE_INSTALL = 17,
    TABLE_UNIT = 18,
    TABLE_OFFICIAL = 19,
    TABLE_RIGHT = 20,
    TABLE_POSITION = 21,
    TABLE_CATALOGUE = 22,
    TABLE_CALENDAR = 23,
    TABLE_CASE = 24,
    TABLE_LINE = 25,
    TABLE_RUNG = 26,
    TABLE_NOTICE = 27,
    TABLE_PROOF = 28,
    TABLE_ALARM = 29,
    TABLE_PRIVATE = 30,
    TABLE_RECORD_END = 31, /* one past the last journalled table number */

    INDEX_ROW = 40,
    INDEX_ENDPOINT = 41,
    INDEX_JOIN = 42,
    INDEX_UNIT_ENDPOINT = 43,
    INDEX_CHILD = 44,
    INDEX_PRODUCT = 45,
    INDEX_RIGHT = 46,
    INDEX_CASE = 47,
    INDEX_DUE = 48,
    INDEX_OUTBOX = 49,
    INDEX_OFFICIAL = 50,
    TABLE_END = 51,
};

/* ledger_table_name - "case", "i_due"; NULL for a number that is no table. */
const char *ledger_table_name(enum ledger_table table);

/* ledger_table_descriptor - the record's message type; NULL where the value is no message. */
const ProtobufCMessageDescriptor *ledger_table_descriptor(enum ledger_table table);

#endif
