/* Running a tape with clocks inside its steps. The clocks cost time: what a step takes is asked of
 * wn_tape_run_timed, in runs of its own. */
#ifndef WN_RECORDED_H
#define WN_RECORDED_H

#include "part_clock.h"
#include <winnow/model.h>

/* Runs like wn_tape_run and appends to each thread's clock what it did, span after span without gaps, from a
 * barrier ahead of the first step on; every phase of a step ends with a span of waiting. clocks[threads] are
 * the caller's; how many spans a run adds depends on the tape alone. */
void wn_tape_run_recorded(wn_tape *tape, wn_part_clock *clocks);

#endif
