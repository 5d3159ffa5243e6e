/* template.c - one pass over the text with a short stack of open sections. */
#include "notifier/template.h"

#include <errno.h>
#include <string.h>

enum { SECTIONS_MAX = 8 };

struct section {
    struct bytes name;
    bool kept; /* and all around it */
};

struct filling {
    struct bytes text;
    size_t at;
    const struct template_figures *figures;
    struct buf *out;
    struct section sections[SECTIONS_MAX];
    size_t depth;
    struct complaint *why;
};

static int fail(const struct filling *f, const char *remedy, const char *what, struct bytes name)
{
    size_t line = 1;
    for (size_t i = 0; i < f->at; i++)
        line += f->text.data[i] == '\n';
    complaint_at(f->why, "line %zu", line);
    return complain(f->why, -EINVAL, remedy, "%s '%.*s'", what, (int)name.size,
                    (const char *)name.data);
}

static bool is_kept(const struct filling *f)
{
    return f->depth == 0 || f->sections[f->depth - 1].kept;
}

static void put_figure(struct buf *out, struct bytes text)
{
    while (text.size > 0) {
        uint32_t c = 0;
        size_t n = text_utf8_next(text, &c);
        if (n == 0)
            buf_put_u8(out, '?');
        else if (text_is_steering(c))
            buf_put_u8(out, ' ');
        else
            buf_put(out, bytes_of(text.data, n));
        n = n == 0 ? 1 : n;
        text = bytes_of(text.data + n, text.size - n);
    }
}

static int section_begin(struct filling *f, struct bytes mark)
{
    const uint8_t *equals = memchr(mark.data, '=', mark.size);
    struct bytes name = equals == NULL ? mark : bytes_of(mark.data, (size_t)(equals - mark.data));
    const char *value = f->figures->get(f->figures->ctx, name);
    if (value == NULL)
        return fail(f, "use a figure that docs/rules.md lists", "there is no figure", name);
    if (f->depth == SECTIONS_MAX)
        return fail(f, "nest less", "too many open sections at", name);
    bool matches = equals != NULL
                       ? bytes_eq(bytes_str(value), bytes_of(equals + 1, mark.size - name.size - 1))
                       : value[0] != '\0' && strcmp(value, "0") != 0;
    bool kept = matches && is_kept(f);
    f->sections[f->depth++] = (struct section){ .name = name, .kept = kept };
    return 0;
}

static int section_end(struct filling *f, struct bytes name)
{
    if (f->depth == 0 || !bytes_eq(f->sections[f->depth - 1].name, name))
        return fail(f, "close sections in the reverse order of opening", "nothing to close with",
                    name);
    f->depth--;
    return 0;
}

/* The mark at f->at, which stands behind "{{"; leaves f->at behind its "}}". */
static int take_mark(struct filling *f)
{
    size_t end = f->at;
    while (end + 1 < f->text.size && !(f->text.data[end] == '}' && f->text.data[end + 1] == '}') &&
           f->text.data[end] != '\n')
        end++;
    struct bytes mark = bytes_of(f->text.data + f->at, end - f->at);
    if (end + 1 >= f->text.size || f->text.data[end] != '}' || mark.size == 0)
        return fail(f, "end it with }} on the same line", "a mark is not closed:", mark);
    int r = 0;
    struct bytes rest = bytes_of(mark.data + 1, mark.size - 1);
    bool is_section = mark.data[0] == '?' || mark.data[0] == '/';
    if (mark.data[0] == '?') {
        r = section_begin(f, rest);
    } else if (mark.data[0] == '/') {
        r = section_end(f, rest);
    } else {
        /* Asked for in a section that is left out, too: a hole shows at the first notice. */
        const char *value = f->figures->get(f->figures->ctx, mark);
        if (value == NULL)
            return fail(f, "use a figure that docs/rules.md lists", "there is no figure", mark);
        if (is_kept(f))
            put_figure(f->out, bytes_str(value));
    }
    bool starts_line = f->at < 3 || f->text.data[f->at - 3] == '\n';
    f->at = end + 2;
    if (is_section && starts_line && f->at < f->text.size && f->text.data[f->at] == '\n')
        f->at++; /* a line of nothing but the mark goes with it */
    return r;
}

int template_fill(struct bytes text, const struct template_figures *figures, struct buf *out,
                  struct complaint *why)
{
    struct filling f = { .text = text, .figures = figures, .out = out, .why = why };
    while (f.at < text.size) {
        if (f.at + 1 < text.size && text.data[f.at] == '{' && text.data[f.at + 1] == '{') {
            f.at += 2;
            int r = take_mark(&f);
            if (r < 0)
                return r;
            continue;
        }
        if (is_kept(&f))
            buf_put_u8(out, text.data[f.at]);
        f.at++;
    }
    if (f.depth > 0)
        return fail(&f, "close it with {{/name}}",
                    "a section is left open:", f.sections[f.depth - 1].name);
    return buf_error(out);
}
