/* once.c - the receiver's side of settlement. Every comparison here is argued in docs/settlement.md;
 * the simulator (tests/sim) runs these very functions against loss, repeats, restores and lies. */
#include "ledger/once.h"

#include <errno.h>

#include "ledger/key.h"

/* What the ledger knows of one producer: its record, or that of one never heard of. */
struct stream {
    struct id128 producer;
    Zb__ProducerRecord *record; /* the arena's copy, free to change */
    bool known;                 /* false: no record is stored */
};

static int stream_load(const struct ledger_view *view, struct id128 producer, struct arena *arena,
                       struct stream *ret_stream)
{
    struct stream s = { .producer = producer, .known = true };
    int r = LEDGER_GET(view, TABLE_PRODUCER, key_id(id128_bytes(&producer)), arena, &s.record);
    if (r == -ENOENT) {
        s.known = false;
        s.record = arena_alloc(arena, sizeof(*s.record));
        if (s.record == NULL)
            return -ENOMEM;
        zb__producer_record__init(s.record);
        s.record->epoch = 1;
        s.record->floor = 1;
        r = 0;
    }
    if (r == 0)
        *ret_stream = s;
    return r;
}

static uint64_t stream_granted(const struct stream *s)
{
    return s->record->granted > s->record->epoch ? s->record->granted : s->record->epoch;
}

/* The chain digest before the stored floor; at the beginning of an epoch it is all zeros and need
 * not be stored. Errors: -EBADMSG. */
static int stream_chain(const struct stream *s, struct digest *ret_chain)
{
    if (s->record->chain.len == 0) {
        *ret_chain = (struct digest){ { 0 } };
        return 0;
    }
    return digest_of(blob_bytes(s->record->chain), ret_chain) ? 0 : -EBADMSG;
}

static int stream_set_floor(struct stream *s, struct arena *arena, uint64_t floor,
                            const struct digest *chain)
{
    uint8_t *copy = arena_dup(arena, chain->b, sizeof(chain->b));
    if (copy == NULL)
        return -ENOMEM;
    s->record->floor = floor;
    s->record->chain = blob_of(bytes_of(copy, sizeof(chain->b)));
    return 0;
}

/* The outcome settled under a sequence. Errors: -ENOENT none; -EBADMSG a damaged store. */
static int once_load(const struct ledger_view *view, struct id128 producer, uint64_t epoch,
                     uint64_t sequence, struct arena *arena, Zb__OnceRecord **ret_once,
                     struct digest *ret_digest)
{
    Zb__OnceRecord *once;
    int r = LEDGER_GET(view, TABLE_ONCE, key_once(producer, epoch, sequence), arena, &once);
    if (r < 0)
        return r;
    if (!digest_of(blob_bytes(once->digest), ret_digest))
        return -EBADMSG;
    *ret_once = once;
    return 0;
}

/* A claimed floor of the epoch in use against what is stored. NEW: agrees, or is lower and says
 * nothing; the record's floor and chain have moved up to it. LEDGER_BEHIND: something before it was
 * never settled here. FORKED: all of it was, but it is another history. */
static int floor_compare(const struct ledger_view *view, struct stream *s, uint64_t floor,
                         struct digest chain, struct arena *arena, enum once_answer *ret_answer)
{
    struct digest at;
    int r = stream_chain(s, &at);
    if (r < 0)
        return r;
    *ret_answer = ONCE_NEW;
    if (floor < s->record->floor)
        return 0;
    for (uint64_t n = s->record->floor; n < floor; n++) {
        Zb__OnceRecord *once;
        struct digest event;
        r = once_load(view, s->producer, s->record->epoch, n, arena, &once, &event);
        if (r == -ENOENT) {
            *ret_answer = ONCE_LEDGER_BEHIND;
            return 0;
        }
        if (r < 0)
            return r;
        at = chain_next(at, event);
    }
    if (!digest_eq(at, chain)) {
        *ret_answer = ONCE_FORKED;
        return 0;
    }
    return floor == s->record->floor ? 0 : stream_set_floor(s, arena, floor, &chain);
}

/* Puts a granted epoch in use. What was known of the one before is kept, unless this ledger has
 * lost part of it. */
static void epoch_begin(struct stream *s, uint64_t epoch)
{
    Zb__ProducerRecord *record = s->record;
    uint64_t granted = stream_granted(s);
    record->past_epoch = record->granted_behind ? 0 : record->epoch;
    record->past_highest = record->granted_behind ? 0 : record->highest;
    record->epoch = epoch;
    record->granted = granted;
    record->granted_behind = record->granted_behind && granted > epoch;
    record->floor = 1;
    record->highest = 0;
    record->chain = (ProtobufCBinaryData){ .len = 0, .data = NULL };
}

int once_header(const struct ledger_view *view, const Zb__BatchHeader *header, struct arena *arena,
                enum once_answer *ret_answer, Zb__ProducerRecord **ret_producer, bool *ret_moved)
{
    struct id128 producer;
    struct digest chain;
    if (!id128_of(blob_bytes(header->producer), &producer) ||
        !digest_of(blob_bytes(header->chain), &chain) || header->epoch == 0 || header->floor == 0)
        return -EINVAL;
    struct stream s;
    int r = stream_load(view, producer, arena, &s);
    if (r < 0)
        return r;

    enum once_answer answer = ONCE_NEW;
    uint64_t floor_before = s.record->floor;
    bool begins = header->epoch > s.record->epoch && header->epoch <= stream_granted(&s);
    if (s.record->quarantined) {
        answer = ONCE_QUARANTINED;
    } else if (header->epoch > stream_granted(&s) || (begins && header->floor > 1)) {
        answer = ONCE_LEDGER_BEHIND;
    } else if (begins || header->epoch == s.record->epoch) {
        if (begins)
            epoch_begin(&s, header->epoch);
        r = floor_compare(view, &s, header->floor, chain, arena, &answer);
        if (r < 0)
            return r;
    } /* else an epoch that is over: its events get their answers one by one */

    bool moved = answer == ONCE_NEW && (begins || s.record->floor != floor_before);
    *ret_answer = answer;
    *ret_moved = moved;
    *ret_producer = moved ? s.record : NULL;
    return 0;
}

/* A sequence in an epoch before the one in use, that is not in `once`. */
static enum once_answer answer_in_old_epoch(const struct stream *s, uint64_t epoch,
                                            uint64_t sequence)
{
    bool judged = s->record->past_epoch != 0 && epoch == s->record->past_epoch;
    return judged && sequence > s->record->past_highest ? ONCE_FORKED : ONCE_STALE;
}

static enum once_answer answer_for_new(const struct stream *s, uint64_t epoch, uint64_t sequence)
{
    if (epoch > stream_granted(s))
        return ONCE_LEDGER_BEHIND;
    if (epoch < s->record->epoch)
        return answer_in_old_epoch(s, epoch, sequence);
    if (epoch > s->record->epoch) /* granted, but no header of it came first */
        return ONCE_STALE;
    if (sequence < s->record->floor)
        return ONCE_STALE;
    if (sequence - s->record->floor >= BOUND_WINDOW)
        return ONCE_TOO_FAR;
    return ONCE_NEW;
}

int once_event(const struct ledger_view *view, struct id128 producer, uint64_t epoch,
               uint64_t sequence, struct digest digest, struct arena *arena,
               enum once_answer *ret_answer, Zb__OutcomeKind *ret_outcome,
               Zb__RefusalReason *ret_reason)
{
    struct stream s;
    int r = stream_load(view, producer, arena, &s);
    if (r < 0)
        return r;
    if (s.record->quarantined) {
        *ret_answer = ONCE_QUARANTINED;
        return 0;
    }
    Zb__OnceRecord *once;
    struct digest settled;
    r = once_load(view, producer, epoch, sequence, arena, &once, &settled);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == -ENOENT) {
        *ret_answer = answer_for_new(&s, epoch, sequence);
        return 0;
    }
    if (!digest_eq(settled, digest)) {
        *ret_answer = ONCE_FORKED;
        return 0;
    }
    *ret_answer = ONCE_DUPLICATE;
    *ret_outcome = once->outcome;
    *ret_reason = once->reason;
    return 0;
}

/* What a RESUME shows of its sender. */
enum standing {
    STANDING_GOOD,     /* goes on in the epoch it names */
    STANDING_RESTORED, /* an older state of itself: the ledger knows more of it */
    STANDING_BEHIND,   /* the ledger is the one that knows less */
    STANDING_FORKED,
};

static int resume_standing(const struct ledger_view *view, struct stream *s,
                           const Zb__ResumeBody *body, struct digest chain, struct arena *arena,
                           enum standing *ret_standing)
{
    const Zb__ProducerRecord *record = s->record;
    if (body->epoch > stream_granted(s)) {
        /* Never granted here. Before the first epoch there was nothing to lose. */
        *ret_standing = STANDING_BEHIND;
        return 0;
    }
    if (body->epoch > record->epoch) { /* granted, nothing of it has arrived */
        *ret_standing = body->floor > 1 ? STANDING_BEHIND : STANDING_GOOD;
        return 0;
    }
    if (body->epoch < record->epoch) {
        bool judged = record->past_epoch != 0 && body->epoch == record->past_epoch;
        *ret_standing =
            judged && body->highest > record->past_highest ? STANDING_FORKED : STANDING_RESTORED;
        return 0;
    }
    /* Both may have lost something; what the ledger lost matters more, for it must be sent again. */
    bool restored = body->floor < record->floor || body->highest < record->highest;
    enum once_answer answer;
    int r = floor_compare(view, s, body->floor, chain, arena, &answer);
    if (r == 0)
        *ret_standing = answer == ONCE_FORKED          ? STANDING_FORKED
                        : answer == ONCE_LEDGER_BEHIND ? STANDING_BEHIND
                        : restored                     ? STANDING_RESTORED
                                                       : STANDING_GOOD;
    return r;
}

/* The epoch to go on in when the named one will not do: a number of its own, even if an earlier
 * grant is still outstanding. */
static void epoch_grant(struct stream *s, uint64_t asked_from, bool behind)
{
    uint64_t granted = stream_granted(s);
    s->record->granted = (asked_from > granted ? asked_from : granted) + 1;
    s->record->granted_behind = s->record->granted_behind || behind;
}

static Zb__ResumedBody *resumed_new(const Zb__ResumeBody *body, struct arena *arena)
{
    Zb__ResumedBody *resumed = arena_alloc(arena, sizeof(*resumed));
    if (resumed == NULL)
        return NULL;
    zb__resumed_body__init(resumed);
    resumed->algorithm = SEAL_BLAKE2B_ED25519;
    resumed->producer = body->producer;
    resumed->nonce = body->nonce;
    return resumed;
}

/* Whether a record differs from what is stored, so that an answer that changes nothing is not
 * journalled. */
static bool record_differs(const Zb__ProducerRecord *a, const Zb__ProducerRecord *b)
{
    return a->highest != b->highest || a->granted != b->granted ||
           a->granted_behind != b->granted_behind || a->quarantined != b->quarantined;
}

/* Fills in the answer, and in the record what it grants. */
static void resume_decide(struct stream *s, const Zb__ResumeBody *body, enum standing standing,
                          Zb__ResumedBody *resumed)
{
    Zb__ProducerRecord *record = s->record;
    resumed->floor = 1;
    if (standing == STANDING_FORKED) {
        record->quarantined = true;
        resumed->refused = REFUSAL_FORKED;
        return;
    }
    /* A told sequence counts as known even where nothing of it arrived: should this sender be
     * restored to an older state, its frames may still be on their way. */
    if (body->epoch == record->epoch && body->highest > record->highest)
        record->highest = body->highest;
    if (standing == STANDING_GOOD) {
        resumed->epoch = body->epoch;
        if (body->epoch == record->epoch) {
            resumed->floor = record->floor;
            resumed->chain = record->chain;
        }
        return;
    }
    resumed->behind = standing == STANDING_BEHIND;
    epoch_grant(s, body->epoch, resumed->behind);
    resumed->epoch = record->granted;
}

int once_resume(const struct ledger_view *view, const Zb__ResumeBody *body, struct arena *arena,
                Zb__ResumedBody **ret_resumed, Zb__ProducerRecord **ret_producer)
{
    struct id128 producer;
    struct digest chain;
    if (!id128_of(blob_bytes(body->producer), &producer) ||
        !digest_of(blob_bytes(body->chain), &chain) || body->epoch == 0 ||
        body->epoch == UINT64_MAX || body->floor == 0 || body->floor - 1 > body->highest)
        return -EINVAL;
    struct stream s;
    int r = stream_load(view, producer, arena, &s);
    if (r < 0)
        return r;
    Zb__ResumedBody *resumed = resumed_new(body, arena);
    if (resumed == NULL)
        return -ENOMEM;
    const Zb__ProducerRecord before = *s.record;
    if (s.record->quarantined) {
        resumed->floor = 1;
        resumed->refused = REFUSAL_QUARANTINED;
    } else {
        enum standing standing = STANDING_GOOD;
        r = resume_standing(view, &s, body, chain, arena, &standing);
        if (r < 0)
            return r;
        s.record->floor = before.floor; /* only a batch header moves it */
        s.record->chain = before.chain;
        resume_decide(&s, body, standing, resumed);
    }
    *ret_resumed = resumed;
    *ret_producer = record_differs(&before, s.record) ? s.record : NULL;
    return 0;
}

int once_quarantine(const struct ledger_view *view, struct id128 producer, struct arena *arena,
                    Zb__ProducerRecord **ret_producer)
{
    struct stream s;
    int r = stream_load(view, producer, arena, &s);
    if (r < 0)
        return r;
    s.record->quarantined = true;
    *ret_producer = s.record;
    return 0;
}
