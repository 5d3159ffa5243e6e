/* audit.c - walks the journal to check it, to count it, and to replay it. */
#include "notifier/audit.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/file.h"
#include "base/json.h"
#include "ledger/key.h"
#include "proto/blob.h"
#include "proto/frame.h"

enum {
    ENTRY_ARENA_BYTES = 64 * 1024 * 1024,
    PAGE_ENTRIES = 1024, /* replayed in one transaction */
    EVENT_KEY_BYTES = 32,
    CHECKPOINT_BODY_BYTES = 512,
    REMOVE_OPEN_DIRS = 4,
};

static const char RESTORE[] = "keep this folder as evidence and restore the ledger from a backup";

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void audit_copy_close(struct book *copy, const char *dir)
{
    book_close(copy);
    /* A copy that stays behind costs room, never correctness. */
    if (dir[0] != '\0')
        (void)nftw(dir, remove_one, REMOVE_OPEN_DIRS, FTW_DEPTH | FTW_PHYS);
}

int audit_copy(struct book *book, const char *parent, struct book **ret_copy, char *ret_dir,
               struct complaint *why)
{
    ret_dir[0] = '\0';
    int r = path_join(ret_dir, FILE_PATH_SIZE, parent, "copy-XXXXXX");
    if (r == 0 && mkdtemp(ret_dir) == NULL) {
        r = -errno;
        ret_dir[0] = '\0';
        complaint_at(why, "%s", parent);
        return complain(why, r, "give the folder to this user", "no folder can be made here");
    }
    if (r == 0)
        r = kv_copy(book_kv(book), ret_dir);
    if (r == -ENOSPC)
        (void)complain(why, r, "make room on the disk of this home",
                       "there is no room for a copy of the ledger");
    const struct book_options options = { .read_only = true };
    if (r == 0)
        r = book_open(ret_dir, &options, ret_copy, why);
    if (r < 0)
        audit_copy_close(NULL, ret_dir);
    return r;
}

/* ---- the walk ---- */

/* The journal of a copy, entry by entry, its chain checked on the way. */
struct journal_walk {
    struct page *page;
    struct arena *arena; /* one entry */
    struct ledger_head head;
    uint64_t last; /* index of the last entry */
    struct complaint *why;
};

static int journal_walk_begin(struct book *copy, struct complaint *why, struct journal_walk *walk)
{
    *walk = (struct journal_walk){
        .arena = arena_new(ENTRY_ARENA_BYTES),
        .last = book_head(copy).index,
        .why = why,
    };
    return walk->arena == NULL ? -ENOMEM : book_read(copy, &walk->page);
}

static void journal_walk_end(struct journal_walk *walk)
{
    page_abort(walk->page);
    arena_free(walk->arena);
}

static int at_entry(const struct journal_walk *walk, uint64_t index, int r, const char *what)
{
    complaint_at(walk->why, "entry %" PRIu64 " of %" PRIu64, index, walk->last);
    return complain(walk->why, r, RESTORE, "%s", what);
}

/* The next entry and its bytes, until the next call; -ENOENT at the end. */
static int journal_walk_next(struct journal_walk *walk, Zb__Entry **ret_entry,
                             struct bytes *ret_bytes)
{
    if (walk->head.index == walk->last)
        return -ENOENT;
    arena_rewind(walk->arena, (struct arena_mark){ 0 });
    uint64_t index = walk->head.index + 1;
    int r = page_entry(walk->page, index, ret_bytes);
    if (r == -ENOENT)
        return at_entry(walk, index, -EBADMSG, "it is missing");
    if (r < 0)
        return r;
    r = ledger_verify_entry(&walk->head, *ret_bytes, walk->arena, ret_entry, walk->why);
    if (r == -EBADMSG && walk->why != NULL) {
        char what[sizeof(walk->why->what)];
        (void)snprintf(what, sizeof(what), "%s", walk->why->what); /* of the same size */
        return at_entry(walk, index, r, what);
    }
    return r;
}

/* ---- verify ---- */

static int signer_of(struct journal_walk *walk, struct bytes id, struct seal_public *ret_public)
{
    Zb__KeyRecord *record;
    int r = LEDGER_GET(page_view(walk->page), TABLE_KEY, key_id(id), walk->arena, &record);
    if (r == 0 && (record->key == NULL || record->key->sign_public.len != sizeof(ret_public->b)))
        r = -EBADMSG;
    if (r == 0)
        memcpy(ret_public->b, record->key->sign_public.data, sizeof(ret_public->b));
    return r;
}

static int check_signature(struct journal_walk *walk, const Zb__Entry *entry, struct bytes signer,
                           const char *purpose, struct bytes message)
{
    struct seal_public key;
    int r = signer_of(walk, signer, &key);
    if (r == -ENOENT || r == -EBADMSG)
        return at_entry(walk, entry->index, -EBADMSG, "the key that signed it is not enrolled");
    if (r < 0)
        return r;
    if (!seal_verify(&key, purpose, message, blob_bytes(entry->signature)))
        return at_entry(walk, entry->index, -EBADMSG, "its signature is not the named key's");
    return 0;
}

static int check_entry(struct journal_walk *walk, const Zb__Entry *entry,
                       struct audit_summary *summary)
{
    int r = 0;
    if (entry->at_ms < summary->last_ms)
        return at_entry(walk, entry->index, -EBADMSG, "its time lies before the entry's before it");
    if (entry->header.len > 0) {
        Zb__BatchHeader *header = NULL;
        r = MESSAGE_UNPACK(batch_header, blob_bytes(entry->header), walk->arena, &header, NULL);
        if (r == -EBADMSG)
            return at_entry(walk, entry->index, r, "its batch header cannot be read");
        if (r == 0)
            r = check_signature(walk, entry, blob_bytes(header->producer), PURPOSE_BATCH,
                                blob_bytes(entry->header));
        summary->batches += r == 0;
    } else if (entry->command.len > 0) {
        Zb__CommandBody *body = NULL;
        r = MESSAGE_UNPACK(command_body, blob_bytes(entry->command), walk->arena, &body, NULL);
        if (r == -EBADMSG)
            return at_entry(walk, entry->index, r, "its command cannot be read");
        if (r == 0)
            r = check_signature(walk, entry, blob_bytes(body->actor), PURPOSE_COMMAND,
                                blob_bytes(entry->command));
        summary->commands += r == 0;
    }
    return r;
}

static int check_head(struct book *copy, const struct journal_walk *walk,
                      const Zb__CheckpointBody *checkpoint, struct audit_summary *summary)
{
    summary->head = walk->head;
    if (!digest_eq(walk->head.chain, book_head(copy).chain))
        return at_entry(walk, walk->head.index, -EBADMSG, "the chain does not end at the head");
    if (checkpoint != NULL && summary->checkpoint == 0) {
        complaint_at(walk->why, "checkpoint of entry %" PRIu64, checkpoint->index);
        return complain(walk->why, -EBADMSG, RESTORE,
                        "the journal ends at entry %" PRIu64 ": entries that existed are gone",
                        walk->head.index);
    }
    return 0;
}

int audit_verify(struct book *copy, const Zb__CheckpointBody *checkpoint,
                 struct audit_summary *ret_summary, struct complaint *why)
{
    struct audit_summary summary = { 0 };
    struct journal_walk walk;
    Zb__Entry *entry;
    struct bytes bytes;
    int r = journal_walk_begin(copy, why, &walk);
    while (r == 0 && (r = journal_walk_next(&walk, &entry, &bytes)) == 0) {
        if (summary.first_ms == 0)
            summary.first_ms = entry->at_ms;
        r = check_entry(&walk, entry, &summary);
        summary.last_ms = entry->at_ms;
        if (r == 0 && checkpoint != NULL && checkpoint->index == walk.head.index) {
            if (!bytes_eq(blob_bytes(checkpoint->chain), digest_bytes(&walk.head.chain)))
                r = at_entry(&walk, entry->index, -EBADMSG,
                             "the checkpoint names another chain: history was rewritten");
            summary.checkpoint = checkpoint->index;
        }
    }
    if (r == -ENOENT)
        r = check_head(copy, &walk, checkpoint, &summary);
    journal_walk_end(&walk);
    if (r == 0)
        *ret_summary = summary;
    return r;
}

/* ---- rebuild ---- */

static int replay_page(struct journal_walk *walk, struct book *fresh)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_write(fresh, &page);
    for (size_t i = 0; r == 0 && i < PAGE_ENTRIES; i++) {
        Zb__Entry *entry;
        struct bytes bytes;
        r = journal_walk_next(walk, &entry, &bytes);
        if (r == -ENOENT)
            return i == 0 ? r : page_commit(TAKE_PTR(page), walk->head);
        if (r == 0)
            r = ledger_apply(page_writer(page), entry, walk->arena);
        if (r == -EBADMSG)
            return at_entry(walk, walk->head.index, r, "its effects cannot be applied");
        if (r == 0)
            r = page_journal(page)->append(page_journal(page)->ctx, walk->head.index, bytes);
    }
    return r < 0 ? r : page_commit(TAKE_PTR(page), walk->head);
}

/* No entry holds private values: they are taken over as they stand. */
static int take_private(struct page *from, struct book *fresh, struct arena *arena)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    int r = book_write(fresh, &page);
    if (r < 0)
        return r;
    const struct ledger_writer *writer = page_writer(page);
    struct ledger_walk walk = ledger_walk(page_view(from), TABLE_PRIVATE, (struct ledger_key){ 0 });
    struct bytes key, value;
    while (r == 0) {
        struct arena_mark mark = arena_mark(arena);
        r = ledger_walk_next(&walk, arena, &key, &value);
        if (r == 0)
            r = writer->put(writer->view.ctx, TABLE_PRIVATE, key, value);
        arena_rewind(arena, mark);
    }
    return r == -ENOENT ? page_commit(TAKE_PTR(page), book_head(fresh)) : r;
}

static int differ(enum ledger_table table, struct bytes key, const char *what,
                  struct complaint *why)
{
    char hex[2 * LEDGER_KEY_BYTES + 1];
    hex_encode(key.data, key.size < LEDGER_KEY_BYTES ? key.size : LEDGER_KEY_BYTES, hex);
    complaint_at(why, "table %s, key %.100s", ledger_table_name(table), hex);
    return complain(why, -EBADMSG, RESTORE, "%s", what);
}

/* Both tables key by key. */
static int compare_table(const struct ledger_view *is, const struct ledger_view *should,
                         enum ledger_table table, struct arena *arena, uint64_t *records,
                         struct complaint *why)
{
    struct ledger_walk a = ledger_walk(is, table, (struct ledger_key){ 0 });
    struct ledger_walk b = ledger_walk(should, table, (struct ledger_key){ 0 });
    for (;;) {
        struct arena_mark mark = arena_mark(arena);
        struct bytes key_a = { 0 }, value_a = { 0 }, key_b = { 0 }, value_b = { 0 };
        int r = ledger_walk_next(&a, arena, &key_a, &value_a);
        int s = ledger_walk_next(&b, arena, &key_b, &value_b);
        if ((r < 0 && r != -ENOENT) || (s < 0 && s != -ENOENT))
            return r < 0 && r != -ENOENT ? r : s;
        if (r < 0 && s < 0)
            return 0;
        int order = r < 0 ? 1 : s < 0 ? -1 : bytes_cmp(key_a, key_b);
        if (order < 0)
            return differ(table, key_a, "the ledger has it, the journal does not", why);
        if (order > 0)
            return differ(table, key_b, "the journal has it, the ledger does not", why);
        if (!bytes_eq(value_a, value_b))
            return differ(table, key_a, "the ledger has another value than the journal", why);
        ++*records;
        arena_rewind(arena, mark);
    }
}

static int compare_all(struct page *is, struct book *fresh, struct arena *arena,
                       uint64_t *ret_records, struct complaint *why)
{
    CLEANUP(page_abortp) struct page *should = NULL;
    int r = book_read(fresh, &should);
    *ret_records = 0;
    for (unsigned t = 0; r == 0 && t < TABLE_END; t++)
        if (ledger_table_name((enum ledger_table)t) != NULL)
            r = compare_table(page_view(is), page_view(should), (enum ledger_table)t, arena,
                              ret_records, why);
    return r;
}

int audit_rebuild(struct book *copy, const char *dir, uint64_t max_bytes, uint64_t *ret_records,
                  struct complaint *why)
{
    const struct book_options options = { .max_bytes = max_bytes };
    struct journal_walk walk;
    CLEANUP(book_closep) struct book *fresh = NULL;
    int r = book_open(dir, &options, &fresh, why);
    if (r < 0)
        return r;
    r = journal_walk_begin(copy, why, &walk);
    while (r == 0)
        r = replay_page(&walk, fresh);
    if (r == -ENOENT) {
        arena_rewind(walk.arena, (struct arena_mark){ 0 });
        r = take_private(walk.page, fresh, walk.arena);
    }
    if (r == 0)
        r = compare_all(walk.page, fresh, walk.arena, ret_records, why);
    journal_walk_end(&walk);
    return r;
}

/* ---- events ---- */

/* Every (producer, epoch, sequence) that took effect, in one run of 32-byte keys. */
struct event_keys {
    struct buf keys;
    uint64_t refused;
};

static void events_of_effects(const Zb__Entry *entry, struct arena *arena,
                              struct event_keys *events)
{
    for (size_t i = 0; i < entry->n_effects; i++) {
        const Zb__Effect *effect = entry->effects[i];
        Zb__OnceRecord *once = NULL;
        if (effect->table != TABLE_ONCE || effect->removed || effect->key.len != EVENT_KEY_BYTES)
            continue;
        int r = MESSAGE_UNPACK(once_record, blob_bytes(effect->value), arena, &once, NULL);
        if (r < 0)
            continue;
        if (once->outcome == OUTCOME_APPLIED)
            buf_put(&events->keys, blob_bytes(effect->key));
        else
            events->refused += once->outcome == OUTCOME_REFUSED;
    }
}

/* Items are drawn at UnchangedList in record.proto. */
static void events_of_unchanged(const Zb__UnchangedList *list, struct event_keys *events)
{
    for (size_t at = 0; list != NULL && at + UNCHANGED_ITEM_BYTES <= list->items.len;
         at += UNCHANGED_ITEM_BYTES) {
        const uint8_t *item = list->items.data + at;
        uint32_t producer = get_u32be(item + 32);
        if (producer >= list->n_producers || list->producers[producer].len != 16)
            continue;
        buf_put(&events->keys, blob_bytes(list->producers[producer]));
        buf_put(&events->keys, bytes_of(item, 16));
    }
}

static int key_order(const void *a, const void *b)
{
    return memcmp(a, b, EVENT_KEY_BYTES);
}

int audit_events(struct book *copy, struct audit_events *ret_events, struct complaint *why)
{
    struct event_keys events = { .keys = BUF_INIT(SIZE_MAX / 2) };
    struct journal_walk walk;
    Zb__Entry *entry;
    struct bytes bytes;
    int r = journal_walk_begin(copy, why, &walk);
    while (r == 0 && (r = journal_walk_next(&walk, &entry, &bytes)) == 0) {
        events_of_effects(entry, walk.arena, &events);
        events_of_unchanged(entry->unchanged, &events);
    }
    journal_walk_end(&walk);
    r = r == -ENOENT ? buf_error(&events.keys) : r;
    if (r == 0) {
        size_t count = events.keys.size / EVENT_KEY_BYTES;
        uint64_t repeats = 0;
        if (count > 0)
            qsort(events.keys.data, count, EVENT_KEY_BYTES, key_order);
        for (size_t i = 1; i < count; i++)
            repeats += key_order(events.keys.data + (i - 1) * EVENT_KEY_BYTES,
                                 events.keys.data + i * EVENT_KEY_BYTES) == 0;
        *ret_events = (struct audit_events){ .applied = count - repeats,
                                             .refused = events.refused,
                                             .duplicates = repeats };
    }
    buf_done(&events.keys);
    return r;
}

/* ---- checkpoints ---- */

int audit_checkpoint_print(struct ledger_head head, int64_t at_ms, struct id128 ledger_id,
                           const struct seal_secret *ledger, struct buf *out)
{
    Zb__CheckpointBody body = ZB__CHECKPOINT_BODY__INIT;
    body.algorithm = SEAL_BLAKE2B_ED25519;
    body.index = head.index;
    body.chain = BLOB_OF(head.chain);
    body.at_ms = at_ms;
    body.ledger_key = BLOB_OF(ledger_id);
    CLEANUP(buf_done) struct buf packed = BUF_INIT(CHECKPOINT_BODY_BYTES);
    int r = message_pack(&body.base, &packed);
    if (r < 0)
        return r;
    struct seal_signature signature = seal_sign(ledger, PURPOSE_CHECKPOINT, buf_bytes(&packed));
    char at[CIVIL_INSTANT_SIZE];
    struct json json = json_on(out);
    json_begin_object(&json, NULL);
    json_put_uint(&json, "index", head.index);
    json_put_hex(&json, "chain", digest_bytes(&head.chain));
    json_put_str(&json, "at", civil_format_instant(at_ms, at));
    json_put_hex(&json, "ledger", id128_bytes(&ledger_id));
    json_put_hex(&json, "body", buf_bytes(&packed));
    json_put_hex(&json, "signature", bytes_of(signature.b, sizeof(signature.b)));
    json_end(&json);
    json_end_line(&json);
    return buf_error(out);
}

/* A hexadecimal member of a JSON object, decoded into the arena. */
static int hex_member(const json_t *object, const char *name, struct arena *arena,
                      struct bytes *ret_bytes)
{
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member) || json_string_length(member) % 2 != 0)
        return -EBADMSG;
    size_t size = json_string_length(member) / 2;
    uint8_t *bytes = arena_alloc(arena, size + 1);
    if (bytes == NULL)
        return -ENOMEM;
    if (hex_decode(bytes_of(json_string_value(member), 2 * size), bytes, size) < 0)
        return -EBADMSG;
    *ret_bytes = bytes_of(bytes, size);
    return 0;
}

int audit_checkpoint_parse(struct bytes text, struct id128 ledger_id,
                           const struct seal_public *ledger, struct arena *arena,
                           Zb__CheckpointBody **ret_body, struct complaint *why)
{
    static const char remedy[] =
        "give a file that 'zhengban audit checkpoint' of this ledger wrote";
    struct bytes packed, signature;
    Zb__CheckpointBody *body = NULL;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    int r = hex_member(root, "body", arena, &packed);
    if (r == 0)
        r = hex_member(root, "signature", arena, &signature);
    json_decref(root);
    if (r == 0)
        r = MESSAGE_UNPACK(checkpoint_body, packed, arena, &body, NULL);
    if (r != 0)
        return complain(why, r, remedy, "this is no checkpoint");
    if (!bytes_eq(blob_bytes(body->ledger_key), id128_bytes(&ledger_id)))
        return complain(why, -EBADMSG, remedy, "the checkpoint is of another ledger");
    if (!seal_verify(ledger, PURPOSE_CHECKPOINT, packed, signature))
        return complain(why, -EBADMSG, remedy, "the ledger's key did not sign this checkpoint");
    if (body->chain.len != sizeof(struct digest))
        return complain(why, -EBADMSG, remedy, "the checkpoint's chain has the wrong size");
    *ret_body = body;
    return 0;
}
