/* story.h - why a case is what it is: lines, evidence, verdicts, opinions, deadlines and where they
 * come from, notices, and the journal's entries about it. */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include "cli/read.h"

/* story_of_case - prints it; with --json as one object. Returns enum cli_exit. */
int story_of_case(struct cli *cli, uint64_t id);

#endif
