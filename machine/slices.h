/* Timing one task in slices. */
#ifndef WN_SLICES_H
#define WN_SLICES_H

#include "pool.h"

/* Long enough for waking threads not to show, short enough to fall between the neighbours' bursts. */
static const double wn_slice_seconds = 2e-3;

/* Runs the task again and again for about `seconds`, at least three times; seconds of the fastest. *work is
 * doubled first until a slice is long enough. */
double wn_fastest_slice(wn_pool *pool, wn_task task, void *context, long *work, double seconds);

#endif
