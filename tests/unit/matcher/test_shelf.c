/* shelf: a package is compiled once, checked against the digest that names it, and swapped whole. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/file.h"
#include "matcher/service.h"
#include "tests/lib/tmpdir.h"

CLEANUP_DEFINE(struct shelf *, shelf_free);

enum { PACKAGE_BYTES = 1 << 20 };

/* With a label in a name, so that each label gives another digest. */
static const char yaml_format[] = "id: acme\n"
                                  "name: Acme\n"
                                  "products:\n"
                                  "  - id: acme.tool\n"
                                  "    name: Acme Tool %s\n"
                                  "    category: utility\n"
                                  "    class: commercial\n"
                                  "    reference: https://acme.example/terms\n"
                                  "    fingerprints:\n"
                                  "      - {kind: winget, value: Acme.Tool}\n";

struct home {
    struct tmpdir *dir;
    const char *packages, *compiled;
};

static struct home home_new(void)
{
    struct home home = { .dir = tmpdir_new() };
    cr_assert(eq(int, seal_start(), 0));
    home.packages = tmpdir_sub(home.dir, "packages");
    home.compiled = tmpdir_path(home.dir, "compiled");
    cr_assert(home.packages != NULL && home.compiled != NULL);
    return home;
}

static void home_done(struct home *home)
{
    tmpdir_free(home->dir);
}

static struct shelf *open_shelf(const struct home *home)
{
    struct shelf *shelf = NULL;
    cr_assert(eq(int, shelf_new(home->packages, home->compiled, &shelf), 0));
    return shelf;
}

/* Builds a signed package of that label into *out and tells its digest. */
static struct digest make_package(struct home *home, const char *label, struct buf *out)
{
    const char *source = tmpdir_path(home->dir, "source");
    struct complaint why = { 0 };
    static const uint8_t seed[SEAL_SEED_BYTES] = { 1 };
    struct seal_public publisher;
    struct seal_secret secret;
    struct digest digest;
    size_t products;
    CLEANUP(freep) char *yaml = NULL;
    cr_assert(ge(int, asprintf(&yaml, yaml_format, label), 0));
    cr_assert(eq(int, file_make_dirs(source, 0700), 0));
    cr_assert(eq(
        int, file_write_atomic(tmpdir_path(home->dir, "source/acme.yaml"), bytes_str(yaml), 0600),
        0));
    cr_assert(eq(int, catalogue_build(source, label, out, &products, &why), 0), "%s: %s", why.place,
              why.what);
    seal_keypair(seed, &publisher, &secret);
    cr_assert(eq(int, catalogue_sign(out, &publisher, &secret), 0));
    cr_assert(eq(int, catalogue_verify(buf_bytes(out), NULL, &digest, NULL, 0, &why), 0));
    return digest;
}

/* Lays a package onto the shelf under the name of a digest. */
static void lay(struct home *home, struct digest digest, struct bytes package)
{
    char hex[HEX256_SIZE], name[HEX256_SIZE + 32];
    hex_encode(digest.b, sizeof(digest.b), hex);
    (void)snprintf(name, sizeof(name), "packages/%s.zbc", hex);
    cr_assert(eq(int, file_write_atomic(tmpdir_path(home->dir, name), package, 0600), 0));
}

static struct digest lay_new(struct home *home, const char *label)
{
    CLEANUP(buf_done) struct buf package = BUF_INIT(PACKAGE_BYTES);
    struct digest digest = make_package(home, label, &package);
    lay(home, digest, buf_bytes(&package));
    return digest;
}

static void judges_by(struct shelf *shelf, struct digest digest)
{
    const struct catalogue *catalogue = shelf_catalogue(shelf);
    cr_assert(catalogue != NULL);
    cr_assert(digest_eq(catalogue_digest(catalogue), digest));
    cr_assert(eq(u64, catalogue_products(catalogue), 1));
}

static int want(struct shelf *shelf, struct digest digest)
{
    struct complaint why = { 0 };
    int r = shelf_want(shelf, digest, &why);
    cr_assert(r == 0 || r == -EAGAIN || why.what[0] != '\0', "says nothing: %d", r);
    return r;
}

static const char *compiled_path(struct home *home, struct digest digest)
{
    char hex[HEX256_SIZE], name[HEX256_SIZE + 32];
    hex_encode(digest.b, sizeof(digest.b), hex);
    (void)snprintf(name, sizeof(name), "compiled/%s", hex);
    const char *path = tmpdir_path(home->dir, name);
    cr_assert(path != NULL);
    return path;
}

Test(shelf, compiles_a_package_once_and_swaps)
{
    CLEANUP(home_done) struct home home = home_new();
    CLEANUP(shelf_freep) struct shelf *shelf = open_shelf(&home);
    cr_assert(shelf_catalogue(shelf) == NULL);
    struct digest first = lay_new(&home, "2026.11"), second = lay_new(&home, "2026.12");
    cr_assert(not(digest_eq(first, second)));
    cr_assert(eq(int, want(shelf, first), 0));
    judges_by(shelf, first);
    cr_assert(eq(int, want(shelf, first), 0));
    cr_assert(eq(int, want(shelf, second), 0));
    judges_by(shelf, second);
    /* Compiled already: the package itself is not needed any more. */
    char hex[HEX256_SIZE], name[HEX256_SIZE + 32];
    hex_encode(first.b, sizeof(first.b), hex);
    (void)snprintf(name, sizeof(name), "packages/%s.zbc", hex);
    cr_assert(eq(int, unlink(tmpdir_path(home.dir, name)), 0));
    cr_assert(eq(int, want(shelf, first), 0));
    judges_by(shelf, first);
}

Test(shelf, keeps_the_catalogue_it_has_when_another_is_missing)
{
    CLEANUP(home_done) struct home home = home_new();
    CLEANUP(shelf_freep) struct shelf *shelf = open_shelf(&home);
    struct digest there = lay_new(&home, "2026.11"), missing = { .b = { 7 } };
    cr_assert(eq(int, want(shelf, missing), -ENOENT));
    cr_assert(shelf_catalogue(shelf) == NULL);
    cr_assert(eq(int, want(shelf, there), 0));
    cr_assert(eq(int, want(shelf, missing), -ENOENT));
    judges_by(shelf, there);
}

Test(shelf, refuses_a_package_under_the_name_of_another)
{
    CLEANUP(home_done) struct home home = home_new();
    CLEANUP(shelf_freep) struct shelf *shelf = open_shelf(&home);
    CLEANUP(buf_done) struct buf package = BUF_INIT(PACKAGE_BYTES);
    struct digest other = { .b = { 7 } }, own = make_package(&home, "2026.11", &package);
    lay(&home, other, buf_bytes(&package));
    cr_assert(eq(int, want(shelf, other), -EBADMSG));
    package.data[package.size / 2] ^= 1;
    lay(&home, own, buf_bytes(&package));
    cr_assert(eq(int, want(shelf, own), -EBADMSG));
    cr_assert(shelf_catalogue(shelf) == NULL);
    cr_assert(eq(int, access(compiled_path(&home, own), F_OK), -1));
    cr_assert(eq(int, access(compiled_path(&home, other), F_OK), -1));
}

Test(shelf, goes_over_what_a_killed_compilation_left)
{
    CLEANUP(home_done) struct home home = home_new();
    CLEANUP(shelf_freep) struct shelf *shelf = open_shelf(&home);
    struct digest digest = lay_new(&home, "2026.11");
    cr_assert(eq(int, file_make_dirs(tmpdir_path(home.dir, "compiled/making/deep"), 0700), 0));
    cr_assert(eq(int,
                 file_write_atomic(tmpdir_path(home.dir, "compiled/making/data.mdb"),
                                   BYTES_LIT("half"), 0600),
                 0));
    cr_assert(eq(int, want(shelf, digest), 0));
    judges_by(shelf, digest);
}

Test(shelf, compiles_anew_what_is_damaged_or_of_another_format)
{
    CLEANUP(home_done) struct home home = home_new();
    struct digest digest = lay_new(&home, "2026.11");
    const char *path = compiled_path(&home, digest);
    char data[FILE_PATH_SIZE];
    cr_assert(eq(int, file_make_dirs(path, 0700), 0));
    cr_assert(eq(int, path_join(data, sizeof(data), path, "data.mdb"), 0));
    static uint8_t junk[16384] = { 1, 2, 3 };
    cr_assert(eq(int, file_write_atomic(data, bytes_of(junk, sizeof(junk)), 0600), 0));
    CLEANUP(shelf_freep) struct shelf *shelf = open_shelf(&home);
    cr_assert(eq(int, want(shelf, digest), 0));
    judges_by(shelf, digest);
}

Test(shelf, waits_while_another_process_compiles)
{
    CLEANUP(home_done) struct home home = home_new();
    CLEANUP(shelf_freep) struct shelf *shelf = open_shelf(&home);
    struct digest digest = lay_new(&home, "2026.11");
    int lock_fd = -1;
    cr_assert(eq(int, file_lock(tmpdir_path(home.dir, "compiled/lock"), &lock_fd), 0));
    cr_assert(eq(int, want(shelf, digest), -EAGAIN));
    cr_assert(shelf_catalogue(shelf) == NULL);
    (void)close(lock_fd);
    cr_assert(eq(int, want(shelf, digest), 0));
    judges_by(shelf, digest);
}

/* A child: wants the digest until it has it. */
static int child_wants(const struct home *home, struct digest digest)
{
    struct shelf *shelf = NULL;
    if (shelf_new(home->packages, home->compiled, &shelf) < 0)
        return 2;
    int r = -EAGAIN;
    for (int tries = 0; tries < 5000 && r == -EAGAIN; tries++) {
        r = shelf_want(shelf, digest, NULL);
        if (r == -EAGAIN)
            (void)usleep(1000); /* as the matcher asks again later */
    }
    bool right = r == 0 && digest_eq(catalogue_digest(shelf_catalogue(shelf)), digest);
    shelf_free(shelf);
    return right ? 0 : 3;
}

Test(shelf, serves_several_processes_that_compile_at_once)
{
    enum { CHILDREN = 6, ROUNDS = 5 };
    CLEANUP(home_done) struct home home = home_new();
    for (int round = 0; round < ROUNDS; round++) {
        char label[32];
        (void)snprintf(label, sizeof(label), "2026.%d", round);
        CLEANUP(buf_done) struct buf package = BUF_INIT(PACKAGE_BYTES);
        struct digest digest = make_package(&home, label, &package);
        char hex[HEX256_SIZE], path[FILE_PATH_SIZE];
        hex_encode(digest.b, sizeof(digest.b), hex);
        (void)snprintf(path, sizeof(path), "%s/%s.zbc", home.packages, hex);
        cr_assert(eq(int, file_write_atomic(path, buf_bytes(&package), 0600), 0));
        pid_t children[CHILDREN];
        for (size_t i = 0; i < CHILDREN; i++) {
            children[i] = fork();
            if (children[i] == 0)
                _exit(child_wants(&home, digest));
        }
        for (size_t i = 0; i < CHILDREN; i++) {
            int status;
            cr_assert(eq(int, waitpid(children[i], &status, 0), children[i]));
            cr_assert(eq(int, status, 0), "round %d, child %zu", round, i);
        }
    }
}
