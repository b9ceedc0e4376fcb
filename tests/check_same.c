/* How often comparisons find a difference where there is none, with the noise of shared machines simulated,
 * and that they find one where there is. */
#include "check.h"
#include "peer.h"
#include "random.h"
#include "statistics.h"
#include <math.h>

enum { RUNS = 1000, MOST_PAIRS = 31 };

/* A machine whose neighbours come in bursts and whose clock drifts. */
typedef struct noise {
    uint64_t seed, drawn;
    bool burst;
    double severity;
} noise;

static double draw(noise *n) {
    return wn_random_uniform(n->seed, WN_STREAM_TUNE, n->drawn++);
}

/* What a run of `seconds` takes. */
static double disturbed(noise *n, double seconds) {
    n->burst = n->burst ? draw(n) < 0.7 : draw(n) < 0.08;
    double slower = n->burst ? 1 + n->severity * draw(n) : 1;
    double jitter = 1 + 0.02 * (draw(n) + draw(n) + draw(n));
    double drift = 1 + 0.1 * sin((double)n->drawn / 150);
    return seconds * slower * jitter * drift;
}

/* One comparison of times 1 and `theirs`, whose turns are as in bench_peer.c. */
static bool finds_difference(uint64_t seed, int pairs, double theirs) {
    double a[MOST_PAIRS], b[MOST_PAIRS], ratios[MOST_PAIRS];
    noise n = {.seed = seed, .severity = 2};
    for (int i = 0; i < pairs; i++) {
        if (i % 2 == 0)
            a[i] = disturbed(&n, 1);
        b[i] = disturbed(&n, theirs);
        if (i % 2 == 1)
            a[i] = disturbed(&n, 1);
    }
    wn_peer_result result = {.pairs = 0};
    wn_peer_judge(a, b, ratios, pairs, &result);
    CHECK(result.low <= result.ratio && result.ratio <= result.high && result.p > 0 && result.p <= 1,
          "seed %llu: %g in [%g, %g], p %g", (unsigned long long)seed, result.ratio, result.low, result.high,
          result.p);
    return !wn_peer_same(&result);
}

static int count_found(int pairs, double theirs) {
    int found = 0;
    for (int run = 0; run < RUNS; run++)
        found += finds_difference((uint64_t)(pairs * RUNS + run), pairs, theirs);
    return found;
}

static void check_sign_test(void) {
    CHECK(fabs(wn_sign_test(9, 0) - 2.0 / 512) < 1e-12, "9 of 9: %g", wn_sign_test(9, 0));
    CHECK(fabs(wn_sign_test(1, 8) - 20.0 / 512) < 1e-12, "8 of 9: %g", wn_sign_test(1, 8));
    CHECK(wn_sign_test(5, 5) == 1 && wn_sign_test(0, 0) == 1, "as many: %g", wn_sign_test(5, 5));
}

int main(void) {
    check_sign_test();
    static const int pairs[] = {WN_BENCH_PEER_MIN_PAIRS, 15, MOST_PAIRS};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        int found = count_found(pairs[i], 1);
        CHECK(found <= RUNS / 20, "%d pairs of the same work: a difference in %d of %d runs", pairs[i], found,
              RUNS);
    }
    int found = count_found(MOST_PAIRS, 1.1);
    CHECK(found >= RUNS * 9 / 10, "10 %% slower: found in %d of %d runs only", found, RUNS);
    return check_finish("check_same");
}
