/* draft_text.c - texts as tools and people write them: dates, fillers, kinds of computer. */
#include "collector/sources/draft.h"

#include <strings.h>

#include "base/civil.h"
#include "base/cleanup.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes text_trim(struct bytes text)
{
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    while (text.size > 0 && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    return text;
}

bool text_is_word(struct bytes text, const char *word)
{
    text = text_trim(text);
    return text.size == strlen(word) && strncasecmp((const char *)text.data, word, text.size) == 0;
}

const char *text_fault(struct bytes text, const char **ret_remedy)
{
    if (text.size > BOUND_FIELD_BYTES) {
        *ret_remedy = "cut the text to 1024 bytes";
        return "longer than 1024 bytes";
    }
    if (!text_is_utf8(text)) {
        *ret_remedy = "convert the text to UTF-8 and leave NUL out";
        return "not UTF-8, or with a NUL inside";
    }
    return NULL;
}

bool text_is_placeholder(struct bytes text)
{
    static const char *const fillers[] = {
        "to be filled by o.e.m.",
        "default string",
        "none",
        "n/a",
        "not specified",
        "not available",
        "not applicable",
        "no asset tag",
        "no asset information",
        "system serial number",
        "serial number",
        "asset-1234567890",
        "unknown",
        "invalid",
        "123456789",
        "oem",
        "chassis serial number",
        "o.e.m.",
        "empty",
    };
    text = text_trim(text);
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
        if (text_is_word(text, fillers[i]))
            return true;
    /* One character all through, separators aside: 0000000000, ........, FFFF-FFFF. */
    uint8_t first = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '-' || c == ' ')
            continue;
        if (first != 0 && c != first)
            return false;
        first = c;
    }
    return true;
}

/* ---- dates ---- */

struct number {
    int value;
    size_t digits;
};

/* A run of at most eight digits at *at. */
static struct number number_read(struct bytes text, size_t *at)
{
    struct number n = { 0 };
    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9' && n.digits < 8) {
        n.value = n.value * 10 + (text.data[(*at)++] - '0');
        n.digits++;
    }
    return n;
}

/* One separator of dates at *at. */
static bool separator_read(struct bytes text, size_t *at)
{
    static const char *const separators[] = { "-", "/", ".", "年", "月" };
    for (size_t i = 0; i < ARRAY_LEN(separators); i++) {
        struct bytes s = bytes_str(separators[i]);
        if (bytes_starts_with(bytes_of(text.data + *at, text.size - *at), s)) {
            *at += s.size;
            return true;
        }
    }
    return false;
}

/* The part before the time of day. */
static struct bytes date_part(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == ' ' || text.data[i] == 'T')
            return bytes_of(text.data, i);
    return text;
}

bool date_parse(struct bytes text, bool day_first, int32_t *ret_day)
{
    text = date_part(text_trim(text));
    if (text.size == 0)
        return false;
    size_t at = 0;
    struct number a = number_read(text, &at), b, c;
    struct civil_date date;
    if (a.digits == 8 && at == text.size) {
        date = (struct civil_date){ a.value / 10000, a.value / 100 % 100, a.value % 100 };
    } else {
        if (!separator_read(text, &at))
            return false;
        b = number_read(text, &at);
        if (!separator_read(text, &at))
            return false;
        c = number_read(text, &at);
        struct bytes rest = bytes_of(text.data + at, text.size - at);
        if (rest.size > 0 && !bytes_eq(rest, bytes_str("日")))
            return false;
        bool year_first = a.digits == 4 && b.digits <= 2 && c.digits <= 2;
        bool year_last = day_first && c.digits == 4 && a.digits <= 2 && b.digits <= 2;
        if (!year_first && !year_last)
            return false;
        date = year_first ? (struct civil_date){ a.value, b.value, c.value }
                          : (struct civil_date){ c.value, b.value, a.value };
    }
    if (!civil_is_date(date))
        return false;
    *ret_day = civil_day_of(date);
    return true;
}

/* h:mm or h:mm:ss, in seconds of the day; -1: neither. */
static int64_t time_parse(struct bytes text)
{
    size_t at = 0;
    struct number part[3] = { 0 };
    size_t parts = 0;
    for (; parts < 3; parts++) {
        part[parts] = number_read(text, &at);
        if (part[parts].digits == 0 || part[parts].digits > 2)
            return -1;
        if (at == text.size || text.data[at] != ':')
            break;
        at++;
    }
    if (at != text.size || parts == 0 || parts == 3 || part[0].value > 23 || part[1].value > 59 ||
        part[2].value > 59)
        return -1;
    return (part[0].value * 60 + part[1].value) * 60 + part[2].value;
}

bool instant_parse(struct bytes text, int64_t *ret_ms)
{
    text = text_trim(text);
    if (civil_parse_instant(text, ret_ms) == 0)
        return true;
    int32_t day;
    struct bytes date = date_part(text);
    if (!date_parse(date, false, &day))
        return false;
    int64_t seconds = 0;
    if (date.size < text.size)
        seconds =
            time_parse(text_trim(bytes_of(text.data + date.size + 1, text.size - date.size - 1)));
    if (seconds < 0)
        return false;
    *ret_ms = civil_ms_at(day, 0) + seconds * 1000;
    return true;
}

/* ---- kinds of computer ---- */

const char *kind_of(struct bytes chassis)
{
    static const struct {
        const char *word;
        const char *kind;
    } kinds[] = {
        { "desktop", "desktop" },
        { "low profile desktop", "desktop" },
        { "pizza box", "desktop" },
        { "mini tower", "desktop" },
        { "tower", "desktop" },
        { "all in one", "desktop" },
        { "space-saving", "desktop" },
        { "lunch box", "desktop" },
        { "mini pc", "desktop" },
        { "stick pc", "desktop" },
        { "台式机", "desktop" },
        { "台式电脑", "desktop" },
        { "一体机", "desktop" },
        { "portable", "laptop" },
        { "laptop", "laptop" },
        { "notebook", "laptop" },
        { "hand held", "laptop" },
        { "docking station", "laptop" },
        { "sub notebook", "laptop" },
        { "tablet", "laptop" },
        { "convertible", "laptop" },
        { "detachable", "laptop" },
        { "笔记本", "laptop" },
        { "笔记本电脑", "laptop" },
        { "便携式", "laptop" },
        { "server", "server" },
        { "main server chassis", "server" },
        { "rack mount chassis", "server" },
        { "blade", "server" },
        { "服务器", "server" },
        { "virtual", "virtual" },
        { "virtual machine", "virtual" },
        { "虚拟机", "virtual" },
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (text_is_word(chassis, kinds[i].word))
            return kinds[i].kind;
    return NULL;
}
