/* supervise.h - one notifier, its matchers and its collectors, kept running.
 *
 * Stages start one after another, each when the one before is ready, and stop in reverse, so that
 * whoever sends always finds whoever receives. A daemon that dies is started again, later each
 * time. The supervisor owns no data: killed, its daemons stop by themselves (PR_SET_PDEATHSIG) and
 * the next one starts them anew. */
#ifndef CLI_SUPERVISE_H
#define CLI_SUPERVISE_H

#include <sys/types.h>

#include "base/log.h"
#include "cli/cli.h"

enum { SUPERVISE_NAME_BYTES = 64 };

/* What one readiness file says (base/daemon.h). */
struct running {
    pid_t pid;
    int64_t started_ms;
    unsigned port; /* the first one, 0: none */
    bool ready;
};

/* running_read - HOME/run/NAME.json, if the process that wrote it is alive. -ENOENT else. */
int running_read(const char *home, const char *name, struct running *ret_running);

/* Every daemon of a home's configuration. */
struct instance {
    const char *program; /* "notifier" */
    const char *name;
    unsigned stage; /* 0: the notifier; matchers; collectors */
};

/* instances_of - from the configuration, in the order of their stages; the arena's. NULL: out of
 * memory. */
struct instance *instances_of(struct cli *cli, size_t *ret_count);

/* supervise - starts everything, says so once through `ready` when all of it is, and keeps it
 * running until SIGTERM or SIGINT. Returns 0 after a clean stop; -EAGAIN when a daemon could not be
 * started at all: `why` holds its name, its last words and where its log is. */
struct supervise_options {
    const char *home;
    const char *programs; /* folder of the daemons' programs */
    const struct instance *instances;
    size_t count;
    struct log *log;
    void *ctx;
    void (*ready)(void *ctx);
};
int supervise(const struct supervise_options *options, struct complaint *why);

#endif
