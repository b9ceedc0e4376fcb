/* Rounds of whole steps, judged problem by problem. */
#include "confirm.h"
#include "clock.h"
#include "race.h"
#include "statistics.h"
#include <stdlib.h>

enum { MAX_ROUNDS = 31, LEAST_ROUNDS = 2 };

/* times[(problem * FINALISTS + variant) * MAX_ROUNDS + round] */
static double *times_of(double *times, int problem, int variant) {
    return times + ((size_t)problem * WN_CONFIRM_FINALISTS + (size_t)variant) * MAX_ROUNDS;
}

static int most_finalists(const wn_confirm *confirm) {
    int most = 1;
    for (int p = 0; p < confirm->problems; p++)
        if (confirm->finalists[p] > most)
            most = confirm->finalists[p];
    return most;
}

static void run_round(const wn_confirm *confirm, int variants, int round, double *once, double *times) {
    int order[WN_CONFIRM_FINALISTS];
    wn_race_shuffle(0, round, order, variants);
    for (int i = 0; i < variants; i++) {
        confirm->run(confirm->context, order[i], once);
        for (int p = 0; p < confirm->problems; p++)
            times_of(times, p, order[i])[round] = once[p];
    }
}

static int judge(const wn_confirm *confirm, int problem, int rounds, double *times, double *medians) {
    double scratch[MAX_ROUNDS];
    int best = 0;
    double best_ratio = 1 / WN_RACE_TIE;
    const double *first = times_of(times, problem, 0);
    for (int v = 1; v < confirm->finalists[problem]; v++) {
        double ratio = wn_paired_ratios(times_of(times, problem, v), first, rounds, scratch).median;
        if (ratio < best_ratio) {
            best_ratio = ratio;
            best = v;
        }
    }
    for (int v = 0; v < confirm->finalists[problem]; v++)
        medians[v] = wn_median(times_of(times, problem, v), rounds); /* sorts */
    return best;
}

wn_status wn_confirm_run(const wn_confirm *confirm, int *chosen, double *seconds) {
    size_t problems = (size_t)confirm->problems;
    double *times = calloc(problems * WN_CONFIRM_FINALISTS * MAX_ROUNDS + 1, sizeof *times);
    double *once = calloc(problems + 1, sizeof *once);
    if (!times || !once) {
        free(times);
        free(once);
        return wn_error(WN_ERROR_MEMORY, "no memory for timing %d problems in place", confirm->problems);
    }
    int variants = most_finalists(confirm), rounds = 0;
    double begin = wn_seconds();
    for (int v = 0; v < variants; v++)
        confirm->run(confirm->context, v, once); /* warm-up */
    while (rounds < confirm->rounds && rounds < MAX_ROUNDS &&
           (rounds < LEAST_ROUNDS || wn_seconds() - begin < confirm->budget) &&
           !(rounds > 0 && confirm->stop && *confirm->stop))
        run_round(confirm, variants, rounds++, once, times);
    for (int p = 0; p < confirm->problems; p++)
        chosen[p] = judge(confirm, p, rounds, times, seconds + p * WN_CONFIRM_FINALISTS);
    free(times);
    free(once);
    return wn_ok();
}
