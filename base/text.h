/* text.h - UTF-8 validation, hexadecimal, and the complaint that names place, fault and remedy. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/bytes.h"

/* text_is_utf8 - whether the bytes are UTF-8 (RFC 3629: no overlong form, no surrogate, at most
 * U+10FFFF) without NUL. The empty run is. */
bool text_is_utf8(struct bytes text);

enum { HEX128_SIZE = 33, HEX256_SIZE = 65 }; /* with NUL */

/* hex_encode - lower-case hexadecimal of size_bytes bytes into out[2 × size_bytes + 1]. */
void hex_encode(const uint8_t *data, size_t size_bytes, char *out);

/* hex_decode - exactly out_bytes bytes from 2 × out_bytes digits of either case.
 * Errors: -EINVAL, out untouched. */
int hex_decode(struct bytes text, uint8_t *out, size_t out_bytes);

/* What was wrong with something that came from outside. Every text is UTF-8 and NUL-terminated;
 * `place` is a line, key, row or field, `what` the fault, `remedy` what the sender can do. */
struct complaint {
    char place[160];
    char what[320];
    char remedy[320];
};

/* complaint_at - sets the place; may be called before the fault is known. `why` may be NULL. */
void complaint_at(struct complaint *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* complain - sets fault and remedy and returns r, so that a check reads
 *     return complain(why, -EINVAL, "give a number from 1 to 30", "'%s' is no number", text);
 * `why` may be NULL. Text that does not fit is cut at a character. */
int complain(struct complaint *why, int r, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
