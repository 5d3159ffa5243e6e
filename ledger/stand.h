/* stand.h - where a unit stands with a product now: its installs, its position, its rights. Read
 * from the tables for one decision; everything is the arena's. */
#ifndef LEDGER_STAND_H
#define LEDGER_STAND_H

#include "ledger/rules.h"

struct stand {
    struct stand_install {
        uint64_t endpoint;
        Zb__InstallRecord *record;
    } * installs; /* ascending endpoint; filled by stand_load_installs alone */
    size_t install_count;
    Zb__LicenceClass licence_class;
    const char *category;
    uint64_t installed, consumed, short_of;
    uint64_t never;    /* part of short_of: no right for the product ever */
    uint64_t ended;    /* part of short_of: rights have ended, or none is of that edition */
    uint64_t unproved; /* short_of, and what only rights without proof cover */
    uint64_t proved;   /* quantity of the rights with proof that serve what the unit has, today */
    uint64_t right;    /* the newest of these; 0: none */
};

/* stand_load - the position; zeros when there is none. stand_load_rights - also unproved, proved and
 * right; stand_load_installs - also the installs. Errors of the view. */
int stand_load(const struct ruling *at, const char *unit, const char *product,
               struct stand *ret_stand);
int stand_load_rights(const struct ruling *at, const char *unit, const char *product,
                      struct stand *stand);
int stand_load_installs(const struct ruling *at, const char *unit, const char *product,
                        struct stand *stand);

/* stand_install - the install on an endpoint; NULL when there is none. */
const struct stand_install *stand_install(const struct stand *stand, uint64_t endpoint);

/* stand_is_charged - whether a licence class needs rights at all. */
bool stand_is_charged(Zb__LicenceClass class);

/* stand_wanted - which of the classes B (no right ever), D (rights ended, or none matches, and
 * nothing is covered) and E (too few) the position asks for; NONE when it asks for nothing. */
Zb__CaseClass stand_wanted(const struct stand *stand);

#endif
