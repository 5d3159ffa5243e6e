/* spool.h - the collector's durable queue: nothing leaves it without the ledger's signature.
 *
 * One environment per collector identity. Importers and the sending daemon are separate processes
 * over the same spool; LMDB's writer lock orders them, and nothing is remembered between two calls
 * that the other might have moved. Everything here is mechanism; when to send and what an outcome
 * means is decided in bus/sender.h. Each call that changes something is one synced transaction:
 * killed at any point, the spool stands before the call or after it.
 *
 *  table     key                          value
 *  ────────  ───────────────────────────  ──────────────────────────────────────────────────────
 *  state     name                         one record: position, counters, salt, producer
 *  queue     local id u64                 a report that is not settled, with its sequence (0: none)
 *  ready     local id u64                 (empty) the next of its endpoint, without a sequence
 *  pending   endpoint 16 · local id u64   (empty) unsettled reports of an endpoint, in order
 *  sent      epoch u64 · sequence u64     local id, event digest, outcome (0 while unsettled);
 *                                         settled ones stay until the floor has passed them
 *  set       set digest 32                refs u32: reports and bases with these rows
 *  body      set digest 32                the rows of each source, and the evidence
 *  row       row id 16                    refs u32 (places in bodies) · mark u32 · canonical bytes
 *  facts     facts id 16                  refs u32 · canonical bytes
 *  base      endpoint 16                  mark u32 · the last applied report
 *  dead      local id u64                 when and why refused · the report, without its rows
 *
 * (Layouts are drawn in spool_inner.h.) Bases keep their rows too, so that a report that changes
 * nothing costs two small writes however many rows it has, and can still be sent in full. */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "base/arena.h"
#include "proto/bounds.h"
#include "proto/digest.h"
#include "proto/stream.h"
#include "store/kv.h"

enum { SPOOL_FORMAT = 1 };

/* What one report may weigh, rows, evidence and facts together, so that it always fits an expanded
 * frame whatever has been sent before. */
enum { SPOOL_REPORT_BYTES = BOUND_EXPANDED_BYTES - 64 * 1024 };

struct spool;

/* One report as a source gives it. */
struct spool_report {
    const char *unit;
    struct bytes
        device; /* the tool's id of the computer, not empty; hashed with the spool's salt */
    int64_t scan_ms;
    const Zb__SourceState *const *sources; /* 1 to BOUND_SOURCES_PER_EVENT, each name once */
    size_t source_count;
    /* Parallel arrays: rows[i] (canonical bytes) was seen by source source_of[i] at evidence[i]
     * (NULL or empty: none; `evidence` itself may be NULL). Repeats count once. */
    const struct bytes *rows;
    const uint32_t *source_of;
    const Zb__Evidence *const *evidence;
    size_t row_count;
    struct bytes facts; /* canonical facts, may be empty */
    bool simulated;     /* the scan time is of a simulated clock; all of a spool agree in this */
};

struct spool_counts {
    uint64_t spooled;
    uint64_t applied;
    uint64_t refused;
    uint64_t superseded;
    uint64_t pending;          /* spooled = applied + refused + superseded + pending, always */
    int64_t oldest_pending_ms; /* when it was spooled; 0: none pending */
    uint64_t disk_bytes;       /* high-water mark of the file */
};

/* spool_open - opens or makes the spool in an existing folder. `max_bytes` is what it may keep:
 * beyond it spool_add says -ENOSPC, while settling goes on (the file may exceed it by what that
 * needs; twice as much address space is reserved).
 * Errors: those of kv_open; -EINVAL max_bytes is 0. Explained in `why`. */
int spool_open(const char *path, uint64_t max_bytes, struct spool **ret_spool,
               struct complaint *why);

/* spool_open_read_only - for looking; every call that changes something is then -EROFS. */
int spool_open_read_only(const char *path, struct spool **ret_spool, struct complaint *why);
void spool_close(struct spool *spool);
CLEANUP_DEFINE(struct spool *, spool_close);

/* spool_bind - says whose spool this is (the key id that signs) and whether its clock is simulated;
 * the first to say so binds it for good. The sender calls it at each start, before spool_assign:
 * event digests cover the producer, so a spool under two keys would fork.
 * Errors: -EPERM it is another's, or its reports are of the other kind of clock. */
int spool_bind(struct spool *spool, struct id128 producer, bool simulated, struct complaint *why);

/* spool_add - makes the report durable in one synced transaction (spool_add_many: one for all;
 * keep that to some hundred computers, others wait for the writer meanwhile). Equal rows are stored
 * once. A report is UNCHANGED when the endpoint's report before it in the queue or, if there is
 * none, its settled base has the same unit, rows, evidence, facts and sources. An UNCHANGED that
 * never had a sequence and is followed by an equal report is superseded: the new one takes its
 * place in the queue and keeps the first scan time.
 * Errors: -EMSGSIZE more than BOUND_ROWS_PER_EVENT rows or SPOOL_REPORT_BYTES; -EINVAL (complaint
 *         names report and row); -ENOSPC: nothing of it was stored. */
int spool_add(struct spool *spool, const struct spool_report *report, int64_t now_ms,
              struct complaint *why);
int spool_add_many(struct spool *spool, const struct spool_report *reports, size_t count,
                   int64_t now_ms, struct complaint *why);

int spool_counts(struct spool *spool, struct spool_counts *ret_counts);

/* spool_position - where the stream stands; read from the store at each call. */
int spool_position(struct spool *spool, struct stream_position *ret_position);

/* spool_assign - gives sequences, durably, to up to `most` further reports, oldest first (at most
 * one unsettled per endpoint, none past floor + BOUND_WINDOW − 1); *ret_assigned says how many got
 * one. Errors: -ENOKEY nobody called spool_bind yet; those of kv. */
int spool_assign(struct spool *spool, size_t most, size_t *ret_assigned);

/* spool_event - the unsettled event with that sequence of the current epoch, from the arena. It is
 * UNCHANGED when the endpoint's settled base has the same unit, rows, evidence, facts and sources
 * at this moment; `full` asks for FULL even so. A FULL has one row set per source, in the event's
 * order, empty ones too. `facts` are given unless the base has the same.
 * Errors: -ENOENT not unsettled; -ENOMEM the arena is full. */
int spool_event(struct spool *spool, uint64_t sequence, bool full, struct arena *arena,
                struct outgoing_event *ret_event);

/* spool_settle - takes the outcomes of one verified settlement, all or none: APPLIED frees the
 * report, marks its rows sent and makes it the endpoint's base; REFUSED moves it to `dead`;
 * NEED_ROWS clears the rows' sent marks; NEED_FULL drops the endpoint's base, both leave the event
 * unsettled under its sequence. Then moves the floor over settled sequences. An outcome for what is
 * settled already changes nothing: settlements may arrive twice.
 * Errors: -EBADMSG a digest that is not the event's, or a sequence never given; -ESTALE not the
 *         current epoch; -EINVAL another kind of outcome. Nothing was changed then. */
int spool_settle(struct spool *spool, uint64_t epoch, const struct settled_outcome *outcomes,
                 size_t count, int64_t now_ms);

/* spool_epoch - goes on in a granted epoch, at sequence 1 with an empty chain: unsettled reports
 * lose their sequences and queue again in order, nothing twice. `behind` also forgets every base
 * and sent mark, so that all that follows is FULL.
 * Errors: -EINVAL not above the current epoch. */
int spool_epoch(struct spool *spool, uint64_t epoch, bool behind);

/* spool_dead - walks the dead letters: the first with local id > after. -ENOENT at the end. */
struct spool_dead {
    uint64_t local_id;
    char unit[BOUND_UNIT_BYTES + 1];
    struct id128 endpoint;
    int64_t scan_ms;
    int64_t refused_ms;
    Zb__RefusalReason reason;
};
int spool_dead(struct spool *spool, uint64_t after, struct spool_dead *ret_dead);

/* spool_salt - the secret that makes endpoint ids opaque; made at first opening. */
int spool_salt(struct spool *spool, struct id128 *ret_salt);

#endif
