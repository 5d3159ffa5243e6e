/* unsigned_sender.c - the sender without its signature check. Only sabotage runs use it.
 *
 * The linker sends every call of seal_verify here (--wrap); while the unsigned sender steps, and
 * only then, the answer is yes. So it is the code under test itself, whatever files it consists of,
 * and the ledger's model beside it checks as ever. */
#include "sabotage.h"

#include "base/seal.h"

static bool anything_is_signed;

bool __real_seal_verify(const struct seal_public *key, const char *purpose, struct bytes message,
                        struct bytes signature);
bool __wrap_seal_verify(const struct seal_public *key, const char *purpose, struct bytes message,
                        struct bytes signature);

bool __wrap_seal_verify(const struct seal_public *key, const char *purpose, struct bytes message,
                        struct bytes signature)
{
    return anything_is_signed || __real_seal_verify(key, purpose, message, signature);
}

int unsigned_sender_step(struct sender *sender, const struct sender_event *event, int64_t mono_ms,
                         int64_t now_ms, struct arena *arena, struct sender_actions *ret_actions)
{
    anything_is_signed = true;
    int r = sender_step(sender, event, mono_ms, now_ms, arena, ret_actions);
    anything_is_signed = false;
    return r;
}
