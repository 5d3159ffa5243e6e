/* client.c - a DEALER per attempt: connecting, WELCOME, credit, heartbeats, starting over.
 *
 *      idle ──(back-off over)──▶ connecting ──(WELCOME)──▶ up
 *       ▲                            │                     │
 *       └──────── refused, closed, silent, unintelligible ─┘
 *
 * ZeroMQ's own reconnecting is off: it would send what an earlier connection left in the queue, and
 * after a refused handshake it never tries again. Each attempt is a new socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "bus/beat.h"
#include "bus/credit.h"
#include "bus/socket.h"
#include "proto/tag.h"

enum {
    OWN_FRAMES_PER_CALL = 64,
    BACKOFF_DOUBLINGS = 5, /* up to 32 × reconnect_ms */
    FAULT_SIZE = 400,
};

enum client_state {
    CLIENT_IDLE,
    CLIENT_CONNECTING,
    CLIENT_UP,
};

struct bus_client {
    struct bus *bus;
    struct bus_client *next;
    char *address; /* owned */
    uint8_t server_public[LINK_KEY_BYTES];
    struct buf hello; /* encoded */
    enum client_state state;
    void *socket; /* NULL when idle */
    void *monitor;
    bool broken;       /* this attempt is over: `fault` says why */
    int64_t due_ms;    /* idle: next attempt; connecting: end of patience */
    unsigned failures; /* since the last WELCOME */
    struct rng rng;    /* jitter, so that a thousand clients do not come back as one */
    struct beat beat;
    int64_t tended_ms;
    int64_t patient_ms; /* as in server.c */
    struct credit credit;
    char fault[FAULT_SIZE];    /* of the attempt, the first one counts; "" while there is none */
    char reported[FAULT_SIZE]; /* what the last DOWN was for */
};

struct bus_client *client_next(const struct bus_client *client)
{
    return client->next;
}

void *client_socket(const struct bus_client *client)
{
    return client->socket;
}

void *client_monitor(const struct bus_client *client)
{
    return client->monitor;
}

const char *bus_client_fault(const struct bus_client *client)
{
    return client->state == CLIENT_UP && !client->broken ? "" : client->fault;
}

uint64_t bus_client_credit(const struct bus_client *client)
{
    return client->state == CLIENT_UP ? credit_left(&client->credit) : 0;
}

/* ---- making and closing ---------------------------------------------------------------------- */

static void socket_drop(struct bus_client *client)
{
    monitor_close(client->socket, client->monitor);
    if (client->socket != NULL)
        (void)zmq_close(client->socket);
    client->socket = client->monitor = NULL;
    credit_done(&client->credit);
}

static void client_free(struct bus_client *client)
{
    socket_drop(client);
    buf_done(&client->hello);
    free(client->address);
    free(client);
}
CLEANUP_DEFINE(struct bus_client *, client_free);

int bus_connect(struct bus *bus, const struct bus_client_options *options,
                struct bus_client **ret_client, struct complaint *why)
{
    int r = address_check(options->address, why);
    if (r < 0)
        return r;
    CLEANUP(client_freep) struct bus_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return -ENOMEM;
    client->bus = bus;
    client->hello = BUF_INIT(BOUND_FRAME_BYTES);
    client->address = strdup(options->address);
    if (client->address == NULL)
        return -ENOMEM; // NOLINT(clang-analyzer-unix.Malloc): CLEANUP frees it
    memcpy(client->server_public, options->server_link_public, LINK_KEY_BYTES);
    r = frame_encode(FRAME_HELLO, &options->hello.base, &client->hello);
    if (r < 0)
        return r;
    uint64_t seed;
    seal_random(&seed, sizeof(seed));
    client->rng = rng_init(seed); /* jitter only: nothing depends on repeating it */
    client->due_ms = client->tended_ms = clock_mono_ms();
    client->next = bus->clients;
    bus->clients = client;
    *ret_client = TAKE_PTR(client);
    return 0;
}

void bus_client_close(struct bus_client *client)
{
    if (client == NULL)
        return;
    struct bus_client **at = &client->bus->clients;
    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
    client_free(client);
}

/* ---- attempts -------------------------------------------------------------------------------- */

/* The attempt is over. What went wrong first is the cause; what follows from it is not told. */
__attribute__((format(printf, 2, 3))) static void fail(struct bus_client *client,
                                                       const char *format, ...)
{
    if (!client->broken) {
        char raw[FAULT_SIZE];
        va_list args;
        va_start(args, format);
        (void)vsnprintf(raw, sizeof(raw), format, args); /* cut on purpose */
        va_end(args);
        (void)text_printable(bytes_str(raw), client->fault, sizeof(client->fault));
    }
    client->broken = true;
}

static int attempt_open(struct bus_client *client)
{
    int r = socket_open(client->bus, ZMQ_DEALER, client->address, &client->socket);
    if (r == 0 && zmq_setsockopt(client->socket, ZMQ_CURVE_SERVERKEY, client->server_public,
                                 LINK_KEY_BYTES) < 0)
        r = bus_errno();
    if (r == 0)
        r = socket_option(client->socket, ZMQ_RECONNECT_IVL, -1);
    if (r == 0)
        r = socket_option(client->socket, ZMQ_CONNECT_TIMEOUT, client->bus->limits.handshake_ms);
    if (r == 0)
        r = monitor_open(client->bus, client->socket,
                         ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED |
                             ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                             ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
                         &client->monitor);
    if (r == 0 && zmq_connect(client->socket, client->address) < 0)
        r = bus_errno();
    return r < 0 ? r : part_send(client->socket, buf_bytes(&client->hello), 0);
}

static void attempt_begin(struct bus_client *client, int64_t now_ms)
{
    client->state = CLIENT_CONNECTING;
    client->broken = false;
    /* Connecting, shaking hands and WELCOME each may take the time of a handshake. */
    client->due_ms = now_ms + 3 * (int64_t)client->bus->limits.handshake_ms;
    int r = attempt_open(client);
    if (r < 0)
        fail(client, "cannot begin to connect to %s: %s; check the address", client->address,
             zmq_strerror(-r));
}

/* After the n-th failure in a row: reconnect_ms × 2^n, half of it by chance. */
static int64_t backoff_ms(struct bus_client *client)
{
    unsigned doublings =
        client->failures < BACKOFF_DOUBLINGS ? client->failures : BACKOFF_DOUBLINGS;
    int64_t ms = (int64_t)client->bus->limits.reconnect_ms << doublings;
    return ms / 2 + (int64_t)rng_below(&client->rng, (uint64_t)(ms / 2) + 1);
}

/* Ends the attempt; whether the application is to be told. */
static bool attempt_end(struct bus_client *client, int64_t now_ms)
{
    bool was_up = client->state == CLIENT_UP;
    socket_drop(client);
    client->state = CLIENT_IDLE;
    client->broken = false;
    client->due_ms = now_ms + backoff_ms(client);
    client->failures++;
    if (!was_up && strcmp(client->fault, client->reported) == 0)
        return false;
    memcpy(client->reported, client->fault, sizeof(client->reported));
    return true;
}

/* ---- tending --------------------------------------------------------------------------------- */

static void watch(struct bus_client *client)
{
    struct monitor_event event;
    while (client->monitor != NULL && monitor_read(client->monitor, &event) == 0)
        switch (event.type) {
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            fail(client,
                 "%s does not admit this key (%u); enrol its slip there, or ask whether it was "
                 "revoked",
                 client->address, (unsigned)event.value);
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            fail(client, "%s does not speak our protocol (0x%08x); check the address",
                 client->address, (unsigned)event.value);
            break;
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            fail(client, "%s broke the handshake off; check the address and the pinned server key",
                 client->address);
            break;
        case ZMQ_EVENT_DISCONNECTED:
            fail(client, "%s closed the connection", client->address);
            break;
        case ZMQ_EVENT_CLOSED:
        case ZMQ_EVENT_CONNECT_RETRIED:
            fail(client, "nobody answers at %s; check that it runs and can be reached",
                 client->address);
            break;
        default:
            break;
        }
}

static void check_alive(struct bus_client *client, int64_t now_ms)
{
    const struct bus_limits *limits = &client->bus->limits;
    if (beat_silent(&client->beat, now_ms, limits->silence_ms) && now_ms >= client->patient_ms) {
        fail(client, "%s has said nothing for %d ms; check that it runs", client->address,
             limits->silence_ms);
        return;
    }
    if (!beat_ask(&client->beat, now_ms, limits->heartbeat_ms))
        return;
    Zb__Ping ping = ZB__PING__INIT;
    if (frame_encode(FRAME_PING, &ping.base, &client->bus->frame) == 0)
        (void)part_send(client->socket, buf_bytes(&client->bus->frame), 0); /* again next time */
}

static void present(struct bus_client *client, int64_t now_ms)
{
    if (now_ms - client->tended_ms > client->bus->limits.heartbeat_ms)
        client->patient_ms = now_ms + client->bus->limits.heartbeat_ms;
    client->tended_ms = now_ms;
}

/* Moves the state machine by time. What the socket holds is read before it is judged silent. */
static void advance(struct bus_client *client, int64_t now_ms)
{
    present(client, now_ms);
    watch(client);
    if (client->broken)
        return;
    if (client->state == CLIENT_IDLE) {
        if (now_ms >= client->due_ms)
            attempt_begin(client, now_ms);
    } else if (socket_readable(client->socket)) {
        return;
    } else if (client->state == CLIENT_UP) {
        check_alive(client, now_ms);
    } else if (now_ms >= client->due_ms) {
        fail(client, "%s did not welcome us in time; check that it runs", client->address);
    }
}

void client_tend(struct bus_client *client, struct wait *wait)
{
    const struct bus_limits *limits = &client->bus->limits;
    advance(client, wait->now_ms);
    wait->ready |= client->broken;
    if (client->state == CLIENT_UP)
        wait_until(wait, beat_next_ms(&client->beat, limits->heartbeat_ms, limits->silence_ms) >
                                 client->patient_ms
                             ? beat_next_ms(&client->beat, limits->heartbeat_ms, limits->silence_ms)
                             : client->patient_ms);
    else
        wait_until(wait, client->due_ms);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void take_welcome(struct bus_client *client, const Zb__Welcome *welcome,
                         enum bus_link_event *ret_event)
{
    if (welcome->protocol == 0 || welcome->protocol > PROTOCOL_VERSION) {
        fail(client, "%s wants protocol version %u; install the same release here", client->address,
             (unsigned)welcome->protocol);
        return;
    }
    client->credit.limit_bytes = welcome->credit_bytes;
    *ret_event = client->state == CLIENT_UP ? BUS_LINK_MESSAGE : BUS_LINK_UP;
    client->state = CLIENT_UP;
    client->failures = 0;
    client->fault[0] = client->reported[0] = '\0';
}

/* Reasons that are about the key, after which the server closes. */
static bool ends_link(const Zb__Refused *refused)
{
    return refused->tag == 0 &&
           (refused->reason == REFUSAL_UNKNOWN_KEY || refused->reason == REFUSAL_REVOKED_KEY ||
            refused->reason == REFUSAL_QUARANTINED || refused->reason == REFUSAL_WRONG_ROLE);
}

/* A decoded frame: what it is to the application goes to ret_event. */
static void take_frame(struct bus_client *client, const struct bus_message *in,
                       enum bus_link_event *ret_event)
{
    if (in->type == FRAME_WELCOME) {
        take_welcome(client, (const Zb__Welcome *)in->message, ret_event);
        return;
    }
    if (in->type == FRAME_REFUSED && ends_link((const Zb__Refused *)in->message)) {
        const Zb__Refused *refused = (const Zb__Refused *)in->message;
        fail(client, "%s refuses this key: %s", client->address, refused->text);
        return;
    }
    if (client->state != CLIENT_UP)
        return; /* before WELCOME it has nothing to say */
    if (in->type == FRAME_PING) {
        Zb__Pong pong = ZB__PONG__INIT;
        pong.tag = ((const Zb__Ping *)in->message)->tag;
        if (frame_encode(FRAME_PONG, &pong.base, &client->bus->frame) == 0)
            (void)part_send(client->socket, buf_bytes(&client->bus->frame), 0); /* it asks again */
        return;
    }
    if (frame_answers(in->type))
        (void)credit_release(&client->credit, in->tag); /* 0: not of ours, or answered before */
    *ret_event = BUS_LINK_MESSAGE;
}

/* The next frame of the socket. ret_event stays BUS_LINK_NONE for the link layer's own.
 * Errors: -EAGAIN none there. */
static int take_next(struct bus_client *client, struct arena *arena, int64_t now_ms,
                     enum bus_link_event *ret_event, struct bus_message *ret_message)
{
    zmq_msg_t frame;
    (void)zmq_msg_init(&frame);
    if (zmq_msg_recv(&frame, client->socket, ZMQ_DONTWAIT) < 0) {
        int r = bus_errno();
        (void)zmq_msg_close(&frame);
        return r;
    }
    beat_received(&client->beat, now_ms);
    struct bus_message message = { .type = FRAME_PING };
    struct complaint why = { 0 };
    int r = zmq_msg_more(&frame)
                ? complain(&why, -EBADMSG, "", "a message of several parts")
                : frame_decode(bytes_of(zmq_msg_data(&frame), zmq_msg_size(&frame)), arena,
                               &message, &why);
    (void)zmq_msg_close(&frame);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        fail(client, "%s sent what cannot be read: %s %s; install the same release on both sides",
             client->address, why.place, why.what);
    else
        take_frame(client, &message, ret_event);
    if (*ret_event != BUS_LINK_NONE)
        *ret_message = message;
    return 0;
}

int bus_client_receive(struct bus_client *client, struct arena *arena, int64_t mono_ms,
                       enum bus_link_event *ret_event, struct bus_message *ret_message)
{
    advance(client, mono_ms);
    int r = client->socket == NULL ? -EAGAIN : 0;
    for (int i = 0; r == 0 && i < OWN_FRAMES_PER_CALL; i++) {
        enum bus_link_event event = BUS_LINK_NONE;
        struct arena_mark mark = arena_mark(arena);
        r = take_next(client, arena, mono_ms, &event, ret_message);
        if (event != BUS_LINK_NONE) {
            if (event == BUS_LINK_UP)
                client->beat = beat_at(mono_ms);
            *ret_event = event;
            return 0;
        }
        arena_rewind(arena, mark);
    }
    if (r == -ENOMEM)
        return r;
    /* A link that ended has been read to its end. */
    if (client->broken && attempt_end(client, mono_ms)) {
        *ret_event = BUS_LINK_DOWN;
        return 0;
    }
    return -EAGAIN;
}

/* ---- sending --------------------------------------------------------------------------------- */

int bus_client_hello(struct bus_client *client, const Zb__Hello *hello)
{
    struct buf encoded = BUF_INIT(BOUND_FRAME_BYTES);
    int r = frame_encode(FRAME_HELLO, &hello->base, &encoded);
    if (r < 0) {
        buf_done(&encoded);
        return r;
    }
    buf_done(&client->hello);
    client->hello = encoded;
    if (client->state == CLIENT_IDLE || client->broken)
        return 0; /* it goes out with the next attempt */
    return part_send(client->socket, buf_bytes(&client->hello), 0);
}

int bus_client_send(struct bus_client *client, enum frame_type type,
                    const ProtobufCMessage *message, uint64_t tag)
{
    if (client->state != CLIENT_UP || client->broken)
        return -ENOTCONN;
    bool charged = frame_is_charged(type);
    if (charged && (tag == 0 || tag != message_tag(message)))
        return -EINVAL;
    struct buf *frame = &client->bus->frame;
    int r = frame_encode(type, message, frame);
    if (r == 0 && charged)
        r = credit_charge(&client->credit, tag, encoded_expanded_bytes(buf_bytes(frame)));
    if (r < 0)
        return r;
    r = part_send(client->socket, buf_bytes(frame), 0);
    if (r < 0 && charged)
        credit_unsend(&client->credit);
    return r;
}
