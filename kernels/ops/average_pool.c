/* Average pooling, global average pooling included. A window is divided by its area within the padded input,
 * as PyTorch does with count_include_pad. The backward pass gathers, see max_pool.c. */
#include "ops_internal.h"
#include "vector_math.h"

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

/* Gradient of one pixel: the sum over the windows that cover it of their gradient over their area. */
WN_INLINE void gather_pixel(const wn_pool_args *args, const float *dy, wn_range rows, int w, float *dx) {
    wn_range columns = wn_windows_over(w, args->sw, args->pw, args->kw, args->dy.width);
    vf sum[WN_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++)
        sum[v] = vf_zero();
    for (int oh = rows.begin; oh < rows.end; oh++) {
        int height = padded_extent(oh, args->sh, args->ph, args->kh, args->dx.height);
        for (int ow = columns.begin; ow < columns.end; ow++) {
            int width = padded_extent(ow, args->sw, args->pw, args->kw, args->dx.width);
            vf share = vf_set1(1.0f / (float)(height * width));
            const float *window = dy + ((long)oh * args->dy.width + ow) * WN_BLOCK;
#pragma GCC unroll 4
            for (int v = 0; v < WN_VECTORS; v++)
                sum[v] = vf_fma(vf_load(window + v * WN_LANES), share, sum[v]);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++)
        vf_put(dx + v * WN_LANES, sum[v], args->accumulate);
}

void WN_TARGET_NAME(average_pool_backward)(const wn_pool_args *args, int tid, int nthreads) {
    long begin, end, blocks = wn_view_blocks(&args->dx), row_floats = (long)args->dx.width * WN_BLOCK;
    wn_split(args->dx.images * blocks * args->dx.height, tid, nthreads, &begin, &end);
    for (long row = begin; row < end; row++) {
        long plane = row / args->dx.height;
        int h = (int)(row % args->dx.height);
        const float *dy = wn_view_plane(&args->dy, plane / blocks, plane % blocks);
        float *dx = wn_view_plane(&args->dx, plane / blocks, plane % blocks) + h * row_floats;
        wn_range rows = wn_windows_over(h, args->sh, args->ph, args->kh, args->dy.height);
        for (int w = 0; w < args->dx.width; w++)
            gather_pixel(args, dy, rows, w, dx + w * WN_BLOCK);
    }
}
