/* The loops behind measured limits, one set per ISA: arithmetic without memory, and memory with next to no
 * arithmetic. How they are timed is said in peak.c and bandwidth.c. */
#ifndef WN_LOOPS_H
#define WN_LOOPS_H

#include <winnow/machine.h>

enum {
    WN_FMA_CHAINS = 12,   /* independent accumulators: covers 2 units x 4 cycles, and 4 x 3 of mul and add */
    WN_READ_FLOATS = 128, /* a read loop takes so many at a time, whatever the ISA */
};

typedef struct wn_loops {
    int lanes;
    /* 2 * WN_FMA_CHAINS * lanes FLOP an iteration; the result only keeps the work alive */
    float (*fma)(long iterations);
    /* sums a[0..count), count a multiple of WN_READ_FLOATS */
    float (*read)(const float *a, long count);
    /* a = b + s c over count elements, a multiple of 16. Ordinary stores: what kernels write is read again.
     */
    void (*triad)(float *a, const float *b, const float *c, long count);
} wn_loops;

/* Those of an ISA that this CPU has (portable: SSE2, multiply and add). Arrays are aligned to 64 bytes. */
const wn_loops *wn_loops_of(wn_isa isa);

#endif
