/* socket.h - what server, client and waiting share of ZeroMQ. Inside bus/ only. */
#ifndef BUS_SOCKET_H
#define BUS_SOCKET_H

#include <zmq.h>

#include "base/buf.h"
#include "bus/link.h"

struct bus {
    struct bus_limits limits;
    uint8_t link_public[LINK_KEY_BYTES];
    uint8_t link_secret[LINK_KEY_BYTES];
    void *context;              /* zmq */
    void *zap;                  /* REP; NULL before the first server */
    struct bus_server *servers; /* linked by their `next` */
    struct bus_client *clients;
    struct buf frame;       /* the frame that is being encoded */
    uint64_t charged_bytes; /* by all clients of all servers, against limits.budget_bytes */
    unsigned names;         /* monitors and ZAP domains given so far */
    zmq_pollitem_t *items;  /* of one wait; [items_room] */
    size_t items_room;
};

/* One wait, as the parts add to it. */
struct wait {
    int64_t now_ms;
    int64_t next_ms; /* somebody wants to be tended then */
    bool ready;      /* there is something for the application: do not sleep */
};

static inline void wait_until(struct wait *wait, int64_t ms)
{
    if (ms < wait->next_ms)
        wait->next_ms = ms;
}

/* bus_errno - the last error of ZeroMQ as a negative errno; its own numbers become -EIO. */
int bus_errno(void);

/* socket_open - a socket with every option that both ends have: our keys, bounds, no lingering.
 * Errors: -errno. Owns: zmq_close. */
int socket_open(struct bus *bus, int type, const char *address, void **ret_socket);

/* socket_option - an integer option. Errors: -errno. */
int socket_option(void *socket, int option, int value);

/* socket_readable - whether a message waits. */
bool socket_readable(void *socket);

/* address_check - whether it is tcp://host:port. Errors: -EINVAL, explained. */
int address_check(const char *address, struct complaint *why);

struct monitor_event {
    uint16_t type;  /* ZMQ_EVENT_* */
    uint32_t value; /* descriptor, errno or status */
};

/* monitor_open - the events of a socket as a PAIR to read from; before bind or connect.
 * monitor_close - NULL is fine. monitor_read - Errors: -EAGAIN none there. */
int monitor_open(struct bus *bus, void *socket, int events, void **ret_pair);
void monitor_close(void *socket, void *pair);
int monitor_read(void *pair, struct monitor_event *ret_event);

/* part_send - one part, without waiting. Errors: -EAGAIN, -EHOSTUNREACH, -errno. */
int part_send(void *socket, struct bytes part, int flags);

/* encoded_expanded_bytes - the payload size that the head of our own frame states. */
uint64_t encoded_expanded_bytes(struct bytes frame);

/* frame_decode - opens and unpacks a frame; the payload is in the arena. ret_tag is set whenever
 * type and tag can be known, so that even a refusal can be matched with what it refuses.
 * Errors: as frame_open and message_unpack. */
int frame_decode(struct bytes frame, struct arena *arena, struct bus_message *ret_message,
                 struct complaint *why);

/* ---- zap.c ---- */

/* zap_open - the handler of the process, once. zap_answer - all handshakes that wait. */
int zap_open(struct bus *bus);
void zap_answer(struct bus *bus);

/* ---- server.c ---- */

/* server_next - the following server of the bus. server_domain - its ZAP domain. */
struct bus_server *server_next(const struct bus_server *server);
const char *server_domain(const struct bus_server *server);
void *server_socket(const struct bus_server *server);
void *server_monitor(const struct bus_server *server);

/* server_admit - the handshake's question. REFUSAL_NONE: yes, ret_id is whose key it is. */
Zb__RefusalReason server_admit(struct bus_server *server, struct bytes link_public,
                               struct id128 *ret_id);

/* server_tend - monitor, guard, heartbeats. */
void server_tend(struct bus_server *server, struct wait *wait);

/* ---- client.c ---- */

struct bus_client *client_next(const struct bus_client *client);
void *client_socket(const struct bus_client *client);  /* NULL between two attempts */
void *client_monitor(const struct bus_client *client); /* likewise */

/* client_tend - monitor, connecting, heartbeats. */
void client_tend(struct bus_client *client, struct wait *wait);

#endif
