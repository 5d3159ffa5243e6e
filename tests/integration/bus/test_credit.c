/* Credit and budget: both ends count alike, nothing is taken twice, everything comes back. */
#include "fixture.h"

enum { KIB = 1024 };

/* A server that answers nothing by itself and a client that is up. */
struct pair {
    struct bus_limits limits;
    struct server_side *s;
    struct client_side *c;
};

static struct pair pair_new(uint64_t credit_bytes, uint64_t budget_bytes)
{
    struct pair p = { .limits = quick_limits() };
    p.limits.credit_bytes = credit_bytes;
    p.limits.budget_bytes = budget_bytes;
    p.s = server_new(&p.limits);
    p.s->answers = false;
    struct identity who = identity_of(ROLE_OFFICIAL);
    server_enrol(p.s, &who);
    p.c = client_new(p.s, &who, &p.limits);
    WAIT_FOR(p.c->up == 1, 3000, p.s, p.c);
    return p;
}

static void pair_end(struct pair *p)
{
    client_end(p->c);
    server_end(p->s);
}

Test(credit, is_spent_given_back_and_counted_alike_on_both_ends, .timeout = 20)
{
    struct pair p = pair_new(100 * KIB, 1000 * KIB);
    int r;
    uint64_t sent = 0;
    while ((r = client_command(p.c, sent + 1, 10 * KIB)) == 0)
        sent++;
    cr_assert(eq(int, r, -ENOBUFS));
    cr_assert(eq(u64, sent, 9), "ten of 10 KiB and their heads are more than 100 KiB");
    WAIT_FOR(p.s->asked_count == 9, 3000, p.s, p.c);
    cr_assert(eq(u64, p.limits.credit_bytes - bus_client_credit(p.c->client), p.s->asked_bytes),
              "what the client counts is what the server was handed");
    uint64_t before = bus_client_credit(p.c->client), one = p.s->asked[0].payload.size;
    cr_assert(eq(u64, server_answer(p.s), 1));
    WAIT_FOR(p.c->got[FRAME_COMMAND_RESULT] == 1, 2000, p.s, p.c);
    cr_assert(eq(u64, bus_client_credit(p.c->client), before + one));
    cr_assert(eq(int, client_command(p.c, 100, 10 * KIB), 0));
    cr_assert(eq(int, client_command(p.c, 101, 10 * KIB), -ENOBUFS));
    WAIT_FOR(p.s->asked_count == 9, 2000, p.s, p.c);
    while (p.s->asked_count > 0)
        (void)server_answer(p.s);
    WAIT_FOR(bus_client_credit(p.c->client) == p.limits.credit_bytes, 2000, p.s, p.c);
    cr_assert(eq(u64, refusals(p.s), 0), "an honest client is never refused");
    pair_end(&p);
}

Test(credit, of_a_request_without_an_answer_is_released, .timeout = 20)
{
    struct pair p = pair_new(100 * KIB, 1000 * KIB);
    cr_assert(eq(int, client_command(p.c, 7, 50 * KIB), 0));
    WAIT_FOR(p.s->asked_count == 1, 2000, p.s, p.c);
    cr_assert(lt(u64, bus_client_credit(p.c->client), 60 * KIB));
    cr_assert(eq(int, bus_server_release(p.s->server, p.s->asked[0].peer, 7), 0));
    WAIT_FOR(bus_client_credit(p.c->client) == p.limits.credit_bytes, 2000, p.s, p.c);
    cr_assert(eq(int, client_command(p.c, 8, 90 * KIB), 0));
    WAIT_FOR(p.s->asked_count == 2, 2000, p.s, p.c);
    cr_assert(eq(u64, refusals(p.s), 0), "the server released it too");
    pair_end(&p);
}

Test(credit, overspent_is_refused_and_the_rest_goes_on, .timeout = 20)
{
    struct pair p = pair_new(100 * KIB, 1000 * KIB);
    struct identity who = identity_of(ROLE_OFFICIAL);
    server_enrol(p.s, &who);
    struct raw_side raw = raw_new(p.s, &who, NULL);
    raw_hello(&raw, ROLE_OFFICIAL);
    raw_command(&raw, 1, 60 * KIB);
    raw_command(&raw, 2, 60 * KIB);
    cr_assert(eq(int, (int)raw_refused(&raw, p.s, 3000), (int)REFUSAL_NO_CREDIT));
    WAIT_FOR(p.s->asked_count == 1, 2000, p.s, p.c);
    cr_assert(eq(u64, server_answer(p.s), 1));
    raw_command(&raw, 3, 60 * KIB);
    WAIT_FOR(p.s->asked_count == 1, 2000, p.s, p.c);
    cr_assert(eq(u64, p.s->asked[0].tag, 3));
    cr_assert(eq(u64, p.s->refused[REFUSAL_NO_CREDIT], 1));
    raw_command(&raw, 0, 10);
    cr_assert(eq(int, (int)raw_refused(&raw, p.s, 3000), (int)REFUSAL_INVALID));
    raw_end(&raw);
    pair_end(&p);
}

Test(credit, the_budget_of_the_process_spent_means_busy, .timeout = 20)
{
    struct pair p = pair_new(100 * KIB, 150 * KIB);
    struct identity who = identity_of(ROLE_OFFICIAL);
    server_enrol(p.s, &who);
    struct client_side *d = client_new(p.s, &who, &p.limits);
    WAIT_FOR(d->up == 1, 3000, p.s, p.c, d);
    cr_assert(eq(int, client_command(p.c, 1, 90 * KIB), 0));
    WAIT_FOR(p.s->asked_count == 1, 2000, p.s, p.c, d);
    cr_assert(eq(int, client_command(d, 1, 90 * KIB), 0));
    WAIT_FOR(d->got[FRAME_BUSY] == 1, 2000, p.s, p.c, d);
    cr_assert(eq(u64, d->last.tag, 1));
    cr_assert(gt(u32, d->retry_ms, 0));
    cr_assert(eq(u64, bus_client_credit(d->client), p.limits.credit_bytes), "given back");
    cr_assert(eq(sz, p.s->asked_count, 1));
    cr_assert(eq(u64, server_answer(p.s), 1));
    cr_assert(eq(int, client_command(d, 2, 90 * KIB), 0));
    WAIT_FOR(p.s->asked_count == 1, 2000, p.s, p.c, d);
    cr_assert(eq(u64, refusals(p.s), 0), "busy is no refusal");
    client_end(d);
    pair_end(&p);
}

Test(credit, of_a_client_that_went_is_given_back_to_the_budget, .timeout = 20)
{
    struct pair p = pair_new(100 * KIB, 150 * KIB);
    struct identity who = identity_of(ROLE_OFFICIAL);
    server_enrol(p.s, &who);
    struct client_side *d = client_new(p.s, &who, &p.limits);
    WAIT_FOR(d->up == 1, 3000, p.s, p.c, d);
    cr_assert(eq(int, client_command(d, 1, 90 * KIB), 0));
    WAIT_FOR(p.s->asked_count == 1, 2000, p.s, p.c, d);
    client_end(d);
    WAIT_FOR(server_peer_count(p.s, ROLE_OFFICIAL) == 1, 2000, p.s, p.c);
    Zb__CommandResult result = ZB__COMMAND_RESULT__INIT;
    cr_assert(
        eq(int,
           bus_server_send(p.s->server, p.s->asked[0].peer, FRAME_COMMAND_RESULT, &result.base, 1),
           -EHOSTUNREACH));
    cr_assert(eq(int, client_command(p.c, 1, 90 * KIB), 0));
    WAIT_FOR(p.s->asked_count == 2, 2000, p.s, p.c);
    cr_assert(eq(u64, p.c->got[FRAME_BUSY], 0));
    pair_end(&p);
}

Test(credit, many_small_requests_are_bounded_in_number, .timeout = 20)
{
    struct pair p = { .limits = quick_limits() };
    p.limits.high_water_frames = 4096;
    p.s = server_new(&p.limits);
    struct identity who = identity_of(ROLE_OFFICIAL);
    server_enrol(p.s, &who);
    p.c = client_new(p.s, &who, &p.limits);
    WAIT_FOR(p.c->up == 1, 3000, p.s, p.c);
    uint64_t sent = 0;
    int r;
    while ((r = client_command(p.c, sent + 1, 0)) == 0)
        sent++;
    cr_assert(eq(int, r, -ENOBUFS));
    cr_assert(eq(u64, sent, 1024));
    pair_end(&p);
}

Test(credit, a_tag_that_is_not_the_messages_own_is_a_mistake, .timeout = 20)
{
    struct pair p = pair_new(100 * KIB, 150 * KIB);
    Zb__Command command = ZB__COMMAND__INIT;
    command.tag = 5;
    cr_assert(eq(int, bus_client_send(p.c->client, FRAME_COMMAND, &command.base, 6), -EINVAL));
    command.tag = 0;
    cr_assert(eq(int, bus_client_send(p.c->client, FRAME_COMMAND, &command.base, 0), -EINVAL));
    cr_assert(eq(u64, bus_client_credit(p.c->client), p.limits.credit_bytes));
    pair_end(&p);
}

Test(credit, verdicts_answer_a_judge_and_cost_nothing, .timeout = 20)
{
    struct bus_limits limits = quick_limits();
    struct server_side *s = server_new(&limits);
    struct identity who = identity_of(ROLE_MATCHER);
    server_enrol(s, &who);
    struct client_side *c = client_new(s, &who, &limits);
    WAIT_FOR(c->up == 1, 3000, s, c);
    Zb__Forward forward = ZB__FORWARD__INIT;
    forward.tag = 4;
    cr_assert(eq(int, bus_client_send(c->client, FRAME_FORWARD, &forward.base, 4), 0));
    WAIT_FOR(s->got[FRAME_FORWARD] == 1, 2000, s, c);
    uint64_t left = bus_client_credit(c->client);
    Zb__Judge judge = ZB__JUDGE__INIT;
    judge.tag = 4;
    cr_assert(eq(int, bus_server_send(s->server, s->last.peer, FRAME_JUDGE, &judge.base, 0), 0));
    WAIT_FOR(c->got[FRAME_JUDGE] == 1, 2000, s, c);
    cr_assert(eq(u64, bus_client_credit(c->client), left), "its tag is the server's own");
    Zb__Verdicts verdicts = ZB__VERDICTS__INIT;
    verdicts.tag = 4;
    cr_assert(eq(int, bus_client_send(c->client, FRAME_VERDICTS, &verdicts.base, 4), 0));
    WAIT_FOR(s->got[FRAME_VERDICTS] == 1, 2000, s, c);
    cr_assert(eq(u64, s->last.tag, 4));
    cr_assert(eq(u64, bus_client_credit(c->client), left));
    client_end(c);
    server_end(s);
}
