/* clockwork.c - time: what is due is fired, and in a simulated ledger time moves only here.
 *
 * A simulation stops at every instant at which something is due, fires it, waits until the outbox
 * is quiet, and goes on; so a year passes with every notice really delivered in its turn. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "ledger/deadline.h"
#include "ledger/key.h"
#include "notifier/service.h"

enum { DUE_AT_ONCE = 256, CLOCK_FILE_BYTES = 256, WAIT_MAX_MS = 60 * 1000 };

static const char CLOCK_TARGET[] = "clock_target"; /* state record: where the simulation goes */

int clock_publish(struct service *service)
{
    struct buf line = BUF_INIT(CLOCK_FILE_BYTES);
    struct json json = json_on(&line);
    json_begin_object(&json, NULL);
    json_put_bool(&json, "simulated", clock_is_simulated(service->clock));
    json_put_int(&json, "now_ms", clock_now_ms(service->clock));
    json_end(&json);
    json_end_line(&json);
    char path[FILE_PATH_SIZE];
    int r = path_join(path, sizeof(path), daemon_home(service->daemon), "run/clock");
    if (r == 0)
        r = buf_error(&line);
    if (r == 0)
        r = file_write_atomic(path, buf_bytes(&line), 0644);
    buf_done(&line);
    return r;
}

/* Where the simulation goes: the last accepted clock.advance; 0 if there was none. */
static int target_get(const struct ledger_view *view, struct arena *arena, int64_t *ret_target)
{
    Zb__StateRecord *state;
    int r = LEDGER_GET(view, TABLE_STATE, key_name(CLOCK_TARGET), arena, &state);
    *ret_target = r == 0 ? state->at_ms : 0;
    return r == -ENOENT ? 0 : r;
}

/* The instant of the journal's last entry: time never stands before it. */
static int last_entry_ms(struct service *service, struct page *page, int64_t *ret_ms)
{
    struct bytes bytes;
    int r = page_entry(page, book_head(service->book).index, &bytes);
    if (r < 0)
        return r;
    Zb__Entry *entry;
    r = MESSAGE_UNPACK(entry, bytes, service->work, &entry, NULL);
    if (r == 0)
        *ret_ms = entry->at_ms;
    return r;
}

int clock_restore(struct service *service, struct complaint *why)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_read(service->book, &page);
    if (r < 0)
        return r;
    static const uint8_t genesis_key[] = { 0 };
    Zb__GenesisRecord *genesis;
    struct arena_mark mark = arena_mark(service->work);
    r = LEDGER_GET(page_view(page), TABLE_GENESIS,
                   key_id(bytes_of(genesis_key, sizeof(genesis_key))), service->work, &genesis);
    if (r < 0)
        return complain(why, r, "run 'zhengban init' first, or restore the ledger's folder",
                        "the ledger has no first entry");
    if (!genesis->simulated) {
        service->clock = clock_new_real();
    } else {
        int64_t at_ms = genesis->start_ms;
        r = last_entry_ms(service, page, &at_ms);
        if (r == 0)
            r = target_get(page_view(page), service->work, &service->advance.target_ms);
        if (r < 0)
            return complain(why, r, "run 'zhengban audit verify'",
                            "the journal's last entry cannot be read");
        service->clock = clock_new_simulated(at_ms < genesis->start_ms ? genesis->start_ms : at_ms);
        service->advance.active = service->advance.target_ms > at_ms;
    }
    arena_rewind(service->work, mark);
    return service->clock == NULL ? -ENOMEM : 0;
}

int clockwork_advance(struct service *service, int64_t target_ms, struct bus_peer peer,
                      uint64_t tag, const Zb__CommandResult *result)
{
    if (!clock_is_simulated(service->clock))
        return -EPERM;
    if (service->advance.active && service->advance.target_ms != target_ms)
        return -EALREADY;
    free(service->advance.held); /* the same command again, over a new line */
    service->advance.held = NULL;
    size_t bytes = zb__command_result__get_packed_size(result);
    uint8_t *held = malloc(bytes == 0 ? 1 : bytes);
    if (held == NULL)
        return -ENOMEM;
    (void)zb__command_result__pack(result, held);
    service->advance = (struct advance){
        .active = true,
        .target_ms = target_ms,
        .peer = peer,
        .tag = tag,
        .held = held,
        .held_bytes = bytes,
    };
    return 0;
}

static void advance_done(struct service *service)
{
    struct advance *advance = &service->advance;
    advance->active = false;
    if (advance->held == NULL)
        return; /* resumed after a restart: nobody waits */
    Zb__CommandResult *result =
        zb__command_result__unpack(NULL, advance->held_bytes, advance->held);
    if (result != NULL) {
        intake_answer_command(service, advance->peer, advance->tag, result);
        zb__command_result__free_unpacked(result, NULL);
    }
    free(advance->held);
    advance->held = NULL;
}

/* The next instant at which something is due: a rung, or a notice that is to be tried again. */
static int due_next(struct service *service, int64_t *ret_ms)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_read(service->book, &page);
    if (r < 0)
        return r;
    const struct ledger_view *view = page_view(page);
    int64_t rung_ms = INT64_MAX, notice_ms = INT64_MAX;
    r = deadline_next(view, &rung_ms);
    if (r < 0 && r != -ENOENT)
        return r;
    struct bytes key, value;
    r = view->seek(view->ctx, INDEX_OUTBOX, (struct bytes){ 0 }, &key, &value);
    if (r == 0) {
        struct reader reader = reader_of(key);
        notice_ms = (int64_t)read_u64be(&reader);
    } else if (r != -ENOENT) {
        return r;
    }
    *ret_ms = rung_ms < notice_ms ? rung_ms : notice_ms;
    return *ret_ms == INT64_MAX ? -ENOENT : 0;
}

/* Moves a simulation to the next instant that matters, at most to its target. */
static int simulation_step(struct service *service)
{
    bool quiet;
    int64_t now_ms = clock_now_ms(service->clock);
    int r = outbox_quiet(service, now_ms, &quiet);
    if (r < 0 || !quiet)
        return r;
    if (now_ms >= service->advance.target_ms) {
        advance_done(service);
        return 0;
    }
    int64_t next_ms;
    r = due_next(service, &next_ms);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == -ENOENT || next_ms > service->advance.target_ms)
        next_ms = service->advance.target_ms;
    r = clock_set(service->clock, next_ms < now_ms ? now_ms : next_ms);
    return r < 0 ? r : clock_publish(service);
}

int clockwork_pump(struct service *service, bool busy)
{
    int64_t next_ms;
    int r = due_next(service, &next_ms);
    if (r == 0 && next_ms <= clock_now_ms(service->clock)) {
        size_t fired = 0;
        r = service_decide_due(service, DUE_AT_ONCE, &fired);
        if (r < 0 || fired > 0)
            return r; /* there may be more at this instant: next turn of the loop */
    }
    if (r < 0 && r != -ENOENT)
        return r;
    return service->advance.active && !busy ? simulation_step(service) : 0;
}

int clockwork_wait_ms(struct service *service)
{
    int64_t next_ms;
    if (service->advance.active)
        return 0;
    if (clock_is_simulated(service->clock) || due_next(service, &next_ms) < 0)
        return -1;
    int64_t wait_ms = next_ms - clock_now_ms(service->clock);
    if (wait_ms < 0)
        return 0;
    return wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)wait_ms;
}
