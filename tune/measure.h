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
void wn_measure_destroy(wn_measure *measure); /* NULL is fine */

/* Prepares a plan of the problem (dense strides): keeps a copy, its state and its workspace. *index numbers
 * the plans from 0. Errors: what the implementation's open says, MEMORY. */
wn_status wn_measure_add(wn_measure *measure, const wn_conv_plan *plan, int *index);

/* Seconds of one run of a plan, from barrier to barrier as within a tape. Short runs are repeated, each time
 * with other buffers, and averaged. The first call of a plan decides how often. */
double wn_measure_run(wn_measure *measure, int index);

#endif
