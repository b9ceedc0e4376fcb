/* The bodies of the kernels' benchmarks, and the operands they share: those of one problem on one pool at a
 * time, made anew when another's turn comes. */
#include "kernel_benchmarks.h"
#include "google.h"
#include "grow.h"
#include "impl_list.h"
#include "measure.h"
#include "onednn.h"
#include "peak.h"
#include "team_counters.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double peak_slice = 0.02; /* seconds of measuring the peak before and after a benchmark */

typedef struct kernel_benchmark {
    wn_kernel_benchmarks *set;
    wn_conv_plan plan;
    wn_cold cold;
    char refusal[128]; /* not empty: why it does not run */
    int runner;        /* its number in the set's measurement; -1: not added to this one */
    double error;      /* beside sums in f64; negative: not known yet */
} kernel_benchmark;

struct wn_kernel_benchmarks {
    kernel_benchmark **entries;
    int count, room, refused;
    wn_pool *pool;
    wn_team_counters *counters; /* of the pool's threads */
    wn_measure *measure;
    const kernel_benchmark *measured; /* whose operands measure holds */
};

wn_status wn_kernel_benchmarks_create(wn_kernel_benchmarks **set) {
    *set = calloc(1, sizeof **set);
    return *set ? wn_ok() : wn_error(WN_ERROR_MEMORY, "no memory for a set of benchmarks");
}

static void drop_measure(wn_kernel_benchmarks *set) {
    wn_measure_destroy(set->measure);
    set->measure = NULL;
    for (int i = 0; i < set->count; i++)
        set->entries[i]->runner = -1;
}

static void drop_pool(wn_kernel_benchmarks *set) {
    drop_measure(set);
    wn_team_counters_close(set->counters);
    wn_pool_destroy(set->pool);
    set->counters = NULL;
    set->pool = NULL;
}

void wn_kernel_benchmarks_destroy(wn_kernel_benchmarks *set) {
    if (!set)
        return;
    drop_pool(set);
    for (int i = 0; i < set->count; i++)
        free(set->entries[i]);
    free(set->entries);
    free(set);
}

int wn_kernel_benchmarks_count(const wn_kernel_benchmarks *set) {
    return set->count;
}

int wn_kernel_benchmarks_refused(const wn_kernel_benchmarks *set) {
    return set->refused;
}

/* A thread has one pool at a time, so another number of threads replaces it and the operands made for it. */
static wn_status use_pool(wn_kernel_benchmarks *set, int threads) {
    if (set->pool && wn_pool_threads(set->pool) == threads)
        return wn_ok();
    drop_pool(set);
    WN_TRY(wn_pool_create(threads, &set->pool));
    return wn_team_counters_open(set->pool, &set->counters);
}

static bool same_operands(const kernel_benchmark *a, const kernel_benchmark *b) {
    return a->cold == b->cold && wn_problem_equal(&a->plan.problem, &b->plan.problem);
}

/* Operands of the entry's problem, with the entry among their runners, and its error, once. */
static wn_status prepare(kernel_benchmark *entry) {
    wn_kernel_benchmarks *set = entry->set;
    WN_TRY(use_pool(set, entry->plan.threads));
    if (!set->measure || !same_operands(set->measured, entry)) {
        drop_measure(set);
        WN_TRY(wn_measure_create_cold(set->pool, &entry->plan.problem, entry->cold, &set->measure));
        set->measured = entry;
    }
    if (entry->runner < 0)
        WN_TRY(wn_measure_add(set->measure, &entry->plan, &entry->runner));
    double seconds;
    if (entry->error < 0)
        entry->error = wn_measure_error(set->measure, entry->runner, &seconds);
    return wn_ok();
}

/* Names of all counters that a benchmark may have: ours, then perf's. */
enum { OWN_COUNTERS = 6 };
static const char *const own_counters[OWN_COUNTERS] = {"GFLOP/s", "%peak",        "GB/s",
                                                       "FLOP/B",  "workspace_MB", "error"};

void wn_kernel_benchmarks_declare(void) {
    for (int i = 0; i < OWN_COUNTERS; i++)
        wn_google_declare(own_counters[i]);
    for (int i = 0; i < WN_COUNTER_COUNT; i++)
        wn_google_declare(wn_counter_name((wn_counter)i));
}

/* What a run of the kernel cost in events. Threads that a library brings are not counted, so it has none of
 * these but on one thread. */
static void set_events(wn_google_state *state, const kernel_benchmark *entry, const wn_counter_values *passed,
                       double runs) {
    if (entry->plan.external && entry->plan.threads > 1)
        return;
    for (int i = 0; i < WN_COUNTER_COUNT; i++)
        wn_google_counter(state, wn_counter_name((wn_counter)i), passed->value[i] / runs);
}

static void set_counters(wn_google_state *state, const kernel_benchmark *entry, double seconds, double peak) {
    const wn_problem *problem = &entry->plan.problem;
    double flops = wn_problem_flops(problem), bytes = wn_conv_operand_bytes(problem);
    wn_google_counter(state, "GFLOP/s", flops / seconds * 1e-9);
    wn_google_counter(state, "%peak", 100 * flops / seconds / peak);
    wn_google_counter(state, "GB/s", bytes / seconds * 1e-9);
    wn_google_counter(state, "FLOP/B", flops / bytes);
    wn_google_counter(state, "workspace_MB", (double)entry->plan.workspace_bytes * 1e-6);
    wn_google_counter(state, "error", entry->error);
}

static void set_label(wn_google_state *state, const kernel_benchmark *entry) {
    wn_candidate candidate = {.plan = entry->plan};
    char name[200], label[240];
    wn_candidate_name(&candidate, name, sizeof name);
    snprintf(label, sizeof label, "%s%s", name, wn_plan_effective(&entry->plan) ? " (effective)" : "");
    wn_google_label(state, label);
}

static void run(wn_google_state *state, void *context) {
    kernel_benchmark *entry = context;
    wn_status status =
        entry->refusal[0] ? wn_error(WN_ERROR_UNSUPPORTED, "%s", entry->refusal) : prepare(entry);
    if (wn_failed(status)) {
        wn_google_skip(state, status.message);
        return;
    }
    wn_measure *measure = entry->set->measure;
    double seconds = 0, peak = wn_peak_flops(entry->set->pool, entry->plan.isa, peak_slice);
    int runs = 0, repeats;
    wn_counter_values passed;
    wn_measure_run(measure, entry->runner); /* warms up */
    repeats = wn_measure_repeats(measure, entry->runner);
    wn_team_counters_begin(entry->set->counters);
    for (; wn_google_next(state); runs++) {
        double once = wn_measure_run(measure, entry->runner);
        wn_google_iteration(state, once);
        seconds += once;
    }
    wn_team_counters_end(entry->set->counters, &passed);
    peak = fmax(peak, wn_peak_flops(entry->set->pool, entry->plan.isa, peak_slice));
    set_label(state, entry);
    set_counters(state, entry, seconds / runs, peak);
    set_events(state, entry, &passed, (double)runs * repeats);
}

static wn_status append(wn_kernel_benchmarks *set, const wn_candidate *candidate, wn_cold cold) {
    kernel_benchmark **entries = wn_grow(set->entries, set->count, &set->room, sizeof *entries),
                     *entry = NULL;
    if (entries) {
        set->entries = entries;
        entry = calloc(1, sizeof *entry);
    }
    if (!entry)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d benchmarks", set->count + 1);
    *entry = (kernel_benchmark){.set = set, .plan = candidate->plan, .cold = cold, .runner = -1, .error = -1};
    snprintf(entry->refusal, sizeof entry->refusal, "%s", candidate->refusal);
    set->entries[set->count++] = entry;
    return wn_ok();
}

/* Flags of a problem that its descriptor does not show. */
static const char *flags_text(const wn_problem *problem) {
    return problem->plain_src ? "+plain" : "";
}

static wn_status register_candidate(wn_kernel_benchmarks *set, const wn_kernel_options *options,
                                    const wn_problem *problem, const wn_candidate *candidate, bool tuned) {
    char text[400], config[256] = "", name[800];
    WN_TRY(append(set, candidate, options->cold));
    kernel_benchmark *entry = set->entries[set->count - 1];
    entry->plan.problem = *problem; /* a refused plan has none */
    wn_problem_format(problem, text, sizeof text);
    if (options->all_configs && !tuned && !candidate->refusal[0])
        wn_config_format(candidate->plan.impl, &candidate->plan.config, config, sizeof config);
    snprintf(name, sizeof name, "%s%s/%s/%s/%s/threads:%d%s%s%s%s", wn_direction_name(problem->direction),
             flags_text(problem), text, tuned ? "tuned" : candidate->plan.impl->name,
             wn_isa_name(options->isa), options->threads, options->cold == WN_COLD_ALL ? "" : "/cold:",
             options->cold == WN_COLD_ALL ? "" : wn_cold_names[options->cold], config[0] ? "/" : "", config);
    wn_google_add(name, run, entry);
    return wn_ok();
}

static wn_status add_tuned(wn_kernel_benchmarks *set, const wn_kernel_options *options,
                           const wn_problem *problem) {
    wn_candidate pick = {.rounds = 0};
    wn_status status = wn_tune_pick(options->db, problem, options->isa, options->threads, 0, 0, &pick.plan);
    if (wn_failed(status))
        snprintf(pick.refusal, sizeof pick.refusal, "%.127s", status.message);
    return register_candidate(set, options, problem, &pick, true);
}

static wn_status add_candidates(wn_kernel_benchmarks *set, const wn_kernel_options *options,
                                const wn_problem *problem, wn_candidate *candidates) {
    int found = wn_tune_candidates(problem, options->isa, options->threads, options->all_configs, candidates,
                                   WN_TUNE_MAX_CANDIDATES);
    for (int i = 0; i < found; i++) {
        if (!wn_impl_list_holds(options->impls, candidates[i].plan.impl->name))
            continue;
        if (candidates[i].refusal[0] && !options->refused)
            set->refused++;
        else
            WN_TRY(register_candidate(set, options, problem, &candidates[i], false));
    }
    return wn_ok();
}

wn_status wn_kernel_benchmarks_add(wn_kernel_benchmarks *set, const wn_kernel_options *options,
                                   const wn_problem *problem) {
    WN_TRY(wn_impl_list_check("--impl", options->impls, "tuned"));
    wn_candidate *candidates = calloc(WN_TUNE_MAX_CANDIDATES, sizeof *candidates);
    if (!candidates)
        return wn_error(WN_ERROR_MEMORY, "no memory for the candidates of a problem");
    wn_status status = add_candidates(set, options, problem, candidates);
    free(candidates);
    if (!wn_failed(status) && options->db && wn_impl_list_holds(options->impls, "tuned"))
        status = add_tuned(set, options, problem);
    return status;
}
