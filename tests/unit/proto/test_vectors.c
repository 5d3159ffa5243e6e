/* Golden bytes: proto/vectors/ holds each canonical form, digest, signature and frame in readable
 * lines, so that a client in another language can be held against them (check.py is one).
 *
 * The default run writes every file anew in memory and compares. After a change of the protocol
 * that is meant: ZB_VECTORS_WRITE=1 in the environment writes the files. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "proto/digest.h"
#include "proto/facts.h"
#include "proto/row.h"
#include "tests/lib/test_messages.h"

enum { ROOM = 1 << 20 };

/* A file in the making: lines "name = value", an empty line between cases. */
struct vectors {
    struct buf text;
    struct arena *arena;
};

static void vectors_done(struct vectors *v)
{
    buf_done(&v->text);
    arena_free(v->arena);
}

#define VECTORS(v)        \
    CLEANUP(vectors_done) \
    struct vectors v = { .text = BUF_INIT(ROOM), .arena = arena_new(ROOM * 16) }

static void put_title(struct vectors *v, const char *title)
{
    buf_printf(&v->text, "%s# %s\n", v->text.size == 0 ? "" : "\n", title);
}

static void put_text(struct vectors *v, const char *name, const char *text)
{
    buf_printf(&v->text, "%s =%s%s\n", name, text[0] == '\0' ? "" : " ", text);
}

static void put_number(struct vectors *v, const char *name, int64_t number)
{
    buf_printf(&v->text, "%s = %lld\n", name, (long long)number);
}

static void put_hex(struct vectors *v, const char *name, struct bytes bytes)
{
    char *hex = arena_alloc(v->arena, 2 * bytes.size + 1);
    cr_assert(ne(ptr, hex, NULL));
    hex_encode(bytes.data, bytes.size, hex);
    put_text(v, name, hex);
}

#define PUT_HEX(v, name, fixed) put_hex(v, name, bytes_of((fixed).b, sizeof((fixed).b)))

static void put_data(struct vectors *v, const char *name, ProtobufCBinaryData data)
{
    put_hex(v, name, bytes_of(data.data, data.len));
}

static struct bytes packed(struct vectors *v, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *p = arena_alloc(v->arena, size);
    cr_assert(ne(ptr, p, NULL));
    (void)protobuf_c_message_pack(message, p); /* returns the size just asked for */
    return bytes_of(p, size);
}

/* Compares with the committed file, or writes it when asked to. */
static void check_file(struct vectors *v, const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/proto/vectors/%s", getenv("ZB_SOURCE_DIR"), name);
    cr_assert(eq(int, buf_error(&v->text), 0));
    if (getenv("ZB_VECTORS_WRITE") != NULL) {
        FILE *out = fopen(path, "wb");
        cr_assert(ne(ptr, out, NULL), "%s", path);
        cr_assert(eq(sz, fwrite(v->text.data, 1, v->text.size, out), v->text.size));
        cr_assert(eq(int, fclose(out), 0));
    }
    FILE *in = fopen(path, "rb");
    cr_assert(ne(ptr, in, NULL), "%s", path);
    uint8_t *committed = arena_alloc(v->arena, ROOM);
    size_t size = fread(committed, 1, ROOM, in);
    (void)fclose(in); /* read only */
    cr_assert(bytes_eq(bytes_of(committed, size), buf_bytes(&v->text)),
              "%s differs from what the code makes", name);
}

/* ---- fixed inputs ---------------------------------------------------------------------------- */

static struct id128 id_of(uint8_t first)
{
    struct id128 id;
    for (size_t i = 0; i < sizeof(id.b); i++)
        id.b[i] = (uint8_t)(first + i);
    return id;
}

static struct digest digest_from(uint8_t first)
{
    struct digest digest;
    for (size_t i = 0; i < sizeof(digest.b); i++)
        digest.b[i] = (uint8_t)(first + i);
    return digest;
}

static ProtobufCBinaryData data_of(struct vectors *v, struct bytes bytes)
{
    return (ProtobufCBinaryData){ bytes.size, arena_dup(v->arena, bytes.data, bytes.size) };
}

#define DATA(v, fixed) data_of(v, bytes_of((fixed).b, sizeof((fixed).b)))

struct pair {
    uint8_t seed[SEAL_SEED_BYTES];
    struct seal_public public;
    struct seal_secret secret;
    struct id128 id;
};

/* Key pairs of seeds that all may know: 0x11 repeated, 0x22 repeated. */
static struct pair pair_of(uint8_t byte)
{
    struct pair pair;
    memset(pair.seed, byte, sizeof(pair.seed));
    seal_keypair(pair.seed, &pair.public, &pair.secret);
    pair.id = seal_key_id(&pair.public);
    return pair;
}

enum { COLLECTOR = 0x11, LEDGER = 0x22, OFFICIAL = 0x33 };

/* A signature with everything that is needed to check it, and the signed bytes before it. */
static ProtobufCBinaryData put_signed(struct vectors *v, uint8_t who, const char *purpose,
                                      struct bytes message)
{
    struct pair pair = pair_of(who);
    struct seal_signature signature = seal_sign(&pair.secret, purpose, message);
    put_hex(v, "bytes", message);
    PUT_HEX(v, "public", pair.public);
    put_text(v, "purpose", purpose);
    PUT_HEX(v, "signature", signature);
    return DATA(v, signature);
}

/* ---- canonical forms ------------------------------------------------------------------------- */

static void put_fields(struct vectors *v, const struct fields_form *form,
                       const struct fields *fields)
{
    char name[64];
    for (unsigned tag = 1; tag < FIELDS_TAG_MAX; tag++) {
        (void)snprintf(name, sizeof(name), "field.%u", tag);
        if (tag == form->repeated_tag)
            for (size_t i = 0; i < fields->repeated_count; i++)
                put_text(v, name, arena_strdup(v->arena, fields->repeated[i]));
        else if (fields->value[tag].size > 0)
            put_text(v, name, arena_strdup(v->arena, fields->value[tag]));
    }
}

static void put_row(struct vectors *v, const char *title, const struct row *row)
{
    CLEANUP(buf_done) struct buf canonical = BUF_INIT(ROOM);
    struct complaint why;
    cr_assert(eq(int, row_encode(row, &canonical, &why), 0));
    put_title(v, title);
    put_fields(v, &row_form, &row->fields);
    put_hex(v, "canonical", buf_bytes(&canonical));
    struct id128 id = row_id(buf_bytes(&canonical));
    PUT_HEX(v, "id", id);
}

Test(vectors, of_rows)
{
    VECTORS(v);
    struct row row = { 0 };
    row.fields.value[ROW_SOURCE] = BYTES_LIT("dpkg");
    row.fields.value[ROW_NAME] = BYTES_LIT("vim");
    row.fields.value[ROW_VERSION] = BYTES_LIT("2:9.0.1378-2");
    row.fields.value[ROW_ARCH] = BYTES_LIT("amd64");
    put_row(&v, "a package", &row);

    struct bytes identifiers[] = {
        BYTES_LIT("winget:Kingsoft.WPSOffice"),
        BYTES_LIT("msi-product:{0A1B2C3D-0000-4000-8000-000000000001}"),
        BYTES_LIT("arp-key:Kingsoft Office"),
        BYTES_LIT("winget:Kingsoft.WPSOffice"),
    };
    row = (struct row){ 0 };
    row.fields.value[ROW_SOURCE] = BYTES_LIT("arp");
    row.fields.value[ROW_NAME] = BYTES_LIT("WPS Office 专业版");
    row.fields.value[ROW_VENDOR] = BYTES_LIT("北京金山办公软件股份有限公司");
    row.fields.value[ROW_VERSION] = BYTES_LIT("11.8.2.12085");
    row.fields.value[ROW_ARCH] = BYTES_LIT("x86");
    row.fields.value[ROW_EDITION] = BYTES_LIT("Professional");
    row.fields.value[ROW_ORIGIN] = BYTES_LIT("-");
    row.fields.value[ROW_LICENCE] = BYTES_LIT("proprietary");
    row.fields.value[ROW_CHANNEL] = BYTES_LIT("Volume");
    row.fields.repeated = identifiers;
    row.fields.repeated_count = ARRAY_LEN(identifiers);
    put_row(&v, "every field; identifiers as a source gives them: unsorted, one of them twice",
            &row);

    struct bytes hash =
        BYTES_LIT("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    row = (struct row){ 0 };
    row.fields.value[ROW_SOURCE] = BYTES_LIT("file");
    row.fields.repeated = &hash;
    row.fields.repeated_count = 1;
    put_row(&v, "a hashed file without a name", &row);
    check_file(&v, "row.txt");
}

Test(vectors, of_facts)
{
    VECTORS(v);
    CLEANUP(buf_done) struct buf canonical = BUF_INIT(ROOM);
    struct bytes macs[] = { BYTES_LIT("52:54:00:12:34:57"), BYTES_LIT("52:54:00:12:34:56") };
    struct facts facts = { 0 };
    for (unsigned tag = FACTS_DEVICE; tag < FACTS_MAC; tag++)
        facts.fields.value[tag] =
            bytes_str(arena_printf(v.arena, "%s 值", facts_form.tag_name[tag]));
    facts.fields.repeated = macs;
    facts.fields.repeated_count = ARRAY_LEN(macs);
    cr_assert(eq(int, facts_encode(&facts, &canonical, NULL), 0));
    put_title(&v, "every field");
    put_fields(&v, &facts_form, &facts.fields);
    put_hex(&v, "canonical", buf_bytes(&canonical));
    struct id128 id = facts_id(buf_bytes(&canonical));
    PUT_HEX(&v, "id", id);
    check_file(&v, "facts.txt");
}

/* ---- digests --------------------------------------------------------------------------------- */

static void put_evidence(struct vectors *v, const char *title, const char *path,
                         const char *installed_on, const char *scope)
{
    Zb__Evidence evidence = ZB__EVIDENCE__INIT;
    evidence.path = (char *)path;
    evidence.installed_on = (char *)installed_on;
    evidence.scope = (char *)scope;
    struct id128 id = evidence_id(&evidence);
    put_title(v, title);
    put_text(v, "path", path);
    put_text(v, "installed_on", installed_on);
    put_text(v, "scope", scope);
    PUT_HEX(v, "id", id);
}

Test(vectors, of_evidence)
{
    VECTORS(v);
    put_evidence(&v, "all of it", "C:\\Program Files\\WPS Office", "2026-03-01", "user:李雷");
    put_evidence(&v, "a path", "/usr/bin/vim", "", "");
    put_evidence(&v, "nothing: no evidence", "", "", "");
    check_file(&v, "evidence.txt");
}

Test(vectors, of_results)
{
    VECTORS(v);
    struct result_item items[] = {
        { id_of(0x30), id_of(0x01) }, { id_of(0x10), { { 0 } } },   { id_of(0x30), { { 0 } } },
        { id_of(0xF0), id_of(0x77) }, { id_of(0x30), id_of(0x01) },
    };
    for (int empty = 0; empty < 2; empty++) {
        size_t count = empty ? 0 : ARRAY_LEN(items);
        put_title(&v, empty ? "no row" : "items row:evidence, unsorted, one of them twice");
        for (size_t i = 0; i < count; i++) {
            char row[HEX128_SIZE], evidence[HEX128_SIZE];
            hex_encode(items[i].row.b, 16, row);
            hex_encode(items[i].evidence.b, 16, evidence);
            buf_printf(&v.text, "item = %s:%s\n", row, evidence);
        }
        struct digest digest = result_digest(items, result_items_sort(items, count));
        PUT_HEX(&v, "digest", digest);
    }
    check_file(&v, "result.txt");
}

struct sources {
    Zb__SourceState state[2];
    Zb__SourceState *list[2];
};

static void event_fill(struct vectors *v, struct sources *sources, Zb__Event *event,
                       uint64_t sequence)
{
    static const char *const names[] = { "dpkg", "glpi-清单" };
    for (size_t i = 0; i < ARRAY_LEN(sources->list); i++) {
        sources->state[i] = (Zb__SourceState)ZB__SOURCE_STATE__INIT;
        sources->state[i].name = (char *)names[i];
        sources->state[i].complete = i == 0;
        sources->list[i] = &sources->state[i];
    }
    struct id128 endpoint = id_of(0x40), facts = id_of(0x60);
    struct digest result = digest_from(0x80);
    *event = (Zb__Event)ZB__EVENT__INIT;
    event->sequence = sequence;
    event->unit = (char *)"county-01.office-02";
    event->endpoint = DATA(v, endpoint);
    event->kind = EVENT_FULL;
    event->result_digest = DATA(v, result);
    event->facts_digest = DATA(v, facts);
    event->scan_ms = 1785283200123;
    event->n_sources = ARRAY_LEN(sources->list);
    event->sources = sources->list;
    event->final = true;
}

static void put_event(struct vectors *v, struct id128 producer, uint64_t epoch,
                      const Zb__Event *event)
{
    struct digest digest = event_digest(producer, epoch, event);
    PUT_HEX(v, "producer", producer);
    put_number(v, "epoch", (int64_t)epoch);
    put_number(v, "sequence", (int64_t)event->sequence);
    put_text(v, "unit", event->unit);
    put_data(v, "endpoint", event->endpoint);
    put_number(v, "scan_ms", event->scan_ms);
    for (size_t i = 0; i < event->n_sources; i++)
        buf_printf(&v->text, "source = %s:%d\n", event->sources[i]->name,
                   event->sources[i]->complete);
    put_number(v, "final", event->final);
    put_data(v, "result_digest", event->result_digest);
    put_data(v, "facts_digest", event->facts_digest);
    PUT_HEX(v, "digest", digest);
}

Test(vectors, of_events_and_their_chain)
{
    VECTORS(v);
    struct sources sources;
    Zb__Event event;
    struct digest chain = { { 0 } };
    struct id128 producer = pair_of(COLLECTOR).id;
    for (uint64_t sequence = 1; sequence <= 3; sequence++) {
        event_fill(&v, &sources, &event, sequence);
        if (sequence == 2) { /* a bare one, scanned before 1970 */
            event.facts_digest.len = 0;
            event.n_sources = 0;
            event.final = false;
            event.scan_ms = -1;
        }
        put_title(&v, sequence == 2 ? "no source, no facts, not final, a negative time"
                                    : "every field");
        put_event(&v, producer, 7, &event);
        PUT_HEX(&v, "chain_before", chain);
        chain = chain_next(chain, event_digest(producer, 7, &event));
        PUT_HEX(&v, "chain_after", chain);
    }
    check_file(&v, "event.txt");
}

Test(vectors, of_endpoints)
{
    VECTORS(v);
    struct id128 salt = id_of(0xA0), id = endpoint_id(salt, BYTES_LIT("glpi-0042-财务"));
    put_title(&v, "an endpoint's opaque id");
    PUT_HEX(&v, "salt", salt);
    put_text(&v, "device", "glpi-0042-财务");
    PUT_HEX(&v, "id", id);
    check_file(&v, "endpoint.txt");
}

Test(vectors, of_keys)
{
    VECTORS(v);
    static const uint8_t who[] = { COLLECTOR, LEDGER, OFFICIAL };
    for (size_t i = 0; i < ARRAY_LEN(who); i++) {
        struct pair pair = pair_of(who[i]);
        put_title(&v, "a signing key of a seed that everyone knows");
        put_hex(&v, "seed", bytes_of(pair.seed, sizeof(pair.seed)));
        PUT_HEX(&v, "public", pair.public);
        PUT_HEX(&v, "id", pair.id);
    }
    check_file(&v, "key.txt");
}

/* ---- signed bodies --------------------------------------------------------------------------- */

Test(vectors, of_a_signed_batch_header)
{
    VECTORS(v);
    struct sources sources;
    Zb__Event event, *events[] = { &event };
    struct pair collector = pair_of(COLLECTOR), ledger = pair_of(LEDGER);
    struct digest chain = digest_from(0x01);
    event_fill(&v, &sources, &event, 41);
    Zb__BatchHeader header = ZB__BATCH_HEADER__INIT;
    header.format = FORMAT_VERSION;
    header.algorithm = SEAL_BLAKE2B_ED25519;
    header.producer = DATA(&v, collector.id);
    header.epoch = 7;
    header.floor = 40;
    header.chain = DATA(&v, chain);
    header.n_events = 1;
    header.events = events;
    header.ledger = DATA(&v, ledger.id);
    put_title(&v, "a BatchHeader of one event, its fields, its bytes and their signature");
    put_number(&v, "format", header.format);
    put_number(&v, "algorithm", header.algorithm);
    put_number(&v, "floor", (int64_t)header.floor);
    PUT_HEX(&v, "chain", chain);
    PUT_HEX(&v, "ledger", ledger.id);
    put_event(&v, collector.id, header.epoch, &event);
    (void)put_signed(&v, COLLECTOR, PURPOSE_BATCH, packed(&v, &header.base));
    check_file(&v, "batch_header.txt");
}

Test(vectors, of_a_settlement)
{
    VECTORS(v);
    struct id128 row = id_of(0x10);
    ProtobufCBinaryData rows[] = { DATA(&v, row) };
    struct digest digests[] = { digest_from(0x20), digest_from(0x50) }, chain = digest_from(0x01);
    Zb__Outcome applied = ZB__OUTCOME__INIT, need = ZB__OUTCOME__INIT,
                *outcomes[] = { &applied, &need };
    applied.sequence = 41;
    applied.digest = DATA(&v, digests[0]);
    applied.kind = OUTCOME_APPLIED;
    need.sequence = 42;
    need.digest = DATA(&v, digests[1]);
    need.kind = OUTCOME_NEED_ROWS;
    need.n_rows = 1;
    need.rows = rows;
    struct id128 producer = pair_of(COLLECTOR).id;
    Zb__Settlement settlement = ZB__SETTLEMENT__INIT;
    settlement.algorithm = SEAL_BLAKE2B_ED25519;
    settlement.producer = DATA(&v, producer);
    settlement.epoch = 7;
    settlement.floor = 40;
    settlement.chain = DATA(&v, chain);
    settlement.n_outcomes = 2;
    settlement.outcomes = outcomes;
    settlement.settled_ms = 1785283260000;
    put_title(&v, "a Settlement; outcome = sequence:kind:digest, then the rows it needs");
    put_number(&v, "algorithm", settlement.algorithm);
    PUT_HEX(&v, "producer", producer);
    put_number(&v, "epoch", (int64_t)settlement.epoch);
    put_number(&v, "floor", (int64_t)settlement.floor);
    PUT_HEX(&v, "chain", chain);
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        char hex[HEX256_SIZE];
        hex_encode(digests[i].b, sizeof(digests[i].b), hex);
        buf_printf(&v.text, "outcome = %llu:%d:%s\n", (unsigned long long)outcomes[i]->sequence,
                   (int)outcomes[i]->kind, hex);
    }
    PUT_HEX(&v, "needs", row);
    put_number(&v, "settled_ms", settlement.settled_ms);
    (void)put_signed(&v, LEDGER, PURPOSE_SETTLED, packed(&v, &settlement.base));
    check_file(&v, "settlement.txt");
}

Test(vectors, of_resume_and_resumed)
{
    VECTORS(v);
    struct pair collector = pair_of(COLLECTOR), ledger = pair_of(LEDGER);
    struct id128 nonce = id_of(0x90);
    struct digest chain = digest_from(0x01);
    Zb__ResumeBody resume = ZB__RESUME_BODY__INIT;
    resume.algorithm = SEAL_BLAKE2B_ED25519;
    resume.producer = DATA(&v, collector.id);
    resume.epoch = 7;
    resume.highest = 45;
    resume.floor = 40;
    resume.chain = DATA(&v, chain);
    resume.nonce = DATA(&v, nonce);
    resume.ledger = DATA(&v, ledger.id);
    put_title(&v, "a ResumeBody");
    put_number(&v, "algorithm", resume.algorithm);
    PUT_HEX(&v, "producer", collector.id);
    put_number(&v, "epoch", (int64_t)resume.epoch);
    put_number(&v, "highest", (int64_t)resume.highest);
    put_number(&v, "floor", (int64_t)resume.floor);
    PUT_HEX(&v, "chain", chain);
    PUT_HEX(&v, "nonce", nonce);
    PUT_HEX(&v, "ledger", ledger.id);
    (void)put_signed(&v, COLLECTOR, PURPOSE_RESUME, packed(&v, &resume.base));

    Zb__ResumedBody resumed = ZB__RESUMED_BODY__INIT;
    resumed.algorithm = SEAL_BLAKE2B_ED25519;
    resumed.producer = resume.producer;
    resumed.nonce = resume.nonce;
    resumed.epoch = 8;
    resumed.floor = 1;
    struct digest zeros = { { 0 } };
    resumed.chain = DATA(&v, zeros);
    resumed.behind = true;
    put_title(&v,
              "the ResumedBody that answers it: the ledger is behind and grants the next epoch");
    put_number(&v, "algorithm", resumed.algorithm);
    PUT_HEX(&v, "producer", collector.id);
    PUT_HEX(&v, "nonce", nonce);
    put_number(&v, "epoch", (int64_t)resumed.epoch);
    put_number(&v, "floor", (int64_t)resumed.floor);
    PUT_HEX(&v, "chain", zeros);
    put_number(&v, "behind", resumed.behind);
    (void)put_signed(&v, LEDGER, PURPOSE_RESUMED, packed(&v, &resumed.base));
    check_file(&v, "resume.txt");
}

Test(vectors, of_a_registry)
{
    VECTORS(v);
    struct pair collector = pair_of(COLLECTOR), ledger = pair_of(LEDGER);
    struct digest link = digest_from(0xC0), catalogue = digest_from(0x05);
    Zb__RegistryKey key = ZB__REGISTRY_KEY__INIT, *keys[] = { &key };
    key.id = DATA(&v, collector.id);
    key.role = ROLE_COLLECTOR;
    key.sign_public = DATA(&v, collector.public);
    key.link_public = DATA(&v, link);
    key.unit = (char *)"county-01";
    key.state = KEY_ACTIVE;
    key.label = (char *)"县一采集器";
    key.enrolled_ms = 1785200000000;
    Zb__UnitLink county = ZB__UNIT_LINK__INIT, *units[] = { &county };
    county.id = (char *)"county-01";
    county.parent = (char *)"city-01";
    Zb__RegistryBody body = ZB__REGISTRY_BODY__INIT;
    body.algorithm = SEAL_BLAKE2B_ED25519;
    body.version = 12;
    body.issued_ms = 1785283200000;
    body.ledger_key = DATA(&v, ledger.id);
    body.n_keys = 1;
    body.keys = keys;
    body.active_catalogue = DATA(&v, catalogue);
    body.n_units = 1;
    body.units = units;
    body.simulated = true;
    put_title(&v, "a RegistryBody of one key and one unit");
    put_number(&v, "algorithm", body.algorithm);
    put_number(&v, "version", (int64_t)body.version);
    put_number(&v, "issued_ms", body.issued_ms);
    PUT_HEX(&v, "ledger_key", ledger.id);
    PUT_HEX(&v, "key.id", collector.id);
    put_number(&v, "key.role", key.role);
    PUT_HEX(&v, "key.sign_public", collector.public);
    PUT_HEX(&v, "key.link_public", link);
    put_text(&v, "key.unit", key.unit);
    put_number(&v, "key.state", key.state);
    put_text(&v, "key.label", key.label);
    put_number(&v, "key.enrolled_ms", key.enrolled_ms);
    PUT_HEX(&v, "active_catalogue", catalogue);
    put_text(&v, "unit.id", county.id);
    put_text(&v, "unit.parent", county.parent);
    put_number(&v, "simulated", body.simulated);
    (void)put_signed(&v, LEDGER, PURPOSE_REGISTRY, packed(&v, &body.base));
    check_file(&v, "registry.txt");
}

Test(vectors, of_a_command)
{
    VECTORS(v);
    struct pair official = pair_of(OFFICIAL), ledger = pair_of(LEDGER);
    struct id128 id = id_of(0xB0);
    Zb__Argument argument = ZB__ARGUMENT__INIT, *arguments[] = { &argument };
    argument.name = (char *)"case";
    argument.value = (char *)"17";
    Zb__CommandBody body = ZB__COMMAND_BODY__INIT;
    body.algorithm = SEAL_BLAKE2B_ED25519;
    body.id = DATA(&v, id);
    body.actor = DATA(&v, official.id);
    body.issued_ms = 1785283200000;
    body.verb = (char *)"case.confirm";
    body.n_arguments = 1;
    body.arguments = arguments;
    body.attachment = data_of(&v, BYTES_LIT("\x00\x01\xff"));
    body.ledger = DATA(&v, ledger.id);
    put_title(&v, "a CommandBody with one argument and an attachment");
    put_number(&v, "algorithm", body.algorithm);
    PUT_HEX(&v, "id", id);
    PUT_HEX(&v, "actor", official.id);
    put_number(&v, "issued_ms", body.issued_ms);
    put_text(&v, "verb", body.verb);
    put_text(&v, "argument.name", argument.name);
    put_text(&v, "argument.value", argument.value);
    put_data(&v, "attachment", body.attachment);
    PUT_HEX(&v, "ledger", ledger.id);
    (void)put_signed(&v, OFFICIAL, PURPOSE_COMMAND, packed(&v, &body.base));
    check_file(&v, "command.txt");
}

/* ---- whole frames ---------------------------------------------------------------------------- */

static void put_frame(struct vectors *v, enum frame_type type, const ProtobufCMessage *message)
{
    CLEANUP(buf_done) struct buf frame = BUF_INIT(ROOM);
    cr_assert(eq(int, frame_encode(type, message, &frame), 0));
    cr_assert(eq(u8, frame.data[2], CODEC_PLAIN));
    put_title(v, frame_name(type));
    put_number(v, "type", type);
    put_hex(v, "payload", packed(v, message));
    put_hex(v, "frame", buf_bytes(&frame));
}

Test(vectors, of_plain_frames)
{
    VECTORS(v);
    Zb__Ping ping = ZB__PING__INIT;
    ping.tag = 300;
    put_frame(&v, FRAME_PING, &ping.base);
    Zb__Hello hello = ZB__HELLO__INIT;
    hello.protocol = PROTOCOL_VERSION;
    hello.role = ROLE_COLLECTOR;
    hello.software = (char *)"example/1";
    put_frame(&v, FRAME_HELLO, &hello.base);
    Zb__Busy busy = ZB__BUSY__INIT;
    put_frame(&v, FRAME_BUSY, &busy.base);
    Zb__FeedPull pull = ZB__FEED_PULL__INIT;
    pull.tag = 1;
    pull.after = UINT64_MAX;
    pull.most = 1024;
    put_frame(&v, FRAME_FEED_PULL, &pull.base);
    check_file(&v, "frames.txt");
}

/* zstd's bytes may differ from one version to the next: the committed frame is only opened. It is
 * written anew when it is asked for, else read. */
Test(vectors, of_a_compressed_frame_open_to_the_payload)
{
    VECTORS(v);
    CLEANUP(buf_done) struct buf frame = BUF_INIT(ROOM);
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/proto/vectors/frame_zstd.txt", getenv("ZB_SOURCE_DIR"));
    char text[301] = "";
    for (int i = 0; i < 300; i++)
        text[i] = "Zhengban "[i % 9];
    Zb__Refused refused = ZB__REFUSED__INIT;
    refused.tag = 5;
    refused.reason = REFUSAL_BAD_FRAME;
    refused.text = text;
    struct bytes payload = packed(&v, &refused.base);
    if (getenv("ZB_VECTORS_WRITE") != NULL) {
        cr_assert(eq(int, frame_encode(FRAME_REFUSED, &refused.base, &frame), 0));
        cr_assert(eq(u8, frame.data[2], CODEC_ZSTD));
        put_title(&v, "REFUSED; only opening is golden, another zstd may write other bytes");
        put_number(&v, "type", FRAME_REFUSED);
        put_hex(&v, "payload", payload);
        put_hex(&v, "frame", buf_bytes(&frame));
        check_file(&v, "frame_zstd.txt");
    }
    FILE *in = fopen(path, "r");
    cr_assert(ne(ptr, in, NULL), "%s", path);
    char line[4096] = "";
    while (fgets(line, sizeof(line), in) != NULL && strncmp(line, "frame = ", 8) != 0)
        ;
    (void)fclose(in); /* read only */
    size_t size = strcspn(line + 8, "\n") / 2;
    uint8_t *committed = arena_alloc(v.arena, size);
    cr_assert(gt(sz, size, FRAME_HEAD_BYTES));
    cr_assert(eq(int, hex_decode(bytes_of(line + 8, 2 * size), committed, size), 0));
    enum frame_type type;
    struct bytes opened;
    int r = frame_open(bytes_of(committed, size), v.arena, &type, &opened, NULL);
    cr_assert(eq(int, r, 0));
    cr_assert(eq(int, (int)type, FRAME_REFUSED));
    cr_assert(bytes_eq(opened, payload));
}
