/* version.c - comparing what installs state with what rights ask for. */
#include "ledger/version.h"

#include <stdint.h>
#include <string.h>

enum { VERSION_PARTS_MAX = 8 };

struct version {
    uint64_t part[VERSION_PARTS_MAX]; /* zeros after the last */
    size_t count;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* False when there is no number at its beginning. */
static bool version_parse(const char *text, struct version *ret_version)
{
    struct version version = { .count = 0 };
    if (*text == 'v' || *text == 'V')
        text++;
    while (is_digit(*text) && version.count < VERSION_PARTS_MAX) {
        uint64_t part = 0;
        for (; is_digit(*text); text++)
            part = part > UINT64_MAX / 16 ? part : part * 10 + (uint64_t)(*text - '0');
        version.part[version.count++] = part;
        if (*text == '.')
            text++;
    }
    *ret_version = version;
    return version.count > 0;
}

static int parts_compare(const struct version *a, const struct version *b, size_t parts)
{
    for (size_t i = 0; i < parts; i++)
        if (a->part[i] != b->part[i])
            return a->part[i] < b->part[i] ? -1 : 1;
    return 0;
}

bool version_compare(const char *a, const char *b, int *ret_order)
{
    struct version x, y;
    if (!version_parse(a, &x) || !version_parse(b, &y))
        return false;
    *ret_order = parts_compare(&x, &y, VERSION_PARTS_MAX);
    return true;
}

enum match version_within(const char *version, const char *low, const char *high)
{
    struct version v, bound;
    if (*low == '\0' && *high == '\0')
        return MATCH_YES;
    if (!version_parse(version, &v))
        return MATCH_DOUBT;
    if (*low != '\0') {
        if (!version_parse(low, &bound))
            return MATCH_DOUBT;
        if (parts_compare(&v, &bound, VERSION_PARTS_MAX) < 0)
            return MATCH_NO;
    }
    if (*high != '\0') {
        if (!version_parse(high, &bound))
            return MATCH_DOUBT;
        if (parts_compare(&v, &bound, bound.count) > 0)
            return MATCH_NO;
    }
    return MATCH_YES;
}

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* No locale has a say in it. */
static bool same_word(const char *a, const char *b)
{
    while (*a != '\0' && fold(*a) == fold(*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

enum match right_matches(const Zb__RightRecord *right, const char *edition, const char *version)
{
    enum match by_edition = right->n_editions == 0 ? MATCH_YES : MATCH_NO;
    if (right->n_editions > 0 && *edition == '\0')
        by_edition = MATCH_DOUBT;
    for (size_t i = 0; i < right->n_editions && by_edition == MATCH_NO; i++)
        if (same_word(right->editions[i], edition))
            by_edition = MATCH_YES;
    enum match by_version = version_within(version, right->version_low, right->version_high);
    if (by_edition == MATCH_NO || by_version == MATCH_NO)
        return MATCH_NO;
    return by_edition == MATCH_DOUBT || by_version == MATCH_DOUBT ? MATCH_DOUBT : MATCH_YES;
}
