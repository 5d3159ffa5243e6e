/* Canonical fields, rows and facts: one byte form for each set of fields, all others refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "proto/facts.h"
#include "proto/row.h"
#include "tests/lib/test_messages.h"

struct fixture {
    struct arena *arena;
    struct buf out;
    struct complaint why;
};

static void fixture_done(struct fixture *f)
{
    arena_free(f->arena);
    buf_done(&f->out);
}

#define FIXTURE(f)        \
    CLEANUP(fixture_done) \
    struct fixture f = { .arena = arena_new(1 << 24), .out = BUF_INIT(1 << 20) }

static struct row row_of(const char *source, const char *name)
{
    struct row row = { 0 };
    row.fields.value[ROW_SOURCE] = bytes_str(source);
    row.fields.value[ROW_NAME] = bytes_str(name);
    return row;
}

static struct bytes filler(struct fixture *f, size_t size_bytes)
{
    uint8_t *p = arena_alloc(f->arena, size_bytes);
    memset(p, 'x', size_bytes);
    return bytes_of(p, size_bytes);
}

/* ---- encoding -------------------------------------------------------------------------------- */

Test(row, is_encoded_as_drawn)
{
    FIXTURE(f);
    struct row row = row_of("dpkg", "vim");
    struct bytes identifiers[] = { BYTES_LIT("purl:b"), BYTES_LIT("cpe:a"), BYTES_LIT("purl:b"),
                                   BYTES_LIT("") };
    row.fields.repeated = identifiers;
    row.fields.repeated_count = ARRAY_LEN(identifiers);
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), 0), "%s", f.why.what);
    struct bytes drawn = BYTES_LIT("\x01"
                                   "\x01\x00\x00\x00\x04"
                                   "dpkg"
                                   "\x02\x00\x00\x00\x03"
                                   "vim"
                                   "\x0a\x00\x00\x00\x05"
                                   "cpe:a"
                                   "\x0a\x00\x00\x00\x06"
                                   "purl:b");
    cr_assert(bytes_eq(buf_bytes(&f.out), drawn));
}

Test(row, is_appended_to_what_the_buffer_holds)
{
    FIXTURE(f);
    struct row row = row_of("os", "Debian");
    buf_put_str(&f.out, "before");
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), 0));
    cr_assert(bytes_starts_with(buf_bytes(&f.out), BYTES_LIT("before\x01\x01")));
}

Test(row, needs_a_source_and_a_name_or_an_identifier)
{
    FIXTURE(f);
    struct bytes identifier = BYTES_LIT("sha256:00"), nothing = BYTES_LIT("");
    struct row row = row_of("", "vim");
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), -EINVAL));
    row = row_of("file", "");
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), -EINVAL));
    row.fields.repeated = &nothing;
    row.fields.repeated_count = 1;
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), -EINVAL));
    cr_assert(eq(sz, f.out.size, 0));
    row.fields.repeated = &identifier;
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), 0));
}

Test(row, that_is_incomplete_is_refused_by_the_decoder_too)
{
    FIXTURE(f);
    struct row row;
    struct bytes no_source = BYTES_LIT("\x01\x02\0\0\0\x03vim");
    struct bytes no_name = BYTES_LIT("\x01\x01\0\0\0\x02os");
    cr_assert(eq(int, row_decode(no_source, f.arena, &row, &f.why), -EBADMSG));
    cr_assert(eq(int, row_decode(no_name, f.arena, &row, &f.why), -EBADMSG));
    cr_assert(eq(int, row_decode(BYTES_LIT("\x01"), f.arena, &row, &f.why), -EBADMSG));
}

Test(row, holds_exactly_to_the_bounds)
{
    FIXTURE(f);
    struct row row = row_of("dpkg", "vim");
    row.fields.value[ROW_VENDOR] = filler(&f, BOUND_FIELD_BYTES);
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), 0));
    row.fields.value[ROW_VENDOR] = filler(&f, BOUND_FIELD_BYTES + 1);
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), -EINVAL));
    cr_assert(eq(str, f.why.place, "row field vendor"));

    row = row_of("dpkg", "vim");
    struct bytes identifiers[BOUND_IDENTIFIERS + 1];
    for (size_t i = 0; i < ARRAY_LEN(identifiers); i++)
        identifiers[i] = bytes_str(arena_printf(f.arena, "purl:%02zu", i));
    row.fields.repeated = identifiers;
    row.fields.repeated_count = BOUND_IDENTIFIERS;
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), 0));
    row.fields.repeated_count = BOUND_IDENTIFIERS + 1;
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), -EINVAL));
    identifiers[BOUND_IDENTIFIERS] = identifiers[0]; /* a repetition is none too many */
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), 0));
}

Test(row, holds_exactly_to_the_bound_of_the_whole)
{
    FIXTURE(f);
    struct row decoded, row = row_of("d", "v");
    for (unsigned tag = ROW_VENDOR; tag < ROW_VENDOR + 3; tag++)
        row.fields.value[tag] = filler(&f, BOUND_FIELD_BYTES);
    /* version, two short fields, three full ones: what the last may have */
    size_t left = BOUND_ROW_BYTES - (1 + 2 * (5 + 1) + 3 * (5 + BOUND_FIELD_BYTES) + 5);
    row.fields.value[ROW_EDITION] = filler(&f, left);
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), 0));
    cr_assert(eq(sz, f.out.size, BOUND_ROW_BYTES));
    cr_assert(eq(int, row_decode(buf_bytes(&f.out), f.arena, &decoded, &f.why), 0));
    row.fields.value[ROW_EDITION] = filler(&f, left + 1);
    buf_reset(&f.out);
    cr_assert(eq(int, row_encode(&row, &f.out, &f.why), -EMSGSIZE));
    cr_assert(eq(sz, f.out.size, 0));
}

Test(fields, refuse_texts_that_are_not_utf_8_and_leave_the_buffer_as_it_was)
{
    FIXTURE(f);
    static const struct bytes bad[] = {
        { (const uint8_t *)"a\0b", 3 },
        { (const uint8_t *)"\xff", 1 },
        { (const uint8_t *)"\xc0\x80", 2 },
    };
    buf_put_str(&f.out, "kept");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct row row = row_of("os", "x");
        row.fields.value[ROW_VERSION] = bad[i];
        cr_assert(eq(int, row_encode(&row, &f.out, &f.why), -EINVAL));
        row = row_of("os", "x");
        row.fields.repeated = (struct bytes *)&bad[i];
        row.fields.repeated_count = 1;
        cr_assert(eq(int, row_encode(&row, &f.out, &f.why), -EINVAL));
        cr_assert(eq(str, f.why.place, "row field identifier"));
        cr_assert(bytes_eq(buf_bytes(&f.out), BYTES_LIT("kept")));
    }
}

Test(fields, refuse_tags_that_the_form_does_not_know)
{
    FIXTURE(f);
    static const unsigned bad[] = { 0, ROW_IDENTIFIER, ROW_IDENTIFIER + 1, FIELDS_TAG_MAX - 1 };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct row row = row_of("os", "x");
        row.fields.value[bad[i]] = BYTES_LIT("y");
        cr_assert(eq(int, row_encode(&row, &f.out, &f.why), -EINVAL), "tag %u", bad[i]);
    }
}

Test(fields, that_do_not_fit_the_buffer_leave_it_usable)
{
    FIXTURE(f);
    CLEANUP(buf_done) struct buf small = BUF_INIT(12);
    struct row row = row_of("os", "Debian");
    buf_put_str(&small, "kept");
    cr_assert(eq(int, row_encode(&row, &small, &f.why), -EMSGSIZE));
    buf_put_str(&small, "too");
    cr_assert(eq(int, buf_error(&small), 0));
    cr_assert(bytes_eq(buf_bytes(&small), BYTES_LIT("kepttoo")));
}

Test(facts, are_encoded_by_the_same_rules)
{
    FIXTURE(f);
    struct facts facts = { 0 }, decoded;
    struct bytes macs[] = { BYTES_LIT("00:11:22:33:44:56"), BYTES_LIT("00:11:22:33:44:55") };
    facts.fields.value[FACTS_DEVICE] = BYTES_LIT("pc-1");
    facts.fields.value[FACTS_HOST] = BYTES_LIT("财务-01");
    facts.fields.repeated = macs;
    facts.fields.repeated_count = 2;
    cr_assert(eq(int, facts_encode(&facts, &f.out, &f.why), 0));
    cr_assert(eq(int, facts_decode(buf_bytes(&f.out), f.arena, &decoded, &f.why), 0));
    cr_assert(bytes_eq(decoded.fields.value[FACTS_HOST], BYTES_LIT("财务-01")));
    cr_assert(eq(sz, decoded.fields.repeated_count, 2));
    cr_assert(bytes_eq(decoded.fields.repeated[0], macs[1]), "sorted");
}

Test(facts, of_nothing_are_one_byte)
{
    FIXTURE(f);
    struct facts facts = { 0 };
    cr_assert(eq(int, facts_encode(&facts, &f.out, &f.why), 0));
    cr_assert(bytes_eq(buf_bytes(&f.out), BYTES_LIT("\x01")));
}

/* ---- decoding -------------------------------------------------------------------------------- */

#define REFUSED(f, literal, fault)                                                 \
    do {                                                                           \
        struct row row_ = { .fields.repeated_count = 77 };                         \
        int r_ = row_decode(BYTES_LIT(literal), (f).arena, &row_, &(f).why);       \
        cr_assert(eq(int, r_, -EBADMSG), "%s", fault);                             \
        cr_assert(ne(ptr, strstr((f).why.what, fault), NULL), "%s", (f).why.what); \
        cr_assert(eq(sz, row_.fields.repeated_count, 77), "output changed");       \
    } while (0)

#define OS "\x01\0\0\0\x02os"

Test(row, is_refused_in_every_other_form)
{
    FIXTURE(f);
    REFUSED(f, "", "unknown version");
    REFUSED(f, "\x00" OS, "unknown version");
    REFUSED(f, "\x02" OS, "unknown version");
    REFUSED(f, "\x01" OS "\x02", "cut inside a field's head");
    REFUSED(f, "\x01" OS "\x02\0\0\0", "cut inside a field's head");
    REFUSED(f, "\x01" OS "\x02\0\0\0\x02x", "longer than what is left");
    REFUSED(f, "\x01" OS "\x02\xff\xff\xff\xffx", "longer than what is left");
    REFUSED(f, "\x01" OS "\x02\0\0\0\x00", "an empty field is left out");
    REFUSED(f, "\x01\x02\0\0\0\x01x" OS, "tags do not ascend");
    REFUSED(f, "\x01" OS OS, "tags do not ascend");
    REFUSED(f, "\x01" OS "\x00\0\0\0\x01x", "unknown tag");
    REFUSED(f, "\x01" OS "\x0b\0\0\0\x01x", "unknown tag");
    REFUSED(f, "\x01" OS "\xff\0\0\0\x01x", "unknown tag");
    REFUSED(f, "\x01" OS "\x02\0\0\0\x01\xff", "not UTF-8");
    REFUSED(f, "\x01" OS "\x02\0\0\0\x01\0", "not UTF-8");
    REFUSED(f, "\x01" OS "\x0a\0\0\0\x01y\x0a\0\0\0\x01x", "do not ascend");
    REFUSED(f, "\x01" OS "\x0a\0\0\0\x01y\x0a\0\0\0\x01y", "do not ascend");
}

Test(row, is_refused_with_one_byte_too_many_anywhere)
{
    FIXTURE(f);
    struct row row;
    CLEANUP(buf_done) struct buf raw = BUF_INIT(1 << 20);
    buf_put(&raw, BYTES_LIT("\x01" OS "\x02"));
    buf_put_u32be(&raw, BOUND_FIELD_BYTES + 1);
    buf_put(&raw, filler(&f, BOUND_FIELD_BYTES + 1));
    cr_assert(eq(int, row_decode(buf_bytes(&raw), f.arena, &row, &f.why), -EBADMSG));

    buf_reset(&raw);
    buf_put(&raw, BYTES_LIT("\x01" OS));
    for (unsigned i = 0; i <= BOUND_IDENTIFIERS; i++) {
        buf_put_u8(&raw, ROW_IDENTIFIER);
        buf_put_u32be(&raw, 1);
        buf_put_u8(&raw, (uint8_t)('0' + i));
    }
    cr_assert(eq(int, row_decode(buf_bytes(&raw), f.arena, &row, &f.why), -EBADMSG));
    cr_assert(eq(str, f.why.what, "too many repeated values"));
    raw.size -= 6;
    cr_assert(eq(int, row_decode(buf_bytes(&raw), f.arena, &row, &f.why), 0));

    buf_reset(&raw);
    buf_put(&raw, filler(&f, BOUND_ROW_BYTES + 1));
    cr_assert(eq(int, row_decode(buf_bytes(&raw), f.arena, &row, &f.why), -EBADMSG));
    cr_assert(eq(str, f.why.what, "longer than allowed"));
}

/* ---- at random ------------------------------------------------------------------------------- */

static struct row sample_row(struct sampler *s)
{
    struct row row = row_of("arp", sample_text(s, 1, 40));
    for (unsigned tag = ROW_VENDOR; tag < ROW_IDENTIFIER; tag++)
        if (rng_chance(s->rng, 1, 2))
            row.fields.value[tag] = bytes_str(sample_text(s, 0, 30));
    size_t count = rng_below(s->rng, 6);
    row.fields.repeated = sampler_alloc(s, count, sizeof(struct bytes));
    row.fields.repeated_count = count;
    for (size_t i = 0; i < count; i++)
        row.fields.repeated[i] = bytes_str(sample_text(s, 0, 3));
    return row;
}

Test(row, has_one_form_whatever_the_bytes)
{
    FIXTURE(f);
    uint64_t seed = test_seed(7);
    struct rng rng = rng_init(seed);
    size_t decoded_count = 0;
    for (int round = 0; round < 50000; round++) {
        CLEANUP(buf_done) struct buf again = BUF_INIT(1 << 16);
        struct arena_mark mark = arena_mark(f.arena);
        struct sampler sampler = { f.arena, &rng, 4, 40 };
        struct row decoded, row = sample_row(&sampler);
        buf_reset(&f.out);
        cr_assert(eq(int, row_encode(&row, &f.out, &f.why), 0), "seed %lu: %s", seed, f.why.what);
        /* From the second round in two on, one byte is changed, or the end cut off. */
        if (round % 2 == 1)
            f.out.data[rng_below(&rng, f.out.size)] ^= (uint8_t)(1 + rng_below(&rng, 255));
        else if (round % 4 == 2)
            f.out.size = rng_below(&rng, f.out.size);
        int r = row_decode(buf_bytes(&f.out), f.arena, &decoded, &f.why);
        if (r == 0) {
            decoded_count++;
            cr_assert(eq(int, row_encode(&decoded, &again, &f.why), 0), "seed %lu", seed);
            cr_assert(bytes_eq(buf_bytes(&again), buf_bytes(&f.out)), "seed %lu", seed);
        } else {
            cr_assert(eq(int, r, -EBADMSG), "seed %lu", seed);
            cr_assert(ne(int, round % 4, 0), "seed %lu, round %d: %s", seed, round, f.why.what);
        }
        arena_rewind(f.arena, mark);
    }
    cr_assert(gt(sz, decoded_count, 12500));
}

Test(row, is_the_same_whatever_the_order_of_its_identifiers)
{
    FIXTURE(f);
    uint64_t seed = test_seed(8);
    struct rng rng = rng_init(seed);
    for (int round = 0; round < 1000; round++) {
        CLEANUP(buf_done) struct buf again = BUF_INIT(1 << 16);
        struct arena_mark mark = arena_mark(f.arena);
        struct sampler sampler = { f.arena, &rng, 4, 40 };
        struct row row = sample_row(&sampler);
        buf_reset(&f.out);
        cr_assert(eq(int, row_encode(&row, &f.out, &f.why), 0));
        for (size_t i = row.fields.repeated_count; i > 1; i--) {
            size_t k = rng_below(&rng, i);
            struct bytes swapped = row.fields.repeated[i - 1];
            row.fields.repeated[i - 1] = row.fields.repeated[k];
            row.fields.repeated[k] = swapped;
        }
        cr_assert(eq(int, row_encode(&row, &again, &f.why), 0));
        cr_assert(bytes_eq(buf_bytes(&again), buf_bytes(&f.out)), "seed %lu", seed);
        arena_rewind(f.arena, mark);
    }
}

Test(row, that_does_not_fit_the_arena_says_so)
{
    FIXTURE(f);
    CLEANUP(arena_freep) struct arena *tiny = arena_new(8);
    struct row row;
    struct bytes canonical = BYTES_LIT("\x01" OS "\x0a\0\0\0\x01y");
    cr_assert(eq(int, row_decode(canonical, tiny, &row, &f.why), -ENOMEM));
}
