/* install.h - which products are on an endpoint, from its rows and what the verdicts say of them.
 *
 * Invariants, between transactions:
 *  - an install record (unit, product, endpoint) lists exactly the rows of the endpoint's sets
 *    whose counting verdict names that product and a class that makes an install;
 *  - `waiting` holds (row, endpoint) exactly while the endpoint has the row and the row has no
 *    counting verdict;
 *  - `todo` holds a row of an endpoint while no verdict of the active catalogue is agreed on it. */
#ifndef LEDGER_INSTALL_H
#define LEDGER_INSTALL_H

#include "ledger/lookup.h"

/* verdict_installs - whether a verdict makes an install: it names a product, and the product is
 * neither a system component nor open source. */
bool verdict_installs(const Zb__Verdict *verdict);

/* verdict_of - the record of a row; NULL when it was never judged. */
int verdict_of(const struct ruling *at, uint64_t row, Zb__VerdictRecord **ret_record);

/* One endpoint whose installs change, all within the entry begun last. */
struct install_target {
    const char *unit;
    uint64_t endpoint;
    int64_t scan_ms; /* of the set that shows what is added */
    bool stale;
};

/* install_change - rows came to or went from an endpoint: installs, `waiting` and `todo` follow.
 * Positions that change are followed up. */
int install_change(const struct ruling *at, const struct install_target *target,
                   const struct rowset *added, const struct rowset *removed);

/* install_rows - the install of one product is to be of these rows (none: it goes). Keeps the older of its
 * own instant and the target's scan. Emits nothing when nothing changes. */
int install_rows(const struct ruling *at, const struct install_target *target, const char *product,
                 const struct rowset *rows);

/* install_get - the record and its rows; both empty when there is none. */
int install_get(const struct ruling *at, const struct install_target *target, const char *product,
                Zb__InstallRecord **ret_record, struct rowset *ret_rows);

#endif
