/* fixture.c - see fixture.h. */
#include "fixture.h"

#include <stdlib.h>

enum { ARENA_BYTES = 48 * 1024 * 1024 };

/* For what is checked thousands of times: each cr_assert costs Criterion memory. */
#define MUST(condition)                                    \
    do {                                                   \
        if (!(condition))                                  \
            cr_assert(0, "does not hold: %s", #condition); \
    } while (0)

struct bus_limits quick_limits(void)
{
    struct bus_limits limits = bus_limits_default();
    limits.heartbeat_ms = 100;
    limits.silence_ms = 600;
    limits.handshake_ms = 800;
    limits.reconnect_ms = 20;
    return limits;
}

/* ---- server ---------------------------------------------------------------------------------- */

static Zb__RefusalReason admit(void *ctx, struct bytes link_public, struct id128 *ret_id,
                               Zb__Role *ret_role)
{
    struct server_side *s = ctx;
    for (size_t i = 0; i < s->enrolled_count; i++) {
        struct enrolled *e = &s->enrolled[i];
        if (!bytes_eq(bytes_of(e->link_public, LINK_KEY_BYTES), link_public))
            continue;
        *ret_id = e->id;
        *ret_role = e->role;
        return e->state;
    }
    return REFUSAL_UNKNOWN_KEY;
}

static Zb__RefusalReason check(void *ctx, struct id128 id, Zb__Role *ret_role)
{
    struct server_side *s = ctx;
    const struct enrolled *e = server_entry(s, id);
    if (e == NULL)
        return REFUSAL_UNKNOWN_KEY;
    *ret_role = e->role;
    return e->state;
}

static void refused(void *ctx, Zb__RefusalReason reason, struct bytes key)
{
    struct server_side *s = ctx;
    MUST(key.size == 0 || key.size == 16 || key.size == LINK_KEY_BYTES);
    s->refused[reason]++;
}

uint64_t refusals(const struct server_side *s)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < REASONS; i++)
        sum += s->refused[i];
    return sum;
}

struct enrolled *server_entry(struct server_side *s, struct id128 id)
{
    for (size_t i = 0; i < s->enrolled_count; i++)
        if (id128_eq(s->enrolled[i].id, id))
            return &s->enrolled[i];
    return NULL;
}

void server_enrol(struct server_side *s, const struct identity *identity)
{
    cr_assert(lt(sz, s->enrolled_count, ENROLLED_MAX));
    struct enrolled *e = &s->enrolled[s->enrolled_count++];
    *e = (struct enrolled){ .id = identity->id, .role = identity->role };
    memcpy(e->link_public, identity->link_public, LINK_KEY_BYTES);
}

void server_start(struct server_side *s, const struct bus_limits *limits)
{
    cr_assert(eq(int, bus_new(&s->identity, limits, &s->bus), 0));
    struct bus_server_options options = {
        .address = s->address,
        .admission = { s, admit, check, refused },
        .welcome = ZB__WELCOME__INIT,
    };
    options.welcome.ledger_key = (ProtobufCBinaryData){ 16, s->identity.id.b };
    options.welcome.registry_version = 5;
    struct complaint why = { 0 };
    cr_assert(eq(int, bus_listen(s->bus, &options, &s->server, &why), 0), "%s: %s", why.place,
              why.what);
    (void)snprintf(s->address, sizeof(s->address), "%s", bus_server_address(s->server));
}

struct server_side *server_new(const struct bus_limits *limits)
{
    struct server_side *s = calloc(1, sizeof(*s));
    cr_assert(ne(ptr, s, NULL));
    s->identity = identity_of(ROLE_LEDGER);
    s->arena = arena_new(ARENA_BYTES);
    (void)snprintf(s->address, sizeof(s->address), "tcp://127.0.0.1:*");
    s->answers = true;
    server_start(s, limits);
    return s;
}

void server_stop(struct server_side *s)
{
    bus_server_close(s->server);
    bus_free(s->bus);
    s->server = NULL;
    s->bus = NULL;
}

void server_end(struct server_side *s)
{
    server_stop(s);
    arena_free(s->arena);
    free(s);
}

static void count_peer(void *ctx, struct bus_peer peer, struct id128 key)
{
    (void)peer;
    (void)key;
    ++*(size_t *)ctx;
}

size_t server_peer_count(struct server_side *s, Zb__Role role)
{
    size_t count = 0;
    bus_server_peers(s->server, role, count_peer, &count);
    return count;
}

uint64_t server_answer(struct server_side *s)
{
    MUST(s->asked_count > 0);
    struct bus_message *in = &s->asked[0];
    Zb__CommandResult result = ZB__COMMAND_RESULT__INIT;
    uint64_t tag = result.tag = in->tag;
    (void)bus_server_send(s->server, in->peer, FRAME_COMMAND_RESULT, &result.base, tag);
    s->asked_bytes -= in->payload.size;
    s->asked_count--;
    memmove(s->asked, s->asked + 1, s->asked_count * sizeof(s->asked[0]));
    return tag;
}

static void server_turn(struct server_side *s)
{
    MUST(bus_wait(s->bus, NULL, 0, 1) == 0);
    for (int i = 0; i < 100 && !s->deaf; i++) {
        struct bus_message in;
        struct arena_mark mark = arena_mark(s->arena);
        int r = bus_server_receive(s->server, s->arena, clock_mono_ms(), &in);
        if (r == -EAGAIN)
            return;
        MUST(r == 0);
        s->got[in.type]++;
        s->last = in;
        if (in.type == FRAME_COMMAND) {
            MUST(s->asked_count < ARRAY_LEN(s->asked));
            s->asked[s->asked_count++] = in;
            s->asked_bytes += in.payload.size;
            if (s->answers)
                (void)server_answer(s);
        }
        arena_rewind(s->arena, mark);
    }
}

/* ---- client ---------------------------------------------------------------------------------- */

struct identity identity_of(Zb__Role role)
{
    struct identity identity;
    cr_assert(eq(int, identity_new(role, "test", &identity), 0));
    return identity;
}

struct client_side *client_new(const struct server_side *s, const struct identity *identity,
                               const struct bus_limits *limits)
{
    struct client_side *c = calloc(1, sizeof(*c));
    cr_assert(ne(ptr, c, NULL));
    c->identity = *identity;
    c->arena = arena_new(ARENA_BYTES);
    cr_assert(eq(int, bus_new(identity, limits, &c->bus), 0));
    struct bus_client_options options = { .address = s->address, .hello = ZB__HELLO__INIT };
    memcpy(options.server_link_public, s->identity.link_public, LINK_KEY_BYTES);
    options.hello.protocol = PROTOCOL_VERSION;
    options.hello.role = identity->role;
    struct complaint why = { 0 };
    cr_assert(eq(int, bus_connect(c->bus, &options, &c->client, &why), 0), "%s", why.what);
    return c;
}

void client_end(struct client_side *c)
{
    bus_client_close(c->client);
    bus_free(c->bus);
    arena_free(c->arena);
    free(c);
}

static void client_note(struct client_side *c, const struct bus_message *in)
{
    c->got[in->type]++;
    c->last = *in;
    if (in->type == FRAME_REFUSED) {
        const Zb__Refused *refused_frame = (const Zb__Refused *)in->message;
        c->reason = refused_frame->reason;
        c->refused_tag = refused_frame->tag;
        (void)snprintf(c->text, sizeof(c->text), "%s", refused_frame->text);
    } else if (in->type == FRAME_PONG) {
        c->registry_version = ((const Zb__Pong *)in->message)->registry_version;
    } else if (in->type == FRAME_WELCOME) {
        c->registry_version = ((const Zb__Welcome *)in->message)->registry_version;
    } else if (in->type == FRAME_BUSY) {
        c->retry_ms = ((const Zb__Busy *)in->message)->retry_ms;
    }
}

static void client_turn(struct client_side *c)
{
    MUST(bus_wait(c->bus, NULL, 0, 1) == 0);
    for (int i = 0; i < 100; i++) {
        enum bus_link_event event = BUS_LINK_NONE;
        struct bus_message in;
        struct arena_mark mark = arena_mark(c->arena);
        int r = bus_client_receive(c->client, c->arena, clock_mono_ms(), &event, &in);
        if (r == -EAGAIN)
            return;
        MUST(r == 0);
        c->up += event == BUS_LINK_UP;
        c->down += event == BUS_LINK_DOWN;
        if (event != BUS_LINK_DOWN)
            client_note(c, &in);
        arena_rewind(c->arena, mark);
    }
}

/* Random bytes, so that compression gains nothing. */
static Zb__Command command_of(uint64_t tag, size_t bytes, uint8_t *room)
{
    seal_random(room, bytes);
    Zb__Command command = ZB__COMMAND__INIT;
    command.tag = tag;
    command.body = (ProtobufCBinaryData){ bytes, room };
    return command;
}

int client_command(struct client_side *c, uint64_t tag, size_t bytes)
{
    CLEANUP(freep) uint8_t *room = malloc(bytes + 1);
    Zb__Command command = command_of(tag, bytes, room);
    return bus_client_send(c->client, FRAME_COMMAND, &command.base, tag);
}

void turn(struct server_side *s, struct client_side *const *clients)
{
    if (s != NULL)
        server_turn(s);
    for (; *clients != NULL; clients++)
        client_turn(*clients);
}

/* ---- a client that keeps no rule ------------------------------------------------------------- */

struct raw_side raw_new(const struct server_side *s, const struct identity *identity,
                        const char *routing_id)
{
    struct raw_side raw = { .context = zmq_ctx_new() };
    raw.socket = zmq_socket(raw.context, ZMQ_DEALER);
    int zero = 0;
    cr_assert(eq(int, zmq_setsockopt(raw.socket, ZMQ_LINGER, &zero, sizeof(zero)), 0));
    cr_assert(
        eq(int,
           zmq_setsockopt(raw.socket, ZMQ_CURVE_SERVERKEY, s->identity.link_public, LINK_KEY_BYTES),
           0));
    cr_assert(eq(
        int, zmq_setsockopt(raw.socket, ZMQ_CURVE_PUBLICKEY, identity->link_public, LINK_KEY_BYTES),
        0));
    cr_assert(eq(
        int, zmq_setsockopt(raw.socket, ZMQ_CURVE_SECRETKEY, identity->link_secret, LINK_KEY_BYTES),
        0));
    if (routing_id != NULL)
        cr_assert(
            eq(int, zmq_setsockopt(raw.socket, ZMQ_ROUTING_ID, routing_id, strlen(routing_id)), 0));
    cr_assert(eq(int, zmq_connect(raw.socket, s->address), 0));
    return raw;
}

void raw_end(struct raw_side *raw)
{
    (void)zmq_close(raw->socket);
    (void)zmq_ctx_term(raw->context);
}

void raw_frame(struct raw_side *raw, enum frame_type type, const ProtobufCMessage *message)
{
    CLEANUP(buf_done) struct buf frame = BUF_INIT(1024 * 1024);
    cr_assert(eq(int, frame_encode(type, message, &frame), 0));
    cr_assert(ge(int, zmq_send(raw->socket, frame.data, frame.size, 0), 0));
}

void raw_hello(struct raw_side *raw, Zb__Role role)
{
    Zb__Hello hello = ZB__HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.role = role;
    raw_frame(raw, FRAME_HELLO, &hello.base);
}

void raw_command(struct raw_side *raw, uint64_t tag, size_t bytes)
{
    CLEANUP(freep) uint8_t *room = malloc(bytes + 1);
    Zb__Command command = command_of(tag, bytes, room);
    raw_frame(raw, FRAME_COMMAND, &command.base);
}

static Zb__RefusalReason refused_of(struct bytes frame)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(ARENA_BYTES);
    enum frame_type type;
    struct bytes payload;
    Zb__Refused *refused_frame = NULL;
    cr_assert(eq(int, frame_open(frame, arena, &type, &payload, NULL), 0));
    if (type != FRAME_REFUSED)
        return REFUSAL_NONE;
    cr_assert(eq(int, MESSAGE_UNPACK(refused, payload, arena, &refused_frame, NULL), 0));
    return refused_frame->reason;
}

Zb__RefusalReason raw_refused(struct raw_side *raw, struct server_side *s, int ms)
{
    struct client_side *none[] = { NULL };
    for (int64_t end = clock_mono_ms() + ms; clock_mono_ms() < end; turn(s, none)) {
        uint8_t frame[4096];
        int n = zmq_recv(raw->socket, frame, sizeof(frame), ZMQ_DONTWAIT);
        if (n < 0)
            continue;
        Zb__RefusalReason reason = refused_of(bytes_of(frame, (size_t)n));
        if (reason != REFUSAL_NONE)
            return reason;
    }
    return REFUSAL_NONE;
}
