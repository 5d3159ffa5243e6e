/* Log: the form of a line, levels, hostile text, lost records, limits. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/civil.h"

struct capture {
    struct clock *clock;
    struct log *log;
    int fd;
    char text[20000];
};

static struct capture capture_new(enum log_level level)
{
    struct capture c = { .fd = memfd_create("log", MFD_CLOEXEC) };
    c.clock = clock_new_simulated(1788742800123); /* 2026-09-07 09:00:00.123 at UTC+8 */
    c.log = log_new(c.fd, "matcher", level, c.clock);
    return c;
}

static char *captured(struct capture *c)
{
    ssize_t n = pread(c->fd, c->text, sizeof(c->text) - 1, 0);
    cr_assert(ge(i64, n, 0));
    c->text[n] = '\0';
    return c->text;
}

static void capture_done(struct capture *c)
{
    log_free(c->log);
    clock_free(c->clock);
    (void)close(c->fd);
}

Test(log, writes_time_level_name_and_text_on_one_line)
{
    struct capture c = capture_new(LOG_LEVEL_DEBUG);
    log_line(c.log, LOG_LEVEL_WARNING, "text %d", 7);
    cr_assert(eq(int, clock_set(c.clock, 1788742801009), 0));
    log_line(c.log, LOG_LEVEL_DEBUG, "正版");
    cr_assert(eq(str, captured(&c),
                 "2026-09-07T09:00:00.123+08:00 warning matcher: text 7\n"
                 "2026-09-07T09:00:01.009+08:00 debug matcher: 正版\n"));
    capture_done(&c);
}

Test(log, leaves_out_what_is_above_its_level)
{
    struct capture c = capture_new(LOG_LEVEL_NOTICE);
    log_line(c.log, LOG_LEVEL_INFO, "no");
    log_line(c.log, LOG_LEVEL_DEBUG, "no");
    cr_assert(not(log_wants(c.log, LOG_LEVEL_INFO)));
    cr_assert(log_wants(c.log, LOG_LEVEL_NOTICE));
    cr_assert(eq(str, captured(&c), ""));
    log_set_level(c.log, LOG_LEVEL_INFO);
    log_line(c.log, LOG_LEVEL_INFO, "yes");
    cr_assert(ne(ptr, strstr(captured(&c), " info matcher: yes\n"), NULL));
    capture_done(&c);
}

Test(log, of_null_writes_nothing)
{
    struct log_limit limit = LOG_LIMIT_INIT(1000);
    struct complaint why = { 0 };
    log_line(NULL, LOG_LEVEL_ERROR, "x");
    log_limited(NULL, &limit, 0, LOG_LEVEL_ERROR, "x");
    log_complaint(NULL, LOG_LEVEL_ERROR, &why, "x");
    cr_assert(eq(int, log_errno(NULL, -EIO, "x"), -EIO));
    cr_assert(not(log_wants(NULL, LOG_LEVEL_ERROR)));
    log_free(NULL);
}

Test(log, knows_its_levels_by_name)
{
    for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
        enum log_level level = LOG_LEVEL_ERROR;
        cr_assert(eq(int, log_level_of(bytes_str(log_level_name((enum log_level)i)), &level), 0));
        cr_assert(eq(int, (int)level, i));
    }
    enum log_level level = LOG_LEVEL_INFO;
    cr_assert(eq(int, log_level_of(BYTES_LIT("Error"), &level), -EINVAL));
    cr_assert(eq(int, log_level_of(BYTES_LIT(""), &level), -EINVAL));
    cr_assert(eq(int, (int)level, (int)LOG_LEVEL_INFO));
}

Test(log, lets_nobody_forge_a_line_or_steer_the_terminal)
{
    struct capture c = capture_new(LOG_LEVEL_DEBUG);
    const char *hostile =
        "host\n2026-09-07T09:00:00.123+08:00 notice ledger: settled\r\x1b[2J\xff\u202e";
    log_line(c.log, LOG_LEVEL_INFO, "unit '%s'", hostile);
    cr_assert(eq(str, captured(&c),
                 "2026-09-07T09:00:00.123+08:00 info matcher: unit 'host\\n2026-09-07T09:00:00.123"
                 "+08:00 notice ledger: settled\\r\\x1b[2J\\xff\\u202e'\n"));
    capture_done(&c);
}

Test(log, escapes_its_own_name)
{
    struct capture c = capture_new(LOG_LEVEL_DEBUG);
    CLEANUP(log_freep)
    struct log *log =
        log_new(c.fd, "a\nb-and-much-more-than-thirty-two-bytes", LOG_LEVEL_INFO, c.clock);
    log_line(log, LOG_LEVEL_INFO, "x");
    cr_assert(eq(str, captured(&c),
                 "2026-09-07T09:00:00.123+08:00 info a\\nb-and-much-more-than-thirty-t: x\n"));
    capture_done(&c);
}

Test(log, cuts_long_text_at_a_character_and_says_so)
{
    static const char *const fillers[] = { "版", "x", "\xff", "\n" };
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++)
        for (size_t shift = 0; shift < 4; shift++) {
            struct capture c = capture_new(LOG_LEVEL_DEBUG);
            char text[9000] = "";
            size_t at = shift;
            memset(text, 'a', shift);
            while (at + 4 < sizeof(text))
                at = (size_t)(stpcpy(text + at, fillers[i]) - text);
            log_line(c.log, LOG_LEVEL_INFO, "%s", text);
            size_t size = strlen(captured(&c));
            cr_assert(text_is_utf8(bytes_of(c.text, size - 1)));
            cr_assert(eq(int, strcmp(c.text + size - 4, "…\n"), 0));
            cr_assert(eq(ptr, strchr(c.text, '\n'), c.text + size - 1));
            cr_assert(le(sz, size, 4096)); /* one write() to a pipe is whole */
            cr_assert(ge(sz, size, 4000));
            capture_done(&c);
        }
}

Test(log, shows_a_text_of_exactly_its_bound_whole)
{
    struct capture c = capture_new(LOG_LEVEL_DEBUG);
    char text[LOG_TEXT_BYTES + 1];
    memset(text, 'x', LOG_TEXT_BYTES);
    text[LOG_TEXT_BYTES] = '\0';
    log_line(c.log, LOG_LEVEL_INFO, "%s", text);
    cr_assert(eq(ptr, strstr(captured(&c), "…"), NULL));
    cr_assert(ne(ptr, strstr(c.text, text), NULL));
    capture_done(&c);
}

Test(log, gives_the_reason_of_an_errno_and_returns_it)
{
    struct capture c = capture_new(LOG_LEVEL_ERROR);
    cr_assert(eq(int, log_errno(c.log, -ENOSPC, "writing %s", "spool"), -ENOSPC));
    cr_assert(eq(str, captured(&c),
                 "2026-09-07T09:00:00.123+08:00 error matcher: writing spool: "
                 "No space left on device\n"));
    capture_done(&c);
}

Test(log, gives_a_complaint_without_its_empty_parts)
{
    struct capture c = capture_new(LOG_LEVEL_ERROR);
    struct complaint why = { 0 };
    (void)complain(&why, -EINVAL, NULL, "'x' is no number");
    log_complaint(c.log, LOG_LEVEL_ERROR, &why, "refused");
    complaint_at(&why, "line %d", 3);
    (void)complain(&why, -EINVAL, "give a number", "'x' is no number");
    log_complaint(c.log, LOG_LEVEL_ERROR, &why, "refused");
    cr_assert(eq(str, captured(&c),
                 "2026-09-07T09:00:00.123+08:00 error matcher: refused: 'x' is no number\n"
                 "2026-09-07T09:00:00.123+08:00 error matcher: refused: line 3: 'x' is no number; "
                 "give a number\n"));
    capture_done(&c);
}

Test(log, keeps_the_end_of_a_complaint_behind_a_long_text)
{
    struct capture c = capture_new(LOG_LEVEL_ERROR);
    struct complaint why = { 0 };
    char text[8000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)complain(&why, -EINVAL, "the remedy", "the fault");
    log_complaint(c.log, LOG_LEVEL_ERROR, &why, "%s", text);
    cr_assert(ne(ptr, strstr(captured(&c), "x…: the fault; the remedy\n"), NULL));
    capture_done(&c);
}

Test(log, counts_what_it_could_not_write_and_tells_when_it_can)
{
    /* A pipe that is full and does not block stands for a disk that is. */
    int ends[2];
    cr_assert(eq(int, pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0));
    char filler[4096] = { 0 };
    while (write(ends[1], filler, sizeof(filler)) > 0)
        ;
    CLEANUP(clock_freep) struct clock *clock = clock_new_simulated(1788742800123);
    CLEANUP(log_freep) struct log *log = log_new(ends[1], "x", LOG_LEVEL_INFO, clock);
    log_line(log, LOG_LEVEL_INFO, "one");
    log_line(log, LOG_LEVEL_INFO, "two");
    while (read(ends[0], filler, sizeof(filler)) > 0)
        ;
    log_line(log, LOG_LEVEL_INFO, "three");
    log_line(log, LOG_LEVEL_INFO, "four");
    char text[1000];
    ssize_t n = read(ends[0], text, sizeof(text) - 1);
    cr_assert(gt(i64, n, 0));
    text[n] = '\0';
    cr_assert(eq(str, text,
                 "2026-09-07T09:00:00.123+08:00 warning x: 2 log records could not be written "
                 "and are lost\n"
                 "2026-09-07T09:00:00.123+08:00 info x: three\n"
                 "2026-09-07T09:00:00.123+08:00 info x: four\n"));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

Test(log, begins_a_new_line_after_a_torn_one)
{
    /* RLIMIT_FSIZE makes a write stop in the middle, as a full disk does. */
    char path[] = "/tmp/zb-log-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(ge(int, fd, 0));
    (void)unlink(path);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, tight;
    cr_assert(eq(int, getrlimit(RLIMIT_FSIZE, &old), 0));
    tight = old;
    tight.rlim_cur = 10;
    CLEANUP(clock_freep) struct clock *clock = clock_new_simulated(1788742800123);
    CLEANUP(log_freep) struct log *log = log_new(fd, "x", LOG_LEVEL_INFO, clock);
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &tight), 0));
    log_line(log, LOG_LEVEL_INFO, "torn");
    cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &old), 0));
    log_line(log, LOG_LEVEL_INFO, "whole");
    char text[1000];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    text[n < 0 ? 0 : n] = '\0';
    cr_assert(eq(str, text,
                 "2026-09-07\n"
                 "2026-09-07T09:00:00.123+08:00 warning x: 1 log records could not be written "
                 "and are lost\n"
                 "2026-09-07T09:00:00.123+08:00 info x: whole\n"));
    (void)close(fd);
}

Test(log, limits_a_site_and_says_how_many_it_kept_back)
{
    struct capture c = capture_new(LOG_LEVEL_INFO);
    struct log_limit limit = LOG_LIMIT_INIT(1000);
    int64_t start_ms = 5;
    for (int64_t t = 0; t < 2500; t += 100)
        log_limited(c.log, &limit, start_ms + t, LOG_LEVEL_INFO, "refused %d", (int)t);
    cr_assert(
        eq(str, captured(&c),
           "2026-09-07T09:00:00.123+08:00 info matcher: refused 0\n"
           "2026-09-07T09:00:00.123+08:00 info matcher: refused 1000 (and 9 more like it)\n"
           "2026-09-07T09:00:00.123+08:00 info matcher: refused 2000 (and 9 more like it)\n"));
    log_limited(c.log, &limit, start_ms + 9000, LOG_LEVEL_INFO, "later");
    cr_assert(ne(ptr, strstr(captured(&c), "later (and 4 more like it)\n"), NULL));
    log_limited(c.log, &limit, start_ms + 20000, LOG_LEVEL_INFO, "alone");
    cr_assert(ne(ptr, strstr(captured(&c), "alone\n"), NULL));
    capture_done(&c);
}

Test(log, takes_the_time_of_the_system_without_a_clock)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    CLEANUP(log_freep) struct log *log = log_new(fd, "x", LOG_LEVEL_INFO, NULL);
    CLEANUP(clock_freep) struct clock *clock = clock_new_real();
    int64_t before_ms = clock_now_ms(clock);
    log_line(log, LOG_LEVEL_INFO, "now");
    char text[100] = "";
    cr_assert(gt(i64, pread(fd, text, sizeof(text) - 1, 0), 29));
    int64_t ms = 0;
    cr_assert(eq(int, civil_parse_instant(bytes_of(text, 29), &ms), 0));
    cr_assert(ge(i64, ms, before_ms));
    cr_assert(le(i64, ms, clock_now_ms(clock)));
    (void)close(fd);
}
