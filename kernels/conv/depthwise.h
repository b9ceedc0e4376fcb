/* What the files of `depthwise` share: the constants of its plans, and the walk over rectangles of pixels
 * with equal taps. Not for others. */
#ifndef WN_DEPTHWISE_H
#define WN_DEPTHWISE_H

#include "conv.h"
#include "conv/depthwise_kernels.h"
#include "direct.h"

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

/* A pass as a thread sees it; "input" is what taps are taken from: dst's gradient in BWD_D. */
typedef struct wn_depthwise_pass {
    const wn_conv_plan *plan;
    const wn_depthwise *kernels;
    int taps; /* of the kernel */
    int blocks;
    int in_width, out_width;
    int64_t in_block, out_block;   /* floats between blocks */
    int64_t in_stride, out_stride; /* between images */
    wn_axis vertical, horizontal;
    wn_axis_taps rows, columns; /* taps of the present classes */
    wn_depthwise_tap *list;
} wn_depthwise_pass;

wn_depthwise_pass wn_depthwise_pass_of(const wn_conv_plan *plan, void *workspace, int tid);

/* Calls visit for every rectangle of rows [begin, end) (of each residue class) of one block of one image,
 * whose first pixels are `in` and `out`. */
typedef void wn_depthwise_visit(const wn_depthwise_rectangle *rectangle, void *context);
void wn_depthwise_walk(wn_depthwise_pass *s, const float *in, float *out, int begin, int end,
                       wn_depthwise_visit *visit, void *context);

/* BWD_WB; its plan adds to a workspace of *bytes. False when that does not fit 63 bits. */
bool wn_depthwise_weights_plan(wn_conv_plan *plan, int64_t *bytes);
void wn_depthwise_weights_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                              int nthreads);

#endif
