/* founding.c - genesis and first commands, in one transaction. */
#include "cli/founding.h"

#include <errno.h>
#include <string.h>

#include "notifier/config.h"
#include "proto/blob.h"

enum { FOUNDING_ARENA_BYTES = 256 * 1024 * 1024 };

struct founding {
    struct cli *cli;
    struct book *book;
    struct page *page;
    struct ledger_rules rules;
    struct ledger_run *run;
    struct arena *arena;
    const struct identity *ledger;
    const struct identity *administrator;
    int64_t now_ms;
};

void founding_close(struct founding *founding)
{
    if (founding == NULL)
        return;
    page_abort(founding->page);
    book_close(founding->book);
    arena_free(founding->arena);
    free(founding);
}

/* A public half as records hold it; borrows from the identity. */
static Zb__RegistryKey registry_key(const struct identity *identity)
{
    Zb__RegistryKey key = ZB__REGISTRY_KEY__INIT;
    key.id = BLOB_OF(identity->id);
    key.role = identity->role;
    key.sign_public = BLOB_OF(identity->sign_public);
    key.link_public = blob_of(bytes_of(identity->link_public, LINK_KEY_BYTES));
    key.label = (char *)(uintptr_t)identity->label; /* only read */
    key.state = KEY_ACTIVE;
    return key;
}

static int genesis(struct founding *founding, const struct founding_options *options)
{
    Zb__GenesisRecord record = ZB__GENESIS_RECORD__INIT;
    Zb__RegistryKey ledger = registry_key(founding->ledger);
    Zb__RegistryKey root = registry_key(founding->administrator);
    record.ledger = &ledger;
    record.root = &root;
    record.simulated = options->simulated;
    record.start_ms = options->start_ms;
    record.name = (char *)(uintptr_t)options->name;         /* only read */
    record.language = (char *)(uintptr_t)options->language; /* as above */
    const struct ledger_input input = { .kind = INPUT_GENESIS, .genesis = &record };
    struct ledger_reply reply;
    return ledger_run_input(founding->run, &input, founding->now_ms, &reply);
}

int founding_open(struct cli *cli, const char *path, const struct founding_options *options,
                  const struct identity *ledger, const struct identity *administrator,
                  struct founding **ret_founding, struct complaint *why)
{
    struct founding *founding = calloc(1, sizeof(*founding));
    if (founding == NULL)
        return -ENOMEM;
    const struct config *config = cli->config;
    founding->cli = cli;
    founding->ledger = ledger;
    founding->administrator = administrator;
    founding->now_ms = options->start_ms;
    founding->arena = arena_new(FOUNDING_ARENA_BYTES);
    const struct book_options book_options = {
        .max_bytes = (uint64_t)config_int(config, "notifier.store_max_bytes"),
    };
    int r =
        founding->arena == NULL ? -ENOMEM : book_open(path, &book_options, &founding->book, why);
    if (r == 0)
        r = book_write(founding->book, &founding->page);
    if (r == 0) {
        founding->rules = rules_of(config);
        founding->rules.ledger_key = ledger->sign_public;
        founding->rules.ledger_id = ledger->id;
        founding->rules.salt_seed = book_salt_seed(founding->book);
        founding->run = ledger_run_new(&founding->rules, page_writer(founding->page),
                                       page_journal(founding->page), book_head(founding->book),
                                       founding->arena);
        r = founding->run == NULL ? -ENOMEM : genesis(founding, options);
    }
    if (r < 0) {
        founding_close(founding);
        return r;
    }
    *ret_founding = founding;
    return 0;
}

int founding_command(struct founding *founding, struct remote_command *command,
                     struct complaint *why)
{
    Zb__Command message;
    int r = remote_sign(command, founding->administrator, founding->ledger->id, founding->now_ms,
                        &message);
    if (r < 0)
        return r;
    const struct ledger_input input = { .kind = INPUT_COMMAND, .command = &message };
    struct ledger_reply reply = { 0 };
    r = ledger_run_input(founding->run, &input, founding->now_ms, &reply);
    if (r < 0)
        return r;
    if (reply.result == NULL)
        return complain(why, -EPROTO, "", _("the ledger gave no answer"));
    return reply.result->refused == REFUSAL_NONE
               ? 0
               : complain(why, -EPERM, "", "%s", reply.result->text);
}

int founding_commit(struct founding *founding)
{
    struct ledger_head head;
    int r = ledger_run_finish(founding->run, founding->now_ms, &head);
    return r < 0 ? r : page_commit(TAKE_PTR(founding->page), head);
}
