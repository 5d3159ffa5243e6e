/* smtp.c - mail through libcurl.
 *
 * SMTP takes a message when the line with the single dot has arrived, and not before (RFC 5321
 * 4.1.1.4). libcurl sends that line when our read callback says "end": so the callback pauses there
 * until channel_release(). Everything before the release can be repeated without harm; what happens
 * after it is SENT only on a 2xx, FAILED only on a 4xx or 5xx, and IN_DOUBT otherwise. */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "notifier/channel.h"

enum {
    SMTP_AT_ONCE_MAX = 256,
    REPLY_BYTES = 200,
    SMTP_ERROR_FIRST = 400, /* 4yz and 5yz refuse */
    SMTP_PERMANENT_FIRST = 500,
};

struct smtp_channel;

struct letter {
    uint64_t notice; /* 0: free place */
    CURL *easy;
    struct curl_slist *to;
    char *content; /* owned copy */
    size_t size, at;
    bool body_out; /* all but the end has been read */
    bool ready_told;
    bool released;
    char reply[REPLY_BYTES]; /* the server's last line */
    char error[CURL_ERROR_SIZE];
};

struct smtp_channel {
    struct channel base;
    CURLM *multi;
    char *url, *user, *password, *ca_file;
    bool require_tls, simulated;
    long timeout_ms;
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

static bool server_is_loopback(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL;
    bool loopback = false;
    if (parts != NULL && curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == 0 &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == 0)
        loopback = strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
                   strcmp(host, "[::1]") == 0;
    curl_free(host);
    curl_url_cleanup(parts);
    return loopback;
}

/* An envelope address goes into a command line of the protocol: no blank, no bracket, one '@'. */
static bool address_is_plain(const char *address)
{
    const char *at = strchr(address, '@');
    if (at == NULL || at == address || at[1] == '\0' || strchr(at + 1, '@') != NULL)
        return false;
    for (const char *c = address; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7F || strchr("<>,;:\"\\()[]", *c))
            return false;
    return true;
}

/* ---- libcurl's callbacks ---- */

static size_t on_read(char *out, size_t size, size_t count, void *ctx)
{
    struct letter *letter = ctx;
    size_t room = size * count, left = letter->size - letter->at;
    if (left == 0) {
        letter->body_out = true;
        return letter->released ? 0 : CURL_READFUNC_PAUSE;
    }
    size_t n = left < room ? left : room;
    memcpy(out, letter->content + letter->at, n);
    letter->at += n;
    return n;
}

/* libcurl hands a mail server's replies over as headers. */
static size_t on_reply(char *line, size_t size, size_t count, void *ctx)
{
    struct letter *letter = ctx;
    size_t n = size * count, keep = 0;
    for (size_t i = 0; i < n && keep + 1 < sizeof(letter->reply); i++)
        if ((unsigned char)line[i] >= ' ' && (unsigned char)line[i] < 0x7F)
            letter->reply[keep++] = line[i];
    letter->reply[keep] = '\0';
    return n;
}

/* ---- letters ---- */

static void letter_free(struct smtp_channel *smtp, struct letter *letter)
{
    if (letter->notice == 0)
        return;
    (void)curl_multi_remove_handle(smtp->multi, letter->easy); /* its own handle */
    curl_easy_cleanup(letter->easy);
    curl_slist_free_all(letter->to);
    free(letter->content);
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

static int letter_options(const struct smtp_channel *smtp, struct letter *letter,
                          const struct channel_message *message)
{
    CURL *easy = letter->easy;
    CURLcode r = CURLE_OK;
#define SET(option, value) r = r != CURLE_OK ? r : curl_easy_setopt(easy, option, value)
    SET(CURLOPT_URL, smtp->url);
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_MAIL_FROM, message->from);
    SET(CURLOPT_MAIL_RCPT, letter->to);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, letter);
    SET(CURLOPT_HEADERFUNCTION, on_reply);
    SET(CURLOPT_HEADERDATA, letter);
    SET(CURLOPT_ERRORBUFFER, letter->error);
    SET(CURLOPT_PRIVATE, letter);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_TIMEOUT_MS, smtp->timeout_ms);
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

static int smtp_submit(struct channel *channel, const struct channel_message *message,
                       struct complaint *why)
{
    struct smtp_channel *smtp = of(channel);
    if (!address_is_plain(message->to))
        return complain(why, -EINVAL, "give an address such as name@unit.gov.cn",
                        "the official's mail address is not usable");
    if (smtp->simulated && !address_is_reserved(message->to))
        return complain(why, -EINVAL, "use an address in .test, .example or .invalid",
                        "a simulated ledger writes to nobody real");
    struct letter *letter = smtp->count == smtp->at_once ? NULL : letter_find(smtp, 0);
    if (letter == NULL)
        return -EBUSY;
    *letter = (struct letter){ .notice = message->notice, .size = message->content.size };
    smtp->count++;
    letter->easy = curl_easy_init();
    letter->to = curl_slist_append(NULL, message->to);
    letter->content = malloc(message->content.size == 0 ? 1 : message->content.size);
    int r = letter->easy == NULL || letter->to == NULL || letter->content == NULL ? -ENOMEM : 0;
    if (r == 0) {
        memcpy(letter->content, message->content.data, message->content.size);
        r = letter_options(smtp, letter, message);
    }
    if (r == 0 && curl_multi_add_handle(smtp->multi, letter->easy) != CURLM_OK)
        r = -ENOMEM;
    if (r < 0)
        letter_free(smtp, letter);
    return r;
}

/* ---- progress ---- */

static void letter_done(struct smtp_channel *smtp, struct letter *letter, CURLcode result,
                        struct channel_event *event)
{
    long code = 0;
    (void)curl_easy_getinfo(letter->easy, CURLINFO_RESPONSE_CODE, &code); /* 0 if there is none */
    bool refused = code >= SMTP_ERROR_FIRST;
    event->notice = letter->notice;
    event->temporary = !(refused && code >= SMTP_PERMANENT_FIRST);
    if (result == CURLE_OK)
        event->kind = CHANNEL_SENT;
    else if (!letter->released || refused)
        event->kind = CHANNEL_FAILED;
    else
        event->kind = CHANNEL_IN_DOUBT;
    const char *said = refused                    ? letter->reply
                       : letter->error[0] != '\0' ? letter->error
                                                  : curl_easy_strerror(result);
    (void)snprintf(event->text, sizeof(event->text), "%s", said); /* cut is fine */
    letter_free(smtp, letter);
}

static void smtp_step(struct channel *channel, int64_t mono_ms, struct channel_event *ret_event)
{
    (void)mono_ms;
    struct smtp_channel *smtp = of(channel);
    *ret_event = (struct channel_event){ 0 };
    if (smtp->count == 0)
        return;
    int running, left;
    (void)curl_multi_perform(smtp->multi, &running); /* its errors come back per letter */
    for (CURLMsg *done = curl_multi_info_read(smtp->multi, &left); done != NULL;
         done = curl_multi_info_read(smtp->multi, &left)) {
        if (done->msg != CURLMSG_DONE)
            continue;
        char *held = NULL;
        CURLcode result = done->data.result;
        (void)curl_easy_getinfo(done->easy_handle, CURLINFO_PRIVATE, &held); /* set by us */
        letter_done(smtp, (struct letter *)(void *)held, result, ret_event);
        return;
    }
    for (size_t i = 0; i < smtp->at_once; i++) {
        struct letter *letter = &smtp->letters[i];
        if (letter->notice == 0 || !letter->body_out || letter->ready_told)
            continue;
        letter->ready_told = true;
        ret_event->kind = CHANNEL_READY;
        ret_event->notice = letter->notice;
        return;
    }
}

static int smtp_release(struct channel *channel, uint64_t notice)
{
    struct letter *letter = letter_find(of(channel), notice);
    if (letter == NULL)
        return -ENOENT; /* it failed meanwhile; its event tells */
    letter->released = true;
    return curl_easy_pause(letter->easy, CURLPAUSE_CONT) == CURLE_OK ? 0 : -EIO;
}

static void smtp_cancel(struct channel *channel, uint64_t notice)
{
    struct letter *letter = letter_find(of(channel), notice);
    if (letter != NULL)
        letter_free(of(channel), letter);
}

static size_t smtp_fds(struct channel *channel, struct pollfd *out, size_t cap)
{
    const struct smtp_channel *smtp = of(channel);
    fd_set readable, writable, other;
    int highest = -1;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_ZERO(&other);
    if (smtp->count == 0 ||
        curl_multi_fdset(smtp->multi, &readable, &writable, &other, &highest) != CURLM_OK)
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

static int smtp_timeout_ms(struct channel *channel)
{
    const struct smtp_channel *smtp = of(channel);
    long ms = -1;
    if (smtp->count == 0 || curl_multi_timeout(smtp->multi, &ms) != CURLM_OK)
        return -1;
    /* -1 means "no timer", but name look-ups may still be under way: look again soon. */
    enum { LOOK_AGAIN_MS = 100 };
    return ms < 0 || ms > LOOK_AGAIN_MS ? LOOK_AGAIN_MS : (int)ms;
}

static void smtp_free(struct channel *channel)
{
    struct smtp_channel *smtp = of(channel);
    for (size_t i = 0; i < smtp->at_once; i++)
        letter_free(smtp, &smtp->letters[i]);
    if (smtp->multi != NULL)
        (void)curl_multi_cleanup(smtp->multi); /* all handles are gone */
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
    complaint_at(why, "mail.url");
    if (strncmp(options->url, "smtp://", 7) != 0 && strncmp(options->url, "smtps://", 8) != 0)
        return complain(why, -EINVAL, "write it as smtp://mail.example.cn:587",
                        "'%s' is no mail server", options->url);
    if (options->simulated && !server_is_loopback(options->url))
        return complain(why, -EINVAL, "use a server on 127.0.0.1",
                        "a simulated ledger sends to servers on this host only");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        return -ENOMEM;
    struct smtp_channel *smtp = calloc(1, sizeof(*smtp));
    if (smtp == NULL) {
        curl_global_cleanup();
        return -ENOMEM;
    }
    smtp->base.ops = &ops;
    smtp->require_tls = options->require_tls;
    smtp->simulated = options->simulated;
    smtp->timeout_ms = options->timeout_ms;
    smtp->at_once = options->at_once < SMTP_AT_ONCE_MAX ? options->at_once : SMTP_AT_ONCE_MAX;
    smtp->multi = curl_multi_init();
    int r = smtp->multi == NULL ? -ENOMEM : copy(options->url, &smtp->url);
    if (r == 0)
        r = copy(options->user, &smtp->user);
    if (r == 0)
        r = copy(options->password, &smtp->password);
    if (r == 0)
        r = copy(options->ca_file, &smtp->ca_file);
    if (r < 0) {
        smtp_free(&smtp->base);
        return r;
    }
    *ret_channel = &smtp->base;
    return 0;
}
