/* Daemon skeleton: real processes, their exit codes, what they say and what they leave behind. */
#include "base/daemon.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

enum { WAIT_MS = 10000 };

/* The fixture of one test: a home, and what a daemon started in it wrote. */
static struct arena *arena;
static char home[64];
static int out_fd, err_fd;
static int told[2]; /* the daemon writes to told[1]: 'r' once it is ready */

static const char *in_home(const char *name)
{
    return arena_printf(arena, "%s/%s", home, name);
}

static void write_file(const char *path, const char *text)
{
    cr_assert(eq(int, file_write_atomic(path, bytes_str(text), 0600), 0));
}

static void start(void)
{
    arena = arena_new(8 << 20);
    (void)strcpy(home, "/tmp/zb-daemon-XXXXXX");
    cr_assert(ne(ptr, mkdtemp(home), NULL));
    write_file(in_home("config.yaml"), "probe: {start: well}\n");
    out_fd = memfd_create("out", 0);
    err_fd = memfd_create("err", 0);
    cr_assert(eq(int, pipe2(told, O_CLOEXEC), 0));
}

static void finish(void)
{
    char command[100];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", home);
    cr_assert(eq(int, system(command), 0));
    arena_free(arena);
}

TestSuite(daemon, .init = start, .fini = finish, .timeout = 60);

/* ---- The daemon under test. */

static const struct config_row probe_rows[] = {
    { .key = "probe.start",
      .kind = CONFIG_CHOICE,
      .choices = "well|invalid|broken|silent|signal",
      .default_text = "well",
      .help = "How the start goes." },
    { .key = "probe.run",
      .kind = CONFIG_CHOICE,
      .choices = "wait|fail|stop|examine",
      .default_text = "wait",
      .help = "What the run does." },
};
static const struct config_table probe_table = { "Probe", probe_rows, ARRAY_LEN(probe_rows) };

struct probe {
    int stopped;
};

static int probe_start(struct daemon *daemon, void **ret_state, struct complaint *why)
{
    switch (config_choice(daemon_config(daemon), "probe.start")) {
    case 1:
        config_place(daemon_config(daemon), "probe.start", why);
        return complain(why, -EINVAL, "give another", "does not please");
    case 2:
        return complain(why, -EIO, "mend it", "is broken");
    case 3:
        return -ENOSPC;
    case 4:
        (void)raise(SIGTERM); /* blocked: waits for the loop */
        break;
    default:
        break;
    }
    *ret_state = calloc(1, sizeof(struct probe));
    return *ret_state == NULL ? -ENOMEM : 0;
}

static void tell(char c)
{
    (void)!write(told[1], &c, 1);
}

static int examine(const struct daemon *daemon)
{
    struct rlimit core;
    sigset_t mask;
    bool fine = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
    fine &= getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0;
    fine &= sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGTERM) == 1;
    fine &= daemon_home(daemon)[0] == '/';
    fine &= strcmp(daemon_instance(daemon), "other") == 0;
    return fine ? 0 : -EPERM;
}

static int probe_run(struct daemon *daemon, void *state)
{
    static const struct daemon_port ports[] = { { "bus", 7001 }, { "api", 65535 } };
    (void)state;
    switch (config_choice(daemon_config(daemon), "probe.run")) {
    case 1:
        return log_errno(daemon_log(daemon), -EIO, "running");
    case 2:
        daemon_stop(daemon);
        break;
    case 3:
        return examine(daemon);
    default:
        break;
    }
    int r = daemon_ready(daemon, ports, ARRAY_LEN(ports));
    if (r < 0)
        return r;
    tell('r');
    while (!daemon_stopping(daemon)) {
        struct pollfd fd = { .fd = daemon_signal_fd(daemon), .events = POLLIN };
        if (poll(&fd, 1, WAIT_MS) <= 0)
            return -ETIMEDOUT;
        daemon_on_signal_readable(daemon);
        daemon_on_signal_readable(daemon); /* harmless when none waits */
        tell('s');
    }
    return 0;
}

static void probe_stop(struct daemon *daemon, void *state)
{
    log_line(daemon_log(daemon), LOG_LEVEL_DEBUG, "stop was called");
    free(state);
}

static const struct daemon_spec spec = {
    .name = "probe",
    .summary = "Stands for a daemon.",
    .usage = "It does nothing else.",
    .config = &probe_table,
    .n_config = 1,
    .start = probe_start,
    .run = probe_run,
    .stop = probe_stop,
};

/* There under LeakSanitizer only. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

enum { EXIT_LEAK = 99 };

/* Starts it as a process of its own; arguments end in NULL. */
static pid_t launch(const char *first, ...)
{
    char *argv[16] = { (char *)"probe" };
    int argc = 1;
    va_list args;
    va_start(args, first);
    for (const char *a = first; a != NULL; a = va_arg(args, const char *))
        argv[argc++] = (char *)a;
    va_end(args);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    int own_err_fd = dup(STDERR_FILENO);
    (void)dup2(out_fd, STDOUT_FILENO);
    (void)dup2(err_fd, STDERR_FILENO);
    int code = daemon_main(argc, argv, &spec);
    (void)fflush(NULL);
    (void)dup2(own_err_fd, STDERR_FILENO); /* the sanitizer's words are not the daemon's */
    if (__lsan_do_recoverable_leak_check != NULL && __lsan_do_recoverable_leak_check() != 0)
        code = EXIT_LEAK;
    _exit(code);
}

static int exit_code(pid_t pid)
{
    int status = 0;
    cr_assert(eq(i32, waitpid(pid, &status, 0), pid));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static char *text_of(int fd)
{
    char *text = arena_calloc(arena, 1, 16384);
    (void)!pread(fd, text, 16383, 0);
    return text;
}

/* What was logged, without the times. */
static char *logged(void)
{
    char *text = text_of(err_fd), *out = arena_calloc(arena, 1, 16384);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strlen(line) > 30)
            (void)sprintf(out + strlen(out), "%s\n", line + 30);
    return out;
}

static bool is_told(char want)
{
    struct pollfd fd = { .fd = told[0], .events = POLLIN };
    char c = 0;
    return poll(&fd, 1, WAIT_MS) == 1 && read(told[0], &c, 1) == 1 && c == want;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- Arguments. */

Test(daemon, prints_help_and_version)
{
    cr_assert(eq(int, exit_code(launch("--help", NULL)), 0));
    cr_assert(eq(str, text_of(out_fd),
                 "Usage: probe --home DIR [--config FILE] [--instance NAME] [--supervised]\n"
                 "Stands for a daemon.\n\n"
                 "  --home DIR        the directory that holds everything of this installation\n"
                 "  --config FILE     read this file instead of DIR/config.yaml\n"
                 "  --instance NAME   run under this name instead of 'probe'\n"
                 "  --supervised      stop when the parent process ends\n"
                 "  --help            print this text\n"
                 "  --version         print the version\n\n"
                 "SIGTERM and SIGINT stop it. It exits with 0 when it was stopped, 2 when "
                 "arguments\n"
                 "or configuration are wrong, 3 when the system failed it.\n\n"
                 "It does nothing else.\n"));
    cr_assert(eq(int, ftruncate(out_fd, 0), 0));
    cr_assert(eq(i64, lseek(out_fd, 0, SEEK_SET), 0));
    cr_assert(eq(int, exit_code(launch("--version", NULL)), 0));
    cr_assert(eq(str, text_of(out_fd), "probe " ZB_VERSION "\n"));
    cr_assert(eq(str, text_of(err_fd), ""));
}

Test(daemon, refuses_arguments_that_it_does_not_understand)
{
    static const struct {
        const char *args[4];
        const char *says;
    } rows[] = {
        { { NULL }, "probe: --home DIR is missing\nTry 'probe --help'.\n" },
        { { "--home=" }, "probe: --home DIR is missing\nTry 'probe --help'.\n" },
        { { "--home" },
          "probe: unknown argument, or one without its value: --home\nTry 'probe --help'.\n" },
        { { "--homes=x" },
          "probe: unknown argument, or one without its value: --homes=x\nTry 'probe --help'.\n" },
        { { "--home", "x", "extra\x1b[2J" },
          "probe: unknown argument, or one without its value: extra\\x1b[2J\n"
          "Try 'probe --help'.\n" },
        { { "--home", "x", "--instance", "../up" },
          "probe: an instance name is letters, digits, '.', '_' and '-', at most 63: ../up\n"
          "Try 'probe --help'.\n" },
        { { "--home", "x", "--instance=.hidden" },
          "probe: an instance name is letters, digits, '.', '_' and '-', at most 63: .hidden\n"
          "Try 'probe --help'.\n" },
        { { "--home", "x", "--instance=" },
          "probe: an instance name is letters, digits, '.', '_' and '-', at most 63: \n"
          "Try 'probe --help'.\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *const *a = rows[i].args;
        cr_assert(eq(int, ftruncate(err_fd, 0), 0));
        cr_assert(eq(i64, lseek(err_fd, 0, SEEK_SET), 0));
        cr_assert(eq(int, exit_code(launch(a[0], a[1], a[2], a[3], NULL)), 2), "row %zu", i);
        cr_assert(eq(str, text_of(err_fd), (char *)rows[i].says));
    }
}

Test(daemon, refuses_a_home_that_is_none)
{
    cr_assert(eq(int, exit_code(launch("--home", in_home("none"), NULL)), 2));
    cr_assert(
        eq(str, logged(),
           arena_printf(arena, "error probe: --home %s/none: No such file or directory\n", home)));
}

Test(daemon, refuses_a_home_that_is_a_file)
{
    cr_assert(eq(int, exit_code(launch("--home", in_home("config.yaml"), NULL)), 2));
    cr_assert(eq(str, logged(),
                 arena_printf(arena,
                              "error probe: --home %s/config.yaml: Not a "
                              "directory\n",
                              home)));
}

/* ---- Configuration. */

Test(daemon, refuses_to_run_without_a_configuration)
{
    cr_assert(eq(int, unlink(in_home("config.yaml")), 0));
    cr_assert(eq(int, exit_code(launch("--home", home, NULL)), 2));
    cr_assert(eq(str, logged(),
                 arena_printf(arena,
                              "error probe: configuration refused: %s/config.yaml: cannot be "
                              "opened: No such file or directory; check that the file exists and "
                              "may be read by this user\n",
                              home)));
    cr_assert(not(exists(in_home("run"))));
}

Test(daemon, refuses_a_wrong_configuration_with_place_and_remedy)
{
    write_file(in_home("other.yaml"), "log:\n  level: loud\n");
    cr_assert(
        eq(int, exit_code(launch("--home", home, "--config", in_home("other.yaml"), NULL)), 2));
    cr_assert(eq(str, logged(),
                 arena_printf(arena,
                              "error probe: configuration refused: %s/other.yaml line 2, key "
                              "'log.level': 'loud' is no choice; give one of error, warning, "
                              "notice, info, debug, for example info\n",
                              home)));
}

Test(daemon, ends_with_two_where_the_start_calls_the_input_invalid)
{
    write_file(in_home("config.yaml"), "probe: {start: invalid}\n");
    cr_assert(eq(int, exit_code(launch("--home", home, NULL)), 2));
    cr_assert(eq(str, logged(),
                 arena_printf(arena,
                              "notice probe: starting probe " ZB_VERSION " in %s\n"
                              "error probe: cannot start: %s/config.yaml line 1, key "
                              "'probe.start': does not please; give another\n",
                              home, home)));
}

Test(daemon, ends_with_three_where_the_start_fails)
{
    write_file(in_home("config.yaml"), "probe: {start: broken}\n");
    cr_assert(eq(int, exit_code(launch("--home", home, NULL)), 3));
    cr_assert(ne(ptr, strstr(logged(), "error probe: cannot start: is broken; mend it\n"), NULL));
}

Test(daemon, gives_the_reason_of_a_start_that_gives_none)
{
    write_file(in_home("config.yaml"), "probe: {start: silent}\n");
    cr_assert(eq(int, exit_code(launch("--home", home, NULL)), 3));
    cr_assert(
        ne(ptr, strstr(logged(), "error probe: cannot start: No space left on device\n"), NULL));
}

Test(daemon, ends_with_three_where_the_run_fails_and_still_stops_in_order)
{
    write_file(in_home("config.yaml"), "probe: {run: fail}\nlog: {level: debug}\n");
    cr_assert(eq(int, exit_code(launch("--home", home, NULL)), 3));
    cr_assert(eq(str, logged(),
                 arena_printf(arena,
                              "notice probe: starting probe " ZB_VERSION " in %s\n"
                              "error probe: running: Input/output error\n"
                              "debug probe: stop was called\n"
                              "notice probe: stopped after a failure\n",
                              home)));
}

/* ---- Life. */

Test(daemon, publishes_that_it_is_ready_and_takes_it_back_at_a_stop)
{
    pid_t pid = launch("--home", home, NULL);
    cr_assert(is_told('r'));
    struct bytes ready = { 0 };
    cr_assert(eq(int, file_read(arena, in_home("run/probe.json"), 4096, &ready, NULL), 0));
    const char *text = (const char *)ready.data;
    char *head = arena_printf(arena, "{\"name\":\"probe\",\"pid\":%d,\"started_ms\":", pid);
    cr_assert(bytes_starts_with(ready, bytes_str(head)), "%s", text);
    char *end = NULL;
    long long started_ms = strtoll(text + strlen(head), &end, 10);
    cr_assert(gt(llong, started_ms, 1700000000000));
    cr_assert(eq(str, end, ",\"ports\":{\"bus\":7001,\"api\":65535},\"ready\":true}\n"));
    cr_assert(eq(int, kill(pid, SIGTERM), 0));
    cr_assert(eq(int, exit_code(pid), 0));
    cr_assert(not(exists(in_home("run/probe.json"))));
    cr_assert(eq(str, logged(),
                 arena_printf(arena,
                              "notice probe: starting probe " ZB_VERSION " in %s\n"
                              "notice probe: ready\n"
                              "notice probe: stopping on SIGTERM\n"
                              "notice probe: stopped\n",
                              home)));
}

Test(daemon, stops_on_sigint_and_not_on_sighup_or_sigpipe)
{
    pid_t pid = launch("--home", home, NULL);
    cr_assert(is_told('r'));
    cr_assert(eq(int, kill(pid, SIGPIPE), 0));
    cr_assert(eq(int, kill(pid, SIGHUP), 0));
    cr_assert(is_told('s'));
    cr_assert(eq(i32, waitpid(pid, NULL, WNOHANG), 0));
    cr_assert(exists(in_home("run/probe.json")));
    cr_assert(eq(int, kill(pid, SIGINT), 0));
    cr_assert(eq(int, exit_code(pid), 0));
    cr_assert(ne(ptr,
                 strstr(logged(), "info probe: ignoring SIGHUP\n"
                                  "notice probe: stopping on SIGINT\n"),
                 NULL));
}

Test(daemon, finds_a_signal_that_came_during_the_start)
{
    write_file(in_home("config.yaml"), "probe: {start: signal}\n");
    pid_t pid = launch("--home", home, NULL);
    cr_assert(is_told('r'));
    cr_assert(eq(int, exit_code(pid), 0));
}

Test(daemon, stops_when_it_asks_itself)
{
    write_file(in_home("config.yaml"), "probe: {run: stop}\n");
    cr_assert(eq(int, exit_code(launch("--home", home, NULL)), 0));
    cr_assert(not(exists(in_home("run/probe.json"))));
}

Test(daemon, keeps_its_memory_to_itself_and_knows_who_it_is)
{
    write_file(in_home("config.yaml"), "probe: {run: examine}\n");
    cr_assert(eq(int, exit_code(launch("--home", home, "--instance=other", NULL)), 0));
    struct stat st;
    cr_assert(eq(int, stat(in_home("run"), &st), 0));
    cr_assert(eq(u32, st.st_mode & 0777, 0700));
}

Test(daemon, runs_once_per_instance_and_home)
{
    pid_t first = launch("--home", home, NULL);
    cr_assert(is_told('r'));
    cr_assert(eq(int, exit_code(launch("--home", home, NULL)), 3));
    cr_assert(ne(
        ptr, strstr(logged(), arena_printf(arena, "error probe: probe runs already in %s\n", home)),
        NULL));
    cr_assert(exists(in_home("run/probe.json"))); /* the loser leaves the winner's file alone */
    pid_t other = launch("--home", home, "--instance", "probe-2", NULL);
    cr_assert(is_told('r'));
    cr_assert(exists(in_home("run/probe-2.json")));
    cr_assert(eq(int, kill(first, SIGTERM), 0));
    cr_assert(eq(int, kill(other, SIGTERM), 0));
    cr_assert(eq(int, exit_code(first), 0));
    cr_assert(eq(int, exit_code(other), 0));
}

Test(daemon, clears_away_at_its_start_what_a_killed_one_left)
{
    pid_t pid = launch("--home", home, NULL);
    cr_assert(is_told('r'));
    cr_assert(eq(int, kill(pid, SIGKILL), 0));
    cr_assert(eq(int, exit_code(pid), -SIGKILL));
    cr_assert(exists(in_home("run/probe.json"))); /* so that the next line shows something */
    write_file(in_home("config.yaml"), "probe: {start: broken}\n");
    cr_assert(eq(int, exit_code(launch("--home", home, NULL)), 3));
    cr_assert(not(exists(in_home("run/probe.json"))));
}

Test(daemon, ends_with_its_parent_when_supervised)
{
    /* The grandchild holds told[1]; when all writers are gone, the pipe says so. */
    pid_t parent = fork();
    if (parent == 0) {
        (void)launch("--home", home, "--supervised", NULL);
        (void)pause();
        _exit(0);
    }
    cr_assert(is_told('r'));
    (void)close(told[1]);
    cr_assert(eq(int, kill(parent, SIGKILL), 0));
    cr_assert(eq(int, exit_code(parent), -SIGKILL));
    char c;
    struct pollfd fd = { .fd = told[0], .events = POLLIN };
    ssize_t n;
    do {
        cr_assert(eq(int, poll(&fd, 1, WAIT_MS), 1));
        n = read(told[0], &c, 1);
    } while (n == 1);
    cr_assert(eq(i64, n, 0));
    cr_assert(not(exists(in_home("run/probe.json"))));
    cr_assert(ne(ptr,
                 strstr(logged(), "notice probe: stopping on SIGTERM\n"
                                  "notice probe: stopped\n"),
                 NULL));
}
