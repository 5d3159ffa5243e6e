/* daemon.c - from arguments to a running daemon and back, each step undone in reverse order.
 *
 * Signals are blocked before anything is opened, so that threads of libraries inherit the mask and
 * a signal that comes during the start waits for the loop. */
#include "base/daemon.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/seal.h"

enum {
    CONFIG_ARENA_BYTES = 32 * 1024 * 1024,
    READY_FILE_BYTES = 64 * 1024,
    INSTANCE_BYTES = 64,
};

static const struct config_row daemon_rows[] = {
    { .key = "log.level",
      .kind = CONFIG_CHOICE,
      .choices = "error|warning|notice|info|debug",
      .default_text = "info",
      .help = "The least urgent records that are written." },
};

const struct config_table daemon_config_table = { "Every program", daemon_rows,
                                                  ARRAY_LEN(daemon_rows) };

struct arguments {
    const char *home;
    const char *config;   /* NULL: HOME/config.yaml */
    const char *instance; /* NULL: the daemon's name */
    bool supervised;
    bool help;
    bool version;
};

struct daemon {
    const struct daemon_spec *spec;
    struct arena *arena; /* holds the configuration */
    const struct config *config;
    struct log *log;
    int64_t started_ms;
    int signal_fd; /* -1 until opened */
    int lock_fd;   /* -1 until locked */
    bool stopping;
    const char *instance;
    char home[PATH_MAX];             /* absolute, from realpath() */
    char ready_path[FILE_PATH_SIZE]; /* RUN/INSTANCE.json */
};

/* ---- Arguments. */

static void print_help(const struct daemon_spec *spec)
{
    (void)printf(
        "Usage: %s --home DIR [--config FILE] [--instance NAME] [--supervised]\n"
        "%s\n\n"
        "  --home DIR        the directory that holds everything of this installation\n"
        "  --config FILE     read this file instead of DIR/config.yaml\n"
        "  --instance NAME   run under this name instead of '%s'\n"
        "  --supervised      stop when the parent process ends\n"
        "  --help            print this text\n"
        "  --version         print the version\n\n"
        "SIGTERM and SIGINT stop it. It exits with 0 when it was stopped, 2 when arguments\n"
        "or configuration are wrong, 3 when the system failed it.\n",
        spec->name, spec->summary, spec->name);
    if (spec->usage != NULL)
        (void)printf("\n%s\n", spec->usage);
}

/* The value of `--name VALUE` or `--name=VALUE`, moving *at past it; NULL if argv[*at] is another
 * argument or ends without a value. */
static const char *take_value(int argc, char *argv[], int *at, const char *name)
{
    size_t n = strlen(name);
    const char *arg = argv[*at];
    if (strncmp(arg, name, n) != 0)
        return NULL;
    if (arg[n] == '=')
        return arg + n + 1;
    if (arg[n] != '\0' || *at + 1 >= argc)
        return NULL;
    return argv[++*at];
}

static int parse_argument(int argc, char *argv[], int *at, struct arguments *args)
{
    const char *value;
    if ((value = take_value(argc, argv, at, "--home")) != NULL)
        args->home = value;
    else if ((value = take_value(argc, argv, at, "--config")) != NULL)
        args->config = value;
    else if ((value = take_value(argc, argv, at, "--instance")) != NULL)
        args->instance = value;
    else if (strcmp(argv[*at], "--supervised") == 0)
        args->supervised = true;
    else if (strcmp(argv[*at], "--help") == 0)
        args->help = true;
    else if (strcmp(argv[*at], "--version") == 0)
        args->version = true;
    else
        return -EINVAL;
    return 0;
}

static bool is_instance_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);
    return n > 0 && n < INSTANCE_BYTES && strspn(name, allowed) == n && name[0] != '.' &&
           name[0] != '-';
}

static int refuse_arguments(const struct daemon_spec *spec, const char *what, const char *which)
{
    char shown[200];
    (void)text_printable(bytes_str(which), shown, sizeof(shown)); /* cut is fine */
    (void)fprintf(stderr, "%s: %s%s\nTry '%s --help'.\n", spec->name, what, shown, spec->name);
    return -EINVAL;
}

static int parse_arguments(int argc, char *argv[], const struct daemon_spec *spec,
                           struct arguments *args)
{
    for (int at = 1; at < argc; at++)
        if (parse_argument(argc, argv, &at, args) < 0)
            return refuse_arguments(spec, "unknown argument, or one without its value: ", argv[at]);
    if (args->help || args->version)
        return 0;
    if (args->home == NULL || args->home[0] == '\0')
        return refuse_arguments(spec, "--home DIR is missing", "");
    if (args->instance == NULL)
        args->instance = spec->name;
    if (!is_instance_name(args->instance))
        return refuse_arguments(
            spec,
            "an instance name is letters, digits, '.', '_' and '-', at most 63: ", args->instance);
    return 0;
}

/* ---- The process. */

/* Keys live in this process's memory: no core file, no other process of the user reads it. */
static int shut_memory(void)
{
    const struct rlimit none = { 0, 0 };
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return -errno;
    return 0;
}

/* SIGTERM at the parent's end. If it ended before we asked, nobody will send it. */
static int follow_parent(struct daemon *daemon, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
        return -errno;
    if (getppid() != parent)
        daemon->stopping = true;
    return 0;
}

static int open_signals(struct daemon *daemon)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigset_t taken;
    (void)sigemptyset(&taken); /* these fail on a bad number only */
    (void)sigaddset(&taken, SIGTERM);
    (void)sigaddset(&taken, SIGINT);
    (void)sigaddset(&taken, SIGHUP);
    if (sigaction(SIGPIPE, &ignore, NULL) < 0 || sigprocmask(SIG_BLOCK, &taken, NULL) < 0)
        return -errno;
    daemon->signal_fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
    return daemon->signal_fd < 0 ? -errno : 0;
}

int daemon_signal_fd(const struct daemon *daemon)
{
    return daemon->signal_fd;
}

void daemon_on_signal_readable(struct daemon *daemon)
{
    struct signalfd_siginfo info;
    while (read(daemon->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            log_line(daemon->log, LOG_LEVEL_INFO, "ignoring SIGHUP");
            continue;
        }
        log_line(daemon->log, LOG_LEVEL_NOTICE, "stopping on %s",
                 info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
        daemon->stopping = true;
    }
}

bool daemon_stopping(const struct daemon *daemon)
{
    return daemon->stopping;
}

void daemon_stop(struct daemon *daemon)
{
    daemon->stopping = true;
}

struct log *daemon_log(const struct daemon *daemon)
{
    return daemon->log;
}

const struct config *daemon_config(const struct daemon *daemon)
{
    return daemon->config;
}

const char *daemon_home(const struct daemon *daemon)
{
    return daemon->home;
}

const char *daemon_instance(const struct daemon *daemon)
{
    return daemon->instance;
}

int daemon_ready(struct daemon *daemon, const struct daemon_port *ports, size_t n_ports)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(READY_FILE_BYTES);
    struct json json = json_on(&buf);
    json_begin_object(&json, NULL);
    json_put_str(&json, "name", daemon->instance);
    json_put_int(&json, "pid", getpid());
    json_put_int(&json, "started_ms", daemon->started_ms);
    json_begin_object(&json, "ports");
    for (size_t i = 0; i < n_ports; i++)
        json_put_uint(&json, ports[i].name, ports[i].port);
    json_end(&json);
    json_put_bool(&json, "ready", true);
    json_end(&json);
    json_end_line(&json);
    int r = buf_error(&buf);
    if (r == 0)
        r = file_write_atomic(daemon->ready_path, buf_bytes(&buf), 0600);
    if (r == 0)
        log_line(daemon->log, LOG_LEVEL_NOTICE, "ready");
    return r;
}

/* ---- The steps. Each logs its own failure and returns an exit code. */

static enum daemon_exit fail(const struct daemon *daemon, int r, const char *doing)
{
    (void)log_errno(daemon->log, r, "%s", doing); /* r is told by the exit code */
    return DAEMON_FAILED;
}

static enum daemon_exit enter_home(struct daemon *daemon, const struct arguments *args)
{
    struct stat st;
    int r = 0;
    if (realpath(args->home, daemon->home) == NULL || stat(daemon->home, &st) < 0)
        r = -errno;
    else if (!S_ISDIR(st.st_mode))
        r = -ENOTDIR;
    if (r == 0)
        return DAEMON_DONE;
    (void)log_errno(daemon->log, r, "--home %s", args->home); /* r is told by the exit code */
    return DAEMON_INVALID;
}

static enum daemon_exit load_config(struct daemon *daemon, const struct arguments *args)
{
    const struct daemon_spec *spec = daemon->spec;
    struct complaint why = { 0 };
    char usual[FILE_PATH_SIZE];
    int r = path_join(usual, sizeof(usual), daemon->home, "config.yaml");
    if (r < 0)
        return fail(daemon, r, "the path of the configuration");
    const char *path = args->config == NULL ? usual : args->config;
    struct config_table *tables = arena_calloc(daemon->arena, spec->n_config + 1, sizeof(*tables));
    if (tables == NULL)
        return fail(daemon, -ENOMEM, "reading the configuration");
    tables[0] = daemon_config_table;
    for (size_t i = 0; i < spec->n_config; i++)
        tables[i + 1] = spec->config[i];
    r = config_load(daemon->arena, tables, spec->n_config + 1, path, &daemon->config, &why);
    if (r < 0) {
        log_complaint(daemon->log, LOG_LEVEL_ERROR, &why, "configuration refused");
        return DAEMON_INVALID;
    }
    /* The choices of log.level are the levels in their order. */
    log_set_level(daemon->log, (enum log_level)config_choice(daemon->config, "log.level"));
    return DAEMON_DONE;
}

/* RUN/INSTANCE.lock is ours until we end; a ready file of an earlier run is not true any more. */
static enum daemon_exit take_instance(struct daemon *daemon)
{
    char run[FILE_PATH_SIZE], path[FILE_PATH_SIZE], name[INSTANCE_BYTES + 8];
    int r = path_join(run, sizeof(run), daemon->home, "run");
    (void)snprintf(name, sizeof(name), "%s.lock", daemon->instance); /* fits: is_instance_name */
    if (r == 0)
        r = path_join(path, sizeof(path), run, name);
    (void)snprintf(name, sizeof(name), "%s.json", daemon->instance); /* fits: is_instance_name */
    if (r == 0)
        r = path_join(daemon->ready_path, sizeof(daemon->ready_path), run, name);
    if (r == 0)
        r = file_make_dirs(run, 0700);
    if (r == 0)
        r = file_lock(path, &daemon->lock_fd);
    if (r == -EBUSY) {
        log_line(daemon->log, LOG_LEVEL_ERROR, "%s runs already in %s", daemon->instance,
                 daemon->home);
        return DAEMON_FAILED;
    }
    if (r == 0 && unlink(daemon->ready_path) < 0 && errno != ENOENT)
        r = -errno;
    return r < 0 ? fail(daemon, r, "preparing the directory run") : DAEMON_DONE;
}

static enum daemon_exit prepare(struct daemon *daemon, const struct arguments *args, pid_t parent)
{
    int r = open_signals(daemon);
    if (r == 0)
        r = shut_memory();
    if (r == 0 && args->supervised)
        r = follow_parent(daemon, parent);
    if (r == 0)
        r = seal_start();
    if (r < 0)
        return fail(daemon, r, "preparing the process");
    enum daemon_exit code = enter_home(daemon, args);
    if (code == DAEMON_DONE)
        code = load_config(daemon, args);
    if (code == DAEMON_DONE)
        code = take_instance(daemon);
    return code;
}

static enum daemon_exit serve(struct daemon *daemon)
{
    const struct daemon_spec *spec = daemon->spec;
    struct complaint why = { 0 };
    void *state = NULL;
    log_line(daemon->log, LOG_LEVEL_NOTICE, "starting %s %s in %s", spec->name, ZB_VERSION,
             daemon->home);
    int r = spec->start(daemon, &state, &why);
    if (r < 0 && why.what[0] != '\0')
        log_complaint(daemon->log, LOG_LEVEL_ERROR, &why, "cannot start");
    else if (r < 0)
        (void)log_errno(daemon->log, r, "cannot start"); /* r is told by the exit code */
    if (r < 0)
        return r == -EINVAL ? DAEMON_INVALID : DAEMON_FAILED;
    r = spec->run(daemon, state);
    spec->stop(daemon, state);
    if (unlink(daemon->ready_path) < 0 && errno != ENOENT)
        (void)log_errno(daemon->log, -errno, "removing the ready file, ignoring it");
    log_line(daemon->log, LOG_LEVEL_NOTICE, r < 0 ? "stopped after a failure" : "stopped");
    return r < 0 ? DAEMON_FAILED : DAEMON_DONE;
}

static void daemon_free(struct daemon *daemon)
{
    if (daemon->lock_fd >= 0)
        (void)close(daemon->lock_fd); /* gives the lock back; nothing was written */
    if (daemon->signal_fd >= 0)
        (void)close(daemon->signal_fd); /* as above */
    log_free(daemon->log);
    arena_free(daemon->arena);
    free(daemon);
}
CLEANUP_DEFINE(struct daemon *, daemon_free);

static struct daemon *daemon_new(const struct daemon_spec *spec, const char *instance)
{
    CLEANUP(clock_freep) struct clock *clock = clock_new_real();
    CLEANUP(daemon_freep) struct daemon *daemon = calloc(1, sizeof(*daemon));
    if (daemon == NULL)
        return NULL;
    *daemon = (struct daemon){
        .spec = spec,
        .arena = arena_new(CONFIG_ARENA_BYTES),
        .log = log_new(STDERR_FILENO, instance, LOG_LEVEL_INFO, NULL),
        .signal_fd = -1,
        .lock_fd = -1,
        .instance = instance,
    };
    if (clock == NULL || daemon->arena == NULL || daemon->log == NULL)
        return NULL; // NOLINT(clang-analyzer-unix.Malloc): CLEANUP frees it
    daemon->started_ms = clock_now_ms(clock);
    return TAKE_PTR(daemon);
}

int daemon_main(int argc, char *argv[], const struct daemon_spec *spec)
{
    assert(spec->start != NULL && spec->run != NULL && spec->stop != NULL);
    pid_t parent = getppid();
    struct arguments args = { 0 };
    if (parse_arguments(argc, argv, spec, &args) < 0)
        return DAEMON_INVALID;
    if (args.help) {
        print_help(spec);
        return DAEMON_DONE;
    }
    if (args.version) {
        (void)printf("%s %s\n", spec->name, ZB_VERSION);
        return DAEMON_DONE;
    }
    CLEANUP(daemon_freep) struct daemon *daemon = daemon_new(spec, args.instance);
    if (daemon == NULL) {
        (void)fprintf(stderr, "%s: no memory to start with\n", spec->name);
        return DAEMON_FAILED;
    }
    enum daemon_exit code = prepare(daemon, &args, parent);
    if (code == DAEMON_DONE)
        code = serve(daemon);
    return (int)code;
}
