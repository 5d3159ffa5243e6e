/* command_case.c - what people decide about cases and notices. Sanctions are not among it: the
 * ledger proposes, people write. */
#include "ledger/case.h"
#include "ledger/command.h"

#include <errno.h>

#include "base/civil.h"
#include "base/text.h"

enum {
    REASON_BYTES = 512,
    NUMBER_BYTES = 20,
    DATE_BYTES = 10,
    HEX32_BYTES = 64,
    EXTENSION_DAYS_MAX = 400, /* civil days from today: beyond it is a typing mistake */
};

#define UNIT_ARGUMENT                                         \
    {                                                         \
        "unit", ARGUMENT_ID, true, BOUND_UNIT_BYTES, NULL,    \
            "the case's unit; decides who may give the order" \
    }
#define CASE_ARGUMENT                                                \
    {                                                                \
        "case", ARGUMENT_NUMBER, true, NUMBER_BYTES, NULL, "case id" \
    }
#define REASON_ARGUMENT(text)                                     \
    {                                                             \
        "reason", ARGUMENT_TEXT, true, REASON_BYTES, NULL, (text) \
    }

static const char *reason_of(const struct command_call *call)
{
    const char *reason = command_argument(call, "reason");
    return reason == NULL ? "" : reason;
}

/* The case that the command names, of the unit it names. 1 when it is there, 0 when the result
 * already says what is wrong, or an error of the view. */
static int load_named(const struct command_call *call, struct case_work *work)
{
    uint64_t id = command_number(call, "case", 0);
    const char *unit = command_argument(call, "unit");
    int r = case_load(work, call->at, id);
    if (r < 0 && r != -ENOENT)
        return r;
    if (r == -ENOENT || strcmp(work->rec->unit, unit) != 0) {
        emit_result(call->at->out, REFUSAL_NOT_FOUND, "unit %s has no case %llu", unit,
                    (unsigned long long)id);
        return 0;
    }
    work->actor = call->actor;
    return 1;
}

static const char *state_name(Zb__CaseState state)
{
    static const char *const names[] = { "none",   "suspected", "confirmed", "ordered", "overdue",
                                         "closed", "rejected",  "retracted", "held" };
    return (size_t)state < ARRAY_LEN(names) ? names[state] : "?";
}

static int refuse_state(const struct command_call *call, const struct case_work *work,
                        const char *wanted)
{
    emit_result(call->at->out, REFUSAL_BAD_STATE, "case %llu is %s; %s",
                (unsigned long long)work->rec->id, state_name(work->rec->state), wanted);
    return 0;
}

static void say_date(const struct command_call *call, const char *name, int32_t day)
{
    char date[CIVIL_DATE_SIZE];
    if (day != 0)
        emit_result_value(call->at->out, name, "%s", civil_format_date(day, date));
}

/* Saves, and says what the case has become. */
static int done(const struct command_call *call, struct case_work *work)
{
    int r = case_save(work);
    if (r < 0)
        return r;
    emit_result(call->at->out, REFUSAL_NONE, "case %llu is %s", (unsigned long long)work->rec->id,
                state_name(work->rec->state));
    emit_result_value(call->at->out, "case", "%llu", (unsigned long long)work->rec->id);
    emit_result_value(call->at->out, "state", "%s", state_name(work->rec->state));
    say_date(call, "verify_due", work->rec->verify_due_day);
    say_date(call, "due", work->rec->due_day);
    return 0;
}

static int decide_confirm(const struct command_call *call)
{
    struct case_work work;
    int r = load_named(call, &work);
    if (r <= 0)
        return r;
    if (work.rec->state != CASE_SUSPECTED)
        return refuse_state(call, &work, "only a suspicion is confirmed");
    case_reason(&work, ENTRY_CASE, "confirmed (%s)", reason_of(call));
    work.rec->confirmed_by = blob_of(call->actor);
    case_confirm(&work);
    return done(call, &work);
}

/* A suspicion, or what the principal's standing word confirmed without anybody's look. */
static int decide_reject(const struct command_call *call)
{
    struct case_work work;
    int r = load_named(call, &work);
    if (r <= 0)
        return r;
    bool unseen = work.rec->preauthorised && case_is_open(work.rec);
    if (work.rec->state != CASE_SUSPECTED && !unseen)
        return refuse_state(call, &work, "only what no person has confirmed is rejected");
    case_reason(&work, ENTRY_CASE, "rejected (%s)", reason_of(call));
    for (size_t i = 0; i < work.line_count; i++) {
        if (work.lines[i]->state != LINE_OPEN)
            continue;
        work.lines[i]->state = LINE_REJECTED;
        work.lines[i]->closed_ms = call->at->now_ms;
        case_touch_line(&work, i);
    }
    work.rec->suppresses = true;
    case_close(&work, CASE_REJECTED, "correction", reason_of(call));
    return done(call, &work);
}

static bool has_untold_line(const struct case_work *work)
{
    for (size_t i = 0; i < work->line_count; i++)
        if (work->lines[i]->state == LINE_OPEN && work->lines[i]->told_day == 0)
            return true;
    return false;
}

/* What is being served: the verification, the order, or the supplement. */
static bool wants_service(const struct case_work *work)
{
    switch (work->rec->state) {
    case CASE_SUSPECTED:
        return work->rec->asked_day == 0;
    case CASE_CONFIRMED:
        return true;
    case CASE_ORDERED:
    case CASE_OVERDUE:
        return has_untold_line(work);
    default:
        return false;
    }
}

static int decide_serve(const struct command_call *call)
{
    struct case_work work;
    int r = load_named(call, &work);
    if (r <= 0)
        return r;
    int32_t today = civil_day_at(call->at->now_ms);
    int32_t day = command_day(call, "on", today);
    if (!wants_service(&work))
        return refuse_state(call, &work, "nothing waits to be served");
    int64_t since_ms = work.rec->ordered_ms != 0 ? work.rec->ordered_ms : work.rec->opened_ms;
    if (day > today || day < civil_day_at(since_ms)) {
        emit_result(call->at->out, REFUSAL_INVALID,
                    "the day of service lies before the notice or after today");
        return 0;
    }
    case_reason(&work, ENTRY_CASE, "service recorded (%s)", reason_of(call));
    case_served(&work, day);
    return done(call, &work);
}

static int decide_extend(const struct command_call *call)
{
    struct case_work work;
    int r = load_named(call, &work);
    if (r <= 0)
        return r;
    int32_t today = civil_day_at(call->at->now_ms), day = command_day(call, "until", 0);
    if ((work.rec->state != CASE_ORDERED && work.rec->state != CASE_OVERDUE) ||
        work.rec->due_day == 0)
        return refuse_state(call, &work, "only a running deadline is extended");
    if (work.rec->extended)
        return refuse_state(call, &work, "it was extended before; once is the rule");
    if (day <= work.rec->due_day || day <= today || day > today + EXTENSION_DAYS_MAX) {
        emit_result(call->at->out, REFUSAL_INVALID,
                    "the new day must come after today and after the present due date, within "
                    "%d days",
                    EXTENSION_DAYS_MAX);
        return 0;
    }
    if (!calendar_is_workday(&work.calendar, day)) {
        char date[CIVIL_DATE_SIZE];
        emit_result(call->at->out, REFUSAL_INVALID,
                    "a deadline ends on a working day; %s is the next",
                    civil_format_date(calendar_add(&work.calendar, day, 1).day, date));
        return case_fail(&work, work.calendar.error);
    }
    char *why = arena_strdup(call->at->arena, bytes_str(reason_of(call)));
    if (why == NULL)
        return -ENOMEM;
    case_reason(&work, ENTRY_CASE, "extended (%s)", why);
    case_extend(&work, day, why);
    return done(call, &work);
}

static void put_proof(struct case_work *work, Zb__ProofRecord *proof)
{
    proof->case_id = work->rec->id;
    proof->number = ++work->rec->next_proof;
    proof->at_ms = work->at->now_ms;
    proof->by = blob_of(work->actor);
    work->dirty = true;
    struct ledger_key key = key_u64_u64(proof->case_id, proof->number);
    if (case_begin(work))
        emit_put(work->at->out, TABLE_PROOF, ledger_key_bytes(&key), &proof->base);
}

static int decide_note(const struct command_call *call)
{
    struct case_work work;
    int r = load_named(call, &work);
    if (r <= 0)
        return r;
    Zb__ProofRecord proof = ZB__PROOF_RECORD__INIT;
    proof.kind = (char *)(uintptr_t) "note";
    proof.note = (char *)(uintptr_t)reason_of(call);
    case_reason(&work, ENTRY_CASE, "note");
    put_proof(&work, &proof);
    return done(call, &work);
}

/* A document closes class C, whose fault is that it was missing; elsewhere it is kept, and what the
 * class demands is still wanted. */
static int decide_proof(const struct command_call *call)
{
    struct case_work work;
    struct digest digest;
    int r = load_named(call, &work);
    if (r <= 0)
        return r;
    if (!case_is_open(work.rec))
        return refuse_state(call, &work, "it wants no proof any more");
    if (hex_decode(bytes_str(command_argument(call, "digest")), digest.b, sizeof(digest.b)) < 0) {
        emit_result(call->at->out, REFUSAL_INVALID, "digest: give 64 hexadecimal digits");
        return 0;
    }
    Zb__ProofRecord proof = ZB__PROOF_RECORD__INIT;
    proof.kind = (char *)(uintptr_t)command_argument(call, "kind");
    proof.digest = blob_of(digest_bytes(&digest));
    proof.note = (char *)(uintptr_t)reason_of(call);
    case_reason(&work, ENTRY_CASE, "proof");
    put_proof(&work, &proof);
    if (work.rec->class_ == CASE_C && strcmp(proof.kind, "document") == 0) {
        for (size_t i = 0; i < work.line_count; i++) {
            if (work.lines[i]->state != LINE_OPEN)
                continue;
            work.lines[i]->state = LINE_CLOSED;
            work.lines[i]->closed_ms = call->at->now_ms;
            work.lines[i]->closed_why = (char *)(uintptr_t) "document";
            case_touch_line(&work, i);
        }
        case_close(&work, CASE_CLOSED, "closed", "document");
    }
    return done(call, &work);
}

static int decide_resolve(const struct command_call *call)
{
    uint64_t id = command_number(call, "notice", 0);
    bool sent = strcmp(command_argument(call, "outcome"), "sent") == 0;
    char *why = arena_strdup(call->at->arena, bytes_str(reason_of(call)));
    if (why == NULL)
        return -ENOMEM;
    int r = notice_settle(call->at, id, sent, call->actor, why);
    if (r == -ENOENT)
        emit_result(call->at->out, REFUSAL_NOT_FOUND, "there is no notice %llu",
                    (unsigned long long)id);
    else if (r == -EPROTO)
        emit_result(call->at->out, REFUSAL_BAD_STATE, "notice %llu is neither in doubt nor failed",
                    (unsigned long long)id);
    else if (r == 0)
        emit_result(call->at->out, REFUSAL_NONE, "notice %llu %s", (unsigned long long)id,
                    sent ? "counts as sent" : "will be sent again");
    return r == -ENOENT || r == -EPROTO ? 0 : r;
}

static const struct argument_spec confirm_arguments[] = {
    UNIT_ARGUMENT,
    CASE_ARGUMENT,
    REASON_ARGUMENT("what was found when looking"),
};
static const struct argument_spec reject_arguments[] = {
    UNIT_ARGUMENT,
    CASE_ARGUMENT,
    REASON_ARGUMENT("why it is a false positive"),
};
static const struct argument_spec serve_arguments[] = {
    UNIT_ARGUMENT,
    CASE_ARGUMENT,
    { "on", ARGUMENT_DAY, false, DATE_BYTES, NULL, "day of service; today when left out" },
    REASON_ARGUMENT("how it was handed over and to whom"),
};
static const struct argument_spec extend_arguments[] = {
    UNIT_ARGUMENT,
    CASE_ARGUMENT,
    { "until", ARGUMENT_DAY, true, DATE_BYTES, NULL, "the new due date, a working day" },
    REASON_ARGUMENT("why the deadline cannot be kept"),
};
static const struct argument_spec note_arguments[] = {
    UNIT_ARGUMENT,
    CASE_ARGUMENT,
    REASON_ARGUMENT("what is to be remembered"),
};
static const struct argument_spec proof_arguments[] = {
    UNIT_ARGUMENT,
    CASE_ARGUMENT,
    { "kind", ARGUMENT_CHOICE, true, 16, "document|disposal", "what the document proves" },
    { "digest", ARGUMENT_HEX32, true, HEX32_BYTES, NULL, "BLAKE2b-256 of the document" },
    REASON_ARGUMENT("where the document is kept"),
};
static const struct argument_spec resolve_arguments[] = {
    { "notice", ARGUMENT_NUMBER, true, NUMBER_BYTES, NULL, "notice id" },
    { "outcome", ARGUMENT_CHOICE, true, 8, "sent|not-sent", "whether it arrived" },
    REASON_ARGUMENT("how that is known"),
};

const struct command_spec case_commands[] = {
    { "case.confirm", "confirm a suspicion; the order is served next", ACTOR_HANDLER, "unit",
      confirm_arguments, ARRAY_LEN(confirm_arguments), 0, decide_confirm },
    { "case.reject", "reject a false positive; the same evidence opens no case again",
      ACTOR_HANDLER, "unit", reject_arguments, ARRAY_LEN(reject_arguments), 0, decide_reject },
    { "case.serve", "record that a notice was served by hand; the deadline starts", ACTOR_HANDLER,
      "unit", serve_arguments, ARRAY_LEN(serve_arguments), 0, decide_serve },
    { "case.extend", "extend the deadline, once", ACTOR_DEPUTY, "unit", extend_arguments,
      ARRAY_LEN(extend_arguments), 0, decide_extend },
    { "case.note", "add a remark to a case", ACTOR_HANDLER, "unit", note_arguments,
      ARRAY_LEN(note_arguments), 0, decide_note },
    { "case.proof", "add a document to a case; it closes class C", ACTOR_HANDLER, "unit",
      proof_arguments, ARRAY_LEN(proof_arguments), 0, decide_proof },
    { "notice.resolve", "say what became of a notice that is in doubt or failed",
      ACTOR_ADMINISTRATOR, NULL, resolve_arguments, ARRAY_LEN(resolve_arguments), 0,
      decide_resolve },
};
const size_t case_command_count = ARRAY_LEN(case_commands);
