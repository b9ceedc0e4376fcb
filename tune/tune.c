/* Tuning one problem: the candidates, measured, raced, and put in order. */
#include "tune.h"
#include "clock.h"
#include "measure.h"
#include "race.h"
#include "statistics.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FINAL_ROUNDS = 7 };

/* The candidates that could be opened, as the race numbers them. */
typedef struct race_field {
    wn_measure *measure;
    int runners, standard; /* standard: the heuristic's choice, -1 when it is not among them */
    int candidate[WN_TUNE_MAX_CANDIDATES];
    size_t workspace_bytes[WN_TUNE_MAX_CANDIDATES];
} race_field;

static double sample(void *context, int runner) {
    return wn_measure_run(((race_field *)context)->measure, runner);
}

static double now(void *context) {
    (void)context;
    return wn_seconds();
}

/* Opens every candidate that was not refused; one that cannot be opened is refused with the reason. */
static void open_candidates(race_field *field, wn_candidate *candidates, int count) {
    wn_conv_plan heuristic = {.impl = NULL};
    field->standard = -1;
    for (int i = 0; i < count; i++) {
        wn_candidate *candidate = &candidates[i];
        int runner;
        if (candidate->refusal[0])
            continue;
        if (candidate->plan.impl->yardstick) {
            snprintf(candidate->refusal, sizeof candidate->refusal, "a yardstick, which bench times");
            continue;
        }
        wn_status status = wn_measure_add(field->measure, &candidate->plan, &runner);
        if (wn_failed(status)) {
            snprintf(candidate->refusal, sizeof candidate->refusal, "%.*s",
                     (int)sizeof candidate->refusal - 1, status.message);
            continue;
        }
        field->candidate[runner] = i;
        field->workspace_bytes[runner] = candidate->plan.workspace_bytes;
        field->runners = runner + 1;
        const wn_conv_plan *plan = &candidate->plan;
        if (!heuristic.impl &&
            wn_failed(wn_tune_pick(NULL, &plan->problem, plan->isa, plan->threads, 0, 0, &heuristic)))
            continue;
        if (plan->impl == heuristic.impl &&
            memcmp(&plan->config, &heuristic.config, sizeof plan->config) == 0)
            field->standard = runner;
    }
}

/* Timed before refused, then by time relative to the winner (whose ratio is exactly 1). */
static int by_ratio(const void *a, const void *b) {
    const wn_candidate *x = a, *y = b;
    double p = x->rounds && x->ratio > 0 ? x->ratio : INFINITY;
    double q = y->rounds && y->ratio > 0 ? y->ratio : INFINITY;
    return (p > q) - (p < q);
}

/* What replaces the default must beat it, and by how much is what people ask for: a default that left the
 * race early, perhaps through a burst of somebody else's work, meets the winner in a few rounds of their own.
 */
static void meet_the_default(race_field *field, wn_race_result *results, int *winner) {
    double standard[FINAL_ROUNDS], best[FINAL_ROUNDS], scratch[FINAL_ROUNDS];
    int runner = field->standard;
    if (runner < 0 || runner == *winner)
        return;
    if (results[runner].rounds < FINAL_ROUNDS) {
        for (int i = 0; i < FINAL_ROUNDS; i++) {
            standard[i] = sample(field, runner);
            best[i] = sample(field, *winner);
        }
        results[runner].ratio = wn_paired_ratio(standard, best, FINAL_ROUNDS, scratch);
        double median = wn_median(standard, FINAL_ROUNDS); /* sorts */
        if (standard[0] > 0) {
            results[runner].rounds = FINAL_ROUNDS;
            results[runner].median = median;
            results[runner].min = standard[0];
        }
    }
    double ratio = results[runner].ratio;
    if (!(ratio < 1 / WN_RACE_TIE))
        return;
    for (int i = 0; i < field->runners; i++)
        results[i].ratio /= ratio;
    *winner = runner;
}

static wn_status race(race_field *field, uint64_t seed, double budget, wn_candidate *candidates, int count) {
    wn_race_result results[WN_TUNE_MAX_CANDIDATES];
    int winner;
    wn_race options = {.candidates = field->runners,
                       .workspace_bytes = field->workspace_bytes,
                       .budget = budget,
                       .seed = seed,
                       .sample = sample,
                       .now = now,
                       .context = field};
    WN_TRY(wn_race_run(&options, results, &winner));
    meet_the_default(field, results, &winner);
    for (int i = 0; i < field->runners; i++) {
        wn_candidate *candidate = &candidates[field->candidate[i]];
        candidate->min_seconds = results[i].min;
        candidate->median_seconds = results[i].median;
        candidate->ratio = results[i].ratio;
        candidate->rounds = results[i].rounds;
        if (candidate->rounds == 0)
            snprintf(candidate->refusal, sizeof candidate->refusal, "never took a time above zero");
    }
    /* The winner goes in front before the others are sorted: when a tie was settled by the workspace, another
     * may be ahead of it by a hair. */
    wn_candidate first = candidates[field->candidate[winner]];
    candidates[field->candidate[winner]] = candidates[0];
    candidates[0] = first;
    qsort(candidates + 1, (size_t)count - 1, sizeof *candidates, by_ratio);
    return wn_ok();
}

wn_status wn_tune_problem(wn_pool *pool, const wn_problem *problem, wn_isa isa, double budget,
                          wn_candidate *candidates, int room, int *count) {
    *count = 0;
    WN_TRY(wn_problem_check(problem));
    wn_candidate *all = calloc(WN_TUNE_MAX_CANDIDATES, sizeof *all);
    race_field *field = calloc(1, sizeof *field);
    wn_status status = wn_ok();
    if (!all || !field) {
        status = wn_error(WN_ERROR_MEMORY, "tuning: no memory for candidates");
        goto done;
    }
    int found = wn_tune_candidates(problem, isa, wn_pool_threads(pool), true, all, WN_TUNE_MAX_CANDIDATES);
    status = wn_measure_create(pool, problem, &field->measure);
    if (wn_failed(status))
        goto done;
    open_candidates(field, all, found);
    if (field->runners == 0)
        status =
            wn_error(WN_ERROR_UNSUPPORTED, "tuning: no implementation runs this %s problem%s%s",
                     wn_direction_name(problem->direction), found ? ": " : "", found ? all[0].refusal : "");
    else
        status = race(field, 0, budget, all, found);
    if (!wn_failed(status))
        for (*count = 0; *count < found && *count < room; (*count)++)
            candidates[*count] = all[*count];
done:
    if (field)
        wn_measure_destroy(field->measure);
    free(field);
    free(all);
    return status;
}
