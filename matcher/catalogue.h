/* catalogue.h - licence fingerprints, from text that people review to what a matcher probes.
 *
 *   data/catalogue/<vendor>.yaml ──build──▶ package (portable text, signed) ──compile──▶ LMDB
 *
 * The package is what travels and what a catalogue digest names: BLAKE2b-256 of its canonical
 * lines. A matcher compiles it on arrival and maps the result read-only. Schema: docs/catalogue.md. */
#ifndef MATCHER_CATALOGUE_H
#define MATCHER_CATALOGUE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/seal.h"
#include "base/text.h"
#include "proto/names.h"

enum { CATALOGUE_FORMAT = 1 };

/* catalogue_build - reads every *.yaml below `dir`, checks it (schema, unique ids, evidence that two
 * products claim, at least two kinds of evidence each) and appends the unsigned package text.
 * Errors: -EINVAL with file, line, key and remedy in `why`; -ENOENT. */
int catalogue_build(const char *dir, const char *label, struct buf *out, size_t *ret_products,
                    struct complaint *why);

/* catalogue_sign - appends the signature line of a publisher's key.
 * Errors: -EBADMSG no package; -EEXIST signed already; -EMSGSIZE, -ENOMEM.
 * catalogue_verify - checks it and gives the digest and label (either may be NULL); `publisher` NULL
 * accepts any key, and none, and only checks integrity.
 * Errors: -EBADMSG damaged, unsigned or signed by another, as `why` says. */
int catalogue_sign(struct buf *package, const struct seal_public *publisher,
                   const struct seal_secret *secret);
int catalogue_verify(struct bytes package, const struct seal_public *publisher,
                     struct digest *ret_digest, char *ret_label, size_t label_size,
                     struct complaint *why);

/* catalogue_compile - the LMDB form of a verified package in a new folder `path`, which must not be
 * there yet; whoever wants to see it whole or not at all compiles beside and renames.
 * Errors: -EBADMSG damaged; -EEXIST, -ENOENT ... of the folder; -ENOSPC; nothing is left behind. */
int catalogue_compile(struct bytes package, const char *path, struct complaint *why);

/* Compiled and open, read-only; one thread's. What it gives lives until it is closed. */
struct catalogue;

/* catalogue_open - maps what catalogue_compile made and compiles its patterns.
 * Errors: -ENOENT not there; -EPROTO damaged or of another format: compile again; -ENOMEM, -EIO. */
int catalogue_open(const char *path, struct catalogue **ret_catalogue, struct complaint *why);
void catalogue_close(struct catalogue *catalogue);
CLEANUP_DEFINE(struct catalogue *, catalogue_close);

struct digest catalogue_digest(const struct catalogue *catalogue);
const char *catalogue_label(const struct catalogue *catalogue);
uint64_t catalogue_products(const struct catalogue *catalogue);

/* One product, for show and search; points into the catalogue. */
struct catalogue_product {
    const char *id;
    const char *name;
    const char *name_zh;
    const char *vendor;
    const char *vendor_zh;
    const char *category;
    const char *reference;
    const char *free_for; /* who and what it is free for, empty: nobody in particular */
    Zb__LicenceClass licence_class;
    bool domestic;
};

/* catalogue_product - 0 or -ENOENT; the arena may be NULL. */
int catalogue_product(const struct catalogue *catalogue, const char *id, struct arena *arena,
                      struct catalogue_product *ret_product);

/* catalogue_each - products in id order; stops when fn returns ≠ 0 and returns that. */
int catalogue_each(const struct catalogue *catalogue,
                   int (*fn)(void *ctx, const struct catalogue_product *product), void *ctx);

#endif
