/* sender.c - the sending side of settlement, without sockets.
 *
 * Three phases:
 *
 *     RESUMING ──RESUMED, good──▶ RUNNING ──STALE, LEDGER_BEHIND──▶ RESUMING
 *        ▲  └──RESUMED, refused──▶ STOPPED ◀──REFUSED for the key──┘
 *        └───────── once a minute ────┘
 *
 * Only RUNNING sends batches and gives sequences. Settlements are taken in every phase: they carry
 * the ledger's signature and say what they are about. Nothing else changes the spool, except an
 * epoch granted in answer to this process's own nonce. */
#include "bus/sender_inner.h"

#include <errno.h>

enum {
    ACTIONS_PER_PUMP = 8, /* batches per step; alarms need room beside them */
    RETRY_MS = 100,
    SILENT_MS = 24 * 3600 * 1000,
};

/* ---- what goes out next ---------------------------------------------------------------------- */

int position_read(struct sender *s)
{
    struct stream_position position;
    s->position_old = true;
    int r = s->spool.position(s->spool.ctx, &position);
    if (r < 0)
        return r;
    s->position = position;
    s->position_old = false;
    return 0;
}

static bool anything_due(struct sender *s, int64_t mono_ms, size_t *ret_count)
{
    size_t due = 0;
    for (uint64_t n = s->position.floor; n < s->position.next_sequence; n++) {
        const struct flight *flight = flight_of(s, n);
        due += flight->state == FLIGHT_DUE ||
               (flight->state == FLIGHT_OUT && mono_ms - flight->sent_ms >= s->options.resend_ms);
    }
    *ret_count = due;
    return due > 0;
}

/* Gives sequences to what waits, when there is room to send it: a sequence is given, durably, at
 * the first sending and not before. */
static int assign(struct step *at, bool *ret_more)
{
    struct sender *s = at->sender;
    size_t due, assigned;
    *ret_more = false;
    (void)anything_due(s, at->mono_ms, &due);
    if (due >= s->options.batch_events)
        return 0;
    int r = s->spool.assign(s->spool.ctx, s->options.batch_events - due, &assigned);
    if (r < 0 || assigned == 0)
        return r;
    *ret_more = true;
    return position_read(s);
}

static int pump(struct step *at)
{
    struct sender *s = at->sender;
    bool may_assign = true;
    size_t idle_links = 0;
    size_t due;
    while (idle_links < s->options.links && frame_out_slot(s) != NULL) {
        if (at->actions->count >= ACTIONS_PER_PUMP) {
            at->actions->more = true;
            return 0;
        }
        size_t link = link_next(s, at->mono_ms);
        if (link == SENDER_LINKS_MAX)
            return 0;
        if (may_assign) {
            int r = assign(at, &may_assign);
            if (r < 0)
                return r;
        }
        if (!anything_due(s, at->mono_ms, &due))
            return 0;
        bool sent;
        int r = batch_send(at, link, &sent);
        if (r < 0)
            return r;
        idle_links = sent ? 0 : idle_links + 1;
        s->next_link = (link + 1) % s->options.links;
    }
    return 0;
}

/* ---- silence --------------------------------------------------------------------------------- */

static bool is_waiting(const struct sender *s)
{
    return s->phase != PHASE_RUNNING || s->position.floor < s->position.next_sequence;
}

void ledger_heard(struct step *at)
{
    at->sender->waiting_ms = is_waiting(at->sender) ? at->mono_ms : -1;
    at->sender->silent_told = false;
}

static void silence_check(struct step *at)
{
    struct sender *s = at->sender;
    if (!is_waiting(s)) {
        s->waiting_ms = -1;
        return;
    }
    if (s->waiting_ms < 0)
        s->waiting_ms = at->mono_ms;
    if (s->silent_told || at->mono_ms - s->waiting_ms < SILENT_MS)
        return;
    s->silent_told = true;
    alarm_add(at, SENDER_ALARM,
              "LEDGER_SILENT: nothing was settled for 24 hours; reports are kept here until it is");
}

/* ---- steps ----------------------------------------------------------------------------------- */

static int event_take(struct step *at, const struct sender_event *event)
{
    struct sender *s = at->sender;
    if (event->kind != SENDER_TICK && event->link >= s->options.links)
        return -EINVAL;
    switch (event->kind) {
    case SENDER_LINK_UP:
        link_up(s, event->link, event->credit_bytes, at->mono_ms);
        return 0;
    case SENDER_LINK_DOWN:
        link_down(s, event->link);
        return 0;
    case SENDER_FRAME:
        return frame_arrived(at, event);
    case SENDER_TICK:
        return 0;
    }
    return -EINVAL;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_step_ms(struct sender *s, int64_t mono_ms)
{
    int64_t next = INT64_MAX;
    if (s->waiting_ms >= 0 && !s->silent_told)
        next = s->waiting_ms + SILENT_MS;
    bool any = false;
    for (size_t i = 0; i < s->options.links; i++) {
        if (s->link[i].up && s->link[i].paused_ms > mono_ms)
            next = earlier(next, s->link[i].paused_ms);
        any = any || link_room(&s->link[i], mono_ms) > 0;
    }
    if (s->phase != PHASE_RUNNING && any)
        next = earlier(next, s->resume_ms);
    for (uint64_t n = s->position.floor;
         any && s->phase == PHASE_RUNNING && n < s->position.next_sequence; n++) {
        const struct flight *flight = flight_of(s, n);
        if (flight->state == FLIGHT_OUT)
            next = earlier(next, flight->sent_ms + s->options.resend_ms);
    }
    for (size_t i = 0; i < FRAMES_MAX; i++)
        if (s->frame[i].tag != 0)
            next = earlier(next, s->frame[i].sent_ms + FRAME_LAPSES * s->options.resend_ms);
    /* What is due and could not go, for want of credit or room, is looked at again soon. */
    return next > mono_ms ? next : mono_ms + RETRY_MS;
}

int sender_step(struct sender *sender, const struct sender_event *event, int64_t mono_ms,
                int64_t now_ms, struct arena *arena, struct sender_actions *ret_actions)
{
    *ret_actions = (struct sender_actions){ 0 };
    struct step at = { sender, mono_ms, now_ms, arena, ret_actions };
    int r = sender->position_old ? position_read(sender) : 0;
    if (r == 0)
        r = event_take(&at, event);
    if (r < 0)
        return r;
    frames_out_lapse(sender, mono_ms);
    r = sender->phase == PHASE_RUNNING ? pump(&at) : resume_send(&at);
    /* The event is taken and perhaps a batch is out: the error will be there at the next step. */
    if (r < 0 && (event->kind != SENDER_TICK || ret_actions->count > 0)) {
        ret_actions->more = true;
        r = 0;
    }
    if (r < 0)
        return r;
    silence_check(&at);
    ret_actions->next_ms = next_step_ms(sender, mono_ms);
    return 0;
}

int sender_new(const struct sender_options *options, const struct sender_spool *spool,
               struct sender **ret_sender)
{
    if (options->links == 0 || options->links > SENDER_LINKS_MAX || options->batch_events == 0 ||
        options->batch_events > BOUND_EVENTS_PER_BATCH || options->resend_ms <= 0)
        return -EINVAL;
    struct sender *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return -ENOMEM;
    s->options = *options;
    s->identity = *options->identity;
    s->options.identity = NULL; /* a copy of it is kept */
    s->spool = *spool;
    s->next_tag = 1;
    s->waiting_ms = -1;
    int r = position_read(s);
    if (r < 0) {
        sender_free(s);
        return r;
    }
    resume_begin(s, PHASE_RESUMING, INT64_MIN);
    *ret_sender = s;
    return 0;
}

void sender_free(struct sender *sender)
{
    if (sender == NULL)
        return;
    seal_wipe(&sender->identity, sizeof(sender->identity));
    free(sender);
}

struct sender_totals sender_totals(const struct sender *sender)
{
    return sender->totals;
}
