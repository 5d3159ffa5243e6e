/* Clients that keep no rule: they get a reason or lose their connection, and nobody else notices. */
#include "fixture.h"
#include "zmtp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FLOOD_MS = 2500,
    MIB = 1024 * 1024,
#if defined(__SANITIZE_ADDRESS__)
    /* AddressSanitizer keeps up to 256 MiB of freed memory, and twice the live. */
    GROWTH_BYTES = 500 * MIB,
#else
    GROWTH_BYTES = 64 * MIB,
#endif
};

/* A server, an honest client that is up, and the identity of the hostile one, admitted too. */
struct scene {
    struct bus_limits limits;
    struct server_side *s;
    struct client_side *good;
    struct identity bad;
};

static struct scene scene_new(void)
{
    struct scene scene = { .limits = quick_limits() };
    scene.limits.credit_bytes = 5 * MIB;
    scene.limits.budget_bytes = 20 * MIB;
    scene.s = server_new(&scene.limits);
    struct identity who = identity_of(ROLE_OFFICIAL);
    server_enrol(scene.s, &who);
    scene.bad = identity_of(ROLE_OFFICIAL);
    server_enrol(scene.s, &scene.bad);
    scene.good = client_new(scene.s, &who, &scene.limits);
    WAIT_FOR(scene.good->up == 1, 3000, scene.s, scene.good);
    return scene;
}

/* The honest client noticed nothing: it is still up, and it is answered. */
static void scene_end(struct scene *scene)
{
    uint64_t before = scene->good->got[FRAME_COMMAND_RESULT];
    cr_assert(eq(uint, scene->good->down, 0));
    cr_assert(eq(int, client_command(scene->good, 999999, 1000), 0));
    WAIT_FOR(scene->good->got[FRAME_COMMAND_RESULT] == before + 1, 2000, scene->s, scene->good);
    client_end(scene->good);
    server_end(scene->s);
}

Test(hostile, garbage_is_refused_with_a_reason_and_the_link_stays, .timeout = 20)
{
    struct scene scene = scene_new();
    struct raw_side raw = raw_new(scene.s, &scene.bad, NULL);
    raw_hello(&raw, ROLE_OFFICIAL);
    static const struct bytes junk[] = {
        { (const uint8_t *)"", 0 },
        { (const uint8_t *)"\x01\x28", 2 },
        { (const uint8_t *)"\x02\x28\x00\x00\x00\x00\x00\x00", 8 },
        { (const uint8_t *)"\x01\xff\x00\x00\x00\x00\x00\x00", 8 },
        { (const uint8_t *)"\x01\x28\x07\x00\x00\x00\x00\x00", 8 },
        { (const uint8_t *)"\x01\x28\x00\x00\x00\x00\x00\x02\x0a\xff", 10 },
        { (const uint8_t *)"\x01\x28\x01\x00\x00\x00\x10\x00zstd?", 13 },
    };
    for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
        cr_assert(ge(int, zmq_send(raw.socket, junk[i].data, junk[i].size, 0), 0));
        cr_assert(eq(int, (int)raw_refused(&raw, scene.s, 3000), (int)REFUSAL_BAD_FRAME),
                  "junk %zu", i);
    }
    cr_assert(ge(int, zmq_send(raw.socket, "\x01\x28\x00\x00\xff\xff\xff\xff", 8, 0), 0));
    cr_assert(eq(int, (int)raw_refused(&raw, scene.s, 3000), (int)REFUSAL_TOO_LARGE));
    cr_assert(eq(u64, scene.s->refused[REFUSAL_BAD_FRAME], ARRAY_LEN(junk)));
    raw_command(&raw, 1, 10);
    WAIT_FOR(scene.s->got[FRAME_COMMAND] == 1, 2000, scene.s, scene.good);
    raw_end(&raw);
    scene_end(&scene);
}

Test(hostile, a_message_of_parts_is_refused, .timeout = 20)
{
    struct scene scene = scene_new();
    struct raw_side raw = raw_new(scene.s, &scene.bad, NULL);
    raw_hello(&raw, ROLE_OFFICIAL);
    for (int parts = 1; parts <= 40; parts += 39) {
        for (int i = 0; i < parts; i++)
            cr_assert(ge(int, zmq_send(raw.socket, "part", 4, ZMQ_SNDMORE), 0));
        raw_command(&raw, 1, 10); /* the last part is a good frame: it does not help */
        cr_assert(eq(int, (int)raw_refused(&raw, scene.s, 3000), (int)REFUSAL_BAD_FRAME));
    }
    cr_assert(eq(u64, scene.s->got[FRAME_COMMAND], 0));
    raw_command(&raw, 1, 10);
    WAIT_FOR(scene.s->got[FRAME_COMMAND] == 1, 2000, scene.s, scene.good);
    raw_end(&raw);
    scene_end(&scene);
}

Test(hostile, an_oversize_frame_ends_its_own_connection_alone, .timeout = 20)
{
    struct scene scene = scene_new();
    struct raw_side raw = raw_new(scene.s, &scene.bad, NULL);
    raw_hello(&raw, ROLE_OFFICIAL);
    WAIT_FOR(server_peer_count(scene.s, ROLE_OFFICIAL) == 2, 3000, scene.s, scene.good);
    CLEANUP(freep) uint8_t *big = calloc(1, MIB);
    int never = -1;
    cr_assert(eq(int, zmq_setsockopt(raw.socket, ZMQ_RECONNECT_IVL, &never, sizeof(never)), 0));
    cr_assert(ge(int, zmq_send(raw.socket, big, MIB, 0), 0));
    WAIT_FOR(server_peer_count(scene.s, ROLE_OFFICIAL) == 1, 3000, scene.s, scene.good);
    raw_end(&raw);
    scene_end(&scene);
}

/* The largest frame there may be must pass: the transport's bound is on what is on the wire. */
Test(hostile, the_largest_frame_that_is_allowed_is_not_oversize, .timeout = 20)
{
    struct scene scene = scene_new();
    struct identity matcher = identity_of(ROLE_MATCHER);
    server_enrol(scene.s, &matcher);
    struct client_side *c = client_new(scene.s, &matcher, &scene.limits);
    WAIT_FOR(c->up == 1, 3000, scene.s, scene.good, c);
    size_t bound = BOUND_FRAME_BYTES + BOUND_FORWARD_EXTRA_BYTES, size = bound - 64;
    CLEANUP(freep) uint8_t *batch = malloc(bound);
    CLEANUP(buf_done) struct buf frame = BUF_INIT(bound);
    seal_random(batch, bound);
    Zb__Forward forward = ZB__FORWARD__INIT;
    forward.tag = 1;
    do
        forward.batch = (ProtobufCBinaryData){ ++size, batch };
    while (frame_encode(FRAME_FORWARD, &forward.base, &frame) == 0);
    cr_assert(eq(int, bus_client_send(c->client, FRAME_FORWARD, &forward.base, 1), -EMSGSIZE));
    forward.batch.len--;
    cr_assert(eq(int, frame_encode(FRAME_FORWARD, &forward.base, &frame), 0));
    cr_assert(eq(sz, frame.size, bound), "grown byte by byte to the bound");
    cr_assert(eq(int, bus_client_send(c->client, FRAME_FORWARD, &forward.base, 1), 0));
    WAIT_FOR(scene.s->got[FRAME_FORWARD] == 1, 3000, scene.s, scene.good, c);
    TURNS_FOR(100, scene.s, scene.good, c);
    cr_assert(eq(uint, c->down, 0));
    client_end(c);
    scene_end(&scene);
}

static uint64_t resident_bytes(void)
{
    unsigned long whole = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%lu %lu", &whole, &resident) != 2)
        cr_assert(0, "no memory figures");
    else
        (void)fclose(f);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint16_t port_of(const struct server_side *s)
{
    return (uint16_t)atoi(strrchr(s->address, ':') + 1);
}

/* What a hand-made client does, in a thread of its own: the handshake needs the server's turns. */
struct flood {
    pthread_t thread;
    uint16_t port;
    const uint8_t *server_public;
    const struct identity *identity;
    atomic_bool stop;
};

/* 60 KiB parts of a message without an end, as fast as the connection takes them, and again when
 * it is cut. */
static void *flood_endlessly(void *arg)
{
    struct flood *flood = arg;
    static uint8_t part[60 * 1024];
    while (!atomic_load(&flood->stop)) {
        struct zmtp link;
        if (zmtp_open(flood->port, flood->server_public, flood->identity, &link) < 0)
            continue;
        while (!atomic_load(&flood->stop) &&
               zmtp_send(&link, bytes_of(part, sizeof(part)), true) == 0)
            ;
        zmtp_close(&link);
    }
    return NULL;
}

/* A hundred parts of one message, then nothing until told to stop. */
static void *send_hundred_parts(void *arg)
{
    struct flood *flood = arg;
    static uint8_t part[1024];
    struct zmtp link;
    if (zmtp_open(flood->port, flood->server_public, flood->identity, &link) < 0)
        return NULL;
    for (int i = 0; i < 100; i++)
        if (zmtp_send(&link, bytes_of(part, sizeof(part)), i < 99) < 0)
            break;
    while (!atomic_load(&flood->stop))
        (void)usleep(1000);
    zmtp_close(&link);
    return NULL;
}

static void flood_start(struct flood *flood, const struct scene *scene, void *(*run)(void *))
{
    *flood = (struct flood){ .port = port_of(scene->s),
                             .server_public = scene->s->identity.link_public,
                             .identity = &scene->bad };
    cr_assert(eq(int, pthread_create(&flood->thread, NULL, run, flood), 0));
}

/* The server takes turns until the thread has ended, for it may stand in a handshake. */
static void flood_stop(struct flood *flood, struct scene *scene)
{
    struct client_side *const clients[] = { scene->good, NULL };
    atomic_store(&flood->stop, true);
    while (pthread_tryjoin_np(flood->thread, NULL) == EBUSY)
        turn(scene->s, clients);
}

Test(hostile, an_endless_message_of_parts_is_cut_and_memory_stays_bounded, .timeout = 30)
{
    struct scene scene = scene_new();
    uint64_t start = resident_bytes(), most = start, tag = 1;
    struct flood flood;
    flood_start(&flood, &scene, flood_endlessly);
    struct client_side *const clients[] = { scene.good, NULL };
    for (int64_t end = clock_mono_ms() + FLOOD_MS; clock_mono_ms() < end;) {
        turn(scene.s, clients);
        uint64_t now = resident_bytes();
        most = now > most ? now : most;
        if (scene.good->got[FRAME_COMMAND_RESULT] + 4 > tag)
            (void)client_command(scene.good, tag++, 100);
    }
    flood_stop(&flood, &scene);
    cr_assert(ge(u64, scene.s->refused[REFUSAL_NO_CREDIT], 3), "cut each time it came back");
    cr_assert(lt(u64, most - start, GROWTH_BYTES));
    cr_assert(gt(u64, scene.good->got[FRAME_COMMAND_RESULT], 50), "the good one was served");
    scene_end(&scene);
}

/* What is cut above would be taken if it ended in time: the hand-made client speaks rightly. */
Test(hostile, a_message_of_many_parts_that_ends_is_whole_and_refused, .timeout = 20)
{
    struct scene scene = scene_new();
    struct flood flood;
    flood_start(&flood, &scene, send_hundred_parts);
    WAIT_FOR(scene.s->refused[REFUSAL_BAD_FRAME] == 1, 3000, scene.s, scene.good);
    cr_assert(eq(u64, scene.s->refused[REFUSAL_NO_CREDIT], 0));
    flood_stop(&flood, &scene);
    scene_end(&scene);
}

/* The application has no time to receive, only to wait: frames pile up unread in the transport. */
Test(hostile, frames_that_nobody_reads_are_bounded_too, .timeout = 30)
{
    struct scene scene = scene_new();
    struct raw_side raw = raw_new(scene.s, &scene.bad, NULL);
    raw_hello(&raw, ROLE_OFFICIAL);
    WAIT_FOR(server_peer_count(scene.s, ROLE_OFFICIAL) == 2, 3000, scene.s, scene.good);
    scene.s->deaf = true;
    struct client_side *const clients[] = { NULL };
    static uint8_t frame[60 * 1024];
    uint64_t sent = 0;
    for (int64_t end = clock_mono_ms() + 3000;
         clock_mono_ms() < end && scene.s->refused[REFUSAL_NO_CREDIT] == 0;) {
        for (int i = 0; i < 20; i++)
            sent += zmq_send(raw.socket, frame, sizeof(frame), ZMQ_DONTWAIT) > 0;
        turn(scene.s, clients);
    }
    cr_assert(eq(u64, scene.s->refused[REFUSAL_NO_CREDIT], 1));
    cr_assert(gt(u64, sent * sizeof(frame), scene.limits.credit_bytes));
    scene.s->deaf = false;
    raw_end(&raw);
    TURNS_FOR(200, scene.s, scene.good);
    scene_end(&scene);
}

static int tcp_open(const struct server_side *s)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    to.sin_port = htons(port_of(s));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(int, connect(fd, (struct sockaddr *)&to, sizeof(to)), 0));
    return fd;
}

Test(hostile, connections_that_never_shake_hands_stop_nobody_and_are_closed, .timeout = 20)
{
    struct scene scene = scene_new();
    int fds[200];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = tcp_open(scene.s);
        if (i % 2 == 1) /* half of them say something foolish */
            cr_assert(eq(int, (int)send(fds[i], "GET / HTTP/1.1\r\n", 16, MSG_NOSIGNAL), 16));
    }
    struct identity who = identity_of(ROLE_COLLECTOR);
    server_enrol(scene.s, &who);
    struct client_side *late = client_new(scene.s, &who, &scene.limits);
    WAIT_FOR(late->up == 1, 2000, scene.s, scene.good, late);
    TURNS_FOR(2 * scene.limits.handshake_ms, scene.s, scene.good, late);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        /* The server's greeting may still be there; then the end. */
        uint8_t greeting[256];
        ssize_t n;
        while ((n = recv(fds[i], greeting, sizeof(greeting), MSG_DONTWAIT)) > 0)
            ;
        cr_assert(n == 0 || errno == ECONNRESET, "connection %zu was not closed", i);
        (void)close(fds[i]);
    }
    cr_assert(eq(uint, late->down, 0));
    client_end(late);
    scene_end(&scene);
}

/* Admitted, but never says a word: no handshake limit ends it. */
Test(hostile, a_connection_that_says_nothing_after_the_handshake_is_closed, .timeout = 20)
{
    struct scene scene = scene_new();
    struct raw_side raw = raw_new(scene.s, &scene.bad, NULL);
    char *address = "inproc://raw-monitor";
    cr_assert(eq(int,
                 zmq_socket_monitor(raw.socket, address,
                                    ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED),
                 0));
    void *pair = zmq_socket(raw.context, ZMQ_PAIR);
    cr_assert(eq(int, zmq_connect(pair, address), 0));
    uint8_t event[6];
    WAIT_FOR(zmq_recv(pair, event, sizeof(event), ZMQ_DONTWAIT) == 6, 3000, scene.s, scene.good);
    cr_assert(eq(int, event[0] | event[1] << 8, ZMQ_EVENT_HANDSHAKE_SUCCEEDED));
    cr_assert(ge(int, zmq_recv(pair, event, sizeof(event), 0), 0)); /* the address */
    WAIT_FOR(zmq_recv(pair, event, sizeof(event), ZMQ_DONTWAIT) == 6, 4 * scene.limits.silence_ms,
             scene.s, scene.good);
    cr_assert(eq(int, event[0] | event[1] << 8, ZMQ_EVENT_DISCONNECTED));
    (void)zmq_close(pair);
    raw_end(&raw);
    scene_end(&scene);
}
