/* stream.c - which outcomes end an event's journey. */
#include "proto/stream.h"

bool outcome_is_final(Zb__OutcomeKind outcome, Zb__RefusalReason reason)
{
    if (outcome == OUTCOME_APPLIED)
        return true;
    if (outcome != OUTCOME_REFUSED)
        return false;
    switch (reason) {
    case REFUSAL_OUTSIDE_SUBTREE:
    case REFUSAL_UNKNOWN_UNIT:
    case REFUSAL_SIMULATED:
    case REFUSAL_INVALID:
    case REFUSAL_TOO_LARGE:
    case REFUSAL_BAD_STATE:
    case REFUSAL_NOT_FOUND:
        return true;
    default:
        return false;
    }
}
