/* cmd_down.c - `zhengban down`: asks the supervisor to stop and waits until it has. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "cli/supervise.h"

enum { DOWN_MOST_MS = 90 * 1000 }; /* three stages, each killed after 20 s */

static int stop_and_wait(struct cli *cli, pid_t pid)
{
    int fd = pidfd_open(pid, 0);
    if (fd < 0)
        return errno == ESRCH
                   ? CLI_DONE
                   : cli_fault(cli, -errno, "", _("process %d cannot be watched"), (int)pid);
    struct pollfd watch = { .fd = fd, .events = POLLIN };
    int r = pidfd_send_signal(fd, SIGTERM, NULL, 0) < 0 && errno != ESRCH ? -errno : 0;
    int ended = 0;
    do
        ended = r < 0 ? 0 : poll(&watch, 1, DOWN_MOST_MS);
    while (ended < 0 && errno == EINTR);
    (void)close(fd); /* only watched */
    if (r < 0)
        return cli_fault(cli, r, _("stop it as the user who started it"),
                         _("process %d cannot be told to stop"), (int)pid);
    if (ended <= 0)
        return cli_fault(cli, -ETIMEDOUT, _("see log/up.log"), _("process %d does not stop"),
                         (int)pid);
    return CLI_DONE;
}

static int down_run(struct cli *cli)
{
    const char *lock = cli_path(cli, "run/up.lock");
    struct running up;
    int fd, r = lock == NULL ? -ENOMEM : file_lock(lock, &fd);
    bool was_up = r == -EBUSY;
    int status = CLI_DONE;
    if (r == 0) {
        (void)close(fd); /* gives the lock back; nothing was written */
    } else if (was_up) {
        r = running_read(cli->home, "up", &up);
        if (r < 0)
            return cli_fault(cli, r, _("try again in a moment"),
                             _("the supervisor has not said who it is"));
        status = stop_and_wait(cli, up.pid);
    } else if (r != -ENOENT) {
        return cli_fault(cli, r, _("give the home to this user"), "%s: %s", lock, strerror(-r));
    }
    if (status != CLI_DONE)
        return status;
    if (!cli->json) {
        cli_say(cli, was_up ? _("stopped") : _("nothing runs here"));
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_bool(&json, "stopped", was_up);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static const struct cli_verb down_verbs[] = {
    { .arguments = "",
      .help = N_("Stops collectors, matchers and notifier, in this order, and waits for it."),
      .run = down_run },
};

const struct cli_command cmd_down = { "down", N_("stop what 'up' started"), down_verbs,
                                      ARRAY_LEN(down_verbs) };
