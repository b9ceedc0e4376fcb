/* The inner loops of `depthwise`: 16 lanes are 16 channels, nothing is summed across them. One table per ISA;
 * which pixels have which taps is the business of depthwise.c. */
#ifndef WN_DEPTHWISE_KERNELS_H
#define WN_DEPTHWISE_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/* One tap: what it adds to a pixel's place on the input, and where its 16 weights (or their sums) start, both
 * in floats. */
typedef struct wn_depthwise_tap {
    int64_t in, weights;
} wn_depthwise_tap;

/* A rectangle of output pixels that all have the same taps, of one block of one image. */
typedef struct wn_depthwise_rectangle {
    const float *in; /* what the first pixel reads, without its taps */
    float *out;      /* the first pixel; the sums of gradients read it */
    int lines, pixels;
    int64_t in_line, in_pixel, out_line, out_pixel; /* floats */
    const wn_depthwise_tap *taps;
    int count;
} wn_depthwise_rectangle;

typedef struct wn_depthwise {
    int pixels; /* most pixels of a register tile */
    /* out = bias + sum over taps of in * weights; bias may be NULL. The sum is added to out before the ReLU
     * where it accumulates; otherwise out is not read. */
    void (*gather)(const wn_depthwise_rectangle *at, const float *weights, const float *bias, bool accumulate,
                   bool relu);
    /* sums[tap] += sum over pixels of in * out, and bias (may be NULL) += sum of out; 16 floats each. The
     * sums of a rectangle begin at zero and are added at its end. */
    void (*sum)(const wn_depthwise_rectangle *at, float *sums, float *bias);
} wn_depthwise;

#endif
