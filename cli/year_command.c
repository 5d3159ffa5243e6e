/* year_command.c - reads a year's file and writes calendar.load. */
#include "cli/year_command.h"

#include <errno.h>
#include <string.h>

#include "base/civil.h"
#include "cli/year_file.h"

enum { DAYS_BYTES = (YEAR_FILE_DAYS + 1) * CIVIL_DATE_SIZE };

/* "2026-01-01,2026-01-02"; NULL when memory is out. */
static const char *days_text(struct cli *cli, const int32_t *days, size_t count)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(DAYS_BYTES);
    char date[CIVIL_DATE_SIZE];
    for (size_t i = 0; i < count; i++) {
        buf_put_str(&text, i == 0 ? "" : ",");
        buf_put_str(&text, civil_format_date(days[i], date));
    }
    return arena_strdup(cli->arena, buf_bytes(&text));
}

int year_command(struct cli *cli, const char *path, struct remote_command **ret_command,
                 struct complaint *why)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash == NULL ? path : slash + 1;
    struct bytes text;
    Zb__CalendarRecord *year;
    int r = file_read(cli->arena, path, YEAR_FILE_BYTES, &text, why);
    if (r == 0)
        r = year_parse(text, file, cli->arena, &year, why);
    if (r != 0)
        return r;
    struct remote_command *command = remote_command(cli, "calendar.load");
    remote_argument(command, "year", arena_printf(cli->arena, "%u", year->year));
    remote_argument(command, "off", days_text(cli, year->off_days, year->n_off_days));
    remote_argument(command, "work", days_text(cli, year->work_days, year->n_work_days));
    remote_argument(command, "source", file);
    *ret_command = command;
    return command == NULL ? -ENOMEM : 0;
}
