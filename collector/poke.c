/* poke.c - importers are other processes; a touched file tells the daemon to look. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "collector/service.h"

int spool_poke(const char *spool_dir)
{
    char path[FILE_PATH_SIZE];
    int r = path_join(path, sizeof(path), spool_dir, "poke");
    if (r < 0)
        return r;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    /* The close is the message: inotify's IN_CLOSE_WRITE. */
    return close(fd) < 0 ? -errno : 0;
}
