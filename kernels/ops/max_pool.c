/* Max pooling. The backward pass gathers: every input pixel looks at the windows that cover it, so each
 * gradient is written once and in one order. */
#include "ops_internal.h"
#include "vector_math.h"

/* Maximum of `rows` x `columns` existing pixels that start at x; taps count from first_tap, `kernel_width` to
 * a row. NaN wins over numbers and later NaN over earlier, as in PyTorch. */
WN_INLINE void max_window(const float *x, long row_floats, int rows, int columns, int first_tap,
                          int kernel_width, float *y, uint8_t *argmax) {
    vf best[WN_VECTORS];
    vi tap[WN_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++) {
        best[v] = vf_set1(-INFINITY);
        tap[v] = vi_set1(first_tap);
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) {
            const float *pixel = x + r * row_floats + c * WN_BLOCK;
#pragma GCC unroll 4
            for (int v = 0; v < WN_VECTORS; v++) {
                vf value = vf_load(pixel + v * WN_LANES);
                vi better = (vi)(value > best[v]) | (vi)(value != value);
                best[v] = vf_select(better, value, best[v]);
                if (argmax)
                    tap[v] = vi_select(better, vi_set1(first_tap + r * kernel_width + c), tap[v]);
            }
        }
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++) {
        vf_store(y + v * WN_LANES, best[v]);
        if (argmax)
            vi_store_bytes(argmax + v * WN_LANES, tap[v]);
    }
}

/* One row of outputs. Whole windows of the common sizes get their own unrolled code. */
WN_INLINE void max_row(const wn_pool_args *args, const float *x, int oh, float *y, uint8_t *argmax) {
    wn_range rows = wn_window(oh, args->sh, args->ph, args->kh, args->x.height);
    long row_floats = (long)args->x.width * WN_BLOCK;
    for (int ow = 0; ow < args->y.width; ow++) {
        wn_range columns = wn_window(ow, args->sw, args->pw, args->kw, args->x.width);
        int height = rows.end - rows.begin, width = columns.end - columns.begin;
        int first_tap =
            (rows.begin - oh * args->sh + args->ph) * args->kw + columns.begin - ow * args->sw + args->pw;
        const float *first = x + rows.begin * row_floats + columns.begin * WN_BLOCK;
        if (height == 3 && width == 3)
            max_window(first, row_floats, 3, 3, first_tap, args->kw, y, argmax);
        else if (height == 2 && width == 2)
            max_window(first, row_floats, 2, 2, first_tap, args->kw, y, argmax);
        else
            max_window(first, row_floats, height, width, first_tap, args->kw, y, argmax);
        y += WN_BLOCK;
        if (argmax)
            argmax += WN_BLOCK;
    }
}

void WN_TARGET_NAME(max_pool_forward)(const wn_pool_args *args, int tid, int nthreads) {
    long begin, end, blocks = wn_view_blocks(&args->x), row_floats = (long)args->y.width * WN_BLOCK;
    wn_split(args->x.images * blocks * args->y.height, tid, nthreads, &begin, &end);
    for (long row = begin; row < end; row++) {
        long plane = row / args->y.height;
        int oh = (int)(row % args->y.height);
        const float *x = wn_view_plane(&args->x, plane / blocks, plane % blocks);
        float *y = wn_view_plane(&args->y, plane / blocks, plane % blocks) + oh * row_floats;
        if (args->argmax)
            max_row(args, x, oh, y, args->argmax + row * row_floats);
        else
            max_row(args, x, oh, y, NULL);
    }
}

/* Gradient of the pixel (h, w): that of every window whose maximum it was. */
WN_INLINE void gather_pixel(const wn_pool_args *args, const float *dy, const uint8_t *argmax, int h,
                            wn_range rows, int w, float *dx) {
    wn_range columns = wn_windows_over(w, args->sw, args->pw, args->kw, args->dy.width);
    vf sum[WN_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++)
        sum[v] = vf_zero();
    for (int oh = rows.begin; oh < rows.end; oh++)
        for (int ow = columns.begin; ow < columns.end; ow++) {
            int tap = (h + args->ph - oh * args->sh) * args->kw + w + args->pw - ow * args->sw;
            long at = ((long)oh * args->dy.width + ow) * WN_BLOCK;
#pragma GCC unroll 4
            for (int v = 0; v < WN_VECTORS; v++) {
                vi chosen = (vi)(vi_load_bytes(argmax + at + v * WN_LANES) == vi_set1(tap));
                sum[v] += (vf)(chosen & (vi)vf_load(dy + at + v * WN_LANES));
            }
        }
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++)
        vf_put(dx + v * WN_LANES, sum[v], args->accumulate);
}

void WN_TARGET_NAME(max_pool_backward)(const wn_pool_args *args, int tid, int nthreads) {
    long begin, end, blocks = wn_view_blocks(&args->dx);
    long row_floats = (long)args->dx.width * WN_BLOCK, argmax_floats = wn_plane_pixels(&args->dy) * WN_BLOCK;
    wn_split(args->dx.images * blocks * args->dx.height, tid, nthreads, &begin, &end);
    for (long row = begin; row < end; row++) {
        long plane = row / args->dx.height;
        int h = (int)(row % args->dx.height);
        const float *dy = wn_view_plane(&args->dy, plane / blocks, plane % blocks);
        const uint8_t *argmax = args->argmax + plane * argmax_floats;
        float *dx = wn_view_plane(&args->dx, plane / blocks, plane % blocks) + h * row_floats;
        wn_range rows = wn_windows_over(h, args->sh, args->ph, args->kh, args->dy.height);
        for (int w = 0; w < args->dx.width; w++)
            gather_pixel(args, dy, argmax, h, rows, w, dx + w * WN_BLOCK);
    }
}
