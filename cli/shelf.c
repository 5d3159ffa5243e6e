/* shelf.c - finds, compiles and files catalogues. */
#include "cli/shelf.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/places.h"
#include "cli/read.h"

void shelved_close(struct shelved *shelved)
{
    catalogue_close(TAKE_PTR(shelved->catalogue));
    if (shelved->dir[0] != '\0')
        place_remove(shelved->dir);
    shelved->dir[0] = '\0';
}

static int open_package(struct cli *cli, struct bytes package, struct shelved *shelved,
                        struct complaint *why)
{
    struct digest digest;
    char label[PACKAGE_LABEL_BYTES], compiled[FILE_PATH_SIZE];
    int r = catalogue_verify(package, NULL, &digest, label, sizeof(label), why);
    if (r == 0)
        r = place_scratch(cli, NULL, shelved->dir);
    if (r == 0)
        r = path_join(compiled, sizeof(compiled), shelved->dir, "catalogue");
    if (r == 0)
        r = catalogue_compile(package, compiled, why);
    return r < 0 ? r : catalogue_open(compiled, &shelved->catalogue, why);
}

int shelf_active(struct cli *cli, struct digest *ret_digest)
{
    Zb__StateRecord *state;
    const char *path = cli_path(cli, "config.yaml");
    if (path == NULL || access(path, R_OK) < 0)
        return -ENOENT;
    int r = READ_GET(cli, TABLE_STATE, key_name("catalogue"), &state);
    if (r < 0)
        return r;
    return digest_of(bytes_of(state->bytes.data, state->bytes.len), ret_digest) ? 0 : -ENOENT;
}

/* The active catalogue as a matcher has compiled it, else from its package. */
static int open_active(struct cli *cli, struct shelved *shelved, struct complaint *why)
{
    struct digest digest;
    int r = shelf_active(cli, &digest);
    if (r < 0)
        return r;
    const char *hex = read_hex(cli, digest_bytes(&digest));
    const char *compiled =
        cli_path(cli, arena_printf(cli->arena, "%s/%s",
                                   config_text(cli->config, "catalogue.compiled"), hex));
    const char *package =
        cli_path(cli, arena_printf(cli->arena, "%s/%s.zbc",
                                   config_text(cli->config, "catalogue.packages"), hex));
    if (compiled == NULL || package == NULL)
        return -ENOMEM;
    if (access(compiled, R_OK) == 0)
        return catalogue_open(compiled, &shelved->catalogue, why);
    struct bytes text;
    r = file_read(cli->arena, package, PACKAGE_BYTES, &text, why);
    return r < 0 ? r : open_package(cli, text, shelved, why);
}

/* What comes with the program, built for this command. */
static int open_builtin(struct cli *cli, struct shelved *shelved, struct complaint *why)
{
    CLEANUP(buf_done) struct buf package = BUF_INIT(PACKAGE_BYTES);
    const char *dir = place_data(cli, "catalogue");
    size_t products;
    struct identity identity;
    int r = dir == NULL ? -ENOMEM : catalogue_build(dir, "built in", &package, &products, why);
    if (r == 0)
        r = identity_new(ROLE_OFFICIAL, "built in", &identity);
    if (r < 0)
        return r;
    /* A package is whole only with a signature; this one is nobody's and goes no further. */
    r = catalogue_sign(&package, &identity.sign_public, &identity.sign_secret);
    identity_wipe(&identity);
    return r < 0 ? r : open_package(cli, buf_bytes(&package), shelved, why);
}

int shelved_open(struct cli *cli, const char *path, struct shelved *shelved)
{
    struct complaint why = { 0 };
    int r;
    *shelved = (struct shelved){ 0 };
    if (path != NULL) {
        struct bytes text;
        r = file_read(cli->arena, path, PACKAGE_BYTES, &text, &why);
        if (r == 0)
            r = open_package(cli, text, shelved, &why);
    } else {
        r = open_active(cli, shelved, &why);
        if (r == -ENOENT && why.what[0] == '\0')
            r = open_builtin(cli, shelved, &why);
    }
    if (r == 0)
        return CLI_DONE;
    return why.what[0] == '\0' && cli->book == NULL && cli->config == NULL && r == -EIO
               ? CLI_INVALID /* the ledger could not be opened, which was said */
               : cli_complain(cli, r, &why);
}

static int name_line(void *ctx, const struct catalogue_product *product)
{
    struct buf *names = ctx;
    buf_printf(names, "%s\t%s\t%s\n", product->id, product->name == NULL ? "" : product->name,
               product->name_zh == NULL ? "" : product->name_zh);
    return buf_error(names);
}

/* DIGEST.names beside the package: what notices call the products. */
static int names_write(struct cli *cli, struct bytes package, const char *dir, const char *hex,
                       struct complaint *why)
{
    struct shelved shelved = { 0 };
    CLEANUP(buf_done) struct buf names = BUF_INIT(PACKAGE_BYTES);
    const char *path = arena_printf(cli->arena, "%s/%s.names", dir, hex);
    int r = path == NULL ? -ENOMEM : open_package(cli, package, &shelved, why);
    if (r == 0)
        r = catalogue_each(shelved.catalogue, name_line, &names);
    if (r == 0)
        r = file_write_atomic(path, buf_bytes(&names), 0644);
    shelved_close(&shelved);
    return r;
}

int shelf_activate(struct cli *cli, struct bytes package, uint64_t products,
                   struct remote_command **ret_command, struct complaint *why)
{
    struct digest digest;
    char label[PACKAGE_LABEL_BYTES];
    int r = catalogue_verify(package, NULL, &digest, label, sizeof(label), why);
    if (r < 0)
        return r;
    const char *hex = read_hex(cli, digest_bytes(&digest));
    const char *dir = cli_path(cli, config_text(cli->config, "catalogue.packages"));
    const char *path = dir == NULL ? NULL : arena_printf(cli->arena, "%s/%s.zbc", dir, hex);
    r = path == NULL ? -ENOMEM : file_make_dirs(dir, 0700);
    if (r == 0)
        r = file_write_atomic(path, package, 0644);
    if (r == 0)
        r = names_write(cli, package, dir, hex, why);
    if (r < 0)
        return r;
    struct remote_command *command = remote_command(cli, "catalogue.activate");
    remote_argument(command, "catalogue", hex);
    remote_argument(command, "label", label);
    if (products > 0)
        remote_argument(command, "products",
                        arena_printf(cli->arena, "%llu", (unsigned long long)products));
    *ret_command = command;
    return command == NULL ? -ENOMEM : 0;
}
