/* ledger_clock.c - the ledger's time as its home publishes it. */
#include <errno.h>
#include <jansson.h>

#include "base/file.h"
#include "collector/service.h"

enum { CLOCK_FILE_BYTES = 256 };

int ledger_clock_read(const char *home, struct ledger_clock *ret_clock, struct complaint *why)
{
    char path[FILE_PATH_SIZE];
    struct bytes text;
    CLEANUP(arena_freep) struct arena *arena = arena_new(16 * CLOCK_FILE_BYTES);
    if (arena == NULL)
        return -ENOMEM;
    int r = path_join(path, sizeof(path), home, "run/clock");
    if (r == 0)
        r = file_read(arena, path, CLOCK_FILE_BYTES, &text, why);
    if (r == -ENOENT) {
        CLEANUP(clock_freep) struct clock *clock = clock_new_real();
        if (clock == NULL)
            return -ENOMEM;
        *ret_clock = (struct ledger_clock){ .now_ms = clock_now_ms(clock) };
        return 0;
    }
    if (r != 0)
        return r;
    json_error_t error;
    json_t *root = json_loadb((const char *)text.data, text.size, 0, &error);
    json_t *simulated = json_object_get(root, "simulated");
    json_t *now_ms = json_object_get(root, "now_ms");
    if (json_is_boolean(simulated) && json_is_integer(now_ms)) {
        CLEANUP(clock_freep) struct clock *clock = clock_new_real();
        bool is_simulated = json_is_true(simulated);
        r = clock == NULL ? -ENOMEM : 0;
        if (r == 0)
            *ret_clock = (struct ledger_clock){
                .simulated = is_simulated,
                /* A real clock's file says only that it is real: it is not rewritten all the time. */
                .now_ms = is_simulated ? json_integer_value(now_ms) : clock_now_ms(clock),
            };
    } else {
        complaint_at(why, "%s", path);
        r = complain(why, -EBADMSG, "restart the notifier, which writes it",
                     "the ledger's clock cannot be read");
    }
    json_decref(root);
    return r;
}
