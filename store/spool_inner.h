/* spool_inner.h - what the files of the spool share; nobody else includes it but its tests.
 *
 * Every function here works inside the caller's transaction and leaves committing to it. -EIO from
 * a decoder means that the store holds what was never written: stop and verify. */
#ifndef STORE_SPOOL_INNER_H
#define STORE_SPOOL_INNER_H

#include "base/buf.h"
#include "store/spool.h"

enum spool_table {
    SPOOL_STATE,
    SPOOL_QUEUE,
    SPOOL_READY,
    SPOOL_PENDING,
    SPOOL_SENT,
    SPOOL_SET,
    SPOOL_BODY,
    SPOOL_ROW,
    SPOOL_FACTS,
    SPOOL_BASE,
    SPOOL_DEAD,
};

struct spool {
    struct kv *kv;
    uint64_t max_bytes; /* 0: read-only */
};

#define BYTES_OF(field) bytes_of((field), sizeof(field))

/* ---- state ------------------------------------------------------------------------------------
 * Table "state", key "state": version u8 · clock u8 · bound u8 · mark u32 · epoch · next sequence ·
 * floor · next local id · spooled · applied · refused · superseded (u64 each) · chain 32 · salt 16
 * · producer 16. */

enum spool_clock { SPOOL_CLOCK_ANY = 0, SPOOL_CLOCK_REAL = 1, SPOOL_CLOCK_SIMULATED = 2 };

struct spool_state {
    struct stream_position position;
    enum spool_clock clock; /* ANY until the first report or binding */
    bool bound;             /* `producer` is known */
    uint32_t mark;          /* ≥ 1; marks and bases of another number are forgotten */
    uint64_t next_local;    /* ≥ 1 */
    uint64_t spooled, applied, refused, superseded;
    struct id128 salt;
    struct id128 producer;
};

int spool_state_get(struct kv_txn *txn, struct spool_state *ret_state);
int spool_state_put(struct kv_txn *txn, const struct spool_state *state);

/* ---- reports (queue, base, dead) ---------------------------------------------------------------
 *
 *     version u8 · flags u8 · spooled ms · scan ms · sequence (u64 each) · endpoint 16 · set 32 ·
 *     result 32 · facts 16 · origin
 *     origin: unit behind its u8 length · source count u8 · each: name behind its u8 length,
 *     complete u8 */

enum {
    REPORT_ORIGIN_BYTES =
        1 + BOUND_UNIT_BYTES + 1 + BOUND_SOURCES_PER_EVENT * (1 + BOUND_SOURCE_BYTES + 1),
    REPORT_HEAD_BYTES = 2 + 3 * 8 + 16 + 32 + 32 + 16,
    REPORT_BYTES = REPORT_HEAD_BYTES + REPORT_ORIGIN_BYTES,
};

struct report {
    int64_t spooled_ms;
    int64_t scan_ms;
    uint64_t sequence; /* 0: none */
    bool was_given;    /* a sequence, in this epoch or another: never superseded again */
    bool has_facts;
    struct id128 endpoint;
    struct digest set;
    struct digest result;
    struct id128 facts;
    size_t origin_size;
    uint8_t origin[REPORT_ORIGIN_BYTES];
};

struct report_raw {
    size_t size;
    uint8_t b[REPORT_BYTES];
};

struct report_raw report_encode(const struct report *report);
int report_decode(struct bytes raw, struct report *ret_report);

/* report_says_the_same - whether a base that is `a` makes `b` UNCHANGED. */
bool report_says_the_same(const struct report *a, const struct report *b);

/* report_event - the report as an event with its sequence, kind FULL; texts are the arena's. */
int report_event(const struct report *report, struct arena *arena, Zb__Event *ret_event);

/* report_unit - the unit, pointing into the report. */
struct bytes report_unit(const struct report *report);

int queue_get(struct kv_txn *txn, uint64_t local, struct report *ret_report);
int queue_put(struct kv_txn *txn, uint64_t local, const struct report *report);

/* base_get - the endpoint's base. Errors: -ENOENT none, or forgotten since (*ret_report is set
 * then, *ret_held says that it still holds references). */
int base_get(struct kv_txn *txn, struct id128 endpoint, uint32_t mark, struct report *ret_report,
             bool *ret_held);
int base_put(struct kv_txn *txn, uint32_t mark, const struct report *report);
/* base_drop - gives up the base and its references; fine when there is none. */
int base_drop(struct kv_txn *txn, struct id128 endpoint, uint32_t mark);

int dead_put(struct kv_txn *txn, uint64_t local, const struct report *report,
             Zb__RefusalReason reason, int64_t now_ms);

/* ---- sent: local id u64 · digest 32 · outcome u8 ----------------------------------------------- */

struct sent {
    uint64_t local;
    struct digest digest;
    Zb__OutcomeKind outcome; /* NONE while unsettled, else APPLIED or REFUSED */
};

struct key_sent {
    uint8_t b[16]; /* epoch, sequence */
};

int sent_decode(struct bytes raw, struct sent *ret_sent);
/* sent_get - Errors: -ENOENT never given in this epoch, or below the floor. */
int sent_get(struct kv_txn *txn, uint64_t epoch, uint64_t sequence, struct sent *ret_sent);
int sent_put(struct kv_txn *txn, uint64_t epoch, uint64_t sequence, const struct sent *sent);

/* ---- contents ----------------------------------------------------------------------------------
 * Body: version u8 · source count u8 · per source, in the report's order: item count u32 · items
 * (row id 16 · evidence id 16), ascending, each once; then evidence count u32 · per evidence,
 * ascending: id 16 · path, installed on, scope, each behind its u32 length. The set digest is the
 * hash of the body. Names of sources are the report's. */

enum { BODY_VERSION = 1, ITEM_BYTES = 32 };

/* set_hold - one more reference to a set; stores body and rows where they are new and adds what
 * that takes to *grown_bytes. contents[i] is the row of the body's ith item over all sources. */
int set_hold(struct kv_txn *txn, struct digest set, struct bytes body, const struct bytes *contents,
             uint64_t *grown_bytes);
/* set_release - one less; the last takes body and rows along. Marks of rows stay. */
int set_release(struct kv_txn *txn, struct digest set, uint32_t mark);
/* set_mark_sent - marks every row of the set as known to the ledger. */
int set_mark_sent(struct kv_txn *txn, struct digest set, uint32_t mark);

int facts_hold(struct kv_txn *txn, struct id128 id, struct bytes facts, uint64_t *grown_bytes);
int facts_release(struct kv_txn *txn, struct id128 id);
int facts_get(struct kv_txn *txn, struct id128 id, struct bytes *ret_facts);

/* row_unmark - the ledger does not know the row after all; fine when it is not here. */
int row_unmark(struct kv_txn *txn, struct id128 id);
/* row_get - content and whether it is marked sent; points into the map. */
int row_get(struct kv_txn *txn, struct id128 id, uint32_t mark, struct bytes *ret_content,
            bool *ret_sent);

/* body_get - points into the map. */
int body_get(struct kv_txn *txn, struct digest set, struct bytes *ret_body);

/* body_set, body_evidence - a body as wire messages from the arena (names are the event's). */
int body_set(struct bytes body, struct digest result, const Zb__Event *event, struct arena *arena,
             const Zb__RowSet **ret_set);
int body_evidence(struct bytes body, struct arena *arena, const Zb__Evidence *const **ret_evidence,
                  size_t *ret_count);

/* body_rows - ids of the body's rows, ascending, each once, in ret_items[i].row (arena). */
int body_rows(struct bytes body, struct arena *arena, struct result_item **ret_items,
              size_t *ret_count);

/* ---- keys -------------------------------------------------------------------------------------- */

struct key_u64 {
    uint8_t b[8]; /* big-endian */
};

struct key_pending {
    uint8_t b[24]; /* endpoint, local id */
};

static inline struct key_u64 key_u64(uint64_t v)
{
    struct key_u64 key;
    put_u64be(key.b, v);
    return key;
}

static inline struct key_pending key_pending(struct id128 endpoint, uint64_t local)
{
    struct key_pending key;
    memcpy(key.b, endpoint.b, sizeof(endpoint.b));
    put_u64be(key.b + sizeof(endpoint.b), local);
    return key;
}

#endif
