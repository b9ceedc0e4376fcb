/* How fast arithmetic can be: slices of the FMA loop. */
#include "peak.h"
#include "clock.h"
#include "loops.h"
#include "slices.h"
#include <math.h>
#include <stdlib.h>

enum { MIN_SLICES = 3 };

static double slice(wn_pool *pool, wn_task task, void *context) {
    double start = wn_seconds();
    wn_pool_run(pool, task, context);
    return wn_seconds() - start;
}

static double fastest(wn_pool *pool, wn_task task, void *context, double seconds) {
    double end = wn_seconds() + seconds, best = slice(pool, task, context);
    for (int taken = 1; taken < MIN_SLICES || wn_seconds() < end; taken++)
        best = fmin(best, slice(pool, task, context));
    return best;
}

double wn_fastest_slice(wn_pool *pool, wn_task task, void *context, long *work, double seconds) {
    double time;
    while (slice(pool, task, context) < wn_slice_seconds)
        *work *= 2;
    /* Slices that were interrupted while the length was sought look longer than they are. */
    while ((time = fastest(pool, task, context, seconds)) < wn_slice_seconds / 2)
        *work *= 2;
    return time;
}

typedef struct fma_work {
    const wn_loops *loops;
    long iterations;
} fma_work;

static void fma_task(void *context, int tid, int nthreads) {
    (void)tid, (void)nthreads;
    const fma_work *work = context;
    volatile float sink = work->loops->fma(work->iterations);
    (void)sink;
}

double wn_peak_flops(wn_pool *pool, wn_isa isa, double seconds) {
    fma_work work = {.loops = wn_loops_of(isa), .iterations = 2000};
    double time = wn_fastest_slice(pool, fma_task, &work, &work.iterations, seconds);
    double flops_per_thread = 2.0 * WN_FMA_CHAINS * work.loops->lanes * (double)work.iterations;
    return flops_per_thread * wn_pool_threads(pool) / time;
}

enum { EMPTY_RUNS = 301 };

typedef struct empty_runs {
    wn_pool *pool;
    int64_t nanoseconds[EMPTY_RUNS];
} empty_runs;

static void empty_task(void *context, int tid, int nthreads) {
    (void)nthreads;
    empty_runs *runs = context;
    for (int i = 0; i < EMPTY_RUNS; i++) {
        wn_pool_barrier(runs->pool, tid);
        int64_t begin = wn_nanoseconds();
        wn_pool_barrier(runs->pool, tid);
        if (tid == 0)
            runs->nanoseconds[i] = wn_nanoseconds() - begin;
    }
}

static int by_size(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

double wn_empty_run(wn_pool *pool) {
    empty_runs runs = {.pool = pool};
    wn_pool_run(pool, empty_task, &runs);
    qsort(runs.nanoseconds, EMPTY_RUNS, sizeof *runs.nanoseconds, by_size);
    return (double)runs.nanoseconds[EMPTY_RUNS / 2] * 1e-9;
}
