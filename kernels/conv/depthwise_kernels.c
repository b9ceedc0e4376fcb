/* Register tiles of `depthwise`: see depthwise_kernels.h. */
#include "conv/depthwise_kernels.h"
#include "isa.h"
#include "simd/vf.h"

enum {
    MAX_PIXELS = WN_LANES == 16  ? 8
                 : WN_LANES == 8 ? 6
                                 : 2, /* enough sums in flight, all in registers */
    MAX_TAPS = 9,
    AHEAD = 4096, /* floats: maps follow each other in memory, but borders come out of order and the hardware
                     does not see it */
};

typedef struct epilogue {
    const float *weights, *bias;
    bool accumulate, relu;
} epilogue;

static inline int part(int total, int parts, int index) {
    return (int)((int64_t)total * index / parts);
}

/* What will be read AHEAD of a pixel; a stride of 2 passes over three lines of four. */
WN_INLINE void prefetch(const wn_rectangle *at, const float *in) {
    __builtin_prefetch(in + AHEAD, 0, 2);
    if (at->in_pixel == 16)
        return;
    __builtin_prefetch(in + AHEAD + 16, 0, 2);
    __builtin_prefetch(in + AHEAD + at->in_line / 2, 0, 2);
    __builtin_prefetch(in + AHEAD + at->in_line / 2 + 16, 0, 2);
}

/* Some neighbouring pixels; their number and distance are constants once this is inlined. */
WN_INLINE void gather_tile(const wn_rectangle *at, const epilogue *end, const float *in, float *out,
                           int pixels, int64_t in_pixel) {
    vf sum[MAX_PIXELS][WN_VECTORS];
    for (int v = 0; v < WN_VECTORS; v++) {
        const vf first = end->bias ? vf_load(end->bias + v * WN_LANES) : vf_zero();
#pragma GCC unroll 8
        for (int p = 0; p < pixels; p++)
            sum[p][v] = first;
    }
#pragma GCC unroll 8
    for (int p = 0; p < pixels; p++) {
        prefetch(at, in + p * in_pixel);
        __builtin_prefetch(out + AHEAD + p * at->out_pixel, 1, 2);
    }
    for (int t = 0; t < at->count; t++) {
        const float *tap = in + at->taps[t].in, *weights = end->weights + at->taps[t].weights;
#pragma GCC unroll 4
        for (int v = 0; v < WN_VECTORS; v++) {
            const vf weight = vf_load(weights + v * WN_LANES);
#pragma GCC unroll 8
            for (int p = 0; p < pixels; p++)
                sum[p][v] = vf_fma(vf_load(tap + p * in_pixel + v * WN_LANES), weight, sum[p][v]);
        }
    }
#pragma GCC unroll 8
    for (int p = 0; p < pixels; p++)
        for (int v = 0; v < WN_VECTORS; v++) {
            float *to = out + p * at->out_pixel + v * WN_LANES;
            vf value = sum[p][v];
            if (end->accumulate)
                value += vf_load(to);
            vf_store(to, end->relu ? vf_max(value, vf_zero()) : value);
        }
}

WN_INLINE void gather_pixels(const wn_rectangle *at, const epilogue *end, const float *in, float *out,
                             int pixels, int64_t in_pixel) {
    switch (pixels) {
#define CASE(n)                                                                                              \
    case n:                                                                                                  \
        if (n <= MAX_PIXELS)                                                                                 \
            gather_tile(at, end, in, out, n <= MAX_PIXELS ? n : 1, in_pixel);                                \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
#undef CASE
    }
}

WN_INLINE void gather_lines(const wn_rectangle *at, const epilogue *end, int64_t in_pixel) {
    const int parts = (at->pixels + MAX_PIXELS - 1) / MAX_PIXELS;
    for (int line = 0; line < at->lines; line++)
        for (int i = 0; i < parts; i++) {
            const int begin = part(at->pixels, parts, i);
            gather_pixels(at, end, at->in + line * at->in_line + begin * in_pixel,
                          at->out + line * at->out_line + begin * at->out_pixel,
                          part(at->pixels, parts, i + 1) - begin, in_pixel);
        }
}

static void gather(const wn_rectangle *at, const float *weights, const float *bias, bool accumulate,
                   bool relu) {
    const epilogue end = {weights, bias, accumulate, relu};
    if (at->in_pixel == 16) /* a constant is part of an address and costs nothing */
        gather_lines(at, &end, 16);
    else if (at->in_pixel == 32)
        gather_lines(at, &end, 32);
    else
        gather_lines(at, &end, at->in_pixel);
}

/* One vector of the lanes, from taps[0] on; the number of taps is a constant once this is inlined. */
WN_INLINE void sum_tile(const wn_rectangle *at, const wn_rectangle_tap *taps, int lane, float *sums,
                        float *bias, int count) {
    vf sum[MAX_TAPS], gradients = vf_zero();
    const float *tap[MAX_TAPS];
#pragma GCC unroll 9
    for (int t = 0; t < count; t++) {
        sum[t] = vf_zero();
        tap[t] = at->in + taps[t].in + lane;
    }
    for (int line = 0; line < at->lines; line++) {
        const float *gradient = at->out + line * at->out_line + lane;
        int64_t in = line * at->in_line;
        for (int p = 0; p < at->pixels; p++, in += at->in_pixel, gradient += at->out_pixel) {
            const vf g = vf_load(gradient);
            __builtin_prefetch(gradient + AHEAD, 0, 2);
            prefetch(at, at->in + in);
            gradients += g;
#pragma GCC unroll 9
            for (int t = 0; t < count; t++)
                sum[t] = vf_fma(vf_load(tap[t] + in), g, sum[t]);
        }
    }
#pragma GCC unroll 9
    for (int t = 0; t < count; t++) {
        float *to = sums + taps[t].weights + lane;
        vf_store(to, vf_load(to) + sum[t]);
    }
    if (bias)
        vf_store(bias + lane, vf_load(bias + lane) + gradients);
}

static void sum_taps(const wn_rectangle *at, const wn_rectangle_tap *taps, int count, int lane, float *sums,
                     float *bias) {
    switch (count) {
#define CASE(n)                                                                                              \
    case n:                                                                                                  \
        sum_tile(at, taps, lane, sums, bias, n);                                                             \
        break;
        CASE(0)
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
        CASE(9)
#undef CASE
    }
}

static void sum(const wn_rectangle *at, float *sums, float *bias) {
    const int parts = at->count ? (at->count + MAX_TAPS - 1) / MAX_TAPS : 1;
    for (int i = 0; i < parts; i++) {
        const int begin = part(at->count, parts, i), count = part(at->count, parts, i + 1) - begin;
        for (int lane = 0; lane < 16; lane += WN_LANES)
            sum_taps(at, at->taps + begin, count, lane, sums, i == 0 ? bias : NULL);
    }
}

const wn_depthwise WN_TARGET_NAME(depthwise) = {.pixels = MAX_PIXELS, .gather = gather, .sum = sum};
