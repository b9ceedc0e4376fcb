/* Order statistics of small samples. What is concluded from them is in race.c and bench/. */
#include "statistics.h"
#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double wn_median(double *values, int count) {
    if (count == 0)
        return NAN;
    qsort(values, (size_t)count, sizeof *values, ascending);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The largest k such that fewer than k of `count` values lie below their median with probability <= 2 %. The
 * probability of exactly k is kept as its logarithm, since 0.5^count is no double beyond 1074 values. */
static int rank_of_bound(int count) {
    double logarithm = -count * M_LN2, fewer = 0;
    int k = 0;
    while (k < count / 2 && (fewer += exp(logarithm)) <= 0.02) {
        logarithm += log((double)(count - k) / (k + 1));
        k++;
    }
    return k > 0 ? k : 1;
}

double wn_median_lower(const double *sorted, int count) {
    return count ? sorted[rank_of_bound(count) - 1] : NAN;
}

double wn_median_upper(const double *sorted, int count) {
    return count ? sorted[count - rank_of_bound(count)] : NAN;
}

wn_ratio wn_ratio_of(double *ratios, int count) {
    wn_ratio ratio = {.median = wn_median(ratios, count), .pairs = count}; /* sorts */
    ratio.low = wn_median_lower(ratios, count);
    ratio.high = wn_median_upper(ratios, count);
    for (int i = 0; i < count; i++) {
        ratio.above += ratios[i] > 1;
        ratio.below += ratios[i] < 1;
    }
    return ratio;
}

wn_ratio wn_paired_ratios(const double *a, const double *b, int count, double *scratch) {
    int pairs = 0;
    for (int i = 0; i < count; i++)
        if (a[i] > 0 && b[i] > 0)
            scratch[pairs++] = a[i] / b[i];
    return wn_ratio_of(scratch, pairs);
}

double wn_sign_test(int above, int below) {
    int count = above + below, fewer = above < below ? above : below;
    double tail = 0;
    for (int k = 0; k <= fewer; k++)
        tail += exp(lgamma(count + 1) - lgamma(k + 1) - lgamma(count - k + 1) - count * M_LN2);
    return fmin(2 * tail, 1);
}
