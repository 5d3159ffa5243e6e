/* The registry of keys: signed, indexed, and a tree of units that is one. */
#include "bus/registry.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "proto/frame.h"

enum { KEYS = 5, UNITS = 6 };

struct fixture {
    struct identity ledger;
    struct identity who[KEYS];
    Zb__RegistryKey keys[KEYS];
    Zb__RegistryKey *key_list[KEYS];
    Zb__UnitLink units[UNITS];
    Zb__UnitLink *unit_list[UNITS];
    Zb__RegistryBody body;
};

static ProtobufCBinaryData blob_of(const void *data, size_t size)
{
    return (ProtobufCBinaryData){ size, (uint8_t *)(uintptr_t)data };
}

static void unit_set(struct fixture *f, size_t i, const char *id, const char *parent)
{
    f->units[i] = (Zb__UnitLink)ZB__UNIT_LINK__INIT;
    f->units[i].id = (char *)(uintptr_t)id;
    f->units[i].parent = (char *)(uintptr_t)parent;
    f->unit_list[i] = &f->units[i];
}

static void fill(struct fixture *f)
{
    cr_assert(eq(int, seal_start(), 0));
    cr_assert(eq(int, identity_new(ROLE_LEDGER, "ledger", &f->ledger), 0));
    for (size_t i = 0; i < KEYS; i++) {
        cr_assert(eq(int, identity_new(ROLE_COLLECTOR, "c", &f->who[i]), 0));
        f->keys[i] = (Zb__RegistryKey)ZB__REGISTRY_KEY__INIT;
        f->keys[i].id = blob_of(f->who[i].id.b, 16);
        f->keys[i].role = i == 0 ? ROLE_MATCHER : ROLE_COLLECTOR;
        f->keys[i].sign_public = blob_of(f->who[i].sign_public.b, 32);
        f->keys[i].link_public = blob_of(f->who[i].link_public, 32);
        f->keys[i].unit = (char *)(uintptr_t) "city";
        f->keys[i].state = i == 1 ? KEY_REVOKED : KEY_ACTIVE;
        f->key_list[i] = &f->keys[i];
    }
    unit_set(f, 0, "county-a", "city");
    unit_set(f, 1, "office-a1", "county-a");
    unit_set(f, 2, "city", "province");
    unit_set(f, 3, "province", "");
    unit_set(f, 4, "county-b", "city");
    unit_set(f, 5, "other", "");
    f->body = (Zb__RegistryBody)ZB__REGISTRY_BODY__INIT;
    f->body.algorithm = SEAL_BLAKE2B_ED25519;
    f->body.version = 7;
    f->body.issued_ms = 1234567;
    f->body.ledger_key = blob_of(f->ledger.id.b, 16);
    f->body.keys = f->key_list;
    f->body.n_keys = KEYS;
    f->body.units = f->unit_list;
    f->body.n_units = UNITS;
}

static struct registry *built(struct fixture *f)
{
    struct registry *registry = NULL;
    cr_assert(eq(int, registry_build(&f->body, &f->ledger.sign_secret, &registry), 0));
    return registry;
}

Test(registry, opened_from_what_was_built_says_the_same)
{
    struct fixture f;
    fill(&f);
    CLEANUP(registry_freep) struct registry *a = built(&f);
    CLEANUP(registry_freep) struct registry *b = NULL;
    struct complaint why = { 0 };
    cr_assert(
        eq(int,
           registry_open(registry_body(a), registry_signature(a), &f.ledger.sign_public, &b, &why),
           0),
        "%s", why.what);
    cr_assert(eq(u64, registry_version(b), 7));
    cr_assert(eq(i64, registry_issued_ms(b), 1234567));
    cr_assert(eq(sz, registry_active_catalogue(b).size, 0));
    cr_assert(not(registry_simulated(b)));
    for (size_t i = 0; i < KEYS; i++) {
        const Zb__RegistryKey *k = registry_by_link(b, bytes_of(f.who[i].link_public, 32));
        cr_assert(ne(ptr, (void *)(uintptr_t)k, NULL));
        cr_assert(eq(int, memcmp(k->id.data, f.who[i].id.b, 16), 0));
        cr_assert(eq(ptr, (void *)(uintptr_t)registry_by_id(b, bytes_of(f.who[i].id.b, 16)),
                     (void *)(uintptr_t)k));
        cr_assert(eq(int, (int)k->state, (int)(i == 1 ? KEY_REVOKED : KEY_ACTIVE)));
    }
    cr_assert(
        eq(ptr, (void *)(uintptr_t)registry_by_link(b, bytes_of(f.ledger.link_public, 32)), NULL));
    cr_assert(eq(ptr, (void *)(uintptr_t)registry_by_id(b, BYTES_LIT("short")), NULL));
}

Test(registry, of_another_ledger_or_with_one_bit_changed_is_refused)
{
    struct fixture f;
    fill(&f);
    CLEANUP(registry_freep) struct registry *a = built(&f);
    CLEANUP(registry_freep) struct registry *b = NULL;
    struct complaint why = { 0 };
    cr_assert(
        eq(int,
           registry_open(registry_body(a), registry_signature(a), &f.who[0].sign_public, &b, &why),
           -EKEYREJECTED));
    cr_assert(gt(sz, strlen(why.remedy), 0));
    uint8_t *bent = malloc(registry_body(a).size);
    cr_assert(ne(ptr, bent, NULL));
    memcpy(bent, registry_body(a).data, registry_body(a).size);
    bent[registry_body(a).size / 2] ^= 1;
    cr_assert(eq(int,
                 registry_open(bytes_of(bent, registry_body(a).size), registry_signature(a),
                               &f.ledger.sign_public, &b, &why),
                 -EKEYREJECTED));
    free(bent);
    cr_assert(eq(ptr, b, NULL));
}

Test(registry, signed_by_the_ledger_but_naming_another_is_refused)
{
    struct fixture f;
    fill(&f);
    f.body.ledger_key = blob_of(f.who[0].id.b, 16);
    CLEANUP(registry_freep) struct registry *a = built(&f);
    CLEANUP(registry_freep) struct registry *b = NULL;
    cr_assert(
        eq(int,
           registry_open(registry_body(a), registry_signature(a), &f.ledger.sign_public, &b, NULL),
           -EKEYREJECTED));
}

Test(registry, that_does_not_decode_is_refused_though_signed)
{
    struct fixture f;
    fill(&f);
    CLEANUP(registry_freep) struct registry *b = NULL;
    struct bytes junk = BYTES_LIT("\x0a\xff\xff");
    struct seal_signature s = seal_sign(&f.ledger.sign_secret, PURPOSE_REGISTRY, junk);
    cr_assert(eq(int,
                 registry_open(junk, bytes_of(s.b, sizeof(s.b)), &f.ledger.sign_public, &b, NULL),
                 -EBADMSG));
}

static int build_result(struct fixture *f)
{
    CLEANUP(registry_freep) struct registry *registry = NULL;
    return registry_build(&f->body, &f->ledger.sign_secret, &registry);
}

Test(registry, keys_that_clash_or_lie_about_their_id_are_refused)
{
    struct fixture f;
    fill(&f);
    f.keys[2].link_public = f.keys[3].link_public;
    cr_assert(eq(int, build_result(&f), -EINVAL));
    fill(&f);
    f.key_list[2] = f.key_list[3];
    cr_assert(eq(int, build_result(&f), -EINVAL));
    fill(&f);
    f.keys[2].id = f.keys[3].id;
    cr_assert(eq(int, build_result(&f), -EINVAL));
    fill(&f);
    f.keys[2].link_public.len = 31;
    cr_assert(eq(int, build_result(&f), -EINVAL));
    fill(&f);
    f.keys[2].role = ROLE_NONE;
    cr_assert(eq(int, build_result(&f), -EINVAL));
    fill(&f);
    cr_assert(eq(int, build_result(&f), 0));
}

Test(registry, units_that_are_no_tree_are_refused)
{
    struct fixture f;
    fill(&f);
    f.units[3].parent = (char *)(uintptr_t) "office-a1";
    cr_assert(eq(int, build_result(&f), -EINVAL), "a circle of four");
    fill(&f);
    f.units[5].parent = (char *)(uintptr_t) "other";
    cr_assert(eq(int, build_result(&f), -EINVAL), "its own parent");
    fill(&f);
    f.units[5].parent = (char *)(uintptr_t) "nowhere";
    cr_assert(eq(int, build_result(&f), -EINVAL), "a missing parent");
    fill(&f);
    f.units[5].id = (char *)(uintptr_t) "city";
    cr_assert(eq(int, build_result(&f), -EINVAL), "the same id twice");
}

Test(registry, covers_a_unit_and_what_is_below_it_and_nothing_else)
{
    struct fixture f;
    fill(&f);
    CLEANUP(registry_freep) struct registry *r = built(&f);
    cr_assert(registry_covers(r, "city", "city"));
    cr_assert(registry_covers(r, "city", "county-a"));
    cr_assert(registry_covers(r, "city", "office-a1"));
    cr_assert(registry_covers(r, "province", "office-a1"));
    cr_assert(not(registry_covers(r, "county-a", "city")));
    cr_assert(not(registry_covers(r, "county-a", "county-b")));
    cr_assert(not(registry_covers(r, "other", "city")));
    cr_assert(not(registry_covers(r, "province", "unknown")));
    cr_assert(not(registry_covers(r, "unknown", "unknown")));
    cr_assert(not(registry_covers(r, "", "city")));
}

Test(registry, without_keys_and_units_is_one_too)
{
    struct fixture f;
    fill(&f);
    f.body.n_keys = f.body.n_units = 0;
    CLEANUP(registry_freep) struct registry *r = built(&f);
    cr_assert(eq(ptr, (void *)(uintptr_t)registry_by_id(r, bytes_of(f.who[0].id.b, 16)), NULL));
    cr_assert(not(registry_covers(r, "city", "city")));
}
