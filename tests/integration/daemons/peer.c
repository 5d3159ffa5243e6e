/* peer.c - one end of a link that says whatever it is told to, for tests of what the other end bears.
 *
 *     peer KEY SLIP ADDRESS HELLO        the identity, the server's slip, where it listens, and a
 *                                        packed HELLO in hexadecimal
 *
 * Lines on standard input:               lines on standard output:
 *     sign KEY PURPOSE HEX                   signed HEX         with any key: a liar may hold several
 *     send TYPE HEX                          sent ERRNO         a packed message of that frame type
 *     hello HEX                              sent ERRNO
 *                                            up HEX             WELCOME
 *                                            down TEXT
 *                                            frame TYPE HEX     a packed message
 * It ends with its standard input. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "bus/link.h"
#include "proto/blob.h"
#include "proto/tag.h"

enum {
    PEER_ARENA_BYTES = 64 * 1024 * 1024,
    LINE_BYTES = 9 * 1024 * 1024, /* a payload of the largest kind in hexadecimal */
    SLIP_BYTES = 4096,
    WAIT_MS = 1000,
};

struct peer {
    struct bus *bus;
    struct bus_client *client;
    struct arena *arena;
    char *line; /* what came on standard input and is no whole line yet */
    size_t line_size;
};

static void say_hex(const char *word, struct bytes bytes)
{
    (void)printf("%s ", word);
    for (size_t i = 0; i < bytes.size; i++)
        (void)printf("%02x", bytes.data[i]);
    (void)printf("\n");
}

static int hex_take(struct arena *arena, const char *hex, struct bytes *ret_bytes)
{
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = arena_alloc(arena, size + 1);
    if (bytes == NULL)
        return -ENOMEM;
    *ret_bytes = bytes_of(bytes, size);
    return size == 0 ? 0 : hex_decode(bytes_str(hex), bytes, size);
}

static int do_sign(struct peer *peer, const char *key, const char *purpose, const char *hex)
{
    struct identity identity;
    struct complaint why = { 0 };
    struct bytes bytes;
    int r = hex_take(peer->arena, hex, &bytes);
    if (r == 0)
        r = identity_load(key, &identity, &why);
    if (r < 0)
        return r;
    struct seal_signature signature = seal_sign(&identity.sign_secret, purpose, bytes);
    identity_wipe(&identity);
    say_hex("signed", bytes_of(signature.b, sizeof(signature.b)));
    return 0;
}

static int do_send(struct peer *peer, enum frame_type type, const char *hex)
{
    struct bytes bytes;
    const ProtobufCMessageDescriptor *descriptor = frame_descriptor(type);
    int r = descriptor == NULL ? -EINVAL : hex_take(peer->arena, hex, &bytes);
    if (r < 0)
        return r;
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, NULL, bytes.size, bytes.data);
    if (message == NULL)
        return -EBADMSG;
    r = type == FRAME_HELLO ? bus_client_hello(peer->client, (const Zb__Hello *)message)
                            : bus_client_send(peer->client, type, message, message_tag(message));
    protobuf_c_message_free_unpacked(message, NULL);
    return r;
}

static int do_line(struct peer *peer, char *line)
{
    char *rest = line, *word[4] = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(word) && rest != NULL; i++)
        word[i] = strsep(&rest, " ");
    struct arena_mark mark = arena_mark(peer->arena);
    int r = -EINVAL;
    if (strcmp(word[0], "sign") == 0 && word[3] != NULL) {
        r = do_sign(peer, word[1], word[2], word[3]);
    } else if (strcmp(word[0], "send") == 0 && word[2] != NULL) {
        r = do_send(peer, (enum frame_type)atoi(word[1]), word[2]);
        (void)printf("sent %d\n", r);
        r = r == -EINVAL || r == -EBADMSG ? r : 0; /* the test says what it expects */
    }
    arena_rewind(peer->arena, mark);
    if (r < 0)
        (void)fprintf(stderr, "peer: %.40s: %s\n", line, strerror(-r));
    return r;
}

/* 0, 1 at the end of standard input, or an error. */
static int take_input(struct peer *peer)
{
    ssize_t n = read(STDIN_FILENO, peer->line + peer->line_size, LINE_BYTES - peer->line_size);
    if (n <= 0)
        return n == 0 ? 1 : -errno;
    peer->line_size += (size_t)n;
    char *end;
    while ((end = memchr(peer->line, '\n', peer->line_size)) != NULL) {
        *end = '\0';
        int r = do_line(peer, peer->line);
        if (r < 0)
            return r;
        size_t taken = (size_t)(end + 1 - peer->line);
        peer->line_size -= taken;
        memmove(peer->line, end + 1, peer->line_size);
    }
    return peer->line_size == LINE_BYTES ? -EMSGSIZE : 0;
}

static int take_link(struct peer *peer)
{
    for (;;) {
        struct arena_mark mark = arena_mark(peer->arena);
        enum bus_link_event event;
        struct bus_message in;
        int r = bus_client_receive(peer->client, peer->arena, clock_mono_ms(), &event, &in);
        if (r < 0)
            return r == -EAGAIN ? 0 : r;
        char word[32] = "up";
        if (event == BUS_LINK_MESSAGE)
            (void)snprintf(word, sizeof(word), "frame %d", (int)in.type);
        if (event == BUS_LINK_DOWN) {
            (void)printf("down %s\n", bus_client_fault(peer->client));
        } else {
            struct buf packed = BUF_INIT(BOUND_EXPANDED_BYTES * 2);
            r = message_pack(in.message, &packed);
            if (r == 0)
                say_hex(word, buf_bytes(&packed));
            buf_done(&packed);
        }
        arena_rewind(peer->arena, mark);
        if (r < 0)
            return r;
    }
}

static int run(struct peer *peer)
{
    for (;;) {
        struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
        int r = take_link(peer);
        (void)fflush(stdout);
        if (r == 0)
            r = bus_wait(peer->bus, &fd, 1, WAIT_MS);
        if (r == 0 && fd.revents != 0)
            r = take_input(peer);
        (void)fflush(stdout);
        if (r != 0)
            return r;
    }
}

static int start(struct peer *peer, char *argv[], struct complaint *why)
{
    struct identity identity;
    struct identity_public server;
    struct bytes text, hello;
    int r = seal_start();
    if (r == 0)
        r = identity_load(argv[1], &identity, why);
    if (r == 0)
        r = file_read(peer->arena, argv[2], SLIP_BYTES, &text, why);
    if (r == 0)
        r = slip_parse(text, &server, why);
    if (r == 0)
        r = hex_take(peer->arena, argv[4], &hello);
    if (r < 0)
        return r;
    struct bus_limits limits = bus_limits_default();
    r = bus_new(&identity, &limits, &peer->bus);
    identity_wipe(&identity);
    Zb__Hello *message = zb__hello__unpack(NULL, hello.size, hello.data);
    if (r == 0 && message == NULL)
        r = -EBADMSG;
    if (r == 0) {
        struct bus_client_options options = { .address = argv[3], .hello = *message };
        memcpy(options.server_link_public, server.link_public, LINK_KEY_BYTES);
        r = bus_connect(peer->bus, &options, &peer->client, why);
    }
    zb__hello__free_unpacked(message, NULL);
    return r;
}

int main(int argc, char *argv[])
{
    if (argc != 5) {
        (void)fprintf(stderr, "usage: peer KEY SLIP ADDRESS HELLO\n");
        return 2;
    }
    struct complaint why = { 0 };
    struct peer peer = { .arena = arena_new(PEER_ARENA_BYTES), .line = malloc(LINE_BYTES) };
    int r = peer.arena == NULL || peer.line == NULL ? -ENOMEM : start(&peer, argv, &why);
    if (r == 0)
        r = run(&peer);
    if (r < 0)
        (void)fprintf(stderr, "peer: %s %s: %s\n", why.place, why.what, strerror(-r));
    bus_client_close(peer.client);
    bus_free(peer.bus);
    arena_free(peer.arena);
    free(peer.line);
    return r < 0 ? 1 : 0;
}
