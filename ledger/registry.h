/* registry.h - the list of keys and units that the ledger gives to matchers. */
#ifndef LEDGER_REGISTRY_H
#define LEDGER_REGISTRY_H

#include "base/arena.h"
#include "base/bytes.h"
#include "ledger/decide.h"

/* ledger_registry_version - state "registry_version": every change of a key, a unit or the active
 * catalogue raises it. Errors of the view. */
int ledger_registry_version(const struct ledger_view *view, struct arena *arena,
                            uint64_t *ret_version);

/* ledger_registry - the body to be signed, in the arena. Keys by id, units by id, so the same tables
 * give the same body. Errors: -ENOENT no genesis yet; -E2BIG over BOUND_REGISTRY_*; others of the
 * view. */
int ledger_registry(const struct ledger_view *view, struct arena *arena, int64_t now_ms,
                    Zb__RegistryBody **ret_body);

#endif
