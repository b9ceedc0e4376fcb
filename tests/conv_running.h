/* Running a plan as the executor does: phases with barriers on a pool, external implementations alone, the
 * workspace guarded and filled with NaN before. */
#ifndef WN_CONV_RUNNING_H
#define WN_CONV_RUNNING_H

#include "conv_operands.h"
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

/* Prepared weights stand in for weights, which are out of reach then. */
static inline void run_once(wn_pool *pool, const wn_conv_plan *plan, void *state, const operand_set *operands,
                            const operand *workspace, const operand *prepared) {
    wn_conv_args args = operands_args(operands);
    args.workspace = workspace->data;
    args.prepared = prepared->data;
    if (plan->prepared_bytes)
        args.weights = NULL;
    memset(workspace->data, 0xff, plan->workspace_bytes);
    running call = {plan, state, &args, pool};
    wn_pool_run(pool, run_task, &call);
}

/* Fills prepared weights; nothing but weights is in reach. */
static inline void prepare_once(wn_pool *pool, const wn_conv_plan *plan, void *state,
                                const operand_set *operands, const operand *workspace,
                                const operand *prepared) {
    wn_conv_args args = {
        .weights = operands_args(operands).weights, .workspace = workspace->data, .prepared = prepared->data};
    memset(workspace->data, 0xff, plan->workspace_bytes);
    memset(prepared->data, 0xff, plan->prepared_bytes);
    running call = {plan, state, &args, pool};
    wn_pool_run(pool, prepare_task, &call);
}

static inline bool guards_are_whole(const operand *buffer) {
    float guard[GUARD];
    fill_bits(guard, GUARD, guard_bits);
    return memcmp(buffer->memory, guard, sizeof guard) == 0 &&
           memcmp(buffer->memory + buffer->floats - GUARD, guard, sizeof guard) == 0;
}

/* Runs a plan on a copy of `before`, with a pool of plan->threads. A state, and prepared weights, must serve
 * many runs: with one of them the plan runs twice and the second result counts. Errors: what open says;
 * INVALID when the guards of the workspace or of prepared weights were written. */
static inline wn_status run_plan(wn_pool *pool, const wn_conv_plan *plan, const operand_set *before,
                                 operand_set *result) {
    void *state = NULL;
    operands_restore(result, before);
    if (plan->impl->open)
        WN_TRY(plan->impl->open(plan, &state));
    operand workspace = operand_alloc((int64_t)((plan->workspace_bytes + 3) / 4), 0);
    operand prepared = operand_alloc((int64_t)((plan->prepared_bytes + 3) / 4), 0);
    if (plan->prepared_bytes)
        prepare_once(pool, plan, state, result, &workspace, &prepared);
    run_once(pool, plan, state, result, &workspace, &prepared);
    if (plan->impl->open || plan->prepared_bytes) {
        operands_restore(result, before);
        run_once(pool, plan, state, result, &workspace, &prepared);
    }
    if (plan->impl->close)
        plan->impl->close(state);
    bool whole = guards_are_whole(&workspace) && guards_are_whole(&prepared);
    free(workspace.memory);
    free(prepared.memory);
    return whole ? wn_ok()
                 : wn_error(WN_ERROR_INVALID,
                            "wrote outside of its workspace of %zu bytes or prepared weights of %zu",
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
