/* Long races and long comparisons. They are for reports on the tuner, not for tuning. */
#include "tune_regret.h"
#include "clock.h"
#include "race.h"
#include "statistics.h"
#include "tune_in_place.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROUNDS = 3, MOST_ROUNDS = 64, MOST_TAPES = 8, STEP_ROUNDS = 9 };
static const double in_sight = 1.5;

typedef struct long_race {
    wn_measure *measure;
    wn_candidate *candidates;
    int runner[WN_TUNE_MAX_CANDIDATES]; /* in the measurement; -1: refused */
    bool running[WN_TUNE_MAX_CANDIDATES];
    double times[WN_TUNE_MAX_CANDIDATES][MOST_ROUNDS];
    int count;
} long_race;

static void run_rounds(long_race *r, int from, int to) {
    int order[WN_TUNE_MAX_CANDIDATES];
    for (int round = from; round < to; round++) {
        wn_race_shuffle(1, round, order, r->count);
        for (int i = 0; i < r->count; i++)
            if (r->running[order[i]])
                r->times[order[i]][round] = wn_measure_run(r->measure, r->runner[order[i]]);
    }
}

static int best_of(const long_race *r, int rounds) {
    double scratch[MOST_ROUNDS];
    return wn_paired_best(&r->times[0][0], MOST_ROUNDS, rounds, r->count, r->running, scratch);
}

static double ratio_to(const long_race *r, int candidate, int best, int rounds) {
    double scratch[MOST_ROUNDS];
    return wn_paired_ratio(r->times[candidate], r->times[best], rounds, scratch);
}

static int index_of(const long_race *r, const wn_conv_plan *plan) {
    for (int i = 0; i < r->count; i++)
        if (r->candidates[i].plan.impl == plan->impl &&
            memcmp(&r->candidates[i].plan.config, &plan->config, sizeof plan->config) == 0)
            return i;
    return -1;
}

/* The model's first choice among those that can run. */
static int modelled(const long_race *r, const wn_peaks *peaks) {
    int best = -1;
    double least = INFINITY;
    for (int i = 0; i < r->count; i++) {
        double estimate = r->runner[i] < 0 ? INFINITY : wn_model_estimate(peaks, &r->candidates[i].plan);
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
        r->running[i] = wn_measure_error(r->measure, r->runner[i], &seconds) <= WN_TUNE_MAX_ERROR;
        if (!r->running[i])
            r->runner[i] = -1;
    }
}

/* regrets[0] of the pick, regrets[1] of the model's choice; NAN where there is none. */
static void race_all(long_race *r, const wn_conv_plan *pick, const wn_peaks *peaks, int rounds,
                     double regrets[2], int *best) {
    const int chosen[2] = {index_of(r, pick), modelled(r, peaks)};
    run_rounds(r, 0, FIRST_ROUNDS);
    *best = best_of(r, FIRST_ROUNDS);
    for (int i = 0; i < r->count && *best >= 0; i++)
        r->running[i] &= i == chosen[0] || i == chosen[1] || ratio_to(r, i, *best, FIRST_ROUNDS) <= in_sight;
    run_rounds(r, FIRST_ROUNDS, FIRST_ROUNDS + rounds);
    *best = best_of(r, FIRST_ROUNDS + rounds);
    for (int i = 0; i < 2; i++)
        regrets[i] =
            chosen[i] >= 0 && *best >= 0 ? ratio_to(r, chosen[i], *best, FIRST_ROUNDS + rounds) : (double)NAN;
}

typedef struct sums {
    double logarithms[2], worst[2];
    int count[2];
} sums;

static wn_status regret_of(const wn_work *item, const wn_session *session, wn_tune_db *db,
                           const wn_peaks *peaks, int rounds, long_race *r, sums *sum) {
    wn_conv_plan pick;
    double regrets[2];
    int threads = wn_pool_threads(session->pool), best;
    char name[160] = "";
    WN_TRY(wn_tune_pick(db, &item->problem, session->isa, threads, 0, 0, &pick));
    memset(r->times, 0, sizeof r->times);
    memset(r->running, 0, sizeof r->running);
    r->count = wn_tune_candidates(&item->problem, session->isa, threads, true, r->candidates,
                                  WN_TUNE_MAX_CANDIDATES);
    WN_TRY(wn_measure_create(session->pool, &item->problem, &r->measure));
    open_all(r);
    race_all(r, &pick, peaks, rounds, regrets, &best);
    wn_measure_destroy(r->measure);
    if (best >= 0)
        wn_candidate_name(&r->candidates[best], name, sizeof name);
    for (int i = 0; i < 2; i++) {
        if (!(regrets[i] > 0))
            continue;
        sum->logarithms[i] += log(regrets[i]);
        sum->worst[i] = fmax(sum->worst[i], regrets[i]);
        sum->count[i]++;
    }
    printf("%-40.40s %8.3f %8.3f  %s\n", item->label, regrets[0], regrets[1], name);
    fflush(stdout);
    return wn_ok();
}

wn_status wn_tune_regret(const wn_work_list *list, const wn_session *session, wn_tune_db *db,
                         const wn_peaks *peaks, int rounds) {
    long_race *r = calloc(1, sizeof *r);
    wn_candidate *candidates = calloc(WN_TUNE_MAX_CANDIDATES, sizeof *candidates);
    wn_status status = r && candidates ? wn_ok() : wn_error(WN_ERROR_MEMORY, "regret: no memory for a race");
    sums sum = {0};
    if (rounds > MOST_ROUNDS - FIRST_ROUNDS)
        rounds = MOST_ROUNDS - FIRST_ROUNDS;
    if (!wn_failed(status)) {
        r->candidates = candidates;
        printf("%-40s %8s %8s  %s\n", "regret over the best of all", "pick", "model", "best");
    }
    for (int i = 0; i < list->count && !wn_failed(status); i++)
        status = regret_of(&list->items[i], session, db, peaks, rounds, r, &sum);
    for (int i = 0; i < 2 && !wn_failed(status); i++)
        if (sum.count[i])
            printf("%s: regret %.3f (geometric mean of %d), worst %.3f\n", i ? "model" : "picks",
                   exp(sum.logarithms[i] / sum.count[i]), sum.count[i], sum.worst[i]);
    free(candidates);
    free(r);
    return status;
}

/* A database and the tape with its picks. */
typedef struct side {
    const char *path;
    wn_tune_db *db;
    wn_tape *tape;
    double times[STEP_ROUNDS];
} side;

static wn_status open_sides(side *sides, int count, wn_network *network, const wn_session *session,
                            bool training) {
    for (int i = 0; i < count; i++)
        WN_TRY(wn_timing_tape(network, session, wn_tune_pick, sides[i].db, training, &sides[i].tape));
    return wn_ok();
}

static void time_sides(side *sides, int count) {
    for (int i = 0; i < count; i++)
        wn_tape_run(sides[i].tape);
    for (int round = 0; round < STEP_ROUNDS; round++) {
        int order[MOST_TAPES];
        wn_race_shuffle(2, round, order, count);
        for (int i = 0; i < count; i++) {
            double begin = wn_seconds();
            wn_tape_run(sides[order[i]].tape);
            sides[order[i]].times[round] = wn_seconds() - begin;
        }
    }
}

static void print_sides(side *sides, int count, const char *net, bool training) {
    double scratch[STEP_ROUNDS], sorted[STEP_ROUNDS];
    for (int i = 0; i < count; i++) {
        double ratio = wn_paired_ratio(sides[i].times, sides[0].times, STEP_ROUNDS, scratch);
        memcpy(sorted, sides[i].times, sizeof sorted);
        printf("%s %s: %10.3f ms, %.3f times ours: %s\n", net, training ? "training" : "inference",
               wn_median(sorted, STEP_ROUNDS) * 1e3, ratio, sides[i].path);
    }
}

wn_status wn_tune_beside(wn_network *network, const wn_session *session, wn_tune_db *db, const char *others,
                         wn_tapes tapes) {
    char list[4096], *rest = list;
    side sides[MOST_TAPES] = {{.path = wn_tune_db_path(db), .db = db}};
    int count = 1;
    wn_status status = wn_ok();
    snprintf(list, sizeof list, "%s", others);
    for (char *path; (path = strsep(&rest, ",")) && count < MOST_TAPES && !wn_failed(status); count++) {
        sides[count].path = path;
        status = wn_tune_db_open(path, session->fingerprint, &sides[count].db);
    }
    for (int training = 1; training >= 0 && !wn_failed(status); training--) {
        if (!wn_tapes_hold(tapes, training))
            continue;
        status = open_sides(sides, count, network, session, training);
        if (!wn_failed(status)) {
            time_sides(sides, count);
            print_sides(sides, count, network->net->name, training);
        }
        for (int i = 0; i < count; i++) {
            wn_tape_destroy(sides[i].tape);
            sides[i].tape = NULL;
        }
    }
    for (int i = 1; i < count; i++)
        wn_tune_db_close(sides[i].db);
    return status;
}
