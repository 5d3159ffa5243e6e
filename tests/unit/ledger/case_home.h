/* case_home.h - a ledger in memory for tests of cases: tables, a clock that stands still until it
 * is told to go on, and a post office whose behaviour the test chooses.
 *
 * Everything asserts: a test that cannot get its fixture right fails at once. Instants are written
 * as text at UTC+8 ("2026-09-07 10:00"), days as "2026-09-07". */
#ifndef TESTS_UNIT_LEDGER_CASE_HOME_H
#define TESTS_UNIT_LEDGER_CASE_HOME_H

#include "ledger/case.h"
#include "ledger/command.h"
#include "ledger/run.h"
#include "tests/lib/memory_view.h"

enum post {
    POST_SENDS,   /* every notice arrives at once */
    POST_FAILS,   /* refused for now */
    POST_REFUSES, /* refused for good */
    POST_DOUBTS,  /* nobody knows */
    POST_RESTS,   /* the outbox is not looked at: notices stay planned */
};

/* One notice that arrived. */
struct sent {
    uint64_t notice, case_id;
    int64_t at_ms;
    int32_t due_day, rung;
    Zb__OfficialRole role;
    char unit[32], template[16];
};

enum { HOME_SENT_MAX = 4096 };

struct home {
    struct memory_view *memory;
    struct arena *arena;
    struct ledger_rules rules;
    struct ledger_head head;
    int64_t now_ms;
    enum post post;
    struct sent sent[HOME_SENT_MAX];
    size_t sent_count;
    size_t entries; /* journalled */
};

struct home *home_new(const char *now);
void home_free(struct home *home);
CLEANUP_DEFINE(struct home *, home_free);

int64_t at(const char *instant);
int32_t day(const char *date);
/* day_text - "2026-09-07" in one of a few static buffers. */
const char *day_text(int32_t day_number);

void home_put(struct home *home, enum ledger_table table, struct ledger_key key,
              const ProtobufCMessage *record);
void home_del(struct home *home, enum ledger_table table, struct ledger_key key);

void home_unit(struct home *home, const char *id, const char *parent, Zb__Phase phase);
void home_official(struct home *home, const char *unit, Zb__OfficialRole role);
/* A group "hq" with lead office, upper office and administrator, and "branch" below it with the
 * four roles of a unit, in that phase. */
void home_tree(struct home *home, Zb__Phase phase);
void home_year(struct home *home, uint32_t year);

void home_install(struct home *home, const char *unit, const char *product, Zb__LicenceClass class,
                  uint64_t endpoint, const char *since, uint8_t row);
void home_uninstall(struct home *home, const char *unit, const char *product, uint64_t endpoint);
/* The last report of an endpoint: result of `scan`, newest complete scan (NULL: none). */
void home_report(struct home *home, uint64_t endpoint, const char *scan, const char *complete);
void home_position(struct home *home, const char *product, Zb__LicenceClass class,
                   uint64_t installed, uint64_t short_of, uint64_t never, uint64_t ended);
/* A right of "branch" for the product; with proof or without. */
void home_right(struct home *home, uint64_t id, const char *product, uint64_t quantity, bool proof);

void home_input(struct home *home, const struct ledger_input *input);
void home_assess(struct home *home, const char *product);

/* Goes on to the instant, stopping at everything that is due and at every notice that is to leave.
 * home_sleep goes there without looking: the machine was off. */
void home_until(struct home *home, const char *instant);
void home_until_ms(struct home *home, int64_t ms);
void home_sleep(struct home *home, const char *instant);

/* A command's verb decided as if signed by `actor`; pairs of name and value end with NULL. */
Zb__RefusalReason home_command(struct home *home, const char *verb, ...) __attribute__((sentinel));

/* home_case - the record; NULL when there is none. home_cases - how many there are. */
Zb__CaseRecord *home_case(struct home *home, uint64_t id);
uint64_t home_cases(struct home *home);
Zb__LineRecord *home_line(struct home *home, uint64_t case_id, uint64_t line);
Zb__RungRecord *home_rung(struct home *home, uint64_t case_id, int32_t due_day, int32_t rung);
Zb__NoticeRecord *home_notice(struct home *home, uint64_t id);
bool home_rings(struct home *home, const char *kind, const char *subject);

/* home_roles_told - bit 1 << role of everybody whom that template and rung reached. */
unsigned home_roles_told(const struct home *home, uint64_t case_id, const char *template,
                         int32_t rung);
size_t home_sent_count(const struct home *home, uint64_t case_id, const char *template);

#endif
