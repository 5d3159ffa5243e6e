/* outbox.c - notices on their way out.
 *
 *   PLANNED ──claim──▶ CLAIMED ──rendered, handed to a channel──▶ (all but the last bytes are out)
 *      ──▶ COMMITTING, synced ──▶ last bytes leave ──▶ SENT | FAILED | IN_DOUBT
 *
 * The ledger's record decides at every arrow; what stands in memory is only which channel holds
 * which notice. After a crash, COMMITTING is IN_DOUBT: the other side may have it. CLAIMED cannot
 * have been taken by anybody, because its last bytes never left. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "ledger/key.h"
#include "notifier/context.h"
#include "notifier/render.h"
#include "notifier/service.h"
#include "proto/blob.h"

enum {
    OUTBOX_MAX = 256,          /* deliveries under way */
    NOTICE_BYTES = 256 * 1024, /* a rendered message */
    PASSWORD_BYTES = 256,
};

struct delivery {
    uint64_t notice;
    struct channel *channel;
};

/* What a channel said and the ledger could not write down yet: a full disk must not turn a notice
 * that has left into one in doubt, nor one that has not into one that is forgotten. */
struct held {
    struct channel *channel; /* NULL: nothing is held */
    struct channel_event event;
};

struct outbox {
    struct held held;
    struct channel *smtp; /* NULL: no mail server is configured */
    struct channel *file;
    struct delivery under_way[OUTBOX_MAX];
    size_t count;
    size_t at_once;
    const char *from;
    char template_dir[FILE_PATH_SIZE];
    char names_dir[FILE_PATH_SIZE];
    const char *ledger_name;
    char *name_held;
};

/* ---- channels ---- */

static int smtp_open(struct service *service, struct outbox *outbox, struct complaint *why)
{
    const struct config *config = daemon_config(service->daemon);
    const char *url = config_text(config, "mail.url");
    if (url[0] == '\0')
        return 0;
    const char *home = daemon_home(service->daemon);
    uint8_t password[PASSWORD_BYTES + 1] = { 0 };
    size_t password_bytes = 0;
    char path[FILE_PATH_SIZE], ca[FILE_PATH_SIZE];
    int r = 0;
    if (config_text(config, "mail.password_file")[0] != '\0') {
        r = path_join(path, sizeof(path), home, config_text(config, "mail.password_file"));
        if (r == 0)
            r = file_read_secret(path, password, PASSWORD_BYTES, &password_bytes, why);
        while (password_bytes > 0 && password[password_bytes - 1] == '\n')
            password[--password_bytes] = '\0';
    }
    bool has_ca = config_text(config, "mail.ca_file")[0] != '\0';
    if (r == 0 && has_ca)
        r = path_join(ca, sizeof(ca), home, config_text(config, "mail.ca_file"));
    const char *user = config_text(config, "mail.user");
    if (r == 0 && password_bytes > 0 && !config_flag(config, "mail.require_tls") &&
        !clock_is_simulated(service->clock)) {
        config_place(config, "mail.require_tls", why);
        r = complain(why, -EINVAL, "set mail.require_tls to yes",
                     "a password must not cross a line in clear text");
    }
    const struct smtp_options options = {
        .url = url,
        .user = user[0] == '\0' ? NULL : user,
        .password = password_bytes == 0 ? NULL : (const char *)password,
        .require_tls = config_flag(config, "mail.require_tls"),
        .ca_file = has_ca ? ca : NULL,
        .timeout_ms = (int)config_int(config, "mail.timeout_ms"),
        .at_once = outbox->at_once,
        .simulated = clock_is_simulated(service->clock),
    };
    if (r == 0)
        r = channel_smtp_new(&options, &outbox->smtp, why);
    seal_wipe(password, sizeof(password));
    return r;
}

static int file_open(struct service *service, struct outbox *outbox, struct complaint *why)
{
    char dir[FILE_PATH_SIZE];
    int r = path_join(dir, sizeof(dir), daemon_home(service->daemon),
                      config_text(daemon_config(service->daemon), "notices.drop"));
    if (r == 0)
        r = file_make_dirs(dir, 0700);
    return r < 0 ? r : channel_file_new(dir, &outbox->file, why);
}

/* The name on the letterhead stands in the first entry. */
static int name_load(struct service *service, struct outbox *outbox)
{
    static const uint8_t genesis_key[] = { 0 };
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_read(service->book, &page);
    if (r < 0)
        return r;
    Zb__GenesisRecord *genesis;
    r = LEDGER_GET(page_view(page), TABLE_GENESIS,
                   key_id(bytes_of(genesis_key, sizeof(genesis_key))), service->work, &genesis);
    if (r < 0)
        return r;
    outbox->name_held = strdup(genesis->name);
    outbox->ledger_name = outbox->name_held;
    return outbox->name_held == NULL ? -ENOMEM : 0;
}

int outbox_new(struct service *service, struct outbox **ret_outbox, struct complaint *why)
{
    const struct config *config = daemon_config(service->daemon);
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (outbox == NULL)
        return -ENOMEM;
    outbox->at_once = (size_t)config_int(config, "notices.at_once");
    outbox->from = config_text(config, "mail.from");
    int r = path_join(outbox->template_dir, sizeof(outbox->template_dir),
                      daemon_home(service->daemon), config_text(config, "notices.templates"));
    if (r == 0)
        r = path_join(outbox->names_dir, sizeof(outbox->names_dir), daemon_home(service->daemon),
                      config_text(config, "notices.names"));
    if (r == 0)
        r = name_load(service, outbox);
    if (r == 0)
        r = smtp_open(service, outbox, why);
    if (r == 0)
        r = file_open(service, outbox, why);
    if (r < 0) {
        outbox_free(outbox);
        return r;
    }
    *ret_outbox = outbox;
    return 0;
}

void outbox_free(struct outbox *outbox)
{
    if (outbox == NULL)
        return;
    channel_free(outbox->smtp);
    channel_free(outbox->file);
    free(outbox->name_held);
    free(outbox);
}

/* ---- one notice ---- */

static int notice_decide(struct service *service, uint64_t id, Zb__NoticeState state,
                         bool temporary, const char *error)
{
    const struct ledger_input input = {
        .kind = INPUT_NOTICE,
        .notice = { .id = id, .state = state, .error = error, .temporary = temporary },
    };
    struct ledger_reply reply;
    return service_decide(service, &input, &reply);
}

static int notice_get(struct service *service, const struct page *page, uint64_t id,
                      Zb__NoticeRecord **ret_notice)
{
    return LEDGER_GET(page_view(page), TABLE_NOTICE, key_u64(id), service->frames, ret_notice);
}

/* Whom it goes to: the official now in that role; personal data stands in `private` alone. */
static int person_get(struct service *service, const struct page *page,
                      const Zb__NoticeRecord *notice, Zb__PersonValue **ret_person)
{
    const struct ledger_view *view = page_view(page);
    Zb__OfficialRecord *official;
    int r = LEDGER_GET(view, TABLE_OFFICIAL,
                       key_text_u8(notice->official_unit, (uint8_t)notice->official),
                       service->frames, &official);
    if (r < 0)
        return r;
    Zb__PrivateRecord *held;
    r = LEDGER_GET(view, TABLE_PRIVATE, key_id(blob_bytes(official->person)), service->frames,
                   &held);
    if (r < 0)
        return r;
    return MESSAGE_UNPACK(person_value, blob_bytes(held->value), service->frames, ret_person, NULL);
}

static struct channel *channel_of(struct outbox *outbox, const char *name)
{
    if (strcmp(name, "smtp") == 0)
        return outbox->smtp;
    return strcmp(name, "file") == 0 ? outbox->file : NULL;
}

/* Renders and hands over a claimed notice; what goes wrong here is a FAILED that says why. */
static int notice_submit(struct service *service, uint64_t id, struct complaint *why)
{
    struct outbox *outbox = service->outbox;
    Zb__NoticeRecord *notice = NULL;
    Zb__PersonValue *person = NULL;
    struct render_context context = {
        .template_dir = outbox->template_dir,
        .ledger_name = outbox->ledger_name,
        .from = outbox->from,
        .now_ms = clock_now_ms(service->clock),
    };
    {
        CLEANUP(page_abortp) struct page *page = NULL;
        int r = book_read(service->book, &page);
        if (r == 0)
            r = notice_get(service, page, id, &notice);
        if (r == 0)
            r = person_get(service, page, notice, &person);
        if (r == 0)
            r = context_fill(page_view(page), outbox->names_dir, notice, service->frames, &context);
        if (r == -ENOENT)
            return complain(why, r, "name the official anew: zhengban official set",
                            "nobody is in the role that this notice goes to");
        if (r != 0)
            return r;
    }
    struct channel *channel = channel_of(outbox, notice->channel);
    if (channel == NULL)
        return complain(why, -ENOTCONN, "set mail.url, or give the official the channel 'file'",
                        "no channel '%s' is configured", notice->channel);
    struct buf content = BUF_INIT(NOTICE_BYTES);
    int r = render_mail(&context, notice, person, service->frames, &content, why);
    if (r == 0) {
        const struct channel_message message = {
            .notice = id,
            .from = outbox->from,
            .to = person->mail,
            .content = buf_bytes(&content),
            .message_id = notice->message_id,
        };
        r = channel->ops->submit(channel, &message, why);
    }
    buf_done(&content);
    if (r == 0)
        outbox->under_way[outbox->count++] = (struct delivery){ id, channel };
    return r;
}

/* A channel that is full takes it later; an address that cannot be used never. */
static int notice_not_taken(struct service *service, uint64_t id, int r,
                            const struct complaint *why)
{
    if (r == -EBUSY)
        return notice_decide(service, id, NOTICE_PLANNED, false, NULL);
    log_complaint(service->log, LOG_LEVEL_WARNING, why, "notice %" PRIu64 " cannot leave", id);
    return notice_decide(service, id, NOTICE_FAILED, r != -EINVAL, why->what);
}

static int notice_start(struct service *service, uint64_t id)
{
    int r = notice_decide(service, id, NOTICE_CLAIMED, false, NULL);
    if (r < 0)
        return r;
    struct arena_mark mark = arena_mark(service->frames);
    struct complaint why = { 0 };
    r = notice_submit(service, id, &why);
    if (r < 0)
        r = notice_not_taken(service, id, r, &why);
    arena_rewind(service->frames, mark);
    return r;
}

/* ---- deliveries ---- */

static void delivery_forget(struct outbox *outbox, uint64_t notice)
{
    for (size_t i = 0; i < outbox->count; i++) {
        if (outbox->under_way[i].notice == notice) {
            outbox->under_way[i] = outbox->under_way[--outbox->count];
            return;
        }
    }
}

/* The synced COMMITTING stands between all but the last bytes and the last bytes. */
static int delivery_commit(struct service *service, struct channel *channel, uint64_t id)
{
    int r = notice_decide(service, id, NOTICE_COMMITTING, false, NULL);
    if (r < 0)
        return r;
    Zb__NoticeRecord *notice = NULL;
    struct arena_mark mark = arena_mark(service->frames);
    CLEANUP(page_abortp) struct page *page = NULL;
    r = book_read(service->book, &page);
    if (r == 0)
        r = notice_get(service, page, id, &notice);
    if (r == 0 && notice->state == NOTICE_COMMITTING) {
        r = channel->ops->release(channel, id);
        if (r == -ENOENT)
            r = 0;       /* it failed meanwhile; its event is next */
    } else if (r == 0) { /* overtaken: the case was closed meanwhile */
        channel->ops->cancel(channel, id);
        delivery_forget(service->outbox, id);
    }
    arena_rewind(service->frames, mark);
    return r;
}

/* It counts as under way until the ledger knows: a simulated clock waits for it. */
static int delivery_ended(struct service *service, const struct channel_event *event,
                          Zb__NoticeState state, const char *text)
{
    int r = notice_decide(service, event->notice, state, event->temporary, text);
    if (r == 0)
        delivery_forget(service->outbox, event->notice);
    return r;
}

static int delivery_event(struct service *service, struct channel *channel,
                          const struct channel_event *event)
{
    switch (event->kind) {
    case CHANNEL_READY:
        return delivery_commit(service, channel, event->notice);
    case CHANNEL_SENT:
        return delivery_ended(service, event, NOTICE_SENT, NULL);
    case CHANNEL_FAILED:
        return delivery_ended(service, event, NOTICE_FAILED, event->text);
    case CHANNEL_IN_DOUBT:
        log_line(service->log, LOG_LEVEL_WARNING,
                 "notice %" PRIu64 " is in doubt: %s; see 'zhengban notice list'", event->notice,
                 event->text);
        return delivery_ended(service, event, NOTICE_IN_DOUBT, event->text);
    case CHANNEL_NONE:
        break;
    }
    return 0;
}

static int channel_pump(struct service *service, struct channel *channel, int64_t mono_ms)
{
    if (channel == NULL)
        return 0;
    for (;;) {
        struct channel_event event = { 0 };
        channel->ops->step(channel, mono_ms, &event);
        if (event.kind == CHANNEL_NONE)
            return 0;
        int r = delivery_event(service, channel, &event);
        if (r < 0) {
            service->outbox->held = (struct held){ .channel = channel, .event = event };
            return r;
        }
    }
}

/* What was held back is carried out before anything else happens. */
static int held_pump(struct service *service)
{
    struct held *held = &service->outbox->held;
    if (held->channel == NULL)
        return 0;
    int r = delivery_event(service, held->channel, &held->event);
    if (r == 0)
        held->channel = NULL;
    return r;
}

/* Ids of notices that are due now, oldest first. */
static int due_list(struct service *service, int64_t now_ms, uint64_t *out, size_t cap,
                    size_t *ret_count)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_read(service->book, &page);
    if (r < 0)
        return r;
    const struct ledger_view *view = page_view(page);
    struct ledger_key from = key_u64(0);
    *ret_count = 0;
    while (*ret_count < cap) {
        struct bytes key, value;
        r = view->seek(view->ctx, INDEX_OUTBOX, ledger_key_bytes(&from), &key, &value);
        if (r == -ENOENT)
            return 0;
        if (r < 0)
            return r;
        struct reader reader = reader_of(key);
        int64_t next_ms = (int64_t)read_u64be(&reader);
        uint64_t id = read_u64be(&reader);
        if (next_ms > now_ms)
            return 0;
        out[(*ret_count)++] = id;
        from = key_u64_u64((uint64_t)next_ms, id + 1);
    }
    return 0;
}

int outbox_pump(struct service *service, int64_t mono_ms)
{
    struct outbox *outbox = service->outbox;
    int r = held_pump(service);
    if (r == 0)
        r = channel_pump(service, outbox->smtp, mono_ms);
    if (r == 0)
        r = channel_pump(service, outbox->file, mono_ms);
    if (r < 0 || outbox->count >= outbox->at_once)
        return r;
    uint64_t due[OUTBOX_MAX];
    size_t count;
    r = due_list(service, clock_now_ms(service->clock), due, outbox->at_once - outbox->count,
                 &count);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = notice_start(service, due[i]);
    return r;
}

int outbox_recover(struct service *service)
{
    uint64_t after = 0;
    for (;;) {
        Zb__NoticeState state = NOTICE_STATE_NONE;
        struct arena_mark mark = arena_mark(service->frames);
        {
            CLEANUP(page_abortp) struct page *page = NULL;
            int r = book_read(service->book, &page);
            if (r < 0)
                return r;
            const struct ledger_view *view = page_view(page);
            struct ledger_key from = key_u64(after + 1);
            struct bytes key, value;
            while (state != NOTICE_CLAIMED && state != NOTICE_COMMITTING) {
                r = view->seek(view->ctx, TABLE_NOTICE, ledger_key_bytes(&from), &key, &value);
                if (r == -ENOENT)
                    return 0;
                Zb__NoticeRecord *notice = NULL;
                if (r == 0)
                    r = MESSAGE_UNPACK(notice_record, value, service->frames, &notice, NULL);
                if (r != 0)
                    return r;
                after = notice->id;
                state = notice->state;
                from = key_u64(after + 1);
                arena_rewind(service->frames, mark);
            }
        }
        int r = state == NOTICE_COMMITTING
                    ? notice_decide(service, after, NOTICE_IN_DOUBT, false,
                                    "the notifier stopped while the last bytes were leaving")
                    : notice_decide(service, after, NOTICE_FAILED, true,
                                    "the notifier stopped before the message had left");
        if (r < 0)
            return r;
    }
}

size_t outbox_fds(struct outbox *outbox, struct pollfd *out, size_t cap)
{
    size_t n = outbox->smtp == NULL ? 0 : outbox->smtp->ops->fds(outbox->smtp, out, cap);
    return n + outbox->file->ops->fds(outbox->file, out + n, cap - n);
}

int outbox_timeout_ms(struct outbox *outbox)
{
    if (outbox->count == 0)
        return -1;
    int smtp = outbox->smtp == NULL ? -1 : outbox->smtp->ops->timeout_ms(outbox->smtp);
    int file = outbox->file->ops->timeout_ms(outbox->file);
    return smtp < 0 ? file : file < 0 ? smtp : smtp < file ? smtp : file;
}

int outbox_quiet(struct service *service, int64_t now_ms, bool *ret_quiet)
{
    uint64_t id;
    size_t count;
    *ret_quiet = false;
    if (service->outbox->count > 0)
        return 0;
    int r = due_list(service, now_ms, &id, 1, &count);
    *ret_quiet = r == 0 && count == 0;
    return r;
}
