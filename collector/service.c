/* service.c - the collector's loop: take in what is due, send what is spooled.
 *
 * What to send and what an answer means is the sender core's (bus/sender.h); this file owns the
 * sockets, the folder watches and the schedule. */
#include "collector/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "bus/config.h"
#include "bus/sender.h"
#include "collector/import.h"

enum {
    STEP_ARENA_BYTES = 256 * 1024 * 1024, /* a batch being built: its rows and its frame */
    STEPS_PER_TURN = 64,
    IDLE_WAIT_MS = 500,
    LOG_EVERY_MS = 60 * 1000,
    RETRY_SCAN_MS = 60 * 1000, /* a failed scan of this host is tried again */
    MINUTE_MS = 60 * 1000,
    WATCH_BYTES = 4096,
    CLOCK_EVERY_MS = 100,
};

struct collector {
    struct daemon *daemon;
    struct log *log;
    const struct config *item;
    struct identity identity;
    struct identity_public ledger;
    struct bus *bus;
    struct bus_client *links[SENDER_LINKS_MAX];
    size_t link_count;
    struct sender *sender;
    struct spool *spool;
    char spool_dir[FILE_PATH_SIZE];
    char drop_dir[FILE_PATH_SIZE]; /* "": none */
    int watch_fd;
    bool drop_dirty;           /* something may lie in the drop folder */
    int64_t drop_mono_ms;      /* look there not before this */
    struct arena *arena;       /* one step */
    int64_t step_mono_ms;      /* when the sender wants its next tick */
    int64_t scan_ms;           /* ledger time of the next scan of this host */
    int64_t scan_mono_ms;      /* not before this after a failure */
    bool stopped;              /* the ledger takes nothing from this key */
    struct ledger_clock clock; /* as last read ... */
    int64_t clock_mono_ms;     /* ... at this time */
    struct log_limit alarm_log, link_log, admit_log, scan_log, problem_log;
};

/* ---- the spool as the sender sees it ---- */

static int seam_position(void *ctx, struct stream_position *ret_position)
{
    return spool_position(ctx, ret_position);
}

static int seam_assign(void *ctx, size_t most, size_t *ret_assigned)
{
    return spool_assign(ctx, most, ret_assigned);
}

static int seam_event(void *ctx, uint64_t sequence, bool full, struct arena *arena,
                      struct outgoing_event *ret_event)
{
    return spool_event(ctx, sequence, full, arena, ret_event);
}

static int seam_settle(void *ctx, uint64_t epoch, const struct settled_outcome *outcomes,
                       size_t count, int64_t now_ms)
{
    return spool_settle(ctx, epoch, outcomes, count, now_ms);
}

static int seam_epoch(void *ctx, uint64_t epoch, bool behind)
{
    return spool_epoch(ctx, epoch, behind);
}

/* ---- taking in ---- */

/* One line a minute: a bad file may have a hundred thousand; the drop folder keeps them all beside
 * the file. */
static void on_problem(void *ctx, const struct source_problem *problem)
{
    struct collector *collector = ctx;
    log_limited(collector->log, &collector->problem_log, clock_mono_ms(), LOG_LEVEL_WARNING,
                "%s: %s: %s (%s)", problem->rejected ? "left out" : "ignored", problem->why.place,
                problem->why.what, problem->why.remedy);
}

static struct import_options import_options_of(struct collector *collector,
                                               const struct ledger_clock *clock)
{
    return (struct import_options){
        .unit = config_text(collector->item, "unit"),
        .now_ms = clock->now_ms,
        .simulated = clock->simulated,
        .ctx = collector,
        .problem = on_problem,
    };
}

/* Read from the file at most every CLOCK_EVERY_MS: a frame is not worth an open and a read. */
static int ledger_time(struct collector *collector, struct ledger_clock *ret_clock)
{
    int64_t mono_ms = clock_mono_ms();
    if (collector->clock_mono_ms == 0 || mono_ms - collector->clock_mono_ms >= CLOCK_EVERY_MS) {
        struct complaint why = { 0 };
        int r = ledger_clock_read(daemon_home(collector->daemon), &collector->clock, &why);
        if (r < 0) {
            log_complaint(collector->log, LOG_LEVEL_ERROR, &why, "reading the ledger's clock");
            return r;
        }
        collector->clock_mono_ms = mono_ms;
    }
    *ret_clock = collector->clock;
    return 0;
}

static int take_drops(struct collector *collector, int64_t mono_ms)
{
    if (!collector->drop_dirty || mono_ms < collector->drop_mono_ms)
        return 0;
    struct ledger_clock clock;
    int r = ledger_time(collector, &clock);
    if (r < 0)
        return r;
    const struct import_options options = import_options_of(collector, &clock);
    struct drop_result drop;
    struct complaint why = { 0 };
    r = drop_scan(collector->drop_dir, &options, collector->spool, &drop, &why);
    if (drop.taken + drop.rejected > 0)
        log_line(collector->log, LOG_LEVEL_INFO,
                 "drop folder: %zu files taken, %zu rejected (see rejected/)", drop.taken,
                 drop.rejected);
    /* What is still being written, and a full disk, are looked at again; the line must not suffer. */
    collector->drop_dirty = r < 0 || drop.waiting > 0;
    collector->drop_mono_ms = mono_ms + (r < 0 ? RETRY_SCAN_MS : DROP_SETTLE_MS);
    if (!collector->drop_dirty)
        collector->drop_mono_ms = 0;
    if (r < 0)
        log_complaint(collector->log, LOG_LEVEL_ERROR, &why,
                      "taking files from the drop folder %s: %s", collector->drop_dir,
                      strerror(-r));
    return 0;
}

static int take_host(struct collector *collector, int64_t mono_ms)
{
    if (!config_flag(collector->item, "scan_host") || mono_ms < collector->scan_mono_ms)
        return 0;
    struct ledger_clock clock;
    int r = ledger_time(collector, &clock);
    if (r < 0 || clock.now_ms < collector->scan_ms)
        return 0;
    const struct import_options options = import_options_of(collector, &clock);
    struct import_result result;
    struct complaint why = { 0 };
    r = import_host("", &options, collector->spool, &result, &why);
    if (r < 0) {
        log_limited(collector->log, &collector->scan_log, mono_ms, LOG_LEVEL_ERROR,
                    "scanning this computer: %s: %s", why.what, strerror(-r));
        collector->scan_mono_ms = mono_ms + RETRY_SCAN_MS;
        return 0;
    }
    log_line(collector->log, LOG_LEVEL_INFO, "scanned this computer: %zu items", result.items);
    collector->scan_ms =
        clock.now_ms + config_int(collector->item, "scan_every_minutes") * MINUTE_MS;
    return 0;
}

/* Whatever the watches say, the answer is the same: look again. */
static void watch_read(struct collector *collector)
{
    uint8_t events[WATCH_BYTES];
    while (read(collector->watch_fd, events, sizeof(events)) > 0)
        collector->drop_dirty = collector->drop_dir[0] != '\0';
    collector->step_mono_ms = 0;
}

/* ---- sending ---- */

static void carry_out(struct collector *collector, const struct sender_action *action)
{
    switch (action->kind) {
    case SENDER_SEND: {
        int r = bus_client_send(collector->links[action->link], action->type, action->message,
                                action->tag);
        /* What did not go out is sent again after resend_ms. */
        if (r < 0 && r != -ENOTCONN && r != -ENOBUFS && r != -EAGAIN)
            (void)log_errno(collector->log, r, "sending %s", frame_name(action->type));
        break;
    }
    case SENDER_ALARM:
        log_limited(collector->log, &collector->alarm_log, clock_mono_ms(), LOG_LEVEL_ERROR, "%s",
                    action->text);
        break;
    case SENDER_STOPPED:
        if (!collector->stopped)
            log_line(collector->log, LOG_LEVEL_ERROR, "the ledger takes nothing from this key: %s",
                     action->text);
        collector->stopped = true;
        break;
    }
}

static int step(struct collector *collector, const struct sender_event *event, bool *ret_more)
{
    struct ledger_clock clock;
    int r = ledger_time(collector, &clock);
    if (r < 0)
        return r;
    struct sender_actions actions;
    struct arena_mark mark = arena_mark(collector->arena);
    int64_t mono_ms = clock_mono_ms();
    r = sender_step(collector->sender, event, mono_ms, clock.now_ms, collector->arena, &actions);
    for (size_t i = 0; r == 0 && i < actions.count; i++)
        carry_out(collector, &actions.at[i]);
    arena_rewind(collector->arena, mark);
    if (r < 0)
        return log_errno(collector->log, r, "sending from the spool");
    collector->step_mono_ms = actions.next_ms;
    *ret_more = actions.more;
    return 0;
}

/* A key that is no longer admitted first sees its connection end, then the door shut: the second is
 * what the operator must read, and it must not drown in the first one's minute. */
static void log_down(struct collector *collector, size_t link)
{
    const char *fault = bus_client_fault(collector->links[link]);
    bool shut_out = strstr(fault, "does not admit") != NULL; /* the link layer has only words */
    log_limited(collector->log, shut_out ? &collector->admit_log : &collector->link_log,
                clock_mono_ms(), LOG_LEVEL_WARNING, "link %zu is down: %s", link, fault);
}

static int take_link(struct collector *collector, size_t link, bool *ret_more)
{
    for (size_t i = 0; i < STEPS_PER_TURN; i++) {
        struct arena_mark mark = arena_mark(collector->arena);
        enum bus_link_event what;
        struct bus_message in;
        int r = bus_client_receive(collector->links[link], collector->arena, clock_mono_ms(), &what,
                                   &in);
        if (r == -EAGAIN)
            return 0;
        if (r < 0)
            return log_errno(collector->log, r, "receiving");
        struct sender_event event = { .link = link };
        if (what == BUS_LINK_UP) {
            event.kind = SENDER_LINK_UP;
            event.credit_bytes = bus_client_credit(collector->links[link]);
        } else if (what == BUS_LINK_DOWN) {
            event.kind = SENDER_LINK_DOWN;
            log_down(collector, link);
        } else {
            event.kind = SENDER_FRAME;
            event.type = in.type;
            event.message = in.message;
        }
        r = step(collector, &event, ret_more);
        arena_rewind(collector->arena, mark);
        if (r < 0)
            return r;
    }
    *ret_more = true; /* there may be more than one turn's worth */
    return 0;
}

/* ---- daemon ---- */

void collector_stop(struct daemon *daemon, void *state)
{
    (void)daemon;
    struct collector *collector = state;
    if (collector == NULL)
        return;
    for (size_t i = 0; i < collector->link_count; i++)
        bus_client_close(collector->links[i]);
    bus_free(collector->bus);
    sender_free(collector->sender);
    spool_close(collector->spool);
    if (collector->watch_fd >= 0)
        (void)close(collector->watch_fd); /* only watched */
    arena_free(collector->arena);
    identity_wipe(&collector->identity);
    free(collector);
}

static int keys_load(struct collector *collector, struct complaint *why)
{
    const char *home = daemon_home(collector->daemon);
    char path[FILE_PATH_SIZE], file[128];
    (void)snprintf(file, sizeof(file), "keys/%.64s.key", daemon_instance(collector->daemon));
    int r = path_join(path, sizeof(path), home, file);
    if (r == 0)
        r = identity_load(path, &collector->identity, why);
    if (r == 0)
        r = path_join(path, sizeof(path), home,
                      config_text(daemon_config(collector->daemon), "ledger.slip"));
    return r < 0 ? r : slip_load(path, &collector->ledger, why);
}

static int link_open(struct collector *collector, const struct config *matcher,
                     struct complaint *why)
{
    char path[FILE_PATH_SIZE], file[128];
    struct identity_public slip;
    (void)snprintf(file, sizeof(file), "keys/%.64s.slip", config_text(matcher, "name"));
    int r = path_join(path, sizeof(path), daemon_home(collector->daemon), file);
    if (r == 0)
        r = slip_load(path, &slip, why);
    if (r < 0)
        return r;
    struct bus_client_options options = {
        .address = config_text(matcher, "address"),
        .hello = ZB__HELLO__INIT,
    };
    memcpy(options.server_link_public, slip.link_public, LINK_KEY_BYTES);
    options.hello.protocol = PROTOCOL_VERSION;
    options.hello.role = ROLE_COLLECTOR;
    options.hello.software = (char *)(uintptr_t) "zhengban-collector " ZB_VERSION;
    r = bus_connect(collector->bus, &options, &collector->links[collector->link_count], why);
    if (r == 0)
        collector->link_count++;
    return r;
}

static int links_start(struct collector *collector, struct complaint *why)
{
    const struct config *config = daemon_config(collector->daemon);
    struct bus_limits limits = bus_limits_of(config);
    int r = bus_new(&collector->identity, &limits, &collector->bus);
    size_t matchers = config_items(config, "matchers");
    if (r == 0 && matchers == 0)
        r = complain(why, -EINVAL, "list at least one under 'matchers' in config.yaml",
                     "there is no matcher to report to");
    for (size_t i = 0; r == 0 && i < matchers && i < SENDER_LINKS_MAX; i++)
        r = link_open(collector, config_item(config, "matchers", i), why);
    return r;
}

static int spool_start(struct collector *collector, struct complaint *why)
{
    char name[128];
    (void)snprintf(name, sizeof(name), "spool/%.64s", daemon_instance(collector->daemon));
    int r = path_join(collector->spool_dir, sizeof(collector->spool_dir),
                      daemon_home(collector->daemon), name);
    if (r == 0)
        r = file_make_dirs(collector->spool_dir, 0700);
    if (r == 0)
        r = spool_open(collector->spool_dir,
                       (uint64_t)config_int(collector->item, "spool_max_bytes"), &collector->spool,
                       why);
    if (r < 0)
        return r;
    const struct sender_spool seam = {
        .ctx = collector->spool,
        .position = seam_position,
        .assign = seam_assign,
        .event = seam_event,
        .settle = seam_settle,
        .epoch = seam_epoch,
    };
    struct ledger_clock clock;
    r = ledger_clock_read(daemon_home(collector->daemon), &clock, why);
    if (r == 0)
        r = spool_bind(collector->spool, collector->identity.id, clock.simulated, why);
    if (r < 0)
        return r;
    const struct sender_options options = {
        .identity = &collector->identity,
        .ledger_id = collector->ledger.id,
        .ledger_key = collector->ledger.sign_public,
        .simulated = clock.simulated,
        .resend_ms = config_int(collector->item, "resend_ms"),
        .batch_events = BOUND_EVENTS_PER_BATCH,
        .links = collector->link_count,
    };
    return sender_new(&options, &seam, &collector->sender);
}

static int watches_start(struct collector *collector)
{
    collector->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (collector->watch_fd < 0)
        return -errno;
    if (inotify_add_watch(collector->watch_fd, collector->spool_dir, IN_CLOSE_WRITE) < 0)
        return -errno;
    const char *drop = config_text(collector->item, "drop");
    if (drop[0] == '\0')
        return 0;
    int r = path_join(collector->drop_dir, sizeof(collector->drop_dir),
                      daemon_home(collector->daemon), drop);
    if (r == 0)
        r = file_make_dirs(collector->drop_dir, 0700);
    if (r < 0)
        return r;
    collector->drop_dirty = true; /* what came while nobody looked */
    return inotify_add_watch(collector->watch_fd, collector->drop_dir,
                             IN_CLOSE_WRITE | IN_MOVED_TO) < 0
               ? -errno
               : 0;
}

int collector_start(struct daemon *daemon, void **ret_state, struct complaint *why)
{
    struct collector *collector = calloc(1, sizeof(*collector));
    if (collector == NULL)
        return -ENOMEM;
    collector->daemon = daemon;
    collector->log = daemon_log(daemon);
    collector->watch_fd = -1;
    collector->alarm_log = (struct log_limit)LOG_LIMIT_INIT(LOG_EVERY_MS);
    collector->link_log = (struct log_limit)LOG_LIMIT_INIT(LOG_EVERY_MS);
    collector->admit_log = (struct log_limit)LOG_LIMIT_INIT(LOG_EVERY_MS);
    collector->scan_log = (struct log_limit)LOG_LIMIT_INIT(LOG_EVERY_MS);
    collector->problem_log = (struct log_limit)LOG_LIMIT_INIT(LOG_EVERY_MS);
    collector->item = collector_item(daemon_config(daemon), daemon_instance(daemon));
    collector->arena = arena_new(STEP_ARENA_BYTES);
    int r = collector->arena == NULL ? -ENOMEM : seal_start();
    if (r == 0 && collector->item == NULL)
        r = complain(why, -EINVAL, "add it to 'collectors' in config.yaml",
                     "no collector is called '%s'", daemon_instance(daemon));
    if (r == 0)
        r = keys_load(collector, why);
    if (r == 0)
        r = links_start(collector, why);
    if (r == 0)
        r = spool_start(collector, why);
    if (r == 0)
        r = watches_start(collector);
    if (r < 0) {
        collector_stop(daemon, collector);
        return r;
    }
    *ret_state = collector;
    return 0;
}

static int wait_ms_of(const struct collector *collector, bool more)
{
    if (more)
        return 0;
    int64_t wait_ms = collector->step_mono_ms - clock_mono_ms();
    return wait_ms < 0 ? 0 : wait_ms > IDLE_WAIT_MS ? IDLE_WAIT_MS : (int)wait_ms;
}

int collector_run(struct daemon *daemon, void *state)
{
    struct collector *collector = state;
    int r = daemon_ready(daemon, NULL, 0);
    if (r < 0)
        return log_errno(collector->log, r, "publishing readiness");
    while (r == 0 && !daemon_stopping(daemon)) {
        bool more = false;
        r = take_drops(collector, clock_mono_ms());
        if (r == 0)
            r = take_host(collector, clock_mono_ms());
        for (size_t i = 0; r == 0 && i < collector->link_count; i++)
            r = take_link(collector, i, &more);
        const struct sender_event tick = { .kind = SENDER_TICK };
        if (r == 0)
            r = step(collector, &tick, &more);
        if (r < 0)
            break;
        struct pollfd fds[] = {
            { .fd = daemon_signal_fd(daemon), .events = POLLIN },
            { .fd = collector->watch_fd, .events = POLLIN },
        };
        r = bus_wait(collector->bus, fds, ARRAY_LEN(fds), wait_ms_of(collector, more));
        if (r < 0)
            return log_errno(collector->log, r, "waiting on the bus");
        if (fds[0].revents != 0)
            daemon_on_signal_readable(daemon);
        if (fds[1].revents != 0)
            watch_read(collector);
    }
    return r;
}
