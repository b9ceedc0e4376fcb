/* Stamps out the register tiles of one ISA and lists them in a table. How many rows fit beside how many
 * blocks follows from the register file: rows x vectors accumulators, the vectors (or rows) held, one more.
 */
#include "gemm/tile.h"
#include "isa.h"
#include "simd/vf.h"

#define PASTE_(kind, rows, blocks) tile_##kind##_##rows##x##blocks
#define PASTE(kind, rows, blocks) PASTE_(kind, rows, blocks)
#define NAME PASTE(KIND_NAME, ROWS, BLOCKS)

#define KIND WN_TILE_PIXELS
#define KIND_NAME pixels
#define UNROLL 4
#include "gemm/tile_sizes.h"
#undef KIND
#undef KIND_NAME
#undef UNROLL

#define KIND WN_TILE_NEIGHBOURS
#define KIND_NAME neighbours
#define UNROLL (WN_LANES == 8 && BLOCKS == 1 ? 4 : 1)
#include "gemm/tile_sizes.h"
#undef KIND
#undef KIND_NAME
#undef UNROLL

#define KIND WN_TILE_CHANNELS
#define KIND_NAME channels
#define UNROLL 4
#include "gemm/tile_sizes.h"
#undef KIND
#undef KIND_NAME
#undef UNROLL

#define KIND WN_TILE_GENERAL
#define KIND_NAME general
#define UNROLL 1
#include "gemm/tile_sizes.h"

#define UP_TO_1(kind, blocks) [1] = PASTE(kind, 1, blocks)
#define UP_TO_2(kind, blocks) UP_TO_1(kind, blocks), [2] = PASTE(kind, 2, blocks)
#define UP_TO_3(kind, blocks) UP_TO_2(kind, blocks), [3] = PASTE(kind, 3, blocks)
#define UP_TO_6(kind, blocks)                                                                                \
    UP_TO_3(kind, blocks), [4] = PASTE(kind, 4, blocks), [5] = PASTE(kind, 5, blocks),                       \
                           [6] = PASTE(kind, 6, blocks)
#define UP_TO_9(kind, blocks)                                                                                \
    UP_TO_6(kind, blocks), [7] = PASTE(kind, 7, blocks), [8] = PASTE(kind, 8, blocks),                       \
                           [9] = PASTE(kind, 9, blocks)
#define UP_TO_14(kind, blocks)                                                                               \
    UP_TO_9(kind, blocks), [10] = PASTE(kind, 10, blocks), [11] = PASTE(kind, 11, blocks),                   \
                           [12] = PASTE(kind, 12, blocks), [13] = PASTE(kind, 13, blocks),                   \
                           [14] = PASTE(kind, 14, blocks)
#define UP_TO_16(kind, blocks)                                                                               \
    UP_TO_14(kind, blocks), [15] = PASTE(kind, 15, blocks), [16] = PASTE(kind, 16, blocks)

#if WN_LANES == 16
#define SIZES(kind)                                                                                          \
    {                                                                                                        \
        [1] = {UP_TO_16(kind, 1)}, [2] = {UP_TO_14(kind, 2)}, [3] = {UP_TO_9(kind, 3)}, [4] = {              \
            UP_TO_6(kind, 4)                                                                                 \
        }                                                                                                    \
    }
#define MAX_ROWS                                                                                             \
    { 0, 16, 14, 9, 6 }
#elif WN_LANES == 8
#define SIZES(kind)                                                                                          \
    {                                                                                                        \
        [1] = {UP_TO_6(kind, 1)}, [2] = { UP_TO_3(kind, 2) }                                                 \
    }
#define MAX_ROWS                                                                                             \
    { 0, 6, 3 }
#else
#define SIZES(kind)                                                                                          \
    {                                                                                                        \
        [1] = { UP_TO_2(kind, 1) }                                                                           \
    }
#define MAX_ROWS                                                                                             \
    { 0, 2 }
#endif

const wn_tiles WN_TARGET_NAME(tiles) = {
    .max_rows = MAX_ROWS,
    .run = {[WN_TILE_PIXELS] = SIZES(pixels),
            [WN_TILE_NEIGHBOURS] = SIZES(neighbours),
            [WN_TILE_CHANNELS] = SIZES(channels),
            [WN_TILE_GENERAL] = SIZES(general)},
};
