/* fields.c - one encoder and one decoder for every canonical form; a form is a table. */
#include "proto/fields.h"

#include <assert.h>
#include <errno.h>

enum {
    VERSION_BYTES = 1,
    HEAD_BYTES = 5,     /* tag and length before a value */
    REPEATED_MOST = 64, /* no form allows more, so the sorted copy stands on the stack */
};

/* ---- encoding -------------------------------------------------------------------------------- */

/* Why one value may not stand in a canonical form; 0 if it may. */
static int value_check(const struct fields_form *form, unsigned tag, struct bytes value, int r,
                       struct complaint *why)
{
    if (value.size > BOUND_FIELD_BYTES) {
        complaint_at(why, "%s field %s", form->name, form->tag_name[tag]);
        return complain(why, r, "cut the text", "%zu bytes, at most %d are allowed", value.size,
                        BOUND_FIELD_BYTES);
    }
    if (!text_is_utf8(value)) {
        complaint_at(why, "%s field %s", form->name, form->tag_name[tag]);
        return complain(why, r, "convert the text to UTF-8 and leave NUL out",
                        "not UTF-8, or with a NUL inside");
    }
    return 0;
}

/* The repeated values sorted and each once; empty ones are left out. */
static int values_sort(const struct fields_form *form, const struct fields *fields,
                       struct bytes *sorted, size_t *ret_count, struct complaint *why)
{
    size_t count = 0;
    for (size_t i = 0; i < fields->repeated_count; i++) {
        struct bytes value = fields->repeated[i];
        if (value.size == 0)
            continue;
        int r = value_check(form, form->repeated_tag, value, -EINVAL, why);
        if (r < 0)
            return r;
        size_t at = count;
        while (at > 0 && bytes_cmp(sorted[at - 1], value) > 0)
            at--;
        if (at > 0 && bytes_eq(sorted[at - 1], value))
            continue;
        if (count == form->repeated_max) {
            complaint_at(why, "%s field %s", form->name, form->tag_name[form->repeated_tag]);
            return complain(why, -EINVAL, "leave some out", "more than %zu values",
                            form->repeated_max);
        }
        for (size_t j = count; j > at; j--)
            sorted[j] = sorted[j - 1];
        sorted[at] = value;
        count++;
    }
    *ret_count = count;
    return 0;
}

static uint8_t *value_write(uint8_t *p, unsigned tag, struct bytes value)
{
    p[0] = (uint8_t)tag;
    put_u32be(p + 1, (uint32_t)value.size); /* at most BOUND_FIELD_BYTES */
    memcpy(p + HEAD_BYTES, value.data, value.size);
    return p + HEAD_BYTES + value.size;
}

/* Checks the single values and adds up their bytes. */
static int singles_check(const struct fields_form *form, const struct fields *fields,
                         size_t *ret_size, struct complaint *why)
{
    size_t size = 0;
    for (unsigned tag = 0; tag < FIELDS_TAG_MAX; tag++) {
        struct bytes value = fields->value[tag];
        if (value.size == 0)
            continue;
        if (form->tag_name[tag] == NULL || tag == form->repeated_tag) {
            complaint_at(why, "%s field %u", form->name, tag);
            return complain(why, -EINVAL, "leave it out", "no single field has this tag");
        }
        int r = value_check(form, tag, value, -EINVAL, why);
        if (r < 0)
            return r;
        size += HEAD_BYTES + value.size;
    }
    *ret_size = size;
    return 0;
}

int fields_encode(const struct fields_form *form, const struct fields *fields, struct buf *out,
                  struct complaint *why)
{
    struct bytes sorted[REPEATED_MOST];
    size_t sorted_count = 0, size = 0;
    if (form->repeated_max > REPEATED_MOST)
        return complain(why, -EINVAL, NULL, "form %s allows too many values", form->name);
    int r = singles_check(form, fields, &size, why);
    if (r == 0)
        r = values_sort(form, fields, sorted, &sorted_count, why);
    if (r < 0)
        return r;
    size += VERSION_BYTES;
    for (size_t i = 0; i < sorted_count; i++)
        size += HEAD_BYTES + sorted[i].size;
    if (size > form->total_bytes) {
        complaint_at(why, "%s", form->name);
        return complain(why, -EMSGSIZE, "leave fields out or cut them",
                        "%zu bytes, at most %zu are allowed", size, form->total_bytes);
    }
    r = buf_error(out);
    if (r < 0)
        return r;
    uint8_t *p = buf_reserve(out, size);
    if (p == NULL) {
        r = buf_error(out);
        out->error = 0; /* nothing was written: the buffer is as before */
        return r;
    }
    *p++ = FORMAT_VERSION;
    for (unsigned tag = 0; tag < FIELDS_TAG_MAX; tag++) {
        if (tag == form->repeated_tag)
            for (size_t i = 0; i < sorted_count; i++)
                p = value_write(p, tag, sorted[i]);
        else if (fields->value[tag].size > 0)
            p = value_write(p, tag, fields->value[tag]);
    }
    return 0;
}

/* ---- decoding -------------------------------------------------------------------------------- */

struct decoder {
    const struct fields_form *form;
    struct reader in;
    const uint8_t *start;
    struct complaint *why;
};

/* One complaint for every broken rule; `what` names the rule. */
static int refuse(struct decoder *d, const char *what)
{
    complaint_at(d->why, "%s, byte %zu", d->form->name, (size_t)(d->in.at - d->start));
    return complain(d->why, -EBADMSG, "encode as proto/README.md says", "%s", what);
}

/* The next field; its tag is at or after `last`, and a repetition only where the form allows. */
static int field_read(struct decoder *d, unsigned last, unsigned *ret_tag, struct bytes *ret_value)
{
    const struct fields_form *form = d->form;
    unsigned tag = read_u8(&d->in);
    uint32_t size = read_u32be(&d->in);
    if (d->in.failed)
        return refuse(d, "cut inside a field's head");
    if (tag >= FIELDS_TAG_MAX || form->tag_name[tag] == NULL)
        return refuse(d, "unknown tag");
    if (tag < last || (tag == last && tag != form->repeated_tag))
        return refuse(d, "tags do not ascend");
    if (size == 0)
        return refuse(d, "an empty field is left out");
    struct bytes value = read_bytes(&d->in, size);
    if (d->in.failed)
        return refuse(d, "a field is longer than what is left");
    int r = value_check(form, tag, value, -EBADMSG, d->why);
    if (r < 0)
        return r;
    *ret_tag = tag;
    *ret_value = value;
    return 0;
}

/* How many fields of the repeated tag the rest claims; only an upper bound of what is valid. */
static size_t repeated_count(const struct fields_form *form, struct reader in)
{
    size_t count = 0;
    while (!in.failed && reader_left(&in) > 0) {
        uint8_t tag = read_u8(&in);
        (void)read_bytes(&in, read_u32be(&in)); /* a failure ends the loop */
        if (tag == form->repeated_tag)
            count++;
    }
    return count;
}

int fields_decode(const struct fields_form *form, struct bytes canonical, struct arena *arena,
                  struct fields *ret_fields, struct complaint *why)
{
    struct decoder d = { .form = form, .in = reader_of(canonical), .why = why };
    d.start = d.in.at;
    if (canonical.size > form->total_bytes)
        return refuse(&d, "longer than allowed");
    if (read_u8(&d.in) != FORMAT_VERSION)
        return refuse(&d, "unknown version");

    struct fields fields = { .repeated_count = 0 };
    size_t room = form->repeated_tag == 0 ? 0 : repeated_count(form, d.in);
    if (room > form->repeated_max)
        return refuse(&d, "too many repeated values");
    if (room > 0) {
        fields.repeated = arena_calloc(arena, room, sizeof(*fields.repeated));
        if (fields.repeated == NULL)
            return complain(why, -ENOMEM, NULL, "no memory left for this message");
    }
    for (unsigned last = 0; reader_left(&d.in) > 0;) {
        unsigned tag = 0;
        struct bytes value = { 0 };
        int r = field_read(&d, last, &tag, &value);
        if (r < 0)
            return r;
        last = tag;
        if (tag != form->repeated_tag) {
            fields.value[tag] = value;
            continue;
        }
        size_t n = fields.repeated_count;
        if (n > 0 && bytes_cmp(fields.repeated[n - 1], value) >= 0)
            return refuse(&d, "repeated values do not ascend");
        assert(n < room);
        fields.repeated[fields.repeated_count++] = value;
    }
    *ret_fields = fields;
    return 0;
}
