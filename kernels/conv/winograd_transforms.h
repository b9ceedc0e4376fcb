/* The transforms around Winograd's multiplications, one tile and one block of 16 channels at a time: the
 * contract and the table of sizes. One table per ISA, in winograd_transforms.c; the passes that call them
 * are in winograd_gather.c and winograd_weights.c.
 *
 * F(m x m, r x r) computes m x m outputs from a patch of n x n inputs, n = m + r - 1, with one product per
 * element of the patch: Y = A^T [(G g G^T) . (B^T d B)] A. What is multiplied ("elements") lies n^2 apart:
 * element (i, j) of a block starts at (i n + j) * `element` floats. */
#ifndef WN_WINOGRAD_TRANSFORMS_H
#define WN_WINOGRAD_TRANSFORMS_H

#include <stdbool.h>
#include <stddef.h>

enum { WN_WINOGRAD_MAX_PATCH = 8, WN_WINOGRAD_SIZES = 5 };

/* Pixels of one block that a transform reads; those outside the ranges count as zero. */
typedef struct wn_winograd_patch {
    const float *data; /* pixel (row_begin, column_begin) */
    ptrdiff_t row;     /* floats between rows */
    int row_begin, row_end, column_begin, column_end;
} wn_winograd_patch;

/* Pixels of one block that a transform writes: the first rows and columns of the tile. */
typedef struct wn_winograd_result {
    float *data;
    ptrdiff_t row; /* floats between rows */
    int rows, columns;
    const float *bias; /* [16], or NULL */
    bool accumulate;   /* add to what is there; nothing is read otherwise */
    bool relu;
    ptrdiff_t mask; /* floats from a pixel to a value: the pixel is 0 where that is not positive; 0: none */
    bool stream;    /* write past the caches where a vector is a whole line; the caller fences */
} wn_winograd_result;

typedef struct wn_winograd_transforms {
    int tile, kernel; /* m and r */
    /* B^T d B of an n x n patch. */
    void (*source)(const wn_winograd_patch *patch, float *elements, ptrdiff_t element);
    /* G g G^T of weights [r][r][16][16]; every element is [16][16]. */
    void (*weights)(const float *weights, float *elements, ptrdiff_t element);
    /* A^T M A and the epilogue. */
    void (*result)(const float *elements, ptrdiff_t element, const wn_winograd_result *result);
    /* A y A^T of an m x m patch: the adjoint of `result`. */
    void (*gradient)(const wn_winograd_patch *patch, float *elements, ptrdiff_t element);
    /* G^T U G: the adjoint of `weights`. */
    void (*weights_gradient)(const float *elements, ptrdiff_t element, float *weights, bool accumulate);
} wn_winograd_transforms;

#endif
