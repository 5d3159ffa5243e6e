/* fixture.h - real links on 127.0.0.1: servers with an admission table, clients, a plain ZeroMQ
 * client that keeps no rule, and turns that all of them take in one thread. */
#ifndef TESTS_INTEGRATION_BUS_FIXTURE_H
#define TESTS_INTEGRATION_BUS_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <zmq.h>

#include "base/clock.h"
#include "bus/link.h"

enum { TYPES = 64, REASONS = 32, ENROLLED_MAX = 16, SIDES_MAX = 8 };

struct enrolled {
    struct id128 id;
    Zb__Role role;
    uint8_t link_public[LINK_KEY_BYTES];
    Zb__RefusalReason state; /* REFUSAL_NONE: admitted */
};

struct server_side {
    struct identity identity;
    struct bus *bus;
    struct bus_server *server;
    struct arena *arena;
    char address[128];
    struct enrolled enrolled[ENROLLED_MAX];
    size_t enrolled_count;
    uint64_t refused[REASONS];     /* told to the admission */
    uint64_t got[TYPES];           /* handed out, by frame type */
    struct bus_message last;       /* of those; its pointers are dead */
    struct bus_message asked[256]; /* requests not yet answered, oldest first */
    size_t asked_count;
    uint64_t asked_bytes;
    bool answers; /* COMMAND is answered at once */
    bool deaf;    /* only waits, receives nothing */
};

struct client_side {
    struct identity identity;
    struct bus *bus;
    struct bus_client *client;
    struct arena *arena;
    unsigned up, down; /* events */
    uint64_t got[TYPES];
    struct bus_message last;
    Zb__RefusalReason reason;  /* of the last REFUSED, */
    char text[1100];           /* its text, */
    uint64_t refused_tag;      /* and tag */
    uint64_t registry_version; /* of the last WELCOME or PONG */
    uint32_t retry_ms;         /* of the last BUSY */
};

/* A DEALER of plain ZeroMQ with the keys of an identity. */
struct raw_side {
    void *context;
    void *socket;
};

struct bus_limits quick_limits(void);

struct server_side *server_new(const struct bus_limits *limits);
/* server_start - listens again after server_stop, at the same address. */
void server_start(struct server_side *s, const struct bus_limits *limits);
void server_stop(struct server_side *s);
void server_end(struct server_side *s);
void server_enrol(struct server_side *s, const struct identity *identity);
struct enrolled *server_entry(struct server_side *s, struct id128 id);
size_t server_peer_count(struct server_side *s, Zb__Role role);
/* server_answer - COMMAND_RESULT to the oldest request; its tag. */
uint64_t server_answer(struct server_side *s);
uint64_t refusals(const struct server_side *s);

struct identity identity_of(Zb__Role role);
struct client_side *client_new(const struct server_side *s, const struct identity *identity,
                               const struct bus_limits *limits);
void client_end(struct client_side *c);
/* client_command - a COMMAND whose payload takes about `bytes`. The result of bus_client_send. */
int client_command(struct client_side *c, uint64_t tag, size_t bytes);

struct raw_side raw_new(const struct server_side *s, const struct identity *identity,
                        const char *routing_id);
void raw_end(struct raw_side *raw);
void raw_frame(struct raw_side *raw, enum frame_type type, const ProtobufCMessage *message);
void raw_hello(struct raw_side *raw, Zb__Role role);
void raw_command(struct raw_side *raw, uint64_t tag, size_t bytes);
/* raw_refused - the reason of the next REFUSED that comes within ms; REFUSAL_NONE: none came. */
Zb__RefusalReason raw_refused(struct raw_side *raw, struct server_side *s, int ms);

/* turn - one round of everybody; the arrays end with NULL. */
void turn(struct server_side *s, struct client_side *const *clients);

/* WAIT_FOR - turns until `condition` holds, at most ms; fails the test otherwise. */
#define WAIT_FOR(condition, ms, s, ...)                                             \
    do {                                                                            \
        struct client_side *const clients_[] = { __VA_ARGS__ __VA_OPT__(, ) NULL }; \
        int64_t end_ = clock_mono_ms() + (ms);                                      \
        bool held_ = (condition);                                                   \
        while (!held_ && clock_mono_ms() < end_) {                                  \
            turn((s), clients_);                                                    \
            held_ = (condition);                                                    \
        }                                                                           \
        cr_assert(held_, "not within %d ms: %s", (int)(ms), #condition);            \
    } while (0)

/* TURNS_FOR - turns for ms, whatever happens. */
#define TURNS_FOR(ms, s, ...)                                                       \
    do {                                                                            \
        struct client_side *const clients_[] = { __VA_ARGS__ __VA_OPT__(, ) NULL }; \
        for (int64_t end_ = clock_mono_ms() + (ms); clock_mono_ms() < end_;)        \
            turn((s), clients_);                                                    \
    } while (0)

#endif
