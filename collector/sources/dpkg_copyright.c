/* dpkg_copyright.c - the licences that a package's copyright file declares, in the form of DEP-5
 * (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/). */
#include <errno.h>

#include "base/buf.h"
#include "collector/sources/dpkg.h"

enum {
    LICENCES_MAX = 256,   /* different ones in one file */
    LICENCES_BYTES = 512, /* of all their names */
};

struct licences {
    struct bytes name[LICENCES_MAX]; /* ascending, each once */
    size_t count;
};

static void licences_add(struct licences *licences, struct bytes name)
{
    size_t at = licences->count;
    while (at > 0 && bytes_cmp(licences->name[at - 1], name) > 0)
        at--;
    if (at > 0 && bytes_eq(licences->name[at - 1], name))
        return;
    if (licences->count == LICENCES_MAX)
        return; /* more than fit the text by far */
    memmove(&licences->name[at + 1], &licences->name[at],
            (licences->count - at) * sizeof(licences->name[0]));
    licences->name[at] = name;
    licences->count++;
}

static struct bytes line_cut(struct bytes *rest)
{
    const uint8_t *newline = memchr(rest->data, '\n', rest->size);
    size_t size = newline == NULL ? rest->size : (size_t)(newline - rest->data);
    struct bytes line = bytes_of(rest->data, size);
    size += newline != NULL;
    *rest = bytes_of(rest->data + size, rest->size - size);
    return line;
}

/* The value of "Field: value"; false where the line is not that field. */
static bool field_value(struct bytes line, const char *field, struct bytes *ret_value)
{
    size_t size = strlen(field);
    if (line.size <= size || line.data[size] != ':' ||
        !text_is_word(bytes_of(line.data, size), field))
        return false;
    *ret_value = text_trim(bytes_of(line.data + size + 1, line.size - size - 1));
    return true;
}

static bool contains(struct bytes text, struct bytes part)
{
    return text.size > 0 && memmem(text.data, text.size, part.data, part.size) != NULL;
}

/* "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/" or an older draft. */
static bool is_dep5(struct bytes text)
{
    struct bytes value;
    while (text.size > 0) {
        struct bytes line = line_cut(&text);
        if (field_value(line, "Format", &value) ||
            field_value(line, "Format-Specification", &value))
            return contains(value, BYTES_LIT("copyright-format")) ||
                   contains(value, BYTES_LIT("dep5")) || contains(value, BYTES_LIT("DEP-5"));
        if (text_trim(line).size == 0)
            return false; /* the header paragraph is over */
    }
    return false;
}

static int licences_join(const struct licences *licences, struct arena *arena,
                         struct bytes *ret_text)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(LICENCES_BYTES + 16);
    for (size_t i = 0; i < licences->count; i++) {
        struct bytes name = licences->name[i];
        if (out.size + 2 + name.size > LICENCES_BYTES) {
            buf_put_str(&out, out.size == 0 ? "..." : ", ...");
            break;
        }
        buf_put_str(&out, out.size == 0 ? "" : ", ");
        buf_put(&out, name);
    }
    const char *copy = arena_strdup(arena, buf_bytes(&out));
    if (buf_error(&out) < 0 || copy == NULL)
        return -ENOMEM;
    *ret_text = bytes_str(copy);
    return 0;
}

int copyright_licences(struct bytes text, struct arena *arena, struct bytes *ret_licences)
{
    struct licences licences = { .count = 0 };
    struct bytes value;
    *ret_licences = (struct bytes){ 0 };
    if (!is_dep5(text))
        return 0;
    while (text.size > 0) {
        struct bytes line = line_cut(&text);
        /* Only the first line of the field is the short name. */
        if (field_value(line, "License", &value) && value.size > 0 && text_is_utf8(value))
            licences_add(&licences, value);
    }
    return licences.count == 0 ? 0 : licences_join(&licences, arena, ret_licences);
}
