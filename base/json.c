/* json.c - commas, colons and escapes; everything else is the caller's. */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>

#include "base/text.h"

struct json json_on(struct buf *buf)
{
    return (struct json){ .buf = buf };
}

/* One character, or one byte that is none (len 0), inside a string. */
static void put_char(struct buf *buf, struct bytes text, size_t len, uint32_t c)
{
    if (len == 0)
        buf_put_str(buf, "\xEF\xBF\xBD"); /* U+FFFD */
    else if (c == '"' || c == '\\')
        buf_printf(buf, "\\%c", (char)c);
    else if (c == '\n')
        buf_put_str(buf, "\\n");
    else if (c == '\r')
        buf_put_str(buf, "\\r");
    else if (c == '\t')
        buf_put_str(buf, "\\t");
    else if (text_is_steering(c))
        buf_printf(buf, "\\u%04" PRIx32, c);
    else
        buf_put(buf, bytes_of(text.data, len));
}

static void put_string(struct buf *buf, struct bytes text)
{
    buf_put_u8(buf, '"');
    while (text.size > 0) {
        uint32_t c = 0;
        size_t len = text_utf8_next(text, &c);
        put_char(buf, text, len, c);
        size_t step = len == 0 ? 1 : len;
        text = bytes_of(text.data + step, text.size - step);
    }
    buf_put_u8(buf, '"');
}

/* What stands before a value: a comma, a key. */
static void before_value(struct json *json, const char *key)
{
    bool in_object = json->depth > 0 && !json->is_array[json->depth];
    assert(in_object == (key != NULL));
    assert(json->depth > 0 || !json->filled[0]); /* one value per line */
    if (json->filled[json->depth])
        buf_put_u8(json->buf, ',');
    json->filled[json->depth] = true;
    if (key != NULL) {
        put_string(json->buf, bytes_str(key));
        buf_put_u8(json->buf, ':');
    }
}

static void open_level(struct json *json, const char *key, bool is_array)
{
    before_value(json, key);
    assert(json->depth < JSON_DEPTH_MAX);
    json->depth++;
    json->filled[json->depth] = false;
    json->is_array[json->depth] = is_array;
    buf_put_u8(json->buf, is_array ? '[' : '{');
}

void json_begin_object(struct json *json, const char *key)
{
    open_level(json, key, false);
}

void json_begin_array(struct json *json, const char *key)
{
    open_level(json, key, true);
}

void json_end(struct json *json)
{
    assert(json->depth > 0);
    buf_put_u8(json->buf, json->is_array[json->depth] ? ']' : '}');
    json->depth--;
}

void json_end_line(struct json *json)
{
    assert(json->depth == 0 && json->filled[0]);
    buf_put_u8(json->buf, '\n');
    json->filled[0] = false;
}

void json_put_text(struct json *json, const char *key, struct bytes text)
{
    before_value(json, key);
    put_string(json->buf, text);
}

void json_put_str(struct json *json, const char *key, const char *text)
{
    if (text == NULL)
        json_put_null(json, key);
    else
        json_put_text(json, key, bytes_str(text));
}

void json_put_int(struct json *json, const char *key, int64_t value)
{
    before_value(json, key);
    buf_printf(json->buf, "%" PRId64, value);
}

void json_put_uint(struct json *json, const char *key, uint64_t value)
{
    before_value(json, key);
    buf_printf(json->buf, "%" PRIu64, value);
}

void json_put_bool(struct json *json, const char *key, bool value)
{
    before_value(json, key);
    buf_put_str(json->buf, value ? "true" : "false");
}

void json_put_null(struct json *json, const char *key)
{
    before_value(json, key);
    buf_put_str(json->buf, "null");
}

void json_put_hex(struct json *json, const char *key, struct bytes bytes)
{
    before_value(json, key);
    buf_put_u8(json->buf, '"');
    for (size_t i = 0; i < bytes.size; i++) {
        char digits[3];
        hex_encode(bytes.data + i, 1, digits);
        buf_put_str(json->buf, digits);
    }
    buf_put_u8(json->buf, '"');
}
