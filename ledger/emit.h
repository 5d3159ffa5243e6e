/* emit.h - how rules write what they decided: entries with effects, follow-ups, replies.
 *
 * Errors are sticky, as in base/buf.h: after the first failed allocation every call is a no-op and
 * output_error() tells; ledger_decide() returns it. */
#ifndef LEDGER_EMIT_H
#define LEDGER_EMIT_H

#include "ledger/decide.h"

struct ledger_output *output_new(struct arena *arena); /* the arena's; NULL when memory is out */
int output_error(const struct ledger_output *out);
struct arena *output_arena(struct ledger_output *out);

/* emit_entry - begins an entry; effects that follow belong to it. `reason` is formatted. The
 * returned entry may be given header, signature or command by the caller. NULL after an error. An entry
 * that gets neither effect, header nor command is not journalled. */
Zb__Entry *emit_entry(struct ledger_output *out, Zb__EntryKind kind, struct bytes actor,
                      const char *reason, ...) __attribute__((format(printf, 4, 5)));

/* emit_put - the record under a key of key.h. emit_put_bytes - for tables without message.
 * emit_del - removes. Both belong to the entry begun last. */
void emit_put(struct ledger_output *out, enum ledger_table table, struct bytes key,
              const ProtobufCMessage *record);
void emit_put_bytes(struct ledger_output *out, enum ledger_table table, struct bytes key,
                    struct bytes value);
void emit_del(struct ledger_output *out, enum ledger_table table, struct bytes key);

void emit_unchanged(struct ledger_output *out, const struct ledger_unchanged *item);

/* emit_private - stores a personal value under a new salt and returns its handle. */
struct id128 emit_private(struct ledger_output *out, const char *kind, struct id128 salt,
                          struct bytes value);

/* emit_follow - a follow-up input, copied shallowly (texts must be the arena's). A POSITION, ASSESS
 * or RECOUNT input equal to one that still waits is dropped. */
void emit_follow(struct ledger_output *out, const struct ledger_input *input);
void emit_position(struct ledger_output *out, const char *product);
void emit_assess(struct ledger_output *out, const char *unit, const char *product);

void emit_outcome(struct ledger_output *out, uint64_t sequence, struct digest digest,
                  Zb__OutcomeKind kind, Zb__RefusalReason reason);
void emit_need_rows(struct ledger_output *out, uint64_t sequence, struct digest digest,
                    const struct id128 *rows, size_t count);
void emit_resumed(struct ledger_output *out, const Zb__ResumedBody *resumed);
void emit_result(struct ledger_output *out, Zb__RefusalReason refused, const char *text, ...)
    __attribute__((format(printf, 3, 4)));
void emit_result_value(struct ledger_output *out, const char *name, const char *value, ...)
    __attribute__((format(printf, 3, 4)));
/* emit_refused - the whole input was refused, see struct ledger_reply. */
void emit_refused(struct ledger_output *out, Zb__RefusalReason reason);
void emit_judge(struct ledger_output *out, struct id128 row);

/* emit_number - the next number of a counter ("endpoint", "case", "notice", "row", "right"), and
 * the effect that moves it. Several in one decide call go on from one another. 0 after an error. */
uint64_t emit_number(struct ledger_output *out, const struct ledger_view *view,
                     const char *counter);

/* For run.c: what was emitted. */
struct output_list {
    Zb__Entry *const *entries;
    size_t entry_count;
    const struct ledger_private *privates;
    size_t private_count;
    const struct ledger_input *follows;
    size_t follow_count;
    const struct ledger_unchanged *unchanged;
    size_t unchanged_count;
    struct ledger_reply reply;
};
struct output_list output_list(const struct ledger_output *out);

#endif
