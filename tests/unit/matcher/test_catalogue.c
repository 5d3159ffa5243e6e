/* The catalogue: what is wrong is named with its place, what was signed cannot change, and the same
 * text gives the same package. */
#include "matcher/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "fixture.h"

static const char good[] = "id: acme\n"
                           "name: Acme\n"
                           "name_zh: 顶点\n"
                           "aliases: [Acme Corp.]\n"
                           "domestic: yes\n"
                           "products:\n"
                           "  - id: acme.tool\n"
                           "    name: Acme Tool\n"
                           "    category: utility\n"
                           "    class: commercial\n"
                           "    editions: [professional]\n"
                           "    reference: https://acme.example/terms\n"
                           "    fingerprints:\n"
                           "      - {kind: winget, value: Acme.Tool}\n";

static void write_file(struct tmpdir *dir, const char *name, const char *text)
{
    cr_assert(eq(int, file_write_atomic(tmpdir_path(dir, name), bytes_str(text), 0600), 0));
}

static int build(struct tmpdir *dir, struct buf *out, struct complaint *why)
{
    size_t products = 0;
    cr_assert(eq(int, seal_start(), 0));
    return catalogue_build(dir->path, "2026.11", out, &products, why);
}

/* A package of `good`. */
static void build_good(struct buf *out)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct complaint why = { 0 };
    write_file(dir, "acme.yaml", good);
    cr_assert(eq(int, build(dir, out, &why), 0), "%s: %s", why.place, why.what);
}

static void expect_refused(const char *name, const char *text, const char *place, const char *what)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf out = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    struct complaint why = { 0 };
    write_file(dir, name, text);
    cr_expect(eq(int, build(dir, &out, &why), -EINVAL), "%s", text);
    cr_expect(strstr(why.place, place) != NULL, "place '%s' lacks '%s'", why.place, place);
    cr_expect(strstr(why.what, what) != NULL, "fault '%s' lacks '%s'", why.what, what);
    cr_expect(why.remedy[0] != '\0');
}

#define HEAD "id: acme\nname: Acme\nproducts:\n"
#define TOOL "  - {id: acme.tool, name: Tool, category: utility, class: commercial, reference: x"

Test(catalogue, names_file_line_and_key_of_what_it_refuses)
{
    expect_refused("acme.yaml", "id: acme\nname: Acme\ncolour: red\n",
                   "acme.yaml line 3, key 'colour'", "no known key");
    expect_refused("acme.yaml", "id: acme\n", "acme.yaml", "name");
    expect_refused("acme.yaml", HEAD TOOL ", price: 3}\n", "key 'price'", "no known key");
    expect_refused("acme.yaml",
                   HEAD
                   "  - {id: acme.tool, name: T, category: office, class: paid, reference: x}\n",
                   "'class'", "'paid' is no class");
    expect_refused("acme.yaml",
                   HEAD
                   "  - {id: acme.tool, name: T, category: offise, class: free, reference: x}\n",
                   "'category'", "'offise'");
    expect_refused("acme.yaml",
                   HEAD
                   "  - {id: acme.tool, name: T, category: office, class: free, reference: x}\n",
                   "line 4", "for nobody");
    expect_refused("acme.yaml",
                   HEAD
                   "  - {id: other.tool, name: T, category: os, class: system, reference: x}\n",
                   "'id'", "other.tool");
    expect_refused("other.yaml", good, "'id'", "acme");
    expect_refused("acme.yaml", HEAD TOOL ", editions: [profesional]}\n", "editions",
                   "profesional");
    expect_refused("acme.yaml", HEAD TOOL ", fingerprints: [{kind: wingot, value: A.B}]}\n",
                   "line 4", "no fingerprint");
    expect_refused("acme.yaml", HEAD TOOL ", fingerprints: [{kind: sha256, value: abc}]}\n",
                   "value", "cannot be of kind sha256");
    expect_refused("acme.yaml", HEAD TOOL ", fingerprints: [{kind: pattern, value: 'a('}]}\n",
                   "acme.tool", "pattern fails");
    expect_refused("acme.yaml", HEAD TOOL ", fingerprints: [{kind: pattern, value: '(a)'}]}\n",
                   "acme.tool", "captures");
    expect_refused("acme.yaml", "id: acme\nname: \"a\\tb\"\n", "'name'", "control character");
}

Test(catalogue, refuses_an_id_that_stands_twice)
{
    expect_refused("acme.yaml", HEAD TOOL "}\n" TOOL "}\n", "line 5, acme.tool", "line 4");
}

Test(catalogue, refuses_evidence_that_two_products_claim)
{
    expect_refused("acme.yaml",
                   HEAD TOOL ", fingerprints: [{kind: winget, value: A.B}]}\n"
                             "  - {id: acme.two, name: Two, category: utility, class: commercial, "
                             "reference: x, fingerprints: [{kind: winget, value: a.b}]}\n",
                   "acme.two", "evidence of acme.tool already");
    expect_refused("acme.yaml",
                   HEAD TOOL "}\n"
                             "  - {id: acme.two, name: TOOL 2.0 x64, aliases: [tool], "
                             "category: utility, class: commercial, reference: x}\n",
                   "acme.two", "evidence of acme.tool already");
}

Test(catalogue, wants_two_kinds_of_evidence)
{
    expect_refused("acme.yaml", "id: acme\nname: Acme\nanonymous: true\nproducts:\n" TOOL "}\n",
                   "acme.tool", "one kind of evidence");
}

Test(catalogue, of_a_folder_without_files_is_not_there)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf out = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    struct complaint why = { 0 };
    cr_assert(eq(int, build(dir, &out, &why), -ENOENT));
    cr_assert(eq(int, catalogue_build(tmpdir_path(dir, "no"), "x", &out, NULL, &why), -ENOENT));
}

Test(catalogue, refuses_a_label_of_two_lines)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf out = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    struct complaint why = { 0 };
    write_file(dir, "acme.yaml", good);
    cr_assert(eq(int, catalogue_build(dir->path, "a\nb", &out, NULL, &why), -EINVAL));
    cr_assert(eq(int, catalogue_build(dir->path, "", &out, NULL, &why), -EINVAL));
}

static struct digest digest_of_package(const struct buf *package, char label[65])
{
    struct digest digest;
    struct complaint why = { 0 };
    cr_assert(eq(int, catalogue_verify(buf_bytes(package), NULL, &digest, label, 65, &why), 0),
              "%s", why.what);
    return digest;
}

Test(package, is_the_same_for_the_same_text_whatever_its_label)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf one = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    CLEANUP(buf_done) struct buf two = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    CLEANUP(buf_done) struct buf other = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    char label[65], first[65];
    build_good(&one);
    build_good(&two);
    cr_assert(bytes_eq(buf_bytes(&one), buf_bytes(&two)));
    write_file(dir, "acme.yaml", good);
    cr_assert(eq(int, catalogue_build(dir->path, "other", &other, NULL, NULL), 0));
    cr_assert(digest_eq(digest_of_package(&one, label), digest_of_package(&two, label)));
    cr_assert(eq(str, label, (char *)"2026.11"));
    struct digest same = digest_of_package(&other, label);
    cr_assert(digest_eq(digest_of_package(&one, first), same));
    cr_assert(eq(str, label, (char *)"other"));
}

static void keys(uint8_t seed_byte, struct seal_public *public, struct seal_secret *secret)
{
    uint8_t seed[SEAL_SEED_BYTES];
    cr_assert(eq(int, seal_start(), 0));
    memset(seed, seed_byte, sizeof(seed));
    seal_keypair(seed, public, secret);
}

Test(package, is_taken_from_its_publisher_alone)
{
    CLEANUP(buf_done) struct buf package = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    struct seal_public publisher, stranger;
    struct seal_secret secret, other;
    keys(1, &publisher, &secret);
    keys(2, &stranger, &other);
    build_good(&package);
    cr_assert(
        eq(int, catalogue_verify(buf_bytes(&package), &publisher, NULL, NULL, 0, NULL), -EBADMSG));
    cr_assert(eq(int, catalogue_sign(&package, &publisher, &secret), 0));
    cr_assert(eq(int, catalogue_verify(buf_bytes(&package), &publisher, NULL, NULL, 0, NULL), 0));
    cr_assert(eq(int, catalogue_verify(buf_bytes(&package), NULL, NULL, NULL, 0, NULL), 0));
    cr_assert(
        eq(int, catalogue_verify(buf_bytes(&package), &stranger, NULL, NULL, 0, NULL), -EBADMSG));
    cr_assert(eq(int, catalogue_sign(&package, &stranger, &other), -EEXIST));
}

Test(package, with_any_byte_changed_or_cut_is_refused)
{
    CLEANUP(buf_done) struct buf package = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    struct seal_public publisher;
    struct seal_secret secret;
    keys(1, &publisher, &secret);
    build_good(&package);
    cr_assert(eq(int, catalogue_sign(&package, &publisher, &secret), 0));
    for (size_t i = 0; i < package.size; i++) {
        package.data[i] ^= 1;
        int r = catalogue_verify(buf_bytes(&package), &publisher, NULL, NULL, 0, NULL);
        cr_assert(eq(int, r, -EBADMSG), "byte %zu", i);
        package.data[i] ^= 1;
        r = catalogue_verify(bytes_of(package.data, i), &publisher, NULL, NULL, 0, NULL);
        cr_assert(eq(int, r, -EBADMSG), "cut at %zu", i);
    }
}

Test(compiled, says_what_the_text_said)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf package = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    CLEANUP(catalogue_closep) struct catalogue *catalogue = NULL;
    struct catalogue_product p;
    char label[65];
    build_good(&package);
    cr_assert(eq(int, catalogue_compile(buf_bytes(&package), tmpdir_path(dir, "c"), NULL), 0));
    cr_assert(eq(int, catalogue_open(tmpdir_path(dir, "c"), &catalogue, NULL), 0));
    cr_assert(digest_eq(catalogue_digest(catalogue), digest_of_package(&package, label)));
    cr_assert(eq(str, (char *)catalogue_label(catalogue), (char *)"2026.11"));
    cr_assert(eq(u64, catalogue_products(catalogue), 1));
    cr_assert(eq(int, catalogue_product(catalogue, "acme.tool", NULL, &p), 0));
    cr_assert(eq(str, (char *)p.name, (char *)"Acme Tool"));
    cr_assert(eq(str, (char *)p.vendor_zh, (char *)"顶点"));
    cr_assert(eq(int, p.licence_class, CLASS_COMMERCIAL));
    cr_assert(p.domestic);
    cr_assert(eq(int, catalogue_product(catalogue, "acme.none", NULL, &p), -ENOENT));
}

Test(compiled, stands_in_a_new_folder_only)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf package = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    struct complaint why = { 0 };
    build_good(&package);
    cr_assert(eq(int, catalogue_compile(buf_bytes(&package), dir->path, &why), -EEXIST));
    package.data[package.size - 2] ^= 1;
    cr_assert(
        eq(int, catalogue_compile(buf_bytes(&package), tmpdir_path(dir, "d"), &why), -EBADMSG));
    cr_assert(eq(int, access(tmpdir_path(dir, "d"), F_OK), -1));
}

Test(compiled, that_was_damaged_is_not_opened)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(buf_done) struct buf package = BUF_INIT(FIXTURE_PACKAGE_BYTES);
    struct catalogue *catalogue = NULL;
    struct complaint why = { 0 };
    build_good(&package);
    cr_assert(eq(int, catalogue_open(tmpdir_path(dir, "none"), &catalogue, &why), -ENOENT));
    cr_assert(eq(int, catalogue_compile(buf_bytes(&package), tmpdir_path(dir, "c"), NULL), 0));
    int fd = open(tmpdir_path(dir, "c/data.mdb"), O_RDWR | O_CLOEXEC);
    struct bytes all;
    CLEANUP(arena_freep) struct arena *arena = arena_new(64 << 20);
    cr_assert(fd >= 0);
    cr_assert(eq(int, file_read(arena, tmpdir_path(dir, "c/data.mdb"), 32 << 20, &all, NULL), 0));
    const uint8_t *at = memmem(all.data, all.size, "Acme Tool", 9);
    cr_assert(at != NULL);
    cr_assert(eq(sz, (size_t)pwrite(fd, "B", 1, at - all.data), (size_t)1));
    (void)close(fd);
    cr_assert(eq(int, catalogue_open(tmpdir_path(dir, "c"), &catalogue, &why), -EPROTO));
    cr_assert(catalogue == NULL && why.remedy[0] != '\0');
}

static int count_product(void *ctx, const struct catalogue_product *product)
{
    size_t *count = ctx;
    (*count)++;
    cr_expect(product->reference[0] != '\0', "%s has no reference", product->id);
    return 0;
}

Test(tree, has_a_catalogue_that_opens_within_a_second)
{
    struct timespec before, after;
    size_t count = 0;
    clock_gettime(CLOCK_MONOTONIC, &before);
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    clock_gettime(CLOCK_MONOTONIC, &after);
    cr_assert(eq(int, catalogue_each(f->catalogue, count_product, &count), 0));
    cr_assert(ge(sz, count, (size_t)90));
    cr_assert(eq(u64, catalogue_products(f->catalogue), count));
    double seconds =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    cr_assert(lt(dbl, seconds, 5.0), "built, compiled and opened in %.2f s", seconds);
}
