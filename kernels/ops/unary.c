/* ReLU and sigmoid, forward and backward. Both gradients are computed from the output. */
#include "ops_internal.h"
#include "vector_math.h"

void WN_TARGET_NAME(relu_forward)(const wn_unary_args *args, int tid, int nthreads) {
    long begin, end;
    wn_split(wn_view_groups(&args->x), tid, nthreads, &begin, &end);
    while (begin < end) {
        wn_run run = wn_view_run(&args->x, begin, end);
        const float *x = wn_view_at(&args->x, run);
        float *y = wn_view_at(&args->y, run);
        for (long i = 0; i < run.floats; i += WN_LANES)
            vf_store(y + i, vf_max(vf_zero(), vf_load(x + i))); /* in this order NaN passes through */
        begin += run.floats / WN_BLOCK;
    }
}

void WN_TARGET_NAME(relu_backward)(const wn_unary_args *args, int tid, int nthreads) {
    long begin, end;
    wn_split(wn_view_groups(&args->y), tid, nthreads, &begin, &end);
    while (begin < end) {
        wn_run run = wn_view_run(&args->y, begin, end);
        const float *y = wn_view_at(&args->y, run), *dy = wn_view_at(&args->dy, run);
        float *dx = wn_view_at(&args->dx, run);
        if (args->accumulate)
            for (long i = 0; i < run.floats; i += WN_LANES)
                vf_store(dx + i, vf_load(dx + i) + vf_where_positive(vf_load(y + i), vf_load(dy + i)));
        else
            for (long i = 0; i < run.floats; i += WN_LANES)
                vf_store(dx + i, vf_where_positive(vf_load(y + i), vf_load(dy + i)));
        begin += run.floats / WN_BLOCK;
    }
}

/* 1 / (1 + e^-x) without overflow and without losing the small values: with z = e^-|x| it is 1 / (1 + z) for
 * x >= 0 and z / (1 + z) below. */
WN_INLINE vf sigmoid(vf x) {
    vf one = vf_set1(1.0f);
    vf z = vf_exp(-vf_abs(x));
    return vf_select(x >= vf_zero(), one, z) / (one + z);
}

void WN_TARGET_NAME(sigmoid_forward)(const wn_unary_args *args, int tid, int nthreads) {
    long begin, end, blocks = wn_view_blocks(&args->x), floats = wn_plane_pixels(&args->x) * WN_BLOCK;
    wn_split(args->x.images * blocks, tid, nthreads, &begin, &end);
    for (long plane = begin; plane < end; plane++) {
        const float *x = wn_view_plane(&args->x, plane / blocks, plane % blocks);
        float *y = wn_view_plane(&args->y, plane / blocks, plane % blocks);
        const float *mask = args->lane_mask + plane % blocks * WN_BLOCK;
        for (long i = 0; i < floats; i += WN_LANES)
            vf_store(y + i, sigmoid(vf_load(x + i)) * vf_load(mask + i % WN_BLOCK));
    }
}

WN_INLINE vf sigmoid_gradient(const float *y, const float *dy) {
    vf output = vf_load(y);
    return vf_load(dy) * output * (vf_set1(1.0f) - output);
}

void WN_TARGET_NAME(sigmoid_backward)(const wn_unary_args *args, int tid, int nthreads) {
    long begin, end;
    wn_split(wn_view_groups(&args->y), tid, nthreads, &begin, &end);
    while (begin < end) {
        wn_run run = wn_view_run(&args->y, begin, end);
        const float *y = wn_view_at(&args->y, run), *dy = wn_view_at(&args->dy, run);
        float *dx = wn_view_at(&args->dx, run);
        if (args->accumulate)
            for (long i = 0; i < run.floats; i += WN_LANES)
                vf_store(dx + i, vf_load(dx + i) + sigmoid_gradient(y + i, dy + i));
        else
            for (long i = 0; i < run.floats; i += WN_LANES)
                vf_store(dx + i, sigmoid_gradient(y + i, dy + i));
        begin += run.floats / WN_BLOCK;
    }
}
