/* The race against candidates whose true speed is known: simulated times under seeded noise. */
#include "check.h"
#include "race.h"
#include "random.h"
#include "statistics.h"
#include <math.h>
#include <string.h>

enum { CANDIDATES = 6 };

/* A machine whose clock stands still except while it samples. */
typedef struct simulation {
    const double *seconds; /* true time of each candidate */
    int candidates;
    double noise; /* relative standard deviation of each sample */
    double burst; /* share of stretches of 8 samples in which everything takes three times as long */
    uint64_t seed;
    uint64_t samples; /* taken so far */
    int taken[CANDIDATES];
    double clock;
} simulation;

static double simulated_sample(void *context, int candidate) {
    simulation *s = context;
    uint64_t index = s->samples++;
    double noise = 1 + s->noise * fabs((double)wn_random_normal(s->seed, WN_STREAM_TEST, index));
    bool burst = (double)wn_random_uniform(s->seed, WN_STREAM_TEST + 100, index / 8) < s->burst;
    double seconds = s->seconds[candidate] * noise * (burst ? 3 : 1);
    s->taken[candidate]++;
    s->clock += fabs(seconds);
    return seconds;
}

static double simulated_now(void *context) {
    return ((simulation *)context)->clock;
}

static int race(simulation *s, const size_t *workspace, double budget, wn_race_result *results) {
    static const size_t none[CANDIDATES];
    wn_race race = {.candidates = s->candidates,
                    .workspace_bytes = workspace ? workspace : none,
                    .budget = budget,
                    .seed = s->seed,
                    .sample = simulated_sample,
                    .now = simulated_now,
                    .context = s};
    int winner;
    wn_status status = wn_race_run(&race, results, &winner);
    CHECK(!wn_failed(status), "%s", status.message);
    return winner;
}

static void check_finds_the_fastest(uint64_t seed) {
    static const double seconds[CANDIDATES] = {1.5e-3, 1.1e-3, 4e-3, 1e-3, 1.2e-3, 9e-3};
    int races = check_full() ? 5000 : 500, wrong = 0;
    for (int i = 0; i < races; i++) {
        simulation s = {seconds, CANDIDATES, .noise = 0.05, .burst = 0.2, .seed = seed + (uint64_t)i};
        wn_race_result results[CANDIDATES];
        wrong += race(&s, NULL, 1, results) != 3;
    }
    CHECK(wrong <= races / 200, "%d of %d races found another winner than the fastest by 10 %%", wrong,
          races);
}

static void check_drops_the_hopeless(void) {
    static const double seconds[] = {1e-3, 3.5e-3, 1.01e-3};
    simulation s = {seconds, 3, .noise = 0.01};
    wn_race_result results[3];
    race(&s, NULL, 1, results);
    CHECK(results[1].rounds == 1 && !results[1].finished, "three times behind, yet %d rounds",
          results[1].rounds);
    CHECK(s.taken[1] == 2, "sampled %d times, expected the warm-up and one round", s.taken[1]);
    CHECK(results[0].rounds >= 3 && results[2].rounds >= 3, "%d and %d rounds, expected at least 3",
          results[0].rounds, results[2].rounds);
    CHECK(fabs(results[1].ratio - 3.5) < 0.3, "ratio %g, expected about 3.5", results[1].ratio);
}

static void check_drops_the_slower(void) {
    static const double seconds[] = {1e-3, 1.1e-3};
    simulation s = {seconds, 2, .noise = 0.01};
    wn_race_result results[2];
    int winner = race(&s, NULL, 1e9, results);
    CHECK(winner == 0 && !results[1].finished && results[1].rounds < 15,
          "10 %% slower was raced for %d rounds", results[1].rounds);
}

static void check_ties(uint64_t seed) {
    static const double seconds[] = {1e-3, 1.005e-3, 1e-3};
    static const size_t workspace[] = {4096, 64, 4096}, equal[] = {64, 64, 64};
    for (int i = 0; i < 200; i++) {
        simulation s = {seconds, 3, .noise = 0.003, .burst = 0.1, .seed = seed + (uint64_t)i};
        wn_race_result results[3];
        int winner = race(&s, workspace, 1, results);
        CHECK(winner == 1, "seed %d: %d won, expected the one with less workspace", i, winner);
        CHECK(results[0].finished && results[1].finished && results[2].finished, "a tie was dropped");
        s = (simulation){seconds, 3, .noise = 0.003, .burst = 0.1, .seed = seed + (uint64_t)i};
        winner = race(&s, equal, 1, results);
        CHECK(winner == 0, "seed %d: %d won, expected the first of the registry", i, winner);
    }
}

static void check_impossible_times(void) {
    static const double impossible[] = {0, -1e-3, (double)NAN, (double)INFINITY};
    for (int i = 0; i < 4; i++) {
        double seconds[] = {impossible[i], 1e-3};
        simulation s = {.seconds = seconds, .candidates = 2};
        wn_race_result results[2];
        int winner = race(&s, NULL, 1, results);
        CHECK(winner == 1 && results[0].rounds == 0, "a time of %g s won or counted", impossible[i]);
        wn_race options = {.candidates = 1,
                           .workspace_bytes = (size_t[1]){0},
                           .sample = simulated_sample,
                           .now = simulated_now,
                           .context = &s};
        wn_status status = wn_race_run(&options, results, &winner);
        CHECK(status.code == WN_ERROR_UNSUPPORTED && winner == -1, "code %d, winner %d", status.code, winner);
    }
}

static void check_budget(void) {
    static const double seconds[] = {1e-3, 1.03e-3};
    for (int i = 0; i < 2; i++) {
        double budget = i == 0 ? 0 : 0.05;
        simulation s = {seconds, 2, .noise = 0.1};
        wn_race_result results[2];
        race(&s, NULL, budget, results);
        if (i == 0)
            CHECK(results[0].rounds == 3, "%d rounds without a budget, expected 3", results[0].rounds);
        else
            CHECK(s.clock < budget + 0.01, "%g s spent of %g", s.clock, budget);
    }
    simulation alone = {.seconds = seconds, .candidates = 1};
    wn_race_result result;
    race(&alone, NULL, 1e9, &result);
    CHECK(result.rounds == 3 && result.finished, "one candidate alone: %d rounds, expected 3", result.rounds);
    CHECK(fabs(result.ratio - 1) < 1e-12, "ratio to itself %g", result.ratio);
}

static void check_order(uint64_t seed) {
    enum { ROUNDS = 600 };
    int first[CANDIDATES] = {0}, order[CANDIDATES];
    for (int round = 0; round < ROUNDS; round++) {
        unsigned seen = 0;
        wn_race_shuffle(seed, round, order, CANDIDATES);
        for (int i = 0; i < CANDIDATES; i++)
            seen |= 1u << order[i];
        CHECK(seen == (1u << CANDIDATES) - 1, "round %d is no permutation", round);
        first[order[0]]++;
    }
    for (int i = 0; i < CANDIDATES; i++)
        CHECK(first[i] > 50 && first[i] < 150, "candidate %d went first in %d of %d rounds", i, first[i],
              ROUNDS);
}

static void check_statistics(void) {
    double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, ten[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    CHECK(wn_median(odd, 3) == 2, "median of three");
    CHECK(wn_median(even, 4) == 2.5, "median of four");
    CHECK(isnan(wn_median(odd, 0)), "median of nothing");
    /* P(fewer than 2 of 10 below the median) = 11/1024, fewer than 3: 56/1024 */
    CHECK(wn_median_lower(ten, 10) == 2, "lower bound %g, expected 2", wn_median_lower(ten, 10));
    CHECK(wn_median_upper(ten, 10) == 9, "upper bound %g, expected 9", wn_median_upper(ten, 10));
    double a[] = {2, 0, 6, 8}, b[] = {1, 1, 0, 2}, scratch[4];
    CHECK(wn_paired_ratio(a, b, 4, scratch) == 3, "pairs with a missing time must not count");
}

int main(void) {
    uint64_t seed = check_seed();
    check_statistics();
    check_order(seed);
    check_finds_the_fastest(seed);
    check_drops_the_hopeless();
    check_drops_the_slower();
    check_ties(seed);
    check_impossible_times();
    check_budget();
    return check_finish("check_race");
}
