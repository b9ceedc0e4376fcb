/* The measuring loops, stamped out per ISA. Each function carries its ISA as an attribute; the rest of this
 * file stays baseline. */
#include "loops.h"
#include <immintrin.h>

static const float factor = 0.999f, term = 0.001f;

#define LANES 4
#define TARGET
#define NAMED(name) portable_##name
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#include "loops_body.h"

#define LANES 8
#define TARGET __attribute__((target("avx2,fma")))
#define NAMED(name) avx2_##name
#define MULTIPLY_ADD(a, b, c) _mm256_fmadd_ps(a, b, c)
#include "loops_body.h"

#ifndef WN_EMULATE_AVX512
#define LANES 16
#define TARGET __attribute__((target("avx512f")))
#define NAMED(name) avx512_##name
#define MULTIPLY_ADD(a, b, c) _mm512_fmadd_ps(a, b, c)
#include "loops_body.h"
#endif

const wn_loops *wn_loops_of(wn_isa isa) {
    static const wn_loops loops[WN_ISA_COUNT] = {
        [WN_ISA_PORTABLE] = {4, portable_fma_loop, portable_read_loop, portable_triad_loop},
        [WN_ISA_AVX2] = {8, avx2_fma_loop, avx2_read_loop, avx2_triad_loop},
#ifdef WN_EMULATE_AVX512
        [WN_ISA_AVX512] = {8, avx2_fma_loop, avx2_read_loop, avx2_triad_loop},
#else
        [WN_ISA_AVX512] = {16, avx512_fma_loop, avx512_read_loop, avx512_triad_loop},
#endif
    };
    return &loops[isa];
}
