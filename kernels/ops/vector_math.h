/* What the layers need beyond vf.h: comparisons and selection by lane, absolute value, and the exponential.
 * Everything is inline and independent of the ISA; kernels include this, callers never do. */
#ifndef WN_OPS_VECTOR_MATH_H
#define WN_OPS_VECTOR_MATH_H

#include "simd/vf.h"
#include <immintrin.h>
#include <stdbool.h>

typedef int32_t vi __attribute__((vector_size(4 * WN_LANES), may_alias));

/* a where the mask is set (all bits of a lane), else b. A comparison of two vf gives such a mask. */
WN_INLINE vf vf_select(vi mask, vf a, vf b) {
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}
WN_INLINE vi vi_select(vi mask, vi a, vi b) {
    return (mask & a) | (~mask & b);
}
WN_INLINE vi vi_set1(int32_t a) {
    return (vi){0} + a;
}
/* p = v or p += v. */
WN_INLINE void vf_put(float *p, vf v, bool accumulate) {
    if (accumulate)
        v += vf_load(p);
    vf_store(p, v);
}
WN_INLINE vf vf_abs(vf a) {
    return (vf)((vi)a & 0x7fffffff);
}

/* WN_LANES bytes as integers, and a block of 16 integers below 256 as bytes. GCC 12 takes these conversions
 * apart lane by lane when it is left alone with them. */
WN_INLINE vi vi_load_bytes(const uint8_t *p) {
#if defined(WN_EMULATE_AVX512)
    typedef uint8_t bytes __attribute__((vector_size(16), may_alias, aligned(1)));
    return __builtin_convertvector(*(const bytes *)p, vi);
#elif WN_LANES == 16
    return (vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i_u *)p));
#elif WN_LANES == 8
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i_u *)p));
#else
    __m128i bytes = _mm_loadu_si32(p), zero = _mm_setzero_si128();
    return (vi)_mm_unpacklo_epi16(_mm_unpacklo_epi8(bytes, zero), zero);
#endif
}
WN_INLINE void vi_store_block_bytes(uint8_t *p, const vi block[WN_VECTORS]) {
    __m128i quarters[4];
    __builtin_memcpy(quarters, block, sizeof quarters);
    __m128i low = _mm_packs_epi32(quarters[0], quarters[1]), high = _mm_packs_epi32(quarters[2], quarters[3]);
    _mm_storeu_si128((__m128i_u *)p, _mm_packus_epi16(low, high));
}

/* e^x to within 1 ulp (2 where the result is denormal) for x <= 88; below -104 the result is 0, NaN stays
 * NaN. x = n ln 2 + r with |r| <= ln 2 / 2, ln 2 in two parts so that n times the first is exact (Cody &
 * Waite 1980); e^r = 1 + r + r^2 q(r) with q of degree 4, minimax relative to e^r (error 0.04 ulp). 2^n is
 * applied in two factors, since n reaches -150. */
WN_INLINE vf vf_exp(vf x) {
    const vf lowest = vf_set1(-104.0f);
    const vf rounder = vf_set1(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    x = vf_max(lowest, x);                   /* gives x when x is NaN */
    vf shifted = vf_fma(x, vf_set1(1.44269504f), rounder);
    vf n = shifted - rounder;
    vf r = vf_fma(n, vf_set1(-0.693359375f), x);
    r = vf_fma(n, vf_set1(2.12194440e-4f), r);
    vf q = vf_set1(0.00138143077f);
    q = vf_fma(q, r, vf_set1(0.00836885069f));
    q = vf_fma(q, r, vf_set1(0.0416684002f));
    q = vf_fma(q, r, vf_set1(0.166665196f));
    q = vf_fma(q, r, vf_set1(0.49999994f));
    vf power = vf_fma(q, r * r, r) + vf_set1(1.0f);
    vi exponent = (vi)shifted - (vi)rounder;
    vi half = exponent >> 1;
    vf first = (vf)((half + 127) << 23);
    vf second = (vf)((exponent - half + 127) << 23);
    return power * first * second;
}

#endif
