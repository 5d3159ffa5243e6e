/* JSON writer, read back by a library that is not ours. */
#include "base/json.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>

#include "base/rng.h"
#include "base/text.h"

static char *text_of(struct buf *buf)
{
    buf_put_u8(buf, 0);
    cr_assert(eq(int, buf_error(buf), 0));
    return (char *)buf->data;
}

Test(json, writes_every_kind_of_value)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(4096);
    struct json json = json_on(&buf);
    json_begin_object(&json, NULL);
    json_put_str(&json, "text", "正版");
    json_put_int(&json, "int", INT64_MIN);
    json_put_uint(&json, "uint", UINT64_MAX);
    json_put_bool(&json, "yes", true);
    json_put_bool(&json, "no", false);
    json_put_null(&json, "null");
    json_put_str(&json, "none", NULL);
    json_put_hex(&json, "id", BYTES_LIT("\x01\xab"));
    json_begin_array(&json, "list");
    json_put_int(&json, NULL, 1);
    json_begin_object(&json, NULL);
    json_end(&json);
    json_begin_array(&json, NULL);
    json_end(&json);
    json_put_str(&json, NULL, "x");
    json_end(&json);
    json_end(&json);
    json_end_line(&json);
    json_begin_array(&json, NULL);
    json_end(&json);
    json_end_line(&json);
    json_put_int(&json, NULL, 7);
    json_end_line(&json);
    cr_assert(eq(str, text_of(&buf),
                 "{\"text\":\"正版\",\"int\":-9223372036854775808,\"uint\":18446744073709551615,"
                 "\"yes\":true,\"no\":false,\"null\":null,\"none\":null,\"id\":\"01ab\","
                 "\"list\":[1,{},[],\"x\"]}\n[]\n7\n"));
}

Test(json, escapes_what_would_break_a_line_or_a_string)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(4096);
    struct json json = json_on(&buf);
    json_begin_object(&json, NULL);
    json_put_text(&json, "k\"\n",
                  BYTES_LIT("\"\\/\n\r\t\b\f\0\x1b\x7f\u2028\u2029\u202e\xc2\x85é😀"));
    json_end(&json);
    cr_assert(eq(str, text_of(&buf),
                 "{\"k\\\"\\n\":\"\\\"\\\\/\\n\\r\\t\\u0008\\u000c\\u0000\\u001b\\u007f\\u2028"
                 "\\u2029\\u202e\\u0085é😀\"}"));
}

Test(json, replaces_bytes_that_are_no_utf8)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(4096);
    struct json json = json_on(&buf);
    json_put_text(&json, NULL, BYTES_LIT("a\xff\xe6\xad z\xc0\x80"));
    cr_assert(eq(str, text_of(&buf), "\"a\uFFFD\uFFFD\uFFFD z\uFFFD\uFFFD\""));
}

Test(json, is_read_back_the_same_by_another_library)
{
    uint64_t seed = 31;
    struct rng rng = rng_init(seed);
    for (int round = 0; round < 3000; round++) {
        /* Any code points, then any bytes: the first must come back, the second must parse. */
        uint8_t raw[64];
        size_t size = 0;
        bool any_bytes = round % 2 == 1;
        while (size + 4 < sizeof(raw)) {
            uint32_t c = (uint32_t)rng_below(&rng, rng_chance(&rng, 1, 2) ? 0x80 : 0x3000);
            if (any_bytes || c < 0x80) {
                raw[size++] = (uint8_t)(any_bytes ? rng_u64(&rng) : c);
            } else if (c < 0x800) {
                raw[size++] = (uint8_t)(0xC0 | c >> 6);
                raw[size++] = (uint8_t)(0x80 | (c & 0x3F));
            } else {
                raw[size++] = (uint8_t)(0xE0 | c >> 12);
                raw[size++] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
                raw[size++] = (uint8_t)(0x80 | (c & 0x3F));
            }
        }
        CLEANUP(buf_done) struct buf buf = BUF_INIT(4096);
        struct json json = json_on(&buf);
        json_begin_object(&json, NULL);
        json_put_text(&json, "t", bytes_of(raw, size));
        json_put_int(&json, "i", round);
        json_end(&json);
        json_end_line(&json);
        json_error_t error;
        json_t *doc = json_loadb((const char *)buf.data, buf.size, JSON_ALLOW_NUL, &error);
        cr_assert(ne(ptr, doc, NULL), "seed %lu round %d: %s", (unsigned long)seed, round,
                  error.text);
        json_t *t = json_object_get(doc, "t");
        struct bytes got = bytes_of(json_string_value(t), json_string_length(t));
        if (!any_bytes)
            cr_assert(bytes_eq(got, bytes_of(raw, size)), "round %d", round);
        cr_assert(eq(i64, json_integer_value(json_object_get(doc, "i")), round));
        cr_assert(eq(ptr, memchr(buf.data, '\n', buf.size), buf.data + buf.size - 1));
        json_decref(doc);
    }
}

Test(json, leaves_a_full_buffer_to_the_caller_to_notice)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(10);
    struct json json = json_on(&buf);
    json_begin_object(&json, NULL);
    json_put_str(&json, "long", "much longer than the cap");
    json_end(&json);
    json_end_line(&json);
    cr_assert(eq(int, buf_error(&buf), -EMSGSIZE));
}

static struct json fresh(void)
{
    static struct buf buf = BUF_INIT(4096);
    return json_on(&buf);
}

Test(json, stops_at_a_member_without_key, .signal = SIGABRT)
{
    struct json json = fresh();
    json_begin_object(&json, NULL);
    json_put_int(&json, NULL, 1);
}

Test(json, stops_at_a_key_in_an_array, .signal = SIGABRT)
{
    struct json json = fresh();
    json_begin_array(&json, NULL);
    json_put_int(&json, "key", 1);
}

Test(json, stops_at_a_line_that_is_not_closed, .signal = SIGABRT)
{
    struct json json = fresh();
    json_begin_array(&json, NULL);
    json_end_line(&json);
}

Test(json, stops_at_a_second_value_on_a_line, .signal = SIGABRT)
{
    struct json json = fresh();
    json_put_int(&json, NULL, 1);
    json_put_int(&json, NULL, 2);
}

Test(json, stops_at_an_end_too_many, .signal = SIGABRT)
{
    struct json json = fresh();
    json_end(&json);
}

Test(json, nests_to_its_depth_and_no_further, .signal = SIGABRT)
{
    struct json json = fresh();
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        json_begin_array(&json, NULL);
    for (int i = 0; i < JSON_DEPTH_MAX; i++)
        json_end(&json);
    json_end_line(&json);
    for (int i = 0; i <= JSON_DEPTH_MAX; i++)
        json_begin_array(&json, NULL);
}
