/* credit.c - charges in the order in which they came, and the table of who may send what. */
#include "bus/credit.h"

#include <errno.h>
#include <stdlib.h>

/* ---- charges --------------------------------------------------------------------------------- */

void credit_done(struct credit *credit)
{
    free(credit->at);
    *credit = (struct credit){ .limit_bytes = credit->limit_bytes };
}

uint64_t credit_left(const struct credit *credit)
{
    if (credit->count == CREDIT_FRAMES_MAX)
        return 0;
    return credit->limit_bytes > credit->bytes ? credit->limit_bytes - credit->bytes : 0;
}

static int credit_grow(struct credit *credit)
{
    if (credit->count < credit->room)
        return 0;
    size_t room = credit->room == 0 ? 8 : 2 * credit->room;
    struct charge *at = realloc(credit->at, room * sizeof(*at));
    if (at == NULL)
        return -ENOMEM;
    credit->at = at;
    credit->room = room;
    return 0;
}

int credit_charge(struct credit *credit, uint64_t tag, uint64_t bytes)
{
    uint64_t charged = bytes == 0 ? 1 : bytes;
    if (charged > credit_left(credit))
        return -ENOBUFS;
    int r = credit_grow(credit);
    if (r < 0)
        return r;
    credit->at[credit->count++] = (struct charge){ tag, charged };
    credit->bytes += charged;
    return 0;
}

uint64_t credit_release(struct credit *credit, uint64_t tag)
{
    for (size_t i = 0; i < credit->count; i++) {
        if (credit->at[i].tag != tag)
            continue;
        uint64_t bytes = credit->at[i].bytes;
        credit->count--;
        memmove(credit->at + i, credit->at + i + 1, (credit->count - i) * sizeof(*credit->at));
        credit->bytes -= bytes;
        return bytes;
    }
    return 0;
}

void credit_unsend(struct credit *credit)
{
    credit->bytes -= credit->at[--credit->count].bytes;
}

/* ---- what counts ----------------------------------------------------------------------------- */

enum {
    BY_COLLECTOR = 1 << ROLE_COLLECTOR,
    BY_MATCHER = 1 << ROLE_MATCHER,
    BY_LEDGER = 1 << ROLE_LEDGER, /* the tier below, a standby */
    BY_OFFICIAL = 1 << ROLE_OFFICIAL,
    BY_ALL = BY_COLLECTOR | BY_MATCHER | BY_LEDGER | BY_OFFICIAL,
};

/* One row per frame type; `by`: roles that may send it to a server. */
static const struct rule {
    enum frame_type type;
    unsigned by;
    bool charged;
    bool answers;
} rules[] = {
    { FRAME_HELLO, BY_ALL, false, false },
    { FRAME_WELCOME, 0, false, false },
    { FRAME_PING, BY_ALL, false, false },
    { FRAME_PONG, BY_ALL, false, true },
    { FRAME_BUSY, BY_MATCHER, false, true },
    { FRAME_REFUSED, BY_MATCHER, false, true },
    { FRAME_BATCH, BY_COLLECTOR, true, false },
    { FRAME_FORWARD, BY_MATCHER, true, false },
    { FRAME_SETTLED, 0, false, true },
    { FRAME_RESUME, BY_COLLECTOR | BY_MATCHER, true, false },
    { FRAME_RESUMED, 0, false, true },
    { FRAME_JUDGE, 0, false, false },
    { FRAME_VERDICTS, BY_MATCHER, false, false },
    { FRAME_REGISTRY_PULL, BY_MATCHER | BY_LEDGER | BY_OFFICIAL, true, false },
    { FRAME_REGISTRY, 0, false, true },
    { FRAME_REFUSALS, BY_MATCHER, true, false },
    { FRAME_COMMAND, BY_OFFICIAL, true, false },
    { FRAME_COMMAND_RESULT, 0, false, true },
    { FRAME_FEED_PULL, BY_LEDGER | BY_OFFICIAL, true, false },
    { FRAME_FEED, 0, false, true },
};

static const struct rule *rule_find(enum frame_type type)
{
    static const struct rule none;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].type == type)
            return &rules[i];
    return &none;
}

bool frame_is_charged(enum frame_type type)
{
    return rule_find(type)->charged;
}

bool frame_answers(enum frame_type type)
{
    return rule_find(type)->answers;
}

bool frame_of_role(enum frame_type type, Zb__Role role)
{
    return (rule_find(type)->by & (1u << role)) != 0;
}
