/* rowset.c - merging and storing sets of row numbers. */
#include "ledger/rowset.h"

#include <errno.h>

enum { LEB128_BYTES_MAX = 10 };

struct bytes rowset_pack(const struct rowset *set, struct arena *arena)
{
    uint8_t *data = arena_alloc(arena, set->count * LEB128_BYTES_MAX);
    if (data == NULL)
        return (struct bytes){ 0 };
    uint8_t *at = data;
    uint64_t before = 0;
    for (size_t i = 0; i < set->count; i++) {
        uint64_t step = set->row[i] - before;
        before = set->row[i];
        for (; step >= 0x80; step >>= 7)
            *at++ = (uint8_t)(step | 0x80);
        *at++ = (uint8_t)step;
    }
    return bytes_of(data, (size_t)(at - data));
}

int rowset_unpack(struct bytes packed, struct arena *arena, struct rowset *ret_set)
{
    /* One number per byte at most. */
    struct rowset set = { .row = arena_alloc(arena, packed.size * sizeof(uint64_t)) };
    if (set.row == NULL)
        return -ENOMEM;
    uint64_t before = 0, step = 0;
    unsigned shift = 0;
    for (size_t i = 0; i < packed.size; i++) {
        uint64_t bits = packed.data[i] & 0x7F;
        if (shift > 63 || (shift == 63 && bits > 1))
            return -EBADMSG;
        step |= bits << shift;
        shift += 7;
        if ((packed.data[i] & 0x80) != 0)
            continue;
        if (step == 0 || step > UINT64_MAX - before || (bits == 0 && shift > 7))
            return -EBADMSG;
        before += step;
        set.row[set.count++] = before;
        step = 0;
        shift = 0;
    }
    if (shift != 0)
        return -EBADMSG;
    *ret_set = set;
    return 0;
}

static int number_cmp(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void rowset_sort(struct rowset *set)
{
    if (set->count < 2)
        return;
    qsort(set->row, set->count, sizeof(*set->row), number_cmp);
    size_t kept = 1;
    for (size_t i = 1; i < set->count; i++)
        if (set->row[i] != set->row[kept - 1])
            set->row[kept++] = set->row[i];
    set->count = kept;
}

bool rowset_has(const struct rowset *set, uint64_t row)
{
    return set->count > 0 &&
           bsearch(&row, set->row, set->count, sizeof(*set->row), number_cmp) != NULL;
}

int rowset_union(const struct rowset *a, const struct rowset *b, struct arena *arena,
                 struct rowset *ret_set)
{
    struct rowset set = { .row = arena_alloc(arena, (a->count + b->count) * sizeof(uint64_t)) };
    if (set.row == NULL)
        return -ENOMEM;
    size_t i = 0, j = 0;
    while (i < a->count || j < b->count) {
        bool from_a = j == b->count || (i < a->count && a->row[i] <= b->row[j]);
        uint64_t row = from_a ? a->row[i] : b->row[j];
        i += i < a->count && a->row[i] == row;
        j += j < b->count && b->row[j] == row;
        set.row[set.count++] = row;
    }
    *ret_set = set;
    return 0;
}

int rowset_minus(const struct rowset *a, const struct rowset *b, struct arena *arena,
                 struct rowset *ret_set)
{
    struct rowset set = { .row = arena_alloc(arena, a->count * sizeof(uint64_t)) };
    if (set.row == NULL)
        return -ENOMEM;
    size_t j = 0;
    for (size_t i = 0; i < a->count; i++) {
        while (j < b->count && b->row[j] < a->row[i])
            j++;
        if (j == b->count || b->row[j] != a->row[i])
            set.row[set.count++] = a->row[i];
    }
    *ret_set = set;
    return 0;
}
