/* Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3), with PyTorch's alpha /
 * size and the exponent 3/4 alone, which takes two square roots. */
#include "ops_internal.h"
#include "vector_math.h"

/* One pixel's block of channels between its neighbours, which are zero beyond the first and last block. */
enum { WIDE = 3 * WN_BLOCK };

typedef struct neighbourhood {
    float values[WIDE] __attribute__((aligned(64)));
} neighbourhood;

WN_INLINE void load(neighbourhood *to, const float *pixel, long plane_floats, long block, long blocks) {
    for (int b = 0; b < 3; b++) {
        long from = block + b - 1;
        bool there = from >= 0 && from < blocks;
#pragma GCC unroll 4
        for (int v = 0; v < WN_VECTORS; v++) {
            const float *values = pixel + (b - 1) * plane_floats + v * WN_LANES;
            vf_store(to->values + b * WN_BLOCK + v * WN_LANES, there ? vf_load(values) : vf_zero());
        }
    }
}

/* Sum over the `size` channels around every lane of the vector at `lane`. */
WN_INLINE vf sum_around(const neighbourhood *n, int lane, int size) {
    vf sum = vf_zero();
    for (int c = lane - size / 2; c <= lane + size / 2; c++)
        sum += vf_load_unaligned(n->values + c);
    return sum;
}

WN_INLINE void square(const neighbourhood *x, neighbourhood *squares) {
    for (int i = 0; i < WIDE; i += WN_LANES)
        vf_store(squares->values + i, vf_load(x->values + i) * vf_load(x->values + i));
}

WN_INLINE vf scale_at(const wn_response_norm_args *args, const neighbourhood *squares, int lane) {
    return vf_fma(vf_set1(args->alpha / (float)args->size), sum_around(squares, lane, args->size),
                  vf_set1(args->k));
}

/* scale^-3/4 */
WN_INLINE vf damping(vf scale) {
    vf root = vf_sqrt(scale);
    return vf_set1(1) / (root * vf_sqrt(root));
}

void WN_TARGET_NAME(response_norm_forward)(const wn_response_norm_args *args, int tid, int nthreads) {
    long begin, end, blocks = wn_view_blocks(&args->x), floats = wn_plane_pixels(&args->x) * WN_BLOCK;
    wn_split(args->x.images * blocks, tid, nthreads, &begin, &end);
    for (long plane = begin; plane < end; plane++) {
        const float *from = wn_view_plane(&args->x, plane / blocks, plane % blocks);
        float *to = wn_view_plane(&args->y, plane / blocks, plane % blocks);
        for (long pixel = 0; pixel < floats; pixel += WN_BLOCK) {
            neighbourhood x, squares;
            load(&x, from + pixel, floats, plane % blocks, blocks);
            square(&x, &squares);
            for (int lane = 0; lane < WN_BLOCK; lane += WN_LANES)
                vf_store(to + pixel + lane, vf_load(x.values + WN_BLOCK + lane) *
                                                damping(scale_at(args, &squares, WN_BLOCK + lane)));
        }
    }
}

/* dx = dy scale^-3/4 - 2 (alpha / size) 3/4 x sum(dy x scale^-7/4), the sum over the channels around. Scales
 * are computed again, for half a block on both sides, too. */
WN_INLINE void backward_pixel(const wn_response_norm_args *args, const neighbourhood *x,
                              const neighbourhood *dy, float *dx) {
    neighbourhood squares, damped, terms;
    square(x, &squares);
    for (int lane = WN_BLOCK / 2; lane < WIDE - WN_BLOCK / 2; lane += WN_LANES) {
        vf scale = scale_at(args, &squares, lane);
        vf product = vf_load_unaligned(dy->values + lane) * damping(scale);
        vf_store_unaligned(damped.values + lane, product);
        vf_store_unaligned(terms.values + lane, product * vf_load_unaligned(x->values + lane) / scale);
    }
    const vf factor = vf_set1(-1.5f * args->alpha / (float)args->size);
    for (int lane = WN_BLOCK; lane < 2 * WN_BLOCK; lane += WN_LANES) {
        vf sum = sum_around(&terms, lane, args->size);
        vf gradient = vf_fma(factor * vf_load(x->values + lane), sum, vf_load(damped.values + lane));
        vf_put(dx + lane - WN_BLOCK, gradient, args->accumulate);
    }
}

void WN_TARGET_NAME(response_norm_backward)(const wn_response_norm_args *args, int tid, int nthreads) {
    long begin, end, blocks = wn_view_blocks(&args->x), floats = wn_plane_pixels(&args->x) * WN_BLOCK;
    wn_split(args->x.images * blocks, tid, nthreads, &begin, &end);
    for (long plane = begin; plane < end; plane++) {
        long image = plane / blocks, block = plane % blocks;
        const float *values = wn_view_plane(&args->x, image, block);
        const float *gradients = wn_view_plane(&args->dy, image, block);
        float *to = wn_view_plane(&args->dx, image, block);
        for (long pixel = 0; pixel < floats; pixel += WN_BLOCK) {
            neighbourhood x, dy;
            load(&x, values + pixel, floats, block, blocks);
            load(&dy, gradients + pixel, floats, block, blocks);
            backward_pixel(args, &x, &dy, to + pixel);
        }
    }
}
