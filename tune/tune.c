/* Tuning one problem: its candidates listed, filtered and ranked, raced, and put in order. */
#include "tune.h"
#include "clock.h"
#include "disturbance.h"
#include "impl_list.h"
#include "race.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAST_RUNNERS = 6,  /* whatever the budget says */
    QUICK_RUNNERS = 24, /* at most, with EFFORT_QUICK */
    RUNS_RECKONED = 4,  /* of each candidate: one to warm up, and three rounds */
};
/* Of each candidate beside its runs, for opening it and looking at its results. */
static const double opening_seconds = 2e-3;
/* Of the budget, for candidates that are one of many of their kind; the rest tells the best of them apart. */
static const double first_look_share = 0.4;
/* Behind the model's best by more than this: only the first of an implementation runs. */
static const double out_of_sight[WN_EFFORT_COUNT] = {[WN_EFFORT_QUICK] = 1.6, [WN_EFFORT_FULL] = 3};
/* The same for the first of an implementation: the model is not wrong by more. */
static const double impossible[WN_EFFORT_COUNT] = {[WN_EFFORT_QUICK] = 4, [WN_EFFORT_FULL] = 8};

static const double same_estimate = 1.05;

/* Of the budget, for opening candidates. */
static const double opening_share = 0.25;
static const char budget_spent[] = "not raced: the budget was spent";
/* Over the budget by this much, rounds that are thrown out count, too. */
static const double overtime = 1.3;
/* Seconds of rounds that are judged together, so that somebody who takes a CPU for a moment is noticed, and
 * the most of the budget that these may be. */
static const double stretch_seconds = 20e-3, stretch_share = 0.08;

const char *const wn_effort_names[] = {"off", "heuristic", "quick", "full", NULL};

/* The candidates that could be opened, as the race numbers them. */
typedef struct race_field {
    const wn_tune_options *options;
    wn_measure *measure;
    double begin, opening; /* when the work on the problem began, and when its operands were there */
    wn_disturbance watch;
    wn_candidate *candidates;
    int runners, standard; /* standard: the default, -1 when it is not among them */
    int candidate[WN_TUNE_MAX_CANDIDATES];
    size_t workspace_bytes[WN_TUNE_MAX_CANDIDATES];
} race_field;

__attribute__((format(printf, 2, 3))) static void refuse(wn_candidate *candidate, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(candidate->refusal, sizeof candidate->refusal, format, arguments);
    va_end(arguments);
}

static double max_error(const wn_tune_options *options) {
    return options->max_error > 0 ? options->max_error : WN_TUNE_MAX_ERROR;
}

/* The first run of a candidate shows whether its results are right; one whose are not never runs again. */
static double sample(void *context, int runner) {
    race_field *field = context;
    wn_candidate *candidate = &field->candidates[field->candidate[runner]];
    double seconds, most = max_error(field->options);
    if (candidate->refusal[0])
        return 0;
    if (!isnan(candidate->error))
        return wn_measure_run(field->measure, runner);
    candidate->error = wn_measure_error(field->measure, runner, &seconds);
    if (candidate->error <= most)
        return seconds;
    refuse(candidate, "error %.1e, at most %.1e is wanted", candidate->error, most);
    return 0;
}

static double now(void *context) {
    (void)context;
    return wn_seconds();
}

static bool disturbed(void *context) {
    return wn_disturbance_seen(&((race_field *)context)->watch);
}

/* Whether an implementation that is to be used alone can run the problem at all. */
static bool can_force(const wn_tune_options *options, const wn_candidate *candidates, int count) {
    for (int i = 0; i < count && options->force; i++)
        if (!candidates[i].refusal[0] && strcmp(candidates[i].plan.impl->name, options->force) == 0)
            return true;
    return false;
}

/* Refuses what the options exclude; the others get the model's estimate. */
static void filter(const wn_tune_options *options, wn_candidate *candidates, int count) {
    bool forced = can_force(options, candidates, count);
    wn_peaks typical = wn_peaks_typical(wn_pool_threads(options->pool));
    for (int i = 0; i < count; i++) {
        wn_candidate *candidate = &candidates[i];
        const char *name = candidate->plan.impl->name;
        candidate->estimate = candidate->error = (double)NAN;
        candidate->effort = options->effort;
        if (candidate->refusal[0])
            continue;
        if (candidate->plan.impl->yardstick)
            refuse(candidate, "a yardstick, which bench times");
        else if (options->skip && wn_impl_list_holds(options->skip, name))
            refuse(candidate, "to be skipped");
        else if (forced && strcmp(name, options->force) != 0)
            refuse(candidate, "only %.40s is wanted", options->force);
        else if (options->workspace_limit && candidate->plan.workspace_bytes > options->workspace_limit)
            refuse(candidate, "workspace of %zu bytes, at most %zu are wanted",
                   candidate->plan.workspace_bytes, options->workspace_limit);
        else
            candidate->estimate =
                wn_model_estimate(options->peaks ? options->peaks : &typical, &candidate->plan);
    }
}

/* Equal ones keep the registry's order, and within an implementation that of its configs, the first of which
 * is its own default. */
static int by_value(double p, const wn_candidate *x, double q, const wn_candidate *y) {
    return p != q ? (p > q) - (p < q) : (x->number > y->number) - (x->number < y->number);
}

/* By the model's estimate, refused ones last. */
static int by_estimate(const void *a, const void *b) {
    const wn_candidate *x = a, *y = b;
    double p = x->refusal[0] ? INFINITY : x->estimate, q = y->refusal[0] ? INFINITY : y->estimate;
    return by_value(p, x, q, y);
}

/* Configs to which the model gives the same time differ in what it knows nothing of: the first stands for
 * all. */
static bool first_of_its_kind(const wn_candidate *candidates, int index) {
    const wn_candidate *mine = &candidates[index];
    for (int i = 0; i < index; i++)
        if (!candidates[i].refusal[0] && candidates[i].plan.impl == mine->plan.impl &&
            candidates[i].estimate * same_estimate > mine->estimate)
            return false;
    return true;
}

/* Whether nothing of the same implementation stands before it. */
static bool first_of_its_implementation(const wn_candidate *candidates, int index) {
    for (int i = 0; i < index; i++)
        if (!candidates[i].refusal[0] && candidates[i].plan.impl == candidates[index].plan.impl)
            return false;
    return true;
}

/* Leaves in the race what the model puts in front and the first of every kind, as many as the budget has time
 * for. The candidates are sorted by estimate. */
static void shortlist(const wn_tune_options *options, wn_candidate *candidates, int count) {
    double spent = 0;
    int runners = 0;
    bool out[WN_TUNE_MAX_CANDIDATES] = {false};
    for (int i = 0; i < count && !candidates[i].refusal[0]; i++) {
        double behind = candidates[i].estimate / candidates[0].estimate;
        bool first = first_of_its_kind(candidates, i);
        bool affordable =
            runners < LEAST_RUNNERS || (spent < options->budget * first_look_share &&
                                        (options->effort == WN_EFFORT_FULL || runners < QUICK_RUNNERS));
        bool alone = first_of_its_implementation(candidates, i);
        out[i] = behind > (alone ? impossible : out_of_sight)[options->effort] || (!first && !affordable);
        if (out[i])
            continue;
        runners++;
        spent += opening_seconds + RUNS_RECKONED * candidates[i].estimate;
    }
    for (int i = 0; i < count; i++)
        if (out[i])
            refuse(&candidates[i], "not raced: behind others by the model (%.2f times the first)",
                   candidates[i].estimate / candidates[0].estimate);
}

static double seconds_left(const race_field *field) {
    return field->options->budget - (wn_seconds() - field->begin);
}

/* Opens a candidate; one that cannot be opened is refused with the reason. */
static void open_candidate(race_field *field, int index) {
    wn_candidate *candidate = &field->candidates[index];
    const wn_conv_plan *plan = &candidate->plan;
    wn_conv_plan standard;
    int runner;
    if (field->runners >= LEAST_RUNNERS &&
        wn_seconds() - field->opening > field->options->budget * opening_share + field->options->patience) {
        refuse(candidate, "%s", budget_spent);
        return;
    }
    wn_status status = wn_measure_add(field->measure, plan, &runner);
    if (wn_failed(status)) {
        refuse(candidate, "%.*s", (int)sizeof candidate->refusal - 1, status.message);
        return;
    }
    field->candidate[runner] = index;
    field->workspace_bytes[runner] = plan->workspace_bytes;
    field->runners = runner + 1;
    if (!wn_failed(wn_tune_pick(NULL, &plan->problem, plan->isa, plan->threads, 0, 0, &standard)) &&
        wn_plan_chooses(plan, standard.impl, &standard.config))
        field->standard = runner;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Opens every candidate that was not refused: the best of each implementation, then the others, so that
 * whatever the budget leaves out is no implementation as a whole. */
static void open_candidates(race_field *field, int count) {
    bool first[WN_TUNE_MAX_CANDIDATES];
    size_t workspace = 0, prepared = 0;
    field->standard = -1;
    for (int i = 0; i < count; i++) {
        const wn_candidate *candidate = &field->candidates[i];
        first[i] = first_of_its_implementation(field->candidates, i);
        if (candidate->refusal[0])
            continue;
        workspace = larger(workspace, candidate->plan.workspace_bytes);
        prepared = larger(prepared, candidate->plan.prepared_bytes);
    }
    /* Without memory for the largest, everyone tries for itself. */
    (void)wn_measure_reserve(field->measure, workspace, prepared);
    for (int others = 0; others < 2; others++)
        for (int i = 0; i < count; i++)
            if (first[i] != (others == 1) && !field->candidates[i].refusal[0])
                open_candidate(field, i);
}

/* Timed before refused, then by time relative to the winner (whose ratio is exactly 1). */
static int by_ratio(const void *a, const void *b) {
    const wn_candidate *x = a, *y = b;
    double p = x->rounds && x->ratio > 0 ? x->ratio : INFINITY;
    double q = y->rounds && y->ratio > 0 ? y->ratio : INFINITY;
    return by_value(p, x, q, y);
}

static void record_result(wn_candidate *candidate, const wn_race_result *result, double best_warm_up) {
    candidate->min_seconds = result->min;
    candidate->median_seconds = result->median;
    candidate->ratio = result->ratio;
    candidate->low = result->low;
    candidate->high = result->high;
    candidate->rounds = candidate->refusal[0] ? 0 : result->rounds;
    if (candidate->rounds > 0 || candidate->refusal[0])
        return;
    if (isnan(candidate->error))
        refuse(candidate, "%s", budget_spent);
    else if (result->warm_up > 0)
        refuse(candidate, "not timed: %.2f times the fastest when warming up, and the budget was spent",
               result->warm_up / best_warm_up);
    else
        refuse(candidate, "never took a time above zero");
}

static wn_status race(race_field *field, int count, wn_tune_report *report) {
    wn_race_result results[WN_TUNE_MAX_CANDIDATES];
    wn_race_report found;
    /* What a burst took from the time before is made up for, where there is time to wait. */
    double rest = seconds_left(field), left = fmax(0, rest);
    double patience = fmax(0, field->options->patience + fmin(0, rest));
    double budget = fmax(left, fmin(left + patience, field->options->budget * (1 - opening_share)));
    wn_race options = {.candidates = field->runners,
                       .workspace_bytes = field->workspace_bytes,
                       .budget = budget,
                       .limit = budget * overtime + patience - (budget - left),
                       .stretch = fmin(stretch_seconds, budget * stretch_share),
                       .sample = sample,
                       .now = now,
                       .disturbed = disturbed,
                       .stop = field->options->stop,
                       .context = field};
    WN_TRY(wn_race_run(&options, results, &found));
    *report = (wn_tune_report){field->runners - found.left_out, found.rounds, found.thrown, found.noise};
    wn_race_rematch(&options, results, field->standard, &found.winner);
    double best_warm_up = INFINITY;
    for (int i = 0; i < field->runners; i++)
        if (results[i].warm_up > 0)
            best_warm_up = fmin(best_warm_up, results[i].warm_up);
    for (int i = 0; i < field->runners; i++)
        record_result(&field->candidates[field->candidate[i]], &results[i], best_warm_up);
    /* The winner goes in front before the others are sorted: when a tie was settled by the workspace, another
     * may be ahead of it by a hair. */
    wn_candidate *all = field->candidates, first = all[field->candidate[found.winner]];
    all[field->candidate[found.winner]] = all[0];
    all[0] = first;
    qsort(all + 1, (size_t)count - 1, sizeof *all, by_ratio);
    return wn_ok();
}

static bool dominates(const wn_candidate *a, const wn_candidate *b) {
    size_t mine = a->plan.workspace_bytes, others = b->plan.workspace_bytes;
    return a->ratio <= b->ratio && a->error <= b->error && mine <= others &&
           (a->ratio < b->ratio || a->error < b->error || mine < others);
}

static void mark_pareto_front(wn_candidate *candidates, int count) {
    for (int i = 0; i < count; i++) {
        candidates[i].pareto = candidates[i].rounds > 0;
        for (int j = 0; j < count && candidates[i].pareto; j++)
            candidates[i].pareto = candidates[j].rounds == 0 || !dominates(&candidates[j], &candidates[i]);
    }
}

static wn_status measure_and_race(const wn_tune_options *options, const wn_problem *problem,
                                  wn_candidate *candidates, int count, double begin, wn_tune_report *report) {
    race_field *field = calloc(1, sizeof *field);
    if (!field)
        return wn_error(WN_ERROR_MEMORY, "tuning: no memory for a race");
    field->options = options;
    field->candidates = candidates;
    field->begin = begin;
    wn_disturbance_open(&field->watch);
    wn_status status = wn_measure_create_cold(options->pool, problem, options->cold, &field->measure);
    field->opening = wn_seconds();
    if (!wn_failed(status))
        open_candidates(field, count);
    if (!wn_failed(status) && field->runners > 0)
        status = race(field, count, report);
    else if (!wn_failed(status))
        status = wn_error(WN_ERROR_UNSUPPORTED, "tuning: no implementation runs this %s problem: %s",
                          wn_direction_name(problem->direction), candidates[0].refusal);
    mark_pareto_front(candidates, count);
    wn_measure_destroy(field->measure);
    wn_disturbance_close(&field->watch);
    free(field);
    return status;
}

/* The reason to give when nothing is left: one that could have run but for the options, else the first. */
static const char *telling_refusal(const wn_candidate *candidates, int count) {
    for (int i = 0; i < count; i++)
        if (candidates[i].plan.phases > 0 && !candidates[i].plan.impl->yardstick)
            return candidates[i].refusal;
    return count ? candidates[0].refusal : "";
}

/* What runs without a database comes before what the model prefers, where the options leave it. */
static void put_default_first(wn_candidate *candidates, int count) {
    wn_conv_plan standard;
    const wn_conv_plan *any = &candidates[0].plan;
    if (count == 0 || wn_failed(wn_tune_pick(NULL, &any->problem, any->isa, any->threads, 0, 0, &standard)))
        return;
    for (int i = 0; i < count; i++)
        if (!candidates[i].refusal[0] &&
            wn_plan_chooses(&candidates[i].plan, standard.impl, &standard.config)) {
            wn_candidate chosen = candidates[i];
            memmove(&candidates[1], candidates, (size_t)i * sizeof *candidates);
            candidates[0] = chosen;
            return;
        }
}

wn_status wn_tune_problem(const wn_tune_options *options, const wn_problem *problem, wn_candidate *candidates,
                          int room, int *count, wn_tune_report *report) {
    wn_tune_report own;
    report = report ? report : &own;
    *report = (wn_tune_report){.noise = (double)NAN};
    *count = 0;
    const double begin = wn_seconds();
    WN_TRY(wn_problem_check(problem));
    wn_candidate *all = calloc(WN_TUNE_MAX_CANDIDATES, sizeof *all);
    if (!all)
        return wn_error(WN_ERROR_MEMORY, "tuning: no memory for candidates");
    int found = wn_tune_candidates(problem, options->isa, wn_pool_threads(options->pool), true, all,
                                   WN_TUNE_MAX_CANDIDATES);
    filter(options, all, found);
    wn_status status = wn_ok();
    qsort(all, (size_t)found, sizeof *all, by_estimate);
    if (options->effort == WN_EFFORT_OFF)
        put_default_first(all, found);
    if (found == 0 || all[0].refusal[0]) {
        status =
            wn_error(WN_ERROR_UNSUPPORTED, "tuning: no implementation runs this %s problem%s%s",
                     wn_direction_name(problem->direction), found ? ": " : "", telling_refusal(all, found));
    } else if (options->effort >= WN_EFFORT_QUICK) {
        shortlist(options, all, found);
        status = measure_and_race(options, problem, all, found, begin, report);
    }
    for (; !wn_failed(status) && *count < found && *count < room; (*count)++)
        candidates[*count] = all[*count];
    free(all);
    return status;
}
