/* Max pooling. The backward pass gathers: every input pixel looks at the windows that cover it, so each
 * gradient is written once and in one order. */
#include "ops_internal.h"
#include "vector_math.h"
#include <string.h>

/* Where the chosen taps of a block of channels lie, a byte or a whole number each; neither in evaluation. */
typedef struct tap_place {
    uint8_t *bytes;
    int32_t *wide;
} tap_place;

/* The place of element `at`. */
WN_INLINE tap_place taps_at(const wn_pool_args *args, long at) {
    return (tap_place){args->argmax ? args->argmax + at : NULL,
                       args->wide_argmax ? args->wide_argmax + at : NULL};
}

WN_INLINE void store_taps(tap_place to, const vi tap[WN_VECTORS]) {
    if (to.bytes)
        vi_store_block_bytes(to.bytes, tap);
    if (to.wide)
        __builtin_memcpy(to.wide, tap, WN_BLOCK * sizeof *to.wide);
}

WN_INLINE vi load_taps(tap_place from, int first) {
    vi tap;
    if (from.bytes)
        return vi_load_bytes(from.bytes + first);
    __builtin_memcpy(&tap, from.wide + first, sizeof tap);
    return tap;
}

/* Maximum of `rows` x `columns` existing pixels that start at x; taps count from first_tap, `kernel_width` to
 * a row. NaN wins over numbers and later NaN over earlier, as in PyTorch. */
WN_INLINE void max_window(const float *x, long row_floats, int rows, int columns, int first_tap,
                          int kernel_width, bool relu, float *y, tap_place taps) {
    const bool chosen = taps.bytes || taps.wide;
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
                if (chosen)
                    tap[v] = vi_select(better, vi_set1(first_tap + r * kernel_width + c), tap[v]);
            }
        }
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++)
        vf_store(y + v * WN_LANES, best[v]);
    if (chosen && relu)
#pragma GCC unroll 4
        for (int v = 0; v < WN_VECTORS; v++)
            tap[v] = vi_select((vi)(best[v] > vf_zero()), tap[v], vi_set1(WN_MAX_POOL_NONE));
    store_taps(taps, tap);
}

/* One row of outputs. Whole windows of the common sizes get their own unrolled code. */
WN_INLINE void max_row(const wn_pool_args *args, const float *x, int oh, float *y, tap_place taps) {
    wn_range rows = wn_window(oh, args->sh, args->ph, args->kh, args->x.height);
    long row_floats = (long)args->x.width * WN_BLOCK;
    for (int ow = 0; ow < args->y.width; ow++) {
        wn_range columns = wn_window(ow, args->sw, args->pw, args->kw, args->x.width);
        int height = rows.end - rows.begin, width = columns.end - columns.begin;
        int first_tap =
            (rows.begin - oh * args->sh + args->ph) * args->kw + columns.begin - ow * args->sw + args->pw;
        const float *first = x + rows.begin * row_floats + columns.begin * WN_BLOCK;
        if (height == 3 && width == 3)
            max_window(first, row_floats, 3, 3, first_tap, args->kw, args->relu, y, taps);
        else if (height == 2 && width == 2)
            max_window(first, row_floats, 2, 2, first_tap, args->kw, args->relu, y, taps);
        else
            max_window(first, row_floats, height, width, first_tap, args->kw, args->relu, y, taps);
        y += WN_BLOCK;
        if (taps.bytes)
            taps.bytes += WN_BLOCK;
        if (taps.wide)
            taps.wide += WN_BLOCK;
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
        const tap_place taps = taps_at(args, row * row_floats);
        if (taps.bytes)
            max_row(args, x, oh, y, (tap_place){.bytes = taps.bytes});
        else if (taps.wide)
            max_row(args, x, oh, y, (tap_place){.wide = taps.wide});
        else
            max_row(args, x, oh, y, (tap_place){NULL, NULL});
    }
}

/* Adds a window's gradient to the pixels of one row of it whose tap is the chosen one. */
WN_INLINE void add_to_chosen(const float *dy, tap_place taps, wn_range columns, int first_tap, float *row) {
    vf gradient[WN_VECTORS];
    vi chosen[WN_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++) {
        gradient[v] = vf_load(dy + v * WN_LANES);
        chosen[v] = load_taps(taps, v * WN_LANES);
    }
    for (int w = columns.begin; w < columns.end; w++)
#pragma GCC unroll 4
        for (int v = 0; v < WN_VECTORS; v++) {
            vi here = (vi)(chosen[v] == vi_set1(first_tap + w));
            vf_put(row + w * WN_BLOCK + v * WN_LANES, (vf)(here & (vi)gradient[v]), true);
        }
}

/* The taps of dy's plane begin at element `plane` of their place. */
static void backward_row(const wn_pool_args *args, const float *dy, long plane, int h, float *row) {
    wn_range rows = wn_windows_over(h, args->sh, args->ph, args->kh, args->dy.height);
    if (!args->accumulate)
        memset(row, 0, (size_t)args->dx.width * WN_BLOCK * sizeof *row);
    for (int oh = rows.begin; oh < rows.end; oh++)
        for (int ow = 0; ow < args->dy.width; ow++) {
            wn_range columns = wn_window(ow, args->sw, args->pw, args->kw, args->dx.width);
            int first_tap = (h + args->ph - oh * args->sh) * args->kw + args->pw - ow * args->sw;
            long at = ((long)oh * args->dy.width + ow) * WN_BLOCK;
            add_to_chosen(dy + at, taps_at(args, plane + at), columns, first_tap, row);
        }
}

void WN_TARGET_NAME(max_pool_backward)(const wn_pool_args *args, int tid, int nthreads) {
    long begin, end, blocks = wn_view_blocks(&args->dx);
    long row_floats = (long)args->dx.width * WN_BLOCK, plane_floats = wn_plane_pixels(&args->dy) * WN_BLOCK;
    wn_split(args->dx.images * blocks * args->dx.height, tid, nthreads, &begin, &end);
    for (long row = begin; row < end; row++) {
        long plane = row / args->dx.height;
        int h = (int)(row % args->dx.height);
        const float *dy = wn_view_plane(&args->dy, plane / blocks, plane % blocks);
        float *dx = wn_view_plane(&args->dx, plane / blocks, plane % blocks) + h * row_floats;
        backward_row(args, dy, plane * plane_floats, h, dx);
    }
}
