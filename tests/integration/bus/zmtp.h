/* zmtp.h - just enough ZMTP 3.1 and CURVE (RFC 23, 26) to do what libzmq's own client never does:
 * put the parts of a message on the wire before its last one exists. */
#ifndef TESTS_INTEGRATION_BUS_ZMTP_H
#define TESTS_INTEGRATION_BUS_ZMTP_H

#include "bus/key.h"

struct zmtp {
    int fd;
    uint64_t nonce;
    uint8_t shared[32]; /* of the two short-term keys */
};

/* zmtp_open - connects to 127.0.0.1:port and shakes hands, blocking.
 * Errors: -errno, -EPROTO the server broke off or answered otherwise. */
int zmtp_open(uint16_t port, const uint8_t *server_public, const struct identity *identity,
              struct zmtp *ret_link);

/* zmtp_send - one part of a message. Errors: -errno of the connection. */
int zmtp_send(struct zmtp *link, struct bytes part, bool more);

void zmtp_close(struct zmtp *link);

#endif
