/* context.c - names for ids, looked up when a notice is put into words. */
#include "notifier/context.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "ledger/key.h"
#include "proto/blob.h"
#include "proto/facts.h"
#include "proto/frame.h"

enum {
    NAMES_BYTES = 8 * 1024 * 1024,
    COMPUTERS_MAX = 40, /* named in a notice; of more, the number */
    LIST_BYTES = 16 * 1024,
};

/* ---- computers ---- */

static int facts_get(const struct ledger_view *view, const Zb__EndpointRecord *endpoint,
                     struct arena *arena, struct facts *ret_facts)
{
    Zb__PrivateRecord *held = NULL;
    if (endpoint->facts.len == 0)
        return -ENOENT;
    int r = LEDGER_GET(view, TABLE_PRIVATE, key_id(blob_bytes(endpoint->facts)), arena, &held);
    return r < 0 ? r : facts_decode(blob_bytes(held->value), arena, ret_facts, NULL);
}

static void put_fact(struct buf *out, const struct facts *facts, enum facts_tag tag)
{
    struct bytes value = facts->fields.value[tag];
    if (value.size == 0)
        return;
    if (out->size > 0)
        buf_put_u8(out, ' ');
    buf_put(out, value);
}

int context_computer(const struct ledger_view *view, uint64_t endpoint, struct arena *arena,
                     const char **ret_text)
{
    Zb__EndpointRecord *record = NULL;
    struct facts facts;
    int r = LEDGER_GET(view, TABLE_ENDPOINT, key_u64(endpoint), arena, &record);
    if (r == 0)
        r = facts_get(view, record, arena, &facts);
    if (r == -ENOENT) {
        *ret_text = arena_printf(arena, "computer %" PRIu64, endpoint);
        return *ret_text == NULL ? -ENOMEM : 0;
    }
    if (r != 0)
        return r;
    struct buf text = BUF_INIT(BOUND_FACTS_BYTES);
    bool has_host = facts.fields.value[FACTS_HOST].size > 0;
    put_fact(&text, &facts, has_host ? FACTS_HOST : FACTS_DEVICE);
    put_fact(&text, &facts, FACTS_ASSET);
    put_fact(&text, &facts, FACTS_DEPARTMENT);
    put_fact(&text, &facts, FACTS_USER);
    *ret_text = buf_error(&text) < 0 ? NULL : arena_strdup(arena, buf_bytes(&text));
    buf_done(&text);
    return *ret_text == NULL ? -ENOMEM : 0;
}

struct list {
    struct buf text;
    size_t count;
};

static int list_add(struct list *list, const struct ledger_view *view, uint64_t endpoint,
                    struct arena *arena)
{
    const char *name;
    if (list->count++ >= COMPUTERS_MAX)
        return 0;
    int r = context_computer(view, endpoint, arena, &name);
    if (r < 0)
        return r;
    buf_put_str(&list->text, list->count == 1 ? "" : "; ");
    buf_put_str(&list->text, name);
    return 0;
}

/* Open lines name their computers. */
static int list_lines(struct list *list, const struct ledger_view *view, uint64_t case_id,
                      struct arena *arena)
{
    struct ledger_walk walk = ledger_walk(view, TABLE_LINE, key_u64(case_id));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, arena, &key, &value)) == 0) {
        Zb__LineRecord *line = NULL;
        r = MESSAGE_UNPACK(line_record, value, arena, &line, NULL);
        if (r == 0 && line->state == LINE_OPEN && line->endpoint != 0)
            r = list_add(list, view, line->endpoint, arena);
        if (r < 0)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

/* Quantities name none: then it is about every computer of the unit that has the product. */
static int list_installs(struct list *list, const struct ledger_view *view, const char *unit,
                         const char *product, struct arena *arena)
{
    struct ledger_walk walk = ledger_walk(view, TABLE_INSTALL, key_prefix(unit, product));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, arena, &key, &value)) == 0) {
        if (key.size < sizeof(uint64_t))
            return -EBADMSG;
        r = list_add(list, view, get_u64be(key.data + key.size - sizeof(uint64_t)), arena);
        if (r < 0)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

static int computers_of(const struct ledger_view *view, const Zb__CaseRecord *rec,
                        struct arena *arena, const char **ret_text)
{
    struct list list = { .text = BUF_INIT(LIST_BYTES) };
    int r = rec->class_ == CASE_E ? list_installs(&list, view, rec->unit, rec->product, arena)
                                  : list_lines(&list, view, rec->id, arena);
    if (r == 0 && list.count > COMPUTERS_MAX)
        buf_printf(&list.text, "; ... +%zu", list.count - COMPUTERS_MAX);
    if (r == 0) {
        /* A list over its bound is better cut than missing. */
        *ret_text = arena_strdup(arena, buf_bytes(&list.text));
        r = *ret_text == NULL ? -ENOMEM : 0;
    }
    buf_done(&list.text);
    return r;
}

/* ---- products ---- */

/* The field with that number of a line of fields between tabs; empty if there are fewer. */
static struct bytes column_of(struct bytes line, size_t number)
{
    const uint8_t *at = line.data, *end = line.data + line.size;
    for (; number > 0; number--) {
        at = memchr(at, '\t', (size_t)(end - at));
        if (at == NULL)
            return (struct bytes){ 0 };
        at++;
    }
    const uint8_t *tab = memchr(at, '\t', (size_t)(end - at));
    return bytes_of(at, (size_t)((tab == NULL ? end : tab) - at));
}

static const char *name_in(struct bytes text, const char *product, bool chinese,
                           struct arena *arena)
{
    enum { COLUMN_ID, COLUMN_NAME, COLUMN_NAME_ZH };
    while (text.size > 0) {
        const uint8_t *newline = memchr(text.data, '\n', text.size);
        size_t size = newline == NULL ? text.size : (size_t)(newline - text.data);
        struct bytes line = bytes_of(text.data, size);
        if (bytes_eq(column_of(line, COLUMN_ID), bytes_str(product))) {
            struct bytes name = column_of(line, chinese ? COLUMN_NAME_ZH : COLUMN_NAME);
            if (name.size == 0)
                name = column_of(line, COLUMN_NAME);
            return arena_printf(arena, "%.*s (%s)", (int)name.size, (const char *)name.data,
                                product);
        }
        size_t skip = newline == NULL ? size : size + 1;
        text = bytes_of(text.data + skip, text.size - skip);
    }
    return product;
}

static int product_name_of(const struct ledger_view *view, const char *names_dir,
                           const char *product, bool chinese, struct arena *arena,
                           const char **ret_name)
{
    Zb__StateRecord *active = NULL;
    struct digest digest;
    char hex[HEX256_SIZE], file[HEX256_SIZE + sizeof(".names")], path[FILE_PATH_SIZE];
    struct bytes text;
    *ret_name = product;
    int r = LEDGER_GET(view, TABLE_STATE, key_name("catalogue"), arena, &active);
    if (r < 0 || !digest_of(blob_bytes(active->bytes), &digest))
        return r == -ENOENT ? 0 : r;
    hex_encode(digest.b, sizeof(digest.b), hex);
    (void)snprintf(file, sizeof(file), "%s.names", hex); /* sized for it */
    r = path_join(path, sizeof(path), names_dir, file);
    if (r == 0)
        r = file_read(arena, path, NAMES_BYTES, &text, NULL);
    if (r != 0)
        return r == -ENOMEM ? r : 0; /* names are a kindness: the id will do */
    *ret_name = name_in(text, product, chinese, arena);
    return *ret_name == NULL ? -ENOMEM : 0;
}

int context_fill(const struct ledger_view *view, const char *names_dir,
                 const Zb__NoticeRecord *notice, struct arena *arena,
                 struct render_context *context)
{
    Zb__CaseRecord *rec = NULL;
    int r = LEDGER_GET(view, TABLE_CASE, key_u64(notice->case_id), arena, &rec);
    if (r < 0)
        return r == -ENOENT ? 0 : r; /* not about a case */
    bool chinese = strcmp(notice->language, "en") != 0;
    r = product_name_of(view, names_dir, rec->product, chinese, arena, &context->product_name);
    return r < 0 ? r : computers_of(view, rec, arena, &context->computers);
}
