/* owned.c - paths in one run of bytes, sorted once. */
#include "collector/sources/owned.h"

#include <errno.h>

#include "base/cleanup.h"

void owned_done(struct owned *owned)
{
    buf_done(&owned->text);
    free((void *)owned->path);
    *owned = (struct owned){ 0 };
}

/* Whether dir ‖ name begins with the prefix. */
static bool begins_with(struct bytes dir, struct bytes name, const char *prefix)
{
    struct bytes wanted = bytes_str(prefix);
    if (dir.size >= wanted.size)
        return bytes_starts_with(dir, wanted);
    return bytes_starts_with(wanted, dir) &&
           bytes_starts_with(name, bytes_of(wanted.data + dir.size, wanted.size - dir.size));
}

void owned_add(struct owned *owned, struct bytes dir, struct bytes name)
{
    static const char *const asked[] = { "/opt/", "/usr/share/applications/",
                                         "/usr/local/share/applications/" };
    bool is_asked = false;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        is_asked = is_asked || begins_with(dir, name, asked[i]);
    /* A NUL within would make two paths of one. */
    if (!is_asked || (dir.size > 0 && memchr(dir.data, '\0', dir.size) != NULL) ||
        (name.size > 0 && memchr(name.data, '\0', name.size) != NULL))
        return;
    buf_put(&owned->text, dir);
    buf_put(&owned->text, name);
    buf_put_u8(&owned->text, '\0');
    owned->count++;
}

static int path_order(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

int owned_seal(struct owned *owned)
{
    int r = buf_error(&owned->text);
    if (r == -ENOMEM)
        return r;
    if (r < 0) {
        owned->is_partial = true;
        owned->count = 0;
        return 0;
    }
    owned->path = calloc(owned->count + 1, sizeof(*owned->path));
    if (owned->path == NULL)
        return -ENOMEM;
    const char *at = (const char *)owned->text.data;
    for (size_t i = 0; i < owned->count; i++) {
        owned->path[i] = at;
        at += strlen(at) + 1;
    }
    qsort((void *)owned->path, owned->count, sizeof(*owned->path), path_order);
    return 0;
}

/* The first path that does not come before `text`. */
static size_t lower_bound(const struct owned *owned, const char *text)
{
    size_t low = 0, high = owned->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(owned->path[middle], text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool owned_has(const struct owned *owned, const char *path)
{
    size_t at = lower_bound(owned, path);
    return at < owned->count && strcmp(owned->path[at], path) == 0;
}

bool owned_below(const struct owned *owned, const char *path)
{
    char below[4096];
    size_t size = strlen(path);
    if (owned_has(owned, path))
        return true;
    if (size + 2 > sizeof(below))
        return false;
    memcpy(below, path, size);
    memcpy(below + size, "/", 2);
    size_t at = lower_bound(owned, below);
    return at < owned->count && strncmp(owned->path[at], below, size + 1) == 0;
}
