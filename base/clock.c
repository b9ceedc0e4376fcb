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
