/* upkeep.c - going over everything once a day, so that silence becomes visible: a computer that is
 * not seen any more changes no table by itself. */
#include <errno.h>

#include "base/civil.h"
#include "ledger/recount.h"
#include "notifier/service.h"

/* The input to run next: the day's first, or the next step of what is going on. */
static int next_input(struct service *service, struct ledger_input *ret_input)
{
    int32_t today = civil_day_at(clock_now_ms(service->clock));
    if (today != service->recount_day) {
        *ret_input = (struct ledger_input){ .kind = INPUT_RECOUNT_UNIT, .recount = { .unit = "" } };
        service->recount_day = today;
        return 0;
    }
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_read(service->book, &page);
    return r < 0 ? r : recount_next(page_view(page), service->frames, ret_input);
}

int upkeep_pump(struct service *service, bool *ret_busy)
{
    struct arena_mark mark = arena_mark(service->frames);
    struct ledger_input input;
    struct ledger_reply reply;
    int r = next_input(service, &input);
    *ret_busy = r == 0;
    if (r == 0)
        r = service_decide(service, &input, &reply);
    arena_rewind(service->frames, mark);
    return r == -ENOENT ? 0 : r;
}
