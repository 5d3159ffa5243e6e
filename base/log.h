/* log.h - one line per record to a descriptor:
 *
 *     2026-09-07T09:00:00.123+08:00 warning matcher: text
 *
 * A log is passed to whoever decides; libraries never log. What a stranger sent may be printed as
 * it is: line breaks, control and direction characters and bytes that are no UTF-8 come out
 * escaped, so that it can neither forge a line nor steer a terminal. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"

enum log_level {
    LOG_LEVEL_ERROR,   /* something was lost or could not be done */
    LOG_LEVEL_WARNING, /* it went on, but a person should look */
    LOG_LEVEL_NOTICE,  /* seldom and worth knowing: started, stopped, changed */
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

enum { LOG_TEXT_BYTES = 4000 }; /* a record's text is cut to this after escaping */

struct log;

/* log_new - writes records up to `level` to fd under `name`. The fd stays the caller's; name is
 * copied. Times are the clock's, which must outlive the log; NULL means the system's. NULL when
 * memory is out. */
struct log *log_new(int fd, const char *name, enum log_level level, const struct clock *clock);

/* log_free - NULL is fine; closes nothing. */
void log_free(struct log *log);
CLEANUP_DEFINE(struct log *, log_free);

void log_set_level(struct log *log, enum log_level level);

/* log_wants - whether a record of that level would be written. */
bool log_wants(const struct log *log, enum log_level level);

/* log_level_name - "error" … "debug". log_level_of - the reverse; -EINVAL, output untouched. */
const char *log_level_name(enum log_level level);
int log_level_of(struct bytes name, enum log_level *ret_level);

/* log_line - one record. A record that cannot be written is counted, and the next one that can be
 * is preceded by a line that says how many were lost. A NULL log writes nothing. */
void log_line(struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void log_line_va(struct log *log, enum log_level level, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* log_errno - "text: reason" at level error, where r is a negative errno; returns r, so that a
 * daemon function reads `return log_errno(log, r, "waiting on the bus")`. */
int log_errno(struct log *log, int r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* log_complaint - "text: place: fault; remedy" at `level`, its empty parts left out. */
void log_complaint(struct log *log, enum log_level level, const struct complaint *why,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* One place in the code, or one peer there, that may log once per every_ms. */
struct log_limit {
    int64_t every_ms;     /* transport time */
    int64_t next_mono_ms; /* 0 before the first record */
    uint64_t suppressed;  /* records kept back since the last one written */
};

#define LOG_LIMIT_INIT(ms) ((struct log_limit){ .every_ms = (ms) })

/* log_limited - log_line at most once per limit->every_ms of transport time; a record that follows
 * suppressed ones ends in "(and N more like it)". */
void log_limited(struct log *log, struct log_limit *limit, int64_t mono_ms, enum log_level level,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
