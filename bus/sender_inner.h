/* sender_inner.h - what the files of the sender share; nobody else includes it.
 *
 *     sender.c          the step: what an event changes, what goes out next, when to come again
 *     sender_out.c      what is out and unanswered, on which link, and where there is room
 *     sender_draft.c    one batch: built within the bounds, signed, put on a link
 *     sender_resume.c   agreeing with the ledger on an epoch, or hearing that this key may not send
 *     sender_answers.c  whose an answer is and what its outcomes mean for the spool
 *
 * All of it works on one struct sender inside one step; nothing is kept elsewhere. */
#ifndef BUS_SENDER_INNER_H
#define BUS_SENDER_INNER_H

#include "bus/sender.h"
#include "proto/blob.h"

enum {
    FRAMES_MAX = 512, /* unanswered frames over all links */
    FRAME_LAPSES = 4, /* resend times until an unanswered frame's charge is forgotten */
};

/* What is known of one unsettled sequence. A slot of another sequence is as good as zero. */
enum flight_state {
    FLIGHT_DUE = 0, /* to be sent */
    FLIGHT_OUT,     /* an unanswered copy is out */
    FLIGHT_DONE,    /* settled above the floor */
    FLIGHT_STUCK,   /* does not fit a frame; an alarm said so */
};

struct flight {
    uint64_t sequence;
    uint64_t tag; /* frame of the last copy */
    struct digest digest;
    int64_t sent_ms; /* monotonic, last copy */
    uint8_t link;    /* of the last copy */
    uint8_t state;   /* enum flight_state */
    bool known;      /* digest is set */
    bool sent;       /* at least one copy went out in this process */
    bool full;       /* the ledger asked for FULL */
};

struct frame_out {
    uint64_t tag; /* 0: free slot */
    uint64_t charge_bytes;
    int64_t sent_ms;
    size_t link;
};

struct link_state {
    bool up;
    bool blamed;            /* an alarm told of its bad signatures */
    Zb__RefusalReason told; /* last refusal an alarm told of */
    uint64_t credit_bytes;
    uint64_t charged_bytes;
    int64_t paused_ms; /* monotonic; nothing is sent before */
};

enum phase { PHASE_RESUMING, PHASE_RUNNING, PHASE_STOPPED };

struct sender {
    struct sender_options options;
    struct identity identity;
    struct sender_spool spool;
    struct stream_position position; /* as the spool last said */
    bool position_old;               /* the spool changed and could not be asked since */
    enum phase phase;
    Zb__RefusalReason stopped_by; /* STOPPED */
    struct id128 nonce;           /* of the running RESUMING or STOPPED phase */
    int64_t resume_ms;            /* monotonic: when to send the (next) RESUME */
    int64_t resumed_ms;           /* monotonic: last answer; paces the next RESUMING */
    int64_t waiting_ms;           /* monotonic: since when something waits for the ledger; −1 */
    bool silent_told;
    uint64_t next_tag;
    size_t next_link;
    struct link_state link[SENDER_LINKS_MAX];
    struct frame_out frame[FRAMES_MAX];
    struct sender_totals totals;
    struct flight flight[BOUND_WINDOW];
};

/* One step's context. */
struct step {
    struct sender *sender;
    int64_t mono_ms;
    int64_t now_ms;
    struct arena *arena;
    struct sender_actions *actions;
};

/* ---- sender.c -------------------------------------------------------------------------------- */

/* position_read - asks the spool where it stands, after a change to it. Errors: those of the spool;
 * it is asked again before anything else then. */
int position_read(struct sender *s);

/* ledger_heard - the ledger has spoken for itself: the silence that LEDGER_SILENT tells of begins
 * anew. */
void ledger_heard(struct step *at);

/* ---- sender_out.c ---------------------------------------------------------------------------- */

/* alarm_add - tells the operator `text` (ALARM or STOPPED; static or the step's arena's, NULL:
 * nothing). One that finds no room is lost; what it tells of is counted too and comes again. */
void alarm_add(struct step *at, enum sender_action_kind kind, const char *text);

/* send_add - puts a message with its tag on a link and charges it. Messages name their tag in a
 * field "tag"; one without is matched by what its answer says. False: no room, nothing done. */
bool send_add(struct step *at, size_t link, enum frame_type type, ProtobufCMessage *message,
              uint64_t *ret_tag);

/* frame_out_find - NULL when no unanswered frame of the link has the tag; tag 0 never has. */
struct frame_out *frame_out_find(struct sender *s, size_t link, uint64_t tag);
/* frame_out_slot - a free one, NULL when all are taken. */
struct frame_out *frame_out_slot(struct sender *s);
/* frame_out_release - answered or given up: its link has that much more room. */
void frame_out_release(struct sender *s, struct frame_out *frame);
/* frames_out_lapse - gives up the frames that nobody answered for FRAME_LAPSES resend times. */
void frames_out_lapse(struct sender *s, int64_t mono_ms);

void link_up(struct sender *s, size_t link, uint64_t credit_bytes, int64_t mono_ms);
void link_down(struct sender *s, size_t link);
/* link_room - bytes of credit that may be sent now; 0 while the link is down or paused. */
uint64_t link_room(const struct link_state *link, int64_t mono_ms);
/* link_next - the link to send on now, from the one after the last; SENDER_LINKS_MAX: none. */
size_t link_next(const struct sender *s, int64_t mono_ms);

/* flight_of - the sequence's flight, fresh (DUE, never sent) where nothing is known of it yet. Only
 * for sequences from the floor on: an older one would take the slot of a newer one. */
struct flight *flight_of(struct sender *s, uint64_t sequence);
/* flight_may_go - whether a copy may go out over this link now. */
bool flight_may_go(const struct sender *s, const struct flight *flight, size_t link,
                   int64_t mono_ms);
/* flights_back - the copies on a frame (tag) or a whole link (tag 0) will not be answered. */
void flights_back(struct sender *s, size_t link, uint64_t tag);

/* ---- sender_draft.c -------------------------------------------------------------------------- */

/* batch_send - one batch onto a link. *ret_sent: false when nothing may go over it now. Errors:
 * those of the spool, -ENOMEM; nothing went out then. */
int batch_send(struct step *at, size_t link, bool *ret_sent);

/* ---- sender_resume.c ------------------------------------------------------------------------- */

/* resume_begin - enters RESUMING or STOPPED with a nonce of its own; the first RESUME goes out at
 * `at_ms` (monotonic) at the earliest. */
void resume_begin(struct sender *s, enum phase phase, int64_t at_ms);
/* resume_again - asks again in which epoch to go on, at most once per resend time. */
void resume_again(struct step *at);
/* resume_send - sends the RESUME that is due, if any link takes it. Errors: -ENOMEM. */
int resume_send(struct step *at);
/* resumed_take - acts on what the ledger, signature checked, answered to this collector. Errors:
 * those of the spool; nothing is changed then. */
int resumed_take(struct step *at, const Zb__ResumedBody *body);

/* refusal_stops - refusals of the key itself: sending on would change nothing. */
bool refusal_stops(Zb__RefusalReason reason);
/* sender_stop - enters STOPPED, or stays there; tells the operator when the reason is a new one. */
void sender_stop(struct step *at, Zb__RefusalReason reason);

/* ---- sender_answers.c ------------------------------------------------------------------------ */

/* frame_arrived - what one frame from a link means. Errors: those of the spool, -ENOMEM; the frame
 * may be given again. Frames that are not what they claim to be are no error. */
int frame_arrived(struct step *at, const struct sender_event *event);

/* ---- fields ---------------------------------------------------------------------------------- */

static inline ProtobufCBinaryData data_of(const void *data, size_t size)
{
    return blob_of(bytes_of(data, size));
}

#endif
