/* package.c - the portable form: lines of text that people can compare and keys can sign.
 *
 *     zhengban-catalogue ⇥ 1                      format
 *     label ⇥ 2026.11
 *     digest ⇥ 64 hexadecimal digits              BLAKE2b-256 of the format line and the records
 *     alias ⇥ vendor ⇥ text                       records, in byte order, each once
 *     evidence ⇥ kind ⇥ value ⇥ product ⇥ edition ⇥ version ⇥ flags ⇥ id
 *     origin ⇥ vendor ⇥ text ⇥ class
 *     product ⇥ id ⇥ vendor ⇥ category ⇥ class ⇥ metric ⇥ version from ⇥ name ⇥ Chinese name
 *             ⇥ editions ⇥ reference ⇥ free for
 *     vendor ⇥ id ⇥ name ⇥ Chinese name ⇥ flags
 *     signature ⇥ 1 ⇥ public key ⇥ signature      last, if signed: over everything before it
 *
 * Flags are letters: "v" needs the vendor, "x" exonerates; "d" domestic, "a" anonymous. The label is
 * outside the digest: the same records under another label are the same catalogue. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "matcher/model.h"
#include "matcher/words.h"
#include "proto/frame.h"

enum { LINE_FIELDS = 12, SIGNATURE_FIELDS = 4 };

static const struct bytes magic = { (const uint8_t *)"zhengban-catalogue\t1\n", 21 };

struct fields_line {
    struct bytes field[LINE_FIELDS];
    size_t count;
};

/* ---- writing --------------------------------------------------------------------------------- */

static void put_field(struct buf *out, struct bytes text)
{
    buf_put_u8(out, '\t');
    buf_put(out, text);
}

static void put_str(struct buf *out, const char *text)
{
    put_field(out, bytes_str(text));
}

static void write_vendor(struct buf *out, const struct cat_vendor *v)
{
    buf_put_str(out, "vendor");
    put_field(out, v->id);
    put_field(out, v->name);
    put_field(out, v->name_zh);
    put_str(out, v->domestic ? (v->anonymous ? "da" : "d") : (v->anonymous ? "a" : ""));
}

static void write_product(struct buf *out, const struct cat_product *p)
{
    buf_put_str(out, "product");
    put_field(out, p->id);
    put_field(out, p->vendor);
    put_field(out, p->category);
    put_str(out, class_name(p->licence_class));
    put_field(out, p->metric);
    put_str(out, p->version_from_name ? "name" : "row");
    put_field(out, p->name);
    put_field(out, p->name_zh);
    put_field(out, p->editions);
    put_field(out, p->reference);
    put_field(out, p->free_for);
}

static void write_evidence(struct buf *out, const struct cat_evidence *e)
{
    bool vendor = (e->flags & EVIDENCE_NEEDS_VENDOR) != 0;
    bool exonerates = (e->flags & EVIDENCE_EXONERATES) != 0;
    buf_put_str(out, "evidence");
    put_str(out, evidence_kind_name(e->kind));
    put_field(out, e->value);
    put_field(out, e->product);
    put_field(out, e->edition);
    put_field(out, e->version);
    put_str(out, vendor ? (exonerates ? "vx" : "v") : (exonerates ? "x" : ""));
    put_field(out, e->id);
}

/* The lines' ends in one buffer, so that lines can be sorted without a copy each. */
struct lines {
    struct buf text;
    struct arena *arena;
    size_t *ends;
    size_t count;
};

static void line_end(struct lines *lines)
{
    buf_put_u8(&lines->text, '\n');
    lines->ends[lines->count++] = lines->text.size;
}

static void lines_done(struct lines *lines)
{
    buf_done(&lines->text);
}

static int compare_lines(const void *a, const void *b)
{
    return bytes_cmp(*(const struct bytes *)a, *(const struct bytes *)b);
}

static void write_records(const struct cat *cat, struct lines *lines)
{
    for (size_t i = 0; i < cat->vendor_count; i++) {
        write_vendor(&lines->text, &cat->vendors[i]);
        line_end(lines);
    }
    for (size_t i = 0; i < cat->alias_count; i++) {
        buf_put_str(&lines->text, "alias");
        put_field(&lines->text, cat->aliases[i].vendor);
        put_field(&lines->text, cat->aliases[i].text);
        line_end(lines);
    }
    for (size_t i = 0; i < cat->origin_count; i++) {
        buf_put_str(&lines->text, "origin");
        put_field(&lines->text, cat->origins[i].vendor);
        put_field(&lines->text, cat->origins[i].text);
        put_str(&lines->text, class_name(cat->origins[i].licence_class));
        line_end(lines);
    }
    for (size_t i = 0; i < cat->product_count; i++) {
        write_product(&lines->text, &cat->products[i]);
        line_end(lines);
    }
    for (size_t i = 0; i < cat->evidence_count; i++) {
        write_evidence(&lines->text, &cat->evidence[i]);
        line_end(lines);
    }
}

static bool is_label(const char *label)
{
    struct bytes text = bytes_str(label);
    uint32_t c;
    for (size_t i = 0, n; i < text.size; i += n) {
        n = text_utf8_next(bytes_of(text.data + i, text.size - i), &c);
        if (n == 0 || text_is_steering(c))
            return false;
    }
    return text.size > 0 && text.size <= CAT_LABEL_BYTES;
}

static struct digest digest_records(struct bytes records)
{
    return seal_digest(SEAL_PARTS(magic, records));
}

static int write_package(struct lines *lines, const char *label, struct buf *out)
{
    struct bytes *sorted = arena_calloc(lines->arena, lines->count + 1, sizeof(sorted[0]));
    CLEANUP(buf_done) struct buf records = BUF_INIT(CAT_PACKAGE_BYTES);
    if (sorted == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < lines->count; i++) {
        size_t from = i == 0 ? 0 : lines->ends[i - 1];
        sorted[i] = bytes_of(lines->text.data + from, lines->ends[i] - from);
    }
    qsort(sorted, lines->count, sizeof(sorted[0]), compare_lines);
    for (size_t i = 0; i < lines->count; i++) {
        if (i == 0 || !bytes_eq(sorted[i - 1], sorted[i]))
            buf_put(&records, sorted[i]);
    }
    if (buf_error(&records) != 0)
        return buf_error(&records);
    char hex[HEX256_SIZE];
    hex_encode(digest_records(buf_bytes(&records)).b, sizeof(struct digest), hex);
    buf_put(out, magic);
    buf_printf(out, "label\t%s\ndigest\t%s\n", label, hex);
    buf_put(out, buf_bytes(&records));
    return buf_error(out);
}

int package_write(const struct cat *cat, const char *label, struct buf *out, struct complaint *why)
{
    size_t most = cat->vendor_count + cat->alias_count + cat->origin_count + cat->product_count +
                  cat->evidence_count;
    CLEANUP(lines_done)
    struct lines lines = { .text = BUF_INIT(CAT_PACKAGE_BYTES), .arena = cat->arena };
    complaint_at(why, "catalogue label");
    if (!is_label(label))
        return complain(why, -EINVAL, "give 1 to 64 bytes on one line", "cannot be a label");
    lines.ends = arena_calloc(cat->arena, most + 1, sizeof(lines.ends[0]));
    int r = lines.ends == NULL ? -ENOMEM : 0;
    if (r == 0) {
        write_records(cat, &lines);
        r = buf_error(&lines.text);
    }
    if (r == 0)
        r = write_package(&lines, label, out);
    complaint_at(why, "catalogue");
    return r == 0 ? 0 : complain(why, r, "divide the catalogue", "is larger than 64 MiB");
}

/* ---- the frame of lines ---------------------------------------------------------------------- */

struct frame {
    struct bytes label;
    struct digest digest;
    struct bytes records;     /* whole lines */
    struct bytes signed_part; /* everything before the signature line */
    struct bytes signature;   /* that line, without its end; empty: unsigned */
};

static int bad(struct complaint *why, const char *what)
{
    complaint_at(why, "catalogue package");
    return complain(why, -EBADMSG, "get the package again from who published it", "%s", what);
}

/* The next line without its end; false at the end or when the last line has none. */
static bool next_line(struct bytes *rest, struct bytes *ret_line)
{
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, '\n', rest->size);
    if (end == NULL)
        return false;
    *ret_line = bytes_of(rest->data, (size_t)(end - rest->data));
    *rest = bytes_of(end + 1, rest->size - ret_line->size - 1);
    return true;
}

static bool split_line(struct bytes line, struct fields_line *ret)
{
    ret->count = 0;
    for (;;) {
        const uint8_t *tab = line.size == 0 ? NULL : memchr(line.data, '\t', line.size);
        if (ret->count == LINE_FIELDS)
            return false;
        size_t size = tab == NULL ? line.size : (size_t)(tab - line.data);
        ret->field[ret->count++] = bytes_of(line.data, size);
        if (tab == NULL)
            return true;
        line = bytes_of(tab + 1, line.size - size - 1);
    }
}

static bool header_line(struct bytes *rest, const char *name, struct bytes *ret_value)
{
    struct bytes line;
    struct fields_line fields;
    if (!next_line(rest, &line) || !split_line(line, &fields) || fields.count != 2 ||
        !bytes_is(fields.field[0], name))
        return false;
    *ret_value = fields.field[1];
    return true;
}

/* Where the last line begins, if that is a signature. */
static struct bytes signature_line(struct bytes package)
{
    size_t at = package.size - 1; /* its end */
    while (at > 0 && package.data[at - 1] != '\n')
        at--;
    struct bytes line = bytes_of(package.data + at, package.size - 1 - at);
    return bytes_starts_with(line, BYTES_LIT("signature\t")) ? line : (struct bytes){ 0 };
}

static int read_frame(struct bytes package, struct frame *ret_frame, struct complaint *why)
{
    struct frame f = { 0 };
    struct bytes rest = package, digest;
    if (package.size > CAT_PACKAGE_BYTES)
        return bad(why, "is larger than 64 MiB");
    if (!bytes_starts_with(package, magic))
        return bad(why, "is no catalogue of format 1");
    if (package.data[package.size - 1] != '\n' || !text_is_utf8(package))
        return bad(why, "is cut, or no text");
    rest = bytes_of(rest.data + magic.size, rest.size - magic.size);
    if (!header_line(&rest, "label", &f.label) || f.label.size == 0 ||
        f.label.size > CAT_LABEL_BYTES || !header_line(&rest, "digest", &digest) ||
        hex_decode(digest, f.digest.b, sizeof(f.digest.b)) < 0)
        return bad(why, "has no label or digest");
    f.signature = signature_line(package);
    size_t tail = f.signature.size == 0 ? 0 : f.signature.size + 1;
    if (tail > rest.size)
        return bad(why, "has no records");
    f.records = bytes_of(rest.data, rest.size - tail);
    f.signed_part = bytes_of(package.data, package.size - tail);
    if (!digest_eq(f.digest, digest_records(f.records)))
        return bad(why, "is damaged: its records do not have the digest that it names");
    *ret_frame = f;
    return 0;
}

int catalogue_sign(struct buf *package, const struct seal_public *publisher,
                   const struct seal_secret *secret)
{
    struct frame frame;
    int r = read_frame(buf_bytes(package), &frame, NULL);
    if (r < 0 || frame.signature.size > 0)
        return r < 0 ? r : -EEXIST;
    struct seal_signature signature = seal_sign(secret, PURPOSE_CATALOGUE, frame.signed_part);
    char key[2 * SEAL_PUBLIC_BYTES + 1], text[2 * SEAL_SIGNATURE_BYTES + 1];
    hex_encode(publisher->b, sizeof(publisher->b), key);
    hex_encode(signature.b, sizeof(signature.b), text);
    buf_printf(package, "signature\t%d\t%s\t%s\n", SEAL_BLAKE2B_ED25519, key, text);
    return buf_error(package);
}

static int check_signature(const struct frame *frame, const struct seal_public *publisher,
                           struct complaint *why)
{
    struct fields_line line;
    struct seal_public key;
    struct seal_signature signature;
    if (frame->signature.size == 0)
        return publisher == NULL ? 0 : bad(why, "is not signed");
    if (!split_line(frame->signature, &line) || line.count != SIGNATURE_FIELDS ||
        !bytes_is(line.field[1], "1") || hex_decode(line.field[2], key.b, sizeof(key.b)) < 0 ||
        hex_decode(line.field[3], signature.b, sizeof(signature.b)) < 0)
        return bad(why, "has a signature line that cannot be read");
    if (publisher != NULL && memcmp(publisher->b, key.b, sizeof(key.b)) != 0)
        return bad(why, "is signed by another key than the publisher's");
    if (!seal_verify(&key, PURPOSE_CATALOGUE, frame->signed_part,
                     bytes_of(signature.b, sizeof(signature.b))))
        return bad(why, "has a signature that does not fit it");
    return 0;
}

int catalogue_verify(struct bytes package, const struct seal_public *publisher,
                     struct digest *ret_digest, char *ret_label, size_t label_size,
                     struct complaint *why)
{
    struct frame frame;
    int r = read_frame(package, &frame, why);
    if (r == 0)
        r = check_signature(&frame, publisher, why);
    if (r < 0)
        return r;
    if (ret_label != NULL && label_size > 0) {
        size_t size = text_cut(frame.label, label_size - 1);
        memcpy(ret_label, frame.label.data, size);
        ret_label[size] = '\0';
    }
    if (ret_digest != NULL)
        *ret_digest = frame.digest;
    return 0;
}

/* ---- reading records ------------------------------------------------------------------------- */

static int parse_vendor(const struct fields_line *l, struct cat *cat)
{
    if (l->count != 5 || l->field[1].size == 0 || l->field[1].size > BOUND_PRODUCT_BYTES)
        return -EBADMSG;
    struct cat_vendor *v = cat_add_vendor(cat);
    if (v == NULL)
        return -ENOMEM;
    v->id = l->field[1];
    v->name = l->field[2];
    v->name_zh = l->field[3];
    v->domestic = memchr(l->field[4].data, 'd', l->field[4].size) != NULL;
    v->anonymous = memchr(l->field[4].data, 'a', l->field[4].size) != NULL;
    return 0;
}

static int parse_alias(const struct fields_line *l, struct cat *cat)
{
    struct cat_alias *alias = l->count == 3 ? cat_add_alias(cat) : NULL;
    if (alias == NULL)
        return l->count == 3 ? -ENOMEM : -EBADMSG;
    *alias = (struct cat_alias){ l->field[1], l->field[2] };
    return 0;
}

static int parse_origin(const struct fields_line *l, struct cat *cat)
{
    int class = l->count == 4 ? class_of(l->field[3]) : -1;
    struct cat_origin *origin = class < 0 ? NULL : cat_add_origin(cat);
    if (origin == NULL)
        return class < 0 ? -EBADMSG : -ENOMEM;
    *origin = (struct cat_origin){ l->field[1], l->field[2], (Zb__LicenceClass) class };
    return 0;
}

static int parse_product(const struct fields_line *l, struct cat *cat)
{
    int class = l->count == 12 ? class_of(l->field[4]) : -1;
    if (class < 0 || l->field[1].size == 0 || l->field[1].size > BOUND_PRODUCT_BYTES ||
        l->field[3].size > CAT_TEXT_BYTES)
        return -EBADMSG;
    struct cat_product *p = cat_add_product(cat);
    if (p == NULL)
        return -ENOMEM;
    *p = (struct cat_product){
        .id = l->field[1],
        .vendor = l->field[2],
        .category = l->field[3],
        .licence_class = (Zb__LicenceClass) class,
        .metric = l->field[5],
        .version_from_name = bytes_is(l->field[6], "name"),
        .name = l->field[7],
        .name_zh = l->field[8],
        .editions = l->field[9],
        .reference = l->field[10],
        .free_for = l->field[11],
    };
    return 0;
}

static int parse_evidence(const struct fields_line *l, struct cat *cat)
{
    enum evidence_kind kind = l->count == 8 ? evidence_kind_of(l->field[1]) : (enum evidence_kind)0;
    if ((unsigned)kind == 0 || l->field[2].size == 0 || l->field[2].size > CAT_TEXT_BYTES ||
        l->field[7].size > CAT_FINGERPRINT_BYTES)
        return -EBADMSG;
    struct cat_evidence *e = cat_add_evidence(cat);
    if (e == NULL)
        return -ENOMEM;
    struct bytes flags = l->field[6];
    *e = (struct cat_evidence){
        .kind = kind,
        .value = l->field[2],
        .product = l->field[3],
        .edition = l->field[4],
        .version = l->field[5],
        .id = l->field[7],
        .flags = (memchr(flags.data, 'v', flags.size) != NULL ? EVIDENCE_NEEDS_VENDOR : 0u) |
                 (memchr(flags.data, 'x', flags.size) != NULL ? EVIDENCE_EXONERATES : 0u),
    };
    return 0;
}

static int parse_line(struct bytes line, struct cat *cat)
{
    static const struct {
        const char *name;
        int (*parse)(const struct fields_line *l, struct cat *cat);
    } kinds[] = {
        { "alias", parse_alias },     { "evidence", parse_evidence }, { "origin", parse_origin },
        { "product", parse_product }, { "vendor", parse_vendor },
    };
    struct fields_line fields;
    if (!split_line(line, &fields))
        return -EBADMSG;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (bytes_is(fields.field[0], kinds[i].name))
            return kinds[i].parse(&fields, cat);
    }
    return -EBADMSG;
}

int package_parse(struct bytes package, struct cat *cat, struct complaint *why)
{
    struct frame frame = { 0 };
    int r = read_frame(package, &frame, why);
    struct bytes rest = frame.records, line, before = { 0 };
    for (size_t number = 4; r == 0 && next_line(&rest, &line); number++) {
        if (number > 4 && bytes_cmp(before, line) >= 0)
            return bad(why, "has lines out of order");
        r = parse_line(line, cat);
        if (r < 0) {
            complaint_at(why, "catalogue package line %zu", number);
            return complain(why, r, "use a newer matcher, or get the package again",
                            r == -ENOMEM ? "memory is out" : "is no record of this format");
        }
        before = line;
    }
    return r;
}
