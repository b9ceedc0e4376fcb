/* In-place confirmation: which of the finalists of each problem is the fastest inside what runs around it.
 * Knows neither networks nor tapes: the running step is a callback from above. */
#ifndef WN_CONFIRM_H
#define WN_CONFIRM_H

#include <signal.h>
#include <winnow/status.h>

enum { WN_CONFIRM_FINALISTS = 3 };

typedef struct wn_confirm {
    int problems;
    const int
        *finalists; /* [problems] how many each has, 1 to WN_CONFIRM_FINALISTS; 0 won the isolated race */
    int rounds;     /* at most; odd */
    double budget;  /* seconds by the monotonic clock; at least two rounds are made */
    /* Runs everything once, each problem with finalist `variant`, or with its first where it has not as many.
     * Writes the seconds that each problem took, over all places where it occurs. */
    void (*run)(void *context, int variant, double *seconds);
    const volatile sig_atomic_t *stop; /* not zero: end soon; NULL: never */
    void *context;
} wn_confirm;

/* Makes rounds of one run per variant in random order, after one that warms up. Writes for each problem the
 * finalist that is ahead by the median of paired ratios (the first, where another is ahead by no more than a
 * tie), and seconds[problem * WN_CONFIRM_FINALISTS + finalist], medians. Errors: MEMORY. */
wn_status wn_confirm_run(const wn_confirm *confirm, int *chosen, double *seconds);

#endif
