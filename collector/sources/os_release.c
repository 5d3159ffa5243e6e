/* os_release.c - which distribution this is: os-release(5). */
#include <errno.h>

#include "base/cleanup.h"
#include "collector/sources/dpkg.h"

/* Distributions whose files do not say who makes them in words that their packages use. */
static const struct {
    const char *id;
    const char *origin;
    const char *vendor;
} known[] = {
    { "debian", "Debian", "Debian" },          { "ubuntu", "Ubuntu", "Canonical" },
    { "uos", "UnionTech", "UnionTech" },       { "deepin", "Deepin", "Deepin" },
    { "kylin", "Kylin", "KylinSoft" },         { "openkylin", "openKylin", "openKylin" },
    { "openeuler", "openEuler", "openEuler" }, { "linuxmint", "Linux Mint", "Linux Mint" },
};

/* The value without the shell's quotes and backslashes. Errors: -EINVAL a quote without end. */
static int value_unquote(struct bytes value, struct arena *arena, struct bytes *ret_value)
{
    uint8_t quote =
        value.size > 0 && (value.data[0] == '"' || value.data[0] == '\'') ? value.data[0] : 0;
    uint8_t *out = arena_alloc(arena, value.size + 1);
    size_t n = 0;
    if (out == NULL)
        return -ENOMEM;
    for (size_t i = quote != 0; i < value.size; i++) {
        uint8_t c = value.data[i];
        if (quote != 0 && c == quote) {
            *ret_value = bytes_of(out, n);
            return 0;
        }
        if (quote != '\'' && c == '\\' && i + 1 < value.size)
            c = value.data[++i];
        out[n++] = c;
    }
    *ret_value = bytes_of(out, n);
    return quote == 0 ? 0 : -EINVAL;
}

struct os_lines {
    struct bytes id, name, pretty, version, version_id, variant;
};

static int line_take(struct os_lines *lines, struct bytes line, struct arena *arena)
{
    struct {
        const char *key;
        struct bytes *value;
    } wanted[] = {
        { "ID", &lines->id },
        { "NAME", &lines->name },
        { "PRETTY_NAME", &lines->pretty },
        { "VERSION", &lines->version },
        { "VERSION_ID", &lines->version_id },
        { "VARIANT", &lines->variant },
    };
    const uint8_t *equals = line.size == 0 ? NULL : memchr(line.data, '=', line.size);
    if (equals == NULL)
        return 0;
    struct bytes key = bytes_of(line.data, (size_t)(equals - line.data));
    struct bytes raw = text_trim(bytes_of(equals + 1, line.size - key.size - 1)), value;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        if (!bytes_eq(key, bytes_str(wanted[i].key)))
            continue;
        int r = value_unquote(raw, arena, &value);
        if (r == -ENOMEM)
            return r;
        if (r == 0 && value.size <= BOUND_FIELD_BYTES && text_is_utf8(value))
            *wanted[i].value = text_trim(value);
    }
    return 0;
}

static struct bytes first_of(struct bytes a, struct bytes b)
{
    return a.size > 0 ? a : b;
}

int os_release_read(struct bytes text, struct arena *arena, struct os_release *ret_os)
{
    struct os_lines lines = { .id = { 0 } };
    while (text.size > 0) {
        const uint8_t *newline = memchr(text.data, '\n', text.size);
        size_t size = newline == NULL ? text.size : (size_t)(newline - text.data);
        int r = line_take(&lines, text_trim(bytes_of(text.data, size)), arena);
        if (r < 0)
            return r;
        size += newline != NULL;
        text = bytes_of(text.data + size, text.size - size);
    }
    *ret_os = (struct os_release){
        .id = lines.id,
        .title = first_of(lines.pretty, lines.name),
        .version = first_of(lines.version_id, lines.version),
        .edition = lines.variant,
        .origin = lines.name,
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (text_is_word(lines.id, known[i].id)) {
            ret_os->origin = bytes_str(known[i].origin);
            ret_os->vendor = bytes_str(known[i].vendor);
        }
    return 0;
}
