/* The table of everything that is compiled once per ISA. The files listed under `isa_sources` in
 * kernels/meson.build are compiled with -DWN_TARGET=portable|avx2|avx512 and that ISA's flags; each fills
 * one entry here, everything else in them is static. Callers reach them through wn_kernels(isa) only. */
#ifndef WN_KERNELS_ISA_H
#define WN_KERNELS_ISA_H

#include "conv.h"
#include "ops.h"

typedef void wn_conv_run(const wn_conv_plan *plan, void *state, const wn_conv_args *args, int phase, int tid,
                         int nthreads);

typedef struct wn_kernels {
    wn_isa isa;
    wn_conv_run *direct_run;
    const wn_ops *ops;
} wn_kernels;

/* The kernels of an ISA that this build has; NULL when it was built without it. */
const wn_kernels *wn_kernels_of(wn_isa isa);

/* Name of a symbol of the ISA being compiled: WN_TARGET_NAME(direct_run) is wn_direct_run_avx2. */
#define WN_CONCAT3_(a, b, c) a##b##c
#define WN_CONCAT3(a, b, c) WN_CONCAT3_(a, b, c)
#define WN_TARGET_NAME(name) WN_CONCAT3(wn_##name, _, WN_TARGET)

#endif
