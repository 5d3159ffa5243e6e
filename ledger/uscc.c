/* uscc.c - check characters of GB 32100-2015 and GB 11714. */
#include "ledger/uscc.h"

#include <string.h>

static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY"; /* no I, O, S, V, Z */

enum { USCC_CHARACTERS = 18, USCC_BASE = 31, ORGANISATION_AT = 8, ORGANISATION_CHARACTERS = 8 };

/* The value of a character, −1 for one that is not of the alphabet. */
static int value_of(char c)
{
    const char *at = c == '\0' ? NULL : strchr(alphabet, c);
    return at == NULL ? -1 : (int)(at - alphabet);
}

/* The organisation code's own values: letters count from A = 10, without gaps. */
static int organisation_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c - 'A' + 10;
}

static bool organisation_agrees(const char *code)
{
    static const int weight[ORGANISATION_CHARACTERS] = { 3, 7, 9, 10, 5, 8, 4, 2 };
    int sum = 0;
    for (int i = 0; i < ORGANISATION_CHARACTERS; i++)
        sum += weight[i] * organisation_value(code[ORGANISATION_AT + i]);
    int check = 11 - sum % 11;
    char expected = (char)(check == 10 ? 'X' : '0' + check % 11);
    return code[ORGANISATION_AT + ORGANISATION_CHARACTERS] == expected;
}

enum uscc_state uscc_check(const char *code)
{
    int sum = 0, weight = 1;
    if (strlen(code) != USCC_CHARACTERS)
        return USCC_INVALID;
    for (int i = 0; i < USCC_CHARACTERS; i++) {
        int value = value_of(code[i]);
        if (value < 0)
            return USCC_INVALID;
        if (i < USCC_CHARACTERS - 1)
            sum += value * weight;
        weight = weight * 3 % USCC_BASE;
    }
    int check = (USCC_BASE - sum % USCC_BASE) % USCC_BASE;
    if (code[USCC_CHARACTERS - 1] != alphabet[check])
        return USCC_INVALID;
    return organisation_agrees(code) ? USCC_VALID : USCC_ODD;
}
