/* file.c - the file channel: one .eml file per notice, for networks without a mail server.
 *
 * The message is written and synced under a hidden name; the rename is its last byte leaving. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "notifier/channel.h"

enum { EVENTS_MAX = 256, NAME_BYTES = 160 };

struct entry {
    uint64_t notice;
    bool released;
    bool ready_told;
    char name[NAME_BYTES]; /* final file name */
    int error;             /* of writing, told as FAILED */
};

struct file_channel {
    struct channel base;
    char dir[FILE_PATH_SIZE];
    struct entry entries[EVENTS_MAX];
    size_t count;
};

static struct file_channel *of(struct channel *channel)
{
    return (struct file_channel *)channel;
}

/* A name from a Message-ID: what is no letter, digit, '.', '-', '_' or '@' is left out. */
static int name_of(const char *message_id, char *out, size_t size)
{
    size_t n = 0;
    for (const char *at = message_id; *at != '\0'; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || strchr("-_@.", *at) != NULL;
        if (!plain || (n == 0 && *at == '.'))
            continue;
        if (n + sizeof(".eml") >= size)
            return -ENAMETOOLONG;
        out[n++] = *at;
    }
    if (n == 0)
        return -EINVAL;
    memcpy(out + n, ".eml", sizeof(".eml"));
    return 0;
}

static int part_path(const struct file_channel *file, const struct entry *entry, char *out)
{
    char hidden[NAME_BYTES + 8];
    (void)snprintf(hidden, sizeof(hidden), ".%s.part", entry->name); /* sized for it */
    return path_join(out, FILE_PATH_SIZE, file->dir, hidden);
}

/* Takes away what was never released. What is left all the same harms nobody: its name is hidden,
 * and the next start removes it. */
static void part_remove(const struct file_channel *file, const struct entry *entry)
{
    char part[FILE_PATH_SIZE];
    if (part_path(file, entry, part) == 0)
        (void)unlink(part); /* see above */
}

static void file_free(struct channel *channel)
{
    struct file_channel *file = of(channel);
    for (size_t i = 0; i < file->count; i++)
        part_remove(file, &file->entries[i]);
    free(file);
}

static int file_submit(struct channel *channel, const struct channel_message *message,
                       struct complaint *why)
{
    struct file_channel *file = of(channel);
    if (file->count == EVENTS_MAX)
        return -EBUSY;
    struct entry *entry = &file->entries[file->count];
    *entry = (struct entry){ .notice = message->notice };
    if (name_of(message->message_id, entry->name, sizeof(entry->name)) < 0)
        return complain(why, -EINVAL, "", "the notice's Message-ID gives no file name");
    char path[FILE_PATH_SIZE];
    entry->error = part_path(file, entry, path);
    if (entry->error == 0)
        entry->error = file_write_atomic(path, message->content, 0600);
    file->count++;
    return 0;
}

static size_t file_fds(struct channel *channel, struct pollfd *out, size_t cap)
{
    (void)channel;
    (void)out;
    (void)cap;
    return 0; /* everything here is done at once */
}

static int file_timeout_ms(struct channel *channel)
{
    const struct file_channel *file = of(channel);
    for (size_t i = 0; i < file->count; i++)
        if (!file->entries[i].ready_told || file->entries[i].released)
            return 0;
    return -1;
}

static void entry_forget(struct file_channel *file, size_t at)
{
    file->entries[at] = file->entries[--file->count];
}

static int sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd); /* opened for the sync alone */
    return r;
}

/* The last byte: after it the other side may have the notice, whatever else fails. */
static void entry_finish(struct file_channel *file, const struct entry *entry,
                         struct channel_event *event)
{
    char part[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
    int r = part_path(file, entry, part);
    if (r == 0)
        r = path_join(path, sizeof(path), file->dir, entry->name);
    if (r == 0 && rename(part, path) < 0)
        r = -errno;
    if (r < 0) {
        event->kind = CHANNEL_FAILED;
        event->temporary = true;
        part_remove(file, entry);
    } else {
        r = sync_dir(file->dir);
        event->kind = r < 0 ? CHANNEL_IN_DOUBT : CHANNEL_SENT;
    }
    if (r < 0)
        (void)snprintf(event->text, sizeof(event->text), "%.120s: %s", entry->name, strerror(-r));
}

static void file_step(struct channel *channel, int64_t mono_ms, struct channel_event *ret_event)
{
    (void)mono_ms;
    struct file_channel *file = of(channel);
    *ret_event = (struct channel_event){ 0 };
    for (size_t i = 0; i < file->count; i++) {
        struct entry *entry = &file->entries[i];
        ret_event->notice = entry->notice;
        if (entry->error < 0) {
            ret_event->kind = CHANNEL_FAILED;
            ret_event->temporary = true;
            (void)snprintf(ret_event->text, sizeof(ret_event->text), "writing %.120s: %s",
                           entry->name, strerror(-entry->error));
            part_remove(file, entry); /* it may be whole, and not known to last */
            entry_forget(file, i);
            return;
        }
        if (!entry->ready_told) {
            entry->ready_told = true;
            ret_event->kind = CHANNEL_READY;
            return;
        }
        if (entry->released) {
            entry_finish(file, entry, ret_event);
            entry_forget(file, i);
            return;
        }
    }
    ret_event->notice = 0;
}

static struct entry *entry_find(struct file_channel *file, uint64_t notice)
{
    for (size_t i = 0; i < file->count; i++)
        if (file->entries[i].notice == notice)
            return &file->entries[i];
    return NULL;
}

static int file_release(struct channel *channel, uint64_t notice)
{
    struct entry *entry = entry_find(of(channel), notice);
    if (entry == NULL)
        return -ENOENT;
    entry->released = true;
    return 0;
}

static void file_cancel(struct channel *channel, uint64_t notice)
{
    struct file_channel *file = of(channel);
    struct entry *entry = entry_find(file, notice);
    if (entry == NULL)
        return;
    part_remove(file, entry);
    entry_forget(file, (size_t)(entry - file->entries));
}

/* ".NAME.part", and ".NAME.part.new-XXXXXX" while it was being written. */
static bool is_part(const char *name)
{
    static const char part[] = ".part";
    const char *at = name[0] == '.' ? strstr(name + 1, part) : NULL;
    for (; at != NULL; at = strstr(at + 1, part))
        if (at[sizeof(part) - 1] == '\0' || strncmp(at + sizeof(part) - 1, ".new-", 5) == 0)
            return true;
    return false;
}

/* What an earlier run left under hidden names was never released. */
static int leftovers_remove(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return -errno;
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        if (is_part(e->d_name))
            (void)unlinkat(dirfd(dir), e->d_name, 0); /* see part_remove */
    return closedir(dir) < 0 ? -errno : 0;
}

int channel_file_new(const char *dir, struct channel **ret_channel, struct complaint *why)
{
    static const struct channel_ops ops = {
        .name = "file",
        .free = file_free,
        .submit = file_submit,
        .fds = file_fds,
        .timeout_ms = file_timeout_ms,
        .step = file_step,
        .release = file_release,
        .cancel = file_cancel,
    };
    int r = leftovers_remove(dir);
    if (r < 0) {
        complaint_at(why, "%s", dir);
        return complain(why, r, "make the folder, owned by the notifier",
                        "the outbox folder cannot be used: %s", strerror(-r));
    }
    struct file_channel *file = calloc(1, sizeof(*file));
    if (file == NULL)
        return -ENOMEM;
    file->base.ops = &ops;
    r = path_join(file->dir, sizeof(file->dir), dir, "");
    if (r < 0) {
        free(file);
        return r;
    }
    *ret_channel = &file->base;
    return 0;
}
