/* stand.c - what is installed and entitled, as cases ask for it. */
#include "ledger/stand.h"

#include <errno.h>

#include "base/civil.h"
#include "ledger/lookup.h"
#include "ledger/tally.h"
#include "ledger/version.h"

bool stand_is_charged(Zb__LicenceClass class)
{
    return class == CLASS_COMMERCIAL || class == CLASS_OEM_BOUND || class == CLASS_TRIAL;
}

int stand_load_installs(const struct ruling *at, const char *unit, const char *product,
                        struct stand *stand)
{
    size_t cap = 0;
    struct ledger_walk walk = ledger_walk(at->view, TABLE_INSTALL, key_prefix(unit, product));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        if (stand->install_count == cap) {
            cap = cap == 0 ? 16 : cap * 2;
            struct stand_install *grown = arena_calloc(at->arena, cap, sizeof(*grown));
            if (grown == NULL)
                return -ENOMEM;
            if (stand->install_count > 0)
                memcpy(grown, stand->installs, stand->install_count * sizeof(*grown));
            stand->installs = grown;
        }
        struct stand_install *install = &stand->installs[stand->install_count++];
        if (key.size < 8)
            return -EBADMSG;
        install->endpoint = get_u64be(key.data + key.size - 8);
        r = ledger_unpack(&zb__install_record__descriptor, value, at->arena,
                          (ProtobufCMessage **)&install->record);
        if (r < 0)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

int stand_load(const struct ruling *at, const char *unit, const char *product,
               struct stand *ret_stand)
{
    Zb__PositionRecord *position;
    *ret_stand = (struct stand){ .category = "" };
    int r = LEDGER_GET(at->view, TABLE_POSITION, key_text_text_u8(unit, product, METRIC_DEVICE),
                       at->arena, &position);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    ret_stand->licence_class = position->licence_class;
    ret_stand->category = position->category;
    ret_stand->installed = position->installed;
    ret_stand->consumed = position->consumed;
    ret_stand->short_of = position->short_of;
    ret_stand->never = position->never;
    ret_stand->ended = position->ended + position->mismatched;
    return 0;
}

static bool right_is_current(const Zb__RightRecord *right, int32_t today)
{
    return !right->withdrawn && right->from_day <= today &&
           (right->to_day == 0 || right->to_day >= today);
}

/* Whether the right is for something that the unit has. 1, 0 or an error. */
static int right_serves(const struct ruling *at, const Zb__RightRecord *right, const char *unit,
                        const char *product)
{
    struct tally tally;
    int r = right->subtree ? unit_covers(at->view, right->unit, unit, at->arena)
                           : strcmp(right->unit, unit) == 0;
    if (r <= 0)
        return r;
    struct ledger_walk walk = tally_walk(at->view, product, unit);
    while ((r = tally_next(&walk, at->arena, &tally)) == 0)
        if (tally.count > 0 && right_matches(right, tally.edition, tally.version) != MATCH_NO)
            return 1;
    return r == -ENOENT ? 0 : r;
}

int stand_load_rights(const struct ruling *at, const char *unit, const char *product,
                      struct stand *stand)
{
    uint64_t proved = 0;
    struct ledger_walk walk = ledger_walk(at->view, INDEX_RIGHT, key_prefix(product, NULL));
    struct bytes key, value;
    int r;
    while ((r = ledger_walk_next(&walk, at->arena, &key, &value)) == 0) {
        Zb__RightRecord *right;
        uint64_t id = key.size < 8 ? 0 : get_u64be(key.data + key.size - 8);
        r = LEDGER_GET(at->view, TABLE_RIGHT, key_u64(id), at->arena, &right);
        if (r < 0)
            return r == -ENOENT ? -EBADMSG : r;
        if (right->proof.len == 0 || !right_is_current(right, civil_day_at(at->now_ms)))
            continue;
        r = right_serves(at, right, unit, product);
        if (r < 0)
            return r;
        if (r == 1) {
            proved = proved > UINT64_MAX - right->quantity ? UINT64_MAX : proved + right->quantity;
            stand->right = id;
        }
    }
    /* The position counts every right, proved or not. What is consumed beyond the proved ones is
     * covered by a word alone, and proves nothing. */
    uint64_t by_word = stand->consumed > proved ? stand->consumed - proved : 0;
    stand->proved = proved;
    stand->unproved = stand->short_of + by_word;
    return r == -ENOENT ? 0 : r;
}

const struct stand_install *stand_install(const struct stand *stand, uint64_t endpoint)
{
    size_t low = 0, high = stand->install_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (stand->installs[mid].endpoint < endpoint)
            low = mid + 1;
        else
            high = mid;
    }
    return low < stand->install_count && stand->installs[low].endpoint == endpoint
               ? &stand->installs[low]
               : NULL;
}

Zb__CaseClass stand_wanted(const struct stand *stand)
{
    if (stand->short_of == 0 || !stand_is_charged(stand->licence_class))
        return CASE_CLASS_NONE;
    if (stand->never > 0)
        return CASE_B;
    return stand->consumed == 0 && stand->ended > 0 ? CASE_D : CASE_E;
}
