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
    WINOGRAD_REDUCE,  /* input blocks summed before a register tile is written; BWD_WB: 0 */
    WINOGRAD_OUTPUTS, /* 1: a work item is a group of output blocks, whose weights it transforms itself;
                         0: it is a group of tiles. BWD_WB: 0 */
    WINOGRAD_KNOBS
};

/* plan->derived. Workspace offsets and distances are in floats. */
enum {
    WINOGRAD_SIZE,            /* index into the table of transforms */
    WINOGRAD_TILE_ROWS,       /* tiles of an image */
    WINOGRAD_TILE_COLUMNS,    /* the same */
    WINOGRAD_TOTAL_TILES,     /* of all images */
    WINOGRAD_TILE_GROUPS,     /* groups of at most WINOGRAD_TILES tiles, nearly equal */
    WINOGRAD_OUTPUT_GROUPS,   /* groups of WINOGRAD_BLOCKS output blocks */
    WINOGRAD_WEIGHTS,         /* transformed weights: where they start, */
    WINOGRAD_WEIGHTS_ELEMENT, /* and how far apart their elements are */
    WINOGRAD_SOURCE,          /* the same for the transformed input */
    WINOGRAD_SOURCE_ELEMENT,
    WINOGRAD_RESULT, /* the same for what is multiplied with or into: products, BWD_WB's transformed gradient
                      */
    WINOGRAD_RESULT_ELEMENT,
    WINOGRAD_TAPS,    /* list of input blocks of a thread */
    WINOGRAD_PRIVATE, /* distance between the private parts of two threads */
};

/* Transformed data of several blocks: elements[element][block][row][16]. A row is a tile, for weights an
 * input channel of an input block. */
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

/* Transforms the patches of tiles [begin, end) of one block; in[0] is the block's first pixel in image 0,
 * images are `in_stride` apart; element 0 of tile `begin` goes to `elements`. */
void wn_winograd_transform_source(const wn_conv_plan *plan, const wn_winograd_maps *maps, const float *in,
                                  int64_t in_stride, int64_t begin, int64_t end, float *elements,
                                  int64_t element);

const wn_winograd_transforms *wn_winograd_transforms_of(const wn_conv_plan *plan);

/* Makes room for all elements of blocks x rows in a workspace that has *floats so far; false when the
 * number of floats does not fit 64 bits. Elements are an odd number of cache lines apart, lest all elements
 * of a tile fall into the same cache sets. */
bool wn_winograd_reserve(const wn_conv_plan *plan, int64_t blocks, int64_t rows, int64_t *floats,
                         int64_t *start, int64_t *element);

/* FWD_B and BWD_D. */
wn_status wn_winograd_gather_plan(wn_conv_plan *plan);
void wn_winograd_gather_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                            int nthreads);

/* BWD_WB. */
wn_status wn_winograd_weights_plan(wn_conv_plan *plan);
void wn_winograd_weights_run(const wn_conv_plan *plan, const wn_conv_args *args, int phase, int tid,
                             int nthreads);

#endif
