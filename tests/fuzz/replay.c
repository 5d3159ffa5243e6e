/* replay.c - runs a fuzz target over every file of its committed corpus, without libFuzzer.
 *
 * Gives each decoder's regressions to every compiler and sanitizer that ctest runs under. It must
 * never pass silently on an empty corpus: no input read is a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return -1;
    uint8_t *data = NULL;
    size_t size = 0, cap = 0, n;
    do {
        if (size == cap) {
            cap = cap == 0 ? 65536 : cap * 2;
            data = realloc(data, cap);
            if (data == NULL)
                abort();
        }
        n = fread(data + size, 1, cap - size, f);
        size += n;
    } while (n > 0);
    (void)fclose(f);                          /* read only: nothing to lose */
    (void)LLVMFuzzerTestOneInput(data, size); /* its result only steers libFuzzer */
    free(data);
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s CORPUS_DIR\n", argv[0]);
        return 2;
    }
    DIR *dir = opendir(argv[1]);
    if (dir == NULL) {
        perror(argv[1]);
        return 1;
    }
    size_t done = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        if (e->d_name[0] == '.')
            continue;
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], e->d_name);
        if (replay_file(path) < 0) {
            perror(path);
            (void)closedir(dir);
            return 1;
        }
        done++;
    }
    (void)closedir(dir);
    (void)printf("%zu inputs replayed\n", done);
    return done > 0 ? 0 : 1;
}
