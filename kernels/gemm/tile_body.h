/* The body of one register tile. Included once per size and kind with ROWS, BLOCKS, KIND and NAME defined; no
 * include guard on purpose. The sizes are literal constants here because GCC 12 keeps an array on the stack
 * when its size is an argument, even of an inlined function. */

#define VECTORS (BLOCKS * WN_VECTORS)
#define FETCHED_ROWS (BLOCKS == 1 && WN_LANES == 16 ? 2 : 1) /* of C, in a step */

static void NAME(const wn_tile *tile) {
    enum { unroll = UNROLL }; /* a pragma does not expand macros */
    vf sum[ROWS][VECTORS];
    const ptrdiff_t c_row = tile->c_row, c_block = tile->c_block;
    const bool pixels = KIND == WN_TILE_PIXELS || KIND == WN_TILE_NEIGHBOURS;
    /* Wanted at the end, and fetched meanwhile: C's lines, from the second tap on the mask's. All at once
     * they take every miss that a core may have open, and the first loads wait behind them; so where rows
     * are neighbours they are spread over the steps, in every tap since some are dropped. */
    const float *lines = tile->c;

    if (KIND != WN_TILE_NEIGHBOURS && !(KIND == WN_TILE_CHANNELS && tile->stream))
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++, lines += c_row)
#pragma GCC unroll 16
            for (int v = 0; v < BLOCKS; v++)
                __builtin_prefetch(lines + v * c_block, 1);

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

    const ptrdiff_t a_row = KIND == WN_TILE_NEIGHBOURS ? 16 : KIND == WN_TILE_CHANNELS ? 1 : tile->a_row;
    const ptrdiff_t a_k = pixels ? 1 : tile->a_k;
    const ptrdiff_t b_k = pixels ? 16 : tile->b_k;
    const ptrdiff_t b_block = tile->b_block;
    const int length = pixels ? 16 : tile->k;
    const wn_tap *const end = tile->taps + tile->count;

    for (const wn_tap *tap = tile->taps; tap < end; tap++) {
        const float *a = tile->a + tap->a;
        const float *b = tile->b + tap->b;
        const float *next = a + tile->next, *line = lines;
        lines = tile->c + tile->mask;
#pragma GCC unroll unroll
        for (int k = 0; k < length; k++) {
            if (KIND == WN_TILE_NEIGHBOURS) { /* a line for each of 16 steps, at least as many as rows */
                __builtin_prefetch(next);
                next += 16;
#pragma GCC unroll 16
                for (int r = 0; r < FETCHED_ROWS; r++, line += c_row)
#pragma GCC unroll 16
                    for (int v = 0; v < BLOCKS; v++)
                        __builtin_prefetch(line + v * c_block, 1);
            }
            if (KIND == WN_TILE_CHANNELS) {
                __builtin_prefetch(a + tile->next);
#pragma GCC unroll 16
                for (int v = 0; v < BLOCKS; v++)
                    __builtin_prefetch(b + v * b_block + tile->next_b);
            }
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

    if (tile->accumulate)
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++)
                sum[r][v] +=
                    vf_load(tile->c + r * c_row + v / WN_VECTORS * c_block + v % WN_VECTORS * WN_LANES);
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
    float *c = tile->c;
    if (KIND == WN_TILE_CHANNELS && tile->stream) {
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++, c += c_row) {
            __asm__("" : "+r"(c));
#pragma GCC unroll 16
            for (int v = 0; v < VECTORS; v++)
                vf_stream(c + v / WN_VECTORS * c_block + v % WN_VECTORS * WN_LANES, sum[r][v]);
        }
        return;
    }
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++, c += c_row) {
        __asm__("" : "+r"(c)); /* lest all addresses are computed first and kept on the stack */
#pragma GCC unroll 16
        for (int v = 0; v < VECTORS; v++)
            vf_store(c + v / WN_VECTORS * c_block + v % WN_VECTORS * WN_LANES, sum[r][v]);
    }
}

#undef VECTORS
#undef FETCHED_ROWS
