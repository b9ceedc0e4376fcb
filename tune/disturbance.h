/* Whether something else had the machine: stolen time, threads that waited for a CPU, a clock that changed.
 */
#ifndef WN_DISTURBANCE_H
#define WN_DISTURBANCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct wn_disturbance {
    int stat;            /* /proc/stat, -1 where it cannot be read */
    int64_t nanoseconds; /* when it was last asked */
    int64_t waited; /* nanoseconds for a CPU, of all threads of this process; -1 where nobody counts them */
    long switches;  /* involuntary, of the same: tell less, and count only where times are not known */
    uint64_t steal; /* ticks that the hypervisor gave to others, of all CPUs */
    double calibration; /* seconds of the calibration loop at its fastest */
} wn_disturbance;

void wn_disturbance_open(wn_disturbance *watch);
void wn_disturbance_close(wn_disturbance *watch);

/* Whether the machine was taken away since this was last asked. Takes some 100 microseconds. */
bool wn_disturbance_seen(wn_disturbance *watch);

#endif
