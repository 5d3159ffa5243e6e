/* main.c - sim [--seeds N] [--seed FIRST] [--sabotage NAME] [--verbose]: many simulated runs.
 *
 * Exit 0: every invariant held in every run; 1: one did not (its seed and how to run it again are
 * printed); 2: wrong use. ZB_SIM_SEEDS in the environment caps the number of runs. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/sim/world.h"

enum { JOBS = 2 };

static const char *const names[SABOTAGE_END] = {
    [SABOTAGE_NONE] = "none",
    [SABOTAGE_UNSIGNED] = "unsigned",
    [SABOTAGE_FORGET_ONCE] = "forget-once",
    [SABOTAGE_TRUST_FLOOR] = "trust-floor",
    [SABOTAGE_EARLY_SETTLED] = "early-settled",
    [SABOTAGE_EAGER_GRANT] = "eager-grant",
    [SABOTAGE_NO_GRANT] = "no-grant",
    [SABOTAGE_EVERY_EPOCH] = "every-epoch",
    [SABOTAGE_REFUSE_ALTERED] = "refuse-altered",
    [SABOTAGE_FORGET_SEQUENCE] = "forget-sequence",
};

const char *sabotage_name(enum sabotage sabotage)
{
    return names[sabotage];
}

struct arguments {
    const char *program; /* to be run again */
    uint64_t first;
    uint64_t seeds;
    enum sabotage sabotage;
    bool verbose;
};

static int usage(void)
{
    (void)fprintf(stderr, "usage: sim [--seeds N] [--seed FIRST] [--sabotage NAME] [--verbose]\n"
                          "sabotage:");
    for (unsigned i = 0; i < SABOTAGE_END; i++)
        (void)fprintf(stderr, " %s", names[i]);
    (void)fprintf(stderr, "\n");
    return 2;
}

static bool arguments_read(int argc, char *argv[], struct arguments *ret)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--verbose") == 0) {
            ret->verbose = true;
            continue;
        }
        if (value == NULL)
            return false;
        if (strcmp(argv[i], "--seeds") == 0) {
            ret->seeds = strtoull(value, NULL, 0);
        } else if (strcmp(argv[i], "--seed") == 0) {
            ret->first = strtoull(value, NULL, 0);
        } else if (strcmp(argv[i], "--sabotage") == 0) {
            ret->sabotage = SABOTAGE_END;
            for (unsigned k = 0; k < SABOTAGE_END; k++)
                if (strcmp(names[k], value) == 0)
                    ret->sabotage = (enum sabotage)k;
        } else {
            return false;
        }
        i++;
    }
    return ret->seeds > 0 && ret->sabotage < SABOTAGE_END;
}

/* What the jobs leave for their parent, in memory they share. */
struct shared {
    struct world_totals totals[JOBS];
    uint64_t runs[JOBS];
    uint64_t bad_seed[JOBS]; /* with a fault */
    char fault[JOBS][256];   /* empty: none */
};

static void totals_add(struct world_totals *to, const struct world_totals *from)
{
    uint64_t a[sizeof(*to) / sizeof(uint64_t)], b[sizeof(*to) / sizeof(uint64_t)];
    memcpy(a, to, sizeof(a));
    memcpy(b, from, sizeof(b));
    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        a[i] += b[i];
    memcpy(to, a, sizeof(a));
}

static void job_run(const struct arguments *arguments, unsigned job, struct shared *shared)
{
    for (uint64_t i = job; i < arguments->seeds; i += JOBS) {
        struct world_options options = { arguments->first + i, arguments->sabotage,
                                         arguments->verbose };
        struct world_result result;
        world_run(&options, &result);
        totals_add(&shared->totals[job], &result.totals);
        shared->runs[job]++;
        if (result.fault[0] != '\0') {
            shared->bad_seed[job] = options.seed;
            memcpy(shared->fault[job], result.fault, sizeof(result.fault));
            return;
        }
    }
}

static void print_totals(const struct world_totals *t, uint64_t runs)
{
#define COUNT(field) (unsigned long long)t->field
    printf("sim: %llu runs: %llu reports spooled, %llu applied, %llu refused, %llu superseded; "
           "%llu batches\n"
           "  met: %llu lost, %llu repeated, %llu delayed, %llu lies, %llu crashes, %llu ledger "
           "crashes, %llu spool faults\n"
           "  %llu spools restored, %llu ledgers restored, %llu clones; %llu new epochs, %llu told "
           "LEDGER_BEHIND, %llu keys quarantined, %llu stale, %llu not believed\n",
           (unsigned long long)runs, COUNT(spooled), COUNT(applied), COUNT(refused),
           COUNT(superseded), COUNT(batches), COUNT(lost), COUNT(repeated), COUNT(delayed),
           COUNT(lies), COUNT(crashes), COUNT(ledger_crashes), COUNT(spool_faults),
           COUNT(spool_restores), COUNT(ledger_restores), COUNT(clones), COUNT(epochs),
           COUNT(behind), COUNT(quarantined), COUNT(stale), COUNT(bad_signatures));
#undef COUNT
}

/* The faults that must have been met if so many runs are to mean anything. */
static bool is_thorough(const struct world_totals *t)
{
    return t->lost > 0 && t->repeated > 0 && t->delayed > 0 && t->lies > 0 && t->crashes > 0 &&
           t->ledger_crashes > 0 && t->spool_restores > 0 && t->ledger_restores > 0 &&
           t->clones > 0 && t->behind > 0 && t->quarantined > 0 && t->stale > 0 &&
           t->bad_signatures > 0 && t->superseded > 0 && t->refused > 0;
}

static int report(const struct arguments *arguments, const struct shared *shared)
{
    struct world_totals totals = { 0 };
    uint64_t runs = 0;
    for (unsigned i = 0; i < JOBS; i++) {
        totals_add(&totals, &shared->totals[i]);
        runs += shared->runs[i];
    }
    print_totals(&totals, runs);
    for (unsigned i = 0; i < JOBS; i++) {
        if (shared->fault[i][0] == '\0')
            continue;
        printf("sim: seed %llu: %s\n  again: %s --seed %llu --seeds 1 --sabotage %s "
               "--verbose\n",
               (unsigned long long)shared->bad_seed[i], shared->fault[i], arguments->program,
               (unsigned long long)shared->bad_seed[i], names[arguments->sabotage]);
        return 1;
    }
    if (arguments->seeds >= 1000 && !is_thorough(&totals)) {
        printf("sim: some kind of fault was never met: the runs show nothing\n");
        return 1;
    }
    return 0;
}

int main(int argc, char *argv[])
{
    struct arguments arguments = { .program = argv[0], .first = 1, .seeds = 10000 };
    if (!arguments_read(argc, argv, &arguments))
        return usage();
    const char *cap = getenv("ZB_SIM_SEEDS");
    if (cap != NULL && strtoull(cap, NULL, 0) > 0 && strtoull(cap, NULL, 0) < arguments.seeds)
        arguments.seeds = strtoull(cap, NULL, 0);
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || seal_start() < 0) {
        perror("sim");
        return 2;
    }
    if (arguments.seeds == 1) {
        job_run(&arguments, 0, shared);
        return report(&arguments, shared);
    }
    for (unsigned i = 0; i < JOBS; i++) {
        (void)fflush(stdout);
        pid_t pid = fork();
        if (pid < 0) {
            perror("sim: fork");
            return 2;
        }
        if (pid == 0) {
            job_run(&arguments, i, shared);
            exit(0); /* not _exit: the leak check runs here */
        }
    }
    bool died = false;
    for (int status; wait(&status) > 0;)
        died = died || status != 0;
    int r = report(&arguments, shared);
    if (died)
        printf("sim: a job died\n");
    return died ? 1 : r;
}
