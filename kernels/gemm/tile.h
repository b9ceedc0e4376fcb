/* The one building block: a batch-reduce GEMM on a register tile,
 *     C[row][16 block + lane] = init + sum over taps, k of A[row][k] * B[k][16 block + lane],
 * after Georganas et al., "High-Performance Deep Learning via a Single Building Block" (2019). The
 * accumulators stay in registers over the whole reduction; A is broadcast, B is loaded.
 * What lives here: the contract and the table of stamped-out sizes. The body is in tile_body.h. */
#ifndef WN_TILE_H
#define WN_TILE_H

#include <stdbool.h>
#include <stddef.h>

enum { WN_TILE_MAX_ROWS = 16, WN_TILE_MAX_BLOCKS = 4 };

/* One entry of the reduction: offsets in floats added to the tile's a and b. */
typedef struct wn_tap {
    ptrdiff_t a, b;
} wn_tap;

typedef struct wn_tile {
    const float *a;
    ptrdiff_t a_row, a_k; /* between rows of the tile; along the reduction */
    const float *b;
    ptrdiff_t b_k, b_block; /* along the reduction; between blocks of 16 columns */
    const wn_tap *taps;
    int count; /* taps; 0 is allowed: C = init */
    int k;     /* reduction length of each tap */
    float *c;
    ptrdiff_t c_row, c_block;
    const float *bias; /* [blocks][16], added at the start; NULL: none */
    bool accumulate;   /* add the sum to C; C is not read otherwise */
    bool relu;         /* store max(0, C) */
    ptrdiff_t mask; /* floats from C to values laid out alike: C is 0 where they are not positive; 0: none */
    ptrdiff_t next; /* WN_TILE_NEIGHBOURS, WN_TILE_CHANNELS: from a to the a of a tile that will follow, whose
                       lines are fetched meanwhile; 0: none */
    ptrdiff_t next_b; /* WN_TILE_CHANNELS: the same from b to b */
    bool stream; /* WN_TILE_CHANNELS: store past the caches where a vector is a whole line; the caller fences
                  */
} wn_tile;

typedef void wn_tile_run(const wn_tile *);

/* Which strides are constants of the code. */
typedef enum wn_tile_kind {
    WN_TILE_PIXELS, /* rows are pixels, k runs over the 16 channels of a block: a_k = 1, b_k = 16, k = 16 */
    WN_TILE_NEIGHBOURS, /* the same for pixels side by side: a_row = 16, too */
    WN_TILE_CHANNELS,   /* rows are channels (or neighbouring taps), k runs over pixels: a_row = 1 */
    WN_TILE_GENERAL,    /* all strides as given */
    WN_TILE_KINDS
} wn_tile_kind;

/* The kind for rows that are pixels. */
static inline wn_tile_kind wn_tile_of_pixels(const wn_tile *tile) {
    return tile->a_row == 16 ? WN_TILE_NEIGHBOURS : WN_TILE_PIXELS;
}

typedef struct wn_tiles {
    int max_rows[WN_TILE_MAX_BLOCKS + 1]; /* by blocks; 0: no tile of that many blocks */
    wn_tile_run *run[WN_TILE_KINDS][WN_TILE_MAX_BLOCKS + 1][WN_TILE_MAX_ROWS + 1];
} wn_tiles;

#endif
