/* Two runs compared, name by name. */
#ifndef WN_COMPARE_H
#define WN_COMPARE_H

#include "timings.h"

typedef enum wn_change {
    WN_SAME,   /* no difference that the times could tell from noise */
    WN_FASTER, /* the second run */
    WN_SLOWER,
    WN_UNSURE, /* too few repetitions to say anything */
} wn_change;

const char *wn_change_name(wn_change verdict);

/* One name that both runs have. */
typedef struct wn_compared {
    const char *name;          /* of the first run */
    int count_a, count_b;      /* repetitions */
    double median_a, median_b; /* seconds */
    double ratio;              /* b / a: above 1 the second is slower */
    double low, high;          /* 96 % confidence interval of a paired ratio; NAN where it is none */
    double p;                  /* Mann-Whitney, of pairs the sign test, two-sided; NAN with too few for 1 % */
    wn_change verdict;         /* at 1 % */
} wn_compared;

typedef struct wn_comparison {
    wn_compared *rows;
    int count;
    int only_a, only_b; /* names that the other run lacks */
    double mean;        /* geometric mean of the ratios */
    double low, high;   /* 96 % confidence interval of the ratios' median */
    double worst;       /* the largest ratio among rows that are slower; 0 without one */
} wn_comparison;

/* Pairs the names of both runs; the timings must outlive the comparison. Repetitions of one name are compared
 * as two samples, or, where they were taken in turns (`paired`), the first of one run with the first of the
 * other and so on: the ratio is then the median of the pairs' ratios, and the sign test of these, which needs
 * eight pairs, says what differs. Sorts the seconds. Errors: FORMAT when the runs have no name in common, and
 * for pairs that are none; MEMORY. */
wn_status wn_compare(const wn_timings *a, const wn_timings *b, bool paired, wn_comparison *comparison);
void wn_comparison_free(wn_comparison *comparison);

#endif
