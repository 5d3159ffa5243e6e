/* csv_cells.c - splitting CSV; what the cells mean is csv.c's. */
#include "collector/sources/csv_cells.h"

#include <errno.h>

/* ---- encoding ---- */

/* Whether the bytes that are no ASCII pair up as GB18030 does: two bytes, or four. */
static bool looks_like_gb18030(struct bytes text)
{
    size_t i = 0, pairs = 0;
    while (i < text.size) {
        if (text.data[i] < 0x80) {
            i++;
            continue;
        }
        if (text.data[i] == 0x80 || text.data[i] == 0xFF || i + 1 >= text.size)
            return false;
        uint8_t second = text.data[i + 1];
        bool is_four = second >= 0x30 && second <= 0x39;
        if (!is_four && (second < 0x40 || second == 0x7F || second == 0xFF))
            return false;
        i += is_four ? 4 : 2;
        pairs++;
    }
    return pairs > 0;
}

/* Whether any character of more than one byte is well formed UTF-8; and whether all are. */
static void utf8_look(struct bytes text, bool *ret_any, bool *ret_all)
{
    *ret_any = false;
    *ret_all = true;
    while (text.size > 0) {
        uint32_t code_point;
        size_t size = text_utf8_next(text, &code_point);
        *ret_any = *ret_any || size > 1;
        *ret_all = *ret_all && size > 0;
        size = size == 0 ? 1 : size;
        text = bytes_of(text.data + size, text.size - size);
    }
}

int csv_encoding(struct bytes *document, struct complaint *why)
{
    bool any, all;
    complaint_at(why, "the document");
    if (bytes_starts_with(*document, BYTES_LIT("\xFF\xFE")) ||
        bytes_starts_with(*document, BYTES_LIT("\xFE\xFF")))
        return complain(why, -EBADMSG, "save it again as 'CSV UTF-8'",
                        "it is encoded as UTF-16, not UTF-8");
    struct bytes bom = BYTES_LIT("\xEF\xBB\xBF");
    if (bytes_starts_with(*document, bom))
        *document = bytes_of(document->data + bom.size, document->size - bom.size);
    utf8_look(*document, &any, &all);
    if (all)
        return 0;
    if (looks_like_gb18030(*document))
        return complain(why, -EBADMSG,
                        "save it again as 'CSV UTF-8', or convert it: iconv -f GB18030 -t UTF-8",
                        "it is encoded as GB18030 (GBK), not UTF-8");
    if (!any)
        return complain(why, -EBADMSG, "save it again as 'CSV UTF-8'",
                        "it has bytes that are no UTF-8, and no character that is");
    return 0;
}

/* ---- cells ---- */

struct csv_cells csv_cells_on(struct bytes document, struct arena *arena)
{
    static const uint8_t candidates[] = { ',', ';', '\t' };
    size_t found[sizeof(candidates)] = { 0 };
    bool quoted = false;
    for (size_t i = 0; i < document.size && (quoted || document.data[i] != '\n'); i++) {
        quoted = quoted != (document.data[i] == '"');
        for (size_t c = 0; !quoted && c < sizeof(candidates); c++)
            found[c] += document.data[i] == candidates[c];
    }
    size_t most = 0;
    for (size_t c = 1; c < sizeof(candidates); c++)
        if (found[c] > found[most])
            most = c;
    return (struct csv_cells){
        .rest = document, .arena = arena, .separator = candidates[most], .line = 1
    };
}

/* Whether a record or a cell ends at *p (a CR counts before LF only). */
static size_t line_end(const uint8_t *p, const uint8_t *end)
{
    if (p < end && *p == '\n')
        return 1;
    return p + 1 < end && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

static int quote_fault(const struct csv_cells *in, size_t line, const char *what,
                       struct complaint *why)
{
    (void)in;
    complaint_at(why, "line %zu", line);
    return complain(why, -EBADMSG, "double each quote within a quoted cell", "%s", what);
}

/* The quoted cell after its first quote, without doubling; *p is left behind its last quote. */
static int quoted_read(struct csv_cells *in, const uint8_t **p, const uint8_t *end,
                       struct bytes *ret_cell, struct complaint *why)
{
    const uint8_t *start = *p, *at = start;
    size_t line = in->line, doubled = 0;
    for (;; at++) {
        if (at == end)
            return quote_fault(in, line, "a quoted cell begins here and does not end", why);
        in->line += *at == '\n';
        if (*at != '"')
            continue;
        if (at + 1 < end && at[1] == '"') {
            doubled++;
            at++;
            continue;
        }
        break;
    }
    *p = at + 1;
    *ret_cell = bytes_of(start, (size_t)(at - start));
    if (doubled == 0)
        return 0;
    uint8_t *copy = arena_alloc(in->arena, ret_cell->size);
    if (copy == NULL)
        return -ENOMEM;
    size_t n = 0;
    for (const uint8_t *from = start; from < at; from++) {
        copy[n++] = *from;
        from += *from == '"';
    }
    *ret_cell = bytes_of(copy, n);
    return 0;
}

static int cell_read(struct csv_cells *in, const uint8_t **p, const uint8_t *end,
                     struct bytes *ret_cell, struct complaint *why)
{
    if (*p < end && **p == '"') {
        (*p)++;
        int r = quoted_read(in, p, end, ret_cell, why);
        if (r < 0)
            return r;
        if (*p < end && **p != in->separator && line_end(*p, end) == 0 &&
            !(*p + 1 == end && **p == '\r'))
            return quote_fault(in, in->line, "something stands behind the end of a quoted cell",
                               why);
        return 0;
    }
    const uint8_t *start = *p;
    while (*p < end && **p != in->separator && line_end(*p, end) == 0)
        (*p)++;
    *ret_cell = bytes_of(start, (size_t)(*p - start));
    return 0;
}

int csv_next(struct csv_cells *in, struct bytes *cells, size_t cap, size_t *ret_count,
             size_t *ret_line, struct complaint *why)
{
    if (in->rest.size == 0)
        return 0;
    const uint8_t *p = in->rest.data, *end = p + in->rest.size;
    size_t count = 0;
    *ret_line = in->line;
    for (;;) {
        struct bytes cell;
        int r = cell_read(in, &p, end, &cell, why);
        if (r < 0)
            return r;
        if (count < cap)
            cells[count] = cell;
        count++;
        if (p == end || *p != in->separator)
            break;
        p++;
    }
    size_t newline = line_end(p, end);
    in->line += newline > 0;
    p = newline > 0 ? p + newline : end; /* else the end, or a lone CR before it */
    in->rest = bytes_of(p, (size_t)(end - p));
    *ret_count = count;
    return 1;
}
