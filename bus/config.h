/* config.h - the rows of the home's configuration that say who listens where and how links behave.
 * Shared by all daemons, which is why they stand here. */
#ifndef BUS_CONFIG_H
#define BUS_CONFIG_H

#include "base/config.h"
#include "bus/link.h"

/* "bus.*", "ledger.*" and the list "matchers". */
extern const struct config_table bus_config;

/* Keys of an item of "matchers". */
extern const struct config_row matcher_item_rows[];
extern const size_t matcher_item_row_count;

struct bus_limits bus_limits_of(const struct config *config);

/* matcher_item - the item of "matchers" with that name; NULL if there is none. */
const struct config *matcher_item(const struct config *config, const char *name);

/* slip_load - the public half of a key from a slip file. Errors: as file_read and slip_parse. */
int slip_load(const char *path, struct identity_public *ret_public, struct complaint *why);

#endif
