/* tally.c - counts of installs, kept by apply and read by positions. */
#include "ledger/tally.h"

#include <errno.h>

#include "base/seal.h"

/* The bytes that tell one variant from another, behind eight bytes for the count. */
static int variant_value(const Zb__InstallRecord *install, struct arena *arena,
                         struct bytes *ret_value)
{
    struct bytes texts[3] = { bytes_str(install->category), bytes_str(install->edition),
                              bytes_str(install->version) };
    size_t size = 10;
    for (size_t i = 0; i < 3; i++)
        size += texts[i].size + 1;
    uint8_t *value = arena_calloc(arena, 1, size);
    if (value == NULL)
        return -ENOMEM;
    value[8] = (uint8_t)install->licence_class;
    value[9] = install->stale ? 1 : 0;
    uint8_t *at = value + 10;
    for (size_t i = 0; i < 3; i++) {
        if (texts[i].size > 0)
            memcpy(at, texts[i].data, texts[i].size);
        at += texts[i].size + 1;
    }
    *ret_value = bytes_of(value, size);
    return 0;
}

int tally_change(const struct ledger_writer *writer, struct bytes install_key,
                 const Zb__InstallRecord *install, int by, struct arena *arena)
{
    struct reader r = reader_of(install_key);
    const char *unit = (const char *)key_read_text(&r).data;
    const char *product = (const char *)key_read_text(&r).data;
    if (r.failed)
        return -EBADMSG;
    struct bytes value;
    int rc = variant_value(install, arena, &value);
    if (rc < 0)
        return rc;
    struct id128 variant = seal_id128(SEAL_PARTS(bytes_of(value.data + 8, value.size - 8)));
    struct ledger_key key = key_text_text_id(product, unit, id128_bytes(&variant));
    if (key.size == 0)
        return -EBADMSG;
    uint64_t count = 0;
    rc = ledger_get_u64(&writer->view, INDEX_PRODUCT, key, &count);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    if (by < 0 && count == 0)
        return -EBADMSG;
    count = by < 0 ? count - 1 : count + 1;
    if (count == 0)
        return writer->del(writer->view.ctx, INDEX_PRODUCT, ledger_key_bytes(&key));
    put_u64be((uint8_t *)(uintptr_t)value.data, count); /* our own allocation of just now */
    return writer->put(writer->view.ctx, INDEX_PRODUCT, ledger_key_bytes(&key), value);
}

struct ledger_walk tally_walk(const struct ledger_view *view, const char *product, const char *unit)
{
    return ledger_walk(view, INDEX_PRODUCT, key_prefix(product, unit));
}

int tally_next(struct ledger_walk *walk, struct arena *arena, struct tally *ret_tally)
{
    struct bytes key, value;
    int rc = ledger_walk_next(walk, arena, &key, &value);
    if (rc < 0)
        return rc;
    struct reader k = reader_of(key);
    (void)key_read_text(&k); /* the product, which the walk was begun with */
    struct bytes unit = key_read_text(&k);
    struct reader v = reader_of(value);
    struct tally tally = {
        .unit = (const char *)unit.data, .category = "", .edition = "", .version = ""
    };
    if (!k.failed && value.size == 0) {
        *ret_tally = tally;
        return 0;
    }
    tally.count = read_u64be(&v);
    tally.licence_class = (Zb__LicenceClass)read_u8(&v);
    tally.stale = read_u8(&v) != 0;
    tally.category = (const char *)key_read_text(&v).data;
    tally.edition = (const char *)key_read_text(&v).data;
    tally.version = (const char *)key_read_text(&v).data;
    if (k.failed || v.failed)
        return -EBADMSG;
    *ret_tally = tally;
    return 0;
}
