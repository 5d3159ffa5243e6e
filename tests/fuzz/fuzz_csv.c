/* fuzz_csv.c - any bytes through the reader of tables: it refuses with a complaint, or hands over what
 * the spool takes. */
#include "tests/fuzz/fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_source_read(&source_csv, data, size);
}
