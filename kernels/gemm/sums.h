/* Small passes over memory that surround the register tiles. One table per ISA. */
#ifndef WN_SUMS_H
#define WN_SUMS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct wn_sums {
    /* sum[16] += sum of `rows` rows of 16 floats, `stride` floats apart, in order. */
    void (*rows)(const float *data, ptrdiff_t rows, ptrdiff_t stride, float sum[16]);
    /* out (+)= parts[0] + parts[1] + ..., `count` floats each (a multiple of 16), `distance` floats apart,
     * added in order. */
    void (*arrays)(const float *parts, int number, ptrdiff_t distance, float *out, ptrdiff_t count,
                   bool accumulate);
    /* out[j][i] = in[i][j] for a 16 x 16 block of contiguous floats. */
    void (*transpose)(const float *in, float *out);
} wn_sums;

/* Asks for the lines of a 16 x 16 block. */
static inline void wn_sums_fetch(const float *block) {
    for (int row = 0; row < 16; row++)
        __builtin_prefetch(block + row * 16);
}

#endif
