/* From a problem to a plan: the database's pick where it still fits, else what other machines found, else the
 * model's choice. */
#include "database.h"
#include "race.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>

enum { VERIFYING_PAIRS = 3 };

/* The first implementation of the registry that supports the problem: depthwise, then direct, which refuses
 * little; the judge comes last, so that everything that has a reference can run. When none does, the reason
 * is direct's. */
static wn_status standard(const wn_problem *problem, wn_isa isa, int threads, wn_conv_plan *plan) {
    for (int judges = 0; judges < 2; judges++)
        for (int i = 0; wn_conv_registry[i]; i++)
            if (!wn_conv_registry[i]->yardstick && wn_conv_registry[i]->judge == (judges == 1) &&
                !wn_failed(wn_conv_plan_make(wn_conv_registry[i], problem, NULL, isa, threads, 0, 0, plan)))
                return wn_ok();
    return wn_conv_plan_make(wn_conv_find("direct"), problem, NULL, isa, threads, 0, 0, plan);
}

static const wn_peaks *peaks_of(wn_pick_state *state, wn_isa isa, int threads) {
    if (state->peaks.flops > 0 && state->peaks_isa == isa && state->peaks_threads == threads)
        return &state->peaks;
    state->peaks_isa = isa;
    state->peaks_threads = threads;
    state->peaks = state->pool ? wn_peaks_measure(state->pool, isa) : wn_peaks_typical(threads);
    return &state->peaks;
}

/* What the model puts first. */
static wn_status by_model(wn_pick_state *state, const wn_problem *problem, wn_isa isa, int threads,
                          wn_conv_plan *plan) {
    wn_candidate *candidates = calloc(WN_TUNE_MAX_CANDIDATES, sizeof *candidates);
    if (!candidates)
        return wn_error(WN_ERROR_MEMORY, "no memory for candidates");
    const wn_peaks *peaks = peaks_of(state, isa, threads);
    int count = wn_tune_candidates(problem, isa, threads, true, candidates, WN_TUNE_MAX_CANDIDATES),
        best = -1;
    double least = INFINITY;
    for (int i = 0; i < count; i++) {
        if (candidates[i].refusal[0] || candidates[i].plan.impl->yardstick)
            continue;
        double estimate = wn_model_estimate(peaks, &candidates[i].plan);
        if (estimate < least) {
            least = estimate;
            best = i;
        }
    }
    if (best >= 0)
        *plan = candidates[best].plan;
    free(candidates);
    return best >= 0 ? wn_ok() : standard(problem, isa, threads, plan);
}

/* Times two plans in turns and keeps the faster one, the second only if it is ahead by more than a tie. False
 * when they cannot be timed. */
static bool keep_faster(wn_tune_db *db, wn_pool *pool, const wn_conv_plan *first, const wn_conv_plan *second,
                        wn_conv_plan *kept) {
    double times[2][VERIFYING_PAIRS], scratch[VERIFYING_PAIRS];
    wn_measure *measure;
    int index[2];
    bool timed = false;
    if (wn_failed(wn_measure_create(pool, &first->problem, &measure)))
        return false;
    wn_candidate pick = {.effort = WN_EFFORT_HEURISTIC, .rounds = VERIFYING_PAIRS, .error = (double)NAN};
    if (!wn_failed(wn_measure_add(measure, first, &index[0])) &&
        !wn_failed(wn_measure_add(measure, second, &index[1]))) {
        double seconds;
        pick.error = wn_measure_error(measure, index[0], &seconds);
        wn_measure_run(measure, index[1]);
        for (int i = 0; i < 2 * VERIFYING_PAIRS; i++)
            times[i % 2][i / 2] = wn_measure_run(measure, index[i % 2]);
        timed = true;
    }
    wn_measure_destroy(measure);
    if (!timed)
        return false;
    double ratio = wn_paired_ratios(times[0], times[1], VERIFYING_PAIRS, scratch).median;
    bool first_holds = pick.error <= WN_TUNE_MAX_ERROR && ratio <= WN_RACE_TIE;
    pick.plan = *kept = first_holds ? *first : *second;
    double *own = times[first_holds ? 0 : 1];
    pick.median_seconds = wn_median(own, VERIFYING_PAIRS); /* sorts */
    pick.min_seconds = own[0];
    if (!first_holds)
        pick.error = (double)NAN;
    (void)wn_tune_db_add(db, &pick); /* not saved: verified again by the next run */
    return true;
}

/* Finds the choice for dense strides. */
static wn_status choose(wn_tune_db *db, const wn_problem *problem, wn_isa isa, int threads,
                        wn_conv_plan *plan) {
    wn_pick_state *state = wn_tune_db_pick_state(db);
    const wn_record *record = wn_tune_db_find(db, problem, isa, threads);
    if (record &&
        !wn_failed(wn_conv_plan_make(record->impl, problem, &record->config, isa, threads, 0, 0, plan)))
        return wn_ok();
    record = wn_tune_db_find_batch(db, problem, isa, threads);
    if (record &&
        !wn_failed(wn_conv_plan_make(record->impl, problem, &record->config, isa, threads, 0, 0, plan)))
        return wn_ok();
    state->misses++;
    WN_TRY(by_model(state, problem, isa, threads, plan));
    wn_conv_plan near, modelled = *plan;
    record = state->pool ? wn_tune_db_find_near(db, problem, isa) : NULL;
    if (record &&
        !wn_failed(wn_conv_plan_make(record->impl, problem, &record->config, isa, threads, 0, 0, &near)))
        keep_faster(db, state->pool, &near, &modelled, plan);
    return wn_ok();
}

wn_status wn_tune_pick(void *db, const wn_problem *problem, wn_isa isa, int threads, int64_t src_stride,
                       int64_t dst_stride, wn_conv_plan *plan) {
    wn_conv_plan dense;
    WN_TRY(db ? choose(db, problem, isa, threads, &dense) : standard(problem, isa, threads, &dense));
    return wn_conv_plan_make(dense.impl, problem, &dense.config, isa, threads, src_stride, dst_stride, plan);
}

bool wn_tune_db_satisfies(const wn_tune_db *db, const wn_tune_options *options, const wn_problem *problem) {
    int threads = wn_pool_threads(options->pool);
    const wn_record *record = wn_tune_db_find(db, problem, options->isa, threads);
    wn_conv_plan plan;
    return record && record->effort >= options->effort &&
           !(options->max_error > 0 && !(record->error <= options->max_error)) &&
           !(options->workspace_limit && record->workspace_bytes > options->workspace_limit) &&
           !wn_failed(
               wn_conv_plan_make(record->impl, problem, &record->config, options->isa, threads, 0, 0, &plan));
}
