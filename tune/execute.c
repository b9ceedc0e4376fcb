/* Phases and barriers of one plan. */
#include "execute.h"

typedef struct external_run {
    const wn_conv_plan *plan;
    void *state;
    const wn_conv_args *args;
} external_run;

static void run_external(void *context) {
    const external_run *run = context;
    for (int phase = 0; phase < run->plan->phases; phase++)
        run->plan->impl->run(run->plan, run->state, run->args, phase, 0, run->plan->threads);
}

void wn_conv_execute(wn_pool *pool, const wn_conv_plan *plan, void *state, const wn_conv_args *args, int tid,
                     int nthreads) {
    if (plan->external) {
        external_run run = {plan, state, args};
        wn_pool_external(pool, tid, run_external, &run);
        return;
    }
    for (int phase = 0; phase < plan->phases; phase++) {
        plan->impl->run(plan, state, args, phase, tid, nthreads);
        wn_pool_barrier(pool, tid);
    }
}
