/* rpm.c - a host's packages, where rpm keeps them: its database in any form that librpm was built to
 * read (Debian's: SQLite and Berkeley DB; not NDB), and never written.
 *
 * librpm keeps its settings and its log in the process: both are set for one reading, and back. */
#include <errno.h>
#include <fcntl.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmtd.h>
#include <rpm/rpmts.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/civil.h"
#include "base/cleanup.h"
#include "collector/sources/host.h"

enum {
    RPM_PATH_SIZE = 128,          /* of the paths built here */
    RPM_FILES_MAX = 1000 * 1000,  /* of one package */
    RPM_DATABASE_BYTES = 1 << 30, /* larger ones are none of ours */
};

/* Where distributions keep it. */
static const char *const folders[] = { "var/lib/rpm", "usr/lib/sysimage/rpm" };

/* Its forms, the newest first: a host that was converted may have kept the older file. */
static const struct rpm_form {
    const char *file;
    const char *backend; /* librpm's name of it */
    const char *magic;   /* what the file begins with; NULL: librpm may find out */
} forms[] = {
    { "rpmdb.sqlite", "sqlite", "SQLite format 3" },
    { "Packages.db", "ndb", "RpmP" },
    { "Packages", "bdb_ro", NULL },
};

struct rpm_place {
    char folder
        [RPM_PATH_SIZE]; /* as the kernel knows the open folder: nothing can be put in its way */
    const struct rpm_form *form;
    const char *path; /* the folder below the root, for complaints */
};

/* What librpm complained of. */
struct rpm_faults {
    char first[160];
    size_t count;
    bool
        is_open; /* before, a warning is a fault too: it opens an empty database in a wrong one's place */
};

static int on_log(rpmlogRec record, rpmlogCallbackData data)
{
    struct rpm_faults *faults = data;
    if (rpmlogRecPriority(record) > (faults->is_open ? RPMLOG_ERR : RPMLOG_WARNING))
        return 0;
    if (faults->count++ == 0) {
        struct bytes text = text_trim(bytes_str(rpmlogRecMessage(record)));
        (void)text_printable(text, faults->first, sizeof(faults->first));
    }
    return 0;
}

/* ---- one package ---- */

static struct bytes header_text(Header header, rpmTag tag)
{
    return bytes_str(headerGetString(header, tag));
}

/* A field of the row: its own copy, the header goes with the next package. -ENOMEM. */
static int text_take(struct draft *draft, struct draft_item *item, enum row_tag tag,
                     const char *field, struct bytes text)
{
    const char *copy = arena_strdup(draft->arena, text);
    if (copy == NULL)
        return -ENOMEM;
    item_text(draft, item, tag, field, bytes_str(copy));
    return 0;
}

/* [epoch:]version-release. NULL: no memory. */
static const char *version_of(Header header, struct arena *arena)
{
    const char *version = headerGetString(header, RPMTAG_VERSION);
    const char *release = headerGetString(header, RPMTAG_RELEASE);
    char epoch[24] = "";
    if (headerIsEntry(header, RPMTAG_EPOCH))
        (void)snprintf(epoch, sizeof(epoch),
                       "%llu:", (unsigned long long)headerGetNumber(header, RPMTAG_EPOCH));
    return arena_printf(arena, "%s%s%s%s", epoch, version == NULL ? "" : version,
                        release == NULL || release[0] == '\0' ? "" : "-",
                        release == NULL ? "" : release);
}

static int installed_take(struct draft *draft, struct draft_item *item, Header header)
{
    char date[CIVIL_DATE_SIZE];
    uint64_t seconds = headerGetNumber(header, RPMTAG_INSTALLTIME);
    if (seconds == 0 || seconds > UINT32_MAX)
        return 0;
    return item_installed(draft, item, "INSTALLTIME",
                          bytes_str(civil_format_date(civil_day_at((int64_t)seconds * 1000), date)),
                          false);
}

static int package_take(struct draft *draft, Header header, size_t number, struct complaint *why)
{
    struct draft_item item;
    struct bytes name = header_text(header, RPMTAG_NAME);
    if (bytes_eq(name, BYTES_LIT("gpg-pubkey")))
        return 0; /* a key that rpm trusts, not software */
    item_begin(&item, "package %zu", number);
    const char *version = version_of(header, draft->arena);
    const char *id =
        arena_printf(draft->arena, "rpm/%.*s", (int)name.size, (const char *)name.data);
    if (version == NULL || id == NULL)
        return -ENOMEM;
    if (name.size == 0)
        item_refuse(draft, &item, "NAME", "see what 'rpm --verify' says of it", "missing");
    struct bytes vendor = header_text(header, RPMTAG_VENDOR);
    const struct {
        enum row_tag tag;
        const char *field;
        struct bytes text;
    } texts[] = {
        { ROW_NAME, "NAME", name },
        { ROW_VERSION, "VERSION", bytes_str(version) },
        { ROW_ARCH, "ARCH", header_text(header, RPMTAG_ARCH) },
        { ROW_VENDOR, "VENDOR", vendor.size > 0 ? vendor : header_text(header, RPMTAG_PACKAGER) },
        { ROW_ORIGIN, "DISTRIBUTION", header_text(header, RPMTAG_DISTRIBUTION) },
        { ROW_LICENCE, "LICENSE", header_text(header, RPMTAG_LICENSE) },
    };
    item.row.fields.value[ROW_SOURCE] = BYTES_LIT(ROW_SOURCE_RPM);
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(texts); i++)
        r = text_take(draft, &item, texts[i].tag, texts[i].field, texts[i].text);
    if (r == 0)
        r = item_identifier(draft, &item, ROW_ID_PACKAGE, "NAME", bytes_str(id));
    if (r == 0)
        r = installed_take(draft, &item, header);
    return r < 0 ? r : draft_take(draft, &item, why);
}

/* ---- its files ---- */

/* Names, folders, and for each name the folder it lies in. */
static void files_take(struct owned *owned, Header header)
{
    rpmtd names = rpmtdNew(), dirs = rpmtdNew(), dir_of = rpmtdNew();
    const headerGetFlags flags = HEADERGET_MINMEM;
    if (headerGet(header, RPMTAG_BASENAMES, names, flags) &&
        headerGet(header, RPMTAG_DIRNAMES, dirs, flags) &&
        headerGet(header, RPMTAG_DIRINDEXES, dir_of, flags)) {
        uint32_t count = rpmtdCount(names);
        if (count > RPM_FILES_MAX || rpmtdCount(dir_of) != count) {
            owned->is_partial = true;
            count = 0;
        }
        for (uint32_t i = 0; i < count; i++) {
            (void)rpmtdSetIndex(names, (int)i);
            (void)rpmtdSetIndex(dir_of, (int)i);
            const uint32_t *dir = rpmtdGetUint32(dir_of);
            if (dir == NULL || *dir >= rpmtdCount(dirs)) {
                owned->is_partial = true;
                break;
            }
            (void)rpmtdSetIndex(dirs, (int)*dir);
            owned_add(owned, bytes_str(rpmtdGetString(dirs)), bytes_str(rpmtdGetString(names)));
        }
    } else if (headerIsEntry(header, RPMTAG_OLDFILENAMES)) {
        owned->is_partial = true; /* the form of rpm before version 4 */
    }
    rpmtdFreeData(names);
    rpmtdFreeData(dirs);
    rpmtdFreeData(dir_of);
    (void)rpmtdFree(names);
    (void)rpmtdFree(dirs);
    (void)rpmtdFree(dir_of);
}

/* ---- the database ---- */

static int packages_walk(rpmts ts, struct host *host, struct draft *draft, struct complaint *why)
{
    int r = 0;
    size_t number = 0;
    rpmdbMatchIterator it = rpmtsInitIterator(ts, RPMDBI_PACKAGES, NULL, 0);
    for (Header header; r == 0 && (header = rpmdbNextIterator(it)) != NULL;) {
        r = package_take(draft, header, ++number, why);
        if (r == 0)
            files_take(&host->owned, header);
        if (host->arch_place == NULL &&
            bytes_eq(header_text(header, RPMTAG_NAME), BYTES_LIT("rpm"))) {
            const char *arch = arena_strdup(host->arena, header_text(header, RPMTAG_ARCH));
            r = arch == NULL ? -ENOMEM : r;
            host->arch = bytes_str(arch);
        }
    }
    (void)rpmdbFreeIterator(it);
    return r;
}

/* Opens the database and walks it; -EBADMSG it cannot be opened. */
static int database_read(const struct rpm_place *place, struct rpm_faults *faults,
                         struct host *host, struct draft *draft, struct complaint *why)
{
    rpmPushMacro(NULL, "_dbpath", NULL, place->folder, RMIL_CMDLINE);
    rpmPushMacro(NULL, "_db_backend", NULL, place->form->backend, RMIL_CMDLINE);
    rpmts ts = rpmtsCreate();
    /* Whether a package was signed says nothing of whether it is here. */
    (void)rpmtsSetVSFlags(ts, RPMVSF_MASK_NODIGESTS | RPMVSF_MASK_NOSIGNATURES);
    int r = rpmtsOpenDB(ts, O_RDONLY) != 0 || faults->count > 0 ? -EBADMSG : 0;
    faults->is_open = true;
    if (r == 0)
        r = packages_walk(ts, host, draft, why);
    (void)rpmtsCloseDB(ts);
    (void)rpmtsFree(ts);
    (void)rpmPopMacro(NULL, "_db_backend");
    (void)rpmPopMacro(NULL, "_dbpath");
    return r;
}

/* Whether the file begins as one of that form does. */
static bool has_magic(int folder_fd, const struct rpm_form *form)
{
    char head[32] = "";
    CLEANUP(close_fdp)
    int fd = openat(folder_fd, form->file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd >= 0 && read(fd, head, sizeof(head) - 1) > 0 &&
           strncmp(head, form->magic, strlen(form->magic)) == 0;
}

/* Whether the folder holds a database of that form: librpm would follow a link out of the root, and
 * keeps memory where it is given something else. */
static int form_check(int folder_fd, const struct rpm_form *form, struct complaint *why)
{
    struct stat st;
    if (fstatat(folder_fd, form->file, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return complain(why, -EBADMSG, "put a file there", "%s is no regular file", form->file);
    if (st.st_size > RPM_DATABASE_BYTES)
        return complain(why, -EBADMSG, "see what 'rpm --rebuilddb' makes of it",
                        "%s is larger than 1 GiB", form->file);
    if (form->magic != NULL && !has_magic(folder_fd, form))
        return complain(why, -EBADMSG, "see whether 'rpm -qa' reads it",
                        "%s is no database, or may not be read by this user", form->file);
    return 0;
}

/* The first database there is. Owns: the caller closes *ret_fd, which place->folder names. */
static int place_find(struct host *host, struct rpm_place *ret_place, int *ret_fd,
                      struct complaint *why)
{
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        CLEANUP(close_fdp) int fd = host_open(host, folders[i], O_RDONLY | O_DIRECTORY);
        for (size_t k = 0; fd >= 0 && k < ARRAY_LEN(forms); k++) {
            complaint_at(why, "%s", folders[i]);
            int r = form_check(fd, &forms[k], why);
            if (r == -ENOENT)
                continue;
            *ret_place = (struct rpm_place){ .form = &forms[k], .path = folders[i] };
            (void)snprintf(ret_place->folder, sizeof(ret_place->folder), "/proc/self/fd/%d", fd);
            *ret_fd = fd;
            fd = -1; // NOLINT(clang-analyzer-deadcode.DeadStores): close_fdp reads it
            return r;
        }
        if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR) {
            complaint_at(why, "%s", folders[i]);
            return complain(why, fd, "check that this user may read it", "cannot be opened: %s",
                            strerror(-fd));
        }
    }
    return -ENOENT;
}

static int rpm_read(struct host *host, struct draft *draft, bool *ret_complete,
                    struct complaint *why)
{
    struct rpm_place place = { .form = NULL };
    struct rpm_faults faults = { .count = 0 };
    CLEANUP(close_fdp) int fd = -1;
    int r = place_find(host, &place, &fd, why);
    if (r < 0)
        return r;
    (void)rpmlogSetCallback(on_log, &faults);
    r = database_read(&place, &faults, host, draft, why);
    (void)rpmlogSetCallback(NULL, NULL);
    if (host->arch_place == NULL)
        host->arch_place = place.path;
    if (r < 0 && r != -EBADMSG)
        return r;
    complaint_at(why, "%s", place.path);
    if (r < 0)
        return faults.count == 0
                   ? r
                   : complain(why, r, "see what 'rpm --rebuilddb' makes of it", "%s", faults.first);
    /* A package that librpm cannot read is passed over, and only its log says so. */
    *ret_complete = faults.count == 0;
    if (faults.count > 0) {
        struct complaint told = *why;
        host->owned.is_partial = true;
        (void)complain(&told, 0, "see what 'rpm --rebuilddb' makes of it", "%s", faults.first);
        sink_tell(draft->sink, true, &told);
    }
    return 0;
}

const struct host_source host_rpm = { "rpm", rpm_read };
