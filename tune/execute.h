/* Running a plan on the pool, the one way that tapes, the tuner and the benchmarks share. */
#ifndef WN_EXECUTE_H
#define WN_EXECUTE_H

#include "conv.h"
#include "pool.h"

/* Inside a pool's task, called by all its threads: runs a plan once, phase by phase, with a barrier after
 * each; when it returns the results are visible to every thread. Implementations that bring their own threads
 * run while the pool sleeps. state is what impl->open made. Allocates nothing. */
void wn_conv_execute(wn_pool *pool, const wn_conv_plan *plan, void *state, const wn_conv_args *args, int tid,
                     int nthreads);

#endif
