/* text.h - UTF-8 validation, hexadecimal, and the complaint that names place, fault and remedy. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/bytes.h"

/* text_is_utf8 - whether the bytes are UTF-8 (RFC 3629: no overlong form, no surrogate, at most
 * U+10FFFF) without NUL. The empty run is. */
bool text_is_utf8(struct bytes text);

/* text_utf8_next - length of the character at the start of the (non-empty) text and its code
 * point; 0 where no well-formed character stands, output then untouched. */
size_t text_utf8_next(struct bytes text, uint32_t *ret_code_point);

/* text_is_steering - whether a code point breaks a line, controls a terminal or turns the direction
 * of what follows: C0, DEL, C1, U+061C, U+200E/F, U+2028/9, U+202A..E, U+2066..9, U+FEFF. */
bool text_is_steering(uint32_t code_point);

/* text_printable - the text on one line into out[cap], NUL-terminated: steering characters become
 * \n, \t, \x1b or \u202e, bytes that are no UTF-8 \xff. What does not fit is left out at a whole
 * character. cap must not be 0. Returns the bytes written, without the NUL. */
size_t text_printable(struct bytes text, char *out, size_t cap);

/* text_cut - how many bytes of the text, at most max_bytes, end at a whole character. */
size_t text_cut(struct bytes text, size_t max_bytes);

enum { HEX128_SIZE = 33, HEX256_SIZE = 65 }; /* with NUL */

/* hex_encode - lower-case hexadecimal of size_bytes bytes into out[2 × size_bytes + 1]. */
void hex_encode(const uint8_t *data, size_t size_bytes, char *out);

/* hex_decode - exactly out_bytes bytes from 2 × out_bytes digits of either case.
 * Errors: -EINVAL, out untouched. */
int hex_decode(struct bytes text, uint8_t *out, size_t out_bytes);

/* The candidate that a mistyped word most likely means. */
struct text_nearest {
    struct bytes word;
    const char *best; /* NULL: none is near. Borrowed from whoever offered it. */
    size_t distance;  /* of best: letters to insert, delete or replace */
};

#define TEXT_NEAREST_INIT(mistyped) ((struct text_nearest){ .word = (mistyped) })

/* text_nearest_offer - keeps the candidate if it is nearer than those before and near at all: two
 * letters, or a third of the word. */
void text_nearest_offer(struct text_nearest *nearest, const char *candidate);

/* What was wrong with something that came from outside. Every text is NUL-terminated, UTF-8 and
 * printable on one line (text_printable), so that a quoted value cannot steer a terminal; `place`
 * is a line, key, row or field, `what` the fault, `remedy` what the sender can do. */
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
