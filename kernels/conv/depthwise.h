/* What the files of `depthwise` share: the constants of its plans, and the walk over rectangles of pixels
 * with equal taps. Not for others. */
#ifndef WN_DEPTHWISE_H
#define WN_DEPTHWISE_H

#include "conv.h"
#include "conv/depthwise_kernels.h"
#include "rectangles.h"

/* Knobs of the configs. */
enum {
    DEPTHWISE_ROWS, /* rows of the map (with strides, BWD_D: of a residue class) in a work item; BWD_WB: rows
                       that are summed in registers before they are added to the sums of the chunk */
    DEPTHWISE_IMAGES, /* BWD_WB: images of a chunk, whose sums are combined in order; else 0 */
    DEPTHWISE_KNOBS
};

/* plan->derived; places are bytes from the start of the workspace. */
enum {
    DEPTHWISE_BANDS,   /* of DEPTHWISE_ROWS rows */
    DEPTHWISE_CHUNKS,  /* of DEPTHWISE_IMAGES images */
    DEPTHWISE_PRIVATE, /* where the threads' own parts start: lists of taps */
    DEPTHWISE_PRIVATE_BYTES,
};

/* The geometry, with a thread's lists. */
wn_rectangles wn_depthwise_rectangles(const wn_conv_plan *plan, void *workspace, int tid);

/* BWD_WB; its plan adds to a workspace of *bytes. False when that does not fit 63 bits. */
bool wn_depthwise_weights_plan(wn_conv_plan *plan, int64_t *bytes);
void wn_depthwise_weights_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                              int nthreads);

#endif
