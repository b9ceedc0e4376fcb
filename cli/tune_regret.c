/* Long races of all candidates. They are for reports on the tuner, not for tuning. */
#include "tune_regret.h"
#include "database.h"
#include "disturbance.h"
#include "race.h"
#include "statistics.h"
#include "tune_report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROUNDS = 70, OURS = 2, CHOSEN = OURS + WN_TUNE_SIDES };

/* After so many rounds, those behind the best by more are out, unless somebody picked them. */
static const struct {
    int rounds;
    double in_sight;
} heats[] = {{1, 3}, {3, 1.4}, {6, 1.12}};
enum { HEATS = sizeof heats / sizeof heats[0] };

static const double as_good = 1.03;

typedef struct long_race {
    const wn_regret_job *job;
    wn_measure *measure;
    wn_candidate *candidates;
    int runner[WN_TUNE_MAX_CANDIDATES]; /* in the measurement; -1: refused */
    bool running[WN_TUNE_MAX_CANDIDATES];
    double times[WN_TUNE_MAX_CANDIDATES][MOST_ROUNDS];
    int count, rounds, thrown;
    wn_disturbance watch;
    int chosen[CHOSEN]; /* candidates: the pick, the model's choice, the others' picks; -1: none */
} long_race;

static int choices(const long_race *r) {
    return OURS + r->job->others->count;
}

static const char *choice_name(const wn_regret_job *job, int choice) {
    return choice == 0 ? "pick" : choice == 1 ? "model" : wn_tune_side_name(job->others, choice - OURS);
}

/* Rounds in which somebody else had the machine are made again, at most as many as count in the end. */
static void run_until(long_race *r, int rounds) {
    int order[WN_TUNE_MAX_CANDIDATES];
    while (r->rounds < rounds) {
        wn_race_shuffle(1, r->rounds + r->thrown, order, r->count);
        wn_disturbance_seen(&r->watch);
        for (int i = 0; i < r->count; i++)
            if (r->running[order[i]])
                r->times[order[i]][r->rounds] = wn_measure_run(r->measure, r->runner[order[i]]);
        if (wn_disturbance_seen(&r->watch) && r->thrown < rounds)
            r->thrown++;
        else
            r->rounds++;
    }
}

static int best_of(const long_race *r) {
    double scratch[MOST_ROUNDS];
    return wn_paired_best(&r->times[0][0], MOST_ROUNDS, r->rounds, r->count, r->running, scratch);
}

static wn_ratio ratio_to(const long_race *r, int candidate, int best) {
    double scratch[MOST_ROUNDS];
    return wn_paired_ratios(r->times[candidate], r->times[best], r->rounds, scratch);
}

static int index_of(const long_race *r, const wn_conv_impl *impl, const wn_config *config) {
    for (int i = 0; i < r->count; i++)
        if (wn_plan_chooses(&r->candidates[i].plan, impl, config))
            return i;
    return -1;
}

/* The model's first choice among those that can run. */
static int modelled(const long_race *r) {
    int best = -1;
    double least = INFINITY;
    for (int i = 0; i < r->count; i++) {
        double estimate =
            r->runner[i] < 0 ? INFINITY : wn_model_estimate(r->job->peaks, &r->candidates[i].plan);
        if (estimate < least) {
            least = estimate;
            best = i;
        }
    }
    return best;
}

/* Opens and warms up what can run and is accurate enough. */
static void open_all(long_race *r) {
    for (int i = 0; i < r->count; i++) {
        double seconds;
        r->runner[i] = -1;
        if (r->candidates[i].refusal[0] || r->candidates[i].plan.impl->yardstick ||
            wn_failed(wn_measure_add(r->measure, &r->candidates[i].plan, &r->runner[i])))
            continue;
        r->candidates[i].error = wn_measure_error(r->measure, r->runner[i], &seconds);
        r->running[i] = r->candidates[i].error <= WN_TUNE_MAX_ERROR;
        if (!r->running[i])
            r->runner[i] = -1;
    }
}

static wn_status choose(long_race *r, const wn_problem *problem) {
    const wn_regret_job *job = r->job;
    const wn_session *session = job->session;
    int threads = wn_pool_threads(session->pool);
    wn_conv_plan pick;
    WN_TRY(wn_tune_pick(job->db, problem, session->isa, threads, 0, 0, &pick));
    r->chosen[0] = index_of(r, pick.impl, &pick.config);
    r->chosen[1] = modelled(r);
    for (int i = 0; i < job->others->count; i++) {
        const wn_record *record = wn_tune_db_find(job->others->dbs[i], problem, session->isa, threads);
        r->chosen[OURS + i] = record ? index_of(r, record->impl, &record->config) : -1;
    }
    for (int i = 0; i < choices(r); i++)
        if (r->chosen[i] >= 0 && r->runner[r->chosen[i]] < 0)
            r->chosen[i] = -1;
    return wn_ok();
}

static bool is_chosen(const long_race *r, int candidate) {
    for (int i = 0; i < choices(r); i++)
        if (r->chosen[i] == candidate)
            return true;
    return false;
}

/* Returns the best of all; -1 when nothing can run. */
static int race_all(long_race *r) {
    r->rounds = r->thrown = 0;
    for (int heat = 0; heat < HEATS; heat++) {
        run_until(r, heats[heat].rounds);
        int best = best_of(r);
        for (int i = 0; i < r->count && best >= 0; i++)
            r->running[i] &= is_chosen(r, i) || ratio_to(r, i, best).median <= heats[heat].in_sight;
    }
    run_until(r, heats[HEATS - 1].rounds + r->job->rounds);
    return best_of(r);
}

/* What is said in the end: of each choice, and of how the others agree. */
typedef struct sums {
    double logarithms[CHOSEN], worst[CHOSEN];
    int count[CHOSEN];
    int votes, usual, as_good; /* of the others: picks; the most frequent ones; those or as good */
} sums;

static void write_row(const long_race *r, const wn_work *item, const char *kind, int candidate, int best) {
    double sorted[MOST_ROUNDS];
    wn_ratio ratio = ratio_to(r, candidate, best);
    wn_candidate c = r->candidates[candidate];
    c.rounds = ratio.pairs;
    c.estimate = wn_model_estimate(r->job->peaks, &c.plan);
    c.ratio = ratio.median;
    c.low = ratio.low;
    c.high = ratio.high;
    memcpy(sorted, r->times[candidate], sizeof(double) * (size_t)r->rounds);
    c.median_seconds = wn_median(sorted, r->rounds); /* sorts */
    c.min_seconds = sorted[0];
    wn_tune_write_candidate(r->job->csv, r->job->session, item, kind, &c);
}

/* The others' most frequent pick, and how many of them are that or as good. */
static void compare_others(const long_race *r, int best, sums *sum) {
    int usual = -1, most = 0;
    for (int i = OURS; i < choices(r); i++) {
        int votes = 0;
        for (int j = OURS; j < choices(r); j++)
            votes += r->chosen[i] >= 0 && r->chosen[j] == r->chosen[i];
        if (votes > most) {
            most = votes;
            usual = r->chosen[i];
        }
    }
    for (int i = OURS; i < choices(r); i++) {
        if (r->chosen[i] < 0)
            continue;
        double apart = ratio_to(r, r->chosen[i], best).median / ratio_to(r, usual, best).median;
        sum->votes++;
        sum->usual += r->chosen[i] == usual;
        sum->as_good += r->chosen[i] == usual || (apart <= as_good && apart >= 1 / as_good);
    }
}

static void report(const long_race *r, const wn_work *item, int best, sums *sum) {
    char name[160];
    wn_candidate_name(&r->candidates[best], name, sizeof name);
    printf("%-40.40s", item->label);
    if (r->job->csv)
        write_row(r, item, "best", best, best);
    for (int i = 0; i < choices(r); i++) {
        char kind[96];
        double regret = r->chosen[i] < 0 ? (double)NAN : ratio_to(r, r->chosen[i], best).median;
        if (i < OURS)
            printf(" %8.3f", regret);
        if (isnan(regret))
            continue;
        sum->logarithms[i] += log(regret);
        sum->worst[i] = fmax(sum->worst[i], regret);
        sum->count[i]++;
        snprintf(kind, sizeof kind, "regret %s", choice_name(r->job, i));
        if (r->job->csv)
            write_row(r, item, kind, r->chosen[i], best);
    }
    compare_others(r, best, sum);
    printf("  %s\n", name);
    fflush(stdout);
}

static wn_status regret_of(long_race *r, const wn_work *item, sums *sum) {
    const wn_session *session = r->job->session;
    memset(r->times, 0, sizeof r->times);
    memset(r->running, 0, sizeof r->running);
    r->count = wn_tune_candidates(&item->problem, session->isa, wn_pool_threads(session->pool), true,
                                  r->candidates, WN_TUNE_MAX_CANDIDATES);
    WN_TRY(wn_measure_create(session->pool, &item->problem, &r->measure));
    open_all(r);
    wn_status status = choose(r, &item->problem);
    int best = wn_failed(status) ? -1 : race_all(r);
    wn_measure_destroy(r->measure);
    if (best >= 0)
        report(r, item, best, sum);
    return status;
}

static void print_sums(const wn_regret_job *job, const sums *sum) {
    for (int i = 0; i < OURS + job->others->count; i++)
        if (sum->count[i])
            printf("%s: regret %.3f (geometric mean of %d), worst %.3f\n", choice_name(job, i),
                   exp(sum->logarithms[i] / sum->count[i]), sum->count[i], sum->worst[i]);
    if (job->others->count > 1 && sum->votes)
        printf(
            "of %d picks of %d databases %.1f %% are the most frequent ones, %.1f %% those or within 3 %% of "
            "them\n",
            sum->votes, job->others->count, 100.0 * sum->usual / sum->votes,
            100.0 * sum->as_good / sum->votes);
}

wn_status wn_tune_regret(const wn_regret_job *job) {
    wn_regret_job limited = *job;
    long_race *r = calloc(1, sizeof *r);
    wn_candidate *candidates = calloc(WN_TUNE_MAX_CANDIDATES, sizeof *candidates);
    wn_status status = r && candidates ? wn_ok() : wn_error(WN_ERROR_MEMORY, "regret: no memory for a race");
    sums sum = {0};
    if (limited.rounds > MOST_ROUNDS - heats[HEATS - 1].rounds)
        limited.rounds = MOST_ROUNDS - heats[HEATS - 1].rounds;
    if (!wn_failed(status)) {
        r->job = &limited;
        r->candidates = candidates;
        printf("%-40s %8s %8s  %s\n", "regret over the best of all", "pick", "model", "best");
    }
    if (r)
        wn_disturbance_open(&r->watch);
    for (int i = job->part - 1; i < job->list->count && !wn_failed(status); i += job->parts)
        status = regret_of(r, &job->list->items[i], &sum);
    if (!wn_failed(status))
        print_sums(job, &sum);
    if (r)
        wn_disturbance_close(&r->watch);
    free(candidates);
    free(r);
    return status;
}
