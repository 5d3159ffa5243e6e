/* draft.c - an inventory is filled item by item; what does not fit is told and left out. */
#include "collector/sources/draft.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/civil.h"
#include "base/cleanup.h"

void draft_done(struct draft *draft)
{
    free(draft->rows);
    free(draft->evidence);
    buf_done(&draft->scratch);
    *draft = (struct draft){ 0 };
}

void draft_reset(struct draft *draft)
{
    draft->count = 0;
    draft->lost = 0;
    draft->facts = (struct facts){ 0 };
}

void sink_tell(const struct source_sink *sink, bool rejected, const struct complaint *why)
{
    const struct source_problem problem = { .why = *why, .rejected = rejected };
    if (sink->problem != NULL)
        sink->problem(sink->ctx, &problem);
}

static void tell(const struct draft *draft, bool rejected, const char *record, const char *field,
                 const char *remedy, const char *what)
{
    struct complaint why = { 0 };
    complaint_at(&why, "%s%s%s", record, field[0] != '\0' ? ", " : "", field);
    (void)complain(&why, 0, remedy, "%s", what);
    sink_tell(draft->sink, rejected, &why);
}

/* ---- facts ---- */

void draft_fact(struct draft *draft, enum facts_tag tag, const char *record, const char *field,
                struct bytes text)
{
    text = text_trim(text);
    struct bytes *value = &draft->facts.fields.value[tag];
    if (text.size == 0 || value->size > 0)
        return;
    const char *remedy = NULL;
    const char *fault = text_fault(text, &remedy);
    if (fault != NULL)
        tell(draft, false, record, field, remedy, fault);
    else
        *value = text;
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Twelve hexadecimal digits with any of : - . between them. */
static bool mac_parse(struct bytes text, uint8_t *out)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == ':' || c == '-' || c == '.')
            continue;
        int v = hex_value(c);
        if (v < 0 || digits == 12)
            return false;
        out[digits / 2] = (uint8_t)(digits % 2 == 0 ? v << 4 : out[digits / 2] | v);
        digits++;
    }
    return digits == 12;
}

int draft_mac(struct draft *draft, struct bytes text)
{
    static const uint8_t none[6], all[6] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
    uint8_t mac[6];
    struct fields *fields = &draft->facts.fields;
    if (!mac_parse(text_trim(text), mac) || memcmp(mac, none, sizeof(mac)) == 0 ||
        memcmp(mac, all, sizeof(mac)) == 0 || fields->repeated_count == DRAFT_MACS)
        return 0;
    char *shown = arena_printf(draft->arena, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
                               mac[2], mac[3], mac[4], mac[5]);
    if (shown == NULL)
        return -ENOMEM;
    fields->repeated = draft->macs;
    fields->repeated[fields->repeated_count++] = bytes_str(shown);
    return 0;
}

/* ---- items ---- */

void item_begin(struct draft_item *item, const char *format, ...)
{
    va_list args;
    *item = (struct draft_item){ .refused = false };
    va_start(args, format);
    (void)vsnprintf(item->record, sizeof(item->record), format, args); /* a place may be cut */
    va_end(args);
}

void item_refuse(struct draft *draft, struct draft_item *item, const char *field,
                 const char *remedy, const char *what)
{
    if (!item->refused)
        tell(draft, true, item->record, field, remedy, what);
    item->refused = true;
}

/* The text trimmed, empty where it cannot stand: the item is refused then. */
static struct bytes text_take(struct draft *draft, struct draft_item *item, const char *field,
                              struct bytes text)
{
    const char *remedy = NULL;
    text = text_trim(text);
    const char *fault = text_fault(text, &remedy);
    if (fault == NULL)
        return text;
    item_refuse(draft, item, field, remedy, fault);
    return (struct bytes){ 0 };
}

void item_text(struct draft *draft, struct draft_item *item, enum row_tag tag, const char *field,
               struct bytes text)
{
    text = text_take(draft, item, field, text);
    if (text.size > 0)
        item->row.fields.value[tag] = text;
}

int item_identifier(struct draft *draft, struct draft_item *item, const char *kind,
                    const char *field, struct bytes value)
{
    struct fields *fields = &item->row.fields;
    value = text_take(draft, item, field, value);
    if (value.size == 0)
        return 0;
    if (fields->repeated_count == DRAFT_IDENTIFIERS) {
        item_refuse(draft, item, field, "leave some out", "too many identifiers");
        return 0;
    }
    char *joined =
        arena_printf(draft->arena, "%s:%.*s", kind, (int)value.size, (const char *)value.data);
    if (joined == NULL)
        return -ENOMEM;
    fields->repeated = item->identifiers;
    fields->repeated[fields->repeated_count++] = bytes_str(joined);
    return 0;
}

void item_path(struct draft *draft, struct draft_item *item, const char *field, struct bytes text)
{
    item->path = text_take(draft, item, field, text);
}

int item_user(struct draft *draft, struct draft_item *item, const char *field, struct bytes user)
{
    user = text_take(draft, item, field, user);
    if (user.size == 0)
        return 0;
    char *scope = arena_printf(draft->arena, "user:%.*s", (int)user.size, (const char *)user.data);
    item->scope = bytes_str(scope);
    return scope == NULL ? -ENOMEM : 0;
}

/* The words of the outside for "I do not know". */
static bool says_nothing(struct bytes text)
{
    return text.size == 0 || text_is_word(text, "n/a") || text_is_word(text, "unknown") ||
           text_is_word(text, "0");
}

int item_installed(struct draft *draft, struct draft_item *item, const char *field,
                   struct bytes text, bool day_first)
{
    int32_t day;
    char date[CIVIL_DATE_SIZE];
    text = text_trim(text);
    if (says_nothing(text))
        return 0;
    if (!date_parse(text, day_first, &day)) {
        tell(draft, false, item->record, field, "write it as 2026-09-07",
             "no date that can be told; the item is taken without it");
        return 0;
    }
    char *copy = arena_strdup(draft->arena, bytes_str(civil_format_date(day, date)));
    item->installed_on = bytes_str(copy);
    return copy == NULL ? -ENOMEM : 0;
}

static int draft_grow(struct draft *draft)
{
    size_t room = draft->room == 0 ? 64 : draft->room * 2;
    struct row *rows = realloc(draft->rows, room * sizeof(*rows));
    if (rows == NULL)
        return -ENOMEM;
    draft->rows = rows;
    const Zb__Evidence **evidence =
        realloc((void *)draft->evidence, room * sizeof(*draft->evidence));
    if (evidence == NULL)
        return -ENOMEM;
    draft->evidence = evidence;
    draft->room = room;
    return 0;
}

/* The item's evidence in the arena; NULL where there is none. */
static int evidence_build(struct draft *draft, const struct draft_item *item,
                          const Zb__Evidence **ret_evidence)
{
    *ret_evidence = NULL;
    if (item->path.size + item->installed_on.size + item->scope.size == 0)
        return 0;
    Zb__Evidence *evidence = arena_alloc(draft->arena, sizeof(*evidence));
    if (evidence == NULL)
        return -ENOMEM;
    *evidence = (Zb__Evidence)ZB__EVIDENCE__INIT;
    evidence->path = arena_strdup(draft->arena, item->path);
    evidence->installed_on = arena_strdup(draft->arena, item->installed_on);
    evidence->scope = arena_strdup(draft->arena, item->scope);
    if (evidence->path == NULL || evidence->installed_on == NULL || evidence->scope == NULL)
        return -ENOMEM;
    *ret_evidence = evidence;
    return 0;
}

/* The row with its list of identifiers in the arena, at the end of the draft. */
static int row_append(struct draft *draft, const struct draft_item *item)
{
    const Zb__Evidence *evidence;
    int r = draft->count == draft->room ? draft_grow(draft) : 0;
    if (r == 0)
        r = evidence_build(draft, item, &evidence);
    if (r != 0)
        return r;
    struct row row = item->row;
    if (row.fields.repeated_count > 0) {
        row.fields.repeated = arena_dup(draft->arena, item->identifiers,
                                        row.fields.repeated_count * sizeof(*item->identifiers));
        if (row.fields.repeated == NULL)
            return -ENOMEM;
    }
    draft->rows[draft->count] = row;
    draft->evidence[draft->count++] = evidence;
    return 0;
}

int draft_take(struct draft *draft, struct draft_item *item, struct complaint *why)
{
    struct complaint fault = { 0 };
    if (draft->count + draft->lost >= SOURCE_ITEMS) {
        complaint_at(why, "%s", item->record);
        return complain(why, -EBADMSG, "give it in several files", "more than %d items in one file",
                        SOURCE_ITEMS);
    }
    int r = 0;
    if (!item->refused) {
        buf_reset(&draft->scratch);
        r = row_encode(&item->row, &draft->scratch, &fault);
        if (r == -ENOMEM)
            return r;
        if (r < 0)
            item_refuse(draft, item, "", fault.remedy, fault.what);
    }
    if (!item->refused)
        return row_append(draft, item);
    draft->lost++;
    return 0;
}

/* Facts that are too long together lose what is longest and least needed, not the report. */
static int facts_fit(struct draft *draft, const char *place)
{
    static const enum facts_tag spare[] = { FACTS_MODEL,      FACTS_MAKER, FACTS_USER,
                                            FACTS_DEPARTMENT, FACTS_ASSET, FACTS_OS_VERSION,
                                            FACTS_OS_NAME };
    for (size_t i = 0;; i++) {
        struct complaint why = { 0 };
        buf_reset(&draft->scratch);
        int r = facts_encode(&draft->facts, &draft->scratch, &why);
        if (r == 0 || r == -ENOMEM)
            return r;
        if (i == ARRAY_LEN(spare))
            return -EMSGSIZE; /* seven fields of 1 KiB and 32 addresses are left: they fit */
        if (i == 0)
            tell(draft, false, place, "facts", why.remedy, why.what);
        draft->facts.fields.value[spare[i]] = (struct bytes){ 0 };
    }
}

int draft_hand_over(struct draft *draft, struct inventory *inventory)
{
    int r = facts_fit(draft, inventory->place);
    if (r < 0)
        return r;
    inventory->facts = draft->facts;
    inventory->complete = inventory->complete && draft->lost == 0;
    inventory->rows = draft->rows;
    inventory->evidence = draft->evidence;
    inventory->row_count = draft->count;
    return draft->sink->inventory(draft->sink->ctx, inventory);
}
