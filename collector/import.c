/* import.c - every inventory of a document becomes a report; then all go into the spool at once. */
#include "collector/import.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "proto/blob.h"
#include "proto/frame.h"

enum {
    ROW_OVERHEAD_BYTES =
        32 + 16 + 12, /* in the body: ids of row and evidence; evidence and lengths */
};

struct import {
    const struct import_options *options;
    struct import_result *result;
    const char *file;             /* for complaints; "": none */
    struct arena *arena;          /* reports and what they point to */
    struct spool_report *reports; /* owned */
    size_t count, room;
    struct buf scratch;
};

static void on_problem(void *ctx, const struct source_problem *problem)
{
    struct import *import = ctx;
    struct source_problem told = *problem;
    import->result->rejected += problem->rejected;
    if (import->file[0] != '\0')
        complaint_at(&told.why, "%s: %s", import->file, problem->why.place);
    if (import->options->problem != NULL)
        import->options->problem(import->options->ctx, &told);
}

/* ---- one computer ---- */

/* Its own copy: the source's dies when the call returns. */
static int evidence_copy(struct arena *arena, const Zb__Evidence *from, const Zb__Evidence **ret)
{
    *ret = NULL;
    if (from == NULL)
        return 0;
    Zb__Evidence *copy = arena_alloc(arena, sizeof(*copy));
    if (copy == NULL)
        return -ENOMEM;
    *copy = (Zb__Evidence)ZB__EVIDENCE__INIT;
    copy->path = arena_strdup(arena, bytes_str(from->path));
    copy->installed_on = arena_strdup(arena, bytes_str(from->installed_on));
    copy->scope = arena_strdup(arena, bytes_str(from->scope));
    if (copy->path == NULL || copy->installed_on == NULL || copy->scope == NULL)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

static size_t evidence_bytes(const Zb__Evidence *evidence)
{
    return evidence == NULL
               ? 0
               : strlen(evidence->path) + strlen(evidence->installed_on) + strlen(evidence->scope);
}

/* The scratch buffer's bytes, kept. */
static int scratch_keep(struct import *import, struct bytes *ret_bytes)
{
    struct bytes bytes = buf_bytes(&import->scratch);
    const void *copy = arena_dup(import->arena, bytes.data, bytes.size);
    *ret_bytes = bytes_of(copy, bytes.size);
    return copy == NULL ? -ENOMEM : 0;
}

/* Parallel arrays while they are filled. */
struct rows_room {
    struct bytes *rows;
    uint32_t *source_of;
    const Zb__Evidence **evidence;
    size_t count; /* filled so far */
};

/* The rows of one source, behind those before it. */
static int part_copy(struct import *import, const struct inventory *part, uint32_t source,
                     struct rows_room *room, size_t *ret_bytes)
{
    for (size_t i = 0; i < part->row_count; i++) {
        struct complaint why;
        size_t at = room->count++;
        buf_reset(&import->scratch);
        int r = row_encode(&part->rows[i], &import->scratch, &why);
        if (r == 0)
            r = scratch_keep(import, &room->rows[at]);
        if (r == 0)
            r = evidence_copy(import->arena, part->evidence[i], &room->evidence[at]);
        if (r < 0)
            return r;
        room->source_of[at] = source;
        *ret_bytes += room->rows[at].size + evidence_bytes(room->evidence[at]) + ROW_OVERHEAD_BYTES;
    }
    return 0;
}

static size_t rows_of(const struct inventory *inventory)
{
    size_t count = 0;
    for (const struct inventory *part = inventory; part != NULL; part = part->next)
        count += part->row_count;
    return count;
}

static int rows_copy(struct import *import, const struct inventory *inventory,
                     struct spool_report *report, size_t *ret_bytes)
{
    size_t count = rows_of(inventory);
    uint32_t source = 0;
    struct bytes *rows = arena_calloc(import->arena, count, sizeof(*rows));
    uint32_t *source_of = arena_calloc(import->arena, count, sizeof(*source_of));
    const Zb__Evidence **evidence =
        arena_calloc(import->arena, count, sizeof(const Zb__Evidence *));
    if (rows == NULL || source_of == NULL || evidence == NULL)
        return -ENOMEM;
    struct rows_room room = { .rows = rows, .source_of = source_of, .evidence = evidence };
    for (const struct inventory *part = inventory; part != NULL; part = part->next) {
        int r = part_copy(import, part, source++, &room, ret_bytes);
        if (r < 0)
            return r;
    }
    report->rows = rows;
    report->source_of = source_of;
    report->evidence = evidence;
    report->row_count = count;
    return 0;
}

static int facts_copy(struct import *import, const struct inventory *inventory,
                      struct spool_report *report)
{
    struct complaint why;
    buf_reset(&import->scratch);
    int r = facts_encode(&inventory->facts, &import->scratch, &why);
    return r < 0 ? r : scratch_keep(import, &report->facts);
}

static int sources_copy(struct import *import, const struct inventory *inventory,
                        struct spool_report *report)
{
    size_t count = 0;
    for (const struct inventory *part = inventory; part != NULL; part = part->next)
        count++;
    const Zb__SourceState **list =
        arena_calloc(import->arena, count, sizeof(const Zb__SourceState *));
    if (list == NULL)
        return -ENOMEM;
    size_t at = 0;
    for (const struct inventory *part = inventory; part != NULL; part = part->next) {
        Zb__SourceState *state = arena_alloc(import->arena, sizeof(*state));
        if (state == NULL)
            return -ENOMEM;
        *state = (Zb__SourceState)ZB__SOURCE_STATE__INIT;
        state->name = arena_strdup(import->arena, bytes_str(part->source));
        state->complete = part->complete;
        if (state->name == NULL)
            return -ENOMEM;
        list[at++] = state;
    }
    report->sources = list;
    report->source_count = count;
    return 0;
}

/* Empty runs are fine as they are: arena_dup copies nothing then. */
static int report_build(struct import *import, const struct inventory *inventory,
                        struct spool_report *report, size_t *ret_bytes)
{
    const char *unit = inventory->unit != NULL ? inventory->unit : import->options->unit;
    const void *device = arena_dup(import->arena, inventory->device.data, inventory->device.size);
    *report = (struct spool_report){
        .unit = arena_strdup(import->arena, bytes_str(unit)),
        .device = bytes_of(device, inventory->device.size),
        .scan_ms = inventory->scan_ms != 0 ? inventory->scan_ms : import->options->now_ms,
        .simulated = import->options->simulated,
    };
    if (report->unit == NULL || device == NULL)
        return -ENOMEM;
    int r = sources_copy(import, inventory, report);
    if (r == 0)
        r = facts_copy(import, inventory, report);
    *ret_bytes = report->facts.size + 1024; /* head of the body, unit and sources */
    return r < 0 ? r : rows_copy(import, inventory, report, ret_bytes);
}

static struct spool_report *report_new(struct import *import)
{
    if (import->count == import->room) {
        size_t room = import->room == 0 ? 16 : import->room * 2;
        struct spool_report *reports = realloc(import->reports, room * sizeof(*reports));
        if (reports == NULL)
            return NULL;
        import->reports = reports;
        import->room = room;
    }
    return &import->reports[import->count++];
}

static void leave_out(struct import *import, const struct inventory *inventory, const char *what)
{
    struct source_problem problem = { .rejected = true };
    complaint_at(&problem.why, "%s", inventory->place);
    (void)complain(&problem.why, 0, "report this computer in parts", "%s", what);
    on_problem(import, &problem);
}

/* Each source's part as a whole of its own. */
static void parts_tell(const struct import *import, const struct inventory *inventory)
{
    for (const struct inventory *part = inventory; part != NULL; part = part->next) {
        struct inventory whole = *inventory;
        whole.source = part->source;
        whole.complete = part->complete;
        whole.rows = part->rows;
        whole.evidence = part->evidence;
        whole.row_count = part->row_count;
        whole.next = NULL;
        if (import->options->item != NULL)
            import->options->item(import->options->ctx, &whole);
    }
}

/* Whether the report can leave at all: one event travels in one frame, and ids and digests do not
 * compress. Small reports always can. Errors: -ENOMEM. */
static int fits_frame(struct import *import, const struct spool_report *report, bool *ret_fits)
{
    enum { SMALL_ROWS = 1000, HEAD_BYTES = 2048 };
    *ret_fits = true;
    if (report->row_count <= SMALL_ROWS)
        return 0;
    struct arena_mark mark = arena_mark(import->arena);
    size_t n = report->row_count;
    Zb__Batch batch = ZB__BATCH__INIT;
    ProtobufCBinaryData *rows = arena_calloc(import->arena, n, sizeof(*rows));
    Zb__Evidence **evidence = arena_calloc(import->arena, n, sizeof(*evidence));
    struct id128 *ids = arena_calloc(import->arena, 2 * n, sizeof(*ids));
    uint8_t *head = arena_calloc(import->arena, 1, HEAD_BYTES);
    struct buf frame = BUF_INIT(BOUND_FRAME_BYTES);
    int r = rows == NULL || evidence == NULL || ids == NULL || head == NULL ? -ENOMEM : 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        rows[i] = blob_of(report->rows[i]);
        ids[2 * i] = row_id(report->rows[i]);
        if (report->evidence == NULL || report->evidence[i] == NULL)
            continue;
        ids[2 * i + 1] = evidence_id(report->evidence[i]);
        evidence[batch.n_evidence++] = (Zb__Evidence *)(uintptr_t)report->evidence[i]; /* read */
    }
    if (r == 0) {
        Zb__SourceSet set = ZB__SOURCE_SET__INIT;
        Zb__SourceSet *sets[] = { &set };
        Zb__RowSet body = ZB__ROW_SET__INIT;
        Zb__RowSet *bodies[] = { &body };
        seal_random(head, HEAD_BYTES); /* header and signature do not compress either */
        set.rows = blob_of(bytes_of(ids, 2 * n * sizeof(*ids)));
        body.sets = sets;
        body.n_sets = ARRAY_LEN(sets);
        batch.header = blob_of(bytes_of(head, HEAD_BYTES));
        batch.rows = rows;
        batch.n_rows = n;
        batch.sets = bodies;
        batch.n_sets = ARRAY_LEN(bodies);
        batch.evidence = evidence;
        r = frame_encode(FRAME_BATCH, &batch.base, &frame);
        *ret_fits = r == 0;
    }
    buf_done(&frame);
    arena_rewind(import->arena, mark);
    return r == -ENOMEM ? r : 0;
}

static int on_inventory(void *ctx, const struct inventory *inventory)
{
    struct import *import = ctx;
    size_t weight_bytes = 0;
    if (rows_of(inventory) > BOUND_ROWS_PER_EVENT) {
        leave_out(import, inventory, "more than 12000 items on one computer");
        return 0;
    }
    struct arena_mark mark = arena_mark(import->arena);
    struct spool_report *report = report_new(import);
    if (report == NULL)
        return -ENOMEM;
    int r = report_build(import, inventory, report, &weight_bytes);
    if (r < 0)
        return r;
    bool fits = weight_bytes <= SPOOL_REPORT_BYTES;
    if (fits)
        r = fits_frame(import, report, &fits);
    if (r < 0)
        return r;
    if (!fits) {
        arena_rewind(import->arena, mark);
        import->count--;
        leave_out(import, inventory, "its items are too many or too long for one message");
        return 0;
    }
    import->result->computers++;
    import->result->items += rows_of(inventory);
    parts_tell(import, inventory);
    return 0;
}

/* ---- a document ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static int format_of(const char *path, const struct import_options *options, struct bytes document,
                     const struct source_format **ret_format, struct complaint *why)
{
    complaint_at(why, "%s", base_name(path));
    *ret_format = options->format != NULL ? source_by_name(options->format)
                                          : source_detect(document, base_name(path));
    if (*ret_format != NULL)
        return 0;
    if (options->format != NULL)
        return complain(why, -EBADMSG, "use glpi-json, glpi-xml or csv", "no format '%s'",
                        options->format);
    return complain(why, -EBADMSG, "give a GLPI inventory (JSON or XML) or a table (CSV)",
                    "the format is not known");
}

static int document_read(const char *path, struct import *import, const struct source_sink *sink,
                         struct arena *arena, struct complaint *why)
{
    struct bytes document;
    const struct source_format *format;
    int r = file_read(arena, path, SOURCE_FILE_BYTES, &document, why);
    if (r == 0)
        r = format_of(path, import->options, document, &format, why);
    if (r != 0)
        return r;
    import->result->format = format->name;
    struct complaint inner = { 0 };
    r = format->read(document, import->file, arena, sink, &inner);
    if (r == 0)
        return 0;
    if (inner.what[0] == '\0')
        (void)complain(&inner, r, "give a smaller file, or more memory", "%s", strerror(-r));
    complaint_at(why, "%s%s%s", import->file, inner.place[0] != '\0' ? ": " : "", inner.place);
    return complain(why, r, inner.remedy, "%s", inner.what);
}

static int reports_spool(const struct import *import, struct spool *spool, struct complaint *why)
{
    if (import->options->dry_run || import->count == 0)
        return 0;
    return spool_add_many(spool, import->reports, import->count, import->options->now_ms, why);
}

static void import_done(struct import *import)
{
    free(import->reports);
    buf_done(&import->scratch);
}

int import_file(const char *path, const struct import_options *options, struct spool *spool,
                struct import_result *ret_result, struct complaint *why)
{
    CLEANUP(arena_freep) struct arena *reading = arena_new(SOURCE_ARENA_BYTES);
    CLEANUP(arena_freep) struct arena *kept = arena_new(SOURCE_ARENA_BYTES);
    *ret_result = (struct import_result){ .format = "" };
    if (reading == NULL || kept == NULL)
        return -ENOMEM;
    struct import import = { .options = options,
                             .result = ret_result,
                             .file = base_name(path),
                             .arena = kept,
                             .scratch = BUF_INIT(BOUND_FACTS_BYTES) };
    const struct source_sink sink = { &import, on_inventory, on_problem };
    int r = document_read(path, &import, &sink, reading, why);
    if (r == 0)
        r = reports_spool(&import, spool, why);
    import_done(&import);
    return r;
}

int import_host(const char *root, const struct import_options *options, struct spool *spool,
                struct import_result *ret_result, struct complaint *why)
{
    CLEANUP(arena_freep) struct arena *reading = arena_new(SOURCE_ARENA_BYTES);
    CLEANUP(arena_freep) struct arena *kept = arena_new(SOURCE_ARENA_BYTES);
    *ret_result = (struct import_result){ .format = "host" };
    if (reading == NULL || kept == NULL)
        return -ENOMEM;
    struct import import = { .options = options,
                             .result = ret_result,
                             .file = "",
                             .arena = kept,
                             .scratch = BUF_INIT(BOUND_FACTS_BYTES) };
    const struct source_sink sink = { &import, on_inventory, on_problem };
    int r = source_host(root, options->now_ms, reading, &sink, why);
    if (r == 0)
        r = reports_spool(&import, spool, why);
    import_done(&import);
    return r;
}
