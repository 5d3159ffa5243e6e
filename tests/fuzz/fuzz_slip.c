/* Slips and identity files: no text may crash the readers, and what a slip is read from once must
 * be read the same way again after it was printed with other line ends. */
#include <stdlib.h>

#include "bus/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (seal_start() < 0)
        abort();
    struct complaint why = { 0 };
    struct bytes text = bytes_of(data, size);
    struct identity identity;
    if (identity_parse(text, "fuzz.key", &identity, &why) == 0) {
        CLEANUP(buf_done) struct buf slip = BUF_INIT(4096);
        struct identity_public back;
        if (slip_print(&identity, &slip) < 0 || slip_parse(buf_bytes(&slip), &back, NULL) < 0 ||
            !id128_eq(back.id, identity.id))
            abort();
        identity_wipe(&identity);
    } else if (why.what[0] == '\0') {
        abort(); /* refused without a reason */
    }
    struct identity_public public;
    struct complaint slip_why = { 0 };
    if (slip_parse(text, &public, &slip_why) < 0) {
        if (slip_why.what[0] == '\0')
            abort();
        return 0;
    }
    CLEANUP(buf_done) struct buf mailed = BUF_INIT(2 * size + 16);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n')
            buf_put_u8(&mailed, '\r');
        buf_put_u8(&mailed, data[i]);
    }
    struct identity_public again;
    if (slip_parse(buf_bytes(&mailed), &again, NULL) < 0 || !id128_eq(again.id, public.id))
        abort();
    return 0;
}
