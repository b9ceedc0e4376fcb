/* Racing: which of several candidates is the fastest on a noisy machine. Knows neither problems nor clocks:
 * samples and time come from the caller. */
#ifndef WN_TUNE_RACE_H
#define WN_TUNE_RACE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <winnow/status.h>

/* Nobody notices less than this: candidates this close to each other are ties, settled by workspace. */
#define WN_RACE_TIE 1.02
/* What noise makes of the same time in races of their own: of candidates this close the earlier one wins, so
 * that another race chooses the same. */
#define WN_RACE_ALIKE 1.01

enum { WN_RACE_MIN_ROUNDS = 3, WN_RACE_MAX_ROUNDS = 60 };

typedef struct wn_race {
    int candidates;                /* the most promising first */
    const size_t *workspace_bytes; /* of each: much less wins a tie */
    double budget;                 /* seconds by now() of what counts; looked at after every round */
    double limit;                  /* the same with what is thrown out; 0: none */
    double stretch;                /* seconds of rounds that are judged together; 0: every round alone */
    int field;                     /* candidates warmed up whatever the budget says; 0: three */
    uint64_t seed;                 /* of the random order within rounds */
    double (*sample)(void *context, int candidate); /* runs a candidate once; seconds */
    double (*now)(void *context);                   /* a monotonic clock in seconds */
    /* Asked before and after every stretch of rounds, NULL: never: whether something else had the machine
     * since it was last asked. Such rounds are thrown out for all candidates and their time does not count:
     * all of them for as long as the limit is beyond the budget, then as long as they are not the most. */
    bool (*disturbed)(void *context);
    const volatile sig_atomic_t *stop; /* not zero: end after this round; NULL: never */
    void *context;
} wn_race;

typedef struct wn_race_report {
    int winner;         /* -1 without one */
    int rounds, thrown; /* that counted, and that were thrown out */
    int left_out;       /* candidates that the budget left no time to warm up: the last ones */
    double noise; /* an A/A round: the winner against itself, median of |ratio - 1| over its pairs; NAN when
                     the budget left no time for it */
} wn_race_report;

typedef struct wn_race_result {
    int rounds;         /* samples that counted; 0: never a time above zero */
    double warm_up;     /* seconds of the sample that does not count */
    double min, median; /* seconds */
    double ratio;       /* to the winner: median of paired ratios; NAN without a common round */
    double low, high;   /* its 96 % interval, see statistics.h */
    bool finished;      /* still in the race when it ended */
} wn_race_result;

/* Runs the race and writes one result for each candidate. Every candidate is warmed up by one sample that
 * does not count; those beyond `field` as long as that takes no more than a part of the budget. Then, round
 * after round, all that are left run once each in random order; after the first rounds those far
 * behind are dropped, later those slower with confidence by paired ratios. When the budget is spent, only
 * what cannot be told apart yet goes on, up to the second round. Errors: MEMORY; UNSUPPORTED when no
 * candidate showed a time above zero. */
wn_status wn_race_run(const wn_race *race, wn_race_result *results, wn_race_report *report);

/* What replaces the default must beat it, and by how much is what people ask for: where `standard` left a
 * race early, perhaps through a burst of somebody else's work, it meets the winner in a few rounds of their
 * own, and takes its place, with all ratios to it, if it proves faster by more than a tie. Only a default
 * that is far behind, or slower for sure, does not run again. -1: no default raced. */
void wn_race_rematch(const wn_race *race, wn_race_result *results, int standard, int *winner);

/* A random order of 0 .. count-1 for a round. */
void wn_race_shuffle(uint64_t seed, int round, int *order, int count);

/* The fastest of candidates with times[i * stride + round], among those running; -1 when none has a time
 * above zero. Medians only say where to begin: a burst may have hit one candidate and not another, so whoever
 * is ahead in paired rounds takes its place until nobody is (a bounded number of times, since medians of
 * ratios need not be transitive). scratch: rounds. */
int wn_paired_best(const double *times, int stride, int rounds, int candidates, const bool *running,
                   double *scratch);

#endif
