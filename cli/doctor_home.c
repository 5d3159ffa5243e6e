/* doctor_home.c - folders, modes, and what lies around. */
#include "cli/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/places.h"

enum { LEFT_OVER_MS = 3600 * 1000, MS_PER_S = 1000 };

/* Calls `one` for every entry of a folder whose name fits the pattern; none where there is none. */
static int each_file(struct doctor *doctor, const char *folder, const char *pattern,
                     void (*one)(struct doctor *doctor, const char *path, const struct stat *info))
{
    const char *path = cli_path(doctor->cli, folder);
    DIR *dir = path == NULL ? NULL : opendir(path);
    if (dir == NULL)
        return path == NULL ? -ENOMEM : errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        struct stat info;
        const char *file = arena_printf(doctor->cli->arena, "%s/%s", path, entry->d_name);
        if (file != NULL && fnmatch(pattern, entry->d_name, FNM_PERIOD) == 0 &&
            lstat(file, &info) == 0)
            one(doctor, file, &info);
    }
    (void)closedir(dir); /* only read */
    return 0;
}

/* ---- modes ---- */

static void look_mode(struct doctor *doctor, const char *path, mode_t others, mode_t want)
{
    struct stat info;
    if (path == NULL || stat(path, &info) < 0)
        return; /* what must be there is another check's */
    if ((info.st_mode & others) != 0)
        doctor_broken(doctor, path, arena_printf(doctor->cli->arena, "chmod %o %s", want, path),
                      (others & (S_IRGRP | S_IROTH)) != 0
                          ? _("a secret that others than its owner may read (mode %03o)")
                          : _("others than its owner may change it (mode %03o)"),
                      info.st_mode & 0777U);
}

static void look_secret(struct doctor *doctor, const char *path, const struct stat *info)
{
    struct stat home;
    look_mode(doctor, path, S_IRWXG | S_IRWXO, 0600);
    if (stat(doctor->cli->home, &home) == 0 && home.st_uid != info->st_uid)
        doctor_warn(doctor, path,
                    arena_printf(doctor->cli->arena, "chown %u %s", home.st_uid, path),
                    _("it belongs to another user than the home, whose daemons cannot read it"));
}

static int look_modes(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    look_mode(doctor, cli->home, S_IWOTH, 0750);
    look_mode(doctor, cli_path(cli, "keys"), S_IWGRP | S_IWOTH, 0700);
    look_mode(doctor, cli_path(cli, "config.yaml"), S_IWOTH, 0640);
    return each_file(doctor, "keys", "*.key", look_secret);
}

/* ---- folders ---- */

static void look_folder(struct doctor *doctor, const char *name, bool needed, int access_mode)
{
    struct stat info;
    const char *path = cli_path(doctor->cli, name);
    if (path == NULL)
        return;
    if (stat(path, &info) < 0) {
        if (needed || errno != ENOENT)
            doctor_broken(doctor, path, _("restore it from a backup of this home"), "%s",
                          strerror(errno));
    } else if (!S_ISDIR(info.st_mode)) {
        doctor_broken(doctor, path, _("move it away"), _("this is no folder"));
    } else if (access(path, access_mode) < 0) {
        doctor_broken(doctor, path, _("give it to the user of this home"), "%s", strerror(errno));
    }
}

static int look_folders(struct doctor *doctor)
{
    const struct config *config = doctor->cli->config;
    bool ledger_here = doctor_is_here(config_text(config, "ledger.address"));
    look_folder(doctor, "keys", true, R_OK | X_OK);
    look_folder(doctor, "run", false, W_OK | X_OK); /* those that daemons make when missing */
    look_folder(doctor, "log", false, W_OK | X_OK);
    look_folder(doctor, "spool", false, W_OK | X_OK);
    if (!ledger_here)
        return 0;
    look_folder(doctor, config_text(config, "notices.templates"), true, R_OK | X_OK);
    look_folder(doctor, config_text(config, "notices.drop"), false, W_OK | X_OK);
    return 0;
}

/* ---- left over ---- */

static void look_left_over(struct doctor *doctor, const char *path, const struct stat *info)
{
    CLEANUP(clock_freep) struct clock *clock = clock_new_real();
    /* A younger one may be the work of an audit that runs. */
    if (clock == NULL || !S_ISDIR(info->st_mode) ||
        clock_now_ms(clock) - (int64_t)info->st_mtim.tv_sec * MS_PER_S < LEFT_OVER_MS)
        return;
    doctor_warn(doctor, path, arena_printf(doctor->cli->arena, "rm -r %s", path),
                _("left over from a command that was killed; it takes room"));
}

static int look_left_overs(struct doctor *doctor)
{
    int r = each_file(doctor, "run", "copy-*", look_left_over);
    if (r == 0)
        r = each_file(doctor, "run", "zhengban-*", look_left_over);
    return r < 0 ? r
                 : each_file(doctor, config_text(doctor->cli->config, "catalogue.compiled"),
                             "making", look_left_over);
}

/* ---- what the program brings along ---- */

static int look_installed(struct doctor *doctor)
{
    const char *locale = bindtextdomain("zhengban", NULL); /* where i18n_start looks */
    const char *messages =
        arena_printf(doctor->cli->arena, "%s/zh_CN/LC_MESSAGES/zhengban.mo", locale);
    const char *data = place_data(doctor->cli, "catalogue");
    if (messages == NULL || data == NULL)
        return -ENOMEM;
    if (access(messages, R_OK) < 0)
        doctor_warn(doctor, messages, _("install the program again, with its share/locale"),
                    _("the translations are not there: messages are English"));
    if (access(data, R_OK) < 0)
        doctor_warn(doctor, data, _("install the program again, with its share/zhengban"),
                    _("the data that come with the program are not there"));
    return 0;
}

static const struct doctor_check checks[] = {
    { "modes", NEEDS_HOME, look_modes },
    { "folders", NEEDS_CONFIG, look_folders },
    { "left_over", NEEDS_CONFIG, look_left_overs },
    { "installed", NEEDS_HOME, look_installed },
};

const struct doctor_table doctor_home = { checks, ARRAY_LEN(checks) };
