/* Medians and their confidence bounds: what noisy times are judged by. */
#ifndef WN_STATISTICS_H
#define WN_STATISTICS_H

/* Sorts the values and returns their median; NAN when there are none. */
double wn_median(double *values, int count);

/* Bounds of the median of what `count` sorted values were drawn from, whatever the distribution: each alone
 * holds with a confidence of at least 98 %, both together, as an interval, with 96 % (order statistics of the
 * binomial; Conover, "Practical Nonparametric Statistics", section 3.2). With fewer than 6 values these are
 * the smallest and the largest, which hold less. */
double wn_median_lower(const double *sorted, int count);
double wn_median_upper(const double *sorted, int count);

/* Ratios of two series of times taken in turns: their median and its bounds. */
typedef struct wn_ratio {
    double median, low, high; /* NAN without a pair */
    int pairs, above, below;  /* ratios in all, and those over and under 1 */
} wn_ratio;

/* Of a[i] / b[i] over the rounds that have both (times above zero). scratch: count, holds the sorted ratios
 * afterwards. */
wn_ratio wn_paired_ratios(const double *a, const double *b, int count, double *scratch);

/* The same of `count` ratios that are there already, which it sorts. */
wn_ratio wn_ratio_of(double *ratios, int count);

/* Two-sided p of the hypothesis that values above and below 1 (or 0) are equally likely, by the sign test:
 * exact. 1 when there are none. */
double wn_sign_test(int above, int below);

/* Two-sided p of the hypothesis that a[0..m) and b[0..n) were drawn from one distribution, by the rank sum
 * test of Mann and Whitney (1947): exact for up to 30 values a side without ties, else by the normal
 * approximation, corrected for ties. NAN when a side is empty. */
double wn_mann_whitney(const double *a, int m, const double *b, int n);

/* The smallest p that so many values can give. */
double wn_mann_whitney_least(int m, int n);

#endif
