/* spool_content.c - what reports are made of: row sets, rows and facts, each stored once and
 * counted by who refers to it. A row's mark ("the ledger knows it") outlives its content. */
#include "store/spool_inner.h"

#include <errno.h>

/* ---- rows: refs u32 · mark u32 · canonical bytes ----------------------------------------------- */

enum { ROW_HEAD_BYTES = 8 };

struct row_value {
    uint32_t refs; /* items of bodies that name it; 0: only the mark is left */
    uint32_t mark; /* the state's mark when the ledger was known to have it; 0: never */
    struct bytes content;
};

static int row_value_get(struct kv_txn *txn, struct id128 id, struct row_value *ret_value)
{
    struct bytes raw;
    int r = kv_get(txn, SPOOL_ROW, BYTES_OF(id.b), &raw);
    if (r < 0)
        return r;
    if (raw.size < ROW_HEAD_BYTES || raw.size > ROW_HEAD_BYTES + BOUND_ROW_BYTES)
        return -EIO;
    ret_value->refs = get_u32be(raw.data);
    ret_value->mark = get_u32be(raw.data + 4);
    ret_value->content = bytes_of(raw.data + ROW_HEAD_BYTES, raw.size - ROW_HEAD_BYTES);
    return 0;
}

/* Stores the value; without references the content goes, without a mark too the whole row. */
static int row_value_put(struct kv_txn *txn, struct id128 id, const struct row_value *value)
{
    if (value->refs == 0 && value->mark == 0)
        return kv_del(txn, SPOOL_ROW, BYTES_OF(id.b));
    uint8_t raw[ROW_HEAD_BYTES + BOUND_ROW_BYTES]; /* the content may point into the map: copy */
    size_t size = ROW_HEAD_BYTES;
    put_u32be(raw, value->refs);
    put_u32be(raw + 4, value->mark);
    if (value->refs > 0) {
        memcpy(raw + size, value->content.data, value->content.size);
        size += value->content.size;
    }
    return kv_put(txn, SPOOL_ROW, BYTES_OF(id.b), bytes_of(raw, size));
}

static int row_hold(struct kv_txn *txn, struct id128 id, struct bytes content,
                    uint64_t *grown_bytes)
{
    struct row_value value = { 0 };
    int r = row_value_get(txn, id, &value);
    if (r < 0 && r != -ENOENT)
        return r;
    if (value.refs == 0)
        *grown_bytes += sizeof(id.b) + ROW_HEAD_BYTES + content.size;
    if (value.refs == UINT32_MAX)
        return -EOVERFLOW;
    value.refs++;
    value.content = content;
    return row_value_put(txn, id, &value);
}

static int row_release(struct kv_txn *txn, struct id128 id, uint32_t mark)
{
    struct row_value value;
    int r = row_value_get(txn, id, &value);
    if (r < 0)
        return r == -ENOENT ? -EIO : r;
    if (value.refs == 0)
        return -EIO;
    value.refs--;
    if (value.refs == 0 && value.mark != mark)
        value.mark = 0; /* forgotten long ago: no reason to keep it */
    return row_value_put(txn, id, &value);
}

static int row_mark_sent(struct kv_txn *txn, struct id128 id, uint32_t mark)
{
    struct row_value value;
    int r = row_value_get(txn, id, &value);
    if (r < 0)
        return r == -ENOENT ? -EIO : r;
    if (value.mark == mark)
        return 0;
    value.mark = mark;
    return row_value_put(txn, id, &value);
}

int row_unmark(struct kv_txn *txn, struct id128 id)
{
    struct row_value value;
    int r = row_value_get(txn, id, &value);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    value.mark = 0;
    return row_value_put(txn, id, &value);
}

int row_get(struct kv_txn *txn, struct id128 id, uint32_t mark, struct bytes *ret_content,
            bool *ret_sent)
{
    struct row_value value;
    int r = row_value_get(txn, id, &value);
    if (r < 0 || value.refs == 0)
        return r == 0 || r == -ENOENT ? -EIO : r; /* a queued report needs its content */
    *ret_content = value.content;
    *ret_sent = value.mark == mark;
    return 0;
}

/* ---- bodies ------------------------------------------------------------------------------------ */

/* Walks a body's items over all sources. */
struct items {
    struct reader at;
    size_t sources_left;
    size_t left; /* items of the present source */
    bool bad;
};

static struct items items_of(struct bytes body)
{
    struct items items = { .at = reader_of(body) };
    items.bad = read_u8(&items.at) != BODY_VERSION;
    items.sources_left = read_u8(&items.at);
    return items;
}

/* The next item; false at the end of all sources or when the body is damaged (items.bad). */
static bool items_next(struct items *items, struct result_item *ret_item)
{
    while (items->left == 0 && items->sources_left > 0 && !items->bad) {
        items->sources_left--;
        items->left = read_u32be(&items->at);
        items->bad = items->at.failed || items->left > BOUND_ROWS_PER_EVENT;
    }
    if (items->bad || items->left == 0)
        return false;
    struct bytes raw = read_bytes(&items->at, ITEM_BYTES);
    items->bad = items->at.failed;
    if (items->bad)
        return false;
    items->left--;
    memcpy(ret_item->row.b, raw.data, 16);
    memcpy(ret_item->evidence.b, raw.data + 16, 16);
    return true;
}

int body_get(struct kv_txn *txn, struct digest set, struct bytes *ret_body)
{
    int r = kv_get(txn, SPOOL_BODY, BYTES_OF(set.b), ret_body);
    return r == -ENOENT ? -EIO : r;
}

int body_rows(struct bytes body, struct arena *arena, struct result_item **ret_items,
              size_t *ret_count)
{
    struct result_item *list = arena_calloc(arena, body.size / ITEM_BYTES + 1, sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    struct items items = items_of(body);
    size_t count = 0;
    while (items_next(&items, &list[count]))
        list[count++].evidence = (struct id128){ 0 };
    if (items.bad)
        return -EIO;
    *ret_count = result_items_sort(list, count);
    *ret_items = list;
    return 0;
}

static int run_of(struct reader *r, size_t count, size_t offset, struct arena *arena,
                  ProtobufCBinaryData *ret_run)
{
    uint8_t *run = arena_alloc(arena, count * 16);
    if (run == NULL)
        return -ENOMEM;
    struct reader from = *r;
    for (size_t i = 0; i < count; i++) {
        struct bytes item = read_bytes(&from, ITEM_BYTES);
        if (from.failed)
            return -EIO;
        memcpy(run + i * 16, item.data + offset, 16);
    }
    *ret_run = (ProtobufCBinaryData){ .len = count * 16, .data = run };
    return 0;
}

int body_set(struct bytes body, struct digest result, const Zb__Event *event, struct arena *arena,
             const Zb__RowSet **ret_set)
{
    struct reader r = reader_of(body);
    if (read_u8(&r) != BODY_VERSION || read_u8(&r) != event->n_sources)
        return -EIO;
    Zb__RowSet *set = arena_alloc(arena, sizeof(*set));
    Zb__SourceSet *sets = arena_calloc(arena, event->n_sources, sizeof(*sets));
    Zb__SourceSet **list = arena_calloc(arena, event->n_sources, sizeof(*list));
    uint8_t *digest = arena_dup(arena, result.b, sizeof(result.b));
    if (set == NULL || sets == NULL || list == NULL || digest == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < event->n_sources; i++) {
        zb__source_set__init(&sets[i]);
        sets[i].source = event->sources[i]->name;
        size_t count = read_u32be(&r);
        if (r.failed || count > reader_left(&r) / ITEM_BYTES)
            return -EIO;
        int e = run_of(&r, count, 0, arena, &sets[i].rows);
        if (e == 0)
            e = run_of(&r, count, 16, arena, &sets[i].evidence);
        if (e < 0)
            return e;
        (void)read_bytes(&r, count * ITEM_BYTES); /* measured just above */
        list[i] = &sets[i];
    }
    zb__row_set__init(set);
    set->result_digest = (ProtobufCBinaryData){ .len = sizeof(result.b), .data = digest };
    set->n_sets = event->n_sources;
    set->sets = list;
    *ret_set = set;
    return 0;
}

int body_evidence(struct bytes body, struct arena *arena, const Zb__Evidence *const **ret_evidence,
                  size_t *ret_count)
{
    struct items items = items_of(body);
    struct result_item item;
    while (items_next(&items, &item))
        ;
    struct reader r = items.at;
    size_t count = read_u32be(&r);
    if (items.bad || r.failed || count > reader_left(&r) / (16 + 3 * 4))
        return -EIO;
    Zb__Evidence *evidence = arena_calloc(arena, count, sizeof(*evidence));
    const Zb__Evidence **list = arena_calloc(arena, count, sizeof(*list));
    if (evidence == NULL || list == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        zb__evidence__init(&evidence[i]);
        (void)read_bytes(&r, 16); /* its id follows from the texts */
        evidence[i].path = arena_strdup(arena, read_bytes(&r, read_u32be(&r)));
        evidence[i].installed_on = arena_strdup(arena, read_bytes(&r, read_u32be(&r)));
        evidence[i].scope = arena_strdup(arena, read_bytes(&r, read_u32be(&r)));
        if (evidence[i].path == NULL || evidence[i].installed_on == NULL ||
            evidence[i].scope == NULL)
            return -ENOMEM;
        list[i] = &evidence[i];
    }
    if (r.failed || reader_left(&r) != 0)
        return -EIO;
    *ret_evidence = list;
    *ret_count = count;
    return 0;
}

/* ---- sets -------------------------------------------------------------------------------------- */

enum { REFS_BYTES = 4 };

static int set_refs_get(struct kv_txn *txn, struct digest set, uint32_t *ret_refs)
{
    struct bytes raw;
    int r = kv_get(txn, SPOOL_SET, BYTES_OF(set.b), &raw);
    if (r < 0)
        return r;
    if (raw.size != REFS_BYTES)
        return -EIO;
    *ret_refs = get_u32be(raw.data);
    return 0;
}

static int set_refs_put(struct kv_txn *txn, struct digest set, uint32_t refs)
{
    uint8_t raw[REFS_BYTES];
    put_u32be(raw, refs);
    return kv_put(txn, SPOOL_SET, BYTES_OF(set.b), BYTES_OF(raw));
}

static int set_rows_hold(struct kv_txn *txn, struct bytes body, const struct bytes *contents,
                         uint64_t *grown_bytes)
{
    struct items items = items_of(body);
    struct result_item item;
    for (size_t i = 0; items_next(&items, &item); i++) {
        int r = row_hold(txn, item.row, contents[i], grown_bytes);
        if (r < 0)
            return r;
    }
    return items.bad ? -EIO : 0;
}

int set_hold(struct kv_txn *txn, struct digest set, struct bytes body, const struct bytes *contents,
             uint64_t *grown_bytes)
{
    uint32_t refs = 0;
    int r = set_refs_get(txn, set, &refs);
    if (r < 0 && r != -ENOENT)
        return r;
    if (refs == UINT32_MAX)
        return -EOVERFLOW;
    if (r == -ENOENT) {
        *grown_bytes += 2 * sizeof(set.b) + REFS_BYTES + body.size;
        r = kv_put(txn, SPOOL_BODY, BYTES_OF(set.b), body);
        if (r == 0)
            r = set_rows_hold(txn, body, contents, grown_bytes);
        if (r < 0)
            return r;
    }
    return set_refs_put(txn, set, refs + 1);
}

/* What is done to each row of a stored body. */
typedef int (*row_fn)(struct kv_txn *txn, struct id128 id, uint32_t mark);

/* The body is copied first: its place in the map dies at the first put. */
static int set_each_row(struct kv_txn *txn, struct digest set, uint32_t mark, row_fn each)
{
    struct bytes stored;
    int r = body_get(txn, set, &stored);
    if (r < 0)
        return r;
    CLEANUP(buf_done) struct buf copy = BUF_INIT(stored.size);
    buf_put(&copy, stored);
    if (buf_error(&copy) < 0)
        return buf_error(&copy);
    struct items items = items_of(buf_bytes(&copy));
    struct result_item item;
    while (r == 0 && items_next(&items, &item))
        r = each(txn, item.row, mark);
    return r == 0 && items.bad ? -EIO : r;
}

int set_release(struct kv_txn *txn, struct digest set, uint32_t mark)
{
    uint32_t refs;
    int r = set_refs_get(txn, set, &refs);
    if (r < 0 || refs == 0)
        return r == -ENOENT || r == 0 ? -EIO : r;
    if (refs > 1)
        return set_refs_put(txn, set, refs - 1);
    r = set_each_row(txn, set, mark, row_release);
    if (r == 0)
        r = kv_del(txn, SPOOL_BODY, BYTES_OF(set.b));
    return r < 0 ? r : kv_del(txn, SPOOL_SET, BYTES_OF(set.b));
}

int set_mark_sent(struct kv_txn *txn, struct digest set, uint32_t mark)
{
    return set_each_row(txn, set, mark, row_mark_sent);
}

/* ---- facts: refs u32 · canonical bytes --------------------------------------------------------- */

static int facts_refs_put(struct kv_txn *txn, struct id128 id, uint32_t refs, struct bytes facts)
{
    if (refs == 0)
        return kv_del(txn, SPOOL_FACTS, BYTES_OF(id.b));
    uint8_t raw[REFS_BYTES + BOUND_FACTS_BYTES];
    put_u32be(raw, refs);
    memcpy(raw + REFS_BYTES, facts.data, facts.size);
    return kv_put(txn, SPOOL_FACTS, BYTES_OF(id.b), bytes_of(raw, REFS_BYTES + facts.size));
}

static int facts_refs_get(struct kv_txn *txn, struct id128 id, uint32_t *ret_refs,
                          struct bytes *ret_facts)
{
    struct bytes raw;
    int r = kv_get(txn, SPOOL_FACTS, BYTES_OF(id.b), &raw);
    if (r < 0)
        return r;
    if (raw.size < REFS_BYTES || raw.size > REFS_BYTES + BOUND_FACTS_BYTES)
        return -EIO;
    *ret_refs = get_u32be(raw.data);
    *ret_facts = bytes_of(raw.data + REFS_BYTES, raw.size - REFS_BYTES);
    return 0;
}

int facts_hold(struct kv_txn *txn, struct id128 id, struct bytes facts, uint64_t *grown_bytes)
{
    uint32_t refs = 0;
    struct bytes stored;
    int r = facts_refs_get(txn, id, &refs, &stored);
    if (r < 0 && r != -ENOENT)
        return r;
    if (refs == UINT32_MAX)
        return -EOVERFLOW;
    if (refs == 0)
        *grown_bytes += sizeof(id.b) + REFS_BYTES + facts.size;
    return facts_refs_put(txn, id, refs + 1, facts);
}

int facts_release(struct kv_txn *txn, struct id128 id)
{
    uint32_t refs;
    struct bytes stored;
    int r = facts_refs_get(txn, id, &refs, &stored);
    if (r < 0 || refs == 0)
        return r == -ENOENT || r == 0 ? -EIO : r;
    return facts_refs_put(txn, id, refs - 1, stored);
}

int facts_get(struct kv_txn *txn, struct id128 id, struct bytes *ret_facts)
{
    uint32_t refs;
    int r = facts_refs_get(txn, id, &refs, ret_facts);
    return r == -ENOENT ? -EIO : r;
}
