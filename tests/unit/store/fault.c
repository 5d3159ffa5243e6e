/* fault.c - the linker sends store/'s calls here (--wrap), so production code needs no seam. */
#include "fault.h"

#include <lmdb.h>

static struct {
    long nth; /* counts down; fires at 0; negative: never */
    int rc;
    bool fired;
    long writes;
} fault = { .nth = -1 };

void fault_on_write(long nth, int rc)
{
    fault.nth = nth;
    fault.rc = rc;
    fault.fired = false;
    fault.writes = 0;
}

bool fault_fired(void)
{
    return fault.fired;
}

long fault_writes(void)
{
    return fault.writes;
}

static bool fires(void)
{
    fault.writes++;
    if (fault.nth < 0 || fault.nth-- > 0)
        return false;
    fault.fired = true;
    return true;
}

int __real_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags);
int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags);
int __real_mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __wrap_mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data);
int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);

int __wrap_mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags)
{
    return fires() ? fault.rc : __real_mdb_put(txn, dbi, key, data, flags);
}

int __wrap_mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
    return fires() ? fault.rc : __real_mdb_del(txn, dbi, key, data);
}

int __wrap_mdb_txn_commit(MDB_txn *txn)
{
    if (!fires())
        return __real_mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return fault.rc;
}
