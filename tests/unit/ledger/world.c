/* world.c - the fixture of world.h. */
#include "tests/unit/ledger/world.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "ledger/dump.h"
#include "ledger/recount.h"
#include "proto/facts.h"
#include "proto/frame.h"
#include "proto/row.h"

enum { ARENA_BYTES = 512 * 1024 * 1024, JOURNAL_BYTES = 256 * 1024 * 1024 };

static void must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "world: %s\n", what);
        abort();
    }
}

static void *must_have(void *p)
{
    must(p != NULL, "memory");
    return p;
}

struct person person_new(const char *seed)
{
    struct person person;
    struct digest digest = seal_digest(SEAL_PARTS(bytes_str(seed)));
    seal_keypair(digest.b, &person.sign, &person.secret);
    person.id = seal_key_id(&person.sign);
    return person;
}

struct collector collector_new(const char *seed)
{
    return (struct collector){ .key = person_new(seed), .epoch = 1, .next = 1, .floor = 1 };
}

static int append(void *ctx, uint64_t index, struct bytes entry)
{
    struct world *world = ctx;
    must(index == world->entries + 1 && world->entries < WORLD_ENTRIES_MAX, "journal index");
    buf_put(&world->journal, entry);
    world->entry_at[++world->entries] = world->journal.size;
    return buf_error(&world->journal);
}

int world_try(struct world *world, const struct ledger_input *input)
{
    struct ledger_writer writer = memory_writer(world->memory);
    struct ledger_journal journal = { .ctx = world, .append = append };
    size_t entries = world->entries, size = world->journal.size;
    memory_view_begin(world->memory);
    struct ledger_run *run =
        ledger_run_new(&world->rules, &writer, &journal, world->head, world->arena);
    must(run != NULL, "memory");
    world->reply = (struct ledger_reply){ 0 };
    int r = ledger_run_input(run, input, world->now_ms, &world->reply);
    struct ledger_head head;
    if (r == 0)
        r = ledger_run_finish(run, world->now_ms, &head);
    if (r < 0) {
        memory_view_abort(world->memory);
        world->entries = entries;
        world->journal.size = size;
        world->reply = (struct ledger_reply){ 0 };
        return r;
    }
    memory_view_commit(world->memory);
    world->head = head;
    return 0;
}

void world_input(struct world *world, const struct ledger_input *input)
{
    int r = world->error = world_try(world, input);
    if (r < 0 && !world->tolerates)
        (void)fprintf(stderr, "world: input of kind %d gives %d\n", (int)input->kind, r);
    must(r == 0 || world->tolerates, "input");
}

static Zb__RegistryKey registry_key(const struct person *person, Zb__Role role)
{
    Zb__RegistryKey key = ZB__REGISTRY_KEY__INIT;
    key.id = blob_of(id128_bytes(&person->id));
    key.sign_public = blob_of(bytes_of(person->sign.b, sizeof(person->sign.b)));
    key.role = role;
    return key;
}

struct world *world_new(void)
{
    must(seal_start() == 0, "libsodium");
    struct world *world = must_have(calloc(1, sizeof(*world)));
    world->memory = must_have(memory_view_new());
    world->arena = must_have(arena_new(ARENA_BYTES));
    world->journal = BUF_INIT(JOURNAL_BYTES);
    world->ledger = person_new("ledger");
    world->root = person_new("root");
    world->rules = ledger_rules_default();
    world->rules.ledger_key = world->ledger.sign;
    world->rules.ledger_id = world->ledger.id;
    world->now_ms = INT64_C(1788000000000);
    Zb__GenesisRecord genesis = ZB__GENESIS_RECORD__INIT;
    Zb__RegistryKey ledger = registry_key(&world->ledger, ROLE_LEDGER);
    Zb__RegistryKey root = registry_key(&world->root, ROLE_OFFICIAL);
    static char name[] = "test";
    genesis.ledger = &ledger;
    genesis.root = &root;
    genesis.name = name;
    world_input(world, &(struct ledger_input){ .kind = INPUT_GENESIS, .genesis = &genesis });
    return world;
}

void world_free(struct world *world)
{
    if (world == NULL)
        return;
    memory_view_free(world->memory);
    arena_free(world->arena);
    buf_done(&world->journal);
    free(world);
}

static struct bytes packed(struct world *world, const ProtobufCMessage *message)
{
    uint8_t *data =
        must_have(arena_alloc(world->arena, protobuf_c_message_get_packed_size(message)));
    return bytes_of(data, protobuf_c_message_pack(message, data));
}

Zb__RefusalReason world_command(struct world *world, const struct person *actor, const char *verb,
                                ...)
{
    Zb__Argument argument[BOUND_ARGUMENTS], *list[BOUND_ARGUMENTS];
    Zb__CommandBody body = ZB__COMMAND_BODY__INIT;
    Zb__Command command = ZB__COMMAND__INIT;
    struct id128 id = { { 0 } };
    put_u64be(id.b, ++world->commands);
    va_list args;
    va_start(args, verb);
    for (const char *name; (name = va_arg(args, const char *)) != NULL; body.n_arguments++) {
        const char *value = va_arg(args, const char *);
        zb__argument__init(&argument[body.n_arguments]);
        argument[body.n_arguments].name = (char *)(uintptr_t)name;
        argument[body.n_arguments].value = (char *)(uintptr_t)value;
        list[body.n_arguments] = &argument[body.n_arguments];
    }
    va_end(args);
    body.arguments = list;
    body.algorithm = SEAL_BLAKE2B_ED25519;
    body.id = blob_of(id128_bytes(&id));
    body.actor = blob_of(id128_bytes(&actor->id));
    body.ledger = blob_of(id128_bytes(&world->ledger.id));
    body.verb = (char *)(uintptr_t)verb;
    struct bytes bytes = packed(world, &body.base);
    struct seal_signature signature = seal_sign(&actor->secret, PURPOSE_COMMAND, bytes);
    command.body = blob_of(bytes);
    command.signature = blob_of(bytes_of(signature.b, sizeof(signature.b)));
    world_input(world, &(struct ledger_input){ .kind = INPUT_COMMAND, .command = &command });
    if (world->reply.result == NULL && world->tolerates)
        return REFUSAL_NONE;
    must(world->reply.result != NULL, "a command is answered");
    return world->reply.result->refused;
}

void world_enrol(struct world *world, const struct person *key, const char *role, const char *unit)
{
    char sign[HEX256_SIZE], link[HEX256_SIZE];
    struct digest other = seal_digest(SEAL_PARTS(bytes_of(key->sign.b, 32)));
    hex_encode(key->sign.b, 32, sign);
    hex_encode(other.b, 32, link);
    Zb__RefusalReason refused = unit == NULL
                                    ? world_command(world, &world->root, "key.enrol", "role", role,
                                                    "sign", sign, "link", link, NULL)
                                    : world_command(world, &world->root, "key.enrol", "role", role,
                                                    "sign", sign, "link", link, "unit", unit, NULL);
    must(refused == REFUSAL_NONE, "enrolled");
}

/* ---- reports ---- */

struct bytes world_row(struct world *world, const char *name)
{
    struct row row = { 0 };
    struct buf buf = BUF_INIT(BOUND_ROW_BYTES);
    row.fields.value[ROW_SOURCE] = BYTES_LIT("list");
    row.fields.value[ROW_NAME] = bytes_of(name, strcspn(name, "#"));
    must(row_encode(&row, &buf, NULL) == 0, "row");
    struct bytes copy = bytes_of(must_have(arena_dup(world->arena, buf.data, buf.size)), buf.size);
    buf_done(&buf);
    return copy;
}

static int item_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct result_item));
}

static size_t items_of(struct world *world, const char *const *rows, size_t count,
                       struct result_item *items, Zb__Evidence *evidence)
{
    for (size_t i = 0; i < count; i++) {
        Zb__Evidence where = ZB__EVIDENCE__INIT;
        const char *path = strchr(rows[i], '#');
        if (path != NULL)
            where.path = (char *)(uintptr_t)(path + 1);
        items[i] = (struct result_item){ .row = row_id(world_row(world, rows[i])),
                                         .evidence = evidence_id(&where) };
        if (evidence != NULL)
            evidence[i] = where;
    }
    if (count > 1)
        qsort(items, count, sizeof(*items), item_cmp);
    return count;
}

static void fill_source(struct world *world, const struct result_item *items, size_t count,
                        const char *source, Zb__SourceSet *set)
{
    uint8_t *rows = must_have(arena_alloc(world->arena, count * 16));
    uint8_t *evidence = must_have(arena_alloc(world->arena, count * 16));
    for (size_t i = 0; i < count; i++) {
        memcpy(rows + 16 * i, items[i].row.b, 16);
        memcpy(evidence + 16 * i, items[i].evidence.b, 16);
    }
    zb__source_set__init(set);
    set->source = (char *)(uintptr_t)source;
    set->rows = blob_of(bytes_of(rows, count * 16));
    set->evidence = blob_of(bytes_of(evidence, count * 16));
}

/* Items of a that are not in b. */
static size_t minus(const struct result_item *a, size_t a_count, const struct result_item *b,
                    size_t b_count, struct result_item *out)
{
    size_t count = 0;
    for (size_t i = 0; i < a_count; i++)
        if (b_count == 0 || bsearch(&a[i], b, b_count, sizeof(*b), item_cmp) == NULL)
            out[count++] = a[i];
    return count;
}

static struct bytes facts_of(struct world *world, const struct report_spec *spec)
{
    struct facts facts = { 0 };
    struct buf buf = BUF_INIT(BOUND_FACTS_BYTES);
    if (spec->serial == NULL)
        return (struct bytes){ 0 };
    facts.fields.value[FACTS_SERIAL] = bytes_str(spec->serial);
    facts.fields.value[FACTS_UUID] = bytes_str(spec->uuid);
    facts.fields.value[FACTS_HOST] = bytes_str(spec->computer);
    must(facts_encode(&facts, &buf, NULL) == 0, "facts");
    struct bytes copy = bytes_of(must_have(arena_dup(world->arena, buf.data, buf.size)), buf.size);
    buf_done(&buf);
    return copy;
}

static void advance(struct collector *collector, uint64_t sequence, struct digest digest)
{
    collector->pending[sequence % 4096] = digest;
    if (sequence != collector->floor)
        return;
    collector->chain = chain_next(collector->chain, digest);
    collector->floor++;
}

Zb__OutcomeKind world_report(struct world *world, struct collector *collector,
                             const struct report_spec *spec)
{
    const char *source = spec->source == NULL ? "list" : spec->source;
    struct result_item items[WORLD_ROWS_MAX], old[WORLD_ROWS_MAX], changed[WORLD_ROWS_MAX],
        gone[WORLD_ROWS_MAX];
    Zb__Evidence evidence[WORLD_ROWS_MAX], *evidence_list[WORLD_ROWS_MAX];
    ProtobufCBinaryData rows[WORLD_ROWS_MAX];
    size_t count = items_of(world, spec->rows, spec->row_count, items, evidence);
    struct digest result = result_digest(items, count);
    struct id128 computer = seal_id128(SEAL_PARTS(bytes_str(spec->computer)));
    struct bytes facts = facts_of(world, spec);
    struct id128 facts_digest = facts_id(facts);

    Zb__SourceState state = ZB__SOURCE_STATE__INIT, *states[1] = { &state };
    state.name = (char *)(uintptr_t)source;
    state.complete = !spec->incomplete;
    Zb__Event event = ZB__EVENT__INIT, *events[1] = { &event };
    event.sequence = spec->sequence != 0 ? spec->sequence : collector->next;
    event.unit = (char *)(uintptr_t)spec->unit;
    event.endpoint = blob_of(id128_bytes(&computer));
    event.kind = spec->kind == EVENT_KIND_NONE ? EVENT_FULL : spec->kind;
    event.result_digest = blob_of(digest_bytes(&result));
    if (facts.size > 0)
        event.facts_digest = blob_of(id128_bytes(&facts_digest));
    event.scan_ms = spec->scan_ms == 0 ? world->now_ms : spec->scan_ms;
    event.sources = states;
    event.n_sources = 1;
    event.final = true;

    Zb__RowSet set = ZB__ROW_SET__INIT, *sets[1] = { &set };
    Zb__SourceSet body, removed, *bodies[1] = { &body }, *removals[1] = { &removed };
    struct digest base = { { 0 } };
    set.result_digest = event.result_digest;
    set.sets = bodies;
    set.n_sets = 1;
    if (event.kind == EVENT_DELTA) {
        size_t before = items_of(world, spec->base, spec->base_count, old, NULL);
        base = result_digest(old, before);
        event.base_digest = blob_of(digest_bytes(&base));
        fill_source(world, changed, minus(items, count, old, before, changed), source, &body);
        fill_source(world, gone, minus(old, before, items, count, gone), source, &removed);
        set.removed = removals;
        set.n_removed = 1;
    } else {
        fill_source(world, items, count, source, &body);
    }

    Zb__BatchHeader header = ZB__BATCH_HEADER__INIT;
    header.format = FORMAT_VERSION;
    header.algorithm = SEAL_BLAKE2B_ED25519;
    header.producer = blob_of(id128_bytes(&collector->key.id));
    header.epoch = collector->epoch;
    header.floor = collector->floor;
    header.chain = blob_of(digest_bytes(&collector->chain));
    header.events = events;
    header.n_events = 1;
    header.simulated = spec->simulated;
    header.ledger =
        blob_of(id128_bytes(spec->other_ledger ? &collector->key.id : &world->ledger.id));
    struct bytes signed_header = packed(world, &header.base);
    struct seal_signature signature =
        seal_sign(&collector->key.secret, PURPOSE_BATCH, signed_header);
    if (spec->bad_signature)
        signature.b[0] ^= 1;

    Zb__Batch batch = ZB__BATCH__INIT;
    batch.header = blob_of(signed_header);
    batch.signature = blob_of(bytes_of(signature.b, sizeof(signature.b)));
    for (size_t i = 0; i < spec->row_count && !spec->no_bodies; i++) {
        rows[i] = blob_of(world_row(world, spec->rows[i]));
        evidence_list[i] = &evidence[i];
    }
    ProtobufCBinaryData facts_body = blob_of(facts);
    if (event.kind != EVENT_UNCHANGED) {
        batch.sets = sets;
        batch.n_sets = 1;
    }
    if (!spec->no_bodies) {
        batch.rows = rows;
        batch.evidence = evidence_list;
        batch.n_rows = batch.n_evidence = spec->row_count;
        batch.facts = &facts_body;
        batch.n_facts = facts.size > 0;
    }
    world_input(
        world, &(struct ledger_input){
                   .kind = INPUT_BATCH,
                   .batch = { .batch = &batch, .header = &header, .received_ms = world->now_ms } });
    if (world->reply.outcome_count == 0)
        return OUTCOME_NONE;
    const Zb__Outcome *outcome = world->reply.outcomes[0];
    bool settled = outcome->kind == OUTCOME_APPLIED;
    if (settled && event.sequence == collector->next) {
        collector->next++;
        advance(collector, event.sequence,
                event_digest(collector->key.id, collector->epoch, &event));
    }
    return outcome->kind;
}

const Zb__ResumedBody *world_resume(struct world *world, const struct collector *collector)
{
    Zb__ResumeBody body = ZB__RESUME_BODY__INIT;
    Zb__Resume resume = ZB__RESUME__INIT;
    body.algorithm = SEAL_BLAKE2B_ED25519;
    body.producer = blob_of(id128_bytes(&collector->key.id));
    body.epoch = collector->epoch;
    body.highest = collector->next - 1;
    body.floor = collector->floor;
    body.chain = blob_of(digest_bytes(&collector->chain));
    body.nonce = body.producer;
    body.ledger = blob_of(id128_bytes(&world->ledger.id));
    struct bytes bytes = packed(world, &body.base);
    struct seal_signature signature = seal_sign(&collector->key.secret, PURPOSE_RESUME, bytes);
    resume.body = blob_of(bytes);
    resume.signature = blob_of(bytes_of(signature.b, sizeof(signature.b)));
    world_input(world, &(struct ledger_input){ .kind = INPUT_RESUME, .resume = &resume });
    return world->reply.resumed;
}

void world_verdict(struct world *world, const struct person *matcher, const char *row,
                   Zb__LicenceClass licence_class, const char *product, const char *edition,
                   const char *version)
{
    struct id128 id = row_id(world_row(world, row));
    Zb__Verdict verdict = ZB__VERDICT__INIT, *verdicts[1] = { &verdict };
    verdict.row = blob_of(id128_bytes(&id));
    verdict.catalogue = blob_of(bytes_of(world->catalogue, sizeof(world->catalogue)));
    verdict.licence_class = licence_class;
    verdict.grade = GRADE_NAME;
    verdict.product = (char *)(uintptr_t)product;
    verdict.edition = (char *)(uintptr_t)edition;
    verdict.version = (char *)(uintptr_t)version;
    world_input(world,
                &(struct ledger_input){
                    .kind = INPUT_VERDICTS,
                    .verdicts = { .matcher = matcher->id, .verdicts = verdicts, .count = 1 } });
}

/* ---- looking ---- */

Zb__PositionRecord world_position(struct world *world, const char *unit, const char *product)
{
    struct ledger_view view = memory_view(world->memory);
    Zb__PositionRecord *record;
    int r = LEDGER_GET(&view, TABLE_POSITION, key_text_text_u8(unit, product, METRIC_DEVICE),
                       world->arena, &record);
    must(r == 0 || r == -ENOENT, "position");
    return r == 0 ? *record : (Zb__PositionRecord)ZB__POSITION_RECORD__INIT;
}

void world_catalogue(struct world *world, uint8_t name)
{
    char hex[HEX256_SIZE];
    memset(world->catalogue, name, sizeof(world->catalogue));
    hex_encode(world->catalogue, sizeof(world->catalogue), hex);
    must(world_command(world, &world->root, "catalogue.activate", "catalogue", hex, "label", "test",
                       NULL) == REFUSAL_NONE,
         "catalogue");
}

void world_recount(struct world *world)
{
    struct ledger_view view = memory_view(world->memory);
    struct ledger_input input;
    for (int steps = 0; recount_next(&view, world->arena, &input) == 0; steps++) {
        must(steps < 1000, "a recount ends");
        world_input(world, &input);
    }
}

static int sink_line(void *ctx, struct bytes line)
{
    struct buf *buf = ctx;
    buf_put(buf, line);
    buf_put_u8(buf, '\n');
    return buf_error(buf);
}

const char *world_dump(struct world *world, struct memory_view *memory)
{
    struct ledger_view view = memory_view(memory);
    struct buf buf = BUF_INIT(JOURNAL_BYTES);
    struct ledger_sink sink = { .ctx = &buf, .line = sink_line };
    int r = ledger_dump(&view, &sink, world->arena);
    if (r < 0)
        (void)fprintf(stderr, "world: dump gives %d\n", r);
    must(r == 0, "dump");
    const char *text = must_have(arena_strdup(world->arena, buf_bytes(&buf)));
    buf_done(&buf);
    return text;
}

/* ---- rebuilding ---- */

struct replay {
    struct world *world;
    size_t at;
};

static int replay_next(void *ctx, struct bytes *ret_entry)
{
    struct replay *replay = ctx;
    struct world *world = replay->world;
    if (replay->at == world->entries)
        return -ENOENT;
    size_t begin = world->entry_at[replay->at++];
    *ret_entry = bytes_of(world->journal.data + begin, world->entry_at[replay->at] - begin);
    return 0;
}

struct memory_view *world_rebuild(struct world *world, int *ret_error)
{
    struct memory_view *memory = must_have(memory_view_new());
    struct ledger_view from = memory_view(world->memory);
    struct ledger_writer to = memory_writer(memory);
    struct ledger_walk walk = ledger_walk(&from, TABLE_PRIVATE, (struct ledger_key){ 0 });
    struct bytes key, value;
    while (ledger_walk_next(&walk, world->arena, &key, &value) == 0)
        must(to.put(to.view.ctx, TABLE_PRIVATE, key, value) == 0, "copy");
    struct replay replay = { .world = world };
    struct ledger_entries entries = { .ctx = &replay, .next = replay_next };
    struct ledger_head head = { 0 };
    *ret_error = ledger_rebuild(&entries, &to, &head, world->arena, NULL);
    return memory;
}

void world_settle(struct world *world, struct collector *collector, struct person *matcher)
{
    must(world_command(world, &world->root, "unit.add", "unit", "hq", NULL) == REFUSAL_NONE, "hq");
    must(world_command(world, &world->root, "unit.add", "unit", "east", "parent", "hq", NULL) ==
             REFUSAL_NONE,
         "east");
    must(world_command(world, &world->root, "unit.add", "unit", "west", "parent", "hq", NULL) ==
             REFUSAL_NONE,
         "west");
    *collector = collector_new("collector");
    *matcher = person_new("matcher");
    world_enrol(world, &collector->key, "collector", "hq");
    world_enrol(world, matcher, "matcher", NULL);
    world_catalogue(world, 1);
    world_recount(world);
}
