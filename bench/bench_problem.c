/* Timing the implementations of one problem in turns, paired round by round. */
#include "bench.h"
#include "impl_list.h"
#include "measure.h"
#include "onednn.h"
#include "peak.h"
#include "perf_template.h"
#include "race.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double peak_slice = 0.02; /* seconds of measuring the peak before and after each round */

typedef struct table {
    const wn_bench_problem *bench;
    const wn_problem *problem;
    double flops;
    wn_candidate *candidates;
    int count;
    int *runner;            /* [candidate] number in the measurement, -1 when refused */
    double *seconds;        /* [candidate][repetition] */
    double *percent;        /* [candidate] */
    double *peak, *scratch; /* [repetition] */
    int *order;
} table;

static wn_status allocate(table *t) {
    size_t room = WN_TUNE_MAX_CANDIDATES, repetitions = (size_t)t->bench->repetitions;
    t->candidates = calloc(room, sizeof *t->candidates);
    t->runner = calloc(room, sizeof *t->runner);
    t->seconds = calloc(room * repetitions, sizeof *t->seconds);
    t->percent = calloc(room, sizeof *t->percent);
    t->peak = calloc(repetitions, sizeof *t->peak);
    t->scratch = calloc(repetitions, sizeof *t->scratch);
    t->order = calloc(room, sizeof *t->order);
    if (!t->candidates || !t->runner || !t->seconds || !t->percent || !t->peak || !t->scratch || !t->order)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d repetitions", t->bench->repetitions);
    return wn_ok();
}

static void release(table *t) {
    free(t->candidates);
    free(t->runner);
    free(t->seconds);
    free(t->percent);
    free(t->peak);
    free(t->scratch);
    free(t->order);
}

/* Lists the wanted candidates and makes them ready; returns how many can be timed. */
static int prepare(table *t, wn_measure *measure) {
    const wn_bench_problem *bench = t->bench;
    int found = wn_tune_candidates(t->problem, bench->isa, wn_pool_threads(bench->pool), bench->all_configs,
                                   t->candidates, WN_TUNE_MAX_CANDIDATES);
    int ready = 0;
    for (int i = 0; i < found; i++)
        if (wn_impl_list_holds(bench->impls, t->candidates[i].plan.impl->name))
            t->candidates[t->count++] = t->candidates[i];
    for (int i = 0; i < t->count; i++) {
        wn_candidate *candidate = &t->candidates[i];
        t->runner[i] = -1;
        if (candidate->refusal[0])
            continue;
        wn_status status = wn_measure_add(measure, &candidate->plan, &t->runner[i]);
        if (wn_failed(status))
            snprintf(candidate->refusal, sizeof candidate->refusal, "%.*s",
                     (int)sizeof candidate->refusal - 1, status.message);
        else
            ready++;
    }
    return ready;
}

static double *times_of(const table *t, int candidate) {
    return t->seconds + (size_t)candidate * (size_t)t->bench->repetitions;
}

static void measure_rounds(table *t, wn_measure *measure) {
    for (int i = 0; i < t->count; i++)
        if (t->runner[i] >= 0)
            wn_measure_run(measure, t->runner[i]); /* warm-up */
    double before = wn_peak_flops(t->bench->pool, t->bench->isa, peak_slice);
    for (int round = 0; round < t->bench->repetitions; round++) {
        wn_race_shuffle(0, round, t->order, t->count);
        for (int i = 0; i < t->count; i++) {
            int candidate = t->order[i];
            if (t->runner[candidate] >= 0)
                times_of(t, candidate)[round] = wn_measure_run(measure, t->runner[candidate]);
        }
        double after = wn_peak_flops(t->bench->pool, t->bench->isa, peak_slice);
        t->peak[round] = fmax(before, after);
        before = after;
    }
}

/* Medians and shares of the peak, then ratios to the fastest, and the order of the report: by ratio, refused
 * ones last. */
static void summarise(table *t) {
    int repetitions = t->bench->repetitions;
    bool timed[WN_TUNE_MAX_CANDIDATES] = {false};
    for (int i = 0; i < t->count; i++) {
        wn_candidate *candidate = &t->candidates[i];
        t->order[i] = i;
        timed[i] = t->runner[i] >= 0;
        if (!timed[i])
            continue;
        for (int r = 0; r < repetitions; r++)
            t->scratch[r] = 100 * t->flops / times_of(t, i)[r] / t->peak[r];
        t->percent[i] = wn_median(t->scratch, repetitions);
        memcpy(t->scratch, times_of(t, i), (size_t)repetitions * sizeof(double));
        candidate->median_seconds = wn_median(t->scratch, repetitions);
        candidate->min_seconds = t->scratch[0];
        candidate->rounds = repetitions;
    }
    int best = wn_paired_best(t->seconds, repetitions, repetitions, t->count, timed, t->scratch);
    for (int i = 0; i < t->count; i++)
        t->candidates[i].ratio =
            !timed[i] ? (double)INFINITY
                      : wn_paired_ratios(times_of(t, i), times_of(t, best), repetitions, t->scratch).median;
    for (int i = 1; i < t->count; i++) /* insertion sort: few entries, and ties keep the registry's order */
        for (int j = i; j > 0; j--) {
            int left = t->order[j - 1], right = t->order[j];
            if (t->candidates[left].ratio <= t->candidates[right].ratio)
                break;
            t->order[j - 1] = right;
            t->order[j] = left;
        }
}

/* The config in words; empty for an implementation that was refused before it had one. */
static void config_text(const wn_candidate *candidate, char *text, size_t size) {
    static const wn_config none;
    text[0] = '\0';
    if (!candidate->refusal[0] || memcmp(&candidate->plan.config, &none, sizeof none) != 0)
        wn_config_format(candidate->plan.impl, &candidate->plan.config, text, size);
}

static void write_row(const table *t, int i, double peak, wn_csv *csv) {
    const wn_candidate *candidate = &t->candidates[i];
    wn_problem unnamed = *t->problem;
    unnamed.name[0] = '\0';
    char flags[64], problem[320], config[256], library[64] = "";
    if (!candidate->refusal[0])
        wn_onednn_name(&candidate->plan, library, sizeof library);
    wn_problem_flags_text(t->problem, '+', flags, sizeof flags);
    wn_problem_format(&unnamed, problem, sizeof problem);
    config_text(candidate, config, sizeof config);
    bool timed = candidate->rounds > 0;
    wn_csv_text(csv, t->bench->fingerprint);
    wn_csv_text(csv, wn_isa_name(t->bench->isa));
    wn_csv_number(csv, wn_pool_threads(t->bench->pool));
    wn_csv_text(csv, wn_direction_name(t->problem->direction));
    wn_csv_text(csv, flags);
    wn_csv_text(csv, problem);
    wn_csv_text(csv, t->problem->name);
    wn_csv_text(csv, candidate->plan.impl->name);
    wn_csv_text(csv, config);
    wn_csv_text(csv, library);
    wn_csv_number(csv, t->flops);
    wn_csv_number(csv, wn_plan_effective(&candidate->plan));
    wn_csv_number(csv, timed ? candidate->min_seconds : (double)NAN);
    wn_csv_number(csv, timed ? candidate->median_seconds : (double)NAN);
    wn_csv_number(csv, timed ? t->flops / candidate->median_seconds * 1e-9 : (double)NAN);
    wn_csv_number(csv, timed ? t->percent[i] : (double)NAN);
    wn_csv_number(csv, peak * 1e-9);
    wn_csv_number(csv, candidate->ratio);
    wn_csv_number(csv, timed ? (double)candidate->plan.workspace_bytes : (double)NAN);
    wn_csv_number(csv, candidate->rounds);
    wn_csv_text(csv, candidate->refusal);
    wn_csv_end_row(csv);
}

static void print_row(const table *t, int i, FILE *out) {
    const wn_candidate *candidate = &t->candidates[i];
    char label[300];
    wn_candidate_name(candidate, label, sizeof label);
    if (candidate->rounds > 0)
        fprintf(out, "  %-58s %10.3f %10.3f %9.1f%c %6.1f %7.3f %12.2f\n", label,
                candidate->min_seconds * 1e3, candidate->median_seconds * 1e3,
                t->flops / candidate->median_seconds * 1e-9, wn_plan_effective(&candidate->plan) ? 'e' : ' ',
                t->percent[i], candidate->ratio, (double)candidate->plan.workspace_bytes * 1e-6);
    else
        fprintf(out, "  %-58s refused: %s\n", label, candidate->refusal);
}

/* Lines of the template for all that was timed. */
static void print_perf(const table *t, FILE *out) {
    for (int i = 0; i < t->count; i++) {
        const wn_candidate *candidate = &t->candidates[t->order[i]];
        if (candidate->rounds > 0)
            wn_perf_template_print(
                t->bench->perf_template,
                &(wn_perf_line){t->problem, candidate, times_of(t, t->order[i]), candidate->rounds}, out);
    }
}

static void print_table(const table *t, double peak, FILE *out) {
    char problem[400];
    bool effective = false;
    wn_problem_format(t->problem, problem, sizeof problem);
    fprintf(out, "\n%s %s\n%s, %d threads, %.3f GFLOP, peak of the FMA loop beside it %.1f GFLOP/s\n",
            wn_direction_name(t->problem->direction), problem, wn_isa_name(t->bench->isa),
            wn_pool_threads(t->bench->pool), t->flops * 1e-9, peak * 1e-9);
    fprintf(out, "  %-58s %10s %10s %9s  %6s %7s %12s\n", "implementation", "min ms", "median ms", "GFLOP/s",
            "% peak", "to best", "workspace MB");
    for (int i = 0; i < t->count; i++) {
        print_row(t, t->order[i], out);
        effective |= t->candidates[i].rounds > 0 && wn_plan_effective(&t->candidates[i].plan);
    }
    if (effective)
        fputs(WN_BENCH_EFFECTIVE_NOTE, out);
}

static void report(table *t, FILE *out, wn_csv *csv) {
    memcpy(t->scratch, t->peak, (size_t)t->bench->repetitions * sizeof(double));
    double peak = wn_median(t->scratch, t->bench->repetitions);
    if (t->bench->perf_template)
        print_perf(t, out);
    else
        print_table(t, peak, out);
    for (int i = 0; i < t->count && csv; i++)
        write_row(t, t->order[i], peak, csv);
}

wn_status wn_bench_problem_run(const wn_bench_problem *bench, const wn_problem *problem, FILE *out,
                               wn_csv *csv) {
    table t = {.bench = bench, .problem = problem, .flops = wn_problem_flops(problem)};
    wn_measure *measure = NULL;
    wn_status status = allocate(&t);
    if (wn_failed(status))
        goto done;
    status = wn_measure_create(bench->pool, problem, &measure);
    if (wn_failed(status))
        goto done;
    if (prepare(&t, measure) == 0) {
        status = wn_error(WN_ERROR_UNSUPPORTED, "no implementation runs this %s problem: %s",
                          wn_direction_name(problem->direction),
                          t.count ? t.candidates[0].refusal : "none was asked for");
        goto done;
    }
    measure_rounds(&t, measure);
    summarise(&t);
    report(&t, out, csv);
done:
    wn_measure_destroy(measure);
    release(&t);
    return status;
}
