/* doctor_stores.c - the journal's head, the spools, and the room that both have left. */
#include "cli/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "cli/read.h"
#include "store/spool.h"

enum {
    SKEW_MS = 60 * 1000,
    SILENT_HOURS = 24,
    HANGING_S = 30,
    STATUS_FILE_BYTES = 4096,
    PENDING_HOURS = 1,
    MS_PER_HOUR = 3600 * 1000,
    FULL_PERCENT = 95,
    FILLING_PERCENT = 80,
    MIB = 1024 * 1024,
    FREE_BROKEN_MIB = 64, /* a few commits more */
    FREE_WARNING_MIB = 512,
};

/* ---- journal and clock ---- */

static int head_ms(struct cli *cli, int64_t *ret_ms)
{
    CLEANUP(page_abortp) struct page *page = NULL;
    struct bytes bytes;
    Zb__Entry *entry;
    int r = book_read(cli->book, &page);
    if (r == 0)
        r = page_entry(page, book_head(cli->book).index, &bytes);
    if (r == 0)
        r = ledger_unpack(&zb__entry__descriptor, bytes, cli->arena, (ProtobufCMessage **)&entry);
    if (r == 0)
        *ret_ms = entry->at_ms;
    return r;
}

static void look_clock(struct doctor *doctor, const char *where, int64_t entry_ms)
{
    struct cli *cli = doctor->cli;
    const struct doctor_daemon *notifier = doctor_daemon_find(doctor, "notifier");
    bool simulated = doctor->genesis->simulated;
    int64_t ahead_ms = entry_ms - doctor->clock.now_ms;
    if (simulated != doctor->clock.simulated)
        doctor_broken(doctor, cli_path(cli, "run/clock"),
                      _("start the notifier, which writes it; import nothing before"),
                      simulated ? _("the ledger's clock is simulated, run/clock says it is real")
                                : _("the ledger's clock is real, run/clock says it is simulated"));
    else if (simulated && ahead_ms > 0 && !notifier->alive)
        doctor_warn(doctor, cli_path(cli, "run/clock"), _("start the notifier, which writes it"),
                    _("it stands before the ledger's last entry"));
    else if (!simulated && ahead_ms > SKEW_MS)
        doctor_broken(doctor, where, _("set this computer's clock, by NTP"),
                      _("the last entry is of %s: this computer's clock went back %lld s"),
                      read_instant(cli, entry_ms), (long long)(ahead_ms / 1000));
}

static int look_journal(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    int64_t entry_ms = 0;
    int r = head_ms(cli, &entry_ms);
    const char *where =
        arena_printf(cli->arena, _("journal entry %" PRIu64), book_head(cli->book).index);
    if (r < 0)
        return r;
    look_clock(doctor, where, entry_ms);
    int64_t hours = (doctor->clock.now_ms - entry_ms) / MS_PER_HOUR;
    if (!doctor->genesis->simulated && hours >= SILENT_HOURS)
        doctor_warn(doctor, where, _("see whether collectors run and report: zhengban status"),
                    _("nothing was journalled for %lld hours"), (long long)hours);
    return 0;
}

/* ---- what the notifier says of itself ---- */

/* The number behind "journal " in run/notifier.status; 0 where none stands. */
static uint64_t status_journal(struct bytes text)
{
    static const char name[] = "\njournal ";
    const char *at = memmem(text.data, text.size, name, strlen(name));
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10); /* a NUL follows the bytes */
}

/* The notifier writes the file each second: one that grows old tells that it hangs, and one that is
 * ahead of the journal that the journal was put back. */
static int look_status(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    const char *path = cli_path(cli, "run/notifier.status");
    const struct doctor_daemon *notifier = doctor_daemon_find(doctor, "notifier");
    CLEANUP(clock_freep) struct clock *clock = clock_new_real();
    struct stat info;
    struct bytes text;
    if (path == NULL || clock == NULL)
        return -ENOMEM;
    if (stat(path, &info) < 0 || file_read(cli->arena, path, STATUS_FILE_BYTES, &text, NULL) < 0)
        return 0; /* no notifier was here yet */
    int64_t age_s = clock_now_ms(clock) / 1000 - (int64_t)info.st_mtim.tv_sec;
    if (notifier->alive && age_s >= HANGING_S)
        doctor_broken(
            doctor, path,
            arena_printf(cli->arena, _("read the end of log/notifier.log; 'kill %d' if it hangs"),
                         (int)notifier->running.pid),
            _("the notifier has not written it for %lld s, though it does so each second"),
            (long long)age_s);
    /* Read after the journal's head was: it may be one commit ahead while the notifier runs. */
    uint64_t said = status_journal(text), head = book_head(cli->book).index;
    if (!notifier->alive && said > head)
        doctor_broken(
            doctor, path,
            _("find the newest copy of the ledger; collectors send again what it lacks"),
            _("the journal ends at entry %" PRIu64 ", the notifier wrote as far as %" PRIu64), head,
            said);
    return 0;
}

/* ---- room ---- */

enum doctor_severity doctor_room(uint64_t used_bytes, uint64_t max_bytes, uint64_t free_bytes)
{
    uint64_t percent = max_bytes < 100 ? 0 : used_bytes / (max_bytes / 100);
    uint64_t free_mib = free_bytes / MIB;
    if (percent >= FULL_PERCENT || free_mib < FREE_BROKEN_MIB)
        return DOCTOR_BROKEN;
    return percent >= FILLING_PERCENT || free_mib < FREE_WARNING_MIB ? DOCTOR_WARNING : DOCTOR_FINE;
}

static int look_room(struct doctor *doctor, const char *dir, const char *key, uint64_t used_bytes,
                     uint64_t max_bytes)
{
    struct statvfs disk;
    if (statvfs(dir, &disk) < 0)
        return -errno;
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    enum doctor_severity severity = doctor_room(used_bytes, max_bytes, free_bytes);
    if (severity == DOCTOR_FINE)
        return 0;
    struct complaint why = { 0 };
    complaint_at(&why, "%s", dir);
    (void)complain(
        &why, 0, arena_printf(doctor->cli->arena, _("make room on the disk, or raise %s"), key),
        _("%" PRIu64 " MiB of %" PRIu64 " MiB are used, %" PRIu64 " MiB are free on the disk"),
        used_bytes / MIB, max_bytes / MIB, free_bytes / MIB);
    doctor_complain(doctor, severity, dir, 0, &why);
    return 0;
}

static int look_ledger_room(struct doctor *doctor)
{
    struct cli *cli = doctor->cli;
    const char *dir = cli_path(cli, config_text(cli->config, "notifier.store"));
    struct kv_usage usage;
    int r = dir == NULL ? -ENOMEM : kv_usage(book_kv(cli->book), &usage);
    return r < 0 ? r
                 : look_room(doctor, dir, "notifier.store_max_bytes", usage.used_bytes,
                             (uint64_t)config_int(cli->config, "notifier.store_max_bytes"));
}

/* ---- spools ---- */

static const char *refusal_remedy(Zb__RefusalReason reason)
{
    switch (reason) {
    case REFUSAL_UNKNOWN_KEY:
    case REFUSAL_REVOKED_KEY:
    case REFUSAL_WRONG_ROLE:
    case REFUSAL_QUARANTINED:
    case REFUSAL_FORKED:
        return _("make and enrol a key for the collector, then import these files again");
    case REFUSAL_OUTSIDE_SUBTREE:
        return _("enrol a key for that unit, then import these files again");
    case REFUSAL_UNKNOWN_UNIT:
        return _("add the unit with 'zhengban unit add', then import these files again");
    case REFUSAL_SIMULATED:
        return _("scan again under the clock of this ledger");
    default:
        return _("import these files again, or scan again");
    }
}

/* Refused reports stay as evidence: one finding per reason would hide how many there are. */
static int look_dead(struct doctor *doctor, struct spool *spool, const char *dir)
{
    struct spool_dead dead = { 0 }, last = { 0 };
    unsigned long long count = 0;
    int r;
    while ((r = spool_dead(spool, dead.local_id, &dead)) == 0) {
        last = dead;
        count++;
    }
    if (r != -ENOENT)
        return r;
    if (count > 0)
        doctor_warn(
            doctor, dir, refusal_remedy(last.reason),
            _("%llu reports were refused, the last one on %s of unit %s: %s"), count,
            read_instant(doctor->cli, last.refused_ms), last.unit,
            read_word(doctor->cli, &zb__refusal_reason__descriptor, "REFUSAL_", (int)last.reason));
    return 0;
}

static void look_pending(struct doctor *doctor, const struct doctor_daemon *daemon, const char *dir,
                         const struct spool_counts *counts)
{
    struct ledger_clock clock = { 0 };
    struct complaint why = { 0 };
    int r = ledger_clock_read(doctor->cli->home, &clock, &why);
    if (r < 0) {
        doctor_complain(doctor, DOCTOR_BROKEN, "run/clock", r, &why);
        return;
    }
    int64_t hours = (clock.now_ms - counts->oldest_pending_ms) / MS_PER_HOUR;
    if (counts->pending == 0 || counts->oldest_pending_ms == 0 || hours < PENDING_HOURS)
        return;
    doctor_warn(doctor, dir,
                daemon->alive ? _("see whether a matcher and the notifier run and can be reached; "
                                  "the collector's log says what they answer")
                              : _("zhengban up --detach"),
                _("%" PRIu64 " reports wait to be settled, the oldest for %lld hours"),
                counts->pending, (long long)hours);
}

static int look_spool(struct doctor *doctor, const struct doctor_daemon *daemon)
{
    struct cli *cli = doctor->cli;
    const char *name = daemon->instance->name;
    const char *dir = cli_path(cli, arena_printf(cli->arena, "spool/%s", name));
    CLEANUP(spool_closep) struct spool *spool = NULL;
    struct spool_counts counts;
    struct complaint why = { 0 };
    int r = dir == NULL ? -ENOMEM : spool_open_read_only(dir, &spool, &why);
    if (r == -ENOENT)
        return 0; /* nothing was ever spooled there */
    if (r == 0)
        r = spool_counts(spool, &counts);
    if (r == -ENOMEM)
        return r;
    if (r != 0) {
        doctor_complain(doctor, DOCTOR_BROKEN, dir, r, &why);
        return 0;
    }
    if (counts.spooled != counts.applied + counts.refused + counts.superseded + counts.pending)
        doctor_broken(doctor, dir, _("keep this folder as evidence and tell whoever maintains it"),
                      _("the spool's counts do not add up"));
    look_pending(doctor, daemon, dir, &counts);
    r = look_dead(doctor, spool, dir);
    return r < 0 ? r
                 : look_room(
                       doctor, dir, "spool_max_bytes", counts.disk_bytes,
                       (uint64_t)config_int(collector_item(cli->config, name), "spool_max_bytes"));
}

static int look_spools(struct doctor *doctor)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < doctor->daemon_count; i++)
        if (strcmp(doctor->daemons[i].instance->program, "collector") == 0)
            r = look_spool(doctor, &doctor->daemons[i]);
    return r;
}

static const struct doctor_check checks[] = {
    { "journal", NEEDS_LEDGER, look_journal },
    { "status", NEEDS_LEDGER, look_status },
    { "ledger_room", NEEDS_LEDGER, look_ledger_room },
    { "spools", NEEDS_CONFIG, look_spools },
};

const struct doctor_table doctor_stores = { checks, ARRAY_LEN(checks) };
