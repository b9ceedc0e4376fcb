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
    double p;                  /* Mann-Whitney, two-sided; NAN with too few repetitions to reach 1 % */
    wn_change verdict;         /* at 1 % */
} wn_compared;

typedef struct wn_comparison {
    wn_compared *rows;
    int count;
    int only_a, only_b; /* names that the other run lacks */
    double mean;        /* geometric mean of the ratios */
    double low, high;   /* 98 % confidence interval of the ratios' median */
    double worst;       /* the largest ratio among rows that are slower; 0 without one */
} wn_comparison;

/* Pairs the names of both runs; the timings must outlive the comparison. Repetitions of one name were not
 * taken in turns with those of the other file, so they are compared as two samples, not as pairs. Errors:
 * FORMAT when the runs have no name in common; MEMORY. */
wn_status wn_compare(const wn_timings *a, const wn_timings *b, wn_comparison *comparison);
void wn_comparison_free(wn_comparison *comparison);

#endif
