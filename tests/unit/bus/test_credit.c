/* Charges, tags and who may send what; no socket. */
#include "bus/credit.h"
#include "proto/tag.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

Test(charges, add_up_and_come_back)
{
    struct credit c = { .limit_bytes = 100 };
    cr_assert(eq(int, credit_charge(&c, 1, 60), 0));
    cr_assert(eq(int, credit_charge(&c, 2, 41), -ENOBUFS));
    cr_assert(eq(int, credit_charge(&c, 2, 40), 0));
    cr_assert(eq(u64, credit_left(&c), 0));
    cr_assert(eq(u64, credit_release(&c, 3), 0), "not charged");
    cr_assert(eq(u64, credit_release(&c, 1), 60));
    cr_assert(eq(u64, credit_release(&c, 1), 0), "only once");
    cr_assert(eq(u64, credit_left(&c), 60));
    credit_done(&c);
    cr_assert(eq(u64, credit_left(&c), 100));
}

Test(charges, of_one_tag_come_back_oldest_first)
{
    struct credit c = { .limit_bytes = 100 };
    cr_assert(eq(int, credit_charge(&c, 7, 10), 0));
    cr_assert(eq(int, credit_charge(&c, 8, 5), 0));
    cr_assert(eq(int, credit_charge(&c, 7, 20), 0));
    cr_assert(eq(u64, credit_release(&c, 7), 10));
    cr_assert(eq(u64, credit_release(&c, 7), 20));
    cr_assert(eq(u64, c.bytes, 5));
    credit_done(&c);
}

Test(charges, of_nothing_count_as_one_byte_and_are_bounded_in_number)
{
    struct credit c = { .limit_bytes = UINT64_MAX };
    for (uint64_t tag = 1; tag <= CREDIT_FRAMES_MAX; tag++)
        cr_assert(eq(int, credit_charge(&c, tag, 0), 0));
    cr_assert(eq(int, credit_charge(&c, 1, 0), -ENOBUFS));
    cr_assert(eq(u64, credit_release(&c, 500), 1));
    cr_assert(eq(int, credit_charge(&c, 1, 0), 0));
    credit_done(&c);
}

Test(charges, can_be_taken_back_when_the_frame_did_not_leave)
{
    struct credit c = { .limit_bytes = 100 };
    cr_assert(eq(int, credit_charge(&c, 1, 10), 0));
    cr_assert(eq(int, credit_charge(&c, 1, 30), 0));
    credit_unsend(&c);
    cr_assert(eq(u64, c.bytes, 10));
    cr_assert(eq(u64, credit_release(&c, 1), 10));
    credit_done(&c);
}

Test(charges, survive_any_order_of_release)
{
    struct credit c = { .limit_bytes = 1000000 };
    for (uint64_t tag = 0; tag < 101; tag++)
        cr_assert(eq(int, credit_charge(&c, tag + 1, tag + 1), 0));
    for (uint64_t i = 0; i < 101; i++) {
        uint64_t tag = (i * 37) % 101 + 1;
        cr_assert(eq(u64, credit_release(&c, tag), tag));
    }
    cr_assert(eq(u64, c.bytes, 0));
    cr_assert(eq(sz, c.count, 0));
    credit_done(&c);
}

static const enum frame_type every_type[] = {
    FRAME_HELLO,    FRAME_WELCOME, FRAME_PING,           FRAME_PONG,          FRAME_BUSY,
    FRAME_REFUSED,  FRAME_BATCH,   FRAME_FORWARD,        FRAME_SETTLED,       FRAME_RESUME,
    FRAME_RESUMED,  FRAME_JUDGE,   FRAME_VERDICTS,       FRAME_REGISTRY_PULL, FRAME_REGISTRY,
    FRAME_REFUSALS, FRAME_COMMAND, FRAME_COMMAND_RESULT, FRAME_FEED_PULL,     FRAME_FEED,
};

Test(rules, every_charged_frame_can_be_answered_by_its_tag)
{
    size_t charged = 0;
    for (size_t i = 0; i < ARRAY_LEN(every_type); i++) {
        const ProtobufCMessageDescriptor *type = frame_descriptor(every_type[i]);
        cr_assert(ne(ptr, (void *)(uintptr_t)type, NULL));
        bool tagged = protobuf_c_message_descriptor_get_field_by_name(type, "tag") != NULL;
        cr_assert(tagged || !frame_is_charged(every_type[i]), "%s", frame_name(every_type[i]));
        cr_assert(tagged || !frame_answers(every_type[i]), "%s", frame_name(every_type[i]));
        cr_assert(not(frame_is_charged(every_type[i]) && frame_answers(every_type[i])));
        charged += frame_is_charged(every_type[i]);
    }
    cr_assert(eq(sz, charged, 7));
}

Test(rules, nobody_may_send_what_only_a_server_says)
{
    static const enum frame_type servers[] = {
        FRAME_WELCOME,  FRAME_SETTLED,        FRAME_RESUMED, FRAME_JUDGE,
        FRAME_REGISTRY, FRAME_COMMAND_RESULT, FRAME_FEED,    (enum frame_type)99,
    };
    for (size_t i = 0; i < ARRAY_LEN(servers); i++)
        for (int role = ROLE_NONE; role <= ROLE_OFFICIAL; role++)
            cr_assert(not(frame_of_role(servers[i], (Zb__Role)role)));
    for (size_t i = 0; i < ARRAY_LEN(every_type); i++)
        cr_assert(not(frame_of_role(every_type[i], ROLE_NONE)));
}

Test(rules, each_role_sends_its_own_frames_only)
{
    cr_assert(frame_of_role(FRAME_BATCH, ROLE_COLLECTOR));
    cr_assert(not(frame_of_role(FRAME_BATCH, ROLE_MATCHER)));
    cr_assert(frame_of_role(FRAME_FORWARD, ROLE_MATCHER));
    cr_assert(not(frame_of_role(FRAME_FORWARD, ROLE_COLLECTOR)));
    cr_assert(frame_of_role(FRAME_COMMAND, ROLE_OFFICIAL));
    cr_assert(not(frame_of_role(FRAME_COMMAND, ROLE_COLLECTOR)));
    cr_assert(not(frame_of_role(FRAME_COMMAND, ROLE_MATCHER)));
    cr_assert(not(frame_of_role(FRAME_FEED_PULL, ROLE_COLLECTOR)));
    cr_assert(not(frame_of_role(FRAME_REGISTRY_PULL, ROLE_COLLECTOR)));
}

Test(tags, are_read_from_the_message_and_from_the_wire_alike)
{
    static const uint64_t values[] = { 1, 127, 128, 300, 1ull << 35, UINT64_MAX };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        Zb__Forward forward = ZB__FORWARD__INIT;
        forward.tag = values[i];
        cr_assert(eq(u64, message_tag(&forward.base), values[i]));
        CLEANUP(buf_done) struct buf out = BUF_INIT(100);
        cr_assert(eq(int, message_pack(&forward.base, &out), 0));
        cr_assert(eq(u64, payload_tag(FRAME_FORWARD, buf_bytes(&out)), values[i]));
        for (size_t cut = 0; cut < out.size; cut++)
            cr_assert(eq(u64, payload_tag(FRAME_FORWARD, bytes_of(out.data, cut)), 0));
    }
    Zb__Hello hello = ZB__HELLO__INIT;
    hello.protocol = 9;
    cr_assert(eq(u64, message_tag(&hello.base), 0));
    cr_assert(eq(u64, payload_tag(FRAME_HELLO, BYTES_LIT("\x08\x09")), 0));
    cr_assert(eq(u64, payload_tag((enum frame_type)99, BYTES_LIT("\x08\x09")), 0));
    cr_assert(eq(u64,
                 payload_tag(FRAME_FORWARD,
                             BYTES_LIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")),
                 0),
              "no varint is that long");
}
