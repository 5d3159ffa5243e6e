/* main.c - zhengban-collector. */
#include "bus/config.h"
#include "collector/service.h"

int main(int argc, char *argv[])
{
    const struct config_table tables[] = { bus_config, collector_config, collector_foreign_config };
    const struct daemon_spec spec = {
        .name = "collector",
        .summary = "takes in inventories, spools them and reports them until they are settled",
        .config = tables,
        .n_config = ARRAY_LEN(tables),
        .start = collector_start,
        .run = collector_run,
        .stop = collector_stop,
    };
    return daemon_main(argc, argv, &spec);
}
