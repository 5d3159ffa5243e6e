/* smtp_driver.c - the mail channel in the hands of a script: drives it as notifier/outbox.c does.
 *
 *     smtp_driver URL [user=U] [password=P] [ca=FILE] [tls] [simulated] [timeout=MS] [at_once=N]
 *
 * Reads commands, one a line: "submit N FROM TO FILE", "release N", "cancel N", "release_all" (every
 * one that becomes READY from now on), "quit". Says what happens, one a line: "READY N", "SENT N",
 * "FAILED N temporary|permanent TEXT", "IN_DOUBT N TEXT", "REFUSED N ERRNO WHAT", "DONE" after
 * "quit" and the channel's end, and before it "SLOWEST MS": the longest that one call of the
 * channel took. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "notifier/channel.h"

enum { FDS_MAX = 512, LINE_BYTES = 4096, CONTENT_BYTES = 1024 * 1024 };

struct driver {
    struct channel *channel;
    bool release_all;
    bool stopping;
    int64_t slowest_ms;
    char line[LINE_BYTES];
    size_t line_bytes;
};

static int64_t call_begin(void)
{
    return clock_mono_ms();
}

static void call_end(struct driver *d, int64_t began_ms)
{
    int64_t took_ms = clock_mono_ms() - began_ms;
    if (took_ms > d->slowest_ms)
        d->slowest_ms = took_ms;
}

static void do_release(struct driver *d, uint64_t notice)
{
    int64_t began_ms = call_begin();
    int r = d->channel->ops->release(d->channel, notice);
    call_end(d, began_ms);
    if (r < 0)
        printf("RELEASE %" PRIu64 " %d\n", notice, r);
}

static void do_submit(struct driver *d, const char *args)
{
    uint64_t notice;
    char from[512], to[2600], path[1024], id[64];
    if (sscanf(args, "%" SCNu64 " %511s %2599s %1023s", &notice, from, to, path) != 4) {
        printf("BAD %s\n", args);
        return;
    }
    CLEANUP(arena_freep) struct arena *arena = arena_new(2 * CONTENT_BYTES);
    struct complaint why = { 0 };
    struct bytes content;
    int r = arena == NULL ? -ENOMEM : file_read(arena, path, CONTENT_BYTES, &content, &why);
    if (r == 0) {
        (void)snprintf(id, sizeof(id), "<%" PRIu64 "@driver.invalid>", notice); /* fits */
        const struct channel_message message = {
            .notice = notice, .from = from, .to = to, .content = content, .message_id = id
        };
        int64_t began_ms = call_begin();
        r = d->channel->ops->submit(d->channel, &message, &why);
        call_end(d, began_ms);
    }
    if (r < 0)
        printf("REFUSED %" PRIu64 " %d %s\n", notice, r, why.what);
}

static void do_command(struct driver *d, char *line)
{
    if (strncmp(line, "submit ", 7) == 0) {
        do_submit(d, line + 7);
    } else if (strncmp(line, "release ", 8) == 0) {
        do_release(d, strtoull(line + 8, NULL, 10));
    } else if (strncmp(line, "cancel ", 7) == 0) {
        int64_t began_ms = call_begin();
        d->channel->ops->cancel(d->channel, strtoull(line + 7, NULL, 10));
        call_end(d, began_ms);
        printf("CANCELLED %s\n", line + 7);
    } else if (strcmp(line, "release_all") == 0) {
        d->release_all = true;
    } else if (strcmp(line, "quit") == 0) {
        d->stopping = true;
    } else {
        printf("BAD %s\n", line);
    }
}

static void commands_read(struct driver *d)
{
    ssize_t n = read(STDIN_FILENO, d->line + d->line_bytes, sizeof(d->line) - d->line_bytes);
    if (n <= 0) {
        d->stopping = true;
        return;
    }
    d->line_bytes += (size_t)n;
    for (char *end; (end = memchr(d->line, '\n', d->line_bytes)) != NULL;) {
        *end = '\0';
        do_command(d, d->line);
        size_t used = (size_t)(end - d->line) + 1;
        memmove(d->line, d->line + used, d->line_bytes - used);
        d->line_bytes -= used;
    }
}

static void event_tell(struct driver *d, const struct channel_event *event)
{
    switch (event->kind) {
    case CHANNEL_READY:
        printf("READY %" PRIu64 "\n", event->notice);
        if (d->release_all)
            do_release(d, event->notice);
        break;
    case CHANNEL_SENT:
        printf("SENT %" PRIu64 "\n", event->notice);
        break;
    case CHANNEL_FAILED:
        printf("FAILED %" PRIu64 " %s %s\n", event->notice,
               event->temporary ? "temporary" : "permanent", event->text);
        break;
    case CHANNEL_IN_DOUBT:
        printf("IN_DOUBT %" PRIu64 " %s\n", event->notice, event->text);
        break;
    case CHANNEL_NONE:
        break;
    }
}

static void events_tell(struct driver *d)
{
    for (;;) {
        struct channel_event event = { 0 };
        int64_t began_ms = call_begin();
        d->channel->ops->step(d->channel, began_ms, &event);
        call_end(d, began_ms);
        if (event.kind == CHANNEL_NONE)
            return;
        event_tell(d, &event);
    }
}

static int drive(struct driver *d)
{
    while (!d->stopping) {
        struct pollfd fds[FDS_MAX];
        fds[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
        size_t n = d->channel->ops->fds(d->channel, fds + 1, FDS_MAX - 1);
        int timeout_ms = d->channel->ops->timeout_ms(d->channel);
        if (poll(fds, (nfds_t)n + 1, timeout_ms) < 0 && errno != EINTR)
            return -errno;
        events_tell(d);
        if (fds[0].revents != 0)
            commands_read(d);
    }
    return 0;
}

static void option_take(struct smtp_options *options, const char *arg)
{
    if (strncmp(arg, "user=", 5) == 0)
        options->user = arg + 5;
    else if (strncmp(arg, "password=", 9) == 0)
        options->password = arg + 9;
    else if (strncmp(arg, "ca=", 3) == 0)
        options->ca_file = arg + 3;
    else if (strncmp(arg, "timeout=", 8) == 0)
        options->timeout_ms = atoi(arg + 8);
    else if (strncmp(arg, "at_once=", 8) == 0)
        options->at_once = (size_t)atoi(arg + 8);
    else if (strcmp(arg, "tls") == 0)
        options->require_tls = true;
    else if (strcmp(arg, "simulated") == 0)
        options->simulated = true;
    else
        printf("BAD %s\n", arg);
}

int main(int argc, char *argv[])
{
    struct smtp_options options = { .url = argc > 1 ? argv[1] : "",
                                    .timeout_ms = 10000,
                                    .at_once = 8 };
    for (int i = 2; i < argc; i++)
        option_take(&options, argv[i]);
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* lines are what the script waits for */
    struct driver d = { 0 };
    struct complaint why = { 0 };
    int r = channel_smtp_new(&options, &d.channel, &why);
    if (r < 0) {
        printf("REFUSED 0 %d %s\n", r, why.what);
        return 0;
    }
    r = drive(&d);
    int64_t began_ms = call_begin();
    channel_free(d.channel);
    call_end(&d, began_ms);
    printf("SLOWEST %" PRId64 "\nDONE\n", d.slowest_ms);
    return r < 0 ? 1 : 0;
}
