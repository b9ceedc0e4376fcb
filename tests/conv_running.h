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

/* Opens, runs on a pool of plan->threads, closes. Errors: what open says; INVALID when the workspace's
 * guards were written. */
static inline wn_status run_plan(wn_pool *pool, const wn_conv_plan *plan, const operand_set *operands) {
    operand workspace = operand_alloc((int64_t)((plan->workspace_bytes + 3) / 4), 0);
    wn_conv_args args = operands_args(operands);
    memset(workspace.data, 0xff, plan->workspace_bytes);
    args.workspace = workspace.data;
    void *state = NULL;
    wn_status status = wn_ok();
    if (plan->impl->open)
        status = plan->impl->open(plan, &state);
    if (!wn_failed(status)) {
        running call = {plan, state, &args, pool};
        wn_pool_run(pool, run_task, &call);
        if (plan->impl->close)
            plan->impl->close(state);
        float guard[GUARD];
        fill_bits(guard, GUARD, guard_bits);
        if (memcmp(workspace.memory, guard, sizeof guard) != 0 ||
            memcmp(workspace.memory + workspace.floats - GUARD, guard, sizeof guard) != 0)
            status = wn_error(WN_ERROR_INVALID, "wrote outside of its workspace of %zu bytes",
                              plan->workspace_bytes);
    }
    free(workspace.memory);
    return status;
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
