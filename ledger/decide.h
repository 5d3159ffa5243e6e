/* decide.h - the ledger's rules: inputs in, journal entries out.
 *
 * ledger_decide() looks at the tables through a view, at one input and at the time, and says what
 * is to be journalled; it changes nothing and knows no clock, file or socket. ledger_apply()
 * (apply.h) carries an entry into the tables and knows no rule. ledger_run() (run.h) alternates
 * the two until no follow-up remains, all inside one transaction of the caller.
 *
 * One decide call sees only what earlier entries did, never its own: what must see its own effects
 * is handed on as a follow-up input. */
#ifndef LEDGER_DECIDE_H
#define LEDGER_DECIDE_H

#include "base/arena.h"
#include "base/seal.h"
#include "ledger/view.h"
#include "proto/digest.h"

enum ledger_input_kind {
    INPUT_GENESIS, /* first entry of a new ledger */
    INPUT_BATCH,   /* a batch as a matcher forwarded it, signature not yet checked */
    INPUT_REPORT,  /* follow-up: one event of a batch */
    INPUT_RESUME,
    INPUT_VERDICTS,     /* from one matcher, on JUDGE or with a batch */
    INPUT_REFUSALS,     /* a matcher's totals, or the ledger's own */
    INPUT_COMMAND,      /* a person's signed command */
    INPUT_RECOUNT_ROW,  /* follow-up: a row's verdict now counts (or no longer): installs change */
    INPUT_RECOUNT_UNIT, /* follow-up: count a unit's installs anew, endpoint by endpoint */
    INPUT_POSITION,     /* follow-up: position of (product) over all units it concerns */
    INPUT_ASSESS,       /* follow-up: do the cases of (unit, product) agree with its position? */
    INPUT_DUE,          /* the clock: one thing in i_due whose instant has come */
    INPUT_NOTICE,       /* the outbox: what became of a notice */
};

struct ledger_batch {
    const Zb__Batch *batch;
    const Zb__BatchHeader *header;
    struct id128 matcher; /* who forwarded it */
    int64_t received_ms;
    const struct batch_bodies *bodies; /* by id; rule_batch makes them, the caller leaves NULL */
};

struct ledger_input {
    enum ledger_input_kind kind;
    union {
        const Zb__GenesisRecord *genesis;
        struct ledger_batch batch;
        struct {
            const struct ledger_batch *batch;
            size_t event; /* index into header->events */
            struct digest digest;
        } report;
        const Zb__Resume *resume;
        struct {
            struct id128 matcher;
            Zb__Verdict *const *verdicts;
            size_t count;
        } verdicts;
        struct {
            struct id128 matcher;
            const Zb__Refusals *refusals;
        } refusals;
        const Zb__Command *command;
        uint64_t row;
        struct {
            const char *unit; /* empty: see recount.h, which gives the steps of a full recount */
            uint64_t from_endpoint; /* resumable: counts some endpoints, then follows itself up */
            bool only;              /* that endpoint alone */
        } recount;
        const char *product;
        struct {
            const char *unit;
            const char *product;
        } assess;
        struct {
            int64_t fire_ms;
            uint8_t kind; /* enum due_kind, deadline.h */
            uint64_t id;
            uint32_t a, b;
        } due;
        struct {
            uint64_t id;
            Zb__NoticeState state;
            const char *error; /* FAILED, IN_DOUBT: what the server said */
            bool temporary;    /* FAILED: worth another try */
        } notice;
    };
};

/* A value for table `private`: stored beside the entries, never journalled. */
struct ledger_private {
    struct id128 handle;
    struct id128 salt;
    const char *kind;
    struct bytes value;
};

/* What an input is answered with; which field is set follows from the input's kind. */
struct ledger_reply {
    Zb__Outcome **outcomes; /* BATCH, REPORT */
    size_t outcome_count;
    Zb__ResumedBody *resumed;
    Zb__CommandResult *result;
    struct id128 *judge; /* rows that want a second opinion or a first one: for JUDGE */
    size_t judge_count;
    Zb__RefusalReason refused; /* BATCH, VERDICTS, REFUSALS: refused whole, without outcomes because
                                  nobody trustworthy signed it; the notifier says so on the link
                                  and counts it for its next INPUT_REFUSALS */
};

/* One unchanged report, journalled with its neighbours in one entry. */
struct ledger_unchanged {
    struct id128 producer;
    uint64_t epoch;
    uint64_t sequence;
    uint64_t endpoint;
    int64_t scan_ms;
};

/* Where a decision writes; everything in it is the arena's. Opaque lists, filled through emit.h. */
struct ledger_output;

/* What decisions need to know beside tables and input; fixed while a ledger is open. */
struct ledger_rules {
    struct seal_public ledger_key;
    struct id128 ledger_id;
    struct id128 salt_seed;   /* secret of this ledger, kept outside the journal: salts of private
                                    values are H(seed ‖ what caused them ‖ kind), so that rules stay
                                    functions of their input and nobody guesses a value by its handle */
    uint32_t stale_days;      /* endpoint counts as stale after so many days unseen */
    uint32_t lookahead_days;  /* rights that end so soon put what they cover at risk */
    uint32_t enforce_percent; /* share of computers scanned completely before `enforced` */
    uint32_t enforce_days;    /* ... within so many days */
    uint32_t verify_days;     /* working days to answer a verification */
    uint32_t class_days[8];   /* working days to the deadline, by enum CaseClass */
    uint32_t retry_ms;        /* first retry of a failed notice; doubles up to 32 × */
    uint32_t give_up_ms;      /* FAILED for so long counts as resolved */
};

/* ledger_rules_default - the defaults of docs/rules.md (domain.md §2 and the house design). */
struct ledger_rules ledger_rules_default(void);

/* ledger_decide - 0, or an error that stops the transaction (-ENOMEM, errors of the view). What a
 * sender did wrong is no error: it is an entry and a reply. */
int ledger_decide(const struct ledger_rules *rules, const struct ledger_view *view,
                  const struct ledger_input *input, int64_t now_ms, struct ledger_output *out);

#endif
