/* refusals: totals by reason, each with the first few keys, each key once. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "bus/refusals.h"
#include "proto/frame.h"

enum { ARENA_BYTES = 65536 };

struct fixture {
    struct refusals *refusals;
    struct arena *arena;
};

static struct fixture begin(void)
{
    struct fixture f = { .arena = arena_new(ARENA_BYTES) };
    cr_assert(f.arena != NULL);
    cr_assert(eq(int, refusals_new(&f.refusals), 0));
    return f;
}

static void end(struct fixture *f)
{
    refusals_free(f->refusals);
    arena_free(f->arena);
}

static void count_one(struct fixture *f, Zb__RefusalReason reason, uint8_t first)
{
    uint8_t key[16] = { first };
    refusals_count(f->refusals, reason, bytes_of(key, sizeof(key)));
}

Test(refusals, have_nothing_to_say_of_a_quiet_minute)
{
    struct fixture f = begin();
    cr_assert(refusals_report(f.refusals, 5, f.arena) == NULL);
    end(&f);
}

Test(refusals, are_told_by_reason_with_each_key_once)
{
    struct fixture f = begin();
    count_one(&f, REFUSAL_BAD_SIGNATURE, 1);
    count_one(&f, REFUSAL_BAD_SIGNATURE, 2);
    count_one(&f, REFUSAL_BAD_SIGNATURE, 1);
    count_one(&f, REFUSAL_UNKNOWN_KEY, 3);
    const Zb__Refusals *report = refusals_report(f.refusals, 1234, f.arena);
    cr_assert(report != NULL);
    cr_assert(eq(i64, report->since_ms, 1234));
    cr_assert(eq(sz, report->n_totals, 2));
    cr_assert(eq(int, report->totals[0]->reason, REFUSAL_UNKNOWN_KEY));
    cr_assert(eq(u64, report->totals[0]->count, 1));
    cr_assert(eq(sz, report->totals[0]->n_keys, 1));
    cr_assert(eq(int, report->totals[1]->reason, REFUSAL_BAD_SIGNATURE));
    cr_assert(eq(u64, report->totals[1]->count, 3));
    cr_assert(eq(sz, report->totals[1]->n_keys, 2));
    cr_assert(eq(sz, report->totals[1]->keys[1].len, 16));
    cr_assert(eq(int, report->totals[1]->keys[1].data[0], 2));
    end(&f);
}

Test(refusals, go_on_counting_when_they_have_keys_enough)
{
    struct fixture f = begin();
    for (uint8_t i = 0; i < 100; i++)
        count_one(&f, REFUSAL_FORKED, i);
    const Zb__Refusals *report = refusals_report(f.refusals, 0, f.arena);
    cr_assert(report != NULL);
    cr_assert(eq(u64, report->totals[0]->count, 100));
    cr_assert(eq(sz, report->totals[0]->n_keys, BOUND_REFUSAL_KEYS));
    for (size_t i = 0; i < BOUND_REFUSAL_KEYS; i++)
        cr_assert(eq(int, report->totals[0]->keys[i].data[0], (int)i), "the first ones");
    end(&f);
}

Test(refusals, count_also_those_whose_key_is_of_no_use)
{
    struct fixture f = begin();
    uint8_t large[33] = { 0 };
    refusals_count(f.refusals, REFUSAL_BAD_FRAME, (struct bytes){ 0 });
    refusals_count(f.refusals, REFUSAL_BAD_FRAME, bytes_of(large, sizeof(large)));
    const Zb__Refusals *report = refusals_report(f.refusals, 0, f.arena);
    cr_assert(report != NULL);
    cr_assert(eq(u64, report->totals[0]->count, 2));
    cr_assert(eq(sz, report->totals[0]->n_keys, 0));
    end(&f);
}

Test(refusals, ignore_a_reason_that_is_none)
{
    struct fixture f = begin();
    count_one(&f, (Zb__RefusalReason)-1, 1);
    count_one(&f, (Zb__RefusalReason)100000, 1);
    cr_assert(refusals_report(f.refusals, 0, f.arena) == NULL);
    end(&f);
}

Test(refusals, begin_anew_when_they_were_told)
{
    struct fixture f = begin();
    count_one(&f, REFUSAL_FORKED, 1);
    refusals_clear(f.refusals, 1);
    cr_assert(refusals_report(f.refusals, 0, f.arena) == NULL);
    count_one(&f, REFUSAL_FORKED, 2);
    const Zb__Refusals *report = refusals_report(f.refusals, 0, f.arena);
    cr_assert(report != NULL);
    cr_assert(eq(u64, report->totals[0]->count, 1));
    cr_assert(eq(int, report->totals[0]->keys[0].data[0], 2));
    end(&f);
}

Test(refusals, are_told_at_once_after_a_quiet_minute_and_then_once_a_minute)
{
    enum { MINUTE_MS = 60 * 1000, BEGIN_MS = 5 };
    struct fixture f = begin();
    cr_assert(not(refusals_due(f.refusals, BEGIN_MS)), "there is nothing to tell");
    count_one(&f, REFUSAL_FORKED, 1);
    cr_assert(refusals_due(f.refusals, BEGIN_MS));
    cr_assert(not(refusals_due(NULL, BEGIN_MS)));
    refusals_clear(f.refusals, BEGIN_MS);
    cr_assert(not(refusals_due(f.refusals, BEGIN_MS)));
    count_one(&f, REFUSAL_FORKED, 2);
    cr_assert(not(refusals_due(f.refusals, BEGIN_MS + MINUTE_MS - 1)));
    cr_assert(refusals_due(f.refusals, BEGIN_MS + MINUTE_MS));
    end(&f);
}

Test(refusals, are_called_by_what_they_are)
{
    cr_assert(eq(str, (char *)refusal_name(REFUSAL_OUTSIDE_SUBTREE), "OUTSIDE_SUBTREE"));
    cr_assert(eq(str, (char *)refusal_name((Zb__RefusalReason)100000), "?"));
}

/* Every reason there is, each with every key it can hold: the largest report. */
Test(refusals, fit_on_the_wire_whatever_was_refused)
{
    struct fixture f = begin();
    const ProtobufCEnumDescriptor *reasons = &zb__refusal_reason__descriptor;
    size_t known = 0;
    for (unsigned i = 0; i < reasons->n_values; i++) {
        for (unsigned k = 0; k < 2 * BOUND_REFUSAL_KEYS; k++)
            count_one(&f, (Zb__RefusalReason)reasons->values[i].value, (uint8_t)k);
        known++;
    }
    const Zb__Refusals *report = refusals_report(f.refusals, 9, f.arena);
    cr_assert(report != NULL);
    cr_assert(eq(sz, report->n_totals, known), "a reason is not counted");
    size_t size = zb__refusals__get_packed_size(report);
    uint8_t *raw = arena_alloc(f.arena, size);
    cr_assert(raw != NULL);
    (void)zb__refusals__pack(report, raw);
    Zb__Refusals *back = NULL;
    cr_assert(eq(int, MESSAGE_UNPACK(refusals, bytes_of(raw, size), f.arena, &back, NULL), 0));
    cr_assert(eq(sz, back->n_totals, known));
    end(&f);
}

Test(refusals, tell_nothing_rather_than_half_when_memory_is_out)
{
    struct fixture f = begin();
    for (unsigned k = 0; k < BOUND_REFUSAL_KEYS; k++)
        count_one(&f, REFUSAL_FORKED, (uint8_t)k);
    for (size_t cap = 0; cap < 1024; cap += 16) {
        struct arena *small = arena_new(cap);
        cr_assert(small != NULL);
        const Zb__Refusals *report = refusals_report(f.refusals, 0, small);
        cr_assert(report == NULL || report->totals[0]->n_keys == BOUND_REFUSAL_KEYS);
        arena_free(small);
    }
    end(&f);
}
