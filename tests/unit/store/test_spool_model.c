/* Random adds, sequences, outcomes and epochs, held against a model in a few arrays that keeps
 * whole reports and knows nothing of references, marks or tables. */
#include "spool_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "base/rng.h"

enum { DEVICES = 4, QUEUE_MAX = 512, SEQUENCES_MAX = 1024, STEPS = 250 };

struct modelled {
    struct say say;
    uint64_t sequence;
    bool was_given;
};

struct model {
    struct modelled queue[QUEUE_MAX]; /* in spooled order */
    size_t count;
    struct say base[DEVICES];
    bool has_base[DEVICES];
    unsigned known_rows; /* bit i: the ledger has row i */
    struct stream_position position;
    struct digest digest[SEQUENCES_MAX];
    bool settled[SEQUENCES_MAX];
    uint64_t spooled, applied, refused, superseded;
};

static bool same(const struct say *a, const struct say *b)
{
    return a->rows == b->rows && a->facts == b->facts && a->incomplete == b->incomplete &&
           ((a->rows & 1) == 0 || a->evidence == b->evidence);
}

/* The report before queue[at] of the same device, or the device's base; NULL when none. */
static const struct say *before(const struct model *m, size_t at, unsigned device)
{
    while (at-- > 0)
        if (m->queue[at].say.device == device)
            return &m->queue[at].say;
    return m->has_base[device] ? &m->base[device] : NULL;
}

static void model_add(struct model *m, const struct say *say)
{
    m->spooled++;
    size_t newest = m->count;
    while (newest > 0 && m->queue[newest - 1].say.device != say->device)
        newest--;
    if (newest > 0) {
        const struct modelled *old = &m->queue[--newest];
        const struct say *older = before(m, newest, say->device);
        if (!old->was_given && same(&old->say, say) && older != NULL && same(older, &old->say)) {
            m->superseded++;
            return;
        }
    }
    cr_assert(lt(sz, m->count, QUEUE_MAX));
    m->queue[m->count++] = (struct modelled){ .say = *say };
}

static size_t model_assign(struct model *m, size_t most)
{
    size_t assigned = 0;
    for (size_t i = 0; i < m->count && assigned < most; i++) {
        bool waits = m->queue[i].sequence != 0;
        for (size_t k = 0; k < i; k++)
            waits = waits || m->queue[k].say.device == m->queue[i].say.device;
        if (waits)
            continue;
        m->queue[i].sequence = m->position.next_sequence++;
        m->queue[i].was_given = true;
        assigned++;
    }
    return assigned;
}

static struct modelled *model_find(struct model *m, uint64_t sequence)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->queue[i].sequence == sequence)
            return &m->queue[i];
    return NULL;
}

static void model_settle(struct model *m, uint64_t sequence, Zb__OutcomeKind kind, unsigned rows)
{
    struct modelled *found = model_find(m, sequence);
    if (found == NULL)
        return; /* settled already */
    unsigned device = found->say.device;
    if (kind == OUTCOME_NEED_FULL) {
        m->has_base[device] = false;
        return;
    }
    if (kind == OUTCOME_NEED_ROWS) {
        m->known_rows &= ~rows;
        if (m->has_base[device] && same(&m->base[device], &found->say))
            m->has_base[device] = false;
        return;
    }
    if (kind == OUTCOME_APPLIED) {
        bool known =
            m->has_base[device] && m->base[device].rows == found->say.rows &&
            ((found->say.rows & 1) == 0 || m->base[device].evidence == found->say.evidence);
        if (!known) /* a set that was the base's already is not looked at again */
            m->known_rows |= found->say.rows;
        m->base[device] = found->say;
        m->has_base[device] = true;
        m->applied++;
    } else {
        m->refused++;
    }
    m->settled[sequence] = true;
    memmove(found, found + 1, (size_t)(m->queue + m->count - (found + 1)) * sizeof(*found));
    m->count--;
    while (m->position.floor < m->position.next_sequence && m->settled[m->position.floor])
        m->position.chain = chain_next(m->position.chain, m->digest[m->position.floor++]);
}

static void model_epoch(struct model *m, uint64_t epoch, bool behind)
{
    m->position = (struct stream_position){ .epoch = epoch, .next_sequence = 1, .floor = 1 };
    memset(m->settled, 0, sizeof(m->settled));
    for (size_t i = 0; i < m->count; i++)
        m->queue[i].sequence = 0;
    if (!behind)
        return;
    memset(m->has_base, 0, sizeof(m->has_base));
    m->known_rows = 0;
}

/* ---- comparing --------------------------------------------------------------------------------- */

/* Which fixture rows the event carries, as bits. */
static unsigned carried(const struct outgoing_event *out)
{
    unsigned bits = 0;
    for (size_t k = 0; k < out->row_count; k++)
        for (unsigned i = 0; i < FIXTURE_ROWS; i++)
            if (bytes_eq(out->rows[k], fixture_row(i)))
                bits |= 1u << i;
    cr_assert(eq(sz, (size_t)__builtin_popcount(bits), out->row_count), "each once");
    return bits;
}

static unsigned listed(const struct outgoing_event *out)
{
    unsigned bits = 0;
    for (size_t s = 0; s < out->set->n_sets; s++)
        for (size_t k = 0; k < out->set->sets[s]->rows.len; k += 16)
            for (unsigned i = 0; i < FIXTURE_ROWS; i++) {
                struct id128 id = fixture_row_id(i);
                if (i % 2 == s && memcmp(id.b, out->set->sets[s]->rows.data + k, 16) == 0)
                    bits |= 1u << i;
            }
    return bits;
}

static void compare_event(struct spool *spool, struct model *m, const struct modelled *want)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 20);
    struct outgoing_event out = { 0 };
    cr_assert(eq(int, spool_event(spool, want->sequence, false, arena, &out), 0));
    const struct say *base = m->has_base[want->say.device] ? &m->base[want->say.device] : NULL;
    bool unchanged = base != NULL && same(base, &want->say);
    cr_assert(eq(int, (int)out.event.kind, unchanged ? EVENT_UNCHANGED : EVENT_FULL));
    cr_assert(eq(i64, out.event.scan_ms, want->say.scan_ms));
    struct digest digest = event_digest(fixture_producer, m->position.epoch, &out.event);
    cr_assert(digest_eq(digest, out.digest));
    m->digest[want->sequence] = digest;
    if (unchanged)
        return;
    cr_assert(eq(uint, listed(&out), want->say.rows));
    cr_assert(eq(uint, carried(&out), want->say.rows & ~m->known_rows));
    bool facts = want->say.facts != 0 && (base == NULL || base->facts != want->say.facts);
    cr_assert(eq(int, out.facts.size > 0, facts));
    bool evidence = (want->say.rows & 1) != 0 && want->say.evidence != 0;
    cr_assert(eq(sz, out.evidence_count, evidence));
}

static void compare(struct spool *spool, struct model *m)
{
    struct spool_counts counts = { 0 };
    struct stream_position position = { 0 };
    cr_assert(eq(int, spool_counts(spool, &counts), 0));
    cr_assert(eq(u64, counts.spooled, m->spooled));
    cr_assert(eq(u64, counts.applied, m->applied));
    cr_assert(eq(u64, counts.refused, m->refused));
    cr_assert(eq(u64, counts.superseded, m->superseded));
    cr_assert(eq(u64, counts.pending, m->count));
    cr_assert(eq(int, spool_position(spool, &position), 0));
    cr_assert(eq(u64, position.epoch, m->position.epoch));
    cr_assert(eq(u64, position.floor, m->position.floor));
    cr_assert(eq(u64, position.next_sequence, m->position.next_sequence));
    cr_assert(digest_eq(position.chain, m->position.chain));
    for (size_t i = 0; i < m->count; i++)
        if (m->queue[i].sequence != 0)
            compare_event(spool, m, &m->queue[i]);
    spool_audit(spool);
}

/* ---- steps ------------------------------------------------------------------------------------- */

static struct say some_say(struct rng *rng, int64_t scan_ms)
{
    static const unsigned choices[] = { 0, 1, 3, 6, 7, 0xF0, 0xFF };
    return (struct say){ .device = (unsigned)rng_below(rng, DEVICES),
                         .rows = choices[rng_below(rng, ARRAY_LEN(choices))],
                         .facts = (unsigned)rng_below(rng, 2),
                         .evidence = rng_chance(rng, 1, 8) ? 1 : 0,
                         .incomplete = rng_chance(rng, 1, 10),
                         .scan_ms = scan_ms };
}

static void step_add(struct spool *spool, struct model *m, struct rng *rng, int64_t now_ms)
{
    struct said *said[3];
    struct spool_report reports[3];
    size_t count = 1 + rng_below(rng, 3);
    for (size_t i = 0; i < count; i++) {
        struct say say = some_say(rng, now_ms * 10 + (int64_t)i);
        const struct say *last = before(m, m->count, say.device);
        if (last != NULL && rng_chance(rng, 2, 3)) { /* scans mostly find what they found */
            int64_t scan_ms = say.scan_ms;
            say = *last;
            say.scan_ms = scan_ms;
        }
        said[i] = said_new(&say);
        reports[i] = *said_report(said[i]);
        model_add(m, &say);
    }
    cr_assert(eq(int, spool_add_many(spool, reports, count, now_ms, NULL), 0));
    while (count-- > 0)
        said_free(said[count]);
}

static void step_settle(struct spool *spool, struct model *m, struct rng *rng)
{
    static const Zb__OutcomeKind kinds[] = {
        OUTCOME_APPLIED, OUTCOME_APPLIED,   OUTCOME_APPLIED,
        OUTCOME_REFUSED, OUTCOME_NEED_FULL, OUTCOME_NEED_ROWS
    };
    struct settled_outcome outcomes[4];
    struct id128 rows[FIXTURE_ROWS];
    size_t count = 0, row_count = 0;
    unsigned bits = (unsigned)rng_below(rng, 1u << FIXTURE_ROWS);
    for (unsigned i = 0; i < FIXTURE_ROWS; i++)
        if ((bits >> i & 1) != 0)
            rows[row_count++] = fixture_row_id(i);
    for (size_t n = 1 + rng_below(rng, 4); n > 0; n--) {
        if (m->position.next_sequence == 1)
            return;
        uint64_t sequence = 1 + rng_below(rng, m->position.next_sequence - 1);
        if (m->settled[sequence] && rng_chance(rng, 3, 4))
            continue; /* some settlements arrive twice */
        Zb__OutcomeKind kind = kinds[rng_below(rng, ARRAY_LEN(kinds))];
        outcomes[count++] = (struct settled_outcome){ .sequence = sequence,
                                                      .digest = m->digest[sequence],
                                                      .kind = kind,
                                                      .rows = rows,
                                                      .row_count = row_count };
        model_settle(m, sequence, kind, bits);
    }
    cr_assert(eq(int, spool_settle(spool, m->position.epoch, outcomes, count, 7), 0));
}

static void step(struct spool **spool, const char *path, struct model *m, struct rng *rng,
                 int64_t now_ms)
{
    uint64_t dice = rng_below(rng, 100);
    if (dice < 40 && m->count + 3 < QUEUE_MAX) {
        step_add(*spool, m, rng, now_ms);
    } else if (dice < 65) {
        size_t most = rng_below(rng, 5), assigned = 0;
        cr_assert(eq(int, spool_assign(*spool, most, &assigned), 0));
        cr_assert(eq(sz, assigned, model_assign(m, most)));
    } else if (dice < 94) {
        step_settle(*spool, m, rng);
    } else if (dice < 98) {
        uint64_t epoch = m->position.epoch + 1 + rng_below(rng, 3);
        bool behind = rng_chance(rng, 1, 2);
        cr_assert(eq(int, spool_epoch(*spool, epoch, behind), 0));
        model_epoch(m, epoch, behind);
    } else {
        spool_close(*spool);
        *spool = spool_at(path);
    }
}

static void run(uint64_t seed)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(freep) struct model *m = calloc(1, sizeof(*m));
    struct rng rng = rng_init(seed);
    struct spool *spool = spool_at(dir->path);
    m->position = (struct stream_position){ .epoch = 1, .next_sequence = 1, .floor = 1 };
    for (int64_t i = 1; i <= STEPS && m->position.next_sequence < SEQUENCES_MAX - 8; i++) {
        step(&spool, dir->path, m, &rng, i);
        compare(spool, m);
    }
    cr_assert(gt(u64, m->applied, 0));
    spool_close(spool);
}

Test(spool_model, agrees_with_a_simple_model, .timeout = 100)
{
    const char *given = getenv("ZB_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) * 1000003u;
    for (uint64_t i = 0; i < 4; i++) {
        (void)fprintf(stderr, "spool_model: ZB_TEST_SEED=%" PRIu64 "\n", seed + i);
        run(seed + i);
    }
}
