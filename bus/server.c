/* server.c - a ROUTER: who is connected, what may be handed out, what each has unanswered.
 *
 * A peer is a connection. It is found by the routing id that our socket gave it, and whose it is
 * says the User-Id that the handshake attached; ids that a peer chose for itself are not taken, so
 * an answer cannot reach anyone but the connection that asked. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bus/guard.h"
#include "bus/peers.h"
#include "bus/socket.h"

enum {
    OWN_FRAMES_PER_CALL =
        64,             /* of the link layer itself; then the caller's other work has a turn */
    ROUTE_BYTES = 5,    /* a zero byte and 32 bits: ids that our socket gives */
    CUT_AFTER_MS = 100, /* so that a last REFUSED can leave */
    BUSY_RETRY_MS = 250,
    SWEEP_MS_MAX = 250,
    LISTEN_BACKLOG = 1024,
    WELCOME_KEY_BYTES = 32,
    DOMAIN_SIZE = 24,
    ADDRESS_SIZE = 256,
};

struct bus_server {
    struct bus *bus;
    struct bus_server *next;
    struct bus_admission admission;
    void *router;
    void *monitor;
    struct guard guard;
    struct peers peers;
    Zb__Welcome welcome; /* its bytes stand in the two fields below */
    uint8_t ledger_key[WELCOME_KEY_BYTES];
    uint8_t catalogue[WELCOME_KEY_BYTES];
    char domain[DOMAIN_SIZE];
    char address[ADDRESS_SIZE];
    int64_t tended_ms; /* last time the link layer had a turn */
    int64_t swept_ms;
    int64_t patient_ms; /* nobody is taken for silent before: we were away ourselves */
};

struct bus_server *server_next(const struct bus_server *server)
{
    return server->next;
}

const char *server_domain(const struct bus_server *server)
{
    return server->domain;
}

void *server_socket(const struct bus_server *server)
{
    return server->router;
}

void *server_monitor(const struct bus_server *server)
{
    return server->monitor;
}

const char *bus_server_address(const struct bus_server *server)
{
    return server->address;
}

static struct bytes id_bytes(const struct id128 *id)
{
    return bytes_of(id->b, sizeof(id->b));
}

static void count_refused(struct bus_server *server, Zb__RefusalReason reason, struct bytes key)
{
    server->admission.refused(server->admission.ctx, reason, key);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static ProtobufCBinaryData copy_into(uint8_t *to, size_t room, struct bytes from)
{
    size_t size = from.size <= room ? from.size : 0;
    if (size > 0)
        memcpy(to, from.data, size);
    return (ProtobufCBinaryData){ size, to };
}

static int server_options(struct bus_server *server)
{
    const int options[][2] = {
        { ZMQ_CURVE_SERVER, 1 },
        { ZMQ_ROUTER_MANDATORY, 1 },
        { ZMQ_ROUTER_HANDOVER, 0 },
        { ZMQ_BACKLOG, LISTEN_BACKLOG },
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        int r = socket_option(server->router, options[i][0], options[i][1]);
        if (r < 0)
            return r;
    }
    return zmq_setsockopt(server->router, ZMQ_ZAP_DOMAIN, server->domain, strlen(server->domain)) <
                   0
               ? bus_errno()
               : 0;
}

static int server_bind(struct bus_server *server, const char *address, struct complaint *why)
{
    if (zmq_bind(server->router, address) < 0) {
        int r = bus_errno();
        complaint_at(why, "address '%s'", address);
        return complain(why, r,
                        r == -EADDRINUSE ? "stop what listens there, or choose another port"
                                         : "give an address of this machine as tcp://HOST:PORT",
                        "cannot listen: %s", zmq_strerror(-r));
    }
    size_t size = sizeof(server->address);
    return zmq_getsockopt(server->router, ZMQ_LAST_ENDPOINT, server->address, &size) < 0
               ? bus_errno()
               : 0;
}

static int server_open(struct bus_server *server, const char *address, struct complaint *why)
{
    struct bus *bus = server->bus;
    (void)snprintf(server->domain, sizeof(server->domain), "server-%u", ++bus->names);
    int r = zap_open(bus);
    if (r == 0)
        r = socket_open(bus, ZMQ_ROUTER, address, &server->router);
    if (r == 0)
        r = server_options(server);
    if (r == 0)
        r = monitor_open(bus, server->router,
                         ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED,
                         &server->monitor);
    return r < 0 ? r : server_bind(server, address, why);
}

static void server_free(struct bus_server *server)
{
    monitor_close(server->router, server->monitor);
    if (server->router != NULL)
        (void)zmq_close(server->router);
    peers_done(&server->peers);
    guard_done(&server->guard);
    free(server);
}
CLEANUP_DEFINE(struct bus_server *, server_free);

int bus_listen(struct bus *bus, const struct bus_server_options *options,
               struct bus_server **ret_server, struct complaint *why)
{
    assert(options->admission.admit != NULL && options->admission.check != NULL &&
           options->admission.refused != NULL);
    int r = address_check(options->address, why);
    if (r < 0)
        return r;
    CLEANUP(server_freep) struct bus_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return -ENOMEM;
    server->bus = bus;
    server->admission = options->admission;
    server->guard.connection_bytes = bus->limits.credit_bytes + GUARD_SLACK_BYTES;
    server->guard.total_bytes = bus->limits.budget_bytes + GUARD_SLACK_BYTES;
    server->welcome = (Zb__Welcome)ZB__WELCOME__INIT;
    server->welcome.credit_bytes = bus->limits.credit_bytes;
    server->welcome.ledger_key =
        copy_into(server->ledger_key, sizeof(server->ledger_key),
                  bytes_of(options->welcome.ledger_key.data, options->welcome.ledger_key.len));
    bus_server_welcome(
        server, options->welcome.registry_version,
        bytes_of(options->welcome.active_catalogue.data, options->welcome.active_catalogue.len));
    server->tended_ms = server->swept_ms = clock_mono_ms();
    r = server_open(server, options->address, why);
    if (r < 0)
        return r;
    server->next = bus->servers;
    bus->servers = server;
    *ret_server = TAKE_PTR(server);
    return 0;
}

void bus_server_welcome(struct bus_server *server, uint64_t registry_version,
                        struct bytes active_catalogue)
{
    server->welcome.registry_version = registry_version;
    server->welcome.active_catalogue =
        copy_into(server->catalogue, sizeof(server->catalogue), active_catalogue);
}

/* ---- peers ----------------------------------------------------------------------------------- */

/* Forgets a peer; what it had unanswered is given back to the budget. */
static void peer_forget(struct bus_server *server, struct peer *peer)
{
    server->bus->charged_bytes -= peer->credit.bytes;
    peers_remove(&server->peers, peer);
}

static void peer_cut(struct bus_server *server, struct peer *peer)
{
    guard_cut(&server->guard, peer->fd, peer->cookie);
    peer_forget(server, peer);
}

void bus_server_close(struct bus_server *server)
{
    if (server == NULL)
        return;
    while (server->peers.oldest != NULL)
        peer_forget(server, server->peers.oldest);
    struct bus_server **at = &server->bus->servers;
    while (*at != server)
        at = &(*at)->next;
    *at = server->next;
    server_free(server);
}

void bus_server_drop(struct bus_server *server, struct id128 key)
{
    for (struct peer *peer = server->peers.oldest, *newer; peer != NULL; peer = newer) {
        newer = peer->newer;
        if (id128_eq(peer->key, key))
            peer_cut(server, peer);
    }
}

static struct bus_peer handle_of(const struct peer *peer)
{
    struct bus_peer handle = { .route_size = ROUTE_BYTES };
    put_u32be(handle.route + 1, peer->route);
    return handle;
}

void bus_server_peers(struct bus_server *server, Zb__Role role,
                      void (*fn)(void *ctx, struct bus_peer peer, struct id128 key), void *ctx)
{
    for (struct peer *peer = server->peers.oldest, *newer; peer != NULL; peer = newer) {
        newer = peer->newer; /* fn may send, and so find out that this one is gone */
        if (peer->greeted && peer->cut_ms == 0 && peer->role == role)
            fn(ctx, handle_of(peer), peer->key);
    }
}

static struct peer *peer_of(const struct bus_server *server, struct bus_peer handle)
{
    return handle.route_size == ROUTE_BYTES && handle.route[0] == 0
               ? peers_find(&server->peers, get_u32be(handle.route + 1))
               : NULL;
}

/* ---- sending --------------------------------------------------------------------------------- */

static void release(struct bus_server *server, struct peer *peer, uint64_t tag)
{
    server->bus->charged_bytes -= credit_release(&peer->credit, tag);
}

int bus_server_send(struct bus_server *server, struct bus_peer to, enum frame_type type,
                    const ProtobufCMessage *message, uint64_t answers_tag)
{
    struct peer *peer = peer_of(server, to);
    if (peer == NULL)
        return -EHOSTUNREACH;
    struct buf *frame = &server->bus->frame;
    int r = frame_encode(type, message, frame);
    if (r < 0)
        return r;
    r = part_send(server->router, bytes_of(to.route, to.route_size), ZMQ_SNDMORE);
    if (r == 0)
        r = part_send(server->router, buf_bytes(frame), 0);
    if (r == -EHOSTUNREACH)
        peer_forget(server, peer);
    else if (r == 0 && answers_tag != 0)
        release(server, peer, answers_tag);
    return r;
}

int bus_server_release(struct bus_server *server, struct bus_peer to, uint64_t tag)
{
    Zb__Pong pong = ZB__PONG__INIT;
    pong.tag = tag;
    pong.registry_version = server->welcome.registry_version;
    pong.active_catalogue = server->welcome.active_catalogue;
    return bus_server_send(server, to, FRAME_PONG, &pong.base, tag);
}

/* Answers that fail are lost on purpose: a peer whose queue is full or that is gone asks again. One
 * that is gone is forgotten by the sending: `peer` is dead after this. */
static void refuse(struct bus_server *server, const struct peer *peer, uint64_t tag,
                   Zb__RefusalReason reason, const char *text)
{
    Zb__Refused refused = ZB__REFUSED__INIT;
    refused.tag = tag;
    refused.reason = reason;
    refused.text = (char *)(uintptr_t)text;
    count_refused(server, reason, id_bytes(&peer->key));
    (void)bus_server_send(server, handle_of(peer), FRAME_REFUSED, &refused.base, 0);
}

static void refuse_complaint(struct bus_server *server, const struct peer *peer, uint64_t tag,
                             Zb__RefusalReason reason, const struct complaint *why)
{
    char text[BOUND_TEXT_BYTES];
    (void)snprintf(text, sizeof(text), "%s: %s; %s", why->place, why->what, why->remedy);
    refuse(server, peer, tag, reason, text);
}

/* ---- watching connections -------------------------------------------------------------------- */

static void told_of_cut(void *ctx, const struct guard_connection *connection)
{
    struct bus_server *server = ctx;
    count_refused(server, REFUSAL_NO_CREDIT,
                  connection->heard ? id_bytes(&connection->key) : (struct bytes){ 0 });
}

static void connection_gone(struct bus_server *server, int fd)
{
    uint64_t cookie = guard_cookie(&server->guard, fd);
    guard_closed(&server->guard, fd);
    if (cookie == 0)
        return;
    for (struct peer *peer = server->peers.oldest; peer != NULL; peer = peer->newer)
        if (peer->cookie == cookie) {
            peer_forget(server, peer);
            return;
        }
}

static void watch(struct bus_server *server, int64_t now_ms)
{
    struct monitor_event event;
    while (monitor_read(server->monitor, &event) == 0) {
        if (event.type == ZMQ_EVENT_ACCEPTED)
            /* Without memory it goes unwatched, but is cut when it has said nothing. */
            (void)guard_accepted(&server->guard, (int)event.value, now_ms);
        else
            connection_gone(server, (int)event.value);
    }
    guard_scan(&server->guard, now_ms, false, told_of_cut, server);
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* A message as it came off the socket. */
struct incoming {
    zmq_msg_t frame; /* its only part; of several the last. Open until incoming_done */
    uint8_t route[256];
    size_t route_size;
    uint64_t wire_bytes;
    bool multipart;
    int fd;
    bool named; /* the connection has a User-Id: `key` */
    struct id128 key;
};

static void incoming_done(struct incoming *in)
{
    (void)zmq_msg_close(&in->frame);
}

static void incoming_origin(struct incoming *in)
{
    const char *user = zmq_msg_gets(&in->frame, "User-Id");
    in->named = user != NULL && hex_decode(bytes_str(user), in->key.b, sizeof(in->key.b)) == 0;
    in->fd = zmq_msg_get(&in->frame, ZMQ_SRCFD);
}

/* Takes the next whole message. All its parts are there: a ROUTER shows nothing before the last. */
static int incoming_read(void *router, struct incoming *in)
{
    int n = zmq_recv(router, in->route, sizeof(in->route), ZMQ_DONTWAIT);
    if (n < 0)
        return bus_errno();
    in->route_size = (size_t)n;
    in->wire_bytes = 0;
    in->multipart = false;
    (void)zmq_msg_init(&in->frame);
    for (;;) {
        if (zmq_msg_recv(&in->frame, router, ZMQ_DONTWAIT) < 0) {
            int r = bus_errno();
            incoming_done(in);
            return r;
        }
        in->wire_bytes += guard_wire_bytes(zmq_msg_size(&in->frame));
        if (!zmq_msg_more(&in->frame))
            break;
        in->multipart = true;
    }
    incoming_origin(in);
    return 0;
}

/* The record of the connection that a message came from, made if it is new. NULL: none can be. */
static struct peer *peer_heard(struct bus_server *server, const struct incoming *in, int64_t now_ms)
{
    uint32_t route = get_u32be(in->route + 1);
    struct peer *peer = peers_find(&server->peers, route);
    if (peer != NULL && !id128_eq(peer->key, in->key)) {
        peer_forget(server, peer);
        peer = NULL;
    }
    if (peer == NULL) {
        if (server->peers.count == PEERS_MAX)
            peer_cut(server, server->peers.oldest);
        peer = peers_add(&server->peers, route);
        if (peer == NULL)
            return NULL;
        peer->key = in->key;
        peer->credit.limit_bytes = server->bus->limits.credit_bytes;
        peer->beat = beat_at(now_ms);
    }
    peer->fd = in->fd;
    peer->cookie = guard_cookie(&server->guard, in->fd);
    beat_received(&peer->beat, now_ms);
    peers_touch(&server->peers, peer);
    return peer;
}

/* Whether the key may still speak. If not, it is told, and its connection ends shortly. */
static bool still_admitted(struct bus_server *server, struct peer *peer, int64_t now_ms)
{
    if (peer->cut_ms != 0)
        return false;
    Zb__RefusalReason reason =
        server->admission.check(server->admission.ctx, peer->key, &peer->role);
    if (reason == REFUSAL_NONE)
        return true;
    peer->cut_ms = now_ms + CUT_AFTER_MS;
    refuse(server, peer, 0, reason, "this key may not speak here any more; ask the administrator");
    return false;
}

static void send_welcome(struct bus_server *server, const struct peer *peer, const Zb__Hello *hello)
{
    Zb__Welcome welcome = server->welcome;
    welcome.protocol = hello->protocol < PROTOCOL_VERSION ? hello->protocol : PROTOCOL_VERSION;
    (void)bus_server_send(server, handle_of(peer), FRAME_WELCOME, &welcome.base, 0);
}

/* HELLO: true if it was welcomed. */
static bool take_hello(struct bus_server *server, struct peer *peer, const Zb__Hello *hello)
{
    if (hello->role != peer->role) {
        refuse(server, peer, 0, REFUSAL_WRONG_ROLE, "HELLO names another role than the key has");
        return false;
    }
    if (hello->protocol == 0) {
        refuse(server, peer, 0, REFUSAL_INVALID, "HELLO names no protocol version");
        return false;
    }
    peer->greeted = true;
    send_welcome(server, peer, hello);
    return true;
}

/* Charges a request: true if it may be handed out. */
static bool take_charge(struct bus_server *server, struct peer *peer, const struct bus_message *in)
{
    struct bus *bus = server->bus;
    uint64_t bytes = in->payload.size;
    if (in->tag == 0) {
        refuse(server, peer, 0, REFUSAL_INVALID, "a request needs a tag other than 0");
        return false;
    }
    if (bytes > credit_left(&peer->credit)) {
        refuse(server, peer, in->tag, REFUSAL_NO_CREDIT,
               "more is unanswered than WELCOME granted; wait for answers");
        return false;
    }
    if (bytes > bus->limits.budget_bytes || bus->charged_bytes > bus->limits.budget_bytes - bytes ||
        credit_charge(&peer->credit, in->tag, bytes) < 0) {
        Zb__Busy busy = ZB__BUSY__INIT;
        busy.tag = in->tag;
        busy.retry_ms = BUSY_RETRY_MS;
        (void)bus_server_send(server, handle_of(peer), FRAME_BUSY, &busy.base, 0);
        return false;
    }
    bus->charged_bytes += bytes == 0 ? 1 : bytes;
    return true;
}

/* A decoded frame of an admitted peer: true if it is the application's. */
static bool take_frame(struct bus_server *server, struct peer *peer, const struct bus_message *in)
{
    if (!frame_of_role(in->type, peer->role)) {
        char text[128];
        (void)snprintf(text, sizeof(text), "a %s may not send %s here", role_name(peer->role),
                       frame_name(in->type));
        refuse(server, peer, in->tag, REFUSAL_WRONG_ROLE, text);
        return false;
    }
    if (in->type == FRAME_HELLO)
        return take_hello(server, peer, (const Zb__Hello *)in->message);
    if (in->type == FRAME_PONG)
        return false; /* that it came is all it says */
    if (in->type == FRAME_PING) {
        (void)bus_server_release(server, handle_of(peer), ((const Zb__Ping *)in->message)->tag);
        return false;
    }
    if (!peer->greeted) {
        refuse(server, peer, in->tag, REFUSAL_BAD_STATE, "send HELLO first");
        return false;
    }
    return !frame_is_charged(in->type) || take_charge(server, peer, in);
}

/* One message: 1 handed out, 0 dealt with, or -errno. */
static int take_message(struct bus_server *server, struct arena *arena, int64_t now_ms,
                        struct incoming *in, struct bus_message *ret_message)
{
    if (guard_cookie(&server->guard, in->fd) == 0)
        watch(server, now_ms); /* that it was accepted was told before its first message */
    guard_taken(&server->guard, in->fd, in->wire_bytes, in->key, now_ms);
    if (!in->named || in->route_size != ROUTE_BYTES || in->route[0] != 0) {
        count_refused(server, REFUSAL_BAD_FRAME,
                      in->named ? id_bytes(&in->key) : (struct bytes){ 0 });
        guard_cut(&server->guard, in->fd, guard_cookie(&server->guard, in->fd));
        return 0;
    }
    struct peer *peer = peer_heard(server, in, now_ms);
    if (peer == NULL)
        return -ENOMEM;
    if (!still_admitted(server, peer, now_ms))
        return 0;
    if (in->multipart) {
        refuse(server, peer, 0, REFUSAL_BAD_FRAME, "a message is one frame; send no more parts");
        return 0;
    }
    struct bus_message message = { .peer = handle_of(peer), .key = peer->key, .role = peer->role };
    struct complaint why = { 0 };
    struct bytes frame = bytes_of(zmq_msg_data(&in->frame), zmq_msg_size(&in->frame));
    int r = frame_decode(frame, arena, &message, &why);
    if (r == -ENOMEM)
        complaint_at(&why, "%s", frame_name(message.type));
    if (r < 0) {
        refuse_complaint(server, peer, message.tag,
                         r == -EBADMSG ? REFUSAL_BAD_FRAME : REFUSAL_TOO_LARGE, &why);
        return 0;
    }
    if (!take_frame(server, peer, &message))
        return 0;
    *ret_message = message;
    return 1;
}

/* ---- tending --------------------------------------------------------------------------------- */

static void ask(struct bus_server *server, const struct peer *peer)
{
    Zb__Ping ping = ZB__PING__INIT;
    (void)bus_server_send(server, handle_of(peer), FRAME_PING, &ping.base, 0);
}

/* Asks the quiet, cuts the silent and the condemned. The client asks first (after heartbeat_ms);
 * our question comes half a heartbeat later, to one whose own did not come. */
static void sweep(struct bus_server *server, int64_t now_ms)
{
    const struct bus_limits *limits = &server->bus->limits;
    int ask_ms = limits->heartbeat_ms + limits->heartbeat_ms / 2;
    bool patient = now_ms < server->patient_ms;
    server->swept_ms = now_ms;
    for (struct peer *peer = server->peers.oldest, *newer; peer != NULL; peer = newer) {
        newer = peer->newer;
        if ((peer->cut_ms != 0 && now_ms >= peer->cut_ms) ||
            (!patient && beat_silent(&peer->beat, now_ms, limits->silence_ms)))
            peer_cut(server, peer);
        else if (peer->greeted && beat_ask(&peer->beat, now_ms, ask_ms))
            ask(server, peer);
    }
    if (!patient)
        guard_cut_unheard(&server->guard, now_ms - limits->silence_ms);
}

static int64_t sweep_ms(const struct bus_server *server)
{
    int ms = server->bus->limits.heartbeat_ms / 4;
    return server->swept_ms + (ms < 1 ? 1 : ms > SWEEP_MS_MAX ? SWEEP_MS_MAX : ms);
}

/* Notes that the link layer has a turn; after a long absence peers get the time to be heard. */
static void present(struct bus_server *server, int64_t now_ms)
{
    if (now_ms - server->tended_ms > server->bus->limits.heartbeat_ms)
        server->patient_ms = now_ms + server->bus->limits.heartbeat_ms;
    server->tended_ms = now_ms;
}

void server_tend(struct bus_server *server, struct wait *wait)
{
    present(server, wait->now_ms);
    watch(server, wait->now_ms);
    /* Who seems silent may have spoken: what waits is read first, unless it never ends. */
    bool late = wait->now_ms - server->swept_ms > server->bus->limits.silence_ms;
    if (wait->now_ms >= sweep_ms(server) && (late || !socket_readable(server->router)))
        sweep(server, wait->now_ms);
    wait_until(wait, sweep_ms(server));
    if (server->guard.open > 0)
        wait_until(wait, server->guard.next_ms);
}

Zb__RefusalReason server_admit(struct bus_server *server, struct bytes link_public,
                               struct id128 *ret_id)
{
    Zb__Role role = ROLE_NONE;
    Zb__RefusalReason reason =
        server->admission.admit(server->admission.ctx, link_public, ret_id, &role);
    if (reason != REFUSAL_NONE)
        count_refused(server, reason, link_public);
    return reason;
}

int bus_server_receive(struct bus_server *server, struct arena *arena, int64_t mono_ms,
                       struct bus_message *ret_message)
{
    present(server, mono_ms);
    watch(server, mono_ms);
    for (int i = 0; i < OWN_FRAMES_PER_CALL; i++) {
        struct incoming in;
        int r = incoming_read(server->router, &in);
        if (r == -EAGAIN && mono_ms >= sweep_ms(server))
            sweep(server, mono_ms);
        if (r < 0)
            return r;
        struct arena_mark mark = arena_mark(arena);
        r = take_message(server, arena, mono_ms, &in, ret_message);
        incoming_done(&in);
        if (r == 1)
            return 0;
        arena_rewind(arena, mark);
        if (r < 0)
            return r;
    }
    return -EAGAIN;
}

void bus_server_follow(struct bus_server *server, const struct registry *registry)
{
    const Zb__RegistryBody *body = registry_message(registry);
    for (size_t i = 0; i < body->n_keys; i++) {
        struct id128 id;
        if (body->keys[i]->state != KEY_ACTIVE &&
            id128_of(bytes_of(body->keys[i]->id.data, body->keys[i]->id.len), &id))
            bus_server_drop(server, id);
    }
    bus_server_welcome(server, registry_version(registry), registry_active_catalogue(registry));
}
