/* vf with AVX-512's width but without its instructions: lets the code paths of the AVX-512 kernels run in
 * tests on machines without it (meson option avx512=emulated). Slow; never timed. */
#define WN_LANES 16
#define WN_REGISTERS 32
typedef float vf __attribute__((vector_size(64), may_alias));
typedef float vf_unaligned __attribute__((vector_size(64), may_alias, aligned(4)));
typedef int vf_mask_ __attribute__((vector_size(64), may_alias));

WN_INLINE vf vf_set1(float a) {
    return (vf){a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a};
}
WN_INLINE vf vf_fma(vf a, vf b, vf c) { /* a b + c; rounded twice here */
    return a * b + c;
}
WN_INLINE vf vf_max(vf a, vf b) { /* as vmaxps: b where the comparison fails */
    vf_mask_ greater = (vf_mask_)(a > b);
    return (vf)((greater & (vf_mask_)a) | (~greater & (vf_mask_)b));
}
WN_INLINE vf vf_sqrt(vf a) {
    vf root = {0};
    for (int i = 0; i < WN_LANES; i++)
        root[i] = sqrtf(a[i]);
    return root;
}
WN_INLINE vf vf_where_positive(vf condition, vf v) { /* v where condition > 0, else 0 */
    return (vf)((vf_mask_)v & (vf_mask_)(condition > 0));
}
