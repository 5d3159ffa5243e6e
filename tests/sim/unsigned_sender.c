/* unsigned_sender.c - bus/sender.c once more, under other names and without its signature check.
 * Only sabotage runs use it. */
#include "base/seal.h"

#define seal_verify(key, purpose, message, signature) \
    ((void)(key), (void)(purpose), (void)(message), (void)(signature), true)
#define sender_new     unsigned_sender_new
#define sender_free    unsigned_sender_free
#define sender_step    unsigned_sender_step
#define sender_totals  unsigned_sender_totals
#define sender_settles unsigned_sender_settles

/* A source file on purpose: the code under test, not a copy that grows old. */
#include "bus/sender.c" /* NOLINT(bugprone-suspicious-include) */
