/* row.c - the canonical form of a row. */
#include "proto/row.h"

#include <errno.h>

#include "base/seal.h"

const struct fields_form row_form = {
    .name = "row",
    .tag_name = {
        [ROW_SOURCE] = "source",
        [ROW_NAME] = "name",
        [ROW_VENDOR] = "vendor",
        [ROW_VERSION] = "version",
        [ROW_ARCH] = "architecture",
        [ROW_EDITION] = "edition",
        [ROW_ORIGIN] = "origin",
        [ROW_LICENCE] = "licence",
        [ROW_CHANNEL] = "channel",
        [ROW_IDENTIFIER] = "identifier",
    },
    .repeated_tag = ROW_IDENTIFIER,
    .repeated_max = BOUND_IDENTIFIERS,
    .total_bytes = BOUND_ROW_BYTES,
};

/* A row says where it was read and names something. */
static int row_check(const struct row *row, int r, struct complaint *why)
{
    bool named = row_text(row, ROW_NAME).size > 0;
    for (size_t i = 0; i < row->fields.repeated_count; i++)
        named = named || row->fields.repeated[i].size > 0;
    if (row_text(row, ROW_SOURCE).size == 0) {
        complaint_at(why, "row field source");
        return complain(why, r, "say what kind of place the row was read from", "missing");
    }
    if (!named) {
        complaint_at(why, "row field name");
        return complain(why, r, "give a name or an identifier", "neither is there");
    }
    return 0;
}

int row_encode(const struct row *row, struct buf *out, struct complaint *why)
{
    int r = row_check(row, -EINVAL, why);
    return r < 0 ? r : fields_encode(&row_form, &row->fields, out, why);
}

int row_decode(struct bytes canonical, struct arena *arena, struct row *ret_row,
               struct complaint *why)
{
    struct row row;
    int r = fields_decode(&row_form, canonical, arena, &row.fields, why);
    if (r == 0)
        r = row_check(&row, -EBADMSG, why);
    if (r == 0)
        *ret_row = row;
    return r;
}

struct id128 row_id(struct bytes canonical)
{
    return seal_id128(SEAL_PARTS(canonical));
}
