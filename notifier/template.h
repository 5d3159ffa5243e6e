/* template.h - text with figures: the small language of data/templates.
 *
 *     {{name}}                      the figure
 *     {{?name}} ... {{/name}}       kept when the figure is neither empty nor 0
 *     {{?name=value}} ... {{/name}} kept when it is exactly that
 *
 * A line that holds nothing but a mark disappears with it. A figure that nobody knows is an error
 * that names the line: a notice with a hole in it must not leave. */
#ifndef NOTIFIER_TEMPLATE_H
#define NOTIFIER_TEMPLATE_H

#include "base/buf.h"
#include "base/text.h"

struct template_figures {
    const void *ctx;
    /* the figure's text; NULL when there is no such figure */
    const char *(*get)(const void *ctx, struct bytes name);
};

/* template_fill - appends the filled text. Errors: -EINVAL (why: line, fault, remedy); buf_error.
 * Characters of figures that control or turn the text (text_is_steering) become spaces, so that a
 * figure adds neither line nor header; what is not UTF-8 becomes '?'. */
int template_fill(struct bytes text, const struct template_figures *figures, struct buf *out,
                  struct complaint *why);

#endif
