/* What `im2col` and `1x1` share: convolution as the product of panels with all weights that they meet.
 *
 * A panel holds some pixels of dst's map, or whole maps of several images, and the part of the reduction that
 * is summed at one go: columns[entry][image][pixel][16], where an entry is one tap of one block of 16
 * channels. A plain source has columns[k][image][pixel], k counting taps and channels as its weights do;
 * there 16 k make an entry. A thread copies a panel once (or reads it where it lies, when every tap is a
 * plain copy) and runs it past all output blocks, whose weights stay in the first-level cache meanwhile. Not
 * for others. */
#ifndef WN_PANELS_H
#define WN_PANELS_H

#include "ahead.h"
#include "conv.h"
#include "gemm/tile.h"

/* Knobs of the configs. */
enum {
    PANELS_PIXELS,  /* pixels of a panel, about */
    PANELS_REDUCE,  /* entries of a panel: more means longer sums in registers, fewer means that panel and
                       weights stay in the caches. BWD_WB: entries of a work item */
    PANELS_BLOCKS,  /* blocks of 16 columns in a register tile */
    PANELS_OUTPUTS, /* output blocks of a work item */
    PANELS_CHUNKS,  /* BWD_WB: partial sums, combined in order; else 0 */
    PANELS_COPY,    /* 1x1: 1 when panels are copied, 0 when they are read where they lie; im2col copies */
    PANELS_KNOBS
};

/* plan->derived. */
enum {
    PANELS_IMAGES,        /* most images of a panel; more than one only when it holds whole maps */
    PANELS_LENGTH,        /* pixels of each of its images; fewer in the last panel of a map */
    PANELS_IMAGE_GROUPS,  /* groups of images, nearly equal */
    PANELS_PARTS,         /* panels of a map */
    PANELS_COPIED,        /* whether panels are copied */
    PANELS_SUMS,          /* BWD_WB: chunks that are summed apart */
    PANELS_BIAS,          /* BWD_WB: where their bias sums start in the workspace, bytes */
    PANELS_PRIVATE,       /* where the threads' own parts start in the workspace, bytes */
    PANELS_PRIVATE_BYTES, /* of one thread */
    PANELS_TAPS,          /* in a thread's part, behind the columns: the list of entries, bytes */
    PANELS_GRADIENT,      /* BWD_WB: in a thread's part, the copied gradient, bytes */
    PANELS_TURNS,         /* BWD_D that gathers: whether all pixels are one panel, so that only one work item
                             needs a weight, and transposes it */
    PANELS_TURNED,        /* in a thread's part, the transposed weights, bytes */
    PANELS_RESULTS,       /* in a thread's part, with a stride, the results of a work item before they are
                             spread over src's gradient, bytes */
};

/* A pass as its panels see it. Pixels are counted on dst's map in every direction. */
typedef struct wn_panels {
    const wn_conv_plan *plan;
    const wn_tiles *tiles;
    /* The side that columns are taken from: pixel (row, column) finds tap (r, c) at row * row_step +
     * r * row_dilate - row_pad, and so on. */
    int in_height, in_width;
    int row_step, column_step, row_dilate, column_dilate, row_pad, column_pad;
    bool flat; /* pixel p lies at p: every tap is a plain copy */
    int unit;  /* floats of a pixel: 16, plain 1 */
    int64_t in_stride, in_block;
    /* The other side. */
    int out_blocks;
    int64_t out_stride, out_block;
    int width, pixels; /* of dst's map */
    int taps;          /* of the kernel */
    int depth;         /* length of the reduction in channels x taps */
    int entries;       /* the same in entries */
    int64_t weight_block;
    int64_t distance; /* floats between entries (plain: k) of columns */
} wn_panels;

/* Some pixels of some images. */
typedef struct wn_panel {
    int image, images;
    int pixel, pixels;
} wn_panel;

/* Where the rows of a product lie. Row of image i and pixel p (both counted from the panel's): A at
 * i * a_image + p * a_pixel; C at i * c_image and, with q = first + p, q / width * c_row + q % width *
 * c_pixel. */
typedef struct wn_panel_rows {
    const float *a;
    int64_t a_image, a_pixel;
    float *c;
    int64_t c_image, c_row, c_pixel;
    int first, width;
} wn_panel_rows;

/* Why sizes are too large to count, or NULL. */
const char *wn_panels_refuse(const wn_problem *problem, wn_isa isa);
/* A default and steps away from it; `in_place`: the implementation knows panels that are not copied. */
int wn_panels_configs(const wn_problem *problem, wn_isa isa, bool in_place, wn_config *list, int room);
/* Checks the config and fills in geometry and workspace. */
wn_status wn_panels_plan(wn_conv_plan *plan, bool in_place);

/* Whether BWD_D multiplies into columns that are added to src's gradient afterwards (any kernel but 1x1
 * without padding). */
bool wn_panels_scatters(const wn_problem *problem);

/* Whether the maps have pixels that no output of a 1x1 kernel reads. */
bool wn_panels_strided(const wn_problem *problem);

wn_panels wn_panels_of(const wn_conv_plan *plan);
int64_t wn_panels_count(const wn_conv_plan *plan);
wn_panel wn_panels_at(const wn_panels *s, int64_t index);

/* A thread's part of the workspace. */
char *wn_panels_private(const wn_conv_plan *plan, void *workspace, int tid);

/* Copies entries [begin, end) of a panel from `in`, image 0 of the tensor, to columns; zeros where a tap
 * falls on padding. */
void wn_panels_pack(const wn_panels *s, const wn_panel *panel, const float *in, int begin, int end,
                    float *columns);

/* Rows of dst's map that a panel touches, in all of its images. */
int wn_panels_rows(const wn_panels *s, const wn_panel *panel);

/* Fetches to the second-level cache what packing an entry will read: one of `parts` parts of the panel's
 * rows. Does nothing for a plain source. */
void wn_panels_fetch(const wn_panels *s, const wn_panel *panel, const float *in, int entry, int part,
                     int parts);

/* Runs a tile, complete but for its rows, over all rows of a panel, and fetches ahead with each (NULL:
 * nothing). */
void wn_panels_multiply(const wn_panels *s, wn_tile_kind kind, wn_tile tile, int blocks,
                        const wn_panel *panel, const wn_panel_rows *rows, wn_ahead *ahead);

/* A phase of any pass. BWD_D with several panels first transposes the weights into the workspace and clears
 * pixels that no output reads; BWD_WB with several chunks combines them in a second phase. */
void wn_panels_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid, int nthreads);

/* FWD_B, and BWD_D of 1x1 kernels without padding, from weights that are transposed before or, with
 * PANELS_TURNS, for each work item. */
void wn_panels_gather(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads);
/* BWD_D through columns, from transposed weights. */
void wn_panels_scatter(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads);
/* BWD_WB: phase 0 sums chunks, phase 1 combines them. */
void wn_panels_sum_chunks(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads);
void wn_panels_combine(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads);

#endif
