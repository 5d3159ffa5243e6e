/* main.c - zhengban-notifier. */
#include "bus/config.h"
#include "notifier/config.h"
#include "notifier/notifier.h"

int main(int argc, char *argv[])
{
    const struct config_table tables[] = { bus_config, notifier_config, rules_config,
                                           notifier_foreign_config };
    const struct daemon_spec spec = {
        .name = "notifier",
        .summary = "keeps the ledger: settles reports, opens cases, sends notices",
        .config = tables,
        .n_config = ARRAY_LEN(tables),
        .start = notifier_start,
        .run = notifier_run,
        .stop = notifier_stop,
    };
    return daemon_main(argc, argv, &spec);
}
