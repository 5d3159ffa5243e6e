/* upkeep.c - what the ledger does of its own: going over everything once a day, so that silence
 * becomes visible (a computer that is not seen any more changes no table by itself), and journalling
 * what was refused. */
#include <errno.h>

#include "base/civil.h"
#include "ledger/recount.h"
#include "notifier/service.h"

enum { UPKEEP_AT_LEAST_MS = 1000 };

/* The input to run next: the day's first, or the next step of what is going on. */
static int next_input(struct service *service, struct ledger_input *ret_input)
{
    int32_t today = civil_day_at(clock_now_ms(service->clock));
    if (today != service->recount_day) {
        *ret_input = (struct ledger_input){ .kind = INPUT_RECOUNT_UNIT, .recount = { .unit = "" } };
        return 0;
    }
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_read(service->book, &page);
    return r < 0 ? r : recount_next(page_view(page), service->frames, ret_input);
}

int upkeep_pump(struct service *service, int64_t mono_ms, bool *ret_busy)
{
    /* Reports go first, but a ledger that is never idle must not miss its day. */
    if (*ret_busy && mono_ms - service->upkeep_mono_ms < UPKEEP_AT_LEAST_MS)
        return 0;
    service->upkeep_mono_ms = mono_ms;
    int32_t today = civil_day_at(clock_now_ms(service->clock));
    struct arena_mark mark = arena_mark(service->frames);
    struct ledger_input input;
    struct ledger_reply reply;
    int r = next_input(service, &input);
    if (r == 0) {
        *ret_busy = true;
        r = service_decide(service, &input, &reply);
        if (r == 0)
            service->recount_day = today; /* once it stands in the tables it goes on by itself */
    }
    arena_rewind(service->frames, mark);
    return r == -ENOENT ? 0 : r;
}

int upkeep_refusals(struct service *service, int64_t mono_ms, bool ending)
{
    if (!ending && !refusals_due(service->refusals, mono_ms))
        return 0;
    struct arena_mark mark = arena_mark(service->frames);
    int r = 0;
    const Zb__Refusals *report =
        refusals_report(service->refusals, service->refusals_since_ms, service->frames);
    if (report != NULL) {
        /* No matcher: the ledger itself speaks. */
        const struct ledger_input input = {
            .kind = INPUT_REFUSALS,
            .refusals = { .refusals = report },
        };
        struct ledger_reply reply;
        r = service_decide(service, &input, &reply);
    }
    if (report != NULL && r == 0) {
        refusals_clear(service->refusals, mono_ms);
        service->refusals_since_ms = clock_now_ms(service->clock);
    }
    arena_rewind(service->frames, mark);
    return r;
}
