/* channel.h - how a notice leaves the house: one file per channel in channels/.
 *
 * A delivery stops once, just before its last bytes leave, and waits: the ledger then writes
 * COMMITTING and syncs it, and channel_release() lets the last bytes go. What happens after that is
 * SENT (the other side said so), FAILED (it said no, so it did not take it) or IN_DOUBT (nobody
 * knows; a person decides). Before the release, every failure is FAILED. No call blocks. */
#ifndef NOTIFIER_CHANNEL_H
#define NOTIFIER_CHANNEL_H

#include <poll.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"

enum channel_event_kind {
    CHANNEL_NONE = 0,
    CHANNEL_READY, /* all but the last bytes are out; channel_release or channel_cancel */
    CHANNEL_SENT,
    CHANNEL_FAILED,   /* not taken; `temporary` tells whether to try again; `text` why */
    CHANNEL_IN_DOUBT, /* after release: `text` what is known */
};

struct channel_event {
    enum channel_event_kind kind;
    uint64_t notice;
    bool temporary;
    char text[256]; /* the server's last words, cleaned of control characters */
};

struct channel_message {
    uint64_t notice;
    const char *from; /* envelope addresses */
    const char *to;
    struct bytes content; /* whole RFC 5322 message, CRLF lines; copied */
    const char *message_id;
};

struct channel; /* an instance */

struct channel_ops {
    const char *name; /* "smtp", "file" */
    void (*free)(struct channel *channel);
    /* begins a delivery; 0, -EBUSY too many at once, -EINVAL address not allowed (why) */
    int (*submit)(struct channel *channel, const struct channel_message *message,
                  struct complaint *why);
    /* descriptors to watch; returns how many were filled */
    size_t (*fds)(struct channel *channel, struct pollfd *out, size_t cap);
    int (*timeout_ms)(struct channel *channel); /* -1: none */
    /* moves on; the next thing that happened, or CHANNEL_NONE. Call until NONE. */
    void (*step)(struct channel *channel, int64_t mono_ms, struct channel_event *ret_event);
    int (*release)(struct channel *channel, uint64_t notice);
    void (*cancel)(struct channel *channel, uint64_t notice);
};

struct channel {
    const struct channel_ops *ops;
};

static inline void channel_free(struct channel *channel)
{
    if (channel != NULL)
        channel->ops->free(channel);
}
CLEANUP_DEFINE(struct channel *, channel_free);

struct smtp_options {
    const char *url;      /* "smtp://host:587" or "smtps://host:465" */
    const char *user;     /* NULL: no authentication */
    const char *password; /* from a secret file */
    bool require_tls;     /* STARTTLS or fail */
    const char *ca_file;  /* NULL: the system's */
    int timeout_ms;       /* whole delivery */
    size_t at_once;       /* deliveries in parallel */
    bool simulated;       /* only loopback servers, and addresses in .test .example .invalid */
};
int channel_smtp_new(const struct smtp_options *options, struct channel **ret_channel,
                     struct complaint *why);

/* Files <message id without brackets>.eml in `dir`, written whole under a temporary name first. */
int channel_file_new(const char *dir, struct channel **ret_channel, struct complaint *why);

#endif
