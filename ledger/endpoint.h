/* endpoint.h - which computer a report is about. A producer names it by an opaque id; serial number
 * and UUID join what several producers, or one after a new installation, say of the same one. */
#ifndef LEDGER_ENDPOINT_H
#define LEDGER_ENDPOINT_H

#include "ledger/install.h"

/* A producer's name for a computer. */
struct endpoint_name {
    struct id128 producer;
    struct id128 opaque;
};

/* endpoint_find - the number that a name stands for; 0 when it is new. Errors of the view. */
int endpoint_find(const struct ruling *at, const struct endpoint_name *name, uint64_t *ret_number);

/* endpoint_join_digest - H(serial ‖ uuid) of canonical facts, both folded; false when one of them
 * is missing, or is a filler that makers leave in thousands of computers. */
bool endpoint_join_digest(struct bytes facts, struct arena *arena, struct id128 *ret_join);

/* endpoint_joinable - the endpoint of that unit whose join digest it is, unless this producer
 * reports on it under another name in this very epoch (two computers with one serial number); 0 for
 * none. */
int endpoint_joinable(const struct ruling *at, const char *unit, struct id128 join,
                      struct id128 producer, uint64_t epoch, uint64_t *ret_number);

/* endpoint_add_name - one more name for the record; nothing when it has it. -ENOMEM. */
int endpoint_add_name(Zb__EndpointRecord *record, const struct endpoint_name *name,
                      struct arena *arena);

/* endpoint_detach - takes a producer's part out of an endpoint: names, sets, report, and the installs that
 * only it showed; an endpoint without names is retired. Within the entry begun last. */
int endpoint_detach(const struct ruling *at, uint64_t number, struct id128 producer);

void endpoint_put(const struct ruling *at, uint64_t number, const Zb__EndpointRecord *record);

#endif
