/* context.h - what a notice says beyond the figures frozen in it: the product's name as people know
 * it, and which computers it is about. Names of computers and persons are personal data: they are
 * read from table `private` when the notice leaves, and never stand in its record. */
#ifndef NOTIFIER_CONTEXT_H
#define NOTIFIER_CONTEXT_H

#include "base/arena.h"
#include "ledger/view.h"
#include "notifier/render.h"

/* context_fill - sets product_name and computers of the context, in the arena. `names_dir` holds
 * <catalogue digest>.names, one product a line: id, name and Chinese name between tabs; without
 * that file, or for a product that it does not list, the product's id is its name.
 * Errors: -ENOMEM; -EIO and -EBADMSG of a damaged store. */
int context_fill(const struct ledger_view *view, const char *names_dir,
                 const Zb__NoticeRecord *notice, struct arena *arena,
                 struct render_context *context);

/* context_computer - how people know a computer: host or device name, asset number, department and
 * user as far as they are known; "computer N" when its facts were erased. The arena's. */
int context_computer(const struct ledger_view *view, uint64_t endpoint, struct arena *arena,
                     const char **ret_text);

#endif
