/* daemon.h - the skeleton of every daemon: arguments, configuration, log, signals, readiness.
 *
 *     int main(int argc, char *argv[])
 *     {
 *         static const struct daemon_spec spec = {
 *             .name = "matcher", .summary = "recognises rows",
 *             .config = matcher_tables, .n_config = ARRAY_LEN(matcher_tables),
 *             .start = matcher_start, .run = matcher_run, .stop = matcher_stop,
 *         };
 *         return daemon_main(argc, argv, &spec);
 *     }
 *
 * The event loop is the daemon's own. It waits on daemon_signal_fd() among its descriptors, calls
 * daemon_on_signal_readable() when that is readable, and returns once daemon_stopping(). */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include "base/config.h"
#include "base/log.h"

struct daemon;

enum daemon_exit {
    DAEMON_DONE = 0,
    DAEMON_INVALID = 2, /* arguments or configuration */
    DAEMON_FAILED = 3,  /* the system, or the run */
};

struct daemon_spec {
    const char *name;    /* program, log and default instance name: "matcher" */
    const char *summary; /* one line for --help */
    const char *usage;   /* further text for --help; may be NULL */
    const struct config_table *config;
    size_t n_config;

    /* start - opens everything; *ret_state goes to run and stop. 0, or negative with `why` filled
     * where a person can do something: -EINVAL ends in DAEMON_INVALID, others in DAEMON_FAILED.
     * After an error it has closed what it opened; stop is not called. */
    int (*start)(struct daemon *daemon, void **ret_state, struct complaint *why);

    /* run - the event loop; calls daemon_ready() once it serves. 0 when stopped, or negative, which
     * the daemon has logged. */
    int (*run)(struct daemon *daemon, void *state);

    /* stop - closes and frees; called after run, whatever it returned. */
    void (*stop)(struct daemon *daemon, void *state);
};

/* The options that the skeleton reads itself, in every daemon. */
extern const struct config_table daemon_config_table;

/* daemon_main - runs the daemon; returns the exit code of the process.
 *     --home DIR         required, must exist
 *     --config FILE      else DIR/config.yaml
 *     --instance NAME    else the spec's name
 *     --supervised       SIGTERM when the parent dies
 *     --help, --version
 * SIGTERM and SIGINT stop; SIGHUP and SIGPIPE are ignored. Core dumps are off: memory holds keys.
 * One instance of a name per home, by DIR/run/INSTANCE.lock. */
int daemon_main(int argc, char *argv[], const struct daemon_spec *spec);

/* daemon_signal_fd - readable when a signal waits. daemon_on_signal_readable - takes it in;
 * harmless when none does. */
int daemon_signal_fd(const struct daemon *daemon);
void daemon_on_signal_readable(struct daemon *daemon);

/* daemon_stopping - whether the loop should return. daemon_stop - asks for it from inside. */
bool daemon_stopping(const struct daemon *daemon);
void daemon_stop(struct daemon *daemon);

struct log *daemon_log(const struct daemon *daemon);
const struct config *daemon_config(const struct daemon *daemon);
const char *daemon_home(const struct daemon *daemon); /* absolute */
const char *daemon_instance(const struct daemon *daemon);

struct daemon_port {
    const char *name; /* "bus" */
    uint16_t port;    /* the one bound, where the configuration said 0 */
};

/* daemon_ready - publishes DIR/run/INSTANCE.json, whole or not at all, as one line:
 *     {"name":"matcher","pid":12,"started_ms":1788742800000,"ports":{"bus":7001},"ready":true}
 * It is removed at a clean stop, and at the next start after any other. Errors: -errno. */
int daemon_ready(struct daemon *daemon, const struct daemon_port *ports, size_t n_ports);

#endif
