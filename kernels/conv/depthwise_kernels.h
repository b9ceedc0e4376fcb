/* The inner loops of `depthwise`: 16 lanes are 16 channels, nothing is summed across them. One table per ISA;
 * which pixels have which taps is the business of depthwise.c. */
#ifndef WN_DEPTHWISE_KERNELS_H
#define WN_DEPTHWISE_KERNELS_H

#include "conv/rectangles.h"

typedef struct wn_depthwise {
    int pixels; /* most pixels of a register tile */
    /* out = bias + sum over taps of in * weights; bias may be NULL. The sum is added to out before the ReLU
     * where it accumulates; otherwise out is not read. */
    void (*gather)(const wn_rectangle *at, const float *weights, const float *bias, bool accumulate,
                   bool relu);
    /* sums[tap] += sum over pixels of in * out, and bias (may be NULL) += sum of out; 16 floats each. The
     * sums of a rectangle begin at zero and are added at its end. */
    void (*sum)(const wn_rectangle *at, float *sums, float *bias);
} wn_depthwise;

#endif
