/* address.h - which mail addresses may stand in a header or in a command line of SMTP. */
#ifndef NOTIFIER_ADDRESS_H
#define NOTIFIER_ADDRESS_H

#include <stdbool.h>
#include <string.h>

enum { ADDRESS_BYTES_MAX = 254 }; /* RFC 5321 4.5.3.1.3, less the brackets */

/* address_is_plain - printable ASCII without blank, bracket, quote or comma, one '@' between two
 * parts: neither a header nor a command can be smuggled in with it. Quoted and international local
 * parts are left out on purpose. */
static inline bool address_is_plain(const char *address)
{
    const char *at = strchr(address, '@');
    if (strlen(address) > ADDRESS_BYTES_MAX || at == NULL || at == address || at[1] == '\0' ||
        strchr(at + 1, '@') != NULL)
        return false;
    for (const char *c = address; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7F || strchr("<>,;:\"\\()[]", *c))
            return false;
    return true;
}

#endif
