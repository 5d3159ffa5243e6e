/* doctor_runs.c - what should run and does not, ports, limits, the mail server. */
#include "cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus/config.h"

enum {
    HOST_BYTES = 256,
    PORT_BYTES = 8,
    CMDLINE_BYTES = 512,
    CONNECT_MS = 3000,
    FILES_FEWEST = 1024, /* descriptors: peers, stores and deliveries each take some */
};

/* Host and port of "SCHEME://HOST:PORT", brackets of an IPv6 address taken off. */
struct place {
    char host[HOST_BYTES];
    char port[PORT_BYTES];
};

/* The text behind "://" up to a slash; false where there is no port and none is given. */
static bool place_parse(const char *address, const char *default_port, struct place *ret)
{
    const char *at = strstr(address, "://");
    if (at == NULL)
        return false;
    at += strlen("://");
    size_t size = strcspn(at, "/?#");
    const char *closing = at[0] == '[' ? memchr(at, ']', size) : NULL;
    size_t host = closing != NULL ? (size_t)(closing - at) + 1 : strcspn(at, ":/?#");
    const char *port = host < size && at[host] == ':' ? at + host + 1 : NULL;
    size_t port_size = port == NULL ? strlen(default_port) : size - host - 1;
    if (port == NULL)
        port = default_port;
    if (closing != NULL) {
        at++;
        host -= 2;
    }
    if (host == 0 || host >= sizeof(ret->host) || port_size == 0 || port_size >= sizeof(ret->port))
        return false;
    (void)snprintf(ret->host, sizeof(ret->host), "%.*s", (int)host, at); /* checked */
    (void)snprintf(ret->port, sizeof(ret->port), "%.*s", (int)port_size, port);
    return true;
}

/* Binds a socket there for a moment. 0, or why that cannot be: -EADDRINUSE, -EADDRNOTAVAIL ... */
static int bind_try(const char *host, const char *port)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *found = NULL;
    if (getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, port, &hints, &found) != 0)
        return -EADDRNOTAVAIL;
    int on = 1, r = 0;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) < 0)
        r = -errno;
    if (fd >= 0)
        (void)close(fd); /* never listened */
    freeaddrinfo(found);
    return r;
}

bool doctor_is_here(const char *address)
{
    struct place place;
    /* What does not parse is told by whoever uses it. */
    return !place_parse(address, "0", &place) || bind_try(place.host, "0") != -EADDRNOTAVAIL;
}

/* A process of ours: a number is given again after its process has gone. */
static bool is_ours(pid_t pid)
{
    char path[64], line[CMDLINE_BYTES];
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid); /* fits */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line));
    if (fd >= 0)
        (void)close(fd); /* only read */
    /* Another PID namespace, or no right to look: it is taken at its word. */
    return n <= 0 || memmem(line, (size_t)n, "zhengban", strlen("zhengban")) != NULL;
}

static void daemon_fill(struct doctor *doctor, const struct instance *instance,
                        struct doctor_daemon *daemon)
{
    struct cli *cli = doctor->cli;
    const struct config *item =
        instance->stage == 1 ? matcher_item(cli->config, instance->name) : NULL;
    daemon->instance = instance;
    daemon->address = item != NULL           ? config_text(item, "address")
                      : instance->stage == 0 ? config_text(cli->config, "ledger.address")
                                             : NULL;
    daemon->here = daemon->address == NULL || doctor_is_here(daemon->address);
    daemon->alive = running_read(cli->home, instance->name, &daemon->running) == 0 &&
                    is_ours(daemon->running.pid);
}

int doctor_gather(struct doctor *doctor)
{
    const struct instance *instances = instances_of(doctor->cli, &doctor->daemon_count);
    if (instances == NULL)
        return -ENOMEM;
    doctor->daemons =
        arena_calloc(doctor->cli->arena, doctor->daemon_count, sizeof(*doctor->daemons));
    if (doctor->daemons == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < doctor->daemon_count; i++)
        daemon_fill(doctor, &instances[i], &doctor->daemons[i]);
    return 0;
}

const struct doctor_daemon *doctor_daemon_find(const struct doctor *doctor, const char *name)
{
    for (size_t i = 0; i < doctor->daemon_count; i++)
        if (strcmp(doctor->daemons[i].instance->name, name) == 0)
            return &doctor->daemons[i];
    return NULL;
}

/* ---- daemons ---- */

static const char *run_path(struct cli *cli, const char *name)
{
    return cli_path(cli, arena_printf(cli->arena, "run/%s.json", name));
}

static int look_daemons(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    const char *log, *file;
    size_t alive = 0, dead = 0;
    for (size_t i = 0; i < doctor->daemon_count; i++) {
        const struct doctor_daemon *daemon = &doctor->daemons[i];
        file = run_path(cli, daemon->instance->name);
        log = arena_printf(cli->arena, _("read the end of log/%s.log, then 'zhengban up --detach'"),
                           daemon->instance->name);
        if (file == NULL)
            return -ENOMEM;
        alive += daemon->alive;
        if (daemon->here && !daemon->alive && access(file, F_OK) == 0) {
            dead++;
            doctor_broken(doctor, file, log,
                          _("%s was killed: its process has gone, its file stands"),
                          daemon->instance->name);
        }
    }
    if (alive == 0 && dead == 0) {
        doctor_warn(doctor, "run", _("zhengban up --detach"), _("nothing of this home runs"));
        return 0;
    }
    for (size_t i = 0; i < doctor->daemon_count; i++) {
        const struct doctor_daemon *daemon = &doctor->daemons[i];
        const char *name = daemon->instance->name;
        file = run_path(cli, name);
        log = arena_printf(cli->arena, _("read the end of log/%s.log"), name);
        if (file == NULL)
            return -ENOMEM;
        if (daemon->alive && !daemon->running.ready)
            doctor_warn(doctor, name, log, _("it has started and is not ready yet"));
        else if (daemon->here && !daemon->alive && access(file, F_OK) < 0)
            doctor_broken(doctor, name, log, _("others of this home run, it does not"));
    }
    return 0;
}

static int look_supervisor(struct doctor *doctor)
{
    struct running up;
    const char *file = run_path(doctor->cli, "up");
    if (file == NULL)
        return -ENOMEM;
    if (access(file, F_OK) == 0 &&
        (running_read(doctor->cli->home, "up", &up) < 0 || !is_ours(up.pid)))
        doctor_warn(doctor, file, _("zhengban up --detach"),
                    _("the supervisor was killed; nobody starts again what dies"));
    return 0;
}

/* ---- ports ---- */

static bool shares_address(const struct doctor *doctor, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (doctor->daemons[k].address != NULL &&
            strcmp(doctor->daemons[k].address, doctor->daemons[i].address) == 0)
            return true;
    return false;
}

static void look_port(struct doctor *doctor, const struct doctor_daemon *daemon)
{
    struct arena *arena = doctor->cli->arena;
    struct place place;
    if (!place_parse(daemon->address, "", &place)) {
        doctor_broken(doctor, daemon->instance->name, _("write tcp://HOST:PORT"),
                      _("'%s' is no address"), daemon->address);
        return;
    }
    char port[PORT_BYTES];
    (void)snprintf(port, sizeof(port), "%u", daemon->running.port % 100000U); /* fits */
    int r = daemon->alive || strcmp(place.port, "0") == 0 ? 0 : bind_try(place.host, place.port);
    if (daemon->alive && daemon->running.port != 0 && strcmp(place.port, "0") != 0 &&
        strcmp(place.port, port) != 0)
        doctor_warn(doctor, daemon->instance->name, _("zhengban down; zhengban up --detach"),
                    _("it listens on port %s, config.yaml says %s since"), port, place.port);
    else if (r == -EADDRINUSE)
        doctor_broken(doctor, daemon->address,
                      arena_printf(arena,
                                   _("'ss -ltnp sport = :%s' names it; end it, or take another "
                                     "port in config.yaml"),
                                   place.port),
                      _("another program holds the port of %s"), daemon->instance->name);
    else if (r == -EACCES)
        doctor_broken(doctor, daemon->address, _("take a port from 1024 on in config.yaml"),
                      _("this user may not listen there"));
}

static int look_ports(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->daemon_count; i++) {
        const struct doctor_daemon *daemon = &doctor->daemons[i];
        if (daemon->address == NULL || !daemon->here)
            continue;
        if (shares_address(doctor, i))
            doctor_broken(doctor, daemon->address, _("give each its own port in config.yaml"),
                          _("two daemons are to listen on the same address"));
        else
            look_port(doctor, daemon);
    }
    return 0;
}

/* ---- limits ---- */

/* `maps_store`: who opens the ledger's store needs room for all of it. */
static void look_limit_of(struct doctor *doctor, pid_t pid, const char *where, bool maps_store)
{
    rlim_t store = (rlim_t)config_int(doctor->cli->config, "notifier.store_max_bytes");
    const char *remedy =
        _("raise it for the user or the service of the daemons, then restart them");
    struct rlimit limit;
    if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0)
        return; /* another user's process: not ours to look at */
    if (limit.rlim_cur < FILES_FEWEST)
        doctor_warn(doctor, where, remedy, _("only %llu open files are allowed (ulimit -n)"),
                    (unsigned long long)limit.rlim_cur);
    if (maps_store && prlimit(pid, RLIMIT_AS, NULL, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < store)
        doctor_broken(doctor, where, remedy,
                      _("the address space (ulimit -v) is smaller than notifier.store_max_bytes"));
    if (maps_store && prlimit(pid, RLIMIT_FSIZE, NULL, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < store)
        doctor_warn(doctor, where, remedy,
                    _("files may not grow (ulimit -f) to notifier.store_max_bytes"));
    if (pid != 0 && prlimit(pid, RLIMIT_CORE, NULL, &limit) == 0 && limit.rlim_cur != 0)
        doctor_warn(doctor, where, _("restart it: it forbids that at its start"),
                    _("a crash may leave a core file, with secret keys in it"));
}

/* Those of the daemons; where none runs, what they would get from here. */
static int look_limits(struct doctor *doctor)
{
    bool any = false;
    for (size_t i = 0; i < doctor->daemon_count; i++) {
        const struct doctor_daemon *daemon = &doctor->daemons[i];
        if (daemon->alive)
            look_limit_of(doctor, daemon->running.pid, daemon->instance->name,
                          daemon->instance->stage == 0);
        any = any || daemon->alive;
    }
    if (!any)
        look_limit_of(doctor, 0, "ulimit", true);
    return 0;
}

/* ---- mail ---- */

/* Whether somebody answers: a connection that is closed at once. 0 or a negative errno. */
static int connect_try(const struct place *place)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    if (getaddrinfo(place->host, place->port, &hints, &found) != 0)
        return -EHOSTUNREACH;
    struct pollfd wait = { .events = POLLOUT };
    wait.fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = wait.fd < 0 ? -errno : 0;
    if (r == 0 && connect(wait.fd, found->ai_addr, found->ai_addrlen) < 0 && errno != EINPROGRESS)
        r = -errno;
    freeaddrinfo(found);
    int fault = 0;
    socklen_t size = sizeof(fault);
    if (r == 0 && poll(&wait, 1, CONNECT_MS) <= 0)
        r = -ETIMEDOUT;
    else if (r == 0 && getsockopt(wait.fd, SOL_SOCKET, SO_ERROR, &fault, &size) == 0)
        r = -fault;
    if (wait.fd >= 0)
        (void)close(wait.fd); /* nothing was said */
    return r;
}

static void look_password(struct doctor *doctor)
{
    enum { PASSWORD_BYTES = 1024 };
    const struct config *config = doctor->cli->config;
    const char *name = config_text(config, "mail.password_file");
    const char *path = cli_path(doctor->cli, name);
    uint8_t password[PASSWORD_BYTES];
    size_t size;
    struct complaint why = { 0 };
    if (name[0] == '\0' || path == NULL) {
        if (config_text(config, "mail.user")[0] != '\0')
            doctor_warn(doctor, "mail.user", _("set mail.password_file"),
                        _("a user is set and no password"));
        return;
    }
    int r = file_read_secret(path, password, sizeof(password), &size, &why);
    seal_wipe(password, sizeof(password));
    if (r < 0)
        doctor_complain(doctor, DOCTOR_BROKEN, path, r, &why);
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

static int look_mail(struct doctor *doctor)
{
    const char *url = config_text(doctor->cli->config, "mail.url");
    struct place place;
    if (url[0] == '\0' || !doctor_is_here(config_text(doctor->cli->config, "ledger.address")))
        return 0;
    look_password(doctor);
    bool tls = strncmp(url, "smtps://", strlen("smtps://")) == 0;
    if ((!tls && strncmp(url, "smtp://", strlen("smtp://")) != 0) ||
        !place_parse(url, tls ? "465" : "25", &place)) {
        doctor_broken(doctor, "mail.url", _("write it as smtp://mail.example.cn:587"),
                      _("this is no mail server's address"));
        return 0;
    }
    if (doctor->has_ledger && doctor->genesis->simulated && !is_loopback(place.host)) {
        doctor_broken(doctor, "mail.url", _("use a server on 127.0.0.1"),
                      _("a simulated ledger sends to servers on this host only"));
        return 0;
    }
    int r = connect_try(&place);
    if (r < 0)
        doctor_broken(doctor, url,
                      _("see whether the server runs and a firewall stands between; until then "
                        "notices wait"),
                      _("the mail server cannot be reached: %s"), strerror(-r));
    return 0;
}

static const struct doctor_check checks[] = {
    { "daemons", NEEDS_CONFIG, look_daemons }, { "supervisor", NEEDS_CONFIG, look_supervisor },
    { "ports", NEEDS_CONFIG, look_ports },     { "limits", NEEDS_CONFIG, look_limits },
    { "mail", NEEDS_CONFIG, look_mail },
};

const struct doctor_table doctor_runs = { checks, ARRAY_LEN(checks) };
