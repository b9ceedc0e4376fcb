/* The monotonic clock, read without entering the kernel. */
#ifndef WN_CLOCK_H
#define WN_CLOCK_H

#include <stdint.h>

/* Nanoseconds since an arbitrary fixed point (CLOCK_MONOTONIC). */
int64_t wn_nanoseconds(void);

/* The same in seconds. */
double wn_seconds(void);

#endif
