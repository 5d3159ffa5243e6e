/* glpi_xml.c - inventories of GLPI, FusionInventory and OCS agents in XML.
 *
 *     REQUEST ─┬─ DEVICEID          before or after CONTENT, which may have 400 KB
 *              ├─ QUERY             INVENTORY, or it is another message
 *              └─ CONTENT ── SOFTWARES ── NAME      one SOFTWARES for each program
 *
 * Read as a stream: what is kept is one element's wanted entries. Document types, and with them
 * entities, are refused: no agent writes them, and they are how a small file becomes a large one. */
#include <errno.h>
#include <expat.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "collector/sources/glpi.h"

enum {
    XML_DEPTH_MAX = 16,
    DEPTH_ROOT = 1,                     /* of REQUEST */
    DEPTH_ENVELOPE,                     /* of DEVICEID, CONTENT */
    DEPTH_SECTION,                      /* of SOFTWARES */
    DEPTH_ENTRY,                        /* of NAME */
    DEPTH_INNER,                        /* of OFFSET within TIMEZONE */
    TEXT_BYTES = BOUND_FIELD_BYTES + 1, /* of one entry; one more shows that it is too long */
};

enum envelope_entry {
    ENVELOPE_NONE,
    ENVELOPE_DEVICE,
    ENVELOPE_QUERY,
    ENVELOPE_TYPE,
    ENVELOPE_CONTENT
};

struct xml_reader {
    XML_Parser parser;
    struct glpi glpi;
    struct glpi_envelope envelope;
    struct glpi_element element; /* the one being read */
    struct bytes query, type;
    unsigned depth;
    enum envelope_entry at; /* at DEPTH_ENVELOPE */
    char outer[32];         /* the entry at DEPTH_ENTRY */
    struct bytes *target;   /* where the text goes; NULL: nowhere */
    unsigned target_depth;
    struct buf text;
    bool has_content;
    int error; /* sticky; the parser is stopped */
    struct complaint *why;
};

static void stop(struct xml_reader *in, int r)
{
    if (in->error == 0)
        in->error = r;
    (void)XML_StopParser(in->parser, XML_FALSE); /* already stopped is fine */
}

/* A fault of the document at the place that the parser is at. */
static void refuse(struct xml_reader *in, const char *what, const char *remedy)
{
    if (in->error != 0)
        return;
    complaint_at(in->why, "line %lu, column %lu",
                 (unsigned long)XML_GetCurrentLineNumber(in->parser),
                 (unsigned long)XML_GetCurrentColumnNumber(in->parser) + 1);
    stop(in, complain(in->why, -EBADMSG, remedy, "%s", what));
}

static void collect_into(struct xml_reader *in, struct bytes *target)
{
    in->target = target;
    in->target_depth = in->depth;
    buf_reset(&in->text);
}

static enum envelope_entry envelope_of(const char *name)
{
    static const struct {
        const char *name;
        enum envelope_entry entry;
    } known[] = { { "DEVICEID", ENVELOPE_DEVICE },
                  { "QUERY", ENVELOPE_QUERY },
                  { "ITEMTYPE", ENVELOPE_TYPE },
                  { "CONTENT", ENVELOPE_CONTENT } };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (text_is_word(bytes_str(name), known[i].name))
            return known[i].entry;
    return ENVELOPE_NONE;
}

static void open_envelope(struct xml_reader *in, const char *name)
{
    in->at = envelope_of(name);
    switch (in->at) {
    case ENVELOPE_DEVICE:
        collect_into(in, &in->envelope.device);
        break;
    case ENVELOPE_QUERY:
        collect_into(in, &in->query);
        break;
    case ENVELOPE_TYPE:
        collect_into(in, &in->type);
        break;
    case ENVELOPE_CONTENT:
        if (in->has_content)
            refuse(in, "a second CONTENT", "give each computer a file of its own");
        in->has_content = true;
        break;
    case ENVELOPE_NONE:
        break;
    }
}

static void open_entry(struct xml_reader *in, const char *name)
{
    enum glpi_entry entry = glpi_entry_of(in->element.section, bytes_str(name));
    if (entry != GLPI_UNKNOWN && in->element.value[entry].size == 0)
        collect_into(in, &in->element.value[entry]);
}

static void open_inner(struct xml_reader *in, const char *name)
{
    char joined[96];
    int n = snprintf(joined, sizeof(joined), "%s.%s", in->outer, name);
    if (n > 0 && (size_t)n < sizeof(joined))
        open_entry(in, joined);
}

static void XMLCALL on_open(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct xml_reader *in = ctx;
    (void)attributes;
    in->depth++;
    if (in->depth > XML_DEPTH_MAX) {
        refuse(in, "nested more than 16 deep", "give an inventory as agents write it");
    } else if (in->depth == DEPTH_ROOT) {
        if (!text_is_word(bytes_str(name), "REQUEST"))
            refuse(in, "the outermost element is not REQUEST: this is no inventory of an agent",
                   "give an inventory as agents write it");
    } else if (in->depth == DEPTH_ENVELOPE) {
        open_envelope(in, name);
    } else if (in->at != ENVELOPE_CONTENT) {
        return;
    } else if (in->depth == DEPTH_SECTION) {
        in->element = (struct glpi_element){ .section = glpi_section_of(bytes_str(name)) };
        /* VERSIONCLIENT and the like are texts; the sections of interest are not. */
    } else if (in->element.section == GLPI_NONE) {
        return;
    } else if (in->depth == DEPTH_ENTRY) {
        (void)snprintf(in->outer, sizeof(in->outer), "%s", name); /* long ones match nothing */
        open_entry(in, name);
    } else if (in->depth == DEPTH_INNER) {
        in->target = NULL; /* an entry with entries has no text of its own */
        open_inner(in, name);
    }
}

static void XMLCALL on_text(void *ctx, const XML_Char *text, int size)
{
    struct xml_reader *in = ctx;
    if (in->target == NULL || in->depth != in->target_depth)
        return;
    size_t room = TEXT_BYTES - in->text.size;
    buf_put(&in->text, bytes_of(text, (size_t)size < room ? (size_t)size : room));
}

static void close_text(struct xml_reader *in)
{
    struct bytes text = buf_bytes(&in->text);
    struct bytes *target = TAKE_PTR(in->target);
    if (text.size == 0)
        return;
    void *copy = arena_dup(in->glpi.draft.arena, text.data, text.size);
    if (buf_error(&in->text) < 0 || copy == NULL)
        stop(in, -ENOMEM);
    else
        *target = bytes_of(copy, text.size);
}

static void XMLCALL on_close(void *ctx, const XML_Char *name)
{
    struct xml_reader *in = ctx;
    (void)name;
    if (in->target != NULL && in->depth == in->target_depth)
        close_text(in);
    if (in->error == 0 && in->depth == DEPTH_SECTION && in->at == ENVELOPE_CONTENT &&
        in->element.section != GLPI_NONE) {
        int r = glpi_take(&in->glpi, &in->element);
        if (r < 0)
            stop(in, r);
    }
    in->depth--;
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int has_internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal;
    refuse(ctx, "it declares a document type, which may hide entities",
           "remove the <!DOCTYPE>; agents write none");
}

/* ---- the document ---- */

static int parse_fault(struct xml_reader *in)
{
    enum XML_Error code = XML_GetErrorCode(in->parser);
    if (in->error != 0)
        return in->error;
    if (code == XML_ERROR_NO_MEMORY)
        return -ENOMEM;
    refuse(in, XML_ErrorString(code),
           code == XML_ERROR_UNKNOWN_ENCODING ? "convert the file to UTF-8"
                                              : "export the inventory again; it may have been cut");
    return in->error;
}

static int envelope_check(struct xml_reader *in)
{
    complaint_at(in->why, "REQUEST");
    if (!in->has_content)
        return complain(in->why, -EBADMSG, "give a message of kind INVENTORY", "it has no CONTENT");
    complaint_at(in->why, "QUERY");
    if (text_trim(in->query).size > 0 && !text_is_word(in->query, "INVENTORY"))
        return complain(in->why, -EBADMSG, "give a message of kind INVENTORY",
                        "it is of another kind");
    complaint_at(in->why, "ITEMTYPE");
    if (text_trim(in->type).size > 0 && !text_is_word(in->type, "Computer"))
        return complain(in->why, -EBADMSG, "give inventories of computers only",
                        "not \"Computer\"");
    return 0;
}

static int reader_run(struct xml_reader *in, struct bytes document)
{
    XML_SetUserData(in->parser, in);
    XML_SetElementHandler(in->parser, on_open, on_close);
    XML_SetCharacterDataHandler(in->parser, on_text);
    XML_SetStartDoctypeDeclHandler(in->parser, on_doctype);
    if (document.size > SOURCE_FILE_BYTES)
        return complain(in->why, -EBADMSG, "give a smaller file", "larger than %d bytes",
                        SOURCE_FILE_BYTES);
    if (XML_Parse(in->parser, (const char *)document.data, (int)document.size, XML_TRUE) !=
        XML_STATUS_OK)
        return parse_fault(in);
    if (in->error != 0) /* stopped at the very last element */
        return in->error;
    int r = envelope_check(in);
    return r < 0 ? r : glpi_hand_over(&in->glpi, &in->envelope);
}

static int xml_read(struct bytes document, const char *file_name, struct arena *arena,
                    const struct source_sink *sink, struct complaint *why)
{
    (void)file_name;
    struct xml_reader in = { .why = why, .text = BUF_INIT(TEXT_BYTES) };
    in.parser = XML_ParserCreate(NULL);
    if (in.parser == NULL)
        return -ENOMEM;
    in.glpi = glpi_on(arena, sink, why);
    int r = reader_run(&in, document);
    glpi_done(&in.glpi);
    buf_done(&in.text);
    XML_ParserFree(in.parser);
    return r;
}

static bool xml_probe(struct bytes head, const char *file_name)
{
    (void)file_name;
    static const char *const boms[] = { "\xEF\xBB\xBF", "\xFF\xFE", "\xFE\xFF" };
    for (size_t i = 0; i < ARRAY_LEN(boms); i++) {
        struct bytes bom = bytes_str(boms[i]);
        if (bytes_starts_with(head, bom))
            head = bytes_of(head.data + bom.size, head.size - bom.size);
    }
    head = text_trim(head);
    if (head.size > 1 && head.data[0] == '\0') /* UTF-16, high byte first */
        head.data++;
    return head.size > 0 && head.data[0] == '<';
}

const struct source_format source_glpi_xml = {
    .name = "glpi-xml",
    .title = "inventory of a GLPI, FusionInventory or OCS agent (XML)",
    .probe = xml_probe,
    .read = xml_read,
};
