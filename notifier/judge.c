/* judge.c - asks matchers for the verdicts that the ledger lacks.
 *
 * The table `todo` is the only memory of what is wanted; what stands here is who was asked and when,
 * and may be lost at any time. New rows mostly come with their verdicts; what remains is a new
 * catalogue, second opinions, and rows whose matcher died. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ledger/key.h"
#include "notifier/service.h"
#include "proto/blob.h"
#include "proto/row.h"

enum {
    JUDGE_PEERS = 64,             /* matchers known at once; more are simply not asked */
    JUDGE_ROWS = 512,             /* rows of one JUDGE */
    JUDGE_SCAN = 8192,            /* rows of `todo` looked at per pump */
    JUDGE_TIMEOUT_MS = 10000,     /* an unanswered JUDGE is forgotten, and its rows asked again */
    JUDGE_EVERY_MS = 50,          /* between two looks at `todo` */
    JUDGE_REST_MS = 2000,         /* a matcher that said nothing of use is not asked for so long */
    JUDGE_ROW_BYTES = 1024 * 1024 /* canonical bytes of one JUDGE */
};

struct judge_peer {
    struct bus_peer peer;
    struct id128 key;
    bool takes_judge;
    bool lives; /* while looking who does */
    struct digest catalogues[BOUND_CATALOGUES];
    size_t catalogue_count;
    uint64_t tag; /* of the JUDGE under way, 0: none */
    int64_t asked_mono_ms;
    int64_t rest_mono_ms;           /* not asked before this */
    struct id128 asked[JUDGE_ROWS]; /* the rows of the JUDGE under way, in its order */
    size_t asked_count;
};

struct judge {
    struct judge_peer peers[JUDGE_PEERS];
    size_t count;
    uint64_t next_tag;
    uint64_t cursor; /* row number after which the next look begins */
    int64_t next_mono_ms;
};

int judge_new(struct judge **ret_judge)
{
    struct judge *judge = calloc(1, sizeof(*judge));
    if (judge == NULL)
        return -ENOMEM;
    judge->next_tag = 1;
    *ret_judge = judge;
    return 0;
}

void judge_free(struct judge *judge)
{
    free(judge);
}

static bool same_peer(struct bus_peer a, struct bus_peer b)
{
    return a.route_size == b.route_size && memcmp(a.route, b.route, a.route_size) == 0;
}

static struct judge_peer *peer_find(struct judge *judge, struct bus_peer peer)
{
    for (size_t i = 0; i < judge->count; i++)
        if (same_peer(judge->peers[i].peer, peer))
            return &judge->peers[i];
    return NULL;
}

static void peer_forget(struct judge *judge, struct judge_peer *peer)
{
    *peer = judge->peers[--judge->count];
}

/* Marks who is still there. */
static void peer_lives(void *ctx, struct bus_peer peer, struct id128 key)
{
    (void)key;
    struct judge_peer *p = peer_find(ctx, peer);
    if (p != NULL)
        p->lives = true;
}

/* Lines that ended leave nothing behind but their place here, which a new one may need. */
static void peers_forget_gone(struct judge *judge, struct bus_server *server)
{
    for (size_t i = 0; i < judge->count; i++)
        judge->peers[i].lives = false;
    bus_server_peers(server, ROLE_MATCHER, peer_lives, judge);
    for (size_t i = judge->count; i > 0; i--)
        if (!judge->peers[i - 1].lives)
            peer_forget(judge, &judge->peers[i - 1]);
}

void judge_hello(struct judge *judge, struct bus_server *server, struct bus_peer peer,
                 struct id128 key, const Zb__Hello *hello)
{
    struct judge_peer *p = peer_find(judge, peer);
    if (hello->role != ROLE_MATCHER || !hello->takes_judge) {
        if (p != NULL)
            peer_forget(judge, p);
        return;
    }
    if (p == NULL) {
        if (judge->count == JUDGE_PEERS)
            peers_forget_gone(judge, server);
        if (judge->count == JUDGE_PEERS)
            return;
        p = &judge->peers[judge->count++];
        *p = (struct judge_peer){ .peer = peer };
    }
    p->key = key;
    p->takes_judge = true;
    p->catalogue_count = 0;
    for (size_t i = 0; i < hello->n_catalogues && i < BOUND_CATALOGUES; i++)
        if (digest_of(blob_bytes(hello->catalogues[i]), &p->catalogues[p->catalogue_count]))
            p->catalogue_count++;
}

/* How many of the rows that were asked are answered: in their order, some perhaps left out. */
static size_t answered_rows(const struct judge_peer *peer, const Zb__Verdicts *verdicts)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i < verdicts->n_verdicts && at < peer->asked_count; i++) {
        struct bytes row = blob_bytes(verdicts->verdicts[i]->row);
        size_t next = at;
        while (next < peer->asked_count &&
               !bytes_eq(row, bytes_of(peer->asked[next].b, sizeof(peer->asked[next].b))))
            next++;
        if (next < peer->asked_count) {
            at = next + 1;
            count++;
        }
    }
    return count;
}

void judge_answered(struct judge *judge, struct bus_peer peer, const Zb__Verdicts *verdicts,
                    int64_t mono_ms)
{
    struct judge_peer *p = peer_find(judge, peer);
    if (p == NULL || p->tag == 0 || p->tag != verdicts->tag)
        return;
    p->tag = 0;
    if (answered_rows(p, verdicts) == p->asked_count)
        judge->next_mono_ms = 0; /* there may be more to ask at once */
    else
        p->rest_mono_ms = mono_ms + JUDGE_REST_MS; /* the others are asked first */
}

static bool judges_by(const struct judge_peer *peer, struct digest catalogue)
{
    for (size_t i = 0; i < peer->catalogue_count; i++)
        if (digest_eq(peer->catalogues[i], catalogue))
            return true;
    return false;
}

/* What one idle matcher will be asked. */
struct question {
    struct judge_peer *peer;
    ProtobufCBinaryData *rows;
    size_t count;
    size_t bytes;
};

static bool has_spoken(const Zb__VerdictRecord *record, const struct id128 *key)
{
    for (size_t i = 0; record != NULL && i < record->n_opinions; i++)
        if (bytes_eq(blob_bytes(record->opinions[i]->matcher), bytes_of(key->b, sizeof(key->b))))
            return true;
    return false;
}

/* Puts the row on the list of the first idle matcher that has not spoken of it. */
static int question_add(struct service *service, const struct ledger_view *view, uint64_t row,
                        struct bytes active, struct question *questions, size_t count)
{
    Zb__VerdictRecord *record = NULL;
    int r = LEDGER_GET(view, TABLE_VERDICT, key_u64(row), service->work, &record);
    if (r < 0 && r != -ENOENT)
        return r;
    if (record != NULL && !bytes_eq(blob_bytes(record->catalogue), active))
        record = NULL; /* opinions by another catalogue do not count */
    if (record != NULL && record->conflict)
        return 0; /* an alarm is up; asking again changes nothing */
    for (size_t i = 0; i < count; i++) {
        struct question *q = &questions[i];
        if (q->count == JUDGE_ROWS || q->bytes > JUDGE_ROW_BYTES ||
            has_spoken(record, &q->peer->key))
            continue;
        Zb__RowRecord *content;
        r = LEDGER_GET(view, TABLE_ROW, key_u64(row), service->work, &content);
        if (r < 0)
            return r;
        q->peer->asked[q->count] = row_id(blob_bytes(content->canonical));
        q->rows[q->count++] = content->canonical;
        q->bytes += content->canonical.len;
        return 0;
    }
    return 0;
}

/* Walks `todo` from the cursor, round and round over the pumps. */
static int questions_fill(struct service *service, const struct ledger_view *view,
                          struct bytes active, struct question *questions, size_t count)
{
    struct judge *judge = service->judge;
    for (size_t seen = 0; seen < JUDGE_SCAN; seen++) {
        struct ledger_key from = key_u64(judge->cursor + 1);
        struct bytes key, value;
        int r = view->seek(view->ctx, TABLE_TODO, ledger_key_bytes(&from), &key, &value);
        if (r == -ENOENT) {
            judge->cursor = 0;
            return 0;
        }
        if (r < 0)
            return r;
        judge->cursor = get_u64be(key.data);
        r = question_add(service, view, judge->cursor, active, questions, count);
        if (r < 0)
            return r;
    }
    return 0;
}

static int questions_send(struct service *service, struct digest catalogue,
                          const struct question *questions, size_t count, int64_t mono_ms)
{
    struct judge *judge = service->judge;
    for (size_t i = 0; i < count; i++) {
        const struct question *q = &questions[i];
        if (q->count == 0)
            continue;
        Zb__Judge message = ZB__JUDGE__INIT;
        message.tag = judge->next_tag++;
        message.catalogue = BLOB_OF(catalogue);
        message.rows = q->rows;
        message.n_rows = q->count;
        int r = bus_server_send(service->server, q->peer->peer, FRAME_JUDGE, &message.base, 0);
        if (r == 0) {
            q->peer->tag = message.tag;
            q->peer->asked_count = q->count;
            q->peer->asked_mono_ms = mono_ms;
        } else {
            /* It has gone, or is full: others may be asked, and it says HELLO again. */
            q->peer->takes_judge = false;
        }
    }
    for (size_t i = judge->count; i > 0; i--)
        if (!judge->peers[i - 1].takes_judge)
            peer_forget(judge, &judge->peers[i - 1]);
    return 0;
}

int judge_pump(struct service *service, int64_t mono_ms)
{
    struct judge *judge = service->judge;
    struct digest catalogue;
    if (mono_ms < judge->next_mono_ms || judge->count == 0 ||
        !digest_of(registry_active_catalogue(service->registry), &catalogue))
        return 0;
    judge->next_mono_ms = mono_ms + JUDGE_EVERY_MS;

    struct question questions[JUDGE_PEERS];
    size_t count = 0;
    struct arena_mark mark = arena_mark(service->work);
    for (size_t i = 0; i < judge->count; i++) {
        struct judge_peer *p = &judge->peers[i];
        if (p->tag != 0 && mono_ms - p->asked_mono_ms > JUDGE_TIMEOUT_MS) {
            p->tag = 0;
            p->rest_mono_ms = mono_ms + JUDGE_REST_MS;
        }
        if (p->tag != 0 || mono_ms < p->rest_mono_ms || !judges_by(p, catalogue))
            continue;
        ProtobufCBinaryData *rows = arena_calloc(service->work, JUDGE_ROWS, sizeof(*rows));
        if (rows == NULL)
            break;
        questions[count++] = (struct question){ .peer = p, .rows = rows };
    }
    int r = 0;
    if (count > 0) {
        CLEANUP(page_abortp) struct page *page = NULL;
        r = book_read(service->book, &page);
        if (r == 0)
            r = questions_fill(service, page_view(page), bytes_of(catalogue.b, sizeof(catalogue.b)),
                               questions, count);
        if (r == 0)
            r = questions_send(service, catalogue, questions, count, mono_ms);
    }
    arena_rewind(service->work, mark);
    return r;
}
