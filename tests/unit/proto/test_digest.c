/* Digests: what they depend on and, as important, what they do not. Golden values: test_vectors. */
#include "proto/digest.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>

#include "proto/bounds.h"
#include "tests/lib/test_messages.h"

static const struct id128 producer = { { 1, 2, 3 } };

static ProtobufCBinaryData data(const void *p, size_t size_bytes)
{
    return (ProtobufCBinaryData){ size_bytes, (uint8_t *)p };
}

static Zb__SourceState source(const char *name, bool complete)
{
    Zb__SourceState state = ZB__SOURCE_STATE__INIT;
    state.name = (char *)name;
    state.complete = complete;
    return state;
}

Test(result, is_the_same_in_any_order_and_with_repeats)
{
    uint64_t seed = test_seed(21);
    struct rng rng = rng_init(seed);
    for (int round = 0; round < 200; round++) {
        struct result_item a[40], b[80];
        size_t count = rng_below(&rng, ARRAY_LEN(a) + 1);
        for (size_t i = 0; i < count; i++) {
            a[i] = (struct result_item){ 0 };
            a[i].row.b[0] = (uint8_t)rng_below(&rng, 8);
            a[i].evidence.b[15] = (uint8_t)rng_below(&rng, 4);
        }
        for (size_t i = 0; i < count; i++)
            b[i] = b[2 * count - 1 - i] = a[i];
        size_t kept_a = result_items_sort(a, count), kept_b = result_items_sort(b, 2 * count);
        cr_assert(eq(sz, kept_a, kept_b), "seed %lu", seed);
        for (size_t i = 1; i < kept_a; i++)
            cr_assert(lt(int, memcmp(&a[i - 1], &a[i], sizeof(a[i])), 0), "seed %lu", seed);
        cr_assert(digest_eq(result_digest(a, kept_a), result_digest(b, kept_b)), "seed %lu", seed);
    }
}

Test(result, of_nothing_has_a_digest_of_its_own)
{
    struct result_item item = { 0 };
    cr_assert(not(digest_eq(result_digest(NULL, 0), result_digest(&item, 1))));
    cr_assert(eq(sz, result_items_sort(NULL, 0), 0));
}

Test(evidence, of_nothing_is_zero_and_else_depends_on_every_field)
{
    Zb__Evidence evidence = ZB__EVIDENCE__INIT;
    cr_assert(id128_is_zero(evidence_id(&evidence)));
    evidence.path = (char *)"ab";
    struct id128 path = evidence_id(&evidence);
    evidence.path = (char *)"a";
    evidence.scope = (char *)"b";
    struct id128 shifted = evidence_id(&evidence);
    evidence.installed_on = evidence.scope;
    evidence.scope = (char *)"";
    struct id128 moved = evidence_id(&evidence);
    cr_assert(not(id128_is_zero(path)));
    cr_assert(not(id128_eq(path, shifted)));
    cr_assert(not(id128_eq(moved, shifted)));
}

/* An event with something in every field. */
struct sample {
    Zb__Event event;
    Zb__SourceState state[2];
    Zb__SourceState *states[2];
};

static const uint8_t ones[32] = { 1, 1, 1, 1 }, twos[32] = { 2, 2 };

static void sample_init(struct sample *s)
{
    *s = (struct sample){ .event = ZB__EVENT__INIT };
    s->state[0] = source("dpkg", true);
    s->state[1] = source("csv", false);
    s->states[0] = &s->state[0];
    s->states[1] = &s->state[1];
    s->event.sequence = 9;
    s->event.unit = (char *)"u1";
    s->event.endpoint = data(ones, 16);
    s->event.kind = EVENT_FULL;
    s->event.result_digest = data(ones, 32);
    s->event.facts_digest = data(ones, 16);
    s->event.scan_ms = 1785300000000;
    s->event.n_sources = 2;
    s->event.sources = s->states;
    s->event.final = true;
}

Test(event, is_the_same_whatever_its_encoding)
{
    struct sample s;
    sample_init(&s);
    struct digest before = event_digest(producer, 3, &s.event);
    s.event.kind = EVENT_DELTA;
    s.event.base_digest = data(twos, 32);
    cr_assert(digest_eq(event_digest(producer, 3, &s.event), before));
}

Test(event, depends_on_everything_else)
{
    enum { CHANGES = 14 };
    struct digest seen[CHANGES + 1];
    for (int change = 0; change <= CHANGES; change++) {
        struct sample s;
        struct id128 who = producer;
        uint64_t epoch = 3;
        sample_init(&s);
        switch (change) {
        case 1:
            who.b[15] = 1;
            break;
        case 2:
            epoch = 4;
            break;
        case 3:
            s.event.sequence++;
            break;
        case 4:
            s.event.unit = (char *)"u2";
            break;
        case 5:
            s.event.endpoint = data(twos, 16);
            break;
        case 6:
            s.event.scan_ms++;
            break;
        case 7:
            s.event.scan_ms = -s.event.scan_ms;
            break;
        case 8:
            s.event.final = false;
            break;
        case 9:
            s.event.result_digest = data(twos, 32);
            break;
        case 10:
            s.event.facts_digest = data(twos, 16);
            break;
        case 11:
            s.event.facts_digest = data(NULL, 0);
            break;
        case 12:
            s.state[0].complete = false;
            break;
        case 13:
            s.state[0].name = (char *)"dpkh";
            break;
        case 14:
            s.event.n_sources = 1;
            break;
        default:
            break;
        }
        seen[change] = event_digest(who, epoch, &s.event);
        for (int k = 0; k < change; k++)
            cr_assert(not(digest_eq(seen[k], seen[change])), "changes %d and %d", k, change);
    }
}

Test(event, keeps_the_order_of_its_sources)
{
    struct sample s;
    sample_init(&s);
    struct digest before = event_digest(producer, 3, &s.event);
    s.states[0] = &s.state[1];
    s.states[1] = &s.state[0];
    cr_assert(not(digest_eq(event_digest(producer, 3, &s.event), before)));
}

static struct digest with_sources(size_t count)
{
    struct sample s;
    Zb__SourceState *states[BOUND_SOURCES_PER_EVENT + 1];
    sample_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        states[i] = &s.state[0];
    s.event.sources = states;
    s.event.n_sources = count;
    return event_digest(producer, 3, &s.event);
}

Test(event, takes_as_many_sources_as_the_wire)
{
    cr_assert(not(digest_eq(with_sources(BOUND_SOURCES_PER_EVENT),
                            with_sources(BOUND_SOURCES_PER_EVENT - 1))));
}

Test(event, with_more_sources_than_the_wire_allows_is_a_bug, .signal = SIGABRT)
{
    (void)with_sources(BOUND_SOURCES_PER_EVENT + 1);
}

Test(chain, depends_on_every_event_and_their_order)
{
    struct digest a = { { 1 } }, b = { { 2 } }, zero = { { 0 } };
    struct digest ab = chain_next(chain_next(zero, a), b);
    struct digest ba = chain_next(chain_next(zero, b), a);
    cr_assert(not(digest_eq(ab, ba)));
    cr_assert(not(digest_eq(chain_next(zero, a), chain_next(zero, b))));
    cr_assert(digest_eq(ab, chain_next(chain_next(zero, a), b)));
}

Test(endpoint, depends_on_salt_and_device)
{
    struct id128 salt = { { 1 } }, other = { { 2 } };
    cr_assert(
        not(id128_eq(endpoint_id(salt, BYTES_LIT("pc")), endpoint_id(other, BYTES_LIT("pc")))));
    cr_assert(
        not(id128_eq(endpoint_id(salt, BYTES_LIT("pc")), endpoint_id(salt, BYTES_LIT("pd")))));
}
