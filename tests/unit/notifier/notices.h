/* notices.h - notices with the figures that the ledger freezes (ledger/notice.c), in many states. */
#ifndef TESTS_UNIT_NOTIFIER_NOTICES_H
#define TESTS_UNIT_NOTIFIER_NOTICES_H

#include "base/arena.h"
#include "notifier/render.h"

enum { NOTICES_FACTS_MAX = 32 };

struct notices_fact {
    const char *name;
    const char *values[8]; /* the values it takes on, up to the first NULL */
};

extern const struct notices_fact notices_facts[];
extern const size_t notices_fact_count;

/* notices_count - notices there are: every template in both languages for every class, each with
 * other values of the other figures, so that each value of each figure meets each template. */
size_t notices_count(void);

/* notices_make - the i-th; notices_set - gives one of its figures another value (borrowed).
 * notices_person - whom it goes to. All abort when memory is out. */
Zb__NoticeRecord *notices_make(struct arena *arena, size_t i);
void notices_set(Zb__NoticeRecord *notice, const char *name, const char *value);
Zb__PersonValue *notices_person(struct arena *arena, size_t i);

/* notices_context - the templates of the source tree, and an instant that is always the same. */
struct render_context notices_context(struct arena *arena);

#endif
