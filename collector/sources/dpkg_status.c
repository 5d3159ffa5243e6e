/* dpkg_status.c - dpkg's database of packages: paragraphs of "Name: value" lines, parted by blank
 * lines; a line that begins with a space goes on with the value before it. The file is walked once,
 * where it lies; only the fields below are looked at, so a description may be of any length. */
#include <errno.h>

#include "base/cleanup.h"
#include "collector/sources/dpkg.h"

enum dpkg_field {
    DPKG_PACKAGE,
    DPKG_STATUS,
    DPKG_VERSION,
    DPKG_ARCHITECTURE,
    DPKG_MAINTAINER,
    DPKG_ORIGIN,
    DPKG_VENDOR,
    DPKG_LICENSE,
    DPKG_FIELDS,
};

static const char *const field_names[DPKG_FIELDS] = {
    [DPKG_PACKAGE] = "Package",       [DPKG_STATUS] = "Status",
    [DPKG_VERSION] = "Version",       [DPKG_ARCHITECTURE] = "Architecture",
    [DPKG_MAINTAINER] = "Maintainer", [DPKG_ORIGIN] = "Origin",
    [DPKG_VENDOR] = "Vendor",         [DPKG_LICENSE] = "License",
};

struct paragraph {
    struct bytes value[DPKG_FIELDS]; /* first lines, trimmed */
    size_t line;                     /* where it begins, from 1 */
    size_t lines;
    bool malformed; /* a line that is neither a field nor goes on with one */
    bool cut;       /* the file ended within its last line */
};

/* The next line without its end; false at the end of the text. */
static bool line_next(struct bytes *rest, struct bytes *ret_line, bool *ret_cut)
{
    if (rest->size == 0)
        return false;
    const uint8_t *newline = memchr(rest->data, '\n', rest->size);
    size_t size = newline == NULL ? rest->size : (size_t)(newline - rest->data);
    *ret_line = bytes_of(rest->data, size);
    *ret_cut = newline == NULL;
    size += newline != NULL;
    *rest = bytes_of(rest->data + size, rest->size - size);
    return true;
}

static void field_take(struct paragraph *paragraph, struct bytes line)
{
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        paragraph->malformed = paragraph->malformed || paragraph->lines == 1;
        return;
    }
    const uint8_t *colon = memchr(line.data, ':', line.size);
    if (colon == NULL || colon == line.data) {
        paragraph->malformed = true;
        return;
    }
    size_t size = (size_t)(colon - line.data);
    for (unsigned i = 0; i < DPKG_FIELDS; i++)
        if (text_is_word(bytes_of(line.data, size), field_names[i]) &&
            paragraph->value[i].size == 0)
            paragraph->value[i] = text_trim(bytes_of(colon + 1, line.size - size - 1));
}

/* The next paragraph; false when only blank lines are left. *line counts lines. */
static bool paragraph_next(struct bytes *rest, size_t *line, struct paragraph *ret_paragraph)
{
    struct bytes text;
    *ret_paragraph = (struct paragraph){ .line = *line };
    while (line_next(rest, &text, &ret_paragraph->cut)) {
        ++*line;
        if (text_trim(text).size == 0) {
            if (ret_paragraph->lines > 0)
                break;
            ret_paragraph->line = *line;
            continue;
        }
        ret_paragraph->lines++;
        field_take(ret_paragraph, text);
    }
    return ret_paragraph->lines > 0;
}

/* ---- one package ---- */

bool dpkg_is_package(struct bytes name)
{
    if (name.size == 0 || name.size > 255 || name.data[0] == '.' || name.data[0] == '-')
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '-' || c == '.'))
            return false;
    }
    return true;
}

/* The third word of "install ok installed", where the package's files are in place. */
static bool is_in_place(struct bytes status)
{
    static const char *const states[] = { "installed", "triggers-pending", "triggers-awaited",
                                          "half-configured", "unpacked" };
    size_t at = status.size;
    while (at > 0 && status.data[at - 1] != ' ' && status.data[at - 1] != '\t')
        at--;
    struct bytes state = bytes_of(status.data + at, status.size - at);
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (text_is_word(state, states[i]))
            return true;
    return false;
}

/* "Debian GNOME Maintainers" of "Debian GNOME Maintainers <pkg@lists.debian.org>". */
static struct bytes maintainer_name(struct bytes maintainer)
{
    const uint8_t *address =
        maintainer.size == 0 ? NULL : memchr(maintainer.data, '<', maintainer.size);
    if (address == NULL || address == maintainer.data)
        return maintainer;
    struct bytes name = text_trim(bytes_of(maintainer.data, (size_t)(address - maintainer.data)));
    if (name.size >= 2 && name.data[0] == '"' && name.data[name.size - 1] == '"')
        name = bytes_of(name.data + 1, name.size - 2);
    return name;
}

/* A version or name within a purl: all but letters, digits and . _ ~ - is %XX. In the arena. */
static struct bytes purl_escape(struct arena *arena, struct bytes text)
{
    static const char hex[] = "0123456789ABCDEF";
    uint8_t *out = arena_alloc(arena, 3 * text.size + 1);
    size_t n = 0;
    if (out == NULL)
        return (struct bytes){ 0 };
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '.' || c == '_' || c == '~' || c == '-') {
            out[n++] = c;
        } else {
            out[n++] = '%';
            out[n++] = (uint8_t)hex[c >> 4];
            out[n++] = (uint8_t)hex[c & 0x0F];
        }
    }
    return bytes_of(out, n);
}

/* "dpkg/bash", and where the distribution is known pkg:deb/debian/bash@5.2.15?arch=amd64. */
static int identifiers_put(struct dpkg_context *context, struct draft_item *item,
                           const struct paragraph *paragraph)
{
    struct draft *draft = context->draft;
    const struct bytes *v = paragraph->value;
    char *package = arena_printf(draft->arena, "dpkg/%.*s", (int)v[DPKG_PACKAGE].size,
                                 (const char *)v[DPKG_PACKAGE].data);
    if (package == NULL)
        return -ENOMEM;
    int r = item_identifier(draft, item, ROW_ID_PACKAGE, "Package", bytes_str(package));
    struct bytes distro = context->os->id;
    if (r < 0 || item->refused || !dpkg_is_package(distro))
        return r;
    struct bytes name = purl_escape(draft->arena, v[DPKG_PACKAGE]);
    struct bytes version = purl_escape(draft->arena, v[DPKG_VERSION]);
    struct bytes arch = purl_escape(draft->arena, v[DPKG_ARCHITECTURE]);
    if (name.data == NULL || version.data == NULL || arch.data == NULL)
        return -ENOMEM;
    char *purl = arena_printf(
        draft->arena, "pkg:deb/%.*s/%.*s@%.*s%s%.*s", (int)distro.size, (const char *)distro.data,
        (int)name.size, (const char *)name.data, (int)version.size, (const char *)version.data,
        arch.size > 0 ? "?arch=" : "", (int)arch.size, (const char *)arch.data);
    if (purl == NULL)
        return -ENOMEM;
    /* A purl that is too long for a field is one identifier less, not one package less. */
    return strlen(purl) + sizeof(ROW_ID_PURL) > BOUND_FIELD_BYTES
               ? 0
               : item_identifier(draft, item, ROW_ID_PURL, "Package", bytes_str(purl));
}

/* Distributions do not write their own name on each package. A package that names another vendor or,
 * as those built by vendors' tools do and distributions' do not, a licence, is not taken for the
 * distribution's: unknown is honest, "Debian" might not be. */
static struct bytes origin_of(const struct dpkg_context *context, const struct paragraph *paragraph)
{
    const struct bytes *v = paragraph->value;
    if (v[DPKG_ORIGIN].size > 0)
        return v[DPKG_ORIGIN];
    if (v[DPKG_VENDOR].size > 0 || v[DPKG_LICENSE].size > 0)
        return v[DPKG_VENDOR];
    return context->os->origin;
}

static struct bytes vendor_of(const struct paragraph *paragraph, struct bytes origin)
{
    const struct bytes *v = paragraph->value;
    if (v[DPKG_VENDOR].size > 0)
        return v[DPKG_VENDOR];
    struct bytes name = maintainer_name(v[DPKG_MAINTAINER]);
    return name.size > 0 ? name : origin;
}

static const char *paragraph_fault(const struct paragraph *paragraph)
{
    const struct bytes *v = paragraph->value;
    if (paragraph->cut)
        return "the file ends within this paragraph";
    if (paragraph->malformed)
        return "a line is neither a field nor goes on with one";
    if (!dpkg_is_package(v[DPKG_PACKAGE]))
        return "Package is missing or no package's name";
    if (v[DPKG_STATUS].size == 0)
        return "Status is missing";
    return NULL;
}

static int package_take(struct dpkg_context *context, const struct paragraph *paragraph,
                        struct complaint *why)
{
    struct draft *draft = context->draft;
    const struct bytes *v = paragraph->value;
    struct draft_item item;
    item_begin(&item, "paragraph at line %zu", paragraph->line);
    const char *fault = paragraph_fault(paragraph);
    if (fault != NULL) {
        item_refuse(draft, &item, "", "see what 'dpkg --audit' says of it", fault);
        return draft_take(draft, &item, why);
    }
    if (!is_in_place(v[DPKG_STATUS]))
        return 0;
    struct bytes origin = origin_of(context, paragraph);
    item.row.fields.value[ROW_SOURCE] = BYTES_LIT(ROW_SOURCE_DPKG);
    item_text(draft, &item, ROW_NAME, "Package", v[DPKG_PACKAGE]);
    item_text(draft, &item, ROW_VERSION, "Version", v[DPKG_VERSION]);
    item_text(draft, &item, ROW_ARCH, "Architecture", v[DPKG_ARCHITECTURE]);
    item_text(draft, &item, ROW_VENDOR, "Maintainer", vendor_of(paragraph, origin));
    item_text(draft, &item, ROW_ORIGIN, "Origin", origin);
    if (v[DPKG_VERSION].size == 0)
        item_refuse(draft, &item, "Version", "see what 'dpkg --audit' says of it", "missing");
    if (!item.refused && text_is_word(v[DPKG_PACKAGE], "dpkg"))
        context->arch = v[DPKG_ARCHITECTURE];
    int r = identifiers_put(context, &item, paragraph);
    if (r == 0 && !item.refused && context->licence != NULL) {
        char *name = arena_strdup(draft->arena, v[DPKG_PACKAGE]);
        if (name == NULL)
            return -ENOMEM;
        item_text(draft, &item, ROW_LICENCE, "copyright",
                  context->licence(context->licence_ctx, name));
    }
    return r < 0 ? r : draft_take(draft, &item, why);
}

int dpkg_status_read(struct bytes status, struct dpkg_context *context, struct complaint *why)
{
    struct paragraph paragraph;
    size_t line = 1, packages = 0;
    for (struct bytes rest = status; paragraph_next(&rest, &line, &paragraph);) {
        packages += paragraph.value[DPKG_PACKAGE].size > 0;
        int r = package_take(context, &paragraph, why);
        if (r < 0)
            return r;
    }
    if (packages > 0)
        return 0;
    complaint_at(why, "var/lib/dpkg/status");
    return complain(why, -EBADMSG, "check that dpkg works on this computer",
                    "no package is described in it");
}
