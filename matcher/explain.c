/* explain.c - a judgement in sentences, for whoever has to answer for it. */
#include <errno.h>

#include "matcher/judge.h"
#include "matcher/recognise.h"

enum { QUOTE_BYTES = 512 };

/* Texts of the row go out on one line: they may be anything. */
static void put_quoted(struct buf *out, struct bytes text)
{
    char line[QUOTE_BYTES];
    (void)text_printable(text, line, sizeof(line)); /* cut where it is too long */
    buf_printf(out, "\"%s\"", line);
}

static void put_row(const struct judgement *j, struct buf *out)
{
    struct bytes name = row_text(j->row, ROW_NAME), vendor = row_text(j->row, ROW_VENDOR);
    if (name.size > 0)
        put_quoted(out, name);
    else
        put_quoted(out, j->row->fields.repeated_count > 0 ? j->row->fields.repeated[0] : name);
    if (vendor.size > 0) {
        buf_put_str(out, " by ");
        put_quoted(out, vendor);
    }
    buf_put_str(out, ", read from ");
    put_quoted(out, row_text(j->row, ROW_SOURCE));
}

static const char *class_words(Zb__LicenceClass class)
{
    switch (class) {
    case CLASS_COMMERCIAL:
        return "commercial: it needs a right";
    case CLASS_OEM_BOUND:
        return "bound to the computer that it was delivered with";
    case CLASS_FREE:
        return "free within its terms";
    case CLASS_OPEN_SOURCE:
        return "open source";
    case CLASS_TRIAL:
        return "a trial version";
    case CLASS_PROHIBITED:
        return "prohibited";
    case CLASS_SYSTEM:
        return "a component of its operating system";
    default:
        return "unknown";
    }
}

static const char *grade_words(const struct candidate *c)
{
    switch (c->grade) {
    case GRADE_IDENTIFIER:
        return "an exact identifier";
    case GRADE_HASH:
        return "the hash of a file";
    case GRADE_NAME_VENDOR:
        return "its name, and the vendor agrees";
    case GRADE_NAME:
        return "its name; no vendor confirms it";
    default:
        return "a pattern over its name, the weakest evidence there is";
    }
}

static void put_peeled(const struct judgement *j, struct buf *out)
{
    const struct {
        const char *what;
        struct bytes value;
    } peeled[] = {
        { "version", j->name.version },   { "edition", j->name.edition },
        { "architecture", j->name.arch }, { "language", j->name.language },
        { "channel", j->name.channel },
    };
    const char *before = "Peeled off the name: ";
    for (size_t i = 0; i < ARRAY_LEN(peeled); i++) {
        if (peeled[i].value.size == 0)
            continue;
        buf_printf(out, "%s%s ", before, peeled[i].what);
        put_quoted(out, peeled[i].value);
        before = ", ";
    }
    if (before[0] == ',') {
        buf_put_str(out, "; what was looked up is ");
        put_quoted(out, j->name.name);
        buf_put_str(out, ".\n");
    }
}

static void put_winner(const struct judgement *j, struct buf *out)
{
    const struct index *index = &j->catalogue->index;
    const struct candidate *winner = &j->candidates[0];
    struct index_product p = index_product_at(index, winner->product);
    struct index_vendor v = index_vendor_at(index, p.vendor);
    struct bytes edition = judge_edition(j), version = judge_version(j);
    buf_printf(out, " is %s%s%s (%s) of %s.\n", p.name, p.name_zh[0] != '\0' ? " / " : "",
               p.name_zh, p.id, v.name);
    buf_printf(out, "It is %s", class_words(j->licence_class));
    if (j->licence_class == CLASS_FREE && p.free_for[0] != '\0')
        buf_printf(out, " (%s)", p.free_for);
    buf_printf(out, "; category %s", p.category);
    if (edition.size > 0) {
        buf_put_str(out, ", edition ");
        put_quoted(out, edition);
    }
    if (version.size > 0) {
        buf_put_str(out, ", version ");
        put_quoted(out, version);
    }
    buf_printf(out, ".\nDecided by %s: fingerprint %s. Terms: %s.\n", grade_words(winner),
               winner->claim.fingerprint, p.reference);
}

static const char *loss_words(enum loss loss)
{
    switch (loss) {
    case LOSS_VENDOR:
        return "the vendor contradicts: a namesake";
    case LOSS_VENDOR_ABSENT:
        return "too common a name to decide without its vendor";
    case LOSS_EDITION:
        return "the edition is not that of this evidence or product";
    case LOSS_VERSION:
        return "the version is another";
    case LOSS_EXONERATED:
        return "the row carries evidence that it is none";
    default:
        return "weaker or less precise evidence, or as strong with a larger id";
    }
}

static void put_losers(const struct judgement *j, struct buf *out)
{
    size_t shown = 0;
    for (size_t i = j->decided ? 1 : 0; i < j->count && shown < BOUND_LOSERS; i++) {
        const struct candidate *c = &j->candidates[i];
        if (j->decided && c->product == j->candidates[0].product)
            continue; /* more evidence of the same */
        buf_printf(out, "Not %s (%s): %s.\n", index_product_at(&j->catalogue->index, c->product).id,
                   c->claim.fingerprint, loss_words(c->loss));
        shown++;
    }
}

int recognise_explain(const struct catalogue *catalogue, const struct row *row, struct arena *arena,
                      struct buf *out)
{
    struct judgement j;
    int r = judge(catalogue, row, arena, &j);
    if (r < 0)
        return r;
    put_row(&j, out);
    if (j.decided) {
        put_winner(&j, out);
    } else if (j.by_origin) {
        struct index_claim origin = index_claim_at(&catalogue->index, j.origin_run.claims);
        buf_printf(out, " is no product of the catalogue; it is %s, as packages of %s are.\n",
                   class_words(j.licence_class),
                   index_vendor_at(&catalogue->index, origin.subject).name);
    } else {
        buf_put_str(out, " is unknown: no evidence of the catalogue stands. Unknown is not fine; "
                         "somebody has to look.\n");
    }
    put_peeled(&j, out);
    put_losers(&j, out);
    return buf_error(out);
}
