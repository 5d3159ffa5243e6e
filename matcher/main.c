/* main.c - zhengban-matcher. */
#include "bus/config.h"
#include "matcher/service.h"

int main(int argc, char *argv[])
{
    const struct config_table tables[] = { bus_config, matcher_config, matcher_foreign_config };
    const struct daemon_spec spec = {
        .name = "matcher",
        .summary = "recognises installed software and forwards reports to the ledger",
        .config = tables,
        .n_config = ARRAY_LEN(tables),
        .start = matcher_start,
        .run = matcher_run,
        .stop = matcher_stop,
    };
    return daemon_main(argc, argv, &spec);
}
