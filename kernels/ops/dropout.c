/* Dropout. Forward and backward are the same function: the mask is drawn again instead of stored. */
#include "ops_internal.h"
#include "philox.h"
#include "vector_math.h"

/* 1 / (1 - p) where an element is kept, else 0, for the 16 channels of a pixel: numbers `first`, first +
 * pixels, and so on. The loop is one Philox per lane and vectorises. */
static void draw_scales(const wn_dropout_args *args, uint64_t first, uint64_t pixels, float keep_scale,
                        float scales[WN_BLOCK]) {
    const uint64_t seed = args->seed, stream = args->stream;
    const float p = args->p;
    for (int lane = 0; lane < WN_BLOCK; lane++) {
        uint32_t word, unused[3];
        wn_philox(seed, stream, first + (uint64_t)lane * pixels, &word, &unused[0], &unused[1], &unused[2]);
        scales[lane] = wn_philox_uniform(word) < p ? 0.0f : keep_scale;
    }
}

static void drop_plane(const wn_dropout_args *args, long image, long block, uint64_t first,
                       float keep_scale) {
    const float *from = wn_view_plane(&args->x, image, block);
    float *to = wn_view_plane(&args->y, image, block);
    float scales[WN_BLOCK] __attribute__((aligned(64)));
    long pixels = wn_plane_pixels(&args->x);
    for (long pixel = 0; pixel < pixels; pixel++) {
        draw_scales(args, first + (uint64_t)pixel, (uint64_t)pixels, keep_scale, scales);
        for (long i = pixel * WN_BLOCK, lane = 0; lane < WN_BLOCK; i += WN_LANES, lane += WN_LANES) {
            vf scale = vf_load(scales + lane), value = vf_load(from + i) * scale;
            vi kept = (vi)(scale > vf_zero()); /* a dropped NaN is 0 as well */
            vf_put(to + i, (vf)(kept & (vi)value), args->accumulate);
        }
    }
}

void WN_TARGET_NAME(dropout)(const wn_dropout_args *args, int tid, int nthreads) {
    const wn_view *x = &args->x;
    long begin, end, blocks = wn_view_blocks(x), pixels = wn_plane_pixels(x);
    uint64_t elements = (uint64_t)((int64_t)x->images * x->channels * pixels);
    uint64_t base = (uint64_t)*args->step * elements;
    float keep_scale = 1.0f / (1.0f - args->p);
    wn_split(x->images * blocks, tid, nthreads, &begin, &end);
    for (long plane = begin; plane < end; plane++) {
        long image = plane / blocks, block = plane % blocks;
        uint64_t first = base + (uint64_t)((image * x->channels + block * WN_BLOCK) * pixels);
        drop_plane(args, image, block, first, keep_scale);
    }
}
