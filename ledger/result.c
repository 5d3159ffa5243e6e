/* result.c - FULL and DELTA into one list of (source, row, evidence). */
#include "ledger/result.h"

#include <errno.h>

#include "ledger/lookup.h"
#include "proto/row.h"

enum { ID_BYTES = 16 };

static int entry_cmp(const void *a, const void *b)
{
    const struct result_entry *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    int by_row = memcmp(x->row.b, y->row.b, ID_BYTES);
    return by_row != 0 ? by_row : memcmp(x->evidence.b, y->evidence.b, ID_BYTES);
}

/* Which of the event's sources has that name; -ENOENT. */
static int source_index(const Zb__Event *event, const char *name, size_t *ret_index)
{
    for (size_t i = 0; i < event->n_sources; i++)
        if (strcmp(event->sources[i]->name, name) == 0) {
            *ret_index = i;
            return 0;
        }
    return -ENOENT;
}

/* Whether the runs of a set fit one another, and are sorted. */
static bool set_is_whole(const Zb__SourceSet *set)
{
    if (set->rows.len % ID_BYTES != 0 ||
        (set->evidence.len != 0 && set->evidence.len != set->rows.len))
        return false;
    for (size_t i = ID_BYTES; i < set->rows.len; i += ID_BYTES)
        if (memcmp(set->rows.data + i - ID_BYTES, set->rows.data + i, ID_BYTES) > 0)
            return false;
    return true;
}

static size_t set_count(const Zb__SourceSet *set)
{
    return set->rows.len / ID_BYTES;
}

/* Appends the rows of the sets. False when they are not what an event of these sources may have. */
static bool add_sets(struct result *result, const Zb__Event *event, Zb__SourceSet *const *sets,
                     size_t set_total)
{
    for (size_t s = 0; s < set_total; s++) {
        const Zb__SourceSet *set = sets[s];
        size_t source;
        if (!set_is_whole(set) || source_index(event, set->source, &source) < 0)
            return false;
        for (size_t i = 0; i < set_count(set); i++) {
            struct result_entry *entry = &result->entry[result->count++];
            *entry = (struct result_entry){ .source = source };
            memcpy(entry->row.b, set->rows.data + i * ID_BYTES, ID_BYTES);
            if (set->evidence.len > 0)
                memcpy(entry->evidence.b, set->evidence.data + i * ID_BYTES, ID_BYTES);
        }
    }
    return true;
}

static bool id_in_set(const Zb__SourceSet *set, struct id128 id)
{
    size_t low = 0, high = set_count(set);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = memcmp(set->rows.data + mid * ID_BYTES, id.b, ID_BYTES);
        if (order == 0)
            return true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* Whether a DELTA takes a row of the base away: named in `removed`, or given anew in `sets` with
 * other evidence. */
static bool delta_drops(const Zb__RowSet *body, const char *source, struct id128 row)
{
    for (size_t i = 0; i < body->n_removed; i++)
        if (strcmp(body->removed[i]->source, source) == 0 && id_in_set(body->removed[i], row))
            return true;
    for (size_t i = 0; i < body->n_sets; i++)
        if (strcmp(body->sets[i]->source, source) == 0 && id_in_set(body->sets[i], row))
            return true;
    return false;
}

/* Appends one stored set of the base, without what the DELTA drops. */
static int add_base_set(const struct ruling *at, const Zb__RowSet *body, const Zb__ResultSet *set,
                        const struct rowset *rows, size_t source, struct result *result)
{
    if (set->evidence.len != 0 && set->evidence.len != rows->count * ID_BYTES)
        return -EBADMSG;
    for (size_t i = 0; i < rows->count; i++) {
        struct arena_mark mark = arena_mark(at->arena);
        Zb__RowRecord *record;
        int r = LEDGER_GET(at->view, TABLE_ROW, key_u64(rows->row[i]), at->arena, &record);
        if (r < 0)
            return r == -ENOENT ? -EBADMSG : r;
        struct id128 id = row_id(blob_bytes(record->canonical));
        arena_rewind(at->arena, mark);
        if (delta_drops(body, set->source, id))
            continue;
        struct result_entry *entry = &result->entry[result->count++];
        *entry = (struct result_entry){ .row = id, .number = rows->row[i], .source = source };
        if (set->evidence.len > 0)
            memcpy(entry->evidence.b, set->evidence.data + i * ID_BYTES, ID_BYTES);
    }
    return 0;
}

/* The result that a DELTA builds on. Sources that the event does not name are no part of it. */
static int add_base(const struct ruling *at, const Zb__Event *event, const Zb__RowSet *body,
                    const struct rowset *rows, struct result *result)
{
    for (size_t i = 0; i < result->base->n_sets; i++) {
        const Zb__ResultSet *set = result->base->sets[i];
        size_t source;
        if (source_index(event, set->source, &source) < 0)
            continue;
        int r = add_base_set(at, body, set, &rows[i], source, result);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The value kept with the report before; NULL when it was erased or there is none. */
static int load_base(const struct ruling *at, const Zb__ReportRecord *report,
                     const Zb__EvidenceValue **ret_base)
{
    *ret_base = NULL;
    if (report == NULL || report->evidence.len == 0)
        return 0;
    Zb__PrivateRecord *private;
    int r = private_get(at, blob_bytes(report->evidence), &private);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    ProtobufCMessage *message;
    r = ledger_unpack(&zb__evidence_value__descriptor, blob_bytes(private->value), at->arena,
                      &message);
    if (r == 0)
        *ret_base = (const Zb__EvidenceValue *)message;
    return r;
}

/* Row numbers of every set of the base, and how many there are. */
static int base_rows(const struct ruling *at, const Zb__EvidenceValue *base,
                     struct rowset **ret_rows, size_t *ret_total)
{
    struct rowset *rows = arena_calloc(at->arena, base->n_sets, sizeof(*rows));
    if (rows == NULL)
        return -ENOMEM;
    size_t total = 0;
    for (size_t i = 0; i < base->n_sets; i++) {
        int r = rowset_unpack(blob_bytes(base->sets[i]->rows), at->arena, &rows[i]);
        if (r < 0)
            return r;
        total += rows[i].count;
    }
    *ret_rows = rows;
    *ret_total = total;
    return 0;
}

/* Sorted by what the digest covers, whatever the sources. */
static int digest_agrees(const struct ruling *at, const struct result *result,
                         const Zb__Event *event, bool *ret_agrees)
{
    struct result_item *items = arena_calloc(at->arena, result->count, sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < result->count; i++)
        items[i] = (struct result_item){ .row = result->entry[i].row,
                                         .evidence = result->entry[i].evidence };
    struct digest digest = result_digest(items, result_items_sort(items, result->count));
    *ret_agrees = bytes_eq(digest_bytes(&digest), blob_bytes(event->result_digest));
    return 0;
}

static void entries_sort(struct result *result)
{
    if (result->count < 2)
        return;
    qsort(result->entry, result->count, sizeof(*result->entry), entry_cmp);
    size_t kept = 1;
    for (size_t i = 1; i < result->count; i++)
        if (entry_cmp(&result->entry[i], &result->entry[kept - 1]) != 0)
            result->entry[kept++] = result->entry[i];
    result->count = kept;
}

static int by_row_cmp(const void *a, const void *b)
{
    const struct result_entry *x = *(struct result_entry *const *)a;
    const struct result_entry *y = *(struct result_entry *const *)b;
    return memcmp(x->row.b, y->row.b, ID_BYTES);
}

/* One distinct row, which `first` names and `n` entries share: its number, its content, or neither. */
static int find_row(const struct ruling *at, const struct batch_bodies *bodies,
                    struct result *result, struct result_entry **first, size_t n)
{
    struct id128 id = first[0]->row;
    uint64_t number = 0;
    int r = ledger_get_u64(at->view, INDEX_ROW, key_id(id128_bytes(&id)), &number);
    if (r < 0 && r != -ENOENT)
        return r;
    size_t fresh = 0;
    if (r == -ENOENT) {
        struct bytes canonical = bodies_row(bodies, id);
        struct row row;
        if (canonical.size == 0) {
            result->missing[result->missing_count++] = id;
            return 0;
        }
        r = row_decode(canonical, at->arena, &row, NULL);
        if (r == -ENOMEM)
            return r;
        if (r < 0)
            result->status = RESULT_INVALID;
        result->fresh[result->fresh_count++] =
            (struct fresh_row){ .id = id, .canonical = canonical };
        fresh = result->fresh_count;
    }
    for (size_t i = 0; i < n; i++) {
        first[i]->number = number;
        first[i]->fresh = fresh;
    }
    return 0;
}

/* Numbers of known rows, contents of new ones, and what is missing: each distinct row once. */
static int find_rows(const struct ruling *at, const struct batch_bodies *bodies,
                     struct result *result)
{
    struct result_entry **by_row = arena_calloc(at->arena, result->count, sizeof(*by_row));
    result->fresh = arena_calloc(at->arena, result->count, sizeof(*result->fresh));
    result->missing = arena_calloc(at->arena, result->count, sizeof(*result->missing));
    if (by_row == NULL || result->fresh == NULL || result->missing == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < result->count; i++)
        by_row[i] = &result->entry[i];
    if (result->count > 1)
        qsort(by_row, result->count, sizeof(struct result_entry *), by_row_cmp);
    for (size_t begin = 0, end; begin < result->count; begin = end) {
        for (end = begin + 1; end < result->count && by_row_cmp(&by_row[begin], &by_row[end]) == 0;)
            end++;
        int r = find_row(at, bodies, result, by_row + begin, end - begin);
        if (r < 0)
            return r;
    }
    if (result->missing_count > 0)
        result->status = RESULT_NEED_ROWS;
    return 0;
}

/* All entries of the event into result->entry; a status other than GOOD when that cannot be. */
static int gather(const struct ruling *at, const struct batch_bodies *bodies,
                  const Zb__Event *event, const Zb__ReportRecord *report, struct result *result)
{
    const Zb__RowSet *body = bodies_set(bodies, blob_bytes(event->result_digest));
    bool delta = event->kind == EVENT_DELTA;
    struct rowset *rows = NULL;
    size_t total = 0;
    if (delta && (body == NULL || report == NULL || result->base == NULL ||
                  !bytes_eq(blob_bytes(report->result_digest), blob_bytes(event->base_digest)))) {
        result->status = RESULT_NEED_FULL;
        return 0;
    }
    if (body == NULL || (!delta && body->n_removed > 0)) {
        result->status = RESULT_BAD_DIGEST;
        return 0;
    }
    if (delta) {
        int r = base_rows(at, result->base, &rows, &total);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < body->n_sets; i++)
        total += set_count(body->sets[i]);
    if (total > 2 * (size_t)BOUND_ROWS_PER_EVENT) {
        /* Nobody signed so much: lists are not signed, only the digest of what they hold. */
        result->status = RESULT_BAD_DIGEST;
        return 0;
    }
    result->entry = arena_calloc(at->arena, total, sizeof(*result->entry));
    if (result->entry == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < body->n_removed; i++)
        if (!set_is_whole(body->removed[i]))
            result->status = RESULT_BAD_DIGEST;
    if (!add_sets(result, event, body->sets, body->n_sets))
        result->status = RESULT_BAD_DIGEST;
    if (!delta || result->status != RESULT_GOOD)
        return 0;
    return add_base(at, event, body, rows, result);
}

int result_load(const struct ruling *at, const struct batch_bodies *bodies, const Zb__Event *event,
                const Zb__ReportRecord *report, struct result *ret_result)
{
    struct result result = { .status = RESULT_GOOD };
    int r = load_base(at, report, &result.base);
    if (r == 0)
        r = gather(at, bodies, event, report, &result);
    if (r == 0 && result.status == RESULT_GOOD)
        entries_sort(&result);
    bool agrees = true;
    if (r == 0 && result.status == RESULT_GOOD)
        r = digest_agrees(at, &result, event, &agrees);
    if (!agrees)
        result.status = RESULT_BAD_DIGEST;
    else if (result.status == RESULT_GOOD && result.count > BOUND_ROWS_PER_EVENT)
        result.status = RESULT_TOO_LARGE; /* final, so only for what was signed */
    if (r == 0 && result.status == RESULT_GOOD)
        r = find_rows(at, bodies, &result);
    if (r == 0)
        *ret_result = result;
    return r;
}

int result_number_rows(const struct ruling *at, struct result *result)
{
    for (size_t i = 0; i < result->fresh_count; i++) {
        struct fresh_row *fresh = &result->fresh[i];
        fresh->number = emit_number(at->out, at->view, "row");
        Zb__RowRecord record = ZB__ROW_RECORD__INIT;
        record.canonical = blob_of(fresh->canonical);
        struct ledger_key key = key_u64(fresh->number);
        emit_put(at->out, TABLE_ROW, ledger_key_bytes(&key), &record.base);
    }
    for (size_t i = 0; i < result->count; i++)
        if (result->entry[i].fresh != 0)
            result->entry[i].number = result->fresh[result->entry[i].fresh - 1].number;
    return output_error(at->out);
}

int result_rows(const struct ruling *at, const struct result *result, size_t source,
                struct rowset *ret_rows)
{
    struct rowset rows = { .row = arena_alloc(at->arena, result->count * sizeof(uint64_t)) };
    if (rows.row == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < result->count; i++)
        if (result->entry[i].source == source)
            rows.row[rows.count++] = result->entry[i].number;
    rowset_sort(&rows);
    *ret_rows = rows;
    return 0;
}

/* ---- what is kept for the next DELTA ---- */

static int by_number_cmp(const void *a, const void *b)
{
    const struct result_entry *x = a, *y = b;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return memcmp(x->evidence.b, y->evidence.b, ID_BYTES);
}

/* A row that stands several times in a source, found in several places, goes into as many sets: a
 * set of rows holds each once. Moves the first of each row to the front, in order, and returns how
 * many there are; the rest follows in order. */
static size_t take_layer(struct result_entry *entry, size_t count, struct result_entry *scratch)
{
    size_t layer = 0, rest = 0;
    for (size_t i = 0; i < count; i++) {
        if (layer > 0 && entry[layer - 1].number == entry[i].number)
            scratch[rest++] = entry[i];
        else
            entry[layer++] = entry[i];
    }
    memcpy(entry + layer, scratch, rest * sizeof(*entry));
    return layer;
}

static int fill_set(const struct ruling *at, const struct result_entry *entry, size_t count,
                    const char *source, Zb__ResultSet *set)
{
    struct rowset rows = { .row = arena_alloc(at->arena, count * sizeof(uint64_t)),
                           .count = count };
    uint8_t *evidence = arena_calloc(at->arena, count, ID_BYTES);
    if (rows.row == NULL || evidence == NULL)
        return -ENOMEM;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        rows.row[i] = entry[i].number;
        memcpy(evidence + i * ID_BYTES, entry[i].evidence.b, ID_BYTES);
        any = any || !id128_is_zero(entry[i].evidence);
    }
    struct bytes packed = rowset_pack(&rows, at->arena);
    if (packed.data == NULL)
        return -ENOMEM;
    zb__result_set__init(set);
    set->source = (char *)(uintptr_t)source; /* only read */
    set->rows = blob_of(packed);
    if (any)
        set->evidence = blob_of(bytes_of(evidence, count * ID_BYTES));
    return 0;
}

static int id_cmp(const void *a, const void *b)
{
    return memcmp(a, b, ID_BYTES);
}

/* The distinct evidence digests of the result, ascending; zeros left out. */
static int evidence_ids(const struct ruling *at, const struct result *result,
                        struct id128 **ret_ids, size_t *ret_count)
{
    struct id128 *id = arena_calloc(at->arena, result->count, sizeof(*id));
    if (id == NULL)
        return -ENOMEM;
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < result->count; i++)
        if (!id128_is_zero(result->entry[i].evidence))
            id[all++] = result->entry[i].evidence;
    if (all > 1)
        qsort(id, all, sizeof(*id), id_cmp);
    for (size_t i = 0; i < all; i++)
        if (kept == 0 || !id128_eq(id[i], id[kept - 1]))
            id[kept++] = id[i];
    *ret_ids = id;
    *ret_count = kept;
    return 0;
}

/* What the evidence digests of the result stand for: from this batch, else from the report before.
 * One that is in neither stays a digest. */
static int collect_evidence(const struct ruling *at, const struct result *result,
                            const struct batch_bodies *bodies, Zb__EvidenceValue *value)
{
    struct id128 *id;
    size_t count, wanted = 0;
    int r = evidence_ids(at, result, &id, &count);
    if (r < 0)
        return r;
    value->evidence = arena_calloc(at->arena, count, sizeof(*value->evidence));
    if (value->evidence == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const Zb__Evidence *found = bodies_evidence(bodies, id[i]);
        if (found != NULL)
            value->evidence[value->n_evidence++] = (Zb__Evidence *)(uintptr_t)found;
        else
            id[wanted++] = id[i];
    }
    size_t old = result->base == NULL || wanted == 0 ? 0 : result->base->n_evidence;
    for (size_t i = 0; i < old && value->n_evidence < count; i++) {
        struct id128 kept = evidence_id(result->base->evidence[i]);
        if (bsearch(&kept, id, wanted, sizeof(*id), id_cmp) != NULL)
            value->evidence[value->n_evidence++] = result->base->evidence[i];
    }
    return 0;
}

int result_value(const struct ruling *at, const struct result *result,
                 const struct batch_bodies *bodies, const Zb__Event *event, struct bytes *ret_value)
{
    Zb__EvidenceValue value = ZB__EVIDENCE_VALUE__INIT;
    size_t count = result->count;
    struct result_entry *entry =
        arena_dup(at->arena, result->entry, count * sizeof(*result->entry));
    struct result_entry *scratch = arena_calloc(at->arena, count, sizeof(*scratch));
    value.sets = arena_calloc(at->arena, count, sizeof(*value.sets));
    Zb__ResultSet *set = arena_calloc(at->arena, count, sizeof(*set));
    if (entry == NULL || scratch == NULL || value.sets == NULL || set == NULL)
        return -ENOMEM;
    if (count > 1)
        qsort(entry, count, sizeof(*entry), by_number_cmp);
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin; end < count && entry[end].source == entry[begin].source;)
            end++;
        for (size_t layer; begin < end; begin += layer) {
            layer = take_layer(entry + begin, end - begin, scratch);
            int r = fill_set(at, entry + begin, layer, event->sources[entry[begin].source]->name,
                             &set[value.n_sets]);
            if (r < 0)
                return r;
            value.sets[value.n_sets] = &set[value.n_sets];
            value.n_sets++;
        }
    }
    int r = collect_evidence(at, result, bodies, &value);
    if (r < 0)
        return r;
    uint8_t *packed = arena_alloc(at->arena, zb__evidence_value__get_packed_size(&value));
    if (packed == NULL)
        return -ENOMEM;
    *ret_value = bytes_of(packed, zb__evidence_value__pack(&value, packed));
    return 0;
}
