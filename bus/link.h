/* link.h - the link layer of one hop: ZeroMQ, CURVE, admission, credit, heartbeats.
 *
 * A server binds a ROUTER, a client connects a DEALER, always TCP, always CURVE. Who the peer is
 * comes from its link key through the ZAP handler (User-Id), never from what it says. One process
 * has one bus and one thread waits on it. The only folder that knows zmq_*.
 *
 * Credit: a server grants each client a number of expanded payload bytes that may be unanswered;
 * every frame but PING, PONG and HELLO is charged until it is answered (any frame that repeats its
 * tag, or server_release). A client that overspends is answered REFUSED(NO_CREDIT). All charges
 * count against one budget per process; when it is spent the answer is BUSY. */
#ifndef BUS_LINK_H
#define BUS_LINK_H

#include <poll.h>

#include "base/arena.h"
#include "bus/key.h"
#include "proto/frame.h"

struct bus;
struct bus_server;
struct bus_client;

/* Durations and sizes that the link layer uses; the daemons fill it from their configuration. */
struct bus_limits {
    int heartbeat_ms;        /* PING this long after the last frame sent or received */
    int silence_ms;          /* peer is gone after this long without any frame */
    int handshake_ms;        /* TCP accept to CURVE done */
    int reconnect_ms;        /* first delay before connecting again; doubles up to 32 × */
    uint64_t credit_bytes;   /* granted to each client */
    uint64_t budget_bytes;   /* charged by all clients together */
    int high_water_frames;   /* queue bound per peer in each direction */
};

struct bus_limits bus_limits_default(void);

int bus_new(const struct identity *identity, const struct bus_limits *limits, struct bus **ret_bus);
void bus_free(struct bus *bus); /* servers and clients first */
CLEANUP_DEFINE(struct bus *, bus_free);

/* bus_wait - until a socket of the bus, one of fds, or the time needs attention. timeout_ms −1:
 * no limit; the link layer's own timers shorten it. fds[i].revents are set as poll(2) does.
 * Returns 0, or a negative errno of poll; -EINTR never. */
int bus_wait(struct bus *bus, struct pollfd *fds, size_t fd_count, int timeout_ms);

/* ---- server ---- */

struct bus_peer {       /* a connected client; by value, valid after it has gone (sends fail) */
    uint8_t route[32];  /* ROUTER routing id */
    uint8_t route_size;
};

/* Admission: asked at each handshake, and again for each message with the key id found there.
 * Fill `ret_id` and return 0, or return the reason. */
struct bus_admission {
    void *ctx;
    Zb__RefusalReason (*admit)(void *ctx, struct bytes link_public, struct id128 *ret_id,
                               Zb__Role *ret_role);
    /* still allowed? called before a message is handed out */
    Zb__RefusalReason (*check)(void *ctx, struct id128 id);
    /* told of every refusal, for the totals */
    void (*refused)(void *ctx, Zb__RefusalReason reason, struct bytes key);
};

struct bus_server_options {
    const char *address;         /* "tcp://127.0.0.1:*" */
    struct bus_admission admission;
    Zb__Welcome welcome;         /* template: protocol and credit are filled in; see server_welcome */
};

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
    struct id128 key;        /* whose link it came over */
    Zb__Role role;
    enum frame_type type;
    const ProtobufCMessage *message; /* unpacked, in the arena */
    struct bytes payload;    /* its expanded bytes, in the arena */
};

/* bus_server_receive - the next message that is not the link layer's own. HELLO is handed out too,
 * after the link layer has answered it (the ledger wants to know the matchers). A frame that does
 * not decode is refused and counted, and never ends the connection of anyone else.
 * Errors: -EAGAIN nothing there. Owns: arena. */
int bus_server_receive(struct bus_server *server, struct arena *arena, int64_t mono_ms,
                       struct bus_message *ret_message);

/* bus_server_send - to one peer. `answers_tag` ≠ 0 gives back the credit charged for that tag.
 * Errors: -EHOSTUNREACH the peer is gone; -EAGAIN its queue is full; -EMSGSIZE. */
int bus_server_send(struct bus_server *server, struct bus_peer peer, enum frame_type type,
                    const ProtobufCMessage *message, uint64_t answers_tag);

/* bus_server_drop - ends all connections of a key (revoked, quarantined). */
void bus_server_drop(struct bus_server *server, struct id128 key);

/* bus_server_peers - calls fn for each live peer of a role. */
void bus_server_peers(struct bus_server *server, Zb__Role role,
                      void (*fn)(void *ctx, struct bus_peer peer, struct id128 key), void *ctx);

/* ---- client ---- */

struct bus_client_options {
    const char *address;                      /* "tcp://host:port" */
    uint8_t server_link_public[LINK_KEY_BYTES]; /* pinned */
    Zb__Hello hello;                          /* template; copied deeply */
};

enum bus_link_event {
    BUS_LINK_NONE = 0,
    BUS_LINK_UP,      /* WELCOME came: message is it */
    BUS_LINK_DOWN,    /* silence, refusal or disconnect; it reconnects by itself */
    BUS_LINK_MESSAGE,
};

int bus_connect(struct bus *bus, const struct bus_client_options *options,
                struct bus_client **ret_client, struct complaint *why);
void bus_client_close(struct bus_client *client);
CLEANUP_DEFINE(struct bus_client *, bus_client_close);

/* bus_client_hello - replaces the HELLO template and sends it again when connected. */
int bus_client_hello(struct bus_client *client, const Zb__Hello *hello);

/* bus_client_receive - the next event of this link. Errors: -EAGAIN nothing there. */
int bus_client_receive(struct bus_client *client, struct arena *arena, int64_t mono_ms,
                       enum bus_link_event *ret_event, struct bus_message *ret_message);

/* bus_client_send - charged frames are refused locally with -ENOBUFS when credit is spent.
 * Errors: -ENOTCONN not up; -EAGAIN queue full; -EMSGSIZE. */
int bus_client_send(struct bus_client *client, enum frame_type type,
                    const ProtobufCMessage *message, uint64_t tag);

/* bus_client_credit - expanded bytes that may still be sent now; 0 while down. */
uint64_t bus_client_credit(const struct bus_client *client);

/* bus_client_fault - why the link is down, for the operator; "" while it is up. */
const char *bus_client_fault(const struct bus_client *client);

#endif
