/* Finds the table of an ISA among those this build has. */
#include "isa.h"

#define DECLARE(name)                                                                                        \
    extern const wn_tiles wn_tiles_##name;                                                                   \
    extern const wn_sums wn_sums_##name;                                                                     \
    extern const wn_depthwise wn_depthwise_##name;                                                           \
    extern const wn_ops wn_ops_##name;                                                                       \
    extern const wn_winograd_transforms wn_winograd_##name[];
#define TABLE(id, name)                                                                                      \
    [id] = {.isa = id,                                                                                       \
            .tiles = &wn_tiles_##name,                                                                       \
            .sums = &wn_sums_##name,                                                                         \
            .depthwise = &wn_depthwise_##name,                                                               \
            .ops = &wn_ops_##name,                                                                           \
            .winograd = wn_winograd_##name}

DECLARE(portable)
#ifdef WN_HAVE_AVX2
DECLARE(avx2)
#endif
#ifdef WN_HAVE_AVX512
DECLARE(avx512)
#endif

static const wn_kernels tables[WN_ISA_COUNT] = {
    TABLE(WN_ISA_PORTABLE, portable),
#ifdef WN_HAVE_AVX2
    TABLE(WN_ISA_AVX2, avx2),
#endif
#ifdef WN_HAVE_AVX512
    TABLE(WN_ISA_AVX512, avx512),
#endif
};

const wn_kernels *wn_kernels_of(wn_isa isa) {
    return tables[isa].tiles ? &tables[isa] : NULL;
}
