/* Padding a map with its own pixels: reflected, replicated at the edge, or from the other side. Zeros need no
 * step, convolutions know them. A pixel is copied whole: a block of channels, or one value of a plain map. */
#include "ops_internal.h"
#include "vector_math.h"
#include <string.h>

/* The pixel that stands at i, counted from the input's first one, along an axis of `size` pixels. */
static inline int source(wn_padding mode, int i, int size) {
    if (i >= 0 && i < size)
        return i;
    switch (mode) {
    case WN_PADDING_REFLECT:
        return i < 0 ? -i : 2 * (size - 1) - i;
    case WN_PADDING_CIRCULAR:
        return i < 0 ? i + size : i - size;
    default:
        return i < 0 ? 0 : size - 1;
    }
}

WN_INLINE void pad_row(const wn_pad_args *args, const float *x, float *y, long pixel) {
    int width = args->x.width, left = args->pad_width, right = left + width;
    for (int w = 0; w < left; w++)
        memcpy(y + w * pixel, x + source(args->mode, w - left, width) * pixel, (size_t)pixel * sizeof *y);
    memcpy(y + left * pixel, x, (size_t)(width * pixel) * sizeof *y);
    for (int w = right; w < args->y.width; w++)
        memcpy(y + w * pixel, x + source(args->mode, w - left, width) * pixel, (size_t)pixel * sizeof *y);
}

void WN_TARGET_NAME(pad_forward)(const wn_pad_args *args, int tid, int nthreads) {
    const long pixel = args->plain ? 1 : WN_BLOCK;
    const long planes = args->plain ? args->x.channels : wn_view_blocks(&args->x);
    const long from = wn_plane_pixels(&args->x) * pixel, to = wn_plane_pixels(&args->y) * pixel;
    const int height = args->y.height;
    long begin, end;
    wn_split(args->x.images * planes * height, tid, nthreads, &begin, &end);
    for (long row = begin; row < end; row++) {
        long plane = row / height % planes, image = row / height / planes, h = row % height;
        int h_from = source(args->mode, (int)h - args->pad_height, args->x.height);
        const float *x =
            args->x.data + image * args->x.stride + plane * from + h_from * args->x.width * pixel;
        float *y = args->y.data + image * args->y.stride + plane * to + h * args->y.width * pixel;
        if (args->plain)
            pad_row(args, x, y, 1);
        else
            pad_row(args, x, y, WN_BLOCK);
    }
}

WN_INLINE void put_pixel(float *to, const float *from, bool accumulate) {
#pragma GCC unroll 4
    for (int v = 0; v < WN_VECTORS; v++)
        vf_put(to + v * WN_LANES, vf_load(from + v * WN_LANES), accumulate);
}

/* A row of the padded gradient into the row of the input that it shows. */
static void unpad_row(const wn_pad_args *args, const float *dy, float *dx, bool accumulate) {
    int width = args->dx.width, left = args->pad_width;
    for (int w = 0; w < width; w++)
        put_pixel(dx + w * WN_BLOCK, dy + (w + left) * WN_BLOCK, accumulate);
    for (int w = 0; w < left; w++)
        put_pixel(dx + source(args->mode, w - left, width) * WN_BLOCK, dy + w * WN_BLOCK, true);
    for (int w = left + width; w < args->dy.width; w++)
        put_pixel(dx + source(args->mode, w - left, width) * WN_BLOCK, dy + w * WN_BLOCK, true);
}

/* Rows of the input are independent: each collects the rows of the padded gradient that show it. */
void WN_TARGET_NAME(pad_backward)(const wn_pad_args *args, int tid, int nthreads) {
    const long blocks = wn_view_blocks(&args->dx), row_floats = (long)args->dy.width * WN_BLOCK;
    const int height = args->dx.height, above = args->pad_height;
    long begin, end;
    wn_split(args->dx.images * blocks * height, tid, nthreads, &begin, &end);
    for (long row = begin; row < end; row++) {
        long plane = row / height;
        int h = (int)(row % height);
        const float *dy = wn_view_plane(&args->dy, plane / blocks, plane % blocks);
        float *dx =
            wn_view_plane(&args->dx, plane / blocks, plane % blocks) + (long)h * args->dx.width * WN_BLOCK;
        unpad_row(args, dy + (h + above) * row_floats, dx, args->accumulate);
        for (int i = 0; i < above; i++) {
            int below = above + height + i;
            if (source(args->mode, i - above, height) == h)
                unpad_row(args, dy + i * row_floats, dx, true);
            if (source(args->mode, below - above, height) == h)
                unpad_row(args, dy + below * row_floats, dx, true);
        }
    }
}
