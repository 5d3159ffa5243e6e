/* service.c - the matcher's loop: admit, judge, forward; route the answers back. */
#include "matcher/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "bus/config.h"
#include "bus/refusals.h"
#include "matcher/recognise.h"
#include "proto/blob.h"
#include "proto/tag.h"

enum {
    FRAMES_PER_TURN = 64,
    TURN_MS = 100, /* judging large reports must not make peers think that nobody is here */
    TURN_ARENA_BYTES = 128 * 1024 * 1024,
    ROUTES = 16 * 1024,
    REGISTRY_EVERY_MS = 15 * 1000, /* design: pulled every 15 s */
    REGISTRY_OLD_MS = 60 * 1000,   /* older: nobody new is admitted */
    CATALOGUE_EVERY_MS = 1000,     /* a missing package is looked for again */
    LOG_EVERY_MS = 60 * 1000,
    IDLE_WAIT_MS = 500,
    BUSY_RETRY_MS = 200,
};

struct matcher {
    struct daemon *daemon;
    struct log *log;
    struct identity identity;
    struct identity_public ledger;
    struct bus *bus;
    struct bus_server *server;   /* collectors; opened once there is a registry */
    struct bus_client *upstream; /* the ledger */
    const char *address;
    bool up;
    struct registry *registry;
    int64_t registry_mono_ms; /* when it came; the copy's age counts from here */
    int64_t pulled_mono_ms;
    struct shelf *shelf;
    int64_t shelf_mono_ms;
    struct routes *routes;
    struct refusals *refusals;
    int64_t refusals_since_ms; /* by this computer's clock: the ledger's is not at hand */
    struct clock *clock;
    uint64_t next_tag;   /* of frames that answer to nobody: pulls, totals */
    struct arena *arena; /* one turn */
    struct log_limit refusal_log, catalogue_log, upstream_log;
    bool ready;
};

static const struct config_row matcher_rows[] = {
    { .key = "catalogue.packages",
      .kind = CONFIG_PATH,
      .default_text = "catalogue",
      .help = "Folder of catalogue packages, each named DIGEST.zbc." },
    { .key = "catalogue.compiled",
      .kind = CONFIG_PATH,
      .default_text = "catalogue/compiled",
      .help = "Folder of their compiled forms; may be removed at any time." },
};

static const struct config_row foreign_rows[] = {
    { .key = "collectors", .kind = CONFIG_FOREIGN, .help = "Read by the collectors." },
    { .key = "notifier", .kind = CONFIG_FOREIGN, .help = "Read by the notifier." },
    { .key = "notices", .kind = CONFIG_FOREIGN, .help = "Read by the notifier." },
    { .key = "mail", .kind = CONFIG_FOREIGN, .help = "Read by the notifier." },
    { .key = "rules", .kind = CONFIG_FOREIGN, .help = "Read by the notifier." },
};

const struct config_table matcher_foreign_config = {
    .title = "Sections of others",
    .rows = foreign_rows,
    .n_rows = ARRAY_LEN(foreign_rows),
};

const struct config_table matcher_config = {
    .title = "Matcher",
    .rows = matcher_rows,
    .n_rows = ARRAY_LEN(matcher_rows),
};

/* ---- admission, from the registry ---- */

static Zb__RefusalReason admit(void *ctx, struct bytes link_public, struct id128 *ret_id,
                               Zb__Role *ret_role)
{
    const struct matcher *matcher = ctx;
    /* A copy this old may lack a revocation: those already known stay, nobody new comes in. */
    if (clock_mono_ms() - matcher->registry_mono_ms > REGISTRY_OLD_MS)
        return REFUSAL_UNKNOWN_KEY;
    return registry_admit(matcher->registry, ROLE_BIT(ROLE_COLLECTOR), link_public, ret_id,
                          ret_role);
}

static Zb__RefusalReason still_admitted(void *ctx, struct id128 id, Zb__Role *ret_role)
{
    const struct matcher *matcher = ctx;
    return registry_check(matcher->registry, ROLE_BIT(ROLE_COLLECTOR), id, ret_role);
}

static void on_refused(void *ctx, Zb__RefusalReason reason, struct bytes key)
{
    struct matcher *matcher = ctx;
    char hex[HEX256_SIZE] = "?";
    if (key.size <= sizeof(struct digest))
        hex_encode(key.data, key.size, hex);
    refusals_count(matcher->refusals, reason, key);
    log_limited(matcher->log, &matcher->refusal_log, clock_mono_ms(), LOG_LEVEL_WARNING,
                "refused key %s: %s", hex, refusal_name(reason));
}

/* ---- towards collectors ---- */

static void refuse(struct matcher *matcher, const struct bus_message *in, uint64_t tag,
                   Zb__RefusalReason reason, const char *text)
{
    Zb__Refused refused = ZB__REFUSED__INIT;
    refused.tag = tag;
    refused.reason = reason;
    refused.text = (char *)(uintptr_t)text;
    on_refused(matcher, reason, bytes_of(in->key.b, sizeof(in->key.b)));
    /* A collector that has gone sends again when it is back. */
    (void)bus_server_send(matcher->server, in->peer, FRAME_REFUSED, &refused.base, tag);
}

static void busy(struct matcher *matcher, struct bus_peer peer, uint64_t tag)
{
    Zb__Busy message = ZB__BUSY__INIT;
    message.tag = tag;
    message.retry_ms = BUSY_RETRY_MS;
    (void)bus_server_send(matcher->server, peer, FRAME_BUSY, &message.base, tag);
}

/* Verdicts on the rows whose contents travel in this batch; rows that do not decode are left to the
 * ledger, which refuses the report that holds them. */
static int judge_rows(struct matcher *matcher, const ProtobufCBinaryData *rows, size_t count,
                      Zb__Verdict ***ret_verdicts, size_t *ret_count)
{
    const struct catalogue *catalogue = shelf_catalogue(matcher->shelf);
    *ret_count = 0;
    *ret_verdicts = arena_calloc(matcher->arena, count + 1, sizeof(**ret_verdicts));
    if (*ret_verdicts == NULL)
        return -ENOMEM;
    for (size_t i = 0; catalogue != NULL && i < count; i++) {
        Zb__Verdict *verdict = arena_alloc(matcher->arena, sizeof(*verdict));
        if (verdict == NULL)
            return -ENOMEM;
        int r = recognise_bytes(catalogue, blob_bytes(rows[i]), matcher->arena, verdict, NULL);
        if (r == -ENOMEM || r == -EIO)
            return r;
        if (r == 0)
            (*ret_verdicts)[(*ret_count)++] = verdict;
    }
    return 0;
}

static bool all_unchanged(const Zb__BatchHeader *header)
{
    for (size_t i = 0; i < header->n_events; i++)
        if (header->events[i]->kind != EVENT_UNCHANGED)
            return false;
    return true;
}

static int forward_batch(struct matcher *matcher, const struct bus_message *in, int64_t mono_ms)
{
    const Zb__Batch *batch = (const Zb__Batch *)in->message;
    struct complaint why = { 0 };
    Zb__BatchHeader *header = NULL;
    int r = MESSAGE_UNPACK(batch_header, blob_bytes(batch->header), matcher->arena, &header, &why);
    if (r < 0) {
        refuse(matcher, in, batch->tag, REFUSAL_BAD_FRAME, why.what);
        return 0;
    }
    if (!bytes_eq(blob_bytes(header->producer), bytes_of(in->key.b, sizeof(in->key.b)))) {
        refuse(matcher, in, batch->tag, REFUSAL_KEY_MISMATCH,
               "the batch is signed by a key other than the link's");
        return 0;
    }
    /* Units are the ledger's to check: its refusal is signed and settles the report. Ours would keep
     * it, and all that travel with it, in the spool for ever. */
    Zb__Forward forward = ZB__FORWARD__INIT;
    if (!all_unchanged(header)) {
        r = judge_rows(matcher, batch->rows, batch->n_rows, &forward.verdicts, &forward.n_verdicts);
        if (r < 0)
            return r;
    }
    forward.tag = routes_add(matcher->routes, in->peer, batch->tag, mono_ms);
    if (forward.tag == 0) {
        busy(matcher, in->peer, batch->tag);
        return 0;
    }
    /* The batch goes on as it came: its header's signature is over those bytes. */
    forward.batch = blob_of(in->payload);
    r = bus_client_send(matcher->upstream, FRAME_FORWARD, &forward.base, forward.tag);
    if (r == -EMSGSIZE && forward.n_verdicts > 0) {
        /* Too much for one frame with its verdicts: the ledger will ask for them. */
        forward.n_verdicts = 0;
        r = bus_client_send(matcher->upstream, FRAME_FORWARD, &forward.base, forward.tag);
    }
    if (r == 0)
        return 0;
    struct route route;
    (void)routes_take(matcher->routes, forward.tag, &route); /* put there just above */
    if (r == -EMSGSIZE)
        refuse(matcher, in, batch->tag, REFUSAL_TOO_LARGE, "the batch does not fit a frame");
    else
        busy(matcher, in->peer, batch->tag);
    return r == -EMSGSIZE || r == -ENOBUFS || r == -ENOTCONN || r == -EAGAIN ? 0 : r;
}

static int forward_resume(struct matcher *matcher, const struct bus_message *in, int64_t mono_ms)
{
    Zb__Resume resume = *(const Zb__Resume *)in->message;
    uint64_t peer_tag = resume.tag;
    resume.tag = routes_add(matcher->routes, in->peer, peer_tag, mono_ms);
    int r = resume.tag == 0
                ? -ENOBUFS
                : bus_client_send(matcher->upstream, FRAME_RESUME, &resume.base, resume.tag);
    if (r < 0) {
        struct route route;
        (void)routes_take(matcher->routes, resume.tag, &route); /* may be the missing tag 0 */
        busy(matcher, in->peer, peer_tag);
    }
    return r == -ENOBUFS || r == -ENOTCONN || r == -EAGAIN ? 0 : r;
}

static int take_from_collectors(struct matcher *matcher, int64_t mono_ms, size_t *ret_taken)
{
    if (matcher->server == NULL)
        return 0;
    for (size_t i = 0; i < FRAMES_PER_TURN; i++) {
        struct arena_mark mark = arena_mark(matcher->arena);
        struct bus_message in;
        int r = bus_server_receive(matcher->server, matcher->arena, mono_ms, &in);
        if (r == -EAGAIN)
            return 0;
        ++*ret_taken;
        if (r == 0 && in.type == FRAME_BATCH)
            r = forward_batch(matcher, &in, mono_ms);
        else if (r == 0 && in.type == FRAME_RESUME)
            r = forward_resume(matcher, &in, mono_ms);
        else if (r == 0 && in.type != FRAME_HELLO)
            refuse(matcher, &in, in.tag, REFUSAL_BAD_FRAME, "a matcher takes no such frame");
        if (r == -ENOMEM)
            r = 0; /* the sender hears nothing and sends again, to another matcher or in parts */
        arena_rewind(matcher->arena, mark);
        if (r < 0)
            return r;
        if (clock_mono_ms() - mono_ms > TURN_MS)
            break; /* answers of the ledger wait, and heartbeats */
    }
    return 0;
}

/* ---- towards the ledger ---- */

static int say_hello(struct matcher *matcher)
{
    Zb__Hello hello = ZB__HELLO__INIT;
    struct digest digest;
    ProtobufCBinaryData name;
    hello.protocol = PROTOCOL_VERSION;
    hello.role = ROLE_MATCHER;
    hello.software = (char *)(uintptr_t) "zhengban-matcher " ZB_VERSION;
    hello.takes_judge = true;
    if (shelf_catalogue(matcher->shelf) != NULL) {
        digest = catalogue_digest(shelf_catalogue(matcher->shelf));
        name = BLOB_OF(digest);
        hello.catalogues = &name;
        hello.n_catalogues = 1;
    }
    return bus_client_hello(matcher->upstream, &hello);
}

/* Follows the ledger's active catalogue as soon as its package is here. */
static int follow_catalogue(struct matcher *matcher, int64_t mono_ms)
{
    struct digest digest;
    if (matcher->registry == NULL || mono_ms - matcher->shelf_mono_ms < CATALOGUE_EVERY_MS ||
        !digest_of(registry_active_catalogue(matcher->registry), &digest))
        return 0;
    matcher->shelf_mono_ms = mono_ms;
    const struct catalogue *now = shelf_catalogue(matcher->shelf);
    if (now != NULL && digest_eq(catalogue_digest(now), digest))
        return 0;
    struct complaint why = { 0 };
    int r = shelf_want(matcher->shelf, digest, &why);
    if (r == -EAGAIN)
        return 0;
    if (r < 0) {
        log_limited(matcher->log, &matcher->catalogue_log, mono_ms, LOG_LEVEL_WARNING,
                    "the active catalogue cannot be used, rows stay unjudged: %s: %s", why.what,
                    strerror(-r));
        return 0;
    }
    log_line(matcher->log, LOG_LEVEL_NOTICE, "judging by catalogue '%s', %" PRIu64 " products",
             catalogue_label(shelf_catalogue(matcher->shelf)),
             catalogue_products(shelf_catalogue(matcher->shelf)));
    return say_hello(matcher);
}

static int serve_collectors(struct matcher *matcher)
{
    struct bus_server_options options = {
        .address = matcher->address,
        .admission = { .ctx = matcher,
                       .admit = admit,
                       .check = still_admitted,
                       .refused = on_refused },
        .welcome = ZB__WELCOME__INIT,
    };
    options.welcome.ledger_key = BLOB_OF(matcher->ledger.id);
    struct complaint why = { 0 };
    int r = bus_listen(matcher->bus, &options, &matcher->server, &why);
    if (r < 0) {
        log_complaint(matcher->log, LOG_LEVEL_ERROR, &why, "listening on %s", matcher->address);
        return r;
    }
    const char *colon = strrchr(bus_server_address(matcher->server), ':');
    const struct daemon_port port = {
        .name = "bus",
        .port = (uint16_t)strtoul(colon == NULL ? "0" : colon + 1, NULL, 10),
    };
    r = daemon_ready(matcher->daemon, &port, 1);
    return r < 0 ? log_errno(matcher->log, r, "publishing readiness") : 0;
}

static int take_registry(struct matcher *matcher, const Zb__Registry *message, int64_t mono_ms)
{
    struct complaint why = { 0 };
    struct registry *registry;
    int r = registry_open(blob_bytes(message->body), blob_bytes(message->signature),
                          &matcher->ledger.sign_public, &registry, &why);
    if (r < 0) {
        log_complaint(matcher->log, LOG_LEVEL_ERROR, &why,
                      "ignoring a registry that the ledger did not sign");
        return 0;
    }
    if (matcher->registry != NULL &&
        registry_version(registry) < registry_version(matcher->registry)) {
        registry_free(registry); /* an older copy, late on its way */
        return 0;
    }
    registry_free(matcher->registry);
    matcher->registry = registry;
    matcher->registry_mono_ms = mono_ms;
    if (matcher->server == NULL)
        r = serve_collectors(matcher);
    if (r < 0)
        return r;
    bus_server_follow(matcher->server, registry);
    return 0;
}

static int take_judge(struct matcher *matcher, const Zb__Judge *judge)
{
    const struct catalogue *catalogue = shelf_catalogue(matcher->shelf);
    struct digest asked;
    Zb__Verdicts verdicts = ZB__VERDICTS__INIT;
    verdicts.tag = judge->tag;
    if (catalogue != NULL && digest_of(blob_bytes(judge->catalogue), &asked) &&
        digest_eq(asked, catalogue_digest(catalogue))) {
        int r = judge_rows(matcher, judge->rows, judge->n_rows, &verdicts.verdicts,
                           &verdicts.n_verdicts);
        if (r < 0)
            return r;
    }
    /* Unanswered, the ledger asks again, perhaps somebody else. */
    (void)bus_client_send(matcher->upstream, FRAME_VERDICTS, &verdicts.base, verdicts.tag);
    return 0;
}

/* A key that was revoked must not stay until the next pull, when the ledger's heartbeat tells of a
 * newer registry already. */
static void follow_registry(struct matcher *matcher, const Zb__Pong *pong)
{
    if (matcher->registry != NULL && pong->registry_version > registry_version(matcher->registry))
        matcher->pulled_mono_ms = 0;
}

/* An answer of the ledger goes to whoever waits for it, under the tag it gave. */
static void route_back(struct matcher *matcher, const struct bus_message *in)
{
    struct route route;
    if (!routes_take(matcher->routes, in->tag, &route) || matcher->server == NULL)
        return;
    /* The message is this turn's own: its tag may be changed in place. */
    ProtobufCMessage *message = (ProtobufCMessage *)(uintptr_t)in->message;
    message_set_tag(message, route.peer_tag);
    (void)bus_server_send(matcher->server, route.peer, in->type, message, route.peer_tag);
}

/* Whatever was on its way when the line broke: if an answer ever was, it is lost. Who waits sends
 * again at once rather than after his whole patience; a repeat counts once. */
static void return_all(struct matcher *matcher)
{
    struct route route;
    while (matcher->server != NULL && routes_take_any(matcher->routes, &route))
        busy(matcher, route.peer, route.peer_tag);
}

static int take_from_ledger(struct matcher *matcher, int64_t mono_ms, size_t *ret_taken)
{
    for (size_t i = 0; i < FRAMES_PER_TURN; i++) {
        struct arena_mark mark = arena_mark(matcher->arena);
        enum bus_link_event event;
        struct bus_message in;
        int r = bus_client_receive(matcher->upstream, matcher->arena, mono_ms, &event, &in);
        if (r == -EAGAIN)
            return 0;
        if (r < 0)
            return r;
        ++*ret_taken;
        if (event == BUS_LINK_UP) {
            matcher->up = true;
            matcher->pulled_mono_ms = 0;
        } else if (event == BUS_LINK_DOWN) {
            matcher->up = false;
            return_all(matcher);
            log_limited(matcher->log, &matcher->upstream_log, mono_ms, LOG_LEVEL_WARNING,
                        "no line to the ledger: %s", bus_client_fault(matcher->upstream));
        } else if (event == BUS_LINK_MESSAGE) {
            switch (in.type) {
            case FRAME_REGISTRY:
                r = take_registry(matcher, (const Zb__Registry *)in.message, mono_ms);
                break;
            case FRAME_JUDGE:
                r = take_judge(matcher, (const Zb__Judge *)in.message);
                break;
            case FRAME_SETTLED:
            case FRAME_RESUMED:
            case FRAME_BUSY:
            case FRAME_REFUSED:
                route_back(matcher, &in);
                break;
            case FRAME_PONG:
                follow_registry(matcher, (const Zb__Pong *)in.message);
                break;
            default:
                break;
            }
        }
        arena_rewind(matcher->arena, mark);
        if (r < 0 && r != -ENOMEM)
            return r;
    }
    return 0;
}

static void pull_registry(struct matcher *matcher, int64_t mono_ms)
{
    if (!matcher->up ||
        (matcher->pulled_mono_ms != 0 && mono_ms - matcher->pulled_mono_ms < REGISTRY_EVERY_MS))
        return;
    Zb__RegistryPull pull = ZB__REGISTRY_PULL__INIT;
    pull.tag = matcher->next_tag++;
    pull.have_version = matcher->registry == NULL ? 0 : registry_version(matcher->registry);
    if (bus_client_send(matcher->upstream, FRAME_REGISTRY_PULL, &pull.base, pull.tag) == 0)
        matcher->pulled_mono_ms = mono_ms;
}

static void report_refusals(struct matcher *matcher, int64_t mono_ms)
{
    if (!matcher->up || !refusals_due(matcher->refusals, mono_ms))
        return;
    struct arena_mark mark = arena_mark(matcher->arena);
    const Zb__Refusals *report =
        refusals_report(matcher->refusals, matcher->refusals_since_ms, matcher->arena);
    if (report != NULL) {
        Zb__Refusals message = *report;
        message.tag = matcher->next_tag++;
        if (bus_client_send(matcher->upstream, FRAME_REFUSALS, &message.base, message.tag) == 0) {
            refusals_clear(matcher->refusals, mono_ms);
            matcher->refusals_since_ms = clock_now_ms(matcher->clock);
        }
    }
    arena_rewind(matcher->arena, mark);
}

/* ---- daemon ---- */

void matcher_stop(struct daemon *daemon, void *state)
{
    (void)daemon;
    struct matcher *matcher = state;
    if (matcher == NULL)
        return;
    bus_server_close(matcher->server);
    bus_client_close(matcher->upstream);
    bus_free(matcher->bus);
    registry_free(matcher->registry);
    shelf_free(matcher->shelf);
    routes_free(matcher->routes);
    refusals_free(matcher->refusals);
    clock_free(matcher->clock);
    arena_free(matcher->arena);
    identity_wipe(&matcher->identity);
    free(matcher);
}

static int keys_load(struct matcher *matcher, struct complaint *why)
{
    const char *home = daemon_home(matcher->daemon);
    const char *name = daemon_instance(matcher->daemon);
    const struct config *config = daemon_config(matcher->daemon);
    const struct config *item = matcher_item(config, name);
    if (item == NULL)
        return complain(why, -EINVAL, "add it to 'matchers' in config.yaml",
                        "no matcher is called '%s'", name);
    matcher->address = config_text(item, "address");
    char path[FILE_PATH_SIZE], file[128];
    (void)snprintf(file, sizeof(file), "keys/%.64s.key", name);
    int r = path_join(path, sizeof(path), home, file);
    if (r == 0)
        r = identity_load(path, &matcher->identity, why);
    if (r == 0)
        r = path_join(path, sizeof(path), home, config_text(config, "ledger.slip"));
    return r < 0 ? r : slip_load(path, &matcher->ledger, why);
}

static int links_start(struct matcher *matcher, struct complaint *why)
{
    const struct config *config = daemon_config(matcher->daemon);
    struct bus_limits limits = bus_limits_of(config);
    int r = bus_new(&matcher->identity, &limits, &matcher->bus);
    if (r < 0)
        return r;
    struct bus_client_options options = {
        .address = config_text(config, "ledger.address"),
        .hello = ZB__HELLO__INIT,
    };
    memcpy(options.server_link_public, matcher->ledger.link_public, LINK_KEY_BYTES);
    options.hello.protocol = PROTOCOL_VERSION;
    options.hello.role = ROLE_MATCHER;
    options.hello.takes_judge = true;
    return bus_connect(matcher->bus, &options, &matcher->upstream, why);
}

static int shelf_start(struct matcher *matcher)
{
    const struct config *config = daemon_config(matcher->daemon);
    const char *home = daemon_home(matcher->daemon);
    char packages[FILE_PATH_SIZE], compiled[FILE_PATH_SIZE];
    int r = path_join(packages, sizeof(packages), home, config_text(config, "catalogue.packages"));
    if (r == 0)
        r = path_join(compiled, sizeof(compiled), home, config_text(config, "catalogue.compiled"));
    return r < 0 ? r : shelf_new(packages, compiled, &matcher->shelf);
}

int matcher_start(struct daemon *daemon, void **ret_state, struct complaint *why)
{
    struct matcher *matcher = calloc(1, sizeof(*matcher));
    if (matcher == NULL)
        return -ENOMEM;
    matcher->daemon = daemon;
    matcher->log = daemon_log(daemon);
    matcher->next_tag = UINT64_C(1) << 63; /* apart from routed tags */
    matcher->refusal_log = (struct log_limit)LOG_LIMIT_INIT(LOG_EVERY_MS);
    matcher->catalogue_log = (struct log_limit)LOG_LIMIT_INIT(LOG_EVERY_MS);
    matcher->upstream_log = (struct log_limit)LOG_LIMIT_INIT(LOG_EVERY_MS);
    matcher->arena = arena_new(TURN_ARENA_BYTES);
    matcher->clock = clock_new_real();
    int r = matcher->arena == NULL || matcher->clock == NULL ? -ENOMEM : seal_start();
    if (r == 0)
        r = keys_load(matcher, why);
    if (r == 0)
        r = shelf_start(matcher);
    if (r == 0)
        r = routes_new(ROUTES, &matcher->routes);
    if (r == 0)
        r = refusals_new(&matcher->refusals);
    if (r == 0)
        matcher->refusals_since_ms = clock_now_ms(matcher->clock);
    if (r == 0)
        r = links_start(matcher, why);
    if (r < 0) {
        matcher_stop(daemon, matcher);
        return r;
    }
    *ret_state = matcher;
    return 0;
}

int matcher_run(struct daemon *daemon, void *state)
{
    struct matcher *matcher = state;
    while (!daemon_stopping(daemon)) {
        int64_t mono_ms = clock_mono_ms();
        size_t taken = 0;
        int r = take_from_ledger(matcher, mono_ms, &taken);
        if (r == 0)
            r = take_from_collectors(matcher, mono_ms, &taken);
        if (r == 0)
            r = follow_catalogue(matcher, mono_ms);
        if (r < 0)
            return log_errno(matcher->log, r, "serving");
        report_refusals(matcher, mono_ms);
        pull_registry(matcher, mono_ms);
        struct pollfd fd = { .fd = daemon_signal_fd(daemon), .events = POLLIN };
        r = bus_wait(matcher->bus, &fd, 1, taken > 0 ? 0 : IDLE_WAIT_MS);
        if (r < 0)
            return log_errno(matcher->log, r, "waiting on the bus");
        if (fd.revents != 0)
            daemon_on_signal_readable(daemon);
    }
    return 0;
}
