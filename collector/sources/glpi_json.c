/* glpi_json.c - GLPI inventories in JSON, after inventory.schema.json: the envelope and the shape of
 * the sections are checked here, what they mean is glpi.c's. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

#include "base/cleanup.h"
#include "collector/sources/glpi.h"

/* jansson builds the whole tree, about 60 B a value whatever the value's size; it stops at 2,048
 * levels by itself. An inventory of 3,000 programs has 30,000 values. */
enum { JSON_VALUES_MAX = 4 * 1000 * 1000 };

static struct bytes without_bom(struct bytes document)
{
    struct bytes bom = BYTES_LIT("\xEF\xBB\xBF");
    if (bytes_starts_with(document, bom))
        document = bytes_of(document.data + bom.size, document.size - bom.size);
    return document;
}

static bool json_probe(struct bytes head, const char *file_name)
{
    (void)file_name;
    head = text_trim(without_bom(head));
    return head.size > 0 && head.data[0] == '{';
}

/* Values end at a comma or a bracket; those inside strings do not count. */
static bool has_too_many_values(struct bytes document)
{
    size_t values = 0;
    bool in_string = false;
    for (size_t i = 0; i < document.size; i++) {
        uint8_t c = document.data[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string && c == '\\')
            i++;
        else if (!in_string && (c == ',' || c == '[' || c == '{'))
            values++;
    }
    return values > JSON_VALUES_MAX;
}

static struct bytes json_text(const json_t *value)
{
    return bytes_of(json_string_value(value), json_string_length(value));
}

static int shape_fault(struct complaint *why, const char *place, const char *what)
{
    complaint_at(why, "%s", place);
    return complain(why, -EBADMSG, "write it as GLPI's inventory.schema.json has it", "%s", what);
}

/* ---- elements ---- */

/* One entry of an element; false when its kind of value does not fit. Numbers and null are agents'
 * ways of saying nothing where a text belongs. */
static bool entry_put(struct glpi_element *element, struct bytes name, const json_t *value)
{
    enum glpi_entry entry = glpi_entry_of(element->section, name);
    if (entry == GLPI_UNKNOWN || json_is_null(value))
        return true;
    bool is_flag = entry == GLPI_VIRTUAL || entry == GLPI_TRIAL;
    if (json_is_boolean(value) && is_flag)
        element->value[entry] = json_is_true(value) ? BYTES_LIT("1") : BYTES_LIT("0");
    else if (!json_is_string(value))
        return false;
    else if (element->value[entry].size == 0)
        element->value[entry] = json_text(value);
    return true;
}

/* Entries within an entry, as "timezone.offset"; deeper ones are of no interest. */
static bool nested_put(struct glpi_element *element, const char *outer, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char name[64];
        int n = snprintf(name, sizeof(name), "%s.%s", outer, key);
        if (n > 0 && (size_t)n < sizeof(name) && !entry_put(element, bytes_str(name), value))
            return false;
    }
    return true;
}

static int element_read(struct glpi *glpi, enum glpi_section section, json_t *object)
{
    struct glpi_element element = { .section = section };
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        glpi_refuse(glpi, section, "", "no object", "write it as { \"name\": ... }");
        return 0;
    }
    json_object_foreach(object, key, value)
    {
        bool fits = json_is_object(value) ? nested_put(&element, key, value)
                                          : entry_put(&element, bytes_str(key), value);
        if (!fits) {
            glpi_refuse(glpi, section, key, "no text", "put the value in quotes");
            return 0;
        }
    }
    return glpi_take(glpi, &element);
}

static int section_read(struct glpi *glpi, const char *name, json_t *value)
{
    enum glpi_section section = glpi_section_of(bytes_str(name));
    char place[DRAFT_PLACE_BYTES];
    if (section == GLPI_NONE)
        return 0;
    (void)snprintf(place, sizeof(place), "content, %s", name); /* names of sections are short */
    if (!glpi_section_is_list(section))
        return json_is_object(value) ? element_read(glpi, section, value)
                                     : shape_fault(glpi->why, place, "no object");
    if (!json_is_array(value))
        return shape_fault(glpi->why, place, "no list");
    size_t i;
    json_t *object;
    json_array_foreach(value, i, object)
    {
        int r = element_read(glpi, section, object);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- the document ---- */

/* What the top says, and that this is the inventory of a computer at all. */
static int envelope_read(const json_t *root, struct glpi_envelope *ret, struct complaint *why)
{
    const json_t *device = json_object_get(root, "deviceid");
    const json_t *partial = json_object_get(root, "partial");
    const json_t *type = json_object_get(root, "itemtype");
    if (!json_is_object(root))
        return shape_fault(why, "the document", "no object");
    if (!json_is_object(json_object_get(root, "content")))
        return shape_fault(why, "content", "missing, or no object: this is no GLPI inventory");
    if (!json_is_string(device))
        return shape_fault(why, "deviceid", "missing, or no text");
    if (partial != NULL && !json_is_boolean(partial))
        return shape_fault(why, "partial", "neither true nor false");
    if (type != NULL && !(json_is_string(type) && text_is_word(json_text(type), "computer"))) {
        complaint_at(why, "itemtype");
        return complain(why, -EBADMSG, "give inventories of computers only", "not \"Computer\"");
    }
    *ret = (struct glpi_envelope){ json_text(device), json_is_true(partial) };
    return 0;
}

static int content_read(struct glpi *glpi, json_t *content)
{
    const char *name;
    json_t *value;
    if (!json_is_string(json_object_get(content, "versionclient")))
        return shape_fault(glpi->why, "content, versionclient", "missing, or no text");
    json_object_foreach(content, name, value)
    {
        int r = section_read(glpi, name, value);
        if (r < 0)
            return r;
    }
    return 0;
}

static int json_parse(struct bytes document, json_t **ret_root, struct complaint *why)
{
    json_error_t error;
    complaint_at(why, "the document");
    if (has_too_many_values(document))
        return complain(why, -EBADMSG, "give each computer a file of its own",
                        "more than %d values", JSON_VALUES_MAX);
    /* NUL is allowed here so that it costs one item, not the document. */
    *ret_root = json_loadb((const char *)document.data, document.size,
                           JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (*ret_root != NULL)
        return 0;
    if (json_error_code(&error) == json_error_out_of_memory)
        return -ENOMEM;
    complaint_at(why, "line %d, column %d", error.line, error.column);
    return complain(why, -EBADMSG, "export the inventory again; it may have been cut",
                    "not JSON: %s", error.text);
}

static int json_read(struct bytes document, const char *file_name, struct arena *arena,
                     const struct source_sink *sink, struct complaint *why)
{
    (void)file_name;
    CLEANUP(json_decrefp) json_t *root = NULL;
    struct glpi_envelope envelope;
    int r = json_parse(without_bom(document), &root, why);
    if (r == 0)
        r = envelope_read(root, &envelope, why);
    if (r < 0)
        return r;
    struct glpi glpi = glpi_on(arena, sink, why);
    r = content_read(&glpi, json_object_get(root, "content"));
    if (r == 0)
        r = glpi_hand_over(&glpi, &envelope);
    glpi_done(&glpi);
    return r;
}

const struct source_format source_glpi_json = {
    .name = "glpi-json",
    .title = "GLPI inventory (JSON)",
    .probe = json_probe,
    .read = json_read,
};
