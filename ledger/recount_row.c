/* recount_row.c - a row's verdict counts anew, or no longer: the installs that follow.
 *
 * Who has the row? Endpoints in `waiting`, when nothing counted before; installs of the product
 * that it is leaving, when something did. What was neither is found by going over everything
 * (recount.h). All of it happens at once, in entries of moderate size: an endpoint must not show the
 * old product on one page and the new one on the next. */
#include "ledger/rules.h"

#include <errno.h>

#include "ledger/install.h"
#include "ledger/tally.h"

enum { ENTRY_INSTALLS_MOST = 256 };

struct row_recount {
    const struct ruling *at;
    uint64_t row;
    Zb__VerdictRecord *verdict;
    size_t in_entry;
};

static void begin_entry(struct row_recount *recount)
{
    if (recount->in_entry == 0)
        (void)emit_entry(recount->at->out, ENTRY_VERDICT, (struct bytes){ 0 },
                         "installs of row %llu", (unsigned long long)recount->row);
    recount->in_entry = (recount->in_entry + 1) % ENTRY_INSTALLS_MOST;
}

/* The oldest scan whose set shows the row. */
static int showing_scan(const struct ruling *at, uint64_t endpoint, uint64_t row, int64_t *ret_ms)
{
    struct ledger_walk walk = ledger_walk(at->view, TABLE_SET, key_u64(endpoint));
    struct bytes key, value;
    int r;
    *ret_ms = at->now_ms;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        ProtobufCMessage *message;
        struct rowset rows;
        r = ledger_unpack(&zb__set_record__descriptor, value, at->arena, &message);
        const Zb__SetRecord *set = r == 0 ? (const Zb__SetRecord *)message : NULL;
        if (r == 0)
            r = rowset_unpack(blob_bytes(set->rows), at->arena, &rows);
        if (r != 0)
            return r;
        if (rowset_has(&rows, row) && set->scan_ms < *ret_ms)
            *ret_ms = set->scan_ms;
    }
    return r == -ENOENT ? 0 : r;
}

static int target_of(const struct ruling *at, const char *unit, uint64_t endpoint, uint64_t row,
                     struct install_target *ret_target)
{
    int64_t seen_ms;
    *ret_target = (struct install_target){ .unit = unit, .endpoint = endpoint };
    int r = showing_scan(at, endpoint, row, &ret_target->scan_ms);
    if (r == 0)
        r = endpoint_seen_ms(at->view, endpoint, at->arena, &seen_ms);
    if (r == 0)
        ret_target->stale = endpoint_is_stale(at, seen_ms);
    return r;
}

/* The row joins the install of the product that counts now. */
static int add_row(struct row_recount *recount, const struct install_target *target)
{
    const struct ruling *at = recount->at;
    if (!verdict_installs(recount->verdict->counting))
        return 0;
    const char *product = recount->verdict->counting->product;
    const struct rowset one = { .row = &recount->row, .count = 1 };
    Zb__InstallRecord *record;
    struct rowset rows;
    int r = install_get(at, target, product, &record, &rows);
    if (r == 0)
        r = rowset_union(&rows, &one, at->arena, &rows);
    return r < 0 ? r : install_rows(at, target, product, &rows);
}

/* Endpoints that have the row and waited for a verdict that counts. */
static int recount_waiting(struct row_recount *recount)
{
    const struct ruling *at = recount->at;
    struct ledger_walk walk = ledger_walk(at->view, TABLE_WAITING, key_u64(recount->row));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        Zb__EndpointRecord *endpoint;
        struct install_target target;
        if (key.size != 16)
            return -EBADMSG;
        uint64_t number = get_u64be(key.data + 8);
        r = LEDGER_GET(at->view, TABLE_ENDPOINT, key_u64(number), at->arena, &endpoint);
        if (r == 0)
            r = target_of(at, endpoint->unit, number, recount->row, &target);
        if (r < 0)
            return r == -ENOENT ? -EBADMSG : r;
        begin_entry(recount);
        emit_del(at->out, TABLE_WAITING, key);
        r = add_row(recount, &target);
        if (r < 0)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

/* One install of the product that the row is leaving. */
static int leave_install(struct row_recount *recount, const char *unit, uint64_t endpoint,
                         const struct rowset *rows)
{
    const struct ruling *at = recount->at;
    const Zb__Verdict *counting = recount->verdict->counting;
    const char *leaving = recount->verdict->leaving;
    struct install_target target;
    int r = target_of(at, unit, endpoint, recount->row, &target);
    if (r < 0)
        return r;
    begin_entry(recount);
    if (verdict_installs(counting) && strcmp(counting->product, leaving) == 0)
        return install_rows(at, &target, leaving, rows); /* described anew */
    const struct rowset one = { .row = &recount->row, .count = 1 };
    struct rowset rest;
    r = rowset_minus(rows, &one, at->arena, &rest);
    if (r == 0)
        r = install_rows(at, &target, leaving, &rest);
    if (r == 0 && counting == NULL) {
        struct ledger_key key = key_u64_u64(recount->row, endpoint);
        emit_put_bytes(at->out, TABLE_WAITING, ledger_key_bytes(&key), (struct bytes){ 0 });
    }
    return r < 0 ? r : add_row(recount, &target);
}

static int leave_unit(struct row_recount *recount, const char *unit)
{
    const struct ruling *at = recount->at;
    struct ledger_walk walk =
        ledger_walk(at->view, TABLE_INSTALL, key_prefix(unit, recount->verdict->leaving));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        ProtobufCMessage *message;
        struct rowset rows;
        if (key.size < 8)
            return -EBADMSG;
        r = ledger_unpack(&zb__install_record__descriptor, value, at->arena, &message);
        if (r == 0)
            r = rowset_unpack(blob_bytes(((const Zb__InstallRecord *)message)->rows), at->arena,
                              &rows);
        if (r == 0 && rowset_has(&rows, recount->row))
            r = leave_install(recount, unit, get_u64be(key.data + key.size - 8), &rows);
        if (r < 0)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

/* Every unit that has the product which the row is leaving. */
static int recount_leaving(struct row_recount *recount)
{
    const struct ruling *at = recount->at;
    const char *product = recount->verdict->leaving;
    struct ledger_walk walk = tally_walk(at->view, product, NULL);
    struct tally tally;
    int r;
    while ((r = tally_next(&walk, at->arena, &tally)) == 0) {
        r = leave_unit(recount, tally.unit);
        if (r < 0)
            return r;
        struct ledger_key done = key_prefix(product, tally.unit);
        ledger_walk_skip(&walk, ledger_key_bytes(&done));
    }
    return r == -ENOENT ? 0 : r;
}

int rule_recount_row(const struct ruling *at, uint64_t row)
{
    struct row_recount recount = { .at = at, .row = row };
    int r = verdict_of(at, row, &recount.verdict);
    if (r < 0 || recount.verdict == NULL)
        return r;
    if (recount.verdict->counting != NULL)
        r = recount_waiting(&recount);
    if (r < 0 || recount.verdict->leaving[0] == '\0')
        return r;
    r = recount_leaving(&recount);
    if (r < 0)
        return r;
    begin_entry(&recount);
    static char nothing[] = "";
    recount.verdict->leaving = nothing;
    struct ledger_key key = key_u64(row);
    emit_put(at->out, TABLE_VERDICT, ledger_key_bytes(&key), &recount.verdict->base);
    return output_error(at->out);
}
