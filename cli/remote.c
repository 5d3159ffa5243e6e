/* remote.c - a signed command to the running notifier, and its answer.
 *
 * The command's id is made once: a repeat after a broken line is the same command, and the ledger
 * gives the answer of the first. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "bus/config.h"
#include "bus/link.h"
#include "cli/cli.h"
#include "collector/service.h"
#include "proto/blob.h"

enum {
    REMOTE_TIMEOUT_MS = 15 * 1000,
    REMOTE_TAG = 1,
};

struct remote_command {
    struct cli *cli;
    Zb__CommandBody body;
    Zb__Argument *arguments[BOUND_ARGUMENTS];
    uint8_t id[16];
    bool failed; /* memory, or too many arguments */
};

struct remote_command *remote_command(struct cli *cli, const char *verb)
{
    struct remote_command *command = arena_calloc(cli->arena, 1, sizeof(*command));
    if (command == NULL)
        return NULL;
    command->cli = cli;
    zb__command_body__init(&command->body);
    command->body.verb = arena_strdup(cli->arena, bytes_str(verb));
    command->failed = command->body.verb == NULL;
    command->body.arguments = command->arguments;
    seal_random(command->id, sizeof(command->id));
    command->body.id = blob_of(bytes_of(command->id, sizeof(command->id)));
    return command;
}

void remote_argument(struct remote_command *command, const char *name, const char *value)
{
    if (command == NULL || value == NULL || command->failed)
        return;
    struct arena *arena = command->cli->arena;
    Zb__Argument *argument = arena_alloc(arena, sizeof(*argument));
    if (argument == NULL || command->body.n_arguments == BOUND_ARGUMENTS) {
        command->failed = true;
        return;
    }
    zb__argument__init(argument);
    argument->name = arena_strdup(arena, bytes_str(name));
    argument->value = arena_strdup(arena, bytes_str(value));
    command->failed = argument->name == NULL || argument->value == NULL;
    if (!command->failed)
        command->arguments[command->body.n_arguments++] = argument;
}

void remote_attachment(struct remote_command *command, struct bytes attachment)
{
    if (command != NULL)
        command->body.attachment = blob_of(attachment);
}

/* A line to the notifier. */
struct line {
    struct bus *bus;
    struct bus_client *client;
};

static void line_close(struct line *line)
{
    bus_client_close(line->client);
    bus_free(line->bus);
}

static int line_open(struct cli *cli, const struct identity *identity,
                     const struct identity_public *ledger, struct line *line, struct complaint *why)
{
    const struct config *config = cli->config;
    struct bus_limits limits = bus_limits_of(config);
    int r = bus_new(identity, &limits, &line->bus);
    if (r < 0)
        return r;
    struct bus_client_options options = {
        .address = config_text(config, "ledger.address"),
        .hello = ZB__HELLO__INIT,
    };
    memcpy(options.server_link_public, ledger->link_public, LINK_KEY_BYTES);
    options.hello.protocol = PROTOCOL_VERSION;
    options.hello.role = ROLE_OFFICIAL;
    options.hello.software = (char *)(uintptr_t) "zhengban " ZB_VERSION;
    return bus_connect(line->bus, &options, &line->client, why);
}

static int body_sign(struct remote_command *command, const struct identity *identity,
                     const struct identity_public *ledger, Zb__Command *ret_message)
{
    struct cli *cli = command->cli;
    struct ledger_clock clock;
    int r = ledger_clock_read(cli->home, &clock, NULL);
    if (r < 0)
        return r;
    command->body.algorithm = SEAL_BLAKE2B_ED25519;
    command->body.actor =
        blob_of(bytes_of(arena_dup(cli->arena, identity->id.b, sizeof(identity->id.b)), 16));
    command->body.ledger =
        blob_of(bytes_of(arena_dup(cli->arena, ledger->id.b, sizeof(ledger->id.b)), 16));
    command->body.issued_ms = clock.now_ms;
    struct buf body = BUF_INIT(BOUND_EXPANDED_BYTES);
    r = message_pack(&command->body.base, &body);
    if (r == 0) {
        struct seal_signature signature =
            seal_sign(&identity->sign_secret, PURPOSE_COMMAND, buf_bytes(&body));
        zb__command__init(ret_message);
        ret_message->tag = REMOTE_TAG;
        ret_message->body =
            blob_of(bytes_of(arena_dup(cli->arena, body.data, body.size), body.size));
        ret_message->signature = blob_of(
            bytes_of(arena_dup(cli->arena, signature.b, sizeof(signature.b)), sizeof(signature.b)));
        if (ret_message->body.data == NULL || ret_message->signature.data == NULL)
            r = -ENOMEM;
    }
    buf_done(&body);
    return r;
}

/* Sends at each link-up and waits for the answer; the same id makes repeats harmless. */
static int exchange(struct line *line, const Zb__Command *message, int timeout_ms,
                    struct arena *arena, const Zb__CommandResult **ret_result,
                    struct complaint *why)
{
    int64_t end_ms = clock_mono_ms() + timeout_ms;
    for (;;) {
        int64_t left_ms = end_ms - clock_mono_ms();
        if (left_ms <= 0) {
            const char *fault = bus_client_fault(line->client);
            return complain(why, -ETIMEDOUT, "is it running? see 'zhengban status'",
                            "the notifier did not answer%s%s", fault[0] == '\0' ? "" : ": ", fault);
        }
        enum bus_link_event event;
        struct bus_message in;
        int r = bus_client_receive(line->client, arena, clock_mono_ms(), &event, &in);
        if (r == -EAGAIN) {
            r = bus_wait(line->bus, NULL, 0, (int)left_ms);
            if (r < 0)
                return r;
            continue;
        }
        if (r < 0)
            return r;
        if (event == BUS_LINK_UP) {
            r = bus_client_send(line->client, FRAME_COMMAND, &message->base, message->tag);
            if (r < 0 && r != -ENOTCONN && r != -EAGAIN)
                return r;
        } else if (event == BUS_LINK_MESSAGE && in.type == FRAME_COMMAND_RESULT) {
            *ret_result = (const Zb__CommandResult *)in.message;
            return 0;
        } else if (event == BUS_LINK_MESSAGE && in.type == FRAME_REFUSED) {
            return complain(why, -EACCES, "", "the ledger refused it: %s",
                            ((const Zb__Refused *)in.message)->text);
        }
    }
}

int remote_send(struct remote_command *command, int timeout_ms,
                const Zb__CommandResult **ret_result)
{
    if (command == NULL || command->failed)
        return CLI_FAILED;
    struct cli *cli = command->cli;
    const struct config *config = cli_config(cli);
    if (config == NULL)
        return CLI_INVALID;
    struct complaint why = { 0 };
    struct identity identity;
    struct identity_public ledger;
    const char *key = cli_path(cli, arena_printf(cli->arena, "keys/%s.key", cli->actor));
    const char *slip = cli_path(cli, config_text(config, "ledger.slip"));
    if (strchr(cli->actor, '/') != NULL)
        return cli_fault(cli, -EINVAL, "give a name as in keys/NAME.key", "'%s' is no key's name",
                         cli->actor);
    int r = key == NULL || slip == NULL ? -ENOMEM : identity_load(key, &identity, &why);
    if (r < 0)
        return cli_complain(cli, r, &why);
    Zb__Command message;
    struct line line = { 0 };
    r = slip_load(slip, &ledger, &why);
    if (r == 0)
        r = body_sign(command, &identity, &ledger, &message);
    if (r == 0)
        r = line_open(cli, &identity, &ledger, &line, &why);
    if (r == 0)
        r = exchange(&line, &message, timeout_ms <= 0 ? REMOTE_TIMEOUT_MS : timeout_ms, cli->arena,
                     ret_result, &why);
    line_close(&line);
    identity_wipe(&identity);
    if (r < 0) {
        (void)cli_complain(cli, r, &why);
        return r == -EACCES ? CLI_INVALID : CLI_FAILED;
    }
    if ((*ret_result)->refused == REFUSAL_NONE)
        return CLI_DONE;
    return cli_fault(cli, -EINVAL, "", "refused: %s", (*ret_result)->text);
}

const char *remote_value(const Zb__CommandResult *result, const char *name)
{
    for (size_t i = 0; i < result->n_values; i++)
        if (strcmp(result->values[i]->name, name) == 0)
            return result->values[i]->value;
    return NULL;
}

int remote_do(struct remote_command *command)
{
    const Zb__CommandResult *result;
    int status = remote_send(command, 0, &result);
    if (status != CLI_DONE)
        return status;
    struct cli *cli = command->cli;
    if (!cli->json) {
        cli_say(cli, "%s", result->text);
        return CLI_DONE;
    }
    struct json json = json_on(&cli->out);
    json_begin_object(&json, NULL);
    for (size_t i = 0; i < result->n_values; i++)
        json_put_str(&json, result->values[i]->name, result->values[i]->value);
    json_put_str(&json, "text", result->text);
    json_end(&json);
    json_end_line(&json);
    cli_flush(cli);
    return CLI_DONE;
}
