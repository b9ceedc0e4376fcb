/* Running a plan as the executor does: phases with barriers on a pool, external implementations alone. All
 * that it may touch lies between inaccessible pages, the workspace is filled with NaN before. */
#ifndef WN_CONV_RUNNING_H
#define WN_CONV_RUNNING_H

#include "conv_operands.h"
#include "fences.h"
#include "pool.h"

typedef struct running {
    const wn_conv_plan *plan;
    void *state;
    const wn_conv_args *args;
    wn_pool *pool;
} running;

static inline void run_alone(void *context) {
    const running *r = context;
    r->plan->impl->run(r->plan, r->state, r->args, 0, 0, r->plan->threads);
}

static inline void prepare_alone(void *context) {
    const running *r = context;
    r->plan->impl->prepare(r->plan, r->state, r->args, 0, r->plan->threads);
}

static inline void prepare_task(void *context, int tid, int nthreads) {
    const running *r = context;
    if (r->plan->external)
        wn_pool_external(r->pool, tid, prepare_alone, context);
    else
        r->plan->impl->prepare(r->plan, r->state, r->args, tid, nthreads);
}

static inline void run_task(void *context, int tid, int nthreads) {
    const running *r = context;
    if (r->plan->external) {
        wn_pool_external(r->pool, tid, run_alone, context);
        return;
    }
    for (int phase = 0; phase < r->plan->phases; phase++) {
        if (phase > 0)
            wn_pool_barrier(r->pool, tid);
        r->plan->impl->run(r->plan, r->state, r->args, phase, tid, nthreads);
    }
}

/* What a run is given. */
typedef struct fenced {
    fence operand[OPERANDS], workspace, prepared, mask;
    float *core[OPERANDS]; /* of an operand: everything but the canaries of conv_operands.h */
    wn_conv_args args;
} fenced;

static inline size_t core_bytes(const operand *of) {
    return (size_t)(of->floats - 2 * GUARD) * sizeof(float);
}

/* Copies the mask, which is laid out as src and its memory are, to an edge, too. */
static inline void fenced_fill_mask(fenced *f, const operand *src, const float *mask, fence_edge edge) {
    const ptrdiff_t data = src->data - src->memory - GUARD;
    float *core = fence_place(&f->mask, core_bytes(src), edge);
    memcpy(core, mask - data, core_bytes(src));
    f->args.mask = core + data;
}

/* Copies what operands hold into buffers at an edge, with the mask of `masked`, if it has one. Prepared
 * weights stay where they are. */
static inline void fenced_fill(fenced *f, const wn_conv_plan *plan, const operand_set *before,
                               const operand_set *masked, fence_edge edge) {
    float *data[OPERANDS];
    for (int i = 0; i < OPERANDS; i++) {
        const operand *from = &before->all[i];
        f->core[i] = fence_place(&f->operand[i], core_bytes(from), edge);
        memcpy(f->core[i], from->memory + GUARD, core_bytes(from));
        data[i] = f->core[i] + (from->data - from->memory - GUARD);
    }
    f->args.src = data[SRC];
    f->args.weights = data[WEIGHTS];
    f->args.bias = before->with_bias ? data[BIAS] : NULL;
    f->args.dst = data[DST];
    f->args.mask = NULL;
    if (masked->mask)
        fenced_fill_mask(f, &before->all[SRC], masked->mask, edge);
    f->args.workspace = fence_place(&f->workspace, plan->workspace_bytes, edge);
    memset(f->args.workspace, 0xff, plan->workspace_bytes);
}

static inline bool fenced_is_whole(const fenced *f, const wn_conv_plan *plan, const operand_set *before) {
    bool whole = fence_is_whole(&f->workspace, f->args.workspace, plan->workspace_bytes);
    if (plan->prepared_bytes)
        whole = whole && fence_is_whole(&f->prepared, f->args.prepared, plan->prepared_bytes);
    for (int i = 0; i < OPERANDS; i++)
        whole = whole && fence_is_whole(&f->operand[i], f->core[i], core_bytes(&before->all[i]));
    return whole;
}

/* Fills prepared weights; nothing but weights is in reach. */
static inline void prepare_once(wn_pool *pool, const wn_conv_plan *plan, void *state, fenced *f,
                                fence_edge edge) {
    f->args.prepared = fence_place(&f->prepared, plan->prepared_bytes, edge);
    memset(f->args.prepared, 0xff, plan->prepared_bytes);
    wn_conv_args args = {
        .weights = f->args.weights, .workspace = f->args.workspace, .prepared = f->args.prepared};
    running call = {plan, state, &args, pool};
    wn_pool_run(pool, prepare_task, &call);
    memset(f->args.workspace, 0xff, plan->workspace_bytes);
}

/* One run on buffers that are filled. Prepared weights stand in for weights, which are out of reach then. */
static inline void run_once(wn_pool *pool, const wn_conv_plan *plan, void *state, const fenced *f) {
    wn_conv_args args = f->args;
    if (plan->prepared_bytes)
        args.weights = NULL;
    running call = {plan, state, &args, pool};
    wn_pool_run(pool, run_task, &call);
}

/* Runs a plan on what `before` holds, under the mask of `result`, with a pool of plan->threads. Buffers touch
 * the page behind them for odd numbers of threads, the page before them for even ones. A state, and prepared
 * weights, must serve many runs: with one of them the plan runs at both edges and the second result counts.
 * Errors: what open says; INVALID when something was written beside a buffer. */
static inline wn_status run_plan(wn_pool *pool, const wn_conv_plan *plan, const operand_set *before,
                                 operand_set *result) {
    static fenced f;
    const fence_edge edge = plan->threads % 2 ? FENCE_END : FENCE_START;
    void *state = NULL;
    if (plan->impl->open)
        WN_TRY(plan->impl->open(plan, &state));
    fenced_fill(&f, plan, before, result, edge);
    if (plan->prepared_bytes)
        prepare_once(pool, plan, state, &f, edge);
    run_once(pool, plan, state, &f);
    bool whole = fenced_is_whole(&f, plan, before);
    if (plan->impl->open || plan->prepared_bytes) {
        fenced_fill(&f, plan, before, result, edge == FENCE_END ? FENCE_START : FENCE_END);
        run_once(pool, plan, state, &f);
        whole = whole && fenced_is_whole(&f, plan, before);
    }
    if (plan->impl->close)
        plan->impl->close(state);
    operands_restore(result, before);
    for (int i = 0; i < OPERANDS; i++)
        memcpy(result->all[i].memory + GUARD, f.core[i], core_bytes(&before->all[i]));
    return whole
               ? wn_ok()
               : wn_error(WN_ERROR_INVALID,
                          "wrote beside its operands, its workspace of %zu bytes or prepared weights of %zu",
                          plan->workspace_bytes, plan->prepared_bytes);
}

static inline wn_pool *pool_make(int threads) {
    wn_pool *pool;
    wn_status status = wn_pool_create(threads, &pool);
    if (wn_failed(status)) {
        fprintf(stderr, "%s\n", status.message);
        exit(1);
    }
    return pool;
}

#endif
