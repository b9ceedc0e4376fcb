/* Timing plans of one problem under one set of conditions: operands taken in turn from a pool of buffers
 * larger than the caches, random data in every page, workspaces and states made beforehand. */
#ifndef WN_TUNE_MEASURE_H
#define WN_TUNE_MEASURE_H

#include "conv.h"
#include "pool.h"

typedef struct wn_measure wn_measure;

/* Makes the operands of a problem. The pool and the problem must outlive it; it belongs to the pool's thread.
 * Errors: what wn_problem_check says, MEMORY. */
wn_status wn_measure_create(wn_pool *pool, const wn_problem *problem, wn_measure **measure);

/* What the caches do not hold when a run begins. */
typedef enum wn_cold {
    WN_COLD_ALL,     /* operands come from memory, as in a network too large for the caches */
    WN_COLD_WEIGHTS, /* weights come from memory, activations are where the run before left them */
    WN_COLD_NONE,    /* every run has the same operands */
    WN_COLD_COUNT
} wn_cold;

/* "all", "weights", "none", NULL. */
extern const char *const wn_cold_names[WN_COLD_COUNT + 1];

/* The same under other conditions than WN_COLD_ALL. */
wn_status wn_measure_create_cold(wn_pool *pool, const wn_problem *problem, wn_cold cold,
                                 wn_measure **measure);

/* Operands of a peer, whose layouts and sizes are its own. */
typedef struct wn_measure_peer {
    int64_t src, weights, bias, dst; /* floats, each a multiple of 16 */
} wn_measure_peer;

/* The same for plans of a peer that brings its own threads: the clock runs from its start to its end, without
 * parking and waking the pool. Errors: MEMORY. */
wn_status wn_measure_create_peer(wn_pool *pool, const wn_measure_peer *peer, wn_measure **measure);

void wn_measure_destroy(wn_measure *measure); /* NULL is fine */

/* Prepares a plan of the problem (dense strides): keeps a copy, its state and its workspace. *index numbers
 * the plans from 0. Errors: what the implementation's open says, MEMORY. */
wn_status wn_measure_add(wn_measure *measure, const wn_conv_plan *plan, int *index);

/* Makes room at once for what the plans to be added will need at most; else it is made anew, and filled, for
 * each that needs more. Errors: MEMORY. */
wn_status wn_measure_reserve(wn_measure *measure, size_t workspace_bytes, size_t prepared_bytes);

/* Calls visit, untimed, with every set of operands that runs of a plan will get. */
void wn_measure_visit(wn_measure *measure, int index,
                      void (*visit)(const wn_conv_plan *plan, void *state, const wn_conv_args *args));

/* Runs a plan of our layouts once to warm up and compares a sample of its results with sums in f64:
 * wn_accuracy_error, NAN without memory for it. *seconds is what the run took. */
double wn_measure_error(wn_measure *measure, int index, double *seconds);

/* Seconds of one run of a plan, from barrier to barrier as within a tape. Short runs are repeated, each time
 * with other buffers, and averaged. The first call of a plan decides how often. */
double wn_measure_run(wn_measure *measure, int index);

/* How often the next wn_measure_run of a plan runs it; 0 before its first. */
int wn_measure_repeats(const wn_measure *measure, int index);

#endif
