/* Real inventories: no false alarm among packages of distributions, the right products among those of
 * Windows. Skips, saying so, where the corpora are not there. */
#include <jansson.h>

#include "fixture.h"

enum { CORPUS_BYTES = 64 << 20 };

static bool is_alarm(const Zb__Verdict *v)
{
    return v->licence_class == CLASS_COMMERCIAL || v->licence_class == CLASS_OEM_BOUND ||
           v->licence_class == CLASS_TRIAL || v->licence_class == CLASS_PROHIBITED;
}

/* The file's bytes, or a skipped test. */
static struct bytes corpus(struct arena *arena, const char *name)
{
    char below[256];
    struct bytes all;
    cr_assert(lt(int, snprintf(below, sizeof(below), "../shared/corpora/%s", name), 256));
    if (access(fixture_source(below), R_OK) < 0)
        cr_skip_test("the corpus %s is not there", name);
    cr_assert(eq(int, file_read(arena, fixture_source(below), CORPUS_BYTES, &all, NULL), 0));
    return all;
}

/* Judges one row and prints it when it would alarm somebody. Returns 1 then. */
static size_t alarm_of(struct fixture *f, struct fixture_row row)
{
    struct arena_mark mark = arena_mark(f->arena);
    Zb__Verdict v = fixture_judge(f, row);
    size_t alarm = is_alarm(&v);
    if (alarm != 0)
        cr_log_error("%s %s (%s): %s by %s", row.source, row.name,
                     row.vendor == NULL ? "" : row.vendor, v.product, v.fingerprint);
    arena_rewind(f->arena, mark);
    return alarm;
}

static size_t fleet_alarms(struct fixture *f, const char *file, const char *source,
                           const char *origin)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(CORPUS_BYTES);
    char name[128];
    size_t alarms = 0, i;
    json_t *item;
    cr_assert(lt(int, snprintf(name, sizeof(name), "fleet/%s-software.json", file), 128));
    struct bytes all = corpus(arena, name);
    json_t *list = json_loadb((const char *)all.data, all.size, 0, NULL);
    cr_assert(gt(sz, json_array_size(list), (size_t)1000));
    json_array_foreach(list, i, item)
    {
        const char *title = json_string_value(json_object_get(item, "name"));
        alarms +=
            alarm_of(f, (struct fixture_row){ .source = source, .name = title, .origin = origin });
        alarms += alarm_of(f, (struct fixture_row){ .source = "list", .name = title });
    }
    json_decref(list);
    return alarms;
}

Test(corpora, of_distributions_raise_no_alarm)
{
    static const struct {
        const char *file, *source, *origin;
    } lists[] = {
        { "ubuntu_1604", "dpkg", "Ubuntu" }, { "ubuntu_1804", "dpkg", "Ubuntu" },
        { "ubuntu_2004", "dpkg", "Ubuntu" }, { "ubuntu_2104", "dpkg", "Ubuntu" },
        { "ubuntu_2110", "dpkg", "Ubuntu" }, { "rhel_0709", "rpm", "CentOS" },
        { "rhel_0802", "rpm", "Red Hat" },   { "rhel_0804", "rpm", "Red Hat" },
        { "rhel_0806", "rpm", NULL },
    };
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    size_t alarms = 0;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        alarms += fleet_alarms(f, lists[i].file, lists[i].source, lists[i].origin);
    cr_assert(eq(sz, alarms, (size_t)0));
}

/* The next line of `rest` in `line`, NUL-terminated; false at the end. */
static bool take_line(char **rest, char **ret_line)
{
    *ret_line = strsep(rest, "\n");
    return *ret_line != NULL;
}

Test(corpora, of_a_debian_machine_raise_no_alarm)
{
    CLEANUP(arena_freep) struct arena *arena = arena_new(CORPUS_BYTES);
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    char *rest = (char *)(uintptr_t)corpus(arena, "debian/dpkg_status.txt").data, *line;
    const char *package = "";
    size_t alarms = 0, packages = 0;
    while (take_line(&rest, &line)) {
        if (strncmp(line, "Package: ", 9) == 0)
            package = line + 9;
        if (strncmp(line, "Maintainer: ", 12) != 0)
            continue;
        char *vendor = line + 12;
        vendor[strcspn(vendor, "<")] = '\0';
        packages++;
        alarms += alarm_of(
            f, (struct fixture_row){
                   .source = "dpkg", .name = package, .vendor = vendor, .origin = "Debian" });
        alarms += alarm_of(
            f, (struct fixture_row){ .source = "dpkg", .name = package, .vendor = vendor });
    }
    cr_assert(gt(sz, packages, (size_t)900));
    cr_assert(eq(sz, alarms, (size_t)0));
}

/* Products of the catalogue by the winget id that the corpus expects: what carries that id. */
static const char *expected_product(struct fixture *f, const char *winget)
{
    char id[BOUND_FIELD_BYTES];
    cr_assert(lt(int, snprintf(id, sizeof(id), "winget:%s", winget), (int)sizeof(id)));
    return fixture_judge(f, (struct fixture_row){ .source = "list", .id = id }).product;
}

Test(corpora, of_add_remove_programs_give_the_right_product)
{
    enum { NAME, PUBLISHER, VERSION, EXPECTED = 7, COLUMNS };
    CLEANUP(arena_freep) struct arena *arena = arena_new(CORPUS_BYTES);
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    char *rest = (char *)(uintptr_t)corpus(arena, "winget-pkgs/arp.train.tsv").data, *line;
    size_t known = 0, right = 0, wrong = 0;
    (void)take_line(&rest, &line); /* the header */
    while (take_line(&rest, &line)) {
        char *column[COLUMNS] = { 0 };
        for (size_t i = 0; i < COLUMNS && line != NULL; i++)
            column[i] = strsep(&line, "\t");
        if (column[EXPECTED] == NULL)
            continue;
        struct arena_mark mark = arena_mark(f->arena);
        const char *expected = expected_product(f, column[EXPECTED]);
        Zb__Verdict v = fixture_judge(f, (struct fixture_row){ .source = "arp",
                                                               .name = column[NAME],
                                                               .vendor = column[PUBLISHER],
                                                               .version = column[VERSION] });
        bool same = expected[0] != '\0' && strcmp(expected, v.product) == 0;
        known += expected[0] != '\0';
        right += same;
        if (expected[0] != '\0' && v.product[0] != '\0' && !same) {
            wrong++;
            cr_log_error("%s by %s: %s, not %s", column[NAME], column[PUBLISHER], v.product,
                         expected);
        } else if (expected[0] == '\0' && is_alarm(&v)) {
            wrong++;
            cr_log_error("%s by %s: %s, expected none", column[NAME], column[PUBLISHER], v.product);
        }
        arena_rewind(f->arena, mark);
    }
    cr_log_info("of %zu rows of known products %zu right; %zu wrong of all", known, right, wrong);
    cr_assert(gt(sz, known, (size_t)400));
    cr_assert(eq(sz, wrong, (size_t)0));
    cr_assert(ge(sz, right * 100, known * 95), "%zu of %zu", right, known);
}

Test(corpora, of_a_windows_machine_give_the_right_products)
{
    static const struct {
        const char *name, *product;
    } wanted[] = {
        { "Docker Desktop", "docker.desktop" },
        { "Microsoft 365 - en-us", "microsoft.365" },
        { "Visual Studio Community 2022", "microsoft.visual-studio-community" },
        { "Adobe Acrobat DC (64-bit)", "adobe.acrobat" },
        { "DataGrip 2022.2.1", "jetbrains.datagrip" },
        { "Google Chrome", "google.chrome" },
        { "VLC media player", "videolan.vlc" },
        { "Microsoft SQL Server 2019 LocalDB ", "microsoft.sql-server-express" },
    };
    CLEANUP(arena_freep) struct arena *arena = arena_new(CORPUS_BYTES);
    CLEANUP(fixture_freep) struct fixture *f = fixture_new();
    struct bytes all = corpus(arena, "fleet/windows_11-software.json");
    json_t *list = json_loadb((const char *)all.data, all.size, 0, NULL), *item;
    size_t i, alarms = 0, found = 0;
    json_array_foreach(list, i, item)
    {
        const char *title = json_string_value(json_object_get(item, "name"));
        Zb__Verdict v = fixture_judge(f, (struct fixture_row){ .source = "arp", .name = title });
        const char *product = NULL;
        for (size_t k = 0; k < ARRAY_LEN(wanted); k++) {
            if (strcmp(wanted[k].name, title) == 0)
                product = wanted[k].product;
        }
        if (product != NULL) {
            found++;
            cr_expect(strcmp(v.product, product) == 0, "%s: %s", title, v.product);
        } else if (is_alarm(&v)) {
            alarms++;
            cr_log_error("%s: %s", title, v.product);
        }
    }
    json_decref(list);
    cr_assert(eq(sz, found, ARRAY_LEN(wanted)));
    cr_assert(eq(sz, alarms, (size_t)0));
}
