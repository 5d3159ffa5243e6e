/* spool_fixture.h - reports made of small numbers, and an audit of everything a spool promises
 * about its own tables. */
#ifndef TESTS_UNIT_STORE_SPOOL_FIXTURE_H
#define TESTS_UNIT_STORE_SPOOL_FIXTURE_H

#include "store/spool_inner.h"
#include "tests/lib/tmpdir.h"

enum { SPOOL_ROOMY = 256 << 20, FIXTURE_ROWS = 12 };

/* What a report says, in numbers: bit i of `rows` is row i, seen by source i % 2 of two. */
struct say {
    unsigned device;
    unsigned rows;
    unsigned facts;    /* 0: none; else one of as many */
    unsigned evidence; /* 0: none; else where row 0 was found */
    const char *unit;  /* NULL: "u1" */
    bool incomplete;   /* the second source */
    int64_t scan_ms;
};

/* A report and what it points to. */
struct said;

struct said *said_new(const struct say *say);
void said_free(struct said *said);
CLEANUP_DEFINE(struct said *, said_free);
const struct spool_report *said_report(const struct said *said);

/* row_bytes - canonical bytes of fixture row i; row_of - its id. Static storage. */
struct bytes fixture_row(unsigned i);
struct id128 fixture_row_id(unsigned i);

extern const struct id128 fixture_producer;

struct spool *spool_at(const char *path);                  /* opened and bound */
int spool_say(struct spool *spool, const struct say *say); /* spool_add at scan_ms + 1 */

/* spool_audit - asserts that counts add up, that every table agrees with every other, and that
 * references are exactly those that there are. */
void spool_audit(struct spool *spool);

/* spool_fingerprint - hash of all that is stored. */
struct digest spool_fingerprint(struct spool *spool);

/* settle_as - one outcome for the unsettled event with that sequence. */
int settle_as(struct spool *spool, uint64_t sequence, Zb__OutcomeKind kind);

#endif
