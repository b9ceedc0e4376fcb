/* Average pooling, global and adaptive average pooling included. A window is divided by its area within the
 * padded input, or by the part of it that exists. The backward pass goes by rows of the input, see
 * max_pool.c. */
#include "ops_internal.h"
#include "vector_math.h"
#include <string.h>

/* Windows along one axis: what they are of the kernel, and `count` of them over `size` pixels. */
typedef struct axis {
    int kernel, stride, pad, size, count;
    bool adaptive, exclude_pad;
} axis;

static inline axis vertical(const wn_pool_args *args, int size, int count) {
    return (axis){args->kh, args->sh, args->ph, size, count, args->adaptive, args->exclude_pad};
}

static inline axis horizontal(const wn_pool_args *args, int size, int count) {
    return (axis){args->kw, args->sw, args->pw, size, count, args->adaptive, args->exclude_pad};
}

/* The existing pixels of window o. */
static inline wn_range pixels_of(axis a, int o) {
    if (a.adaptive)
        return (wn_range){(int)((long)o * a.size / a.count),
                          (int)(((o + 1L) * a.size + a.count - 1) / a.count)};
    return wn_window(o, a.stride, a.pad, a.kernel, a.size);
}

/* The windows that cover pixel i. */
static inline wn_range windows_over(axis a, int i) {
    if (a.adaptive)
        return (wn_range){(int)((long)i * a.count / a.size),
                          (int)(((i + 1L) * a.count + a.size - 1) / a.size)};
    return wn_windows_over(i, a.stride, a.pad, a.kernel, a.count);
}

/* What the sum over window o is divided by along this axis: its extent, clipped to the padded input
 * or to the input itself. */
static inline int extent_of(axis a, int o) {
    if (a.adaptive || a.exclude_pad)
        return pixels_of(a, o).end - pixels_of(a, o).begin;
    int begin = o * a.stride - a.pad, end = begin + a.kernel;
    return (end < a.size + a.pad ? end : a.size + a.pad) - begin;
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
    const axis down = vertical(args, args->x.height, args->y.height);
    const axis across = horizontal(args, args->x.width, args->y.width);
    wn_split(args->x.images * blocks * args->y.height, tid, nthreads, &begin, &end);
    for (long row = begin; row < end; row++) {
        long plane = row / args->y.height;
        int oh = (int)(row % args->y.height);
        const float *x = wn_view_plane(&args->x, plane / blocks, plane % blocks);
        float *y =
            wn_view_plane(&args->y, plane / blocks, plane % blocks) + (long)oh * args->y.width * WN_BLOCK;
        wn_range rows = pixels_of(down, oh);
        int height = extent_of(down, oh);
        for (int ow = 0; ow < args->y.width; ow++) {
            wn_range columns = pixels_of(across, ow);
            int width = extent_of(across, ow);
            average_window(x + rows.begin * row_floats + columns.begin * WN_BLOCK, row_floats,
                           rows.end - rows.begin, columns.end - columns.begin, (float)(height * width),
                           y + ow * WN_BLOCK);
        }
    }
}

/* Adds to the pixels of one row the gradient over the area of every window that covers them. */
static void backward_row(const wn_pool_args *args, const float *dy, int h, float *row) {
    const axis down = vertical(args, args->dx.height, args->dy.height);
    const axis across = horizontal(args, args->dx.width, args->dy.width);
    wn_range rows = windows_over(down, h);
    if (!args->accumulate)
        memset(row, 0, (size_t)args->dx.width * WN_BLOCK * sizeof *row);
    for (int oh = rows.begin; oh < rows.end; oh++) {
        int height = extent_of(down, oh);
        for (int ow = 0; ow < args->dy.width; ow++) {
            int width = extent_of(across, ow);
            wn_range columns = pixels_of(across, ow);
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
