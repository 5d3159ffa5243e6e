/* case.c - when a case opens, what its lines are, and what proves them.
 *
 * Per unit and product: prohibited installs are class A. Of B (no right ever), D (rights ended or
 * none that matches) and E (too few) at most one is open; the one that is open goes on to its end,
 * whatever the others would say meanwhile. Everything else opens nothing. */
#include "ledger/case.h"

#include <errno.h>
#include <stdio.h>

#include "base/civil.h"
#include "ledger/stand.h"

/* ---- evidence and proof ---- */

static ProtobufCBinaryData evidence_of(struct case_work *work, const Zb__InstallRecord *install)
{
    struct id128 id = seal_id128(SEAL_PARTS(BYTES_LIT("install"), blob_bytes(install->rows)));
    void *copy = arena_dup(work->at->arena, id.b, sizeof(id.b));
    if (copy == NULL)
        (void)case_fail(work, -ENOMEM); /* sticky */
    return blob_of(bytes_of(copy, copy == NULL ? 0 : sizeof(id.b)));
}

/* When a producer last saw the endpoint, its unchanged reports included; 0 when it never did. */
static int seen_ms(const struct ruling *at, struct bytes key, int64_t *ret_ms)
{
    struct bytes seen;
    *ret_ms = 0;
    int r = at->view->get(at->view->ctx, TABLE_SEEN, key, &seen);
    if (r == 0 && seen.size >= 24)
        *ret_ms = (int64_t)get_u64be(seen.data + 16);
    return r == -ENOENT ? 0 : r;
}

/* The newest complete scan of the endpoint that stands behind what is known of it now; 0 when none
 * does. A complete scan that a later incomplete one has changed proves nothing; an unchanged report
 * of a complete result does. */
static int complete_scan(const struct ruling *at, uint64_t endpoint, int64_t *ret_ms)
{
    *ret_ms = 0;
    struct ledger_walk walk = ledger_walk(at->view, TABLE_REPORT, key_u64(endpoint));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        Zb__ReportRecord *report;
        int64_t ms = 0;
        r = ledger_unpack(&zb__report_record__descriptor, value, at->arena,
                          (ProtobufCMessage **)&report);
        if (r < 0)
            return r;
        if (report->complete_ms == 0 || report->complete_ms < report->scan_ms)
            continue;
        r = seen_ms(at, key, &ms);
        if (r < 0)
            return r;
        ms = ms > report->complete_ms ? ms : report->complete_ms;
        *ret_ms = ms > *ret_ms ? ms : *ret_ms;
    }
    if (*ret_ms > at->now_ms)
        *ret_ms = at->now_ms; /* a computer whose clock is fast proves no more than that */
    return r == -ENOENT ? 0 : r;
}

/* Whether the product is gone from the line's computer, wherever that stands now. 1, 0, error. A
 * retired computer proves nothing by silence: its disposal record does. */
static int is_gone(const struct case_work *work, const Zb__LineRecord *line)
{
    Zb__EndpointRecord *endpoint;
    int r = LEDGER_GET(work->at->view, TABLE_ENDPOINT, key_u64(line->endpoint), work->at->arena,
                       &endpoint);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (endpoint->retired)
        return 0;
    r = ledger_has(work->at->view, TABLE_INSTALL,
                   key_text_text_u64(endpoint->unit, work->rec->product, line->endpoint));
    return r < 0 ? r : !r;
}

static const char *date_text(struct case_work *work, int64_t ms)
{
    char date[CIVIL_INSTANT_SIZE];
    const char *text = arena_strdup(work->at->arena, bytes_str(civil_format_instant(ms, date)));
    if (text == NULL)
        (void)case_fail(work, -ENOMEM); /* sticky */
    return text == NULL ? "" : text;
}

/* A scan made before the deadline and received after it counts as on time. */
static void line_close(struct case_work *work, size_t i, int64_t proof_ms, const char *why)
{
    Zb__LineRecord *line = work->lines[i];
    line->state = LINE_CLOSED;
    line->closed_ms = work->at->now_ms;
    line->proof_scan_ms = proof_ms;
    if (why == NULL)
        (void)case_fail(work, -ENOMEM); /* sticky */
    line->closed_why = (char *)(uintptr_t)(why == NULL ? "" : why);
    line->late = line->due_day != 0 && proof_ms >= deadline_end_ms(line->due_day);
    work->rec->late |= line->late;
    work->dirty = true;
    case_touch_line(work, i);
}

static void close_by_right(struct case_work *work, uint64_t right)
{
    const char *why = arena_printf(work->at->arena, "right %llu", (unsigned long long)right);
    for (size_t i = 0; i < work->line_count; i++)
        if (work->lines[i]->state == LINE_OPEN)
            line_close(work, i, work->at->now_ms, why);
}

/* Open lines whose product is gone close with a complete scan made after the one that showed it;
 * those that still want one are looked at again tomorrow. */
static void close_removed(struct case_work *work)
{
    bool wanting = false;
    for (size_t i = 0; i < work->line_count && work->error == 0; i++) {
        const Zb__LineRecord *line = work->lines[i];
        if (line->state != LINE_OPEN || line->endpoint == 0)
            continue;
        int64_t scan_ms = 0;
        int gone = is_gone(work, line);
        int r = gone == 1 ? complete_scan(work->at, line->endpoint, &scan_ms) : gone;
        if (case_fail(work, r) < 0)
            return;
        if (gone == 1 && scan_ms > line->scan_ms)
            line_close(work, i, scan_ms,
                       arena_printf(work->at->arena, "removed, complete scan of %s",
                                    date_text(work, scan_ms)));
        else
            wanting |= gone == 1;
    }
    int64_t recheck_ms = 0;
    if (wanting)
        recheck_ms = civil_ms_at(civil_day_at(work->at->now_ms) + 1, DEADLINE_RECHECK_MINUTE);
    work->dirty |= work->rec->recheck_ms != recheck_ms;
    work->rec->recheck_ms = recheck_ms;
}

/* ---- lines of endpoints: A, B, D ---- */

/* A rejected line holds as long as the same rows say the same thing. */
static void drop_stale_rejections(struct case_work *work, const struct stand *stand)
{
    bool holds = false;
    for (size_t i = 0; i < work->line_count; i++) {
        Zb__LineRecord *line = work->lines[i];
        if (line->state != LINE_REJECTED)
            continue;
        if (line->endpoint != 0) {
            const struct stand_install *install = stand_install(stand, line->endpoint);
            if (install == NULL || !bytes_eq(blob_bytes(evidence_of(work, install->record)),
                                             blob_bytes(line->evidence))) {
                line->state = LINE_CLOSED;
                line->closed_why = (char *)(uintptr_t) "rejected, evidence has changed";
                case_touch_line(work, i);
                continue;
            }
        }
        holds = true;
    }
    work->dirty |= work->rec->suppresses != holds;
    work->rec->suppresses = holds;
}

static bool install_counts(Zb__CaseClass class, const Zb__InstallRecord *install)
{
    return class == CASE_A ? install->licence_class == CLASS_PROHIBITED
                           : stand_is_charged(install->licence_class);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The endpoints for which a line stands, open or rejected: ascending. A unit may have many
 * thousands of both lines and installs. */
static uint64_t *standing_lines(const struct case_work *work, struct arena *arena, size_t *ret_n)
{
    uint64_t *endpoints = arena_calloc(arena, work->line_count + 1, sizeof(*endpoints));
    *ret_n = 0;
    for (size_t i = 0; endpoints != NULL && i < work->line_count; i++)
        if (work->lines[i]->state == LINE_OPEN || work->lines[i]->state == LINE_REJECTED)
            endpoints[(*ret_n)++] = work->lines[i]->endpoint;
    if (endpoints != NULL)
        qsort(endpoints, *ret_n, sizeof(*endpoints), by_number);
    return endpoints;
}

static void add_endpoint(struct case_work *work, const struct stand_install *install)
{
    Zb__LineRecord *line = case_add_line(work);
    if (line == NULL)
        return;
    int64_t since_ms = install->record->since_ms, now_ms = work->at->now_ms;
    line->endpoint = install->endpoint;
    line->state = LINE_OPEN;
    line->opened_ms = now_ms;
    line->scan_ms = since_ms < now_ms ? since_ms : now_ms;
    line->evidence = evidence_of(work, install->record);
}

/* The installs of the class without a line of their own in `known` (NULL: no line at all): counted,
 * and added to `work` unless it is NULL. Errors: -ENOMEM. */
static int add_endpoints(const struct ruling *at, struct case_work *work,
                         const struct case_work *known, Zb__CaseClass class,
                         const struct stand *stand, size_t *ret_fresh)
{
    uint64_t *endpoints = NULL;
    size_t n = 0;
    *ret_fresh = 0;
    if (known != NULL && (endpoints = standing_lines(known, at->arena, &n)) == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < stand->install_count; i++) {
        const struct stand_install *install = &stand->installs[i];
        if (!install_counts(class, install->record) ||
            (n > 0 && bsearch(&install->endpoint, endpoints, n, sizeof(*endpoints), by_number)))
            continue;
        ++*ret_fresh;
        if (work != NULL)
            add_endpoint(work, install);
    }
    return 0;
}

/* ---- lines of quantities: E ---- */

static void add_quantity(struct case_work *work, uint64_t quantity)
{
    Zb__LineRecord *line = case_add_line(work);
    if (line == NULL)
        return;
    line->quantity = line->first_quantity = quantity;
    line->state = LINE_OPEN;
    line->opened_ms = line->scan_ms = work->at->now_ms;
}

/* Newest first: who was short longest stays so. */
static void reduce_quantity(struct case_work *work, Zb__LineState state, uint64_t by,
                            const char *why)
{
    for (size_t i = work->line_count; i-- > 0 && by > 0;) {
        Zb__LineRecord *line = work->lines[i];
        if (line->state != state)
            continue;
        uint64_t part = line->quantity < by ? line->quantity : by;
        line->quantity -= part;
        by -= part;
        case_touch_line(work, i);
        if (line->quantity == 0 && state == LINE_OPEN)
            line_close(work, i, work->at->now_ms, why);
        else if (line->quantity == 0)
            line->state = LINE_CLOSED;
    }
}

/* A rejected quantity counts as settled until the shortage falls below it. */
static void settle_quantity(struct case_work *work, const struct stand *stand)
{
    uint64_t rejected = case_quantity(work, LINE_REJECTED);
    if (rejected > stand->short_of) {
        reduce_quantity(work, LINE_REJECTED, rejected - stand->short_of, "");
        rejected = stand->short_of;
    }
    work->dirty |= work->rec->suppresses != (rejected > 0);
    work->rec->suppresses = rejected > 0;
    if (!case_is_open(work->rec))
        return;
    uint64_t open = case_quantity(work, LINE_OPEN);
    uint64_t wanted = stand->short_of - rejected;
    uint64_t unproved = stand->unproved > rejected ? stand->unproved - rejected : 0;
    if (wanted > open)
        add_quantity(work, wanted - open);
    else if (unproved < open)
        reduce_quantity(work, LINE_OPEN, open - unproved,
                        arena_printf(work->at->arena, "installed %llu, rights with proof %llu",
                                     (unsigned long long)stand->installed,
                                     (unsigned long long)stand->proved));
}

/* ---- one case ---- */

static void settle(struct case_work *work, const struct stand *stand)
{
    uint64_t lines_before = work->rec->next_line;
    size_t added;
    if (work->rec->class_ == CASE_E) {
        settle_quantity(work, stand);
    } else {
        drop_stale_rejections(work, stand);
        if (!case_is_open(work->rec))
            return;
        close_removed(work);
        if (work->rec->class_ != CASE_A && stand->right != 0 && stand->unproved == 0)
            close_by_right(work, stand->right);
        else if (work->rec->class_ == CASE_A || stand->short_of > 0)
            (void)case_fail(work, add_endpoints(work->at, work, work, work->rec->class_, stand,
                                                &added)); /* sticky */
    }
    if (!case_is_open(work->rec) || work->error < 0)
        return;
    if (case_open_count(work) == 0) {
        const char *why = "";
        for (size_t i = 0; i < work->line_count; i++)
            if (work->lines[i]->closed_ms == work->at->now_ms)
                why = work->lines[i]->closed_why;
        case_reason(work, ENTRY_CASE, "closed (%s)", why);
        case_close(work, CASE_CLOSED, "closed", why);
        return;
    }
    ladder_follow(work, INT32_MIN);
    if (work->rec->next_line > lines_before)
        case_tell_lines(work);
    ladder_release(work);
}

int case_settle(struct case_work *work)
{
    struct stand stand;
    if (work->error < 0 || !case_is_open(work->rec) || work->rec->class_ == CASE_C ||
        work->rec->class_ > CASE_E)
        return work->error;
    int r = stand_load(work->at, work->rec->unit, work->rec->product, &stand);
    if (r == 0)
        r = stand_load_rights(work->at, work->rec->unit, work->rec->product, &stand);
    if (r == 0 && work->rec->class_ != CASE_E)
        r = stand_load_installs(work->at, work->rec->unit, work->rec->product, &stand);
    if (case_fail(work, r) == 0)
        settle(work, &stand);
    return work->error;
}

/* ---- opening ---- */

static void carry_rejections(struct case_work *work, struct case_work *old)
{
    for (size_t i = 0; old != NULL && i < old->line_count; i++) {
        if (old->lines[i]->state != LINE_REJECTED)
            continue;
        Zb__LineRecord *line = case_add_line(work);
        if (line == NULL)
            return;
        uint64_t number = line->line;
        *line = *old->lines[i];
        line->case_id = work->rec->id;
        line->line = number;
        work->rec->suppresses = true;
    }
    if (old != NULL) {
        old->dirty |= old->rec->suppresses;
        old->rec->suppresses = false; /* i_case holds one: the new one */
    }
}

static void open_case(struct case_work *work, const struct ruling *at, Zb__UnitRecord *unit,
                      const char *product, Zb__CaseClass class, const struct stand *stand)
{
    case_init(work, at);
    Zb__CaseRecord *rec = arena_alloc(at->arena, sizeof(*rec));
    if (rec == NULL) {
        (void)case_fail(work, -ENOMEM); /* sticky */
        return;
    }
    zb__case_record__init(rec);
    work->unit = unit;
    case_reason(work, ENTRY_CASE, "opened, class %s, %s in %s", case_class_name(class), product,
                unit->id);
    if (!case_begin(work))
        return;
    rec->id = emit_number(at->out, at->view, "case");
    rec->unit = unit->id;
    rec->product = (char *)(uintptr_t)product;
    rec->category = (char *)(uintptr_t)stand->category; /* only read */
    rec->class_ = class;
    rec->state = CASE_SUSPECTED;
    rec->opened_ms = at->now_ms;
    rec->next_line = 1;
    work->rec = rec;
    work->dirty = true;
}

/* The question to the handler, or the order at once where the principal has said so beforehand. */
static void begin_case(struct case_work *work)
{
    if (work->rec->class_ == CASE_A && work->unit->preauthorised_prohibited) {
        work->rec->preauthorised = true;
        case_confirm(work);
        return;
    }
    struct notice_order order = { .template = "verify", .highest = OFFICIAL_HANDLER };
    work->rec->n_step_notices = 0;
    notice_plan(work, &order, &work->rec->step_notices, &work->rec->n_step_notices);
    work->rec->unserved_ms = deadline_end_ms(
        calendar_add(&work->calendar, civil_day_at(work->at->now_ms), DEADLINE_UNSERVED_DAYS).day);
}

/* One class of one (unit, product): the case that stands in i_case (`id`, 0: none) settled, and a
 * new one opened where none is open and something new is wanted. */
static int assess_class(const struct ruling *at, Zb__UnitRecord *unit, const char *product,
                        Zb__CaseClass class, uint64_t id, bool wanted, const struct stand *stand)
{
    struct case_work standing, fresh, *old = NULL;
    if (id != 0) {
        int loaded = case_load(&standing, at, id);
        if (loaded < 0)
            return loaded == -ENOENT ? -EBADMSG : loaded;
        old = &standing;
        bool was_open = case_is_open(old->rec);
        settle(old, stand);
        if (was_open || old->error < 0)
            return case_save(old);
    }
    uint64_t rejected = old == NULL ? 0 : case_quantity(old, LINE_REJECTED);
    size_t news = stand->short_of > rejected;
    int r = class == CASE_E ? 0 : add_endpoints(at, NULL, old, class, stand, &news);
    if (r < 0)
        return r;
    if (!wanted || news == 0 || unit->phase == PHASE_SURVEY)
        return old == NULL ? 0 : case_save(old);
    open_case(&fresh, at, unit, product, class, stand);
    if (fresh.error < 0)
        return fresh.error;
    carry_rejections(&fresh, old);
    if (class == CASE_E)
        add_quantity(&fresh, stand->short_of - rejected);
    else
        (void)case_fail(&fresh, add_endpoints(at, &fresh, old, class, stand, &news)); /* sticky */
    begin_case(&fresh);
    /* One entry holds both, the old case first, so that i_case ends with the new one. */
    if (old != NULL) {
        old->begun = true;
        r = case_save(old);
        if (r < 0)
            return r;
    }
    return case_save(&fresh);
}

static const Zb__CaseClass charged[] = { CASE_B, CASE_D, CASE_E };

/* What stands in i_case for one (unit, product). */
struct standing {
    uint64_t prohibited;                  /* class A; 0: none */
    uint64_t charged[ARRAY_LEN(charged)]; /* B, D, E */
    bool any;                             /* one of them all */
    Zb__CaseClass open;                   /* which of B, D, E is open; NONE when none is */
};

static int find_standing(const struct ruling *at, const char *unit, const char *product,
                         struct standing *ret_standing)
{
    *ret_standing = (struct standing){ .open = CASE_CLASS_NONE };
    int r = case_find(at, unit, product, CASE_A, &ret_standing->prohibited);
    ret_standing->any = ret_standing->prohibited != 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(charged); i++) {
        Zb__CaseRecord *rec;
        uint64_t id;
        r = case_find(at, unit, product, charged[i], &id);
        if (r < 0 || id == 0)
            continue;
        r = LEDGER_GET(at->view, TABLE_CASE, key_u64(id), at->arena, &rec);
        if (r < 0)
            return r == -ENOENT ? -EBADMSG : r;
        ret_standing->charged[i] = id;
        ret_standing->any = true;
        if (case_is_open(rec))
            ret_standing->open = charged[i];
    }
    return r;
}

int rule_assess(const struct ruling *at, const char *unit_id, const char *product)
{
    Zb__UnitRecord *unit;
    struct standing now;
    struct stand stand = { 0 };
    int r = LEDGER_GET(at->view, TABLE_UNIT, key_text(unit_id), at->arena, &unit);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    r = find_standing(at, unit_id, product, &now);
    if (r == 0)
        r = stand_load(at, unit_id, product, &stand);
    if (r < 0)
        return r;
    bool prohibited = stand.licence_class == CLASS_PROHIBITED || now.prohibited != 0;
    Zb__CaseClass wanted = now.open != CASE_CLASS_NONE ? now.open : stand_wanted(&stand);
    if (now.any)
        r = stand_load_rights(at, unit_id, product, &stand);
    /* Class E alone has no lines of computers. */
    if (r == 0 && (prohibited || now.charged[0] != 0 || now.charged[1] != 0 || wanted == CASE_B ||
                   wanted == CASE_D))
        r = stand_load_installs(at, unit_id, product, &stand);
    if (r == 0 && prohibited)
        r = assess_class(at, unit, product, CASE_A, now.prohibited, true, &stand);
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(charged); i++)
        if (now.charged[i] != 0 || wanted == charged[i])
            r = assess_class(at, unit, product, charged[i], now.charged[i], wanted == charged[i],
                             &stand);
    return r;
}
