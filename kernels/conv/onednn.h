/* What `onednn` tells benchmarks beyond the interface of every implementation. */
#ifndef WN_ONEDNN_H
#define WN_ONEDNN_H

#include "conv.h"

/* oneDNN's own name of the implementation behind a plan, such as "jit:avx2" or "gemm:jit". Empty for a plan
 * of another implementation, one that oneDNN no longer has, and in builds without oneDNN. */
void wn_onednn_name(const wn_conv_plan *plan, char *name, size_t size);

#endif
