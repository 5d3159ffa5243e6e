/* cmd_up.c - `zhengban up`: everything of this home under one supervisor. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/supervise.h"

enum { UP_FILE_BYTES = 512, ENDING_MS = 500 };

/* What happens when all are ready, in the foreground and detached. */
struct up {
    struct cli *cli;
    int64_t started_ms;
    size_t count;
    int answer_fd; /* to the process that waits for us; −1: in the foreground */
};

/* run/up.json, in the form of every daemon's readiness file. */
static int up_publish(const struct up *up, bool ready)
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(UP_FILE_BYTES);
    struct json json = json_on(&line);
    json_begin_object(&json, NULL);
    json_put_str(&json, "name", "up");
    json_put_int(&json, "pid", getpid());
    json_put_int(&json, "started_ms", up->started_ms);
    json_begin_object(&json, "ports");
    json_end(&json);
    json_put_bool(&json, "ready", ready);
    json_end(&json);
    json_end_line(&json);
    const char *path = cli_path(up->cli, "run/up.json");
    return path == NULL ? -ENOMEM : file_write_atomic(path, buf_bytes(&line), 0600);
}

static void on_ready(void *ctx)
{
    struct up *up = ctx;
    /* Without the file `down` waits for one that never comes; the daemons run all the same. */
    (void)up_publish(up, true);
    if (up->answer_fd >= 0) {
        if (write(up->answer_fd, "", 1) == 1) /* one zero byte: all are ready */
            (void)close(up->answer_fd);
        up->answer_fd = -1;
    } else {
        cli_say(up->cli, _("%zu daemons are ready; Ctrl-C stops them"), up->count);
        cli_flush(up->cli);
    }
}

/* The folder that holds this program holds the daemons too. */
static int programs_dir(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n < 0)
        return -errno;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash == NULL)
        return -ENOENT;
    *slash = '\0';
    return 0;
}

/* The lock of the one supervisor. One that was killed this moment still holds it until its process
 * has ended, which is worth a short wait. */
static int lock_take(struct cli *cli, const char *lock, int *ret_fd)
{
    struct running before;
    int r = file_lock(lock, ret_fd);
    if (r != -EBUSY || running_read(cli->home, "up", &before) < 0)
        return r;
    struct pollfd watch = { .fd = pidfd_open(before.pid, 0), .events = POLLIN };
    if (watch.fd >= 0) {
        (void)poll(&watch, 1, ENDING_MS); /* ended or not: the lock tells */
        (void)close(watch.fd);            /* only watched */
    }
    return file_lock(lock, ret_fd);
}

static int run_here(struct up *up, int log_fd, struct complaint *why)
{
    struct cli *cli = up->cli;
    char programs[FILE_PATH_SIZE];
    int lock_fd = -1;
    struct supervise_options options = {
        .home = cli->home, .programs = programs, .ctx = up, .ready = on_ready
    };
    const char *lock = cli_path(cli, "run/up.lock"), *file = cli_path(cli, "run/up.json");
    CLEANUP(clock_freep) struct clock *clock = clock_new_real();
    CLEANUP(log_freep) struct log *log = log_new(log_fd, "up", LOG_LEVEL_INFO, NULL);
    options.log = log;
    options.instances = instances_of(cli, &options.count);
    if (lock == NULL || file == NULL || clock == NULL || log == NULL || options.instances == NULL)
        return -ENOMEM;
    int r = programs_dir(programs, sizeof(programs));
    if (r == 0)
        r = lock_take(cli, lock, &lock_fd);
    if (r == -EBUSY)
        return complain(why, r, _("'zhengban down' stops it"), _("this home runs already"));
    if (r < 0)
        return r;
    up->started_ms = clock_now_ms(clock);
    up->count = options.count;
    r = up_publish(up, false);
    if (r == 0)
        r = supervise(&options, why);
    /* The lock tells who runs; a file that stays behind names a process that has gone. */
    (void)unlink(file);
    (void)close(lock_fd);
    return r;
}

/* The detached half: a session of its own, its messages in log/up.log, its answer in the pipe. */
static void run_detached(struct up *up)
{
    struct complaint why = { 0 };
    const char *path = cli_path(up->cli, "log/up.log");
    int log_fd = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int r = log_fd < 0 || null_fd < 0 || setsid() < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
                    dup2(null_fd, STDOUT_FILENO) < 0 || dup2(null_fd, STDERR_FILENO) < 0
                ? -errno
                : run_here(up, log_fd, &why);
    if (r < 0 && up->answer_fd >= 0) {
        if (why.what[0] == '\0')
            (void)complain(&why, r, "", "%s", strerror(-r));
        char answer[sizeof(why)];
        memcpy(answer, &why, sizeof(why));
        if (write(up->answer_fd, answer, sizeof(answer)) < 0)
            _exit(CLI_FAILED); /* nobody listens any more */
    }
    _exit(r < 0 ? CLI_FAILED : CLI_DONE);
}

/* Waits for the answer of the detached half: ready, or why not. */
static int wait_detached(struct cli *cli, int answer_fd)
{
    char answer[sizeof(struct complaint)];
    size_t have = 0;
    ssize_t n;
    while (have < sizeof(answer) &&
           (n = read(answer_fd, answer + have, sizeof(answer) - have)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        have += n > 0 ? (size_t)n : 0;
    }
    if (have == 1 && answer[0] == '\0')
        return CLI_DONE;
    struct complaint why;
    if (have < sizeof(why))
        return cli_fault(cli, -EIO, _("see log/up.log"), _("the supervisor ended unexpectedly"));
    memcpy(&why, answer, sizeof(why));
    (void)cli_complain(cli, -EAGAIN, &why);
    return CLI_FAILED;
}

static int detach(struct cli *cli, struct up *up)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return cli_fault(cli, -errno, "", _("no pipe"));
    cli_flush(cli);
    pid_t pid = fork();
    if (pid < 0)
        return cli_fault(cli, -errno, "", _("no further process"));
    if (pid == 0) {
        (void)close(ends[0]); /* the parent's */
        up->answer_fd = ends[1];
        run_detached(up);
    }
    (void)close(ends[1]); /* the child's */
    int status = wait_detached(cli, ends[0]);
    (void)close(ends[0]); /* only read */
    if (status != CLI_DONE)
        return status;
    if (!cli->json) {
        cli_say(cli, _("all daemons are ready; 'zhengban down' stops them"));
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_int(&json, "pid", pid);
    json_put_bool(&json, "ready", true);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static int up_run(struct cli *cli)
{
    struct up up = { .cli = cli, .answer_fd = -1 };
    const char *const dirs[] = { cli_path(cli, "run"), cli_path(cli, "log") };
    if (cli_config(cli) == NULL)
        return CLI_INVALID;
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        int r = dirs[i] == NULL ? -ENOMEM : file_make_dirs(dirs[i], 0700);
        if (r < 0)
            return cli_fault(cli, r, _("give the home to this user"), "%s: %s", dirs[i],
                             strerror(-r));
    }
    if (cli_option(cli, "--detach") != NULL)
        return detach(cli, &up);
    struct complaint why = { 0 };
    int r = run_here(&up, STDERR_FILENO, &why);
    if (r == 0)
        return CLI_DONE;
    (void)cli_complain(cli, r, &why);
    return CLI_FAILED;
}

static const struct cli_option up_options[] = {
    { .name = "--detach", .help = N_("go to the background; return when all daemons are ready") },
};

static const struct cli_verb up_verbs[] = {
    { .arguments = "",
      .help = N_("Starts the notifier, the matchers and the collectors of config.yaml, and keeps "
                 "them running."),
      .options = up_options,
      .option_count = ARRAY_LEN(up_options),
      .run = up_run },
};

const struct cli_command cmd_up = { "up", N_("start all daemons of this home under one supervisor"),
                                    up_verbs, ARRAY_LEN(up_verbs) };
