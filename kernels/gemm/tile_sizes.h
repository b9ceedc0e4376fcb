/* Every tile size of the ISA being compiled, for one kind. Included by tiles.c once per kind; no include
 * guard on purpose. The sizes match the tables there. */

#define BLOCKS 1
#define ROWS 1
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 2
#include "gemm/tile_body.h"
#undef ROWS
#undef BLOCKS

#if WN_LANES >= 8
#define BLOCKS 1
#define ROWS 3
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 4
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 5
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 6
#include "gemm/tile_body.h"
#undef ROWS
#undef BLOCKS
#endif

#if WN_LANES >= 8
#define BLOCKS 2
#define ROWS 1
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 2
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 3
#include "gemm/tile_body.h"
#undef ROWS
#undef BLOCKS
#endif

#if WN_LANES >= 16
#define BLOCKS 1
#define ROWS 7
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 8
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 9
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 10
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 11
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 12
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 13
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 14
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 15
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 16
#include "gemm/tile_body.h"
#undef ROWS
#undef BLOCKS
#endif

#if WN_LANES >= 16
#define BLOCKS 2
#define ROWS 4
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 5
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 6
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 7
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 8
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 9
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 10
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 11
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 12
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 13
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 14
#include "gemm/tile_body.h"
#undef ROWS
#undef BLOCKS
#endif

#if WN_LANES >= 16
#define BLOCKS 3
#define ROWS 1
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 2
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 3
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 4
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 5
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 6
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 7
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 8
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 9
#include "gemm/tile_body.h"
#undef ROWS
#undef BLOCKS
#endif

#if WN_LANES >= 16
#define BLOCKS 4
#define ROWS 1
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 2
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 3
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 4
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 5
#include "gemm/tile_body.h"
#undef ROWS
#define ROWS 6
#include "gemm/tile_body.h"
#undef ROWS
#undef BLOCKS
#endif
