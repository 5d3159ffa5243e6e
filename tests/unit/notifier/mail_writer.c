/* mail_writer.c - writes notices as mails for a reader that is not ours: FOLDER/NNNN.eml as it
 * would leave, FOLDER/NNNN.txt what it must say (letterhead, empty line, subject, empty line, body)
 * and FOLDER/NNNN.facts its sender, reader, Message-ID, notice and instant, one a line. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "notices.h"

enum { ARENA_BYTES = 16 * 1024 * 1024, OUT_BYTES = 256 * 1024 };

static const char hostile[] =
    "x\r\nBcc: victim@unit.cn\r\n\r\nowned\n\x01 \"<a@b>\" =?UTF-8?B?eA==?= "
    "\u2028\u202E end";

static int keep(struct arena *arena, const char *folder, size_t i, const char *suffix,
                struct buf *out)
{
    const char *path = arena_printf(arena, "%s/%04zu.%s", folder, i, suffix);
    int r = path == NULL ? -1 : buf_error(out);
    FILE *file = r == 0 ? fopen(path, "wbe") : NULL; /* not synced: hundreds of them */
    if (file == NULL || fwrite(out->data, 1, out->size, file) != out->size)
        r = -1;
    if (file != NULL && fclose(file) != 0)
        r = -1;
    buf_reset(out);
    return r;
}

/* What is odd about the i-th mail: every seventh has a name that wants to be a header, every
 * eleventh one that is very long. */
static void make_odd(struct arena *arena, size_t i, struct render_context *context,
                     Zb__NoticeRecord *notice, Zb__PersonValue *person)
{
    if (i % 7 == 0) {
        notices_set(notice, "unit_name", hostile);
        person->name = (char *)(uintptr_t)hostile;
        context->ledger_name = "x\" <evil@unit.cn>, \"正版";
    }
    if (i % 11 == 0) {
        static const char han[3] = { '\xE7', '\x89', '\x88' }; /* 版 */
        char *text = arena_calloc(arena, 6001, 1);
        for (size_t k = 0; text != NULL && k < 2000; k++)
            memcpy(text + sizeof(han) * k, han, sizeof(han));
        if (text != NULL)
            notices_set(notice, "product", text);
    }
}

static int write_one(struct arena *arena, const char *folder, size_t i, struct buf *out)
{
    struct complaint why = { 0 };
    struct render_context context = notices_context(arena);
    Zb__NoticeRecord *notice = notices_make(arena, i);
    Zb__PersonValue *person = notices_person(arena, i);
    make_odd(arena, i, &context, notice, person);
    int r = render_mail(&context, notice, person, arena, out, &why);
    if (r == 0)
        r = keep(arena, folder, i, "eml", out);
    if (r == 0)
        r = render_text(&context, notice, person, arena, out, &why);
    if (r == 0)
        r = keep(arena, folder, i, "txt", out);
    if (r == 0) {
        buf_printf(out, "%s\n%s\n%s\n%" PRIu64 "\n%" PRId64 "\n", context.from, person->mail,
                   notice->message_id, notice->id, context.now_ms);
        r = keep(arena, folder, i, "facts", out);
    }
    if (r < 0)
        (void)fprintf(stderr, "notice %zu: %d %s %s\n", i, r, why.place, why.what);
    return r;
}

int main(int argc, char *argv[])
{
    if (argc != 2)
        return 2;
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
    struct buf out = BUF_INIT(OUT_BYTES);
    int r = arena == NULL ? -1 : 0;
    for (size_t i = 0; r == 0 && i < notices_count(); i += 5) { /* 5 divides no count of values */
        struct arena_mark mark = arena_mark(arena);
        r = write_one(arena, argv[1], i, &out);
        arena_rewind(arena, mark);
    }
    buf_done(&out);
    return r < 0;
}
