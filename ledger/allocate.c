/* allocate.c - greedy by preference, then augmenting paths where bounds overlap. */
#include "ledger/allocate.h"

#include <errno.h>

#include "ledger/version.h"

/* What one demand got of one holding. */
struct share {
    size_t demand, holding;
    uint64_t amount;
    struct share *next_of_holding;
    struct share *next_of_demand;
};

struct work {
    struct allocation *in;
    struct arena *arena;
    size_t *first; /* by unit: its holdings are [first[u], first[u + 1]) */
    struct share **of_holding;
    struct share **of_demand;
    bool *dead; /* holdings from which no path leads to a free one, now and ever after */
    bool no_memory;
};

static bool has_bounds(const Zb__RightRecord *right)
{
    return right->n_editions > 0 || right->version_low[0] != '\0' || right->version_high[0] != '\0';
}

static int holding_cmp(const void *a, const void *b)
{
    const struct holding *x = a, *y = b;
    if (x->unit != y->unit)
        return x->unit < y->unit ? -1 : 1;
    if (has_bounds(x->right) != has_bounds(y->right))
        return has_bounds(x->right) ? -1 : 1;
    if (x->at_risk != y->at_risk)
        return x->at_risk ? 1 : -1;
    return (x->right->id > y->right->id) - (x->right->id < y->right->id);
}

/* Walks the holdings that may cover a demand, in order of preference. */
struct candidates {
    const struct work *work;
    const struct demand *demand;
    size_t unit;
    size_t at;
};

static struct candidates candidates_of(const struct work *work, const struct demand *demand)
{
    return (struct candidates){
        .work = work, .demand = demand, .unit = demand->unit, .at = work->first[demand->unit]
    };
}

static bool candidates_next(struct candidates *c, size_t *ret_holding, enum match *ret_match)
{
    const struct allocation *in = c->work->in;
    while (c->unit != NO_PARENT) {
        for (; c->at < c->work->first[c->unit + 1]; c->at++) {
            const struct holding *holding = &in->holdings[c->at];
            if (holding->unit != c->demand->unit && !holding->right->subtree)
                continue;
            *ret_match = right_matches(holding->right, c->demand->edition, c->demand->version);
            if (*ret_match == MATCH_NO)
                continue;
            *ret_holding = c->at++;
            return true;
        }
        c->unit = in->parent[c->unit];
        if (c->unit != NO_PARENT)
            c->at = c->work->first[c->unit];
    }
    return false;
}

static struct share *share_of(struct work *work, size_t demand, size_t holding)
{
    for (struct share *s = work->of_demand[demand]; s != NULL; s = s->next_of_demand)
        if (s->holding == holding)
            return s;
    struct share *s = arena_calloc(work->arena, 1, sizeof(*s));
    if (s == NULL) {
        work->no_memory = true;
        return NULL;
    }
    *s = (struct share){ .demand = demand,
                         .holding = holding,
                         .next_of_holding = work->of_holding[holding],
                         .next_of_demand = work->of_demand[demand] };
    work->of_holding[holding] = s;
    work->of_demand[demand] = s;
    return s;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t spare(const struct holding *holding)
{
    return holding->right->quantity - holding->used;
}

static void serve(struct work *work, size_t index)
{
    struct demand *demand = &work->in->demands[index];
    struct candidates c = candidates_of(work, demand);
    size_t holding;
    enum match match;
    demand->doubtful = true;
    while (candidates_next(&c, &holding, &match)) {
        demand->any_candidate = true;
        demand->doubtful = demand->doubtful && match == MATCH_DOUBT;
        struct holding *h = &work->in->holdings[holding];
        uint64_t amount = least(demand->count - demand->covered, spare(h));
        struct share *share = amount == 0 ? NULL : share_of(work, index, holding);
        if (share == NULL)
            continue;
        share->amount += amount;
        h->used += amount;
        demand->covered += amount;
    }
    demand->doubtful = demand->doubtful && demand->any_candidate;
}

/* A search from one short demand: how each holding was reached. */
struct search {
    bool *reached;
    struct share **by; /* the share that would be moved to it; NULL: the short demand itself */
    size_t *queue;
    size_t queued;
};

static void reach(struct work *work, struct search *search, size_t demand, struct share *by)
{
    struct candidates c = candidates_of(work, &work->in->demands[demand]);
    size_t holding;
    enum match match;
    while (candidates_next(&c, &holding, &match)) {
        if (search->reached[holding] || work->dead[holding])
            continue;
        search->reached[holding] = true;
        search->by[holding] = by;
        search->queue[search->queued++] = holding;
    }
}

/* Moves as much as the path to `holding` carries: each share on it goes one holding further. */
static void augment(struct work *work, const struct search *search, size_t short_demand,
                    size_t holding)
{
    struct demand *demand = &work->in->demands[short_demand];
    uint64_t amount = least(demand->count - demand->covered, spare(&work->in->holdings[holding]));
    for (struct share *s = search->by[holding]; s != NULL; s = search->by[s->holding])
        amount = least(amount, s->amount);
    work->in->holdings[holding].used += amount;
    for (size_t to = holding;;) {
        struct share *moved = search->by[to];
        struct share *into = share_of(work, moved == NULL ? short_demand : moved->demand, to);
        if (into == NULL)
            return;
        into->amount += amount;
        if (moved == NULL)
            break;
        moved->amount -= amount;
        to = moved->holding;
    }
    demand->covered += amount;
}

/* Looks for a path from a short demand to a holding with something left. */
static bool lessen(struct work *work, size_t short_demand, struct search *search)
{
    memset(search->reached, 0, work->in->holding_count * sizeof(*search->reached));
    search->queued = 0;
    reach(work, search, short_demand, NULL);
    for (size_t i = 0; i < search->queued; i++) {
        size_t holding = search->queue[i];
        if (spare(&work->in->holdings[holding]) > 0) {
            augment(work, search, short_demand, holding);
            return !work->no_memory;
        }
        for (struct share *s = work->of_holding[holding]; s != NULL; s = s->next_of_holding)
            if (s->amount > 0)
                reach(work, search, s->demand, s);
    }
    for (size_t i = 0; i < search->queued; i++)
        work->dead[search->queue[i]] = true;
    return false;
}

static int lessen_all(struct work *work)
{
    size_t count = work->in->holding_count;
    struct search search = {
        .reached = arena_calloc(work->arena, count, sizeof(*search.reached)),
        .by = arena_calloc(work->arena, count, sizeof(struct share *)),
        .queue = arena_calloc(work->arena, count, sizeof(*search.queue)),
    };
    if (search.reached == NULL || search.by == NULL || search.queue == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < work->in->demand_count; i++)
        while (work->in->demands[i].covered < work->in->demands[i].count)
            if (!lessen(work, i, &search))
                break;
    return work->no_memory ? -ENOMEM : 0;
}

static bool work_new(struct work *work)
{
    struct allocation *in = work->in;
    work->first = arena_calloc(work->arena, in->unit_count + 1, sizeof(*work->first));
    work->of_holding = arena_calloc(work->arena, in->holding_count, sizeof(struct share *));
    work->of_demand = arena_calloc(work->arena, in->demand_count, sizeof(struct share *));
    work->dead = arena_calloc(work->arena, in->holding_count, sizeof(*work->dead));
    if (work->first == NULL || work->of_holding == NULL || work->of_demand == NULL ||
        work->dead == NULL)
        return false;
    for (size_t i = 0; i < in->holding_count; i++)
        work->first[in->holdings[i].unit + 1]++;
    for (size_t u = 0; u < in->unit_count; u++)
        work->first[u + 1] += work->first[u];
    return true;
}

int allocate_run(struct allocation *allocation, struct arena *arena)
{
    struct work work = { .in = allocation, .arena = arena };
    bool overlap = false;
    if (allocation->holding_count > 1)
        qsort(allocation->holdings, allocation->holding_count, sizeof(*allocation->holdings),
              holding_cmp);
    if (!work_new(&work))
        return -ENOMEM;
    for (size_t i = 0; i < allocation->holding_count; i++) {
        allocation->holdings[i].used = 0;
        overlap = overlap || has_bounds(allocation->holdings[i].right);
    }
    for (size_t i = 0; i < allocation->demand_count; i++)
        serve(&work, i);
    if (work.no_memory)
        return -ENOMEM;
    int r = overlap ? lessen_all(&work) : 0;
    for (size_t i = 0; r == 0 && i < allocation->demand_count; i++)
        for (struct share *s = work.of_demand[i]; s != NULL; s = s->next_of_demand)
            if (allocation->holdings[s->holding].at_risk)
                allocation->demands[i].at_risk += s->amount;
    return r;
}
