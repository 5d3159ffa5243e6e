/* sender.h - the protocol core of a collector: what to send next, and what an answer means.
 *
 * A state machine without sockets, clocks or disks: sender_step(event, now) → actions. The daemon
 * feeds it links and frames and carries out its actions; the simulator (tests/sim) feeds it loss,
 * delay, repeats, crashes and lies, by seed. */
#ifndef BUS_SENDER_H
#define BUS_SENDER_H

#include "bus/key.h"
#include "proto/frame.h"
#include "proto/stream.h"

/* The durable queue as the core sees it; store/spool.h behind it in the daemon. Every call is
 * durable when it returns 0. */
struct sender_spool {
    void *ctx;
    int (*position)(void *ctx, struct stream_position *ret_position);
    int (*assign)(void *ctx, size_t most, size_t *ret_assigned);
    int (*event)(void *ctx, uint64_t sequence, bool full, struct arena *arena,
                 struct outgoing_event *ret_event);
    int (*settle)(void *ctx, uint64_t epoch, const struct settled_outcome *outcomes, size_t count,
                  int64_t now_ms);
    int (*epoch)(void *ctx, uint64_t epoch, bool behind);
};

struct sender_options {
    const struct identity *identity;
    struct id128 ledger_id;
    struct seal_public ledger_key; /* pinned: nothing leaves the spool without its signature */
    bool simulated;
    int64_t resend_ms;   /* an unanswered batch goes out again after this long */
    size_t batch_events; /* ≤ BOUND_EVENTS_PER_BATCH */
    size_t links;        /* number of links, < SENDER_LINKS_MAX */
};

enum { SENDER_LINKS_MAX = 16, SENDER_ACTIONS_MAX = 16 };

struct sender;

int sender_new(const struct sender_options *options, const struct sender_spool *spool,
               struct sender **ret_sender);
void sender_free(struct sender *sender);
CLEANUP_DEFINE(struct sender *, sender_free);

enum sender_event_kind {
    SENDER_LINK_UP,   /* link, credit_bytes */
    SENDER_LINK_DOWN, /* link */
    SENDER_FRAME,     /* link, type, message: SETTLED, RESUMED, BUSY, REFUSED */
    SENDER_TICK,      /* time passed, or the spool has something new */
};

struct sender_event {
    enum sender_event_kind kind;
    size_t link;
    uint64_t credit_bytes;
    enum frame_type type;
    const ProtobufCMessage *message;
};

enum sender_action_kind {
    SENDER_SEND,  /* put `type`, `message` with `tag` on `link` */
    SENDER_ALARM, /* tell the operator `text`: FORKED, LEDGER_BEHIND, LEDGER_SILENT, bad signature */
    SENDER_STOPPED, /* this key may not send (revoked, quarantined): `text` says why */
};

struct sender_action {
    enum sender_action_kind kind;
    size_t link;
    enum frame_type type;
    const ProtobufCMessage *message; /* in the arena of the step */
    uint64_t tag;
    const char *text;
};

struct sender_actions {
    struct sender_action at[SENDER_ACTIONS_MAX];
    size_t count;
    int64_t next_ms; /* step again with TICK at this monotonic time at the latest */
    bool more;       /* there is more to do at once: step again with TICK */
};

/* sender_step - one event in, actions out; the arena holds what they point to. `mono_ms` paces,
 * `now_ms` is what settlement is stamped with. Errors: those of the spool; the core is then
 * unchanged and the step may be repeated. */
int sender_step(struct sender *sender, const struct sender_event *event, int64_t mono_ms,
                int64_t now_ms, struct arena *arena, struct sender_actions *ret_actions);

struct sender_totals {
    uint64_t sent_batches, sent_events, resent_events, settled_events, bad_signatures, stale;
};
struct sender_totals sender_totals(const struct sender *sender);

#endif
