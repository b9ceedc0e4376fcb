/* The monotonic clock, read without entering the kernel. */
#ifndef WN_CLOCK_H
#define WN_CLOCK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary fixed point (CLOCK_MONOTONIC). */
int64_t wn_nanoseconds(void);

/* The same in seconds. */
double wn_seconds(void);

/* What the clock itself does to a measurement, measured now. */
typedef struct wn_clock_cost {
    double read_nanoseconds; /* one reading: median over runs of many */
    double step_nanoseconds; /* the smallest difference seen between two readings */
} wn_clock_cost;
wn_clock_cost wn_clock_measure(void);

#endif
