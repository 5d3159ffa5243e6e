/* judge.h - inside the matcher: how a verdict came about. recognise.c says what, explain.c says why. */
#ifndef MATCHER_JUDGE_H
#define MATCHER_JUDGE_H

#include "matcher/index.h"
#include "matcher/normalise.h"
#include "proto/row.h"

enum { CANDIDATES_MAX = 32 };

/* What the row's vendor says of a product. */
enum relation {
    VENDOR_ABSENT, /* the row names none, or one that only passes software on */
    VENDOR_AGREES,
    VENDOR_RESEMBLES, /* its first word is the vendor's: "Siemens Digital Industries" */
    VENDOR_CONTRADICTS,
};

/* Why a candidate lost. */
enum loss {
    LOSS_NONE,
    LOSS_VENDOR,        /* the vendor contradicts */
    LOSS_VENDOR_ABSENT, /* a common word: nothing without its vendor */
    LOSS_EDITION,       /* evidence of another edition, or no edition of this product */
    LOSS_VERSION,
    LOSS_EXONERATED, /* prohibited, but the row carries evidence of the contrary */
    LOSS_WEAKER,     /* a stronger one, a more precise one, or a smaller id */
};

struct candidate {
    uint32_t product;
    enum evidence_kind kind;
    Zb__Grade grade;
    enum loss loss;
    bool precise; /* its edition or version was asked for and fits */
    struct index_claim claim;
};

struct judgement {
    const struct catalogue *catalogue;
    const struct row *row;
    struct arena *arena;
    struct normal_name name;
    struct bytes vendor;         /* its core; empty: none */
    struct index_run vendor_run; /* vendors called so */
    struct index_run origin_run; /* distributions called so; count 0: none */
    bool vendor_resembles;
    bool distribution;    /* a package of a package manager */
    struct bytes edition; /* of the row: its field, else peeled */
    struct bytes channel;
    struct candidate candidates[CANDIDATES_MAX]; /* after judge(): winner first */
    size_t count;
    bool decided;   /* candidates[0] won */
    bool by_origin; /* nothing did, and the distribution decides */
    Zb__LicenceClass licence_class;
};

/* judge - fills the judgement from catalogue, row and arena. Errors: -ENOMEM. */
int judge(const struct catalogue *catalogue, const struct row *row, struct arena *arena,
          struct judgement *j);

/* judge_origin - the class of a distribution's package (distribution.c); false: unknown origin or a
 * licence that is not open. */
bool judge_origin(struct judgement *j);

/* judge_version - what the verdict says of the version. */
struct bytes judge_version(const struct judgement *j);
struct bytes judge_edition(const struct judgement *j);

#endif
