/* judge.c - candidates for a row, in the order of evidence, and which of them wins. */
#include "matcher/judge.h"

#include <errno.h>
#include <stdlib.h>

#include "matcher/words.h"

enum { RESEMBLE_MIN_BYTES = 5 }; /* first words shorter than that are anybody's */

/* ---- what the row says ----------------------------------------------------------------------- */

static bool source_is(const struct judgement *j, const char *source)
{
    return bytes_is(row_text(j->row, ROW_SOURCE), source);
}

static bool find_text(const struct judgement *j, unsigned kind, struct bytes text,
                      struct index_run *ret_run)
{
    uint8_t key[EVIDENCE_KEY_BYTES];
    if (text.size == 0 || text.size > BOUND_FIELD_BYTES)
        return false;
    key[0] = (uint8_t)kind;
    memcpy(key + 1, text.data, text.size);
    return index_find(&j->catalogue->index, bytes_of(key, 1 + text.size), ret_run);
}

static struct bytes first_word(struct bytes text)
{
    const uint8_t *space = text.size == 0 ? NULL : memchr(text.data, ' ', text.size);
    return space == NULL ? text : bytes_of(text.data, (size_t)(space - text.data));
}

/* "N/A" names nobody. */
static bool is_placeholder(struct bytes vendor)
{
    static const char *const words[] = { "unknown", "n a",       "none",    "null",
                                         "未知",    "publisher", "various", "not available" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (bytes_is(vendor, words[i]))
            return true;
    }
    return false;
}

static int read_vendor(struct judgement *j)
{
    int r = normalise_vendor(row_text(j->row, ROW_VENDOR), j->arena, &j->vendor);
    if (r == -EINVAL) /* no row of ours is: its texts were checked when it was decoded */
        j->vendor = (struct bytes){ 0 };
    if (r == -ENOMEM)
        return r;
    if (is_placeholder(j->vendor))
        j->vendor = (struct bytes){ 0 };
    if (find_text(j, KEY_VENDOR, j->vendor, &j->vendor_run))
        return 0;
    struct bytes first = first_word(j->vendor);
    j->vendor_resembles = first.size >= RESEMBLE_MIN_BYTES && first.size < j->vendor.size &&
                          find_text(j, KEY_VENDOR, first, &j->vendor_run);
    return 0;
}

/* The row's own fields before what its name says. */
static int read_fields(struct judgement *j)
{
    struct words words;
    int r = words_fold(row_text(j->row, ROW_EDITION), j->arena, &words);
    if (r == 0 && words.count > 0) {
        j->edition = edition_of(&words);
        if (j->edition.size == 0)
            r = words_join(&words, j->arena, &j->edition);
    }
    if (j->edition.size == 0)
        j->edition = j->name.edition;
    if (r == 0)
        r = words_fold(row_text(j->row, ROW_CHANNEL), j->arena, &words);
    if (r == 0)
        j->channel = channel_of(&words);
    if (j->channel.size == 0)
        j->channel = j->name.channel;
    return r == -EINVAL ? 0 : r;
}

static bool has_package_purl(const struct judgement *j)
{
    for (size_t i = 0; i < j->row->fields.repeated_count; i++) {
        struct bytes id = j->row->fields.repeated[i];
        if (bytes_starts_with(id, BYTES_LIT("purl:pkg:deb/")) ||
            bytes_starts_with(id, BYTES_LIT("purl:pkg:rpm/")))
            return true;
    }
    return false;
}

/* ---- vendor ---------------------------------------------------------------------------------- */

/* Distributions that sell a system pass on what others made: their name on a package contradicts
 * nobody. */
static bool vendor_passes_on(const struct judgement *j)
{
    return j->origin_run.count > 0 &&
           index_claim_at(&j->catalogue->index, j->origin_run.claims).flags == CLASS_SYSTEM;
}

static enum relation relation_to(const struct judgement *j, uint32_t vendor)
{
    const struct index *index = &j->catalogue->index;
    if (j->vendor.size == 0 || index_vendor_at(index, vendor).anonymous)
        return VENDOR_ABSENT;
    for (size_t i = 0; i < j->vendor_run.count; i++) {
        if (index_claim_at(index, j->vendor_run.claims + i * INDEX_CLAIM_BYTES).subject == vendor)
            return j->vendor_resembles ? VENDOR_RESEMBLES : VENDOR_AGREES;
    }
    return vendor_passes_on(j) ? VENDOR_ABSENT : VENDOR_CONTRADICTS;
}

/* ---- candidates ------------------------------------------------------------------------------ */

static struct candidate *add_candidate(struct judgement *j, const uint8_t *claim,
                                       enum evidence_kind kind, Zb__Grade grade)
{
    if (j->count == CANDIDATES_MAX)
        return NULL; /* evidence of more than 32 products: the rest cannot be better founded */
    struct candidate *c = &j->candidates[j->count++];
    *c = (struct candidate){ .kind = kind,
                             .grade = grade,
                             .claim = index_claim_at(&j->catalogue->index, claim) };
    c->product = c->claim.subject;
    return c;
}

static uint32_t vendor_of(const struct judgement *j, const struct candidate *c)
{
    return index_product_at(&j->catalogue->index, c->product).vendor;
}

/* Names of packages and of uninstall keys are names: a vendor that contradicts counts. */
static bool is_name_like(enum evidence_kind kind)
{
    return kind == EVIDENCE_PACKAGE || kind == EVIDENCE_ARP_KEY || kind == EVIDENCE_SWID;
}

static void weigh_identifier(const struct judgement *j, struct candidate *c)
{
    enum relation relation = relation_to(j, vendor_of(j, c));
    if (is_name_like(c->kind) && relation == VENDOR_CONTRADICTS)
        c->loss = LOSS_VENDOR;
    else if ((c->claim.flags & EVIDENCE_NEEDS_VENDOR) != 0 && relation == VENDOR_ABSENT)
        c->loss = LOSS_VENDOR_ABSENT;
}

static void try_identifier(struct judgement *j, enum evidence_kind kind, struct bytes value)
{
    uint8_t key[EVIDENCE_KEY_BYTES];
    struct index_run run;
    size_t size = evidence_key(kind, value, key);
    if (size == 0 || !index_find(&j->catalogue->index, bytes_of(key, size), &run))
        return;
    for (size_t i = 0; i < run.count; i++) {
        struct candidate *c =
            add_candidate(j, run.claims + i * INDEX_CLAIM_BYTES, kind,
                          kind == EVIDENCE_SHA256 ? GRADE_HASH : GRADE_IDENTIFIER);
        if (c != NULL)
            weigh_identifier(j, c);
    }
}

/* "kind:value"; kinds that are no evidence (team) and unknown ones are passed over. */
static void try_row_identifiers(struct judgement *j)
{
    for (size_t i = 0; i < j->row->fields.repeated_count; i++) {
        struct bytes id = j->row->fields.repeated[i];
        const uint8_t *colon = id.size == 0 ? NULL : memchr(id.data, ':', id.size);
        if (colon == NULL)
            continue;
        size_t size = (size_t)(colon - id.data);
        enum evidence_kind kind = evidence_kind_of(bytes_of(id.data, size));
        if ((unsigned)kind != 0 && kind != EVIDENCE_NAME && kind != EVIDENCE_PATTERN)
            try_identifier(j, kind, bytes_of(colon + 1, id.size - size - 1));
    }
}

/* What a source says by its name alone: "package/name", "file/name". */
static int try_source_identifier(struct judgement *j)
{
    struct bytes name = row_text(j->row, ROW_NAME), source = row_text(j->row, ROW_SOURCE);
    bool package = source_is(j, ROW_SOURCE_DPKG) || source_is(j, ROW_SOURCE_RPM);
    bool file = source_is(j, ROW_SOURCE_FILE) || source_is(j, ROW_SOURCE_ACTIVATION);
    if ((!package && !file) || name.size == 0)
        return 0;
    struct bytes prefix = package ? source : BYTES_LIT("file");
    char *value = arena_printf(j->arena, "%.*s/%.*s", (int)prefix.size, (const char *)prefix.data,
                               (int)name.size, (const char *)name.data);
    if (value == NULL)
        return -ENOMEM;
    try_identifier(j, package ? EVIDENCE_PACKAGE : EVIDENCE_INDICATOR, bytes_str(value));
    if (source_is(j, ROW_SOURCE_ACTIVATION) && memchr(name.data, '/', name.size) != NULL)
        try_identifier(j, EVIDENCE_INDICATOR, name); /* "type/value" as a name */
    return 0;
}

/* "2019" fits 2019 and 2019.1, not 20190. */
static bool version_fits(const char *wanted, struct bytes version)
{
    struct bytes prefix = bytes_str(wanted);
    return bytes_starts_with(version, prefix) &&
           (version.size == prefix.size || version.data[prefix.size] < '0' ||
            version.data[prefix.size] > '9');
}

static bool list_has(const char *list, struct bytes word)
{
    while (*list != '\0') {
        size_t size = strcspn(list, ",");
        if (bytes_eq(bytes_of(list, size), word))
            return true;
        list += size + (list[size] == ',');
    }
    return false;
}

static void weigh_name(const struct judgement *j, struct candidate *c)
{
    const struct index_product product = index_product_at(&j->catalogue->index, c->product);
    enum relation relation = relation_to(j, product.vendor);
    bool version = c->claim.version[0] != '\0', edition = c->claim.edition[0] != '\0';
    c->precise = version || edition;
    if (relation == VENDOR_CONTRADICTS)
        c->loss = LOSS_VENDOR;
    else if (version && !version_fits(c->claim.version, j->name.version) &&
             !version_fits(c->claim.version, row_text(j->row, ROW_VERSION)))
        c->loss = LOSS_VERSION;
    else if (edition && !bytes_is(j->edition, c->claim.edition))
        c->loss = LOSS_EDITION;
    else if (!edition && product.editions[0] != '\0' && j->edition.size > 0 &&
             !list_has(product.editions, j->edition))
        c->loss = LOSS_EDITION;
    else if (relation == VENDOR_ABSENT &&
             (j->distribution || (c->claim.flags & EVIDENCE_NEEDS_VENDOR) != 0))
        c->loss = LOSS_VENDOR_ABSENT;
    c->grade = relation == VENDOR_AGREES ? GRADE_NAME_VENDOR : GRADE_NAME;
}

static void try_name(struct judgement *j)
{
    struct index_run run;
    if (!find_text(j, EVIDENCE_NAME, j->name.name, &run))
        return;
    for (size_t i = 0; i < run.count; i++) {
        struct candidate *c =
            add_candidate(j, run.claims + i * INDEX_CLAIM_BYTES, EVIDENCE_NAME, GRADE_NAME);
        if (c != NULL)
            weigh_name(j, c);
    }
}

static bool any_stands(const struct judgement *j)
{
    for (size_t i = 0; i < j->count; i++) {
        if (j->candidates[i].loss == LOSS_NONE)
            return true;
    }
    return false;
}

/* Only for what nothing stronger names, and never for packages: a distribution's pdfcrack cracks
 * nothing that is ours. */
static void try_patterns(struct judgement *j)
{
    const struct catalogue *catalogue = j->catalogue;
    if (j->distribution || any_stands(j) || j->name.whole.size == 0 ||
        !catalogue_match(catalogue, j->name.whole))
        return;
    for (size_t i = 0; i < catalogue->pattern_count && j->count < CANDIDATES_MAX; i++) {
        if (!catalogue_match_one(catalogue, i, j->name.whole))
            continue;
        struct candidate *c = &j->candidates[j->count++];
        *c = (struct candidate){ .product = catalogue->patterns[i].claim.subject,
                                 .kind = EVIDENCE_PATTERN,
                                 .grade = GRADE_PATTERN,
                                 .claim = catalogue->patterns[i].claim };
        enum relation relation = relation_to(j, vendor_of(j, c));
        if (relation == VENDOR_CONTRADICTS)
            c->loss = LOSS_VENDOR;
        else if (relation == VENDOR_ABSENT && (c->claim.flags & EVIDENCE_NEEDS_VENDOR) != 0)
            c->loss = LOSS_VENDOR_ABSENT;
    }
}

/* ---- the winner ------------------------------------------------------------------------------ */

/* "Do not flag": a row with such evidence is no activator, whatever else it resembles. */
static void exonerate(struct judgement *j)
{
    const struct index *index = &j->catalogue->index;
    bool found = false;
    for (size_t i = 0; i < j->count; i++)
        found = found || (j->candidates[i].loss == LOSS_NONE &&
                          (j->candidates[i].claim.flags & EVIDENCE_EXONERATES) != 0);
    for (size_t i = 0; found && i < j->count; i++) {
        struct candidate *c = &j->candidates[i];
        if (index_product_at(index, c->product).licence_class == CLASS_PROHIBITED)
            c->loss = LOSS_EXONERATED;
    }
}

/* Those that stand first, then by grade, precision, product id, fingerprint. */
static bool comes_before(const struct candidate *a, const struct candidate *b)
{
    if ((a->loss == LOSS_NONE) != (b->loss == LOSS_NONE))
        return a->loss == LOSS_NONE;
    if (a->grade != b->grade)
        return a->grade > b->grade;
    if (a->precise != b->precise)
        return a->precise;
    if (a->product != b->product)
        return a->product < b->product;
    return strcmp(a->claim.fingerprint, b->claim.fingerprint) < 0;
}

/* A handful: insertion beats a library call with its copies. */
static void sort_candidates(struct judgement *j)
{
    for (size_t i = 1; i < j->count; i++) {
        struct candidate c = j->candidates[i];
        size_t at = i;
        for (; at > 0 && comes_before(&c, &j->candidates[at - 1]); at--)
            j->candidates[at] = j->candidates[at - 1];
        j->candidates[at] = c;
    }
}

/* The way it came decides between classes of what is sold. */
static Zb__LicenceClass class_by_channel(Zb__LicenceClass class, struct bytes channel)
{
    if (class != CLASS_COMMERCIAL)
        return class;
    if (bytes_is(channel, "trial"))
        return CLASS_TRIAL;
    return bytes_is(channel, "oem") ? CLASS_OEM_BOUND : class;
}

static void decide(struct judgement *j)
{
    exonerate(j);
    sort_candidates(j);
    j->decided = j->count > 0 && j->candidates[0].loss == LOSS_NONE;
    for (size_t i = 1; i < j->count; i++) {
        if (j->candidates[i].loss == LOSS_NONE)
            j->candidates[i].loss = LOSS_WEAKER;
    }
    if (j->decided) {
        j->licence_class = class_by_channel(
            index_product_at(&j->catalogue->index, j->candidates[0].product).licence_class,
            j->channel);
    } else {
        j->by_origin = j->distribution && judge_origin(j);
    }
}

static void find_origin(struct judgement *j)
{
    struct bytes origin;
    if (normalise_vendor(row_text(j->row, ROW_ORIGIN), j->arena, &origin) < 0)
        origin = (struct bytes){ 0 };
    (void)(find_text(j, KEY_ORIGIN, origin, &j->origin_run) ||
           find_text(j, KEY_ORIGIN, first_word(origin), &j->origin_run) ||
           find_text(j, KEY_ORIGIN, j->vendor, &j->origin_run) ||
           find_text(j, KEY_ORIGIN, first_word(j->vendor), &j->origin_run));
}

int judge(const struct catalogue *catalogue, const struct row *row, struct arena *arena,
          struct judgement *j)
{
    *j = (struct judgement){ .catalogue = catalogue, .row = row, .arena = arena };
    int r = normalise_name(row_text(row, ROW_NAME), arena, &j->name);
    if (r == -ENOMEM)
        return r;
    r = read_vendor(j);
    if (r == 0)
        r = read_fields(j);
    if (r < 0)
        return r;
    j->distribution =
        source_is(j, ROW_SOURCE_DPKG) || source_is(j, ROW_SOURCE_RPM) || has_package_purl(j);
    if (j->distribution)
        find_origin(j);
    try_row_identifiers(j);
    r = try_source_identifier(j);
    if (r < 0)
        return r;
    try_name(j);
    try_patterns(j);
    decide(j);
    return 0;
}

struct bytes judge_edition(const struct judgement *j)
{
    if (j->edition.size > 0 || !j->decided)
        return j->edition;
    return bytes_str(j->candidates[0].claim.edition);
}

struct bytes judge_version(const struct judgement *j)
{
    struct bytes field = row_text(j->row, ROW_VERSION), peeled = j->name.version;
    struct bytes claimed =
        j->decided ? bytes_str(j->candidates[0].claim.version) : (struct bytes){ 0 };
    bool from_name =
        j->decided &&
        index_product_at(&j->catalogue->index, j->candidates[0].product).version_from_name;
    if (from_name && peeled.size > 0)
        return peeled;
    if (from_name && claimed.size > 0)
        return claimed;
    if (field.size > 0)
        return field;
    return peeled.size > 0 ? peeled : claimed;
}
