/* render.c - templates, figures, and the mail around them. */
#include "notifier/render.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/file.h"
#include "notifier/address.h"
#include "notifier/template.h"

enum {
    TEMPLATE_BYTES = 32 * 1024,
    NOTICE_TEXT_BYTES = 128 * 1024,
    SUBJECT_BYTES = 512,
    ENCODED_WORD_BYTES = 39, /* of text in one RFC 2047 word: with "Subject: " a line of 73 */
    LINE_BYTES = 57,         /* of text in one base64 line of 76 */
};

struct figures {
    const struct render_context *context;
    const Zb__NoticeRecord *notice;
    const Zb__PersonValue *person;
    char id[24];
    char today[CIVIL_DATE_SIZE];
};

static const char *role_code(Zb__OfficialRole role)
{
    switch (role) {
    case OFFICIAL_HANDLER:
        return "handler";
    case OFFICIAL_DEPT_HEAD:
        return "dept_head";
    case OFFICIAL_DEPUTY:
        return "deputy";
    case OFFICIAL_PRINCIPAL:
        return "principal";
    case OFFICIAL_LEAD_OFFICE:
        return "lead_office";
    case OFFICIAL_UPPER_OFFICE:
        return "upper_office";
    case OFFICIAL_ADMINISTRATOR:
        return "administrator";
    default:
        return "";
    }
}

static bool is(struct bytes name, const char *text)
{
    return bytes_eq(name, bytes_str(text));
}

/* What is the notice's own; everything else was frozen into it when it was planned. */
static const char *figure_get(const void *ctx, struct bytes name)
{
    const struct figures *f = ctx;
    if (is(name, "name"))
        return f->person->name;
    if (is(name, "role"))
        return role_code(f->notice->official);
    if (is(name, "ledger"))
        return f->context->ledger_name;
    if (is(name, "notice"))
        return f->id;
    if (is(name, "today"))
        return f->today;
    if (is(name, "computers"))
        return f->context->computers == NULL ? "" : f->context->computers;
    if (is(name, "product_name") && f->context->product_name != NULL)
        return f->context->product_name;
    if (is(name, "product_name"))
        name = bytes_str("product");
    for (size_t i = 0; i < f->notice->n_facts; i++)
        if (is(name, f->notice->facts[i]->name))
            return f->notice->facts[i]->value;
    return NULL;
}

/* A template's name and language become a path: only what we ship may be named. */
static bool is_word(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    return n > 0 && text[n] == '\0';
}

/* A template that people edited with whatever they had: without byte order mark and CR. */
static int template_read(const char *path, struct arena *arena, struct bytes *ret_template,
                         struct complaint *why)
{
    struct bytes file;
    int r = file_read(arena, path, TEMPLATE_BYTES, &file, why);
    if (r < 0)
        return r;
    if (!text_is_utf8(file))
        return complain(why, -EINVAL, "save it as UTF-8", "the template is not UTF-8");
    if (bytes_starts_with(file, BYTES_LIT("\xEF\xBB\xBF")))
        file = bytes_of(file.data + 3, file.size - 3);
    uint8_t *text = arena_alloc(arena, file.size);
    if (text == NULL)
        return -ENOMEM;
    size_t size = 0;
    for (size_t i = 0; i < file.size; i++)
        if (file.data[i] != '\r')
            text[size++] = file.data[i];
    *ret_template = bytes_of(text, size);
    return 0;
}

/* The filled template: its first line is the subject, a blank line follows, then the body. */
static int filled(const struct render_context *context, const Zb__NoticeRecord *notice,
                  const Zb__PersonValue *person, struct arena *arena, struct buf *text,
                  struct bytes *ret_subject, struct bytes *ret_body, struct complaint *why)
{
    char file[160], path[FILE_PATH_SIZE];
    const char *language = notice->language[0] == '\0' ? "zh_CN" : notice->language;
    if (!is_word(language) || !is_word(notice->template_))
        return complain(why, -ENOENT, "", "no template is called '%s'", notice->template_);
    (void)snprintf(file, sizeof(file), "%.32s/%.64s.txt", language, notice->template_);
    int r = path_join(path, sizeof(path), context->template_dir, file);
    struct bytes template = { 0 };
    if (r == 0)
        r = template_read(path, arena, &template, why);
    if (r < 0)
        return r;
    struct figures figures = { .context = context, .notice = notice, .person = person };
    (void)snprintf(figures.id, sizeof(figures.id), "%" PRIu64, notice->id);
    (void)civil_format_date(civil_day_at(context->now_ms), figures.today);
    const struct template_figures source = { .ctx = &figures, .get = figure_get };
    r = template_fill(template, &source, text, why);
    if (r < 0) {
        char place[sizeof(why->place)];
        if (why != NULL) {
            (void)snprintf(place, sizeof(place), "%s", why->place);
            complaint_at(why, "%s %s", file, place);
        }
        return r;
    }
    struct bytes all = buf_bytes(text);
    const uint8_t *end = all.size == 0 ? NULL : memchr(all.data, '\n', all.size);
    size_t subject = end == NULL ? all.size : (size_t)(end - all.data);
    size_t body = subject + 1;
    while (body < all.size && all.data[body] == '\n')
        body++;
    if (subject == 0 || body >= all.size) {
        complaint_at(why, "%s", file);
        return complain(why, -EINVAL, "write the subject, a blank line, and the text",
                        "the template gives no subject or no text");
    }
    /* Names of units and products are as long as they are; the body has them whole. */
    *ret_subject = bytes_of(all.data, text_cut(bytes_of(all.data, subject), SUBJECT_BYTES));
    *ret_body = bytes_of(all.data + body, all.size - body);
    return 0;
}

/* ---- mail ---- */

static void put_base64(struct buf *out, struct bytes bytes)
{
    size_t room = sodium_base64_encoded_len(bytes.size, sodium_base64_VARIANT_ORIGINAL);
    uint8_t *p = buf_reserve(out, room);
    if (p == NULL)
        return;
    (void)sodium_bin2base64((char *)p, room, bytes.data, bytes.size,
                            sodium_base64_VARIANT_ORIGINAL); /* always p */
    out->size--;                                             /* its NUL */
}

/* RFC 2047: words of whole characters, each on a line of its own. */
static void put_encoded(struct buf *out, struct bytes text)
{
    size_t at = 0;
    while (at < text.size) {
        size_t n = text_cut(bytes_of(text.data + at, text.size - at), ENCODED_WORD_BYTES);
        buf_put_str(out, at == 0 ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        put_base64(out, bytes_of(text.data + at, n));
        buf_put_str(out, "?=");
        at += n;
    }
}

static void put_body(struct buf *out, struct buf *crlf)
{
    for (size_t at = 0; at < crlf->size; at += LINE_BYTES) {
        size_t n = crlf->size - at < LINE_BYTES ? crlf->size - at : LINE_BYTES;
        put_base64(out, bytes_of(crlf->data + at, n));
        buf_put_str(out, "\r\n");
    }
}

static void put_date(struct buf *out, int64_t ms)
{
    static const char *const weekdays[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
    static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    int32_t day = civil_day_at(ms);
    struct civil_date date = civil_date_of(day);
    int minute = civil_minute_at(ms);
    int second = (int)(((ms % 60000) + 60000) % 60000 / 1000);
    buf_printf(out, "%s, %d %s %d %02d:%02d:%02d +0800", weekdays[civil_weekday(day) - 1], date.day,
               months[date.month - 1], date.year, minute / 60, minute % 60, second);
}

/* RFC 5322 3.4: an official without an address (file channel) is a group of nobody. */
static void put_reader(struct buf *out, const Zb__PersonValue *person)
{
    if (person->mail[0] == '\0')
        buf_put_str(out, "undisclosed-recipients:;");
    else
        buf_printf(out, "<%s>", person->mail);
}

static int addresses_check(const struct render_context *context, const Zb__PersonValue *person,
                           struct complaint *why)
{
    if (!address_is_plain(context->from))
        return complain(why, -EINVAL, "set mail.from to an address such as name@unit.gov.cn",
                        "the sender's mail address is not usable");
    if (person->mail[0] != '\0' && !address_is_plain(person->mail))
        return complain(why, -EINVAL, "give an address such as name@unit.gov.cn",
                        "the official's mail address is not usable");
    return 0;
}

int render_mail(const struct render_context *context, const Zb__NoticeRecord *notice,
                const Zb__PersonValue *person, struct arena *arena, struct buf *out,
                struct complaint *why)
{
    struct buf text = BUF_INIT(NOTICE_TEXT_BYTES), crlf = BUF_INIT(2 * NOTICE_TEXT_BYTES);
    struct bytes subject, body;
    int r = addresses_check(context, person, why);
    if (r == 0)
        r = filled(context, notice, person, arena, &text, &subject, &body, why);
    if (r == 0) {
        buf_put_str(out, "From: ");
        put_encoded(out, bytes_str(context->ledger_name));
        buf_printf(out, "\r\n <%s>\r\nTo: ", context->from);
        put_reader(out, person);
        buf_put_str(out, "\r\nSubject: ");
        put_encoded(out, subject);
        buf_put_str(out, "\r\nDate: ");
        put_date(out, context->now_ms);
        buf_printf(out, "\r\nMessage-ID: %s\r\nX-Zhengban-Notice: %" PRIu64 "\r\n",
                   notice->message_id, notice->id);
        buf_printf(out, "X-Zhengban-Case: %" PRIu64 "\r\n", notice->case_id);
        buf_put_str(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                         "Content-Type: text/plain; charset=UTF-8\r\n"
                         "Content-Transfer-Encoding: base64\r\n\r\n");
        for (size_t i = 0; i < body.size; i++) {
            if (body.data[i] == '\n')
                buf_put_u8(&crlf, '\r');
            buf_put_u8(&crlf, body.data[i]);
        }
        put_body(out, &crlf);
        r = buf_error(&crlf) < 0 ? buf_error(&crlf) : buf_error(out);
    }
    buf_done(&crlf);
    buf_done(&text);
    return r;
}

int render_text(const struct render_context *context, const Zb__NoticeRecord *notice,
                const Zb__PersonValue *person, struct arena *arena, struct buf *out,
                struct complaint *why)
{
    struct buf text = BUF_INIT(NOTICE_TEXT_BYTES);
    struct bytes subject, body;
    int r = filled(context, notice, person, arena, &text, &subject, &body, why);
    if (r == 0) {
        buf_printf(out, "%s\n\n%.*s\n\n", context->ledger_name, (int)subject.size,
                   (const char *)subject.data);
        buf_put(out, body);
        r = buf_error(out);
    }
    buf_done(&text);
    return r;
}
