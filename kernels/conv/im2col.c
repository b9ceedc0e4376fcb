/* im2col, a panel at a time: what the taps read is copied into columns that fit the caches, never the whole
 * matrix, and multiplied with all output blocks. BWD_D multiplies into columns and adds them up (col2im).
 * After Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for Document
 * Processing" (2006). This file: what is supported; the work is in panels*.c. */
#include "implementations.h"
#include "panels.h"

static const char *const knobs[] = {"pixels", "reduce", "blocks", "outputs", "chunks", NULL};

static const char *refuse(const wn_problem *problem, wn_isa isa) {
    return wn_panels_refuse(problem, isa);
}

static int configs(const wn_problem *problem, wn_isa isa, int threads, wn_config *list, int room) {
    (void)threads;
    return wn_panels_configs(problem, isa, false, list, room);
}

static wn_status plan(wn_conv_plan *plan) {
    return wn_panels_plan(plan, false);
}

static void run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                int nthreads) {
    (void)state;
    wn_panels_run(plan, args, phase, tid, nthreads);
}

const wn_conv_impl wn_conv_im2col = {
    .name = "im2col", .knobs = knobs, .refuse = refuse, .configs = configs, .plan = plan, .run = run};
