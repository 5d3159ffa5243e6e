/* cmd_init.c - `zhengban init`: a home with its keys, its configuration and a ledger in it. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/clock.h"
#include "cli/founding.h"
#include "cli/keyring.h"
#include "cli/places.h"
#include "cli/read.h"
#include "cli/shelf.h"
#include "cli/year_command.h"

enum {
    MATCHERS_MAX = 64,
    COLLECTORS_MAX = 256,
    CONFIG_BYTES = 256 * 1024,
    CLOCK_BYTES = 256,
    YEARS_MAX = 16,
    BUILTIN_YEAR_FIRST = 2026,
};

struct init_collector {
    const char *name;
    const char *unit;
    bool host;
};

/* What is being founded. */
struct init {
    struct cli *cli;
    struct founding_options founding;
    const char *unit;      /* id of the root */
    const char *unit_name; /* as printed */
    size_t matcher_count;
    struct init_collector *collectors;
    size_t collector_count;
    uint16_t ports[1 + MATCHERS_MAX]; /* the notifier's, then the matchers' */
    bool made_home;
};

/* ---- arguments ---- */

/* "NAME:UNIT" or "NAME:UNIT:host". */
static int collector_parse(struct init *init, const char *text, struct init_collector *ret)
{
    struct cli *cli = init->cli;
    const char *colon = strchr(text, ':');
    const char *second = colon == NULL ? NULL : strchr(colon + 1, ':');
    if (colon == NULL || colon == text || colon[1] == '\0' || colon[1] == ':' ||
        (second != NULL && strcmp(second, ":host") != 0))
        return cli_fault(cli, -EINVAL,
                         _("write NAME:UNIT, or NAME:UNIT:host to scan this computer"),
                         _("'%s' is no collector"), text);
    size_t unit_size = second == NULL ? strlen(colon + 1) : (size_t)(second - colon - 1);
    ret->name = arena_strdup(cli->arena, bytes_of(text, (size_t)(colon - text)));
    ret->unit = arena_strdup(cli->arena, bytes_of(colon + 1, unit_size));
    ret->host = second != NULL;
    return ret->name == NULL || ret->unit == NULL ? CLI_FAILED : CLI_DONE;
}

static int collectors_parse(struct init *init)
{
    struct cli *cli = init->cli;
    const char *text;
    init->collectors = arena_calloc(cli->arena, COLLECTORS_MAX, sizeof(*init->collectors));
    if (init->collectors == NULL)
        return CLI_FAILED;
    for (size_t i = 0; (text = cli_option_nth(cli, "--collector", i)) != NULL; i++) {
        if (i == COLLECTORS_MAX)
            return cli_fault(cli, -ERANGE, _("add the others to config.yaml later"),
                             _("more than %d collectors"), COLLECTORS_MAX);
        int status = collector_parse(init, text, &init->collectors[i]);
        if (status != CLI_DONE)
            return status;
        for (size_t k = 0; k < i; k++)
            if (strcmp(init->collectors[k].name, init->collectors[i].name) == 0)
                return cli_fault(cli, -EINVAL, _("give each collector a name of its own"),
                                 _("two collectors are called '%s'"), init->collectors[i].name);
        init->collector_count = i + 1;
    }
    if (init->collector_count == 0)
        init->collectors[init->collector_count++] =
            (struct init_collector){ .name = "collector", .unit = init->unit };
    return CLI_DONE;
}

static int clock_parse(struct init *init)
{
    struct cli *cli = init->cli;
    const char *start = cli_option(cli, "--start");
    init->founding.simulated = cli_option(cli, "--simulated") != NULL;
    if (!init->founding.simulated) {
        CLEANUP(clock_freep) struct clock *clock = clock_new_real();
        if (clock == NULL)
            return CLI_FAILED;
        init->founding.start_ms = clock_now_ms(clock);
        return start == NULL ? CLI_DONE
                             : cli_fault(cli, -EINVAL, _("add --simulated"),
                                         _("only a simulated clock has a start"));
    }
    if (start == NULL)
        start = "2026-09-07 09:00";
    int r = civil_parse_instant(bytes_str(start), &init->founding.start_ms);
    return r < 0 ? cli_fault(cli, r, _("give an instant as \"2026-09-07 09:00\", at UTC+8"),
                             _("'%s' is no instant"), start)
                 : CLI_DONE;
}

static int options_parse(struct init *init)
{
    struct cli *cli = init->cli;
    const char *name = cli_option(cli, "--name"), *language = cli_option(cli, "--language");
    const char *unit = cli_option(cli, "--unit"), *unit_name = cli_option(cli, "--unit-name");
    const char *matchers = cli_option(cli, "--matchers");
    uint64_t count = 1;
    init->founding.language = language == NULL ? "zh_CN" : language;
    init->unit = unit == NULL ? "root" : unit;
    init->founding.name = name != NULL ? name : unit_name != NULL ? unit_name : init->unit;
    init->unit_name = unit_name != NULL ? unit_name : init->founding.name;
    if (strcmp(init->founding.language, "zh_CN") != 0 && strcmp(init->founding.language, "en") != 0)
        return cli_fault(cli, -EINVAL, _("give zh_CN or en"), _("'%s' is no language of notices"),
                         language);
    if (matchers != NULL && read_number(cli, "--matchers", matchers, &count) < 0)
        return CLI_INVALID;
    if (count > MATCHERS_MAX)
        return cli_fault(cli, -ERANGE, _("give 1 to 64"), _("%s matchers are too many"), matchers);
    init->matcher_count = (size_t)count;
    int status = clock_parse(init);
    return status == CLI_DONE ? collectors_parse(init) : status;
}

/* ---- the folder ---- */

/* A home is made in an empty folder, or in one that is not there yet. */
static int home_make(struct init *init)
{
    struct cli *cli = init->cli;
    DIR *dir = opendir(cli->home);
    if (dir == NULL && errno == ENOENT)
        init->made_home = true;
    else if (dir == NULL)
        return cli_fault(cli, -EINVAL, _("name a folder"), "%s: %s", cli->home, strerror(errno));
    const struct dirent *entry;
    bool empty = true;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        empty = empty && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
    if (dir != NULL)
        (void)closedir(dir); /* only read */
    if (!empty)
        return cli_fault(cli, -EEXIST, _("name an empty folder, or one that does not exist yet"),
                         _("%s is not empty"), cli->home);
    static const char *const folders[] = { "keys", "ledger", "catalogue", "spool",
                                           "run",  "log",    "outbox",    "drop" };
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(folders); i++) {
        const char *path = cli_path(cli, folders[i]);
        r = path == NULL ? -ENOMEM : file_make_dirs(path, 0700);
    }
    return r < 0 ? cli_fault(cli, r, _("name a folder that this user may write"), "%s: %s",
                             cli->home, strerror(-r))
                 : CLI_DONE;
}

/* Takes back everything: the folder was empty, or not there. */
static void home_undo(const struct init *init)
{
    static const char *const names[] = {
        "keys", "ledger", "catalogue", "spool",     "run",
        "log",  "outbox", "drop",      "templates", "config.yaml"
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *path = cli_path(init->cli, names[i]);
        if (path != NULL)
            place_remove(path);
    }
    if (init->made_home)
        (void)rmdir(init->cli->home); /* parents that were made too stay: they are empty */
}

/* ---- configuration ---- */

/* Free ports of the loopback, all held until all are known, so that none is given twice. */
static int ports_pick(struct init *init)
{
    int fds[1 + MATCHERS_MAX], r = 0;
    size_t count = 1 + init->matcher_count, opened = 0;
    for (; r == 0 && opened < count; opened++) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
        socklen_t size = sizeof(at);
        fds[opened] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fds[opened] < 0 || bind(fds[opened], (struct sockaddr *)&at, size) < 0 ||
            getsockname(fds[opened], (struct sockaddr *)&at, &size) < 0)
            r = -errno;
        init->ports[opened] = ntohs(at.sin_port);
    }
    for (size_t i = 0; i < opened; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]); /* never listened */
    return r;
}

static const char *matcher_name(const struct init *init, size_t i)
{
    return arena_printf(init->cli->arena, "matcher-%zu", i + 1);
}

static void config_write(const struct init *init, struct buf *out)
{
    buf_printf(
        out,
        "# Configuration of this home. 'zhengban config reference' lists every key,\n"
        "# 'zhengban config show' the values in force, 'zhengban config check' what is wrong.\n"
        "# After a change: zhengban down; zhengban up --detach\n\n"
        "ledger:\n"
        "  # where the notifier listens for matchers and for signed commands\n"
        "  address: tcp://127.0.0.1:%u\n"
        "  # public half of its key, pinned by everybody\n"
        "  slip: keys/ledger.slip\n\n"
        "# Matchers recognise software and forward reports. More of them, on this or other\n"
        "# hosts, make it faster; each needs a key that is enrolled.\n"
        "matchers:\n",
        init->ports[0]);
    for (size_t i = 0; i < init->matcher_count; i++)
        buf_printf(out, "  - name: %s\n    address: tcp://127.0.0.1:%u\n", matcher_name(init, i),
                   init->ports[1 + i]);
    buf_put_str(out, "\n# Collectors take in inventories and keep them until the ledger has them.\n"
                     "collectors:\n");
    for (size_t i = 0; i < init->collector_count; i++) {
        const struct init_collector *collector = &init->collectors[i];
        buf_printf(out,
                   "  - name: %s\n"
                   "    # unit of the computers that a file does not place itself\n"
                   "    unit: %s\n"
                   "    # files put here are imported as they come\n"
                   "    drop: drop/%s\n"
                   "    # whether to report this computer, once a day\n"
                   "    scan_host: %s\n",
                   collector->name, collector->unit, collector->name,
                   collector->host ? "yes" : "no");
    }
    buf_put_str(
        out, "\nnotices:\n"
             "  # one folder per language; change the texts here\n"
             "  templates: templates\n"
             "  # the file channel: one .eml per notice\n"
             "  drop: outbox\n\n"
             "# Mail goes out once a server is named. With a user, give a password file of mode\n"
             "# 0600. A simulated ledger sends only to servers on this host and to addresses in\n"
             "# .test, .example and .invalid.\n"
             "#mail:\n"
             "#  url: smtp://mail.example.cn:587\n"
             "#  from: zhengban@example.cn\n"
             "#  user: zhengban\n"
             "#  password_file: keys/mail.password\n"
             "#  require_tls: yes\n\n"
             "#log:\n"
             "#  level: info\n");
}

static int config_make(struct init *init, struct complaint *why)
{
    struct cli *cli = init->cli;
    int r = ports_pick(init);
    if (r < 0)
        return complain(why, r, _("allow this user to listen on 127.0.0.1"),
                        _("no free port was found"));
    CLEANUP(buf_done) struct buf text = BUF_INIT(CONFIG_BYTES);
    config_write(init, &text);
    const char *path = cli_path(cli, "config.yaml");
    r = buf_error(&text);
    if (r == 0)
        r = path == NULL ? -ENOMEM : file_write_atomic(path, buf_bytes(&text), 0640);
    if (r < 0)
        return r;
    /* Reading it back is the check that a name or unit of the arguments fits. */
    return cli_config(cli) == NULL ? -EEXIST : 0;
}

/* ---- the ledger ---- */

/* One step of the founding: a command that must be taken. */
static int give(struct founding *founding, struct remote_command *command, const char *place,
                struct complaint *why)
{
    complaint_at(why, "%s", place);
    return founding_command(founding, command, why);
}

static int unit_give(struct init *init, struct founding *founding, const char *id,
                     const char *parent, const char *name, struct complaint *why)
{
    struct remote_command *command = remote_command(init->cli, "unit.add");
    remote_argument(command, "unit", id);
    remote_argument(command, "parent", parent);
    remote_argument(command, "name", name);
    return give(founding, command, id, why);
}

/* Units of collectors that are not the root stand directly below it; `unit set` names them. */
static int units_found(struct init *init, struct founding *founding, struct complaint *why)
{
    int r = unit_give(init, founding, init->unit, NULL, init->unit_name, why);
    for (size_t i = 0; r == 0 && i < init->collector_count; i++) {
        const char *unit = init->collectors[i].unit;
        bool known = strcmp(unit, init->unit) == 0;
        for (size_t k = 0; k < i; k++)
            known = known || strcmp(unit, init->collectors[k].unit) == 0;
        if (!known)
            r = unit_give(init, founding, unit, init->unit, unit, why);
    }
    return r;
}

/* A fresh key and its enrolment. */
static int key_found(struct init *init, struct founding *founding, const char *name, Zb__Role role,
                     const char *unit, struct complaint *why)
{
    struct identity identity;
    int r = keyring_new(init->cli, name, role, name, &identity, why);
    if (r < 0)
        return r;
    struct identity_public public = { .id = identity.id,
                                      .role = identity.role,
                                      .sign_public = identity.sign_public };
    memcpy(public.label, identity.label, sizeof(public.label));
    memcpy(public.link_public, identity.link_public, sizeof(public.link_public));
    identity_wipe(&identity);
    return give(founding, keyring_enrol(init->cli, &public, unit), name, why);
}

static int keys_found(struct init *init, struct founding *founding, struct complaint *why)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < init->matcher_count; i++)
        r = key_found(init, founding, matcher_name(init, i), ROLE_MATCHER, init->unit, why);
    for (size_t i = 0; r == 0 && i < init->collector_count; i++)
        r = key_found(init, founding, init->collectors[i].name, ROLE_COLLECTOR,
                      init->collectors[i].unit, why);
    return r;
}

/* Every year that comes with the program. */
static int calendar_found(struct init *init, struct founding *founding, struct complaint *why)
{
    struct cli *cli = init->cli;
    int r = 0;
    for (int year = BUILTIN_YEAR_FIRST; r == 0 && year < BUILTIN_YEAR_FIRST + YEARS_MAX; year++) {
        const char *path = place_data(cli, arena_printf(cli->arena, "calendar/%d.json", year));
        struct remote_command *command;
        if (path == NULL)
            return -ENOMEM;
        if (access(path, R_OK) < 0)
            continue;
        r = year_command(cli, path, &command, why);
        if (r == 0)
            r = give(founding, command, path, why);
    }
    return r;
}

static int catalogue_found(struct init *init, struct founding *founding,
                           const struct identity *administrator, struct complaint *why)
{
    struct cli *cli = init->cli;
    CLEANUP(buf_done) struct buf package = BUF_INIT(PACKAGE_BYTES);
    const char *dir = place_data(cli, "catalogue");
    struct remote_command *command;
    size_t products = 0;
    int r = dir == NULL ? -ENOMEM
                        : catalogue_build(dir, "zhengban " ZB_VERSION, &package, &products, why);
    if (r == 0)
        r = catalogue_sign(&package, &administrator->sign_public, &administrator->sign_secret);
    if (r == 0)
        r = shelf_activate(cli, buf_bytes(&package), products, &command, why);
    return r != 0 ? r : give(founding, command, "catalogue", why);
}

static int ledger_found(struct init *init, const struct identity *ledger,
                        const struct identity *administrator, struct complaint *why)
{
    struct cli *cli = init->cli;
    struct founding *founding = NULL;
    const char *path = cli_path(cli, config_text(cli->config, "notifier.store"));
    int r = path == NULL
                ? -ENOMEM
                : founding_open(cli, path, &init->founding, ledger, administrator, &founding, why);
    if (r == 0)
        r = units_found(init, founding, why);
    if (r == 0)
        r = keys_found(init, founding, why);
    if (r == 0)
        r = calendar_found(init, founding, why);
    if (r == 0)
        r = catalogue_found(init, founding, administrator, why);
    if (r == 0)
        r = founding_commit(founding);
    founding_close(founding);
    return r;
}

static int found(struct init *init, struct complaint *why)
{
    struct cli *cli = init->cli;
    struct identity ledger = { 0 }, administrator = { 0 };
    const char *templates = place_data(cli, "templates"), *own = cli_path(cli, "templates");
    int r = config_make(init, why);
    if (r == 0)
        r = templates == NULL || own == NULL ? -ENOMEM : place_copy(cli, templates, own, why);
    if (r == 0)
        r = keyring_new(cli, "ledger", ROLE_LEDGER, "ledger", &ledger, why);
    if (r == 0)
        r = keyring_new(cli, "administrator", ROLE_OFFICIAL, "administrator", &administrator, why);
    if (r == 0)
        r = ledger_found(init, &ledger, &administrator, why);
    identity_wipe(&ledger);
    identity_wipe(&administrator);
    return r;
}

/* Until a notifier runs, run/clock says where a simulated clock stands: an import before the first
 * `up` must not take real time. */
static int clock_found(const struct init *init)
{
    if (!init->founding.simulated)
        return 0;
    CLEANUP(buf_done) struct buf line = BUF_INIT(CLOCK_BYTES);
    struct json json = json_on(&line);
    json_begin_object(&json, NULL);
    json_put_bool(&json, "simulated", true);
    json_put_int(&json, "now_ms", init->founding.start_ms);
    json_end(&json);
    json_end_line(&json);
    const char *path = cli_path(init->cli, "run/clock");
    return path == NULL ? -ENOMEM : file_write_atomic(path, buf_bytes(&line), 0644);
}

/* ---- the command ---- */

static int told(const struct init *init)
{
    struct cli *cli = init->cli;
    if (!cli->json) {
        cli_say(cli, _("made %s: unit %s, %zu matchers, %zu collectors"), cli->home, init->unit,
                init->matcher_count, init->collector_count);
        cli_say(cli, _("next: zhengban --home %s up --detach"), cli->home);
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_str(&json, "home", cli->home);
    json_put_str(&json, "unit", init->unit);
    json_put_uint(&json, "matchers", init->matcher_count);
    json_put_uint(&json, "collectors", init->collector_count);
    json_put_bool(&json, "simulated", init->founding.simulated);
    json_put_str(&json, "start", read_instant(cli, init->founding.start_ms));
    json_put_uint(&json, "port", init->ports[0]);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static int init_run(struct cli *cli)
{
    struct init init = { .cli = cli };
    struct complaint why = { 0 };
    int status = options_parse(&init);
    if (status == CLI_DONE)
        status = home_make(&init);
    if (status != CLI_DONE)
        return status;
    int r = found(&init, &why);
    if (r == 0)
        r = clock_found(&init);
    if (r == 0)
        return told(&init);
    home_undo(&init);
    if (r == -EPERM)
        r = -EINVAL; /* what the ledger refuses came from the arguments */
    if (r == -EEXIST && why.what[0] == '\0')
        return CLI_INVALID; /* cli_config has said why */
    return cli_complain(cli, r, &why);
}

static const struct cli_option init_options[] = {
    { .name = "--name", .value = "NAME", .help = N_("what the ledger is called on notices") },
    { .name = "--language",
      .value = "LANGUAGE",
      .help = N_("of notices: zh_CN (when left out) or en") },
    { .name = "--unit", .value = "UNIT", .help = N_("id of the top unit; else root") },
    { .name = "--unit-name", .value = "NAME", .help = N_("its name; else that of the ledger") },
    { .name = "--matchers", .value = "N", .help = N_("how many matchers; else 1") },
    { .name = "--collector",
      .value = "NAME:UNIT[:host]",
      .help = N_("a collector for a unit, scanning this computer with :host; may be repeated") },
    { .name = "--simulated", .help = N_("a ledger whose clock moves by command, for trials") },
    { .name = "--start",
      .value = "T",
      .help = N_("where that clock begins; else 2026-09-07 09:00") },
};

static const struct cli_verb init_verbs[] = {
    { .arguments = "",
      .help = N_("Makes a home in an empty folder: keys, configuration, catalogue, ledger."),
      .options = init_options,
      .option_count = ARRAY_LEN(init_options),
      .run = init_run },
};

const struct cli_command cmd_init = { "init", N_("make a new home"), init_verbs,
                                      ARRAY_LEN(init_verbs) };
