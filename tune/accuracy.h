/* Errors of candidates: a sample of the results computed again in f64 from the same operands. */
#ifndef WN_ACCURACY_H
#define WN_ACCURACY_H

#include "conv.h"

enum { WN_ACCURACY_SAMPLES = 256 };

/* Some elements of what a problem writes, and what they have to be. */
typedef struct wn_accuracy {
    int count;
    int64_t at[WN_ACCURACY_SAMPLES]; /* floats into the destination */
    double sum[WN_ACCURACY_SAMPLES]; /* exact, with the bias, before ReLU, without what was there */
    double before[WN_ACCURACY_SAMPLES];
    double scale; /* root of the mean square of the sums */
} wn_accuracy;

/* Chooses elements and computes them from the operands (dense strides), whose padded channels must be zero.
 * Takes at most about 10 million multiplications. */
void wn_accuracy_prepare(wn_accuracy *accuracy, const wn_problem *problem, const wn_conv_args *args);

/* Before a run: remembers what the destination holds. After it: the largest difference over the scale;
 * INFINITY when a result is no number. */
void wn_accuracy_before(wn_accuracy *accuracy, const wn_problem *problem, const wn_conv_args *args);
double wn_accuracy_error(const wn_accuracy *accuracy, const wn_problem *problem, const wn_conv_args *args);

/* Sets the lanes beyond the last channel to zero in all operands. */
void wn_accuracy_clear_padding(const wn_problem *problem, const wn_conv_args *args);

#endif
