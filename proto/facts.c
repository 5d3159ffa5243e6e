/* facts.c - the canonical form of a computer's facts. */
#include "proto/facts.h"

#include "base/seal.h"

/* Of network cards; more are virtual ones and say nothing of the computer. */
enum { FACTS_MACS_MOST = 32 };

const struct fields_form facts_form = {
    .name = "facts",
    .tag_name = {
        [FACTS_DEVICE] = "device",
        [FACTS_HOST] = "host",
        [FACTS_SERIAL] = "serial",
        [FACTS_UUID] = "uuid",
        [FACTS_ASSET] = "asset",
        [FACTS_OS_NAME] = "os name",
        [FACTS_OS_VERSION] = "os version",
        [FACTS_MAKER] = "maker",
        [FACTS_MODEL] = "model",
        [FACTS_KIND] = "kind",
        [FACTS_USER] = "user",
        [FACTS_DEPARTMENT] = "department",
        [FACTS_ARCH] = "architecture",
        [FACTS_MAC] = "mac",
    },
    .repeated_tag = FACTS_MAC,
    .repeated_max = FACTS_MACS_MOST,
    .total_bytes = BOUND_FACTS_BYTES,
};

int facts_encode(const struct facts *facts, struct buf *out, struct complaint *why)
{
    return fields_encode(&facts_form, &facts->fields, out, why);
}

int facts_decode(struct bytes canonical, struct arena *arena, struct facts *ret_facts,
                 struct complaint *why)
{
    return fields_decode(&facts_form, canonical, arena, &ret_facts->fields, why);
}

struct id128 facts_id(struct bytes canonical)
{
    return seal_id128(SEAL_PARTS(canonical));
}
