/* ReLU, sigmoid and tanh, forward and backward. All gradients are computed from the output. */
#include "ops_internal.h"
#include "vector_math.h"

typedef vf function_of(vf x);
typedef vf gradient_of(vf y, vf dy);

/* y = f(x) for functions with f(0) = 0, which leave padded lanes as they are. */
WN_INLINE void forward(const wn_unary_args *args, int tid, int nthreads, function_of *function) {
    long begin, end;
    wn_split(wn_view_groups(&args->x), tid, nthreads, &begin, &end);
    while (begin < end) {
        wn_run run = wn_view_run(&args->x, begin, end);
        const float *x = wn_view_at(&args->x, run);
        float *y = wn_view_at(&args->y, run);
        for (long i = 0; i < run.floats; i += WN_LANES)
            vf_store(y + i, function(vf_load(x + i)));
        begin += run.floats / WN_BLOCK;
    }
}

WN_INLINE void backward(const wn_unary_args *args, int tid, int nthreads, gradient_of *gradient) {
    long begin, end;
    wn_split(wn_view_groups(&args->y), tid, nthreads, &begin, &end);
    while (begin < end) {
        wn_run run = wn_view_run(&args->y, begin, end);
        const float *y = wn_view_at(&args->y, run), *dy = wn_view_at(&args->dy, run);
        float *dx = wn_view_at(&args->dx, run);
        if (args->accumulate)
            for (long i = 0; i < run.floats; i += WN_LANES)
                vf_store(dx + i, vf_load(dx + i) + gradient(vf_load(y + i), vf_load(dy + i)));
        else
            for (long i = 0; i < run.floats; i += WN_LANES)
                vf_store(dx + i, gradient(vf_load(y + i), vf_load(dy + i)));
        begin += run.floats / WN_BLOCK;
    }
}

WN_INLINE vf relu(vf x) {
    return vf_max(vf_zero(), x); /* in this order NaN passes through */
}

void WN_TARGET_NAME(relu_forward)(const wn_unary_args *args, int tid, int nthreads) {
    forward(args, tid, nthreads, relu);
}

void WN_TARGET_NAME(relu_backward)(const wn_unary_args *args, int tid, int nthreads) {
    backward(args, tid, nthreads, vf_where_positive);
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

WN_INLINE vf sigmoid_gradient(vf y, vf dy) {
    return dy * y * (vf_set1(1.0f) - y);
}

void WN_TARGET_NAME(sigmoid_backward)(const wn_unary_args *args, int tid, int nthreads) {
    backward(args, tid, nthreads, sigmoid_gradient);
}

/* Below 5/8 in size x + x s p(s), s = x^2, with p of degree 4, minimax relative to tanh (error 0.04 ulp);
 * above, with z = e^-2|x|, (1 - z) / (1 + z), which there loses nothing to the difference. */
WN_INLINE vf tanh_of(vf x) {
    vf size = vf_abs(x), square = size * size, one = vf_set1(1.0f);
    vf p = vf_set1(-0.00571704516f);
    p = vf_fma(p, square, vf_set1(0.020650588f));
    p = vf_fma(p, square, vf_set1(-0.0537434965f));
    p = vf_fma(p, square, vf_set1(0.133314908f));
    p = vf_fma(p, square, vf_set1(-0.333332837f));
    vf small = vf_fma(size * square, p, size);
    vf z = vf_exp(vf_set1(-2.0f) * size), large = (one - z) / (one + z);
    vi sign = (vi)x & INT32_MIN;
    return (vf)((vi)vf_select(size < vf_set1(0.625f), small, large) | sign);
}

void WN_TARGET_NAME(tanh_forward)(const wn_unary_args *args, int tid, int nthreads) {
    forward(args, tid, nthreads, tanh_of);
}

/* 1 - y^2 as a product, which keeps its digits near 1. */
WN_INLINE vf tanh_gradient(vf y, vf dy) {
    vf one = vf_set1(1.0f);
    return dy * ((one - y) * (one + y));
}

void WN_TARGET_NAME(tanh_backward)(const wn_unary_args *args, int tid, int nthreads) {
    backward(args, tid, nthreads, tanh_gradient);
}
