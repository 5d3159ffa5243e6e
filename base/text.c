/* text.c - validation is a straight walk over RFC 3629's table of well-formed sequences. */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Length of the well-formed sequence at p (n bytes left), 0 if there is none. NUL has none. */
static size_t utf8_sequence(const uint8_t *p, size_t n)
{
    uint8_t lead = p[0];
    size_t len;
    uint8_t low = 0x80, high = 0xBF; /* bounds of the second byte */
    if (lead == 0)
        return 0;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF) {
        len = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        len = 3;
        if (lead == 0xE0)
            low = 0xA0; /* overlong */
        else if (lead == 0xED)
            high = 0x9F; /* surrogates */
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        len = 4;
        if (lead == 0xF0)
            low = 0x90; /* overlong */
        else if (lead == 0xF4)
            high = 0x8F; /* past U+10FFFF */
    } else {
        return 0;
    }
    if (n < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

bool text_is_utf8(struct bytes text)
{
    size_t at = 0;
    while (at < text.size) {
        size_t len = utf8_sequence(text.data + at, text.size - at);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

void hex_encode(const uint8_t *data, size_t size_bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size_bytes; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 0x0F];
    }
    out[2 * size_bytes] = '\0';
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -EINVAL;
}

int hex_decode(struct bytes text, uint8_t *out, size_t out_bytes)
{
    if (text.size != 2 * out_bytes)
        return -EINVAL;
    for (size_t i = 0; i < text.size; i++)
        if (hex_digit(text.data[i]) < 0)
            return -EINVAL;
    for (size_t i = 0; i < out_bytes; i++)
        out[i] = (uint8_t)(hex_digit(text.data[2 * i]) << 4 | hex_digit(text.data[2 * i + 1]));
    return 0;
}

/* Formats into out[cap]; what does not fit is cut at a whole character. */
static void format_cut(char *out, size_t cap, const char *format, va_list args)
{
    int n = vsnprintf(out, cap, format, args);
    if (n < 0 || (size_t)n < cap)
        return;
    size_t end = cap - 1;
    while (end > 0 && ((uint8_t)out[end - 1] & 0xC0) == 0x80)
        end--;
    if (end > 0 && ((uint8_t)out[end - 1] & 0x80) != 0)
        end--; /* the lead byte of the sequence that may be incomplete */
    out[end] = '\0';
}

void complaint_at(struct complaint *why, const char *format, ...)
{
    if (why == NULL)
        return;
    va_list args;
    va_start(args, format);
    format_cut(why->place, sizeof(why->place), format, args);
    va_end(args);
}

int complain(struct complaint *why, int r, const char *remedy, const char *format, ...)
{
    if (why == NULL)
        return r;
    va_list args;
    va_start(args, format);
    format_cut(why->what, sizeof(why->what), format, args);
    va_end(args);
    (void)snprintf(why->remedy, sizeof(why->remedy), "%s", remedy == NULL ? "" : remedy);
    return r;
}
