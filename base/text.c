/* text.c - validation is a straight walk over RFC 3629's table of well-formed sequences. */
#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

size_t text_utf8_next(struct bytes text, uint32_t *ret_code_point)
{
    const uint8_t *p = text.data;
    uint8_t lead = p[0];
    size_t len;
    uint32_t code_point;
    uint8_t low = 0x80, high = 0xBF; /* bounds of the second byte */
    if (lead < 0x80) {
        *ret_code_point = lead;
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        len = 2;
        code_point = lead & 0x1Fu;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        len = 3;
        code_point = lead & 0x0Fu;
        if (lead == 0xE0)
            low = 0xA0; /* overlong */
        else if (lead == 0xED)
            high = 0x9F; /* surrogates */
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        len = 4;
        code_point = lead & 0x07u;
        if (lead == 0xF0)
            low = 0x90; /* overlong */
        else if (lead == 0xF4)
            high = 0x8F; /* past U+10FFFF */
    } else {
        return 0;
    }
    if (text.size < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return 0;
        code_point = code_point << 6 | (p[i] & 0x3Fu);
    }
    *ret_code_point = code_point;
    return len;
}

static struct bytes bytes_after(struct bytes text, size_t skip)
{
    return bytes_of(text.data + skip, text.size - skip);
}

bool text_is_utf8(struct bytes text)
{
    while (text.size > 0) {
        uint32_t code_point;
        size_t len = text_utf8_next(text, &code_point);
        if (len == 0 || code_point == 0)
            return false;
        text = bytes_after(text, len);
    }
    return true;
}

bool text_is_steering(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x061C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

/* How one character (len bytes, code point c) or one stray byte (len 0) is shown, into out[16]. */
static size_t printable_one(const uint8_t *p, size_t len, uint32_t c, char *out)
{
    int n;
    if (len == 0)
        n = snprintf(out, 16, "\\x%02x", p[0]);
    else if (c == '\n')
        n = snprintf(out, 16, "\\n");
    else if (c == '\r')
        n = snprintf(out, 16, "\\r");
    else if (c == '\t')
        n = snprintf(out, 16, "\\t");
    else if (c < 0x80 && text_is_steering(c))
        n = snprintf(out, 16, "\\x%02x", (unsigned)c);
    else if (text_is_steering(c))
        n = snprintf(out, 16, "\\u%04x", (unsigned)c);
    else
        n = snprintf(out, 16, "%.*s", (int)len, (const char *)p);
    return (size_t)n;
}

size_t text_printable(struct bytes text, char *out, size_t cap)
{
    size_t at = 0;
    while (text.size > 0) {
        uint32_t c = 0;
        size_t len = text_utf8_next(text, &c);
        char shown[16];
        size_t n = printable_one(text.data, len, c, shown);
        if (n >= cap - at)
            break;
        memcpy(out + at, shown, n);
        at += n;
        text = bytes_after(text, len == 0 ? 1 : len);
    }
    out[at] = '\0';
    return at;
}

size_t text_cut(struct bytes text, size_t max_bytes)
{
    if (text.size <= max_bytes)
        return text.size;
    size_t n = max_bytes;
    /* A character has at most three bytes after its first; more are not UTF-8 anyway. */
    while (n > 0 && max_bytes - n < 3 && (text.data[n] & 0xC0) == 0x80)
        n--;
    return (text.data[n] & 0xC0) == 0x80 ? max_bytes : n;
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
    if (text.size % 2 != 0 || text.size / 2 != out_bytes)
        return -EINVAL;
    for (size_t i = 0; i < text.size; i++)
        if (hex_digit(text.data[i]) < 0)
            return -EINVAL;
    for (size_t i = 0; i < out_bytes; i++)
        out[i] = (uint8_t)((unsigned)hex_digit(text.data[2 * i]) << 4 |
                           (unsigned)hex_digit(text.data[2 * i + 1]));
    return 0;
}

/* Levenshtein's distance by one row of his table. Words longer than the table are far. */
static size_t edit_distance(struct bytes a, struct bytes b)
{
    enum { WORD_BYTES = 96 };
    size_t row[WORD_BYTES + 1];
    if (a.size > WORD_BYTES || b.size > WORD_BYTES)
        return SIZE_MAX;
    for (size_t k = 0; k <= b.size; k++)
        row[k] = k;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= b.size; k++) {
            size_t replaced = diagonal + (a.data[i - 1] != b.data[k - 1]);
            size_t other = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            diagonal = row[k];
            row[k] = replaced < other ? replaced : other;
        }
    }
    return row[b.size];
}

void text_nearest_offer(struct text_nearest *nearest, const char *candidate)
{
    size_t d = edit_distance(nearest->word, bytes_str(candidate));
    size_t near = nearest->word.size / 3 > 2 ? nearest->word.size / 3 : 2;
    /* Half of a short word wrong is another word. */
    if (d > near || 2 * d > nearest->word.size)
        return;
    if (nearest->best == NULL || d < nearest->distance) {
        nearest->best = candidate;
        nearest->distance = d;
    }
}

/* Formats into out[cap], printable. vsnprintf may cut a text within a character, which would then
 * be shown as stray bytes: the last four bytes, which may be such a half, go first. */
static void format_printable(char *out, size_t cap, const char *format, va_list args)
{
    char raw[512];
    int n = vsnprintf(raw, sizeof(raw), format, args);
    size_t size = n < 0 ? 0 : (size_t)n;
    if (size >= sizeof(raw))
        size = text_cut(bytes_of(raw, sizeof(raw) - 1), sizeof(raw) - 5);
    (void)text_printable(bytes_of(raw, size), out, cap); /* cut on purpose */
}

void complaint_at(struct complaint *why, const char *format, ...)
{
    if (why == NULL)
        return;
    va_list args;
    va_start(args, format);
    format_printable(why->place, sizeof(why->place), format, args);
    va_end(args);
}

int complain(struct complaint *why, int r, const char *remedy, const char *format, ...)
{
    if (why == NULL)
        return r;
    va_list args;
    va_start(args, format);
    format_printable(why->what, sizeof(why->what), format, args);
    va_end(args);
    (void)text_printable(bytes_str(remedy), why->remedy, sizeof(why->remedy)); /* cut on purpose */
    return r;
}
