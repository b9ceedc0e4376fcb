/* The price of a denormal: no way through the kernel, but of the same kind, something that makes a step slow
 * without being seen. */
#include "bypass.h"
#include "clock.h"
#include <immintrin.h>

enum { CHAINS = 8, FLUSH = 0x8040 };

static volatile float sink;

/* Vectors of four: x = x / 2 + tiny with x denormal, or flushed to zero where that is asked for. */
static double run(long events, unsigned mode, float value) {
    unsigned before = _mm_getcsr();
    _mm_setcsr((before & ~(unsigned)FLUSH) | mode);
    __m128 x[CHAINS], half = _mm_set1_ps(0.5F), term = _mm_set1_ps(value);
    for (int i = 0; i < CHAINS; i++)
        x[i] = term;
    double begin = wn_seconds();
    for (long n = 0; n < events; n += CHAINS)
#pragma GCC unroll 8
        for (int i = 0; i < CHAINS; i++)
            x[i] = _mm_add_ps(_mm_mul_ps(x[i], half), term);
    double seconds = wn_seconds() - begin;
    for (int i = 1; i < CHAINS; i++)
        x[0] = _mm_add_ps(x[0], x[i]);
    sink = _mm_cvtss_f32(x[0]);
    _mm_setcsr(before);
    return seconds;
}

static double run_kept(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    return run(events, 0, 1e-39F);
}

static double run_flushed(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    return run(events, FLUSH, 1e-39F);
}

static double run_normal(const wn_bypass *bypass, void *state, long events) {
    (void)bypass, (void)state;
    return run(events, 0, 1);
}

static double count_thousandth(const wn_bypass_step *step) {
    return step->flops / 2 / 4 / 1000;
}

const wn_bypass_item wn_bypass_denormals = {
    .name = "denormal numbers",
    .event = "multiply and add of four",
    .per_step_rule = "if one multiply-add in a thousand of the step met one, on one thread",
    .per_step = count_thousandth,
    .ways = {{.name = "denormals kept", .run = run_kept},
             {.name = "flushed to zero, as in the pool", .run = run_flushed},
             {.name = "no denormals", .run = run_normal}}};
