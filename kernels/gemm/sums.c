/* Sums over rows and arrays, and the transpose of a block: see sums.h. */
#include "gemm/sums.h"
#include "isa.h"
#include "simd/vf.h"

static void sum_rows(const float *data, ptrdiff_t rows, ptrdiff_t stride, float sum[16]) {
    vf total[WN_VECTORS];
    for (int v = 0; v < WN_VECTORS; v++)
        total[v] = vf_load_unaligned(sum + v * WN_LANES);
    for (ptrdiff_t r = 0; r < rows; r++)
        for (int v = 0; v < WN_VECTORS; v++)
            total[v] += vf_load(data + r * stride + v * WN_LANES);
    for (int v = 0; v < WN_VECTORS; v++)
        vf_store_unaligned(sum + v * WN_LANES, total[v]);
}

static void sum_arrays(const float *parts, int number, ptrdiff_t distance, float *out, ptrdiff_t count,
                       bool accumulate) {
    for (ptrdiff_t i = 0; i < count; i += WN_LANES) {
        vf total = vf_load(parts + i);
        for (int n = 1; n < number; n++)
            total += vf_load(parts + n * distance + i);
        if (accumulate)
            total += vf_load(out + i);
        vf_store(out + i, total);
    }
}

/* Four by four at a time through SSE, which every ISA has: the pass is bound by memory. */
static void transpose_block(const float *in, float *out) {
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 16; j += 4) {
            __m128 r0 = _mm_load_ps(in + (i + 0) * 16 + j), r1 = _mm_load_ps(in + (i + 1) * 16 + j);
            __m128 r2 = _mm_load_ps(in + (i + 2) * 16 + j), r3 = _mm_load_ps(in + (i + 3) * 16 + j);
            _MM_TRANSPOSE4_PS(r0, r1, r2, r3);
            _mm_store_ps(out + (j + 0) * 16 + i, r0);
            _mm_store_ps(out + (j + 1) * 16 + i, r1);
            _mm_store_ps(out + (j + 2) * 16 + i, r2);
            _mm_store_ps(out + (j + 3) * 16 + i, r3);
        }
}

const wn_sums WN_TARGET_NAME(sums) = {.rows = sum_rows, .arrays = sum_arrays, .transpose = transpose_block};
