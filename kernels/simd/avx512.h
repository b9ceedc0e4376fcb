/* vf on AVX-512: 16 floats, 32 registers. */
#include <immintrin.h>

#define WN_LANES 16
#define WN_REGISTERS 32
typedef float vf __attribute__((vector_size(64), may_alias));
typedef float vf_unaligned __attribute__((vector_size(64), may_alias, aligned(4)));

WN_INLINE vf vf_set1(float a) {
    return (vf)_mm512_set1_ps(a);
}
WN_INLINE vf vf_fma(vf a, vf b, vf c) { /* a b + c, rounded once */
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
WN_INLINE vf vf_max(vf a, vf b) {
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}
WN_INLINE vf vf_sqrt(vf a) {
    return (vf)_mm512_sqrt_ps((__m512)a);
}
WN_INLINE vf vf_where_positive(vf condition, vf v) { /* v where condition > 0, else 0 */
    return (vf)_mm512_maskz_mov_ps(_mm512_cmp_ps_mask((__m512)condition, _mm512_setzero_ps(), _CMP_GT_OQ),
                                   (__m512)v);
}
