/* What a plan should cost, without running it: arithmetic, memory traffic and caches against the machine's
 * measured peaks. Ranks candidates where there is no time to measure; its times are no predictions. */
#ifndef WN_TUNE_MODEL_H
#define WN_TUNE_MODEL_H

#include "conv.h"
#include "pool.h"

typedef struct wn_peaks {
    double flops, bandwidth; /* per second, all threads of a pool; counted in whole steps of sqrt(2), so that
                                picks do not change from run to run */
    long cache;              /* bytes of the last-level cache */
} wn_peaks;

/* Measures them in about 0.1 s. The pool's thread calls it. */
wn_peaks wn_peaks_measure(wn_pool *pool, wn_isa isa);

/* A typical core's, for callers without a pool. */
wn_peaks wn_peaks_typical(int threads);

/* Seconds of the best of our own implementations with their defaults: how long problems are beside each
 * other. INFINITY where none runs it. */
double wn_model_shortest(const wn_peaks *peaks, const wn_problem *problem, wn_isa isa, int threads);

/* Seconds. Knows the implementations by name; one that it does not know counts as the direct method. */
double wn_model_estimate(const wn_peaks *peaks, const wn_conv_plan *plan);

#endif
