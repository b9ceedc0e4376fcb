/* Reading the monotonic clock; through the vDSO, so without a system call on any usual clock source. */
#include "clock.h"
#include <time.h>

int64_t wn_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

double wn_seconds(void) {
    return (double)wn_nanoseconds() * 1e-9;
}

wn_clock_cost wn_clock_measure(void) {
    enum { RUNS = 31, READINGS = 1000 };
    double cost[RUNS];
    int64_t step = INT64_MAX;
    for (int run = 0; run < RUNS; run++) {
        int64_t begin = wn_nanoseconds(), last = begin;
        for (int i = 0; i < READINGS; i++) {
            int64_t now = wn_nanoseconds();
            if (now > last && now - last < step)
                step = now - last;
            last = now;
        }
        double once = (double)(last - begin) / READINGS;
        int place = run; /* insertion keeps the costs sorted */
        for (; place > 0 && cost[place - 1] > once; place--)
            cost[place] = cost[place - 1];
        cost[place] = once;
    }
    return (wn_clock_cost){cost[RUNS / 2], (double)step};
}
