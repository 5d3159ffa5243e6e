/* recount.c - one step of going over rows and endpoints. */
#include "ledger/recount.h"

#include <errno.h>

#include "ledger/install.h"

int recount_next(const struct ledger_view *view, struct arena *arena,
                 struct ledger_input *ret_input)
{
    Zb__StateRecord *state;
    int r = LEDGER_GET(view, TABLE_STATE, key_name(STATE_RECOUNT), arena, &state);
    if (r < 0)
        return r;
    const char *unit = arena_strdup(arena, blob_bytes(state->bytes));
    if (unit == NULL)
        return -ENOMEM;
    *ret_input = (struct ledger_input){
        .kind = INPUT_RECOUNT_UNIT,
        .recount = { .unit = unit, .from_endpoint = state->number },
    };
    return 0;
}

static void put_position(const struct ruling *at, const char *unit, uint64_t number)
{
    Zb__StateRecord state = ZB__STATE_RECORD__INIT;
    state.bytes = blob_of(bytes_str(unit));
    state.number = number;
    state_put(at, STATE_RECOUNT, &state);
}

void recount_begin(const struct ruling *at)
{
    put_position(at, "", 1);
}

int recount_again(const struct ruling *at)
{
    Zb__StateRecord *state;
    int has = ledger_has(at->view, TABLE_STATE, key_name(STATE_RECOUNT));
    if (has < 0)
        return has;
    (void)emit_entry(at->out, ENTRY_VERDICT, (struct bytes){ 0 }, "everything is counted anew");
    if (has == 0) {
        recount_begin(at);
        return output_error(at->out);
    }
    int r = state_get(at, STATE_RECOUNT_AGAIN, &state);
    if (r < 0)
        return r;
    state->number = 1;
    state_put(at, STATE_RECOUNT_AGAIN, state);
    return output_error(at->out);
}

/* The end of a pass: gone, or once more from the beginning. */
static int finish(const struct ruling *at)
{
    struct ledger_key again = key_name(STATE_RECOUNT_AGAIN), state = key_name(STATE_RECOUNT);
    int has = ledger_has(at->view, TABLE_STATE, again);
    if (has == 1) {
        emit_del(at->out, TABLE_STATE, ledger_key_bytes(&again));
        recount_begin(at);
    } else if (has == 0) {
        emit_del(at->out, TABLE_STATE, ledger_key_bytes(&state));
    }
    return has < 0 ? has : output_error(at->out);
}

/* ---- products ---- */

/* Positions of some products, after the one named behind the '=' of `step`. */
static int recount_products(const struct ruling *at, const char *step)
{
    struct ledger_walk walk = ledger_walk(at->view, INDEX_PRODUCT, (struct ledger_key){ 0 });
    struct ledger_key done = key_prefix(step + 1, NULL);
    const char *last = step;
    if (step[1] != '\0')
        ledger_walk_skip(&walk, ledger_key_bytes(&done));
    for (int n = 0; n < RECOUNT_PRODUCTS; n++) {
        struct bytes key, value;
        int r = ledger_walk_next(&walk, at->arena, &key, &value);
        if (r == -ENOENT)
            return finish(at);
        if (r < 0)
            return r;
        struct reader in = reader_of(key);
        const char *product = (const char *)key_read_text(&in).data;
        if (in.failed)
            return -EBADMSG;
        emit_position(at->out, product);
        done = key_prefix(product, NULL);
        ledger_walk_skip(&walk, ledger_key_bytes(&done));
        last = arena_printf(at->arena, "=%s", product);
        if (last == NULL)
            return -ENOMEM;
    }
    put_position(at, last, 1);
    return output_error(at->out);
}

/* ---- rows ---- */

static int recount_todo(const struct ruling *at, uint64_t row, const struct digest *catalogue)
{
    Zb__VerdictRecord *record;
    int r = verdict_of(at, row, &record);
    if (r < 0)
        return r;
    if (record != NULL && record->agreed &&
        bytes_eq(blob_bytes(record->catalogue), digest_bytes(catalogue)))
        return 0;
    struct ledger_key key = key_u64(row);
    int has = ledger_has(at->view, TABLE_TODO, key);
    if (has == 0)
        emit_put_bytes(at->out, TABLE_TODO, ledger_key_bytes(&key), (struct bytes){ 0 });
    return has < 0 ? has : 0;
}

static int recount_rows(const struct ruling *at, uint64_t from)
{
    struct digest catalogue;
    uint64_t row = from;
    int r = active_catalogue(at, &catalogue);
    if (r < 0 && r != -ENOENT)
        return r;
    for (uint64_t end = from + RECOUNT_ROWS; r == 0 && row < end; row++) {
        int has = ledger_has(at->view, TABLE_ROW, key_u64(row)); /* numbers have no gaps */
        if (has < 0)
            return has;
        if (has == 0)
            break;
        int put = recount_todo(at, row, &catalogue);
        if (put < 0)
            return put;
    }
    if (r == 0 && row == from + RECOUNT_ROWS) {
        put_position(at, "", row);
        return output_error(at->out);
    }
    struct ledger_walk units = ledger_walk(at->view, TABLE_UNIT, (struct ledger_key){ 0 });
    struct bytes key, value;
    r = ledger_walk_next(&units, at->arena, &key, &value);
    if (r == -ENOENT) {
        put_position(at, "=", 1);
        return output_error(at->out);
    }
    const char *unit = r == 0 ? arena_strdup(at->arena, key) : NULL;
    if (unit == NULL)
        return r < 0 ? r : -ENOMEM;
    put_position(at, unit, 1);
    return output_error(at->out);
}

/* ---- endpoints ---- */

/* The rows of one product on an endpoint. */
struct product_row {
    const char *product;
    uint64_t row;
};

static int product_row_cmp(const void *a, const void *b)
{
    const struct product_row *x = a, *y = b;
    int by_product = strcmp(x->product, y->product);
    return by_product != 0 ? by_product : (x->row > y->row) - (x->row < y->row);
}

/* Rows with a counting verdict by product; the others wait. */
static int sort_rows(const struct ruling *at, uint64_t endpoint, const struct rowset *rows,
                     struct product_row *list, size_t *ret_count)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        Zb__VerdictRecord *record;
        int r = verdict_of(at, rows->row[i], &record);
        if (r < 0)
            return r;
        const Zb__Verdict *counting = record == NULL ? NULL : record->counting;
        if (counting != NULL && verdict_installs(counting))
            list[count++] = (struct product_row){ counting->product, rows->row[i] };
        if (counting != NULL)
            continue;
        struct ledger_key key = key_u64_u64(rows->row[i], endpoint);
        int has = ledger_has(at->view, TABLE_WAITING, key);
        if (has == 0)
            emit_put_bytes(at->out, TABLE_WAITING, ledger_key_bytes(&key), (struct bytes){ 0 });
        if (has < 0)
            return has;
    }
    if (count > 1)
        qsort(list, count, sizeof(*list), product_row_cmp);
    *ret_count = count;
    return 0;
}

/* Brings the installs of an endpoint in line with its rows and today's verdicts. */
static int recount_endpoint(const struct ruling *at, const char *unit, uint64_t endpoint)
{
    struct rowset rows;
    int64_t seen_ms;
    int r = endpoint_rows(at, endpoint, &rows);
    if (r == 0)
        r = endpoint_seen_ms(at->view, endpoint, at->arena, &seen_ms);
    if (r != 0)
        return r;
    const struct install_target target = { .unit = unit,
                                           .endpoint = endpoint,
                                           .scan_ms = seen_ms,
                                           .stale = endpoint_is_stale(at, seen_ms) };
    struct product_row *list = arena_calloc(at->arena, rows.count, sizeof(*list));
    struct rowset of_product = { .row = arena_alloc(at->arena, rows.count * sizeof(uint64_t)) };
    size_t count;
    if (list == NULL || of_product.row == NULL)
        return -ENOMEM;
    r = sort_rows(at, endpoint, &rows, list, &count);
    for (size_t begin = 0, end; r == 0 && begin < count; begin = end) {
        of_product.count = 0;
        for (end = begin; end < count && strcmp(list[end].product, list[begin].product) == 0; end++)
            of_product.row[of_product.count++] = list[end].row;
        r = install_rows(at, &target, list[begin].product, &of_product);
    }
    return r;
}

/* Some endpoints of a unit; *ret_next is where to go on, 0 at its end. */
static int recount_some(const struct ruling *at, const char *unit, uint64_t from,
                        uint64_t *ret_next)
{
    struct ledger_walk walk = ledger_walk(at->view, INDEX_UNIT_ENDPOINT, key_prefix(unit, NULL));
    struct bytes key, value;
    int r = 0;
    *ret_next = 0;
    walk.at = key_text_u64(unit, from - 1);
    walk.begun = true;
    for (int n = 0; n < RECOUNT_ENDPOINTS; n++) {
        r = ledger_walk_next(&walk, at->arena, &key, &value);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        if (key.size < 8)
            return -EBADMSG;
        uint64_t endpoint = get_u64be(key.data + key.size - 8);
        r = recount_endpoint(at, unit, endpoint);
        if (r < 0)
            return r;
        *ret_next = endpoint + 1;
    }
    return 0;
}

/* After the last endpoint of a unit: the next unit in order of ids. */
static int next_unit(const struct ruling *at, const char *unit)
{
    struct ledger_walk walk = ledger_walk(at->view, TABLE_UNIT, (struct ledger_key){ 0 });
    struct bytes key, value;
    walk.at = key_text(unit);
    walk.begun = true;
    int r = ledger_walk_next(&walk, at->arena, &key, &value);
    if (r == -ENOENT) {
        put_position(at, "=", 1);
        return output_error(at->out);
    }
    const char *next = r == 0 ? arena_strdup(at->arena, key) : NULL;
    if (next == NULL)
        return r < 0 ? r : -ENOMEM;
    put_position(at, next, 1);
    return output_error(at->out);
}

/* Whether this input is the step that the state names. */
static int is_step(const struct ruling *at, const char *unit, uint64_t from, bool *ret_step)
{
    Zb__StateRecord *state;
    int r = LEDGER_GET(at->view, TABLE_STATE, key_name(STATE_RECOUNT), at->arena, &state);
    *ret_step =
        r == 0 && state->number == from && bytes_eq(blob_bytes(state->bytes), bytes_str(unit));
    return r == -ENOENT ? 0 : r;
}

int rule_recount_unit(const struct ruling *at, const char *unit, uint64_t from_endpoint, bool only)
{
    bool step;
    uint64_t next;
    int r = is_step(at, unit, from_endpoint, &step);
    if (r < 0)
        return r;
    if (unit[0] == '\0' && !step && from_endpoint == 0)
        return recount_again(at);
    if ((unit[0] == '\0' || unit[0] == '=') && !step)
        return 0; /* a step that was overtaken */
    (void)emit_entry(at->out, ENTRY_VERDICT, (struct bytes){ 0 }, "recount of %s from %llu",
                     unit[0] == '\0' ? "rows" : unit, (unsigned long long)from_endpoint);
    if (only)
        return recount_endpoint(at, unit, from_endpoint);
    if (unit[0] == '\0')
        return recount_rows(at, from_endpoint);
    if (unit[0] == '=')
        return recount_products(at, unit);
    r = recount_some(at, unit, from_endpoint == 0 ? 1 : from_endpoint, &next);
    if (r < 0)
        return r;
    if (step && next == 0)
        return next_unit(at, unit);
    if (step)
        put_position(at, unit, next);
    else if (next != 0)
        emit_follow(at->out,
                    &(struct ledger_input){ .kind = INPUT_RECOUNT_UNIT,
                                            .recount = { .unit = unit, .from_endpoint = next } });
    return output_error(at->out);
}
