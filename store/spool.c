/* spool.c - the spool as a whole: opening, state, counts, epochs, dead letters. */
#include "store/spool_inner.h"

#include <errno.h>

static const struct kv_table spool_tables[] = {
    { SPOOL_STATE, "state" }, { SPOOL_QUEUE, "queue" },     { SPOOL_READY, "ready" },
    { SPOOL_SENT, "sent" },   { SPOOL_PENDING, "pending" }, { SPOOL_SET, "set" },
    { SPOOL_BODY, "body" },   { SPOOL_ROW, "row" },         { SPOOL_FACTS, "facts" },
    { SPOOL_BASE, "base" },   { SPOOL_DEAD, "dead" },
};

/* Settling rewrites pages before it frees any, and must go on when reports fill max_bytes. */
enum { SPOOL_WORKING_BYTES = 16 * 1024 * 1024 };

/* ---- state ------------------------------------------------------------------------------------- */

enum { STATE_VERSION = 1, STATE_BYTES = 7 + 8 * 8 + 32 + 16 + 16 };

static const struct bytes state_key = { (const uint8_t *)"state", 5 };

int spool_state_get(struct kv_txn *txn, struct spool_state *ret_state)
{
    struct bytes raw;
    int r = kv_get(txn, SPOOL_STATE, state_key, &raw);
    if (r < 0)
        return r;
    struct reader in = reader_of(raw);
    struct spool_state state = { 0 };
    uint8_t version = read_u8(&in);
    state.clock = read_u8(&in);
    state.bound = read_u8(&in) != 0;
    state.mark = read_u32be(&in);
    state.position.epoch = read_u64be(&in);
    state.position.next_sequence = read_u64be(&in);
    state.position.floor = read_u64be(&in);
    state.next_local = read_u64be(&in);
    state.spooled = read_u64be(&in);
    state.applied = read_u64be(&in);
    state.refused = read_u64be(&in);
    state.superseded = read_u64be(&in);
    bool whole = digest_of(read_bytes(&in, 32), &state.position.chain) &&
                 id128_of(read_bytes(&in, 16), &state.salt) &&
                 id128_of(read_bytes(&in, 16), &state.producer);
    if (!whole || version != STATE_VERSION || reader_left(&in) != 0)
        return -EIO;
    *ret_state = state;
    return 0;
}

int spool_state_put(struct kv_txn *txn, const struct spool_state *state)
{
    uint8_t raw[STATE_BYTES] = { STATE_VERSION, (uint8_t)state->clock, state->bound ? 1 : 0 };
    const uint64_t numbers[] = { state->position.epoch, state->position.next_sequence,
                                 state->position.floor, state->next_local,
                                 state->spooled,        state->applied,
                                 state->refused,        state->superseded };
    put_u32be(raw + 3, state->mark);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        put_u64be(raw + 7 + 8 * i, numbers[i]);
    memcpy(raw + 71, state->position.chain.b, 32);
    memcpy(raw + 103, state->salt.b, 16);
    memcpy(raw + 119, state->producer.b, 16);
    return kv_put(txn, SPOOL_STATE, state_key, BYTES_OF(raw));
}

static int state_make(struct kv *kv)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct spool_state state = { 0 };
    int r = kv_write(kv, &txn);
    if (r == 0)
        r = spool_state_get(txn, &state);
    if (r != -ENOENT)
        return r;
    state = (struct spool_state){ .position = { .epoch = 1, .next_sequence = 1, .floor = 1 },
                                  .mark = 1,
                                  .next_local = 1 };
    seal_random(state.salt.b, sizeof(state.salt.b));
    r = spool_state_put(txn, &state);
    return r < 0 ? r : kv_commit(TAKE_PTR(txn));
}

/* ---- opening ----------------------------------------------------------------------------------- */

static int open_with(const char *path, const struct kv_options *options, uint64_t max_bytes,
                     struct spool **ret_spool, struct complaint *why)
{
    int r = seal_start();
    if (r < 0)
        return complain(why, r, "", "the hash library does not start");
    CLEANUP(spool_closep) struct spool *spool = calloc(1, sizeof(*spool));
    if (spool == NULL)
        return complain(why, -ENOMEM, "", "memory is out");
    spool->max_bytes = max_bytes;
    r = kv_open(path, options, &spool->kv, why);
    if (r < 0)
        return r;
    if (!options->read_only)
        r = state_make(spool->kv);
    if (r < 0)
        return complain(why, r, "check the spool's disk", "the spool's state cannot be read");
    *ret_spool = TAKE_PTR(spool);
    return 0;
}

int spool_open(const char *path, uint64_t max_bytes, struct spool **ret_spool,
               struct complaint *why)
{
    complaint_at(why, "%s", path);
    uint64_t reserved;
    if (max_bytes == 0 || __builtin_mul_overflow(max_bytes, 2, &reserved) ||
        __builtin_add_overflow(reserved, SPOOL_WORKING_BYTES, &reserved))
        return complain(why, -EINVAL, "give the spool's size in bytes",
                        "no spool can have that size");
    struct kv_options options = { .tables = spool_tables,
                                  .table_count = ARRAY_LEN(spool_tables),
                                  .max_bytes = reserved,
                                  .format = SPOOL_FORMAT };
    return open_with(path, &options, max_bytes, ret_spool, why);
}

int spool_open_read_only(const char *path, struct spool **ret_spool, struct complaint *why)
{
    struct kv_options options = { .tables = spool_tables,
                                  .table_count = ARRAY_LEN(spool_tables),
                                  .read_only = true,
                                  .format = SPOOL_FORMAT };
    return open_with(path, &options, 0, ret_spool, why);
}

void spool_close(struct spool *spool)
{
    if (spool == NULL)
        return;
    kv_close(spool->kv);
    free(spool);
}

int spool_bind(struct spool *spool, struct id128 producer, bool simulated, struct complaint *why)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct spool_state state = { 0 };
    int r = kv_write(spool->kv, &txn);
    if (r == 0)
        r = spool_state_get(txn, &state);
    if (r < 0)
        return complain(why, r, "check the spool's disk", "the spool cannot be read");
    enum spool_clock clock = simulated ? SPOOL_CLOCK_SIMULATED : SPOOL_CLOCK_REAL;
    if (state.clock != SPOOL_CLOCK_ANY && state.clock != clock)
        return complain(why, -EPERM, "give the simulated clock a spool of its own",
                        "the spool's reports are of the other kind of clock");
    if (state.bound && !id128_eq(state.producer, producer))
        return complain(why, -EPERM, "give each key a spool of its own",
                        "the spool belongs to another key");
    if (state.bound)
        return 0;
    state.bound = true;
    state.producer = producer;
    state.clock = clock;
    r = spool_state_put(txn, &state);
    if (r == 0)
        r = kv_commit(TAKE_PTR(txn));
    return r < 0 ? complain(why, r, "check the spool's disk", "the spool cannot be written") : 0;
}

/* ---- looking ----------------------------------------------------------------------------------- */

static int oldest_pending(struct kv_txn *txn, int64_t *ret_ms)
{
    struct bytes raw;
    struct report report;
    *ret_ms = 0;
    int r = kv_seek(txn, SPOOL_QUEUE, (struct bytes){ 0 }, NULL, &raw);
    if (r == -ENOENT)
        return 0;
    if (r == 0)
        r = report_decode(raw, &report);
    if (r == 0)
        *ret_ms = report.spooled_ms;
    return r;
}

int spool_counts(struct spool *spool, struct spool_counts *ret_counts)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct spool_state state = { 0 };
    struct kv_usage usage = { 0 };
    struct spool_counts counts = { 0 };
    int r = kv_usage(spool->kv, &usage);
    if (r == 0)
        r = kv_read(spool->kv, &txn);
    if (r == 0)
        r = spool_state_get(txn, &state);
    if (r == 0)
        r = kv_count(txn, SPOOL_QUEUE, &counts.pending);
    if (r == 0)
        r = oldest_pending(txn, &counts.oldest_pending_ms);
    if (r < 0)
        return r;
    counts.spooled = state.spooled;
    counts.applied = state.applied;
    counts.refused = state.refused;
    counts.superseded = state.superseded;
    counts.disk_bytes = usage.file_bytes;
    *ret_counts = counts;
    return 0;
}

static int state_look(struct spool *spool, struct spool_state *ret_state)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    int r = kv_read(spool->kv, &txn);
    return r < 0 ? r : spool_state_get(txn, ret_state);
}

int spool_position(struct spool *spool, struct stream_position *ret_position)
{
    struct spool_state state = { 0 };
    int r = state_look(spool, &state);
    if (r == 0)
        *ret_position = state.position;
    return r;
}

int spool_salt(struct spool *spool, struct id128 *ret_salt)
{
    struct spool_state state = { 0 };
    int r = state_look(spool, &state);
    if (r == 0)
        *ret_salt = state.salt;
    return r;
}

/* ---- epochs ------------------------------------------------------------------------------------ */

/* Takes one entry of table "sent" away; an unsettled report queues again at its old place. */
static int sent_forget(struct kv_txn *txn, struct bytes key, struct bytes value)
{
    uint8_t own_key[16];
    struct sent sent;
    int r = sent_decode(value, &sent);
    if (r < 0 || key.size != sizeof(own_key))
        return -EIO;
    memcpy(own_key, key.data, sizeof(own_key));
    r = kv_del(txn, SPOOL_SENT, BYTES_OF(own_key));
    if (r < 0 || sent.outcome != OUTCOME_NONE)
        return r;
    struct report report;
    r = queue_get(txn, sent.local, &report);
    if (r < 0)
        return r;
    report.sequence = 0;
    r = queue_put(txn, sent.local, &report);
    struct key_u64 local = key_u64(sent.local);
    return r < 0 ? r : kv_put(txn, SPOOL_READY, BYTES_OF(local.b), (struct bytes){ 0 });
}

int spool_epoch(struct spool *spool, uint64_t epoch, bool behind)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct spool_state state = { 0 };
    int r = kv_write(spool->kv, &txn);
    if (r == 0)
        r = spool_state_get(txn, &state);
    if (r < 0)
        return r;
    if (epoch <= state.position.epoch)
        return -EINVAL;
    struct bytes key, value;
    while ((r = kv_seek(txn, SPOOL_SENT, (struct bytes){ 0 }, &key, &value)) == 0) {
        r = sent_forget(txn, key, value);
        if (r < 0)
            return r;
    }
    if (r != -ENOENT)
        return r;
    state.position = (struct stream_position){ .epoch = epoch, .next_sequence = 1, .floor = 1 };
    if (behind)
        state.mark++; /* every mark and base has the old number now; see spool_inner.h */
    r = spool_state_put(txn, &state);
    return r < 0 ? r : kv_commit(TAKE_PTR(txn));
}

/* ---- dead letters: refused ms u64 · reason u8 · report ------------------------------------------ */

enum { DEAD_HEAD_BYTES = 9 };

int dead_put(struct kv_txn *txn, uint64_t local, const struct report *report,
             Zb__RefusalReason reason, int64_t now_ms)
{
    struct key_u64 key = key_u64(local);
    struct report_raw raw = report_encode(report);
    uint8_t value[DEAD_HEAD_BYTES + REPORT_BYTES];
    put_u64be(value, (uint64_t)now_ms);
    value[8] = (uint8_t)reason;
    memcpy(value + DEAD_HEAD_BYTES, raw.b, raw.size);
    return kv_put(txn, SPOOL_DEAD, BYTES_OF(key.b), bytes_of(value, DEAD_HEAD_BYTES + raw.size));
}

int spool_dead(struct spool *spool, uint64_t after, struct spool_dead *ret_dead)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct key_u64 from = key_u64(after);
    struct bytes key = { 0 }, value = { 0 };
    int r = kv_read(spool->kv, &txn);
    if (r == 0)
        r = kv_after(txn, SPOOL_DEAD, BYTES_OF(from.b), &key, &value);
    if (r < 0)
        return r;
    struct report report;
    if (key.size != sizeof(from.b) || value.size < DEAD_HEAD_BYTES)
        return -EIO;
    r = report_decode(bytes_of(value.data + DEAD_HEAD_BYTES, value.size - DEAD_HEAD_BYTES),
                      &report);
    if (r < 0)
        return r;
    struct spool_dead dead = { .local_id = get_u64be(key.data),
                               .endpoint = report.endpoint,
                               .scan_ms = report.scan_ms,
                               .refused_ms = (int64_t)get_u64be(value.data),
                               .reason = (Zb__RefusalReason)value.data[8] };
    struct bytes unit = report_unit(&report);
    memcpy(dead.unit, unit.data, unit.size); /* ≤ BOUND_UNIT_BYTES: report_decode; rest is zero */
    *ret_dead = dead;
    return 0;
}
