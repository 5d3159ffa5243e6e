/* source_fixture.c - a sink that writes down what it is told. */
#include "tests/unit/collector/source_fixture.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

enum { TEXT_BYTES = 64 << 20 };

struct reading *reading_new(void)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    assert(reading != NULL);
    reading->arena = arena_new(SOURCE_ARENA_BYTES);
    assert(reading->arena != NULL);
    reading->text = BUF_INIT(TEXT_BYTES);
    return reading;
}

void reading_free(struct reading *reading)
{
    if (reading == NULL)
        return;
    arena_free(reading->arena);
    buf_done(&reading->text);
    free(reading);
}

static void put_fields(struct buf *out, const struct fields_form *form, const struct fields *fields,
                       const char *before, const char *after)
{
    for (unsigned tag = 0; tag < FIELDS_TAG_MAX; tag++) {
        if (tag == form->repeated_tag)
            for (size_t i = 0; i < fields->repeated_count; i++)
                buf_printf(out, "%s%s=%.*s%s", before, form->tag_name[tag],
                           (int)fields->repeated[i].size, (const char *)fields->repeated[i].data,
                           after);
        else if (fields->value[tag].size > 0)
            buf_printf(out, "%s%s=%.*s%s", before, form->tag_name[tag],
                       (int)fields->value[tag].size, (const char *)fields->value[tag].data, after);
    }
}

static void put_rows(struct reading *reading, const struct inventory *part)
{
    struct buf *out = &reading->text;
    reading->rows += part->row_count;
    for (size_t i = 0; i < part->row_count; i++) {
        const Zb__Evidence *evidence = part->evidence[i];
        struct complaint why;
        struct buf canonical = BUF_INIT(BOUND_ROW_BYTES);
        assert(row_encode(&part->rows[i], &canonical, &why) == 0);
        buf_done(&canonical);
        buf_put_str(out, "row");
        put_fields(out, &row_form, &part->rows[i].fields, " ", ";");
        if (evidence != NULL)
            buf_printf(out, " @ %s | %s | %s", evidence->path, evidence->installed_on,
                       evidence->scope);
        buf_put_str(out, "\n");
    }
}

static int on_inventory(void *ctx, const struct inventory *inventory)
{
    struct reading *reading = ctx;
    struct buf *out = &reading->text;
    assert(inventory->device.size > 0 && inventory->place != NULL);
    reading->computers++;
    buf_printf(out, "computer %.*s unit %s source %s %s scan %lld\n", (int)inventory->device.size,
               (const char *)inventory->device.data,
               inventory->unit == NULL ? "-" : inventory->unit, inventory->source,
               inventory->complete ? "complete" : "incomplete", (long long)inventory->scan_ms);
    put_fields(out, &facts_form, &inventory->facts.fields, "fact ", "\n");
    put_rows(reading, inventory);
    for (const struct inventory *part = inventory->next; part != NULL; part = part->next) {
        buf_printf(out, "source %s %s\n", part->source, part->complete ? "complete" : "incomplete");
        put_rows(reading, part);
    }
    return reading->sink_result;
}

static void on_problem(void *ctx, const struct source_problem *problem)
{
    struct reading *reading = ctx;
    assert(problem->why.what[0] != '\0' && problem->why.place[0] != '\0');
    assert(problem->why.remedy[0] != '\0');
    *(problem->rejected ? &reading->rejected : &reading->ignored) += 1;
    buf_printf(&reading->text, "%s %s: %s\n", problem->rejected ? "rejected" : "ignored",
               problem->why.place, problem->why.what);
}

struct source_sink reading_sink(struct reading *reading)
{
    return (struct source_sink){ reading, on_inventory, on_problem };
}

struct reading *read_bytes_as(const struct source_format *format, struct bytes document)
{
    struct reading *reading = reading_new();
    struct source_sink sink = reading_sink(reading);
    reading->result = format->read(document, "", reading->arena, &sink, &reading->why);
    return reading;
}

struct reading *read_as(const struct source_format *format, const char *text)
{
    return read_bytes_as(format, bytes_str(text));
}

bool sample(struct arena *arena, const char *file, struct bytes *ret_bytes)
{
    char path[FILE_PATH_SIZE];
    const char *top = getenv("ZB_SOURCE_DIR");
    (void)snprintf(path, sizeof(path), "%s/%s", top == NULL ? "." : top, file);
    return file_read(arena, path, SOURCE_FILE_BYTES, ret_bytes, NULL) == 0;
}

struct reading *read_file_as(const struct source_format *format, const char *file)
{
    struct reading *reading = reading_new();
    struct source_sink sink = reading_sink(reading);
    struct bytes document;
    if (!sample(reading->arena, file, &document)) {
        reading_free(reading);
        return NULL;
    }
    reading->result = format->read(document, file, reading->arena, &sink, &reading->why);
    return reading;
}

const char *reading_text(struct reading *reading)
{
    const char *text = arena_strdup(reading->arena, buf_bytes(&reading->text));
    assert(text != NULL && buf_error(&reading->text) == 0);
    return text;
}

bool reading_has(struct reading *reading, const char *line)
{
    char *whole = arena_printf(reading->arena, "\n%s\n", line);
    char *text = arena_printf(reading->arena, "\n%s", reading_text(reading));
    assert(whole != NULL && text != NULL);
    return strstr(text, whole) != NULL;
}
