/* zmtp.c - a client's side of the handshake, then MESSAGE commands. */
#include "zmtp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

enum { ROOM = 1024 * 1024, GREETING = 64, COOKIE = 96 };

static int send_all(int fd, struct bytes s)
{
    while (s.size > 0) {
        ssize_t n = send(fd, s.data, s.size, MSG_NOSIGNAL);
        if (n < 0)
            return -errno;
        s = bytes_of(s.data + n, s.size - (size_t)n);
    }
    return 0;
}

static int recv_all(int fd, uint8_t *out, size_t size)
{
    while (size > 0) {
        ssize_t n = recv(fd, out, size, 0);
        if (n <= 0)
            return n == 0 ? -EPROTO : -errno;
        out += n;
        size -= (size_t)n;
    }
    return 0;
}

static void nonce_of(uint8_t *out, const char *prefix, const uint8_t *tail)
{
    memcpy(out, prefix, strlen(prefix));
    memcpy(out + strlen(prefix), tail, 24 - strlen(prefix));
}

static int greet(int fd)
{
    uint8_t greeting[GREETING] = { 0xff, [9] = 0x7f, [10] = 3 };
    memcpy(greeting + 12, "CURVE", 5);
    int r = send_all(fd, bytes_of(greeting, sizeof(greeting)));
    return r < 0 ? r : recv_all(fd, greeting, sizeof(greeting));
}

/* A command frame; `body` begins with the length and name of the command. */
static int command_send(int fd, struct bytes body)
{
    uint8_t head[9] = { 0x06 };
    put_u64be(head + 1, body.size);
    int r = send_all(fd, bytes_of(head, sizeof(head)));
    return r < 0 ? r : send_all(fd, body);
}

static int command_recv(int fd, const char *name, uint8_t *out, size_t size)
{
    uint8_t head[2];
    int r = recv_all(fd, head, sizeof(head));
    if (r < 0)
        return r;
    if (head[0] != 0x04 || head[1] > size)
        return -EPROTO;
    r = recv_all(fd, out, head[1]);
    return r < 0 ? r : memcmp(out + 1, name, strlen(name)) == 0 ? 0 : -EPROTO;
}

struct keys {
    const uint8_t *server, *own_public, *own_secret;
    uint8_t short_public[32], short_secret[32];
    uint8_t server_short[32], cookie[COOKIE];
};

static int hello(int fd, struct keys *k)
{
    uint8_t body[200] = "\x05HELLO\x01", nonce[24], zeros[64] = { 0 }, tail[8] = { 0 };
    crypto_box_keypair(k->short_public, k->short_secret);
    tail[7] = 1;
    nonce_of(nonce, "CurveZMQHELLO---", tail);
    memcpy(body + 80, k->short_public, 32);
    memcpy(body + 112, tail, 8);
    if (crypto_box_easy(body + 120, zeros, 64, nonce, k->server, k->short_secret) < 0)
        return -EPROTO;
    return command_send(fd, bytes_of(body, sizeof(body)));
}

static int welcome(int fd, struct keys *k)
{
    uint8_t body[255], nonce[24], plain[128];
    int r = command_recv(fd, "WELCOME", body, sizeof(body));
    if (r < 0)
        return r;
    nonce_of(nonce, "WELCOME-", body + 8);
    if (crypto_box_open_easy(plain, body + 24, 144, nonce, k->server, k->short_secret) < 0)
        return -EPROTO;
    memcpy(k->server_short, plain, 32);
    memcpy(k->cookie, plain + 32, COOKIE);
    return 0;
}

static int initiate(int fd, struct keys *k)
{
    static const char metadata[] = "\x0bSocket-Type\0\0\0\x06"
                                   "DEALER\x08Identity\0\0\0";
    uint8_t vouched[64], vouch_nonce[24], nonce[24], tail[8] = { 0 };
    uint8_t plain[32 + 16 + 80 + sizeof(metadata)], body[113 + 16 + sizeof(plain)];
    memcpy(plain, k->own_public, 32);
    memcpy(vouch_nonce, "VOUCH---", 8);
    randombytes_buf(vouch_nonce + 8, 16);
    memcpy(plain + 32, vouch_nonce + 8, 16);
    memcpy(vouched, k->short_public, 32);
    memcpy(vouched + 32, k->server, 32);
    if (crypto_box_easy(plain + 48, vouched, 64, vouch_nonce, k->server_short, k->own_secret) < 0)
        return -EPROTO;
    memcpy(plain + 128, metadata, sizeof(metadata)); /* its NUL ends the length of Identity */
    tail[7] = 2;
    nonce_of(nonce, "CurveZMQINITIATE", tail);
    memcpy(body, "\x08INITIATE", 9);
    memcpy(body + 9, k->cookie, COOKIE);
    memcpy(body + 105, tail, 8);
    if (crypto_box_easy(body + 113, plain, sizeof(plain), nonce, k->server_short, k->short_secret) <
        0)
        return -EPROTO;
    return command_send(fd, bytes_of(body, sizeof(body)));
}

static int shake(int fd, struct keys *k)
{
    uint8_t ready[255];
    int r = greet(fd);
    if (r == 0)
        r = hello(fd, k);
    if (r == 0)
        r = welcome(fd, k);
    if (r == 0)
        r = initiate(fd, k);
    return r < 0 ? r : command_recv(fd, "READY", ready, sizeof(ready));
}

int zmtp_open(uint16_t port, const uint8_t *server_public, const struct identity *identity,
              struct zmtp *ret_link)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct keys k = {
        server_public, identity->link_public, identity->link_secret, { 0 }, { 0 }, { 0 }, { 0 }
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int r = connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : shake(fd, &k);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    *ret_link = (struct zmtp){ .fd = fd, .nonce = 3 };
    return crypto_box_beforenm(ret_link->shared, k.server_short, k.short_secret) < 0 ? -EPROTO : 0;
}

int zmtp_send(struct zmtp *link, struct bytes part, bool more)
{
    uint8_t tail[8], nonce[24];
    put_u64be(tail, link->nonce++);
    nonce_of(nonce, "CurveZMQMESSAGEC", tail);
    uint8_t *plain = malloc(1 + part.size), *frame = malloc(9 + 16 + 17 + part.size);
    int r = -ENOMEM;
    if (plain != NULL && frame != NULL) {
        plain[0] = more;
        memcpy(plain + 1, part.data, part.size);
        frame[0] = 0x02;
        put_u64be(frame + 1, 16 + 17 + part.size);
        memcpy(frame + 9, "\x07MESSAGE", 8);
        memcpy(frame + 17, tail, 8);
        (void)crypto_box_easy_afternm(frame + 25, plain, 1 + part.size, nonce, link->shared);
        r = send_all(link->fd, bytes_of(frame, 9 + 16 + 17 + part.size));
    }
    free(plain);
    free(frame);
    return r;
}

void zmtp_close(struct zmtp *link)
{
    (void)close(link->fd);
}
