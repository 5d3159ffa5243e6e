/* position.c - what a product's installs and rights come to, unit by unit.
 *
 * Reads tallies (tally.h), never installs, so the cost is units × variants × rights within reach:
 * five thousand units of one product are a few milliseconds. Counts every unit of the product at
 * once, because a pool above several units binds them together; writes only what differs. */
#include "ledger/rules.h"

#include <errno.h>

#include "base/civil.h"
#include "ledger/allocate.h"
#include "ledger/install.h"
#include "ledger/tally.h"
#include "ledger/version.h"

enum { ENTRY_POSITIONS_MOST = 512 };

/* A growing list in the arena. */
struct vector {
    void *item;
    size_t count, room;
};

/* A unit that has installs, rights or a position of the product, or stands above one that does. */
struct place {
    const char *id;
    const char *parent;
    bool involved; /* has one of these itself */
};

/* A right of the product that is in force no longer, or not yet, or is. */
struct claim {
    Zb__RightRecord *right;
    size_t unit;
    bool in_force;
    bool ended;
};

struct count {
    const struct ruling *at;
    const char *product;
    int32_t today;
    struct vector tallies; /* struct tally, by unit */
    struct vector claims;  /* struct claim, ascending id */
    struct vector places;  /* struct place, ascending id once sorted */
    struct allocation allocation;
    size_t *tally_demand; /* by tally: its demand + 1; 0: needs no right */
    size_t in_entry;
};

static void *vector_add(struct vector *v, size_t item_bytes, struct arena *arena)
{
    if (v->count == v->room) {
        size_t room = v->room == 0 ? 16 : v->room * 2;
        void *grown = arena_calloc(arena, room, item_bytes);
        if (grown == NULL)
            return NULL;
        if (v->count > 0)
            memcpy(grown, v->item, v->count * item_bytes);
        v->item = grown;
        v->room = room;
    }
    return (uint8_t *)v->item + v->count++ * item_bytes;
}

/* ---- loading ---- */

static int add_place(struct count *count, const char *id, bool involved)
{
    struct place *place = vector_add(&count->places, sizeof(*place), count->at->arena);
    if (place == NULL)
        return -ENOMEM;
    *place = (struct place){ .id = id, .involved = involved };
    return 0;
}

static int load_tallies(struct count *count)
{
    struct arena *arena = count->at->arena;
    struct ledger_walk walk = tally_walk(count->at->view, count->product, NULL);
    struct tally tally;
    int r;
    while ((r = tally_next(&walk, arena, &tally)) == 0) {
        const struct tally *last = count->tallies.count == 0 ? NULL
                                                             : (struct tally *)count->tallies.item +
                                                                   count->tallies.count - 1;
        if (last == NULL || strcmp(last->unit, tally.unit) != 0) {
            r = add_place(count, tally.unit, true);
            if (r < 0)
                return r;
        }
        struct tally *slot = vector_add(&count->tallies, sizeof(tally), arena);
        if (slot == NULL)
            return -ENOMEM;
        *slot = tally;
    }
    return r == -ENOENT ? 0 : r;
}

static int load_claims(struct count *count)
{
    const struct ruling *at = count->at;
    struct ledger_walk walk = ledger_walk(at->view, INDEX_RIGHT, key_prefix(count->product, NULL));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        struct claim *claim = vector_add(&count->claims, sizeof(*claim), at->arena);
        if (claim == NULL)
            return -ENOMEM;
        if (key.size < 8)
            return -EBADMSG;
        r = LEDGER_GET(at->view, TABLE_RIGHT, key_u64(get_u64be(key.data + key.size - 8)),
                       at->arena, &claim->right);
        if (r < 0)
            return r == -ENOENT ? -EBADMSG : r;
        claim->ended = claim->right->to_day != 0 && claim->right->to_day < count->today;
        claim->in_force = !claim->ended && claim->right->from_day <= count->today;
        r = add_place(count, claim->right->unit, true);
        if (r < 0)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

static int place_cmp(const void *a, const void *b)
{
    return strcmp(((const struct place *)a)->id, ((const struct place *)b)->id);
}

static struct place *place_find(const struct count *count, const char *id)
{
    const struct place key = { .id = id };
    return count->places.count == 0
               ? NULL
               : bsearch(&key, count->places.item, count->places.count, sizeof(key), place_cmp);
}

/* Sorts places and drops repeats. */
static void sort_places(struct count *count)
{
    struct place *place = count->places.item;
    size_t kept = 0;
    if (count->places.count > 1)
        qsort(place, count->places.count, sizeof(*place), place_cmp);
    for (size_t i = 0; i < count->places.count; i++) {
        if (kept > 0 && strcmp(place[kept - 1].id, place[i].id) == 0) {
            place[kept - 1].involved = place[kept - 1].involved || place[i].involved;
            if (place[kept - 1].parent == NULL)
                place[kept - 1].parent = place[i].parent;
        } else {
            place[kept++] = place[i];
        }
    }
    count->places.count = kept;
}

/* The units above, up to the top. Each round adds one level, so there are at most as many rounds as
 * the tree is deep. */
static int load_parents(struct count *count)
{
    const struct ruling *at = count->at;
    for (bool grew = true; grew;) {
        sort_places(count);
        grew = false;
        for (size_t i = 0, end = count->places.count; i < end; i++) {
            struct place *place = (struct place *)count->places.item + i;
            Zb__UnitRecord *unit;
            if (place->parent != NULL)
                continue;
            int r = LEDGER_GET(at->view, TABLE_UNIT, key_text(place->id), at->arena, &unit);
            if (r < 0 && r != -ENOENT)
                return r;
            place->parent = r == 0 ? unit->parent : "";
            if (place->parent[0] == '\0')
                continue;
            grew = true;
            r = add_place(count, place->parent, false);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static size_t place_index(const struct count *count, const char *id)
{
    const struct place *place = id[0] == '\0' ? NULL : place_find(count, id);
    return place == NULL ? NO_PARENT : (size_t)(place - (struct place *)count->places.item);
}

/* ---- allocating ---- */

/* Free, open and unknown software needs no right; prohibited software has none. */
static bool needs_right(Zb__LicenceClass class)
{
    return class == CLASS_COMMERCIAL || class == CLASS_OEM_BOUND || class == CLASS_TRIAL;
}

static bool is_at_risk(const struct count *count, const Zb__RightRecord *right)
{
    int64_t end = (int64_t)count->today + count->at->rules->lookahead_days;
    return right->proof.len == 0 || (right->to_day != 0 && right->to_day <= end);
}

static int fill_allocation(struct count *count)
{
    struct arena *arena = count->at->arena;
    struct allocation *in = &count->allocation;
    const struct tally *tally = count->tallies.item;
    struct claim *claim = count->claims.item;
    size_t units = count->places.count;
    size_t *parent = arena_calloc(arena, units, sizeof(*parent));
    in->holdings = arena_calloc(arena, count->claims.count, sizeof(*in->holdings));
    in->demands = arena_calloc(arena, count->tallies.count, sizeof(*in->demands));
    count->tally_demand = arena_calloc(arena, count->tallies.count, sizeof(size_t));
    if (parent == NULL || in->holdings == NULL || in->demands == NULL ||
        count->tally_demand == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < units; i++)
        parent[i] = place_index(count, ((struct place *)count->places.item)[i].parent);
    in->parent = parent;
    in->unit_count = units;
    for (size_t i = 0; i < count->claims.count; i++) {
        claim[i].unit = place_index(count, claim[i].right->unit);
        if (claim[i].in_force)
            in->holdings[in->holding_count++] =
                (struct holding){ .right = claim[i].right,
                                  .unit = claim[i].unit,
                                  .at_risk = is_at_risk(count, claim[i].right) };
    }
    for (size_t i = 0; i < count->tallies.count; i++) {
        if (tally[i].count == 0 || !needs_right(tally[i].licence_class))
            continue;
        in->demands[in->demand_count++] =
            (struct demand){ .unit = place_index(count, tally[i].unit),
                             .edition = tally[i].edition,
                             .version = tally[i].version,
                             .count = tally[i].count };
        count->tally_demand[i] = in->demand_count;
    }
    return allocate_run(in, arena);
}

/* ---- reasons of a shortage ---- */

/* Whether the holder of a right serves a unit. */
static bool serves(const struct count *count, const struct claim *claim, size_t unit)
{
    if (claim->unit == unit)
        return true;
    for (size_t u = unit; claim->right->subtree && u != NO_PARENT; u = count->allocation.parent[u])
        if (u == claim->unit)
            return true;
    return false;
}

static void add_reason(const struct count *count, const struct demand *demand,
                       Zb__PositionRecord *position)
{
    uint64_t missing = demand->count - demand->covered;
    bool ended = false, mismatched = false;
    if (missing == 0 || demand->any_candidate)
        return; /* too few: what no other reason names */
    const struct claim *claim = count->claims.item;
    for (size_t i = 0; i < count->claims.count; i++) {
        if ((!claim[i].ended && !claim[i].in_force) || !serves(count, &claim[i], demand->unit))
            continue;
        if (right_matches(claim[i].right, demand->edition, demand->version) == MATCH_NO)
            mismatched = true;
        else
            ended = true; /* one in force that matched would be a candidate */
    }
    if (ended)
        position->ended += missing;
    else if (mismatched)
        position->mismatched += missing;
    else
        position->never += missing;
}

/* ---- writing ---- */

static int class_rank(Zb__LicenceClass class)
{
    static const int rank[] = {
        [CLASS_UNKNOWN] = 1,   [CLASS_FREE] = 0,       [CLASS_TRIAL] = 2,
        [CLASS_OEM_BOUND] = 3, [CLASS_COMMERCIAL] = 4, [CLASS_PROHIBITED] = 5,
    };
    return (unsigned)class < ARRAY_LEN(rank) ? rank[class] : 0;
}

/* Adds one tally's installs; the gravest class names the position. */
static void add_tally(const struct count *count, size_t index, Zb__PositionRecord *position,
                      bool *class_set)
{
    const struct tally *tally = (const struct tally *)count->tallies.item + index;
    if (tally->count == 0)
        return;
    position->installed += tally->count;
    if (tally->stale)
        position->stale += tally->count;
    int by_class = class_rank(tally->licence_class) - class_rank(position->licence_class);
    if (!*class_set || by_class > 0 ||
        (by_class == 0 && strcmp(tally->category, position->category) < 0)) {
        position->licence_class = tally->licence_class;
        position->category = (char *)(uintptr_t)tally->category; /* only read */
        *class_set = true;
    }
    if (tally->licence_class == CLASS_PROHIBITED)
        position->short_of += tally->count;
    if (count->tally_demand[index] == 0)
        return;
    const struct demand *demand = &count->allocation.demands[count->tally_demand[index] - 1];
    position->consumed += demand->covered;
    position->short_of += demand->count - demand->covered;
    position->at_risk += demand->at_risk;
    if (demand->doubtful)
        position->unknown += demand->count;
    add_reason(count, demand, position);
}

static bool position_equal(const Zb__PositionRecord *a, const Zb__PositionRecord *b)
{
    return a->installed == b->installed && a->entitled == b->entitled &&
           a->consumed == b->consumed && a->idle == b->idle && a->short_of == b->short_of &&
           a->at_risk == b->at_risk && a->unknown == b->unknown && a->stale == b->stale &&
           a->ended == b->ended && a->mismatched == b->mismatched && a->never == b->never &&
           a->licence_class == b->licence_class && strcmp(a->category, b->category) == 0 &&
           bytes_eq(blob_bytes(a->catalogue), blob_bytes(b->catalogue));
}

static void begin_entry(struct count *count)
{
    if (count->in_entry == 0)
        (void)emit_entry(count->at->out, ENTRY_POSITION, (struct bytes){ 0 }, "position of %s",
                         count->product);
    count->in_entry = (count->in_entry + 1) % ENTRY_POSITIONS_MOST;
}

/* Writes a unit's position where it differs from the one that stands. A unit with neither installs
 * nor rights has none. */
static int write_position(struct count *count, const char *unit, Zb__PositionRecord *position,
                          bool has_rights)
{
    const struct ruling *at = count->at;
    struct ledger_key key = key_text_text_u8(unit, count->product, METRIC_DEVICE);
    Zb__PositionRecord *old;
    int r = LEDGER_GET(at->view, TABLE_POSITION, key, at->arena, &old);
    if (r < 0 && r != -ENOENT)
        return r;
    bool none = position->installed == 0 && !has_rights;
    if (none && old == NULL)
        return 0;
    if (none) {
        begin_entry(count);
        emit_del(at->out, TABLE_POSITION, ledger_key_bytes(&key));
        emit_assess(at->out, unit, count->product);
        return output_error(at->out);
    }
    if (old != NULL && position_equal(old, position))
        return 0;
    position->at_ms = at->now_ms;
    begin_entry(count);
    emit_put(at->out, TABLE_POSITION, ledger_key_bytes(&key), &position->base);
    emit_assess(at->out, unit, count->product);
    return output_error(at->out);
}

/* Positions of all places in one pass: tallies and holdings lie in the order of units. */
static int write_all(struct count *count, struct bytes catalogue)
{
    const struct place *place = count->places.item;
    const struct tally *tally = count->tallies.item;
    const struct allocation *in = &count->allocation;
    size_t t = 0, h = 0;
    int r = 0;
    bool *holds = arena_calloc(count->at->arena, count->places.count, sizeof(*holds));
    if (holds == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count->claims.count; i++)
        holds[((struct claim *)count->claims.item)[i].unit] = true;
    for (size_t i = 0; r == 0 && i < count->places.count; i++) {
        Zb__PositionRecord position = ZB__POSITION_RECORD__INIT;
        bool class_set = false;
        position.catalogue = blob_of(catalogue);
        for (; t < count->tallies.count && strcmp(tally[t].unit, place[i].id) == 0; t++)
            add_tally(count, t, &position, &class_set);
        for (; h < in->holding_count && in->holdings[h].unit == i; h++) {
            position.entitled += in->holdings[h].right->quantity;
            position.idle += in->holdings[h].right->quantity - in->holdings[h].used;
        }
        if (place[i].involved)
            r = write_position(count, place[i].id, &position, holds[i]);
    }
    return r;
}

int rule_position(const struct ruling *at, const char *product)
{
    struct count count = { .at = at, .product = product, .today = civil_day_at(at->now_ms) };
    struct digest active;
    int r = active_catalogue(at, &active);
    if (r < 0 && r != -ENOENT)
        return r;
    struct bytes catalogue = r == 0 ? digest_bytes(&active) : (struct bytes){ 0 };
    r = load_tallies(&count);
    if (r == 0)
        r = load_claims(&count);
    if (r == 0)
        r = load_parents(&count);
    if (r == 0)
        r = fill_allocation(&count);
    return r < 0 ? r : write_all(&count, catalogue);
}
