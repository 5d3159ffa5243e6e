/* bus.c - one context per process, and the one wait on all its sockets. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bus/socket.h"

enum { SOCKETS_MAX = 4096 };

struct bus_limits bus_limits_default(void)
{
    return (struct bus_limits){
        .heartbeat_ms = 2000,
        .silence_ms = 10000,
        .handshake_ms = 5000,
        .reconnect_ms = 100,
        .credit_bytes = 16ull * 1024 * 1024,
        .budget_bytes = 256ull * 1024 * 1024,
        .high_water_frames = 1024,
    };
}

static bool limits_fit(const struct bus_limits *limits)
{
    return limits->heartbeat_ms > 0 && limits->silence_ms > limits->heartbeat_ms &&
           limits->handshake_ms > 0 && limits->reconnect_ms > 0 && limits->credit_bytes > 0 &&
           limits->budget_bytes > 0 && limits->high_water_frames > 0;
}

int bus_new(const struct identity *identity, const struct bus_limits *limits, struct bus **ret_bus)
{
    if (!limits_fit(limits))
        return -EINVAL;
    int r = seal_start();
    if (r < 0)
        return r;
    CLEANUP(freep) struct bus *bus = calloc(1, sizeof(*bus));
    if (bus == NULL)
        return -ENOMEM;
    bus->limits = *limits;
    memcpy(bus->link_public, identity->link_public, LINK_KEY_BYTES);
    memcpy(bus->link_secret, identity->link_secret, LINK_KEY_BYTES);
    bus->frame = BUF_INIT(BOUND_FRAME_BYTES + BOUND_FORWARD_EXTRA_BYTES);
    bus->context = zmq_ctx_new();
    if (bus->context == NULL)
        return bus_errno(); // NOLINT(clang-analyzer-unix.Malloc): CLEANUP frees it
    if (zmq_ctx_set(bus->context, ZMQ_MAX_SOCKETS, SOCKETS_MAX) < 0 ||
        zmq_ctx_set(bus->context, ZMQ_BLOCKY, 0) < 0) {
        r = bus_errno();
        bus_free(TAKE_PTR(bus));
        return r;
    }
    *ret_bus = TAKE_PTR(bus);
    return 0;
}

void bus_free(struct bus *bus)
{
    if (bus == NULL)
        return;
    assert(bus->servers == NULL && bus->clients == NULL);
    if (bus->zap != NULL)
        (void)zmq_close(bus->zap);
    while (zmq_ctx_term(bus->context) < 0 && zmq_errno() == EINTR)
        ; /* nothing lingers, so this waits for the transport's thread alone */
    seal_wipe(bus->link_secret, sizeof(bus->link_secret));
    buf_done(&bus->frame);
    free(bus->items);
    free(bus);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static size_t item_add(struct bus *bus, size_t at, void *socket, int fd)
{
    if (socket == NULL && fd < 0)
        return at;
    if (at < bus->items_room)
        bus->items[at] = (zmq_pollitem_t){ .socket = socket, .fd = fd, .events = ZMQ_POLLIN };
    return at + 1;
}

/* Sockets whose messages are the application's come first: [0, ret_ours). The result may exceed the
 * room there is; then it says how much is needed. */
static size_t items_fill(struct bus *bus, const struct pollfd *fds, size_t fd_count,
                         size_t *ret_ours)
{
    size_t at = 0;
    for (struct bus_server *s = bus->servers; s != NULL; s = server_next(s))
        at = item_add(bus, at, server_socket(s), -1);
    for (struct bus_client *c = bus->clients; c != NULL; c = client_next(c))
        at = item_add(bus, at, client_socket(c), -1);
    for (size_t i = 0; i < fd_count; i++) {
        size_t before = at;
        at = item_add(bus, at, NULL, fds[i].fd);
        if (at == before || before >= bus->items_room)
            continue;
        bus->items[before].events =
            (short)(((fds[i].events & POLLIN) ? ZMQ_POLLIN : 0) |
                    ((fds[i].events & POLLOUT) ? ZMQ_POLLOUT : 0) |
                    ((fds[i].events & POLLPRI) ? ZMQ_POLLPRI : 0) | ZMQ_POLLERR);
    }
    *ret_ours = at;
    at = item_add(bus, at, bus->zap, -1);
    for (struct bus_server *s = bus->servers; s != NULL; s = server_next(s))
        at = item_add(bus, at, server_monitor(s), -1);
    for (struct bus_client *c = bus->clients; c != NULL; c = client_next(c))
        at = item_add(bus, at, client_monitor(c), -1);
    return at;
}

static int items_make(struct bus *bus, const struct pollfd *fds, size_t fd_count, size_t *ret_ours,
                      size_t *ret_count)
{
    size_t count = items_fill(bus, fds, fd_count, ret_ours);
    if (count > bus->items_room) {
        zmq_pollitem_t *items = realloc(bus->items, 2 * count * sizeof(*items));
        if (items == NULL)
            return -ENOMEM;
        bus->items = items;
        bus->items_room = 2 * count;
        count = items_fill(bus, fds, fd_count, ret_ours);
    }
    *ret_count = count;
    return 0;
}

/* Sleeps until an item moves; ret_hit: one of the application's did. */
static int items_poll(struct bus *bus, struct pollfd *fds, size_t fd_count, int64_t sleep_ms,
                      bool *ret_hit)
{
    size_t ours, count;
    int r = items_make(bus, fds, fd_count, &ours, &count);
    if (r < 0)
        return r;
    long ms = sleep_ms < 0 ? 0 : sleep_ms > INT_MAX ? INT_MAX : (long)sleep_ms;
    int moved = zmq_poll(bus->items, (int)count, ms);
    if (moved < 0)
        return bus_errno();
    *ret_hit = false;
    for (size_t i = 0; i < ours; i++)
        *ret_hit |= bus->items[i].revents != 0;
    /* poll(2) itself fills in what it says of each descriptor; POLLHUP has no name in ZeroMQ. */
    for (size_t i = 0; i < fd_count; i++)
        fds[i].revents = 0;
    if (fd_count > 0 && moved > 0 && poll(fds, fd_count, 0) < 0 && errno != EINTR)
        return -errno;
    return 0;
}

static struct wait tend(struct bus *bus)
{
    struct wait wait = { .now_ms = clock_mono_ms(), .next_ms = INT64_MAX };
    zap_answer(bus);
    for (struct bus_server *s = bus->servers; s != NULL; s = server_next(s))
        server_tend(s, &wait);
    for (struct bus_client *c = bus->clients; c != NULL; c = client_next(c))
        client_tend(c, &wait);
    return wait;
}

int bus_wait(struct bus *bus, struct pollfd *fds, size_t fd_count, int timeout_ms)
{
    int64_t end_ms = timeout_ms < 0 ? INT64_MAX : clock_mono_ms() + timeout_ms;
    for (;;) {
        struct wait wait = tend(bus);
        wait_until(&wait, end_ms);
        bool hit = false;
        int r = items_poll(bus, fds, fd_count,
                           wait.ready                  ? 0
                           : wait.next_ms == INT64_MAX ? INT_MAX
                                                       : wait.next_ms - wait.now_ms,
                           &hit);
        if (r == -EINTR)
            return 0; /* a signal: the caller looks, and comes again */
        if (r < 0 || wait.ready || hit || clock_mono_ms() >= end_ms)
            return r;
    }
}
