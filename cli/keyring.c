/* keyring.c - makes and enrols identities. */
#include "cli/keyring.h"

#include <errno.h>
#include <string.h>

#include "cli/read.h"

enum { SLIP_BYTES = 4096 };

/* Letters, digits, '.', '_' and '-', as the daemons' instance names. */
static bool is_key_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(name);
    return n > 0 && n < 64 && strspn(name, allowed) == n && name[0] != '.' && name[0] != '-';
}

int keyring_new(struct cli *cli, const char *name, Zb__Role role, const char *label,
                struct identity *ret_identity, struct complaint *why)
{
    if (!is_key_name(name))
        return complain(why, -EINVAL, _("letters, digits, '.', '_' and '-', at most 63"),
                        _("'%s' cannot name a key"), name);
    const char *dir = cli_path(cli, "keys");
    const char *key = cli_path(cli, arena_printf(cli->arena, "keys/%s.key", name));
    const char *slip = cli_path(cli, arena_printf(cli->arena, "keys/%s.slip", name));
    int r = dir == NULL || key == NULL || slip == NULL ? -ENOMEM : file_make_dirs(dir, 0700);
    if (r == 0)
        r = identity_new(role, label, ret_identity);
    if (r == -EINVAL)
        return complain(why, r, _("at most 63 bytes of text on one line, without blanks around it"),
                        _("'%s' cannot be a key's label"), label);
    if (r < 0)
        return r;
    CLEANUP(buf_done) struct buf text = BUF_INIT(SLIP_BYTES);
    r = identity_save(ret_identity, key, why);
    if (r == 0)
        r = slip_print(ret_identity, &text);
    if (r == 0)
        r = file_write_atomic(slip, buf_bytes(&text), 0644);
    if (r < 0)
        identity_wipe(ret_identity);
    return r;
}

struct remote_command *keyring_enrol(struct cli *cli, const struct identity_public *key,
                                     const char *unit)
{
    struct remote_command *command = remote_command(cli, "key.enrol");
    remote_argument(command, "role", role_name(key->role));
    remote_argument(command, "sign",
                    read_hex(cli, bytes_of(key->sign_public.b, sizeof(key->sign_public.b))));
    remote_argument(command, "link", read_hex(cli, bytes_of(key->link_public, LINK_KEY_BYTES)));
    if (key->label[0] != '\0')
        remote_argument(command, "label", key->label);
    remote_argument(command, "unit", unit);
    return command;
}
