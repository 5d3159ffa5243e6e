/* service.c - the notifier's loop: gather, decide in one transaction, sync, answer. */
#include "notifier/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "bus/config.h"
#include "ledger/deadline.h"
#include "ledger/registry.h"
#include "notifier/config.h"
#include "notifier/notifier.h"
#include "proto/blob.h"

enum {
    FRAMES_ARENA_BYTES = 192 * 1024 * 1024, /* a group of frames, unpacked */
    WORK_ARENA_BYTES = 512 * 1024 * 1024,   /* what a group decides */
    FDS_MAX = 64,
    IDLE_WAIT_MS = 500,         /* longest wait: status, registry age and todo are looked at */
    REFUSAL_LOG_MS = 60 * 1000, /* a refused peer is logged once a minute */
    DECIDE_LOG_MS = 60 * 1000,  /* so is a store that takes nothing: the log may share its disk */
    REST_MS = 1000,             /* after which it is tried again */
    STATUS_EVERY_MS = 1000,
    STATUS_BYTES = 1024,
};

/* ---- decisions ---- */

/* One transaction's worth of decisions. */
struct sitting {
    struct page *page;
    struct ledger_run *run;
    int64_t now_ms;
};

/* Nothing was written. Senders are told BUSY and keep what they have; what the ledger does by itself
 * waits, or it would try without end. */
static int sitting_failed(struct service *service, int r, const char *what)
{
    int64_t mono_ms = clock_mono_ms();
    service->rest_mono_ms = mono_ms + REST_MS;
    log_limited(service->log, &service->decide_log, mono_ms, LOG_LEVEL_ERROR, "%s: %s", what,
                strerror(-r));
    return r;
}

static int sitting_open(struct service *service, struct sitting *sitting)
{
    *sitting = (struct sitting){ .now_ms = clock_now_ms(service->clock) };
    int r = book_write(service->book, &sitting->page);
    if (r < 0)
        return sitting_failed(service, r, "beginning a transaction");
    arena_rewind(service->work, (struct arena_mark){ 0 });
    sitting->run =
        ledger_run_new(&service->rules, page_writer(sitting->page), page_journal(sitting->page),
                       book_head(service->book), service->work);
    if (sitting->run != NULL)
        return 0;
    page_abort(TAKE_PTR(sitting->page));
    return log_errno(service->log, -ENOMEM, "beginning a transaction");
}

/* Commits what was decided, or undoes it all when `r` tells of a failure. */
static int sitting_close(struct service *service, struct sitting *sitting, int r)
{
    CLEANUP(page_abortp) struct page *page = sitting->page;
    struct ledger_head head;
    if (r == 0)
        r = ledger_run_finish(sitting->run, sitting->now_ms, &head);
    if (r != 0)
        return sitting_failed(service, r, "deciding; nothing of it was applied");
    if (head.index == book_head(service->book).index)
        return 0; /* nothing new: duplicates, or questions */
    r = page_commit(TAKE_PTR(page), head);
    if (r == -EIO) {
        service->failed = true;
        return log_errno(service->log, r,
                         "committing: the store's state is unknown, stopping; run 'zhengban audit "
                         "verify' before starting again");
    }
    if (r < 0)
        return sitting_failed(service, r, "committing; nothing was settled");
    service->totals.commits++;
    return service_refresh(service);
}

int service_decide_many(struct service *service, const struct ledger_input *inputs, size_t count,
                        struct ledger_reply *replies)
{
    struct sitting sitting;
    int r = sitting_open(service, &sitting);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = ledger_run_input(sitting.run, &inputs[i], sitting.now_ms, &replies[i]);
    return sitting_close(service, &sitting, r);
}

int service_decide(struct service *service, const struct ledger_input *input,
                   struct ledger_reply *ret_reply)
{
    return service_decide_many(service, input, 1, ret_reply);
}

int service_decide_due(struct service *service, size_t most, size_t *ret_fired)
{
    struct sitting sitting;
    int r = sitting_open(service, &sitting);
    if (r < 0)
        return r;
    *ret_fired = 0;
    while (*ret_fired < most) {
        struct ledger_input due;
        struct ledger_reply reply;
        r = deadline_next_due(page_view(sitting.page), &due);
        if (r == -ENOENT || (r == 0 && due.due.fire_ms > sitting.now_ms)) {
            r = 0;
            break;
        }
        if (r == 0)
            r = ledger_run_input(sitting.run, &due, sitting.now_ms, &reply);
        if (r < 0)
            break;
        ++*ret_fired;
    }
    return sitting_close(service, &sitting, r);
}

/* ---- registry and admission ---- */

/* Signs the registry of the tables anew. */
static int registry_renew(struct service *service, const struct ledger_view *view)
{
    struct arena_mark mark = arena_mark(service->work);
    Zb__RegistryBody *body;
    struct registry *registry;
    int r = ledger_registry(view, service->work, clock_now_ms(service->clock), &body);
    if (r == 0)
        r = registry_build(body, &service->identity.sign_secret, &registry);
    arena_rewind(service->work, mark);
    if (r != 0)
        return log_errno(service->log, r, "signing the registry");
    registry_free(service->registry);
    service->registry = registry;
    return 0;
}

int service_refresh(struct service *service)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_read(service->book, &page);
    if (r < 0)
        return r;
    uint64_t version;
    struct arena_mark mark = arena_mark(service->frames);
    r = ledger_registry_version(page_view(page), service->frames, &version);
    arena_rewind(service->frames, mark);
    if (r < 0 || (service->registry != NULL && version == service->registry_version))
        return r;
    r = registry_renew(service, page_view(page));
    if (r < 0)
        return r;
    service->registry_version = version;
    if (service->server != NULL)
        bus_server_follow(service->server, service->registry);
    return 0;
}

/* Whom the ledger talks to. Collectors come through matchers. */
static const unsigned ADMITTED = ROLE_BIT(ROLE_MATCHER) | ROLE_BIT(ROLE_OFFICIAL);

static Zb__RefusalReason admit(void *ctx, struct bytes link_public, struct id128 *ret_id,
                               Zb__Role *ret_role)
{
    const struct service *service = ctx;
    return registry_admit(service->registry, ADMITTED, link_public, ret_id, ret_role);
}

static Zb__RefusalReason still_admitted(void *ctx, struct id128 id, Zb__Role *ret_role)
{
    const struct service *service = ctx;
    return registry_check(service->registry, ADMITTED, id, ret_role);
}

void service_refused(struct service *service, Zb__RefusalReason reason, struct bytes key)
{
    char hex[HEX256_SIZE] = "?";
    if (key.size <= sizeof(struct digest))
        hex_encode(key.data, key.size, hex);
    service->totals.refused++;
    refusals_count(service->refusals, reason, key);
    log_limited(service->log, &service->refusal_log, clock_mono_ms(), LOG_LEVEL_WARNING,
                "refused key %s: %s", hex, refusal_name(reason));
}

static void on_refused(void *ctx, Zb__RefusalReason reason, struct bytes key)
{
    service_refused(ctx, reason, key);
}

/* ---- start and stop ---- */

static int book_start(struct service *service, struct complaint *why)
{
    const struct config *config = daemon_config(service->daemon);
    const char *home = daemon_home(service->daemon);
    char path[FILE_PATH_SIZE];
    int r = path_join(path, sizeof(path), home, config_text(config, "notifier.key"));
    if (r == 0)
        r = identity_load(path, &service->identity, why);
    if (r == 0)
        r = path_join(path, sizeof(path), home, config_text(config, "notifier.store"));
    const struct book_options options = {
        .max_bytes = (uint64_t)config_int(config, "notifier.store_max_bytes"),
    };
    if (r == 0)
        r = book_open(path, &options, &service->book, why);
    if (r == 0 && book_is_new(service->book))
        r = complain(why, -ENOENT, "run 'zhengban init' first", "the ledger is empty");
    if (r < 0)
        return r;
    service->rules = rules_of(config);
    service->rules.ledger_key = service->identity.sign_public;
    service->rules.ledger_id = service->identity.id;
    service->rules.salt_seed = book_salt_seed(service->book);
    r = clock_restore(service, why);
    if (r == 0)
        service->refusals_since_ms = clock_now_ms(service->clock);
    return r;
}

static int bus_start(struct service *service, struct complaint *why)
{
    const struct config *config = daemon_config(service->daemon);
    struct bus_limits limits = bus_limits_of(config);
    int r = service_refresh(service);
    if (r == 0)
        r = bus_new(&service->identity, &limits, &service->bus);
    if (r < 0)
        return r;
    struct bus_server_options options = {
        .address = config_text(config, "ledger.address"),
        .admission = { .ctx = service,
                       .admit = admit,
                       .check = still_admitted,
                       .refused = on_refused },
        .welcome = ZB__WELCOME__INIT,
    };
    options.welcome.ledger_key = BLOB_OF(service->identity.id);
    r = bus_listen(service->bus, &options, &service->server, why);
    if (r < 0)
        return r;
    bus_server_follow(service->server, service->registry);
    return 0;
}

void notifier_stop(struct daemon *daemon, void *state)
{
    (void)daemon;
    struct service *service = state;
    if (service == NULL)
        return;
    outbox_free(service->outbox);
    judge_free(service->judge);
    bus_server_close(service->server);
    bus_free(service->bus);
    registry_free(service->registry);
    refusals_free(service->refusals);
    book_close(service->book);
    clock_free(service->clock);
    arena_free(service->work);
    arena_free(service->frames);
    free(service->advance.held);
    identity_wipe(&service->identity);
    free(service);
}

int notifier_start(struct daemon *daemon, void **ret_state, struct complaint *why)
{
    struct service *service = calloc(1, sizeof(*service));
    if (service == NULL)
        return -ENOMEM;
    service->daemon = daemon;
    service->log = daemon_log(daemon);
    service->refusal_log = (struct log_limit)LOG_LIMIT_INIT(REFUSAL_LOG_MS);
    service->decide_log = (struct log_limit)LOG_LIMIT_INIT(DECIDE_LOG_MS);
    service->commit_frames = (size_t)config_int(daemon_config(daemon), "notifier.commit_frames");
    service->frames = arena_new(FRAMES_ARENA_BYTES);
    service->work = arena_new(WORK_ARENA_BYTES);
    int r = service->frames == NULL || service->work == NULL ? -ENOMEM : seal_start();
    if (r == 0)
        r = book_start(service, why);
    if (r == 0)
        r = refusals_new(&service->refusals);
    if (r == 0)
        r = bus_start(service, why);
    if (r == 0)
        r = judge_new(&service->judge);
    if (r == 0)
        r = outbox_new(service, &service->outbox, why);
    if (r == 0)
        r = outbox_recover(service);
    if (r == 0)
        r = clock_publish(service);
    if (r < 0) {
        notifier_stop(daemon, service);
        return r;
    }
    *ret_state = service;
    return 0;
}

/* ---- the loop ---- */

/* DIR/run/notifier.status: one "name value" per line, for `zhengban status`. */
static int status_write(struct service *service, int64_t mono_ms)
{
    if (mono_ms - service->status_mono_ms < STATUS_EVERY_MS)
        return 0;
    service->status_mono_ms = mono_ms;
    const struct service_totals *t = &service->totals;
    struct buf text = BUF_INIT(STATUS_BYTES);
    buf_printf(&text,
               "commits %" PRIu64 "\nframes %" PRIu64 "\nevents %" PRIu64 "\nrefused %" PRIu64
               "\ncommands %" PRIu64 "\njournal %" PRIu64 "\n",
               t->commits, t->frames, t->events, t->refused, t->commands,
               book_head(service->book).index);
    char path[FILE_PATH_SIZE];
    int r = path_join(path, sizeof(path), daemon_home(service->daemon), "run/notifier.status");
    if (r == 0)
        r = file_write_atomic(path, buf_bytes(&text), 0644);
    buf_done(&text);
    return r;
}

static int wait_ms_of(struct service *service, bool busy)
{
    if (busy)
        return 0;
    int wait_ms = IDLE_WAIT_MS;
    if (clock_mono_ms() < service->rest_mono_ms)
        return wait_ms; /* what is due is not looked at before */
    int due_ms = clockwork_wait_ms(service);
    int out_ms = outbox_timeout_ms(service->outbox);
    if (due_ms >= 0 && due_ms < wait_ms)
        wait_ms = due_ms;
    if (out_ms >= 0 && out_ms < wait_ms)
        wait_ms = out_ms;
    return wait_ms;
}

/* What the ledger does by itself. A failure was logged, and all of it waits a little. */
static int own_work(struct service *service, int64_t mono_ms, bool *busy)
{
    if (mono_ms < service->rest_mono_ms)
        return 0;
    int r = outbox_pump(service, mono_ms);
    if (r == 0)
        r = upkeep_refusals(service, mono_ms, false);
    if (r == 0)
        r = upkeep_pump(service, mono_ms, busy);
    if (r == 0)
        r = clockwork_pump(service, *busy);
    if (r < 0) {
        *busy = false;
        if (mono_ms >= service->rest_mono_ms)
            service->rest_mono_ms = mono_ms + REST_MS; /* it failed without a decision */
    }
    return r;
}

static int turn(struct service *service)
{
    int taken = intake_drain(service);
    if (taken < 0 && service->failed)
        return taken;
    int64_t mono_ms = clock_mono_ms();
    bool busy = taken > 0;
    int r = own_work(service, mono_ms, &busy);
    if (r < 0 && service->failed)
        return r;
    (void)judge_pump(service, mono_ms);   /* reads only: asks again in a moment */
    (void)status_write(service, mono_ms); /* a full disk: the next second's will do */

    struct pollfd fds[FDS_MAX];
    fds[0] = (struct pollfd){ .fd = daemon_signal_fd(service->daemon), .events = POLLIN };
    size_t count = 1 + outbox_fds(service->outbox, fds + 1, FDS_MAX - 1);
    r = bus_wait(service->bus, fds, count, wait_ms_of(service, busy));
    if (r < 0)
        return log_errno(service->log, r, "waiting on the bus");
    if (fds[0].revents != 0)
        daemon_on_signal_readable(service->daemon);
    return 0;
}

int notifier_run(struct daemon *daemon, void *state)
{
    struct service *service = state;
    const char *address = bus_server_address(service->server);
    const char *colon = strrchr(address, ':');
    const struct daemon_port port = {
        .name = "bus",
        .port = (uint16_t)strtoul(colon == NULL ? "0" : colon + 1, NULL, 10),
    };
    int r = daemon_ready(daemon, &port, 1);
    if (r < 0)
        return log_errno(service->log, r, "publishing readiness");
    while (r == 0 && !daemon_stopping(daemon))
        r = turn(service);
    if (r == 0)
        (void)upkeep_refusals(service, clock_mono_ms(), true); /* logged; only counts are lost */
    return r;
}
