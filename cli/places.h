/* places.h - where our data and programs lie, and folders for a moment. */
#ifndef CLI_PLACES_H
#define CLI_PLACES_H

#include "cli/cli.h"

/* place_data - a path below the data folder: that of the source tree where there is one, else the
 * installed one. From the arena; NULL when memory is out. */
const char *place_data(struct cli *cli, const char *relative);

/* place_scratch - a new empty folder below `parent` (NULL: TMPDIR, else the system's), its path in
 * out[FILE_PATH_SIZE]; a complaint was printed when negative. place_remove - with everything in it. */
int place_scratch(struct cli *cli, const char *parent, char *out);
void place_remove(const char *dir);

/* place_copy - copies the regular files below a folder, whole or with an error and `why`. */
int place_copy(struct cli *cli, const char *from, const char *to, struct complaint *why);

#endif
