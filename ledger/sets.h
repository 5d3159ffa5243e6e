/* sets.h - the rows of an endpoint, per producer and source: what is installed is their union. */
#ifndef LEDGER_SETS_H
#define LEDGER_SETS_H

#include "ledger/result.h"

/* One report's part in an endpoint. */
struct set_change {
    uint64_t number; /* of the endpoint */
    struct id128 producer;
    const Zb__Event *event;
    int64_t scan_ms;             /* as it is counted */
    const struct result *result; /* its rows have numbers */
};

/* sets_change - replaces the sets of the report's sources (a source that is not complete only
 * adds), and carries what came and went into the installs; in the entry begun last. */
int sets_change(const struct ruling *at, const struct set_change *change);

#endif
