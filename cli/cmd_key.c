/* cmd_key.c - `zhengban key`: identities of collectors, matchers and persons. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "bus/config.h"
#include "cli/keyring.h"
#include "cli/read.h"

enum { SLIP_BYTES = 4096 };

static int new_run(struct cli *cli)
{
    const char *name = cli->positional[0], *word = cli_option(cli, "--role");
    const char *label = cli_option(cli, "--label");
    Zb__Role role;
    if (role_parse(bytes_str(word), &role) < 0 || role == ROLE_LEDGER)
        return cli_fault(cli, -EINVAL, _("give collector, matcher or official"),
                         _("'%s' is no role of a key"), word);
    struct identity identity;
    struct complaint why = { 0 };
    int r = keyring_new(cli, name, role, label == NULL ? name : label, &identity, &why);
    if (r < 0)
        return cli_complain(cli, r, &why);
    const char *id = read_hex(cli, id128_bytes(&identity.id));
    identity_wipe(&identity);
    cli_say(cli,
            _("made keys/%s.key (secret) and keys/%s.slip; an administrator enrols the slip: "
              "zhengban key enrol keys/%s.slip --unit UNIT"),
            name, name, name);
    if (!cli->json)
        return CLI_DONE;
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_str(&json, "key", id);
    json_put_str(&json, "name", name);
    json_put_str(&json, "role", word);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

/* The slip of keys/NAME, read again from the secret when only that is there. */
static int slip_text(struct cli *cli, const char *name, struct buf *out, struct complaint *why)
{
    const char *slip = cli_path(cli, arena_printf(cli->arena, "keys/%s.slip", name));
    const char *key = cli_path(cli, arena_printf(cli->arena, "keys/%s.key", name));
    if (slip == NULL || key == NULL)
        return -ENOMEM;
    if (strchr(name, '/') != NULL)
        return complain(why, -EINVAL, _("give a name as in keys/NAME.key"),
                        _("'%s' is no key's name"), name);
    struct bytes text;
    if (access(slip, F_OK) == 0) {
        int r = file_read(cli->arena, slip, SLIP_BYTES, &text, why);
        if (r == 0)
            buf_put(out, text);
        return r < 0 ? r : buf_error(out);
    }
    struct identity identity;
    int r = identity_load(key, &identity, why);
    if (r == 0)
        r = slip_print(&identity, out);
    identity_wipe(&identity);
    return r;
}

static int show_run(struct cli *cli)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(SLIP_BYTES);
    struct complaint why = { 0 };
    struct identity_public slip;
    int r = slip_text(cli, cli->positional[0], &text, &why);
    if (r == 0)
        r = slip_parse(buf_bytes(&text), &slip, &why);
    if (r != 0)
        return cli_complain(cli, r, &why);
    if (!cli->json) {
        buf_put(&cli->out, buf_bytes(&text));
        return cli_put(cli);
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_hex(&json, "key", id128_bytes(&slip.id));
    json_put_str(&json, "role", role_name(slip.role));
    json_put_str(&json, "label", slip.label);
    json_put_hex(&json, "sign", bytes_of(slip.sign_public.b, sizeof(slip.sign_public.b)));
    json_put_hex(&json, "link", bytes_of(slip.link_public, LINK_KEY_BYTES));
    json_put_text(&json, "slip", buf_bytes(&text));
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static int enrol_run(struct cli *cli)
{
    struct complaint why = { 0 };
    struct identity_public slip;
    int r = slip_load(cli->positional[0], &slip, &why);
    return r < 0 ? cli_complain(cli, r, &why)
                 : remote_do(keyring_enrol(cli, &slip, cli_option(cli, "--unit")));
}

/* A key is revoked in the name of its unit, which decides who may. */
static int revoke_run(struct cli *cli)
{
    struct id128 id;
    Zb__KeyRecord *record;
    const char *text = cli->positional[0];
    if (hex_decode(bytes_str(text), id.b, sizeof(id.b)) < 0)
        return cli_fault(cli, -EINVAL, _("give 32 hexadecimal digits; see 'zhengban key list'"),
                         _("'%s' is no key's id"), text);
    int r = READ_GET(cli, TABLE_KEY, key_id(id128_bytes(&id)), &record);
    if (r == -EIO)
        return CLI_INVALID;
    if (r < 0)
        return cli_fault(cli, r, _("see 'zhengban key list'"), _("key %s is not enrolled"), text);
    struct remote_command *command = remote_begin(cli);
    if (record->key != NULL && record->key->unit[0] != '\0')
        remote_argument(command, "unit", record->key->unit);
    return remote_do(command);
}

static void put_row(struct cli *cli, struct cli_table *table, const Zb__KeyRecord *record)
{
    const Zb__RegistryKey *key = record->key;
    cli_cell(table, read_hex(cli, bytes_of(key->id.data, key->id.len)));
    cli_cell(table, read_word(cli, &zb__role__descriptor, "ROLE_", (int)key->role));
    cli_cell(table, key->unit);
    cli_cell(table, read_word(cli, &zb__key_state__descriptor, "KEY_", (int)key->state));
    cli_cell(table, key->label);
    cli_cell(table, read_instant(cli, key->enrolled_ms));
    cli_cell(table, read_instant(cli, key->revoked_ms));
    cli_cell(table, record->revoked_why);
    cli_row_end(table);
}

static int list_run(struct cli *cli)
{
    static const char *const columns[] = { N_("key"),   N_("role"),     N_("unit"),    N_("state"),
                                           N_("label"), N_("enrolled"), N_("revoked"), N_("why") };
    struct cli_table *table = cli_table_new(cli, columns, ARRAY_LEN(columns));
    struct scan scan = scan_begin(cli, TABLE_KEY, (struct ledger_key){ 0 });
    while (scan_next(&scan)) {
        const Zb__KeyRecord *record = (const Zb__KeyRecord *)scan.record;
        if (record->key != NULL)
            put_row(cli, table, record);
    }
    int code = scan_end(&scan);
    if (code == CLI_DONE)
        cli_table_end(table);
    return code;
}

static const struct cli_option new_options[] = {
    { .name = "--role",
      .value = "ROLE",
      .help = N_("collector, matcher or official"),
      .required = true },
    { .name = "--label", .value = "TEXT", .help = N_("what people call it; else its name") },
};

static const struct cli_option enrol_options[] = {
    { .name = "--unit", .value = "UNIT", .help = N_("root of what it may speak for") },
};

static const struct cli_option revoke_options[] = {
    { .name = "--reason",
      .value = "TEXT",
      .help = N_("why it may speak no longer"),
      .required = true },
};

static const struct cli_verb key_verbs[] = {
    { .name = "new",
      .arguments = "NAME",
      .help = N_("Makes a key: keys/NAME.key, which stays secret, and keys/NAME.slip."),
      .options = new_options,
      .option_count = ARRAY_LEN(new_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = new_run },
    { .name = "show",
      .arguments = "NAME",
      .help = N_("Prints the slip of a key, which is what an administrator enrols."),
      .positional_min = 1,
      .positional_max = 1,
      .run = show_run },
    { .name = "enrol",
      .arguments = "SLIPFILE",
      .help = N_("Lets a key speak for a unit and those below it."),
      .options = enrol_options,
      .option_count = ARRAY_LEN(enrol_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = enrol_run },
    { .name = "revoke",
      .arguments = "KEY",
      .help = N_("Ends what a key may do, from now on."),
      .options = revoke_options,
      .option_count = ARRAY_LEN(revoke_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = revoke_run,
      .command = "key.revoke",
      .positional_names = "key" },
    { .name = "list", .arguments = "", .help = N_("Lists enrolled keys."), .run = list_run },
};

const struct cli_command cmd_key = { "key", N_("keys of collectors, matchers and persons"),
                                     key_verbs, ARRAY_LEN(key_verbs) };
