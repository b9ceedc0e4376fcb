/* From a problem to a plan: the database's pick where it still fits, else the heuristic. */
#include "database.h"

/* Direct where it supports the problem, else the first implementation that does; the judge comes last, so
 * that everything that has a reference can run. */
static wn_status heuristic(const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                           int64_t dst_stride, wn_conv_plan *plan) {
    const wn_conv_impl *direct = wn_conv_find("direct");
    wn_status first =
        direct ? wn_conv_plan_make(direct, problem, NULL, isa, threads, src_stride, dst_stride, plan)
               : wn_error(WN_ERROR_UNSUPPORTED, "no implementation called direct");
    if (!wn_failed(first))
        return first;
    for (int judges = 0; judges < 2; judges++)
        for (int i = 0; wn_conv_registry[i]; i++)
            if (wn_conv_registry[i]->judge == (judges == 1) &&
                !wn_failed(wn_conv_plan_make(wn_conv_registry[i], problem, NULL, isa, threads, src_stride,
                                             dst_stride, plan)))
                return wn_ok();
    return first;
}

wn_status wn_tune_pick(void *db, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                       int64_t dst_stride, wn_conv_plan *plan) {
    const wn_record *record = db ? wn_tune_db_find(db, problem, isa, threads) : NULL;
    if (record && !wn_failed(wn_conv_plan_make(record->impl, problem, &record->config, isa, threads,
                                               src_stride, dst_stride, plan)))
        return wn_ok();
    return heuristic(problem, isa, threads, src_stride, dst_stride, plan);
}
