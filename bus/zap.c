/* zap.c - the process's authentication handler (RFC 27): the transport asks it at each handshake.
 *
 *     request: "1.0" │ request id │ domain │ address │ routing id │ mechanism │ credentials
 *     reply:   "1.0" │ request id │ status code │ status text │ user id │ metadata
 *
 * The user id is the hexadecimal key id; every later message of the connection carries it. It is
 * answered by the thread that waits on the bus, so the admission needs no lock. */
#include "bus/socket.h"

#include <errno.h>

enum {
    ZAP_PARTS = 7,
    ZAP_PART_BYTES = 256,
    ZAP_ANSWERS_PER_TURN = 256, /* then the other sockets have their turn */
};

struct zap_request {
    uint8_t part[ZAP_PARTS][ZAP_PART_BYTES];
    size_t size[ZAP_PARTS];
    size_t count; /* of all parts, also of those beyond ZAP_PARTS */
    bool cut;     /* a part was longer than fits */
};

int zap_open(struct bus *bus)
{
    if (bus->zap != NULL)
        return 0;
    void *zap = zmq_socket(bus->context, ZMQ_REP);
    if (zap == NULL)
        return bus_errno();
    if (socket_option(zap, ZMQ_LINGER, 0) < 0 || zmq_bind(zap, "inproc://zeromq.zap.01") < 0) {
        int r = bus_errno();
        (void)zmq_close(zap);
        return r;
    }
    bus->zap = zap;
    return 0;
}

static int request_read(void *zap, struct zap_request *request)
{
    request->count = 0;
    request->cut = false;
    int more = 1;
    while (more) {
        uint8_t spill[ZAP_PART_BYTES];
        uint8_t *part = request->count < ZAP_PARTS ? request->part[request->count] : spill;
        int n = zmq_recv(zap, part, ZAP_PART_BYTES, ZMQ_DONTWAIT);
        if (n < 0)
            return bus_errno();
        request->cut |= n > ZAP_PART_BYTES;
        if (request->count < ZAP_PARTS)
            request->size[request->count] = n > ZAP_PART_BYTES ? ZAP_PART_BYTES : (size_t)n;
        request->count++;
        size_t size = sizeof(more);
        if (zmq_getsockopt(zap, ZMQ_RCVMORE, &more, &size) < 0)
            return bus_errno();
    }
    return 0;
}

static struct bytes part_of(const struct zap_request *request, size_t i)
{
    return bytes_of(request->part[i], request->size[i]);
}

static struct bus_server *server_of(const struct bus *bus, struct bytes domain)
{
    struct bus_server *server = bus->servers;
    while (server != NULL && !bytes_eq(bytes_str(server_domain(server)), domain))
        server = server_next(server);
    return server;
}

/* Whether to let the client in; ret_user is then the hexadecimal key id. */
static bool request_judge(const struct bus *bus, const struct zap_request *request, char *ret_user)
{
    if (request->count != ZAP_PARTS || request->cut ||
        !bytes_eq(part_of(request, 5), BYTES_LIT("CURVE")) || request->size[6] != LINK_KEY_BYTES)
        return false;
    struct bus_server *server = server_of(bus, part_of(request, 2));
    struct id128 id;
    if (server == NULL || server_admit(server, part_of(request, 6), &id) != REFUSAL_NONE)
        return false;
    hex_encode(id.b, sizeof(id.b), ret_user);
    return true;
}

static void reply(void *zap, const struct zap_request *request, bool yes, const char *user)
{
    /* The client learns only the code: why a key is refused is not a stranger's business. */
    const struct bytes parts[] = {
        BYTES_LIT("1.0"),
        request->count > 1 ? part_of(request, 1) : (struct bytes){ 0 },
        yes ? BYTES_LIT("200") : BYTES_LIT("400"),
        { 0 },
        bytes_str(yes ? user : ""),
        { 0 },
    };
    /* If it fails the handshake runs into its time limit. */
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (part_send(zap, parts[i], i + 1 < ARRAY_LEN(parts) ? ZMQ_SNDMORE : 0) < 0)
            return;
}

void zap_answer(struct bus *bus)
{
    if (bus->zap == NULL)
        return;
    for (int i = 0; i < ZAP_ANSWERS_PER_TURN; i++) {
        struct zap_request request;
        if (request_read(bus->zap, &request) < 0)
            return; /* -EAGAIN: none is waiting */
        char user[HEX128_SIZE] = "";
        bool yes = request_judge(bus, &request, user);
        reply(bus->zap, &request, yes, user);
    }
}
