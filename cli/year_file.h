/* year_file.h - a year's holidays and make-up working days as published in the holiday-cn form:
 *     { "year": 2026, "days": [ { "name": "元旦", "date": "2026-01-01", "isOffDay": true }, ... ] } */
#ifndef CLI_YEAR_FILE_H
#define CLI_YEAR_FILE_H

#include "base/arena.h"
#include "base/text.h"
#include "proto/names.h"

enum { YEAR_FILE_BYTES = 64 * 1024, YEAR_FILE_DAYS = 400 };

/* year_parse - the working days that differ from Monday to Friday; days that do not differ are left
 * out. `file` is what complaints and the record's `source` call it.
 * Errors: -EBADMSG with place, fault and remedy; -ENOMEM. Owns: the arena. */
int year_parse(struct bytes text, const char *file, struct arena *arena,
               Zb__CalendarRecord **ret_record, struct complaint *why);

#endif
