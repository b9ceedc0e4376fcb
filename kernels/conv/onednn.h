/* What `onednn` tells benchmarks beyond the interface of every implementation, and `onednn-native`, the peer
 * that benchmarks compare with. */
#ifndef WN_ONEDNN_H
#define WN_ONEDNN_H

#include "conv.h"

/* oneDNN's own name of the implementation behind a plan, such as "jit:avx2" or "gemm:jit". Empty for a plan
 * of another implementation, one that oneDNN no longer has, and in builds without oneDNN. */
void wn_onednn_name(const wn_conv_plan *plan, char *name, size_t size);

/* `onednn-native`: oneDNN in the layouts it likes best for all operands, nothing converted. It is in no
 * registry, since its operands are not ours: buffers have the sizes of wn_onednn_native_floats, and the bias
 * must be there. It does not add to the results of backward passes. NULL in builds without oneDNN. */
const wn_conv_impl *wn_onednn_native(void);

/* Holds the whole library to an ISA, for the rest of the process; to be called before anything else of it.
 * Errors: UNSUPPORTED when it is too late, for portable, and in builds without oneDNN. */
wn_status wn_onednn_limit(wn_isa isa);

/* Floats of the operands of a plan of `onednn-native`. */
typedef struct wn_onednn_floats {
    int64_t src, weights, bias, dst;
} wn_onednn_floats;
wn_status wn_onednn_native_floats(const wn_conv_plan *plan, wn_onednn_floats *floats);

/* Tells a state of `onednn-native` of operands that it will run on. oneDNN clears the padding of operands it
 * sees for the first time; done here, that is in nobody's time. Allocates; call it once for each set. */
void wn_onednn_native_place(const wn_conv_plan *plan, void *state, const wn_conv_args *args);

/* Between our layouts and those of a plan of `onednn-native`: what the pass reads into the buffers of
 * `theirs`, or what it writes back into those of `ours`. Slow; for checks. Errors: MEMORY, UNSUPPORTED. */
wn_status wn_onednn_native_import(const wn_conv_plan *plan, const wn_conv_args *ours,
                                  const wn_conv_args *theirs);
wn_status wn_onednn_native_export(const wn_conv_plan *plan, const wn_conv_args *theirs,
                                  const wn_conv_args *ours);

#endif
