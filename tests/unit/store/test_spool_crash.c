/* Processes that are killed, writes that fail, and two processes at once: the spool stands before
 * a call or after it. */
#include "spool_fixture.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/rng.h"
#include "fault.h"

/* ---- failing writes ---------------------------------------------------------------------------- */

/* A spool in the middle of everything: an applied base, a superseded report, one under way, one
 * settled above the floor, one waiting. Sequences 2 to 4 are in the window. */
static struct spool *busy_spool(const char *path)
{
    static const struct say says[] = {
        { .device = 1, .rows = 7, .facts = 1 },
        { .device = 2, .rows = 5 },
        { .device = 3, .rows = 9, .facts = 2 },
        { .device = 1, .rows = 7, .facts = 1 },
        { .device = 1, .rows = 3 },
    };
    struct spool *spool = spool_at(path);
    size_t assigned;
    cr_assert(eq(int, spool_say(spool, &says[0]), 0));
    cr_assert(eq(int, spool_assign(spool, 1, &assigned), 0));
    cr_assert(eq(int, settle_as(spool, 1, OUTCOME_APPLIED), 0));
    for (size_t i = 1; i < ARRAY_LEN(says); i++)
        cr_assert(eq(int, spool_say(spool, &says[i]), 0));
    cr_assert(eq(int, spool_assign(spool, 9, &assigned), 0));
    cr_assert(eq(sz, assigned, 3));
    cr_assert(eq(int, settle_as(spool, 3, OUTCOME_REFUSED), 0));
    return spool;
}

static int do_add(struct spool *spool)
{
    struct say what = { .device = 1, .rows = 0xF3, .facts = 3, .evidence = 1 };
    return spool_say(spool, &what);
}

static int do_add_many(struct spool *spool)
{
    struct say one = { .device = 4, .rows = 6 }, two = { .device = 5, .rows = 6, .facts = 1 };
    CLEANUP(said_freep) struct said *first = said_new(&one);
    CLEANUP(said_freep) struct said *second = said_new(&two);
    struct spool_report reports[] = { *said_report(first), *said_report(second) };
    return spool_add_many(spool, reports, 2, 1, NULL);
}

static int do_apply(struct spool *spool)
{
    return settle_as(spool, 2, OUTCOME_APPLIED);
}

static int do_refuse(struct spool *spool)
{
    return settle_as(spool, 4, OUTCOME_REFUSED);
}

static int do_need_full(struct spool *spool)
{
    return settle_as(spool, 4, OUTCOME_NEED_FULL);
}

static int do_epoch(struct spool *spool)
{
    return spool_epoch(spool, 2, true);
}

static void each_write_fails_in_turn(int (*act)(struct spool *spool), int lmdb_code, int error)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = busy_spool(dir->path);
    bool fired = true;
    long nth = 0;
    for (; fired; nth++) {
        struct digest before = spool_fingerprint(spool);
        fault_on_write(nth, lmdb_code);
        int r = act(spool);
        fired = fault_fired();
        fault_on_write(-1, 0);
        cr_assert(eq(int, r, fired ? error : 0), "write %ld", nth);
        cr_assert(eq(int, digest_eq(before, spool_fingerprint(spool)), fired), "write %ld", nth);
        spool_audit(spool);
    }
    cr_assert(gt(long, nth, 4), "the act writes");
}

static int (*const acts[])(struct spool *) = { do_add,    do_add_many,  do_apply,
                                               do_refuse, do_need_full, do_epoch };

Test(spool_crash, leaves_no_trace_when_a_write_finds_the_disk_full)
{
    for (size_t i = 0; i < ARRAY_LEN(acts); i++)
        each_write_fails_in_turn(acts[i], ENOSPC, -ENOSPC);
}

Test(spool_crash, leaves_no_trace_when_a_write_fails)
{
    for (size_t i = 0; i < ARRAY_LEN(acts); i++)
        each_write_fails_in_turn(acts[i], EIO, -EIO);
}

Test(spool_crash, gives_no_sequence_when_a_write_fails)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(spool_closep) struct spool *spool = busy_spool(dir->path);
    cr_assert(eq(int, settle_as(spool, 4, OUTCOME_APPLIED), 0));
    struct digest before = spool_fingerprint(spool);
    bool fired = true;
    for (long nth = 0; fired; nth++) {
        size_t assigned = 77;
        fault_on_write(nth, EIO);
        int r = spool_assign(spool, 9, &assigned);
        fired = fault_fired();
        fault_on_write(-1, 0);
        cr_assert(eq(int, r, fired ? -EIO : 0), "write %ld", nth);
        cr_assert(eq(sz, assigned, fired ? 77 : 1));
        cr_assert(eq(int, digest_eq(before, spool_fingerprint(spool)), fired));
        spool_audit(spool);
    }
}

/* ---- killed ------------------------------------------------------------------------------------ */

/* What the child says it did, after the call returned. */
struct acknowledged {
    uint64_t devices; /* computers 0 ... devices − 1 were spooled */
    uint64_t settled; /* outcomes APPLIED or REFUSED */
    uint64_t assigned;
};

static int child_settle(struct spool *spool, struct rng *rng, struct acknowledged *ack)
{
    struct stream_position position;
    int r = spool_position(spool, &position);
    if (r < 0 || position.floor == position.next_sequence)
        return r;
    uint64_t sequence = position.floor + rng_below(rng, position.next_sequence - position.floor);
    Zb__OutcomeKind kind = rng_chance(rng, 1, 6) ? OUTCOME_REFUSED : OUTCOME_APPLIED;
    r = settle_as(spool, sequence, kind);
    if (r == 0)
        ack->settled++;
    return r == -ENOENT ? 0 : r; /* settled already */
}

/* Adds, gives sequences and settles until killed; tells each completed call through the pipe. */
static void child_works(const char *path, int out, uint64_t seed, struct acknowledged ack)
{
    struct rng rng = rng_init(seed);
    struct spool *spool = NULL;
    if (spool_open(path, SPOOL_ROOMY, &spool, NULL) != 0 ||
        spool_bind(spool, fixture_producer, false, NULL) != 0)
        _exit(1);
    for (;;) {
        int r = 0;
        size_t assigned = 0;
        uint64_t dice = rng_below(&rng, 10);
        struct say say = { .device = (unsigned)ack.devices,
                           .rows = (unsigned)rng_below(&rng, 1u << FIXTURE_ROWS),
                           .facts = (unsigned)rng_below(&rng, 3) };
        if (dice < 4) {
            r = spool_say(spool, &say);
            ack.devices += r == 0;
        } else if (dice < 7) {
            r = spool_assign(spool, 3, &assigned);
            ack.assigned += assigned;
        } else {
            r = child_settle(spool, &rng, &ack);
        }
        if (r < 0 || write(out, &ack, sizeof(ack)) != sizeof(ack))
            _exit(2);
    }
}

static struct acknowledged last_of(int in, struct acknowledged ack)
{
    struct acknowledged next;
    while (read(in, &next, sizeof(next)) == sizeof(next))
        ack = next;
    return ack;
}

/* Whether the computer's report is queued, applied or refused. */
static bool is_known(struct spool *spool, unsigned device)
{
    CLEANUP(kv_abortp) struct kv_txn *txn = NULL;
    struct id128 salt;
    char name[32];
    (void)snprintf(name, sizeof(name), "computer %u", device);
    cr_assert(eq(int, spool_salt(spool, &salt), 0));
    struct id128 endpoint = endpoint_id(salt, bytes_str(name));
    struct key_pending from = key_pending(endpoint, 0);
    struct bytes key = { 0 };
    cr_assert(eq(int, kv_read(spool->kv, &txn), 0));
    if (kv_get(txn, SPOOL_BASE, BYTES_OF(endpoint.b), NULL) == 0)
        return true;
    if (kv_seek(txn, SPOOL_PENDING, BYTES_OF(from.b), &key, NULL) == 0 &&
        bytes_starts_with(key, BYTES_OF(endpoint.b)))
        return true;
    struct spool_dead dead = { 0 };
    while (spool_dead(spool, dead.local_id, &dead) == 0)
        if (id128_eq(dead.endpoint, endpoint))
            return true;
    return false;
}

static void check_survivor(const char *path, struct acknowledged *ack)
{
    CLEANUP(spool_closep) struct spool *spool = spool_at(path);
    spool_audit(spool);
    struct spool_counts counts = { 0 };
    struct stream_position position = { 0 };
    cr_assert(eq(int, spool_counts(spool, &counts), 0));
    cr_assert(eq(int, spool_position(spool, &position), 0));
    uint64_t settled = counts.applied + counts.refused, assigned = position.next_sequence - 1;
    cr_assert(counts.spooled == ack->devices || counts.spooled == ack->devices + 1);
    cr_assert(settled == ack->settled || settled == ack->settled + 1);
    cr_assert(assigned >= ack->assigned && assigned <= ack->assigned + 3);
    for (unsigned device = 0; device < counts.spooled; device++)
        cr_assert(is_known(spool, device), "computer %u", device);
    *ack = (struct acknowledged){ counts.spooled, settled, assigned };
}

Test(spool_crash, keeps_what_was_acknowledged_when_it_is_killed, .timeout = 60)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    uint64_t seed = (uint64_t)time(NULL);
    const char *given = getenv("ZB_TEST_SEED");
    if (given != NULL)
        seed = strtoull(given, NULL, 0);
    (void)fprintf(stderr, "spool_crash: ZB_TEST_SEED=%" PRIu64 "\n", seed);
    struct rng rng = rng_init(seed);
    struct acknowledged ack = { 0 };
    for (int round = 0; round < 12; round++) {
        int pipes[2];
        cr_assert(eq(int, pipe(pipes), 0));
        pid_t child = fork();
        if (child == 0) {
            close(pipes[0]);
            child_works(dir->path, pipes[1], rng_u64(&rng), ack);
        }
        (void)rng_u64(&rng); /* the child took it */
        close(pipes[1]);
        struct timespec wait = { .tv_nsec = (long)rng_below(&rng, 60) * 1000 * 1000 };
        nanosleep(&wait, NULL);
        cr_assert(eq(int, kill(child, SIGKILL), 0));
        int status = 0;
        cr_assert(eq(int, waitpid(child, &status, 0), child));
        bool killed = WIFSIGNALED(status);
        cr_assert(killed, "the child ended by itself: %d", WEXITSTATUS(status));
        ack = last_of(pipes[0], ack);
        close(pipes[0]);
        check_survivor(dir->path, &ack);
    }
    cr_assert(gt(u64, ack.devices, 0), "something was done between the kills");
    cr_assert(gt(u64, ack.settled, 0));
}

/* ---- two processes ----------------------------------------------------------------------------- */

enum { IMPORTED = 200 };

static int importer(const char *path)
{
    struct spool *spool = NULL;
    int r = spool_open(path, SPOOL_ROOMY, &spool, NULL);
    for (unsigned i = 0; r == 0 && i < IMPORTED; i++) {
        struct say say = { .device = i % 20, .rows = i % 64, .scan_ms = i };
        r = spool_say(spool, &say);
    }
    spool_close(spool);
    return r == 0 ? 0 : 1;
}

Test(spool_crash, serves_an_importer_and_a_sender_at_once, .timeout = 60)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    pid_t child = fork();
    if (child == 0)
        _exit(importer(dir->path));
    CLEANUP(spool_closep) struct spool *spool = spool_at(dir->path);
    struct spool_counts counts = { 0 };
    do {
        size_t assigned = 0;
        struct stream_position p = { 0 };
        cr_assert(eq(int, spool_assign(spool, 8, &assigned), 0));
        cr_assert(eq(int, spool_position(spool, &p), 0));
        for (uint64_t sequence = p.floor; sequence < p.next_sequence; sequence++)
            cr_assert(eq(int, settle_as(spool, sequence, OUTCOME_APPLIED), 0));
        cr_assert(eq(int, spool_counts(spool, &counts), 0));
    } while (counts.spooled < IMPORTED || counts.pending > 0);
    int status = -1;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
    cr_assert(eq(u64, counts.applied + counts.superseded, IMPORTED));
    spool_audit(spool);
}
