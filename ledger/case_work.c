/* case_work.c - a case between tables and entry: loading, growing, saving. Holds no rule. */
#include "ledger/case.h"

#include <errno.h>
#include <stdio.h>

#include "base/text.h"

void case_init(struct case_work *work, const struct ruling *at)
{
    *work = (struct case_work){
        .at = at,
        .calendar = calendar_of(at->view, at->arena),
        .kind = ENTRY_CASE,
    };
}

int case_fail(struct case_work *work, int r)
{
    if (r < 0 && work->error == 0)
        work->error = r;
    return work->error;
}

/* Room for one more in a list of pointers with its list of flags beside it. */
static bool list_grow(struct case_work *work, void *items_ptr, bool **flags, size_t count,
                      size_t *cap)
{
    void ***items = items_ptr;
    if (work->error < 0)
        return false;
    if (count < *cap)
        return true;
    size_t more = *cap == 0 ? 16 : *cap * 2;
    void **grown = arena_calloc(work->at->arena, more, sizeof(*grown));
    bool *marks = arena_calloc(work->at->arena, more, sizeof(*marks));
    if (grown == NULL || marks == NULL) {
        (void)case_fail(work, -ENOMEM); /* sticky */
        return false;
    }
    if (count > 0) {
        memcpy(grown, *items, count * sizeof(*grown));
        memcpy(marks, *flags, count * sizeof(*marks));
    }
    *items = grown;
    *flags = marks;
    *cap = more;
    return true;
}

static int load_children(struct case_work *work, enum ledger_table table, void *items_ptr,
                         bool **flags, size_t *count, size_t *cap)
{
    struct ledger_walk walk = ledger_walk(work->at->view, table, key_u64(work->rec->id));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, work->at->arena, &key, &value)) == 0) {
        ProtobufCMessage *message;
        if (!list_grow(work, items_ptr, flags, *count, cap))
            return work->error;
        r = ledger_unpack(ledger_table_descriptor(table), value, work->at->arena, &message);
        if (r < 0)
            return r;
        (*(void ***)items_ptr)[(*count)++] = message;
    }
    return r == -ENOENT ? 0 : r;
}

int case_load(struct case_work *work, const struct ruling *at, uint64_t id)
{
    case_init(work, at);
    int r = LEDGER_GET(at->view, TABLE_CASE, key_u64(id), at->arena, &work->rec);
    if (r == 0)
        r = LEDGER_GET(at->view, TABLE_UNIT, key_text(work->rec->unit), at->arena, &work->unit);
    if (r == 0)
        r = load_children(work, TABLE_LINE, &work->lines, &work->line_dirty, &work->line_count,
                          &work->line_cap);
    if (r == 0)
        r = load_children(work, TABLE_RUNG, &work->rungs, &work->rung_dirty, &work->rung_count,
                          &work->rung_cap);
    return case_fail(work, r);
}

void case_text(char *out, size_t cap, const char *format, va_list args)
{
    (void)vsnprintf(out, cap, format, args); /* cut below where it does not fit */
    struct bytes left = bytes_str(out);
    uint32_t code_point;
    size_t whole = 0, step;
    while (whole < left.size &&
           (step = text_utf8_next(bytes_of(left.data + whole, left.size - whole), &code_point)) > 0)
        whole += step;
    out[whole] = '\0';
}

void case_reason(struct case_work *work, Zb__EntryKind kind, const char *format, ...)
{
    if (work->reason != NULL || work->error < 0)
        return;
    char text[160];
    va_list args;
    va_start(args, format);
    case_text(text, sizeof(text), format, args);
    va_end(args);
    work->kind = kind;
    work->reason = arena_strdup(work->at->arena, bytes_str(text));
    if (work->reason == NULL)
        (void)case_fail(work, -ENOMEM); /* sticky */
}

bool case_begin(struct case_work *work)
{
    if (work->error < 0)
        return false;
    if (!work->begun) {
        const char *why = work->reason == NULL ? "lines" : work->reason;
        if (work->rec != NULL)
            (void)emit_entry(work->at->out, work->kind, work->actor, "%s of case %llu", why,
                             (unsigned long long)work->rec->id);
        else
            (void)emit_entry(work->at->out, work->kind, work->actor, "%s", why);
        work->begun = true;
    }
    return case_fail(work, output_error(work->at->out)) == 0;
}

bool case_is_changed(const struct case_work *work)
{
    bool changed = work->begun || work->dirty;
    for (size_t i = 0; i < work->line_count; i++)
        changed |= work->line_dirty[i];
    for (size_t i = 0; i < work->rung_count; i++)
        changed |= work->rung_dirty[i];
    return changed;
}

static void put(struct case_work *work, enum ledger_table table, struct ledger_key key,
                const ProtobufCMessage *record)
{
    if (case_begin(work))
        emit_put(work->at->out, table, ledger_key_bytes(&key), record);
}

int case_save(struct case_work *work)
{
    (void)case_fail(work, work->calendar.error); /* sticky: told by the return below */
    if (work->dirty)
        put(work, TABLE_CASE, key_u64(work->rec->id), &work->rec->base);
    for (size_t i = 0; i < work->line_count; i++)
        if (work->line_dirty[i])
            put(work, TABLE_LINE, key_u64_u64(work->rec->id, work->lines[i]->line),
                &work->lines[i]->base);
    for (size_t i = 0; i < work->rung_count; i++) {
        const Zb__RungRecord *rung = work->rungs[i];
        if (work->rung_dirty[i])
            put(work, TABLE_RUNG, key_rung(rung->case_id, rung->due_day, rung->rung), &rung->base);
    }
    return case_fail(work, output_error(work->at->out));
}

bool case_is_open(const Zb__CaseRecord *rec)
{
    switch (rec->state) {
    case CASE_SUSPECTED:
    case CASE_CONFIRMED:
    case CASE_ORDERED:
    case CASE_OVERDUE:
    case CASE_HELD:
        return true;
    default:
        return false;
    }
}

void case_touch_line(struct case_work *work, size_t i)
{
    work->line_dirty[i] = true;
}

void case_touch_rung(struct case_work *work, size_t i)
{
    work->rung_dirty[i] = true;
}

Zb__LineRecord *case_add_line(struct case_work *work)
{
    Zb__LineRecord *line = arena_alloc(work->at->arena, sizeof(*line));
    if (line == NULL)
        (void)case_fail(work, -ENOMEM); /* sticky */
    if (line == NULL ||
        !list_grow(work, &work->lines, &work->line_dirty, work->line_count, &work->line_cap))
        return NULL;
    zb__line_record__init(line);
    line->case_id = work->rec->id;
    line->line = work->rec->next_line++;
    work->dirty = true;
    work->lines[work->line_count] = line;
    work->line_dirty[work->line_count++] = true;
    return line;
}

Zb__RungRecord *case_add_rung(struct case_work *work, int32_t due_day, int32_t number,
                              size_t *ret_index)
{
    size_t at = 0;
    while (at < work->rung_count &&
           (work->rungs[at]->due_day < due_day ||
            (work->rungs[at]->due_day == due_day && work->rungs[at]->rung < number)))
        at++;
    *ret_index = at;
    if (at < work->rung_count && work->rungs[at]->due_day == due_day &&
        work->rungs[at]->rung == number)
        return work->rungs[at];
    Zb__RungRecord *rung = arena_alloc(work->at->arena, sizeof(*rung));
    if (rung == NULL)
        (void)case_fail(work, -ENOMEM); /* sticky */
    if (rung == NULL ||
        !list_grow(work, &work->rungs, &work->rung_dirty, work->rung_count, &work->rung_cap))
        return NULL;
    zb__rung_record__init(rung);
    rung->case_id = work->rec->id;
    rung->due_day = due_day;
    rung->rung = number;
    size_t after = work->rung_count - at;
    memmove(work->rungs + at + 1, work->rungs + at, after * sizeof(*work->rungs));
    memmove(work->rung_dirty + at + 1, work->rung_dirty + at, after * sizeof(*work->rung_dirty));
    work->rungs[at] = rung;
    work->rung_dirty[at] = true;
    work->rung_count++;
    return rung;
}

void case_push(struct case_work *work, uint64_t **list, size_t *count, uint64_t number)
{
    uint64_t *grown = arena_calloc(work->at->arena, *count + 1, sizeof(*grown));
    if (grown == NULL) {
        (void)case_fail(work, -ENOMEM); /* sticky */
        return;
    }
    if (*count > 0)
        memcpy(grown, *list, *count * sizeof(*grown));
    grown[(*count)++] = number;
    *list = grown;
}

int case_find(const struct ruling *at, const char *unit, const char *product, Zb__CaseClass class,
              uint64_t *ret_id)
{
    *ret_id = 0;
    int r = ledger_get_u64(at->view, INDEX_CASE, key_text_text_u8(unit, product, (uint8_t) class),
                           ret_id);
    return r == -ENOENT ? 0 : r;
}

uint64_t case_open_count(const struct case_work *work)
{
    if (work->rec->class_ == CASE_E)
        return case_quantity(work, LINE_OPEN);
    uint64_t n = 0;
    for (size_t i = 0; i < work->line_count; i++)
        n += work->lines[i]->state == LINE_OPEN;
    return n;
}

uint64_t case_quantity(const struct case_work *work, Zb__LineState state)
{
    uint64_t n = 0;
    for (size_t i = 0; i < work->line_count; i++)
        if (work->lines[i]->state == state)
            n += work->lines[i]->quantity;
    return n;
}

const char *case_class_name(Zb__CaseClass class)
{
    static const char *const names[] = { "", "A", "B", "C", "D", "E", "F", "G" };
    return (size_t) class < ARRAY_LEN(names) ? names[class] : "";
}

/* Every product among the keys "unit 0 product 0 …" of a table. */
static int assess_products(const struct ruling *at, const char *unit, enum ledger_table table)
{
    struct ledger_key prefix = key_prefix(unit, NULL);
    struct ledger_walk walk = ledger_walk(at->view, table, prefix);
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        struct reader in = reader_of(key);
        (void)key_read_text(&in); /* the unit */
        struct bytes product = key_read_text(&in);
        char *text = arena_strdup(at->arena, product);
        if (in.failed)
            return -EBADMSG;
        if (text == NULL)
            return -ENOMEM;
        emit_assess(at->out, unit, text);
        ledger_walk_skip(&walk, bytes_of(key.data, key.size - reader_left(&in)));
    }
    return r == -ENOENT ? 0 : r;
}

int case_unit_products(const struct ruling *at, const char *unit)
{
    char *kept = arena_strdup(at->arena, bytes_str(unit));
    if (kept == NULL)
        return -ENOMEM;
    int r = assess_products(at, kept, TABLE_INSTALL);
    return r < 0 ? r : assess_products(at, kept, INDEX_CASE);
}
