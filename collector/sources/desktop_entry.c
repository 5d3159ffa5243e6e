/* desktop_entry.c - one menu entry: Desktop Entry Specification 1.5, sections 3, 4, 5 and 7
 * (https://specifications.freedesktop.org/desktop-entry-spec/1.5/). */
#include <errno.h>
#include <strings.h>

#include "base/cleanup.h"
#include "collector/sources/desktop.h"

enum { VERSION_BYTES = 64 };

struct entry_lines {
    struct bytes name, name_zh, exec, type, hidden, version;
};

static struct bytes line_cut(struct bytes *rest)
{
    const uint8_t *newline = memchr(rest->data, '\n', rest->size);
    size_t size = newline == NULL ? rest->size : (size_t)(newline - rest->data);
    struct bytes line = bytes_of(rest->data, size);
    size += newline != NULL;
    *rest = bytes_of(rest->data + size, rest->size - size);
    return text_trim(line);
}

/* "X-AppImage-Version" and the like. Version itself is the specification's, and this one that of the
 * tool that put the file there. */
static bool is_version_key(struct bytes key)
{
    struct bytes end = BYTES_LIT("version");
    return key.size > 2 + end.size && bytes_starts_with(key, BYTES_LIT("X-")) &&
           strncasecmp((const char *)key.data + key.size - end.size, "version", end.size) == 0 &&
           !text_is_word(key, "X-Desktop-File-Install-Version");
}

static bool is_version(struct bytes text)
{
    size_t at = text.size > 0 && (text.data[0] == 'v' || text.data[0] == 'V');
    return text.size > at && text.size <= VERSION_BYTES && text.data[at] >= '0' &&
           text.data[at] <= '9';
}

/* The first line of a key stands; the specification forbids a second. */
static void line_take(struct entry_lines *lines, struct bytes line)
{
    struct {
        const char *key;
        struct bytes *value;
    } wanted[] = {
        { "Name", &lines->name }, { "Name[zh_CN]", &lines->name_zh }, { "Exec", &lines->exec },
        { "Type", &lines->type }, { "Hidden", &lines->hidden },
    };
    const uint8_t *equals = memchr(line.data, '=', line.size);
    if (equals == NULL)
        return;
    size_t size = (size_t)(equals - line.data);
    struct bytes key = text_trim(bytes_of(line.data, size));
    struct bytes value = text_trim(bytes_of(equals + 1, line.size - size - 1));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (bytes_eq(key, bytes_str(wanted[i].key)) && wanted[i].value->size == 0)
            *wanted[i].value = value;
    if (lines->version.size == 0 && is_version_key(key) && is_version(value))
        lines->version = value;
}

/* The value with \s \n \t \r \\ as what they stand for; -ENOMEM. */
static int value_unescape(struct bytes value, struct arena *arena, struct bytes *ret_value)
{
    static const char from[] = "sntr\\", to[] = " \n\t\r\\";
    uint8_t *out = arena_alloc(arena, value.size + 1);
    size_t n = 0;
    if (out == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < value.size; i++) {
        const char *known = i + 1 < value.size && value.data[i] == '\\' && value.data[i + 1] != 0
                                ? strchr(from, value.data[i + 1])
                                : NULL;
        if (known == NULL) {
            out[n++] = value.data[i];
        } else {
            out[n++] = (uint8_t)to[known - from];
            i++;
        }
    }
    *ret_value = bytes_of(out, n);
    return 0;
}

/* ---- Exec ---- */

/* The next argument of a command line, without its quotes; false at the end. -ENOMEM in *error. */
static bool argument_next(struct bytes *rest, struct arena *arena, struct bytes *ret_argument,
                          int *error)
{
    *rest = text_trim(*rest);
    if (rest->size == 0)
        return false;
    uint8_t *out = arena_alloc(arena, rest->size);
    size_t n = 0, i = 0;
    bool is_quoted = false;
    if (out == NULL) {
        *error = -ENOMEM;
        return false;
    }
    for (; i < rest->size; i++) {
        uint8_t c = rest->data[i];
        if (c == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && c == '\\' && i + 1 < rest->size)
            out[n++] = rest->data[++i];
        else if (!is_quoted && (c == ' ' || c == '\t'))
            break;
        else
            out[n++] = c;
    }
    *rest = bytes_of(rest->data + i, rest->size - i);
    *ret_argument = bytes_of(out, n);
    return true;
}

static bool has(struct bytes text, char c)
{
    return text.size > 0 && memchr(text.data, c, text.size) != NULL;
}

static bool is_env(struct bytes binary)
{
    return text_is_word(binary, "env") || text_is_word(binary, "/usr/bin/env") ||
           text_is_word(binary, "/bin/env");
}

/* The first argument; behind env, the first that sets no variable and is no option. */
static int exec_take(struct bytes exec, struct arena *arena, struct desktop_entry *entry)
{
    struct bytes argument;
    bool behind_env = false;
    int error = 0;
    while (argument_next(&exec, arena, &argument, &error)) {
        if (entry->binary.size > 0) {
            entry->has_file_argument = entry->has_file_argument || has(argument, '/');
        } else if (!behind_env && is_env(argument)) {
            behind_env = true;
        } else if (argument.size > 0 &&
                   (!behind_env || (!has(argument, '=') && argument.data[0] != '-'))) {
            entry->binary = argument;
        }
    }
    if (!text_is_utf8(entry->binary))
        entry->binary = (struct bytes){ 0 };
    return error;
}

int desktop_entry_read(struct bytes text, struct arena *arena, struct desktop_entry *ret_entry)
{
    struct entry_lines lines = { .name = { 0 } };
    struct desktop_entry entry = { .is_application = false };
    bool is_within = false, was_within = false;
    while (text.size > 0) {
        struct bytes line = line_cut(&text);
        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (line.data[0] == '[') {
            is_within = !was_within && bytes_eq(line, BYTES_LIT("[Desktop Entry]"));
            was_within = was_within || is_within;
        } else if (is_within) {
            line_take(&lines, line);
        }
    }
    if (!was_within)
        return -EBADMSG;
    struct bytes exec = { 0 };
    int r = value_unescape(lines.name, arena, &entry.name);
    if (r == 0)
        r = value_unescape(lines.name_zh, arena, &entry.name_zh);
    if (r == 0)
        r = value_unescape(lines.version, arena, &entry.version);
    if (r == 0)
        r = value_unescape(lines.exec, arena, &exec);
    if (r == 0)
        r = exec_take(exec, arena, &entry);
    entry.is_application = bytes_eq(lines.type, BYTES_LIT("Application"));
    entry.is_hidden = bytes_eq(lines.hidden, BYTES_LIT("true"));
    if (bytes_eq(entry.name, entry.name_zh))
        entry.name_zh = (struct bytes){ 0 };
    if (r < 0)
        return r;
    if (entry.name.size == 0) {
        entry.name = entry.name_zh;
        entry.name_zh = (struct bytes){ 0 };
    }
    *ret_entry = entry;
    return 0;
}
