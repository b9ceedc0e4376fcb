/* What the files of `winograd` share: the constants of its plans, the geometry of tiles, and the two drivers.
 * Not for others. */
#ifndef WN_WINOGRAD_H
#define WN_WINOGRAD_H

#include "conv.h"
#include "conv/winograd_transforms.h"

/* Knobs of the configs. */
enum {
    WINOGRAD_TILE,    /* m of F(m x m, r x r) */
    WINOGRAD_TILES,   /* tiles that are transformed and multiplied together: more means weights read less
                         often, fewer means transformed data that stay in the cache. BWD_WB: tiles between two
                         visits of the gradient, which is part of the order of its sums */
    WINOGRAD_BLOCKS,  /* blocks of 16 output channels in a register tile */
    WINOGRAD_REDUCE,  /* input blocks summed before a register tile is written. BWD_WB by outputs: input
                         blocks of a work item */
    WINOGRAD_OUTPUTS, /* output blocks that are multiplied together, before their products are transformed
                         back. BWD_WB by outputs: output blocks of a work item */
    WINOGRAD_DIVIDE,  /* what the work is divided by; of the weights' gradient by tiles, reduce and outputs
                         are 0 */
    WINOGRAD_KNOBS
};

/* WINOGRAD_DIVIDE: what makes a work item. */
enum {
    WINOGRAD_BY_TILES,  /* a group of tiles: transforms them and takes all blocks */
    WINOGRAD_BY_OUTPUTS /* some output blocks: transforms their weights, or their gradient, and takes all
                           tiles */
};

/* Tiles by which fetching pixels runs ahead of transforming them, and of writing them. */
enum { WINOGRAD_READ_AHEAD = 4, WINOGRAD_WRITE_AHEAD = 2 };

/* plan->derived. A place is three of them: where a buffer starts in the workspace, how far apart the elements
 * of a patch are, and how far apart blocks are, in floats. */
enum {
    WINOGRAD_SIZE,      /* index into the table of transforms */
    WINOGRAD_TILE_ROWS, /* tiles of an image, downwards and across */
    WINOGRAD_TILE_COLUMNS,
    WINOGRAD_TOTAL_TILES,   /* of all images */
    WINOGRAD_TILE_GROUPS,   /* groups of at most WINOGRAD_TILES tiles, nearly equal */
    WINOGRAD_OUTPUT_GROUPS, /* groups of output blocks that make an item */
    WINOGRAD_INPUT_GROUPS,  /* BWD_WB by outputs: groups of input blocks that make an item */
    WINOGRAD_STREAM,        /* 1: results are written past the caches */
    WINOGRAD_TAPS,          /* where a thread's list of input blocks starts */
    WINOGRAD_PRIVATE,       /* between the private parts of two threads */
    WINOGRAD_WEIGHTS,       /* place of the transformed weights (constant: in prepared, all of them), or
                               of their gradient */
    WINOGRAD_SOURCE = WINOGRAD_WEIGHTS + 3, /* of the transformed input */
    WINOGRAD_RESULT = WINOGRAD_SOURCE + 3,  /* of the products; BWD_WB: of the transformed gradient */
};

/* Transformed data of several blocks: data[element][block][row][16]. A row is a tile; of weights it is an
 * input channel. */
typedef struct wn_winograd_buffer {
    float *data;
    int64_t element, block; /* floats between elements, between blocks */
} wn_winograd_buffer;

/* The maps of a pass, as it sees them: tiles cover the output, their patches lie on the input. */
typedef struct wn_winograd_maps {
    int in_height, in_width, out_height, out_width;
    int pad_above, pad_left;
    int tile, patch;
    int tile_rows, tile_columns; /* tiles of an image */
} wn_winograd_maps;

/* A tile: its image, its first output row and column. */
typedef struct wn_winograd_place {
    int64_t image;
    int row, column;
} wn_winograd_place;

wn_winograd_maps wn_winograd_maps_of(const wn_conv_plan *plan);

wn_winograd_place wn_winograd_place_of(const wn_winograd_maps *maps, int64_t tile);

/* What of a tile's patch lies on the input, and what of the tile lies on the output; `block` is the first
 * pixel of a block of the tile's image. */
wn_winograd_patch wn_winograd_patch_of(const wn_winograd_maps *maps, const wn_winograd_place *place,
                                       const float *block);
wn_winograd_patch wn_winograd_tile_of(const wn_winograd_maps *maps, const wn_winograd_place *place,
                                      const float *block);

/* Fetches a tile's pixels of a map of height x width into the cache, to be read or to be written; block[0] is
 * the first pixel of a block in image 0, images are `stride` apart. */
void wn_winograd_fetch(const wn_winograd_maps *maps, const float *block, int height, int width,
                       int64_t stride, int64_t tile, bool write);

/* Transforms the patches of tiles [begin, end) of one block; in[0] is the block's first pixel in image 0,
 * images are `in_stride` apart; element 0 of tile `begin` goes to `elements`. */
void wn_winograd_transform_source(const wn_conv_plan *plan, const wn_winograd_maps *maps, const float *in,
                                  int64_t in_stride, int64_t begin, int64_t end, float *elements,
                                  int64_t element);

const wn_winograd_transforms *wn_winograd_transforms_of(const wn_conv_plan *plan);

/* Largest number of tiles in a group. */
int64_t wn_winograd_tiles_of_group(const wn_conv_plan *plan);

/* Makes room for blocks x rows in a workspace that has *floats so far, and sets the place in plan->derived.
 * False when the number of floats does not fit 63 bits. Blocks and elements are an odd number of cache lines
 * apart, lest what is used together falls into the same cache sets. */
bool wn_winograd_reserve(wn_conv_plan *plan, int place, int64_t blocks, int64_t rows, int64_t *floats);

wn_winograd_buffer wn_winograd_buffer_at(const wn_conv_plan *plan, int place, void *workspace);

/* FWD_B and BWD_D. */
wn_status wn_winograd_gather_plan(wn_conv_plan *plan);
/* Transforms constant weights; one phase. */
void wn_winograd_gather_prepare(const wn_conv_plan *plan, const wn_conv_args *args, int tid, int nthreads);
void wn_winograd_gather_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                            int nthreads);

/* BWD_WB. */
wn_status wn_winograd_weights_plan(wn_conv_plan *plan);
void wn_winograd_weights_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                             int nthreads);

#endif
