/* bare_link.c - the floor that the pipeline is measured against: the same frames over nothing but
 * an acknowledged CURVE link, DEALER to ROUTER on loopback, two processes, a window of frames.
 *
 *     bare_link FRAMES BYTES WINDOW      prints {"frames":..,"bytes":..,"seconds":..} */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { KEY_TEXT = 41, ACK_BYTES = 64, ADDRESS_BYTES = 64 };

struct keys {
    char server_public[KEY_TEXT], server_secret[KEY_TEXT];
    char client_public[KEY_TEXT], client_secret[KEY_TEXT];
};

static void die(const char *what)
{
    (void)fprintf(stderr, "bare_link: %s: %s\n", what, zmq_strerror(errno));
    exit(3);
}

static void check(int r, const char *what)
{
    if (r < 0)
        die(what);
}

/* Echoes a short acknowledgement for each frame until it is killed. */
static void serve(int port_fd, const struct keys *keys)
{
    void *context = zmq_ctx_new();
    void *router = zmq_socket(context, ZMQ_ROUTER);
    int one = 1;
    check(zmq_setsockopt(router, ZMQ_CURVE_SERVER, &one, sizeof(one)), "curve server");
    check(zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, keys->server_secret, KEY_TEXT), "secret");
    check(zmq_bind(router, "tcp://127.0.0.1:*"), "bind");
    char address[ADDRESS_BYTES] = { 0 };
    size_t size = sizeof(address);
    check(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, address, &size), "endpoint");
    if (write(port_fd, address, sizeof(address)) != sizeof(address))
        die("telling the address");
    uint8_t ack[ACK_BYTES] = { 0 };
    for (;;) {
        zmq_msg_t route, frame;
        check(zmq_msg_init(&route), "message");
        check(zmq_msg_init(&frame), "message");
        check(zmq_msg_recv(&route, router, 0), "receive");
        check(zmq_msg_recv(&frame, router, 0), "receive");
        check(zmq_msg_close(&frame), "close");
        check(zmq_msg_send(&route, router, ZMQ_SNDMORE), "send");
        check(zmq_send(router, ack, sizeof(ack), 0), "send");
    }
}

static double seconds(void)
{
    struct timespec t;
    check(clock_gettime(CLOCK_MONOTONIC, &t), "clock");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double send_all(const char *address, const struct keys *keys, uint64_t frames, size_t bytes,
                       uint64_t window)
{
    void *context = zmq_ctx_new();
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    check(zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, keys->server_public, KEY_TEXT), "server");
    check(zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, keys->client_public, KEY_TEXT), "public");
    check(zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, keys->client_secret, KEY_TEXT), "secret");
    check(zmq_connect(dealer, address), "connect");
    uint8_t *frame = calloc(1, bytes);
    uint8_t ack[ACK_BYTES];
    if (frame == NULL)
        die("memory");
    /* One round trip first: the handshake is not what is measured. */
    check(zmq_send(dealer, frame, bytes, 0), "send");
    check(zmq_recv(dealer, ack, sizeof(ack), 0), "receive");
    double start = seconds();
    uint64_t sent = 0, answered = 0;
    while (answered < frames) {
        while (sent < frames && sent - answered < window) {
            check(zmq_send(dealer, frame, bytes, 0), "send");
            sent++;
        }
        check(zmq_recv(dealer, ack, sizeof(ack), 0), "receive");
        answered++;
    }
    double took = seconds() - start;
    free(frame);
    (void)zmq_close(dealer); /* the process ends here anyway */
    return took;
}

int main(int argc, char *argv[])
{
    if (argc != 4) {
        (void)fprintf(stderr, "usage: %s FRAMES BYTES WINDOW\n", argv[0]);
        return 2;
    }
    uint64_t frames = strtoull(argv[1], NULL, 10), window = strtoull(argv[3], NULL, 10);
    size_t bytes = strtoull(argv[2], NULL, 10);
    struct keys keys;
    int fds[2];
    if (frames == 0 || bytes == 0 || window == 0 || pipe(fds) < 0)
        return 2;
    check(zmq_curve_keypair(keys.server_public, keys.server_secret), "keys");
    check(zmq_curve_keypair(keys.client_public, keys.client_secret), "keys");
    pid_t server = fork();
    if (server < 0)
        die("fork");
    if (server == 0)
        serve(fds[1], &keys);
    char address[ADDRESS_BYTES];
    if (read(fds[0], address, sizeof(address)) != sizeof(address))
        die("learning the address");
    double took = send_all(address, &keys, frames, bytes, window);
    (void)printf("{\"frames\":%" PRIu64 ",\"bytes\":%zu,\"seconds\":%.6f}\n", frames, bytes, took);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    return 0;
}
