/* What the files of `direct` share: the constants of its plans and the two drivers. Not for others. */
#ifndef WN_DIRECT_H
#define WN_DIRECT_H

#include "ahead.h"
#include "conv.h"
#include "gemm/tile.h"

/* Knobs of the configs. */
enum {
    DIRECT_BLOCKS, /* blocks of 16 output channels in a register tile */
    DIRECT_REDUCE, /* input blocks summed before the tile is written: more means longer sums in registers,
                      less means weights that stay in the first-level cache. BWD_WB: input blocks of one work
                      item */
    DIRECT_ROWS,   /* rows of the map that a work item passes over before it takes the next input blocks */
    DIRECT_IMAGES, /* images of one work item: their pixels can share a tile. BWD_WB: images summed together;
                      the sums of such chunks are combined in order */
    DIRECT_ACROSS, /* BWD_WB: 1 when the reduction runs over images first (tiny maps), not along rows of the
                      map */
    DIRECT_KNOBS
};

/* plan->derived. */
enum {
    DIRECT_WINDOW,         /* input blocks that an output block depends on */
    DIRECT_OUTPUT_GROUPS,  /* groups of DIRECT_BLOCKS output blocks */
    DIRECT_IMAGE_GROUPS,   /* groups of DIRECT_IMAGES images */
    DIRECT_BANDS,          /* bands of DIRECT_ROWS rows (gather), groups of input blocks (BWD_WB) */
    DIRECT_SCRATCH,        /* where the threads' scratch memory starts in the workspace, bytes */
    DIRECT_SCRATCH_STRIDE, /* bytes of one thread's scratch */
    DIRECT_HOLDS_MAPS, /* gather: a work item's maps are more than its weights, so the next item keeps them */
    DIRECT_GROUP_BYTES, /* BWD_D: of a group's transposed weights in a thread's scratch; 0: all are transposed
                           before, in a phase of their own */
    DIRECT_BIAS_PARTS,  /* BWD_WB: where the chunks' bias sums start in the workspace, bytes */
    DIRECT_IN_HEIGHT,   /* sizes of the maps, 1x1 kernels flattened; input and output as the pass sees them */
    DIRECT_IN_WIDTH,
    DIRECT_OUT_HEIGHT,
    DIRECT_OUT_WIDTH,
    DIRECT_STREAM, /* BWD_WB: 1 when weights are written once and past the caches */
};

/* One spatial axis of a pass in gathering form: output coordinate class + classes*j reads, for every tap,
 * input coordinate offset[tap] + in_step*j. Forward has one class; the gradient of the data has one per
 * residue of the stride. */
typedef struct wn_axis {
    bool backward;
    int classes, in_step, in_size, out_size;
    int kernel, dilate, pad; /* dilate = dilation + 1 */
} wn_axis;

/* The taps that a class uses: kernel index and input offset. */
typedef struct wn_axis_taps {
    int count;
    int *index, *offset;
} wn_axis_taps;

/* A run of coordinates j in [begin, end) whose valid taps are the same, [first, last). */
typedef struct wn_span {
    int begin, end, first, last;
} wn_span;

wn_axis wn_axis_make(const wn_problem *problem, bool vertical, int in_size, int out_size);
void wn_axis_class(const wn_axis *axis, int class, wn_axis_taps *taps);
/* Number of coordinates of a class. */
int wn_axis_length(const wn_axis *axis, int class);
/* The longest span from j on, ending at most at `end`. */
wn_span wn_axis_span(const wn_axis *axis, const wn_axis_taps *taps, int j, int end);

/* Part `index` of `parts` nearly equal parts of `total`. */
static inline int wn_part_begin(int total, int parts, int index) {
    return (int)((long)total * index / parts);
}

/* a / b rounded up, for a from 0 and b from 1 to INT_MAX. */
static inline int wn_ceil_div(int a, int b) {
    return a / b + (a % b != 0);
}

/* Runs tiles below each other over `rows` rows of A and C, nearly equal in height, and fetches ahead with
 * each (NULL: nothing). */
void wn_direct_run_rows(const wn_tiles *tiles, wn_tile_kind kind, wn_tile *tile, int rows, int blocks,
                        wn_ahead *ahead);

/* Cost of `rows` rows cut into tiles, in cycles per step of the reduction: two multiply-adds a cycle, but
 * never fewer than the eight that the latency of the unit (4 cycles x 2) needs in flight. */
double wn_direct_rows_cost(const wn_tiles *tiles, wn_isa isa, int rows, int blocks);

/* FWD_B and BWD_D. */
wn_status wn_direct_gather_plan(wn_conv_plan *plan);
void wn_direct_gather_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                          int nthreads);

/* BWD_D of linear layers with DIRECT_ACROSS. */
bool wn_direct_is_linear(const wn_problem *problem);
wn_status wn_direct_linear_plan(wn_conv_plan *plan);
void wn_direct_linear_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                          int nthreads);

/* BWD_WB. */
wn_status wn_direct_weights_plan(wn_conv_plan *plan);
void wn_direct_weights_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                           int nthreads);

#endif
