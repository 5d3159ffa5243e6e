/* template: figures and sections; what is wrong with a template is said with its line. */
#include "notifier/template.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

struct pair {
    const char *name, *value;
};

static const struct pair pairs[] = {
    { "name", "Li" },
    { "empty", "" },
    { "zero", "0" },
    { "many", "17" },
    { "class", "B" },
    { "lines", "a\r\nBcc: x@y.cn\n.\n" },
    { "nul", "a\x01\x1B[31m\x7F\tb" },
    { "turned", "a\u202Eb\u2028c\xC2\x85"
                "d\uFEFF" },
    { "broken", "a\xE6\xAD"
                "b\xFF" },
    { "marks", "{{name}}{{?zero}}" },
    { "han", "正版" },
};

static const char *pair_get(const void *ctx, struct bytes name)
{
    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        if (bytes_eq(name, bytes_str(pairs[i].name)))
            return pairs[i].value;
    return NULL;
}

static int fill(const char *text, char *out, size_t size, struct complaint *why)
{
    const struct template_figures figures = { .get = pair_get };
    struct buf buf = BUF_INIT(size - 1);
    int r = template_fill(bytes_str(text), &figures, &buf, why);
    if (buf.size > 0)
        memcpy(out, buf.data, buf.size);
    out[buf.size] = '\0';
    buf_done(&buf);
    return r;
}

static void becomes(const char *text, const char *wanted)
{
    char out[1024];
    struct complaint why = { 0 };
    int r = fill(text, out, sizeof(out), &why);
    cr_assert(eq(int, r, 0), "%s: %s %s", text, why.place, why.what);
    cr_assert(eq(str, out, (char *)(uintptr_t)wanted), "of: %s", text);
}

static void is_refused(const char *text, const char *place, const char *what)
{
    char out[1024];
    struct complaint why = { 0 };
    cr_assert(eq(int, fill(text, out, sizeof(out), &why), -EINVAL), "%s", text);
    cr_assert(eq(str, why.place, (char *)(uintptr_t)place), "of: %s", text);
    cr_assert(strstr(why.what, what) != NULL, "'%s' for %s", why.what, text);
    cr_assert(ne(str, why.remedy, (char[]){ "" }));
    cr_assert(eq(int, fill(text, out, sizeof(out), NULL), -EINVAL));
}

Test(template, copies_text_without_marks)
{
    becomes("", "");
    becomes("plain { } {x} }} text\n", "plain { } {x} }} text\n");
    becomes("{", "{");
}

Test(template, puts_figures_where_they_are_named)
{
    becomes("{{name}}", "Li");
    becomes("a {{name}}, {{han}}{{many}}.\n", "a Li, 正版17.\n");
    becomes("x{{empty}}y{{zero}}", "xy0");
    is_refused("{{{name}}}", "line 1", "'{name'");
}

Test(template, keeps_a_section_whose_figure_is_neither_empty_nor_zero)
{
    becomes("a{{?many}}b{{/many}}c", "abc");
    becomes("a{{?empty}}b{{/empty}}c", "ac");
    becomes("a{{?zero}}b{{/zero}}c", "ac");
}

Test(template, keeps_a_section_whose_figure_has_that_value)
{
    becomes("{{?class=B}}yes{{/class}}{{?class=A}}no{{/class}}", "yes");
    becomes("{{?class=BB}}no{{/class}}{{?class=}}no{{/class}}", "");
    becomes("{{?empty=}}none{{/empty}}", "none");
    becomes("{{?zero=0}}nought{{/zero}}", "nought");
}

Test(template, keeps_nothing_inside_a_section_that_is_left_out)
{
    becomes("{{?zero}}a{{?many}}b{{name}}{{/many}}c{{/zero}}d", "d");
    becomes("{{?many}}a{{?zero}}b{{/zero}}c{{/many}}d", "acd");
    becomes("{{?many}}{{?many}}{{?class=B}}x{{/class}}{{/many}}{{/many}}", "x");
}

Test(template, takes_away_a_line_that_holds_nothing_but_a_mark)
{
    becomes("a\n{{?many}}\nb\n{{/many}}\nc\n", "a\nb\nc\n");
    becomes("a\n{{?zero}}\nb\n{{/zero}}\nc\n", "a\nc\n");
    becomes("{{?many}}\nb\n{{/many}}\n", "b\n");
    becomes("a {{?many}}\nb\n{{/many}} c\n", "a \nb\n c\n");
    becomes("a\n{{name}}\nb\n", "a\nLi\nb\n");
    becomes("a\n{{empty}}\nb\n", "a\n\nb\n");
}

Test(template, refuses_a_figure_that_nobody_knows)
{
    is_refused("{{nobody}}", "line 1", "'nobody'");
    is_refused("a\nb\n{{?nobody}}x{{/nobody}}", "line 3", "'nobody'");
    is_refused("a\n{{?zero}}{{nobody}}{{/zero}}", "line 2", "'nobody'");
    is_refused("{{?zero}}{{?nobody}}{{/nobody}}{{/zero}}", "line 1", "'nobody'");
    is_refused("{{ name }}", "line 1", "' name '");
    is_refused("{{Name}}", "line 1", "'Name'");
    is_refused("{{?}}x{{/}}", "line 1", "''");
    is_refused("{{?=B}}x", "line 1", "''");
}

Test(template, refuses_a_mark_that_does_not_end_on_its_line)
{
    is_refused("{{name", "line 1", "not closed");
    is_refused("{{name}", "line 1", "not closed");
    is_refused("x\n{{name\n}}", "line 2", "not closed");
    is_refused("{{", "line 1", "not closed");
    is_refused("{{}}", "line 1", "not closed");
}

Test(template, refuses_sections_that_do_not_nest)
{
    is_refused("{{?many}}\nx\n", "line 3", "'many'");
    is_refused("{{/many}}", "line 1", "'many'");
    is_refused("{{?many}}{{/zero}}", "line 1", "'zero'");
    is_refused("{{?many}}{{?zero}}{{/many}}{{/zero}}", "line 1", "'many'");
    is_refused("{{?many}}{{/many}}{{/many}}", "line 1", "'many'");
}

Test(template, refuses_sections_that_nest_too_deep)
{
    char text[512] = "";
    for (int i = 0; i < 8; i++)
        (void)strcat(text, "{{?many}}");
    (void)strcat(text, "x");
    for (int i = 0; i < 8; i++)
        (void)strcat(text, "{{/many}}");
    becomes(text, "x");
    char deeper[600] = "{{?many}}";
    (void)strcat(strcat(deeper, text), "{{/many}}");
    is_refused(deeper, "line 1", "too many");
}

Test(template, lets_no_figure_add_a_line)
{
    becomes("[{{lines}}]", "[a  Bcc: x@y.cn . ]");
    becomes("[{{nul}}]", "[a  [31m  b]");
}

Test(template, lets_no_figure_turn_the_text)
{
    becomes("[{{turned}}]", "[a b c d ]");
}

Test(template, shows_what_is_no_utf8_as_such)
{
    becomes("[{{broken}}]", "[a??b?]");
}

Test(template, takes_no_marks_from_a_figure)
{
    becomes("{{marks}}", "{{name}}{{?zero}}");
}

Test(template, says_when_the_text_grows_too_large)
{
    char out[8];
    cr_assert(eq(int, fill("{{name}}{{name}}{{name}}{{name}}", out, sizeof(out), NULL), -EMSGSIZE));
}
