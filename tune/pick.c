/* From a problem to a plan: the database's pick where it still fits, else the heuristic. */
#include "database.h"

/* The first implementation of the registry that supports the problem: depthwise, then direct, which refuses
 * little; the judge comes last, so that everything that has a reference can run. When none does, the reason
 * is direct's. */
static wn_status heuristic(const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                           int64_t dst_stride, wn_conv_plan *plan) {
    for (int judges = 0; judges < 2; judges++)
        for (int i = 0; wn_conv_registry[i]; i++)
            if (!wn_conv_registry[i]->yardstick && wn_conv_registry[i]->judge == (judges == 1) &&
                !wn_failed(wn_conv_plan_make(wn_conv_registry[i], problem, NULL, isa, threads, src_stride,
                                             dst_stride, plan)))
                return wn_ok();
    return wn_conv_plan_make(wn_conv_find("direct"), problem, NULL, isa, threads, src_stride, dst_stride,
                             plan);
}

wn_status wn_tune_pick(void *db, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                       int64_t dst_stride, wn_conv_plan *plan) {
    const wn_record *record = db ? wn_tune_db_find(db, problem, isa, threads) : NULL;
    if (record && !wn_failed(wn_conv_plan_make(record->impl, problem, &record->config, isa, threads,
                                               src_stride, dst_stride, plan)))
        return wn_ok();
    return heuristic(problem, isa, threads, src_stride, dst_stride, plan);
}
