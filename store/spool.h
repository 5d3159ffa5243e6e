/* spool.h - the collector's durable queue: nothing leaves it without the ledger's signature.
 *
 * One environment per collector identity. Importers and the sending daemon are separate processes
 * over the same spool; LMDB's writer lock orders them. Everything here is mechanism; when to send
 * and what an outcome means is decided in bus/sender.h.
 *
 *  table     key                          value
 *  ────────  ───────────────────────────  ──────────────────────────────────────────────────────
 *  state     name                         fixed fields: epoch, next sequence, floor, chain, salt,
 *                                         counters, next local id (drawn in spool.c)
 *  queue     local id u64                 report not yet given a sequence, or waiting to go again
 *  sent      epoch u64 · sequence u64     local id, event digest, outcome (0 while unsettled)
 *  pending   endpoint 16 · local id u64   (empty) reports of an endpoint in order
 *  row       row id 16                    refs u32 · sent u8 · canonical bytes
 *  facts     facts id 16                  refs u32 · canonical bytes
 *  base      endpoint 16                  last settled result and facts digest, sources
 *  dead      local id u64                 refused report, reason, text
 */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "base/arena.h"
#include "proto/bounds.h"
#include "proto/digest.h"
#include "proto/stream.h"
#include "store/kv.h"

enum { SPOOL_FORMAT = 1 };

struct spool;

/* One report as a source gives it. */
struct spool_report {
    const char *unit;
    struct bytes device;            /* the tool's id of the computer; hashed with the spool's salt */
    int64_t scan_ms;
    const Zb__SourceState *const *sources;
    size_t source_count;
    /* Parallel arrays: rows[i] (canonical bytes) was seen by source source_of[i] at evidence[i]
     * (NULL or empty: none). */
    const struct bytes *rows;
    const uint32_t *source_of;
    const Zb__Evidence *const *evidence;
    size_t row_count;
    struct bytes facts;             /* canonical facts, may be empty */
    bool simulated;
};

struct spool_counts {
    uint64_t spooled;
    uint64_t applied;
    uint64_t refused;
    uint64_t superseded;
    uint64_t pending; /* spooled = applied + refused + superseded + pending, always */
    uint64_t oldest_pending_ms; /* when it was spooled; 0: none */
    uint64_t disk_bytes;
};

int spool_open(const char *path, uint64_t max_bytes, struct spool **ret_spool,
               struct complaint *why);
int spool_open_read_only(const char *path, struct spool **ret_spool, struct complaint *why);
void spool_close(struct spool *spool);
CLEANUP_DEFINE(struct spool *, spool_close);

/* spool_add - makes the report durable in one synced transaction (spool_add_many: one sync for
 * all). Equal rows are stored once. When the endpoint's newest report in the queue or, with an empty queue, its
 * settled base has the same result and facts digest and sources, the report is kept as UNCHANGED; an unsent UNCHANGED that an
 * UNCHANGED of the same digest follows is superseded, its first scan time staying.
 * Errors: -EMSGSIZE more than BOUND_ROWS_PER_EVENT rows; -EINVAL (complaint names the row);
 *         -ENOSPC: nothing of it was stored. */
int spool_add(struct spool *spool, const struct spool_report *report, int64_t now_ms,
              struct complaint *why);
int spool_add_many(struct spool *spool, const struct spool_report *reports, size_t count,
                   int64_t now_ms, struct complaint *why);

int spool_counts(struct spool *spool, struct spool_counts *ret_counts);
int spool_position(struct spool *spool, struct stream_position *ret_position);

/* spool_assign - gives sequences, durably, to up to `most` further reports (at most one unsettled
 * per endpoint, none past floor + BOUND_WINDOW − 1) and returns how many now have one. */
int spool_assign(struct spool *spool, size_t most, size_t *ret_assigned);

/* spool_event - the unsettled event with that sequence of the current epoch, from the arena.
 * `full` asks for FULL even if UNCHANGED was possible. Errors: -ENOENT not unsettled; -ENOMEM. */
int spool_event(struct spool *spool, uint64_t sequence, bool full, struct arena *arena,
                struct outgoing_event *ret_event);

/* spool_settle - takes one outcome of a verified settlement: APPLIED frees the report, marks its
 * rows sent and becomes the endpoint's base; REFUSED moves it to `dead`; NEED_ROWS clears the rows'
 * sent marks; NEED_FULL drops the endpoint's base. Then moves the floor over settled sequences.
 * An outcome whose digest is not the event's is -EBADMSG and changes nothing. */
int spool_settle(struct spool *spool, uint64_t epoch, const struct settled_outcome *outcomes,
                 size_t count, int64_t now_ms);

/* spool_epoch - goes on in a granted epoch: unsettled reports lose their sequences and queue again
 * in order; `behind` also forgets every base and sent mark, and queues nothing twice. */
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
