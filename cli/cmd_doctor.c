/* cmd_doctor.c - `zhengban doctor`: runs the checks and prints what they find. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "cli/read.h"

enum { SHOWN_PER_CHECK = 20 }; /* to people; programs get all */

static const char *severity_name(enum doctor_severity severity)
{
    return severity == DOCTOR_BROKEN ? N_("broken") : N_("warning");
}

static void put_json(struct doctor *doctor, enum doctor_severity severity,
                     const struct complaint *why)
{
    struct json json = json_on(&doctor->cli->out);
    json_begin_object(&json, NULL);
    json_put_str(&json, "severity", severity_name(severity));
    json_put_str(&json, "check", doctor->check);
    json_put_str(&json, "where", why->place);
    json_put_str(&json, "what", why->what);
    json_put_str(&json, "remedy", why->remedy);
    json_end(&json);
    json_end_line(&json);
    cli_flush(doctor->cli);
}

static void tell(struct doctor *doctor, enum doctor_severity severity, const struct complaint *why)
{
    if (severity > doctor->worst)
        doctor->worst = severity;
    doctor->total++;
    doctor->told++;
    if (doctor->cli->json)
        put_json(doctor, severity, why);
    else if (doctor->told <= SHOWN_PER_CHECK)
        cli_say(doctor->cli, "%s: %s: %s%s%s", _(severity_name(severity)), why->place, why->what,
                why->remedy[0] == '\0' ? "" : "; ", why->remedy);
}

/* Format and arguments as one line that cannot steer a terminal. */
static void tell_args(struct doctor *doctor, enum doctor_severity severity, const char *where,
                      const char *remedy, const char *format, va_list args)
{
    char text[sizeof(((struct complaint *)0)->what)];
    struct complaint why = { 0 };
    (void)vsnprintf(text, sizeof(text), format, args); /* cut is fine */
    complaint_at(&why, "%s", where == NULL ? doctor->cli->home : where);
    (void)complain(&why, 0, remedy == NULL ? "" : remedy, "%s", text);
    tell(doctor, severity, &why);
}

void doctor_warn(struct doctor *doctor, const char *where, const char *remedy, const char *format,
                 ...)
{
    va_list args;
    va_start(args, format);
    tell_args(doctor, DOCTOR_WARNING, where, remedy, format, args);
    va_end(args);
}

void doctor_broken(struct doctor *doctor, const char *where, const char *remedy, const char *format,
                   ...)
{
    va_list args;
    va_start(args, format);
    tell_args(doctor, DOCTOR_BROKEN, where, remedy, format, args);
    va_end(args);
}

void doctor_complain(struct doctor *doctor, enum doctor_severity severity, const char *where, int r,
                     const struct complaint *why)
{
    struct complaint told = *why;
    if (told.what[0] == '\0')
        (void)complain(&told, r, "", "%s", strerror(-r));
    if (told.place[0] == '\0')
        complaint_at(&told, "%s", where == NULL ? doctor->cli->home : where);
    tell(doctor, severity, &told);
}

/* ---- what the checks stand on ---- */

static int look_home(struct doctor *doctor)
{
    const char *home = doctor->cli->home;
    struct stat info;
    if (stat(home, &info) < 0)
        doctor_broken(doctor, home, _("run 'zhengban init' first, or name the home with --home"),
                      "%s", strerror(errno));
    else if (!S_ISDIR(info.st_mode))
        doctor_broken(doctor, home, _("name a folder"), _("this is no folder"));
    return 0;
}

static int look_config(struct doctor *doctor)
{
    struct complaint why = { 0 };
    int r = cli_config_load(doctor->cli, &why);
    if (r < 0) {
        doctor_complain(doctor, DOCTOR_BROKEN, "config.yaml", r, &why);
        return 0;
    }
    r = doctor_gather(doctor);
    doctor->has_config = r == 0;
    return r;
}

/* Opening checks the last entry: number, chain, form. */
static int look_ledger(struct doctor *doctor)
{
    static const uint8_t zero[] = { 0 };
    struct cli *cli = doctor->cli;
    struct complaint why = { 0 };
    Zb__GenesisRecord *genesis;
    if (!doctor_is_here(config_text(cli->config, "ledger.address")))
        return 0; /* a host of matchers or collectors alone */
    int r = cli_book_load(cli, &why);
    if (r == 0)
        r = ledger_clock_read(cli->home, &doctor->clock, &why);
    if (r < 0) {
        doctor_complain(doctor, DOCTOR_BROKEN, config_text(cli->config, "notifier.store"), r, &why);
        return 0;
    }
    r = READ_GET(cli, TABLE_GENESIS, key_id(bytes_of(zero, sizeof(zero))), &genesis);
    if (r < 0) {
        doctor_broken(doctor, config_text(cli->config, "notifier.store"),
                      _("run 'zhengban audit verify'"),
                      _("the ledger's first entry cannot be read"));
        return 0;
    }
    doctor->genesis = genesis;
    doctor->has_ledger = true;
    return 0;
}

static const struct doctor_check first_checks[] = {
    { "home", NEEDS_HOME, look_home },
    { "config", NEEDS_HOME, look_config },
    { "ledger", NEEDS_CONFIG, look_ledger },
};

/* ---- running them ---- */

static bool makes_sense(const struct doctor *doctor, enum doctor_needs needs)
{
    return needs == NEEDS_LEDGER   ? doctor->has_ledger
           : needs == NEEDS_CONFIG ? doctor->has_config
                                   : true;
}

static void check_run(struct doctor *doctor, const struct doctor_check *check)
{
    if (!makes_sense(doctor, check->needs))
        return;
    doctor->check = check->name;
    doctor->told = 0;
    doctor->checks++;
    int r = check->look(doctor);
    if (r < 0)
        doctor_broken(doctor, doctor->cli->home, _("run it as the user of this home"),
                      _("'%s' could not be looked at: %s"), check->name, strerror(-r));
    if (!doctor->cli->json && doctor->told > SHOWN_PER_CHECK)
        cli_say(doctor->cli, _("... and %zu more like these; --json lists all"),
                doctor->told - SHOWN_PER_CHECK);
}

static int doctor_run(struct cli *cli)
{
    static const struct doctor_table first = { first_checks, ARRAY_LEN(first_checks) };
    static const struct doctor_table *const tables[] = { &first,         &doctor_home,
                                                         &doctor_keys,   &doctor_runs,
                                                         &doctor_stores, &doctor_ledger };
    struct doctor doctor = { .cli = cli };
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (size_t i = 0; i < tables[t]->count; i++) {
            check_run(&doctor, &tables[t]->checks[i]);
            if (doctor.checks == 1 && doctor.worst == DOCTOR_BROKEN)
                return CLI_INVALID; /* no home: nothing else can be said */
        }
    if (doctor.total == 0)
        cli_say(cli, _("nothing is wrong: %zu checks"), doctor.checks);
    return (int)doctor.worst;
}

static const struct cli_verb doctor_verbs[] = {
    { .arguments = "",
      .help = N_("Looks for what is wrong with this home; one finding per line, with its remedy."),
      .run = doctor_run },
};

const struct cli_command cmd_doctor = { "doctor", N_("what is wrong here, and what to do about it"),
                                        doctor_verbs, ARRAY_LEN(doctor_verbs) };
