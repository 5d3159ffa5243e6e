/* decide.c - which rule an input is for, and the defaults of what rules need to know. */
#include "ledger/rules.h"

#include <errno.h>

struct ledger_rules ledger_rules_default(void)
{
    return (struct ledger_rules){
        .stale_days = 30,
        .lookahead_days = 30,
        .enforce_percent = 90,
        .enforce_days = 30,
        .verify_days = 3,
        .class_days = {
            [CASE_A] = 1, [CASE_B] = 5, [CASE_C] = 10, [CASE_D] = 15,
            [CASE_E] = 30, [CASE_F] = 15, [CASE_G] = 15,
        },
        .retry_ms = 60 * 1000,
        .give_up_ms = 24 * 60 * 60 * 1000,
    };
}

static int decide_by_kind(const struct ruling *at, const struct ledger_input *input)
{
    switch (input->kind) {
    case INPUT_GENESIS:
        return rule_genesis(at, input->genesis);
    case INPUT_BATCH:
        return rule_batch(at, &input->batch);
    case INPUT_REPORT:
        return rule_report(at, input->report.batch, input->report.event, input->report.digest);
    case INPUT_RESUME:
        return rule_resume(at, input->resume);
    case INPUT_VERDICTS:
        return rule_verdicts(at, input->verdicts.matcher, input->verdicts.verdicts,
                             input->verdicts.count);
    case INPUT_REFUSALS:
        return rule_refusals(at, input->refusals.matcher, input->refusals.refusals);
    case INPUT_COMMAND:
        return rule_command(at, input->command);
    case INPUT_RECOUNT_ROW:
        return rule_recount_row(at, input->row);
    case INPUT_RECOUNT_UNIT:
        return rule_recount_unit(at, input->recount.unit, input->recount.from_endpoint,
                                 input->recount.only);
    case INPUT_POSITION:
        return rule_position(at, input->product);
    case INPUT_ASSESS:
        return rule_assess(at, input->assess.unit, input->assess.product);
    case INPUT_DUE:
        return rule_due(at, input->due.fire_ms, input->due.kind, input->due.id, input->due.a,
                        input->due.b);
    case INPUT_NOTICE:
        return rule_notice(at, input->notice.id, input->notice.state, input->notice.error,
                           input->notice.temporary);
    }
    return -EINVAL;
}

int ledger_decide(const struct ledger_rules *rules, const struct ledger_view *view,
                  const struct ledger_input *input, int64_t now_ms, struct ledger_output *out)
{
    const struct ruling at = {
        .rules = rules, .view = view, .now_ms = now_ms, .arena = output_arena(out), .out = out
    };
    int r = decide_by_kind(&at, input);
    return r < 0 ? r : output_error(out);
}
