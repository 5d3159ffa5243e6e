/* render.h - a planned notice to the words that an official reads.
 *
 * Templates are text in data/templates/<language>/<template>.txt; figures come from the record's
 * frozen facts and the person from table `private`. Result: an RFC 5322 message with
 * X-Zhengban-Notice and a stable Message-ID, or plain text for print. */
#ifndef NOTIFIER_RENDER_H
#define NOTIFIER_RENDER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/text.h"
#include "proto/names.h"

struct render_context {
    const char *template_dir;
    const char *ledger_name; /* organisation on the letterhead */
    const char *from;        /* address */
    int64_t now_ms;
    const char *product_name; /* NULL: the product\'s id (context.h fills both) */
    const char *computers;    /* which they are, on one line; NULL: not named */
};

/* render_mail - errors: -ENOENT no such template; -EINVAL a template names an unknown figure
 * (why names file and line) or is not UTF-8, or an address cannot stand in a header; an official
 * without an address is fine. Header values are encoded (RFC 2047) and can hold no line break. */
int render_mail(const struct render_context *context, const Zb__NoticeRecord *notice,
                const Zb__PersonValue *person, struct arena *arena, struct buf *out,
                struct complaint *why);

/* render_text - the same notice for a printer: heading, body, signature block. */
int render_text(const struct render_context *context, const Zb__NoticeRecord *notice,
                const Zb__PersonValue *person, struct arena *arena, struct buf *out,
                struct complaint *why);

#endif
