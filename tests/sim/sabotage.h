/* sabotage.h - faults planted in the program itself, to show that the simulator notices them. */
#ifndef TESTS_SIM_SABOTAGE_H
#define TESTS_SIM_SABOTAGE_H

#include "bus/sender.h"

enum sabotage {
    SABOTAGE_NONE,
    SABOTAGE_UNSIGNED,        /* the sender takes settlements without checking the signature */
    SABOTAGE_FORGET_ONCE,     /* the ledger does not remember what it settled */
    SABOTAGE_TRUST_FLOOR,     /* ... moves its floor to whatever a header says, chain unchecked */
    SABOTAGE_EARLY_SETTLED,   /* ... answers before its transaction is committed */
    SABOTAGE_EAGER_GRANT,     /* ... puts an epoch in use when it is granted, not when it is used */
    SABOTAGE_NO_GRANT,        /* ... lets a restored spool go on in its old epoch */
    SABOTAGE_EVERY_EPOCH,     /* ... applies in a new epoch what an earlier one applied */
    SABOTAGE_REFUSE_ALTERED,  /* ... refuses for good what a matcher may have altered */
    SABOTAGE_FORGET_SEQUENCE, /* the spool gives sequences without making them durable */
    SABOTAGE_END,
};

const char *sabotage_name(enum sabotage sabotage);

/* sender_step with its signature check taken out (unsigned_sender.c). */
int unsigned_sender_step(struct sender *sender, const struct sender_event *event, int64_t mono_ms,
                         int64_t now_ms, struct arena *arena, struct sender_actions *ret_actions);

#endif
