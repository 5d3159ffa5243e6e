/* fault.h - fails the nth write that store/ asks of LMDB, in a program linked with --wrap. */
#ifndef TESTS_UNIT_STORE_FAULT_H
#define TESTS_UNIT_STORE_FAULT_H

#include <stdbool.h>

/* fault_on_write - the nth (from 0) of the puts, dels and commits from now on fails with the LMDB
 * code `rc`; a commit that fails has been aborted. Negative: none. */
void fault_on_write(long nth, int rc);

/* fault_fired - whether it came to that. */
bool fault_fired(void);

/* fault_writes - puts, dels and commits since fault_on_write. */
long fault_writes(void);

#endif
