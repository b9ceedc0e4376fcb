/* Dropout. Forward and backward are the same function: the mask is drawn again instead of stored. */
#include "ops_internal.h"
#include "random.h"
#include "vector_math.h"

void WN_TARGET_NAME(dropout)(const wn_dropout_args *args, int tid, int nthreads) {
    const wn_view *x = &args->x;
    long begin, end, blocks = wn_view_blocks(x), pixels = wn_plane_pixels(x);
    uint64_t base = (uint64_t)*args->step * (uint64_t)(x->images * (long)x->channels * pixels);
    float keep_scale = 1.0f / (1.0f - args->p);
    wn_split(x->images * blocks, tid, nthreads, &begin, &end);
    for (long plane = begin; plane < end; plane++) {
        long image = plane / blocks, block = plane % blocks;
        const float *from = wn_view_plane(x, image, block);
        float *to = wn_view_plane(&args->y, image, block);
        for (int lane = 0; lane < WN_BLOCK; lane++) {
            long channel = block * WN_BLOCK + lane;
            uint64_t first = base + (uint64_t)((image * x->channels + channel) * pixels);
            for (long pixel = 0; pixel < pixels; pixel++) {
                long i = pixel * WN_BLOCK + lane;
                bool kept = channel < x->channels &&
                            !(wn_random_uniform(args->seed, args->stream, first + (uint64_t)pixel) < args->p);
                float value = kept ? from[i] * keep_scale : 0.0f;
                to[i] = args->accumulate ? to[i] + value : value;
            }
        }
    }
}
