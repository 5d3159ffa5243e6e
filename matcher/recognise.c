/* recognise.c - a judgement as a verdict. */
#include "matcher/recognise.h"

#include <errno.h>

#include "matcher/judge.h"

/* A NUL-terminated text for the message: what the arena or the index holds need not end there. */
static int set_text(struct arena *arena, struct bytes text, char **ret_text)
{
    if (text.size == 0)
        return 0; /* the message's own empty text stays */
    *ret_text = arena_strdup(arena, bytes_of(text.data, text_cut(text, BOUND_TEXT_BYTES)));
    return *ret_text == NULL ? -ENOMEM : 0;
}

/* The message's texts are char * but never written to. */
static char *borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

static bool is_named(const Zb__Verdict *verdict, const char *id)
{
    bool named = strcmp(verdict->product, id) == 0;
    for (size_t i = 0; i < verdict->n_losers; i++)
        named = named || strcmp(verdict->losers[i], id) == 0;
    return named;
}

/* Products that lost, each once, strongest first; the winner's other evidence is no loser. */
static int set_losers(const struct judgement *j, Zb__Verdict *verdict)
{
    size_t first = j->decided ? 1 : 0;
    if (j->count <= first)
        return 0;
    verdict->losers = arena_calloc(j->arena, BOUND_LOSERS, sizeof(verdict->losers[0]));
    if (verdict->losers == NULL)
        return -ENOMEM;
    for (size_t i = first; i < j->count && verdict->n_losers < BOUND_LOSERS; i++) {
        const char *id = index_product_at(&j->catalogue->index, j->candidates[i].product).id;
        if (!is_named(verdict, id))
            verdict->losers[verdict->n_losers++] = borrowed(id);
    }
    return 0;
}

static void set_winner(const struct judgement *j, Zb__Verdict *verdict)
{
    const struct candidate *winner = &j->candidates[0];
    struct index_product product = index_product_at(&j->catalogue->index, winner->product);
    verdict->licence_class = j->licence_class;
    verdict->grade = winner->grade;
    verdict->product = borrowed(product.id);
    verdict->fingerprint = borrowed(winner->claim.fingerprint);
    verdict->category = borrowed(product.category);
}

int recognise_row(const struct catalogue *catalogue, const struct row *row, struct arena *arena,
                  Zb__Verdict *ret_verdict)
{
    struct judgement j;
    Zb__Verdict verdict = ZB__VERDICT__INIT;
    int r = judge(catalogue, row, arena, &j);
    if (r < 0)
        return r;
    if (j.decided) {
        set_winner(&j, &verdict);
    } else if (j.by_origin) {
        verdict.licence_class = j.licence_class;
        verdict.fingerprint =
            borrowed(index_claim_at(&catalogue->index, j.origin_run.claims).fingerprint);
    }
    r = set_text(arena, judge_edition(&j), &verdict.edition);
    if (r == 0)
        r = set_text(arena, judge_version(&j), &verdict.version);
    if (r == 0)
        r = set_losers(&j, &verdict);
    if (r == 0)
        *ret_verdict = verdict;
    return r;
}

int recognise_bytes(const struct catalogue *catalogue, struct bytes canonical, struct arena *arena,
                    Zb__Verdict *ret_verdict, struct complaint *why)
{
    struct row row;
    int r = row_decode(canonical, arena, &row, why);
    if (r == 0)
        r = recognise_row(catalogue, &row, arena, ret_verdict);
    if (r < 0)
        return r;
    struct id128 id = row_id(canonical);
    uint8_t *copy = arena_dup(arena, id.b, sizeof(id.b));
    if (copy == NULL)
        return -ENOMEM;
    ret_verdict->row = (ProtobufCBinaryData){ sizeof(id.b), copy };
    ret_verdict->catalogue = (ProtobufCBinaryData){ sizeof(catalogue->digest.b),
                                                    (uint8_t *)(uintptr_t)catalogue->digest.b };
    return 0;
}
