/* socket.c - options, monitors and single frames. */
#include "bus/socket.h"

#include <errno.h>
#include <stdio.h>

#include "bus/credit.h"
#include "proto/tag.h"

enum {
    /* Command name, nonce, authenticator and flags that CURVE puts around a frame: MAXMSGSIZE is
     * compared with what is on the wire. */
    CURVE_EXTRA_BYTES = 64,
};

int bus_errno(void)
{
    int e = zmq_errno();
    return e > 0 && e < ZMQ_HAUSNUMERO ? -e : -EIO;
}

int socket_option(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value)) < 0 ? bus_errno() : 0;
}

static int socket_keys(struct bus *bus, void *socket)
{
    if (zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, bus->link_public, LINK_KEY_BYTES) < 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, bus->link_secret, LINK_KEY_BYTES) < 0)
        return bus_errno();
    return 0;
}

static int socket_bounds(struct bus *bus, void *socket, const char *address)
{
    const struct bus_limits *limits = &bus->limits;
    const int options[][2] = {
        { ZMQ_LINGER, 0 },
        { ZMQ_SNDHWM, limits->high_water_frames },
        { ZMQ_RCVHWM, limits->high_water_frames },
        { ZMQ_HANDSHAKE_IVL, limits->handshake_ms },
        { ZMQ_IPV6, strchr(address, '[') != NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        int r = socket_option(socket, options[i][0], options[i][1]);
        if (r < 0)
            return r;
    }
    int64_t frame_bytes = BOUND_FRAME_BYTES + BOUND_FORWARD_EXTRA_BYTES + CURVE_EXTRA_BYTES;
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_bytes, sizeof(frame_bytes)) < 0
               ? bus_errno()
               : 0;
}

int socket_open(struct bus *bus, int type, const char *address, void **ret_socket)
{
    void *socket = zmq_socket(bus->context, type);
    if (socket == NULL)
        return bus_errno();
    int r = socket_keys(bus, socket);
    if (r == 0)
        r = socket_bounds(bus, socket, address);
    if (r < 0) {
        (void)zmq_close(socket); /* only ENOTSOCK, which it is not */
        return r;
    }
    *ret_socket = socket;
    return 0;
}

bool socket_readable(void *socket)
{
    int events = 0;
    size_t size = sizeof(events);
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
}

int address_check(const char *address, struct complaint *why)
{
    complaint_at(why, "address '%s'", address);
    struct bytes a = bytes_str(address), scheme = BYTES_LIT("tcp://");
    if (!bytes_starts_with(a, scheme) || a.size == scheme.size)
        return complain(why, -EINVAL, "write tcp://HOST:PORT", "links are TCP");
    if (strrchr(address, ':') == address + 3)
        return complain(why, -EINVAL, "write tcp://HOST:PORT", "there is no port");
    return 0;
}

/* ---- monitors -------------------------------------------------------------------------------- */

int monitor_open(struct bus *bus, void *socket, int events, void **ret_pair)
{
    char name[40];
    (void)snprintf(name, sizeof(name), "inproc://monitor-%u", ++bus->names);
    if (zmq_socket_monitor(socket, name, events) < 0)
        return bus_errno();
    void *pair = zmq_socket(bus->context, ZMQ_PAIR);
    /* The transport's thread waits for room to tell an event; it must never wait for us. Events are
     * few and small, and connections are bounded, so there is no mark. */
    if (pair == NULL || socket_option(pair, ZMQ_RCVHWM, 0) < 0 || zmq_connect(pair, name) < 0) {
        int r = bus_errno();
        monitor_close(socket, pair);
        return r;
    }
    *ret_pair = pair;
    return 0;
}

void monitor_close(void *socket, void *pair)
{
    if (socket != NULL)
        (void)zmq_socket_monitor(socket, NULL, 0); /* stops it; nothing to stop is fine */
    if (pair != NULL)
        (void)zmq_close(pair);
}

int monitor_read(void *pair, struct monitor_event *ret_event)
{
    uint8_t event[6], address[256];
    int n = zmq_recv(pair, event, sizeof(event), ZMQ_DONTWAIT);
    if (n < 0)
        return bus_errno();
    (void)zmq_recv(pair, address, sizeof(address), ZMQ_DONTWAIT); /* whose it was: not needed */
    if (n != sizeof(event))
        return -EBADMSG;
    /* In the byte order of the machine. */
    memcpy(&ret_event->type, event, sizeof(ret_event->type));
    memcpy(&ret_event->value, event + 2, sizeof(ret_event->value));
    return 0;
}

/* ---- frames ---------------------------------------------------------------------------------- */

int part_send(void *socket, struct bytes part, int flags)
{
    return zmq_send(socket, part.data, part.size, flags | ZMQ_DONTWAIT) < 0 ? bus_errno() : 0;
}

uint64_t encoded_expanded_bytes(struct bytes frame)
{
    return get_u32be(frame.data + 4);
}

int frame_decode(struct bytes frame, struct arena *arena, struct bus_message *ret_message,
                 struct complaint *why)
{
    struct bytes payload;
    int r = frame_open(frame, arena, &ret_message->type, &payload, why);
    if (r < 0)
        return r;
    ret_message->tag = payload_tag(ret_message->type, payload);
    if (payload.size > 0 && payload.data >= frame.data && payload.data < frame.data + frame.size) {
        uint8_t *copy = arena_dup(arena, payload.data, payload.size);
        if (copy == NULL)
            return complain(why, -ENOMEM, NULL, "no memory left for %zu bytes", payload.size);
        payload.data = copy;
    }
    ProtobufCMessage *message = NULL;
    r = message_unpack(frame_descriptor(ret_message->type), payload, arena, &message, why);
    if (r < 0)
        return r;
    ret_message->tag = message_tag(message);
    ret_message->message = message;
    ret_message->payload = payload;
    return 0;
}
