/* vf on AVX2 with FMA: 8 floats, 16 registers. */
#include <immintrin.h>

#define WN_LANES 8
#define WN_REGISTERS 16
typedef float vf __attribute__((vector_size(32), may_alias));
typedef float vf_unaligned __attribute__((vector_size(32), may_alias, aligned(4)));

WN_INLINE vf vf_set1(float a) {
    return (vf)_mm256_set1_ps(a);
}
WN_INLINE vf vf_fma(vf a, vf b, vf c) { /* a b + c, rounded once */
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
WN_INLINE vf vf_max(vf a, vf b) {
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}
WN_INLINE vf vf_sqrt(vf a) {
    return (vf)_mm256_sqrt_ps((__m256)a);
}
WN_INLINE vf vf_where_positive(vf condition, vf v) { /* v where condition > 0, else 0 */
    return (vf)_mm256_and_ps(_mm256_cmp_ps((__m256)condition, _mm256_setzero_ps(), _CMP_GT_OQ), (__m256)v);
}
