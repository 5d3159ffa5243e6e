/* year_command.h - a year's file as the command that loads it. */
#ifndef CLI_YEAR_COMMAND_H
#define CLI_YEAR_COMMAND_H

#include "cli/cli.h"

/* year_command - Errors: as file_read and year_parse. The command is the arena's. */
int year_command(struct cli *cli, const char *path, struct remote_command **ret_command,
                 struct complaint *why);

#endif
