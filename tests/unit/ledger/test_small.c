/* The small pure pieces: row sets, versions, credit codes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <errno.h>

#include "ledger/rowset.h"
#include "ledger/uscc.h"
#include "ledger/version.h"

Test(rowset, comes_back_as_it_was_stored)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 16);
    uint64_t rows[] = { 1, 2, 127, 128, 16384, UINT64_MAX };
    struct rowset set = { .row = rows, .count = 6 }, back;
    struct bytes packed = rowset_pack(&set, arena);
    cr_assert(eq(int, rowset_unpack(packed, arena, &back), 0));
    cr_assert(eq(sz, back.count, 6));
    for (size_t i = 0; i < 6; i++)
        cr_assert(eq(u64, back.row[i], rows[i]));
    cr_assert(rowset_has(&back, 128));
    cr_assert(not(rowset_has(&back, 129)));
}

Test(rowset, refuses_every_other_encoding)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(1 << 16);
    struct rowset set;
    cr_assert(eq(int, rowset_unpack(BYTES_LIT("\x00"), arena, &set), -EBADMSG), "a repeat");
    cr_assert(eq(int, rowset_unpack(BYTES_LIT("\x81"), arena, &set), -EBADMSG), "cut off");
    cr_assert(eq(int, rowset_unpack(BYTES_LIT("\x81\x00"), arena, &set), -EBADMSG), "too long");
    cr_assert(eq(int,
                 rowset_unpack(BYTES_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), arena, &set),
                 -EBADMSG),
              "too large");
}

Test(version, compares_numbers_and_lets_a_high_bound_cover_its_parts)
{
    int order;
    cr_assert(version_compare("1.10", "1.9", &order) && order > 0);
    cr_assert(version_compare("v2.0", "2", &order) && order == 0);
    cr_assert(not(version_compare("beta", "2", &order)));
    cr_assert(eq(int, version_within("2019.3", "2018", "2019"), MATCH_YES));
    cr_assert(eq(int, version_within("2020", "2018", "2019"), MATCH_NO));
    cr_assert(eq(int, version_within("2017.9", "2018", ""), MATCH_NO));
    cr_assert(eq(int, version_within("R2021x", "2018", ""), MATCH_DOUBT));
    cr_assert(eq(int, version_within("anything", "", ""), MATCH_YES));
}

/* domain.md, section 5. */
Test(uscc, is_told_from_what_looks_like_it)
{
    static const char *const valid[] = { "91350100M000100Y43", "91110000802100433B",
                                         "1134082855783407XL", "51100000500019541K",
                                         "52610500MJU60350X1" };
    static const char *const invalid[] = { "91350100M000100Y4Z", "91350200M000000510",
                                           "91350128M00000019A", "91350100M000100Y4",
                                           "91350100M000100I43", "" };
    for (size_t i = 0; i < ARRAY_LEN(valid); i++)
        cr_assert(eq(int, uscc_check(valid[i]), USCC_VALID), "%s", valid[i]);
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        cr_assert(eq(int, uscc_check(invalid[i]), USCC_INVALID), "%s", invalid[i]);
}
