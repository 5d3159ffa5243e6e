/* json.h - writes JSON (RFC 8259) into a buffer, one value per line, for --json and status files.
 *
 * Strings that are no UTF-8 get U+FFFD for each wrong byte; control characters, U+2028, U+2029 and
 * direction marks are escaped, so that a line stays a line and a terminal is not steered. Nesting
 * mistakes are bugs and assert. Errors are the buffer's: check buf_error() at the end. The names
 * keep clear of jansson's, which reads JSON elsewhere. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

enum { JSON_DEPTH_MAX = 32 };

struct json {
    struct buf *buf;
    unsigned depth;
    bool filled[JSON_DEPTH_MAX + 1];   /* whether that level has a member already */
    bool is_array[JSON_DEPTH_MAX + 1]; /* level 0 is the line itself */
};

/* json_on - a writer that appends to buf, which must outlive it. */
struct json json_on(struct buf *buf);

/* In each of these, key names the member of the enclosing object; in an array and at the top it is
 * NULL. */
void json_begin_object(struct json *json, const char *key);
void json_begin_array(struct json *json, const char *key);
void json_put_text(struct json *json, const char *key, struct bytes text);
void json_put_str(struct json *json, const char *key, const char *text); /* NULL writes null */
void json_put_int(struct json *json, const char *key, int64_t value);
void json_put_uint(struct json *json, const char *key, uint64_t value);
void json_put_bool(struct json *json, const char *key, bool value);
void json_put_null(struct json *json, const char *key);

/* json_hex - the bytes as lower-case hexadecimal: ids and digests. */
void json_put_hex(struct json *json, const char *key, struct bytes bytes);

/* json_end - closes the innermost object or array. json_end_line - ends the line; all must be
 * closed by then. */
void json_end(struct json *json);
void json_end_line(struct json *json);

#endif
