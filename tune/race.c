/* The race itself. What a sample is, is said in measure.c; statistics of small samples are in statistics.c.
 */
#include "race.h"
#include "random.h"
#include "statistics.h"
#include <math.h>
#include <stdlib.h>

/* Dropped after so many rounds: slower by more each time, for the first two also when warming up. The fewer
 * they are, the more it has to be, since a burst may have hit a candidate and not the leader. From
 * CONFIDENT_ROUNDS on bounds of the median say what is slower by more than a tie. */
static const double clearly_slower[] = {INFINITY, 1.7, 1.35, 1.18, 1.1, 1.06};
/* Runs once more although the budget is spent: at most this much slower when warming up. */
static const double hopeful = 1.5;
/* Of the budget, for warming up: a race of fewer candidates says more than one run of each. */
static const double warm_up_share = 0.4;
/* When so much of the budget is spent, at most so many go on, those that are ahead: whoever may still win
 * needs rounds of its own more than company. */
static const struct {
    double spent;
    int most;
} narrowing[] = {{0.5, 12}, {0.7, 6}, {0.85, 3}};
/* A tie is worth less workspace only where that is much less. */
static const double much_less = 0.75;
enum { LITTLE_WORKSPACE = 1 << 20 }; /* bytes */
enum {
    CONFIDENT_ROUNDS = sizeof clearly_slower / sizeof clearly_slower[0], /* 2^-6 < 2 % */
    HASTY_ROUNDS = 2,                                                    /* with the budget spent */
    LEAST_FIELD = 3,                                                     /* where the caller names none */
    NOISE_PAIRS = 3,
};

typedef struct race_state {
    const wn_race *race;
    int rounds, thrown, left_out;
    int waited; /* of those thrown out, rounds made while there was time to wait for better ones */
    double begin;
    double lost;     /* seconds in rounds that were thrown out, which do not count */
    double *times;   /* [candidate][WN_RACE_MAX_ROUNDS], 0 where there is no valid sample */
    double *warm_up; /* [candidate] */
    bool *running;
    int *order;
} race_state;

static double *times_of(const race_state *run, int candidate) {
    return run->times + (size_t)candidate * WN_RACE_MAX_ROUNDS;
}

void wn_race_shuffle(uint64_t seed, int round, int *order, int count) {
    for (int i = 0; i < count; i++)
        order[i] = i;
    for (int i = count - 1; i > 0; i--) {
        uint64_t index = (uint64_t)round << 32 | (uint32_t)i;
        int j = (int)wn_random_below(seed, WN_STREAM_TUNE, index, (uint32_t)i + 1);
        int swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

static wn_ratio ratio_to(const race_state *run, int candidate, int other) {
    double scratch[WN_RACE_MAX_ROUNDS];
    return wn_paired_ratios(times_of(run, candidate), times_of(run, other), run->rounds, scratch);
}

static bool disturbed(const wn_race *race) {
    return race->disturbed && race->disturbed(race->context);
}

/* One sample of everything that is still running. */
static void run_round(race_state *run, int round) {
    const wn_race *race = run->race;
    wn_race_shuffle(race->seed, round + run->thrown, run->order, race->candidates);
    for (int i = 0; i < race->candidates; i++) {
        int candidate = run->order[i];
        times_of(run, candidate)[round] = 0; /* of a round that was thrown out, perhaps */
        if (!run->running[candidate])
            continue;
        double seconds = race->sample(race->context, candidate);
        times_of(run, candidate)[round] = isfinite(seconds) && seconds > 0 ? seconds : 0;
    }
}

/* Where the machine is never left alone, a disturbed round is better than none: when there is no more time to
 * wait for better ones, at most one more is thrown out than counts. */
static bool throw_out(race_state *run, int rounds, double seconds) {
    const wn_race *race = run->race;
    if (race->stop && *race->stop)
        return false;
    if (run->lost < race->limit - race->budget && race->now(race->context) - run->begin < race->limit)
        run->waited += rounds;
    else if (run->thrown - run->waited > run->rounds)
        return false;
    run->thrown += rounds;
    run->lost += seconds;
    return true;
}

/* As many rounds as show whether they were disturbed, of short ones several. */
static void run_stretch(race_state *run) {
    const wn_race *race = run->race;
    double begin = race->now(race->context), seconds;
    int rounds = 0;
    disturbed(race);
    do {
        run_round(run, run->rounds + rounds++);
        seconds = race->now(race->context) - begin;
    } while (seconds < race->stretch && run->rounds + rounds < WN_RACE_MAX_ROUNDS &&
             !(race->stop && *race->stop));
    if (!disturbed(race) || !throw_out(run, rounds, seconds))
        run->rounds += rounds;
}

/* The winner against itself, in turns as in the rounds. */
static double noise_floor(const wn_race *race, int winner) {
    double differences[NOISE_PAIRS];
    int pairs = 0;
    for (int i = 0; i < NOISE_PAIRS; i++) {
        double a = race->sample(race->context, winner), b = race->sample(race->context, winner);
        if (a > 0 && b > 0)
            differences[pairs++] = fabs(a / b - 1);
    }
    return wn_median(differences, pairs);
}

/* The candidate with the lowest median time; -1 when none has a valid time. */
static int lowest_median(const double *times, int stride, int rounds, int candidates, const bool *running,
                         double *scratch) {
    int best = -1;
    double best_median = INFINITY;
    for (int i = 0; i < candidates; i++) {
        int valid = 0;
        for (int r = 0; r < rounds && running[i]; r++)
            if (times[i * stride + r] > 0)
                scratch[valid++] = times[i * stride + r];
        double median = wn_median(scratch, valid);
        if (median < best_median) {
            best_median = median;
            best = i;
        }
    }
    return best;
}

int wn_paired_best(const double *times, int stride, int rounds, int candidates, const bool *running,
                   double *scratch) {
    int best = lowest_median(times, stride, rounds, candidates, running, scratch);
    for (int step = 0; step < candidates && best >= 0; step++) {
        int ahead = best;
        double lowest = 1;
        for (int i = 0; i < candidates; i++) {
            if (!running[i])
                continue;
            double ratio =
                wn_paired_ratios(times + i * stride, times + best * stride, rounds, scratch).median;
            if (ratio < lowest) {
                lowest = ratio;
                ahead = i;
            }
        }
        if (ahead == best)
            break;
        best = ahead;
    }
    return best;
}

static int leader(const race_state *run) {
    double scratch[WN_RACE_MAX_ROUNDS];
    return wn_paired_best(run->times, WN_RACE_MAX_ROUNDS, run->rounds, run->race->candidates, run->running,
                          scratch);
}

/* True when the ratio to the leader says that a candidate has lost. */
static bool has_lost(const wn_ratio *ratio, double warm_up_ratio) {
    if (ratio->pairs == 0)
        return false;
    double limit = ratio->pairs < CONFIDENT_ROUNDS ? clearly_slower[ratio->pairs] : WN_RACE_TIE;
    return ratio->low > limit && (ratio->pairs >= WN_RACE_MIN_ROUNDS || warm_up_ratio > limit);
}

/* Drops what has lost, and what has shown no valid time in three rounds. Returns true when the race is
 * decided: one is left, or all that are left are ties with confidence. */
static bool drop_losers(race_state *run) {
    int first = leader(run), left = 0;
    bool ties = true;
    for (int i = 0; i < run->race->candidates; i++) {
        if (!run->running[i])
            continue;
        wn_ratio ratio = {.pairs = 0};
        if (first >= 0)
            ratio = ratio_to(run, i, first);
        double warm_up_ratio = first < 0 ? 0 : run->warm_up[i] / run->warm_up[first];
        if (has_lost(&ratio, warm_up_ratio) || (ratio.pairs == 0 && run->rounds >= WN_RACE_MIN_ROUNDS)) {
            run->running[i] = false;
            continue;
        }
        left++;
        if (i != first)
            ties = ties && ratio.pairs >= CONFIDENT_ROUNDS && ratio.high <= WN_RACE_TIE;
    }
    return left <= 1 || ties;
}

/* One sample of each that does not count. */
static void warm_up(race_state *run) {
    const wn_race *race = run->race;
    const int field = race->field ? race->field : LEAST_FIELD;
    for (int i = 0; i < race->candidates; i++) {
        if (i >= field && race->now(race->context) - run->begin > race->budget * warm_up_share) {
            run->left_out = race->candidates - i;
            return;
        }
        run->running[i] = true;
        run->warm_up[i] = race->sample(race->context, i);
    }
}

static bool is_spent(const race_state *run) {
    const wn_race *race = run->race;
    double seconds = race->now(race->context) - run->begin;
    return (race->stop && *race->stop) || seconds - run->lost >= race->budget ||
           (race->limit > 0 && seconds >= race->limit);
}

/* The running candidate that is furthest behind the leader; of those as fast as it, the last. */
static int last_of(const race_state *run, int first) {
    int last = first;
    double highest = 0;
    for (int i = 0; i < run->race->candidates; i++) {
        if (!run->running[i] || i == first)
            continue;
        double behind = fmax(ratio_to(run, i, first).median, WN_RACE_ALIKE);
        if (behind >= highest) {
            highest = behind;
            last = i;
        }
    }
    return last;
}

/* Leaves those in front, fewer the more of the budget is spent. */
static void narrow_field(race_state *run) {
    const wn_race *race = run->race;
    const double spent = race->now(race->context) - run->begin - run->lost;
    int most = race->candidates, left = 0, first = leader(run);
    for (size_t i = 0; i < sizeof narrowing / sizeof narrowing[0]; i++)
        if (spent > race->budget * narrowing[i].spent)
            most = narrowing[i].most;
    for (int i = 0; i < race->candidates; i++)
        left += run->running[i];
    for (; left > most && first >= 0 && run->rounds >= WN_RACE_MIN_ROUNDS; left--)
        run->running[last_of(run, first)] = false;
}

/* With the budget spent before the first round, a second run is for those that the first says may win. */
static void drop_after_warm_up(race_state *run) {
    double best = INFINITY;
    for (int i = 0; i < run->race->candidates && run->rounds + run->thrown == 0; i++)
        if (run->warm_up[i] > 0 && run->warm_up[i] < best)
            best = run->warm_up[i];
    for (int i = 0; i < run->race->candidates && isfinite(best); i++)
        run->running[i] &= run->warm_up[i] > 0 && run->warm_up[i] <= best * hopeful;
}

static bool needs_less(size_t mine, size_t others) {
    return (double)mine <= much_less * (double)others && others - mine > LITTLE_WORKSPACE;
}

/* The leader, or what ties with it and needs much less workspace; of those alike in that the fastest, or who
 * stands before it and is about as fast. */
static int choose(const race_state *run) {
    const wn_race *race = run->race;
    const size_t *bytes = race->workspace_bytes;
    int first = leader(run), least = first, best = first;
    for (int i = 0; i < race->candidates && first >= 0; i++)
        if (run->running[i] && needs_less(bytes[i], bytes[least]) &&
            ratio_to(run, i, first).median <= WN_RACE_TIE)
            least = i;
    double lowest = INFINITY, alike = 0; /* the ratio of the fastest, and up to where one is as fast */
    for (int choosing = 0; choosing < 2 && first >= 0; choosing++) {
        for (int i = race->candidates - 1; i >= 0; i--) {
            double ratio = run->running[i] ? ratio_to(run, i, first).median : (double)NAN;
            if (!(ratio <= WN_RACE_TIE) || needs_less(bytes[least], bytes[i]))
                continue;
            lowest = fmin(lowest, ratio);
            if (ratio <= alike)
                best = i;
        }
        alike = lowest * WN_RACE_ALIKE;
    }
    return best;
}

/* What became of a candidate. */
static wn_race_result result_of(const race_state *run, int candidate, int winner) {
    double values[WN_RACE_MAX_ROUNDS];
    wn_race_result result = {.finished = run->running[candidate], .warm_up = run->warm_up[candidate]};
    for (int r = 0; r < run->rounds; r++)
        if (times_of(run, candidate)[r] > 0)
            values[result.rounds++] = times_of(run, candidate)[r];
    result.median = wn_median(values, result.rounds); /* sorts */
    result.min = result.rounds ? values[0] : (double)NAN;
    wn_ratio ratio = ratio_to(run, candidate, winner);
    result.ratio = ratio.median;
    result.low = ratio.low;
    result.high = ratio.high;
    return result;
}

wn_status wn_race_run(const wn_race *race, wn_race_result *results, wn_race_report *report) {
    size_t candidates = (size_t)race->candidates;
    race_state run = {.race = race,
                      .begin = race->now(race->context),
                      .times = calloc(candidates * WN_RACE_MAX_ROUNDS + 1, sizeof(double)),
                      .warm_up = calloc(candidates + 1, sizeof(double)),
                      .running = calloc(candidates + 1, sizeof(bool)),
                      .order = calloc(candidates + 1, sizeof(int))};
    wn_status status = wn_ok();
    *report = (wn_race_report){.winner = -1, .noise = (double)NAN};
    if (!run.times || !run.warm_up || !run.running || !run.order) {
        status = wn_error(WN_ERROR_MEMORY, "race: no memory for %d candidates", race->candidates);
        goto done;
    }
    warm_up(&run);
    bool decided = race->candidates == 0, spent = is_spent(&run);
    while (!decided && run.rounds < WN_RACE_MAX_ROUNDS) {
        if (spent)
            drop_after_warm_up(&run);
        run_stretch(&run);
        bool stopped = race->stop && *race->stop;
        spent = is_spent(&run);
        bool alone = run.rounds > 0 && drop_losers(&run);
        if (!alone && !spent)
            narrow_field(&run);
        int least = stopped ? 1 : spent ? HASTY_ROUNDS : WN_RACE_MIN_ROUNDS;
        decided = run.rounds >= least && (alone || spent);
    }
    report->winner = choose(&run);
    report->rounds = run.rounds;
    report->thrown = run.thrown;
    report->left_out = run.left_out;
    if (report->winner < 0)
        status = wn_error(WN_ERROR_UNSUPPORTED, "race: none of %d candidates showed a time above zero",
                          race->candidates);
    for (int i = 0; i < race->candidates && report->winner >= 0; i++)
        results[i] = result_of(&run, i, report->winner);
    if (report->winner >= 0 && !spent)
        report->noise = noise_floor(race, report->winner);
done:
    free(run.times);
    free(run.warm_up);
    free(run.running);
    free(run.order);
    return status;
}
