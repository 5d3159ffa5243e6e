/* ledger_model.h - a ledger of nothing but settlement: the real ledger/once.c over tables in memory.
 *
 * What an applied report does is one thing here: its effect is counted under its scan time, which
 * is unique in a simulation. Rows, reports and floors are in the same tables, so that a crash, a
 * backup and a restore treat all of it alike. */
#ifndef TESTS_SIM_LEDGER_MODEL_H
#define TESTS_SIM_LEDGER_MODEL_H

#include "proto/frame.h"
#include "tests/lib/memory_view.h"
#include "tests/sim/sabotage.h"

#define UNIT_OWN   "county/office"
#define UNIT_OTHER "elsewhere" /* outside of every key's subtree: refused */

struct ledger_model;

struct ledger_model *ledger_model_new(uint64_t seed, enum sabotage sabotage);
void ledger_model_free(struct ledger_model *model);

struct seal_public ledger_model_key(const struct ledger_model *model);
struct id128 ledger_model_id(const struct ledger_model *model);

void ledger_model_enrol(struct ledger_model *model, const struct seal_public *key);

/* ledger_model_cloned - from now on two processes use the key: until they are found out, a report
 * that both had queued may take effect under two sequences. */
void ledger_model_cloned(struct ledger_model *model, struct id128 producer);

/* ledger_model_begin, _commit, _abort - one group commit. */
void ledger_model_begin(struct ledger_model *model);
void ledger_model_commit(struct ledger_model *model);
void ledger_model_abort(struct ledger_model *model);

/* ledger_model_take - one BATCH or RESUME as its packed message. The answer is the arena's; type 0:
 * none. Returns NULL, or what is wrong with the ledger itself. */
const char *ledger_model_take(struct ledger_model *model, enum frame_type type,
                              struct bytes payload, int64_t now_ms, struct arena *arena,
                              enum frame_type *ret_type, ProtobufCMessage **ret_answer);

/* ledger_model_backup, ledger_model_restore - the tables; the caller frees the backup. */
struct memory_view *ledger_model_backup(const struct ledger_model *model);
void ledger_model_restore(struct ledger_model *model, const struct memory_view *backup);

/* ledger_model_settled - whether any commit ever settled that, restored away or not. */
bool ledger_model_settled(const struct ledger_model *model, struct id128 producer, uint64_t epoch,
                          const struct settled_outcome *outcome);

/* ledger_model_effect - how often the report of that scan took effect. ledger_model_passed_over -
 * whether it was taken when a later report of the same computer had been. */
uint64_t ledger_model_effect(struct ledger_model *model, int64_t scan_ms);
bool ledger_model_passed_over(struct ledger_model *model, int64_t scan_ms);
bool ledger_model_quarantined(struct ledger_model *model, struct id128 producer);

/* ledger_model_highest - highest sequence known of the epoch; 0 if another is in use. */
uint64_t ledger_model_highest(struct ledger_model *model, struct id128 producer, uint64_t epoch);

/* ledger_model_shows - whether the last applied report of the endpoint is that scan and result. */
bool ledger_model_shows(struct ledger_model *model, struct id128 producer, struct id128 endpoint,
                        int64_t scan_ms, struct digest result);

#endif
