/* uscc.h - the unified social credit code of an organisation, GB 32100-2015. */
#ifndef LEDGER_USCC_H
#define LEDGER_USCC_H

#include <stdbool.h>

enum uscc_state {
    USCC_VALID,
    USCC_ODD, /* valid, but the organisation code inside it (GB 11714) has another check digit:
                     such codes were given out; a warning only */
    USCC_INVALID,
};

/* uscc_check - eighteen characters of the code's alphabet and the right check character. Positions
 * 3 to 8 are not tested: regions are retired, codes are not. */
enum uscc_state uscc_check(const char *code);

#endif
