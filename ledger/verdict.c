/* verdict.c - opinions, agreement and conflict.
 *
 * A verdict is a pure function of row and catalogue, so two honest matchers never differ: a
 * difference is a broken or a lying one, nothing counts, and the alarm rings. Accusing classes want
 * two keys of a kind where two are enrolled. */
#include "ledger/verdict.h"

#include <errno.h>

#include "ledger/case.h"
#include "ledger/install.h"
#include "ledger/recount.h"
#include "proto/row.h"

enum { ENTRY_VERDICTS_MOST = 1024, TODO_LOOKED_AT = 16 };

bool verdict_accuses(Zb__LicenceClass licence_class)
{
    return licence_class == CLASS_COMMERCIAL || licence_class == CLASS_OEM_BOUND ||
           licence_class == CLASS_TRIAL || licence_class == CLASS_PROHIBITED;
}

/* One verdict of an input that may count. */
struct opinion {
    uint64_t row;
    size_t index; /* in the input: the first of a row speaks */
    const Zb__Verdict *verdict;
    struct id128 id;
};

/* What is the same for all verdicts of one input. */
struct session {
    const struct ruling *at;
    struct id128 matcher;
    struct digest catalogue;
    bool two_matchers;
    size_t in_entry; /* records put in the entry begun last */
    bool recount_all;
};

static bool same_verdict(const Zb__Verdict *a, const Zb__Verdict *b)
{
    return a->licence_class == b->licence_class && strcmp(a->product, b->product) == 0 &&
           strcmp(a->edition, b->edition) == 0 && strcmp(a->version, b->version) == 0;
}

/* Whether installs look the same by either. */
static bool same_install(const Zb__Verdict *a, const Zb__Verdict *b)
{
    return same_verdict(a, b) && a->grade == b->grade && strcmp(a->category, b->category) == 0 &&
           strcmp(a->fingerprint, b->fingerprint) == 0;
}

static bool verdict_is_valid(const Zb__Verdict *verdict)
{
    return strlen(verdict->product) <= BOUND_PRODUCT_BYTES &&
           (!verdict_accuses(verdict->licence_class) || verdict->product[0] != '\0');
}

static void begin_entry(struct session *session)
{
    if (session->in_entry == 0)
        (void)emit_entry(session->at->out, ENTRY_VERDICT, id128_bytes(&session->matcher),
                         "verdicts");
    session->in_entry = (session->in_entry + 1) % ENTRY_VERDICTS_MOST;
}

/* The record to add an opinion to: of this catalogue, whatever counted before by another. */
static int load_record(struct session *session, uint64_t row, Zb__VerdictRecord **ret_record)
{
    Zb__VerdictRecord *record;
    int r = verdict_of(session->at, row, &record);
    if (r < 0)
        return r;
    if (record == NULL) {
        record = arena_alloc(session->at->arena, sizeof(*record));
        if (record == NULL)
            return -ENOMEM;
        zb__verdict_record__init(record);
    }
    if (!bytes_eq(blob_bytes(record->catalogue), digest_bytes(&session->catalogue))) {
        record->catalogue = blob_of(digest_bytes(&session->catalogue));
        record->n_opinions = 0;
        record->agreed = false;
        record->conflict = false;
    }
    *ret_record = record;
    return 0;
}

/* Adds the opinion. *ret_news tells whether the record changed. */
static int add_opinion(struct session *session, Zb__VerdictRecord *record,
                       const Zb__Verdict *verdict, bool *ret_news)
{
    bool spoken = false;
    *ret_news = false;
    for (size_t i = 0; i < record->n_opinions; i++) {
        spoken = spoken ||
                 bytes_eq(blob_bytes(record->opinions[i]->matcher), id128_bytes(&session->matcher));
        if (!same_verdict(record->opinions[i]->verdict, verdict) && !record->conflict)
            record->conflict = *ret_news = true;
    }
    if (spoken || record->n_opinions >= 2)
        return 0;
    Zb__Opinion *opinion = arena_alloc(session->at->arena, sizeof(*opinion));
    Zb__Verdict *copy = arena_dup(session->at->arena, verdict, sizeof(*verdict));
    Zb__Opinion **list = arena_calloc(session->at->arena, record->n_opinions + 1, sizeof(*list));
    if (opinion == NULL || copy == NULL || list == NULL)
        return -ENOMEM;
    zb__opinion__init(opinion);
    copy->row = copy->catalogue = (ProtobufCBinaryData){ .len = 0, .data = NULL };
    opinion->matcher = blob_of(id128_bytes(&session->matcher));
    opinion->verdict = copy;
    for (size_t i = 0; i < record->n_opinions; i++)
        list[i] = record->opinions[i];
    list[record->n_opinions++] = opinion;
    record->opinions = list;
    *ret_news = true;
    return 0;
}

/* What installs are to follow from now on (NULL: nothing), instead of what they followed. */
static void change_counting(struct session *session, uint64_t row, Zb__VerdictRecord *record,
                            Zb__Verdict *counting)
{
    Zb__Verdict *before = record->counting;
    bool same = before != NULL && counting != NULL && same_install(before, counting);
    record->counting = counting;
    if (same)
        return;
    if (before != NULL && verdict_installs(before))
        record->leaving = before->product;
    else if (before != NULL && (counting == NULL || verdict_installs(counting)))
        session->recount_all = true; /* nothing tells which endpoints have the row */
    emit_follow(session->at->out, &(struct ledger_input){ .kind = INPUT_RECOUNT_ROW, .row = row });
}

static int set_conflict(struct session *session, const struct opinion *opinion,
                        Zb__VerdictRecord *record)
{
    const struct ruling *at = session->at;
    char hex[HEX128_SIZE];
    record->agreed = false;
    if (record->counting != NULL &&
        bytes_eq(blob_bytes(record->counting->catalogue), digest_bytes(&session->catalogue)))
        change_counting(session, opinion->row, record, NULL);
    struct ledger_key key = key_u64(opinion->row);
    emit_put_bytes(at->out, TABLE_TODO, ledger_key_bytes(&key), (struct bytes){ 0 });
    hex_encode(opinion->id.b, sizeof(opinion->id.b), hex);
    return alarm_raise(at, ALARM_MATCHER_CONFLICT, hex,
                       "matchers differ on a row: neither verdict counts");
}

static int set_agreed(struct session *session, const struct opinion *opinion,
                      Zb__VerdictRecord *record)
{
    Zb__Verdict *counting = arena_dup(session->at->arena, opinion->verdict, sizeof(*counting));
    if (counting == NULL)
        return -ENOMEM;
    counting->row = (ProtobufCBinaryData){ .len = 0, .data = NULL };
    counting->catalogue = blob_of(digest_bytes(&session->catalogue));
    record->agreed = true;
    change_counting(session, opinion->row, record, counting);
    struct ledger_key key = key_u64(opinion->row);
    emit_del(session->at->out, TABLE_TODO, ledger_key_bytes(&key));
    return 0;
}

static int take_opinion(struct session *session, const struct opinion *opinion)
{
    const struct ruling *at = session->at;
    Zb__VerdictRecord *record;
    bool news;
    int r = load_record(session, opinion->row, &record);
    if (r < 0)
        return r;
    bool conflict_before = record->conflict;
    r = add_opinion(session, record, opinion->verdict, &news);
    if (r < 0)
        return r;
    size_t wanted =
        session->two_matchers && verdict_accuses(opinion->verdict->licence_class) ? 2 : 1;
    bool suffices = !record->conflict && !record->agreed && record->n_opinions >= wanted;
    if (!news && !suffices) /* one that did not suffice does, once its matcher is the only one */
        return 0;
    begin_entry(session);
    if (record->conflict && !conflict_before)
        r = set_conflict(session, opinion, record);
    else if (suffices)
        r = set_agreed(session, opinion, record);
    else if (!record->conflict && !record->agreed)
        emit_judge(at->out, opinion->id);
    if (r < 0)
        return r;
    struct ledger_key key = key_u64(opinion->row);
    emit_put(at->out, TABLE_VERDICT, ledger_key_bytes(&key), &record->base);
    return output_error(at->out);
}

static int opinion_cmp(const void *a, const void *b)
{
    const struct opinion *x = a, *y = b;
    if (x->row != y->row)
        return x->row < y->row ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* The verdicts that may count: of the active catalogue, of known rows, the first of each row. */
static int choose(struct session *session, Zb__Verdict *const *verdicts, size_t count,
                  struct opinion **ret_list, size_t *ret_count)
{
    const struct ruling *at = session->at;
    struct opinion *list = arena_calloc(at->arena, count, sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    size_t found = 0, kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct opinion opinion = { .index = i, .verdict = verdicts[i] };
        if (!id128_of(blob_bytes(verdicts[i]->row), &opinion.id) ||
            !bytes_eq(blob_bytes(verdicts[i]->catalogue), digest_bytes(&session->catalogue)) ||
            !verdict_is_valid(verdicts[i]))
            continue;
        int r = ledger_get_u64(at->view, INDEX_ROW, key_id(id128_bytes(&opinion.id)), &opinion.row);
        if (r < 0 && r != -ENOENT)
            return r;
        if (r == 0)
            list[found++] = opinion;
    }
    if (found > 1)
        qsort(list, found, sizeof(*list), opinion_cmp);
    for (size_t i = 0; i < found; i++)
        if (kept == 0 || list[i].row != list[kept - 1].row)
            list[kept++] = list[i];
    *ret_list = list;
    *ret_count = kept;
    return 0;
}

int rule_verdicts(const struct ruling *at, struct id128 matcher, Zb__Verdict *const *verdicts,
                  size_t count)
{
    struct session session = { .at = at, .matcher = matcher };
    Zb__StateRecord *matchers;
    bool active;
    int r = key_is_active(at, matcher, ROLE_MATCHER, &active);
    if (r < 0)
        return r;
    if (!active) {
        emit_refused(at->out, REFUSAL_WRONG_ROLE);
        return 0;
    }
    r = active_catalogue(at, &session.catalogue);
    if (r < 0)
        return r == -ENOENT ? 0 : r; /* nothing to judge by: all are of another catalogue */
    r = state_get(at, STATE_MATCHERS, &matchers);
    if (r < 0)
        return r;
    session.two_matchers = matchers->number >= 2;
    struct opinion *list;
    size_t kept;
    r = choose(&session, verdicts, count, &list, &kept);
    for (size_t i = 0; r == 0 && i < kept; i++)
        r = take_opinion(&session, &list[i]);
    if (r == 0 && session.recount_all)
        r = recount_again(at);
    return r < 0 ? r : output_error(at->out);
}

/* ---- what is to be judged ---- */

/* Whether this matcher's word on the row is wanted: it has not spoken, or is the only one left. */
static int is_wanted(const struct ledger_view *view, struct id128 matcher, uint64_t row,
                     struct bytes catalogue, bool alone, struct arena *arena, bool *ret_wanted)
{
    Zb__VerdictRecord *record;
    int r = LEDGER_GET(view, TABLE_VERDICT, key_u64(row), arena, &record);
    *ret_wanted = true;
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (!bytes_eq(blob_bytes(record->catalogue), catalogue))
        return 0;
    *ret_wanted = !record->conflict;
    for (size_t i = 0; i < record->n_opinions; i++)
        if (bytes_eq(blob_bytes(record->opinions[i]->matcher), id128_bytes(&matcher)))
            *ret_wanted = *ret_wanted && alone;
    return 0;
}

int todo_list(const struct ledger_view *view, struct id128 matcher, uint64_t from,
              struct arena *arena, uint64_t *out, size_t cap, size_t *ret_count, uint64_t *ret_next)
{
    Zb__StateRecord *state, *matchers;
    size_t count = 0;
    uint64_t next = from;
    bool alone = true;
    int r = LEDGER_GET(view, TABLE_STATE, key_name(STATE_CATALOGUE), arena, &state);
    if (r == 0 && LEDGER_GET(view, TABLE_STATE, key_name(STATE_MATCHERS), arena, &matchers) == 0)
        alone = matchers->number < 2;
    for (size_t looked = 0; r == 0 && count < cap && looked < TODO_LOOKED_AT * cap; looked++) {
        struct ledger_key key = key_u64(next);
        struct bytes at, value;
        r = view->seek(view->ctx, TABLE_TODO, ledger_key_bytes(&key), &at, &value);
        if (r < 0)
            break;
        if (at.size != 8)
            return -EBADMSG;
        uint64_t row = get_u64be(at.data);
        bool wanted;
        r = is_wanted(view, matcher, row, blob_bytes(state->bytes), alone, arena, &wanted);
        if (r == 0 && wanted)
            out[count++] = row;
        next = row + 1;
    }
    if (r < 0 && r != -ENOENT)
        return r;
    *ret_count = count;
    *ret_next = r == -ENOENT ? 0 : next;
    return 0;
}
