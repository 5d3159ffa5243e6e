/* fuzz_glpi_json.c - any bytes through the reader of GLPI's JSON: it refuses with a complaint, or hands over what
 * the spool takes. */
#include "tests/fuzz/fuzz_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_source_read(&source_glpi_json, data, size);
}
