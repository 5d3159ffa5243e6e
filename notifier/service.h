/* service.h - the notifier's parts, for its own files.
 *
 * One thread, one wait. Frames, due instants and delivery results are gathered into a group; a
 * group is one transaction and one sync; only then is anything answered. service.c owns the loop,
 * intake.c turns frames into inputs and replies into frames, judge.c asks matchers for verdicts,
 * outbox.c moves notices, clockwork.c moves time. */
#ifndef NOTIFIER_SERVICE_H
#define NOTIFIER_SERVICE_H

#include "base/clock.h"
#include "base/daemon.h"
#include "bus/link.h"
#include "bus/refusals.h"
#include "bus/registry.h"
#include "notifier/book.h"
#include "notifier/channel.h"

struct outbox;
struct judge;

/* Totals since the start, shown by `zhengban status`. */
struct service_totals {
    uint64_t commits, frames, events, duplicates, refused, verdicts, commands;
};

/* A clock.advance that is being carried out. */
struct advance {
    bool active;
    int64_t target_ms;
    struct bus_peer peer; /* who waits for the end; route_size 0: nobody */
    uint64_t tag;
    Zb__CommandResult *result; /* packed copy lives in `held` */
    uint8_t *held;
    size_t held_bytes;
};

struct service {
    struct daemon *daemon;
    struct log *log;
    struct clock *clock;
    struct identity identity;
    struct bus *bus;
    struct bus_server *server;
    struct book *book;
    struct ledger_rules rules;
    struct registry *registry;
    uint64_t registry_version; /* of the tables, which `registry` must show */
    struct arena *frames;      /* what came in, until it is answered */
    struct arena *work;        /* what is decided, until it is committed */
    struct outbox *outbox;
    struct judge *judge;
    struct advance advance;
    struct service_totals totals;
    struct refusals *refusals; /* since they were last journalled ... */
    int64_t refusals_since_ms; /* ... at this ledger time */
    struct log_limit refusal_log, decide_log;
    int64_t status_mono_ms; /* when the status file was last written */
    int64_t rest_mono_ms;   /* the store took nothing: nothing of our own is decided before this */
    int64_t upkeep_mono_ms; /* when the last step of going over everything was made */
    int32_t recount_day;    /* civil day of the last daily recount; 0 since the start none */
    size_t commit_frames;
    bool failed; /* the store can no longer be trusted: stop */
};

/* service_decide - one input in a group of its own: page, run, commit. The reply lives in
 * service->work until the next group. Errors: logged; the group is undone. */
int service_decide(struct service *service, const struct ledger_input *input,
                   struct ledger_reply *ret_reply);

/* service_decide_many - the same for several inputs in one transaction; replies[i] for inputs[i]. */
int service_decide_many(struct service *service, const struct ledger_input *inputs, size_t count,
                        struct ledger_reply *replies);

/* service_decide_due - fires up to `most` of what i_due shows as due now, in one transaction. */
int service_decide_due(struct service *service, size_t most, size_t *ret_fired);

/* service_refresh - after a commit: a new registry if the tables' version moved. */
int service_refresh(struct service *service);

/* service_refused - counts a refusal, and logs it, once a minute. `key`: who was refused, as the link
 * or a signature that holds tells; empty when nobody knows. */
void service_refused(struct service *service, Zb__RefusalReason reason, struct bytes key);

/* ---- intake.c ---- */

/* intake_drain - takes what has arrived, decides it in one group, answers. Returns frames taken. */
int intake_drain(struct service *service);

/* intake_settle - signs and sends a command's result to the peer that asked. */
void intake_answer_command(struct service *service, struct bus_peer peer, uint64_t tag,
                           const Zb__CommandResult *result);

/* ---- judge.c ---- */

int judge_new(struct judge **ret_judge);
void judge_free(struct judge *judge);
void judge_hello(struct judge *judge, struct bus_server *server, struct bus_peer peer,
                 struct id128 key, const Zb__Hello *hello);
/* judge_answered - what a matcher said to a JUDGE. One that says nothing of use rests a while, so that
 * neither a broken nor a lying one keeps the rows from the others. */
void judge_answered(struct judge *judge, struct bus_peer peer, const Zb__Verdicts *verdicts,
                    int64_t mono_ms);
/* judge_pump - sends JUDGE for rows in `todo` to matchers that have not said what they think. */
int judge_pump(struct service *service, int64_t mono_ms);

/* ---- outbox.c ---- */

int outbox_new(struct service *service, struct outbox **ret_outbox, struct complaint *why);
void outbox_free(struct outbox *outbox);
/* outbox_recover - at start: what was COMMITTING is IN_DOUBT, what was CLAIMED goes again. */
int outbox_recover(struct service *service);
/* outbox_pump - claims what is due, moves deliveries on. */
int outbox_pump(struct service *service, int64_t mono_ms);
size_t outbox_fds(struct outbox *outbox, struct pollfd *out, size_t cap);
int outbox_timeout_ms(struct outbox *outbox);
/* outbox_quiet - whether nothing is under way and nothing is due at `now_ms`. */
int outbox_quiet(struct service *service, int64_t now_ms, bool *ret_quiet);

/* ---- upkeep.c ---- */

/* upkeep_pump - what the ledger goes over when nobody wants anything of it: the daily recount and
 * what a new catalogue leaves to count, one small transaction a call. *ret_busy: there is more. */
int upkeep_pump(struct service *service, int64_t mono_ms, bool *ret_busy);

/* upkeep_refusals - journals what this process refused: at once after a quiet minute, then once a
 * minute. `ending`: what is left, whenever the last entry was. */
int upkeep_refusals(struct service *service, int64_t mono_ms, bool ending);

/* ---- clockwork.c ---- */

/* clock_restore - the clock of an existing ledger: real, or where the simulation stood. */
int clock_restore(struct service *service, struct complaint *why);
/* clock_publish - DIR/run/clock: one line of JSON, for collectors of a simulated home. */
int clock_publish(struct service *service);
/* clockwork_pump - fires what is due; a simulation moves on to the next instant unless `busy`: time
 * stands still while anything of the present instant is left to do. */
int clockwork_pump(struct service *service, bool busy);
/* clockwork_wait_ms - until the next due instant on a real clock; −1: none known. */
int clockwork_wait_ms(struct service *service);
/* clockwork_advance - begins a clock.advance whose command was accepted. */
int clockwork_advance(struct service *service, int64_t target_ms, struct bus_peer peer,
                      uint64_t tag, const Zb__CommandResult *result);

#endif
