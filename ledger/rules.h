/* rules.h - the decisions by subject, one file each; ledger_decide() calls them by input kind. */
#ifndef LEDGER_RULES_H
#define LEDGER_RULES_H

#include "ledger/emit.h"
#include "ledger/key.h"

/* What every rule is handed. */
struct ruling {
    const struct ledger_rules *rules;
    const struct ledger_view *view;
    int64_t now_ms;
    struct arena *arena;
    struct ledger_output *out;
};

/* genesis.c */
int rule_genesis(const struct ruling *at, const Zb__GenesisRecord *genesis);

/* batch.c: signature, key, subtree, floors; follows up one REPORT per event */
int rule_batch(const struct ruling *at, const struct ledger_batch *batch);
int rule_resume(const struct ruling *at, const Zb__Resume *resume);

/* report.c: one event into rows, sets, installs */
int rule_report(const struct ruling *at, const struct ledger_batch *batch, size_t event,
                struct digest digest);

/* verdict.c: opinions, agreement, todo; recount_row.c */
int rule_verdicts(const struct ruling *at, struct id128 matcher, Zb__Verdict *const *verdicts,
                  size_t count);
int rule_recount_row(const struct ruling *at, uint64_t row);

/* recount.c */
int rule_recount_unit(const struct ruling *at, const char *unit, uint64_t from_endpoint, bool only);

/* position.c */
int rule_position(const struct ruling *at, const char *product);

/* refusal.c */
int rule_refusals(const struct ruling *at, struct id128 matcher, const Zb__Refusals *refusals);

/* command.c: signature, repeat, rights of the actor; then the verb's function */
int rule_command(const struct ruling *at, const Zb__Command *command);

/* case.c; ladder.c: the clock; outbox.c: what became of a notice */
int rule_assess(const struct ruling *at, const char *unit, const char *product);
int rule_due(const struct ruling *at, int64_t fire_ms, uint8_t kind, uint64_t id, uint32_t a,
             uint32_t b);
int rule_notice(const struct ruling *at, uint64_t id, Zb__NoticeState state, const char *error,
                bool temporary);

#endif
