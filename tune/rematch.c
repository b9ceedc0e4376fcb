/* The default and the winner, once more. */
#include "race.h"
#include "statistics.h"

enum { ROUNDS = 7 };

/* A default that is behind by more does not catch up. */
static const double far_behind = 2;

/* Runs both in turns; what is found takes the place of what the race says of the default. */
static void meet(const wn_race *race, wn_race_result *standard, int runner, int winner) {
    double own[ROUNDS], best[ROUNDS], scratch[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        own[i] = race->sample(race->context, runner);
        best[i] = race->sample(race->context, winner);
    }
    wn_ratio ratio = wn_paired_ratios(own, best, ROUNDS, scratch);
    standard->ratio = ratio.median;
    standard->low = ratio.low;
    standard->high = ratio.high;
    double median = wn_median(own, ROUNDS); /* sorts */
    if (!(own[0] > 0))
        return;
    standard->rounds = ROUNDS;
    standard->median = median;
    standard->min = own[0];
}

/* Makes another candidate what ratios are to. The bounds of a ratio are divided by the opposite ones of the
 * ratio between both: that is exact for the one that ratios were to, whose interval is a point, and never too
 * narrow for the others. */
static void relate(wn_race_result *results, int count, int reference) {
    const wn_race_result to = results[reference];
    for (int i = 0; i < count; i++) {
        results[i].ratio /= to.ratio;
        results[i].low /= to.high;
        results[i].high /= to.low;
    }
    results[reference].ratio = results[reference].low = results[reference].high = 1;
}

void wn_race_rematch(const wn_race *race, wn_race_result *results, int standard, int *winner) {
    if (standard < 0 || standard == *winner || results[standard].ratio > far_behind)
        return;
    if (results[standard].rounds < ROUNDS && !(results[standard].low > WN_RACE_TIE))
        meet(race, &results[standard], standard, *winner);
    if (!(results[standard].ratio < 1 / WN_RACE_TIE))
        return;
    relate(results, race->candidates, standard);
    *winner = standard;
}
