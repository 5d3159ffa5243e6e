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
    REMOTE_CONNECT_MS = 4 * 1000, /* a notifier that runs is reached in far less */
    REMOTE_AGAIN_MS = 200,
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

struct remote_command *remote_begin(struct cli *cli)
{
    const struct cli_verb *verb = cli->verb;
    struct remote_command *command = remote_command(cli, verb->command);
    const char *names = verb->positional_names == NULL ? "" : verb->positional_names;
    for (size_t i = 0; i < cli->positional_count; i++) {
        size_t size = strcspn(names, " ");
        const char *name = arena_strdup(cli->arena, bytes_of(names, size)); /* "" past the last */
        if (name != NULL && name[0] != '\0')
            remote_argument(command, name, cli->positional[i]);
        names += size;
        names += *names == ' ';
    }
    for (size_t i = 0; i < verb->option_count; i++) {
        const char *value = cli->option_values[i];
        char *name = arena_strdup(cli->arena, bytes_str(verb->options[i].name + strlen("--")));
        for (char *c = name; c != NULL && *c != '\0'; c++)
            if (*c == '-')
                *c = '_';
        if (value != NULL && name != NULL && !verb->options[i].local)
            remote_argument(command, name, verb->options[i].value == NULL ? "yes" : value);
    }
    return command;
}

int remote_run(struct cli *cli)
{
    return remote_do(remote_begin(cli));
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

int remote_sign(struct remote_command *command, const struct identity *identity,
                struct id128 ledger, int64_t now_ms, Zb__Command *ret_message)
{
    if (command == NULL || command->failed)
        return -ENOMEM;
    struct arena *arena = command->cli->arena;
    command->body.algorithm = SEAL_BLAKE2B_ED25519;
    command->body.actor = blob_of(bytes_of(arena_dup(arena, identity->id.b, 16), 16));
    command->body.ledger = blob_of(bytes_of(arena_dup(arena, ledger.b, 16), 16));
    command->body.issued_ms = now_ms;
    CLEANUP(buf_done) struct buf body = BUF_INIT(BOUND_EXPANDED_BYTES);
    int r = command->body.actor.data == NULL || command->body.ledger.data == NULL
                ? -ENOMEM
                : message_pack(&command->body.base, &body);
    if (r < 0)
        return r;
    struct seal_signature signature =
        seal_sign(&identity->sign_secret, PURPOSE_COMMAND, buf_bytes(&body));
    zb__command__init(ret_message);
    ret_message->tag = REMOTE_TAG;
    ret_message->body = blob_of(bytes_of(arena_dup(arena, body.data, body.size), body.size));
    ret_message->signature =
        blob_of(bytes_of(arena_dup(arena, signature.b, sizeof(signature.b)), sizeof(signature.b)));
    return ret_message->body.data == NULL || ret_message->signature.data == NULL ? -ENOMEM : 0;
}

/* The link layer tells a key that is not admitted by the words of its fault alone; should they
 * change, the command fails all the same, later and as unreachable. */
static bool is_not_admitted(const char *fault)
{
    return strstr(fault, "does not admit") != NULL;
}

static int unreachable(const struct line *line, struct complaint *why)
{
    const char *fault = bus_client_fault(line->client);
    return complain(why, -ETIMEDOUT, _("is it running? see 'zhengban status'"),
                    _("the notifier did not answer%s%s"), fault[0] == '\0' ? "" : ": ", fault);
}

/* Sends at each link-up and waits for the answer; the same id makes repeats harmless. */
static int exchange(struct line *line, const Zb__Command *message, int timeout_ms,
                    struct arena *arena, const Zb__CommandResult **ret_result,
                    struct complaint *why)
{
    int64_t now_ms = clock_mono_ms();
    int64_t end_ms = now_ms + timeout_ms, connect_ms = now_ms + REMOTE_CONNECT_MS;
    int64_t send_ms = INT64_MAX; /* when to send (again) */
    unsigned sent = 0;
    bool was_up = false;
    for (;;) {
        now_ms = clock_mono_ms();
        int64_t left_ms = (was_up || end_ms < connect_ms ? end_ms : connect_ms) - now_ms;
        if (left_ms <= 0)
            return unreachable(line, why);
        if (send_ms <= now_ms) {
            int failed = bus_client_send(line->client, FRAME_COMMAND, &message->base, message->tag);
            if (failed < 0 && failed != -ENOTCONN && failed != -EAGAIN && failed != -ENOBUFS)
                return failed;
            send_ms = INT64_MAX;
            sent++;
        }
        if (send_ms != INT64_MAX && send_ms - now_ms < left_ms)
            left_ms = send_ms - now_ms;
        enum bus_link_event event;
        struct bus_message in;
        int r = bus_client_receive(line->client, arena, now_ms, &event, &in);
        if (r == -EAGAIN) {
            r = bus_wait(line->bus, NULL, 0, (int)left_ms);
            if (r < 0)
                return r;
            continue;
        }
        if (r < 0)
            return r;
        if (event == BUS_LINK_UP) {
            was_up = true;
            send_ms = now_ms;
        } else if (event == BUS_LINK_DOWN && is_not_admitted(bus_client_fault(line->client))) {
            return complain(why, -EACCES, "", "%s", bus_client_fault(line->client));
        } else if (event == BUS_LINK_MESSAGE && in.type == FRAME_COMMAND_RESULT) {
            *ret_result = (const Zb__CommandResult *)in.message;
            return 0;
        } else if (event == BUS_LINK_MESSAGE && in.type == FRAME_BUSY) {
            send_ms = now_ms + ((const Zb__Busy *)in.message)->retry_ms;
        } else if (event == BUS_LINK_MESSAGE && in.type == FRAME_REFUSED && sent > 1 &&
                   ((const Zb__Refused *)in.message)->reason == REFUSAL_BAD_STATE) {
            /* Our own clock.advance, which the notifier took up again after a restart, is still
             * under way: its answer comes when the clock is there. */
            send_ms = now_ms + REMOTE_AGAIN_MS;
        } else if (event == BUS_LINK_MESSAGE && in.type == FRAME_REFUSED) {
            return complain(why, -EACCES, "", _("the ledger refused it: %s"),
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
        return cli_fault(cli, -EINVAL, _("give a name as in keys/NAME.key"),
                         _("'%s' is no key's name"), cli->actor);
    int r = key == NULL || slip == NULL ? -ENOMEM : identity_load(key, &identity, &why);
    if (r < 0)
        return cli_complain(cli, r, &why);
    Zb__Command message;
    struct line line = { 0 };
    r = slip_load(slip, &ledger, &why);
    struct ledger_clock clock;
    if (r == 0)
        r = ledger_clock_read(cli->home, &clock, &why);
    if (r == 0)
        r = remote_sign(command, &identity, ledger.id, clock.now_ms, &message);
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
    return cli_fault(cli, -EINVAL, "", _("refused: %s"), (*ret_result)->text);
}

const char *remote_value(const Zb__CommandResult *result, const char *name)
{
    for (size_t i = 0; i < result->n_values; i++)
        if (strcmp(result->values[i]->name, name) == 0)
            return result->values[i]->value;
    return NULL;
}

int remote_print(struct cli *cli, const Zb__CommandResult *result)
{
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
    return cli_put(cli);
}

int remote_do(struct remote_command *command)
{
    const Zb__CommandResult *result;
    int status = remote_send(command, 0, &result);
    return status == CLI_DONE ? remote_print(command->cli, result) : status;
}
