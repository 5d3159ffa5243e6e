/* genesis.c - the first entry of a ledger: who it is, whether its clock is simulated, and whose key
 * may give the first commands. */
#include "ledger/rules.h"

#include <errno.h>

#include "ledger/lookup.h"

static int put_key(const struct ruling *at, const Zb__RegistryKey *key)
{
    struct seal_public public;
    if (key->sign_public.len != sizeof(public.b))
        return -EINVAL;
    memcpy(public.b, key->sign_public.data, sizeof(public.b));
    struct id128 id = seal_key_id(&public);
    if (!bytes_eq(blob_bytes(key->id), id128_bytes(&id)))
        return -EINVAL;
    Zb__RegistryKey copy = *key;
    copy.state = KEY_ACTIVE;
    copy.enrolled_ms = at->now_ms;
    Zb__KeyRecord record = ZB__KEY_RECORD__INIT;
    record.key = &copy;
    struct ledger_key at_key = key_id(id128_bytes(&id));
    emit_put(at->out, TABLE_KEY, ledger_key_bytes(&at_key), &record.base);
    return output_error(at->out);
}

int rule_genesis(const struct ruling *at, const Zb__GenesisRecord *genesis)
{
    struct ledger_key key = key_id(bytes_of("", 1));
    int has = ledger_has(at->view, TABLE_GENESIS, key);
    if (has != 0)
        return has < 0 ? has : -EEXIST;
    if (genesis->ledger == NULL || genesis->ledger->role != ROLE_LEDGER ||
        (genesis->root != NULL && genesis->root->role != ROLE_OFFICIAL))
        return -EINVAL;
    Zb__GenesisRecord record = *genesis;
    record.format = LEDGER_FORMAT;
    (void)emit_entry(at->out, ENTRY_GENESIS, (struct bytes){ 0 }, "ledger of %.900s",
                     genesis->name);
    emit_put(at->out, TABLE_GENESIS, ledger_key_bytes(&key), &record.base);
    int r = put_key(at, genesis->ledger);
    if (r == 0 && genesis->root != NULL)
        r = put_key(at, genesis->root);
    return r < 0 ? r : state_bump(at, STATE_REGISTRY);
}
