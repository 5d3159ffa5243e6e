/* doctor_keys.c - keys, their slips, and what the ledger's registry says of them. */
#include "cli/doctor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bus/config.h"
#include "cli/read.h"

enum { DEPTH_MAX = 64 }; /* of the tree of units */

/* A key of this home and what it must be. */
struct wanted_key {
    const char *name; /* keys/NAME.key and .slip */
    Zb__Role role;
    const char *unit; /* it must speak for this one; NULL: any */
    const char *secret_path;
    const char *slip_path;
};

static bool same_public(const struct identity *secret, const struct identity_public *slip)
{
    return memcmp(&secret->id, &slip->id, sizeof(slip->id)) == 0 && secret->role == slip->role &&
           memcmp(&secret->sign_public, &slip->sign_public, sizeof(slip->sign_public)) == 0 &&
           memcmp(secret->link_public, slip->link_public, LINK_KEY_BYTES) == 0;
}

/* Both files load and belong together; false: it has been told why not. */
static bool pair_load(struct doctor *doctor, const struct wanted_key *key,
                      struct identity_public *ret_slip)
{
    struct complaint why = { 0 };
    struct identity secret = { 0 };
    int r = identity_load(key->secret_path, &secret, &why);
    const char *path = key->secret_path;
    if (r == 0) {
        why = (struct complaint){ 0 };
        path = key->slip_path;
        r = slip_load(path, ret_slip, &why);
    }
    bool same = r == 0 && same_public(&secret, ret_slip);
    identity_wipe(&secret);
    if (r == -EPERM)
        return false; /* the mode: "modes" tells it */
    if (r < 0)
        doctor_complain(doctor, DOCTOR_BROKEN, path, r, &why);
    else if (!same)
        doctor_broken(
            doctor, key->slip_path,
            _("restore both files of this name from a backup, or make and enrol a new key"),
            _("the slip is not that of the secret key beside it"));
    return r == 0 && same;
}

/* ---- against the registry ---- */

/* 1 when `unit` is `root` or lies below it, 0 when not, −ENOENT when the ledger has no such unit. */
static int lies_below(struct cli *cli, const char *unit, const char *root)
{
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        Zb__UnitRecord *record;
        int r = READ_GET(cli, TABLE_UNIT, key_text(unit), &record);
        if (r < 0)
            return r;
        if (strcmp(unit, root) == 0)
            return 1;
        if (record->parent[0] == '\0')
            return 0;
        unit = record->parent;
    }
    return 0;
}

static int look_unit(struct doctor *doctor, const struct wanted_key *key, const char *root)
{
    struct cli *cli = doctor->cli;
    int below = key->unit == NULL || root[0] == '\0' ? 1 : lies_below(cli, key->unit, root);
    if (below == -ENOENT)
        doctor_broken(doctor, key->name,
                      arena_printf(cli->arena, _("zhengban unit add %s --parent UNIT"), key->unit),
                      _("the ledger has no unit '%s', which config.yaml gives it"), key->unit);
    else if (below == 0)
        doctor_broken(
            doctor, key->name, _("change the unit in config.yaml, or enrol a new key for it"),
            _("its key speaks for '%s' and what is below, not for '%s'"), root, key->unit);
    return below == -ENOENT || below >= 0 ? 0 : below;
}

static int look_registered(struct doctor *doctor, const struct wanted_key *key,
                           const struct identity_public *slip)
{
    struct cli *cli = doctor->cli;
    Zb__KeyRecord *record;
    int r = READ_GET(cli, TABLE_KEY, key_id(id128_bytes(&slip->id)), &record);
    if (r == -ENOENT) {
        doctor_broken(
            doctor, key->slip_path,
            arena_printf(cli->arena, _("zhengban key enrol %s --unit UNIT"), key->slip_path),
            _("the ledger does not know this key: it is not enrolled"));
        return 0;
    }
    if (r < 0)
        return r;
    const Zb__RegistryKey *known = record->key;
    if (known->state != KEY_ACTIVE)
        doctor_broken(doctor, key->slip_path,
                      known->state == KEY_QUARANTINED
                          ? _("find out who else uses it; then make and enrol a new key")
                          : _("make a new key and enrol it"),
                      _("the ledger takes nothing from this key: it is %s%s%s"),
                      known->state == KEY_QUARANTINED ? _("quarantined") : _("revoked"),
                      record->revoked_why[0] == '\0' ? "" : ", ", record->revoked_why);
    else if (known->role != key->role || slip->role != key->role)
        doctor_broken(doctor, key->slip_path, _("make a key of the right role and enrol it"),
                      _("it is a key of a %s, wanted is one of a %s"), role_name(known->role),
                      role_name(key->role));
    else
        return look_unit(doctor, key, known->unit);
    return 0;
}

static int look_key(struct doctor *doctor, const struct wanted_key *key)
{
    struct identity_public slip;
    if (key->secret_path == NULL || key->slip_path == NULL)
        return -ENOMEM;
    if (!pair_load(doctor, key, &slip) || !doctor->has_ledger)
        return 0;
    if (key->role != ROLE_LEDGER)
        return look_registered(doctor, key, &slip);
    const Zb__RegistryKey *ledger = doctor->genesis->ledger;
    if (ledger == NULL || !bytes_eq(blob_bytes(ledger->id), id128_bytes(&slip.id)))
        doctor_broken(doctor, key->secret_path, _("restore keys and ledger from the same backup"),
                      _("this ledger was founded with another key"));
    return 0;
}

static const char *key_path(struct cli *cli, const char *name, const char *suffix)
{
    return cli_path(cli, arena_printf(cli->arena, "keys/%s.%s", name, suffix));
}

static int look_ledger_key(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    const char *slip = cli_path(cli, config_text(cli->config, "ledger.slip"));
    struct complaint why = { 0 };
    struct identity_public pinned;
    if (slip == NULL)
        return -ENOMEM;
    if (doctor_is_here(config_text(cli->config, "ledger.address"))) {
        const struct wanted_key key = {
            .name = "notifier",
            .role = ROLE_LEDGER,
            .secret_path = cli_path(cli, config_text(cli->config, "notifier.key")),
            .slip_path = slip,
        };
        return look_key(doctor, &key);
    }
    int r = slip_load(slip, &pinned, &why);
    if (r < 0)
        doctor_complain(doctor, DOCTOR_BROKEN, slip, r, &why);
    return 0;
}

static int look_daemon_keys(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    int r = 0;
    for (size_t i = 0; r == 0 && i < doctor->daemon_count; i++) {
        const struct doctor_daemon *daemon = &doctor->daemons[i];
        const char *name = daemon->instance->name;
        bool collects = strcmp(daemon->instance->program, "collector") == 0;
        if (!daemon->here || daemon->instance->stage == 0)
            continue;
        const struct wanted_key key = {
            .name = name,
            .role = collects ? ROLE_COLLECTOR : ROLE_MATCHER,
            .unit = collects ? config_text(collector_item(cli->config, name), "unit") : NULL,
            .secret_path = key_path(cli, name, "key"),
            .slip_path = key_path(cli, name, "slip"),
        };
        r = look_key(doctor, &key);
    }
    return r;
}

/* Commands are signed with it when --as is left out; without it another person's key serves. */
static int look_administrator(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    const struct wanted_key key = {
        .name = cli->actor,
        .role = ROLE_OFFICIAL,
        .secret_path = key_path(cli, cli->actor, "key"),
        .slip_path = key_path(cli, cli->actor, "slip"),
    };
    if (key.secret_path == NULL)
        return -ENOMEM;
    if (access(key.secret_path, F_OK) == 0)
        return look_key(doctor, &key);
    if (doctor_is_here(config_text(cli->config, "ledger.address")))
        doctor_warn(doctor, key.secret_path, _("sign with another person's key by --as NAME"),
                    _("no key to sign commands with"));
    return 0;
}

static const struct doctor_check checks[] = {
    { "ledger_key", NEEDS_CONFIG, look_ledger_key },
    { "daemon_keys", NEEDS_CONFIG, look_daemon_keys },
    { "official_key", NEEDS_CONFIG, look_administrator },
};

const struct doctor_table doctor_keys = { checks, ARRAY_LEN(checks) };
