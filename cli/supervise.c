/* supervise.c - starts daemons, waits for their readiness files, starts again what dies. */
#include "cli/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "bus/config.h"
#include "collector/service.h"

enum {
    READY_FILE_BYTES = 64 * 1024,
    READY_ARENA_BYTES = 128 * 1024,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MOST_MS = 30 * 1000,
    BACKOFF_WORKED_MS = 4 * 1000, /* the most for one that was ready: who is killed again and
                                     again is still back at work within 5 s */
    STEADY_MS = 60 * 1000,        /* who ran so long begins again with the first back-off */
    START_MOST_MS = 60 * 1000,    /* to the readiness of all */
    START_TRIES = 6,              /* of a daemon that ends by itself before all are ready: a lock or
                                   a port of the process before it may take a moment to be free */
    STOP_MOST_MS = 20 * 1000,     /* then SIGKILL */
    LOG_TAIL_BYTES = 4096,
    LOG_TAIL_LINES = 3,
    EXIT_INVALID = 2, /* daemon_exit: arguments or configuration */
    STAGES = 3,
};

struct child {
    const struct instance *instance;
    pid_t pid; /* 0: does not run */
    bool ready;
    int64_t started_mono_ms;
    int64_t restart_mono_ms; /* while it does not run: when to start it; 0: at once */
    int backoff_ms;
    unsigned failures; /* ends by itself since it was last ready */
};

struct supervisor {
    const struct supervise_options *options;
    struct child *children;
    int signal_fd;
    int watch_fd;
    bool all_ready; /* has been, once */
    bool stopping;
    int64_t begun_mono_ms;
    struct complaint *why;
};

/* ---- readiness files ---- */

int running_read(const char *home, const char *name, struct running *ret_running)
{
    char path[FILE_PATH_SIZE], file[SUPERVISE_NAME_BYTES + 16];
    CLEANUP(arena_freep) struct arena *arena = arena_new(READY_ARENA_BYTES);
    struct bytes text;
    (void)snprintf(file, sizeof(file), "run/%.64s.json", name); /* sized for it */
    int r = arena == NULL ? -ENOMEM : path_join(path, sizeof(path), home, file);
    if (r == 0)
        r = file_read(arena, path, READY_FILE_BYTES, &text, NULL);
    if (r != 0)
        return r;
    json_t *root = json_loadb((const char *)text.data, text.size, 0, NULL);
    struct running running = {
        .pid = (pid_t)json_integer_value(json_object_get(root, "pid")),
        .started_ms = json_integer_value(json_object_get(root, "started_ms")),
        .ready = json_is_true(json_object_get(root, "ready")),
    };
    void *port = json_object_iter(json_object_get(root, "ports"));
    if (port != NULL)
        running.port = (unsigned)json_integer_value(json_object_iter_value(port));
    json_decref(root);
    /* A killed daemon leaves its file behind. */
    if (running.pid <= 0 || (kill(running.pid, 0) < 0 && errno == ESRCH))
        return -ENOENT;
    *ret_running = running;
    return 0;
}

struct instance *instances_of(struct cli *cli, size_t *ret_count)
{
    size_t matchers = config_items(cli->config, "matchers");
    size_t collectors = config_items(cli->config, "collectors");
    struct instance *instances =
        arena_calloc(cli->arena, 1 + matchers + collectors, sizeof(*instances));
    if (instances == NULL)
        return NULL;
    size_t n = 0;
    instances[n++] = (struct instance){ .program = "notifier", .name = "notifier" };
    for (size_t i = 0; i < matchers; i++)
        instances[n++] = (struct instance){
            .program = "matcher",
            .name = config_text(config_item(cli->config, "matchers", i), "name"),
            .stage = 1,
        };
    for (size_t i = 0; i < collectors; i++)
        instances[n++] = (struct instance){
            .program = "collector",
            .name = config_text(config_item(cli->config, "collectors", i), "name"),
            .stage = 2,
        };
    *ret_count = n;
    return instances;
}

/* ---- starting ---- */

static const char *log_path(const struct supervisor *supervisor, const char *name, char *out)
{
    char file[SUPERVISE_NAME_BYTES + 16];
    (void)snprintf(file, sizeof(file), "log/%.64s.log", name); /* sized for it */
    return path_join(out, FILE_PATH_SIZE, supervisor->options->home, file) < 0 ? "" : out;
}

/* In the child: what it says goes to its log; it ends when the supervisor does. */
static void become(const struct supervisor *supervisor, const struct instance *instance, int log_fd)
{
    char program[FILE_PATH_SIZE], file[64];
    sigset_t none;
    (void)snprintf(file, sizeof(file), "zhengban-%s", instance->program); /* of three */
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (path_join(program, sizeof(program), supervisor->options->programs, file) < 0 ||
        null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
        _exit(EXIT_FAILURE);
    (void)sigemptyset(&none); /* cannot fail */
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    const char *const argv[] = { file,         "--home",       supervisor->options->home,
                                 "--instance", instance->name, "--supervised",
                                 NULL };
    (void)execv(program, (char *const *)(uintptr_t)argv);
    (void)dprintf(STDERR_FILENO, "%s: cannot be started: %s\n", program, strerror(errno));
    _exit(EXIT_INVALID); /* trying again would not help */
}

static int child_start(struct supervisor *supervisor, struct child *child)
{
    char path[FILE_PATH_SIZE];
    int log_fd = open(log_path(supervisor, child->instance->name, path),
                      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (log_fd < 0) {
        complaint_at(supervisor->why, "%s", path);
        return complain(supervisor->why, -errno, _("give the folder to this user"),
                        _("the log cannot be opened"));
    }
    pid_t pid = fork();
    if (pid == 0)
        become(supervisor, child->instance, log_fd);
    int r = pid < 0 ? -errno : 0;
    (void)close(log_fd); /* the child has its own */
    if (r < 0)
        return r;
    child->pid = pid;
    child->ready = false;
    child->started_mono_ms = clock_mono_ms();
    log_line(supervisor->options->log, LOG_LEVEL_INFO, "started %s, pid %d", child->instance->name,
             (int)pid);
    return 0;
}

static bool stage_ready(const struct supervisor *supervisor, unsigned below)
{
    for (size_t i = 0; i < supervisor->options->count; i++)
        if (supervisor->children[i].instance->stage < below && !supervisor->children[i].ready)
            return false;
    return true;
}

/* At first the stages wait for one another; later whoever died comes back by himself. */
static int start_due(struct supervisor *supervisor)
{
    int64_t mono_ms = clock_mono_ms();
    int r = 0;
    for (size_t i = 0; r == 0 && i < supervisor->options->count; i++) {
        struct child *child = &supervisor->children[i];
        if (child->pid != 0 || child->restart_mono_ms > mono_ms)
            continue;
        if (supervisor->all_ready || stage_ready(supervisor, child->instance->stage))
            r = child_start(supervisor, child);
    }
    return r;
}

static void look_ready(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->options->count; i++) {
        struct child *child = &supervisor->children[i];
        struct running running;
        if (child->pid == 0 || child->ready ||
            running_read(supervisor->options->home, child->instance->name, &running) < 0 ||
            running.pid != child->pid || !running.ready)
            continue;
        child->ready = true;
        child->failures = 0;
        log_line(supervisor->options->log, LOG_LEVEL_INFO, "%s is ready", child->instance->name);
    }
    if (supervisor->all_ready || !stage_ready(supervisor, STAGES))
        return;
    supervisor->all_ready = true;
    supervisor->options->ready(supervisor->options->ctx);
}

/* ---- ending ---- */

/* The last lines of a log on one line, for the complaint. */
static void log_tail(const struct supervisor *supervisor, const char *name, char *out, size_t size)
{
    char path[FILE_PATH_SIZE], text[LOG_TAIL_BYTES + 1];
    out[0] = '\0';
    int fd = open(log_path(supervisor, name, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t end = lseek(fd, 0, SEEK_END);
    ssize_t n = pread(fd, text, LOG_TAIL_BYTES, end > LOG_TAIL_BYTES ? end - LOG_TAIL_BYTES : 0);
    (void)close(fd); /* only read */
    while (n > 0 && text[n - 1] == '\n')
        n--;
    ssize_t from = n;
    for (int lines = 0; from > 0; from--)
        if (text[from - 1] == '\n' && ++lines == LOG_TAIL_LINES)
            break;
    if (n > 0)
        (void)text_printable(bytes_of(text + from, (size_t)(n - from)), out,
                             size); /* cut is fine */
}

static int give_up(struct supervisor *supervisor, const struct child *child)
{
    char path[FILE_PATH_SIZE], tail[sizeof(supervisor->why->what)];
    log_tail(supervisor, child->instance->name, tail, sizeof(tail));
    complaint_at(supervisor->why, "%s", child->instance->name);
    const char *log = log_path(supervisor, child->instance->name, path);
    char remedy[sizeof(supervisor->why->remedy)];
    (void)snprintf(remedy, sizeof(remedy), _("see %s"), log); /* cut is fine */
    return complain(supervisor->why, -EAGAIN, remedy, "%s",
                    tail[0] == '\0' ? _("it could not be started") : tail);
}

static int child_ended(struct supervisor *supervisor, struct child *child, int status)
{
    struct log *log = supervisor->options->log;
    int64_t mono_ms = clock_mono_ms();
    bool steady = mono_ms - child->started_mono_ms > STEADY_MS;
    int most_ms = child->ready ? BACKOFF_WORKED_MS : BACKOFF_MOST_MS;
    const char *name = child->instance->name;
    child->pid = 0;
    child->ready = false;
    if (supervisor->stopping) {
        log_line(log, LOG_LEVEL_INFO, "%s has stopped", name);
        return 0;
    }
    child->failures++;
    child->backoff_ms = steady || child->backoff_ms == 0 ? BACKOFF_FIRST_MS : child->backoff_ms * 2;
    if (child->backoff_ms > most_ms)
        child->backoff_ms = most_ms;
    child->restart_mono_ms = mono_ms + child->backoff_ms;
    if (WIFSIGNALED(status))
        log_line(log, LOG_LEVEL_WARNING, "%s was killed by signal %d; starts again in %d ms", name,
                 WTERMSIG(status), child->backoff_ms);
    else
        log_line(log, LOG_LEVEL_WARNING, "%s ended with status %d; starts again in %d ms", name,
                 WEXITSTATUS(status), child->backoff_ms);
    /* Before all are ready somebody waits for an answer, and wrong configuration stays wrong. */
    if (!supervisor->all_ready && WIFEXITED(status) &&
        (WEXITSTATUS(status) == EXIT_INVALID || child->failures >= START_TRIES))
        return give_up(supervisor, child);
    return 0;
}

static int reap(struct supervisor *supervisor)
{
    int r = 0;
    for (size_t i = 0; i < supervisor->options->count; i++) {
        struct child *child = &supervisor->children[i];
        int status;
        if (child->pid != 0 && waitpid(child->pid, &status, WNOHANG) == child->pid) {
            int ended = child_ended(supervisor, child, status);
            r = r == 0 ? ended : r;
        }
    }
    return r;
}

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo != SIGCHLD)
            supervisor->stopping = true;
}

static void drain_watch(struct supervisor *supervisor)
{
    char events[LOG_TAIL_BYTES];
    while (read(supervisor->watch_fd, events, sizeof(events)) > 0) {
        /* whatever changed in run/, the files are looked at again */
    }
}

/* ---- the loop ---- */

static int wait_ms_of(const struct supervisor *supervisor, int64_t until_mono_ms)
{
    int64_t mono_ms = clock_mono_ms(), next_ms = until_mono_ms;
    for (size_t i = 0; !supervisor->stopping && i < supervisor->options->count; i++) {
        const struct child *child = &supervisor->children[i];
        if (child->pid == 0 && child->restart_mono_ms > 0 && child->restart_mono_ms < next_ms)
            next_ms = child->restart_mono_ms;
    }
    if (next_ms == INT64_MAX)
        return -1;
    return next_ms <= mono_ms ? 0 : (int)(next_ms - mono_ms);
}

/* Waits for a signal, a readiness file, or the time. */
static int turn(struct supervisor *supervisor, int64_t until_mono_ms)
{
    struct pollfd fds[] = {
        { .fd = supervisor->signal_fd, .events = POLLIN },
        { .fd = supervisor->watch_fd, .events = POLLIN },
    };
    if (poll(fds, ARRAY_LEN(fds), wait_ms_of(supervisor, until_mono_ms)) < 0 && errno != EINTR)
        return -errno;
    take_signals(supervisor);
    drain_watch(supervisor);
    int r = reap(supervisor);
    look_ready(supervisor);
    return r;
}

static bool stage_runs(const struct supervisor *supervisor, unsigned stage)
{
    for (size_t i = 0; i < supervisor->options->count; i++)
        if (supervisor->children[i].instance->stage == stage && supervisor->children[i].pid != 0)
            return true;
    return false;
}

static void stage_signal(const struct supervisor *supervisor, unsigned stage, int signal)
{
    for (size_t i = 0; i < supervisor->options->count; i++)
        if (supervisor->children[i].instance->stage == stage && supervisor->children[i].pid != 0)
            (void)kill(supervisor->children[i].pid, signal); /* ours, not yet reaped */
}

/* Collectors first, the notifier last: what is under way is still settled. */
static void stop_all(struct supervisor *supervisor)
{
    supervisor->stopping = true;
    for (unsigned stage = STAGES; stage-- > 0;) {
        int64_t end_ms = clock_mono_ms() + STOP_MOST_MS;
        stage_signal(supervisor, stage, SIGTERM);
        while (stage_runs(supervisor, stage)) {
            if (clock_mono_ms() >= end_ms) {
                log_line(supervisor->options->log, LOG_LEVEL_WARNING,
                         "what does not stop within %d s is killed", STOP_MOST_MS / 1000);
                stage_signal(supervisor, stage, SIGKILL);
                end_ms = INT64_MAX;
            }
            if (turn(supervisor, end_ms) < 0)
                return;
        }
    }
}

static int run(struct supervisor *supervisor)
{
    int64_t end_ms = supervisor->begun_mono_ms + START_MOST_MS;
    while (!supervisor->stopping) {
        int r = start_due(supervisor);
        if (r == 0)
            r = turn(supervisor, supervisor->all_ready ? INT64_MAX : end_ms);
        if (r < 0)
            return r;
        if (supervisor->all_ready || clock_mono_ms() < end_ms)
            continue;
        for (size_t i = 0; i < supervisor->options->count; i++)
            if (!supervisor->children[i].ready)
                return give_up(supervisor, &supervisor->children[i]);
    }
    return 0;
}

static int watches_open(struct supervisor *supervisor)
{
    char dir[FILE_PATH_SIZE];
    sigset_t taken;
    (void)sigemptyset(&taken); /* these fail on a bad number only */
    (void)sigaddset(&taken, SIGTERM);
    (void)sigaddset(&taken, SIGINT);
    (void)sigaddset(&taken, SIGHUP);
    (void)sigaddset(&taken, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &taken, NULL) < 0)
        return -errno;
    supervisor->signal_fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    supervisor->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int r = path_join(dir, sizeof(dir), supervisor->options->home, "run");
    if (r < 0)
        return r;
    if (supervisor->signal_fd < 0 || supervisor->watch_fd < 0 ||
        inotify_add_watch(supervisor->watch_fd, dir, IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
        return -errno;
    return 0;
}

int supervise(const struct supervise_options *options, struct complaint *why)
{
    CLEANUP(freep) struct child *children = calloc(options->count, sizeof(*children));
    struct supervisor supervisor = {
        .options = options,
        .children = children,
        .signal_fd = -1,
        .watch_fd = -1,
        .begun_mono_ms = clock_mono_ms(),
        .why = why,
    };
    int r = children == NULL ? -ENOMEM : watches_open(&supervisor);
    for (size_t i = 0; r == 0 && i < options->count; i++)
        children[i].instance = &options->instances[i];
    if (r == 0) {
        r = run(&supervisor);
        stop_all(&supervisor);
    }
    if (supervisor.signal_fd >= 0)
        (void)close(supervisor.signal_fd); /* nothing was written */
    if (supervisor.watch_fd >= 0)
        (void)close(supervisor.watch_fd); /* as above */
    return r;
}
