/* guard.c - TCP_INFO against a ledger of bytes taken. */
#include "bus/guard.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"

enum {
    /* The transport reads at most about 1 GB/s of CPU time, so less than this hides 2 MB at most. */
    SCAN_FROM_CPU_US = 2000,
    SCAN_COST_SHARE = 20, /* scanning takes at most 1/20 of the time, however many connections */
};

void guard_done(struct guard *guard)
{
    free(guard->at);
    guard->at = NULL;
    guard->room = guard->open = 0;
}

static struct guard_connection *guard_find(const struct guard *guard, int fd)
{
    if (fd < 0 || (size_t)fd >= guard->room || guard->at[fd].cookie == 0)
        return NULL;
    return &guard->at[fd];
}

/* The kernel's own number of a socket, never given twice; 0 when there is no socket. */
static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof(cookie);
    return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) < 0 ? 0 : cookie;
}

static int guard_grow(struct guard *guard, size_t count)
{
    if (count <= guard->room)
        return 0;
    size_t room = guard->room == 0 ? 64 : guard->room;
    while (room < count)
        room *= 2;
    struct guard_connection *at = realloc(guard->at, room * sizeof(*at));
    if (at == NULL)
        return -ENOMEM;
    memset(at + guard->room, 0, (room - guard->room) * sizeof(*at));
    guard->at = at;
    guard->room = room;
    return 0;
}

int guard_accepted(struct guard *guard, int fd, int64_t now_ms)
{
    if (fd < 0)
        return 0;
    int r = guard_grow(guard, (size_t)fd + 1);
    if (r < 0)
        return r;
    guard_closed(guard, fd);
    guard->at[fd] = (struct guard_connection){ .cookie = cookie_of(fd), .heard_ms = now_ms };
    if (guard->at[fd].cookie != 0)
        guard->open++;
    return 0;
}

void guard_closed(struct guard *guard, int fd)
{
    struct guard_connection *connection = guard_find(guard, fd);
    if (connection == NULL)
        return;
    *connection = (struct guard_connection){ .cookie = 0 };
    guard->open--;
}

void guard_taken(struct guard *guard, int fd, uint64_t wire_bytes, struct id128 key, int64_t now_ms)
{
    struct guard_connection *connection = guard_find(guard, fd);
    if (connection == NULL)
        return; /* closed since; what it left in the queue is taken all the same */
    connection->taken_bytes += wire_bytes;
    connection->heard_ms = now_ms;
    connection->heard = true;
    connection->key = key;
}

uint64_t guard_cookie(const struct guard *guard, int fd)
{
    const struct guard_connection *connection = guard_find(guard, fd);
    return connection == NULL ? 0 : connection->cookie;
}

void guard_cut(struct guard *guard, int fd, uint64_t cookie)
{
    const struct guard_connection *connection = guard_find(guard, fd);
    if (connection == NULL || connection->cookie != cookie || cookie_of(fd) != cookie)
        return;
    /* Between the look and the calls the transport could close it and accept another: that one
     * would have to connect again. The end is a reset, so that the kernel keeps nothing for a peer
     * that goes on sending. */
    struct linger reset = { .l_onoff = 1, .l_linger = 0 };
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)); /* else it ends slower */
    (void)shutdown(fd, SHUT_RDWR); /* ENOTCONN: it went by itself */
}

static uint64_t received_bytes(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
        size < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received))
        return 0;
    return info.tcpi_bytes_received;
}

static int64_t process_cpu_us(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) < 0)
        return INT64_MAX; /* no such clock: every scan is made */
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct scan {
    uint64_t total_bytes; /* backlog of all that were not cut */
    size_t largest;       /* descriptor */
};

static bool connection_scan(struct guard *guard, size_t fd)
{
    struct guard_connection *connection = &guard->at[fd];
    if (cookie_of((int)fd) != connection->cookie) {
        guard_closed(guard, (int)fd);
        return false;
    }
    uint64_t received = received_bytes((int)fd);
    connection->backlog_bytes =
        received > connection->taken_bytes ? received - connection->taken_bytes : 0;
    return true;
}

static void scan_cut(struct guard *guard, size_t fd,
                     void (*cut)(void *ctx, const struct guard_connection *connection), void *ctx)
{
    cut(ctx, &guard->at[fd]);
    guard_cut(guard, (int)fd, guard->at[fd].cookie);
    guard_closed(guard, (int)fd);
}

static struct scan scan_largest(const struct guard *guard)
{
    struct scan scan = { 0 };
    for (size_t fd = 0; fd < guard->room; fd++) {
        if (guard->at[fd].cookie == 0)
            continue;
        scan.total_bytes += guard->at[fd].backlog_bytes;
        if (guard->at[scan.largest].cookie == 0 ||
            guard->at[fd].backlog_bytes > guard->at[scan.largest].backlog_bytes)
            scan.largest = fd;
    }
    return scan;
}

void guard_scan(struct guard *guard, int64_t now_ms, bool force,
                void (*cut)(void *ctx, const struct guard_connection *connection), void *ctx)
{
    if (now_ms < guard->next_ms && !force)
        return;
    guard->next_ms = now_ms + GUARD_SCAN_MS;
    int64_t cpu_us = process_cpu_us();
    if (guard->open == 0 || (!force && cpu_us - guard->cpu_us < SCAN_FROM_CPU_US))
        return;
    guard->cpu_us = cpu_us;
    int64_t start_ms = clock_mono_ms(); /* now_ms may be a test's */
    for (size_t fd = 0; fd < guard->room; fd++)
        if (guard->at[fd].cookie != 0 && connection_scan(guard, fd) &&
            guard->at[fd].backlog_bytes > guard->connection_bytes)
            scan_cut(guard, fd, cut, ctx);
    struct scan scan = scan_largest(guard);
    while (scan.total_bytes > guard->total_bytes && guard->open > 0) {
        scan_cut(guard, scan.largest, cut, ctx);
        scan = scan_largest(guard);
    }
    int64_t cost_ms = clock_mono_ms() - start_ms;
    if (cost_ms > 0 && cost_ms * SCAN_COST_SHARE > GUARD_SCAN_MS)
        guard->next_ms = now_ms + cost_ms * SCAN_COST_SHARE;
}

void guard_cut_unheard(struct guard *guard, int64_t before_ms)
{
    for (size_t fd = 0; fd < guard->room; fd++)
        if (guard->at[fd].cookie != 0 && !guard->at[fd].heard && guard->at[fd].heard_ms < before_ms)
            guard_cut(guard, (int)fd, guard->at[fd].cookie);
}

uint64_t guard_wire_bytes(size_t part_bytes)
{
    uint64_t boxed = (uint64_t)part_bytes + 33;
    return boxed + (boxed > 255 ? 9 : 2);
}
