/* smtp.c - mail: libcurl makes the connection, this file sends the message and its last line.
 *
 * SMTP takes a message when the line with the single dot has arrived, and not before (RFC 5321
 * 4.1.1.4). Everything before the release can be repeated without harm; what happens after it is
 * SENT only on a 2xx, FAILED only on a 4xx or 5xx, and IN_DOUBT otherwise.
 *
 * libcurl looks up, connects, greets, starts TLS and authenticates (CURLOPT_CONNECT_ONLY), and
 * carries the bytes. MAIL, RCPT, DATA and the dot are ours, because its own upload is no use here:
 * it sends the dot when a paused transfer is taken away (curl_multi_remove_handle), so that what is
 * cancelled would be delivered, and it waits for the answer to the dot within one call. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/text.h"
#include "notifier/address.h"
#include "notifier/channel.h"

enum {
    SMTP_AT_ONCE_MAX = 256,
    COMMAND_BYTES = ADDRESS_BYTES_MAX + 32,
    REPLY_BYTES = 200,               /* of a reply's last line that are kept */
    REPLY_BYTES_MAX = 16 * 1024,     /* of one reply, all its lines: more is no server */
    CONTENT_BYTES_MAX = 1024 * 1024, /* of a message, dots doubled */
    REPLY_OK = 200,                  /* 2yz: done */
    REPLY_GO_ON = 354,               /* the answer to DATA */
    REPLY_REFUSED = 400,             /* 4yz and 5yz */
    REPLY_PERMANENT = 500,
    REPLY_WANTS_LOGIN = 530, /* RFC 4954: our configuration's fault, not the notice's */
};

/* What the other side is expected to do next. */
enum phase {
    PHASE_CONNECT, /* libcurl's: up to and with AUTH */
    PHASE_MAIL,
    PHASE_RCPT,
    PHASE_DATA,
    PHASE_BODY, /* the message leaves */
    PHASE_HELD, /* all of it has left but the dot */
    PHASE_DOT,  /* the dot leaves, or has left */
};

static const char *const phase_names[] = {
    "connecting", "MAIL", "RCPT", "DATA", "sending the message", "holding the message", "the end",
};

enum outcome {
    OUTCOME_WAIT = 0,
    OUTCOME_SENT,
    OUTCOME_REFUSED, /* letter->code, letter->reply */
    OUTCOME_BROKEN,  /* letter->error */
};

struct letter {
    uint64_t notice; /* 0: free place */
    CURLM *multi;    /* its own: a letter shares nothing with another */
    CURL *easy;
    enum phase phase;
    int64_t deadline_mono_ms; /* 0: not stepped yet */
    char *from, *to;          /* owned */
    struct buf content;       /* with its dots doubled, ending in CRLF */
    char command[COMMAND_BYTES];
    struct bytes out; /* what is to be sent: `command` or `content`; neither moves meanwhile, */
    size_t out_at;    /* because TLS wants a write repeated with the same bytes */
    bool ready_told;
    bool released;
    int code;                /* of the last whole reply */
    size_t reply_bytes;      /* of the reply that is being read, all lines */
    size_t line_bytes;       /* of its line that is being read */
    char line[REPLY_BYTES];  /* the line's beginning, as it came */
    char reply[REPLY_BYTES]; /* the last line, printable ASCII */
    char error[CURL_ERROR_SIZE];
};

struct smtp_channel {
    struct channel base;
    char *url, *user, *password, *ca_file;
    bool require_tls, simulated;
    int timeout_ms;
    int64_t mono_ms; /* of the last step */
    size_t at_once;
    size_t count;
    struct letter letters[SMTP_AT_ONCE_MAX];
};

static struct smtp_channel *of(struct channel *channel)
{
    return (struct smtp_channel *)channel;
}

/* ---- what a simulation may touch ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

static bool address_is_reserved(const char *address)
{
    /* RFC 2606 and RFC 6761: names that can belong to nobody. */
    return ends_with(address, ".test") || ends_with(address, ".example") ||
           ends_with(address, ".invalid") || ends_with(address, "@example") ||
           ends_with(address, "@test") || ends_with(address, "@invalid");
}

/* 127.0.0.0/8 and ::1 by number, or "localhost", which libcurl never looks up. */
static bool host_is_loopback(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0;
}

/* ---- replies ---- */

/* Keeps what can be shown of a reply's line. */
static void reply_keep(struct letter *letter, const char *line, size_t size)
{
    size_t keep = 0;
    for (size_t i = 0; i < size && keep + 1 < sizeof(letter->reply); i++)
        if ((unsigned char)line[i] >= ' ' && (unsigned char)line[i] < 0x7F)
            letter->reply[keep++] = line[i];
    letter->reply[keep] = '\0';
}

/* libcurl hands over as headers what the server says while connecting. */
static size_t on_reply(char *line, size_t size, size_t count, void *ctx)
{
    reply_keep(ctx, line, size * count);
    return size * count;
}

static enum outcome broken(struct letter *letter, const char *what)
{
    (void)snprintf(letter->error, sizeof(letter->error), "%s", what); /* short enough */
    return OUTCOME_BROKEN;
}

static enum outcome broken_curl(struct letter *letter, CURLcode result)
{
    return letter->error[0] != '\0' ? OUTCOME_BROKEN : broken(letter, curl_easy_strerror(result));
}

/* A whole line stands in letter->line. True when it is a reply's last: "250 text" or "250". */
static bool line_ends_reply(struct letter *letter)
{
    size_t n =
        letter->line_bytes < sizeof(letter->line) ? letter->line_bytes : sizeof(letter->line);
    const char *line = letter->line;
    letter->line_bytes = 0;
    reply_keep(letter, line, n);
    letter->code = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i >= n || line[i] < '0' || line[i] > '9')
            return true; /* nonsense: code 0 */
        letter->code = letter->code * 10 + (line[i] - '0');
    }
    return n == 3 || line[3] != '-';
}

/* Reads until a reply is whole, the server has no more to say, or the line broke. */
static enum outcome reply_read(struct letter *letter, bool *ret_whole)
{
    *ret_whole = false;
    for (;;) {
        char c; /* byte by byte: nothing of the next reply may be taken; replies are short */
        size_t got = 0;
        CURLcode result = curl_easy_recv(letter->easy, &c, 1, &got);
        if (result == CURLE_AGAIN)
            return OUTCOME_WAIT;
        if (result != CURLE_OK)
            return broken_curl(letter, result);
        if (got == 0)
            return broken(letter, "the server closed the connection");
        if (++letter->reply_bytes > REPLY_BYTES_MAX)
            return broken(letter, "the server's answer does not end");
        if (c != '\n') {
            if (letter->line_bytes < sizeof(letter->line))
                letter->line[letter->line_bytes] = c;
            letter->line_bytes++;
            continue;
        }
        if (letter->line_bytes > 0 && letter->line_bytes <= sizeof(letter->line) &&
            letter->line[letter->line_bytes - 1] == '\r')
            letter->line_bytes--;
        if (line_ends_reply(letter)) {
            letter->reply_bytes = 0;
            *ret_whole = true;
            return OUTCOME_WAIT;
        }
    }
}

/* ---- the dialogue ---- */

static void say(struct letter *letter, enum phase phase, struct bytes out)
{
    letter->phase = phase;
    letter->out = out;
    letter->out_at = 0;
}

static void say_command(struct letter *letter, enum phase phase, const char *before,
                        const char *address, const char *after)
{
    int n = snprintf(letter->command, sizeof(letter->command), "%s%s%s\r\n", before, address,
                     after); /* addresses were measured */
    say(letter, phase, bytes_of(letter->command, (size_t)n));
}

static bool is_said(const struct letter *letter)
{
    return letter->out_at == letter->out.size;
}

/* Sends what the connection takes now. */
static enum outcome out_flush(struct letter *letter)
{
    while (!is_said(letter)) {
        size_t sent = 0;
        CURLcode result = curl_easy_send(letter->easy, letter->out.data + letter->out_at,
                                         letter->out.size - letter->out_at, &sent);
        if (result == CURLE_AGAIN)
            break;
        if (result != CURLE_OK)
            return broken_curl(letter, result);
        letter->out_at += sent;
    }
    return OUTCOME_WAIT;
}

/* A whole reply: the next thing to say, or how it ended. */
static enum outcome reply_take(struct letter *letter)
{
    bool done = letter->code >= REPLY_OK && letter->code < REPLY_OK + 100;
    if (letter->code >= REPLY_REFUSED && letter->code < 600)
        return OUTCOME_REFUSED;
    if (letter->phase == PHASE_MAIL && done) {
        say_command(letter, PHASE_RCPT, "RCPT TO:<", letter->to, ">");
    } else if (letter->phase == PHASE_RCPT && done) {
        say_command(letter, PHASE_DATA, "DATA", "", "");
    } else if (letter->phase == PHASE_DATA && letter->code == REPLY_GO_ON) {
        say(letter, PHASE_BODY, buf_bytes(&letter->content));
    } else if (letter->phase == PHASE_DOT && done && is_said(letter)) {
        return OUTCOME_SENT;
    } else {
        (void)snprintf(letter->error, sizeof(letter->error), "no answer to %s: %.150s",
                       phase_names[letter->phase], letter->reply); /* fits */
        return OUTCOME_BROKEN;
    }
    return OUTCOME_WAIT;
}

/* Says and hears all that can be said and heard now. What the server has said is heard before the
 * dot leaves: a line that is known to be broken, or a refusal, keeps it here. */
static enum outcome letter_talk(struct letter *letter)
{
    for (;;) {
        bool whole = false;
        enum outcome flushed = out_flush(letter);
        enum outcome heard = reply_read(letter, &whole);
        if (whole)
            heard = reply_take(letter);
        if (heard == OUTCOME_WAIT && !whole)
            heard = flushed;
        if (heard != OUTCOME_WAIT)
            return heard;
        if (whole)
            continue;
        if (letter->phase == PHASE_BODY && is_said(letter))
            letter->phase = PHASE_HELD;
        if (letter->phase != PHASE_HELD || !letter->released)
            return OUTCOME_WAIT;
        say_command(letter, PHASE_DOT, ".", "", "");
    }
}

/* libcurl's part: up to a connection on which mail may be given. */
static enum outcome letter_connect(struct letter *letter)
{
    int running, left;
    (void)curl_multi_perform(letter->multi, &running); /* its errors come back in the message */
    const CURLMsg *done = curl_multi_info_read(letter->multi, &left);
    if (done == NULL || done->msg != CURLMSG_DONE)
        return OUTCOME_WAIT;
    if (done->data.result != CURLE_OK)
        return broken_curl(letter, done->data.result);
    say_command(letter, PHASE_MAIL, "MAIL FROM:<", letter->from, ">");
    return letter_talk(letter);
}

/* ---- letters ---- */

static void letter_free(struct smtp_channel *smtp, struct letter *letter)
{
    if (letter->notice == 0)
        return;
    if (letter->multi != NULL && letter->easy != NULL)
        (void)curl_multi_remove_handle(letter->multi, letter->easy); /* closes, says nothing */
    curl_easy_cleanup(letter->easy);
    if (letter->multi != NULL)
        (void)curl_multi_cleanup(letter->multi); /* its only handle is gone */
    free(letter->from);
    free(letter->to);
    buf_done(&letter->content);
    *letter = (struct letter){ 0 };
    smtp->count--;
}

static struct letter *letter_find(struct smtp_channel *smtp, uint64_t notice)
{
    for (size_t i = 0; i < smtp->at_once; i++)
        if (smtp->letters[i].notice == notice)
            return &smtp->letters[i];
    return NULL;
}

static int letter_options(const struct smtp_channel *smtp, struct letter *letter)
{
    CURL *easy = letter->easy;
    CURLcode r = CURLE_OK;
#define SET(option, value) r = r != CURLE_OK ? r : curl_easy_setopt(easy, option, value)
    SET(CURLOPT_URL, smtp->url);
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_CONNECT_ONLY, 1L);
    SET(CURLOPT_HEADERFUNCTION, on_reply);
    SET(CURLOPT_HEADERDATA, letter);
    SET(CURLOPT_ERRORBUFFER, letter->error);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_TIMEOUT_MS, (long)smtp->timeout_ms);
    SET(CURLOPT_USE_SSL, (long)(smtp->require_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    if (smtp->ca_file != NULL)
        SET(CURLOPT_CAINFO, smtp->ca_file);
    if (smtp->user != NULL)
        SET(CURLOPT_USERNAME, smtp->user);
    if (smtp->password != NULL)
        SET(CURLOPT_PASSWORD, smtp->password);
#undef SET
    return r == CURLE_OK ? 0 : -ENOMEM;
}

/* The message as it travels: a dot that begins a line is doubled, so that none stands alone (RFC
 * 5321 4.5.2). Lines end in CRLF or the message is refused: servers differ in what they make of
 * anything else, also before a dot. */
static int content_stuff(struct bytes content, struct buf *out)
{
    bool line_begins = true;
    for (size_t i = 0; i < content.size; i++) {
        uint8_t c = content.data[i];
        bool is_lf_after_cr = c == '\n' && i > 0 && content.data[i - 1] == '\r';
        bool is_cr_before_lf = c == '\r' && i + 1 < content.size && content.data[i + 1] == '\n';
        if ((c == '\n' && !is_lf_after_cr) || (c == '\r' && !is_cr_before_lf))
            return -EINVAL;
        if (line_begins && c == '.')
            buf_put_u8(out, '.');
        buf_put_u8(out, c);
        line_begins = c == '\n';
    }
    if (!line_begins)
        buf_put_str(out, "\r\n");
    return buf_error(out);
}

static int submit_check(const struct smtp_channel *smtp, const struct channel_message *message,
                        struct complaint *why)
{
    if (!address_is_plain(message->from))
        return complain(why, -EINVAL, "set mail.from to an address such as name@unit.gov.cn",
                        "the sender's mail address is not usable");
    if (!address_is_plain(message->to))
        return complain(why, -EINVAL, "give an address such as name@unit.gov.cn",
                        "the official's mail address is not usable");
    if (smtp->simulated && !address_is_reserved(message->to))
        return complain(why, -EINVAL, "use an address in .test, .example or .invalid",
                        "a simulated ledger writes to nobody real");
    return 0;
}

static int letter_make(const struct smtp_channel *smtp, struct letter *letter,
                       const struct channel_message *message, struct complaint *why)
{
    letter->content = BUF_INIT(CONTENT_BYTES_MAX);
    int r = content_stuff(message->content, &letter->content);
    if (r == -EINVAL)
        return complain(why, r, "", "the message has a line that does not end in CRLF");
    if (r < 0)
        return r;
    letter->multi = curl_multi_init();
    letter->easy = curl_easy_init();
    letter->from = strdup(message->from);
    letter->to = strdup(message->to);
    if (letter->multi == NULL || letter->easy == NULL || letter->from == NULL || letter->to == NULL)
        return -ENOMEM;
    r = letter_options(smtp, letter);
    return r == 0 && curl_multi_add_handle(letter->multi, letter->easy) != CURLM_OK ? -ENOMEM : r;
}

static int smtp_submit(struct channel *channel, const struct channel_message *message,
                       struct complaint *why)
{
    struct smtp_channel *smtp = of(channel);
    int r = submit_check(smtp, message, why);
    if (r < 0)
        return r;
    struct letter *letter = smtp->count == smtp->at_once ? NULL : letter_find(smtp, 0);
    if (letter == NULL)
        return -EBUSY;
    *letter = (struct letter){ .notice = message->notice };
    smtp->count++;
    r = letter_make(smtp, letter, message, why);
    if (r < 0)
        letter_free(smtp, letter);
    return r;
}

/* ---- progress ---- */

/* Good manners, not waited for; never inside a message, where it would be text. */
static void say_goodbye(struct letter *letter)
{
    static const char quit[] = "QUIT\r\n";
    size_t sent;
    bool in_message = letter->phase == PHASE_BODY || letter->phase == PHASE_HELD;
    if (letter->phase > PHASE_CONNECT && !in_message && is_said(letter))
        (void)curl_easy_send(letter->easy, quit, sizeof(quit) - 1, &sent);
}

/* A refusal while connecting concerns the server or our account, not this notice: it may come again. */
static void letter_done(struct smtp_channel *smtp, struct letter *letter, enum outcome outcome,
                        struct channel_event *event)
{
    event->notice = letter->notice;
    event->temporary = true;
    const char *said = letter->error;
    switch (outcome) {
    case OUTCOME_SENT:
        event->kind = CHANNEL_SENT;
        said = letter->reply;
        break;
    case OUTCOME_REFUSED:
        event->kind = CHANNEL_FAILED;
        event->temporary = letter->code < REPLY_PERMANENT || letter->code == REPLY_WANTS_LOGIN;
        said = letter->reply;
        break;
    default:
        event->kind = letter->phase == PHASE_DOT ? CHANNEL_IN_DOUBT : CHANNEL_FAILED;
        break;
    }
    if (letter->phase == PHASE_CONNECT && letter->reply[0] > '3')
        (void)snprintf(event->text, sizeof(event->text), "%.120s (%.120s)", said,
                       letter->reply); /* cut is fine */
    else
        (void)snprintf(event->text, sizeof(event->text), "%s", said); /* cut is fine */
    if (outcome != OUTCOME_BROKEN)
        say_goodbye(letter);
    letter_free(smtp, letter);
}

/* True when something happened to the letter. */
static bool letter_step(struct smtp_channel *smtp, struct letter *letter,
                        struct channel_event *event)
{
    if (letter->deadline_mono_ms == 0)
        letter->deadline_mono_ms = smtp->mono_ms + smtp->timeout_ms;
    enum outcome outcome =
        letter->phase == PHASE_CONNECT ? letter_connect(letter) : letter_talk(letter);
    if (outcome == OUTCOME_WAIT && smtp->mono_ms >= letter->deadline_mono_ms) {
        (void)snprintf(letter->error, sizeof(letter->error), "not done within %d ms: %s",
                       smtp->timeout_ms, phase_names[letter->phase]); /* fits */
        outcome = OUTCOME_BROKEN;
    }
    if (outcome != OUTCOME_WAIT) {
        letter_done(smtp, letter, outcome, event);
        return true;
    }
    if (letter->phase != PHASE_HELD || letter->ready_told)
        return false;
    letter->ready_told = true;
    event->kind = CHANNEL_READY;
    event->notice = letter->notice;
    return true;
}

static void smtp_step(struct channel *channel, int64_t mono_ms, struct channel_event *ret_event)
{
    struct smtp_channel *smtp = of(channel);
    *ret_event = (struct channel_event){ 0 };
    smtp->mono_ms = mono_ms;
    for (size_t i = 0; i < smtp->at_once && smtp->count > 0; i++)
        if (smtp->letters[i].notice != 0 && letter_step(smtp, &smtp->letters[i], ret_event))
            return;
}

static int smtp_release(struct channel *channel, uint64_t notice)
{
    struct letter *letter = letter_find(of(channel), notice);
    if (letter == NULL)
        return -ENOENT; /* it failed meanwhile; its event tells */
    letter->released = true;
    return 0;
}

static void smtp_cancel(struct channel *channel, uint64_t notice)
{
    struct letter *letter = letter_find(of(channel), notice);
    if (letter != NULL)
        letter_free(of(channel), letter);
}

/* libcurl's descriptors while it connects. Those beyond FD_SETSIZE it cannot tell; smtp_timeout_ms
 * looks after them. */
static size_t connect_fds(CURLM *multi, struct pollfd *out, size_t cap)
{
    fd_set readable, writable, other;
    int highest = -1;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_ZERO(&other);
    if (curl_multi_fdset(multi, &readable, &writable, &other, &highest) != CURLM_OK)
        return 0;
    size_t n = 0;
    for (int fd = 0; fd <= highest && n < cap; fd++) {
        short events = (short)((FD_ISSET(fd, &readable) ? POLLIN : 0) |
                               (FD_ISSET(fd, &writable) ? POLLOUT : 0));
        if (events != 0)
            out[n++] = (struct pollfd){ .fd = fd, .events = events };
    }
    return n;
}

static size_t smtp_fds(struct channel *channel, struct pollfd *out, size_t cap)
{
    const struct smtp_channel *smtp = of(channel);
    size_t n = 0;
    for (size_t i = 0; i < smtp->at_once && n < cap; i++) {
        const struct letter *letter = &smtp->letters[i];
        if (letter->notice == 0)
            continue;
        if (letter->phase == PHASE_CONNECT) {
            n += connect_fds(letter->multi, out + n, cap - n);
            continue;
        }
        curl_socket_t fd;
        short events = (short)(is_said(letter) ? POLLIN : POLLIN | POLLOUT);
        if (curl_easy_getinfo(letter->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd >= 0)
            out[n++] = (struct pollfd){ .fd = fd, .events = events };
    }
    return n;
}

static int letter_timeout_ms(const struct smtp_channel *smtp, const struct letter *letter)
{
    enum { LOOK_AGAIN_MS = 100 }; /* at name look-ups and descriptors that libcurl cannot tell */
    if (letter->deadline_mono_ms == 0 || (letter->phase == PHASE_HELD && letter->released))
        return 0;
    int64_t left_ms = letter->deadline_mono_ms - smtp->mono_ms;
    long curl_ms = -1;
    if (letter->phase == PHASE_CONNECT) {
        bool known = curl_multi_timeout(letter->multi, &curl_ms) == CURLM_OK && curl_ms >= 0;
        int64_t look_ms = known && curl_ms < LOOK_AGAIN_MS ? curl_ms : LOOK_AGAIN_MS;
        left_ms = look_ms < left_ms ? look_ms : left_ms;
    }
    return left_ms > 0 ? (int)left_ms : 0;
}

static int smtp_timeout_ms(struct channel *channel)
{
    const struct smtp_channel *smtp = of(channel);
    int least = -1;
    for (size_t i = 0; i < smtp->at_once && smtp->count > 0; i++) {
        if (smtp->letters[i].notice == 0)
            continue;
        int ms = letter_timeout_ms(smtp, &smtp->letters[i]);
        least = least < 0 || ms < least ? ms : least;
    }
    return least;
}

static void smtp_free(struct channel *channel)
{
    struct smtp_channel *smtp = of(channel);
    for (size_t i = 0; i < smtp->at_once; i++)
        letter_free(smtp, &smtp->letters[i]);
    if (smtp->password != NULL)
        explicit_bzero(smtp->password, strlen(smtp->password));
    free(smtp->url);
    free(smtp->user);
    free(smtp->password);
    free(smtp->ca_file);
    free(smtp);
    curl_global_cleanup();
}

/* A copy that may be absent. */
static int copy(const char *text, char **ret_text)
{
    *ret_text = text == NULL ? NULL : strdup(text);
    return text != NULL && *ret_text == NULL ? -ENOMEM : 0;
}

/* The address is shown in files and logs, so no password may stand in it. */
static int url_check(const struct smtp_options *options, struct complaint *why)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    int r = parts == NULL ? -ENOMEM : 0;
    complaint_at(why, "mail.url");
    if (r == 0 && (curl_url_set(parts, CURLUPART_URL, options->url, 0) != CURLUE_OK ||
                   curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
                   curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
                   (strcmp(scheme, "smtp") != 0 && strcmp(scheme, "smtps") != 0)))
        r = complain(why, -EINVAL, "write it as smtp://mail.example.cn:587",
                     "this is no mail server's address");
    if (r == 0 && curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK)
        r = complain(why, -EINVAL, "use mail.user and mail.password_file",
                     "a user does not belong in the server's address");
    if (r == 0 && options->simulated && !host_is_loopback(host))
        r = complain(why, -EINVAL, "use a server on 127.0.0.1",
                     "a simulated ledger sends to servers on this host only");
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(parts);
    return r;
}

static int channel_fill(struct smtp_channel *smtp, const struct smtp_options *options)
{
    smtp->require_tls = options->require_tls;
    smtp->simulated = options->simulated;
    smtp->timeout_ms = options->timeout_ms;
    smtp->at_once = options->at_once < SMTP_AT_ONCE_MAX ? options->at_once : SMTP_AT_ONCE_MAX;
    int r = copy(options->url, &smtp->url);
    if (r == 0)
        r = copy(options->user, &smtp->user);
    if (r == 0)
        r = copy(options->password, &smtp->password);
    return r < 0 ? r : copy(options->ca_file, &smtp->ca_file);
}

int channel_smtp_new(const struct smtp_options *options, struct channel **ret_channel,
                     struct complaint *why)
{
    static const struct channel_ops ops = {
        .name = "smtp",
        .free = smtp_free,
        .submit = smtp_submit,
        .fds = smtp_fds,
        .timeout_ms = smtp_timeout_ms,
        .step = smtp_step,
        .release = smtp_release,
        .cancel = smtp_cancel,
    };
    int r = url_check(options, why);
    if (r < 0)
        return r;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return -ENOMEM;
    struct smtp_channel *smtp = calloc(1, sizeof(*smtp));
    if (smtp == NULL) {
        curl_global_cleanup();
        return -ENOMEM;
    }
    smtp->base.ops = &ops;
    r = channel_fill(smtp, options);
    if (r < 0) {
        smtp_free(&smtp->base);
        return r;
    }
    *ret_channel = &smtp->base;
    return 0;
}
