/* run.c - the loop of decide and apply, and the journal's chain.
 *
 * Memory: what is decided for one transaction stays in the arena until the caller rewinds it after
 * the commit; only packed entries and what apply reads are given back at once. */
#include "ledger/run.h"

#include <errno.h>

#include "ledger/emit.h"
#include "ledger/key.h"

enum {
    UNCHANGED_MOST = 4096, /* items of one entry */
    FINISH_ROUNDS =
        1000, /* POSITION and ASSESS settle in a few; more is a rule that chases itself */
};

struct ledger_run {
    const struct ledger_rules *rules;
    struct ledger_writer writer;
    struct ledger_journal journal;
    struct ledger_head head;
    struct arena *arena;
    int error;                          /* sticky: the transaction is lost */
    struct ledger_output *kept;         /* POSITION and ASSESS, each once, until the end */
    struct ledger_unchanged *unchanged; /* applied, not yet journalled; UNCHANGED_MOST of them */
    size_t unchanged_count;
};

/* Inputs that wait, first in first out. */
struct input_queue {
    struct ledger_input *input;
    size_t count;
    size_t room;
};

struct digest ledger_chain(struct bytes entry)
{
    return seal_digest(SEAL_PARTS(BYTES_LIT("zhengban entry"), entry));
}

struct ledger_run *ledger_run_new(const struct ledger_rules *rules,
                                  const struct ledger_writer *writer,
                                  const struct ledger_journal *journal, struct ledger_head head,
                                  struct arena *arena)
{
    struct ledger_run *run = arena_calloc(arena, 1, sizeof(*run));
    if (run == NULL)
        return NULL;
    *run = (struct ledger_run){
        .rules = rules, .writer = *writer, .journal = *journal, .head = head, .arena = arena
    };
    run->kept = output_new(arena);
    run->unchanged = arena_calloc(arena, UNCHANGED_MOST, sizeof(*run->unchanged));
    return run->kept == NULL || run->unchanged == NULL ? NULL : run;
}

/* Links an entry to the chain and writes it to the journal. */
static int journal_entry(struct ledger_run *run, Zb__Entry *entry, int64_t now_ms)
{
    entry->index = run->head.index + 1;
    entry->algorithm = SEAL_BLAKE2B_ED25519;
    entry->previous = blob_of(digest_bytes(&run->head.chain));
    entry->at_ms = now_ms;
    struct arena_mark mark = arena_mark(run->arena);
    uint8_t *packed = arena_alloc(run->arena, zb__entry__get_packed_size(entry));
    if (packed == NULL)
        return -ENOMEM;
    struct bytes bytes = bytes_of(packed, zb__entry__pack(entry, packed));
    int r = run->journal.append(run->journal.ctx, entry->index, bytes);
    if (r == 0)
        run->head = (struct ledger_head){ .index = entry->index, .chain = ledger_chain(bytes) };
    arena_rewind(run->arena, mark);
    return r;
}

/* The index of a producer in the list, added at its end when it is new. */
static uint32_t producer_index(ProtobufCBinaryData *producers, size_t *count,
                               const struct id128 *producer)
{
    for (size_t i = *count; i > 0; i--)
        if (bytes_eq(blob_bytes(producers[i - 1]), id128_bytes(producer)))
            return (uint32_t)(i - 1);
    producers[*count] = blob_of(id128_bytes(producer));
    return (uint32_t)(*count)++;
}

/* Journals the unchanged reports that were applied since the last such entry. */
static int flush_unchanged(struct ledger_run *run, int64_t now_ms)
{
    size_t count = run->unchanged_count;
    if (count == 0)
        return 0;
    struct arena_mark mark = arena_mark(run->arena);
    ProtobufCBinaryData *producers = arena_calloc(run->arena, count, sizeof(*producers));
    uint8_t *items = arena_calloc(run->arena, count, UNCHANGED_ITEM_BYTES);
    if (producers == NULL || items == NULL)
        return -ENOMEM;
    Zb__UnchangedList list = ZB__UNCHANGED_LIST__INIT;
    for (size_t i = 0; i < count; i++) {
        const struct ledger_unchanged *item = &run->unchanged[i];
        uint8_t *at = items + i * UNCHANGED_ITEM_BYTES;
        put_u64be(at, item->epoch);
        put_u64be(at + 8, item->sequence);
        put_u64be(at + 16, item->endpoint);
        put_u64be(at + 24, (uint64_t)item->scan_ms);
        put_u32be(at + 32, producer_index(producers, &list.n_producers, &item->producer));
    }
    list.producers = producers;
    list.items = blob_of(bytes_of(items, count * UNCHANGED_ITEM_BYTES));
    Zb__Entry entry = ZB__ENTRY__INIT;
    entry.kind = ENTRY_UNCHANGED;
    entry.unchanged = &list;
    int r = journal_entry(run, &entry, now_ms);
    arena_rewind(run->arena, mark);
    run->unchanged_count = 0;
    return r;
}

/* Whether replaying an effect before the waiting unchanged reports would give something else than
 * after them: it is about the same endpoint, or moves the floor of the same producer. */
static bool touches_unchanged(const struct ledger_run *run, const Zb__Effect *effect)
{
    bool by_endpoint = effect->table == TABLE_ENDPOINT || effect->table == TABLE_REPORT ||
                       effect->table == TABLE_SEEN;
    struct bytes key = blob_bytes(effect->key);
    if ((!by_endpoint && effect->table != TABLE_PRODUCER) || key.size < 8)
        return false;
    for (size_t i = 0; i < run->unchanged_count; i++) {
        const struct ledger_unchanged *item = &run->unchanged[i];
        if (by_endpoint ? get_u64be(key.data) == item->endpoint
                        : bytes_eq(key, id128_bytes(&item->producer)))
            return true;
    }
    return false;
}

/* An entry that a rule began and found nothing to say in is not journalled. */
static bool says_nothing(const Zb__Entry *entry)
{
    return entry->n_effects == 0 && entry->header.len == 0 && entry->command.len == 0;
}

static int write_entry(struct ledger_run *run, Zb__Entry *entry, int64_t now_ms)
{
    int r = 0;
    if (says_nothing(entry))
        return 0;
    for (size_t i = 0; r == 0 && run->unchanged_count > 0 && i < entry->n_effects; i++)
        if (touches_unchanged(run, entry->effects[i]))
            r = flush_unchanged(run, now_ms);
    if (r == 0)
        r = journal_entry(run, entry, now_ms);
    return r < 0 ? r : ledger_apply(&run->writer, entry, run->arena);
}

static int write_unchanged(struct ledger_run *run, const struct ledger_unchanged *item,
                           int64_t now_ms)
{
    if (run->unchanged_count == UNCHANGED_MOST) {
        int r = flush_unchanged(run, now_ms);
        if (r < 0)
            return r;
    }
    run->unchanged[run->unchanged_count++] = *item;
    return ledger_apply_unchanged(&run->writer, item, run->arena);
}

static int queue_add(struct input_queue *queue, const struct ledger_input *input,
                     struct arena *arena)
{
    if (queue->count == queue->room) {
        size_t room = queue->room == 0 ? 16 : queue->room * 2;
        struct ledger_input *grown = arena_calloc(arena, room, sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        if (queue->count > 0)
            memcpy(grown, queue->input, queue->count * sizeof(*grown));
        queue->input = grown;
        queue->room = room;
    }
    queue->input[queue->count++] = *input;
    return 0;
}

/* What one decision gave, into journal, tables, queue and what is kept back. */
static int carry_out(struct ledger_run *run, const struct output_list *list,
                     struct input_queue *queue, int64_t now_ms)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < list->private_count; i++)
        r = ledger_apply_private(&run->writer, &list->privates[i], run->arena);
    for (size_t i = 0; r == 0 && i < list->entry_count; i++)
        r = write_entry(run, list->entries[i], now_ms);
    for (size_t i = 0; r == 0 && i < list->unchanged_count; i++)
        r = write_unchanged(run, &list->unchanged[i], now_ms);
    for (size_t i = 0; r == 0 && i < list->follow_count; i++) {
        const struct ledger_input *follow = &list->follows[i];
        if (follow->kind == INPUT_POSITION || follow->kind == INPUT_ASSESS)
            emit_follow(run->kept, follow);
        else
            r = queue_add(queue, follow, run->arena);
    }
    return r == 0 ? output_error(run->kept) : r;
}

/* `into` grows by what `more` says; lists that are empty cost nothing. */
static int reply_add(struct ledger_reply *into, const struct ledger_reply *more,
                     struct arena *arena)
{
    if (more->result != NULL)
        into->result = more->result;
    if (more->refused != REFUSAL_NONE)
        into->refused = more->refused;
    if (more->resumed != NULL)
        into->resumed = more->resumed;
    if (more->outcome_count > 0) {
        size_t count = into->outcome_count + more->outcome_count;
        Zb__Outcome **all = arena_calloc(arena, count, sizeof(Zb__Outcome *));
        if (all == NULL)
            return -ENOMEM;
        for (size_t i = 0; i < count; i++)
            all[i] = i < into->outcome_count ? into->outcomes[i]
                                             : more->outcomes[i - into->outcome_count];
        into->outcomes = all;
        into->outcome_count = count;
    }
    if (more->judge_count > 0) {
        size_t count = into->judge_count + more->judge_count;
        struct id128 *all = arena_calloc(arena, count, sizeof(*all));
        if (all == NULL)
            return -ENOMEM;
        for (size_t i = 0; i < count; i++)
            all[i] = i < into->judge_count ? into->judge[i] : more->judge[i - into->judge_count];
        into->judge = all;
        into->judge_count = count;
    }
    return 0;
}

static int run_all(struct ledger_run *run, const struct ledger_input *input, int64_t now_ms,
                   struct ledger_reply *reply)
{
    struct input_queue queue = { 0 };
    int r = queue_add(&queue, input, run->arena);
    for (size_t at = 0; r == 0 && at < queue.count; at++) {
        struct ledger_output *out = output_new(run->arena);
        if (out == NULL)
            return -ENOMEM;
        struct ledger_input next = queue.input[at];
        r = ledger_decide(run->rules, &run->writer.view, &next, now_ms, out);
        if (r < 0)
            return r;
        struct output_list list = output_list(out);
        r = carry_out(run, &list, &queue, now_ms);
        if (r == 0)
            r = reply_add(reply, &list.reply, run->arena);
    }
    return r;
}

int ledger_run_input(struct ledger_run *run, const struct ledger_input *input, int64_t now_ms,
                     struct ledger_reply *ret_reply)
{
    struct ledger_reply reply = { 0 };
    if (run->error == 0)
        run->error = run_all(run, input, now_ms, &reply);
    if (run->error == 0)
        *ret_reply = reply;
    return run->error;
}

/* One round of what was kept back: positions if there are any, else assessments. *ret_done when
 * there was neither. */
static int finish_round(struct ledger_run *run, int64_t now_ms, bool *ret_done)
{
    struct output_list list = output_list(run->kept);
    run->kept = output_new(run->arena);
    if (run->kept == NULL)
        return -ENOMEM;
    bool positions = false;
    for (size_t i = 0; i < list.follow_count; i++)
        positions = positions || list.follows[i].kind == INPUT_POSITION;
    int r = 0;
    for (size_t i = 0; r == 0 && i < list.follow_count; i++) {
        struct ledger_reply nobody_asked = { 0 };
        if (positions && list.follows[i].kind == INPUT_ASSESS)
            emit_follow(run->kept, &list.follows[i]);
        else
            r = run_all(run, &list.follows[i], now_ms, &nobody_asked);
    }
    *ret_done = list.follow_count == 0;
    return r;
}

int ledger_run_finish(struct ledger_run *run, int64_t now_ms, struct ledger_head *ret_head)
{
    bool done = false;
    for (int round = 0; run->error == 0 && !done; round++)
        run->error = round == FINISH_ROUNDS ? -ELOOP : finish_round(run, now_ms, &done);
    if (run->error == 0)
        run->error = flush_unchanged(run, now_ms);
    if (run->error == 0)
        *ret_head = run->head;
    return run->error;
}

int ledger_verify_entry(struct ledger_head *head, struct bytes entry, struct arena *arena,
                        Zb__Entry **ret_entry, struct complaint *why)
{
    static const char remedy[] = "restore the journal from a backup that verifies";
    complaint_at(why, "journal entry %llu", (unsigned long long)head->index + 1);
    ProtobufCMessage *message;
    int r = ledger_unpack(&zb__entry__descriptor, entry, arena, &message);
    if (r == -EBADMSG)
        return complain(why, r, remedy, "its bytes are no entry");
    if (r < 0)
        return complain(why, r, "give more memory", "it does not fit in memory");
    Zb__Entry *unpacked = (Zb__Entry *)message;
    if (unpacked->algorithm != SEAL_BLAKE2B_ED25519)
        return complain(why, -EBADMSG, "use the software that wrote it",
                        "its chain uses algorithm %u, which is unknown", unpacked->algorithm);
    if (unpacked->index != head->index + 1)
        return complain(why, -EBADMSG, remedy, "it says that it is entry %llu",
                        (unsigned long long)unpacked->index);
    if (!bytes_eq(blob_bytes(unpacked->previous), digest_bytes(&head->chain)))
        return complain(why, -EBADMSG, remedy, "it does not follow the entry before it");
    *head = (struct ledger_head){ .index = unpacked->index, .chain = ledger_chain(entry) };
    *ret_entry = unpacked;
    return 0;
}
