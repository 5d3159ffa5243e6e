/* row_story.h - a row of the ledger for people: what was reported, what the matchers said of it. */
#ifndef CLI_ROW_STORY_H
#define CLI_ROW_STORY_H

#include "cli/read.h"
#include "proto/row.h"

/* A row as the ledger holds it. */
struct told_row {
    uint64_t number;
    struct bytes canonical;
    struct row row;
    const Zb__VerdictRecord *verdict; /* NULL: no verdict yet */
};

/* row_read - by number, from cli->arena. row_find - by its 128-bit id. Errors: -ENOENT; -EIO a
 * complaint was printed; -EBADMSG. */
int row_read(struct cli *cli, uint64_t number, struct told_row *ret_row);
int row_find(struct cli *cli, struct id128 id, struct told_row *ret_row);

/* row_line - "name, vendor, version" on one line; from the arena. */
const char *row_line(struct cli *cli, const struct row *row);

/* row_say_verdict - sentences about the verdict and whose opinions it rests on. row_json - the row
 * and its verdict as an object. */
void row_say_verdict(struct cli *cli, const struct told_row *row, const char *indent);
void row_json(struct cli *cli, struct json *json, const char *key, const struct told_row *row);

#endif
