/* cmd_catalogue.c - `zhengban catalogue`: licence fingerprints, from text to what counts. */
#include <errno.h>
#include <string.h>

#include "cli/read.h"
#include "cli/shelf.h"

static const char *class_word(struct cli *cli, const struct catalogue_product *product)
{
    return read_word(cli, &zb__licence_class__descriptor, "CLASS_", (int)product->licence_class);
}

/* ---- build, verify, activate ---- */

static int sign_package(struct cli *cli, struct buf *package, struct complaint *why)
{
    const char *name = cli_option(cli, "--sign");
    const char *path =
        cli_path(cli, arena_printf(cli->arena, "keys/%s.key", name == NULL ? cli->actor : name));
    struct identity identity;
    int r = path == NULL ? -ENOMEM : identity_load(path, &identity, why);
    if (r == 0)
        r = catalogue_sign(package, &identity.sign_public, &identity.sign_secret);
    identity_wipe(&identity);
    return r;
}

static int package_told(struct cli *cli, struct bytes package, const char *path, uint64_t products)
{
    struct digest digest;
    char label[PACKAGE_LABEL_BYTES];
    struct complaint why = { 0 };
    int r = catalogue_verify(package, NULL, &digest, label, sizeof(label), &why);
    if (r < 0) {
        if (why.place[0] == '\0')
            complaint_at(&why, "%s", path);
        return cli_complain(cli, r, &why);
    }
    const char *hex = read_hex(cli, digest_bytes(&digest));
    if (!cli->json) {
        cli_say(cli, _("%s: catalogue %s, digest %s"), path, label, hex);
        if (products > 0)
            cli_say(cli, _("%llu products"), (unsigned long long)products);
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_str(&json, "file", path);
    json_put_str(&json, "catalogue", hex);
    json_put_str(&json, "label", label);
    if (products > 0)
        json_put_uint(&json, "products", products);
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static int build_run(struct cli *cli)
{
    const char *dir = cli->positional[0], *out = cli_option(cli, "-o");
    const char *label = cli_option(cli, "--label");
    CLEANUP(buf_done) struct buf package = BUF_INIT(PACKAGE_BYTES);
    struct complaint why = { 0 };
    size_t products = 0;
    int r = catalogue_build(dir, label == NULL ? "catalogue" : label, &package, &products, &why);
    if (r == 0)
        r = sign_package(cli, &package, &why);
    if (r == 0) {
        complaint_at(&why, "%s", out);
        r = file_write_atomic(out, buf_bytes(&package), 0644);
    }
    return r < 0 ? cli_complain(cli, r, &why)
                 : package_told(cli, buf_bytes(&package), out, products);
}

static int verify_run(struct cli *cli)
{
    struct complaint why = { 0 };
    struct bytes package;
    const char *path = cli->positional[0];
    int r = file_read(cli->arena, path, PACKAGE_BYTES, &package, &why);
    return r < 0 ? cli_complain(cli, r, &why) : package_told(cli, package, path, 0);
}

static int activate_run(struct cli *cli)
{
    struct complaint why = { 0 };
    struct bytes package;
    struct remote_command *command;
    struct shelved shelved;
    const char *path = cli->positional[0];
    if (cli_config(cli) == NULL)
        return CLI_INVALID;
    /* Opening it compiles it: what no matcher could use is refused here. */
    int status = shelved_open(cli, path, &shelved);
    uint64_t products = status == CLI_DONE ? catalogue_products(shelved.catalogue) : 0;
    shelved_close(&shelved);
    if (status != CLI_DONE)
        return status;
    int r = file_read(cli->arena, path, PACKAGE_BYTES, &package, &why);
    if (r == 0)
        r = shelf_activate(cli, package, products, &command, &why);
    if (r != 0)
        return cli_complain(cli, r, &why);
    return remote_do(command);
}

/* ---- list and show ---- */

struct listing {
    struct cli *cli;
    struct cli_table *table;
};

static int list_one(void *ctx, const struct catalogue_product *product)
{
    const struct listing *listing = ctx;
    struct cli_table *table = listing->table;
    cli_cell(table, product->id);
    cli_cell(table, product->name);
    cli_cell(table, product->name_zh);
    cli_cell(table, product->vendor);
    cli_cell(table, product->category);
    cli_cell(table, class_word(listing->cli, product));
    cli_cell_bool(table, product->domestic);
    cli_row_end(table);
    return 0;
}

static int list_run(struct cli *cli)
{
    static const char *const columns[] = { N_("id"),       N_("name"),  N_("name_zh"), N_("vendor"),
                                           N_("category"), N_("class"), N_("domestic") };
    struct shelved shelved;
    int status = shelved_open(cli, cli_option(cli, "--package"), &shelved);
    if (status == CLI_DONE) {
        struct listing listing = { cli, cli_table_new(cli, columns, ARRAY_LEN(columns)) };
        int r = catalogue_each(shelved.catalogue, list_one, &listing);
        if (r < 0)
            status = cli_fault(cli, r, _("activate it again"), _("the catalogue cannot be read"));
        else
            cli_table_end(listing.table);
    }
    shelved_close(&shelved);
    return status;
}

static void say_if(struct cli *cli, const char *label, const char *text)
{
    if (text != NULL && text[0] != '\0')
        cli_say(cli, "  %-12s %s", label, text);
}

static int show_product(struct cli *cli, const struct catalogue *catalogue,
                        const struct catalogue_product *product)
{
    if (!cli->json) {
        cli_say(cli, "%s  %s %s", product->id, product->name, product->name_zh);
        say_if(cli, _("vendor"), product->vendor);
        say_if(cli, "", product->vendor_zh);
        say_if(cli, _("category"), product->category);
        say_if(cli, _("class"), class_word(cli, product));
        say_if(cli, _("free for"), product->free_for);
        say_if(cli, _("reference"), product->reference);
        say_if(cli, _("catalogue"), catalogue_label(catalogue));
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    json_put_str(&json, "id", product->id);
    json_put_str(&json, "name", product->name);
    json_put_str(&json, "name_zh", product->name_zh);
    json_put_str(&json, "vendor", product->vendor);
    json_put_str(&json, "vendor_zh", product->vendor_zh);
    json_put_str(&json, "category", product->category);
    json_put_str(&json, "class", class_word(cli, product));
    json_put_str(&json, "free_for", product->free_for);
    json_put_str(&json, "reference", product->reference);
    json_put_bool(&json, "domestic", product->domestic);
    struct digest digest = catalogue_digest(catalogue);
    json_put_hex(&json, "catalogue", digest_bytes(&digest));
    json_end(&json);
    json_end_line(&json);
    return cli_put(cli);
}

static int show_run(struct cli *cli)
{
    struct shelved shelved;
    struct catalogue_product product;
    int status = shelved_open(cli, cli_option(cli, "--package"), &shelved);
    if (status == CLI_DONE) {
        int r = catalogue_product(shelved.catalogue, cli->positional[0], cli->arena, &product);
        status = r < 0 ? cli_fault(cli, r, _("see 'zhengban catalogue list'"),
                                   _("the catalogue has no product '%s'"), cli->positional[0])
                       : show_product(cli, shelved.catalogue, &product);
    }
    shelved_close(&shelved);
    return status;
}

static const struct cli_option build_options[] = {
    { .name = "-o", .value = "FILE", .help = N_("the package to write"), .required = true },
    { .name = "--label", .value = "TEXT", .help = N_("what people call this version") },
    { .name = "--sign",
      .value = "NAME",
      .help = N_("sign with keys/NAME.key; else with the key of --as") },
};

static const struct cli_option package_options[] = {
    { .name = "--package",
      .value = "FILE",
      .help = N_("look into this package; else the active catalogue, else the built-in one") },
};

static const struct cli_verb catalogue_verbs[] = {
    { .name = "build",
      .arguments = "DIR",
      .help = N_("Builds a signed package from the reviewed text below DIR."),
      .options = build_options,
      .option_count = ARRAY_LEN(build_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = build_run },
    { .name = "verify",
      .arguments = "FILE",
      .help = N_("Checks a package and gives its digest."),
      .positional_min = 1,
      .positional_max = 1,
      .run = verify_run },
    { .name = "activate",
      .arguments = "FILE",
      .help = N_("Makes a package the catalogue whose verdicts count."),
      .positional_min = 1,
      .positional_max = 1,
      .run = activate_run },
    { .name = "list",
      .arguments = "",
      .help = N_("Lists products."),
      .options = package_options,
      .option_count = ARRAY_LEN(package_options),
      .run = list_run },
    { .name = "show",
      .arguments = "PRODUCT",
      .help = N_("Shows one product."),
      .options = package_options,
      .option_count = ARRAY_LEN(package_options),
      .positional_min = 1,
      .positional_max = 1,
      .run = show_run },
};

const struct cli_command cmd_catalogue = { "catalogue", N_("licence fingerprints"), catalogue_verbs,
                                           ARRAY_LEN(catalogue_verbs) };
