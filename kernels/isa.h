/* The table of everything that is compiled once per ISA. The files listed under `isa_sources` in
 * kernels/meson.build are compiled with -DWN_TARGET=portable|avx2|avx512 and that ISA's flags; each fills
 * one entry here, everything else in them is static. Callers reach them through wn_kernels_of(isa) only. */
#ifndef WN_KERNELS_ISA_H
#define WN_KERNELS_ISA_H

#include "conv.h"
#include "conv/depthwise_kernels.h"
#include "conv/winograd_transforms.h"
#include "gemm/sums.h"
#include "gemm/tile.h"
#include "ops.h"

typedef struct wn_kernels {
    wn_isa isa;
    const wn_tiles *tiles;                  /* register tiles: gemm/tiles.c */
    const wn_sums *sums;                    /* sums and transposes around them: gemm/sums.c */
    const wn_depthwise *depthwise;          /* conv/depthwise_kernels.c */
    const wn_ops *ops;                      /* layers that are not convolutions: ops/ */
    const wn_winograd_transforms *winograd; /* [WN_WINOGRAD_SIZES]: conv/winograd_transforms.c */
} wn_kernels;

/* The kernels of an ISA that this build has; NULL when it was built without it. */
const wn_kernels *wn_kernels_of(wn_isa isa);

/* Name of a symbol of the ISA being compiled: WN_TARGET_NAME(tiles) is wn_tiles_avx2. */
#define WN_CONCAT3_(a, b, c) a##b##c
#define WN_CONCAT3(a, b, c) WN_CONCAT3_(a, b, c)
#define WN_TARGET_NAME(name) WN_CONCAT3(wn_##name, _, WN_TARGET)

#endif
