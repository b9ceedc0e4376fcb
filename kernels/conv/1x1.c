/* 1x1 kernels without padding as one product over pixels and batch: src (in BWD_D dst's gradient) is copied
 * in panels that stay in the second-level cache while all weights pass by, or read where it lies. With a
 * stride only the pixels that are used are copied. This file: what is supported; the work is in panels*.c. */
#include "implementations.h"
#include "panels.h"

static const char *const knobs[] = {"pixels", "reduce", "blocks", "outputs", "chunks", "copy", NULL};

static const char *refuse(const wn_problem *problem, wn_isa isa) {
    if (problem->kh != 1 || problem->kw != 1)
        return "the kernel is not 1x1";
    if (problem->ph != 0 || problem->pw != 0 || wn_problem_pad_right(problem) > 0 ||
        wn_problem_pad_below(problem) > 0)
        return "padding";
    if (problem->plain_src)
        return "a plain source";
    return wn_panels_refuse(problem, isa);
}

static int configs(const wn_problem *problem, wn_isa isa, int threads, wn_config *list, int room) {
    (void)threads;
    return wn_panels_configs(problem, isa, true, list, room);
}

static wn_status plan(wn_conv_plan *plan) {
    return wn_panels_plan(plan, true);
}

static void run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                int nthreads) {
    (void)state;
    wn_panels_run(plan, args, phase, tid, nthreads);
}

/* With a stride, what is accumulated to holds pixels that are not touched. */
static bool masks(const wn_conv_plan *plan) {
    const wn_problem *p = &plan->problem;
    return !p->accumulate || (p->sh == 1 && p->sw == 1 && p->ih == p->oh && p->iw == p->ow);
}

const wn_conv_impl wn_conv_1x1 = {.name = "1x1",
                                  .knobs = knobs,
                                  .refuse = refuse,
                                  .configs = configs,
                                  .plan = plan,
                                  .run = run,
                                  .masks = masks};
