/* source.c - which format a document is in. */
#include "collector/source.h"

#include "base/cleanup.h"

/* In the order of asking: the strictest probe first, the one for any table last. */
static const struct source_format *const formats[] = {
    &source_glpi_json,
    &source_glpi_xml,
    &source_csv,
};

const struct source_format *source_at(size_t i)
{
    return i < ARRAY_LEN(formats) ? formats[i] : NULL;
}

const struct source_format *source_detect(struct bytes head, const char *file_name)
{
    if (head.size > SOURCE_HEAD_BYTES)
        head.size = SOURCE_HEAD_BYTES;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (formats[i]->probe(head, file_name))
            return formats[i];
    return NULL;
}

const struct source_format *source_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}
