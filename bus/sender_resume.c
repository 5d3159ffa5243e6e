/* sender_resume.c - in which epoch to go on, and whether at all.
 *
 * RESUME asks with a fresh nonce and says where the spool stands; only RESUMED with that nonce is
 * an answer, so an old one, or one meant for a copy of this machine, moves nothing. Beside a
 * settlement it is the only answer that changes the spool. A key that may not send asks on, rarely:
 * what stopped it may have been put right. */
#include "bus/sender_inner.h"

#include <errno.h>
#include <inttypes.h>

enum { STOPPED_ASK_MS = 60 * 1000 }; /* a stopped key asks again this often */

/* ---- refused --------------------------------------------------------------------------------- */

bool refusal_stops(Zb__RefusalReason reason)
{
    switch (reason) {
    case REFUSAL_UNKNOWN_KEY:
    case REFUSAL_REVOKED_KEY:
    case REFUSAL_WRONG_ROLE:
    case REFUSAL_FORKED:
    case REFUSAL_QUARANTINED:
        return true;
    default:
        return false;
    }
}

static const char *stop_text(Zb__RefusalReason reason)
{
    switch (reason) {
    case REFUSAL_UNKNOWN_KEY:
        return "the ledger does not know this key: enrol its slip";
    case REFUSAL_REVOKED_KEY:
        return "this key is revoked: enrol a new one";
    case REFUSAL_WRONG_ROLE:
        return "this key is enrolled for another role than collector";
    case REFUSAL_FORKED:
        return "FORKED: the ledger has seen two histories under this key: look for a copied "
               "machine or key, then have one of them enrolled anew";
    case REFUSAL_QUARANTINED:
        return "this key is quarantined: the ledger's administrator knows why";
    case REFUSAL_SIMULATED:
        return "this home's clock is simulated and the ledger's is not, or the reverse";
    default:
        return "the ledger refuses this key";
    }
}

void sender_stop(struct step *at, Zb__RefusalReason reason)
{
    struct sender *s = at->sender;
    bool told = s->phase == PHASE_STOPPED && s->stopped_by == reason;
    if (s->phase != PHASE_STOPPED)
        resume_begin(s, PHASE_STOPPED, at->mono_ms + STOPPED_ASK_MS);
    s->stopped_by = reason;
    if (!told)
        alarm_add(at, SENDER_STOPPED, stop_text(reason));
}

/* ---- the question ---------------------------------------------------------------------------- */

void resume_begin(struct sender *s, enum phase phase, int64_t at_ms)
{
    s->phase = phase;
    seal_random(s->nonce.b, sizeof(s->nonce.b));
    s->resume_ms = at_ms;
}

void resume_again(struct step *at)
{
    struct sender *s = at->sender;
    if (s->phase != PHASE_RUNNING)
        return;
    int64_t earliest = s->resumed_ms + s->options.resend_ms;
    resume_begin(s, PHASE_RESUMING, earliest > at->mono_ms ? earliest : at->mono_ms);
}

int resume_send(struct step *at)
{
    struct sender *s = at->sender;
    if (at->mono_ms < s->resume_ms)
        return 0;
    size_t link = link_next(s, at->mono_ms);
    if (link == SENDER_LINKS_MAX)
        return 0;
    Zb__ResumeBody body = ZB__RESUME_BODY__INIT;
    body.algorithm = SEAL_BLAKE2B_ED25519;
    body.producer = data_of(s->identity.id.b, sizeof(s->identity.id.b));
    body.epoch = s->position.epoch;
    body.highest = s->position.next_sequence - 1;
    body.floor = s->position.floor;
    body.chain = data_of(s->position.chain.b, sizeof(s->position.chain.b));
    body.nonce = data_of(s->nonce.b, sizeof(s->nonce.b));
    body.ledger = data_of(s->options.ledger_id.b, sizeof(s->options.ledger_id.b));
    body.simulated = s->options.simulated;
    size_t size = protobuf_c_message_get_packed_size(&body.base);
    uint8_t *packed = arena_alloc(at->arena, size);
    Zb__Resume *resume = arena_alloc(at->arena, sizeof(*resume));
    if (packed == NULL || resume == NULL)
        return -ENOMEM;
    protobuf_c_message_pack(&body.base, packed);
    struct seal_signature signature =
        seal_sign(&s->identity.sign_secret, PURPOSE_RESUME, bytes_of(packed, size));
    uint8_t *copy = arena_dup(at->arena, signature.b, sizeof(signature.b));
    if (copy == NULL)
        return -ENOMEM;
    zb__resume__init(resume);
    resume->body = data_of(packed, size);
    resume->signature = data_of(copy, sizeof(signature.b));
    uint64_t tag;
    if (send_add(at, link, FRAME_RESUME, &resume->base, &tag))
        s->resume_ms =
            at->mono_ms + (s->phase == PHASE_STOPPED ? STOPPED_ASK_MS : s->options.resend_ms);
    return 0;
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* Goes on in a granted epoch: nothing sent before in it, so no flight is known. */
static int epoch_enter(struct step *at, const Zb__ResumedBody *body)
{
    struct sender *s = at->sender;
    int r = s->spool.epoch(s->spool.ctx, body->epoch, body->behind);
    if (r < 0)
        return r;
    s->position = (struct stream_position){ .epoch = body->epoch, .next_sequence = 1, .floor = 1 };
    memset(s->flight, 0, sizeof(s->flight));
    if (body->behind)
        alarm_add(
            at, SENDER_ALARM,
            arena_printf(at->arena,
                         "LEDGER_BEHIND: the ledger has lost reports it had settled (restored "
                         "from a backup?); going on in epoch %" PRIu64 ", all in full",
                         body->epoch));
    else
        alarm_add(
            at, SENDER_ALARM,
            arena_printf(at->arena,
                         "the ledger knows more of this spool than the spool itself (restored "
                         "from a backup?); going on in epoch %" PRIu64,
                         body->epoch));
    return 0;
}

int resumed_take(struct step *at, const Zb__ResumedBody *body)
{
    struct sender *s = at->sender;
    struct id128 nonce;
    if (s->phase == PHASE_RUNNING || !id128_of(blob_bytes(body->nonce), &nonce) ||
        !id128_eq(nonce, s->nonce))
        return 0; /* an answer to an earlier question */
    if (body->refused != REFUSAL_NONE) {
        sender_stop(at, body->refused);
        ledger_heard(at);
        return 0;
    }
    if (body->epoch < s->position.epoch)
        return 0;
    int r = body->epoch == s->position.epoch ? 0 : epoch_enter(at, body);
    if (r < 0)
        return r;
    s->phase = PHASE_RUNNING;
    s->resumed_ms = at->mono_ms;
    ledger_heard(at);
    return 0;
}
