/* link.h - the link layer of one hop: ZeroMQ, CURVE, admission, credit, heartbeats.
 *
 * A server binds a ROUTER, a client connects a DEALER, always TCP, always CURVE. Who the peer is
 * comes from its link key through the ZAP handler (User-Id), never from what it says. One process
 * has one bus and one thread waits on it. The only folder that knows zmq_*.
 *
 * Credit: a server grants each client a number of expanded payload bytes that may be unanswered. A
 * client's requests (BATCH, FORWARD, RESUME, REGISTRY_PULL, REFUSALS, COMMAND, FEED_PULL) are
 * charged until a frame of the server repeats their tag, which is never 0: what it asked for, BUSY,
 * REFUSED, or the PONG of bus_server_release. VERDICTS, BUSY and REFUSED of a client are answers to
 * a JUDGE and not charged. At most 1,024 requests of a link stand unanswered. A client that
 * overspends is answered REFUSED(NO_CREDIT). All charges count against one budget per process; when
 * it is spent the answer is BUSY. Both give the credit back at once.
 *
 * Memory: a connection whose unread bytes exceed its credit by more than a megabyte is cut, whether
 * they are whole frames or a message that never ends; so is the largest when all together exceed
 * the budget. That holds while bus_wait or bus_server_receive is called every few milliseconds;
 * longer absences add what arrives meanwhile. */
#ifndef BUS_LINK_H
#define BUS_LINK_H

#include <poll.h>

#include "base/arena.h"
#include "bus/registry.h"
#include "proto/frame.h"

struct bus;
struct bus_server;
struct bus_client;

/* Durations and sizes that the link layer uses; the daemons fill it from their configuration. */
struct bus_limits {
    int heartbeat_ms;      /* PING this long after the last frame received */
    int silence_ms;        /* peer is gone after this long without any frame; > heartbeat_ms */
    int handshake_ms;      /* TCP accept to CURVE done */
    int reconnect_ms;      /* first delay before connecting again; doubles up to 32 × */
    uint64_t credit_bytes; /* granted to each client */
    uint64_t budget_bytes; /* charged by all clients together */
    int high_water_frames; /* queue bound per peer in each direction */
};

struct bus_limits bus_limits_default(void);

/* bus_new - the process's bus, with the link keys of the identity. After fork() it is the parent's
 * alone. Errors: -EINVAL limits that cannot be; -ENOMEM; -EIO. */
int bus_new(const struct identity *identity, const struct bus_limits *limits, struct bus **ret_bus);
void bus_free(struct bus *bus); /* servers and clients first */
CLEANUP_DEFINE(struct bus *, bus_free);

/* bus_wait - until a socket of the bus, one of fds, a signal, or the time needs attention; the link
 * layer's own timers run inside. timeout_ms −1: no limit. fds[i].revents are set as poll(2) does;
 * a negative fd is skipped. Returns 0, or a negative errno of poll; -EINTR never. After it
 * receive from every server and client until -EAGAIN, or it returns at once. Come back every few
 * milliseconds under load: handshakes are answered and connections guarded here. */
int bus_wait(struct bus *bus, struct pollfd *fds, size_t fd_count, int timeout_ms);

/* ---- server ---- */

struct bus_peer {      /* a connected client; by value, valid after it has gone (sends fail) */
    uint8_t route[32]; /* ROUTER routing id */
    uint8_t route_size;
};

/* Admission: asked at each handshake, and again for each frame with the key id found there. Each
 * fills its outputs and returns REFUSAL_NONE, or returns the reason. All three must be given. */
struct bus_admission {
    void *ctx;
    Zb__RefusalReason (*admit)(void *ctx, struct bytes link_public, struct id128 *ret_id,
                               Zb__Role *ret_role);
    /* still allowed, and in which role by now? called for each frame, heartbeats included. A key
     * that is not is told why, and its connection ends within a second. */
    Zb__RefusalReason (*check)(void *ctx, struct id128 id, Zb__Role *ret_role);
    /* told of every refusal, for the totals; `key` is a link key, a key id, or empty: unknown */
    void (*refused)(void *ctx, Zb__RefusalReason reason, struct bytes key);
};

struct bus_server_options {
    const char *address; /* "tcp://127.0.0.1:*" */
    struct bus_admission admission;
    Zb__Welcome welcome; /* template: protocol and credit are filled in; see server_welcome */
};

/* bus_listen - Errors: -EINVAL not tcp://HOST:PORT; -EADDRINUSE, -EADDRNOTAVAIL and what bind
 * gives; each explained. -ENOMEM. Owns: bus_server_close, before bus_free. */
int bus_listen(struct bus *bus, const struct bus_server_options *options,
               struct bus_server **ret_server, struct complaint *why);
void bus_server_close(struct bus_server *server);
CLEANUP_DEFINE(struct bus_server *, bus_server_close);

/* bus_server_address - the address with the port that was bound. */
const char *bus_server_address(const struct bus_server *server);

/* bus_server_welcome - replaces what later WELCOME and PONG frames say of catalogue and registry. */
void bus_server_welcome(struct bus_server *server, uint64_t registry_version,
                        struct bytes active_catalogue);

struct bus_message {
    struct bus_peer peer;
    struct id128 key; /* whose link it came over */
    Zb__Role role;
    enum frame_type type;
    uint64_t tag;                    /* what an answer repeats; 0: the message has none */
    const ProtobufCMessage *message; /* unpacked, in the arena */
    struct bytes payload;            /* its expanded bytes, in the arena */
};

/* bus_server_receive - the next message that is not the link layer's own. HELLO is handed out too,
 * after the link layer has answered it (the ledger wants to know the matchers). What does not
 * decode, has more than one part, is not for the key's role (the roles of each frame type are in
 * credit.c), comes before HELLO or beyond the credit is refused and counted, and never ends the
 * connection of anyone else.
 * Errors: -EAGAIN nothing there, or enough of the link layer's own for one call (bus_wait then
 *         returns at once); -ENOMEM. Owns: arena. */
int bus_server_receive(struct bus_server *server, struct arena *arena, int64_t mono_ms,
                       struct bus_message *ret_message);

/* bus_server_send - to one peer. `answers_tag` ≠ 0 gives back the credit charged for that tag.
 * Errors: -EHOSTUNREACH the peer is gone; -EAGAIN its queue is full; -EMSGSIZE. */
int bus_server_send(struct bus_server *server, struct bus_peer to, enum frame_type type,
                    const ProtobufCMessage *message, uint64_t answers_tag);

/* bus_server_release - gives back the credit of a request that gets no answer of its own, and tells
 * the peer by a PONG with its tag. Errors: as bus_server_send. */
int bus_server_release(struct bus_server *server, struct bus_peer to, uint64_t tag);

/* bus_server_drop - ends all connections of a key (revoked, quarantined). */
void bus_server_drop(struct bus_server *server, struct id128 key);

/* bus_server_follow - a new registry: keys that are no longer active are dropped, and later WELCOME
 * and PONG frames name it and its catalogue. */
void bus_server_follow(struct bus_server *server, const struct registry *registry);

/* bus_server_peers - calls fn for each live peer of a role that has said HELLO. fn may send. */
void bus_server_peers(struct bus_server *server, Zb__Role role,
                      void (*fn)(void *ctx, struct bus_peer peer, struct id128 key), void *ctx);

/* ---- client ---- */

struct bus_client_options {
    const char *address;                        /* "tcp://host:port" */
    uint8_t server_link_public[LINK_KEY_BYTES]; /* pinned */
    Zb__Hello hello;                            /* template; copied deeply */
};

enum bus_link_event {
    BUS_LINK_NONE = 0,
    BUS_LINK_UP,      /* WELCOME came: message is it */
    BUS_LINK_DOWN,    /* silence, refusal or disconnect; it reconnects by itself. Also when it was
                         not up and the fault is another than at the last attempt */
    BUS_LINK_MESSAGE, /* from the server; PONG (it tells of registry and catalogue) and a later
                         WELCOME too */
};

/* bus_connect - begins; the rest happens in bus_wait and bus_client_receive, with back-off, for
 * ever. Errors: -EINVAL not tcp://HOST:PORT; -ENOMEM. Owns: bus_client_close, before bus_free. */
int bus_connect(struct bus *bus, const struct bus_client_options *options,
                struct bus_client **ret_client, struct complaint *why);
void bus_client_close(struct bus_client *client);
CLEANUP_DEFINE(struct bus_client *, bus_client_close);

/* bus_client_hello - replaces the HELLO template and sends it again when connected. */
int bus_client_hello(struct bus_client *client, const Zb__Hello *hello);

/* bus_client_receive - the next event of this link. On DOWN all that was unanswered is forgotten:
 * send it again after the next UP. Errors: -EAGAIN nothing there. Owns: arena. */
int bus_client_receive(struct bus_client *client, struct arena *arena, int64_t mono_ms,
                       enum bus_link_event *ret_event, struct bus_message *ret_message);

/* bus_client_send - requests are charged, and refused locally with -ENOBUFS when the credit does not
 * suffice. `tag` is the message's own (0 for a type without).
 * Errors: -ENOTCONN not up; -EAGAIN queue full; -EMSGSIZE; -EINVAL a request with tag 0, or another
 *         tag than the message's. */
int bus_client_send(struct bus_client *client, enum frame_type type,
                    const ProtobufCMessage *message, uint64_t tag);

/* bus_client_credit - expanded bytes that may still be sent now; 0 while down. */
uint64_t bus_client_credit(const struct bus_client *client);

/* bus_client_fault - why the link is down, for the operator; "" while it is up. */
const char *bus_client_fault(const struct bus_client *client);

#endif
