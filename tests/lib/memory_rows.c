/* memory_rows.c - the rows that reports of memory_spool.h are made of. */
#include "tests/lib/memory_spool.h"

/* Canonical rows (proto/row.h): version, source "list", a name. */
#define ROW(name) "\x01\x01\0\0\0\4list\x02\0\0\0\6" name

struct bytes memory_row(unsigned i)
{
    enum { ROW_BYTES = 1 + 5 + 4 + 5 + 6 };
    static const char row[MEMORY_ROWS_MAX][ROW_BYTES + 1] = {
        ROW("row 00"), ROW("row 01"), ROW("row 02"), ROW("row 03"), ROW("row 04"), ROW("row 05"),
        ROW("row 06"), ROW("row 07"), ROW("row 08"), ROW("row 09"), ROW("row 10"), ROW("row 11"),
        ROW("row 12"), ROW("row 13"), ROW("row 14"), ROW("row 15"), ROW("row 16"), ROW("row 17"),
        ROW("row 18"), ROW("row 19"), ROW("row 20"), ROW("row 21"), ROW("row 22"), ROW("row 23"),
        ROW("row 24"), ROW("row 25"), ROW("row 26"), ROW("row 27"), ROW("row 28"), ROW("row 29"),
        ROW("row 30"), ROW("row 31"),
    };
    return bytes_of(row[i], ROW_BYTES);
}

size_t memory_items(uint32_t rows, struct result_item items[MEMORY_ROWS_MAX])
{
    size_t count = 0;
    for (unsigned i = 0; i < MEMORY_ROWS_MAX; i++)
        if (rows & (1u << i))
            items[count++] = (struct result_item){ .row = seal_id128(SEAL_PARTS(memory_row(i))) };
    return result_items_sort(items, count);
}

struct digest memory_result(uint32_t rows)
{
    struct result_item items[MEMORY_ROWS_MAX];
    return result_digest(items, memory_items(rows, items));
}
