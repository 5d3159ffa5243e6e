/* The guard over real TCP connections, without ZeroMQ. */
#include "bus/guard.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIMIT_BYTES = 100 * 1000, TOTAL_BYTES = 150 * 1000 };

/* `served` is the end that the guard watches. */
struct link {
    int served, peer;
};

static struct link link_new(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(eq(int, bind(listener, (struct sockaddr *)&at, sizeof(at)), 0));
    cr_assert(eq(int, listen(listener, 1), 0));
    cr_assert(eq(int, getsockname(listener, (struct sockaddr *)&at, &size), 0));
    struct link link = { .peer = socket(AF_INET, SOCK_STREAM, 0) };
    cr_assert(eq(int, connect(link.peer, (struct sockaddr *)&at, sizeof(at)), 0));
    link.served = accept(listener, NULL, NULL);
    cr_assert(ge(int, link.served, 0));
    (void)close(listener);
    return link;
}

static void link_end(struct link *link)
{
    (void)close(link->served);
    (void)close(link->peer);
}

/* Sends and takes that many bytes out of the kernel, as the transport does. */
static void pass(struct link *link, size_t bytes)
{
    static uint8_t run[10 * 1000];
    for (size_t done = 0; done < bytes; done += sizeof(run)) {
        cr_assert(eq(int, (int)send(link->peer, run, sizeof(run), 0), (int)sizeof(run)));
        cr_assert(
            eq(int, (int)recv(link->served, run, sizeof(run), MSG_WAITALL), (int)sizeof(run)));
    }
}

static bool is_cut(const struct link *link)
{
    uint8_t byte;
    ssize_t n = recv(link->peer, &byte, 1, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

static void count(void *ctx, const struct guard_connection *connection)
{
    cr_assert(ne(u64, connection->cookie, 0));
    ++*(int *)ctx;
}

static struct guard guard_new(void)
{
    return (struct guard){ .connection_bytes = LIMIT_BYTES, .total_bytes = TOTAL_BYTES };
}

Test(guard, cuts_a_connection_whose_bytes_never_become_messages)
{
    struct guard g = guard_new();
    struct link l = link_new();
    int cuts = 0;
    cr_assert(eq(int, guard_accepted(&g, l.served, 0), 0));
    pass(&l, LIMIT_BYTES);
    guard_scan(&g, 10, true, count, &cuts);
    cr_assert(eq(int, cuts, 0));
    cr_assert(not(is_cut(&l)));
    pass(&l, 10 * 1000);
    guard_scan(&g, 20, true, count, &cuts);
    cr_assert(eq(int, cuts, 1));
    cr_assert(is_cut(&l));
    cr_assert(eq(sz, g.open, 0));
    guard_done(&g);
    link_end(&l);
}

Test(guard, spares_a_connection_whose_messages_are_taken)
{
    struct guard g = guard_new();
    struct link l = link_new();
    int cuts = 0;
    cr_assert(eq(int, guard_accepted(&g, l.served, 0), 0));
    for (int i = 0; i < 100; i++) {
        pass(&l, 50 * 1000);
        guard_taken(&g, l.served, 50 * 1000, (struct id128){ { 1 } }, i);
        guard_scan(&g, i, true, count, &cuts);
    }
    cr_assert(eq(int, cuts, 0));
    cr_assert(not(is_cut(&l)));
    guard_done(&g);
    link_end(&l);
}

Test(guard, cuts_the_largest_when_all_together_are_too_much)
{
    struct guard g = guard_new();
    struct link l[3] = { link_new(), link_new(), link_new() };
    int cuts = 0;
    for (size_t i = 0; i < 3; i++) {
        cr_assert(eq(int, guard_accepted(&g, l[i].served, 0), 0));
        pass(&l[i], i == 1 ? 80 * 1000 : 40 * 1000);
    }
    guard_scan(&g, 10, true, count, &cuts);
    cr_assert(eq(int, cuts, 1));
    cr_assert(is_cut(&l[1]));
    cr_assert(not(is_cut(&l[0])));
    cr_assert(not(is_cut(&l[2])));
    guard_done(&g);
    for (size_t i = 0; i < 3; i++)
        link_end(&l[i]);
}

Test(guard, never_cuts_another_connection_that_got_the_descriptor)
{
    struct guard g = guard_new();
    struct link l = link_new(), other = link_new();
    int cuts = 0;
    cr_assert(eq(int, guard_accepted(&g, l.served, 0), 0));
    uint64_t cookie = guard_cookie(&g, l.served);
    cr_assert(ne(u64, cookie, 0));
    pass(&other, LIMIT_BYTES + 10 * 1000);
    cr_assert(eq(int, dup2(other.served, l.served), l.served));
    guard_scan(&g, 10, true, count, &cuts);
    guard_cut(&g, l.served, cookie);
    cr_assert(eq(int, cuts, 0));
    cr_assert(not(is_cut(&other)));
    cr_assert(eq(u64, guard_cookie(&g, l.served), 0), "it noticed");
    guard_done(&g);
    link_end(&l);
    link_end(&other);
}

Test(guard, cuts_connections_that_never_said_anything_whole)
{
    struct guard g = guard_new();
    struct link quiet = link_new(), heard = link_new(), young = link_new();
    cr_assert(eq(int, guard_accepted(&g, quiet.served, 100), 0));
    cr_assert(eq(int, guard_accepted(&g, heard.served, 100), 0));
    cr_assert(eq(int, guard_accepted(&g, young.served, 500), 0));
    guard_taken(&g, heard.served, 10, (struct id128){ { 1 } }, 101);
    guard_cut_unheard(&g, 500);
    cr_assert(is_cut(&quiet));
    cr_assert(not(is_cut(&heard)));
    cr_assert(not(is_cut(&young)));
    guard_done(&g);
    link_end(&quiet);
    link_end(&heard);
    link_end(&young);
}

Test(guard, takes_what_is_no_connection_for_none)
{
    struct guard g = guard_new();
    int ends[2];
    cr_assert(eq(int, pipe(ends), 0));
    cr_assert(eq(int, guard_accepted(&g, -1, 0), 0));
    cr_assert(eq(int, guard_accepted(&g, ends[0], 0), 0), "closed already, and reused by a pipe");
    cr_assert(eq(sz, g.open, 0));
    guard_closed(&g, 1000000);
    guard_taken(&g, 1000000, 5, (struct id128){ { 0 } }, 0);
    guard_cut(&g, ends[0], 0);
    guard_done(&g);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

Test(guard, scans_only_when_due)
{
    struct guard g = guard_new();
    struct link l = link_new();
    int cuts = 0;
    cr_assert(eq(int, guard_accepted(&g, l.served, 0), 0));
    guard_scan(&g, 100, false, count, &cuts);
    pass(&l, 2 * LIMIT_BYTES);
    g.cpu_us = -1000000; /* as if the process had worked much since */
    guard_scan(&g, 105, false, count, &cuts);
    cr_assert(eq(int, cuts, 0), "5 ms later");
    guard_scan(&g, 100 + GUARD_SCAN_MS, false, count, &cuts);
    cr_assert(eq(int, cuts, 1));
    guard_done(&g);
    link_end(&l);
}
