/* The vector of floats that kernels are written against: one type and a handful of operations per ISA.
 * A block of 16 channels is WN_VECTORS vectors of WN_LANES floats. Arithmetic uses the operators of GCC's
 * vectors (+ - * /); what those cannot say stands here as vf_*. Include this, never the per-ISA headers. */
#ifndef WN_SIMD_VF_H
#define WN_SIMD_VF_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <xmmintrin.h>

#define WN_INLINE static inline __attribute__((always_inline))

#if defined(WN_EMULATE_AVX512)
#include "simd/emulated512.h"
#elif defined(__AVX512F__)
#include "simd/avx512.h"
#elif defined(__AVX2__)
#include "simd/avx2.h"
#else
#include "simd/portable.h"
#endif

#define WN_VECTORS (16 / WN_LANES)

/* Loads and stores of memory aligned to 64 bytes. */
WN_INLINE vf vf_load(const float *p) {
    return *(const vf *)p;
}
WN_INLINE void vf_store(float *p, vf v) {
    *(vf *)p = v;
}
/* Stores a whole line of 64 bytes past the caches, for results that are read much later; whoever hands them
 * to another thread fences first. A vector that is a part of a line is stored as usual. */
WN_INLINE void vf_stream(float *p, vf v) {
#if WN_LANES == 16 && !defined(WN_EMULATE_AVX512)
    _mm512_stream_ps(p, (__m512)v);
#else
    vf_store(p, v);
#endif
}
/* Loads and stores without alignment. */
WN_INLINE vf vf_load_unaligned(const float *p) {
    return *(const vf_unaligned *)p;
}
WN_INLINE void vf_store_unaligned(float *p, vf v) {
    *(vf_unaligned *)p = v;
}
WN_INLINE vf vf_zero(void) {
    return (vf){0};
}

#endif
