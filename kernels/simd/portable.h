/* vf on baseline x86-64 (SSE2): 4 floats, 16 registers, no fused multiply-add. */
#include <emmintrin.h>

#define WN_LANES 4
#define WN_REGISTERS 16
typedef float vf __attribute__((vector_size(16), may_alias));
typedef float vf_unaligned __attribute__((vector_size(16), may_alias, aligned(4)));

WN_INLINE vf vf_set1(float a) {
    return (vf){a, a, a, a};
}
WN_INLINE vf vf_fma(vf a, vf b, vf c) { /* a b + c, rounded twice here */
    return a * b + c;
}
WN_INLINE vf vf_max(vf a, vf b) {
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
}
WN_INLINE vf vf_sqrt(vf a) {
    return (vf)_mm_sqrt_ps((__m128)a);
}
WN_INLINE vf vf_where_positive(vf condition, vf v) { /* v where condition > 0, else 0 */
    return (vf)_mm_and_ps(_mm_cmpgt_ps((__m128)condition, _mm_setzero_ps()), (__m128)v);
}
