/* spool_add.c - from a source's report to the queue: checked, split into contents, superseded. */
#include "store/spool_inner.h"

#include <errno.h>

#include "proto/facts.h"
#include "proto/row.h"

/* Everything that one report is turned into on its way to the store. */
enum { ADD_ARENA_BYTES = 32 * 1024 * 1024 };

/* One row of the report on its way into the body. */
struct item {
    uint32_t source;
    struct result_item id;
    struct bytes content;
};

/* Evidence with its id, to be sorted and stored once. */
struct found {
    struct id128 id;
    const Zb__Evidence *evidence;
};

struct prepared {
    struct report report;
    struct bytes body;
    struct bytes *contents; /* parallel to the body's items */
    struct bytes facts;
};

/* ---- checks ------------------------------------------------------------------------------------ */

static int name_check(struct bytes name, size_t max_bytes, const char *what, struct complaint *why)
{
    if (name.size == 0)
        return complain(why, -EINVAL, "name it", "%s is empty", what);
    if (name.size > max_bytes)
        return complain(why, -EINVAL, "use a shorter one",
                        "%s has %zu bytes, at most %zu are taken", what, name.size, max_bytes);
    if (!text_is_utf8(name))
        return complain(why, -EINVAL, "use UTF-8 without NUL", "%s is not UTF-8", what);
    return 0;
}

static int sources_check(const struct spool_report *in, struct complaint *why)
{
    if (in->source_count == 0 || in->source_count > BOUND_SOURCES_PER_EVENT)
        return complain(why, -EINVAL, "report 1 to 16 sources", "%zu sources", in->source_count);
    for (size_t i = 0; i < in->source_count; i++) {
        struct bytes name = bytes_str(in->sources[i]->name);
        int r = name_check(name, BOUND_SOURCE_BYTES, "a source's name", why);
        if (r < 0)
            return r;
        for (size_t j = 0; j < i; j++)
            if (bytes_eq(name, bytes_str(in->sources[j]->name)))
                return complain(why, -EINVAL, "join what one source says", "source '%s' twice",
                                in->sources[i]->name);
    }
    return 0;
}

static int evidence_check(const Zb__Evidence *evidence, struct complaint *why)
{
    const char *texts[] = { evidence->path, evidence->installed_on, evidence->scope };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct bytes text = bytes_str(texts[i]);
        if (text.size > BOUND_TEXT_BYTES || !text_is_utf8(text))
            return complain(why, -EINVAL, "give UTF-8 text of at most 1024 bytes",
                            "its evidence is too long or not UTF-8");
    }
    return 0;
}

static int row_check(const struct spool_report *in, size_t i, struct arena *arena,
                     struct complaint *why)
{
    if (in->source_of[i] >= in->source_count)
        return complain(why, -EINVAL, "name one of the report's sources", "source %u of %zu",
                        in->source_of[i], in->source_count);
    struct row row;
    struct arena_mark mark = arena_mark(arena);
    int r = row_decode(in->rows[i], arena, &row, why);
    arena_rewind(arena, mark);
    if (r < 0)
        return r == -EBADMSG ? -EINVAL : r;
    return in->evidence != NULL && in->evidence[i] != NULL ? evidence_check(in->evidence[i], why)
                                                           : 0;
}

/* Puts "row 17" before the place that the row's own check named. */
static void row_place(struct complaint *why, size_t i)
{
    if (why == NULL)
        return;
    struct complaint inner = *why;
    complaint_at(why, "row %zu%s%s", i + 1, inner.place[0] != '\0' ? ", " : "", inner.place);
}

static int report_check(const struct spool_report *in, struct arena *arena, struct complaint *why)
{
    int r = name_check(bytes_str(in->unit), BOUND_UNIT_BYTES, "the unit", why);
    if (r == 0)
        r = sources_check(in, why);
    if (r == 0 && in->device.size == 0)
        r = complain(why, -EINVAL, "give the tool's id of it", "the computer has no id");
    if (r < 0)
        return r;
    if (in->row_count > BOUND_ROWS_PER_EVENT)
        return complain(why, -EMSGSIZE, "report it in parts", "%zu rows, at most %d are taken",
                        in->row_count, BOUND_ROWS_PER_EVENT);
    for (size_t i = 0; i < in->row_count; i++) {
        if (why != NULL)
            why->place[0] = '\0';
        r = row_check(in, i, arena, why);
        if (r < 0) {
            row_place(why, i);
            return r;
        }
    }
    if (in->facts.size == 0)
        return 0;
    struct facts facts;
    struct arena_mark mark = arena_mark(arena);
    r = facts_decode(in->facts, arena, &facts, why);
    arena_rewind(arena, mark);
    return r == -EBADMSG ? -EINVAL : r;
}

/* ---- preparing --------------------------------------------------------------------------------- */

static int item_cmp(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return memcmp(&x->id, &y->id, sizeof(x->id));
}

/* The report's rows by source, ascending, each once. */
static int items_sort(const struct spool_report *in, struct arena *arena, struct item **ret_items,
                      size_t *ret_count)
{
    struct item *items = arena_calloc(arena, in->row_count, sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < in->row_count; i++) {
        const Zb__Evidence *evidence = in->evidence == NULL ? NULL : in->evidence[i];
        items[i].source = in->source_of[i];
        items[i].content = in->rows[i];
        items[i].id.row = row_id(in->rows[i]);
        if (evidence != NULL)
            items[i].id.evidence = evidence_id(evidence);
    }
    qsort(items, in->row_count, sizeof(*items), item_cmp);
    size_t kept = 0;
    for (size_t i = 0; i < in->row_count; i++)
        if (kept == 0 || item_cmp(&items[kept - 1], &items[i]) != 0)
            items[kept++] = items[i];
    *ret_items = items;
    *ret_count = kept;
    return 0;
}

static int found_cmp(const void *a, const void *b)
{
    return memcmp(&((const struct found *)a)->id, &((const struct found *)b)->id,
                  sizeof(struct id128));
}

static void evidence_put(const struct found *found, struct buf *out)
{
    struct bytes texts[] = { bytes_str(found->evidence->path),
                             bytes_str(found->evidence->installed_on),
                             bytes_str(found->evidence->scope) };
    buf_put(out, BYTES_OF(found->id.b));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        buf_put_u32be(out, (uint32_t)texts[i].size); /* ≤ BOUND_TEXT_BYTES: evidence_check */
        buf_put(out, texts[i]);
    }
}

/* Appends the evidence part of the body: each different one that is not empty, by id. */
static int body_put_evidence(const struct spool_report *in, struct arena *arena, struct buf *out)
{
    struct found *list = arena_calloc(arena, in->row_count, sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; in->evidence != NULL && i < in->row_count; i++) {
        if (in->evidence[i] == NULL)
            continue;
        list[count] = (struct found){ evidence_id(in->evidence[i]), in->evidence[i] };
        count += !id128_is_zero(list[count].id);
    }
    qsort(list, count, sizeof(*list), found_cmp);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || found_cmp(&list[kept - 1], &list[i]) != 0)
            list[kept++] = list[i];
    buf_put_u32be(out, (uint32_t)kept); /* ≤ BOUND_ROWS_PER_EVENT */
    for (size_t i = 0; i < kept; i++)
        evidence_put(&list[i], out);
    return buf_error(out);
}

static int body_build(const struct spool_report *in, const struct item *items, size_t count,
                      struct arena *arena, struct buf *out)
{
    buf_put_u8(out, BODY_VERSION);
    buf_put_u8(out, (uint8_t)in->source_count); /* ≤ BOUND_SOURCES_PER_EVENT */
    size_t at = 0;
    for (uint32_t source = 0; source < in->source_count; source++) {
        size_t end = at;
        while (end < count && items[end].source == source)
            end++;
        buf_put_u32be(out, (uint32_t)(end - at)); /* ≤ BOUND_ROWS_PER_EVENT */
        for (; at < end; at++) {
            buf_put(out, BYTES_OF(items[at].id.row.b));
            buf_put(out, BYTES_OF(items[at].id.evidence.b));
        }
    }
    return body_put_evidence(in, arena, out);
}

static int result_of(const struct item *items, size_t count, struct arena *arena,
                     struct digest *ret_result)
{
    struct result_item *list = arena_calloc(arena, count, sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        list[i] = items[i].id;
    *ret_result = result_digest(list, result_items_sort(list, count));
    return 0;
}

static void origin_build(const struct spool_report *in, struct report *report)
{
    uint8_t *p = report->origin;
    size_t unit_size = strlen(in->unit);
    *p++ = (uint8_t)unit_size; /* sizes: report_check */
    memcpy(p, in->unit, unit_size);
    p += unit_size;
    *p++ = (uint8_t)in->source_count;
    for (size_t i = 0; i < in->source_count; i++) {
        size_t name_size = strlen(in->sources[i]->name);
        *p++ = (uint8_t)name_size;
        memcpy(p, in->sources[i]->name, name_size);
        p += name_size;
        *p++ = in->sources[i]->complete ? 1 : 0;
    }
    report->origin_size = (size_t)(p - report->origin);
}

/* Rows once each, evidence, ids and facts: what a FULL of it takes in a frame. */
static int weight_check(const struct prepared *out, const struct item *items, size_t count,
                        struct complaint *why)
{
    size_t weight = out->body.size + out->facts.size;
    for (size_t i = 0; i < count; i++)
        weight += items[i].content.size;
    if (weight > SPOOL_REPORT_BYTES)
        return complain(why, -EMSGSIZE, "report it in parts",
                        "it weighs %zu bytes, at most %d are taken", weight, SPOOL_REPORT_BYTES);
    return 0;
}

/* Checks the report and builds what is stored of it; everything is the arena's or the report's,
 * the body is in `body`. */
static int prepare(const struct spool_report *in, struct id128 salt, int64_t now_ms,
                   struct arena *arena, struct buf *body, struct prepared *out,
                   struct complaint *why)
{
    int r = report_check(in, arena, why);
    if (r < 0)
        return r;
    struct item *items = NULL;
    size_t count = 0;
    r = items_sort(in, arena, &items, &count);
    if (r == 0)
        r = body_build(in, items, count, arena, body);
    *out = (struct prepared){
        .report = { .spooled_ms = now_ms,
                    .scan_ms = in->scan_ms,
                    .endpoint = endpoint_id(salt, in->device),
                    .has_facts = in->facts.size > 0 },
        .body = buf_bytes(body),
        .facts = in->facts,
    };
    if (r == 0)
        r = result_of(items, count, arena, &out->report.result);
    if (r < 0)
        return complain(why, r, "report it in parts", "it is too large");
    r = weight_check(out, items, count, why);
    if (r < 0)
        return r;
    out->contents = arena_calloc(arena, count, sizeof(*out->contents));
    if (out->contents == NULL)
        return complain(why, -ENOMEM, "", "memory is out");
    for (size_t i = 0; i < count; i++)
        out->contents[i] = items[i].content;
    out->report.set = seal_digest(SEAL_PARTS(out->body));
    if (out->report.has_facts)
        out->report.facts = facts_id(in->facts);
    origin_build(in, &out->report);
    return 0;
}

/* ---- queueing ---------------------------------------------------------------------------------- */

/* The last pending report of the endpoint below the given local id. Errors: -ENOENT. */
static int pending_before(struct kv_txn *txn, struct id128 endpoint, uint64_t local,
                          uint64_t *ret_local)
{
    struct key_pending below = key_pending(endpoint, local);
    struct bytes key;
    int r = kv_before(txn, SPOOL_PENDING, BYTES_OF(below.b), &key, NULL);
    if (r < 0)
        return r;
    if (key.size != sizeof(below.b))
        return -EIO;
    if (!bytes_starts_with(key, BYTES_OF(endpoint.b)))
        return -ENOENT;
    *ret_local = get_u64be(key.data + sizeof(endpoint.b));
    return 0;
}

/* Whether the queued report is UNCHANGED: like the one before it, or like the endpoint's base. */
static int is_unchanged(struct kv_txn *txn, uint64_t local, const struct report *report,
                        uint32_t mark, bool *ret_unchanged)
{
    struct report before;
    uint64_t before_local;
    int r = pending_before(txn, report->endpoint, local, &before_local);
    if (r == 0) {
        r = queue_get(txn, before_local, &before);
    } else if (r == -ENOENT) {
        bool held;
        r = base_get(txn, report->endpoint, mark, &before, &held);
        if (r == -ENOENT) {
            *ret_unchanged = false;
            return 0;
        }
    }
    if (r == 0)
        *ret_unchanged = report_says_the_same(&before, report);
    return r;
}

/* Whether the new report supersedes the endpoint's newest: both UNCHANGED by the same measure, and
 * the older never had a sequence. */
static int supersedes(struct kv_txn *txn, const struct report *report, uint64_t newest_local,
                      uint32_t mark, bool *ret_supersedes)
{
    struct report newest;
    int r = queue_get(txn, newest_local, &newest);
    if (r < 0)
        return r;
    *ret_supersedes = false;
    if (newest.was_given || !report_says_the_same(&newest, report))
        return 0;
    return is_unchanged(txn, newest_local, &newest, mark, ret_supersedes);
}

static int queue_new(struct kv_txn *txn, struct spool_state *state, const struct prepared *new,
                     bool first_of_endpoint, uint64_t *grown_bytes)
{
    uint64_t local = state->next_local++;
    struct key_u64 key = key_u64(local);
    struct key_pending pending = key_pending(new->report.endpoint, local);
    int r = set_hold(txn, new->report.set, new->body, new->contents, grown_bytes);
    if (r == 0 && new->report.has_facts)
        r = facts_hold(txn, new->report.facts, new->facts, grown_bytes);
    if (r == 0)
        r = queue_put(txn, local, &new->report);
    if (r == 0)
        r = kv_put(txn, SPOOL_PENDING, BYTES_OF(pending.b), (struct bytes){ 0 });
    if (r == 0 && first_of_endpoint)
        r = kv_put(txn, SPOOL_READY, BYTES_OF(key.b), (struct bytes){ 0 });
    *grown_bytes += REPORT_BYTES;
    return r;
}

/* The superseding report takes the older one's place and scan time. They say the same, so what is
 * stored stands as it is and only the counters tell. */
static int queue_or_supersede(struct kv_txn *txn, struct spool_state *state,
                              const struct prepared *new, uint64_t *grown_bytes)
{
    uint64_t newest_local;
    bool superseded = false;
    int r = pending_before(txn, new->report.endpoint, UINT64_MAX, &newest_local);
    bool first = r == -ENOENT;
    if (r == 0)
        r = supersedes(txn, &new->report, newest_local, state->mark, &superseded);
    if (r < 0 && !first)
        return r;
    state->spooled++;
    if (superseded) {
        state->superseded++;
        return 0;
    }
    return queue_new(txn, state, new, first, grown_bytes);
}

static int clock_check(struct spool_state *state, bool simulated, struct complaint *why)
{
    enum spool_clock clock = simulated ? SPOOL_CLOCK_SIMULATED : SPOOL_CLOCK_REAL;
    if (state->clock == SPOOL_CLOCK_ANY)
        state->clock = clock;
    if (state->clock == clock)
        return 0;
    return complain(why, -EINVAL, "give simulated reports a spool of their own",
                    "the report is of a %s clock, the spool of the other kind",
                    simulated ? "simulated" : "real");
}

/* How full the spool is while the report is added. */
struct room {
    uint64_t used_bytes; /* before */
    uint64_t max_bytes;
};

static int add_one(struct kv_txn *txn, struct spool_state *state, const struct spool_report *in,
                   int64_t now_ms, struct arena *arena, struct buf *body, struct room *room,
                   struct complaint *why)
{
    int r = clock_check(state, in->simulated, why);
    struct prepared new = { 0 };
    if (r == 0)
        r = prepare(in, state->salt, now_ms, arena, body, &new, why);
    if (r < 0)
        return r;
    uint64_t grown_bytes = 0;
    r = queue_or_supersede(txn, state, &new, &grown_bytes);
    room->used_bytes += grown_bytes;
    if (r == 0 && grown_bytes > 0 && room->used_bytes > room->max_bytes)
        r = -ENOSPC;
    if (r == -ENOSPC)
        return complain(why, r, "let the sender reach the ledger, or give the spool more room",
                        "the spool is full");
    return r < 0 ? complain(why, r, "check the spool's disk", "the spool cannot be written") : 0;
}

/* The report's own place stands before what its checks named. */
static void report_place(struct complaint *why, size_t i, const struct spool_report *in)
{
    if (why == NULL)
        return;
    struct complaint inner = *why;
    complaint_at(why, "report %zu (unit %.64s)%s%s", i + 1, in->unit == NULL ? "" : in->unit,
                 inner.place[0] != '\0' ? ", " : "", inner.place);
}

int spool_add_many(struct spool *spool, const struct spool_report *reports, size_t count,
                   int64_t now_ms, struct complaint *why)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ADD_ARENA_BYTES);
    CLEANUP(buf_done) struct buf body = BUF_INIT(SPOOL_REPORT_BYTES);
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct spool_state state = { 0 };
    struct kv_usage usage = { 0 };
    int r = arena == NULL ? -ENOMEM : kv_write(spool->kv, &txn);
    if (r == 0)
        r = kv_usage(spool->kv, &usage);
    if (r == 0)
        r = spool_state_get(txn, &state);
    if (r < 0)
        return complain(why, r, "check the spool's disk", "the spool cannot be read");
    struct room room = { usage.used_bytes, spool->max_bytes };
    for (size_t i = 0; i < count; i++) {
        struct arena_mark mark = arena_mark(arena);
        buf_reset(&body);
        if (why != NULL)
            why->place[0] = '\0';
        r = add_one(txn, &state, &reports[i], now_ms, arena, &body, &room, why);
        arena_rewind(arena, mark);
        if (r < 0) {
            report_place(why, i, &reports[i]);
            return r;
        }
    }
    if (count == 0)
        return 0;
    r = spool_state_put(txn, &state);
    if (r == 0)
        r = kv_commit(TAKE_PTR(txn));
    return r < 0 ? complain(why, r, "check the spool's disk", "the spool cannot be written") : 0;
}

int spool_add(struct spool *spool, const struct spool_report *report, int64_t now_ms,
              struct complaint *why)
{
    return spool_add_many(spool, report, 1, now_ms, why);
}
