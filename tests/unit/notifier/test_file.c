/* channels/file: the notice is there whole or not at all, and never before its release. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/file.h"
#include "notifier/channel.h"
#include "tests/lib/tmpdir.h"

/* fsync is ours (--wrap): the nth one from now on fails, once. */
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static int fsync_fails_in; /* 0: never */

int __wrap_fsync(int fd)
{
    if (fsync_fails_in > 0 && --fsync_fails_in == 0) {
        errno = EIO;
        return -1;
    }
    return __real_fsync(fd);
}

static struct channel *open_in(const char *dir)
{
    struct channel *channel = NULL;
    struct complaint why = { 0 };
    cr_assert(eq(int, channel_file_new(dir, &channel, &why), 0), "%s", why.what);
    return channel;
}

static int submit_as(struct channel *channel, uint64_t notice, const char *id, const char *content)
{
    const struct channel_message message = {
        .notice = notice,
        .from = "a@x.test",
        .to = "b@y.test",
        .content = bytes_str(content),
        .message_id = id,
    };
    return channel->ops->submit(channel, &message, NULL);
}

static int submit(struct channel *channel, uint64_t notice)
{
    char id[64];
    (void)snprintf(id, sizeof(id), "<zb-00c0ffee-%d@zhengban.invalid>", (int)notice);
    return submit_as(channel, notice, id, "whole\r\n");
}

static struct channel_event step(struct channel *channel)
{
    struct channel_event event = { 0 };
    channel->ops->step(channel, 0, &event);
    return event;
}

static void hears(struct channel *channel, enum channel_event_kind kind, uint64_t notice)
{
    struct channel_event event = step(channel);
    cr_assert(eq(int, event.kind, kind), "of %d: %s", (int)event.notice, event.text);
    cr_assert(eq(u64, event.notice, notice));
}

/* Names in the folder: visible ones, hidden ones. */
static void count_names(const char *dir, size_t *ret_shown, size_t *ret_hidden)
{
    DIR *names = opendir(dir);
    cr_assert(names != NULL);
    *ret_shown = *ret_hidden = 0;
    for (const struct dirent *e = readdir(names); e != NULL; e = readdir(names)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        *(e->d_name[0] == '.' ? ret_hidden : ret_shown) += 1;
    }
    (void)closedir(names);
}

static void holds(const char *dir, size_t shown, size_t hidden)
{
    size_t is_shown, is_hidden;
    count_names(dir, &is_shown, &is_hidden);
    cr_assert(eq(sz, is_shown, shown), "shown");
    cr_assert(eq(sz, is_hidden, hidden), "hidden");
}

Test(file_channel, shows_a_notice_only_after_its_release)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(channel_freep) struct channel *channel = open_in(dir->path);
    cr_assert(eq(int, channel->ops->timeout_ms(channel), -1));
    cr_assert(eq(int, submit(channel, 7), 0));
    cr_assert(eq(int, channel->ops->timeout_ms(channel), 0));
    hears(channel, CHANNEL_READY, 7);
    hears(channel, CHANNEL_NONE, 0);
    cr_assert(eq(int, channel->ops->timeout_ms(channel), -1));
    holds(dir->path, 0, 1);
    cr_assert(eq(int, channel->ops->release(channel, 7), 0));
    cr_assert(eq(int, channel->ops->timeout_ms(channel), 0));
    hears(channel, CHANNEL_SENT, 7);
    hears(channel, CHANNEL_NONE, 0);
    holds(dir->path, 1, 0);

    CLEANUP(arena_freep) struct arena *arena = arena_new(65536);
    const char *path = tmpdir_path(dir, "zb-00c0ffee-7@zhengban.invalid.eml");
    struct bytes content;
    cr_assert(eq(int, file_read(arena, path, 4096, &content, NULL), 0));
    cr_assert(bytes_eq(content, BYTES_LIT("whole\r\n")));
    struct stat st;
    cr_assert(eq(int, stat(path, &st), 0));
    cr_assert(eq(int, (int)(st.st_mode & 07777), 0600));
    cr_assert(eq(int, channel->ops->release(channel, 7), -ENOENT));
}

Test(file_channel, leaves_nothing_of_what_is_cancelled_or_held_at_the_end)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    struct channel *channel = open_in(dir->path);
    cr_assert(eq(int, submit(channel, 1), 0));
    cr_assert(eq(int, submit(channel, 2), 0));
    hears(channel, CHANNEL_READY, 1);
    channel->ops->cancel(channel, 1);
    channel->ops->cancel(channel, 9);
    holds(dir->path, 0, 1);
    hears(channel, CHANNEL_READY, 2);
    channel_free(channel);
    holds(dir->path, 0, 0);
}

Test(file_channel, forgets_after_a_crash_what_was_not_released)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    pid_t child = fork();
    if (child == 0) { /* dies between part and rename */
        struct channel *channel = open_in(dir->path);
        bool ready = submit(channel, 7) == 0 && step(channel).kind == CHANNEL_READY;
        _exit(ready ? 0 : 1);
    }
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
    /* And what a crash within the writing of a part leaves, beside files of others. */
    static const char *const names[] = {
        ".a.eml.part.new-x1y2z3", ".part", "b.part", ".hidden", ".a.partial", "c.eml"
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        cr_assert(eq(int, file_write_atomic(tmpdir_path(dir, names[i]), BYTES_LIT("x"), 0600), 0));
    holds(dir->path, 2, 5);
    CLEANUP(channel_freep) struct channel *channel = open_in(dir->path);
    holds(dir->path, 2, 3);
    cr_assert(eq(int, access(tmpdir_path(dir, ".part"), F_OK), 0));
    cr_assert(eq(int, access(tmpdir_path(dir, ".a.partial"), F_OK), 0));
    hears(channel, CHANNEL_NONE, 0);
}

Test(file_channel, writes_a_repeated_notice_over_the_first)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    for (int run = 0; run < 2; run++) {
        CLEANUP(channel_freep) struct channel *channel = open_in(dir->path);
        cr_assert(eq(int, submit(channel, 7), 0));
        hears(channel, CHANNEL_READY, 7);
        cr_assert(eq(int, channel->ops->release(channel, 7), 0));
        hears(channel, CHANNEL_SENT, 7);
    }
    holds(dir->path, 1, 0);
}

Test(file_channel, makes_a_harmless_name_of_any_message_id)
{
    static const struct {
        const char *id, *name;
    } names[] = {
        { "<../../etc/x@y>", "etcx@y.eml" },      { "<.hidden@y>", "hidden@y.eml" },
        { "<a b\n\tc\"'$`@y>", "abc@y.eml" },     { "<正a@y>", "a@y.eml" },
        { "plain_1-2.3@y", "plain_1-2.3@y.eml" },
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
        CLEANUP(channel_freep) struct channel *channel = open_in(dir->path);
        cr_assert(eq(int, submit_as(channel, 1, names[i].id, "x"), 0));
        hears(channel, CHANNEL_READY, 1);
        cr_assert(eq(int, channel->ops->release(channel, 1), 0));
        hears(channel, CHANNEL_SENT, 1);
        holds(dir->path, 1, 0);
        cr_assert(eq(int, access(tmpdir_path(dir, names[i].name), F_OK), 0), "%s", names[i].id);
    }
    char long_id[400];
    memset(long_id, 'a', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = '\0';
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(channel_freep) struct channel *channel = open_in(dir->path);
    cr_assert(eq(int, submit_as(channel, 1, long_id, "x"), -EINVAL));
    cr_assert(eq(int, submit_as(channel, 1, "<>", "x"), -EINVAL));
    cr_assert(eq(int, submit_as(channel, 1, "<...>", "x"), -EINVAL));
    hears(channel, CHANNEL_NONE, 0);
    holds(dir->path, 0, 0);
}

/* Syncs of one notice, in order: the part, the folder of its name, the folder after the rename. */
Test(file_channel, says_after_each_failed_sync_what_is_known)
{
    for (int nth = 1; nth <= 4; nth++) {
        CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
        CLEANUP(channel_freep) struct channel *channel = open_in(dir->path);
        fsync_fails_in = nth;
        cr_assert(eq(int, submit(channel, 7), 0));
        struct channel_event event = step(channel);
        if (nth <= 2) {
            cr_assert(eq(int, event.kind, CHANNEL_FAILED), "sync %d", nth);
            cr_assert(event.temporary);
            cr_assert(strstr(event.text, "zb-00c0ffee-7") != NULL, "%s", event.text);
            holds(dir->path, 0, 0);
            hears(channel, CHANNEL_NONE, 0);
            continue;
        }
        cr_assert(eq(int, event.kind, CHANNEL_READY), "sync %d", nth);
        cr_assert(eq(int, channel->ops->release(channel, 7), 0));
        hears(channel, nth == 3 ? CHANNEL_IN_DOUBT : CHANNEL_SENT, 7);
        holds(dir->path, 1, 0);
        fsync_fails_in = 0;
    }
}

Test(file_channel, fails_when_its_last_step_fails)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(channel_freep) struct channel *channel = open_in(dir->path);
    cr_assert(tmpdir_sub(dir, "zb-00c0ffee-7@zhengban.invalid.eml") != NULL); /* in the way */
    cr_assert(eq(int, submit(channel, 7), 0));
    hears(channel, CHANNEL_READY, 7);
    cr_assert(eq(int, channel->ops->release(channel, 7), 0));
    hears(channel, CHANNEL_FAILED, 7);
    holds(dir->path, 1, 0);
}

Test(file_channel, fails_when_its_folder_is_gone)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    const char *sub = tmpdir_sub(dir, "drop");
    CLEANUP(channel_freep) struct channel *channel = open_in(sub);
    cr_assert(eq(int, rmdir(sub), 0));
    cr_assert(eq(int, submit(channel, 7), 0));
    hears(channel, CHANNEL_FAILED, 7);
    hears(channel, CHANNEL_NONE, 0);

    struct complaint why = { 0 };
    struct channel *none = NULL;
    cr_assert(eq(int, channel_file_new(sub, &none, &why), -ENOENT));
    cr_assert(eq(str, why.place, (char *)(uintptr_t)sub));
    cr_assert(none == NULL);
}

Test(file_channel, takes_so_many_at_once_and_no_more)
{
    CLEANUP(tmpdir_freep) struct tmpdir *dir = tmpdir_new();
    CLEANUP(channel_freep) struct channel *channel = open_in(dir->path);
    uint64_t taken = 0;
    while (taken < 1000 && submit(channel, taken + 1) == 0)
        taken++;
    cr_assert(eq(u64, taken, 256));
    cr_assert(eq(int, submit(channel, taken + 1), -EBUSY));
    uint64_t ready = 0, sent = 0;
    for (struct channel_event e = step(channel); e.kind != CHANNEL_NONE; e = step(channel)) {
        if (e.kind == CHANNEL_READY) {
            ready++;
            cr_assert(eq(int, channel->ops->release(channel, e.notice), 0));
        } else {
            cr_assert(eq(int, e.kind, CHANNEL_SENT));
            sent++;
        }
    }
    cr_assert(eq(u64, ready, taken));
    cr_assert(eq(u64, sent, taken));
    holds(dir->path, taken, 0);
}
