/* sender_out.c - what is out: frames that a link was charged for and has not answered, and where
 * each unsettled report's last copy went.
 *
 * Two books. The frames are about credit: how much more a link takes. The flights are about
 * reports: which must go out, again or at all. A frame given up never settles a report, and a
 * report settled by one link leaves the frame on another to be answered or to lapse. */
#include "bus/sender_inner.h"
#include "proto/tag.h"

/* ---- actions --------------------------------------------------------------------------------- */

static struct sender_action *action_add(struct step *at, enum sender_action_kind kind)
{
    if (at->actions->count == SENDER_ACTIONS_MAX)
        return NULL;
    struct sender_action *action = &at->actions->at[at->actions->count++];
    *action = (struct sender_action){ .kind = kind };
    return action;
}

void alarm_add(struct step *at, enum sender_action_kind kind, const char *text)
{
    struct sender_action *action = text == NULL ? NULL : action_add(at, kind);
    if (action != NULL)
        action->text = text;
}

/* ---- links and frames ------------------------------------------------------------------------ */

struct frame_out *frame_out_find(struct sender *s, size_t link, uint64_t tag)
{
    for (size_t i = 0; tag != 0 && i < FRAMES_MAX; i++)
        if (s->frame[i].tag == tag && s->frame[i].link == link)
            return &s->frame[i];
    return NULL;
}

struct frame_out *frame_out_slot(struct sender *s)
{
    for (size_t i = 0; i < FRAMES_MAX; i++)
        if (s->frame[i].tag == 0)
            return &s->frame[i];
    return NULL;
}

void frame_out_release(struct sender *s, struct frame_out *frame)
{
    struct link_state *link = &s->link[frame->link];
    link->charged_bytes -= frame->charge_bytes;
    frame->tag = 0;
}

void frames_out_lapse(struct sender *s, int64_t mono_ms)
{
    for (size_t i = 0; i < FRAMES_MAX; i++)
        if (s->frame[i].tag != 0 &&
            mono_ms - s->frame[i].sent_ms >= FRAME_LAPSES * s->options.resend_ms)
            frame_out_release(s, &s->frame[i]);
}

uint64_t link_room(const struct link_state *link, int64_t mono_ms)
{
    if (!link->up || mono_ms < link->paused_ms || link->charged_bytes >= link->credit_bytes)
        return 0;
    return link->credit_bytes - link->charged_bytes;
}

size_t link_next(const struct sender *s, int64_t mono_ms)
{
    for (size_t i = 0; i < s->options.links; i++) {
        size_t at = (s->next_link + i) % s->options.links;
        if (link_room(&s->link[at], mono_ms) > 0)
            return at;
    }
    return SENDER_LINKS_MAX;
}

bool send_add(struct step *at, size_t link, enum frame_type type, ProtobufCMessage *message,
              uint64_t *ret_tag)
{
    struct sender *s = at->sender;
    struct frame_out *frame = frame_out_slot(s);
    struct sender_action *action = frame == NULL ? NULL : action_add(at, SENDER_SEND);
    if (action == NULL)
        return false;
    uint64_t tag = s->next_tag++;
    message_set_tag(message, tag);
    action->link = link;
    action->type = type;
    action->message = message;
    action->tag = tag;
    *frame = (struct frame_out){ .tag = tag,
                                 .charge_bytes = protobuf_c_message_get_packed_size(message),
                                 .sent_ms = at->mono_ms,
                                 .link = link };
    s->link[link].charged_bytes += frame->charge_bytes;
    s->next_link = (link + 1) % s->options.links;
    *ret_tag = tag;
    return true;
}

void link_down(struct sender *s, size_t link)
{
    s->link[link].up = false;
    for (size_t i = 0; i < FRAMES_MAX; i++)
        if (s->frame[i].tag != 0 && s->frame[i].link == link)
            frame_out_release(s, &s->frame[i]);
    flights_back(s, link, 0);
}

void link_up(struct sender *s, size_t link, uint64_t credit_bytes, int64_t mono_ms)
{
    link_down(s, link); /* whatever was out belonged to the connection before */
    s->link[link] = (struct link_state){ .up = true,
                                         .credit_bytes = credit_bytes,
                                         .paused_ms = mono_ms,
                                         .blamed = s->link[link].blamed };
}

/* ---- flights --------------------------------------------------------------------------------- */

struct flight *flight_of(struct sender *s, uint64_t sequence)
{
    struct flight *flight = &s->flight[sequence % BOUND_WINDOW];
    if (flight->sequence != sequence)
        *flight = (struct flight){ .sequence = sequence };
    return flight;
}

bool flight_may_go(const struct sender *s, const struct flight *flight, size_t link,
                   int64_t mono_ms)
{
    if (flight->state != FLIGHT_DUE &&
        (flight->state != FLIGHT_OUT || mono_ms - flight->sent_ms < s->options.resend_ms))
        return false;
    if (!flight->sent || flight->link != link)
        return true;
    for (size_t i = 0; i < s->options.links; i++) /* a second copy prefers another way */
        if (i != link && link_room(&s->link[i], mono_ms) > 0)
            return false;
    return true;
}

void flights_back(struct sender *s, size_t link, uint64_t tag)
{
    for (uint64_t n = s->position.floor; n < s->position.next_sequence; n++) {
        struct flight *flight = flight_of(s, n);
        if (flight->state == FLIGHT_OUT && flight->link == link && (tag == 0 || flight->tag == tag))
            flight->state = FLIGHT_DUE;
    }
}
