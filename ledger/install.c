/* install.c - rows and verdicts into install records. */
#include "ledger/install.h"

#include <errno.h>

bool verdict_installs(const Zb__Verdict *verdict)
{
    return verdict != NULL && verdict->product[0] != '\0' &&
           verdict->licence_class != CLASS_SYSTEM && verdict->licence_class != CLASS_OPEN_SOURCE;
}

int verdict_of(const struct ruling *at, uint64_t row, Zb__VerdictRecord **ret_record)
{
    int r = LEDGER_GET(at->view, TABLE_VERDICT, key_u64(row), at->arena, ret_record);
    return r == -ENOENT ? 0 : r;
}

int install_get(const struct ruling *at, const struct install_target *target, const char *product,
                Zb__InstallRecord **ret_record, struct rowset *ret_rows)
{
    struct ledger_key key = key_text_text_u64(target->unit, product, target->endpoint);
    *ret_rows = (struct rowset){ 0 };
    int r = LEDGER_GET(at->view, TABLE_INSTALL, key, at->arena, ret_record);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    return rowset_unpack(blob_bytes((*ret_record)->rows), at->arena, ret_rows);
}

/* Heavier classes come first where grades are equal, so that the order of rows decides nothing. */
static int class_weight(Zb__LicenceClass class)
{
    static const int weight[] = {
        [CLASS_UNKNOWN] = 1,   [CLASS_FREE] = 2,       [CLASS_TRIAL] = 3,
        [CLASS_OEM_BOUND] = 4, [CLASS_COMMERCIAL] = 5, [CLASS_PROHIBITED] = 6,
    };
    return (unsigned)class < ARRAY_LEN(weight) ? weight[class] : 0;
}

/* Whether verdict a speaks before b: by content alone, never by row number. */
static bool speaks_before(const Zb__Verdict *a, const Zb__Verdict *b)
{
    if (a->grade != b->grade)
        return a->grade > b->grade;
    int by_class = class_weight(a->licence_class) - class_weight(b->licence_class);
    if (by_class != 0)
        return by_class > 0;
    int by_text = strcmp(a->version, b->version);
    by_text = by_text != 0 ? by_text : strcmp(a->edition, b->edition);
    by_text = by_text != 0 ? by_text : strcmp(a->category, b->category);
    by_text = by_text != 0 ? by_text : strcmp(a->fingerprint, b->fingerprint);
    return by_text > 0;
}

/* What the rows of one product say together: the strongest verdict, its gaps filled by others. */
static int describe(const struct ruling *at, const struct rowset *rows, Zb__InstallRecord *install)
{
    const Zb__Verdict *best = NULL;
    const Zb__Verdict *edition = NULL, *version = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        Zb__VerdictRecord *record;
        int r = verdict_of(at, rows->row[i], &record);
        if (r < 0)
            return r;
        const Zb__Verdict *v = record == NULL ? NULL : record->counting;
        if (v == NULL)
            continue;
        if (best == NULL || speaks_before(v, best))
            best = v;
        if (v->edition[0] != '\0' && (edition == NULL || speaks_before(v, edition)))
            edition = v;
        if (v->version[0] != '\0' && (version == NULL || speaks_before(v, version)))
            version = v;
    }
    if (best == NULL)
        return 0;
    install->licence_class = best->licence_class;
    install->grade = best->grade;
    install->category = best->category;
    install->fingerprint = best->fingerprint;
    if (edition != NULL)
        install->edition = edition->edition;
    if (version != NULL)
        install->version = version->version;
    return 0;
}

static bool install_equal(const Zb__InstallRecord *a, const Zb__InstallRecord *b)
{
    return bytes_eq(blob_bytes(a->rows), blob_bytes(b->rows)) && a->since_ms == b->since_ms &&
           a->licence_class == b->licence_class && a->grade == b->grade && a->stale == b->stale &&
           strcmp(a->edition, b->edition) == 0 && strcmp(a->version, b->version) == 0 &&
           strcmp(a->category, b->category) == 0 && strcmp(a->fingerprint, b->fingerprint) == 0;
}

/* Cases look at installs too, not at figures alone: one computer for another is a change. */
static void follow_change(const struct ruling *at, const struct install_target *target,
                          const char *product)
{
    emit_position(at->out, product);
    emit_assess(at->out, target->unit, product);
}

int install_rows(const struct ruling *at, const struct install_target *target, const char *product,
                 const struct rowset *rows)
{
    struct ledger_key key = key_text_text_u64(target->unit, product, target->endpoint);
    Zb__InstallRecord *old;
    struct rowset old_rows;
    int r = install_get(at, target, product, &old, &old_rows);
    if (r < 0)
        return r;
    if (rows->count == 0) {
        if (old == NULL)
            return 0;
        emit_del(at->out, TABLE_INSTALL, ledger_key_bytes(&key));
        follow_change(at, target, product);
        return output_error(at->out);
    }
    Zb__InstallRecord install = ZB__INSTALL_RECORD__INIT;
    r = describe(at, rows, &install);
    if (r < 0)
        return r;
    struct bytes packed = rowset_pack(rows, at->arena);
    if (packed.data == NULL)
        return -ENOMEM;
    install.rows = blob_of(packed);
    install.stale = target->stale;
    install.since_ms =
        old != NULL && old->since_ms < target->scan_ms ? old->since_ms : target->scan_ms;
    if (old != NULL && install_equal(old, &install))
        return 0;
    emit_put(at->out, TABLE_INSTALL, ledger_key_bytes(&key), &install.base);
    follow_change(at, target, product);
    return output_error(at->out);
}

/* The rows of one product that come and go. */
struct product_change {
    const char *product;
    uint64_t row;
    bool removed;
};

static int change_cmp(const void *a, const void *b)
{
    const struct product_change *x = a, *y = b;
    int by_product = strcmp(x->product, y->product);
    return by_product != 0 ? by_product : (x->row > y->row) - (x->row < y->row);
}

/* A run of changes of one product, into its install. */
static int change_product(const struct ruling *at, const struct install_target *target,
                          const struct product_change *change, size_t count)
{
    struct rowset came = { .row = arena_alloc(at->arena, count * sizeof(uint64_t)) };
    struct rowset went = { .row = arena_alloc(at->arena, count * sizeof(uint64_t)) };
    if (came.row == NULL || went.row == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        struct rowset *into = change[i].removed ? &went : &came;
        into->row[into->count++] = change[i].row;
    }
    Zb__InstallRecord *old;
    struct rowset rows;
    int r = install_get(at, target, change->product, &old, &rows);
    if (r == 0)
        r = rowset_minus(&rows, &went, at->arena, &rows);
    if (r == 0)
        r = rowset_union(&rows, &came, at->arena, &rows);
    return r < 0 ? r : install_rows(at, target, change->product, &rows);
}

static int put_empty(const struct ruling *at, enum ledger_table table, struct ledger_key key)
{
    int has = ledger_has(at->view, table, key);
    if (has == 0)
        emit_put_bytes(at->out, table, ledger_key_bytes(&key), (struct bytes){ 0 });
    return has < 0 ? has : output_error(at->out);
}

/* A row that came: what it waits for, and the product it counts for (NULL: none). */
static int row_came(const struct ruling *at, const struct install_target *target, uint64_t row,
                    const struct digest *catalogue, const char **ret_product)
{
    Zb__VerdictRecord *record;
    int r = verdict_of(at, row, &record);
    if (r < 0)
        return r;
    bool settled = record != NULL && (record->agreed || record->conflict) && catalogue != NULL &&
                   bytes_eq(blob_bytes(record->catalogue), digest_bytes(catalogue));
    if (!settled)
        r = put_empty(at, TABLE_TODO, key_u64(row));
    const Zb__Verdict *counting = record == NULL ? NULL : record->counting;
    if (r == 0 && counting == NULL)
        r = put_empty(at, TABLE_WAITING, key_u64_u64(row, target->endpoint));
    *ret_product = counting != NULL && verdict_installs(counting) ? counting->product : NULL;
    return r;
}

static int row_went(const struct ruling *at, const struct install_target *target, uint64_t row,
                    const char **ret_product)
{
    Zb__VerdictRecord *record;
    int r = verdict_of(at, row, &record);
    if (r < 0)
        return r;
    *ret_product = NULL;
    if (record != NULL && record->counting != NULL) {
        if (verdict_installs(record->counting))
            *ret_product = record->counting->product;
        return 0;
    }
    struct ledger_key key = key_u64_u64(row, target->endpoint);
    int has = ledger_has(at->view, TABLE_WAITING, key);
    if (has == 1)
        emit_del(at->out, TABLE_WAITING, ledger_key_bytes(&key));
    return has < 0 ? has : output_error(at->out);
}

int install_change(const struct ruling *at, const struct install_target *target,
                   const struct rowset *added, const struct rowset *removed)
{
    struct digest active;
    int r = active_catalogue(at, &active);
    if (r < 0 && r != -ENOENT)
        return r;
    const struct digest *catalogue = r == 0 ? &active : NULL;
    size_t most = added->count + removed->count, count = 0;
    struct product_change *change = arena_calloc(at->arena, most, sizeof(*change));
    if (change == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < most; i++) {
        bool went = i >= added->count;
        uint64_t row = went ? removed->row[i - added->count] : added->row[i];
        const char *product;
        r = went ? row_went(at, target, row, &product)
                 : row_came(at, target, row, catalogue, &product);
        if (r < 0)
            return r;
        if (product != NULL)
            change[count++] =
                (struct product_change){ .product = product, .row = row, .removed = went };
    }
    if (count > 0)
        qsort(change, count, sizeof(*change), change_cmp);
    for (size_t begin = 0, end; begin < count; begin = end) {
        for (end = begin; end < count && strcmp(change[end].product, change[begin].product) == 0;)
            end++;
        r = change_product(at, target, change + begin, end - begin);
        if (r < 0)
            return r;
    }
    return 0;
}
