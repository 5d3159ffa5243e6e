/* Heartbeats and starting over: idle links stay, dead ones are noticed, restarts heal. */
#include "fixture.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

Test(alive, an_idle_link_stays_up_and_carries_what_the_server_has_to_tell, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_COLLECTOR);
    server_enrol(s, &who);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(c->up == 1, 3000, s, c);
    cr_assert(eq(u64, c->registry_version, 5));
    bus_server_welcome(s->server, 6, (struct bytes){ 0 });
    TURNS_FOR(3 * limits.silence_ms, s, c);
    cr_assert(eq(uint, c->down, 0));
    cr_assert(eq(uint, c->up, 1));
    cr_assert(ge(u64, c->got[FRAME_PONG], 5));
    cr_assert(eq(u64, c->registry_version, 6));
    cr_assert(eq(sz, server_peer_count(s, ROLE_COLLECTOR), 1));
    client_end(c);
    server_end(s);
}

Test(alive, a_new_hello_is_told_and_welcomed_again, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_MATCHER);
    server_enrol(s, &who);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(c->up == 1, 3000, s, c);
    Zb__Hello hello = ZB__HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.role = ROLE_MATCHER;
    hello.takes_judge = true;
    cr_assert(eq(int, bus_client_hello(c->client, &hello), 0));
    WAIT_FOR(s->got[FRAME_HELLO] == 2 && c->got[FRAME_WELCOME] == 2, 2000, s, c);
    cr_assert(eq(uint, c->up, 1), "the second WELCOME is a message, not a new link");
    client_end(c);
    server_end(s);
}

/* A server that nobody tends: its transport's thread runs on, so only the application's silence
 * can tell. */
Test(alive, a_server_whose_application_stands_still_is_noticed, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_COLLECTOR);
    server_enrol(s, &who);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(c->up == 1, 3000, s, c);
    int64_t before = clock_mono_ms();
    WAIT_FOR(c->down == 1, 4 * limits.silence_ms, NULL, c);
    cr_assert(ge(i64, clock_mono_ms() - before, limits.silence_ms - 2 * limits.heartbeat_ms));
    cr_assert(ne(ptr, strstr(bus_client_fault(c->client), "said nothing"), NULL));
    WAIT_FOR(c->up == 2, 5000, s, c);
    client_end(c);
    server_end(s);
}

/* Shared with a child process that is a client: where it connects, and what it saw. */
struct shared {
    atomic_bool listening; /* `server` is filled in */
    struct server_side server;
    volatile unsigned up, down;
};

/* Forks while this process still has one thread: a lock of another would stay locked in the child,
 * which therefore starts before the server does. */
static pid_t fork_client(struct shared *shared, const struct identity *who)
{
    pid_t pid = fork();
    cr_assert(ge(int, pid, 0));
    if (pid > 0)
        return pid;
    while (!atomic_load(&shared->listening))
        (void)usleep(1000);
    struct bus_limits limits = quick_limits();
    struct client_side *c = client_new(&shared->server, who, &limits);
    struct client_side *const all[] = { c, NULL };
    for (int64_t end = clock_mono_ms() + 20000; clock_mono_ms() < end;) {
        turn(NULL, all);
        shared->up = c->up;
        shared->down = c->down;
    }
    _exit(1);
}

Test(alive, a_client_that_is_stopped_is_forgotten_and_comes_back_when_it_goes_on, .timeout = 30)
{
    struct bus_limits limits = quick_limits();
    struct identity who = identity_of(ROLE_COLLECTOR);
    struct shared *seen =
        mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(ne(ptr, seen, MAP_FAILED));
    pid_t pid = fork_client(seen, &who);
    struct server_side *s = server_new(&limits);
    server_enrol(s, &who);
    seen->server = *s; /* its address and key are all that the child reads */
    atomic_store(&seen->listening, true);
    WAIT_FOR(seen->up == 1, 5000, s);
    cr_assert(eq(sz, server_peer_count(s, ROLE_COLLECTOR), 1));
    cr_assert(eq(int, kill(pid, SIGSTOP), 0));
    WAIT_FOR(server_peer_count(s, ROLE_COLLECTOR) == 0, 4 * limits.silence_ms, s);
    cr_assert(eq(int, kill(pid, SIGCONT), 0));
    WAIT_FOR(seen->down >= 1 && seen->up >= 2, 8000, s);
    WAIT_FOR(server_peer_count(s, ROLE_COLLECTOR) == 1, 2000, s);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    WAIT_FOR(server_peer_count(s, ROLE_COLLECTOR) == 0, 2000, s);
    (void)munmap(seen, sizeof(*seen));
    server_end(s);
}

Test(alive, a_restarted_server_on_the_same_port_is_found_again, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_OFFICIAL);
    server_enrol(s, &who);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(c->up == 1, 3000, s, c);
    for (unsigned round = 1; round <= 3; round++) {
        server_stop(s);
        WAIT_FOR(c->down >= round, 2000, NULL, c);
        cr_assert(eq(int, client_command(c, 1, 10), -ENOTCONN));
        server_start(s, &limits);
        WAIT_FOR(c->up == round + 1, 4000, s, c);
        cr_assert(eq(int, client_command(c, 100 + round, 10), 0));
        WAIT_FOR(c->got[FRAME_COMMAND_RESULT] == round, 2000, s, c);
        cr_assert(eq(u64, c->last.tag, 100 + round), "nothing of an earlier link is sent again");
    }
    client_end(c);
    server_end(s);
}

Test(alive, a_client_that_starts_before_its_server_waits_for_it, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_COLLECTOR);
    server_enrol(s, &who);
    server_stop(s);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(c->down == 1, 4000, NULL, c);
    cr_assert(ne(ptr, strstr(bus_client_fault(c->client), "nobody answers"), NULL), "%s",
              bus_client_fault(c->client));
    TURNS_FOR(300, NULL, c);
    cr_assert(eq(uint, c->down, 1), "the same fault is told once");
    server_start(s, &limits);
    WAIT_FOR(c->up == 1, 4000, s, c);
    client_end(c);
    server_end(s);
}
