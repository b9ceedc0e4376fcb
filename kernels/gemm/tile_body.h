/* The body of one register tile. Included once per size and kind with ROWS, BLOCKS, KIND and NAME defined; no
 * include guard on purpose. The sizes are literal constants here because GCC 12 keeps an array on the stack
 * when its size is an argument, even of an inlined function. */

#define VECTORS (BLOCKS * WN_VECTORS)

static void NAME(const wn_tile *tile) {
    enum { unroll = UNROLL }; /* a pragma does not expand macros */
    vf sum[ROWS][VECTORS];
    const ptrdiff_t c_row = tile->c_row, c_block = tile->c_block;

#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++)
            sum[r][v] = vf_zero();
    if (tile->bias)
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++)
#pragma GCC unroll 16
            for (int r = 0; r < ROWS; r++)
                sum[r][v] = vf_load(tile->bias + v * WN_LANES);
    if (tile->accumulate)
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] +=
                    vf_load(tile->c + r * c_row + v / WN_VECTORS * c_block + v % WN_VECTORS * WN_LANES);

    const ptrdiff_t a_row = KIND == WN_TILE_CHANNELS ? 1 : tile->a_row;
    const ptrdiff_t a_k = KIND == WN_TILE_PIXELS ? 1 : tile->a_k;
    const ptrdiff_t b_k = KIND == WN_TILE_PIXELS ? 16 : tile->b_k;
    const ptrdiff_t b_block = tile->b_block;
    const int length = KIND == WN_TILE_PIXELS ? 16 : tile->k;
    const wn_tap *const end = tile->taps + tile->count;

    for (const wn_tap *tap = tile->taps; tap < end; tap++) {
        const float *a = tile->a + tap->a;
        const float *b = tile->b + tap->b;
#pragma GCC unroll unroll
        for (int k = 0; k < length; k++) {
            /* Hold what is fewer, the row's broadcasts or the vectors of B, and stream the other. */
            if (ROWS >= VECTORS) {
                vf column[VECTORS];
#pragma GCC unroll 16
                for (int v = 0; v < VECTORS; v++)
                    column[v] = vf_load(b + v / WN_VECTORS * b_block + v % WN_VECTORS * WN_LANES);
#pragma GCC unroll 16
                for (int r = 0; r < ROWS; r++) {
                    const vf row = vf_set1(a[r * a_row]);
#pragma GCC unroll 16
                    for (int v = 0; v < VECTORS; v++)
                        sum[r][v] = vf_fma(row, column[v], sum[r][v]);
                }
            } else {
                vf row[ROWS];
#pragma GCC unroll 16
                for (int r = 0; r < ROWS; r++)
                    row[r] = vf_set1(a[r * a_row]);
#pragma GCC unroll 16
                for (int v = 0; v < VECTORS; v++) {
                    const vf column = vf_load(b + v / WN_VECTORS * b_block + v % WN_VECTORS * WN_LANES);
#pragma GCC unroll 16
                    for (int r = 0; r < ROWS; r++)
                        sum[r][v] = vf_fma(row[r], column, sum[r][v]);
                }
            }
            a += a_k;
            b += b_k;
        }
    }

    if (tile->relu)
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = vf_max(sum[r][v], vf_zero());
    if (tile->mask)
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] = vf_where_positive(vf_load(tile->c + tile->mask + r * c_row +
                                                      v / WN_VECTORS * c_block + v % WN_VECTORS * WN_LANES),
                                              sum[r][v]);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++)
            vf_store(tile->c + r * c_row + v / WN_VECTORS * c_block + v % WN_VECTORS * WN_LANES, sum[r][v]);
}

#undef VECTORS
