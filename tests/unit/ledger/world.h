/* world.h - a whole ledger in memory for tests of its rules: keys that sign, collectors with their
 * streams, matchers, persons, and the journal that came of it.
 *
 * Everything asserts: a test that cannot get its fixture right fails at once. */
#ifndef TESTS_UNIT_LEDGER_WORLD_H
#define TESTS_UNIT_LEDGER_WORLD_H

#include "ledger/command.h"
#include "ledger/rebuild.h"
#include "tests/lib/memory_view.h"

enum { WORLD_ENTRIES_MAX = 8192, WORLD_ROWS_MAX = 64 };

struct person {
    struct id128 id;
    struct seal_public sign;
    struct seal_secret secret;
};

/* A collector, and where its stream stands. */
struct collector {
    struct person key;
    uint64_t epoch, next, floor;
    struct digest chain;
    struct digest pending[4096]; /* event digests from floor on, by sequence mod 4096 */
};

/* One report. Rows are names; a name may be "name#path" for evidence of its own. */
struct report_spec {
    const char *unit;
    const char *computer; /* hashed into the opaque id */
    const char *source;   /* "list" when NULL */
    const char *const *rows;
    size_t row_count;
    int64_t scan_ms;
    const char *serial, *uuid; /* facts, when not NULL */
    Zb__EventKind kind;        /* EVENT_KIND_NONE: FULL */
    const char *const *base;   /* DELTA: the rows before */
    size_t base_count;
    bool incomplete;
    bool no_bodies; /* leave rows and facts out */
    bool bad_signature, simulated, other_ledger;
    uint64_t sequence; /* 0: the next one */
};

struct world {
    struct memory_view *memory;
    struct arena *arena;
    struct ledger_rules rules;
    struct ledger_head head;
    int64_t now_ms;
    struct person ledger, root;
    struct buf journal;
    size_t entry_at[WORLD_ENTRIES_MAX + 1]; /* where entry i begins */
    size_t entries;
    struct ledger_reply reply; /* of the last input */
    bool tolerates;            /* an input that fails is no fault of the test: `error` tells */
    int error;                 /* of the last input */
    uint64_t commands;
    uint8_t catalogue[32];
};

struct world *world_new(void);
void world_free(struct world *world);
CLEANUP_DEFINE(struct world *, world_free);

struct person person_new(const char *seed);
struct collector collector_new(const char *seed);

/* world_try - one input in one transaction; aborted on error, which is returned. */
int world_try(struct world *world, const struct ledger_input *input);
void world_input(struct world *world, const struct ledger_input *input);

/* world_command - verb, then name and value pairs, then NULL. Returns the refusal reason. */
Zb__RefusalReason world_command(struct world *world, const struct person *actor, const char *verb,
                                ...) __attribute__((sentinel));

/* world_enrol - through key.enrol. */
void world_enrol(struct world *world, const struct person *key, const char *role, const char *unit);

/* world_report - the outcome kind; the stream goes on when it is settled. */
Zb__OutcomeKind world_report(struct world *world, struct collector *collector,
                             const struct report_spec *spec);

/* world_resume - the collector says where it stands; the answer, or NULL. */
const Zb__ResumedBody *world_resume(struct world *world, const struct collector *collector);

/* world_verdict - one opinion on a row by name. */
void world_verdict(struct world *world, const struct person *matcher, const char *row,
                   Zb__LicenceClass licence_class, const char *product, const char *edition,
                   const char *version);
struct bytes world_row(struct world *world, const char *name);

/* world_position - zeros when there is none. world_catalogue - activates one, named by a byte. */
Zb__PositionRecord world_position(struct world *world, const char *unit, const char *product);
void world_catalogue(struct world *world, uint8_t name);
void world_recount(struct world *world); /* all steps that are there */

/* world_dump - the dump as one text, of any tables. Lives in the world's arena. */
const char *world_dump(struct world *world, struct memory_view *memory);

/* world_rebuild - tables from the journal, with `private` copied first. */
struct memory_view *world_rebuild(struct world *world, int *ret_error);

/* world_settle - a tree hq > east, west with collector, matcher m and catalogue 1. */
void world_settle(struct world *world, struct collector *collector, struct person *matcher);

#endif
