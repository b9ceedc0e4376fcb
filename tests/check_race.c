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
    wn_race_report report;
    wn_status status = wn_race_run(&race, results, &report);
    CHECK(!wn_failed(status), "%s", status.message);
    return report.winner;
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
    static const double seconds[] = {1e-3, 1.01e-3, 1e-3}, same[] = {1e-3, 1e-3, 1e-3};
    static const size_t mib = 1 << 20;
    const size_t much_less[] = {9 * mib, 4 * mib, 9 * mib}, a_little_less[] = {9 * mib, 8 * mib, 9 * mib},
                 all_little[] = {mib / 2, 0, mib / 2};
    for (int i = 0; i < 200; i++) {
        simulation s = {seconds, 3, .noise = 0.002, .burst = 0.1, .seed = seed + (uint64_t)i};
        wn_race_result results[3];
        int winner = race(&s, much_less, 1, results);
        CHECK(winner == 1, "seed %d: %d won, expected the one with much less workspace", i, winner);
        CHECK(results[0].finished && results[1].finished && results[2].finished, "a tie was dropped");
        const size_t *others[] = {a_little_less, all_little};
        for (int j = 0; j < 2; j++) {
            s = (simulation){seconds, 3, .noise = 0.002, .burst = 0.1, .seed = seed + (uint64_t)i};
            winner = race(&s, others[j], 1, results);
            CHECK(winner != 1, "seed %d: the slower one won for %s less workspace", i,
                  j == 0 ? "relatively little" : "little");
        }
    }
    simulation s = {.seconds = same, .candidates = 3};
    wn_race_result results[3];
    int winner = race(&s, NULL, 1, results);
    CHECK(winner == 0, "%d won, expected the first of the registry", winner);
}

/* Races of the same candidates end alike, although noise puts another one ahead each time; beyond that the
 * faster one wins. */
static void check_alike(uint64_t seed) {
    static const double alike[] = {1.004e-3, 1e-3, 1.002e-3, 1.5e-3}, apart[] = {1.016e-3, 1e-3};
    for (int i = 0; i < 200; i++) {
        simulation s = {alike, 4, .noise = 0.002, .burst = 0.1, .seed = seed + (uint64_t)i};
        wn_race_result results[4];
        int winner = race(&s, NULL, 1, results);
        CHECK(winner == 0, "seed %d: %d won, expected the first of those that are alike", i, winner);
        s = (simulation){apart, 2, .noise = 0.002, .burst = 0.1, .seed = seed + (uint64_t)i};
        winner = race(&s, NULL, 1, results);
        CHECK(winner == 1, "seed %d: %d won, expected the one faster by 1.6 %%", i, winner);
    }
}

/* Somebody takes the machine as the race begins, and the fastest candidate suffers most from it. */
typedef struct burst {
    double clock, end;
    int asked;
} burst;

static double burst_sample(void *context, int candidate) {
    burst *b = context;
    double seconds = (candidate ? 1.2e-3 : 1e-3) * (candidate == 0 && b->clock < b->end ? 1.6 : 1);
    b->clock += seconds;
    return seconds;
}

static double burst_now(void *context) {
    return ((burst *)context)->clock;
}

/* Asked twice for every stretch: before and after it. */
static bool burst_disturbed(void *context) {
    burst *b = context;
    b->asked++;
    return b->asked % 2 == 0 && b->clock < b->end;
}

static void check_patience(void) {
    static const double limits[] = {0.1, 0.3, 0.3}, stretches[] = {0, 0, 10e-3};
    for (int i = 0; i < 3; i++) {
        burst b = {.end = 0.15};
        wn_race race = {.candidates = 3,
                        .workspace_bytes = (size_t[3]){0},
                        .budget = 0.1,
                        .limit = limits[i],
                        .stretch = stretches[i],
                        .sample = burst_sample,
                        .now = burst_now,
                        .disturbed = burst_disturbed,
                        .context = &b};
        wn_race_result results[3];
        wn_race_report report;
        CHECK(!wn_failed(wn_race_run(&race, results, &report)), "the race failed");
        if (i == 0)
            CHECK(report.thrown <= report.rounds + 1, "%d rounds thrown out, %d counted", report.thrown,
                  report.rounds);
        else
            CHECK(report.winner == 0 && report.thrown > 30, "%d won after %d rounds were thrown out",
                  report.winner, report.thrown);
        CHECK(b.clock < limits[i] + 0.02, "%g s, at most %g were to be used", b.clock, limits[i]);
        if (i == 2)
            CHECK(b.asked < 2 * (report.thrown + report.rounds) / 2, "asked %d times in %d rounds", b.asked,
                  report.thrown + report.rounds);
    }
}

/* Whoever asks for an end need not wait for a burst to end. */
static void check_stop_in_a_burst(void) {
    burst b = {.end = 1e9};
    const volatile sig_atomic_t stop = 1;
    wn_race race = {.candidates = 3,
                    .workspace_bytes = (size_t[3]){0},
                    .budget = 1,
                    .limit = 100,
                    .sample = burst_sample,
                    .now = burst_now,
                    .disturbed = burst_disturbed,
                    .stop = &stop,
                    .context = &b};
    wn_race_result results[3];
    wn_race_report report;
    CHECK(!wn_failed(wn_race_run(&race, results, &report)), "the race failed");
    CHECK(b.clock < 1, "a race that was to end went on for %g s", b.clock);
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
        wn_race_report report;
        wn_status status = wn_race_run(&options, results, &report);
        CHECK(status.code == WN_ERROR_UNSUPPORTED && report.winner == -1, "code %d, winner %d", status.code,
              report.winner);
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
            CHECK(results[0].rounds == 2, "%d rounds without a budget, expected 2", results[0].rounds);
        else
            CHECK(s.clock < budget + 0.01, "%g s spent of %g", s.clock, budget);
    }
    simulation alone = {.seconds = seconds, .candidates = 1};
    wn_race_result result;
    race(&alone, NULL, 1e9, &result);
    CHECK(result.rounds == 3 && result.finished, "one candidate alone: %d rounds, expected 3", result.rounds);
    CHECK(fabs(result.ratio - 1) < 1e-12, "ratio to itself %g", result.ratio);
}

/* Candidates that nobody ranked: the last one wins although the budget is spent long before its turn. */
static void check_field(void) {
    static const double seconds[] = {5e-3, 5e-3, 5e-3, 5e-3, 5e-3, 1e-3};
    for (int whole = 0; whole < 2; whole++) {
        simulation s = {.seconds = seconds, .candidates = 6};
        wn_race race = {.candidates = 6,
                        .workspace_bytes = (size_t[6]){0},
                        .budget = 1e-3,
                        .field = whole ? 6 : 0,
                        .sample = simulated_sample,
                        .now = simulated_now,
                        .context = &s};
        wn_race_result results[6];
        wn_race_report report;
        CHECK(!wn_failed(wn_race_run(&race, results, &report)), "the race failed");
        CHECK(report.left_out == (whole ? 0 : 3), "%d left out", report.left_out);
        CHECK((report.winner == 5) == whole, "candidate %d won", report.winner);
    }
}

/* A default that left the race early meets the winner again: its ratio has the interval of that, and where it
 * wins, the others' ratios to it keep their places within theirs. */
static void check_rematch(void) {
    static const struct {
        double seconds[3]; /* true times: the race's winner comes second */
        int winner;
        double expected[3][3]; /* ratio, low, high */
    } cases[] = {
        {{1.05e-3, 1e-3, 1.2e-3}, 1, {{1.05, 1.05, 1.05}, {1, 1, 1}, {1.2, 1.1, 1.25}}},
        {{0.8e-3, 1e-3, 1.2e-3}, 0, {{1, 1, 1}, {1.25, 1.25, 1.25}, {1.5, 1.375, 1.5625}}},
    };
    for (int k = 0; k < 2; k++) {
        simulation s = {.seconds = cases[k].seconds, .candidates = 3};
        wn_race race = {.candidates = 3, .sample = simulated_sample, .context = &s};
        wn_race_result results[] = {{.rounds = 3, .ratio = 1.1, .low = 1, .high = 1.3},
                                    {.rounds = 20, .ratio = 1, .low = 1, .high = 1},
                                    {.rounds = 20, .ratio = 1.2, .low = 1.1, .high = 1.25}};
        int winner = 1;
        wn_race_rematch(&race, results, 0, &winner);
        CHECK(winner == cases[k].winner && results[0].rounds == 7, "case %d: %d won after %d rounds", k,
              winner, results[0].rounds);
        for (int i = 0; i < 3; i++) {
            const double *expected = cases[k].expected[i];
            CHECK(fabs(results[i].ratio - expected[0]) + fabs(results[i].low - expected[1]) +
                          fabs(results[i].high - expected[2]) <
                      1e-9,
                  "case %d, candidate %d: %g (%g to %g), expected %g (%g to %g)", k, i, results[i].ratio,
                  results[i].low, results[i].high, expected[0], expected[1], expected[2]);
        }
    }
    /* between others, bounds go with the opposite ones of the default's ratio */
    wn_race_result results[] = {{.rounds = 20, .ratio = 0.8, .low = 0.75, .high = 0.9},
                                {.rounds = 20, .ratio = 1, .low = 1, .high = 1},
                                {.rounds = 20, .ratio = 1.2, .low = 1.1, .high = 1.25}};
    int winner = 1;
    wn_race_rematch(&(wn_race){.candidates = 3}, results, 0, &winner);
    CHECK(fabs(results[2].ratio - 1.5) < 1e-9 && fabs(results[2].low - 1.1 / 0.9) < 1e-9 &&
              fabs(results[2].high - 1.25 / 0.75) < 1e-9,
          "%g (%g to %g)", results[2].ratio, results[2].low, results[2].high);
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

/* Where 0.5^count is no double, the rank is that of the normal approximation: z of 2 % is -2.0537. */
static void check_bounds_of_many(int count) {
    double *values = malloc((size_t)count * sizeof *values);
    if (!CHECK(values, "no memory for %d values", count))
        return;
    for (int i = 0; i < count; i++)
        values[i] = i + 1;
    double expected = count / 2.0 + 0.5 - 2.0537 * sqrt(count) / 2;
    double low = wn_median_lower(values, count), high = wn_median_upper(values, count);
    CHECK(fabs(low - expected) <= 1, "lower bound %g of %d, expected about %g", low, count, expected);
    CHECK(low + high == count + 1, "bounds %g and %g of %d", low, high, count);
    free(values);
}

static void check_statistics(void) {
    double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2}, ten[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    CHECK(wn_median(odd, 3) == 2, "median of three");
    CHECK(wn_median(even, 4) == 2.5, "median of four");
    CHECK(isnan(wn_median(odd, 0)), "median of nothing");
    /* P(fewer than 2 of 10 below the median) = 11/1024, fewer than 3: 56/1024 */
    CHECK(wn_median_lower(ten, 10) == 2, "lower bound %g, expected 2", wn_median_lower(ten, 10));
    CHECK(wn_median_upper(ten, 10) == 9, "upper bound %g, expected 9", wn_median_upper(ten, 10));
    check_bounds_of_many(1100);
    check_bounds_of_many(5000);
    double a[] = {2, 0, 6, 8}, b[] = {1, 1, 0, 2}, scratch[4];
    wn_ratio ratio = wn_paired_ratios(a, b, 4, scratch);
    CHECK(ratio.median == 3 && ratio.pairs == 2, "pairs with a missing time must not count");
    CHECK(ratio.low == 2 && ratio.high == 4, "bounds %g and %g, expected 2 and 4", ratio.low, ratio.high);
    CHECK(ratio.above == 2 && ratio.below == 0, "%d ratios above 1 and %d below", ratio.above, ratio.below);
    CHECK(isnan(wn_paired_ratios(a, b, 0, scratch).median), "ratio of nothing");
}

/* A machine as others leave it: everything slows down for stretches that have nothing to do with how long our
 * samples are, speeds drift apart from nobody, single samples come out many times too long, and only some of
 * all that is noticed. */
enum { MOST_FIELD = 24 };
typedef struct weather {
    double seconds[MOST_FIELD];
    int candidates;
    uint64_t seed, samples;
    double clock, burst_share, burst_slowdown, burst_seconds, drift, outliers, noise, noticed;
    bool saw_burst;
} weather;

static double weather_uniform(const weather *w, int what, uint64_t index) {
    return (double)wn_random_uniform(w->seed, WN_STREAM_TEST + 200 + (uint64_t)what, index);
}

static double weather_sample(void *context, int candidate) {
    weather *w = context;
    uint64_t index = w->samples++, stretch = (uint64_t)(w->clock / w->burst_seconds);
    double seconds = w->seconds[candidate];
    seconds *= 1 + w->noise * fabs((double)wn_random_normal(w->seed, WN_STREAM_TEST, index));
    seconds *= 1 + w->drift * sin(w->clock);
    if (weather_uniform(w, 0, stretch) < w->burst_share) {
        seconds *= w->burst_slowdown;
        w->saw_burst |= weather_uniform(w, 1, stretch) < w->noticed;
    }
    if (weather_uniform(w, 2, index) < w->outliers)
        seconds *= 2 + 8 * weather_uniform(w, 3, index);
    w->clock += seconds;
    return seconds;
}

static double weather_now(void *context) {
    return ((weather *)context)->clock;
}

static bool weather_disturbed(void *context) {
    weather *w = context;
    bool saw = w->saw_burst;
    w->saw_burst = false;
    return saw;
}

/* Two to 24 candidates, the others 4 % to 8 times behind the fastest, which may have company within 1 %. */
static weather random_weather(uint64_t seed) {
    weather w = {.seed = seed};
    w.candidates = 2 + (int)(weather_uniform(&w, 10, 0) * (MOST_FIELD - 2));
    double fastest = 1e-3 * exp(4 * weather_uniform(&w, 11, 0));
    for (int i = 0; i < w.candidates; i++) {
        double behind = weather_uniform(&w, 12, (uint64_t)i);
        bool company = weather_uniform(&w, 13, (uint64_t)i) < 0.1;
        w.seconds[i] = fastest * (company ? 1 + 0.01 * behind : 1.04 * exp(2 * behind * behind));
    }
    w.seconds[(int)(weather_uniform(&w, 14, 0) * w.candidates)] = fastest;
    w.noise = 0.03 * weather_uniform(&w, 15, 0);
    w.burst_share = 0.3 * weather_uniform(&w, 16, 0);
    w.burst_slowdown = 1.2 + 2 * weather_uniform(&w, 17, 0);
    w.burst_seconds = fastest * (1 + 50 * weather_uniform(&w, 18, 0));
    w.drift = 0.1 * weather_uniform(&w, 19, 0);
    w.outliers = 0.03 * weather_uniform(&w, 20, 0);
    w.noticed = weather_uniform(&w, 21, 0);
    return w;
}

static void check_survives_any_weather(uint64_t seed) {
    enum { ROUNDS_PAID_FOR = 40 };
    int races = check_full() ? 10000 : 2000, wrong = 0, over = 0;
    for (int i = 0; i < races; i++) {
        weather w = random_weather(seed + (uint64_t)i * 7919);
        size_t workspace[MOST_FIELD] = {0};
        wn_race_result results[MOST_FIELD];
        double fastest = INFINITY, all = 0;
        for (int c = 0; c < w.candidates; c++) {
            fastest = fmin(fastest, w.seconds[c]);
            all += w.seconds[c];
        }
        double budget = 4 * all + ROUNDS_PAID_FOR * 4 * fastest;
        wn_race race = {.candidates = w.candidates,
                        .workspace_bytes = workspace,
                        .budget = budget,
                        .seed = w.seed,
                        .sample = weather_sample,
                        .now = weather_now,
                        .disturbed = weather_disturbed,
                        .context = &w};
        wn_race_report report;
        wn_status status = wn_race_run(&race, results, &report);
        CHECK(!wn_failed(status), "%s", status.message);
        wrong += !(w.seconds[report.winner] <= 1.02 * fastest);
        over += w.clock > 2 * budget + 20 * all; /* a round may begin just in time */
    }
    CHECK(wrong <= races / 100, "%d of %d races ended with a winner that is more than 2 %% behind", wrong,
          races);
    CHECK(over == 0, "%d of %d races went far over their budget", over, races);
    printf("race: %d of %d simulated races reached a wrong answer\n", wrong, races);
}

static void check_noise(void) {
    static const double seconds[] = {1e-3, 2e-3};
    wn_race_result results[2];
    for (int quiet = 0; quiet < 2; quiet++) {
        simulation s = {.seconds = seconds, .candidates = 2, .noise = quiet ? 0 : 0.2};
        wn_race race = {.candidates = 2,
                        .workspace_bytes = (size_t[2]){0},
                        .budget = 1,
                        .sample = simulated_sample,
                        .now = simulated_now,
                        .context = &s};
        wn_race_report report;
        CHECK(!wn_failed(wn_race_run(&race, results, &report)), "the race failed");
        CHECK(quiet ? report.noise == 0 : report.noise > 0.01, "noise floor %g, machine %s", report.noise,
              quiet ? "quiet" : "noisy");
        CHECK(report.thrown == 0, "%d rounds thrown out without anybody looking", report.thrown);
    }
}

int main(void) {
    uint64_t seed = check_seed();
    check_statistics();
    check_rematch();
    check_order(seed);
    check_finds_the_fastest(seed);
    check_survives_any_weather(seed);
    check_noise();
    check_drops_the_hopeless();
    check_drops_the_slower();
    check_ties(seed);
    check_alike(seed);
    check_patience();
    check_stop_in_a_burst();
    check_impossible_times();
    check_budget();
    check_field();
    return check_finish("check_race");
}
