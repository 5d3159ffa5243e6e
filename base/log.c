/* log.c - a record is built whole and written with one write(), so that daemons that share a pipe
 * do not mix their lines: the longest is below PIPE_BUF. */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/civil.h"

enum {
    LOG_NAME_BYTES = 32,
    LOG_LINE_BYTES = LOG_TEXT_BYTES + 90, /* time 29, level 7, name 32, separators 5 */
    LOG_PART_BYTES = 3000,                /* a complaint's three texts follow: 800 bytes */
    LOG_SHOWN_BYTES = 4 * LOG_TEXT_BYTES, /* "\xff" for every byte */
};

_Static_assert(LOG_LINE_BYTES <= PIPE_BUF, "one write() is one line");

struct log {
    int fd; /* borrowed */
    enum log_level level;
    const struct clock *clock;
    struct clock *own_clock; /* behind `clock` unless the caller gave one */
    uint64_t lost;           /* records that could not be written, not yet told */
    bool torn;               /* the last line ends somewhere in its middle */
    char name[LOG_NAME_BYTES + 1];
};

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

struct log *log_new(int fd, const char *name, enum log_level level, const struct clock *clock)
{
    CLEANUP(log_freep) struct log *log = calloc(1, sizeof(*log));
    if (log == NULL)
        return NULL;
    *log = (struct log){ .fd = fd, .level = level, .clock = clock };
    if (clock == NULL) {
        log->own_clock = clock_new_real();
        if (log->own_clock == NULL)
            return NULL; // NOLINT(clang-analyzer-unix.Malloc): CLEANUP frees it
        log->clock = log->own_clock;
    }
    (void)text_printable(bytes_str(name), log->name, sizeof(log->name)); /* cut on purpose */
    return TAKE_PTR(log);
}

void log_free(struct log *log)
{
    if (log == NULL)
        return;
    clock_free(log->own_clock);
    free(log);
}

void log_set_level(struct log *log, enum log_level level)
{
    log->level = level;
}

bool log_wants(const struct log *log, enum log_level level)
{
    return log != NULL && level <= log->level;
}

const char *log_level_name(enum log_level level)
{
    return level_names[level];
}

int log_level_of(struct bytes name, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++)
        if (bytes_eq(name, bytes_str(level_names[i]))) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    return -EINVAL;
}

/* Writes it all. What was written before an error leaves a torn line. */
static int write_line(struct log *log, const char *line, size_t size)
{
    size_t at = 0;
    while (at < size) {
        ssize_t n = write(log->fd, line + at, size - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            log->torn |= at > 0;
            return n < 0 ? -errno : -EIO;
        }
        at += (size_t)n;
    }
    log->torn = false;
    return 0;
}

/* One record of text that is printable already and at most LOG_TEXT_BYTES long. */
static int write_record(struct log *log, enum log_level level, const char *text)
{
    int64_t now_ms = clock_now_ms(log->clock);
    char when[CIVIL_INSTANT_SIZE], line[LOG_LINE_BYTES];
    (void)civil_format_instant(now_ms, when);
    int64_t ms = now_ms % 1000;
    int n = snprintf(line, sizeof(line), "%s%.10sT%.8s.%03d%s %s %s: %s\n", log->torn ? "\n" : "",
                     when, when + 11, (int)(ms < 0 ? ms + 1000 : ms), when + 19, level_names[level],
                     log->name, text);
    assert(n > 0 && (size_t)n < sizeof(line));
    return write_line(log, line, (size_t)n);
}

void log_line_va(struct log *log, enum log_level level, const char *format, va_list args)
{
    static const char cut_mark[] = "…";
    if (!log_wants(log, level))
        return;
    char raw[LOG_TEXT_BYTES + 1];
    int n = vsnprintf(raw, sizeof(raw), format, args);
    size_t size = n < 0 ? 0 : (size_t)n;
    bool cut = size >= sizeof(raw);
    if (cut)
        size = text_cut(bytes_of(raw, sizeof(raw) - 1), sizeof(raw) - 5);
    char shown[LOG_SHOWN_BYTES + 1];
    size = text_printable(bytes_of(raw, size), shown, sizeof(shown));
    if (cut || size > LOG_TEXT_BYTES) {
        size = text_cut(bytes_of(shown, size), LOG_TEXT_BYTES - (sizeof(cut_mark) - 1));
        memcpy(shown + size, cut_mark, sizeof(cut_mark));
    }
    if (log->lost > 0) {
        char told[80];
        (void)snprintf(told, sizeof(told), "%lu log records could not be written and are lost",
                       (unsigned long)log->lost);
        if (write_record(log, LOG_LEVEL_WARNING, told) == 0)
            log->lost = 0;
    }
    if (log->lost > 0 || write_record(log, level, shown) < 0)
        log->lost++;
}

void log_line(struct log *log, enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_line_va(log, level, format, args);
    va_end(args);
}

/* The text of a record that gets something after it, into out[LOG_PART_BYTES]. It is cut earlier
 * than a whole record, so that what follows is still shown. */
static void format_part(char *out, const char *format, va_list args)
{
    int n = vsnprintf(out, LOG_PART_BYTES, format, args);
    if (n < 0)
        out[0] = '\0';
    else if (n >= LOG_PART_BYTES)
        (void)strcpy(out + text_cut(bytes_of(out, LOG_PART_BYTES - 1), LOG_PART_BYTES - 5), "…");
}

int log_errno(struct log *log, int r, const char *format, ...)
{
    if (!log_wants(log, LOG_LEVEL_ERROR))
        return r;
    char text[LOG_PART_BYTES], reason[128];
    va_list args;
    va_start(args, format);
    format_part(text, format, args);
    va_end(args);
    log_line(log, LOG_LEVEL_ERROR, "%s: %s", text, strerror_r(-r, reason, sizeof(reason)));
    return r;
}

void log_complaint(struct log *log, enum log_level level, const struct complaint *why,
                   const char *format, ...)
{
    if (!log_wants(log, level))
        return;
    char text[LOG_PART_BYTES];
    va_list args;
    va_start(args, format);
    format_part(text, format, args);
    va_end(args);
    log_line(log, level, "%s%s%s%s%s%s%s", text, why->place[0] != '\0' ? ": " : "", why->place,
             why->what[0] != '\0' ? ": " : "", why->what, why->remedy[0] != '\0' ? "; " : "",
             why->remedy);
}

void log_limited(struct log *log, struct log_limit *limit, int64_t mono_ms, enum log_level level,
                 const char *format, ...)
{
    if (!log_wants(log, level))
        return;
    if (limit->next_mono_ms != 0 && mono_ms < limit->next_mono_ms) {
        limit->suppressed++;
        return;
    }
    char text[LOG_PART_BYTES];
    va_list args;
    va_start(args, format);
    format_part(text, format, args);
    va_end(args);
    if (limit->suppressed == 0)
        log_line(log, level, "%s", text);
    else
        log_line(log, level, "%s (and %lu more like it)", text, (unsigned long)limit->suppressed);
    limit->suppressed = 0;
    limit->next_mono_ms = mono_ms + limit->every_ms;
}
