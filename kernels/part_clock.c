/* Recording spans. Kept out of line, so that kernels carry a branch and a call and nothing else. */
#include "part_clock.h"
#include "clock.h"

const char *const wn_part_names[WN_PARTS] = {"weights", "input", "multiply", "output",
                                             "sum",     "whole", "wait"};

void wn_part_record(wn_part_clock *clock, wn_part part) {
    int64_t now = wn_nanoseconds();
    if (clock->count < clock->room)
        clock->spans[clock->count] = (wn_part_span){clock->step, clock->phase, part, clock->last, now};
    clock->count++;
    clock->last = now;
}
