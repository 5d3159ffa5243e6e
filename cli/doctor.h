/* doctor.h - what is wrong with this home: checks as rows of tables, findings as lines.
 *
 * A check looks at one thing, tells what it finds and goes on. It changes nothing, waits for nobody
 * longer than a moment, and never stops the checks behind it: what it could not look at is a
 * finding too. */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <sys/types.h>

#include "cli/supervise.h"
#include "collector/service.h"

enum doctor_severity {
    DOCTOR_FINE = 0,
    DOCTOR_WARNING = 1, /* works, or not yet needed; a person should see to it */
    DOCTOR_BROKEN = 2,  /* something does not work, or cannot be trusted */
};

/* A daemon of config.yaml, as it stands. */
struct doctor_daemon {
    const struct instance *instance;
    const char *address; /* where it listens; NULL: nowhere */
    bool here;           /* it belongs on this host */
    bool alive;
    struct running running; /* while alive */
};

struct doctor {
    struct cli *cli;
    const char *check; /* name of the one that looks */
    size_t told;       /* findings of that check */
    size_t total;      /* findings of all */
    size_t checks;     /* how many looked */
    enum doctor_severity worst;
    bool has_config; /* cli->config is loaded, and `daemons` filled */
    bool has_ledger; /* cli->book is open, and `clock` and `genesis` are read */
    struct doctor_daemon *daemons;
    size_t daemon_count;
    struct ledger_clock clock;
    const Zb__GenesisRecord *genesis;
};

/* When a check makes sense: without it, what is missing has been told. */
enum doctor_needs { NEEDS_HOME, NEEDS_CONFIG, NEEDS_LEDGER };

struct doctor_check {
    const char *name; /* of --json: never translated */
    enum doctor_needs needs;
    int (*look)(struct doctor *doctor); /* 0, or a negative errno: it could not look */
};

struct doctor_table {
    const struct doctor_check *checks;
    size_t count;
};

extern const struct doctor_table doctor_home;   /* folders, modes, what lies around */
extern const struct doctor_table doctor_keys;   /* keys, slips, the ledger's registry */
extern const struct doctor_table doctor_runs;   /* daemons, ports, limits, mail */
extern const struct doctor_table doctor_stores; /* journal, spools, room */
extern const struct doctor_table doctor_ledger; /* what the ledger says of itself */

/* doctor_warn, doctor_broken - one finding: where, the remedy (NULL: memory was out, none is given),
 * what is wrong. */
void doctor_warn(struct doctor *doctor, const char *where, const char *remedy, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));
void doctor_broken(struct doctor *doctor, const char *where, const char *remedy, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

/* doctor_complain - what a library said, or the words of r where it said nothing; `where` serves
 * where the complaint names no place. */
void doctor_complain(struct doctor *doctor, enum doctor_severity severity, const char *where, int r,
                     const struct complaint *why);

/* doctor_gather - fills `daemons` from the configuration and the readiness files. -ENOMEM. */
int doctor_gather(struct doctor *doctor);

/* doctor_daemon_find - by its instance name; NULL: there is none. */
const struct doctor_daemon *doctor_daemon_find(const struct doctor *doctor, const char *name);

/* doctor_is_here - whether an address "tcp://HOST:PORT" is one of this host's. */
bool doctor_is_here(const char *address);

/* doctor_room - what a store of used_bytes, bounded by max_bytes, makes of free_bytes of disk. */
enum doctor_severity doctor_room(uint64_t used_bytes, uint64_t max_bytes, uint64_t free_bytes);

#endif
