/* render: every template of data/templates with the figures that a notice freezes; what people and
 * templates may hold cannot break out of a header. What the mail is worth to a reader that is not
 * ours, test_mail.py asks Python's. */
#include "notifier/render.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/file.h"
#include "notices.h"
#include "tests/lib/tmpdir.h"

enum { ARENA_BYTES = 8 * 1024 * 1024, OUT_BYTES = 256 * 1024 };

struct render {
    struct arena *arena;
    struct buf out;
    struct complaint why;
    struct render_context context;
};

static struct render render_begin(void)
{
    struct render r = { .arena = arena_new(ARENA_BYTES), .out = BUF_INIT(OUT_BYTES) };
    cr_assert(r.arena != NULL);
    r.context = notices_context(r.arena);
    return r;
}

static void render_end(struct render *r)
{
    buf_done(&r->out);
    arena_free(r->arena);
}

/* The rendered bytes as a text that dies with the arena. */
static const char *rendered(struct render *r)
{
    const char *text = arena_strdup(r->arena, buf_bytes(&r->out));
    cr_assert(text != NULL);
    return text;
}

static int mail(struct render *r, const Zb__NoticeRecord *notice, const Zb__PersonValue *person)
{
    buf_reset(&r->out);
    return render_mail(&r->context, notice, person, r->arena, &r->out, &r->why);
}

static int text(struct render *r, const Zb__NoticeRecord *notice, const Zb__PersonValue *person)
{
    buf_reset(&r->out);
    return render_text(&r->context, notice, person, r->arena, &r->out, &r->why);
}

/* The names of the figures stand in notice.c as words; a figure added there and forgotten here, or
 * the other way round, shows. */
Test(render, is_tested_with_the_very_figures_that_a_notice_freezes)
{
    struct render r = render_begin();
    const char *path = arena_printf(r.arena, "%s/ledger/notice.c", getenv("ZB_SOURCE_DIR"));
    struct bytes source;
    cr_assert(eq(int, file_read(r.arena, path, 1 << 20, &source, &r.why), 0));
    static const char call[] = "fact(work, facts, \"";
    bool seen[NOTICES_FACTS_MAX] = { false };
    size_t found = 0;
    for (const char *at = strstr((const char *)source.data, call); at != NULL;
         at = strstr(at, call)) {
        at += sizeof(call) - 1;
        struct bytes name = bytes_of(at, strcspn(at, "\""));
        size_t i = 0;
        while (i < notices_fact_count && !bytes_eq(name, bytes_str(notices_facts[i].name)))
            i++;
        cr_assert(lt(sz, i, notices_fact_count), "notice.c freezes %.*s", (int)name.size, at);
        seen[i] = true;
        found++;
    }
    cr_assert(ge(sz, found, notices_fact_count));
    for (size_t i = 0; i < notices_fact_count; i++)
        cr_assert(seen[i], "nobody freezes '%s'", notices_facts[i].name);
    render_end(&r);
}

Test(render, fills_every_template_in_every_state_of_a_case)
{
    struct render r = render_begin();
    size_t count = 0;
    struct arena_mark mark = arena_mark(r.arena);
    for (size_t i = 0; i < notices_count(); i++) {
        const Zb__NoticeRecord *notice = notices_make(r.arena, i);
        const Zb__PersonValue *person = notices_person(r.arena, i);
        int e = text(&r, notice, person);
        cr_assert(eq(int, e, 0), "%s/%s: %s %s", notice->language, notice->template_, r.why.place,
                  r.why.what);
        const char *all = rendered(&r);
        cr_assert(strstr(all, "{{") == NULL && strstr(all, "}}") == NULL, "%s", all);
        cr_assert(strchr(all, '\r') == NULL);
        cr_assert(strstr(all, person->name) != NULL, "%s", all);
        cr_assert(text_is_utf8(buf_bytes(&r.out)));
        cr_assert(eq(int, mail(&r, notice, person), 0));
        count++;
        arena_rewind(r.arena, mark);
    }
    cr_assert(ge(sz, count, 9 * 2 * 7));
    render_end(&r);
}

Test(render, has_the_words_of_the_class_and_of_no_other)
{
    static const char *const words[] = { "A 类", "B 类", "C 类", "D 类", "E 类", "F 类" };
    struct render r = render_begin();
    for (size_t class = 0; class < ARRAY_LEN(words); class ++) {
        Zb__NoticeRecord *notice = notices_make(r.arena, 0);
        notice->template_ = (char[]){ "order" };
        notice->language = (char[]){ "zh_CN" };
        char code[] = { (char)('A' + class), '\0' };
        notices_set(notice, "class", code);
        cr_assert(eq(int, text(&r, notice, notices_person(r.arena, 0)), 0));
        for (size_t other = 0; other < ARRAY_LEN(words); other++)
            cr_assert(eq(int, strstr(rendered(&r), words[other]) != NULL, other == class));
    }
    render_end(&r);
}

Test(render, takes_chinese_where_no_language_is_set)
{
    struct render r = render_begin();
    Zb__NoticeRecord *notice = notices_make(r.arena, 0);
    notice->template_ = (char[]){ "order" };
    notice->language = (char[]){ "" };
    cr_assert(eq(int, text(&r, notice, notices_person(r.arena, 0)), 0));
    cr_assert(strstr(rendered(&r), "限期整改通知书") != NULL);
    render_end(&r);
}

Test(render, finds_no_template_outside_its_folder)
{
    static const char *const names[] = { "../en/order", "",        "/etc/passwd", "order.txt",
                                         "or der",      "missing", "order\n" };
    struct render r = render_begin();
    const Zb__PersonValue *person = notices_person(r.arena, 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        Zb__NoticeRecord *notice = notices_make(r.arena, 0);
        notice->template_ = (char *)(uintptr_t)names[i];
        cr_assert(eq(int, mail(&r, notice, person), -ENOENT), "%s", names[i]);
        notice = notices_make(r.arena, 0);
        notice->language = (char *)(uintptr_t)names[i];
        if (names[i][0] != '\0')
            cr_assert(eq(int, mail(&r, notice, person), -ENOENT), "%s", names[i]);
    }
    render_end(&r);
}

/* Lines of the head, up to the empty line. */
static size_t head_lines(const char *all)
{
    const char *end = strstr(all, "\r\n\r\n");
    cr_assert(end != NULL);
    size_t lines = 0;
    for (const char *at = all; at <= end; at = strstr(at, "\r\n") + 2)
        lines += *at != ' '; /* a folded line goes on */
    return lines;
}

static const char hostile[] =
    "x\r\nBcc: victim@unit.cn\r\n\r\nowned\n\x01 \"<a@b>\" =?UTF-8?B?eA==?= "
    "\u2028\u202E";

Test(render, lets_no_name_into_the_head)
{
    struct render r = render_begin();
    Zb__NoticeRecord *notice = notices_make(r.arena, 0);
    Zb__PersonValue *person = notices_person(r.arena, 0);
    cr_assert(eq(int, mail(&r, notice, person), 0));
    size_t lines = head_lines(rendered(&r));
    notices_set(notice, "unit_name", hostile);
    notices_set(notice, "product", hostile);
    person->name = (char *)(uintptr_t)hostile;
    r.context.ledger_name = hostile;
    cr_assert(eq(int, mail(&r, notice, person), 0));
    const char *all = rendered(&r);
    cr_assert(eq(sz, head_lines(all), lines));
    cr_assert(strstr(all, "Bcc") == NULL);
    render_end(&r);
}

Test(render, sends_also_with_names_of_two_thousand_characters)
{
    struct render r = render_begin();
    char *long_name = arena_alloc(r.arena, 6001);
    for (size_t i = 0; i < 2000; i++)
        memcpy(long_name + 3 * i, "版", 3);
    long_name[6000] = '\0';
    Zb__NoticeRecord *notice = notices_make(r.arena, 0);
    Zb__PersonValue *person = notices_person(r.arena, 0);
    person->name = long_name;
    notices_set(notice, "unit_name", long_name);
    notices_set(notice, "product", long_name);
    r.context.ledger_name = long_name;
    cr_assert(eq(int, mail(&r, notice, person), 0), "%s %s", r.why.place, r.why.what);
    const char *all = rendered(&r);
    for (const char *line = all; *line != '\0'; line = strstr(line, "\r\n") + 2)
        cr_assert(le(sz, (size_t)(strstr(line, "\r\n") - line), 78));
    render_end(&r);
}

Test(render, refuses_an_address_that_could_be_a_header)
{
    static const char *const addresses[] = { "a@b.cn>\r\nBcc: v@unit.cn",
                                             "a b@c.cn",
                                             "a@b.cn, c@d.cn",
                                             "a",
                                             "\"a\"@b.cn",
                                             "李@unit.cn",
                                             "a@b.cn\n",
                                             "<a@b.cn>" };
    struct render r = render_begin();
    Zb__NoticeRecord *notice = notices_make(r.arena, 0);
    Zb__PersonValue *person = notices_person(r.arena, 0);
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        person->mail = (char *)(uintptr_t)addresses[i];
        cr_assert(eq(int, mail(&r, notice, person), -EINVAL), "%s", addresses[i]);
        cr_assert(eq(sz, r.out.size, 0));
    }
    person->mail = (char[]){ "li@unit.test" };
    r.context.from = addresses[0];
    cr_assert(eq(int, mail(&r, notice, person), -EINVAL));
    render_end(&r);
}

Test(render, writes_to_an_official_without_an_address_as_to_nobody)
{
    struct render r = render_begin();
    Zb__PersonValue *person = notices_person(r.arena, 0);
    person->mail = (char[]){ "" };
    cr_assert(eq(int, mail(&r, notices_make(r.arena, 0), person), 0));
    cr_assert(strstr(rendered(&r), "\r\nTo: undisclosed-recipients:;\r\n") != NULL);
    render_end(&r);
}

/* Renders a template of the test's own; the folder dies with the process. */
static int own(struct render *r, struct tmpdir *dir, struct bytes template)
{
    const char *folder = tmpdir_path(dir, "en");
    cr_assert(eq(int, file_make_dirs(folder, 0700), 0));
    cr_assert(eq(int, file_write_atomic(tmpdir_path(dir, "en/own.txt"), template, 0600), 0));
    r->context.template_dir = dir->path;
    Zb__NoticeRecord *notice = notices_make(r->arena, 0);
    notice->template_ = (char[]){ "own" };
    notice->language = (char[]){ "en" };
    return text(r, notice, notices_person(r->arena, 0));
}

Test(render, reads_a_template_that_an_editor_of_another_system_saved)
{
    struct render r = render_begin();
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    cr_assert(
        eq(int,
           own(&r, dir, BYTES_LIT("\xEF\xBB\xBFSubject\r\n\r\n{{?case}}\r\nBody\r\n{{/case}}\r\n")),
           0));
    cr_assert(strstr(rendered(&r), "\n\nSubject\n\nBody\n") != NULL, "%s", rendered(&r));
    render_end(&r);
}

Test(render, says_which_template_is_wrong_and_where)
{
    struct render r = render_begin();
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    cr_assert(eq(int, own(&r, dir, BYTES_LIT("S\n\nx\n{{nobody}}\n")), -EINVAL));
    cr_assert(eq(str, r.why.place, (char[]){ "en/own.txt line 4" }));
    cr_assert(eq(int, own(&r, dir, BYTES_LIT("\xD5\xFD\xB0\xE6\n\nGB 18030\n")), -EINVAL));
    cr_assert(eq(str, r.why.remedy, (char[]){ "save it as UTF-8" }));
    cr_assert(strstr(r.why.place, "own.txt") != NULL, "%s", r.why.place);
    static const char *const empty[] = { "", "S", "S\n", "S\n\n\n", "\n\nbody\n" };
    for (size_t i = 0; i < ARRAY_LEN(empty); i++)
        cr_assert(eq(int, own(&r, dir, bytes_str(empty[i])), -EINVAL), "%zu", i);
    render_end(&r);
}
