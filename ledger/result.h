/* result.h - the rows of one report, put together from FULL or DELTA and held to the digest that the
 * collector signed. */
#ifndef LEDGER_RESULT_H
#define LEDGER_RESULT_H

#include "ledger/bodies.h"
#include "ledger/rowset.h"
#include "ledger/rules.h"

enum result_status {
    RESULT_GOOD,
    RESULT_NEED_FULL,  /* a DELTA whose base is not here, or no body at all */
    RESULT_NEED_ROWS,  /* `missing` */
    RESULT_BAD_DIGEST, /* bodies that are not what was signed */
    RESULT_INVALID,    /* a row that was signed and is no row */
    RESULT_TOO_LARGE,
};

struct result_entry {
    struct id128 row;
    struct id128 evidence;
    uint64_t number; /* of the row; 0 until result_number_rows */
    size_t source;   /* index into the event's sources */
    size_t fresh;    /* index into `fresh` + 1 for a row that the ledger does not know; else 0 */
};

struct fresh_row {
    struct id128 id;
    struct bytes canonical;
    uint64_t number;
};

struct result {
    enum result_status status;
    struct result_entry *entry; /* ascending (source, row, evidence), unique */
    size_t count;
    struct fresh_row *fresh; /* ascending id */
    size_t fresh_count;
    struct id128 *missing; /* ascending */
    size_t missing_count;
    const Zb__EvidenceValue *base; /* the report before, as far as it is still there; may be NULL */
};

/* result_load - `report` is the producer's last about the endpoint, NULL if none. The event is FULL
 * or DELTA and its sources are unique. Errors of the view; what the sender did wrong is a status. */
int result_load(const struct ruling *at, const struct batch_bodies *bodies, const Zb__Event *event,
                const Zb__ReportRecord *report, struct result *ret_result);

/* result_number_rows - gives new rows their numbers and records, in the entry begun last. */
int result_number_rows(const struct ruling *at, struct result *result);

/* result_rows - the numbers of one source. */
int result_rows(const struct ruling *at, const struct result *result, size_t source,
                struct rowset *ret_rows);

/* result_value - the packed EvidenceValue to keep for the next DELTA. */
int result_value(const struct ruling *at, const struct result *result,
                 const struct batch_bodies *bodies, const Zb__Event *event,
                 struct bytes *ret_value);

#endif
