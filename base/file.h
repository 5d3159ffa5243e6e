/* file.h - whole files: bounded reading, atomic writing, locks, secrets. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"

enum { FILE_PATH_SIZE = 4096 }; /* with NUL */

/* path_join - dir/name into out[out_bytes], or name alone where it is absolute.
 * Errors: -ENAMETOOLONG, out then is "". */
int path_join(char *out, size_t out_bytes, const char *dir, const char *name);

/* file_read - the whole of a regular file of at most cap_bytes.
 * Errors: -EFBIG larger than the cap; -EINVAL no regular file; -ENOMEM; what open and read give.
 *         Every one but -ENOMEM is explained in `why` (may be NULL).
 * Owns:   the arena. A NUL follows the bytes and is not counted. */
int file_read(struct arena *arena, const char *path, size_t cap_bytes, struct bytes *ret_bytes,
              struct complaint *why);

/* file_read_secret - a key or a password into out[cap_bytes], and nowhere else in memory.
 * Errors: -EPERM its mode lets others than the owner do anything with it; the rest as
 *         file_read. The caller wipes `out` (seal_wipe), also after an error. */
int file_read_secret(const char *path, uint8_t *out, size_t cap_bytes, size_t *ret_size,
                     struct complaint *why);

/* file_write_atomic - path holds either what it held or `bytes`, whatever happens: written beside,
 * synced, renamed, directory synced. The mode is exact; umask does not apply.
 * Errors: -errno; the temporary file is gone then. */
int file_write_atomic(const char *path, struct bytes bytes, mode_t mode);

/* file_make_dirs - path and its missing parents, with mode less the umask, synced; those that exist
 * keep their mode.
 * Errors: -ENOTDIR a part is no directory; -errno. */
int file_make_dirs(const char *path, mode_t mode);

/* file_lock - creates the file (mode 0600) if need be and locks it until the descriptor is closed
 * or the process ends, however it ends.
 * Errors: -EBUSY somebody else has the lock; -errno.
 * Owns:   the caller closes *ret_fd. The file stays behind; removing it would break the lock. */
int file_lock(const char *path, int *ret_fd);

#endif
