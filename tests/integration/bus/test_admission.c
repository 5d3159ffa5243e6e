/* Who may speak: known, unknown, revoked, in another role, over another's connection. */
#include "fixture.h"

#include <poll.h>
#include <unistd.h>

Test(admission, lets_a_known_key_in_and_says_whose_link_it_is, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_OFFICIAL);
    server_enrol(s, &who);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(c->up == 1, 3000, s, c);
    cr_assert(eq(str, (char *)(uintptr_t)bus_client_fault(c->client), ""));
    cr_assert(eq(u64, s->got[FRAME_HELLO], 1));
    cr_assert(id128_eq(s->last.key, who.id));
    cr_assert(eq(int, (int)s->last.role, (int)ROLE_OFFICIAL));
    cr_assert(eq(u64, bus_client_credit(c->client), limits.credit_bytes));
    cr_assert(eq(int, client_command(c, 77, 1000), 0));
    WAIT_FOR(c->got[FRAME_COMMAND_RESULT] == 1, 2000, s, c);
    cr_assert(eq(u64, c->last.tag, 77));
    cr_assert(id128_eq(s->last.key, who.id));
    cr_assert(eq(sz, server_peer_count(s, ROLE_OFFICIAL), 1));
    cr_assert(eq(sz, server_peer_count(s, ROLE_MATCHER), 0));
    cr_assert(eq(u64, refusals(s), 0));
    client_end(c);
    WAIT_FOR(server_peer_count(s, ROLE_OFFICIAL) == 0, 2000, s);
    server_end(s);
}

Test(admission, refuses_an_unknown_key_once_told_and_lets_it_in_when_it_is_enrolled, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_COLLECTOR);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(s->refused[REFUSAL_UNKNOWN_KEY] >= 3, 4000, s, c);
    cr_assert(eq(uint, c->up, 0));
    cr_assert(eq(uint, c->down, 1), "the same fault is told once");
    cr_assert(ne(ptr, strstr(bus_client_fault(c->client), "does not admit this key"), NULL), "%s",
              bus_client_fault(c->client));
    cr_assert(eq(int, client_command(c, 1, 10), -ENOTCONN));
    cr_assert(eq(u64, s->got[FRAME_HELLO], 0));
    server_enrol(s, &who);
    WAIT_FOR(c->up == 1, 4000, s, c);
    client_end(c);
    server_end(s);
}

Test(admission, ends_the_link_of_a_key_that_is_revoked_while_it_is_idle, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_COLLECTOR);
    server_enrol(s, &who);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(c->up == 1, 3000, s, c);
    server_entry(s, who.id)->state = REFUSAL_REVOKED_KEY;
    WAIT_FOR(c->down == 1, 3000, s, c);
    cr_assert(ge(u64, s->refused[REFUSAL_REVOKED_KEY], 1));
    WAIT_FOR(server_peer_count(s, ROLE_COLLECTOR) == 0, 1000, s, c);
    TURNS_FOR(300, s, c);
    cr_assert(eq(uint, c->up, 1), "it does not get in again");
    cr_assert(eq(u64, bus_client_credit(c->client), 0));
    client_end(c);
    server_end(s);
}

Test(admission, hands_out_nothing_of_a_key_from_the_moment_it_is_revoked, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_OFFICIAL);
    server_enrol(s, &who);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(c->up == 1, 3000, s, c);
    for (uint64_t tag = 1; tag <= 5; tag++)
        cr_assert(eq(int, client_command(c, tag, 100), 0));
    server_entry(s, who.id)->state = REFUSAL_QUARANTINED;
    WAIT_FOR(c->down == 1, 3000, s, c);
    cr_assert(eq(u64, s->got[FRAME_COMMAND], 0));
    cr_assert(ge(u64, s->refused[REFUSAL_QUARANTINED], 1));
    client_end(c);
    server_end(s);
}

Test(admission, drops_all_connections_of_a_key_and_of_no_other, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity a = identity_of(ROLE_COLLECTOR), b = identity_of(ROLE_COLLECTOR);
    server_enrol(s, &a);
    server_enrol(s, &b);
    struct client_side *a1 = client_new(s, &a, &limits), *a2 = client_new(s, &a, &limits);
    struct client_side *b1 = client_new(s, &b, &limits);
    WAIT_FOR(a1->up == 1 && a2->up == 1 && b1->up == 1, 3000, s, a1, a2, b1);
    cr_assert(eq(sz, server_peer_count(s, ROLE_COLLECTOR), 3), "two of one key are two peers");
    server_entry(s, a.id)->state = REFUSAL_REVOKED_KEY;
    bus_server_drop(s->server, a.id);
    cr_assert(eq(sz, server_peer_count(s, ROLE_COLLECTOR), 1));
    WAIT_FOR(a1->down == 1 && a2->down == 1, 1000, s, a1, a2, b1);
    cr_assert(eq(uint, b1->down, 0));
    client_end(a1);
    client_end(a2);
    client_end(b1);
    server_end(s);
}

Test(admission, refuses_a_frame_that_another_role_may_send, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_COLLECTOR);
    server_enrol(s, &who);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(c->up == 1, 3000, s, c);
    uint64_t before = bus_client_credit(c->client);
    cr_assert(eq(int, client_command(c, 9, 100), 0));
    cr_assert(lt(u64, bus_client_credit(c->client), before));
    WAIT_FOR(c->got[FRAME_REFUSED] == 1, 2000, s, c);
    cr_assert(eq(int, (int)c->reason, (int)REFUSAL_WRONG_ROLE));
    cr_assert(eq(u64, c->refused_tag, 9));
    cr_assert(ne(ptr, strstr(c->text, "collector"), NULL));
    cr_assert(eq(u64, bus_client_credit(c->client), before), "the credit is given back");
    cr_assert(eq(u64, s->got[FRAME_COMMAND], 0));
    cr_assert(eq(uint, c->down, 0), "the link stays");
    server_entry(s, who.id)->role = ROLE_OFFICIAL;
    cr_assert(eq(int, client_command(c, 10, 100), 0));
    WAIT_FOR(c->got[FRAME_COMMAND_RESULT] == 1, 2000, s, c);
    cr_assert(eq(int, (int)s->last.role, (int)ROLE_OFFICIAL), "the role is the present one");
    client_end(c);
    server_end(s);
}

Test(admission, refuses_a_hello_in_another_role_and_what_comes_before_hello, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_OFFICIAL);
    server_enrol(s, &who);
    struct raw_side raw = raw_new(s, &who, NULL);
    raw_command(&raw, 1, 10);
    cr_assert(eq(int, (int)raw_refused(&raw, s, 3000), (int)REFUSAL_BAD_STATE));
    raw_hello(&raw, ROLE_LEDGER);
    cr_assert(eq(int, (int)raw_refused(&raw, s, 3000), (int)REFUSAL_WRONG_ROLE));
    cr_assert(eq(u64, s->got[FRAME_HELLO] + s->got[FRAME_COMMAND], 0));
    raw_end(&raw);
    server_end(s);
}

Test(admission, keeps_an_answer_from_a_connection_that_chose_its_routing_id, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity a = identity_of(ROLE_OFFICIAL), b = identity_of(ROLE_OFFICIAL);
    server_enrol(s, &a);
    server_enrol(s, &b);
    struct client_side *c = client_new(s, &a, &limits);
    WAIT_FOR(c->up == 1, 3000, s, c);
    s->answers = false;
    cr_assert(eq(int, client_command(c, 1, 10), 0));
    WAIT_FOR(s->asked_count == 1, 2000, s, c);
    char route[6] = { 0 };
    memcpy(route, s->asked[0].peer.route + 1, 4); /* without the zero that no peer may begin with */
    struct raw_side thief = raw_new(s, &b, route[0] == '\0' ? "x" : route);
    raw_hello(&thief, ROLE_OFFICIAL);
    WAIT_FOR(s->refused[REFUSAL_BAD_FRAME] >= 1, 3000, s, c);
    cr_assert(eq(u64, server_answer(s), 1));
    WAIT_FOR(c->got[FRAME_COMMAND_RESULT] == 1, 2000, s, c);
    cr_assert(eq(sz, server_peer_count(s, ROLE_OFFICIAL), 1));
    raw_end(&thief);
    client_end(c);
    server_end(s);
}

Test(admission, a_second_connection_with_the_same_routing_id_harms_nobody, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity a = identity_of(ROLE_OFFICIAL), b = identity_of(ROLE_OFFICIAL);
    server_enrol(s, &a);
    server_enrol(s, &b);
    struct client_side *c = client_new(s, &a, &limits);
    struct raw_side one = raw_new(s, &b, "same"), two = raw_new(s, &b, "same");
    for (int i = 0; i < 20; i++) {
        (void)zmq_send(one.socket, "x", 1, ZMQ_DONTWAIT);
        (void)zmq_send(two.socket, "x", 1, ZMQ_DONTWAIT);
    }
    WAIT_FOR(c->up == 1 && s->refused[REFUSAL_BAD_FRAME] >= 1, 3000, s, c);
    TURNS_FOR(200, s, c);
    cr_assert(eq(uint, c->down, 0));
    cr_assert(eq(sz, server_peer_count(s, ROLE_OFFICIAL), 1));
    raw_end(&one);
    raw_end(&two);
    client_end(c);
    server_end(s);
}

Test(admission, a_client_that_pins_another_server_key_says_so, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_COLLECTOR), other = identity_of(ROLE_LEDGER);
    server_enrol(s, &who);
    struct identity real = s->identity;
    s->identity = other;
    struct client_side *c = client_new(s, &who, &limits);
    s->identity = real;
    WAIT_FOR(c->down >= 1, 4000, s, c);
    cr_assert(eq(uint, c->up, 0));
    cr_assert(gt(sz, strlen(bus_client_fault(c->client)), 0));
    client_end(c);
    server_end(s);
}

Test(admission, addresses_that_are_not_tcp_or_taken_are_explained, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct bus_client *client = NULL;
    struct complaint why = { 0 };
    static const char *const bad[] = { "ipc://x", "inproc://x", "",
                                       "tcp://",  "tcp://host", "127.0.0.1:5" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct bus_client_options options = { .address = bad[i], .hello = ZB__HELLO__INIT };
        cr_assert(eq(int, bus_connect(s->bus, &options, &client, &why), -EINVAL), "%s", bad[i]);
        cr_assert(gt(sz, strlen(why.remedy), 0));
    }
    struct server_side *taken = calloc(1, sizeof(*taken));
    taken->identity = identity_of(ROLE_LEDGER);
    cr_assert(eq(int, bus_new(&taken->identity, &limits, &taken->bus), 0));
    struct bus_server_options options = { .address = s->address };
    options.welcome = (Zb__Welcome)ZB__WELCOME__INIT;
    options.admission.admit = (void *)1;
    options.admission.check = (void *)1;
    options.admission.refused = (void *)1;
    cr_assert(eq(int, bus_listen(taken->bus, &options, &taken->server, &why), -EADDRINUSE));
    cr_assert(ne(ptr, strstr(why.place, s->address), NULL));
    bus_free(taken->bus);
    free(taken);
    server_end(s);
}

Test(admission, waiting_reports_descriptors_as_poll_does, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    int ends[2];
    cr_assert(eq(int, pipe(ends), 0));
    struct pollfd fds[] = { { .fd = ends[0], .events = POLLIN }, { .fd = -1, .events = POLLIN } };
    cr_assert(eq(int, bus_wait(s->bus, fds, 2, 20), 0));
    cr_assert(eq(int, fds[0].revents, 0));
    cr_assert(eq(int, (int)write(ends[1], "x", 1), 1));
    int64_t before = clock_mono_ms();
    cr_assert(eq(int, bus_wait(s->bus, fds, 2, 5000), 0));
    cr_assert(lt(i64, clock_mono_ms() - before, 1000));
    cr_assert(eq(int, fds[0].revents, POLLIN));
    (void)close(ends[1]);
    cr_assert(eq(int, bus_wait(s->bus, fds, 2, 5000), 0));
    cr_assert(eq(int, fds[0].revents, POLLIN | POLLHUP));
    (void)close(ends[0]);
    server_end(s);
}
