/* Comparing with a peer: races for the best of either side, then pairs. What is said about the results is in
 * peer_report.c.
 *
 * Both sides have operands of their own, in their own layouts, taken in turn from more memory than the caches
 * hold. Threads of OpenMP keep spinning for some milliseconds after the peer's run, so there is a pause
 * before ours, and one before the peer's, too: who has just slept is preempted later. Where waking threads
 * would show in the time, either side then runs once untimed. Rounds and pairs during which something else
 * had the machine do not count, as long as they are not the most. */
#include "clock.h"
#include "database.h"
#include "disturbance.h"
#include "measure.h"
#include "onednn.h"
#include "peer.h"
#include "race.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const long settle_nanoseconds = 20000000; /* longer than idle OpenMP threads spin */
static const double long_run = 0.02;             /* seconds in which waking threads does not show */

enum { MAX_CANDIDATES = WN_TUNE_MAX_CANDIDATES };

/* The candidates of one side. */
typedef struct side {
    wn_conv_plan plans[MAX_CANDIDATES];
    size_t workspace_bytes[MAX_CANDIDATES];
    int count;
    wn_measure *measure;
} side;

wn_status wn_bench_peer_find(const char *name, const wn_conv_impl **peer) {
    *peer = NULL;
    if (strcmp(name, "self") == 0)
        return wn_ok();
    if (strcmp(name, "onednn") != 0)
        return wn_error(WN_ERROR_USAGE, "--peer: found \"%.60s\", expected onednn or self", name);
    *peer = wn_onednn_native();
    return *peer ? wn_ok() : wn_error(WN_ERROR_UNSUPPORTED, "--peer=%s: this build is without it", name);
}

/* Our own implementations are those without a library behind them. */
static bool is_own(const wn_conv_impl *impl) {
    return !impl->version && !impl->judge;
}

/* Every config of our own, or the database's pick alone where that is one of ours. */
static void list_ours(const wn_bench_peer *bench, const wn_problem *problem, wn_candidate *candidates,
                      side *ours, char *refusal, size_t size) {
    int threads = wn_pool_threads(bench->pool);
    const wn_record *record = bench->db ? wn_tune_db_find(bench->db, problem, bench->isa, threads) : NULL;
    snprintf(refusal, size, "none of our implementations runs it");
    if (record && is_own(record->impl) &&
        !wn_failed(wn_conv_plan_make(record->impl, problem, &record->config, bench->isa, threads, 0, 0,
                                     &ours->plans[0]))) {
        ours->count = 1;
        return;
    }
    int found = wn_tune_candidates(problem, bench->isa, threads, true, candidates, MAX_CANDIDATES);
    for (int i = 0; i < found; i++)
        if (!candidates[i].refusal[0] && is_own(candidates[i].plan.impl))
            ours->plans[ours->count++] = candidates[i].plan;
}

static void list_theirs(const wn_bench_peer *bench, const wn_problem *problem, side *theirs, char *refusal,
                        size_t size) {
    wn_config configs[MAX_CANDIDATES];
    int threads = wn_pool_threads(bench->pool);
    const char *reason = bench->peer->refuse(problem, bench->isa);
    int found = reason ? 0 : bench->peer->configs(problem, bench->isa, threads, configs, MAX_CANDIDATES);
    snprintf(refusal, size, "%s: %s", bench->peer->name, reason ? reason : "nothing that runs it");
    for (int i = 0; i < found; i++)
        if (!wn_failed(wn_conv_plan_make(bench->peer, problem, &configs[i], bench->isa, threads, 0, 0,
                                         &theirs->plans[theirs->count])))
            theirs->count++;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Operands that are large enough for each of the peer's candidates. */
static wn_status create_theirs(const wn_bench_peer *bench, side *theirs) {
    wn_measure_peer largest = {0};
    for (int i = 0; i < theirs->count; i++) {
        wn_onednn_floats floats;
        WN_TRY(wn_onednn_native_floats(&theirs->plans[i], &floats));
        largest.src = larger(largest.src, floats.src);
        largest.weights = larger(largest.weights, floats.weights);
        largest.bias = larger(largest.bias, floats.bias);
        largest.dst = larger(largest.dst, floats.dst);
    }
    return wn_measure_create_peer(bench->pool, &largest, &theirs->measure);
}

/* Makes the candidates ready; those that cannot be opened drop out. Errors: the last refusal, when none is
 * left. */
static wn_status open_candidates(side *runners) {
    wn_status status = wn_ok();
    int opened = 0;
    for (int i = 0; i < runners->count; i++) {
        int index;
        wn_conv_plan plan = runners->plans[i];
        wn_status refused = wn_measure_add(runners->measure, &plan, &index);
        if (wn_failed(refused)) {
            status = refused;
            continue;
        }
        runners->workspace_bytes[opened] = plan.workspace_bytes;
        runners->plans[opened++] = plan;
    }
    runners->count = opened;
    return opened ? wn_ok() : status;
}

/* The side that is racing, and who disturbs it. */
typedef struct watched_side {
    wn_measure *measure;
    wn_disturbance watch;
} watched_side;

static double sample(void *context, int candidate) {
    return wn_measure_run(((watched_side *)context)->measure, candidate);
}

static bool disturbed(void *context) {
    return wn_disturbance_seen(&((watched_side *)context)->watch);
}

static double now(void *context) {
    (void)context;
    return wn_seconds();
}

static wn_status race(const side *runners, double budget, int *winner) {
    wn_race_result results[MAX_CANDIDATES];
    watched_side watched = {.measure = runners->measure};
    wn_race options = {.candidates = runners->count,
                       .workspace_bytes = runners->workspace_bytes,
                       .budget = budget,
                       .field = runners->count, /* no model has ranked them */
                       .sample = sample,
                       .now = now,
                       .disturbed = disturbed,
                       .context = &watched};
    wn_race_report report = {.winner = 0};
    wn_disturbance_open(&watched.watch);
    wn_status status = runners->count > 1 ? wn_race_run(&options, results, &report) : wn_ok();
    wn_disturbance_close(&watched.watch);
    *winner = report.winner;
    return status;
}

/* A run after a pause, whose threads are awake. */
static double timed(wn_measure *measure, int index, bool is_long) {
    const struct timespec settle = {.tv_nsec = settle_nanoseconds};
    nanosleep(&settle, NULL);
    if (!is_long)
        wn_measure_run(measure, index);
    return wn_measure_run(measure, index);
}

/* Writes the times of both, one pair after the other; who begins takes turns. At most as many pairs are
 * thrown out as count. */
static void run_pairs(const side *ours, int our_best, const side *theirs, int their_best, int pairs,
                      double *our_times, double *their_times) {
    bool we_are_long = wn_measure_run(ours->measure, our_best) > long_run;
    bool they_are_long = wn_measure_run(theirs->measure, their_best) > long_run;
    int thrown = 0;
    wn_disturbance watch;
    wn_disturbance_open(&watch);
    for (int i = 0; i < pairs; i++) {
        wn_disturbance_seen(&watch);
        if (i % 2 == 0)
            our_times[i] = timed(ours->measure, our_best, we_are_long);
        their_times[i] = timed(theirs->measure, their_best, they_are_long);
        if (i % 2 == 1)
            our_times[i] = timed(ours->measure, our_best, we_are_long);
        if (wn_disturbance_seen(&watch) && thrown < pairs) {
            thrown++;
            i--;
        }
    }
    wn_disturbance_close(&watch);
}

void wn_peer_judge(double *our_times, double *their_times, double *ratios, int pairs,
                   wn_peer_result *result) {
    wn_ratio ratio = wn_paired_ratios(their_times, our_times, pairs, ratios);
    result->p = wn_sign_test(ratio.above, ratio.below);
    result->ratio = ratio.median;
    result->low = ratio.low;
    result->high = ratio.high;
    result->our_seconds = wn_median(our_times, pairs);
    result->their_seconds = wn_median(their_times, pairs);
    result->our_min_seconds = our_times[0];
    result->their_min_seconds = their_times[0];
    result->pairs = pairs;
}

bool wn_peer_same(const wn_peer_result *result) {
    static const double significance = 0.01;
    return !(result->p <= significance);
}

static wn_status compare(const wn_bench_peer *bench, const side *ours, int our_best, const side *theirs,
                         int their_best, wn_peer_result *result) {
    int pairs = bench->pairs;
    double *times = calloc(3 * (size_t)pairs, sizeof *times);
    if (!times)
        return wn_error(WN_ERROR_MEMORY, "no memory for %d pairs", pairs);
    double *our_times = times, *their_times = times + pairs, *ratios = their_times + pairs;
    run_pairs(ours, our_best, theirs, their_best, pairs, our_times, their_times);
    wn_peer_judge(our_times, their_times, ratios, pairs, result);
    free(times);
    return wn_ok();
}

/* The peer's best, ready to run. */
static wn_status find_theirs(const wn_bench_peer *bench, side *theirs, int *best) {
    WN_TRY(create_theirs(bench, theirs));
    WN_TRY(open_candidates(theirs));
    for (int i = 0; i < theirs->count; i++)
        wn_measure_visit(theirs->measure, i, wn_onednn_native_place);
    return race(theirs, bench->budget / 2, best);
}

/* Our best once more, with operands of its own. */
static wn_status copy_ours(const wn_bench_peer *bench, const side *ours, int our_best, side *theirs) {
    theirs->plans[0] = ours->plans[our_best];
    theirs->count = 1;
    WN_TRY(wn_measure_create(bench->pool, &theirs->plans[0].problem, &theirs->measure));
    return open_candidates(theirs);
}

/* Everything once both sides have candidates. */
static wn_status meet(const wn_bench_peer *bench, side *ours, side *theirs, wn_peer_result *result) {
    int our_best, their_best = 0;
    WN_TRY(wn_measure_create(bench->pool, &result->problem, &ours->measure));
    WN_TRY(open_candidates(ours));
    WN_TRY(race(ours, bench->budget / 2, &our_best));
    WN_TRY(bench->peer ? find_theirs(bench, theirs, &their_best) : copy_ours(bench, ours, our_best, theirs));
    result->ours = ours->plans[our_best];
    result->theirs = theirs->plans[their_best];
    return compare(bench, ours, our_best, theirs, their_best, result);
}

wn_status wn_bench_peer_run(const wn_bench_peer *bench, const wn_problem *problem, wn_peer_result *result) {
    *result = (wn_peer_result){.problem = *problem, .ratio = (double)NAN};
    WN_TRY(wn_problem_check(problem));
    wn_candidate *candidates = calloc(MAX_CANDIDATES, sizeof *candidates);
    side *sides = calloc(2, sizeof *sides);
    wn_status status = wn_ok();
    if (!candidates || !sides) {
        status = wn_error(WN_ERROR_MEMORY, "no memory for the candidates of a problem");
        goto done;
    }
    list_ours(bench, problem, candidates, &sides[0], result->refusal, sizeof result->refusal);
    if (sides[0].count == 0)
        goto done;
    if (bench->peer)
        list_theirs(bench, problem, &sides[1], result->refusal, sizeof result->refusal);
    if (bench->peer && sides[1].count == 0)
        goto done;
    result->refusal[0] = '\0';
    status = meet(bench, &sides[0], &sides[1], result);
    if (status.code == WN_ERROR_UNSUPPORTED) {
        snprintf(result->refusal, sizeof result->refusal, "%.*s", (int)sizeof result->refusal - 1,
                 status.message);
        status = wn_ok();
    }
done:
    for (int i = 0; sides && i < 2; i++)
        wn_measure_destroy(sides[i].measure);
    free(sides);
    free(candidates);
    return status;
}
