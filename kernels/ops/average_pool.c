/* Average pooling, global average pooling included. A window is divided by its area within the padded input,
 * as PyTorch does with count_include_pad. The backward pass goes by rows of the input, see
 * max_pool.c. */
#include "ops_internal.h"
#include "vector_math.h"
#include <string.h>

/* Extent of window `o` along one axis, clipped to the padded input. */
static inline int padded_extent(int o, int stride, int pad, int kernel, int size) {
    int begin = o * stride - pad, end = begin + kernel;
    return (end < size + pad ? end : size + pad) - begin;
}

/* Mean of a window: rows are summed apart and then together, which keeps the rounding of large (global)
 * windows small. */
WN_INLINE void average_window(const float *x, long row_floats, int rows, int columns, float area, float *y) {
    vf total[WN_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++)
        total[v] = vf_zero();
    for (int r = 0; r < rows; r++, x += row_floats) {
        vf sum[WN_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < WN_VECTORS; v++)
            sum[v] = vf_zero();
        for (int c = 0; c < columns; c++)
#pragma GCC unroll 4
            for (int v = 0; v < WN_VECTORS; v++)
                sum[v] += vf_load(x + c * WN_BLOCK + v * WN_LANES);
#pragma GCC unroll 4
        for (int v = 0; v < WN_VECTORS; v++)
            total[v] += sum[v];
    }
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++)
        vf_store(y + v * WN_LANES, total[v] / vf_set1(area));
}

void WN_TARGET_NAME(average_pool_forward)(const wn_pool_args *args, int tid, int nthreads) {
    long begin, end, blocks = wn_view_blocks(&args->x), row_floats = (long)args->x.width * WN_BLOCK;
    wn_split(args->x.images * blocks * args->y.height, tid, nthreads, &begin, &end);
    for (long row = begin; row < end; row++) {
        long plane = row / args->y.height;
        int oh = (int)(row % args->y.height);
        const float *x = wn_view_plane(&args->x, plane / blocks, plane % blocks);
        float *y =
            wn_view_plane(&args->y, plane / blocks, plane % blocks) + (long)oh * args->y.width * WN_BLOCK;
        wn_range rows = wn_window(oh, args->sh, args->ph, args->kh, args->x.height);
        int height = padded_extent(oh, args->sh, args->ph, args->kh, args->x.height);
        for (int ow = 0; ow < args->y.width; ow++) {
            wn_range columns = wn_window(ow, args->sw, args->pw, args->kw, args->x.width);
            int width = padded_extent(ow, args->sw, args->pw, args->kw, args->x.width);
            average_window(x + rows.begin * row_floats + columns.begin * WN_BLOCK, row_floats,
                           rows.end - rows.begin, columns.end - columns.begin, (float)(height * width),
                           y + ow * WN_BLOCK);
        }
    }
}

/* Adds to the pixels of one row the gradient over the area of every window that covers them. */
static void backward_row(const wn_pool_args *args, const float *dy, int h, float *row) {
    wn_range rows = wn_windows_over(h, args->sh, args->ph, args->kh, args->dy.height);
    if (!args->accumulate)
        memset(row, 0, (size_t)args->dx.width * WN_BLOCK * sizeof *row);
    for (int oh = rows.begin; oh < rows.end; oh++) {
        int height = padded_extent(oh, args->sh, args->ph, args->kh, args->dx.height);
        for (int ow = 0; ow < args->dy.width; ow++) {
            int width = padded_extent(ow, args->sw, args->pw, args->kw, args->dx.width);
            wn_range columns = wn_window(ow, args->sw, args->pw, args->kw, args->dx.width);
            vf part = vf_set1(1.0f / (float)(height * width)), gradient[WN_VECTORS];
            const float *window = dy + ((long)oh * args->dy.width + ow) * WN_BLOCK;
#pragma GCC unroll 4
            for (int v = 0; v < WN_VECTORS; v++)
                gradient[v] = vf_load(window + v * WN_LANES) * part;
            for (int w = columns.begin; w < columns.end; w++)
#pragma GCC unroll 4
                for (int v = 0; v < WN_VECTORS; v++)
                    vf_put(row + w * WN_BLOCK + v * WN_LANES, gradient[v], true);
        }
    }
}

void WN_TARGET_NAME(average_pool_backward)(const wn_pool_args *args, int tid, int nthreads) {
    long begin, end, blocks = wn_view_blocks(&args->dx), row_floats = (long)args->dx.width * WN_BLOCK;
    wn_split(args->dx.images * blocks * args->dx.height, tid, nthreads, &begin, &end);
    for (long row = begin; row < end; row++) {
        long plane = row / args->dx.height;
        int h = (int)(row % args->dx.height);
        const float *dy = wn_view_plane(&args->dy, plane / blocks, plane % blocks);
        float *dx = wn_view_plane(&args->dx, plane / blocks, plane % blocks) + h * row_floats;
        backward_row(args, dy, h, dx);
    }
}
