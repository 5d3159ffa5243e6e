#include "spool_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "proto/facts.h"
#include "proto/row.h"

const struct id128 fixture_producer = { { 9, 9, 9 } };

/* ---- reports ----------------------------------------------------------------------------------- */

struct said {
    struct spool_report report;
    Zb__SourceState state[2];
    const Zb__SourceState *states[2];
    char device[32];
    struct bytes rows[FIXTURE_ROWS];
    uint32_t source_of[FIXTURE_ROWS];
    Zb__Evidence evidence;
    const Zb__Evidence *evidence_of[FIXTURE_ROWS];
    char path[32];
    struct buf facts;
};

struct bytes fixture_row(unsigned i)
{
    static struct buf rows[FIXTURE_ROWS];
    if (rows[i].size == 0) {
        char name[32];
        (void)snprintf(name, sizeof(name), "program %u", i);
        struct row row = { 0 };
        row.fields.value[ROW_SOURCE] = BYTES_LIT("dpkg");
        row.fields.value[ROW_NAME] = bytes_str(name);
        rows[i] = BUF_INIT(BOUND_ROW_BYTES);
        cr_assert(eq(int, row_encode(&row, &rows[i], NULL), 0));
    }
    return buf_bytes(&rows[i]);
}

struct id128 fixture_row_id(unsigned i)
{
    return row_id(fixture_row(i));
}

struct said *said_new(const struct say *say)
{
    struct said *said = calloc(1, sizeof(*said));
    (void)snprintf(said->device, sizeof(said->device), "computer %u", say->device);
    for (unsigned s = 0; s < 2; s++) {
        zb__source_state__init(&said->state[s]);
        said->state[s].name = (char *)(s == 0 ? "dpkg" : "files");
        said->state[s].complete = s == 0 || !say->incomplete;
        said->states[s] = &said->state[s];
    }
    zb__evidence__init(&said->evidence);
    (void)snprintf(said->path, sizeof(said->path), "/opt/%u", say->evidence);
    said->evidence.path = said->path;
    size_t count = 0;
    for (unsigned i = FIXTURE_ROWS; i-- > 0;) /* not in order of id */
        if ((say->rows >> i & 1) != 0) {
            said->rows[count] = fixture_row(i);
            said->source_of[count] = i % 2;
            said->evidence_of[count++] = i == 0 && say->evidence != 0 ? &said->evidence : NULL;
        }
    said->facts = BUF_INIT(BOUND_FACTS_BYTES);
    if (say->facts != 0) {
        char host[32];
        (void)snprintf(host, sizeof(host), "host %u", say->facts);
        struct facts facts = { 0 };
        facts.fields.value[FACTS_HOST] = bytes_str(host);
        cr_assert(eq(int, facts_encode(&facts, &said->facts, NULL), 0));
    }
    said->report = (struct spool_report){
        .unit = say->unit == NULL ? "u1" : say->unit,
        .device = bytes_str(said->device),
        .scan_ms = say->scan_ms,
        .sources = said->states,
        .source_count = 2,
        .rows = said->rows,
        .source_of = said->source_of,
        .evidence = said->evidence_of,
        .row_count = count,
        .facts = buf_bytes(&said->facts),
    };
    return said;
}

void said_free(struct said *said)
{
    if (said == NULL)
        return;
    buf_done(&said->facts);
    free(said);
}

const struct spool_report *said_report(const struct said *said)
{
    return &said->report;
}

struct spool *spool_at(const char *path)
{
    struct spool *spool = NULL;
    struct complaint why = { 0 };
    int r = spool_open(path, SPOOL_ROOMY, &spool, &why);
    cr_assert(eq(int, r, 0), "%s: %s", why.place, why.what);
    r = spool_bind(spool, fixture_producer, false, &why);
    cr_assert(eq(int, r, 0), "%s", why.what);
    return spool;
}

int spool_say(struct spool *spool, const struct say *say)
{
    CLEANUP(said_freep) struct said *said = said_new(say);
    return spool_add(spool, said_report(said), say->scan_ms + 1, NULL);
}

int settle_as(struct spool *spool, uint64_t sequence, Zb__OutcomeKind kind)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    struct stream_position position;
    struct outgoing_event event;
    int r = spool_position(spool, &position);
    if (r == 0)
        r = spool_event(spool, sequence, false, arena, &event);
    if (r < 0)
        return r;
    struct settled_outcome outcome = { .sequence = sequence, .digest = event.digest, .kind = kind };
    if (kind == OUTCOME_REFUSED)
        outcome.reason = REFUSAL_UNKNOWN_UNIT;
    return spool_settle(spool, position.epoch, &outcome, 1, 5000);
}

/* ---- audit ------------------------------------------------------------------------------------- */

/* Who refers to what, counted anew. Small spools only: looked up one by one. */
enum { TALLY_MAX = 8192 };

struct tally {
    size_t count;
    struct {
        uint8_t key[32];
        size_t key_size;
        uint32_t refs;
    } at[TALLY_MAX];
};

static void tally_add(struct tally *tally, const uint8_t *key, size_t key_size)
{
    size_t i = 0;
    while (i < tally->count && memcmp(tally->at[i].key, key, key_size) != 0)
        i++;
    cr_assert(lt(sz, i, TALLY_MAX));
    if (i == tally->count) {
        tally->count++;
        memcpy(tally->at[i].key, key, key_size);
        tally->at[i].key_size = key_size;
    }
    tally->at[i].refs++;
}

struct audit {
    struct kv_txn *txn;
    struct spool_state state;
    struct tally sets, facts, rows;
    uint64_t ready; /* endpoints whose first report has no sequence */
};

static void audit_contents(struct audit *a, const struct report *report)
{
    tally_add(&a->sets, report->set.b, 32);
    if (report->has_facts)
        tally_add(&a->facts, report->facts.b, 16);
}

static bool has(struct audit *a, unsigned table, struct bytes key)
{
    int r = kv_get(a->txn, table, key, NULL);
    cr_assert(r == 0 || r == -ENOENT);
    return r == 0;
}

/* One queued report: in `pending`; unsettled in `sent` with its sequence, or without one. */
static void audit_queued(struct audit *a, uint64_t local, const struct report *report)
{
    struct key_pending pending = key_pending(report->endpoint, local);
    struct key_u64 key = key_u64(local);
    struct bytes before = { 0 };
    cr_assert(has(a, SPOOL_PENDING, BYTES_OF(pending.b)));
    bool first = kv_before(a->txn, SPOOL_PENDING, BYTES_OF(pending.b), &before, NULL) != 0 ||
                 !bytes_starts_with(before, BYTES_OF(report->endpoint.b));
    bool ready = has(a, SPOOL_READY, BYTES_OF(key.b));
    cr_assert(eq(int, ready, first && report->sequence == 0));
    a->ready += ready;
    if (report->sequence == 0)
        return;
    struct sent sent = { 0 };
    cr_assert(first, "only the first of an endpoint is under way");
    cr_assert(report->was_given);
    cr_assert(eq(int, sent_get(a->txn, a->state.position.epoch, report->sequence, &sent), 0));
    cr_assert(eq(u64, sent.local, local));
    cr_assert(eq(int, (int)sent.outcome, OUTCOME_NONE));
}

/* Every sequence from the floor on is there, and nothing else. */
static void audit_window(struct audit *a)
{
    struct stream_position *p = &a->state.position;
    uint64_t count;
    cr_assert(eq(int, kv_count(a->txn, SPOOL_SENT, &count), 0));
    cr_assert(eq(u64, count, p->next_sequence - p->floor));
    cr_assert(le(u64, count, BOUND_WINDOW));
    for (uint64_t sequence = p->floor; sequence < p->next_sequence; sequence++) {
        struct sent sent = { 0 };
        cr_assert(eq(int, sent_get(a->txn, p->epoch, sequence, &sent), 0));
        if (sequence == p->floor)
            cr_assert(eq(int, (int)sent.outcome, OUTCOME_NONE), "the floor stands on unsettled");
        struct key_u64 key = key_u64(sent.local);
        cr_assert(eq(int, has(a, SPOOL_QUEUE, BYTES_OF(key.b)), sent.outcome == OUTCOME_NONE));
    }
}

static void audit_body(struct audit *a, struct bytes body)
{
    struct reader r = reader_of(body);
    cr_assert(eq(u8, read_u8(&r), BODY_VERSION));
    for (unsigned sources = read_u8(&r); sources > 0; sources--)
        for (uint32_t items = read_u32be(&r); items > 0; items--)
            tally_add(&a->rows, read_bytes(&r, ITEM_BYTES).data, 16);
    cr_assert(not(r.failed));
}

/* The table's reference counts are the counted ones; of rows some have marks and nothing else. */
static void audit_refs(struct audit *a, unsigned table, const struct tally *tally)
{
    struct bytes key = { 0 }, value = { 0 };
    size_t found = 0;
    for (int r = kv_seek(a->txn, table, key, &key, &value); r == 0;
         r = kv_after(a->txn, table, key, &key, &value)) {
        uint32_t refs = get_u32be(value.data), counted = 0;
        for (size_t i = 0; i < tally->count; i++)
            if (bytes_eq(key, bytes_of(tally->at[i].key, tally->at[i].key_size)))
                counted = tally->at[i].refs;
        cr_assert(eq(u32, refs, counted), "table %u", table);
        found += refs > 0;
        if (table == SPOOL_ROW && refs == 0) {
            cr_assert(ne(u32, get_u32be(value.data + 4), 0));
            cr_assert(eq(sz, value.size, 8), "no content without a reference");
        } else {
            cr_assert(gt(u32, refs, 0));
        }
        if (table == SPOOL_ROW && refs > 0) {
            struct id128 id = row_id(bytes_of(value.data + 8, value.size - 8));
            cr_assert(bytes_eq(key, BYTES_OF(id.b)), "the content is the row's");
        }
    }
    cr_assert(eq(sz, found, tally->count), "table %u", table);
}

void spool_audit(struct spool *spool)
{
    struct spool_counts counts = { 0 };
    cr_assert(eq(int, spool_counts(spool, &counts), 0));
    cr_assert(eq(u64, counts.spooled,
                 counts.applied + counts.refused + counts.superseded + counts.pending));
    CLEANUP(freep) struct audit *a = calloc(1, sizeof(*a));
    cr_assert(eq(int, kv_read(spool->kv, &a->txn), 0));
    cr_assert(eq(int, spool_state_get(a->txn, &a->state), 0));
    struct bytes key = { 0 }, value = { 0 };
    struct report report = { 0 };
    uint64_t count = 0;
    int r;
    for (r = kv_seek(a->txn, SPOOL_QUEUE, key, &key, &value); r == 0;
         r = kv_after(a->txn, SPOOL_QUEUE, key, &key, &value)) {
        cr_assert(eq(int, report_decode(value, &report), 0));
        audit_contents(a, &report);
        audit_queued(a, get_u64be(key.data), &report);
    }
    cr_assert(eq(int, r, -ENOENT));
    key = (struct bytes){ 0 };
    for (r = kv_seek(a->txn, SPOOL_BASE, key, &key, &value); r == 0;
         r = kv_after(a->txn, SPOOL_BASE, key, &key, &value)) {
        cr_assert(eq(int, report_decode(bytes_of(value.data + 4, value.size - 4), &report), 0));
        audit_contents(a, &report);
    }
    key = (struct bytes){ 0 };
    for (r = kv_seek(a->txn, SPOOL_BODY, key, &key, &value); r == 0;
         r = kv_after(a->txn, SPOOL_BODY, key, &key, &value)) {
        struct digest set = seal_digest(&value, 1);
        cr_assert(bytes_eq(key, BYTES_OF(set.b)));
        audit_body(a, value);
    }
    audit_window(a);
    audit_refs(a, SPOOL_SET, &a->sets);
    audit_refs(a, SPOOL_FACTS, &a->facts);
    audit_refs(a, SPOOL_ROW, &a->rows);
    cr_assert(eq(int, kv_count(a->txn, SPOOL_BODY, &count), 0));
    cr_assert(eq(u64, count, a->sets.count));
    cr_assert(eq(int, kv_count(a->txn, SPOOL_PENDING, &count), 0));
    cr_assert(eq(u64, count, counts.pending));
    cr_assert(eq(int, kv_count(a->txn, SPOOL_READY, &count), 0));
    cr_assert(eq(u64, count, a->ready));
    cr_assert(eq(int, kv_count(a->txn, SPOOL_DEAD, &count), 0));
    cr_assert(eq(u64, count, counts.refused));
    kv_abort(a->txn);
}

struct digest spool_fingerprint(struct spool *spool)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct digest digest = { 0 };
    cr_assert(eq(int, kv_read(spool->kv, &txn), 0));
    for (unsigned table = SPOOL_STATE; table <= SPOOL_DEAD; table++) {
        struct bytes key = { 0 }, value = { 0 };
        uint8_t number = (uint8_t)table;
        for (int r = kv_seek(txn, table, key, &key, &value); r == 0;
             r = kv_after(txn, table, key, &key, &value))
            digest = seal_digest(SEAL_PARTS(BYTES_OF(digest.b), bytes_of(&number, 1), key, value));
    }
    return digest;
}
