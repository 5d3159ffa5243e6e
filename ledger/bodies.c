/* bodies.c - sorted lists of ids over a batch. */
#include "ledger/bodies.h"

#include <errno.h>

#include "ledger/key.h"
#include "proto/facts.h"
#include "proto/row.h"

struct body {
    struct id128 id; /* first: what bsearch compares */
    size_t index;
};

struct body_list {
    struct body *body; /* ascending id */
    size_t count;
};

struct batch_bodies {
    const Zb__Batch *batch;
    struct body_list rows, facts, evidence;
};

static int body_cmp(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id128));
}

static bool list_new(struct body_list *list, size_t count, struct arena *arena)
{
    list->body = arena_calloc(arena, count, sizeof(*list->body));
    list->count = count;
    return list->body != NULL;
}

static void list_sort(struct body_list *list)
{
    if (list->count > 1)
        qsort(list->body, list->count, sizeof(*list->body), body_cmp);
}

static const struct body *list_find(const struct body_list *list, struct id128 id)
{
    return list->count == 0 ? NULL
                            : bsearch(&id, list->body, list->count, sizeof(*list->body), body_cmp);
}

int bodies_new(const Zb__Batch *batch, struct arena *arena, struct batch_bodies **ret_bodies)
{
    struct batch_bodies *bodies = arena_calloc(arena, 1, sizeof(*bodies));
    if (bodies == NULL || !list_new(&bodies->rows, batch->n_rows, arena) ||
        !list_new(&bodies->facts, batch->n_facts, arena) ||
        !list_new(&bodies->evidence, batch->n_evidence, arena))
        return -ENOMEM;
    bodies->batch = batch;
    for (size_t i = 0; i < batch->n_rows; i++)
        bodies->rows.body[i] = (struct body){ row_id(blob_bytes(batch->rows[i])), i };
    for (size_t i = 0; i < batch->n_facts; i++)
        bodies->facts.body[i] = (struct body){ facts_id(blob_bytes(batch->facts[i])), i };
    for (size_t i = 0; i < batch->n_evidence; i++)
        bodies->evidence.body[i] = (struct body){ evidence_id(batch->evidence[i]), i };
    list_sort(&bodies->rows);
    list_sort(&bodies->facts);
    list_sort(&bodies->evidence);
    *ret_bodies = bodies;
    return 0;
}

struct bytes bodies_row(const struct batch_bodies *bodies, struct id128 id)
{
    const struct body *body = list_find(&bodies->rows, id);
    return body == NULL ? bytes_of(NULL, 0) : blob_bytes(bodies->batch->rows[body->index]);
}

struct bytes bodies_facts(const struct batch_bodies *bodies, struct id128 id)
{
    const struct body *body = list_find(&bodies->facts, id);
    return body == NULL ? bytes_of(NULL, 0) : blob_bytes(bodies->batch->facts[body->index]);
}

const Zb__Evidence *bodies_evidence(const struct batch_bodies *bodies, struct id128 id)
{
    const struct body *body = list_find(&bodies->evidence, id);
    return body == NULL ? NULL : bodies->batch->evidence[body->index];
}

const Zb__RowSet *bodies_set(const struct batch_bodies *bodies, struct bytes result_digest)
{
    const Zb__Batch *batch = bodies->batch;
    for (size_t i = 0; i < batch->n_sets; i++)
        if (bytes_eq(blob_bytes(batch->sets[i]->result_digest), result_digest))
            return batch->sets[i];
    return NULL;
}
